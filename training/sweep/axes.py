"""What a sweep varies: one axis a setting, and how many settings they make together."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from bot.domain.errors import ConfigError
from bot.settings import parse_assignment
from bot.settings.schema import FieldSpec, shown, specs

Values = dict[str, Any]
"""A setting of the sweep: value by dotted name, plain JSON types."""

SWEPT = ("risk.", "paper.", "strategies.", "market.signal_max_age_bars")
"""Fields, or beginnings of fields, that a prepared market can be tested with."""

MOST_GRID = 200_000
MOST_VALUES = 10_000

_NUMBER = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?"
_RANGE = re.compile(rf"({_NUMBER})\s*\.\.\s*({_NUMBER})(?:\s*:\s*(\d+))?")
_DIGITS = 12
"""Of evenly spaced values: 0.02, and not 0.020000000000000004."""


@dataclass(frozen=True, slots=True)
class Axis:
    """One setting that is varied.

    values: those it takes; () where it takes any number from low to high, both included.
    """

    name: str
    values: tuple[Any, ...] = ()
    low: float = math.nan
    high: float = math.nan

    @property
    def is_open(self) -> bool:
        """Whether it takes any number of a range."""
        return not self.values

    @property
    def is_ordered(self) -> bool:
        """Whether its values are numbers, of which some are nearer than others."""
        return not any(isinstance(value, bool | str | list) for value in self.values)


def parse_axes(texts: Sequence[str]) -> tuple[Axis, ...]:
    """Axes of assignments like "risk.stop_loss_frac=0.02,0.03" or "risk.trailing_distance_frac=0.005..0.02:4".

    A range with a count is evenly spaced, both ends included; without one it is open, except
    for whole numbers, where it is all of them. Values of a setting that is itself a list have
    "|" between them. Values out of range stay: the settings that have them are refused one by
    one. Raises ConfigError on an unknown field, one that cannot be swept, or one named twice.
    """
    axes = tuple(_axis(text) for text in texts)
    names = [axis.name for axis in axes]
    if not names:
        raise ConfigError("nothing to vary", where="--set", fix="write --set risk.stop_loss_frac=0.02,0.03,0.04")
    for name in names:
        if names.count(name) > 1:
            raise ConfigError(f"{name} is varied twice", where="--set", fix="give all its values in one --set")
    return axes


def _axis(text: str) -> Axis:
    name, separator, told = (part.strip() for part in text.partition("="))
    spec = specs().get(name)
    if not separator or spec is None:
        parse_assignment(text)  # Has the words for it.
    assert spec is not None
    if not name.startswith(SWEPT):
        raise ConfigError(
            f"{name} cannot be swept: the market is prepared once, for all settings",
            where="--set",
            fix="vary risk., paper. or strategies., and run one sweep for each value of this",
        )
    numeric = spec.kind in ("float", "int")
    found = _RANGE.fullmatch(told)
    if numeric and found and not found[3] and spec.kind == "float":
        low, high = float(found[1]), float(found[2])
        if not low < high:
            raise ConfigError(f"{told} is no range", where=name, fix="write the lower end first")
        return Axis(name, (), low, high)
    parts = [part.strip() for part in told.split("|" if spec.kind.startswith("tuple") else ",")]
    values: list[Any] = []
    for part in parts:
        found = _RANGE.fullmatch(part) if numeric else None
        values += _spaced(spec, found, part) if found else [_value(spec, part)]
    kept = [value for n, value in enumerate(values) if value not in values[:n]]
    if not told:
        raise ConfigError(f"{name} has no value", where="--set", fix=f"write --set {name}=FIRST,SECOND")
    return Axis(name, tuple(kept))


def _spaced(spec: FieldSpec, found: re.Match[str], part: str) -> list[Any]:
    low, high = float(found[1]), float(found[2])
    whole = spec.kind == "int"
    if not found[3] and not whole:
        raise ConfigError(
            f"{part} stands beside other values and has no count",
            where=spec.name,
            fix=f"write {part}:5 for five values",
        )
    count = int(found[3]) if found[3] else round(high - low) + 1
    if low > high or not 1 <= count <= MOST_VALUES:
        raise ConfigError(
            f"{part} is no range of 1 to {MOST_VALUES:,} values", where=spec.name, fix="write LOW..HIGH:COUNT"
        )
    steps = [low + (high - low) * n / max(count - 1, 1) for n in range(count)]
    return [round(value) for value in steps] if whole else [float(f"{value:.{_DIGITS}g}") for value in steps]


def _value(spec: FieldSpec, told: str) -> Any:
    try:
        return parse_assignment(f"{spec.name}={told}")[1]
    except ConfigError:
        # Out of range, it may be: then the settings' own check refuses what is made with it, and says why.
        if spec.kind in ("float", "int"):
            try:
                return float(told)
            except ValueError:
                pass
        raise


def grid_size(axes: Sequence[Axis]) -> int:
    """How many settings all values of all axes make. Raises ConfigError where an axis is open."""
    for axis in axes:
        if axis.is_open:
            raise ConfigError(
                f"{axis.name} takes any number from {axis.low:g} to {axis.high:g}",
                where="--set",
                fix=f"for a grid say how many: {axis.name}={axis.low:g}..{axis.high:g}:5, or use --search random",
            )
    return math.prod(len(axis.values) for axis in axes)


def nth_setting(axes: Sequence[Axis], n: int) -> Values:
    """The n-th setting of the grid, the last axes turning fastest.

    Axes of strategies turn slowest, wherever they were named: neighbours in this order
    share their signals.
    """
    places: dict[str, Any] = {}
    for axis in sorted(axes, key=lambda axis: not axis.name.startswith("strategies."))[::-1]:
        n, place = divmod(n, len(axis.values))
        places[axis.name] = axis.values[place]
    return {axis.name: places[axis.name] for axis in axes}


def drawn_setting(axes: Sequence[Axis], chance: np.random.Generator) -> Values:
    """A setting of which every axis was drawn for itself, all its values equally likely."""
    return {
        axis.name: float(f"{chance.uniform(axis.low, axis.high):.{_DIGITS}g}")
        if axis.is_open
        else axis.values[int(chance.integers(len(axis.values)))]
        for axis in axes
    }


def told_value(value: Any) -> str:
    """A value as a person would type it."""
    return f"{value:.6g}" if isinstance(value, float) else shown(value)


def told_setting(values: Values) -> str:
    """All values of a setting, in one line."""
    return " ".join(f"{name}={told_value(value)}" for name, value in values.items())
