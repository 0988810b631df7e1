"""Whole live ticks: what a person, the venue or the network does to the account between and within them."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal as D
from typing import Any

import pytest

from bot.adapters.backup import BackupMarketData
from bot.adapters.exchange import CcxtMarketData
from bot.adapters.live_store import LiveStore as Decisions
from bot.adapters.postgres import PostgresStore
from bot.domain.errors import DatabaseError, LeaseLost
from bot.domain.records import Snapshot
from bot.simulator import Simulator
from bot.simulator.order_prices import read_prices
from bot.simulator.orders import CloseTerms, OrderTerms
from tests.jobs.paths import HOUR, MINUTE, STEP, T0, Path, recording
from tests.jobs.world import Document, verdicts_of
from tests.live import conftest
from tests.live.conftest import MakeLive
from tests.live.laws import check_balances, check_fills, check_protection, check_terms
from tests.live.paths import market, shallow
from tests.live.runs import NO_PACE, LiveRun
from tests.live.scenes import PARTS, THIN, hold, lose_stop, risen, two, warm
from tests.live.world import SLOT_MS, START, LiveWorld

make_live = conftest.make_live

PRIVATE = ("BalanceEx", "OpenOrders", "ClosedOrders", "QueryTrades", "QueryOrders")
ORDERS = ("AddOrder", "AmendOrder", "CancelOrder")
NOWHERE = "http://127.0.0.1:9"
NEXT = START + SLOT_MS
LATE = T0 + HOUR - 5_000
"""Five seconds before the hour: the next slot begins before an order that is sent now must have shown itself."""


def asked(world: LiveWorld, *endpoints: str) -> dict[str, int]:
    """Requests of the last tick to these endpoints."""
    return {name: n for name, n in world.asked.items() if name in endpoints}


def sent(world: LiveWorld) -> list[str]:
    """Requests of the last tick that change orders, in their order."""
    return [label for label in world.gate.labels if label.startswith(ORDERS)]


def tick(world: LiveWorld, moment: int, **job: Any) -> Document:
    world.gate.labels.clear()
    return world.tick(moment, **job)


@contextmanager
def decisions(world: LiveWorld) -> Iterator[Decisions]:
    store = Decisions(world.url)
    try:
        yield store
    finally:
        store.close()


def stops(world: LiveWorld) -> list[dict[str, Any]]:
    return world.orders("leg = 'stop' and status in ('open', 'partially_filled')")


def venue_order(world: LiveWorld, row: dict[str, Any]) -> Any:
    return world.account.orders[row["venue_order_id"]]


# --- left alone, and held back -------------------------------------------------------------


def test_without_the_mode_live_the_account_is_not_even_looked_at(make_live: MakeLive):
    world = make_live(BTC=risen(1.05), ETH=Path(50).break_out(T0))
    hold(world)
    document = tick(world, T0 + HOUR + 30_000, live=False)
    assert asked(world, *PRIVATE, *ORDERS) == {}
    assert verdicts_of(document)["ETH/EUR"] == ("no_trade", "live_off")
    event = world.risks()["live"]
    assert (event["kind"], event["severity"]) == ("live_off", "warning")
    assert "live stop" in event["fix"]
    tick(world, T0 + HOUR + 30_000 + SLOT_MS)
    assert "live" not in world.risks()
    assert sent(world)[0] == "AmendOrder"


def test_while_it_is_killed_a_tick_keeps_books_and_sends_nothing(make_live: MakeLive):
    """The stop at the venue sells; a missing one is not put back, a target not taken, a paper bot is held back too."""
    world = make_live(
        BTC=Path().break_out().dip(T0 + STEP - MINUTE, 0.98), ETH=Path(50).break_out().go(1.08, T0, T0 + STEP),
        SOL=Path(20).break_out(T0), check=False,
    )  # fmt: skip
    paper = world.add_bot("paper", 10_000)
    hold(world)
    assert world.count("trades", f"bot_id = {paper} and status = 'open'") == 2
    with decisions(world) as store:
        store.kill("the market is mad", "test")
    document = tick(world, NEXT)
    assert sent(world) == []
    assert {(t["bot_id"], t["symbol"], t["status"]) for t in world.trades()} == {
        (bot, symbol, status) for bot in (1, paper) for symbol, status in (("BTC/EUR", "closed"), ("ETH/EUR", "open"))
    }
    assert {note["rule"] for bot in document["bots"] for note in bot["notes"]} == {"killed"}
    for order in world.account.open_orders():
        world.account.cancel(order)
    tick(world, T0 + HOUR + 30_000)
    assert sent(world) == []
    assert world.count("orders", "leg = 'entry' and symbol = 'SOL/EUR'") == 0
    assert "naked:ETH/EUR" in world.risks()
    with decisions(world) as store:
        store.lift_kill("test")
    tick(world, T0 + HOUR + 30_000 + SLOT_MS)
    assert sent(world)[0] == "AddOrder market"
    assert world.count("trades", "status = 'open'") == 0
    assert "naked:ETH/EUR" not in world.risks()


def test_an_account_that_cannot_be_read_is_left_alone_until_it_can(make_live: MakeLive):
    world = make_live(BTC=risen(1.08), ETH=Path(50).break_out(T0))
    hold(world)
    world.venue.faults.add("OpenOrders", "502", times=None)
    document = tick(world, T0 + HOUR + 30_000)
    assert sent(world) == []
    assert verdicts_of(document)["ETH/EUR"] == ("no_trade", "venue_unseen")
    event = world.risks()["account"]
    assert (event["kind"], event["severity"]) == ("venue_unseen", "error")
    assert not [key for key in world.risks() if key.startswith(("naked:", "unsettled:"))]
    world.venue.faults.clear()
    tick(world, T0 + HOUR + 30_000 + SLOT_MS)
    assert "account" not in world.risks()
    assert world.trades()[0]["exit_reason"] == "take_profit"


def hide_orders(world: LiveWorld) -> None:
    world.venue.faults.add("OpenOrders", "502", times=None)


def test_orders_whose_outcome_cannot_be_seen_are_seen_by_the_next_tick(make_live: MakeLive):
    world = make_live(BTC=Path().break_out())
    warm(world)
    world.gate.hooks["AddOrder limit"] = lambda: hide_orders(world)
    document = tick(world, START)
    assert document["bots"][0]["positions"] == []
    assert world.risks()["account"]["kind"] == "venue_unseen"
    assert [order["status"] for order in world.orders()] == ["open"]
    world.venue.faults.clear()
    tick(world, NEXT)
    assert world.risks() == {}
    assert len(world.trades("status = 'open'")) == 1


def test_of_many_orders_all_exits_are_sent_and_entries_only_as_far_as_they_go(make_live: MakeLive):
    world = make_live({"live": {"max_orders_per_tick": 1}}, **two())
    warm(world)
    tick(world, START)
    assert sent(world) == ["AddOrder limit"]
    world = make_live(**two())
    hold(world)
    world.overrides = world.overrides | {"live": {"max_orders_per_tick": 1}}
    world.command("close_all")
    tick(world, NEXT)
    assert sent(world) == ["CancelOrder", "AddOrder market"] * 2


def test_a_dry_run_asks_and_changes_nothing(make_live: MakeLive):
    world = make_live(BTC=Path().break_out())
    warm(world)
    before = world.rows_of_everything()
    world.at(START)
    world.gate.labels.clear()
    store = PostgresStore(world.url)
    document = world.runner.run(LiveRun(world.job(), world.clock).run(store, dry_run=True))
    store.close()
    assert [order["leg"] for order in document["bots"][0]["orders"]] == ["entry"]
    assert sent(world) == []
    assert world.rows_of_everything() == before


# --- account and ledger --------------------------------------------------------------------


def test_coins_that_came_by_hand_stop_entries_and_nothing_else(make_live: MakeLive):
    world = make_live(BTC=risen(1.05).go(1.08, T0 + HOUR, T0 + HOUR + STEP), ETH=Path(50).break_out(T0))
    hold(world)
    (trade,) = world.trades()
    world.venue.desk.deposit("BTC", "0.25")
    tick(world, NEXT)
    assert sent(world) == ["AmendOrder"]
    event = world.risks()["drift"]
    there = trade["open_quantity"] + D("0.25")
    assert (event["kind"], event["severity"]) == ("ledger_drift", "error")
    assert event["message"].endswith(f"BTC: ledger {trade['open_quantity'].normalize():f}, venue {there.normalize():f}")
    document = tick(world, T0 + HOUR + STEP + 30_000)
    assert verdicts_of(document)["ETH/EUR"] == ("no_trade", "ledger_drift")
    assert sent(world) == ["CancelOrder", "AddOrder market"]
    assert world.trades()[0]["exit_reason"] == "take_profit"
    world.venue.desk.withdraw("BTC", "0.25")
    tick(world, T0 + HOUR + STEP + 30_000 + SLOT_MS)
    assert "drift" not in world.risks()


def test_money_that_went_by_hand_is_missed(make_live: MakeLive):
    world = make_live(BTC=Path().break_out())
    warm(world)
    world.venue.desk.withdraw("EUR", "300")
    document = tick(world, START)
    assert verdicts_of(document)["BTC/EUR"] == ("no_trade", "ledger_drift")
    assert world.risks()["drift"]["message"].endswith("EUR: ledger 1000, venue 950")
    world.venue.desk.deposit("EUR", "300")
    tick(world, NEXT)
    assert world.risks() == {}


def test_a_fill_between_the_balances_and_the_orders_is_no_drift(make_live: MakeLive):
    world = make_live(BTC=Path().break_out(), ETH=Path(50).break_out(T0))
    hold(world)
    (stop,) = world.account.open_orders()
    world.gate.hooks["OpenOrders"] = lambda: world.account.race(stop) if stop.is_open else None
    document = tick(world, T0 + HOUR + 30_000)
    assert world.trades()[0]["exit_reason"] == "stop_loss"
    assert verdicts_of(document)["ETH/EUR"][0] == "enter"
    assert world.risks("true") == {}


def test_coins_that_no_order_can_sell_are_a_drift(make_live: MakeLive):
    """The venue has moved what we hold under a code of its own for rewards."""
    world = make_live(BTC=Path().break_out(), check=False)
    lose_stop(world)
    (trade,) = world.trades()
    world.venue.desk.withdraw("BTC", trade["open_quantity"])
    world.venue.desk.deposit("BTC.F", trade["open_quantity"])
    tick(world, NEXT)
    assert "BTC: ledger" in world.risks()["drift"]["message"]
    assert world.risks()["drift"]["message"].endswith("venue 0")


def by_hand(world: LiveWorld, kind: str = "limit", price: str = "90") -> Any:
    """An order that a person places at the venue."""
    pair = world.venue.venue.find("BTC/EUR").pair
    prices = read_prices(kind, "buy", price, None, 0, pair)
    return world.account.place(OrderTerms("BTC/EUR", "buy", kind, 100_000, prices, price=price))


def test_a_persons_order_is_named_and_left_alone(make_live: MakeLive):
    world = make_live(BTC=Path().break_out())
    hold(world)
    order = by_hand(world)
    tick(world, NEXT)
    event = world.risks()["foreign"]
    assert (event["kind"], event["severity"]) == ("foreign_order", "warning")
    assert event["message"].endswith(f"BTC/EUR buy {order.txid}")
    assert order.is_open
    assert world.count("orders", f"venue_order_id = '{order.txid}'") == 0
    world.account.cancel(order)
    world.account.orders.pop(order.txid)
    tick(world, NEXT + SLOT_MS)
    assert world.risks() == {}


def test_while_an_order_is_in_doubt_no_symbol_is_entered(make_live: MakeLive):
    world = make_live(BTC=Path().break_out(), ETH=Path(50).break_out(T0))
    world.tick(T0 - 30_000)
    world.venue.faults.add("AddOrder", "before:reset")
    tick(world, LATE)
    event = world.risks()["unsettled:BTC/EUR"]
    assert (event["kind"], event["symbol"], event["severity"]) == ("unsettled", "BTC/EUR", "warning")
    document = tick(world, T0 + HOUR + 5_000)
    assert verdicts_of(document)["ETH/EUR"] == ("no_trade", "unsettled")
    assert sent(world) == []
    assert "in_doubt" in world.risks()["unsettled:BTC/EUR"]["message"]
    tick(world, T0 + HOUR + 5_000 + SLOT_MS)
    assert world.risks() == {}
    assert [order["status"] for order in world.orders()] == ["not_placed"]


# --- stops ---------------------------------------------------------------------------------


def test_a_stop_that_a_person_cancelled_is_put_back_in_the_same_tick(make_live: MakeLive):
    world = make_live(BTC=Path().break_out())
    lose_stop(world)
    (trade,) = world.trades()
    tick(world, NEXT)
    assert sent(world) == ["AddOrder stop-loss"]
    (stop,) = stops(world)
    assert (stop["quantity"], stop["trade_id"]) == (trade["open_quantity"], trade["trade_id"])
    assert stop["stop_price"] == trade["stop_price"]
    assert world.risks() == {}


def test_a_stop_that_is_refused_is_tried_three_times_under_three_names_and_then_a_person_is_told(make_live: MakeLive):
    world = make_live(BTC=Path().break_out())
    lose_stop(world)
    world.venue.faults.add("AddOrder", "error:EOrder:Insufficient funds", times=None)
    tick(world, NEXT)
    assert sent(world) == ["AddOrder stop-loss"] * 3
    letters = world.all("select * from dead_letters")
    assert len({letter["client_id"] for letter in letters}) == 3
    assert world.risks()["naked:BTC/EUR"]["severity"] == "error"
    world.venue.faults.clear()
    tick(world, NEXT + SLOT_MS)
    assert sent(world) == ["AddOrder stop-loss"]
    assert world.risks() == {}


def test_a_paper_bot_beside_it_stays_on_paper(make_live: MakeLive):
    """One that trades, and one that has nothing to send while the live bot has."""
    world = make_live(BTC=risen(1.05), check=False)
    paper = world.add_bot("paper", 10_000)
    idle = world.add_bot("idle", 10_000, status="PAUSED")
    hold(world)
    assert sent_by(world, paper) == sent_by(world, 1) == 1
    tick(world, NEXT)
    assert sent(world) == ["AmendOrder"]
    assert len(world.account.orders) == 2
    raised = [trade["stop_price"] > trade["entry_price"] for trade in world.trades()]
    assert raised == [True, True]
    assert sent_by(world, idle) == 0


def sent_by(world: LiveWorld, bot_id: int) -> int:
    return world.count("orders", f"leg = 'entry' and bot_id = {bot_id}")


def test_below_a_stop_that_is_missing_the_position_is_sold(make_live: MakeLive):
    world = make_live(BTC=Path().break_out().go(0.95, T0 + STEP - MINUTE))
    lose_stop(world)
    tick(world, T0 + 3 * STEP + 30_000)
    assert sent(world) == ["AddOrder market"]
    (trade,) = world.trades()
    assert (trade["status"], trade["exit_reason"]) == ("closed", "stop_loss")


def hold_parts(world: LiveWorld) -> Any:
    """A position that is bought in parts; its entry, which rests at the venue from when the price has run away."""
    hold(world)
    (entry,) = [order for order in world.account.open_orders() if order.buys]
    assert entry.filled > 0
    return entry


def sell_at_the_venue(world: LiveWorld) -> None:
    """All resting stops fill now."""
    world.believed()
    for order in world.account.open_orders():
        if not order.buys:
            world.account.race(order)
    assert {order.status for order in world.account.orders.values() if not order.buys} == {"closed"}


def test_an_entry_that_goes_on_buying_behind_its_stop_opens_its_trade_again(make_live: MakeLive):
    """All that rests of the trade is sold, then the entry buys once more, between two ticks."""
    world = make_live(PARTS, check=False, BTC=shallow(risen(1.03), THIN))
    entry = hold_parts(world)
    (before,) = world.trades()
    world.at(NEXT - MINUTE)
    sell_at_the_venue(world)
    world.at(NEXT - MINUTE + 10_000)
    world.believed()
    world.account.race(entry, 0.5)
    tick(world, NEXT)
    (trade,) = world.trades()
    assert (trade["trade_id"], trade["status"], trade["exit_reason"]) == (before["trade_id"], "open", "")
    assert trade["quantity"] > before["quantity"]
    kinds = [row["kind"] for row in world.all("select kind from trade_events order by trade_event_id")]
    assert kinds[-2:] == ["closed", "filled"]
    check_all(world)
    assert world.risks() == {}


def test_an_entry_that_buys_in_the_moment_of_its_cancel_is_protected_in_the_same_tick(make_live: MakeLive):
    world = make_live(PARTS, check=False, BTC=shallow(risen(1.03), THIN))
    entry = hold_parts(world)
    world.at(NEXT - MINUTE)
    sell_at_the_venue(world)
    world.venue.faults.add("CancelOrder", "fill_first:0.5")
    tick(world, NEXT)
    assert sent(world)[0] == "CancelOrder"
    assert not entry.is_open
    (trade,) = world.trades()
    assert trade["status"] == "open"
    check_all(world)


def check_all(world: LiveWorld) -> None:
    """What the venue and the books must agree on; a trade that opened again has an event of its first end."""
    venue = world.believed()
    check_terms(world, venue)
    check_fills(world, venue)
    check_balances(world, venue)
    check_protection(world, venue)


def late_stop(world: LiveWorld) -> Any:
    """The venue makes a stop of an entry's fill, long after what it bought is gone: it would sell a person's coins."""
    (entry,) = [order for order in world.account.orders.values() if order.buys]
    world.venue.desk.deposit("BTC", D(entry.filled).scaleb(-8))
    close = CloseTerms("stop-loss", entry.terms.close.price, entry.terms.close.price2)
    world.account._spawn(entry, close, entry.filled, entry.limit)
    return list(world.account.orders.values())[-1]


def sell_all(world: LiveWorld) -> None:
    hold(world)
    world.command("close_all")
    world.tick(NEXT)
    assert world.count("trades", "status = 'open'") == 0


def test_a_stop_of_a_trade_that_is_over_is_cancelled(make_live: MakeLive):
    world = make_live(BTC=Path().break_out())
    sell_all(world)
    stop = late_stop(world)
    tick(world, NEXT + SLOT_MS)
    assert sent(world) == ["CancelOrder"]
    assert (stop.status, stops(world)) == ("canceled", [])
    world.venue.desk.withdraw("BTC", D(stop.lots).scaleb(-8))


@pytest.mark.parametrize("symbols", [["BTC/EUR", "ETH/EUR"], ["ETH/EUR"]])
def test_while_it_is_killed_not_even_a_stop_of_a_trade_that_is_over_is_touched(make_live: MakeLive, symbols: list[str]):
    """Whether or not the bot still watches its symbol."""
    world = make_live(BTC=Path().break_out(), check=False)
    sell_all(world)
    stop = late_stop(world)
    world.overrides = {**world.overrides, "market": {**world.overrides["market"], "symbols": symbols}}
    with decisions(world) as store:
        store.kill("hands off", "test")
    tick(world, NEXT + SLOT_MS)
    assert sent(world) == []
    assert stop.is_open


def test_the_stops_of_a_position_trail_together(make_live: MakeLive):
    world = make_live(PARTS, BTC=shallow(risen(1.05), THIN))
    hold(world)
    tick(world, NEXT)
    found = stops(world)
    assert len(found) > 1
    (trade,) = world.trades()
    assert {stop["stop_price"] for stop in found} == {trade["stop_price"]}
    assert trade["stop_price"] > trade["entry_price"]
    assert {venue_order(world, stop).stop for stop in found} == {int(trade["stop_price"] * 100)}


# --- exits ---------------------------------------------------------------------------------


def test_a_stop_that_fills_in_the_moment_of_its_cancel_leaves_nothing_to_sell(make_live: MakeLive):
    world = make_live(BTC=risen(1.08))
    hold(world)
    world.venue.faults.add("CancelOrder", "fill_first")
    tick(world, NEXT)
    assert sent(world) == ["CancelOrder"]
    (trade,) = world.trades()
    assert (trade["status"], trade["open_quantity"]) == ("closed", 0)
    assert [order["status"] for order in world.orders("leg = 'exit'")] == ["not_placed"]


def test_of_a_stop_that_fills_in_part_in_the_moment_of_its_cancel_the_rest_is_sold(make_live: MakeLive):
    """The exit is sized by what is left."""
    path = risen(1.08)
    world = make_live(BTC=path)
    hold(world)
    (stop,) = world.account.open_orders()
    world.gate.hooks["CancelOrder"] = lambda: fill_part(world, stop, 0.4)
    tick(world, NEXT)
    assert sent(world) == ["CancelOrder", "AddOrder market"]
    assert 0 < stop.filled < stop.lots
    (leaving,) = world.orders("leg = 'exit'")
    assert leaving["quantity"] == D(stop.lots - stop.filled).scaleb(-8)
    (trade,) = world.trades()
    assert (trade["status"], trade["exit_reason"]) == ("closed", "take_profit")


def fill_part(world: LiveWorld, order: Any, share: float) -> None:
    """The venue sells a part of a stop, as it does where few buy."""
    world.account.advance(world.now_ms)
    world.account._fill(order, int(order.left * share), world.account.last(order.symbol), maker=False)


LADDER: Document = {"risk": {"take_profit_ladder": ["0.5@0.03", "0.5@0.2"]}}


def test_a_part_is_not_sold_of_another_holding_than_the_one_it_was_meant_for(make_live: MakeLive):
    """A stop sells in the moment in which it is cancelled: half of the holding is another number."""
    world = make_live({**PARTS, **LADDER}, BTC=shallow(risen(1.06), THIN))
    hold_parts(world)

    def sell_a_bit() -> None:
        for order in world.account.open_orders():
            if not order.buys and not order.filled:
                fill_part(world, order, 0.4)

    world.gate.hooks["CancelOrder"] = sell_a_bit
    tick(world, NEXT)
    assert sent(world)[0] == "CancelOrder"
    assert "AddOrder market" not in sent(world)
    (part,) = world.orders("leg = 'exit'")
    (event,) = world.all(
        "select detail->>'why' as why from order_events where client_id = %s and to_status = 'not_placed'",
        part["client_id"],
    )
    assert event["why"] == "a part of another holding was to be sold"
    tick(world, NEXT + SLOT_MS)
    (trade,) = world.trades()
    assert 0 < trade["open_quantity"] < trade["quantity"]


def test_an_exit_that_is_refused_is_kept_for_a_person_and_the_stop_comes_back(make_live: MakeLive):
    world = make_live(BTC=risen(1.08))
    hold(world)
    (before,) = stops(world)
    world.venue.faults.add("AddOrder", "error:EOrder:Insufficient funds", match={"ordertype": "market"})
    tick(world, NEXT)
    assert sent(world) == ["CancelOrder", "AddOrder market", "AddOrder stop-loss"]
    (letter,) = world.all("select * from dead_letters")
    assert (letter["leg"], "Insufficient funds" in letter["why"]) == ("exit", True)
    (stop,) = stops(world)
    assert stop["quantity"] == before["quantity"]
    assert stop["client_id"] != before["client_id"]
    assert world.risks() == {}
    tick(world, NEXT + SLOT_MS)
    assert world.trades()[0]["exit_reason"] == "take_profit"


def test_a_tick_waits_until_an_exit_is_certain_when_nothing_else_protects(make_live: MakeLive):
    """Deadline and margin are 25 s; then the exit was never placed, and the stop is put back in the same tick."""
    world = make_live(BTC=risen(1.08))
    hold(world)
    world.venue.faults.add("AddOrder", "before:reset", match={"ordertype": "market"})
    tick(world, NEXT)
    assert sent(world) == ["CancelOrder", "AddOrder market", "AddOrder stop-loss"]
    assert NEXT + 25_000 <= world.now_ms < NEXT + 30_000
    assert len(stops(world)) == 1
    assert [order["status"] for order in world.orders("leg = 'exit'")] == ["not_placed"]
    assert 20_000 < world.naked_ms() < 30_000


def test_doubt_that_lasts_longer_than_a_tick_may_wait_is_left_to_the_next(make_live: MakeLive):
    world = make_live({"live": {"deadline_s": 60}}, BTC=risen(1.08))
    hold(world)
    world.venue.faults.add("AddOrder", "before:reset", match={"ordertype": "market"})
    tick(world, NEXT)
    assert world.now_ms < NEXT + 5_000
    events = world.risks()
    assert set(events) == {"unsettled:BTC/EUR", "naked:BTC/EUR"}
    assert (events["naked:BTC/EUR"]["kind"], events["naked:BTC/EUR"]["severity"]) == ("unprotected", "error")
    tick(world, NEXT + SLOT_MS)
    assert world.risks() == {}
    assert world.trades()[0]["exit_reason"] == "take_profit"


def test_the_next_tick_waits_too_before_it_decides(make_live: MakeLive):
    """An exit without an answer, and then nothing could be seen: the tick seconds later has to know first."""
    world = make_live(BTC=risen(1.08))
    hold(world)
    world.tick(T0 + HOUR - STEP - 5_000 - SLOT_MS, live=False)
    world.venue.faults.add("AddOrder", "before:reset", match={"ordertype": "market"})
    world.gate.hooks["AddOrder market"] = lambda: hide_orders(world)
    tick(world, LATE)
    assert sent(world) == ["CancelOrder", "AddOrder market"]
    assert world.risks()["account"]["kind"] == "venue_unseen"
    world.gate.hooks.clear()
    world.venue.faults.clear()
    second = max(T0 + HOUR + 1_000, world.now_ms)
    assert second < LATE + 25_000
    tick(world, second)
    assert LATE + 25_000 <= world.now_ms < LATE + 30_000
    assert sent(world) == ["AddOrder market"]
    assert world.trades()[0]["exit_reason"] == "take_profit"
    assert {order["status"] for order in world.orders("leg = 'exit'")} == {"not_placed", "filled"}


# --- another venue's eyes ------------------------------------------------------------------


class OtherEyes(LiveRun):
    """A tick whose own venue has no public side: prices and candles are another's."""

    other_url = ""

    def _open_market(self, snapshot: Snapshot) -> Any:
        self._snapshot = snapshot

        def open_one(url: str, **more: Any) -> CcxtMarketData:
            return CcxtMarketData(
                url=url, pace=NO_PACE, clock=lambda: 0.0, wall_ms=self._wall_ms, sleep=self._clock.sleep,
                jitter=lambda: 0.0, retries=1, **more,
            )  # fmt: skip

        market = BackupMarketData(open_one(NOWHERE), lambda: open_one(self.other_url))
        market.restore_breaker(snapshot.breaker)
        if snapshot.markets:
            market.know(snapshot.markets)
        self._open.append(market)
        return market


