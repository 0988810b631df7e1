"""What the account hands on, to the last field: to the rulebook as a book, to the venue's facts, to the database."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal as D
from typing import Any

import pytest

from bot.domain.book import Cooldown, PendingEntry, Position, RestingStop
from bot.domain.decisions import PositionMark
from bot.domain.orders import Fill, Leg, OrderStatus, Side
from bot.domain.ports import Answer
from bot.domain.records import Command, DeadLetter, OrderEvent, TradeEvent
from bot.rulebook.reconcile import Ledger
from bot.rulebook.settle import Step
from tests.jobs.test_orders_and_account import ENTRY, STOP, TRADE, account, holding
from tests.rulebook.makers import BAR, MARKET, NOW, order, stop_order

S = OrderStatus
WAITING = order(client_id="e-eth", trade_id="e-eth", symbol="ETH/EUR", quantity=D(3), filled=D(1))
ENDED = replace(TRADE, trade_id="e-old", symbol="SOL/EUR", status="closed", open_quantity=D(0))


def fill(quantity: str, price: str, side: Side = Side.SELL, fee: str = "0.1", at_ms: int = NOW) -> Fill:
    return Fill("id", f"v-{quantity}-{price}", "BTC/EUR", side, D(quantity), D(price), D(fee), "taker", at_ms)


def sold(acc: Any, quantity: str, price: str = "97.4", fee: str = "0.1", at_ms: int = NOW) -> Fill:
    """The stop sells this much of what is held."""
    before = acc.orders[STOP.client_id]
    filled = before.filled + D(quantity)
    status = S.FILLED if filled == before.quantity else S.PARTIALLY_FILLED
    part = fill(quantity, price, fee=fee, at_ms=at_ms)
    acc.take_step(Step(replace(before, filled=filled, status=status), at_ms, "filled", part))
    return part


def test_a_fee_in_coins_is_kept_with_its_fill_as_far_as_the_coins_were_the_bots():
    for held, fee_base, kept in (("1.5", "0.004", "0.004"), ("1.002", "0.004", "0.002"), ("1", "0.004", "0")):
        trade = replace(TRADE, quantity=D(2), open_quantity=D(held))
        acc = account(open_orders=(STOP,), open_trades=(trade,))
        cash = acc.cash
        stop = replace(STOP, quantity=D(1), filled=D(1), status=S.FILLED)
        acc.take_step(Step(stop, NOW, "filled", replace(fill("1", "100", fee="0.4"), fee_base=D(fee_base))))
        drained = acc.drain()
        assert [one.fee_base for one in drained.fills] == [D(kept)]
        assert [one.open_quantity for one in drained.trades] == [D(held) - 1 - D(kept)]
        assert acc.cash - cash == (100 if D(kept) else D("99.6"))
        (event,) = (event for event in drained.trade_events if event.kind in ("filled", "closed"))
        assert event.detail.get("fee_base") == (kept if D(kept) else None)


# --- the book ------------------------------------------------------------------------------


def test_a_position_is_its_trade_and_the_stops_that_rest_for_it():
    trade = replace(
        TRADE, quantity=D(3), open_quantity=D(2), entry_price=D(101), fees=D("0.7"), high_water=D(106), armed=True
    )
    stop = stop_order(quantity=D(2), filled=D("0.5"), status=S.PARTIALLY_FILLED)
    (position,) = account(open_orders=(stop,), open_trades=(trade,)).positions()
    assert position == Position(
        symbol="BTC/EUR", trade_id=TRADE.trade_id, size=2.0, bought=3.0, entry_price=101.0, fees_paid=0.7,
        stops=(RestingStop(STOP.client_id, 1.5, 97.5),), target_price=104.5, high_water=106.0, armed=True,
        opened_ms=BAR,
    )  # fmt: skip


def test_stops_count_only_while_they_rest_and_for_their_own_trade_the_largest_first():
    stops = [
        stop_order(client_id="s-small", quantity=D("0.2")),
        stop_order(client_id="s-b", quantity=D("0.4")),
        stop_order(client_id="s-a", quantity=D("0.4")),
        stop_order(client_id="s-gone", status=S.CANCELLED),
        stop_order(client_id="s-doubt", status=S.UNKNOWN),
        stop_order(client_id="s-other", trade_id="e-other"),
        order(client_id="e-part", trade_id=TRADE.trade_id, status=S.PARTIALLY_FILLED),
    ]
    acc = account(open_orders=tuple(stops), open_trades=(TRADE,))
    assert [stop.client_id for stop in acc.resting_stops(TRADE)] == ["s-a", "s-b", "s-small"]


def test_a_trade_of_which_nothing_is_left_is_no_position():
    assert account(open_trades=(replace(TRADE, open_quantity=D(0)),)).positions() == ()


def test_a_stop_without_a_price_has_none_in_the_book():
    (position,) = account(open_orders=(stop_order(stop_price=None),), open_trades=(TRADE,)).positions()
    assert position.stop_price != position.stop_price


@pytest.mark.parametrize("status", [S.OPEN, S.PARTIALLY_FILLED, S.SUBMITTING, S.UNKNOWN])
def test_an_entry_that_rests_or_is_in_doubt_is_pending_with_what_it_has_yet_to_buy(status: OrderStatus):
    waiting = replace(WAITING, status=status)
    book = account(open_orders=(waiting, STOP), open_trades=(TRADE,)).book(1000.0, NOW, "")
    assert book.pending == (PendingEntry("ETH/EUR", "e-eth", 2.0, 100.2),)


def test_an_entry_that_has_ended_is_not_pending_and_one_without_a_limit_costs_nothing():
    ended = replace(WAITING, status=S.CANCELLED)
    assert account(open_orders=(ended,)).book(1000.0, NOW, "").pending == ()
    market = replace(WAITING, limit_price=None)
    assert account(open_orders=(market,)).book(1000.0, NOW, "").pending[0].price == 0.0


def test_a_book_has_the_cash_the_positions_and_the_cooldowns():
    cooldown = Cooldown("ETH/EUR", NOW + 1, 2, "stop_loss")
    book = holding(cooldowns=(cooldown,)).book(1000.0, NOW, "")
    assert book.cash == 900.0
    assert [position.symbol for position in book.positions] == ["BTC/EUR"]
    assert book.cooldowns == (cooldown,)
    assert account(initial_cash=D("0.5")).book(0.5, NOW, "").peak_equity == 0.5


@pytest.mark.parametrize(
    ("status", "doubtful"),
    [(S.SUBMITTING, True), (S.UNKNOWN, True), (S.PLANNED, True), (S.OPEN, False), (S.PARTIALLY_FILLED, False)],
)
def test_a_symbol_is_in_doubt_while_the_fate_of_an_order_is_unknown(status: OrderStatus, doubtful: bool):
    acc = account(open_orders=(replace(WAITING, status=status),))
    assert acc.in_doubt() == (("ETH/EUR",) if doubtful else ())
    acc.unsettled["BTC/EUR"] = "missing"
    assert acc.in_doubt() == (("ETH/EUR", "BTC/EUR") if doubtful else ("BTC/EUR",))


def test_a_symbol_is_in_doubt_while_an_exit_rests():
    leaving = stop_order(client_id="x-1", leg=Leg.EXIT)
    assert account(open_orders=(leaving,), open_trades=(TRADE,)).in_doubt() == ("BTC/EUR",)
    assert account(open_orders=(STOP,), open_trades=(TRADE,)).in_doubt() == ()


# --- what is known -------------------------------------------------------------------------


def test_symbols_are_those_held_and_those_with_a_living_order():
    old = replace(WAITING, client_id="e-sol", symbol="SOL/EUR", status=S.CANCELLED)
    acc = account(open_orders=(WAITING, old), open_trades=(TRADE,))
    assert acc.symbols() == {"BTC/EUR", "ETH/EUR"}
    assert acc.live_orders() == (WAITING,)
    assert acc.symbols_before() == {"BTC/EUR", "ETH/EUR", "SOL/EUR"}


def test_close_all_means_what_was_held_and_what_is_held_now():
    command = Command(1, 1, "close_all", {}, "test", NOW)
    acc = account(open_trades=(TRADE,), commands=(command,))
    acc.orders[WAITING.client_id] = WAITING
    assert acc.book(1000.0, NOW, "").close_requested == ("BTC/EUR", "ETH/EUR")
    nameless = Command(1, 1, "close", {}, "test", NOW)
    assert account(commands=(nameless,)).book(1000.0, NOW, "").close_requested == ("",)


def test_the_venues_facts_are_compared_with_snapshot_and_tick_together():
    settled = order(client_id="e-then", status=S.FILLED, filled=D(1))
    acc = account(
        open_orders=(STOP, WAITING), open_trades=(TRADE,), settled_orders=(settled,), ended_trades=(ENDED,),
        known_fills=("v-then",),
    )  # fmt: skip
    part = sold(acc, "1")
    after = replace(STOP, status=S.FILLED, filled=D(1))
    closed = acc.closed[0]
    assert acc.ledger() == Ledger(
        orders=(WAITING,),
        settled=(settled, after),
        fills=frozenset({"v-then", part.venue_trade_id}),
        trades={"e-old": ENDED, TRADE.trade_id: closed},
    )


def test_orders_that_outlive_their_trade_are_orphans():
    late = replace(WAITING, client_id="e-late", trade_id="e-old")
    bare = replace(STOP, client_id="s-bare", trade_id="e-old")
    never = replace(STOP, client_id="s-never", trade_id="e-unknown")
    doubt = replace(bare, client_id="s-doubt", status=S.UNKNOWN)
    acc = account(
        open_orders=(STOP, WAITING, late, bare, never, doubt), open_trades=(TRADE,), ended_trades=(ENDED,)
    )  # fmt: skip
    assert acc.orphans() == (late, bare, never)


def test_open_positions_are_worth_their_price_or_what_they_cost():
    assert account().positions_value({}) == D(0)
    assert isinstance(account().positions_value({}), D)


# --- events --------------------------------------------------------------------------------


def test_an_orders_event_tells_both_statuses_the_moment_and_the_detail():
    acc = account()
    acc.put_order(WAITING, NOW, reason="breakout")
    acc.put_order(replace(WAITING, status=S.CANCELLED), NOW + 1, why="withdrawn")
    assert acc.drain().order_events == (
        OrderEvent("e-eth", None, S.OPEN, NOW, {"reason": "breakout"}),
        OrderEvent("e-eth", S.OPEN, S.CANCELLED, NOW + 1, {"why": "withdrawn"}),
    )


@pytest.mark.parametrize(
    "change", [{"status": S.PARTIALLY_FILLED}, {"quantity": D(4)}, {"stop_price": D(98)}, {"filled": D(2)}]
)
def test_each_change_of_an_order_is_an_event(change: dict[str, Any]):
    acc = account(open_orders=(WAITING,))
    acc.put_order(replace(WAITING, **change), NOW)
    assert len(acc.drain().order_events) == 1
    acc.put_order(replace(WAITING, **change), NOW)
    assert acc.drain().order_events == ()


def test_a_step_of_the_venue_says_why_and_when():
    acc = holding()
    acc.take_step(Step(replace(STOP, status=S.CANCELLED), NOW - 7, "stopped_out"))
    assert acc.drain().order_events == (
        OrderEvent(STOP.client_id, S.OPEN, S.CANCELLED, NOW - 7, {"why": "stopped_out"}),
    )


def test_a_trade_follows_its_lowest_stop_and_tells_from_where_to_where():
    second = stop_order(client_id="s-2", quantity=D("0.5"), stop_price=D("98"))
    acc = account(open_orders=(STOP, second), open_trades=(TRADE,))
    acc.put_order(replace(second, stop_price=D(99)), NOW, why="amended")
    assert acc.drain().trade_events == ()
    acc.put_order(replace(STOP, stop_price=D("98.5"), reason="trailing_stop"), NOW + 1, why="amended")
    assert acc.trades[TRADE.trade_id].stop_price == D("98.5")
    moved = {"from": "97.50", "to": "98.5", "reason": "trailing_stop"}
    assert acc.drain().trade_events == (TradeEvent(TRADE.trade_id, "stop_moved", NOW + 1, moved),)


def test_a_stop_without_a_price_leaves_its_trade_without_one():
    acc = holding()
    acc.put_order(replace(STOP, stop_price=None), NOW)
    assert acc.trades[TRADE.trade_id].stop_price is None


def test_only_a_resting_stop_moves_the_stop_of_its_trade():
    acc = holding()
    acc.put_order(replace(STOP, stop_price=D(99), status=S.CANCELLED), NOW)
    acc.put_order(replace(ENTRY, stop_price=D(99), status=S.OPEN), NOW)
    assert acc.trades[TRADE.trade_id].stop_price == D("97.50")


def test_a_position_is_armed_once_and_the_event_tells_its_high_water():
    acc = holding()
    acc.mark(PositionMark("BTC/EUR", TRADE.trade_id, 103.0, True), MARKET, NOW)
    assert acc.drain().trade_events == (TradeEvent(TRADE.trade_id, "armed", NOW, {"high_water": "103"}),)
    acc.mark(PositionMark("BTC/EUR", TRADE.trade_id, 104.0, True), MARKET, NOW)
    assert acc.drain().trade_events == ()


def test_the_high_water_mark_rises_and_never_falls():
    acc = holding()
    acc.raise_high_water(TRADE.trade_id, D(99))
    assert acc.trades[TRADE.trade_id] == TRADE
    acc.raise_high_water(TRADE.trade_id, D(107))
    assert acc.drain().trades == (replace(TRADE, high_water=D(107)),)


# --- fills ---------------------------------------------------------------------------------


def test_a_trade_is_opened_filled_and_closed_and_each_event_tells_its_fill():
    acc = account()
    entry = order(quantity=D(2), filled=D(1), status=S.PARTIALLY_FILLED)
    first, second = fill("1", "100", Side.BUY, at_ms=NOW), fill("1", "101", Side.BUY, at_ms=NOW + 1)
    last = fill("2", "105", fee="0.3", at_ms=NOW + 2)
    acc.book_fill(entry, first)
    acc.book_fill(entry, second)
    acc.book_fill(stop_order(quantity=D(2), reason="trailing_stop"), last)
    events = acc.drain().trade_events
    assert [(event.trade_id, event.kind, event.at_ms) for event in events] == [
        (entry.trade_id, "opened", NOW),
        (entry.trade_id, "filled", NOW + 1),
        (entry.trade_id, "closed", NOW + 2),
    ]
    assert events[0].detail == {
        "client_id": entry.client_id, "side": "buy", "quantity": "1", "price": "100", "fee": "0.1",
        "reason": "breakout",
    }  # fmt: skip
    assert events[2].detail == {
        "client_id": STOP.client_id, "side": "sell", "quantity": "2", "price": "105", "fee": "0.3",
        "reason": "trailing_stop",
    }  # fmt: skip
    assert [trade.strategy for trade in acc.closed] == ["breakout"]


def test_a_fill_is_saved_with_the_trade_that_it_made():
    acc = holding()
    part = sold(acc, "0.5")
    writes = acc.drain()
    assert (writes.bot_id, writes.fills) == (1, (part,))
    assert [trade.open_quantity for trade in writes.trades] == [D("0.5")]
    assert acc.drain().fills == ()


def test_a_trade_that_closed_may_open_again_and_is_then_not_closed():
    acc = holding()
    sold(acc, "1")
    assert [trade.trade_id for trade in acc.closed] == [TRADE.trade_id]
    acc.book_fill(ENTRY, fill("0.5", "98", Side.BUY))
    assert acc.closed == []
    assert acc.trades[TRADE.trade_id].open_quantity == D("0.5")
    assert acc.trades[TRADE.trade_id].entry_cost == D(149)
    kinds = [event.kind for event in acc.drain().trade_events]
    assert kinds == ["closed", "filled"]


def test_a_trade_that_ended_in_an_earlier_tick_opens_again_with_all_its_history():
    acc = account(ended_trades=(ENDED,))
    entry = replace(ENTRY, trade_id="e-old", symbol="SOL/EUR")
    acc.book_fill(entry, fill("0.5", "98", Side.BUY))
    assert acc.trades["e-old"].quantity == D("1.5")
    assert [event.kind for event in acc.drain().trade_events] == ["filled"]
    assert "e-old" not in {trade.trade_id for trade in acc.closed}


def test_another_trade_that_closed_in_this_tick_stays_closed():
    other = replace(TRADE, trade_id="e-2", symbol="ETH/EUR")
    acc = account(open_orders=(STOP,), open_trades=(TRADE, other))
    sold(acc, "1")
    acc.book_fill(replace(STOP, trade_id="e-2", symbol="ETH/EUR"), fill("1", "99"))
    assert [trade.trade_id for trade in acc.closed] == [TRADE.trade_id, "e-2"]


def test_a_closed_trade_cools_its_symbol_and_breaking_even_is_no_loss():
    acc = holding(cooldowns=(Cooldown("BTC/EUR", 0, 2, ""),))
    sold(acc, "1", price="100.5", fee="0.1")
    assert acc.closed[0].pnl == D(0)
    cooldown = Cooldown("BTC/EUR", NOW + 60_000, 0, "stop_loss")
    assert acc.cooldowns == {"BTC/EUR": cooldown}
    assert acc.book(1000.0, NOW, "").cooldowns == (cooldown,)


def test_a_small_gain_is_no_loss_either():
    acc = holding(cooldowns=(Cooldown("BTC/EUR", 0, 2, ""),))
    sold(acc, "1", price="101", fee="0.1")
    assert acc.closed[0].pnl == D("0.5")
    assert acc.cooldowns["BTC/EUR"].losses == 0


# --- what did not come through -------------------------------------------------------------


def test_a_change_that_did_not_come_through_is_noted_and_its_symbol_waits():
    acc = holding()
    asked = replace(STOP, stop_price=D(99), status=S.PARTIALLY_FILLED)
    acc.note(asked, "amend", Answer(STOP.client_id, S.UNKNOWN, "", (), "no answer"), NOW)
    detail = {"asked": "amend", "said": "unknown", "answer": "no answer"}
    assert acc.drain().order_events == (OrderEvent(STOP.client_id, S.OPEN, S.OPEN, NOW, detail),)
    assert acc.orders[STOP.client_id] == STOP
    assert acc.unsettled == {"BTC/EUR": "no answer"}


def test_an_order_that_the_venue_refused_is_kept_for_a_person():
    acc = account()
    acc.bury(WAITING, "EOrder:Insufficient funds", NOW)
    letter = DeadLetter("e-eth", "ETH/EUR", Leg.ENTRY, Side.BUY, D(3), "EOrder:Insufficient funds", NOW)
    assert acc.drain().dead_letters == (letter,)
    assert acc.drain().dead_letters == ()
