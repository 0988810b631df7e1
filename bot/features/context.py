"""Columns of other timeframes, joined as of each row's close.

Each has a short, exact memory, since a young coin has few daily candles.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from bot.domain.candles import BoolArray, Candles, FloatArray, IntArray
from bot.features.frame import Frame, rsi
from bot.features.rolling import wilder

CONTEXT_TIMEFRAMES = ("1h", "4h", "1d")
# Wilder's weights cut off here leave a hundredth of a point to the full ones.
RSI_ROWS = 128


@dataclass(frozen=True, slots=True)
class ContextColumn:
    """One feature of a context series; `warmup` counts rows of that series. Else as Column."""

    kind: str
    unit: str
    warmup: int
    about: str
    values: Callable[[Frame], FloatArray]


CONTEXT = (
    ContextColumn("trend", "fraction", 49, "sma_20 / sma_50 - 1", lambda f: f.sma_20 / f.sma_50 - 1.0),
    ContextColumn(
        "rsi",
        "percent",
        RSI_ROWS,
        "Wilder's RSI, 14, of 128 rows; 50 when flat",
        lambda f: rsi(wilder(f.gains_and_losses, 14, RSI_ROWS)),
    ),
    ContextColumn(
        "volume_ratio", "fraction", 19, "volume / mean volume of 20 rows; 0 without", lambda f: f.volume_ratio
    ),
)


# Rows of a context series before the first one that a row needs.
_RUN_IN = max(column.warmup for column in CONTEXT)


def _as_of(candles: Candles, series: Candles) -> tuple[IntArray, BoolArray]:
    """For each candle: place of the newest `series` candle closed by its close, and whether that is the newest due.

    A series that lags, with a candle missing between, is not used: the full
    history would have had another value.
    """
    closes = series.close_ms
    place = np.searchsorted(closes, candles.close_ms, side="right") - 1
    found = np.maximum(place, 0)
    due = (place >= 0) & (candles.close_ms - closes[found] < series.step_ms)
    return found, due


def context_values(candles: Candles, own: Frame, context: Mapping[str, Candles]) -> dict[str, FloatArray]:
    """All context columns by name, float64[n]; nan for a timeframe that is not given.

    own: the frame of `candles`, which are also the series of their own timeframe.
    """
    out: dict[str, FloatArray] = {}
    for timeframe in CONTEXT_TIMEFRAMES:
        if timeframe == candles.timeframe:
            for column in CONTEXT:
                values = column.values(own)
                values = np.concatenate((np.full(min(column.warmup, len(own)), np.nan), values[column.warmup :]))
                out[f"{column.kind}_{timeframe}"] = values
            continue
        series = context.get(timeframe)
        if series is None or not len(series) or not len(candles):
            continue
        place, due = _as_of(candles, series)
        if not due.any():
            continue
        first = max(int(place[0]) - _RUN_IN, 0)
        frame = Frame(series.take(slice(first, int(place[-1]) + 1)))
        place = place - first
        for column in CONTEXT:
            valid = due & (place >= column.warmup)
            out[f"{column.kind}_{timeframe}"] = np.where(valid, column.values(frame)[place], np.nan)
    return out
