"""Several bots side by side, and what people ask of them."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal

import pytest

from bot.adapters.exchange import CcxtMarketData
from bot.domain.errors import ConfigError, ExchangeError
from bot.domain.ports import MarketData, Opening
from bot.domain.records import Snapshot
from bot.jobs.tick import run_tick
from tests.jobs.books import check_books
from tests.jobs.paths import HOUR, STEP, T0, Path
from tests.jobs.world import CountingStore, MakeWorld, World, verdicts_of

SOON = T0 + 30_000


def two_markets() -> dict[str, Path]:
    return {"BTC": Path().break_out(), "ETH": Path(50).break_out(T0, 1.02)}


def test_two_bots_with_other_symbols_money_and_settings_each_add_up(make_world: MakeWorld):
    world = make_world(two_markets(), bot=False)
    bold = world.add_bot("bold", 50_000, {"risk": {"max_position_frac": 0.3, "stop_loss_frac": 0.01}})
    shy = world.add_bot("shy", 400, {"market": {"symbols": ["ETH/EUR"]}})
    first, second = world.tick(SOON)["bots"]
    assert [p["symbol"] for p in first["positions"]] == ["BTC/EUR"]
    assert second["positions"] == []
    world.tick(SOON + HOUR)
    check_books(world)
    trades = {(t["bot_id"], t["symbol"]): t for t in world.trades()}
    assert set(trades) == {(bold, "BTC/EUR"), (bold, "ETH/EUR"), (shy, "ETH/EUR")}
    assert trades[bold, "ETH/EUR"]["entry_cost"] > 100 * trades[shy, "ETH/EUR"]["entry_cost"]
    bold_eth, shy_eth = trades[bold, "ETH/EUR"], trades[shy, "ETH/EUR"]
    assert bold_eth["stop_price"] > shy_eth["stop_price"]
    assert bold_eth["trade_id"] != shy_eth["trade_id"]
    assert 35 < shy_eth["entry_cost"] < 40
    assert {row["symbol"] for row in world.verdicts("BTC/EUR", shy)} == set()


@pytest.mark.slow
def test_ten_bots_each_add_up_over_a_day(make_world: MakeWorld):
    paths = {
        base: Path(price).break_out(T0 + n * HOUR, 1.02).go(1.05, T0 + (n + 2) * HOUR, T0 + (n + 4) * HOUR)
        .go(1.0, T0 + (n + 5) * HOUR, T0 + (n + 6) * HOUR)
        for n, (base, price) in enumerate([("BTC", 60_000.0), ("ETH", 3_000.0), ("SOL", 100.0), ("LINK", 15.0)])
    }  # fmt: skip
    world = make_world(paths, bot=False)
    symbols = list(world.symbols)
    for n in range(10):
        own = {
            "market": {"symbols": symbols[n % 3 :], "timeframe": "1h"},
            "risk": {"max_position_frac": 0.02 * (n + 1), "take_profit_frac": 0.025 + 0.005 * n},
        }
        world.add_bot(f"bot-{n}", 500 * (n + 1), own)
    for n in range(13):
        documents = world.tick(SOON + n * HOUR)["bots"]
        assert [d["name"] for d in documents] == [f"bot-{n}" for n in range(10)]
        check_books(world)
    assert world.count("trades", "status = 'closed'") >= 10
    assert world.value("select count(distinct client_id) = count(*) from orders")
    for bot in world.all("select bot_id from bots"):
        assert world.count("equity_snapshots", f"bot_id = {bot['bot_id']}") == 13


@pytest.mark.slow
def test_a_bot_keeps_its_hands_off_a_symbol_it_no_longer_trades_but_protects_it(make_world: MakeWorld):
    path = Path().break_out().go(1.055, T0, T0 + HOUR).go(1.0, T0 + 2 * HOUR, T0 + 3 * HOUR)
    world = make_world({"BTC": path, "ETH": Path(50)})
    world.tick(SOON)
    world.set_overrides(1, {"market": {"symbols": ["ETH/EUR"]}, "risk": {"take_profit_frac": 0.5}})
    moved = []
    for n in range(1, 36):
        document = world.tick(SOON + n * STEP)
        check_books(world)
        assert all(v["symbol"] == "ETH/EUR" for v in document["bots"][0]["verdicts"])
        moved += [p["stop_price"] for p in document["bots"][0]["positions"]]
    assert moved[-1] > moved[0]
    (trade,) = world.trades()
    assert (trade["status"], trade["exit_reason"]) == ("closed", "trailing_stop")


def test_a_symbol_that_the_venue_lists_no_more_stops_nobody(make_world: MakeWorld):
    """Its trading rules are gone: the position is left as it is, and the other symbols go on."""
    world = make_world({"BTC": Path().break_out().go(1.055, T0, T0 + HOUR), "ETH": Path(50).break_out(T0, 1.02)})
    world.tick(SOON)
    world.execute("delete from venue_markets where symbol = 'BTC/EUR'")
    world.set_overrides(1, {"market": {"symbols": ["ETH/EUR"]}, "risk": {"take_profit_frac": 0.5}})
    world.command("close", symbol="BTC/EUR")
    for n in range(1, 14):
        document = world.tick(SOON + n * STEP)
    assert {p["symbol"] for p in document["bots"][0]["positions"]} == {"BTC/EUR", "ETH/EUR"}
    assert world.count("commands", "done_at is null") == 1
    event = world.risks()["data:BTC/EUR"]
    assert (event["kind"], event["severity"]) == ("unknown_symbol", "error")
    world.tick(SOON + 24 * HOUR)  # the daily look at the trading rules brings them back, and the next tick has a quote
    world.tick(SOON + 24 * HOUR + STEP)
    assert world.trades("symbol = 'BTC/EUR'")[0]["exit_reason"] == "closed_by_person"
    assert world.count("commands", "done_at is null") == 0
    world.tick(SOON + 24 * HOUR + 2 * STEP)
    assert world.risks() == {}


@pytest.fixture
def holding(make_world: MakeWorld) -> World:
    """BTC and ETH are held."""
    world = make_world({"BTC": Path().break_out(), "ETH": Path(50).break_out(), "SOL": Path(20).break_out(T0)})
    world.tick(SOON)
    assert world.count("trades") == 2
    return world


def test_close_sells_one_symbol_and_says_so(holding: World):
    command = holding.command("close", symbol="ETH/EUR")
    (gone,) = holding.tick(SOON + STEP)["bots"][0]["closed"]
    assert (gone["symbol"], gone["exit_reason"]) == ("ETH/EUR", "closed_by_person")
    done = holding.one("select * from commands where command_id = %s", command)
    assert done["done_at"] is not None
    assert "ETH/EUR" in done["result"]
    assert holding.trades("status = 'open'")[0]["symbol"] == "BTC/EUR"
    stop = holding.orders("symbol = 'ETH/EUR' and leg = 'stop'")[0]
    assert stop["status"] == "cancelled"


def test_close_of_a_symbol_that_is_not_held_says_that(holding: World):
    command = holding.command("close", symbol="SOL/EUR")
    holding.tick(SOON + STEP)
    assert "nothing to close" in holding.one("select result from commands where command_id = %s", command)["result"]


def test_close_all_sells_everything_once(holding: World):
    holding.command("close_all")
    document = holding.tick(SOON + STEP)
    assert {c["symbol"] for c in document["bots"][0]["closed"]} == {"BTC/EUR", "ETH/EUR"}
    assert document["bots"][0]["equity"] == document["bots"][0]["cash"]
    assert "2" in holding.value("select result from commands")
    holding.tick(SOON + 2 * STEP)
    assert holding.count("orders", "leg = 'exit'") == 2


def test_close_all_also_takes_back_an_entry_that_rests(make_world: MakeWorld):
    world = make_world({"BTC": Path().break_out().thin(0.0, T0 - STEP, T0 + HOUR)})
    assert world.tick(SOON)["bots"][0]["orders"][0]["status"] == "open"
    world.command("close_all")
    world.tick(SOON + STEP)
    (entry,) = world.orders()
    assert entry["status"] == "cancelled"
    assert world.count("commands", "done_at is null") == 0


def test_an_exit_takes_back_what_still_rests_of_its_entry(make_world: MakeWorld):
    world = make_world({"BTC": Path().break_out().thin(20.0, T0 - STEP)})
    assert world.tick(SOON)["bots"][0]["orders"][0]["status"] == "partially_filled"
    world.command("close", symbol="BTC/EUR")
    world.tick(SOON + STEP)
    assert [order["status"] for order in world.orders("leg = 'entry'")] == ["cancelled"]
    assert world.trades()[0]["status"] == "closed"


def test_close_all_waits_until_there_is_a_price_to_sell_at(holding: World):
    """In maintenance the venue gives no quotes: the wish is kept, not lost."""
    holding.command("close_all")
    holding.venue.faults.add("SystemStatus", "status:maintenance", times=None)
    holding.venue.faults.add("Ticker", "error:EService:Unavailable", times=None)
    assert holding.tick(SOON + STEP)["bots"][0]["closed"] == []
    assert holding.count("commands", "done_at is null") == 1
    holding.venue.faults.clear()
    assert len(holding.tick(SOON + 2 * STEP)["bots"][0]["closed"]) == 2
    assert holding.count("commands", "done_at is null") == 0


def test_a_paused_bot_protects_and_exits_but_does_not_enter(make_world: MakeWorld):
    btc = Path().break_out().dip(T0 + 2 * HOUR + STEP, 0.98)
    world = make_world({"BTC": btc, "ETH": Path(50).break_out(T0), "SOL": Path(20).break_out(T0 + 3 * HOUR)})
    world.tick(SOON)
    world.execute("update bots set status = 'PAUSED'")
    document = world.tick(SOON + HOUR)
    assert verdicts_of(document)["ETH/EUR"] == ("no_trade", "paused")
    world.tick(SOON + 3 * HOUR)
    assert world.trades()[0]["exit_reason"] == "stop_loss"
    assert world.value("select status from bots") == "PAUSED"
    world.execute("update bots set status = 'RUNNING'")
    assert verdicts_of(world.tick(SOON + 4 * HOUR))["SOL/EUR"] == ("enter", "entered")


def test_a_bot_that_was_switched_off_with_a_position_still_protects_it(make_world: MakeWorld):
    world = make_world({"BTC": Path().break_out().dip(T0 + HOUR, 0.98)})
    world.tick(SOON)
    world.execute("update bots set status = 'IDLE'")
    world.tick(SOON + 2 * HOUR)
    assert world.trades()[0]["exit_reason"] == "stop_loss"
    assert world.tick(SOON + 3 * HOUR)["bots"] == []


def test_in_maintenance_nothing_is_entered_and_protection_goes_on(make_world: MakeWorld):
    world = make_world({"BTC": Path().break_out().dip(T0 + 70 * 60_000, 0.98), "ETH": Path(50).break_out(T0)})
    world.tick(SOON)
    world.venue.faults.add("SystemStatus", "status:maintenance", times=None)
    document = world.tick(SOON + HOUR)
    assert document["venue_status"] == "maintenance"
    assert verdicts_of(document)["ETH/EUR"] == ("no_trade", "venue_status")
    world.tick(SOON + HOUR + 3 * STEP)
    assert world.trades()[0]["exit_reason"] == "stop_loss"


def test_one_bots_senseless_settings_stop_its_entries_and_nobody_elses(make_world: MakeWorld):
    """The bot looks after what it holds by the installation's settings, the other one goes on, and it is said."""
    world = make_world({"BTC": Path().break_out().dip(T0 + 70 * 60_000, 0.98), "ETH": Path(50).break_out(T0)})
    world.add_bot("second", 5_000)
    world.tick(SOON)
    world.set_overrides(1, {"risk": {"stop_loss_frac": 7}})
    broken, sound = world.tick(SOON + HOUR)["bots"]
    assert broken["verdicts"] == []
    assert [note["rule"] for note in broken["notes"]] == ["halted"]
    assert {v["symbol"]: v["verdict"] for v in sound["verdicts"]}["ETH/EUR"] == "enter"
    assert world.all("select status from bots order by bot_id") == [{"status": "ERROR"}, {"status": "RUNNING"}]
    event = world.risks()["settings"]
    assert (event["bot_id"], event["kind"], event["severity"]) == (1, "bad_settings", "error")
    assert "stop_loss_frac" in event["message"]
    world.tick(SOON + HOUR + 3 * STEP)
    assert [t["exit_reason"] for t in world.trades("bot_id = 1")] == ["stop_loss"]
    world.set_overrides(1, {})
    healed, _ = world.tick(SOON + 2 * HOUR)["bots"]
    assert {v["symbol"] for v in healed["verdicts"]} == {"BTC/EUR", "ETH/EUR"}
    assert world.value("select status from bots where bot_id = 1") == "RUNNING"
    assert world.count("bot_state_history", "status = 'ERROR' and bot_id = 1") >= 1
    assert world.risks() == {}


