"""All short lives of an order: how it was sent, then whatever looks show, against a table written from SPEC section 8.

What a look shows need not make sense after what an earlier one showed: the venue may lie. The table says what our row
must say even then.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from enum import Enum
from itertools import product

import pytest

from bot.domain.errors import ExchangeError
from bot.domain.orders import Fill, Leg, Order, OrderStatus, OrderType, Side, client_id, userref
from bot.domain.ports import Answer
from bot.domain.records import Trade
from bot.domain.venue_orders import Observation, ObserveRequest, VenueFill, VenueOrder
from bot.jobs import bot_run, live
from bot.jobs.bot_run import BotRun
from bot.jobs.orders import take_answer
from bot.rulebook.ledger import apply_fill
from tests.jobs.test_orders_and_account import snapshot
from tests.lifecycle.runs import settings_with
from tests.rulebook import makers

D = Decimal
S = OrderStatus
ZERO = D(0)
SENT_MS = makers.NOW
DEADLINE_MS = SENT_MS + 15_000
BEFORE_MS, AFTER_MS = DEADLINE_MS + 9_999, DEADLINE_MS + 10_000
"""The last moment at which absence proves nothing, and the first at which it proves something."""


class Sent(Enum):
    """What came back when it was sent."""

    ID = "an id"
    REFUSAL = "words that we know"
    NOTHING_AFTER_IT_CAME = "nothing, though it was taken"
    NOTHING_AND_LOST = "nothing, and it never came"
    NOTHING_AND_LATE = "nothing, and it comes later"
    NEVER_SENT = "it never left"
    DIED = "the process died"


class Seen(Enum):
    """What a look shows of it."""

    OPEN = "open"
    FILLED = "filled"
    HALF = "cancelled with half of it filled"
    ABSENT_EARLY = "on no list, its deadline not past for long enough"
    ABSENT = "on no list, its deadline past"
    FAILED = "nothing: the look failed"


ANSWERS = {
    Sent.ID: S.OPEN,
    Sent.REFUSAL: S.REJECTED,
    Sent.NOTHING_AFTER_IT_CAME: S.UNKNOWN,
    Sent.NOTHING_AND_LOST: S.UNKNOWN,
    Sent.NOTHING_AND_LATE: S.UNKNOWN,
    Sent.NEVER_SENT: S.NOT_PLACED,
    Sent.DIED: S.SUBMITTING,
}
"""SPEC 8: an id means accepted, words on the white list rejected, all else unknown."""

IN_DOUBT = {
    Seen.OPEN: S.OPEN,
    Seen.FILLED: S.FILLED,
    Seen.HALF: S.CANCELLED,
    Seen.ABSENT_EARLY: S.UNKNOWN,
    Seen.ABSENT: S.NOT_PLACED,
}
"""SPEC 8: found is adopted; absent proves something only behind the deadline."""

TABLE = {
    S.SUBMITTING: IN_DOUBT | {Seen.FAILED: S.SUBMITTING},
    S.UNKNOWN: IN_DOUBT | {Seen.FAILED: S.UNKNOWN},
    # What was accepted is somewhere: absence only makes its symbol wait.
    S.OPEN: {
        Seen.OPEN: S.OPEN,
        Seen.FILLED: S.FILLED,
        Seen.HALF: S.CANCELLED,
        Seen.ABSENT_EARLY: S.OPEN,
        Seen.ABSENT: S.OPEN,
        Seen.FAILED: S.OPEN,
    },
    # An end is an end, whatever is shown later.
    S.FILLED: dict.fromkeys(Seen, S.FILLED),
    S.CANCELLED: dict.fromkeys(Seen, S.CANCELLED),
    S.REJECTED: dict.fromkeys(Seen, S.REJECTED),
    S.NOT_PLACED: dict.fromkeys(Seen, S.NOT_PLACED),
}
"""Status before a look, what it shows, status after it."""

FILLED_BY = {Seen.FILLED: D(1), Seen.HALF: D("0.5")}
NEVER_AT_THE_VENUE = (S.REJECTED, S.NOT_PLACED)


def expected(sent: Sent, looks: tuple[Seen, ...]) -> tuple[OrderStatus, Decimal]:
    """By the table: the last status, and the most that any look showed filled of an order that is ours."""
    status, filled = ANSWERS[sent], ZERO
    for seen in looks:
        status = TABLE[status][seen]
        if status not in NEVER_AT_THE_VENUE:
            filled = max(filled, FILLED_BY.get(seen, ZERO))
    return status, filled


# --- the order, and what is shown of it ----------------------------------------------------------

ENTRY_ID = client_id("main", "BTC/EUR", makers.BAR, Leg.ENTRY, 0)
KINDS = {Leg.ENTRY: OrderType.LIMIT, Leg.STOP: OrderType.STOP_LOSS, Leg.EXIT: OrderType.MARKET}


def order_of(leg: Leg) -> Order:
    """One that is about to be sent: an entry for 1 BTC, or what protects or sells it."""
    name = ENTRY_ID if leg is Leg.ENTRY else client_id("main", "BTC/EUR", makers.BAR, leg, 7)
    return makers.order(
        client_id=name, leg=leg, side=Side.BUY if leg is Leg.ENTRY else Side.SELL, type=KINDS[leg],
        status=S.SUBMITTING, placed_ms=SENT_MS, deadline_ms=DEADLINE_MS,
        limit_price=D("100.20") if leg is Leg.ENTRY else None, stop_price=None if leg is Leg.EXIT else D("97.50"),
    )  # fmt: skip


def held() -> Trade:
    """The trade that an entry for 1 BTC opened before."""
    fill = Fill(ENTRY_ID, "T-ENTRY", "BTC/EUR", Side.BUY, D(1), D(100), D("0.4"), "taker", SENT_MS - 60_000)
    return apply_fill(None, makers.order(), fill, "breakout")


SHOWN = {Seen.OPEN: S.OPEN, Seen.FILLED: S.FILLED, Seen.HALF: S.CANCELLED}


def fill_at(order: Order, n: int) -> VenueFill:
    return VenueFill(f"T-{n}", "O-1", order.symbol, order.side, D("0.5"), D(100), D("0.2"), "taker", SENT_MS + 1000 + n)


def observation(order: Order, seen: Seen) -> Observation:
    at_ms = BEFORE_MS if seen is Seen.ABSENT_EARLY else AFTER_MS
    if seen not in SHOWN:
        return Observation(at_ms, 0, (), (), None)
    entry, filled = order.leg is Leg.ENTRY, FILLED_BY.get(seen, ZERO)
    fills = tuple(fill_at(order, n) for n in range(int(filled / D("0.5"))))
    found = VenueOrder(
        venue_order_id="O-1", client_id="" if entry else order.client_id,
        userref=userref(order.client_id) if entry else 0, parent_id="", symbol=order.symbol, side=order.side,
        type=order.type, status=SHOWN[seen], quantity=D(1), filled=filled, limit_price=order.limit_price,
        stop_price=order.stop_price if order.leg is Leg.STOP else None,
        attached_stop_price=order.stop_price if entry else None, opened_ms=SENT_MS + 500,
        closed_ms=0 if seen is Seen.OPEN else SENT_MS + 2000, expires_ms=0,
        trade_ids=tuple(fill.venue_trade_id for fill in fills),
    )  # fmt: skip
    # The stops that an entry's fills make are shown with it.
    stops = tuple(
        replace(
            found, venue_order_id=f"O-S{n}", userref=0, parent_id="O-1", side=Side.SELL, type=OrderType.STOP_LOSS,
            status=S.OPEN, quantity=D("0.5"), filled=ZERO, limit_price=None, stop_price=D("97.50"), closed_ms=0,
            attached_stop_price=None, trade_ids=(),
        )
        for n in range(len(fills) if entry else 0)
    )  # fmt: skip
    return Observation(at_ms, 0, (found, *stops), fills, None)


class Shown:
    """A venue that can only be looked at, and shows what it is told to."""

    def __init__(self, order: Order) -> None:
        self.order = order
        self.next = Seen.FAILED

    async def observe(self, wanted: ObserveRequest, now_ms: int) -> Observation:
        if self.next is Seen.FAILED:
            raise ExchangeError("the account could not be read", where="a test")
        return observation(self.order, self.next)


def life(leg: Leg, sent: Sent, looks: tuple[Seen, ...]) -> BotRun:
    order = order_of(leg)
    trades = () if leg is Leg.ENTRY else (held(),)
    run = bot_run.open_run(snapshot(mode="live", open_trades=trades), settings_with(()))
    run.account.put_order(order, SENT_MS)
    status = ANSWERS[sent]
    if sent is not Sent.DIED:
        token = "O-1" if status is S.OPEN else ""
        take_answer(run.account, order, Answer(order.client_id, status, token, (), sent.value), SENT_MS)
    venue = Shown(order)
    run.venue = venue  # type: ignore[assignment]
    for venue.next in looks:
        try:
            _now(live.look_again(run, AFTER_MS))
        except ExchangeError:
            assert venue.next is Seen.FAILED
    return run


def _now(steps) -> None:
    """Nothing in it waits."""
    try:
        steps.send(None)
    except StopIteration:
        return
    raise AssertionError("a look waits")


def sequences(longest: int) -> Iterator[tuple[Sent, tuple[Seen, ...]]]:
    for length in range(longest):
        yield from product(Sent, product(Seen, repeat=length))


@pytest.mark.parametrize("leg", Leg)
def test_every_life_of_up_to_four_steps_ends_as_the_table_says(leg: Leg) -> None:
    count = 0
    for sent, looks in sequences(4):
        run = life(leg, sent, looks)
        order = run.account.orders[order_of(leg).client_id]
        what = f"{leg}: {sent}, {[seen.name for seen in looks]}"
        assert (order.status, order.filled) == expected(sent, looks), what
        assert order.venue_order_id in ("", "O-1"), what
        assert (order.venue_order_id == "O-1") == (order.status not in (*NEVER_AT_THE_VENUE, *DOUBT)), what
        bought = order.filled if leg is Leg.ENTRY else D(1) - order.filled
        assert sum(trade.open_quantity for trade in run.account.trades.values()) == bought, what
        assert run.account.cash == 1000 + order.filled * (D("-100.4") if leg is Leg.ENTRY else D("99.6")), what
        if order.status in DOUBT:
            assert run.account.in_doubt() == ("BTC/EUR",), what
        count += 1
    assert count == len(Sent) * (1 + 6 + 36 + 216)


DOUBT = (S.SUBMITTING, S.UNKNOWN)
