"""Domain values to JSON and back, without loss.

What a decision saw and said is stored this way and must come back equal to the
last bit: floats travel as JSON numbers (shortest form that reads back equal), nan
as null, Decimal as text, enums by value, tuples as lists, dataclasses and named
tuples as objects.
"""

from __future__ import annotations

import math
from dataclasses import fields, is_dataclass
from decimal import Decimal
from enum import Enum
from functools import cache
from types import NoneType, UnionType
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

T = TypeVar("T")


def to_json(value: Any) -> Any:
    """Plain JSON types for a domain value. Raises TypeError for anything else, ValueError for infinity."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, str | int):
        return value
    if isinstance(value, float):
        if math.isinf(value):
            raise ValueError("infinity has no JSON form")
        return None if math.isnan(value) else value
    if isinstance(value, Decimal):
        return str(value)
    if is_dataclass(value) and not isinstance(value, type):
        return {f.name: to_json(getattr(value, f.name)) for f in fields(value)}
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return {name: to_json(part) for name, part in zip(value._fields, value, strict=True)}
    if isinstance(value, list | tuple):
        return [to_json(part) for part in value]
    if isinstance(value, dict):
        return {str(key): to_json(part) for key, part in value.items()}
    raise TypeError(f"{type(value).__name__} has no JSON form")


def from_json(kind: type[T], data: Any) -> T:
    """The value of type `kind` that to_json turned into data.

    Raises KeyError for a missing field and TypeError or ValueError for a shape
    that does not fit: a record of another version.
    """
    result: T = _decode(kind, data)
    return result


@cache
def _hints(kind: type) -> dict[str, Any]:
    return get_type_hints(kind)


def _decode(kind: Any, data: Any) -> Any:
    origin = get_origin(kind)
    if origin in (Union, UnionType):
        return _decode_union(get_args(kind), data)
    if origin in (tuple, list):
        arguments = get_args(kind)
        if origin is tuple and not (len(arguments) == 2 and arguments[1] is Ellipsis):
            return tuple(_decode(part, item) for part, item in zip(arguments, data, strict=True))
        items = [_decode(arguments[0], item) for item in data]
        return tuple(items) if origin is tuple else items
    if origin is dict:
        return {key: _decode(get_args(kind)[1], item) for key, item in data.items()}
    if kind is float:
        return math.nan if data is None else float(data)
    if kind is Decimal:
        return Decimal(data)
    if kind in (bool, int, str):
        if not isinstance(data, kind) or isinstance(data, bool) is not (kind is bool):
            raise TypeError(f"expected {kind.__name__}, found {data!r}")
        return data
    if kind is Any:
        return data
    if isinstance(kind, type) and issubclass(kind, Enum):
        return kind(data)
    if isinstance(kind, type) and (is_dataclass(kind) or hasattr(kind, "_fields")):
        return kind(**{name: _decode(hint, data[name]) for name, hint in _hints(kind).items()})
    raise TypeError(f"no way to read {kind!r}")


def _decode_union(choices: tuple[Any, ...], data: Any) -> Any:
    if data is None and NoneType in choices:
        return None
    if isinstance(data, str) and str in choices:
        return data
    rest = [choice for choice in choices if choice not in (NoneType, str)]
    if not rest:
        raise TypeError(f"expected text, found {data!r}")
    return _decode(rest[0], data)
