"""Coarser candles out of finer ones."""

from __future__ import annotations

import numpy as np

from bot.domain.timeframes import timeframe_ms
from training.history.rows import Rows
from training.history.spans import Span


def can_build(timeframe: str, finer: str) -> bool:
    return timeframe_ms(timeframe) % timeframe_ms(finer) == 0 and timeframe_ms(timeframe) > timeframe_ms(finer)


def build(rows: Rows, timeframe: str, span: Span, gaps_are_quiet: bool) -> Rows:
    """Candles of `timeframe` that open in `span`; the same sums as bot.domain.candle_checks.resample.

    span: on the coarser grid, and covered by `rows`.  gaps_are_quiet: the source
    leaves a candle out only when nobody traded, so that a bucket with missing
    parts is still whole. Otherwise such a bucket is left out, as resample does.
    """
    step, parts_step = timeframe_ms(timeframe), rows.step_ms
    if not can_build(timeframe, rows.timeframe):
        raise ValueError(f"{timeframe} cannot be built from {rows.timeframe}")
    rows = rows.between(*span)
    if not len(rows):
        return Rows.empty(timeframe)
    bucket = rows.open_ms - rows.open_ms % step
    starts = np.flatnonzero(np.append(True, bucket[1:] != bucket[:-1]))
    counts = np.diff(np.append(starts, len(rows)))
    made = Rows(
        timeframe,
        bucket[starts],
        rows.open[starts],
        np.maximum.reduceat(rows.high, starts),
        np.minimum.reduceat(rows.low, starts),
        rows.close[starts + counts - 1],
        np.add.reduceat(rows.volume, starts),
        np.add.reduceat(rows.quote_volume, starts),  # nan where a part does not know its own
        np.add.reduceat(rows.trades, starts),
    )
    return made if gaps_are_quiet else made.take(counts == step // parts_step)
