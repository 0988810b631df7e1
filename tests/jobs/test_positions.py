"""A position's life over ticks: entry, stop, trailing, target, gaps."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from bot.jobs.bot_run import MOST_JUDGED
from tests.jobs.books import check_books
from tests.jobs.paths import DAY, HOUR, MINUTE, STEP, T0, Path
from tests.jobs.world import MakeWorld, Row, World, first_reasons, verdicts_of

SOON = T0 + 30_000
"""Half a minute after the candle that breaks out has closed."""


@pytest.fixture
def holder(make_world: MakeWorld):
    """holder(path): a world whose bot has just bought BTC at 102.04."""

    def make(path: Path | None = None, **more: object) -> World:
        world = make_world({"BTC": path or Path().break_out()}, **more)
        assert verdicts_of(world.tick(SOON)) == {"BTC/EUR": ("enter", "entered")}
        return world

    return make


def closed(world: World) -> Row:
    (trade,) = world.trades("status = 'closed'")
    return trade


def moment(ms: int) -> datetime:
    return datetime.fromtimestamp(ms / 1000, UTC)


def test_an_entry_and_the_stop_of_its_fill_are_one_commit(holder):
    world = holder()
    (fill,) = world.all("select *, xmin::text as commit from fills")
    entry = world.one("select *, xmin::text as commit from orders where leg = 'entry'")
    stop = world.one("select *, xmin::text as commit from orders where leg = 'stop'")
    trade = world.one("select *, xmin::text as commit from trades")
    assert fill["commit"] == entry["commit"] == stop["commit"] == trade["commit"]
    assert (entry["status"], entry["filled"]) == ("filled", entry["quantity"])
    assert (stop["status"], stop["quantity"], stop["stop_price"]) == ("open", entry["quantity"], Decimal("99.43"))
    assert entry["trade_id"] == stop["trade_id"] == entry["client_id"]
    assert fill["price"] == Decimal("102.04")  # the ask and slippage, rounded against us
    assert fill["fee"] == (fill["quantity"] * fill["price"] * Decimal("0.004")).quantize(Decimal("0.00000001"))
    assert entry["quantity"] * entry["limit_price"] <= Decimal("1000.00")  # a tenth of 10,000


def test_the_order_row_is_there_before_the_request(holder):
    world = holder()
    submitted, filled = world.all(
        "select e.to_status, e.xmin::text as commit from order_events e join orders using (client_id)"
        " where leg = 'entry' order by order_event_id"
    )
    assert (submitted["to_status"], filled["to_status"]) == ("submitting", "filled")
    assert submitted["commit"] != filled["commit"]


def test_what_one_candle_cannot_fill_rests_and_is_filled_from_the_next(holder):
    world = holder(Path().break_out().thin(20.0, T0 - STEP))
    (entry,) = world.orders("leg = 'entry'")
    assert entry["status"] == "partially_filled"
    assert 0 < entry["filled"] < entry["quantity"]
    check_books(world)
    seen = [entry["filled"]]
    for n in range(1, 4):
        world.tick(SOON + n * STEP)
        check_books(world)
        seen.append(world.orders("leg = 'entry'")[0]["filled"])
    (entry,) = world.orders("leg = 'entry'")
    assert seen == sorted(seen)
    assert (entry["status"], entry["filled"]) == ("filled", entry["quantity"])
    # The limit is above the ask: what rests still takes from others, it does not wait to be met.
    assert {fill["liquidity"] for fill in world.all("select * from fills")} == {"taker"}
    (stop,) = world.orders("leg = 'stop'")
    assert stop["quantity"] == entry["quantity"]
    (trade,) = world.trades()
    assert trade["entry_price"] == trade["entry_cost"] / trade["quantity"]


def test_an_entry_that_is_not_filled_in_time_stops_resting(holder):
    world = holder(Path().break_out().thin(20.0, T0 - STEP).go(1.03, T0, T0 + STEP))
    for n in range(1, 5):
        world.tick(SOON + n * STEP)
    (entry,) = world.orders("leg = 'entry'")
    assert entry["status"] == "expired"
    (trade,) = world.trades()
    assert trade["open_quantity"] == entry["filled"] < entry["quantity"]


def test_no_entry_rests_twice_on_one_symbol(make_world: MakeWorld):
    path = Path().break_out().thin(0.0, T0 - STEP, T0 + 12 * STEP)
    path.break_out(T0, 1.03).thin(0.0, T0 + 10 * STEP, T0 + 13 * STEP)
    world = make_world({"BTC": path}, {"paper": {"entry_ttl_s": 7200.0, "entry_limit_frac": 0.0}})
    assert world.tick(SOON)["bots"][0]["orders"][0]["status"] == "open"
    assert world.value("select state from bots") == "SIGNAL_DETECTED"
    document = world.tick(SOON + HOUR)
    if world.orders("leg = 'entry' and status = 'open'"):
        assert verdicts_of(document)["BTC/EUR"] in (("no_trade", "pending_entry"), ("no_trade", "no_signal"))
    assert world.count("orders", "leg = 'entry'") == 1


def test_the_stop_is_hit_between_two_ticks(holder):
    world = holder(Path().break_out().dip(T0 + 7 * MINUTE, 0.99))
    assert world.tick(SOON + STEP)["bots"][0]["closed"] == []
    (gone,) = world.tick(SOON + 2 * STEP)["bots"][0]["closed"]
    assert gone["exit_reason"] == "stop_loss"
    trade = closed(world)
    assert trade["exit_price"] == Decimal("99.38")  # 99.43 less slippage, down to the step
    assert trade["exit_at"] == moment(T0 + 10 * MINUTE)
    assert world.value("select state from bots") == "POSITION_CLOSED"
    assert world.tick(SOON + 3 * STEP)["bots"][0]["positions"] == []
    assert world.value("select state from bots") == "IDLE"
    states = [row["state"] for row in world.all("select state from bot_state_history order by bot_state_history_id")]
    assert states == ["MONITORING", "SIGNAL_DETECTED", "POSITION_OPEN", "POSITION_CLOSED", "IDLE"]


def test_a_stop_that_the_price_jumps_over_sells_at_the_open(holder):
    path = Path().break_out().go(0.97, T0 + 5 * MINUTE)
    world = holder(path)
    series = path.series()
    opening = float(series.open[path.at(T0 + 10 * MINUTE)])
    world.tick(SOON + 2 * STEP)
    trade = closed(world)
    assert trade["exit_reason"] == "stop_loss"
    assert float(trade["exit_price"]) <= max(opening, 99.43)


@pytest.mark.slow
def test_the_trailing_stop_only_moves_up_and_sells_what_is_left(holder):
    path = Path().break_out().go(1.055, T0, T0 + HOUR).go(1.03, T0 + 2 * HOUR, T0 + 3 * HOUR)
    world = holder(path)
    stops = []
    for n in range(1, 40):
        world.tick(SOON + n * STEP)
        check_books(world)
        stops += [row["stop_price"] for row in world.trades("status = 'open'")]
    assert stops == sorted(stops)
    assert stops[0] == Decimal("99.43")
    assert stops[-1] > Decimal("104")
    trade = closed(world)
    assert trade["armed"]
    assert trade["exit_reason"] == "trailing_stop"
    assert trade["pnl"] > 0
    kinds = [row["kind"] for row in world.all("select kind from trade_events order by trade_event_id")]
    assert kinds[0] == "opened"
    assert kinds.count("armed") == 1
    assert "stop_moved" in kinds
    assert kinds[-1] == "closed"
    stop_orders = world.orders("leg = 'stop'")
    assert len(stop_orders) == 1  # amended in place


def test_breakeven_lifts_the_stop_to_entry_and_fees(holder):
    world = holder(Path().break_out().go(1.0415, T0, T0 + 30 * MINUTE), overrides={
        "risk": {"trailing_distance_frac": 0.019, "trailing_activation_frac": 0.02}})  # fmt: skip
    for n in range(1, 9):
        world.tick(SOON + n * STEP)
    (trade,) = world.trades()
    at_entry = float(trade["entry_price"]) * 1.004 / 0.996
    assert float(trade["stop_price"]) == pytest.approx(at_entry, abs=0.011)
    assert world.orders("leg = 'stop'")[0]["reason"] in ("breakeven", "trailing_stop")


def test_the_target_is_sold_at_by_the_next_tick(holder):
    world = holder(Path().break_out().go(1.07, T0 + STEP, T0 + 2 * STEP))
    (gone,) = world.tick(SOON + 2 * STEP)["bots"][0]["closed"]
    assert gone["exit_reason"] == "take_profit"
    trade = closed(world)
    assert trade["pnl"] > 0
    stop, leave = world.orders("leg <> 'entry'")
    assert (stop["status"], leave["status"], leave["leg"]) == ("cancelled", "filled", "exit")


def test_a_peak_between_two_ticks_that_touched_the_target_is_sold(holder):
    world = holder(Path().break_out().peak(T0 + 7 * MINUTE, 1.08))
    world.tick(SOON + STEP)
    (gone,) = world.tick(SOON + 2 * STEP)["bots"][0]["closed"]
    assert gone["exit_reason"] == "take_profit"


def test_a_candle_that_touches_stop_and_target_counts_as_the_loss(holder):
    world = holder(Path().break_out().peak(T0 + 7 * MINUTE, 1.08).dip(T0 + 7 * MINUTE, 0.98))
    (gone,) = world.tick(SOON + 2 * STEP)["bots"][0]["closed"]
    assert gone["exit_reason"] == "stop_loss"


def test_a_sell_signal_ends_the_position(holder):
    world = holder(Path().break_out().break_out(T0 + 25 * HOUR, 1.007))
    for n in range(1, 27):
        document = world.tick(SOON + n * HOUR)
    assert verdicts_of(document) == {"BTC/EUR": ("exit", "sell_signal")}
    assert closed(world)["exit_reason"] == "sell_signal"
    assert set(first_reasons(world.verdicts()[1:-1])) == {"already_holding"}


def test_after_a_loss_the_symbol_rests(holder):
    path = Path().break_out().dip(T0 + 50 * MINUTE, 0.98).break_out(T0 + HOUR, 1.05)
    world = holder(path, overrides={"risk": {"cooldown_s": 7200.0}})
    for n in range(1, 25):
        document = world.tick(SOON + n * STEP)
    assert verdicts_of(document) == {"BTC/EUR": ("no_trade", "cooldown")}
    (cooldown,) = world.all("select * from symbol_cooldowns")
    assert cooldown["losses"] == 1
    assert cooldown["until_at"] == moment(T0 + 55 * MINUTE + 2 * HOUR)


def test_a_stop_is_hit_while_no_tick_came_for_hours(holder):
    """Bought at 8:00, stopped at 10:10, next tick at 15:00: seven slots an hour were missed, none is forgotten."""
    path = Path().break_out().dip(T0 + 2 * HOUR + 7 * MINUTE, 0.98).break_out(T0 + 4 * HOUR, 1.05)
    world = holder(path)
    document = world.tick(SOON + 7 * HOUR)
    assert document["missed_slots"] == 7 * 12 - 1
    trade = closed(world)
    assert (trade["exit_reason"], trade["exit_at"]) == ("stop_loss", moment(T0 + 2 * HOUR + 10 * MINUTE))
    bars = [row["bar_at"] for row in world.verdicts()]
    assert bars == [moment(T0 + n * HOUR) for n in range(-1, 7)]
    late = first_reasons(world.verdicts())[1:-1]
    assert late == ["older_bar"] * 6  # the breakout of 12:00 among them
    assert world.count("orders", "leg = 'entry'") == 1
    assert world.count("signals", "direction = 1") == 2


def test_a_signal_older_than_its_limit_never_enters(make_world: MakeWorld):
    world = make_world({"BTC": Path().break_out()}, {"market": {"signal_max_age_bars": 0.5}})
    world.tick(SOON - 2 * HOUR)
    document = world.tick(T0 + 40 * MINUTE)
    assert verdicts_of(document) == {"BTC/EUR": ("no_trade", "late_signal")}
    assert world.count("orders") == 0


@pytest.mark.parametrize("hours", [59, 61, 100, 300])
def test_after_an_outage_longer_than_the_venue_remembers_the_stop_is_still_found(holder, hours: int):
    path = Path().break_out().dip(T0 + 3 * HOUR + 7 * MINUTE, 0.98)
    world = holder(path)
    document = world.tick(SOON + hours * HOUR)
    assert document["bots"][0]["problems"] == {}
    assert document["missed_slots"] == hours * 12 - 1
    assert closed(world)["exit_reason"] == "stop_loss"
    assert len(world.verdicts()) == hours + 1
    assert world.count("signals") <= 1 + MOST_JUDGED
    if hours > 60:
        intervals = {r.query["interval"] for r in world.venue.requests.newest() if r.endpoint == "OHLC"}
        assert {"5", "60"} <= intervals
    check_books(world)
    # And life goes on.
    world.tick(SOON + (hours + 1) * HOUR)
    assert world.asked["OHLC"] == 1
    assert len(world.verdicts()) == hours + 2


def test_after_an_outage_without_a_touch_the_position_is_still_held(holder):
    world = holder()
    document = world.tick(SOON + 5 * DAY)
    assert [p["symbol"] for p in document["bots"][0]["positions"]] == ["BTC/EUR"]
    assert world.trades()[0]["status"] == "open"


def test_candles_that_the_venue_left_out_are_filled_and_trigger_nothing(holder):
    path = Path().break_out().silence(T0 + 10 * MINUTE, T0 + 40 * MINUTE)
    world = holder(path, show_gaps=False)
    for n in range(1, 13):
        world.tick(SOON + n * STEP)
        check_books(world)
    assert world.count("candles", f"filled and open_at >= to_timestamp({T0 / 1000})") >= 1
    assert world.trades()[0]["status"] == "open"
    assert len(world.verdicts()) == 2


def test_the_day_of_a_loss_ends_with_entries_waiting(make_world: MakeWorld):
    """5 % of the day's opening equity are gone, open losses counted: ETH is left alone until midnight."""
    eth = Path(50).break_out(T0 + HOUR, 1.02).break_out(T0 + 20 * HOUR, 1.06)
    risk = {"max_position_frac": 0.5, "risk_per_trade_frac": 0.1, "stop_loss_frac": 0.2, "take_profit_frac": 0.4}
    btc = Path().break_out().go(0.7, T0 + 30 * MINUTE, T0 + 35 * MINUTE)
    world = make_world({"BTC": btc, "ETH": eth}, {"risk": risk})
    world.tick(SOON)
    world.tick(SOON + HOUR)
    document = world.tick(SOON + 2 * HOUR)
    assert verdicts_of(document)["ETH/EUR"] == ("no_trade", "daily_loss")
    assert {note["rule"] for note in document["bots"][0]["notes"]} == {"daily_loss"}
    for n in range(3, 22):
        document = world.tick(SOON + n * HOUR)
    assert verdicts_of(document)["ETH/EUR"] == ("enter", "entered")  # a new day (UTC)


def test_a_wide_spread_keeps_entries_waiting(make_world: MakeWorld):
    world = make_world({"BTC": Path().break_out()}, spread_bps=150)
    assert verdicts_of(world.tick(SOON)) == {"BTC/EUR": ("no_trade", "spread")}


def test_too_little_money_is_said_and_nothing_is_ordered(make_world: MakeWorld):
    world = make_world({"BTC": Path().break_out()}, bot=False)
    world.add_bot("poor", cash=50)
    assert verdicts_of(world.tick(SOON)) == {"BTC/EUR": ("no_trade", "min_trade")}
    assert world.count("orders") == 0
