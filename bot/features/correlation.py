"""How two markets move together: Pearson's correlation of their returns."""

from __future__ import annotations

import numpy as np

from bot.domain.candles import Candles, FloatArray
from bot.features.rolling import RollingSums

CORRELATION_ROWS = 336
"""Returns that a correlation is taken over: two weeks of hours."""


def log_returns(close: FloatArray) -> FloatArray:
    """ln(close[i] / close[i - 1]), float64[n]; 0.0 in the first row, which has none."""
    out = np.zeros(len(close))
    np.log(close[1:] / close[:-1], out=out[1:])
    return out


def rolling_correlation(a: FloatArray, b: FloatArray, rows: int = CORRELATION_ROWS) -> FloatArray:
    """Correlation of the last `rows` values of two series, float64[n] in -1..1.

    a, b: float64[n], the same moments.  nan before there are `rows` values, and
    where one of the two did not move at all. Row i depends on its window alone.
    """
    sums = RollingSums(np.stack((a, b, a * a, b * b, a * b)))
    mean_a, mean_b, mean_aa, mean_bb, mean_ab = (sums.over(line, rows) / rows for line in range(5))
    spread_a, spread_b = mean_aa - mean_a * mean_a, mean_bb - mean_b * mean_b
    out = np.full(len(a), np.nan)
    # What is left of a mean of squares after rounding is no movement.
    moved = (spread_a > 1e-12 * mean_aa) & (spread_b > 1e-12 * mean_bb)
    both = np.sqrt(spread_a[moved] * spread_b[moved])
    out[moved] = np.clip((mean_ab[moved] - mean_a[moved] * mean_b[moved]) / both, -1.0, 1.0)
    return out


def correlation(a: Candles, b: Candles, rows: int = CORRELATION_ROWS) -> float:
    """Correlation of the newest `rows` returns of two series of one timeframe; nan where they have fewer in common.

    The same as the last value of `rolling_correlation` over what both have.
    """
    _, at_a, at_b = np.intersect1d(a.open_ms, b.open_ms, assume_unique=True, return_indices=True)
    if len(at_a) <= rows:
        return float("nan")
    newest_a, newest_b = a.close[at_a[-rows - 1 :]], b.close[at_b[-rows - 1 :]]
    return float(rolling_correlation(log_returns(newest_a)[1:], log_returns(newest_b)[1:], rows)[-1])
