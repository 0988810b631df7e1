"""Orders on their way to a venue that may say anything, and what the account makes of it."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from bot.adapters.paper import PaperVenue
from bot.domain.book import BotState, BotStatus, Cooldown
from bot.domain.decisions import PositionMark
from bot.domain.markets import Quote
from bot.domain.orders import Fill, Intent, Leg, Order, OrderStatus, OrderType, Side
from bot.domain.ports import Answer
from bot.domain.records import BotSnapshot, Command, Trade
from bot.jobs.account import Account
from bot.jobs.orders import plan_orders, send, take_answer
from bot.rulebook.settle import Step
from tests.rulebook import makers

D = Decimal
NAN = float("nan")
NOW, BAR = makers.NOW, makers.BAR
MARKET = makers.MARKET
QUOTES = {"BTC/EUR": Quote(99.98, 100.0, 99.99)}


def snapshot(**changes: Any) -> BotSnapshot:
    base = BotSnapshot(
        bot_id=1, name="main", status=BotStatus.RUNNING, state=BotState.MONITORING, mode="paper", quote="EUR",
        initial_cash=D(1000), cash=D(1000), settings_version=0, overrides={}, open_orders=(), open_trades=(),
        cooldowns=(), handled={}, last_tick_ms=NOW - 300_000, day_open_equity=None, day_open_ms=0, peak_equity=None,
        commands=(), open_risk_keys=(),
    )  # fmt: skip
    return replace(base, **changes)


ENTRY = makers.order(status=OrderStatus.FILLED, filled=D(1))
STOP = makers.stop_order()
TRADE = Trade(
    trade_id=ENTRY.trade_id, bot_id=1, symbol="BTC/EUR", status="open", strategy="breakout", entry_ms=BAR, exit_ms=0,
    entry_price=D(100), exit_price=None, quantity=D(1), open_quantity=D(1), entry_cost=D(100), exit_proceeds=D(0),
    fees=D("0.4"), pnl=D("-0.4"), stop_price=D("97.50"), target_price=D("104.50"), high_water=D(100), armed=False,
    exit_reason="",
)  # fmt: skip


def account(**changes: Any) -> Account:
    return Account(snapshot(**changes), makers.rules(cooldown_ms=60_000, loss_cooldown_factor=8.0))


def holding(**changes: Any) -> Account:
    return account(open_orders=(STOP,), open_trades=(TRADE,), cash=D(900), **changes)


def intent(action: str, leg: Leg, **changes: Any) -> Intent:
    side = Side.BUY if leg is Leg.ENTRY else Side.SELL
    kind = {Leg.ENTRY: OrderType.LIMIT, Leg.STOP: OrderType.STOP_LOSS, Leg.EXIT: OrderType.MARKET}[leg]
    base = Intent(action, "BTC/EUR", side, leg, kind, 1.0, NAN, NAN, NAN, NOW - NOW % 300_000, "why")
    return replace(base, **changes)


def plan(acc: Account, *intents: Intent, attempt: int = 7) -> list[Any]:
    return plan_orders(intents, acc, {"BTC/EUR": MARKET}, NOW, attempt, 900_000, NOW)


class Venue:
    """Answers what it is told to, and remembers what it was asked."""

    def __init__(self, **says: OrderStatus) -> None:
        self.says = says
        self.asked: list[tuple[str, Order]] = []

    def _answer(self, what: str, order: Order) -> Answer:
        self.asked.append((what, order))
        return Answer(order.client_id, self.says[what], f"V-{what}", (), "as told")

    async def place(self, order: Order, *_: Any) -> Answer:
        return self._answer("place", order)

    async def amend(self, order: Order, now_ms: int) -> Answer:
        return self._answer("amend", order)

    async def cancel(self, order: Order, now_ms: int) -> Answer:
        return self._answer("cancel", order)


def deliver(planned: list[Any], acc: Account, venue: Any) -> None:
    asyncio.run(send(planned, acc, venue, QUOTES, {"BTC/EUR": MARKET}, {"BTC/EUR": 100.0}, lambda: NOW))


CANCEL = intent("cancel", Leg.STOP, client_id=STOP.client_id, stop_price=97.5)
EXIT = intent("place", Leg.EXIT)


def test_a_new_order_is_a_row_in_status_submitting():
    acc = account()
    (planned,) = plan(acc, intent("place", Leg.ENTRY, limit_price=100.2, stop_price=97.5, target_price=104.5))
    order = planned.order
    assert order.status is OrderStatus.SUBMITTING
    assert order.trade_id == order.client_id
    assert (order.limit_price, order.stop_price, order.target_price) == (D("100.2"), D("97.5"), D("104.5"))
    assert (order.placed_ms, order.deadline_ms, order.expires_ms) == (NOW, NOW, NOW + 900_000)
    (row,) = acc.drain().orders
    assert row == order


def test_an_entry_has_one_name_whatever_the_attempt_and_an_exit_has_many():
    entry = intent("place", Leg.ENTRY, limit_price=100.2)
    assert plan(account(), entry, attempt=1)[0].order.client_id == plan(account(), entry, attempt=2)[0].order.client_id
    assert plan(holding(), EXIT, attempt=1)[0].order.client_id != plan(holding(), EXIT, attempt=2)[0].order.client_id
    assert plan(holding(), EXIT)[0].order.trade_id == TRADE.trade_id


def test_an_exit_never_takes_the_name_of_one_that_is_in_doubt():
    seen: list[Order] = []
    for _ in range(5):
        acc = holding()
        for order in seen[-1:]:
            acc.orders[order.client_id] = order
        seen.append(plan(acc, EXIT)[0].order)
    assert len({order.client_id for order in seen}) == 5


def test_the_exit_goes_once_the_stop_is_out_of_the_way():
    acc = holding()
    venue = Venue(cancel=OrderStatus.CANCELLED, place=OrderStatus.OPEN)
    deliver(plan(acc, CANCEL, EXIT), acc, venue)
    assert [what for what, _ in venue.asked] == ["cancel", "place"]
    assert acc.orders[STOP.client_id].status is OrderStatus.CANCELLED
    assert acc.orders[STOP.client_id].venue_order_id == "V-cancel"


def test_while_the_stop_still_rests_nothing_else_is_sent():
    acc = holding()
    venue = Venue(cancel=OrderStatus.OPEN)
    planned = plan(acc, CANCEL, EXIT, replace(CANCEL, action="amend", stop_price=98.0))
    deliver(planned, acc, venue)
    assert [what for what, _ in venue.asked] == ["cancel"]
    assert acc.orders[planned[1].order.client_id].status is OrderStatus.NOT_PLACED
    assert acc.orders[STOP.client_id].status is OrderStatus.OPEN
    assert acc.orders[STOP.client_id].stop_price == D("97.50")


def test_a_stop_that_filled_while_it_was_to_be_cancelled_keeps_the_exit_back():
    acc = holding()
    planned = plan(acc, CANCEL, EXIT)
    fill = Fill(STOP.client_id, "v1", "BTC/EUR", Side.SELL, D(1), D("97.4"), D("0.39"), "taker", NOW)

    class Race(Venue):
        async def cancel(self, order: Order, now_ms: int) -> Answer:
            return Answer(order.client_id, OrderStatus.FILLED, "", (fill,), "too late")

    deliver(planned, acc, Race())
    assert acc.orders[planned[1].order.client_id].status is OrderStatus.NOT_PLACED
    (trade,) = acc.closed
    assert trade.pnl == D("97.4") - 100 - D("0.4") - D("0.39")
    assert acc.cash == D(900) + D("97.4") - D("0.39")


def test_an_amended_stop_has_the_new_price_and_covers_what_is_left():
    acc = holding()
    moved = replace(CANCEL, action="amend", stop_price=99.0, size=1.0, reason="trailing_stop")
    deliver(plan(acc, moved), acc, Venue(amend=OrderStatus.OPEN))
    stop = acc.orders[STOP.client_id]
    assert (stop.stop_price, stop.quantity, stop.reason) == (D(99), D(1), "trailing_stop")
    assert acc.trades[TRADE.trade_id].stop_price == D(99)
    assert [event.kind for event in acc.drain().trade_events] == ["stop_moved"]


def test_an_unknown_answer_leaves_the_order_in_doubt_and_the_symbol_alone():
    acc = holding()
    planned = plan(acc, EXIT)
    deliver(planned, acc, Venue(place=OrderStatus.UNKNOWN))
    assert acc.orders[planned[0].order.client_id].status is OrderStatus.UNKNOWN
    assert acc.book(1000.0, NOW, "").in_doubt == ("BTC/EUR",)


def test_a_forbidden_step_is_refused():
    acc = holding()
    with pytest.raises(ValueError, match="cannot go from"):
        take_answer(acc, ENTRY, Answer(ENTRY.client_id, OrderStatus.OPEN, "", (), ""), NOW)


def test_several_fills_in_one_answer_are_booked_one_by_one():
    acc = account()
    (planned,) = plan(acc, intent("place", Leg.ENTRY, limit_price=100.2, stop_price=97.5))
    name = planned.order.client_id
    fills = tuple(
        Fill(name, f"v{n}", "BTC/EUR", Side.BUY, D("0.5"), price, D("0.2"), "taker", NOW)
        for n, price in enumerate((D(100), D("100.1")))
    )
    take_answer(acc, planned.order, Answer(name, OrderStatus.FILLED, "V", fills, "ok"), NOW)
    (trade,) = acc.trades.values()
    assert trade.entry_price == D("100.05")
    assert [event.to_status.value for event in acc.drain().order_events] == ["submitting", "partially_filled", "filled"]


def test_a_mark_that_changes_nothing_leaves_no_trace():
    acc = holding()
    acc.mark(PositionMark("BTC/EUR", TRADE.trade_id, 100.001, False), MARKET, NOW)
    assert acc.drain().trades == ()
    acc.mark(PositionMark("BTC/EUR", TRADE.trade_id, 103.0, True), MARKET, NOW)
    acc.mark(PositionMark("BTC/EUR", TRADE.trade_id, 104.0, True), MARKET, NOW)
    writes = acc.drain()
    assert [event.kind for event in writes.trade_events] == ["armed"]
    assert (writes.trades[0].high_water, writes.trades[0].armed) == (D(104), True)


def test_an_order_that_is_taken_over_unchanged_makes_no_event():
    acc = holding()
    acc.take_step(Step(replace(STOP, checked_ms=NOW), NOW, "checked"))
    writes = acc.drain()
    assert writes.order_events == ()
    assert writes.orders[0].checked_ms == NOW
    assert acc.drain().orders == ()


@pytest.mark.parametrize(
    ("before", "price", "losses", "times"), [(0, "97.4", 1, 1), (2, "97.4", 3, 64), (2, "105", 0, 1)]
)
def test_losses_in_a_row_are_counted_until_a_win(before: int, price: str, losses: int, times: int):
    """Each loss after the first multiplies the cooldown, here by eight."""
    acc = holding(cooldowns=(Cooldown("BTC/EUR", 0, before, ""),) if before else ())
    fill = Fill(STOP.client_id, "v", "BTC/EUR", Side.SELL, D(1), D(price), D("0.4"), "taker", NOW)
    acc.take_step(Step(replace(STOP, status=OrderStatus.FILLED, filled=D(1)), NOW, "filled", fill))
    (cooldown,) = acc.drain().cooldowns
    assert (cooldown.losses, cooldown.until_ms) == (losses, NOW + times * 60_000)


def commands(*kinds: str) -> tuple[Command, ...]:
    return tuple(Command(n, 1, kind, {"symbol": "ETH/EUR"}, "test", NOW) for n, kind in enumerate(kinds))


def test_commands_ask_to_close_and_others_do_not():
    def closing(*kinds: str) -> tuple[str, ...]:
        return holding(commands=commands(*kinds)).book(1000.0, NOW, "").close_requested

    assert closing("pause", "resume") == ()
    assert closing("close") == ("ETH/EUR",)
    assert closing("resume", "close_all", "close") == ("BTC/EUR", "ETH/EUR")


def test_the_day_opens_with_its_first_equity():
    day = 86_400_000
    today = NOW - NOW % day
    same = account(day_open_equity=D(900), day_open_ms=today + 1).book(1000.0, NOW, "")
    assert same.day_open_equity == 900.0
    earlier = account(day_open_equity=D(900), day_open_ms=today - 1).book(1000.0, NOW, "")
    assert earlier.day_open_equity == 1000.0
    assert account().book(1000.0, NOW, "").day_open_equity == 1000.0


def test_a_book_says_why_entries_wait():
    assert account().book(1.0, NOW, "").halted == ""
    assert account(status=BotStatus.PAUSED).book(1.0, NOW, "").halted == "paused"
    assert account(status=BotStatus.PAUSED).book(1.0, NOW, "venue_status").halted == "venue_status"
    assert account(peak_equity=D(1200)).book(1.0, NOW, "").peak_equity == 1200.0


def test_a_position_without_a_stop_or_target_says_so():
    acc = account(open_trades=(replace(TRADE, target_price=None),))
    (position,) = acc.positions()
    assert position.stops == ()
    assert position.stop_size == 0.0
    assert position.stop_price != position.stop_price
    assert position.target_price != position.target_price
    assert acc.positions_value({}) == D(100)
    assert acc.positions_value({"BTC/EUR": D(90)}) == D(90)


def ask_paper(order: Order, quote: Quote = QUOTES["BTC/EUR"], volume: float = 100.0) -> Answer:
    return asyncio.run(PaperVenue(makers.PAPER, "main").place(order, quote, MARKET, volume, NOW))


def submitting(leg: Leg = Leg.ENTRY, **changes: Any) -> Order:
    kind = {Leg.ENTRY: OrderType.LIMIT, Leg.STOP: OrderType.STOP_LOSS, Leg.EXIT: OrderType.MARKET}[leg]
    side = Side.BUY if leg is Leg.ENTRY else Side.SELL
    return makers.order(**{"status": OrderStatus.SUBMITTING, "leg": leg, "type": kind, "side": side} | changes)


def test_the_paper_venue_refuses_less_than_the_minimum():
    answer = ask_paper(submitting(quantity=D("0.00009")))
    assert (answer.status, answer.fills) == (OrderStatus.REJECTED, ())
    assert "minimum" in answer.detail


def test_a_stop_rests_on_the_paper_venue():
    assert ask_paper(submitting(Leg.STOP)).status is OrderStatus.OPEN


@pytest.mark.parametrize("bid", [NAN, 0.0, float("inf")])
def test_without_a_bid_the_paper_venue_sells_nothing(bid: float):
    answer = ask_paper(submitting(Leg.EXIT), Quote(bid, 100.0, 99.0))
    assert (answer.status, answer.fills) == (OrderStatus.REJECTED, ())


def test_a_market_sale_gets_the_bid_less_slippage():
    answer = ask_paper(submitting(Leg.EXIT))
    (fill,) = answer.fills
    assert (answer.status, fill.price, fill.quantity) == (OrderStatus.FILLED, D("99.93"), D(1))
    assert answer.attached is None
    assert fill.fee == D("99.93") * D("0.004")


@pytest.mark.parametrize(("quote", "volume"), [(Quote(100.9, 101.0, 101.0), 100.0), (QUOTES["BTC/EUR"], 0.0),
                                               (Quote(NAN, NAN, 100.0), 100.0)])  # fmt: skip
def test_an_entry_that_finds_no_seller_rests(quote: Quote, volume: float):
    answer = ask_paper(submitting(), quote, volume)
    assert (answer.status, answer.fills, answer.attached) == (OrderStatus.OPEN, (), None)


def test_an_entry_takes_its_share_of_the_volume_and_the_venue_keeps_a_stop_for_it():
    answer = ask_paper(submitting(), volume=2.0)
    assert answer.status is OrderStatus.PARTIALLY_FILLED
    assert answer.fills[0].quantity == D("0.5")
    assert answer.attached is not None
    assert (answer.attached.quantity, answer.attached.stop_price) == (D("0.5"), D("97.50"))
    assert answer.attached.leg is Leg.STOP


def test_the_paper_venue_amends_and_cancels_what_rests():
    venue = PaperVenue(makers.PAPER, "main")
    assert asyncio.run(venue.amend(STOP, NOW)).status is OrderStatus.OPEN
    assert asyncio.run(venue.cancel(STOP, NOW)).status is OrderStatus.CANCELLED
    with pytest.raises(ValueError, match="cannot go"):
        asyncio.run(venue.cancel(ENTRY, NOW))