def look_elsewhere(world: LiveWorld, moment: int, url: str) -> Document:
    world.at(moment)
    world.gate.labels.clear()
    run = OtherEyes(world.job(), world.clock)
    run.other_url = url
    store = PostgresStore(world.url)
    try:
        return world.runner.run(run.run(store))
    finally:
        store.close()


def test_with_another_venues_prices_it_exits_and_enters_nothing(make_live: MakeLive):
    world = make_live(BTC=risen(1.08), ETH=Path(50).break_out(T0))
    hold(world)
    document = look_elsewhere(world, T0 + HOUR + 30_000, world.venue_url)
    assert sent(world) == ["CancelOrder", "AddOrder market"]
    assert world.trades()[0]["exit_reason"] == "take_profit"
    assert {note["rule"] for note in document["bots"][0]["notes"]} == {"backup_data"}
    assert document["bots"][0]["verdicts"] == []
    assert newest_candle(world) < T0 + STEP
    document = tick(world, T0 + HOUR + 30_000 + SLOT_MS)
    assert verdicts_of(document)["ETH/EUR"][0] == "enter"
    assert newest_candle(world) >= T0 + HOUR


def newest_candle(world: LiveWorld) -> int:
    """Close of the newest stored five-minute candle, ms."""
    store = PostgresStore(world.url)
    try:
        snapshot = store.begin("a look", 1.0)
        tails = [ms for (_, timeframe), ms in snapshot.series_tails.items() if timeframe == "5m"]
        assert snapshot.lease is not None
    finally:
        world.end_lease()
        world.execute("update leases set released_at = clock_timestamp() where released_at is null")
        store.close()
    return max(tails) + STEP


