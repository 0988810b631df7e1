"""Chance: worked by hand where runs are few, by its laws where they are many."""

from __future__ import annotations

import importlib
import itertools
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from training.statistics.chance import monte_carlo_order, random_entries, sharpe_interval
from training.statistics.metrics import max_drawdown, sharpe_ratio

# Without types of its own.
stats: Any = importlib.import_module("scipy.stats")


def pnl_of(fractions, start: float) -> np.ndarray:
    """Money that trades of these fractions make one after the other."""
    values = start * np.cumprod(1 + np.asarray(fractions))
    return np.diff(values, prepend=start)


def fall(factors) -> float:
    return max_drawdown(np.cumprod(factors, dtype=np.float64))


# --- the order of trades


def test_all_orders_of_four_trades():
    fractions = (0.2, -0.1, 0.05, -0.3)
    falls = np.array([fall([1.0, *(1 + f for f in order)]) for order in itertools.permutations(fractions)])
    found = monte_carlo_order(pnl_of(fractions, 500.0), 500.0, seed=1, runs=20_000, ruin_level=0.7)
    assert found.real_max_drawdown == pytest.approx(fall([1.0, 1.2, 0.9, 1.05, 0.7]))
    assert found.drawdown_rank == pytest.approx(np.mean(falls <= found.real_max_drawdown + 1e-9), abs=0.02)
    assert found.max_drawdown[0] == pytest.approx(falls.min())
    assert found.max_drawdown[-1] == pytest.approx(falls.max())
    # The end is the same whatever the order.
    assert found.final_equity == pytest.approx([500 * 1.2 * 0.9 * 1.05 * 0.7] * 7)
    lows = [min(np.cumprod([1 + f for f in order])) for order in itertools.permutations(fractions)]
    assert found.ruin_probability == pytest.approx(np.mean(np.array(lows) <= 0.7), abs=0.02)


def test_the_same_money_whatever_the_equity():
    found = monte_carlo_order(np.array([100.0, -50.0, -50.0, 30.0]), 200.0, seed=1, compound=False, quantiles=(0, 1))
    assert found.final_equity == pytest.approx((230, 230))
    falls = [max_drawdown(np.cumsum([200.0, *order])) for order in itertools.permutations((100, -50, -50, 30))]
    assert found.max_drawdown == pytest.approx((min(falls), max(falls)))
    assert found.real_max_drawdown == pytest.approx(1 / 3)


def test_drawn_anew_the_end_differs_as_binomials_do():
    """Ten trades that double or halve: drawn anew, the number of winners is binomial."""
    fractions = [1.0, -0.5] * 5
    found = monte_carlo_order(
        pnl_of(fractions, 1.0), 1.0, seed=2, runs=20_000, redraw=True, quantiles=(0.05, 0.5, 0.95)
    )
    wins = stats.binom(10, 0.5).ppf((0.05, 0.5, 0.95))
    assert found.final_equity == pytest.approx(2.0 ** (2 * wins - 10))


def test_equity_that_is_gone_stays_gone():
    found = monte_carlo_order(
        np.array([-60.0, -60.0, 500.0]), 100.0, seed=3, compound=False, ruin_level=0, quantiles=(0, 1)
    )
    # Two of six orders lose everything before the winner comes.
    assert found.final_equity == pytest.approx((0, 480))
    assert found.ruin_probability == pytest.approx(1 / 3, abs=0.03)
    assert found.max_drawdown[1] == 1.0
    after = monte_carlo_order(np.array([-60.0, -60.0, 500.0]), 100.0, seed=3)
    assert (after.real_max_drawdown, after.final_equity[3]) == (1.0, 0.0)


def test_five_thousand_runs_are_the_same_for_the_same_seed_alone():
    pnl = np.random.default_rng(4).normal(1, 20, 300)
    first, again, other = (monte_carlo_order(pnl, 10_000.0, seed=seed) for seed in (5, 5, 6))
    assert first == again
    assert first != other
    assert (first.runs, first.trades) == (5_000, 300)


def test_no_trades_no_orders():
    assert monte_carlo_order(np.array([]), 1000.0, seed=1) is None
    with pytest.raises(ValueError, match="nothing to begin with"):
        monte_carlo_order(np.array([1.0]), 0.0, seed=1)


