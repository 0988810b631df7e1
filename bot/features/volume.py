"""Volume: OBV, VWAP, volume against its mean, accumulation/distribution.

OBV and accumulation/distribution are running totals without a beginning; here
they are the total of the last 200 rows. VWAP is that of the last 24 rows (a day of
hours): crypto has no session to anchor it to.
"""

from __future__ import annotations

import numpy as np

from bot.domain.candles import FloatArray
from bot.features.frame import Column, Frame
from bot.features.rolling import ratio

TOTAL_ROWS = 200
VWAP_ROWS = 24


def _vwap(f: Frame) -> FloatArray:
    volume = f.total("volume", VWAP_ROWS)
    return np.where(volume > 0.0, f.total("money", VWAP_ROWS) / volume, f.typical)


VOLUME = (
    Column(
        "obv",
        "base",
        TOTAL_ROWS,
        "volume of rising less volume of falling rows, 200 rows",
        lambda f: f.total("signed_volume", TOTAL_ROWS),
    ),
    Column("vwap", "price", VWAP_ROWS - 1, "typical price by volume, 24 rows; the row's own without volume", _vwap),
    Column("volume_sma_20", "base", 19, "mean volume of 20 rows", lambda f: f.volume_sma_20),
    Column(
        "volume_ratio",
        "fraction",
        19,
        "volume / volume_sma_20; 0 without any volume",
        lambda f: ratio(f.volume, f.volume_sma_20, 0.0),
    ),
    Column(
        "accumulation_distribution",
        "base",
        TOTAL_ROWS - 1,
        "volume by the close's place in its candle, -1 low .. 1 high, total of 200 rows",
        lambda f: f.total("placed_volume", TOTAL_ROWS),
    ),
)
