"""Named conditions: what a strategy looks for, row by row, and how strongly it is there.

A vote and its explanation are both made from these, so they cannot disagree.
Only arithmetic that IEEE 754 rounds exactly is used (no exp, no sums along an
axis): a row judged alone gives the very bits that it gives within a table.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from bot.domain.candles import BoolArray, FloatArray


class Condition(NamedTuple):
    """One thing a strategy looks for, over n rows.

    name: plain English, true when met.  met: bool[n].  strength: float64[n],
    0..1, how convincingly; 0 where not met.  weight: its part in the confidence,
    0 for a plain filter.  needed: False for one that only adds conviction.
    text: row -> name with the row's numbers, met or not.
    """

    name: str
    met: BoolArray
    strength: FloatArray
    weight: float
    needed: bool
    text: Callable[[int], str]


def ramp(values: FloatArray, low: float, high: float) -> FloatArray:
    """0 at low, 1 at high, straight between, flat outside; high may be below low. nan stays nan."""
    return np.clip((values - low) / (high - low), 0.0, 1.0)


def above(
    name: str,
    values: FloatArray,
    least: float,
    strong: float,
    shown: str = "{:.2f}",
    *,
    weight: float = 1.0,
    needed: bool = True,
) -> Condition:
    """Met from `least` up; strength grows from 0 there to 1 at `strong`. nan is not met.

    shown: how to write the value, a format string.
    """
    return _graded(
        name,
        values,
        values >= least,
        ramp(values, least, strong),
        f"at least {shown.format(least)}",
        shown,
        weight,
        needed,
    )


def below(
    name: str,
    values: FloatArray,
    most: float,
    strong: float,
    shown: str = "{:.2f}",
    *,
    weight: float = 1.0,
    needed: bool = True,
) -> Condition:
    """Met from `most` down; strength grows from 0 there to 1 at `strong`. nan is not met."""
    return _graded(
        name, values, values <= most, ramp(values, most, strong), f"at most {shown.format(most)}", shown, weight, needed
    )


def holds(name: str, met: BoolArray, *, otherwise: str = "", weight: float = 0.0, needed: bool = True) -> Condition:
    """Yes or no. Without a weight it is a filter: it lets a vote through and adds no conviction.

    otherwise: how to say that it is not met, "not" and the name by default.
    """
    unmet = otherwise or f"not {name}"
    return Condition(name, met, met.astype(np.float64), weight, needed, lambda i: name if met[i] else unmet)


def every(name: str, *parts: Condition, weight: float = 1.0, needed: bool = True) -> Condition:
    """Met where all needed parts are; strength: weighted mean over all parts."""
    met = np.logical_and.reduce([part.met for part in parts if part.needed])
    total = sum(part.weight for part in parts)
    strength = sum((part.weight * part.strength for part in parts), start=np.zeros(len(met)))
    strength = np.where(met, strength / total if total > 0 else 1.0, 0.0)
    return Condition(name, met, strength, weight, needed, lambda i: _list(parts, i, bool(met[i])))


def either(name: str, *parts: Condition, weight: float = 1.0, needed: bool = True) -> Condition:
    """Met where any part is; strength: that of the strongest."""
    met = np.logical_or.reduce([part.met for part in parts])
    strength = np.maximum.reduce([part.strength for part in parts])

    def text(i: int) -> str:
        shown = [part for part in parts if part.met[i]] if met[i] else parts
        return (", " if met[i] else "; or ").join(part.text(i) for part in shown)

    return Condition(name, met, strength, weight, needed, text)


def score(name: str, least: float, strong: float, *parts: Condition) -> Condition:
    """Met where the weighted mean of the parts' strengths reaches `least`; full strength at `strong`."""
    total = sum(part.weight for part in parts)
    points = sum((part.weight * part.strength for part in parts), start=np.zeros(len(parts[0].met))) / total
    graded = above(name, points, least, strong)

    def text(i: int) -> str:
        seen = ", ".join(part.text(i) for part in parts if part.met[i]) or "nothing"
        return f"{graded.text(i)}: {seen}"

    return Condition(name, graded.met, graded.strength, 1.0, True, text)


def _graded(
    name: str,
    values: FloatArray,
    met: BoolArray,
    strength: FloatArray,
    wanted: str,
    shown: str,
    weight: float,
    needed: bool,
) -> Condition:
    def text(i: int) -> str:
        value = float(values[i])
        number = "unknown" if np.isnan(value) else shown.format(value)
        return f"{name} {number}" if met[i] else f"{name} {number} ({wanted} wanted)"

    return Condition(name, met, np.where(met, strength, 0.0), weight, needed, text)


def _list(parts: tuple[Condition, ...], i: int, met: bool) -> str:
    """What speaks for a vote, or else what is missing."""
    return ", ".join(part.text(i) for part in parts if (part.met[i] if met else part.needed and not part.met[i]))
