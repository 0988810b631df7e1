"""Intents, orders and fills, and who may follow whom in an order's life."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum


class Side(StrEnum):
    BUY = "buy"
    SELL = "sell"


class Leg(StrEnum):
    """What an order is for within its trade."""

    ENTRY = "entry"
    STOP = "stop"
    EXIT = "exit"


LEG_LETTERS = {Leg.ENTRY: "e", Leg.STOP: "s", Leg.EXIT: "x"}


class OrderType(StrEnum):
    LIMIT = "limit"
    MARKET = "market"
    STOP_LOSS = "stop_loss"


class OrderStatus(StrEnum):
    PLANNED = "planned"
    SUBMITTING = "submitting"
    OPEN = "open"
    PARTIALLY_FILLED = "partially_filled"
    FILLED = "filled"
    CANCELLED = "cancelled"
    REJECTED = "rejected"
    EXPIRED = "expired"
    NOT_PLACED = "not_placed"
    UNKNOWN = "unknown"


S = OrderStatus

NEXT_STATUS: dict[OrderStatus, frozenset[OrderStatus]] = {
    S.PLANNED: frozenset({S.SUBMITTING, S.CANCELLED, S.NOT_PLACED}),
    S.SUBMITTING: frozenset(
        {S.OPEN, S.PARTIALLY_FILLED, S.FILLED, S.REJECTED, S.UNKNOWN, S.NOT_PLACED, S.EXPIRED, S.CANCELLED}
    ),
    S.UNKNOWN: frozenset({S.OPEN, S.PARTIALLY_FILLED, S.FILLED, S.CANCELLED, S.EXPIRED, S.NOT_PLACED, S.REJECTED}),
    S.OPEN: frozenset({S.PARTIALLY_FILLED, S.FILLED, S.CANCELLED, S.EXPIRED}),
    S.PARTIALLY_FILLED: frozenset({S.PARTIALLY_FILLED, S.FILLED, S.CANCELLED, S.EXPIRED}),
    S.FILLED: frozenset(),
    S.CANCELLED: frozenset(),
    S.REJECTED: frozenset(),
    S.EXPIRED: frozenset(),
    S.NOT_PLACED: frozenset(),
}

FINAL = frozenset(status for status, following in NEXT_STATUS.items() if not following)
RESTING = frozenset({S.OPEN, S.PARTIALLY_FILLED})
IN_DOUBT = frozenset({S.SUBMITTING, S.UNKNOWN})


def client_id(account: str, symbol: str, bar_ms: int, leg: Leg, attempt: int) -> str:
    """The order's own name, equal whenever the same order is computed again.

    17 characters of ASCII (Kraken allows 18): e, s or x for entry, stop or exit,
    75 bits of BLAKE2b over all five parts in base 32, the attempt's last digit. A rerun of
    a killed tick computes the same id and so finds its own order.
    """
    parts = "\x1f".join((account, symbol, str(bar_ms), leg.value, str(attempt)))
    digest = hashlib.blake2b(parts.encode(), digest_size=10).digest()
    return f"{LEG_LETTERS[leg]}{base64.b32encode(digest).decode().lower()[:15]}{attempt % 10}"


def userref(client_id: str) -> int:
    """The number, 1 to 2^31 - 1, by which an order is found that may carry no client id beside its attached stop."""
    digest = hashlib.blake2b(client_id.encode(), digest_size=8).digest()
    return int.from_bytes(digest) % (2**31 - 1) + 1


def adopted_id(leg: Leg, venue_order_id: str) -> str:
    """Our name for an order that the venue made by itself: computed, so that finding it twice gives one row."""
    digest = hashlib.blake2b(venue_order_id.encode(), digest_size=10).digest()
    return f"{LEG_LETTERS[leg]}{base64.b32encode(digest).decode().lower()}"


@dataclass(frozen=True, slots=True)
class Intent:
    """What the rulebook wants told to the venue.

    action: "place", "amend" (a resting stop: new stop_price and size) or
    "cancel".  size: base units, already on the venue's step.  limit_price,
    stop_price: quote currency, nan where the type has none.  bar_ms: the candle
    or moment that caused it; part of the client id.  client_id: the resting
    order that an amend or a cancel is about, "" for a new one.
    """

    action: str
    symbol: str
    side: Side
    leg: Leg
    type: OrderType
    size: float
    limit_price: float
    stop_price: float
    target_price: float
    bar_ms: int
    reason: str
    client_id: str = ""


@dataclass(frozen=True, slots=True)
class Order:
    """One row of `orders`. Times in ms UTC, 0 where not set.

    quantity, filled: base units.  stop_price of an entry is the stop that
    protects its fills; of a stop, its trigger.  trade_id: the client id of the
    entry that opened the trade.  placed_ms: since when it stands as it is, amended.
    checked_ms: up to when the paper venue has matched it.  deadline_ms: the venue
    refuses it later.  expires_ms: it stops resting then.
    """

    client_id: str
    bot_id: int
    symbol: str
    side: Side
    leg: Leg
    type: OrderType
    status: OrderStatus
    quantity: Decimal
    filled: Decimal
    limit_price: Decimal | None
    stop_price: Decimal | None
    target_price: Decimal | None
    bar_ms: int
    placed_ms: int
    checked_ms: int
    deadline_ms: int
    expires_ms: int
    venue_order_id: str
    trade_id: str
    reason: str

    @property
    def remaining(self) -> Decimal:
        return self.quantity - self.filled


@dataclass(frozen=True, slots=True)
class Fill:
    """One execution. `venue_trade_id` is unique per venue: a fill is never counted twice.

    quantity: base units, without fee_base.  price, fee: quote currency (fee in quote,
    always).  liquidity: "maker" or "taker".  fee_base: base units that the venue took
    as the fee, 0 where it took money.
    """

    client_id: str
    venue_trade_id: str
    symbol: str
    side: Side
    quantity: Decimal
    price: Decimal
    fee: Decimal
    liquidity: str
    filled_ms: int
    fee_base: Decimal = Decimal(0)