def test_an_exchange_that_cannot_be_opened_leaves_the_lease_free(make_world: MakeWorld):
    world = make_world()
    store = CountingStore(world.url)

    def refuse(snapshot: Snapshot) -> MarketData:
        raise ConfigError("no such exchange", where="exchange.id")

    deps = replace(world.deps(store), open_market=refuse)
    with pytest.raises(ConfigError, match="no such exchange"):
        world.runner.run(run_tick(deps))
    store.close()
    assert "skipped" not in world.tick(SOON)


@pytest.mark.parametrize("error", [RuntimeError("a bug"), asyncio.CancelledError()])
def test_an_opening_that_breaks_off_leaves_the_lease_free(make_world: MakeWorld, error: BaseException):
    world = make_world()
    store = CountingStore(world.url)
    market = world.open_market()

    async def opening(symbols: Sequence[str]) -> Opening:
        raise error

    market.opening = opening  # type: ignore[method-assign]
    with pytest.raises(type(error)):
        world.runner.run(run_tick(replace(world.deps(store), open_market=lambda snapshot: market)))
    store.close()
    assert "skipped" not in world.tick(SOON)


@pytest.mark.parametrize(("skew_ms", "trusted"), [(3_600_000, True), (3_600_001, False), (-3_600_001, False)])
def test_a_venues_clock_that_cannot_be_right_marks_no_slot(make_world: MakeWorld, skew_ms: int, trusted: bool):
    world = make_world()
    world.venue.clock.set_ms(SOON)
    world.wall_ms = SOON - skew_ms
    store = CountingStore(world.url)
    opened: list[CcxtMarketData] = []
    deps = replace(world.deps(store, opened=opened), max_skew_ms=3_600_000)

    async def tick() -> None:
        try:
            await run_tick(deps)
        finally:
            for market in opened:
                await market.aclose()

    if trusted:
        world.runner.run(tick())
    else:
        with pytest.raises(ExchangeError, match="clock"):
            world.runner.run(tick())
    store.close()
    assert world.count("ticks") == int(trusted)


def test_without_a_price_of_the_venue_a_holding_is_worth_its_last_close(holding: World):
    before = holding.tick(SOON + STEP)["bots"][0]["equity"]
    holding.venue.faults.add("SystemStatus", "status:maintenance", times=None)
    holding.venue.faults.add("Ticker", "error:EService:Unavailable", times=None)
    without = holding.tick(SOON + 2 * STEP)["bots"][0]
    assert without["equity"] == pytest.approx(before, rel=1e-3)
    entry = {p["symbol"]: p["entry_price"] for p in without["positions"]}
    worth = {p["symbol"]: p["price"] for p in without["positions"]}
    assert all(worth[symbol] != entry[symbol] for symbol in entry)
    check_books(holding, prices=False)
    holding.venue.faults.clear()
    holding.tick(SOON + 3 * STEP)


def test_the_first_equity_of_a_bot_is_its_money(make_world: MakeWorld):
    world = make_world(bot=False)
    world.add_bot("small", 12.34)
    assert world.tick(SOON)["bots"][0]["equity"] == 12.34
    assert world.value("select initial_cash from bots") == Decimal("12.34")
