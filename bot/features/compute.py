"""Candles in, feature table out."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from bot.domain.candles import Candles
from bot.features.columns import COLUMN, NAMES, OWN
from bot.features.context import context_values
from bot.features.frame import Frame
from bot.features.table import FeatureTable

NO_CONTEXT: Mapping[str, Candles] = {}


def compute(candles: Candles, context: Mapping[str, Candles] = NO_CONTEXT) -> FeatureTable:
    """All features of every candle; nan in the rows of a column's warm-up.

    A row depends on its own candle and on a fixed number of candles before it, on
    nothing later and nothing older: the tail of a window and of the full history
    are the same.

    context: closed candles of the same symbol in other timeframes, by timeframe.
    A context candle counts for a row once it is closed at or before the close of
    the row's own candle; a timeframe that is not given has nan columns.
    """
    frame = Frame(candles)
    # One contiguous line a column; the table is its transpose.
    lines = np.full((len(NAMES), len(candles)), np.nan)
    with np.errstate(divide="ignore", invalid="ignore"):
        for column in OWN:
            lines[COLUMN[column.name], column.warmup :] = column.values(frame)[column.warmup :]
        for name, values in context_values(candles, context).items():
            lines[COLUMN[name]] = values
    return FeatureTable(candles.symbol, candles.timeframe, candles.open_ms, lines.T)
