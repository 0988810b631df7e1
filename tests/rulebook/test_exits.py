"""Stop, target, trailing, breakeven: when a position is left and how its stop moves."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.rulebook import exits
from tests.rulebook.makers import NAN, rules

FEE = 0.004


@pytest.mark.parametrize(
    ("bid", "high", "expected"),
    [
        (100.0, NAN, exits.STAY),
        (97.5, NAN, exits.STOP_LOSS),
        (97.0, 110.0, exits.STOP_LOSS),  # both touched: the loss counts
        (104.5, NAN, exits.TAKE_PROFIT),
        (101.0, 104.6, exits.TAKE_PROFIT),  # touched between two ticks
        (104.49, 104.49, exits.STAY),
        (NAN, NAN, exits.STAY),
        (NAN, 105.0, exits.TAKE_PROFIT),
    ],
)
def test_the_stop_speaks_before_the_target(bid: float, high: float, expected: int) -> None:
    assert exits.exit_trigger(bid, high, 97.5, 104.5, 97.5) == expected


def test_a_position_without_a_target_is_left_by_its_stop_alone() -> None:
    assert exits.exit_trigger(1000.0, 1000.0, 97.5, NAN, 97.5) == exits.STAY


@pytest.mark.parametrize(
    ("bid", "resting", "expected"),
    [(101.0, 97.5, exits.STAY), (100.9, 97.5, exits.STOP_PASSED), (97.5, 97.5, exits.STOP_LOSS),
     (100.0, NAN, exits.STOP_PASSED), (NAN, 97.5, exits.STAY)],
)  # fmt: skip
def test_a_stop_that_belongs_above_the_bid_has_been_passed(bid: float, resting: float, expected: int) -> None:
    assert exits.exit_trigger(bid, NAN, resting, 104.5, 100.9) == expected


def test_breakeven_pays_back_both_fees_exactly() -> None:
    price = exits.breakeven_price(100.0, FEE)
    assert price * (1 - FEE) == pytest.approx(100.0 * (1 + FEE))


@pytest.mark.parametrize(
    ("high", "armed", "breakeven", "stop", "arms", "trailed", "at_breakeven"),
    [
        (101.99, False, True, 97.5, False, False, False),  # not yet +2 %
        (102.0, False, True, 100.98, True, True, False),  # 102 less 1 % beats entry and fees (100.80)
        (101.0, True, True, 100.80, True, False, True),  # 99.99 would lose fees: breakeven holds
        (101.0, True, False, 99.99, True, True, False),
        (NAN, True, True, 100.80, True, False, True),
        (110.0, True, True, 108.9, True, True, False),
    ],
)
def test_the_stop_trails_once_armed(
    high: float, armed: bool, breakeven: bool, stop: float, arms: bool, trailed: bool, at_breakeven: bool
) -> None:
    state = exits.trail_stop(100.0, 97.5, 100.0, armed, high, 0.01, FEE, rules(breakeven=breakeven))
    assert state.stop_price == pytest.approx(stop)
    assert (state.armed, state.trailed, state.at_breakeven) == (arms, trailed, at_breakeven)


def test_a_stop_that_would_not_rise_is_not_reported_as_moved() -> None:
    state = exits.trail_stop(100.0, 105.0, 106.0, True, 106.0, 0.01, FEE, rules())
    assert (state.stop_price, state.trailed, state.at_breakeven) == (105.0, False, False)


@given(st.lists(st.floats(50, 200), min_size=1, max_size=40), st.booleans())
def test_whatever_the_price_does_a_stop_never_falls_and_the_mark_is_the_highest(
    path: list[float], breakeven: bool
) -> None:
    stop, mark, armed = 97.5, 100.0, False
    for high in path:
        state = exits.trail_stop(100.0, stop, mark, armed, high, 0.01, FEE, rules(breakeven=breakeven))
        assert state.stop_price >= stop
        assert state.armed >= armed
        stop, mark, armed = state.stop_price, state.high_water, state.armed
    assert mark == max([100.0, *path])
    assert stop <= mark
