"""What a sweep found, and how much of it is luck."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from bot.domain.timeframes import to_datetime
from training.statistics.deflated import deflated_sharpe, trials_of
from training.statistics.metrics import DAY_MS, DAYS_A_YEAR, Floats, Ints, sharpe_ratio
from training.statistics.overfitting import pbo
from training.statistics.stability import neighbours_score
from training.statistics.walkforward import needed_ms, splits
from training.sweep.axes import Axis, Values, told_value

Document = dict[str, Any]

MOST_BLOCKS = 16
LEAST_BLOCKS = 4
MOST_SPLITS = 60
BINS = 8
"""Cells along a side of the heat map where a parameter takes any number."""

LOWER_IS_BETTER = frozenset(
    ("max_drawdown", "max_drawdown_duration", "volatility", "total_fees", "exposure_time", "avg_exposure",
     "avg_trade_duration", "open_trades")
)  # fmt: skip

PLATEAU, MIXED, PEAK = "plateau", "mixed", "peak"
ALONE = 0.5
"""A best whose neighbours have less than this share of its lead over the middle of all settings stands alone."""


def sign_of(metric: str) -> int:
    """+1 where more of a metric is better, else -1."""
    return -1 if metric in LOWER_IS_BETTER else 1


def around(axes: Sequence[Axis], settings: Sequence[Values], scores: Floats) -> Floats:
    """Mean score of each setting's neighbours, float64[n]; nan where it has none.

    Neighbours are one step away in one parameter. Where a parameter takes any number nobody
    is: there they are the nearest others, two for each parameter, by the place in its range.
    """
    plain = [{name: _plain(value) for name, value in setting.items()} for setting in settings]
    if not any(axis.is_open for axis in axes):
        return neighbours_score(plain, scores)
    places = np.array([[_place(axis, setting[axis.name]) for axis in axes] for setting in settings])
    found = np.full(len(scores), math.nan)
    valid = np.flatnonzero(~np.isnan(scores))
    for i in range(len(scores)):
        others = valid[valid != i]
        away = np.sum((places[others] - places[i]) ** 2, axis=1)
        nearest = others[np.argsort(away, kind="stable")[: 2 * len(axes)]]
        if len(nearest):
            found[i] = float(scores[nearest].mean())
    return found


def _plain(value: Any) -> Any:
    return told_value(value) if isinstance(value, list) else value


def _place(axis: Axis, value: Any) -> float:
    """0..1 along its axis."""
    if axis.is_open:
        return (float(value) - axis.low) / (axis.high - axis.low)
    return axis.values.index(value) / max(len(axis.values) - 1, 1)


def shape_of(scores: Floats, best: int, neighbours: float) -> str | None:
    """Whether the best stands on a plateau, alone, or between; None where that cannot be said."""
    middle = float(np.nanmedian(scores))
    lead = float(scores[best]) - middle
    if math.isnan(neighbours) or lead <= 0:
        return None
    share = (neighbours - middle) / lead
    return PLATEAU if share >= 0.8 else PEAK if share < ALONE else MIXED


def heat_map(
    axes: Sequence[Axis], settings: Sequence[Values], scores: Floats, sign: int, names: Sequence[str] = ()
) -> Document | None:
    """Scores over two parameters: {"x", "y", "x_values", "y_values", "mean", "best", "count"}, rows of y.

    names: x and y; () for the two that move the score most.  sign: turns scores back into the metric.
    None where fewer than two parameters vary. Cells without any score are None.
    """
    sides = {axis.name: _cells(axis, [setting[axis.name] for setting in settings]) for axis in axes}
    varied = [name for name, (told, _) in sides.items() if len(told) > 1]
    if not names:
        # The order of the command line decides between equals.
        names = sorted(varied, key=lambda name: -_effect(sides[name][1], scores))[:2]
        names = [name for name in varied if name in names]
    if len(names) < 2:
        return None
    x, y = names
    (x_told, x_place), (y_told, y_place) = sides[x], sides[y]
    mean, best, count = [], [], []
    for row in range(len(y_told)):
        cells = [scores[(x_place == at) & (y_place == row) & ~np.isnan(scores)] for at in range(len(x_told))]
        mean.append([sign * float(cell.mean()) if len(cell) else None for cell in cells])
        best.append([sign * float(cell.max()) if len(cell) else None for cell in cells])
        count.append([len(cell) for cell in cells])
    return {
        "x": x, "y": y, "x_values": x_told, "y_values": y_told, "mean": mean, "best": best, "count": count
    }  # fmt: skip


def _cells(axis: Axis, values: Sequence[Any]) -> tuple[list[str], Ints]:
    """Names of an axis's cells, and the place of each setting's value among them."""
    if axis.is_open:
        edges = np.linspace(axis.low, axis.high, BINS + 1)
        places = np.clip(np.searchsorted(edges, np.array(values, dtype=float), side="right") - 1, 0, BINS - 1)
        return [f"{low:.4g}..{high:.4g}" for low, high in pairwise(edges)], places
    known = sorted(axis.values) if axis.is_ordered else list(axis.values)
    return [told_value(value) for value in known], np.array([known.index(value) for value in values], dtype=np.int64)


def _effect(places: Ints, scores: Floats) -> float:
    """How far the mean scores of a parameter's values lie apart."""
    means = [
        float(found.mean())
        for place in np.unique(places)
        if len(found := scores[(places == place) & ~np.isnan(scores)])
    ]
    return float(np.var(means)) if means else 0.0


