"""Rules of the whole book, over ticks: what they count is in the database, and what they remember comes back."""

from __future__ import annotations

from decimal import Decimal

import pytest

from bot.adapters.postgres import PostgresStore
from bot.adapters.postgres_reports import PostgresReports
from bot.domain.records import Writes
from bot.jobs.replay import replay
from tests.jobs.paths import DAY, HOUR, STEP, T0, Path
from tests.jobs.world import MakeWorld, World, verdicts_of

SOON = T0 + 30_000
LATER = T0 + 6 * HOUR
"""When the second breakout of a test's paths is judged."""
TOMORROW = T0 + DAY


def twice(fall: float | None = None, again_ms: int = LATER, level: float = 1.0) -> Path:
    """Breaks out at T0, falls to `fall` an hour later where given, and breaks out again from `level`."""
    path = Path().break_out()
    if fall is not None:
        path.go(fall, T0 + HOUR, T0 + HOUR + STEP)
    return path.go(level, T0 + 2 * HOUR, T0 + 3 * HOUR).break_out(again_ms - HOUR, 1.02 * level)


def replays_alike(world: World) -> bool:
    reports = PostgresReports(world.url)
    try:
        return all(replay(found["inputs"], found["outputs"]).identical for found in reports.decisions())
    finally:
        reports.close()


def reason(world: World, symbol: str, rule: str) -> dict:
    found = [r for v in world.verdicts(symbol) for r in v["reasons"] if r["rule"] == rule]
    assert found, f"{rule} never spoke of {symbol}"
    return found[-1]


def test_the_days_trades_are_counted_across_ticks_and_begin_anew_with_the_utc_day(make_world: MakeWorld):
    second = Path().break_out(LATER - HOUR)
    third = Path().break_out(TOMORROW - HOUR)
    world = make_world({"BTC": Path().break_out(), "ETH": second, "SOL": third}, {"risk": {"max_daily_trades": 1}})
    assert verdicts_of(world.tick(SOON))["BTC/EUR"] == ("enter", "entered")
    assert verdicts_of(world.tick(LATER + 30_000))["ETH/EUR"] == ("no_trade", "daily_trades")
    assert verdicts_of(world.tick(TOMORROW + 30_000))["SOL/EUR"] == ("enter", "entered")
    assert replays_alike(world)


def test_a_loss_ends_the_day_where_one_in_a_row_is_the_limit(make_world: MakeWorld):
    paths = {"BTC": twice(0.97), "ETH": Path().break_out(LATER - HOUR), "SOL": Path().break_out(TOMORROW - HOUR)}
    world = make_world(paths, {"risk": {"max_consecutive_losses": 1}})
    world.tick(SOON)
    world.tick(T0 + 2 * HOUR)
    assert [trade["exit_reason"] for trade in world.trades()] == ["stop_loss"]
    assert world.risks()["book:consecutive_losses"]["severity"] == "warning"
    assert verdicts_of(world.tick(LATER + 30_000))["ETH/EUR"] == ("no_trade", "consecutive_losses")
    assert verdicts_of(world.tick(TOMORROW + 30_000))["SOL/EUR"] == ("enter", "entered")
    assert "book:consecutive_losses" not in world.risks()


def test_the_drawdown_pause_lasts_its_time_and_then_counts_anew(make_world: MakeWorld):
    risk = {"max_drawdown_frac": 0.002, "drawdown_pause_s": 2 * 86_400.0}
    paths = {"BTC": twice(0.97), "ETH": Path().break_out(LATER - HOUR), "SOL": Path().break_out(T0 + 3 * DAY - HOUR)}
    world = make_world(paths, {"risk": risk})
    world.tick(SOON)
    world.tick(T0 + 2 * HOUR)
    (kept,) = world.all("select * from equity_snapshots order by at desc limit 1")
    assert (kept["paused_until_at"] - kept["at"]).total_seconds() == 2 * 86_400
    assert kept["drawdown_peak"] == 10_000
    assert world.risks()["book:drawdown_pause"]["severity"] == "error"
    assert verdicts_of(world.tick(LATER + 30_000))["ETH/EUR"] == ("no_trade", "drawdown_pause")
    assert verdicts_of(world.tick(T0 + 3 * DAY + 30_000))["SOL/EUR"] == ("enter", "entered")
    (now,) = world.all("select * from equity_snapshots order by at desc limit 1")
    assert (now["paused_until_at"], now["drawdown_peak"] < 10_000) == (None, True)
    assert "book:drawdown_pause" not in world.risks()
    assert replays_alike(world)