@pytest.mark.parametrize("times", [0.5, 0.91, 1.13, 10.0])
def test_another_venues_price_that_is_far_off_sells_nothing_and_moves_no_stop(make_live: MakeLive, times: float):
    """Two venues may call different coins by one name."""
    world = make_live(BTC=Path().break_out())
    hold(world)
    (before,) = stops(world)
    elsewhere = recording(**{base: Path(100 * times) for base in market()})
    other = Simulator(elsewhere, at_ms=NEXT).start()
    try:
        document = look_elsewhere(world, NEXT, other.url)
    finally:
        other.stop()
    assert sent(world) == []
    bot = document["bots"][0]
    assert bot["problems"]["BTC/EUR"]["rule"] == "no_quote"
    assert "the last stored close is 10" in bot["problems"]["BTC/EUR"]["detail"]
    assert stops(world) == [before]
    assert bot["equity"] == pytest.approx(1000, abs=5)
    tick(world, NEXT + SLOT_MS)
    assert world.count("trades", "status = 'open'") == 1
    assert world.risks() == {}


# --- the lease, and ticks that fail --------------------------------------------------------


def test_a_run_that_may_have_lost_its_lease_sends_nothing_more(make_live: MakeLive):
    """The venue takes so long over a cancel that another run may have begun."""
    world = make_live(BTC=risen(1.08))
    hold(world)
    world.gate.hooks["CancelOrder"] = lambda: time.sleep(1.6)
    with pytest.raises(LeaseLost, match="has not held its lease"):
        tick(world, NEXT, lease_s=2.0)
    assert sent(world) == ["CancelOrder"]
    world.gate.hooks.clear()
    assert [row["status"] for row in world.orders("leg = 'exit'")] == ["submitting"]
    world.end_lease()
    tick(world, NEXT + SLOT_MS)
    assert sent(world) == ["AddOrder market"]
    exits = world.orders("leg = 'exit'")
    assert sorted(row["status"] for row in exits) == ["filled", "not_placed"]
    assert len({row["client_id"] for row in exits}) == 2


class Blind(PostgresStore):
    """A database that gives no candles."""

    def windows(self, wanted: Any) -> Any:
        raise DatabaseError("no candles today", where="windows", fix="")


def test_after_a_tick_that_failed_the_next_look_reaches_as_far_back(make_live: MakeLive):
    """The stop filled, was seen by a tick that saved nothing of it, and is seen again."""
    world = make_live(BTC=Path().break_out().dip(T0 + STEP - MINUTE, 0.98))
    hold(world)
    before = observed_ms(world)
    assert before == START
    world.at(NEXT)
    store = Blind(world.url)
    with pytest.raises(DatabaseError, match="no candles today"):
        world.runner.run(LiveRun(world.job(), world.clock).run(store))
    store.close()
    assert world.value("select status from ticks order by slot_at desc limit 1") == "failed"
    assert observed_ms(world) == before
    assert world.count("trades", "status = 'open'") == 1
    tick(world, NEXT + 2 * HOUR)
    assert world.trades()[0]["exit_reason"] == "stop_loss"
    assert observed_ms(world) == NEXT + 2 * HOUR


def observed_ms(world: LiveWorld) -> int:
    return int(world.value("select (live->>'observed_ms')::bigint from venue_state"))
