"""Whatever a decision saw or said comes back equal to the last bit, through JSON text and through Postgres."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, fields, is_dataclass
from decimal import Decimal
from enum import Enum
from types import UnionType
from typing import Any, NamedTuple, Union, get_args, get_origin, get_type_hints

import numpy as np
import psycopg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.domain import book, decisions, markets, orders, records, signals
from bot.domain.codec import from_json, to_json
from bot.jobs.signals import Bar
from bot.rulebook.rules import PaperRules, Rules

NOT_JSON = {records.Snapshot, records.Writes, records.BotWrites}
"""They hold candles or keys that are no text; they never travel."""

KINDS = [
    kind
    for module in (book, decisions, markets, orders, records, signals)
    for kind in vars(module).values()
    if isinstance(kind, type) and is_dataclass(kind) and kind.__module__ == module.__name__ and kind not in NOT_JSON
] + [Bar, Rules, PaperRules]

numbers = st.floats(allow_infinity=False) | st.sampled_from([1e-8, 0.1 + 0.2, 5e-324, 1.7976931348623157e308, -0.0])
texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=8)
plain = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=5,
)


def values(kind: Any) -> st.SearchStrategy[Any]:
    """Any value that a field of this type may have."""
    origin, arguments = get_origin(kind), get_args(kind)
    if origin in (Union, UnionType):
        return st.one_of([values(one) for one in arguments])
    if origin is tuple and len(arguments) == 2 and arguments[1] is Ellipsis:
        return st.lists(values(arguments[0]), max_size=2).map(tuple)
    if origin is tuple:
        return st.tuples(*(values(one) for one in arguments))
    if origin is dict:
        return st.dictionaries(texts, values(arguments[1]), max_size=3)
    if kind is type(None):
        return st.none()
    if kind is Any:
        return plain
    simple = {float: numbers, int: st.integers(-(2**63), 2**63), str: texts, bool: st.booleans(),
              Decimal: st.decimals(allow_nan=False, allow_infinity=False)}  # fmt: skip
    if kind in simple:
        return simple[kind]
    if issubclass(kind, Enum):
        return st.sampled_from(kind)
    return st.builds(kind, **{name: values(hint) for name, hint in get_type_hints(kind).items()})


def same(a: Any, b: Any) -> bool:
    """Equal in value and type, nan being nan."""
    if isinstance(a, float):
        return isinstance(b, float) and (a == b or (math.isnan(a) and math.isnan(b)))
    if type(a) is not type(b):
        return False
    if is_dataclass(a):
        return all(same(getattr(a, f.name), getattr(b, f.name)) for f in fields(a))
    if isinstance(a, tuple | list):
        return len(a) == len(b) and all(same(x, y) for x, y in zip(a, b, strict=True))
    if isinstance(a, dict):
        return list(a) == list(b) and all(same(a[key], b[key]) for key in a)
    return a == b


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_every_record_comes_back_from_json_text(kind: type, data: st.DataObject):
    value = data.draw(values(kind))
    text = json.dumps(to_json(value), allow_nan=False)
    assert same(from_json(kind, json.loads(text)), value)


@settings(max_examples=25, deadline=None)
@given(found=st.lists(numbers.filter(lambda x: x == x), max_size=30))
def test_floats_come_back_from_the_database_to_the_last_bit(connection, found: list[float]):
    (stored,) = connection.execute("select %s::jsonb", (json.dumps(to_json(found)),)).fetchone()
    assert [float(x) for x in stored] == found


@pytest.fixture(scope="module")
def connection(database_server: str):
    with psycopg.connect(database_server) as opened:
        yield opened


def test_nan_is_null_and_infinity_is_refused():
    assert to_json([math.nan, 1.5]) == [None, 1.5]
    assert math.isnan(from_json(float, None))
    with pytest.raises(ValueError, match="infinity"):
        to_json({"x": -math.inf})


def test_what_has_no_json_form_is_refused():
    for value in ({1, 2}, object(), b"bytes", records.Trade):
        with pytest.raises(TypeError, match="no JSON form"):
            to_json(value)


def test_numpy_floats_pass_for_floats():
    assert to_json(np.float64(0.1)) == 0.1


def test_money_keeps_its_digits():
    assert to_json(Decimal("0.10")) == "0.10"
    assert str(from_json(Decimal, "0.10")) == "0.10"
    assert to_json(Decimal("1E+3")) == "1E+3"


@dataclass(frozen=True)
class Sample:
    count: int
    name: str | None
    sizes: list[float]
    pair: tuple[str, int]
    ready: bool = False


class Named(NamedTuple):
    x: float
    n: int


def test_shapes_come_back_as_they_were():
    value = Sample(3, None, [1.0, 2.5], ("a", 1), True)
    assert from_json(Sample, to_json(value)) == value
    assert from_json(Named, to_json(Named(1.0, 2))) == Named(1.0, 2)
    assert from_json(dict[str, int], {"a": 1}) == {"a": 1}


@pytest.mark.parametrize(
    ("kind", "data", "error"),
    [
        (Sample, {"count": 1}, KeyError),
        (Sample, {"count": "1", "name": None, "sizes": [], "pair": ["a", 1], "ready": False}, TypeError),
        (Sample, {"count": True, "name": None, "sizes": [], "pair": ["a", 1], "ready": False}, TypeError),
        (Sample, {"count": 1, "name": None, "sizes": [], "pair": ["a"], "ready": False}, ValueError),
        (Sample, {"count": 1, "name": 5, "sizes": [], "pair": ["a", 1], "ready": False}, TypeError),
        (orders.Side, "hold", ValueError),
        (bool, 1, TypeError),
        (str, None, TypeError),
        (set, [], TypeError),
        (float, "much", ValueError),
    ],
)
def test_a_record_of_another_version_is_refused(kind: type, data: Any, error: type[Exception]):
    with pytest.raises(error):
        from_json(kind, data)