@given(st.lists(st.floats(-0.4, 0.5), min_size=1, max_size=30), st.floats(0.01, 1e6), st.booleans(), st.integers(0, 99))
@settings(max_examples=60)
def test_quantiles_rise_and_the_money_is_only_a_unit(fractions, start, redraw, seed):
    small = monte_carlo_order(pnl_of(fractions, 1.0), 1.0, seed=seed, runs=200, redraw=redraw)
    large = monte_carlo_order(pnl_of(fractions, start), start, seed=seed, runs=200, redraw=redraw)
    assert large.max_drawdown == pytest.approx(small.max_drawdown, abs=1e-9)
    assert large.final_equity == pytest.approx([start * value for value in small.final_equity], rel=1e-6)
    assert list(small.max_drawdown) == sorted(small.max_drawdown)
    assert list(small.final_equity) == sorted(small.final_equity)
    assert small.max_drawdown[0] >= 0
    assert small.max_drawdown[-1] <= 1
    assert 0 <= small.ruin_probability <= 1


def test_many_trades_go_through_memory_in_parts():
    pnl = np.random.default_rng(7).normal(0, 1, 3_000)
    found = monte_carlo_order(pnl, 10_000.0, seed=8, runs=1_500, compound=False)
    assert found.final_equity == pytest.approx([10_000 + pnl.sum()] * 7)


# --- random entries


def walk(bars: int, seed: int, drift: float = 0.0) -> np.ndarray:
    return 100 * np.exp(np.cumsum(np.random.default_rng(seed).normal(drift, 0.01, bars)))


def test_all_entries_of_one_trade():
    path = np.array([100.0, 110.0, 99.0, 120.0, 60.0])
    every = np.array([99 / 100, 120 / 110, 60 / 99]) - 1 - 0.01
    found = random_entries(
        [path], np.array([0]), np.array([2]), np.array([every[1]]), 0.01, seed=1, runs=6_000, quantiles=(0, 0.5, 1)
    )
    assert found.returns == pytest.approx(sorted(every))
    assert found.mean == pytest.approx(every.mean(), abs=0.01)
    assert found.p_value == pytest.approx(1 / 3, abs=0.02)


def test_trades_of_one_symbol_never_overlap():
    """A path that pays only from bar 2 to 3: of three trades of one bar each, only one can have it."""
    path = np.array([1.0, 1.0, 1.0, 2.0, 2.0, 2.0])
    found = random_entries([path], np.zeros(3, int), np.ones(3, int), np.zeros(3), 0.0, seed=1, quantiles=(0, 1))
    assert found.returns == pytest.approx((0, 1 / 3))


def test_trades_that_fill_the_path_have_one_place_only():
    found = random_entries([walk(11, 1)], np.zeros(5, int), np.full(5, 2), np.zeros(5), 0.0, seed=1)
    assert found.returns == pytest.approx([found.mean] * 7)


def test_perfect_moments_are_no_chance_and_random_ones_are():
    paths = [walk(2_000, 2), walk(2_000, 3)]
    rng = np.random.default_rng(4)
    symbol, held = rng.integers(0, 2, 40), rng.integers(2, 20, 40)
    best = []
    for s, h in zip(symbol, held, strict=True):
        best.append(np.quantile(paths[s][h:] / paths[s][:-h] - 1, 0.9) - 0.002)
    assert random_entries(paths, symbol, held, np.array(best), 0.002, seed=5).p_value == pytest.approx(1 / 2001)
    # Of those that know nothing, the p-values are spread evenly.
    found = []
    for seed in range(60):
        starts = np.random.default_rng(seed).integers(0, 1_980, 40)
        made = np.array([paths[s][b + h] / paths[s][b] - 1.002 for s, h, b in zip(symbol, held, starts, strict=True)])
        found.append(random_entries(paths, symbol, held, made, 0.002, seed=seed, runs=300).p_value)
    assert stats.kstest(found, "uniform").pvalue > 0.01


def test_costs_move_every_run_and_weights_say_whose_trades_count():
    paths = [walk(300, 6), walk(300, 7, drift=0.01)]
    rows = (paths, np.array([0, 1]), np.array([5, 5]), np.array([0.0, 0.1]))
    free, paid = (random_entries(*rows, cost, seed=8) for cost in (0.0, np.array([0.01, 0.03])))
    assert np.subtract(free.returns, paid.returns) == pytest.approx(0.02)
    heavy = random_entries(*rows, 0.0, seed=8, weights=np.array([0.0, 5.0]))
    assert (heavy.real, free.real) == (pytest.approx(0.1), pytest.approx(0.05))
    assert heavy.mean > free.mean


def test_missing_prices_are_the_ones_before_them_and_none_lie_outside():
    path = np.array([np.nan, np.nan, 10.0, np.nan, 20.0, np.nan])
    found = random_entries([path], np.array([0]), np.array([1]), np.array([0.0]), 0.0, seed=1, quantiles=(0, 1))
    assert found.returns == (0.0, 1.0)


