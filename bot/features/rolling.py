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


def _geometric_sum(x: FloatArray, decay: float | FloatArray, rows: int) -> FloatArray:
    """Sum of decay**j * x[..., t - j] over j < rows, along the last axis. decay: [..., 1], one for each series."""
    out = np.empty(x.shape)
    out[..., : rows - 1] = np.nan
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
        older = block[..., :-width] * decay**width
        older += block[..., width:]
        block, width = older, 2 * width
    out[..., rows - 1 :] = total
    return out


class RollingSums:
    """Sums of the last rows of several series, over windows of any length, from shared doublings.

    series: [k, n]. Blocks of 2, 4, 8 ... rows are summed for all k at once, when
    first needed; a window is then put together from the blocks of its bits.
    """

    def __init__(self, series: FloatArray) -> None:
        self._blocks = [series]

    def over(self, line: int, rows: int) -> FloatArray:
        """Sum of the last `rows` values of one series; nan before there are that many."""
        count = self._blocks[0].shape[1]
        out = np.empty(count)
        out[: rows - 1] = np.nan
        if count < rows:
            return out
        while 2 ** len(self._blocks) <= rows:
            block, width = self._blocks[-1], 2 ** (len(self._blocks) - 1)
            self._blocks.append(block[:, width:] + block[:, :-width])
        total, have = None, 0
        for bit, block in enumerate(self._blocks):
            width = 2**bit
            if rows & width:
                total = block[line] if total is None else total[width:] + block[line, :-have]
                have += width
        out[rows - 1 :] = total
        return out


def exponential_mean(x: FloatArray, weight: float | FloatArray, rows: int) -> FloatArray:
    """Mean of the last `rows` values, the newest weighing `weight` and each older one 1 - weight of the next.

    x: [..., n].  weight: [..., 1], one for each series, or one for all.
    The recursive mean differs by (1 - weight)**rows of the distance to older values.
    """
    decay = 1.0 - weight
    return _geometric_sum(x, decay, rows) * (weight / (1.0 - decay**rows))


def span(rows: float) -> float:
    """Weight of the newest value in an EMA of that span."""
    return 2.0 / (rows + 1.0)


def wilder(rows: float) -> float:
    """Weight of the newest value in Wilder's mean of that period."""
    return 1.0 / rows


def windows(x: FloatArray, rows: int) -> FloatArray:
    """View [rows, n - rows + 1] of contiguous x: one window a column, oldest value first. Needs len(x) >= rows."""
    step = x.itemsize
    return np.ndarray((rows, len(x) - rows + 1), x.dtype, x, 0, (step, step))


def _spread(x: FloatArray, mean: FloatArray, rows: int, of: np.ufunc, back: np.ufunc) -> FloatArray:
    out = np.empty(len(x))
    out[: rows - 1] = np.nan
    if len(x) >= rows:
        centre = mean[rows - 1 :]
        spread = back(np.add.reduce(of(windows(x, rows) - centre), axis=0) / rows)
        spread[spread <= _ROUNDING * np.abs(centre)] = 0.0
        out[rows - 1 :] = spread
    return out


def rolling_std(x: FloatArray, mean: FloatArray, rows: int) -> FloatArray:
    """Population standard deviation of the last `rows` values around their mean.

    Taken from the deviations, since a sum of squares of prices has no digits left
    for a quiet market. Mere rounding counts as 0.
    """
    return _spread(x, mean, rows, np.square, np.sqrt)


def mean_deviation(x: FloatArray, mean: FloatArray, rows: int) -> FloatArray:
    """Mean absolute distance of the last `rows` values from their mean. Mere rounding counts as 0."""
    return _spread(x, mean, rows, np.abs, np.positive)


def ratio(above: FloatArray, below: FloatArray, otherwise: float) -> FloatArray:
    """above / below, and `otherwise` where below is 0. Never negative below; nan stays nan.

    Divides by zero on the way: the caller silences numpy, once for all columns.
    """
    out: FloatArray = above / below
    out[below <= 0.0] = otherwise
    return out


def lag(x: FloatArray, rows: int) -> FloatArray:
    """x as it was `rows` ago; nan where there was none."""
    out = np.empty(len(x))
    out[:rows] = np.nan
    out[rows:] = x[: max(len(x) - rows, 0)]
    return out


def settle(x: FloatArray, level: FloatArray) -> FloatArray:
    """x, with 0 in place of what is mere rounding beside `level` (> 0)."""
    return np.where(np.abs(x) <= _ROUNDING * level, 0.0, x)
