"""Candles for feature tests: walks with jumps, halts and thin trading, and recorded ones."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import pytest
from hypothesis import strategies as st

from bot.domain.candles import BoolArray, Candles, FloatArray
from bot.domain.timeframes import timeframe_ms
from bot.features import NAMES, UNITS, FeatureTable

DATA = Path(__file__).parents[3] / "shared" / "data" / "binance"
# 2023-11-15 00:00 UTC: closes a candle of every timeframe.
END_MS = 1_700_006_400_000

needs_data = pytest.mark.skipif(not DATA.is_dir(), reason=f"recorded candles are not at {DATA}")


def from_closes(close: FloatArray, timeframe: str, seed: int = 0, quiet: BoolArray | None = None) -> Candles:
    """Candles around the closes, ending at END_MS; `quiet` rows (true) have no range and no volume."""
    rng = np.random.default_rng(seed)
    count = len(close)
    calm = np.zeros(count, dtype=bool) if quiet is None else quiet
    before = np.concatenate((close[:1], close[:-1]))
    # Now and then a candle opens away from the previous close.
    open_ = np.where(calm, close, before * np.where(rng.random(count) < 0.05, 1.01, 1.0))
    reach = np.where(calm, 0.0, rng.exponential(0.004, count))
    high = np.maximum(open_, close) * (1.0 + reach)
    low = np.minimum(open_, close) * (1.0 - np.minimum(reach, 0.5))
    volume = np.where(calm, 0.0, rng.lognormal(2.0, 1.0, count))
    step = timeframe_ms(timeframe)
    open_ms = END_MS - step * np.arange(count, 0, -1, dtype=np.int64)
    return Candles("XBT/EUR", timeframe, open_ms, open_, high, low, close, volume, calm)


def walk(count: int, timeframe: str = "1h", seed: int = 0, step: float = 0.01) -> Candles:
    """A random walk from 100."""
    moves = np.random.default_rng(seed).normal(0.0, step, count)
    return from_closes(100.0 * np.exp(np.cumsum(moves)), timeframe, seed)


def with_context(count: int, seed: int = 0) -> tuple[Candles, dict[str, Candles]]:
    """Hours, with 4h and 1d candles of their own that end together with them."""
    return walk(count, "1h", seed), {"4h": walk(720, "4h", seed + 1), "1d": walk(400, "1d", seed + 2)}


_MOODS = st.tuples(
    st.sampled_from(("walk", "trend", "halt", "jump", "zigzag")),
    st.integers(1, 250),
    st.sampled_from((1e-6, 1e-4, 1e-2, 0.1)),
    st.floats(-4.6, 4.6),
)


@st.composite
def rough_markets(draw: st.DrawFn, rows: int = 700) -> Candles:
    """A market of several moods, again and again: walks of any pace, jumps by up to 100 times, halts, coarse prices."""
    moods = draw(st.lists(_MOODS, min_size=1, max_size=10))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    moves, quiet = np.empty(0), np.empty(0, dtype=np.bool_)
    while len(moves) < rows:
        for mood, length, pace, jump in moods:
            part = np.zeros(length)
            if mood == "walk":
                part = rng.normal(0.0, pace, length)
            elif mood == "trend":
                part = rng.normal(pace / 3, pace, length)
            elif mood == "jump":
                part = np.array([jump])
            elif mood == "zigzag":
                part = pace * np.where(np.arange(length) % 2, 1.0, -1.0)
            moves = np.concatenate((moves, part))
            quiet = np.concatenate((quiet, np.full(len(part), mood == "halt")))
    path = np.clip(np.cumsum(moves[:rows]), -12.0, 12.0)
    close = np.exp(path) * draw(st.sampled_from((1e-3, 1.0, 4e4)))
    digits = draw(st.sampled_from((None, 3, 8)))
    if digits is not None:
        close = np.maximum(np.round(close, digits), 10.0**-digits)
    return from_closes(close, "1h", int(rng.integers(1 << 30)), quiet[:rows])


@cache
def recorded(symbol: str, timeframe: str, start: str, stop: str) -> Candles:
    """Recorded candles, missing ones filled with the previous close and no volume."""
    duckdb = pytest.importorskip("duckdb")
    rows = duckdb.execute(
        "select epoch_ms(timestamp) as open_ms, open, high, low, close, volume from read_parquet(?)"
        " where timestamp >= ?::timestamptz and timestamp < ?::timestamptz order by 1",
        [str(DATA / symbol / f"{timeframe}.parquet"), f"{start} 00:00:00+00", f"{stop} 00:00:00+00"],
    ).fetchnumpy()
    seen = rows["open_ms"].astype(np.int64)
    open_ms = np.arange(seen[0], seen[-1] + 1, timeframe_ms(timeframe))
    source = np.searchsorted(seen, open_ms, side="right") - 1
    filled = seen[source] != open_ms
    close = rows["close"][source].astype(np.float64)

    def price(name: str) -> FloatArray:
        return np.where(filled, close, rows[name][source]).astype(np.float64)

    volume = np.where(filled, 0.0, rows["volume"][source]).astype(np.float64)
    return Candles(symbol, timeframe, open_ms, price("open"), price("high"), price("low"), close, volume, filled)


def differing(one: FeatureTable, other: FeatureTable, tolerance: float) -> dict[str, float]:
    """Columns that differ, with the largest difference: relative to the close in "price" units, else absolute.

    Volumes are compared relative to the largest one near; a nan against a number is infinite.
    """
    assert (one.open_ms == other.open_ms).all()
    worst: dict[str, float] = {}
    for name in NAMES:
        left, right = one.column(name), other.column(name)
        scale = {"price": one.column("close"), "base": 1.0 + np.abs(left)}.get(UNITS[name], np.ones(len(left)))
        gap = np.where(np.isnan(left) & np.isnan(right), 0.0, np.abs(left - right) / scale)
        gap = np.where(np.isnan(gap), np.inf, gap)
        if len(gap) and gap.max() > tolerance:
            worst[name] = float(gap.max())
    return worst
