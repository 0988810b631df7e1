"""What goes into the rulebook and what comes out of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from bot.domain.book import Latches
from bot.domain.orders import Intent
from bot.domain.signals import Signal


class Effect(StrEnum):
    """What a rule did."""

    NOTE = "note"
    SHRINK = "shrink"
    BLOCK = "block"
    ENTER = "enter"
    PROTECT = "protect"
    EXIT = "exit"


@dataclass(frozen=True, slots=True)
class Reason:
    """One rule that spoke. `values` fill the sentence of `rule` in bot/words.py.

    rule: the rule's name in SPEC section 7 or a data problem's name.
    """

    rule: str
    effect: Effect
    values: tuple[tuple[str, float | str], ...] = ()


@dataclass(frozen=True, slots=True)
class SymbolView:
    """What is known of one symbol at the moment of decision.

    quote_bid, quote_ask, quote_last: quote currency, nan when the venue gave none.
    high_since, low_since: extremes of the protection candles closed since the
    last tick, nan when none closed.  price_step .. taker_fee: the market's rules
    (fees as fraction).  problem: why this symbol may not be entered now ("" when
    it may): "stale", "bad_candles", "unknown_symbol", "not_tradable", "no_quote".
    signals: one per decision candle closed since the last handled one, oldest first.
    atr: average true range of the decision candles, quote currency; volatility_ratio:
    of it to what is normal for the symbol; both nan when unknown.  correlations: with
    every other symbol held, pending or signalled, -1..1, unknown ones left out.
    """

    symbol: str
    quote_bid: float
    quote_ask: float
    quote_last: float
    high_since: float
    low_since: float
    price_step: float
    size_step: float
    min_size: float
    min_notional: float
    taker_fee: float
    problem: str
    signals: tuple[Signal, ...]
    atr: float = float("nan")
    volatility_ratio: float = float("nan")
    correlations: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True, slots=True)
class Verdict:
    """The one answer for a (symbol, candle), "no trade because ..." included.

    verdict: "enter", "exit", "hold", "no_trade".  reasons: in the order in which
    the rules spoke; the last one decided.
    """

    symbol: str
    timeframe: str
    bar_ms: int
    verdict: str
    reasons: tuple[Reason, ...]


@dataclass(frozen=True, slots=True)
class PositionMark:
    """New trailing state of a position after the rulebook saw the market."""

    symbol: str
    trade_id: str
    high_water: float
    armed: bool


@dataclass(frozen=True, slots=True)
class Decision:
    """The rulebook's whole answer for one bot and one tick.

    equity: cash plus positions at the bid, quote currency.  notes: reasons about
    the book as a whole (daily loss, paused).  latches: to be kept for the next tick.
    """

    equity: float
    intents: tuple[Intent, ...]
    verdicts: tuple[Verdict, ...]
    marks: tuple[PositionMark, ...]
    notes: tuple[Reason, ...]
    latches: Latches = field(default_factory=Latches)
