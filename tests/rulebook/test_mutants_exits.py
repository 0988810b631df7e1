"""The edges of trailing and of the ladder, at sizes and prices that binary floats hold exactly."""

from __future__ import annotations

import pytest

from bot.rulebook.exits import LadderSale, TrailingState, ladder_sale, target_gain, trail_stop
from bot.rulebook.rules import Ladder, make_ladder
from tests.rulebook.makers import rules

HALF = make_ladder(((0.5, 0.25), (0.5, 0.5)))


def sale(
    bought: float = 1.0, held: float = 1.0, bid: float = 125.0, stop: float = 100.0, step: float = 0.25,
    least: float = 0.25, notional: float = 0.0, ladder: Ladder = HALF,
) -> LadderSale:  # fmt: skip
    return ladder_sale(bought, held, 100.0, bid, bid, stop, 0.5, step, least, notional, ladder)


NONE = LadderSale(0.0, 1.0, 0, 0)


def test_a_rung_that_has_sold_to_within_half_a_step_has_been_taken() -> None:
    assert sale(held=0.625, least=0.0625) == LadderSale(0.0, 0.625, 0, 0)
    assert sale(held=0.6, least=0.0625) == LadderSale(0.0, 0.6, 0, 0)
    assert sale(held=0.75) == LadderSale(0.25, 0.5, 1, 1)


def test_a_part_and_a_rest_of_just_the_minimum_are_large_enough() -> None:
    assert sale(least=0.5) == LadderSale(0.5, 0.5, 1, 1)
    assert sale(notional=62.5, stop=125.0) == LadderSale(0.5, 0.5, 1, 1)
    assert sale(bid=130.0, notional=50.0) == LadderSale(0.5, 0.5, 1, 1)


def test_a_part_that_is_too_small_waits_and_a_rest_that_is_too_small_goes_along() -> None:
    assert sale(notional=62.75) == NONE
    assert sale(bid=130.0, notional=50.25) == LadderSale(1.0, 0.0, 1, 1)


def test_a_minimum_that_binary_floats_miss_is_met() -> None:
    assert 1.0 - 0.9 < 0.1
    tenth = make_ladder(((0.1, 0.25), (0.9, 0.5)))
    assert sale(step=0.1, least=0.1, ladder=tenth).size == pytest.approx(0.1)


def test_all_of_a_small_holding_goes_at_the_last_rung_whatever_the_venues_minimum() -> None:
    assert sale(held=0.25, bid=150.0, least=0.5) == LadderSale(0.25, 0.0, 2, 2)


def test_shares_that_add_up_to_all_but_an_ulp_leave_nothing() -> None:
    thirds = make_ladder(((0.7, 0.125), (0.2, 0.25), (0.1, 0.5)))
    assert 0.7 + 0.2 + 0.1 < 1.0
    assert sale(bid=150.0, step=1e-17, least=0.0, ladder=thirds) == LadderSale(1.0, 0.0, 1, 3)


def test_a_ladder_of_one_rung_has_its_target_there() -> None:
    assert target_gain(rules(take_profit_ladder=make_ladder(((1.0, 0.3),)))) == 0.3
    assert target_gain(rules()) == 0.045


# --- trailing ------------------------------------------------------------------------------


def test_without_breakeven_the_stop_of_a_cheap_coin_trails_all_the_same() -> None:
    by = rules(breakeven=False, trailing_activation_frac=0.125, trailing_distance_frac=0.25)
    assert trail_stop(0.5, 0.375, 0.5, False, 0.75, 0.0625, 0.0, by) == TrailingState(0.5625, 0.75, True, True, False)


def test_a_stop_that_is_where_it_belongs_has_not_moved() -> None:
    by = rules(breakeven=False, trailing_distance_frac=0.25)
    assert trail_stop(100.0, 96.0, 128.0, True, 128.0, 0.5, 0.0, by) == TrailingState(96.0, 128.0, True, False, False)


def test_where_trailing_and_breakeven_agree_the_stop_has_trailed() -> None:
    by = rules(trailing_distance_frac=0.5)
    assert trail_stop(100.0, 97.5, 200.0, True, 200.0, 0.5, 0.0, by) == TrailingState(100.0, 200.0, True, True, False)
