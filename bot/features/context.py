"""Columns of other timeframes, joined as of each row's close.

Each has a short, exact memory, since a young coin has few daily candles.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from bot.domain.candles import Candles, FloatArray, IntArray
from bot.features.frame import change, gains_and_losses, rsi
from bot.features.rolling import RollingSums, exponential_mean, ratio, wilder

CONTEXT_TIMEFRAMES = ("1h", "4h", "1d")
# Wilder's weights cut off here leave a hundredth of a point to the full ones.
RSI_ROWS = 128


@dataclass(frozen=True, slots=True)
class ContextColumn:
    """One feature of a context series: `warmup` counts its rows. values: float64[n] from close and volume."""

    kind: str
    unit: str
    warmup: int
    about: str
    values: Callable[[FloatArray, FloatArray], FloatArray]


def _trend(close: FloatArray, volume: FloatArray) -> FloatArray:
    sums = RollingSums(close[np.newaxis])
    return (50.0 / 20.0) * sums.over(0, 20) / sums.over(0, 50) - 1.0


def _rsi(close: FloatArray, volume: FloatArray) -> FloatArray:
    return rsi(exponential_mean(gains_and_losses(change(close)), wilder(14), RSI_ROWS))


def _volume_ratio(close: FloatArray, volume: FloatArray) -> FloatArray:
    return ratio(volume, RollingSums(volume[np.newaxis]).over(0, 20) / 20.0, 0.0)


CONTEXT = (
    ContextColumn("trend", "fraction", 49, "sma_20 / sma_50 - 1", _trend),
    ContextColumn("rsi", "percent", RSI_ROWS, "Wilder's RSI, 14, of 128 rows; 50 when flat", _rsi),
    ContextColumn("volume_ratio", "fraction", 19, "volume / its mean of 20 rows; 0 without any", _volume_ratio),
)

# Rows of a context series before the first one that a row needs.
_RUN_IN = max(column.warmup for column in CONTEXT)


def _as_of(candles: Candles, series: Candles) -> tuple[IntArray, IntArray]:
    """For each candle the place of the newest `series` candle closed by its close; and the rows that have none.

    A series that lags, with a candle missing between, is not used: the full
    history would have had another value.
    """
    if series is candles:
        return np.arange(len(candles)), np.empty(0, dtype=np.int64)
    closes = series.close_ms
    now = candles.close_ms
    place = np.searchsorted(closes, now, side="right") - 1
    found = np.maximum(place, 0)
    missing = (place < 0) | (now - closes[found] >= series.step_ms)
    return found, np.flatnonzero(missing)


def context_values(candles: Candles, context: Mapping[str, Candles]) -> dict[str, FloatArray]:
    """All context columns by name, float64[n]; a timeframe that is not given has none.

    The candles themselves are the series of their own timeframe.
    """
    out: dict[str, FloatArray] = {}
    for timeframe in CONTEXT_TIMEFRAMES:
        series = candles if timeframe == candles.timeframe else context.get(timeframe)
        if series is None or not len(series) or not len(candles):
            continue
        place, missing = _as_of(candles, series)
        first = max(int(place[0]) - _RUN_IN, 0)
        used = slice(first, int(place[-1]) + 1)
        place -= first
        for column in CONTEXT:
            values = column.values(series.close[used], series.volume[used])
            values[: column.warmup] = np.nan
            joined = values.take(place)
            joined[missing] = np.nan
            out[f"{column.kind}_{timeframe}"] = joined
    return out
