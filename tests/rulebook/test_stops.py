"""Resting stops, one or several, brought to cover exactly the position."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.book import RestingStop
from bot.domain.orders import Intent
from bot.rulebook.decide import stop_intents
from tests.rulebook.makers import NAN, NOW, position

STEP = 0.01
LEAST = 0.1


def stops(*sizes: float, price: float = 97.5) -> tuple[RestingStop, ...]:
    return tuple(RestingStop(f"s-{n}", size, price) for n, size in enumerate(sizes))


def asked(size: float, resting: Sequence[RestingStop], stop_price: float = 97.5) -> list[Intent]:
    return stop_intents(position(size=size, stops=tuple(resting)), stop_price, STEP, LEAST, NOW)


def carried_out(resting: Sequence[RestingStop], intents: Sequence[Intent]) -> tuple[RestingStop, ...]:
    """The stops once the venue has done what was asked."""
    after = {stop.client_id: stop for stop in resting}
    for intent in intents:
        if intent.action == "cancel":
            del after[intent.client_id]
        else:
            after[intent.client_id] = RestingStop(intent.client_id, intent.size, intent.stop_price)
    return tuple(after.values())


@pytest.mark.parametrize(
    ("resting", "size", "after"),
    [
        ((), 1.0, [("place", "", 1.0)]),
        ((1.0,), 1.0, []),
        ((1.004,), 1.0, []),  # less than half a step
        ((1.0,), 0.5, [("amend", "s-0", 0.5)]),
        ((0.5,), 1.0, [("amend", "s-0", 1.0)]),
        ((0.6, 0.4), 1.0, []),
        ((0.6, 0.4), 1.5, [("amend", "s-0", 1.1)]),
        ((0.6, 0.4), 0.8, [("amend", "s-1", 0.2)]),
        ((0.6, 0.4), 0.6, [("cancel", "s-1", 0.4)]),
        ((0.6, 0.4), 0.3, [("cancel", "s-1", 0.4), ("amend", "s-0", 0.3)]),
        ((0.6, 0.3, 0.1), 0.6, [("cancel", "s-1", 0.3), ("cancel", "s-2", 0.1)]),
        # Too small to be asked for: it goes, and its part is covered by another one.
        ((0.6, 0.4), 0.65, [("cancel", "s-1", 0.4), ("amend", "s-0", 0.65)]),
        # One that is as small as that already is left alone where it fits.
        ((0.6, 0.05), 0.65, []),
        ((0.6, 0.05), 0.7, [("amend", "s-0", 0.65)]),
        # Below the venue's minimum nothing can be placed; what exceeds the position would sell other coins.
        ((), 0.05, []),
        ((0.05,), 0.05, []),
        ((0.6, 0.05), 0.05, [("cancel", "s-0", 0.6)]),
        ((0.6,), 0.05, [("cancel", "s-0", 0.6)]),
    ],
)
def test_stops_are_brought_to_the_size_of_the_position(
    resting: tuple[float, ...], size: float, after: list[tuple[str, str, float]]
) -> None:
    found = [(i.action, i.client_id, i.size) for i in asked(size, stops(*resting))]
    assert found == [(action, name, pytest.approx(wanted)) for action, name, wanted in after]


def test_every_stop_rises_and_one_that_stands_higher_stays_there() -> None:
    resting = (*stops(0.6), RestingStop("s-1", 0.4, 99.0))
    assert [(i.client_id, i.size, i.stop_price) for i in asked(1.0, resting, 98.0)] == [("s-0", 0.6, 98.0)]
    assert [(i.client_id, i.stop_price) for i in asked(0.8, resting, 98.0)] == [("s-1", 99.0), ("s-0", 98.0)]


def test_a_stop_whose_trigger_is_not_known_gets_one() -> None:
    assert [(i.action, i.stop_price) for i in asked(1.0, stops(1.0, price=NAN))] == [("amend", 97.5)]


def test_below_the_venues_minimum_a_stop_stays_as_it_is() -> None:
    assert asked(0.05, stops(0.05), 98.0) == []


def test_coins_are_let_go_before_another_stop_asks_for_them() -> None:
    found = asked(0.65, stops(0.3, 0.6))
    assert [(i.action, i.client_id, i.size) for i in found] == [("amend", "s-1", pytest.approx(0.35))]
    crossed = asked(0.35, stops(0.05, 0.6))
    assert [(i.action, i.client_id) for i in crossed] == [("amend", "s-1")]
    folded = asked(0.64, stops(0.6, 0.2))
    assert [i.action for i in folded] == ["cancel", "amend"]


sizes = st.lists(st.integers(1, 500), max_size=5)


@given(sizes, st.integers(1, 1000), st.integers(1, 100), st.floats(90.0, 100.0), st.lists(st.floats(90, 100)))
def test_whatever_rests_the_stops_end_up_covering_the_position_and_never_fall(
    counts: list[int], held: int, least: int, stop_price: float, prices: list[float]
) -> None:
    resting = tuple(
        RestingStop(f"s-{n}", count * STEP, price)
        for n, (count, price) in enumerate(zip(counts, [*prices, *[97.5] * 5], strict=False))
    )
    size, min_size = held * STEP, least * STEP
    mine = position(size=size, stops=resting)
    intents = stop_intents(mine, stop_price, STEP, min_size, NOW)
    before = {stop.client_id: stop for stop in resting}
    after = carried_out(resting, intents)
    total = sum(stop.size for stop in after)
    if held >= least:
        assert total == pytest.approx(size, abs=STEP / 2)
        assert all(stop.price >= stop_price for stop in after)
    else:
        assert total <= size + STEP / 2, "never more than is held"
        assert all(intent.action == "cancel" for intent in intents)
    for intent in intents:
        old = before.get(intent.client_id)
        assert intent.action == "cancel" or intent.size >= min_size - 1e-9 or (old and old.size == intent.size)
        assert old is None or intent.action == "cancel" or intent.stop_price >= old.price
    check_no_coin_twice(resting, intents, size)
    again = stop_intents(position(size=size, stops=after), stop_price, STEP, min_size, NOW)
    assert again == [], "once is enough"


def check_no_coin_twice(resting: Sequence[RestingStop], intents: Sequence[Intent], held: float) -> None:
    """No request asks for coins that another order still holds."""
    for done in range(len(intents)):
        now = sum(stop.size for stop in carried_out(resting, intents[:done]))
        then = sum(stop.size for stop in carried_out(resting, intents[: done + 1]))
        assert then <= max(held, now) + STEP / 2
