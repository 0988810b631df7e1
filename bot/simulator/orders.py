"""An order: what was asked, and what has become of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import ROUND_HALF_UP, Decimal

LIMIT_TYPES = frozenset({"limit", "iceberg"})
STOP_TYPES = frozenset({"stop-loss", "stop-loss-limit"})
TARGET_TYPES = frozenset({"take-profit", "take-profit-limit"})
TRAILING_TYPES = frozenset({"trailing-stop", "trailing-stop-limit"})
TRIGGERED_TYPES = STOP_TYPES | TARGET_TYPES | TRAILING_TYPES
# Types that end as a limit order; all others end as a market order.
LIMITED_TYPES = LIMIT_TYPES | {"stop-loss-limit", "take-profit-limit", "trailing-stop-limit"}
ALL_TYPES = LIMIT_TYPES | TRIGGERED_TYPES | {"market"}


@dataclass(frozen=True, slots=True)
class Offset:
    """A distance from a price: price steps, or per cent of it. Signed."""

    value: Decimal
    percent: bool

    def from_ticks(self, ticks: int) -> int:
        """The price that lies this far from a price, in whole steps, at least one."""
        away = self.value * ticks / 100 if self.percent else self.value
        return max(ticks + int(away.quantize(Decimal(1), ROUND_HALF_UP)), 1)

    def reversed(self) -> Offset:
        return Offset(-self.value, self.percent)


@dataclass(frozen=True, slots=True)
class Prices:
    """Where an order acts, in price steps; None where its type has no such price.

    trail: distance of a trailing stop, positive.  behind: distance from a
    trailing stop's trigger to its limit.
    """

    limit: int | None = None
    stop: int | None = None
    trail: Offset | None = None
    behind: Offset | None = None


@dataclass(frozen=True, slots=True)
class CloseTerms:
    """A conditional close as it was asked for; its prices are read when the parent fills."""

    type: str
    price: str
    price2: str


@dataclass(frozen=True, slots=True)
class OrderTerms:
    """What was asked. lots: size in 1e-8 base units.  expire_ms: 0 is never.  price, price2: as written on the wire."""

    symbol: str
    side: str
    type: str
    lots: int
    prices: Prices
    price: str = "0"
    price2: str = "0"
    timeinforce: str = "GTC"
    expire_ms: int = 0
    userref: int | None = None
    cl_ord_id: str | None = None
    oflags: tuple[str, ...] = ()
    trigger: str | None = None
    close: CloseTerms | None = None

    @property
    def post_only(self) -> bool:
        return "post" in self.oflags

    @property
    def fee_in_base(self) -> bool:
        """Kraken's defaults: base currency when selling, quote currency when buying."""
        return "fciq" not in self.oflags and ("fcib" in self.oflags or self.side == "sell")


@dataclass(slots=True)
class Order:
    """An order at the venue.

    turn: its place among orders of one price.  limit, stop: price steps as
    they stand now.  waiting: not triggered yet.  best: the best price since a
    trailing stop was placed.  trades: ids.
    """

    txid: str
    terms: OrderTerms
    turn: int
    opened_ms: int
    lots: int
    limit: int | None
    stop: int | None
    waiting: bool
    trail: Offset | None = None
    best: int | None = None
    refid: str | None = None
    status: str = "open"
    reason: str | None = None
    closed_ms: int = 0
    filled: int = 0
    cost: Decimal = Decimal(0)
    fee: Decimal = Decimal(0)
    price_text: str = "0"
    price2_text: str = "0"
    trades: list[str] = field(default_factory=list)
    marks: list[str] = field(default_factory=list)

    @property
    def symbol(self) -> str:
        return self.terms.symbol

    @property
    def buys(self) -> bool:
        return self.terms.side == "buy"

    @property
    def left(self) -> int:
        """Lots still to be filled."""
        return self.lots - self.filled

    @property
    def is_open(self) -> bool:
        return self.status == "open"

    @property
    def rests(self) -> bool:
        """It stands in the book as a limit order."""
        return self.is_open and not self.waiting and self.limit is not None

    @property
    def acts_below(self) -> bool:
        """Triggered when the price falls to its stop, not when it rises to it."""
        return self.buys == (self.terms.type in TARGET_TYPES)

    def mark(self, word: str) -> None:
        if word not in self.marks:
            self.marks.append(word)


@dataclass(frozen=True, slots=True)
class Fill:
    """One execution. ticks: price steps.  cost, fee: quote currency, five decimals.  ledgers: ids of its entries."""

    id: str
    number: int
    order: Order
    at_ms: int
    lots: int
    ticks: int
    cost: Decimal
    fee: Decimal
    maker: bool
    ledgers: tuple[str, str]
