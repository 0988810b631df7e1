"""Rows that a tick reads and writes: one dataclass a table, one name in Python and SQL.

Times are ms UTC (0: not set); the adapter turns them into timestamptz columns of
the same name with `_at` for `_ms`. Money and quantities are Decimal.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from bot.domain.book import BotState, BotStatus, Cooldown, Latches
from bot.domain.candles import Candles
from bot.domain.decisions import Verdict
from bot.domain.markets import Market
from bot.domain.orders import Fill, Leg, Order, OrderStatus, Side
from bot.domain.signals import Signal


@dataclass(frozen=True, slots=True)
class Trade:
    """A position from first entry to last exit. Row of `trades`.

    trade_id: client id of its entry.  quantity: base units bought so far.
    open_quantity: of those still held.  entry_price, exit_price: means over the
    fills.  entry_cost, exit_proceeds: quote currency, before fees.  fees: quote
    currency.  pnl: exit_proceeds - cost of what was sold - fees so far; final
    when closed.
    """

    trade_id: str
    bot_id: int
    symbol: str
    status: str
    strategy: str
    entry_ms: int
    exit_ms: int
    entry_price: Decimal
    exit_price: Decimal | None
    quantity: Decimal
    open_quantity: Decimal
    entry_cost: Decimal
    exit_proceeds: Decimal
    fees: Decimal
    pnl: Decimal
    stop_price: Decimal | None
    target_price: Decimal | None
    high_water: Decimal
    armed: bool
    exit_reason: str


@dataclass(frozen=True, slots=True)
class OrderEvent:
    """One step in an order's life. detail: the venue's answer, never a secret."""

    client_id: str
    from_status: OrderStatus | None
    to_status: OrderStatus
    at_ms: int
    detail: dict[str, Any]


@dataclass(frozen=True, slots=True)
class TradeEvent:
    """Audit trail of a trade: opened, added, stop_moved, armed, closed ..."""

    trade_id: str
    kind: str
    at_ms: int
    detail: dict[str, Any]


@dataclass(frozen=True, slots=True)
class DecisionRecord:
    """Everything `bot why --replay` needs: inputs and outputs of one bot's tick, as JSON."""

    bot_id: int
    inputs: dict[str, Any]
    outputs: dict[str, Any]
    settings_version: int
    code_version: str


@dataclass(frozen=True, slots=True)
class RiskEvent:
    """Something a person should know. key: one open event per (bot, key); bot_id 0 is all bots.

    severity: "info", "warning", "error".  resolved: the cause is gone.
    """

    bot_id: int
    key: str
    symbol: str
    kind: str
    severity: str
    message: str
    fix: str
    at_ms: int
    resolved: bool = False


@dataclass(frozen=True, slots=True)
class EquitySnapshot:
    """Bot metrics at one tick. drawdown, exposure: fractions.

    breaker_peak: highest equity since the global breaker was last lifted.
    drawdown_peak, paused_until_ms, breaker_since_ms, day_lost_ms: see Latches.
    """

    bot_id: int
    at_ms: int
    cash: Decimal
    positions_value: Decimal
    equity: Decimal
    peak_equity: Decimal
    drawdown: float
    exposure: float
    breaker_peak: Decimal = Decimal(0)
    breaker_since_ms: int = 0
    drawdown_peak: float = 0.0
    paused_until_ms: int = 0
    day_lost_ms: int = 0


@dataclass(frozen=True, slots=True)
class Closed:
    """What a bot's closed trades came to, by their sign after fees: wins, losses.

    won, lost: sums of net returns per entry cost, both >= 0.
    """

    wins: int = 0
    losses: int = 0
    won: float = 0.0
    lost: float = 0.0

    def with_trade(self, trade: Trade) -> Closed:
        """These and one more closed trade."""
        gain = float(trade.pnl / trade.entry_cost) if trade.entry_cost > 0 else 0.0
        return Closed(
            self.wins + (gain > 0), self.losses + (gain < 0), self.won + max(gain, 0.0), self.lost + max(-gain, 0.0)
        )


@dataclass(frozen=True, slots=True)
class DayTrade:
    """A trade that began or ended lately. exit_ms: 0 while it is open; pnl: quote currency."""

    trade_id: str
    entry_ms: int
    exit_ms: int
    pnl: Decimal


@dataclass(frozen=True, slots=True)
class StateChange:
    """A step of the bot state machine, with its reason."""

    bot_id: int
    status: BotStatus
    state: BotState
    reason: str
    at_ms: int


@dataclass(frozen=True, slots=True)
class Command:
    """What a person asked for. kind: pause, resume, close, close_all, lift_breaker. args: {"symbol": ...}."""

    command_id: int
    bot_id: int
    kind: str
    args: dict[str, Any]
    source: str
    requested_ms: int


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """An order that could not be placed, kept for a person. Row of `dead_letters`.

    why: the venue's own words, or ours.
    """

    client_id: str
    symbol: str
    leg: Leg
    side: Side
    quantity: Decimal
    why: str
    at_ms: int


