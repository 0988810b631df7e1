"""Rows of planned orders, what the venue is asked, and what is kept of its answers, to the last field."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal as D
from typing import Any

import pytest

from bot.domain.markets import Quote
from bot.domain.orders import Fill, Leg, Order, OrderStatus, OrderType, Side, client_id
from bot.domain.ports import Answer
from bot.domain.records import DeadLetter, OrderEvent
from bot.jobs.account import Account
from bot.jobs.orders import MOST_RUNS_PER_SLOT, plan_orders, send, take_answer
from tests.jobs.test_orders_and_account import CANCEL, EXIT, STOP, TRADE, account, holding, intent, plan
from tests.rulebook.makers import MARKET, NOW, order, stop_order

S = OrderStatus
ETH = replace(MARKET, symbol="ETH/EUR")
MARKETS = {"BTC/EUR": MARKET, "ETH/EUR": ETH}
QUOTES = {"BTC/EUR": Quote(99.98, 100.0, 99.99), "ETH/EUR": Quote(9.98, 10.0, 9.99)}
BUY = intent("place", Leg.ENTRY, limit_price=100.2, stop_price=97.5, target_price=104.5)
AMEND = replace(CANCEL, action="amend", stop_price=99.0, reason="trailing_stop")


class Venue:
    """Answers each request with the next of what it was given, and remembers all that it was asked with."""

    def __init__(self, *answers: OrderStatus | Callable[[Order], Answer]) -> None:
        self.answers = list(answers)
        self.asked: list[tuple[Any, ...]] = []

    def _answer(self, what: str, order: Order, *rest: Any) -> Answer:
        self.asked.append((what, order, *rest))
        answer = self.answers.pop(0)
        return answer(order) if callable(answer) else Answer(order.client_id, answer, "V-1", (), f"{what} as told")

    async def place(self, order: Order, *rest: Any) -> Answer:
        return self._answer("place", order, *rest)

    async def amend(self, order: Order, *rest: Any) -> Answer:
        return self._answer("amend", order, *rest)

    async def cancel(self, order: Order, *rest: Any) -> Answer:
        return self._answer("cancel", order, *rest)


def deliver(acc: Account, planned: list[Any], venue: Venue, clock: Callable[[], int] = lambda: NOW) -> None:
    asyncio.run(send(planned, acc, venue, QUOTES, MARKETS, {"BTC/EUR": 7.0}, clock))


def names(intent: Any, count: int, attempt: int = 7) -> list[str]:
    return [client_id("main", intent.symbol, intent.bar_ms, intent.leg, attempt + n) for n in range(count)]


# --- rows ----------------------------------------------------------------------------------


def test_the_row_of_an_entry_says_all_that_is_asked_for():
    acc = account(bot_id=3)
    (planned,) = plan_orders([BUY], acc, MARKETS, NOW, 7, 900_000, NOW + 15_000)
    name = client_id("main", "BTC/EUR", BUY.bar_ms, Leg.ENTRY, 0)
    assert planned.intent is BUY
    assert planned.order == Order(
        client_id=name, bot_id=3, symbol="BTC/EUR", side=Side.BUY, leg=Leg.ENTRY, type=OrderType.LIMIT,
        status=S.SUBMITTING, quantity=D(1), filled=D(0), limit_price=D("100.2"), stop_price=D("97.5"),
        target_price=D("104.5"), bar_ms=BUY.bar_ms, placed_ms=NOW, checked_ms=NOW, deadline_ms=NOW + 15_000,
        expires_ms=NOW + 900_000, venue_order_id="", trade_id=name, reason="why",
    )  # fmt: skip
    assert acc.drain().order_events == (OrderEvent(name, None, S.SUBMITTING, NOW, {"reason": "why"}),)


def test_the_row_of_an_exit_belongs_to_its_trade_and_never_expires():
    (planned,) = plan(holding(), EXIT)
    row = planned.order
    assert (row.type, row.side, row.leg) == (OrderType.MARKET, Side.SELL, Leg.EXIT)
    assert (row.trade_id, row.expires_ms) == (TRADE.trade_id, 0)
    assert (row.limit_price, row.stop_price, row.target_price) == (None, None, None)


def test_an_entry_beside_a_position_of_its_symbol_is_a_trade_of_its_own():
    (planned,) = plan(holding(), BUY)
    assert planned.order.trade_id == planned.order.client_id != TRADE.trade_id


@pytest.mark.parametrize(("price", "row"), [(0.5, D("0.5")), (0.0, None), (float("nan"), None)])
def test_a_price_that_is_none_is_no_price_and_a_small_one_is_one(price: float, row: D | None):
    (planned,) = plan(account(), replace(BUY, limit_price=price))
    assert planned.order.limit_price == row


def test_all_of_a_holding_is_sold_to_its_last_digit_and_a_part_on_the_venues_step():
    odd = D("90071992547.40993123")
    trade = replace(TRADE, quantity=odd, open_quantity=odd)
    acc = account(open_trades=(trade,), open_orders=(STOP,))
    assert plan(acc, replace(EXIT, size=float(odd)))[0].order.quantity == odd
    assert plan(acc, replace(EXIT, size=0.123456789))[0].order.quantity == D("0.12345679")
    assert plan(acc, replace(BUY, size=float(odd)))[0].order.quantity != odd


def test_of_a_holding_finer_than_the_venues_step_all_is_sold_that_can_be_ordered():
    trade = replace(TRADE, quantity=D("1.25"), open_quantity=D("1.25"))
    coarse = {"BTC/EUR": replace(MARKET, size_step=D("0.1"))}
    acc = account(open_trades=(trade,), open_orders=(STOP,))
    (planned,) = plan_orders([replace(EXIT, size=1.25)], acc, coarse, NOW, 7, 900_000, NOW)
    assert planned.order.quantity == D("1.2")


def test_the_next_exit_has_the_name_behind_the_last_one_in_use():
    first, second, third, fourth = names(EXIT, 4)
    assert plan(holding(), EXIT)[0].order.client_id == first
    acc = holding()
    acc.orders[first] = order(client_id=first)
    assert plan(acc, EXIT)[0].order.client_id == second
    settled = (order(client_id=second, status=S.CANCELLED), order(client_id=third, status=S.CANCELLED))
    assert plan(holding(settled_orders=settled), EXIT)[0].order.client_id == fourth


def test_the_last_name_of_a_slot_is_used_too():
    many = names(EXIT, MOST_RUNS_PER_SLOT)
    used = tuple(order(client_id=name, status=S.CANCELLED) for name in many[:-1])
    assert plan(holding(settled_orders=used), EXIT)[0].order.client_id == many[-1]


def test_an_amendment_is_the_resting_order_as_it_shall_stand():
    stop = stop_order(quantity=D("1.5"), filled=D("0.5"), status=S.PARTIALLY_FILLED, placed_ms=NOW - 7)
    acc = account(open_orders=(stop,), open_trades=(TRADE,))
    (planned,) = plan(acc, AMEND)
    asked = replace(stop, quantity=D("1.5"), stop_price=D(99), placed_ms=NOW, reason="trailing_stop")
    assert planned.order == asked
    assert plan(acc, replace(AMEND, size=0.123456789))[0].order.quantity == D("0.62345679")
    assert acc.orders[stop.client_id] == stop
    assert plan(acc, CANCEL)[0].order == stop


def test_an_amendment_that_changes_nothing_is_not_asked_for_and_holds_nothing_up():
    acc = holding()
    planned = plan(acc, replace(AMEND, stop_price=97.5), EXIT)
    assert [item.intent.action for item in planned] == ["place"]
    assert acc.orders[STOP.client_id] == STOP


def test_the_row_says_until_when_an_amendment_may_arrive_and_until_it_has():
    for answer, left in ((S.UNKNOWN, NOW + 15_000), (S.OPEN, 0), (S.REJECTED, 0)):
        acc = holding()
        planned = plan_orders([AMEND], acc, MARKETS, NOW, 7, 900_000, NOW + 15_000)
        assert acc.orders[STOP.client_id] == replace(STOP, deadline_ms=NOW + 15_000)
        deliver(acc, planned, Venue(answer))
        after = acc.orders[STOP.client_id]
        assert (after.deadline_ms, after.stop_price) == (left, D(99) if answer is S.OPEN else D("97.50"))


# --- asking --------------------------------------------------------------------------------


def test_a_new_order_is_sent_with_its_quote_its_rules_its_volume_and_the_time():
    acc, venue = account(), Venue(S.OPEN, S.OPEN)
    planned = plan_orders([BUY, replace(BUY, symbol="ETH/EUR")], acc, MARKETS, NOW, 7, 900_000, NOW)
    times = iter((NOW + 1, NOW + 2))
    deliver(acc, planned, venue, lambda: next(times))
    assert venue.asked == [
        ("place", planned[0].order, QUOTES["BTC/EUR"], MARKET, 7.0, NOW + 1),
        ("place", planned[1].order, QUOTES["ETH/EUR"], ETH, 0.0, NOW + 2),
    ]
    opened = acc.orders[planned[0].order.client_id]
    assert (opened.status, opened.venue_order_id) == (S.OPEN, "V-1")
    event = acc.drain().order_events[-1]
    assert event == OrderEvent(planned[1].order.client_id, S.SUBMITTING, S.OPEN, NOW + 2, {"answer": "place as told"})


def test_changes_are_asked_for_and_booked_with_the_time():
    acc, venue = holding(), Venue(S.OPEN, S.CANCELLED)
    (amended,) = plan(acc, AMEND)
    deliver(acc, [amended, *plan(acc, CANCEL)], venue, iter((NOW + 1, NOW + 2)).__next__)
    assert [(what, at_ms) for what, _, at_ms in venue.asked] == [("amend", NOW + 1), ("cancel", NOW + 2)]
    assert venue.asked[1][1] == replace(amended.order, deadline_ms=0)
    assert acc.drain().order_events == (
        OrderEvent(STOP.client_id, S.OPEN, S.OPEN, NOW + 1, {"answer": "amend as told"}),
        OrderEvent(STOP.client_id, S.OPEN, S.CANCELLED, NOW + 2, {"answer": "cancel as told"}),
    )


def test_a_step_that_did_not_come_through_stops_its_symbol_and_no_other():
    acc, venue = holding(), Venue(S.UNKNOWN, S.OPEN)
    planned = plan_orders(
        [AMEND, EXIT, replace(BUY, symbol="ETH/EUR")], acc, MARKETS, NOW, 7, 900_000, NOW
    )  # fmt: skip
    acc.drain()
    deliver(acc, planned, venue)
    assert [(what, order.symbol) for what, order, *_ in venue.asked] == [("amend", "BTC/EUR"), ("place", "ETH/EUR")]
    unsent = planned[1].order.client_id
    assert acc.orders[unsent].status is S.NOT_PLACED
    noted = {"asked": "amend", "said": "unknown", "answer": "amend as told"}
    assert acc.drain().order_events[:2] == (
        OrderEvent(STOP.client_id, S.OPEN, S.OPEN, NOW, noted),
        OrderEvent(unsent, S.SUBMITTING, S.NOT_PLACED, NOW, {"why": "an earlier step failed"}),
    )
    assert acc.orders[STOP.client_id] == STOP


def test_a_cancel_that_cannot_be_told_of_is_noted():
    acc = holding()
    deliver(acc, plan(acc, CANCEL), Venue(S.REJECTED))
    noted = {"asked": "cancel", "said": "rejected", "answer": "cancel as told"}
    assert acc.drain().order_events == (OrderEvent(STOP.client_id, S.OPEN, S.OPEN, NOW, noted),)


@pytest.mark.parametrize("end", [S.CANCELLED, S.EXPIRED])
def test_once_an_amendment_and_a_cancel_came_through_the_exit_goes(end: OrderStatus):
    acc, venue = holding(), Venue(S.OPEN, end, S.OPEN)
    deliver(acc, plan(acc, AMEND, CANCEL, EXIT), venue)
    assert [what for what, *_ in venue.asked] == ["amend", "cancel", "place"]


@pytest.mark.parametrize("status", [S.REJECTED, S.UNKNOWN, S.NOT_PLACED])
def test_behind_an_order_that_was_not_taken_nothing_more_is_sent_on_its_symbol(status: OrderStatus):
    acc, venue = holding(), Venue(status)
    deliver(acc, plan(acc, EXIT, AMEND), venue)
    assert [what for what, *_ in venue.asked] == ["place"]


def test_behind_an_order_that_was_taken_the_next_one_is_sent():
    acc, venue = holding(), Venue(S.OPEN, S.OPEN)
    deliver(acc, plan(acc, BUY, AMEND), venue)
    assert [what for what, *_ in venue.asked] == ["place", "amend"]


def test_only_a_refused_order_is_kept_for_a_person():
    acc = account()
    planned = plan(acc, BUY)
    deliver(acc, planned, Venue(S.REJECTED))
    letter = DeadLetter(planned[0].order.client_id, "BTC/EUR", Leg.ENTRY, Side.BUY, D(1), "place as told", NOW)
    assert acc.drain().dead_letters == (letter,)
    assert acc.unsettled == {}
    acc = account()
    deliver(acc, plan(acc, BUY), Venue(S.OPEN))
    assert (acc.drain().dead_letters, acc.unsettled) == ((), {})
    acc = account()
    deliver(acc, plan(acc, BUY), Venue(S.UNKNOWN))
    assert (acc.drain().dead_letters, acc.unsettled) == ((), {"BTC/EUR": "place as told"})


def test_what_was_put_back_before_it_was_sent_is_not_sent_and_the_others_are():
    acc, venue = account(), Venue(S.OPEN)
    planned = plan_orders([BUY, replace(BUY, symbol="ETH/EUR")], acc, MARKETS, NOW, 7, 900_000, NOW)
    acc.put_order(replace(planned[0].order, status=S.NOT_PLACED), NOW)
    deliver(acc, planned, venue)
    assert [order.symbol for _, order, *_ in venue.asked] == ["ETH/EUR"]


def test_a_cancel_of_what_has_ended_meanwhile_is_still_asked_for():
    acc, venue = holding(), Venue(S.CANCELLED)
    planned = plan(acc, CANCEL)
    acc.put_order(replace(STOP, status=S.CANCELLED), NOW)
    deliver(acc, planned, venue)
    assert [what for what, *_ in venue.asked] == ["cancel"]


# --- exits that have little time ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("whole_ms", "left_ms", "goes"),
    [
        (15_000, 6_000, True),
        (15_000, 5_999, False),
        (8_001, 4_000, True),
        (8_001, 3_999, False),
        (1, -1, False),
        (0, -5, True),  # on paper no time passes
    ],
)
def test_no_stop_is_taken_away_for_an_exit_that_would_come_too_late(whole_ms: int, left_ms: int, goes: bool):
    acc, venue = holding(), Venue(S.CANCELLED, S.OPEN)
    deadline_ms = NOW + whole_ms
    planned = plan_orders([CANCEL, EXIT], acc, MARKETS, NOW, 7, 900_000, deadline_ms)
    deliver(acc, planned, venue, lambda: deadline_ms - left_ms)
    assert [what for what, *_ in venue.asked] == (["cancel", "place"] if goes else [])
    if not goes:
        assert acc.orders[planned[1].order.client_id].status is S.NOT_PLACED
        assert acc.orders[STOP.client_id] == STOP


def test_an_entry_is_taken_back_however_late_it_is():
    waiting = order(client_id="e-9", trade_id="e-9")
    acc, venue = account(open_orders=(STOP, waiting), open_trades=(TRADE,)), Venue(S.CANCELLED, S.OPEN)
    withdraw = intent("cancel", Leg.ENTRY, client_id="e-9")
    planned = plan_orders([withdraw, EXIT], acc, MARKETS, NOW, 7, 900_000, NOW + 15_000)
    deliver(acc, planned, venue, lambda: NOW + 14_000)
    assert [(what, asked.leg) for what, asked, *_ in venue.asked] == [("cancel", Leg.ENTRY), ("place", Leg.EXIT)]


@pytest.mark.parametrize(
    ("first", "asked"), [(S.UNKNOWN, ["BTC/EUR"]), (S.CANCELLED, ["BTC/EUR", "BTC/EUR", "ETH/EUR", "ETH/EUR"])]
)
def test_once_nobody_could_tell_how_a_cancel_ended_no_other_stop_is_taken_away(first: OrderStatus, asked: list[str]):
    trade = replace(TRADE, trade_id="e-2", symbol="ETH/EUR")
    stop = stop_order(client_id="s-2", trade_id="e-2", symbol="ETH/EUR")
    acc = account(open_orders=(STOP, stop), open_trades=(TRADE, trade))
    steps = [CANCEL, EXIT, replace(CANCEL, symbol="ETH/EUR", client_id="s-2"), replace(EXIT, symbol="ETH/EUR")]
    planned = plan_orders(steps, acc, MARKETS, NOW, 7, 900_000, NOW)
    venue = Venue(first, S.OPEN, S.CANCELLED, S.OPEN)
    deliver(acc, planned, venue)
    assert [order.symbol for _, order, *_ in venue.asked] == asked
    assert (acc.orders["s-2"].status is S.OPEN) == (first is S.UNKNOWN)


# --- exits behind fills --------------------------------------------------------------------


def filled_before(quantity: str, end: OrderStatus) -> Callable[[Order], Answer]:
    """The stop sold this much before its cancel came through."""
    part = Fill(STOP.client_id, "v1", "BTC/EUR", Side.SELL, D(quantity), D("97.4"), D("0.39"), "taker", NOW)
    return lambda order: Answer(order.client_id, end, "", (part,), "late")


def test_an_exit_sells_no_more_than_a_late_fill_left():
    acc, venue = holding(), Venue(filled_before("0.4", S.CANCELLED), S.OPEN)
    deliver(acc, plan(acc, CANCEL, EXIT), venue)
    assert venue.asked[1][1].quantity == D("0.6")
    assert acc.orders[STOP.client_id].filled == D("0.4")


def test_an_exit_for_a_part_stays_a_part():
    acc, venue = holding(), Venue(S.OPEN)
    deliver(acc, plan(acc, replace(EXIT, size=0.25)), venue)
    assert venue.asked[0][1].quantity == D("0.25")


def test_an_exit_that_has_nothing_left_to_sell_is_not_sent_and_holds_nothing_up():
    acc, venue = holding(), Venue(filled_before("1", S.FILLED), S.OPEN)
    planned = plan(acc, CANCEL, EXIT, BUY)
    acc.drain()
    deliver(acc, planned, venue)
    assert [what for what, *_ in venue.asked] == ["cancel", "place"]
    unsent = planned[1].order.client_id
    assert [event for event in acc.drain().order_events if event.client_id == unsent] == [
        OrderEvent(unsent, S.SUBMITTING, S.NOT_PLACED, NOW, {"why": "nothing is left to sell"})
    ]


def test_a_part_that_was_meant_for_a_larger_holding_is_not_sold_of_what_a_late_fill_left():
    acc, venue = holding(), Venue(filled_before("0.25", S.CANCELLED), S.OPEN)
    planned = plan(acc, CANCEL, replace(EXIT, size=0.5), BUY)
    acc.drain()
    deliver(acc, planned, venue)
    assert [what for what, *_ in venue.asked] == ["cancel", "place"]
    unsent = planned[1].order.client_id
    assert [event for event in acc.drain().order_events if event.client_id == unsent] == [
        OrderEvent(unsent, S.SUBMITTING, S.NOT_PLACED, NOW, {"why": "a part of another holding was to be sold"})
    ]


def test_a_plan_remembers_what_was_held_of_its_symbol():
    acc = holding()
    assert [item.held for item in plan(acc, EXIT, CANCEL)] == [D(1), D(1)]
    other = plan_orders([replace(BUY, symbol="ETH/EUR")], acc, MARKETS, NOW, 7, 900_000, NOW)
    assert other[0].held == D(0)


# --- taking answers ------------------------------------------------------------------------


def test_the_stop_that_the_venue_attached_is_taken_over_with_the_fills_that_it_protects():
    acc = account()
    (planned,) = plan(acc, BUY)
    acc.drain()
    name = planned.order.client_id
    part = Fill(name, "v1", "BTC/EUR", Side.BUY, D("0.5"), D(100), D("0.2"), "taker", NOW)
    stop = stop_order(quantity=D("0.5"), trade_id=name)
    take_answer(acc, planned.order, Answer(name, S.PARTIALLY_FILLED, "V", (part,), "ok", stop), NOW)
    assert acc.drain().order_events == (
        OrderEvent(name, S.SUBMITTING, S.PARTIALLY_FILLED, NOW, {"answer": "ok"}),
        OrderEvent(stop.client_id, None, S.OPEN, NOW, {"why": "attached"}),
    )
    assert acc.orders[stop.client_id] == stop
    assert acc.orders[name].venue_order_id == "V"


def test_nothing_is_on_its_way_any_more_about_a_stop_that_was_answered():
    def answered(leg: Leg, status: OrderStatus) -> int:
        acc = holding()
        row = stop_order(client_id="n-1", leg=leg, status=S.SUBMITTING, deadline_ms=NOW + 15_000)
        take_answer(acc, row, Answer("n-1", status, "V", (), "ok"), NOW)
        return acc.orders["n-1"].deadline_ms

    assert answered(Leg.STOP, S.OPEN) == 0
    assert answered(Leg.STOP, S.UNKNOWN) == NOW + 15_000
    assert answered(Leg.EXIT, S.OPEN) == NOW + 15_000


def test_an_order_that_fills_a_second_time_goes_on_from_its_first():
    acc = holding()
    half = replace(STOP, filled=D("0.5"), status=S.PARTIALLY_FILLED, venue_order_id="V-0")
    part = Fill(STOP.client_id, "v1", "BTC/EUR", Side.SELL, D("0.5"), D(98), D("0.2"), "taker", NOW)
    take_answer(acc, half, Answer(STOP.client_id, S.FILLED, "", (part,), "ok"), NOW)
    done = acc.orders[STOP.client_id]
    assert (done.status, done.filled, done.venue_order_id) == (S.FILLED, D(1), "V-0")
