"""The ensemble's signals on all decision candles at once, the very bits that a tick computes one by one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from bot.domain.candles import Candles, FloatArray, IntArray
from bot.features import compute
from bot.features.columns import COLUMN, WARMUP
from bot.features.table import FeatureTable
from bot.jobs.signals import Weighted
from bot.strategies.base import Strategy
from bot.strategies.ensemble import DEAD_ZONE, scores


class Signals(NamedTuple):
    """One value a candle. direction: int8.  leader: int64, place in the weighted strategies, -1 for none."""

    open_ms: IntArray
    direction: np.ndarray[tuple[int], np.dtype[np.int8]]
    confidence: FloatArray
    scale: FloatArray
    leader: IntArray
    atr: FloatArray
    volatility_ratio: FloatArray


def feature_table(candles: Candles, context: Mapping[str, Candles], window: int) -> FeatureTable:
    """Features of all candles. window: candles that a tick looks back on; what needs more is unknown to it."""
    table = compute(candles, context)
    for name, warmup in WARMUP.items():
        if warmup >= window:
            table.values[:, COLUMN[name]] = np.nan
    return table


def all_signals(table: FeatureTable, weighted: Weighted) -> Signals:
    """What ensemble.evaluate says of every row."""
    n = len(table)
    score = scores(table, weighted)
    confidence = np.abs(score)
    direction = np.where(confidence <= DEAD_ZONE, 0, np.sign(score)).astype(np.int8)
    leader = np.full(n, -1, dtype=np.int64)
    scale = np.ones(n)
    if weighted:
        votes = [(strategy.vote(table), weight) for strategy, weight in weighted]
        pushes = np.stack([weight * (vote.direction * vote.confidence) for vote, weight in votes])
        spoken = direction != 0
        leader[spoken] = np.argmax(pushes[:, spoken] * direction[spoken], axis=0)
        _shrink(table, weighted, direction, leader, scale)
    atr, ratio = table.column("atr_14"), table.column("volatility_ratio")
    return Signals(table.open_ms, direction, confidence, scale, leader, atr, ratio)


def _shrink(
    table: FeatureTable, weighted: Weighted, direction: np.ndarray[tuple[int], np.dtype[np.int8]], leader: IntArray,
    scale: FloatArray,
) -> None:  # fmt: skip
    """What the leaders of entries want of the rulebook's size."""
    for place, (strategy, _) in enumerate(weighted):
        if type(strategy).size_scale is Strategy.size_scale:
            continue
        for i in np.flatnonzero((leader == place) & (direction > 0)):
            scale[i] = min(strategy.size_scale(table, int(i)), 1.0)
