"""Ticks between two candles, outages, roles and sizes that a calm market never shows."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from itertools import pairwise

import pytest

from bot.domain.errors import ExchangeError
from bot.domain.orders import Intent, Leg, OrderType, Side
from bot.jobs.account import Account
from bot.jobs.candles import VENUE_ROWS, Need, absorb, windows_wanted
from bot.jobs.orders import plan_orders
from tests.jobs.paths import HOUR, MINUTE, STEP, T0, Path
from tests.jobs.test_candle_plans import five
from tests.jobs.test_crashes import Killed, MortalStore, let_the_lease_run_out
from tests.jobs.test_orders_and_account import STOP, TRADE, snapshot
from tests.jobs.world import MakeWorld
from tests.rulebook import makers

SOON = T0 + 30_000
NAN = float("nan")


@pytest.mark.parametrize("hours", [62, 70, 83])
def test_a_stop_hit_in_the_part_of_an_outage_that_five_minutes_no_longer_cover_is_found(
    make_world: MakeWorld, hours: int
):
    """The venue serves sixty hours of five minutes; the hole before them is no silence, hours stand in for it."""
    world = make_world({"BTC": Path().break_out().dip(T0 + (hours - 60) * HOUR - 53 * MINUTE, 0.98)})
    world.tick(SOON)
    world.tick(SOON + STEP)
    world.tick(SOON + hours * HOUR)
    (trade,) = world.trades()
    assert (trade["status"], trade["exit_reason"]) == ("closed", "stop_loss")


def test_a_hole_before_all_that_the_venue_gives_is_not_filled():
    stored, step = five(3), five(1).step_ms
    late = five(VENUE_ROWS, int(stored.open_ms[-1]) + 20 * step)
    assert absorb(stored, late).open_ms[0] == late.open_ms[0]
    assert len(absorb(stored, five(VENUE_ROWS, int(stored.open_ms[-1])))) == VENUE_ROWS + 2
    assert len(absorb(stored, five(VENUE_ROWS, int(stored.open_ms[-1]) + step))) == VENUE_ROWS + 3
    assert len(absorb(stored, late.tail(VENUE_ROWS - 1))) == VENUE_ROWS + 22


def test_a_target_touched_before_a_run_died_is_still_sold_at(make_world: MakeWorld):
    """The last finished tick fell into the candle of the peak."""
    world = make_world({"BTC": Path().break_out().peak(T0 + 7 * MINUTE, 1.08)})
    world.tick(SOON)
    world.tick(T0 + 6 * MINUTE)
    store = MortalStore(world.url, 3)  # begin, windows, the commit before the requests
    with pytest.raises(Killed):
        world.tick(T0 + 12 * MINUTE, store=store)
    store.close()
    let_the_lease_run_out(world)
    world.tick(T0 + 13 * MINUTE)
    (trade,) = world.trades()
    assert (trade["status"], trade["exit_reason"]) == ("closed", "take_profit")


def test_a_long_silence_leaves_no_hole_in_the_stored_candles(make_world: MakeWorld):
    path = Path().break_out().silence(T0 + 20 * MINUTE, T0 + 3 * HOUR + 20 * MINUTE)
    world = make_world({"BTC": path}, show_gaps=False)
    world.ticks(SOON, SOON + 4 * HOUR, 2 * STEP)
    stored = "select open_at from candles join candle_series using (series_id) where timeframe = %s order by 1"
    for timeframe, step_ms in (("5m", STEP), ("1h", HOUR), ("4h", 4 * HOUR)):
        rows = world.all(stored, timeframe)
        assert {(b["open_at"] - a["open_at"]).total_seconds() * 1000 for a, b in pairwise(rows)} == {step_ms}


def test_a_series_that_is_one_bots_decision_and_anothers_protection_is_read_as_far_back_as_both_need():
    needs = [Need("BTC/EUR", "5m", ("15m",)), Need("BTC/EUR", "15m", ("1h",))]
    for listed in (needs, needs[::-1]):
        wanted = windows_wanted(listed, {}, {}, T0, 720)
        assert len({(r.symbol, r.timeframe) for r in wanted}) == len(wanted)
        (since_ms,) = [r.since_ms for r in wanted if r.timeframe == "15m"]
        assert since_ms == T0 - 720 * 3 * STEP


@pytest.mark.parametrize(
    ("action", "leg", "kind"), [("place", Leg.EXIT, OrderType.MARKET), ("amend", Leg.STOP, OrderType.STOP_LOSS)]
)
def test_an_order_for_all_that_is_held_is_for_its_last_digit_too(action: str, leg: Leg, kind: OrderType):
    """A float keeps 16 digits of a holding; its order must not sell more than there is, nor leave dust."""
    held = Decimal("104857601.23456789")
    stop = replace(STOP, quantity=held)
    account = Account(snapshot(open_orders=(stop,), open_trades=(replace(TRADE, open_quantity=held),)), makers.rules())
    (position,) = account.positions()
    intent = Intent(
        action, "BTC/EUR", Side.SELL, leg, kind, position.size, NAN, 98.0, NAN, makers.NOW, "", stop.client_id
    )
    (planned,) = plan_orders([intent], account, {"BTC/EUR": makers.MARKET}, makers.NOW + MINUTE, 1, 0, 0)
    assert planned.order.quantity == held
    assert planned.order.placed_ms == makers.NOW + MINUTE


def test_a_bot_never_spends_its_money_on_pairs_of_another_currency(make_world: MakeWorld):
    world = make_world({"BTC": Path().break_out()})
    world.execute("update bots set quote = 'USD'")
    world.tick(SOON)
    assert world.count("orders") == 0
    event = world.risks()["settings"]
    assert "its money is USD" in event["message"]
    assert "another bot for EUR" in event["fix"]
    world.execute("update bots set quote = 'EUR'")
    world.tick(SOON + STEP)
    assert world.count("orders", "leg = 'entry'") == 1
    assert world.risks() == {}


def test_yesterdays_trading_rules_will_do_when_the_venue_gives_no_new_ones(make_world: MakeWorld):
    world = make_world({"BTC": Path().break_out().dip(T0 + 25 * HOUR, 0.97)})
    world.venue.faults.add("AssetPairs", "502", times=1_000)
    with pytest.raises(ExchangeError):
        world.tick(SOON)
    world.venue.faults.clear()
    world.tick(SOON)
    world.venue.faults.add("AssetPairs", "502", times=1_000)
    world.tick(SOON + 26 * HOUR)
    assert world.asked["AssetPairs"] > 0
    assert world.trades()[0]["exit_reason"] == "stop_loss"