def overfitting(matrix: Floats, best: int, searched: int) -> Document:
    """What the search itself gives away.  matrix: float64[T, N], daily returns of N settings that differ.

    best: the column that was chosen.  searched: trials in all, those that came up again not counted.

        pbo          probability of backtest overfitting, by CSCV over `blocks` blocks; None under two settings
                     or too few days
        trials       number, idle, effective, correlation: how many tries the settings amount to
        deflated     of the chosen, {"number": .., "effective": ..}, each: sharpe, luck, remains (yearly),
                     probability that the true Sharpe ratio is above what luck gives; None without variance
    """
    tried = trials_of(matrix)
    yearly = math.sqrt(DAYS_A_YEAR)
    deflated: Document = {}
    for name, count in (("number", float(tried.number)), ("effective", tried.effective)):
        found = deflated_sharpe(matrix[:, best], tried.sharpe_variance, max(count, 1.0)) if tried.number else None
        deflated[name] = found and {
            "trials": count,
            "sharpe": found.sharpe * yearly,
            "luck": found.threshold * yearly,
            "remains": (found.sharpe - found.threshold) * yearly,
            "probability": found.probability,
            "min_days": found.min_periods,
        }
    blocks = min(MOST_BLOCKS, len(matrix) // 4 * 2)
    judged = pbo(matrix, blocks) if matrix.shape[1] > 1 and blocks >= LEAST_BLOCKS else None
    return {
        "pbo": judged and judged.pbo,
        "blocks": judged and judged.blocks,
        "choices": judged and len(judged.logits),
        "loss_probability": judged and judged.loss_probability,
        "slope": judged and judged.slope,
        "trials": {
            "searched": searched,
            "number": tried.number,
            "idle": tried.idle,
            "effective": tried.effective,
            "correlation": tried.correlation,
        },
        "deflated": deflated,
    }


def walk_forward(matrix: Floats, days: Ints, best: int, numbers: Sequence[int]) -> Document | None:
    """The sweep done again at each point of the past: chosen on 120 days, judged on the 30 after a gap of one.

    matrix: float64[T, N], returns of `days` (int64[T], since 1970).  best: the winner of the whole.  numbers: of
    the trials, by column.  Chosen by Sharpe ratio, among those that moved in training. Positions run on over the
    borders, as in the one backtest that the returns are of. None where the history is too short for one split.

        splits      from, to (days of the test), trial chosen, its sharpe in training and test, the winner's in test
        chosen, winner   over all tests together: sharpe_ratio, total_return
    """
    if not len(days):
        return None
    start_ms, end_ms = int(days[0]) * DAY_MS, (int(days[-1]) + 1) * DAY_MS
    count = next((n for n in range(MOST_SPLITS, 0, -1) if needed_ms(n) <= end_ms - start_ms), 0)
    if not count:
        return None
    rows, chosen, winner = [], [], []
    for split in splits(start_ms, end_ms, count):
        train = matrix[(days * DAY_MS >= split.train_from_ms) & (days * DAY_MS < split.train_to_ms)]
        test = matrix[(days * DAY_MS >= split.test_from_ms) & (days * DAY_MS < split.test_to_ms)]
        # Whoever did nothing, as after the global breaker, has not been good at it.
        found = [sharpe_ratio(train[:, n]) for n in range(matrix.shape[1])]
        inside = np.array([-math.inf if one is None else one for one in found])
        pick = int(inside.argmax())
        chosen.append(test[:, pick])
        winner.append(test[:, best])
        rows.append(
            {
                "from": to_datetime(split.test_from_ms).isoformat().replace("+00:00", "Z"),
                "to": to_datetime(split.test_to_ms).isoformat().replace("+00:00", "Z"),
                "trial": numbers[pick],
                "train_sharpe": found[pick],
                "test_sharpe": _sharpe(test[:, pick]),
                "test_return": _grown(test[:, pick]),
                "winner_sharpe": _sharpe(test[:, best]),
                "winner_return": _grown(test[:, best]),
            }
        )
    return {"splits": rows, "chosen": _together(chosen), "winner": _together(winner)}


def _together(parts: Sequence[Floats]) -> Document:
    returns = np.concatenate(parts)
    return {
        "sharpe_ratio": sharpe_ratio(returns),
        "total_return": _grown(returns),
        "profitable": sum(_grown(part) > 0 for part in parts),
    }


def _sharpe(returns: Floats) -> float:
    """Yearly; 0 where nothing moved."""
    return sharpe_ratio(returns) or 0.0


def _grown(returns: Floats) -> float:
    return float(np.prod(1.0 + returns) - 1.0)


def refusals(outcomes: Sequence[Mapping[str, Any]], settings: Sequence[Values], most: int) -> list[Document]:
    """Why settings were refused: each reason with how many, the commonest first, and one of its settings."""
    found: dict[str, Document] = {}
    for outcome, setting in zip(outcomes, settings, strict=True):
        if outcome["state"] == "refused":
            entry = found.setdefault(
                outcome["reason"], {"reason": outcome["reason"], "fix": outcome["fix"], "count": 0, "set": setting}
            )
            entry["count"] += 1
    return sorted(found.values(), key=lambda entry: -entry["count"])[:most]
