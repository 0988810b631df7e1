"""Candles in, feature table out."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from bot.domain.candles import Candles
from bot.features.names import NAMES
from bot.features.table import FeatureTable

WARMUP: dict[str, int] = dict.fromkeys(NAMES, 0)

NO_CONTEXT: Mapping[str, Candles] = {}


def compute(candles: Candles, context: Mapping[str, Candles] = NO_CONTEXT) -> FeatureTable:
    """All features of every candle.

    context: closed candles of the same symbol in other timeframes, by timeframe.
    A context candle counts for a row once it is closed at or before the close of
    the row's own candle; a timeframe that is not given has nan columns.
    """
    values = np.full((len(candles), len(NAMES)), np.nan)
    return FeatureTable(candles.symbol, candles.timeframe, candles.open_ms, values)