@dataclass(frozen=True, slots=True)
class BotSnapshot:
    """One bot as the database has it at the start of a tick.

    overrides: the bot's own settings row, {} when it has none.  cash: initial
    cash plus all fills.  handled: {symbol: open_ms of the newest decision candle
    that has a verdict}.  last_tick_ms: the previous tick's venue time, 0 at first.
    day_open_equity: first equity snapshot of the venue day given, else None.
    latches, breaker_peak: as the previous tick left them, None where it kept none.
    closed: all closed trades.  lately: trades that began or ended since the
    previous tick's UTC day began.

    Of a live bot only: settled_orders are the final ones that the venue may still
    list, of open trades or ended lately; known_fills the venue_trade_ids of all
    these orders and of the open ones; ended_trades closed trades of any of these
    orders, which a late fill may open again; baseline what the venue's account held
    beside the bot's own when it went live, by asset.
    """

    bot_id: int
    name: str
    status: BotStatus
    state: BotState
    mode: str
    quote: str
    initial_cash: Decimal
    cash: Decimal
    settings_version: int
    overrides: dict[str, Any]
    open_orders: tuple[Order, ...]
    open_trades: tuple[Trade, ...]
    cooldowns: tuple[Cooldown, ...]
    handled: dict[str, int]
    last_tick_ms: int
    day_open_equity: Decimal | None
    day_open_ms: int
    peak_equity: Decimal | None
    commands: tuple[Command, ...]
    open_risk_keys: tuple[str, ...]
    settled_orders: tuple[Order, ...] = ()
    known_fills: tuple[str, ...] = ()
    ended_trades: tuple[Trade, ...] = ()
    baseline: dict[str, Decimal] = field(default_factory=dict)
    latches: Latches = field(default_factory=Latches)
    breaker_peak: Decimal | None = None
    closed: Closed = field(default_factory=Closed)
    lately: tuple[DayTrade, ...] = ()


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to write. token: fencing number, grows with every new holder."""

    name: str
    holder: str
    token: int
    expires_ms: int


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All that one tick loads, in one round trip.

    lease: None when another run holds it (holder then names that run).
    last_slot_ms: newest slot that is done.  series_tails: {(symbol, timeframe):
    open_ms of the newest stored candle}.  markets: cached trading rules, fetched
    at markets_ms by the venue's clock (0: never).  db_writable: False on a
    database that is over its quota.  killed: why the kill switch is on, "" when it is off.
    live_venue: what LiveVenue.state() gave the process before.
    """

    lease: Lease | None
    holder: str
    last_slot_ms: int
    last_now_ms: int
    bots: tuple[BotSnapshot, ...]
    series_tails: dict[tuple[str, str], int]
    markets: tuple[Market, ...]
    markets_ms: int
    breaker: dict[str, Any]
    db_writable: bool
    killed: str = ""
    live_venue: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class TickRecord:
    """Row of `ticks`, the slot ledger. status: running, done, failed.

    slot_ms: start of the slot.  now_ms: the venue's time when work began.
    delay_ms: now_ms - slot_ms.  missed_slots: slots between the last done one
    and this.  report: the JSON document of SPEC section 3.
    """

    slot_ms: int
    now_ms: int
    mode: str
    status: str
    missed_slots: int
    timings_ms: dict[str, float] = field(default_factory=dict)
    report: dict[str, Any] = field(default_factory=dict)
    error: str = ""


@dataclass(frozen=True, slots=True)
class BotWrites:
    """What one step of one bot's tick adds. Lists may be empty; order inside is kept."""

    bot_id: int
    orders: tuple[Order, ...] = ()
    order_events: tuple[OrderEvent, ...] = ()
    fills: tuple[Fill, ...] = ()
    trades: tuple[Trade, ...] = ()
    trade_events: tuple[TradeEvent, ...] = ()
    signals: tuple[Signal, ...] = ()
    verdicts: tuple[Verdict, ...] = ()
    decision: DecisionRecord | None = None
    cooldowns: tuple[Cooldown, ...] = ()
    equity: EquitySnapshot | None = None
    states: tuple[StateChange, ...] = ()
    commands_done: tuple[tuple[int, str], ...] = ()
    dead_letters: tuple[DeadLetter, ...] = ()


@dataclass(frozen=True, slots=True)
class Writes:
    """One commit: all of it or nothing, under the lease's fencing number.

    Orders, trades and cooldowns are upserts by their key; an order never leaves a
    final status and its filled quantity never shrinks (the schema refuses).
    Fills, verdicts and signals that exist already are left alone. release: give
    the lease back in the same commit.
    """

    tick: TickRecord | None = None
    candles: tuple[Candles, ...] = ()
    markets: tuple[Market, ...] = ()
    markets_ms: int = 0
    breaker: dict[str, Any] | None = None
    live_venue: dict[str, Any] | None = None
    bots: tuple[BotWrites, ...] = ()
    risk_events: tuple[RiskEvent, ...] = ()
    release: bool = False
