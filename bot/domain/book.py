"""Our own cash, positions and orders, as the rulebook sees them: floats, one bot.

The ledger (orders, fills, trades, in Decimal) is the truth; a book is made from
it at the start of a tick and thrown away at its end.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class BotStatus(StrEnum):
    """Whether a bot may act. Anything but RUNNING protects and exits, never enters."""

    IDLE = "IDLE"
    RUNNING = "RUNNING"
    PAUSED = "PAUSED"
    ERROR = "ERROR"


class BotState(StrEnum):
    """Where a bot is in its cycle (platform-spec)."""

    IDLE = "IDLE"
    MONITORING = "MONITORING"
    SIGNAL_DETECTED = "SIGNAL_DETECTED"
    POSITION_OPEN = "POSITION_OPEN"
    POSITION_CLOSED = "POSITION_CLOSED"


@dataclass(frozen=True, slots=True)
class RestingStop:
    """A stop order that rests on the venue. size: base units not yet sold; price: its trigger."""

    client_id: str
    size: float
    price: float


@dataclass(frozen=True, slots=True)
class Position:
    """A holding. Sizes in base units, prices in quote currency, nan where none.

    bought: all that the entry has bought, of which size is still held.
    entry_price: size-weighted mean of the entry fills.  fees_paid: quote
    currency, entry side.  stops: those that rest; a venue that attaches one to
    each fill of an entry keeps several.  high_water: highest price since entry.
    armed: trailing has begun.  adds: purchases after the first one, each made to a
    winner.  last_buy_price, last_buy_size: of the newest of them, or of the first.
    """

    symbol: str
    trade_id: str
    size: float
    bought: float
    entry_price: float
    fees_paid: float
    stops: tuple[RestingStop, ...]
    target_price: float
    high_water: float
    armed: bool
    opened_ms: int
    adds: int = 0
    last_buy_price: float = float("nan")
    last_buy_size: float = float("nan")

    @property
    def stop_price(self) -> float:
        """The lowest trigger, nan without a stop: where the whole position is sold at the latest."""
        return min((stop.price for stop in self.stops), default=float("nan"))

    @property
    def stop_size(self) -> float:
        """Base units that stops protect."""
        return sum(stop.size for stop in self.stops)


@dataclass(frozen=True, slots=True)
class PendingEntry:
    """An entry that rests or is in doubt. size: base units not yet filled; price: its limit."""

    symbol: str
    client_id: str
    size: float
    price: float


@dataclass(frozen=True, slots=True)
class Cooldown:
    """No entry on `symbol` before until_ms. losses: losing trades in a row there."""

    symbol: str
    until_ms: int
    losses: int
    reason: str


@dataclass(frozen=True, slots=True)
class Latches:
    """What rules of the whole book remember from tick to tick. Equity in quote currency, times in ms UTC.

    drawdown_peak: highest equity since the drawdown pause last ended, 0.0 unknown.
    paused_until_ms: end of that pause, 0 where none runs.  day_lost_ms: beginning of the
    UTC day whose loss was too large, 0 for none.  breaker_since_ms: when the
    global breaker opened, 0 while it is closed; only a person closes it.
    """

    drawdown_peak: float = 0.0
    paused_until_ms: int = 0
    breaker_since_ms: int = 0
    day_lost_ms: int = 0


@dataclass(frozen=True, slots=True)
class Book:
    """One bot's money at one moment.

    cash: quote currency, free and reserved together.  day_open_equity: equity
    at the first tick of the UTC day.  peak_equity: highest so far, or since a
    person closed the global breaker; 0.0 unknown.  halted: why entries wait (""
    when they do not).  in_doubt: symbols with an order whose fate is unknown.
    close_requested: symbols a person asked to close.  trades_today: trades begun
    in the UTC day.  losses_in_row: trades closed in it with a loss since the last
    one without.  wins, losses: closed trades by their sign after fees.  mean_win,
    mean_loss: their net return per entry cost, both above 0, 0.0 unknown.
    """

    cash: float
    day_open_equity: float
    peak_equity: float
    positions: tuple[Position, ...]
    pending: tuple[PendingEntry, ...]
    cooldowns: tuple[Cooldown, ...]
    in_doubt: tuple[str, ...]
    halted: str
    close_requested: tuple[str, ...]
    trades_today: int = 0
    losses_in_row: int = 0
    wins: int = 0
    losses: int = 0
    mean_win: float = 0.0
    mean_loss: float = 0.0
    latches: Latches = Latches()

    def position(self, symbol: str) -> Position | None:
        return next((p for p in self.positions if p.symbol == symbol), None)
