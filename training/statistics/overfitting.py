"""How often would the best setting of one half be below the middle in the other half?

Combinatorially symmetric cross-validation: Bailey, Borwein, Lopez de Prado & Zhu, "The
Probability of Backtest Overfitting", Journal of Computational Finance 20(4), 2016 (SSRN
2326253, 2015). The periods are cut into S blocks; every choice of S/2 of them is once the
half to choose on, and the rest the half to judge on.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from bot.domain.errors import ConfigError
from training.statistics.metrics import STEADY, Floats

# Numbers in flight at a time: choices of halves x settings.
_CHUNK = 2_000_000


@dataclass(frozen=True)
class Overfitting:
    """pbo: probability of backtest overfitting, the share of choices whose logit is <= 0.

    logits: float64[C], ln(w / (1 - w)), w the relative rank of the chosen setting in the
    half it was not chosen on; below 0: under the middle.
    chosen: int64[C], which setting was best on the half to choose on.
    inside, outside: float64[C], its Sharpe ratios per period there and in the other half.
    slope, intercept: least squares of outside on inside; a slope below 0 says that the
    better a setting looked, the worse it did. None where all inside are the same.
    loss_probability: share of choices whose outside is below 0.
    settings, periods, blocks: what was judged, after periods were cut to whole blocks.
    """

    pbo: float
    logits: Floats
    chosen: np.ndarray[tuple[int], np.dtype[np.int64]]
    inside: Floats
    outside: Floats
    slope: float | None
    intercept: float | None
    loss_probability: float
    settings: int
    periods: int
    blocks: int


def pbo(matrix: Floats, blocks: int = 16) -> Overfitting:
    """Judge a sweep.  matrix: float64[T, N], returns of N settings over the same T periods, oldest first.

    blocks: even; 16 give 12,870 choices. The oldest T modulo `blocks` periods are left out,
    since halves have to be alike. A setting without variance in a half has Sharpe ratio 0
    there. Settings that tie share the mean of their ranks.

    Raises ConfigError where there are too few settings or periods, or blocks are odd.
    """
    periods, settings = matrix.shape
    if blocks < 2 or blocks % 2:
        raise ConfigError(f"{blocks} blocks have no two halves", where="blocks", fix="use an even number, such as 16")
    if settings < 2:
        raise ConfigError(
            "one setting alone has not been chosen", where="settings", fix="sweep over at least two settings"
        )
    if periods < 2 * blocks:
        raise ConfigError(
            f"{periods} periods do not fill {blocks} blocks", where="periods",
            fix=f"use at least {2 * blocks} periods, or fewer blocks",
        )  # fmt: skip
    if not np.all(np.isfinite(matrix)):
        raise ValueError("a return is no number")

    cut = matrix[periods % blocks :]
    size = len(cut) // blocks
    centre = cut.mean(axis=0)
    # Around the mean, so that the sums of squares keep their digits.
    parts = (cut - centre).reshape(blocks, size, settings)
    sums, squares = parts.sum(axis=1), (parts**2).sum(axis=1)
    scale = np.abs(cut).max(axis=0)
    picks = np.array(list(combinations(range(blocks), blocks // 2)))
    halves = np.zeros((len(picks), blocks))
    np.put_along_axis(halves, picks, 1.0, axis=1)

    found = [
        _choose(half, sums, squares, centre, scale, size * blocks // 2)
        for half in np.array_split(halves, max(1, math.ceil(len(halves) * settings / _CHUNK)))
    ]
    chosen, inside, outside, ranks = (np.concatenate(column) for column in zip(*found, strict=True))
    relative = ranks / (settings + 1)
    logits = np.log(relative / (1 - relative))
    slope, intercept = _line(inside, outside)
    return Overfitting(
        pbo=float(np.mean(logits <= 0)),
        logits=logits,
        chosen=chosen,
        inside=inside,
        outside=outside,
        slope=slope,
        intercept=intercept,
        loss_probability=float(np.mean(outside < 0)),
        settings=settings,
        periods=len(cut),
        blocks=blocks,
    )


def _choose(
    halves: Floats, sums: Floats, squares: Floats, centre: Floats, scale: Floats, count: int
) -> tuple[np.ndarray[tuple[int], np.dtype[np.int64]], Floats, Floats, Floats]:
    """The best inside each half, its Sharpe ratios in both, and its rank outside, 1 the worst."""
    inside_sums, inside_squares = halves @ sums, halves @ squares
    inside = _sharpes(inside_sums, inside_squares, centre, scale, count)
    outside = _sharpes(sums.sum(axis=0) - inside_sums, squares.sum(axis=0) - inside_squares, centre, scale, count)
    chosen = inside.argmax(axis=1)
    rows = np.arange(len(halves))
    its = outside[rows, chosen][:, None]
    ranks = (outside < its).sum(axis=1) + ((outside == its).sum(axis=1) + 1) / 2
    return chosen, inside[rows, chosen], outside[rows, chosen], ranks


def _sharpes(sums: Floats, squares: Floats, centre: Floats, scale: Floats, count: int) -> Floats:
    variance = np.maximum(squares - sums**2 / count, 0.0) / (count - 1)
    # Looser than for a plain deviation: a difference of sums of squares keeps half of the digits.
    moves = variance > (10 * STEADY * scale) ** 2
    means = np.where(moves, sums / count + centre, 0.0)
    return means / np.sqrt(np.where(moves, variance, 1.0))


def _line(x: Floats, y: Floats) -> tuple[float | None, float | None]:
    away = x - x.mean()
    spread = float(away @ away)
    if spread <= (STEADY * float(np.abs(x).max())) ** 2 * len(x):
        return None, None
    slope = float(away @ y) / spread
    return slope, float(y.mean()) - slope * float(x.mean())
