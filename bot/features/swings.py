"""Swing points: highs above, and lows below, the three rows on either side.

A swing counts from the row that confirms it, three rows after its own, and until
it is LOOKBACK rows old; each row sees the newest RECENT of them. On a plateau the
first row is the swing; a price that never moves has none.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bot.domain.candles import BoolArray, FloatArray, IntArray
from bot.features import lean_talib

SIDE = 3
LOOKBACK = 100
RECENT = 6

WARMUP = LOOKBACK + SIDE


@dataclass(frozen=True, slots=True)
class Swings:
    """What each of n rows sees, newest swing first; nan where there is none within LOOKBACK.

    price: float64[RECENT, n], quote currency.  row: int64[2, n], rows of the
    newest two, meaningless where price is nan.
    """

    price: FloatArray
    row: IntArray


def _swing_rows(price: FloatArray, sign: float) -> IntArray:
    """Rows of all swing points, whenever confirmed."""
    upright = sign * price
    if len(price) < 2 * SIDE + 1:
        return np.empty(0, dtype=np.int64)
    reach = lean_talib.highest(upright, SIDE)
    middle = upright[SIDE:-SIDE]
    is_swing: BoolArray = (middle > reach[SIDE - 1 : -SIDE - 1]) & (middle >= reach[2 * SIDE :])
    return np.flatnonzero(is_swing) + SIDE


def recent_swings(price: FloatArray, sign: float) -> Swings:
    """Swing highs of `price` for sign +1, swing lows for -1."""
    count = len(price)
    rows = _swing_rows(price, sign)
    confirmed = np.zeros(count, dtype=np.int64)
    confirmed[rows + SIDE] = 1
    # RECENT places before the first swing stand for "none": too old to count.
    never = np.full(RECENT, -LOOKBACK - 1, dtype=np.int64)
    all_rows = np.concatenate((never, rows))
    all_prices = np.concatenate((np.full(RECENT, np.nan), price[rows]))
    pick = np.cumsum(confirmed) + np.arange(RECENT - 1, -1, -1)[:, np.newaxis]
    row = all_rows.take(pick)
    price_then = all_prices.take(pick)
    price_then[row < np.arange(count) - LOOKBACK] = np.nan
    return Swings(price_then, row[:2])
