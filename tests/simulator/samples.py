"""Recordings made up for tests."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from bot.domain.timeframes import TIMEFRAMES_MS
from bot.simulator import Clock, Recording, Series
from bot.simulator.venue import Rules, Venue

DATA = Path(__file__).parents[3] / "shared" / "data"
START_MS = 1_700_006_400_000  # 2023-11-15 00:00 UTC
MINUTE_MS = 60_000


def make_series(
    timeframe: str = "5m", count: int = 2000, seed: int = 1, start_ms: int = START_MS, price: float = 100.0
) -> Series:
    """A random walk without gaps, prices in cents, volumes in lots."""
    rng = np.random.RandomState(seed)
    close = np.round(price * np.exp(np.cumsum(rng.normal(0, 0.002, count))), 2)
    opening = np.round(np.concatenate((close[:1], close[:-1])) * (1 + rng.normal(0, 0.0003, count)), 2)
    high = np.round(np.maximum(opening, close) * (1 + np.abs(rng.normal(0, 0.001, count))) + 0.005, 2)
    low = np.round(np.minimum(opening, close) * (1 - np.abs(rng.normal(0, 0.001, count))) - 0.005, 2)
    open_ms = start_ms + np.arange(count, dtype=np.int64) * TIMEFRAMES_MS[timeframe]
    volume = np.round(rng.lognormal(1, 1, count), 8)
    return Series(timeframe, open_ms, opening, high, low, close, volume)


def recording(*series: Series) -> Recording:
    """A recording of BTC/EUR."""
    return Recording("test", {"BTC/EUR": {one.timeframe: one for one in series}})


def venue(source: Recording, at_ms: int, rules: Rules | None = None) -> Venue:
    """A venue without its network, standing still."""
    return Venue(source, Clock(at_ms), rules or Rules())
