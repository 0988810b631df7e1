"""One signal of many votes: a weighted sum over a quorum.

    score = clip( sum(weight x direction x confidence) / max(quorum, largest weight), -1, 1 )
    quorum = half of the sum of all weights, silent strategies included

Why not the mean over all: strategies look for different things and are silent
most of the time, so a mean would let none of five pass a threshold of 0.2 alone.
Why not the mean over those that voted: a timid vote alone would then weigh as
much as a confident crowd, and a weak vote that agrees would lower the score.
With a quorum, five equal weights and the default threshold of 0.20, a lone vote
passes with a confidence of 0.5 or more, two pass with 0.25 each, equal opposing
votes cancel, and no vote is ever worth less because another one joins it. The
largest weight is the floor of the divisor, so that a lone vote never counts for
more than its own confidence (a bot with one strategy has that one's confidence).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from bot.domain.candles import FloatArray
from bot.domain.errors import ConfigError
from bot.domain.signals import Signal, Vote

if TYPE_CHECKING:
    from bot.features.table import FeatureTable
    from bot.strategies.base import Strategy

QUORUM = 0.5
"""Share of all weight that makes a full score when it votes with full confidence."""

DEAD_ZONE = 0.05
"""Scores up to this size are no opinion: votes that all but cancel."""


def scores(table: FeatureTable, weighted: Sequence[tuple[Strategy, float]]) -> FloatArray:
    """The ensemble's score of every row, float64[n] in -1..1, bit-equal to evaluate's."""
    divisor = _divisor([weight for _, weight in weighted])
    total = np.zeros(len(table))
    for strategy, weight in weighted:
        votes = strategy.vote(table)
        total = total + weight * (votes.direction * votes.confidence)
    return np.clip(total / divisor, -1.0, 1.0)


def evaluate(table: FeatureTable, i: int, weighted: Sequence[tuple[Strategy, float]], close_ms: int) -> Signal:
    """The ensemble's opinion on row i, with every vote and its reason, those of no direction included.

    i: as in a list.  weighted: strategies with weights >= 0; without any weight
    the score is 0.  close_ms: when the row's candle closed.  The leader is the
    strategy that adds most to the score's direction, the first of equals.
    Raises ConfigError on a weight that is negative or no number.
    """
    divisor = _divisor([weight for _, weight in weighted])
    votes = tuple(strategy.opinion(table, i) for strategy, _ in weighted)
    pushes = [weight * (vote.direction * vote.confidence) for vote, (_, weight) in zip(votes, weighted, strict=True)]
    score = min(max(sum(pushes, start=0.0) / divisor, -1.0), 1.0)
    direction = 0 if abs(score) <= DEAD_ZONE else int(math.copysign(1, score))
    leader = _leader(votes, pushes, direction)
    return Signal(
        symbol=table.symbol,
        timeframe=table.timeframe,
        open_ms=int(table.open_ms[i]),
        close_ms=close_ms,
        direction=direction,
        confidence=abs(score),
        score=score,
        leader=leader,
        atr=float(table.column("atr_14")[i]),
        votes=votes,
        size_scale=_size_scale(table, i, weighted, leader) if direction > 0 else 1.0,
    )


def _leader(votes: Sequence[Vote], pushes: Sequence[float], direction: int) -> str:
    if direction == 0:
        return ""
    return max(zip(votes, pushes, strict=True), key=lambda pair: pair[1] * direction)[0].strategy


def _size_scale(table: FeatureTable, i: int, weighted: Sequence[tuple[Strategy, float]], leader: str) -> float:
    """What the leader wants of the rulebook's size; a strategy may shrink it, never grow it."""
    return min(next(strategy for strategy, _ in weighted if strategy.name == leader).size_scale(table, i), 1.0)


def _divisor(weights: Sequence[float]) -> float:
    for weight in weights:
        if not (math.isfinite(weight) and weight >= 0):
            raise ConfigError(f"{weight!r} is no weight", where="strategies", fix="give a number of at least 0")
    return max(QUORUM * sum(weights), max(weights, default=0.0)) or 1.0
