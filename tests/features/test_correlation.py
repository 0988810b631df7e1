"""Correlation of returns: what numpy says, causal, and the same from a window as from the whole history."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.features.correlation import CORRELATION_ROWS, correlation, log_returns, rolling_correlation
from tests.features.markets import DATA, needs_data, recorded, walk


def pair(count: int, seed: int = 0, share: float = 0.7):
    chance = np.random.default_rng(seed)
    common, own = chance.normal(0, 0.01, count), chance.normal(0, 0.01, count)
    return common, share * common + (1 - share) * own


@pytest.mark.parametrize("share", [-0.9, 0.0, 0.5, 1.0])
def test_it_is_what_numpy_says(share):
    a, b = pair(900, share=share)
    mine = rolling_correlation(a, b, 100)
    assert np.isnan(mine[:99]).all()
    for end in (100, 321, 900):
        assert mine[end - 1] == pytest.approx(np.corrcoef(a[end - 100 : end], b[end - 100 : end])[0, 1], abs=1e-9)


@given(seed=st.integers(0, 10_000), cut=st.integers(120, 400))
@settings(max_examples=50, deadline=None)
def test_it_knows_neither_the_future_nor_what_lies_before_its_window(seed, cut):
    a, b = pair(400, seed)
    whole = rolling_correlation(a, b, 100)
    assert np.array_equal(rolling_correlation(a[:cut], b[:cut], 100), whole[:cut], equal_nan=True)
    assert rolling_correlation(a[cut - 100 : cut], b[cut - 100 : cut], 100)[-1] == whole[cut - 1]


def test_a_market_that_stands_still_correlates_with_nothing():
    a, _ = pair(200)
    assert np.isnan(rolling_correlation(a, np.zeros(200), 100)).all()
    assert np.isnan(rolling_correlation(a, np.full(200, 0.01), 100)).all()


def test_itself_turned_over_and_scaled():
    a, _ = pair(200)
    assert rolling_correlation(a, a, 100)[-1] == pytest.approx(1.0)
    assert rolling_correlation(a, -3 * a, 100)[-1] == pytest.approx(-1.0)


def test_candles_are_matched_by_their_time_and_too_few_say_nothing():
    a, b = walk(800, seed=1), walk(800, seed=2)
    known = correlation(a, b)
    assert -1 < known < 1
    assert correlation(a.take(slice(300, None)), b) == known
    assert np.isnan(correlation(a.take(slice(0, CORRELATION_ROWS)), b))
    full = rolling_correlation(log_returns(a.close)[1:], log_returns(b.close)[1:])
    assert known == full[-1]


@needs_data
def test_coins_move_together():
    bitcoin, ether = (recorded(f"{coin}-USDT", "1h", "2021-04-01", "2021-06-01") for coin in ("BTC", "ETH"))
    assert 0.5 < correlation(bitcoin, ether) < 0.95
    assert DATA.is_dir()
