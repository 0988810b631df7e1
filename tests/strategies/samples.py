"""Candles and feature rows to judge strategies by. Seeded: the same on every run."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

import numpy as np

from bot.domain.candles import Candles
from bot.domain.timeframes import timeframe_ms
from bot.features import NAMES, FeatureTable, compute

HOUR_MS = timeframe_ms("1h")
START_MS = 1_600_000_200_000 - 1_600_000_200_000 % (24 * HOUR_MS)


@cache
def market(count: int = 1600, seed: int = 7) -> Candles:
    """A walk through rises, falls and quiet stretches, with heavy tails and volume that follows the moves."""
    random = np.random.default_rng(seed)
    drift = np.repeat(random.choice([-0.0025, 0.0, 0.003], count // 60 + 1), 60)[:count]
    noise = np.repeat(random.choice([0.003, 0.008], count // 40 + 1), 40)[:count]
    moves = drift + noise * random.standard_t(4, count)
    close = 100.0 * np.exp(np.cumsum(moves))
    open_ = np.concatenate(([100.0], close[:-1]))
    reach = np.abs(random.normal(0, 0.004, (2, count)))
    high, low = np.maximum(open_, close) * (1 + reach[0]), np.minimum(open_, close) * (1 - reach[1])
    volume = random.lognormal(3, 0.4, count) * (1 + 80 * np.abs(moves))
    open_ms = START_MS + HOUR_MS * np.arange(count, dtype=np.int64)
    return Candles("BTC/EUR", "1h", open_ms, open_, high, low, close, volume, np.zeros(count, dtype=np.bool_))


def still_market(count: int = 1600) -> Candles:
    """A price that never moves and that nobody trades."""
    price, none = np.full(count, 100.0), np.zeros(count)
    open_ms = START_MS + HOUR_MS * np.arange(count, dtype=np.int64)
    return Candles("BTC/EUR", "1h", open_ms, price, price, price, price, none, none == 0)


def coarser(candles: Candles, timeframe: str) -> Candles:
    """The complete candles of a longer timeframe."""
    size = timeframe_ms(timeframe) // candles.step_ms
    usable = len(candles) - len(candles) % size
    block = candles.take(slice(0, usable))
    shape = (-1, size)
    return Candles(
        candles.symbol,
        timeframe,
        block.open_ms[::size],
        block.open[::size],
        block.high.reshape(shape).max(axis=1),
        block.low.reshape(shape).min(axis=1),
        block.close[size - 1 :: size],
        block.volume.reshape(shape).sum(axis=1),
        np.zeros(usable // size, dtype=np.bool_),
    )


def features(candles: Candles, newest: int | None = None) -> FeatureTable:
    """All features of the newest rows (of all by default), with 4h and 1d made of all the candles."""
    context = {timeframe: coarser(candles, timeframe) for timeframe in ("4h", "1d")}
    return compute(candles.tail(newest or len(candles)), context)


@cache
def real_table() -> FeatureTable:
    return features(market())


def mixed(seed: int, rows: int, missing_share: float) -> FeatureTable:
    """Rows no market would show: each column's own values in random order, some of them missing."""
    random = np.random.default_rng(seed)
    source = real_table().values[500:]
    picked = random.integers(0, len(source), (rows, len(NAMES)))
    values = np.take_along_axis(source, picked, axis=0)
    values[random.random(values.shape) < missing_share] = np.nan
    open_ms = START_MS + HOUR_MS * np.arange(rows, dtype=np.int64)
    return FeatureTable("BTC/EUR", "1h", open_ms, values)


def row(**given: float) -> FeatureTable:
    """A table of one hand-made row; what is not given is missing."""
    return FeatureTable.from_row("BTC/EUR", "1h", START_MS, given)


def changed(base: Mapping[str, float], **given: float) -> FeatureTable:
    return row(**{**base, **given})
