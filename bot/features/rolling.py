"""Averages over a fixed number of rows.

Nothing here remembers more than its window: the value of a row is the same
whether ten rows or ten years come before the window, and a crash long ago leaves
no rounding behind. That holds for the exponential averages as well: their weights
are cut off where what is left of them does not matter, and scaled to sum to one.

Sums double their window step by step (2, 4, 8 ... rows), log2(rows) array
operations in all. Rows with less than a whole window behind them are nan, and so
are those whose window reaches into leading nans.
"""

from __future__ import annotations

import numpy as np

from bot.domain.candles import FloatArray

# A spread below this share of the level is rounding, not movement.
_ROUNDING = 1e-12


def _geometric_sum(x: FloatArray, decay: float, rows: int) -> FloatArray:
    """Sum of decay**j * x[t - j] over j < rows, along the last axis."""
    out = np.full(x.shape, np.nan)
    if x.shape[-1] < rows:
        return out
    # `block` sums `width` rows; `total` sums the newest `have`, one block for each
    # bit of `rows`. Both hold only the rows that have them whole.
    block, width = x, 1
    total, have = x, 0
    while True:
        if rows & width:
            total = total[..., width:] + decay**have * block[..., :-have] if have else block
            have += width
        if have == rows:
            break
        block = block[..., width:] + decay**width * block[..., :-width]
        width *= 2
    out[..., rows - 1 :] = total
    return out


def rolling_sum(x: FloatArray, rows: int) -> FloatArray:
    """Sum of the last `rows` values."""
    return _geometric_sum(x, 1.0, rows)


def rolling_mean(x: FloatArray, rows: int) -> FloatArray:
    """Mean of the last `rows` values."""
    return rolling_sum(x, rows) / rows


def _weighted_mean(x: FloatArray, decay: float, rows: int) -> FloatArray:
    return _geometric_sum(x, decay, rows) * ((1.0 - decay) / (1.0 - decay**rows))


def ema(x: FloatArray, span: int, rows: int) -> FloatArray:
    """Exponential mean, weight 2 / (span + 1), of the last `rows` values.

    The share of the weights cut off is (1 - 2 / (span + 1)) ** rows; a recursive
    EMA differs by that share of the distance to the older prices.
    """
    return _weighted_mean(x, 1.0 - 2.0 / (span + 1.0), rows)


def wilder(x: FloatArray, period: int, rows: int) -> FloatArray:
    """Wilder's mean, weight 1 / period, of the last `rows` values; along the last axis."""
    return _weighted_mean(x, 1.0 - 1.0 / period, rows)


def windows(x: FloatArray, rows: int) -> FloatArray:
    """View [n - rows + 1, rows] of x: one window a row, oldest value first. Needs len(x) >= rows."""
    step = x.strides[0]
    return np.lib.stride_tricks.as_strided(x, (len(x) - rows + 1, rows), (step, step), writeable=False)


def rolling_std(x: FloatArray, mean: FloatArray, rows: int) -> FloatArray:
    """Population standard deviation of the last `rows` values around their mean.

    Taken from the deviations, since a sum of squares of prices has no digits left
    for a quiet market. Mere rounding counts as 0.
    """
    out = np.full(len(x), np.nan)
    if len(x) >= rows:
        centre = mean[rows - 1 :]
        deviation = windows(x, rows) - centre[:, np.newaxis]
        spread = np.sqrt(np.einsum("ij,ij->i", deviation, deviation) / rows)
        spread[spread <= _ROUNDING * np.abs(centre)] = 0.0
        out[rows - 1 :] = spread
    return out


def mean_deviation(x: FloatArray, mean: FloatArray, rows: int) -> FloatArray:
    """Mean absolute distance of the last `rows` values from their mean. Mere rounding counts as 0."""
    out = np.full(len(x), np.nan)
    if len(x) >= rows:
        centre = mean[rows - 1 :]
        spread = np.abs(windows(x, rows) - centre[:, np.newaxis]).sum(axis=1) / rows
        spread[spread <= _ROUNDING * np.abs(centre)] = 0.0
        out[rows - 1 :] = spread
    return out


def ratio(above: FloatArray, below: FloatArray, otherwise: float | FloatArray) -> FloatArray:
    """above / below, and `otherwise` where below is not positive (or unknown)."""
    out = np.empty(len(above))
    out[:] = otherwise
    return np.divide(above, below, out=out, where=below > 0)


def lag(x: FloatArray, rows: int) -> FloatArray:
    """x as it was `rows` ago; nan where there was none."""
    out = np.full(len(x), np.nan)
    out[rows:] = x[: max(len(x) - rows, 0)]
    return out


def settle(x: FloatArray, level: FloatArray) -> FloatArray:
    """x, with 0 in place of what is mere rounding beside `level` (> 0)."""
    return np.where(np.abs(x) <= _ROUNDING * level, 0.0, x)
