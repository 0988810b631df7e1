"""The price of the last trade at each moment, as the simulated venue's ticker tells it."""

from __future__ import annotations

import numpy as np

from bot.domain.candles import BoolArray, IntArray
from bot.simulator.candle_files import Series
from bot.simulator.history import History
from bot.simulator.spans import Span
from bot.simulator.tape import TRADES_PER_CANDLE, tape, traded

CHUNK = 4096
"""Candles whose trades are written out at once."""


def last_trades(history: History, moments: IntArray) -> IntArray:
    """int64[n]: price steps of the newest trade at or before each moment (ms UTC), -1 before the first one."""
    last = np.full(len(moments), -1, dtype=np.int64)
    unit = history.pair.ticks_per_unit
    for span in history.spans:
        _closes(span, moments, unit, last)
    ends = [span.from_ms for span in history.spans[1:]]
    for n, span in enumerate(history.spans):
        mine = moments < ends[n] if n < len(ends) else np.ones(len(moments), dtype=np.bool_)
        if n:
            mine &= moments >= span.from_ms
        _forming(span.series, moments, mine, unit, last)
    return last


def _closes(span: Span, moments: IntArray, unit: int, last: IntArray) -> None:
    """The close of the newest candle that is closed; a later span's candles stand over an earlier one's."""
    series = span.series
    closed = series.open_ms.searchsorted(moments - series.step_ms, side="right")
    known = closed > 0
    last[known] = np.rint(series.close[closed[known] - 1] * unit).astype(np.int64)


def _forming(series: Series, moments: IntArray, mine: BoolArray, unit: int, last: IntArray) -> None:
    """The newest trade of the candle around each moment, where it has any."""
    if not len(series):
        return
    opens = moments - moments % series.step_ms
    place = np.minimum(series.open_ms.searchsorted(opens), len(series) - 1)
    has_trades = np.zeros(len(series), dtype=np.bool_)
    has_trades[traded(series)] = True
    inside = mine & (series.open_ms[place] == opens) & has_trades[place]
    count = TRADES_PER_CANDLE[series.timeframe]
    nth = (moments - opens) // (series.step_ms // count)
    at_open = inside & (nth == 0)
    last[at_open] = np.rint(series.open[place[at_open]] * unit).astype(np.int64)
    later = np.flatnonzero(inside & (nth > 0))
    for start in range(0, len(later), CHUNK):
        some = later[start : start + CHUNK]
        ticks = tape(series.take(place[some]), unit).ticks.reshape(len(some), count)
        last[some] = ticks[np.arange(len(some)), nth[some]]
