"""A venue reduced to its rules, and the ways in which it may lie: a model to hold the order life cycle against.

Written from the documented rules of Kraken's spot REST alone. It shares no code with the simulator
nor with what it is there to judge: numbers in `Decimal`, one symbol, no wire.

`ModelVenue` is the matching engine and the truth. `Wire` is the port `LiveVenue` in front of it: it carries
each request and loses, delays or garbles it as it was told to.
"""

from __future__ import annotations

import contextlib
import itertools
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from enum import Enum
from typing import Any

from bot.domain.errors import ExchangeError
from bot.domain.markets import Market, Quote
from bot.domain.orders import Fill, Leg, Order, OrderStatus, OrderType, Side, userref
from bot.domain.ports import Answer
from bot.domain.venue_orders import Balance, Observation, ObserveRequest, VenueFill, VenueOrder

ZERO = Decimal(0)
NEVER = 2**62
LAG_MS = 10_000
"""How long a new order may be missing from the list of open ones."""

LEAST_LEAD_MS = 3_000
"""Nearer to its deadline than this, a request is not sent at all."""

AMEND_LEAD_MS = 15_000
SLOWEST_CANCEL_MS = 300_000
"""A cancel has no deadline: how long one may be on its way here."""

WAY_MS = 100
"""One way of a request that is not delayed."""

TIMEOUT_MS = 10_000
LOWEST, HIGHEST = Decimal(20), Decimal(500)
"""Between these the model's market stays."""


class Refused(Exception):
    """The venue said no, in its own words."""


class Late(Exception):
    """It came behind its deadline: nothing happened, but those words prove nothing to who reads them."""


@dataclass(slots=True)
class VenueRow:
    """One order as the venue has it. word: open, closed, canceled or expired.

    attached: trigger of the stop that each of its fills makes.  triggered: of a stop, that
    it has become a market order.
    """

    order_id: str
    client_id: str
    userref: int
    parent_id: str
    side: Side
    type: OrderType
    quantity: Decimal
    limit_price: Decimal | None
    stop_price: Decimal | None
    attached: Decimal | None
    opened_ms: int
    expires_ms: int
    filled: Decimal = ZERO
    word: str = "open"
    closed_ms: int = 0
    triggered: bool = False
    fills: list[VenueFill] = field(default_factory=list)

    @property
    def open(self) -> bool:
        return self.word == "open"

    @property
    def left(self) -> Decimal:
        return self.quantity - self.filled

    @property
    def name(self) -> str:
        """What its sender called it, "" for one that the venue made by itself."""
        return "" if self.parent_id else self.client_id or f"userref {self.userref}"


def name_of(order: Order) -> str:
    """What the venue gets to hear of our name for an order: an id, or a number beside an attached stop."""
    return f"userref {userref(order.client_id)}" if order.leg is Leg.ENTRY else order.client_id


