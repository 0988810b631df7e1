"""Votes of strategies and the signal that an ensemble makes of them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Vote:
    """One strategy's opinion on one closed candle.

    direction: +1 buy, -1 sell, 0 none.  confidence: 0..1.
    reason: plain English, made from the features of that candle alone.
    """

    strategy: str
    direction: int
    confidence: float
    reason: str


@dataclass(frozen=True, slots=True)
class Signal:
    """The ensemble's opinion on one closed candle.

    open_ms, close_ms: of the candle.  score: weighted mean of direction x
    confidence, -1..1.  direction: sign of the score, 0 inside the dead zone.
    confidence: abs(score).  leader: the strategy that weighed most in that
    direction, "" where direction is 0.  atr: quote currency, nan when unknown.
    size_scale: share of the rulebook's size that the leader wants to buy, (0, 1].
    """

    symbol: str
    timeframe: str
    open_ms: int
    close_ms: int
    direction: int
    confidence: float
    score: float
    leader: str
    atr: float
    votes: tuple[Vote, ...]
    size_scale: float = 1.0
