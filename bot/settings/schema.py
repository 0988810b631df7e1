"""The fields as flat rows: dotted name, type, range, words. Made from declarations.py and the strategies' parameters.

Validators, error messages, assignments and the reference page all read these
rows. Nothing here imports pydantic; strategies are imported when first asked for.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import MISSING, Field, dataclass, fields
from functools import cache
from typing import Any

from bot.settings.declarations import GROUPS, PATTERN_WORDS, Settings, StrategySettings
from bot.settings.names import environment_name

KINDS = {
    "float": "number",
    "int": "whole number",
    "bool": "true or false",
    "str": "text",
    "str | None": "text or none",
    "tuple[str, ...]": "list of texts",
    "tuple[float, ...]": "list of numbers",
}


@dataclass(frozen=True, slots=True)
class FieldSpec:
    """One setting.

    name: dotted.  kind: key of KINDS.  min, max: ends included; above, below:
    ends left out; None where open.  source: who chose the default.
    """

    name: str
    kind: str
    default: Any
    unit: str = ""
    help: str = ""
    source: str = ""
    min: float | None = None
    max: float | None = None
    above: float | None = None
    below: float | None = None
    choices: tuple[str, ...] = ()
    pattern: str = ""

    @property
    def environment_name(self) -> str:
        return environment_name(self.name)

    @property
    def range(self) -> str:
        """What is allowed, for people: "above 0, below 0.5", "one of en, fr", "" when anything is."""
        ends = (("at least", self.min), ("above", self.above), ("at most", self.max), ("below", self.below))
        parts = [f"{word} {_plain_number(end)}" for word, end in ends if end is not None]
        if self.choices:
            parts.append(f"one of {', '.join(self.choices)}")
        if self.pattern:
            parts.append(PATTERN_WORDS[self.pattern])
        return ("each " if parts and self.kind.startswith("tuple") else "") + ", ".join(parts)

    @property
    def allowed(self) -> str:
        """Type, range and unit in one phrase."""
        unit = f" ({self.unit})" if self.unit else ""
        return ", ".join(part for part in (KINDS[self.kind], self.range) if part) + unit


def _plain_number(value: float) -> str:
    return f"{value:.0f}" if value == int(value) else f"{value:g}"


@cache
def fixed_specs() -> Mapping[str, FieldSpec]:
    """Every setting that does not belong to a strategy, by dotted name."""
    rows = list(_specs("", Settings))
    for group, declared in GROUPS.items():
        rows += _specs(f"{group}.", declared)
    return {row.name: row for row in rows}


@cache
def strategy_specs() -> Mapping[str, FieldSpec]:
    """strategies.<name>.enabled, .weight and .params.<parameter> of every registered strategy."""
    from bot.strategies import registry

    rows: list[FieldSpec] = []
    for name in registry.names():
        rows += _specs(f"strategies.{name}.", StrategySettings)
        rows += _specs(f"strategies.{name}.params.", registry.get(name).Params)
    return {row.name: row for row in rows}


def specs() -> Mapping[str, FieldSpec]:
    """All settings there are, by dotted name."""
    return {**fixed_specs(), **strategy_specs()}


def shown(value: Any) -> str:
    """A setting's value as a person would write it."""
    if value is None:
        return "none"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple | list):
        if not value:
            return "none"
        return ",".join(_plain_number(one) if isinstance(one, float) else str(one) for one in value)
    return str(value)


def nearest(name: str, known: Iterable[str]) -> str:
    """The known name most like `name`, "" when none is."""
    from difflib import get_close_matches

    by_folded = {one.casefold(): one for one in known}
    found = get_close_matches(name.casefold(), by_folded, n=1, cutoff=0.6)
    return by_folded[found[0]] if found else ""


def _specs(prefix: str, declared: type) -> Iterable[FieldSpec]:
    return [_spec(prefix, one) for one in fields(declared) if one.default is not MISSING]


def _spec(prefix: str, one: Field[Any]) -> FieldSpec:
    """Strategies describe their parameters with the same words: unit, help, min, max."""
    kind = one.type if isinstance(one.type, str) and one.type in KINDS else type(one.default).__name__
    described = {key: value for key, value in one.metadata.items() if key in _DESCRIBED}
    return FieldSpec(name=prefix + one.name, kind=kind, default=one.default, **described)


_DESCRIBED = {one.name for one in fields(FieldSpec)} - {"name", "kind", "default"}