def test_the_global_breaker_stays_until_a_person_lifts_it(make_world: MakeWorld):
    paths = {"BTC": twice(0.97), "ETH": Path().break_out(LATER - HOUR), "SOL": Path().break_out(T0 + 3 * DAY - HOUR)}
    world = make_world(paths, {"risk": {"max_total_drawdown_frac": 0.002, "max_drawdown_frac": 0.001}})
    world.tick(SOON)
    world.tick(T0 + 2 * HOUR)
    event = world.risks()["book:global_breaker"]
    assert (event["severity"], "resume --lift-breaker" in event["fix"]) == ("error", True)
    assert verdicts_of(world.tick(LATER + 30_000))["ETH/EUR"] == ("no_trade", "global_breaker")
    world.set_overrides(1, {"risk": {"max_drawdown_frac": 0.5}})
    command = world.command("lift_breaker")
    world.tick(LATER + STEP)
    done = world.one("select * from commands where command_id = %s", command)
    assert (done["result"], done["done_at"] is not None) == ("the global breaker is closed", True)
    (now,) = world.all("select * from equity_snapshots order by at desc limit 1")
    assert (now["breaker_since_at"], now["breaker_peak"]) == (None, now["equity"])
    assert "book:global_breaker" not in world.risks()
    assert now["peak_equity"] > now["equity"]


def test_coins_that_move_together_are_one_group(make_world: MakeWorld):
    same = {coin: Path().break_out() for coin in ("BTC", "ETH", "SOL")}
    world = make_world(same, {"risk": {"max_correlation": 0.7, "max_correlated": 2}})
    verdicts = verdicts_of(world.tick(SOON))
    assert sorted(verdicts.values()) == [("enter", "entered"), ("enter", "entered"), ("no_trade", "correlation")]
    (left,) = [symbol for symbol, verdict in verdicts.items() if verdict[0] == "no_trade"]
    assert reason(world, left, "correlation")["effect"] == "block"
    assert replays_alike(world)


def test_a_wild_market_is_entered_with_half(make_world: MakeWorld):
    risk = {"max_position_frac": 0.8, "max_portfolio_risk_frac": 1.0}
    wild = make_world({"BTC": Path().break_out()}, {"risk": {**risk, "high_volatility_ratio": 2.0}})
    whole = make_world({"BTC": Path().break_out()}, {"risk": risk})
    for world in (wild, whole):
        world.tick(SOON)
    half, full = (world.orders("leg = 'entry'")[0]["quantity"] for world in (wild, whole))
    assert half == pytest.approx(full / 2, rel=Decimal("0.01"))
    assert reason(wild, "BTC/EUR", "high_volatility")["effect"] == "shrink"


def test_what_closed_trades_came_to_is_loaded_with_the_bot(make_world: MakeWorld):
    world = make_world({"BTC": twice(0.97), "ETH": twice(1.08, level=1.05)}, {"risk": {"take_profit_frac": 0.03}})
    world.ticks(SOON, T0 + 4 * HOUR, HOUR)
    store = PostgresStore(world.url)
    try:
        snapshot = store.begin("a reader", 1.0)
        store.commit(snapshot.lease, Writes(release=True))
        (bot,) = snapshot.bots
    finally:
        store.close()
    won, lost = sorted(world.trades("status = 'closed'"), key=lambda trade: -trade["pnl"])[:2]
    assert (bot.closed.wins, bot.closed.losses) == (1, 1)
    assert bot.closed.won == pytest.approx(float(won["pnl"] / won["entry_cost"]))
    assert bot.closed.lost == pytest.approx(-float(lost["pnl"] / lost["entry_cost"]))
    assert {one.trade_id for one in bot.lately} == {trade["trade_id"] for trade in world.trades()}