class ModelVenue:
    """The matching engine of one symbol, and the account. at_ms: the venue's clock; it only moves in `wait_until`.

    share, stops_share: how much of what they want orders get at once when they trade, (0, 1].
    exits_rest: what the market does not take of a market order at once rests; otherwise the venue ends it,
    as its price protection does.  asked: how often a new order of each name was sent, whatever came of
    it.  least_own: the fewest coins there ever were that no resting sell offered, beside those of the beginning.
    """

    def __init__(
        self, market: Market, cash: Decimal, coins: Decimal, price: Decimal, at_ms: int, exits_rest: bool = True
    ) -> None:
        self.market = market
        self.exits_rest = exits_rest
        self.cash, self.coins = cash, coins
        self.price, self.at_ms = price, at_ms
        self.share = self.stops_share = Decimal(1)
        self.orders: dict[str, VenueRow] = {}
        self.asked: Counter[str] = Counter()
        self.least_own = ZERO
        self._beside = coins
        self._numbers = itertools.count(1)
        self._coming: list[tuple[int, int, Callable[[], object]]] = []

    # --- facts -----------------------------------------------------------------------------

    @property
    def open_orders(self) -> list[VenueRow]:
        return [row for row in self.orders.values() if row.open]

    @property
    def fills(self) -> list[VenueFill]:
        return [fill for row in self.orders.values() for fill in row.fills]

    @property
    def held(self) -> Decimal:
        """Coins that resting sells reserve."""
        return sum((row.left for row in self.open_orders if row.side is Side.SELL), ZERO)

    @property
    def reserved(self) -> Decimal:
        """Cash that resting buys reserve."""
        rate = 1 + self.market.taker_fee
        return sum(
            (row.left * row.limit_price * rate for row in self.open_orders if row.side is Side.BUY and row.limit_price),
            ZERO,
        )

    @property
    def quiet(self) -> bool:
        """Nothing is on its way, and nothing waits for somebody to buy it."""
        return not self._coming and not any(row.open and row.type is OrderType.MARKET for row in self.orders.values())

    @property
    def quiet_from_ms(self) -> int:
        """From when on nothing is on its way any more."""
        return max((at_ms for at_ms, _, _ in self._coming), default=self.at_ms)

    # --- requests --------------------------------------------------------------------------

    def add(self, order: Order) -> str:
        """AddOrder as it arrives: the new order's id. Raises Refused, or Late behind its deadline."""
        if self.at_ms > order.deadline_ms:
            raise Late("EService:Deadline elapsed")
        if order.quantity < self.market.min_size or order.quantity % self.market.size_step:
            raise Refused("EGeneral:Invalid arguments:volume minimum not met")
        entry = order.leg is Leg.ENTRY
        if any(row.client_id == order.client_id for row in self.open_orders):
            raise Refused("EOrder:Duplicate client order id")
        if order.side is Side.SELL and order.quantity > self.coins - self.held:
            raise Refused("EOrder:Insufficient funds")
        if order.side is Side.BUY:
            assert order.limit_price is not None
            cost = order.quantity * order.limit_price * (1 + self.market.taker_fee)
            if cost > self.cash - self.reserved:
                raise Refused("EOrder:Insufficient funds")
        row = self._new(
            client_id="" if entry else order.client_id,
            number=userref(order.client_id) if entry else 0,
            side=order.side, kind=order.type, quantity=order.quantity, limit_price=order.limit_price,
            stop_price=None if entry else order.stop_price, attached=order.stop_price if entry else None,
            expires_ms=order.expires_ms // 1000 * 1000 if entry else 0,
        )  # fmt: skip
        self._match()
        return row.order_id

    def amend(self, order_id: str, quantity: Decimal, stop_price: Decimal | None, deadline_ms: int) -> None:
        """AmendOrder as it arrives: id, fills and place stay. At or below what is filled, it ends the order."""
        if self.at_ms > deadline_ms:
            raise Late("EService:Deadline elapsed")
        row = self.orders[order_id]
        if not row.open or row.triggered:
            raise Refused("EOrder:Unknown order")
        if quantity % self.market.size_step or quantity < self.market.min_size:
            raise Refused("EGeneral:Invalid arguments:volume minimum not met")
        if quantity - row.quantity > self.coins - self.held:
            raise Refused("EOrder:Insufficient funds")
        if quantity <= row.filled:
            self._end(row, "canceled")
            return
        row.quantity = quantity
        row.stop_price = stop_price or row.stop_price
        self._count()
        self._match()

    def cancel(self, order_id: str) -> None:
        """CancelOrder as it arrives; what has filled stays filled."""
        row = self.orders[order_id]
        if not row.open:
            raise Refused("EOrder:Unknown order")
        self._end(row, "canceled")

    def later(self, at_ms: int, request: Callable[[], object]) -> None:
        """Let a request arrive at a later moment."""
        self._coming.append((at_ms, next(self._numbers), request))

    def by_hand(self) -> None:
        """A person rests an order of no name far below the market, in the same account."""
        self._new("", 0, Side.BUY, OrderType.LIMIT, self.market.min_size, Decimal(1), None, None, 0)

    # --- time and market -------------------------------------------------------------------

    def wait_until(self, at_ms: int) -> None:
        """Time passes: what was on its way arrives, what was to end ends, in the order of time."""
        while True:
            coming = min(self._coming, default=(NEVER, 0, self.by_hand))
            ending = min((row.expires_ms for row in self.open_orders if row.expires_ms), default=NEVER)
            if min(coming[0], ending) > at_ms:
                break
            self.at_ms = max(self.at_ms, min(coming[0], ending))
            if ending <= coming[0]:
                for row in self.open_orders:
                    if row.expires_ms == ending:
                        self._end(row, "expired")
                continue
            self._coming.remove(coming)
            with contextlib.suppress(Refused, Late):
                coming[2]()
        self.at_ms = max(self.at_ms, at_ms)

    def trade_at(self, price: Decimal, share: Decimal = Decimal(1), stops_share: Decimal = Decimal(1)) -> None:
        """The market trades at a price: entries at or above it fill, stops at or above it are triggered."""
        self.price, self.share, self.stops_share = price, share, stops_share
        self._match()

    def move(self, factor: Decimal, share: Decimal = Decimal(1), stops_share: Decimal = Decimal(1)) -> None:
        """The market trades at a price that is this multiple of the last one."""
        step = self.market.price_step
        price = min(max(self.price * factor, LOWEST), HIGHEST)
        self.trade_at(price // step * step, share, stops_share)

    def fill_now(self, order_id: str, share: Decimal) -> None:
        """A moment's price that reaches one order alone: it trades, and the price is back."""
        row = self.orders[order_id]
        if row.open:
            price = row.limit_price or row.stop_price or self.price
            row.triggered = row.type is OrderType.STOP_LOSS
            self._trade(row, price, share, maker=row.limit_price is not None)

    def cut_short(self, order_id: str) -> None:
        """The venue itself ends an order, as its price protection does with a market order that slides."""
        if self.orders[order_id].open:
            self._end(self.orders[order_id], "canceled")

    # --- the engine ------------------------------------------------------------------------

    def _new(
        self, client_id: str, number: int, side: Side, kind: OrderType, quantity: Decimal, limit_price: Decimal | None,
        stop_price: Decimal | None, attached: Decimal | None, expires_ms: int, parent_id: str = "",
    ) -> VenueRow:  # fmt: skip
        row = VenueRow(
            f"O-{next(self._numbers)}", client_id, number, parent_id, side, kind, quantity, limit_price, stop_price,
            attached, self.at_ms, expires_ms,
        )  # fmt: skip
        self.orders[row.order_id] = row
        self._count()
        return row

    def _count(self) -> None:
        self.least_own = min(self.least_own, self.coins - self._beside - self.held)

    def _match(self) -> None:
        """Whatever can trade at the price does, once each; stops that a fill has just made come after it."""
        done: set[str] = set()
        while True:
            ready = [row for row in self.open_orders if row.order_id not in done and self._marketable(row)]
            if not ready:
                return
            row = ready[0]
            done.add(row.order_id)
            row.triggered = row.triggered or row.type is OrderType.STOP_LOSS
            rested = row.type is OrderType.LIMIT and row.opened_ms < self.at_ms
            price = row.limit_price if rested and row.limit_price else self.price
            share = self.stops_share if row.type is OrderType.STOP_LOSS else self.share
            self._trade(row, price, share, maker=rested)

    def _marketable(self, row: VenueRow) -> bool:
        if row.type is OrderType.LIMIT:
            assert row.limit_price is not None
            return row.limit_price >= self.price
        if row.type is OrderType.STOP_LOSS:
            assert row.stop_price is not None
            return row.triggered or row.stop_price >= self.price
        return True

    def _trade(self, row: VenueRow, price: Decimal, share: Decimal, maker: bool) -> None:
        """One execution of a share of what is left; each one of an entry makes a stop of its own size."""
        step = self.market.size_step
        quantity = max((row.left * share) // step * step, min(step, row.left))
        rate = self.market.maker_fee if maker else self.market.taker_fee
        fill = VenueFill(
            f"T-{next(self._numbers)}", row.order_id, self.market.symbol, row.side, quantity, price,
            quantity * price * rate, "maker" if maker else "taker", self.at_ms,
        )  # fmt: skip
        row.fills.append(fill)
        row.filled += quantity
        bought = row.side is Side.BUY
        self.coins += quantity if bought else -quantity
        self.cash += (-quantity if bought else quantity) * price - fill.fee
        if row.filled == row.quantity:
            self._end(row, "closed")
        elif row.type is OrderType.MARKET and not self.exits_rest:
            self._end(row, "canceled")
        if row.attached is not None:
            self._new(
                "", row.userref, Side.SELL, OrderType.STOP_LOSS, quantity, None, row.attached, None, 0, row.order_id
            )
        self._count()

    def _end(self, row: VenueRow, word: str) -> None:
        row.word, row.closed_ms = word, self.at_ms


def status_of(row: VenueRow) -> OrderStatus:
    """The venue's word in ours."""
    if row.open:
        return OrderStatus.PARTIALLY_FILLED if row.filled else OrderStatus.OPEN
    ends = {"closed": OrderStatus.FILLED, "canceled": OrderStatus.CANCELLED, "expired": OrderStatus.EXPIRED}
    return ends[row.word]


def told(row: VenueRow, symbol: str) -> VenueOrder:
    """The order as a list tells it at this moment."""
    return VenueOrder(
        venue_order_id=row.order_id, client_id=row.client_id, userref=row.userref, parent_id=row.parent_id,
        symbol=symbol, side=row.side, type=row.type, status=status_of(row), quantity=row.quantity, filled=row.filled,
        limit_price=row.limit_price, stop_price=row.stop_price, attached_stop_price=row.attached,
        opened_ms=row.opened_ms, closed_ms=row.closed_ms, expires_ms=row.expires_ms,
        trade_ids=tuple(fill.venue_trade_id for fill in row.fills),
    )  # fmt: skip


# --- the wire ----------------------------------------------------------------------------------


class Fate(Enum):
    """What becomes of a request and its answer."""

    ANSWERED = "answered"
    ANSWER_LOST = "taken, and the answer is lost"
    REQUEST_LOST = "lost before it arrived"
    COMES_LATE = "arrives late"
    REFUSED = "refused in words that we know"
    AFTER_A_FILL = "arrives just after a fill"


class Sight(Enum):
    """What becomes of a look at the account."""

    WHOLE = "whole"
    LAGGING = "without the newest open orders"
    FAILING = "fails"
    MOVING = "whole, and the market moves between two of its answers"


@dataclass(frozen=True)
class Request:
    """The fate of one request. delay: of a late one, the part of the time that it may take.

    timeout: the sender waits for an answer that does not come.  share: of the fill before it.
    """

    fate: Fate = Fate.ANSWERED
    delay: float = 1.0
    timeout: bool = False
    share: Decimal = Decimal(1)

    def __repr__(self) -> str:
        more = f" after {self.delay:.0%}" if self.fate is Fate.COMES_LATE else ""
        more += f" of {self.share}" if self.fate is Fate.AFTER_A_FILL else ""
        return f"<{self.fate.value}{more}{', time-out' if self.timeout else ''}>"


@dataclass(frozen=True)
class Look:
    """The fate of one look. move: how much the price moves within it, as a factor."""

    sight: Sight = Sight.WHOLE
    move: Decimal = Decimal(1)

    def __repr__(self) -> str:
        return f"<{self.sight.value}{f', by {self.move}' if self.sight is Sight.MOVING else ''}>"


class Wire:
    """Implements the port LiveVenue in front of a model venue.

    requests, looks: the fates of those to come; behind the last one all is well.  around: called
    before and after each, where a process may die.
    """

    def __init__(
        self,
        venue: ModelVenue,
        requests: Sequence[Request] = (),
        looks: Sequence[Look] = (),
        around: Callable[[str], None] = lambda what: None,
    ) -> None:
        self.venue = venue
        self._requests, self._looks, self._around = iter(requests), iter(looks), around

    def know(self, markets: Sequence[Market]) -> None:
        return None

    def state(self) -> dict[str, Any]:
        return {}

    # --- orders ----------------------------------------------------------------------------

    async def place(self, order: Order, quote: Quote, market: Market, recent_volume: float, now_ms: int) -> Answer:
        if order.deadline_ms - now_ms < LEAST_LEAD_MS:
            return Answer(order.client_id, OrderStatus.NOT_PLACED, "", (), "too late: its deadline has come")

        def request() -> str:
            return self.venue.add(order)

        said = self._send(request, order.deadline_ms, "", f"place {order.leg}", name_of(order))
        if isinstance(said, Refused):
            return Answer(order.client_id, OrderStatus.REJECTED, "", (), str(said))
        if said is None:
            return Answer(order.client_id, OrderStatus.UNKNOWN, "", (), "no answer")
        return Answer(order.client_id, OrderStatus.OPEN, str(said), (), "taken")

    async def amend(self, order: Order, now_ms: int) -> Answer:
        deadline_ms = order.deadline_ms or now_ms + AMEND_LEAD_MS

        def request() -> str:
            self.venue.amend(order.venue_order_id, order.quantity, order.stop_price, deadline_ms)
            return order.venue_order_id

        said = self._send(request, deadline_ms, order.venue_order_id, f"amend {order.leg}")
        status = order.status
        if isinstance(said, Refused) or said is None:
            status = OrderStatus.REJECTED if said else OrderStatus.UNKNOWN
        return Answer(order.client_id, status, order.venue_order_id, (), str(said or "no answer"))

    async def cancel(self, order: Order, now_ms: int) -> Answer:
        """Sent, then looked up: where the look-up tells an end, that is the answer, whatever was said."""

        def request() -> str:
            self.venue.cancel(order.venue_order_id)
            return order.venue_order_id

        said = self._send(request, now_ms + SLOWEST_CANCEL_MS, order.venue_order_id, f"cancel {order.leg}")
        row = self.venue.orders[order.venue_order_id]
        if row.open or (said is None and next(self._looks, Look()).sight is Sight.FAILING):
            return Answer(order.client_id, OrderStatus.UNKNOWN, row.order_id, (), "nobody can tell")
        counted, fills = ZERO, []
        for fill in row.fills:
            if counted >= order.filled:
                fills.append(_ours(fill, order))
            counted += fill.quantity
        return Answer(order.client_id, status_of(row), row.order_id, tuple(fills), "looked up")

    def _send(
        self, request: Callable[[], str], deadline_ms: int, order_id: str, what: str, name: str = ""
    ) -> str | Refused | None:
        """The venue's answer as far as it gets back: a token, a refusal in words that we know, or nothing."""
        self._around(f"before {what}")
        venue, how = self.venue, next(self._requests, Request())
        venue.asked.update([name] if name else [])
        fate = how.fate
        said: str | Refused | None = None
        if fate is Fate.COMES_LATE:
            venue.later(venue.at_ms + round((deadline_ms - venue.at_ms) * how.delay), request)
        elif fate is Fate.REFUSED:
            said = Refused("EAPI:Rate limit exceeded")
        elif fate is not Fate.REQUEST_LOST:
            venue.wait_until(venue.at_ms + WAY_MS)
            if fate is Fate.AFTER_A_FILL and order_id:
                venue.fill_now(order_id, how.share)
            try:
                said = request()
            except Refused as no:
                said = no
            except Late:
                said = None
        if fate in (Fate.ANSWER_LOST, Fate.COMES_LATE, Fate.REQUEST_LOST):
            said = None
            venue.wait_until(venue.at_ms + (TIMEOUT_MS if how.timeout else 0))
        self._around(f"after {what}")
        venue.wait_until(venue.at_ms + WAY_MS)
        return said

    # --- looks -----------------------------------------------------------------------------

    async def observe(self, wanted: ObserveRequest, now_ms: int) -> Observation:
        self._around("before a look")
        venue, how = self.venue, next(self._looks, Look())
        venue.wait_until(venue.at_ms + WAY_MS)
        if how.sight is Sight.FAILING:
            raise ExchangeError("the account could not be read", where="the model venue", fix="ask again")
        balances = self._balances() if wanted.balances else None
        symbol = venue.market.symbol
        lag_ms = LAG_MS if how.sight is Sight.LAGGING else 0
        seen = {row.order_id: told(row, symbol) for row in venue.open_orders if venue.at_ms - row.opened_ms >= lag_ms}
        if how.sight is Sight.MOVING:
            venue.move(how.move)
        venue.wait_until(venue.at_ms + WAY_MS)
        for row in venue.orders.values():
            if not row.open and row.closed_ms >= wanted.since_ms:
                seen[row.order_id] = told(row, symbol)
        observed = Observation(now_ms, wanted.since_ms, tuple(seen.values()), self._news(seen, wanted.filled), balances)
        self._around("after a look")
        return observed

    def _news(self, seen: Mapping[str, VenueOrder], known: Mapping[str, Decimal]) -> tuple[VenueFill, ...]:
        """Executions of the orders told that have filled otherwise than is known."""
        return tuple(
            fill
            for order_id, order in seen.items()
            if order.filled != known.get(order_id, ZERO)
            for fill in self.venue.orders[order_id].fills
            if fill.venue_trade_id in order.trade_ids
        )

    def _balances(self) -> tuple[Balance, ...]:
        venue, market = self.venue, self.venue.market
        return (
            Balance(market.base, venue.coins, venue.held, ZERO),
            Balance(market.quote, venue.cash, venue.reserved, ZERO),
        )


def _ours(fill: VenueFill, order: Order) -> Fill:
    return Fill(
        order.client_id, fill.venue_trade_id, order.symbol, fill.side, fill.quantity, fill.price, fill.fee,
        fill.liquidity, fill.filled_ms,
    )  # fmt: skip
