"""Sweeps: which settings are best, and whether their neighbours are good too.

A setting that is good alone, among neighbours that are not, was found by chance. A plateau holds.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from training.statistics.metrics import Floats

Value = float | int | str | bool


@dataclass(frozen=True)
class Place:
    """setting: index.  rank: 1 the best; settings that tie share it, and the next is skipped (1, 1, 3)."""

    setting: int
    rank: int
    score: float


def top_table(
    scores: Floats, most: int, *, tie_breakers: Floats | None = None, tolerance: float = 1e-12
) -> tuple[Place, ...]:
    """The best settings, best first; higher scores are better, and nan is no result.

    most: places; whoever ties with the last of them is in the table too, so that no
    order of the search decides.  tolerance: relative difference of scores up to which they tie.
    tie_breakers: order within a tie, higher first (as neighbours' scores); then the index. The rank stays shared.
    """
    second = np.zeros(len(scores)) if tie_breakers is None else np.nan_to_num(tie_breakers, nan=-math.inf)
    valid = [int(index) for index in np.flatnonzero(~np.isnan(scores))]
    valid.sort(key=lambda index: -scores[index])
    groups: list[list[int]] = []
    for index in valid:
        # Beside the first of the group: a chain of small steps is no tie.
        if groups and math.isclose(scores[groups[-1][0]], scores[index], rel_tol=tolerance, abs_tol=0.0):
            groups[-1].append(index)
        else:
            groups.append([index])
    table: list[Place] = []
    for group in groups:
        if len(table) >= most:
            break
        rank = len(table) + 1
        table += [Place(index, rank, float(scores[index])) for index in sorted(group, key=lambda i: (-second[i], i))]
    return tuple(table)


def neighbours_score(settings: Sequence[Mapping[str, Value]], scores: Floats) -> Floats:
    """Mean score of each setting's neighbours, float64[N]; nan where it has none.

    Neighbours differ in one parameter alone: by one step of the values that occur where it is
    a number, by any value where it is a word or a yes or no. The setting itself does not
    count, nor do neighbours whose score is nan. Two settings that are the same are one: the
    mean of their scores.

    Raises ValueError where settings do not name the same parameters.
    """
    if not settings:
        return np.zeros(0)
    names = sorted(settings[0])
    if any(sorted(setting) != names for setting in settings):
        raise ValueError("settings name different parameters")
    axes = [_axis([setting[name] for setting in settings]) for name in names]
    keys = [tuple(axis[0][setting[name]] for axis, name in zip(axes, names, strict=True)) for setting in settings]
    gathered: dict[tuple[int, ...], list[float]] = {}
    for key, score in zip(keys, scores, strict=True):
        gathered.setdefault(key, []).append(float(score))
    known = {key: _mean(found) for key, found in gathered.items()}
    around: dict[tuple[int, ...], float] = {}
    for key in known:
        beside = []
        for axis, (levels, ordered) in enumerate(axes):
            steps = (key[axis] - 1, key[axis] + 1) if ordered else range(len(levels))
            beside += [(*key[:axis], step, *key[axis + 1 :]) for step in steps if step != key[axis]]
        around[key] = _mean([known[other] for other in beside if other in known])
    return np.array([around[key] for key in keys])


def _axis(values: Sequence[Value]) -> tuple[dict[Value, int], bool]:
    """Place of each value that occurs, and whether the places have an order."""
    ordered = not any(isinstance(value, bool | str) for value in values)
    distinct = sorted(set(values), key=lambda value: value if ordered else str(value))
    return {value: place for place, value in enumerate(distinct)}, ordered


def _mean(scores: Sequence[float]) -> float:
    valid = [score for score in scores if not math.isnan(score)]
    return sum(valid) / len(valid) if valid else math.nan
