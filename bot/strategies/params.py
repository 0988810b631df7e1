"""A strategy's parameters: frozen dataclass fields with unit, range and help, checked when given."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, field, fields, replace
from typing import TYPE_CHECKING, Any, TypeVar

from bot.domain.errors import ConfigError

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

    P = TypeVar("P", bound=DataclassInstance)


def param(default: float, low: float, high: float, unit: str, help: str) -> Any:
    """A field of `Params`. An int default makes a whole-number parameter; low, high: allowed range, both included."""
    return field(default=default, metadata={"min": low, "max": high, "unit": unit, "help": help})


def schema(params: type[DataclassInstance]) -> dict[str, dict[str, Any]]:
    """{name: {type, default, min, max, unit, help}}, in the order of the fields; plain JSON values."""
    return {
        each.name: {"type": type(each.default).__name__, "default": each.default, **each.metadata}
        for each in fields(params)
        if each.default is not MISSING
    }


def updated(params: P, given: Mapping[str, object], where: str) -> P:
    """params with the given values in place.

    where: what the error names in front of the field.  Raises ConfigError on an
    unknown name, a wrong type, or a value outside its range.
    """
    known = schema(type(params))
    return replace(params, **{name: _checked(known, name, value, f"{where}.{name}") for name, value in given.items()})


def _checked(known: Mapping[str, Mapping[str, Any]], name: str, value: object, where: str) -> float:
    if name not in known:
        listed = ", ".join(known) or "none"
        raise ConfigError(f"unknown parameter {name!r}", where=where, fix=f"known parameters: {listed}")
    entry = known[name]
    whole = entry["type"] == "int"
    if isinstance(value, bool) or not isinstance(value, int | float) or (whole and value % 1 != 0):
        wanted = "a whole number" if whole else "a number"
        raise ConfigError(f"{value!r} is not {wanted}", where=where, fix=f"give {wanted}, like {entry['default']}")
    low, high, unit = entry["min"], entry["max"], entry["unit"]
    if not low <= value <= high:
        raise ConfigError(f"{value!r} is out of range", where=where, fix=f"give a value from {low} to {high} ({unit})")
    return int(value) if whole else float(value)