def test_trades_that_do_not_fit_are_refused_and_none_have_no_answer():
    with pytest.raises(ValueError, match="6 bars held do not fit into 5 of symbol 0"):
        random_entries([walk(5, 1)], np.zeros(2, int), np.array([3, 3]), np.zeros(2), 0.0, seed=1)
    with pytest.raises(ValueError, match="do not fit into 0"):
        random_entries([np.full(5, np.nan)], np.zeros(1, int), np.array([1]), np.zeros(1), 0.0, seed=1)
    assert random_entries([], np.zeros(0, int), np.zeros(0, int), np.zeros(0), 0.0, seed=1) is None


@given(st.integers(0, 1_000), st.floats(0.001, 1_000.0))
@settings(max_examples=30)
def test_a_better_result_is_never_more_like_chance_and_prices_have_no_unit(seed, scale):
    paths = [walk(200, seed), walk(150, seed + 1)]
    rng = np.random.default_rng(seed)
    symbol, held, made = rng.integers(0, 2, 8), rng.integers(0, 10, 8), rng.normal(0, 0.02, 8)
    plain = random_entries(paths, symbol, held, made, 0.001, seed=seed, runs=100)
    scaled = random_entries([path * scale for path in paths], symbol, held, made, 0.001, seed=seed, runs=100)
    better = random_entries(paths, symbol, held, made + 0.01, 0.001, seed=seed, runs=100)
    assert scaled.returns == pytest.approx(plain.returns)
    assert better.p_value <= plain.p_value
    assert 0 < plain.p_value <= 1


# --- the interval of the Sharpe ratio


def test_the_interval_of_independent_days_is_that_of_theory():
    """Lo, "The Statistics of Sharpe Ratios", Financial Analysts Journal 58(4), 2002."""
    returns = np.random.default_rng(1).normal(0.001, 0.01, 730)
    found = sharpe_interval(returns, seed=2, runs=4_000, block=1)
    daily = sharpe_ratio(returns, 1)
    error = math.sqrt((1 + daily**2 / 2) / 730) * math.sqrt(365)
    assert found.sharpe == sharpe_ratio(returns)
    assert (found.high - found.low) / 2 == pytest.approx(1.96 * error, rel=0.08)
    assert found.below_zero == pytest.approx(stats.norm.cdf(-found.sharpe / error), abs=0.02)


def test_days_that_follow_upon_each_other_widen_it_by_blocks():
    rng = np.random.default_rng(3)
    shocks = rng.normal(0, 0.01, 1_000)
    returns = np.zeros(1_000)
    for day in range(1, 1_000):
        returns[day] = 0.6 * returns[day - 1] + shocks[day]
    alone = sharpe_interval(returns, seed=4, block=1)
    blocks = sharpe_interval(returns, seed=4, block=20)
    assert blocks.high - blocks.low > 1.5 * (alone.high - alone.low)
    assert sharpe_interval(returns, seed=4).block == pytest.approx(10.0)


def test_blocks_are_stretches_of_the_days_themselves():
    """A block as long as the series is the series, begun somewhere: every run has its own ratio."""
    returns = np.random.default_rng(5).normal(0, 0.01, 50)
    found = sharpe_interval(returns, seed=6, block=1e12)
    assert (found.low, found.high) == (pytest.approx(found.sharpe), pytest.approx(found.sharpe))


def test_the_interval_covers_the_truth_about_as_often_as_it_says():
    rng = np.random.default_rng(7)
    truth = 0.1
    found = [sharpe_interval(rng.normal(0.1, 1, 200), seed=seed, runs=300, periods=1, block=1) for seed in range(200)]
    assert np.mean([one.low <= truth <= one.high for one in found]) == pytest.approx(0.95, abs=0.05)


def test_without_variance_there_is_no_interval():
    assert sharpe_interval(np.zeros(100), seed=1) is None
    assert sharpe_interval(np.array([0.1]), seed=1) is None
    with pytest.raises(ValueError, match="blocks of"):
        sharpe_interval(np.array([0.1, 0.2, 0.1]), seed=1, block=0.5)


def test_two_days_leave_out_the_runs_that_drew_one_of_them_twice():
    found = sharpe_interval(np.array([0.01, -0.005]), seed=1, runs=200)
    assert found.runs < 200
    assert found.low == pytest.approx(found.sharpe)
    # One run alone may have drawn the same day twice.
    assert None in [sharpe_interval(np.array([0.01, -0.005]), seed=seed, runs=1) for seed in range(20)]
