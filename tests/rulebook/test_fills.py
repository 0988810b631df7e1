"""The paper venue's matching, one candle or quote at a time."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.rulebook.fills import (
    NO_MATCH,
    buy_price,
    match_marketable_buy,
    match_resting_buy,
    match_stop_sell,
    sell_price,
    take_size,
)
from tests.rulebook.makers import NAN


@pytest.mark.parametrize(
    ("remaining", "volume", "filled"),
    [
        (1.0, 100.0, 1.0),  # plenty
        (1.0, 2.0, 0.5),  # a quarter of the volume
        (1.0, 0.0, 0.0),  # nobody traded
        (1.0, 0.03, 0.0),  # less than the venue's minimum
        (1.0, 3.98, 1.0),  # a rest of 0.005 could never fill: taken along
    ],
)
def test_an_order_takes_its_share_of_the_volume_and_leaves_no_dust(
    remaining: float, volume: float, filled: float
) -> None:
    assert take_size(remaining, volume, 0.25, 0.001, 0.01) == pytest.approx(filled)


def test_a_fill_and_a_rest_of_just_the_minimum_are_large_enough() -> None:
    assert take_size(1.0, 1.0, 0.25, 0.25, 0.25) == 0.25
    assert take_size(0.5, 1.0, 0.25, 0.25, 0.25) == 0.25


@pytest.mark.parametrize(
    ("ask", "limit", "price"),
    [(100.0, 100.2, 100.05), (100.15, 100.2, None), (NAN, 100.2, None), (99.0, 100.2, 99.05)],
)
def test_a_marketable_buy_pays_ask_and_slippage_up_to_its_limit(ask: float, limit: float, price: float | None) -> None:
    match = match_marketable_buy(1.0, limit, ask, 100.0, 0.0005, 0.25, 0.01, 1e-8, 0.0001)
    assert match == NO_MATCH if price is None else match.price == pytest.approx(price)


def test_a_marketable_buy_takes_what_the_volume_gives() -> None:
    assert match_marketable_buy(1.0, 101.0, 100.0, 2.0, 0.0, 0.25, 0.5, 0.25, 0.25) == (0.5, 100.0)


def test_a_limit_that_binary_floats_put_just_below_its_price_is_met() -> None:
    price = buy_price(90.02, 0.0005, 0.01)
    assert price > 90.07
    assert match_marketable_buy(1.0, 90.07, 90.02, 100.0, 0.0005, 0.25, 0.01, 1e-8, 0.0001).price == price


def test_a_marketable_buy_without_volume_rests() -> None:
    assert match_marketable_buy(1.0, 101.0, 100.0, 0.0, 0.0005, 0.25, 0.01, 1e-8, 0.0001) == NO_MATCH


@pytest.mark.parametrize(("low", "touched"), [(100.2, True), (99.0, True), (100.21, False)])
def test_a_resting_buy_fills_at_its_limit_when_the_low_touches_it(low: float, touched: bool) -> None:
    match = match_resting_buy(1.0, 100.2, low, 100.0, 0.25, 1e-8, 0.0001)
    assert (match.size, match.price) == ((1.0, 100.2) if touched else (0.0, 0.0))


def test_a_resting_buy_without_volume_stays() -> None:
    assert match_resting_buy(1.0, 100.2, 99.0, 0.0, 0.25, 1e-8, 0.0001) == NO_MATCH


@pytest.mark.parametrize(
    ("open_price", "low", "price"),
    [
        (99.0, 97.5, 97.45),  # touched: the stop less 0.05 %, rounded down
        (99.0, 97.51, None),
        (90.0, 89.0, 89.95),  # jumped over: the open counts
    ],
)
def test_a_stop_sells_whole_at_the_stop_or_at_a_worse_open(open_price: float, low: float, price: float | None) -> None:
    match = match_stop_sell(1.0, 97.5, open_price, low, 0.0005, 0.01)
    assert match == NO_MATCH if price is None else (match.size, match.price) == (1.0, pytest.approx(price))


def test_a_stop_for_nothing_sells_nothing() -> None:
    assert match_stop_sell(0.0, 97.5, 90.0, 89.0, 0.0005, 0.01) == NO_MATCH


@given(st.floats(0.01, 1e6), st.floats(0.0, 0.05), st.sampled_from([0.01, 0.0001, 1.0]))
def test_prices_are_always_rounded_against_us_and_never_free(price: float, slippage: float, step: float) -> None:
    assert buy_price(price, slippage, step) >= price * (1 - 1e-9) - step * 1e-5
    assert sell_price(price, slippage, step) <= max(price, step) * (1 + 1e-9) + step * 1e-5
    assert sell_price(price, slippage, step) > 0
