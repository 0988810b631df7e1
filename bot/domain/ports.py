"""What the jobs need of the outside world; adapters fill these in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from bot.domain.candles import Candles
from bot.domain.markets import Market, OrderBook, Quote
from bot.domain.orders import Fill, Order, OrderStatus
from bot.domain.records import Lease, Snapshot, Writes
from bot.domain.venue_orders import Observation, ObserveRequest


@dataclass(frozen=True, slots=True)
class Opening:
    """The venue's first answer of a tick. status: the venue's own word, "online" is good.

    backup: the other venue that answered in its place, "" where it was the venue
    itself. With a backup's data a tick protects and exits, and never enters.
    """

    now_ms: int
    status: str
    quotes: dict[str, Quote]
    backup: str = ""


@dataclass(frozen=True, slots=True)
class CandleRequest:
    """Closed candles wanted, of the venue or of the store: those that open at or after since_ms (0: all)."""

    symbol: str
    timeframe: str
    since_ms: int


@dataclass(frozen=True, slots=True)
class CandleAnswer:
    """candles: validated, closed, gap-filled; None when `problem` says why not.

    problem: "" or one of "unreachable", "unknown_symbol", "bad_candles",
    "stale".  detail: for a person.
    """

    request: CandleRequest
    candles: Candles | None
    problem: str
    detail: str


class MarketData(Protocol):
    """Public data of one venue. Raises ExchangeError when the venue as a whole cannot be used."""

    async def opening(self, symbols: Sequence[str]) -> Opening: ...
    async def markets(self) -> tuple[Market, ...]: ...
    async def candles(self, requests: Sequence[CandleRequest], now_ms: int) -> tuple[CandleAnswer, ...]: ...
    async def order_book(self, symbol: str, depth: int = 20) -> OrderBook | None: ...
    def breaker_state(self) -> dict[str, Any]: ...
    async def aclose(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of a request to the venue: the order's new status and what was filled.

    status UNKNOWN means that nobody can tell yet: never resend.  attached: the
    stop that the venue keeps for what an entry has filled (its conditional close).
    """

    client_id: str
    status: OrderStatus
    venue_order_id: str
    fills: tuple[Fill, ...]
    detail: str
    attached: Order | None = None


class Venue(Protocol):
    """Where orders go. Answers, never raises, for anything the venue might have said.

    place: OPEN (or further) once the venue has taken it, REJECTED where it said no
    in words that we know, NOT_PLACED when nothing was sent, UNKNOWN for all else.
    amend: the order's own status when it now stands as asked, REJECTED or UNKNOWN
    otherwise.  cancel: how the order ended, with the fills that we had not seen;
    REJECTED or UNKNOWN where that cannot be told.
    """

    async def place(self, order: Order, quote: Quote, market: Market, recent_volume: float, now_ms: int) -> Answer: ...
    async def amend(self, order: Order, now_ms: int) -> Answer: ...
    async def cancel(self, order: Order, now_ms: int) -> Answer: ...


class LiveVenue(Venue, Protocol):
    """A venue that remembers orders by itself, and must be asked what became of them."""

    async def observe(self, wanted: ObserveRequest, now_ms: int) -> Observation:
        """One look at the account. now_ms: the venue's time, not after this call.

        Raises ExchangeError when any part of it could not be read whole.
        """
        ...

    def know(self, markets: Sequence[Market]) -> None:
        """Use these trading rules from now on."""
        ...

    def state(self) -> dict[str, Any]:
        """What the next process must know: failures in a row, until when to leave the venue alone."""
        ...


class Store(Protocol):
    """The database. Raises DatabaseError when it cannot be used, LeaseLost when fenced off."""

    def begin(self, holder: str, lease_s: float) -> Snapshot: ...
    def windows(self, wanted: Sequence[CandleRequest]) -> dict[tuple[str, str], Candles]: ...
    def commit(self, lease: Lease, writes: Writes) -> None: ...
    def close(self) -> None: ...
