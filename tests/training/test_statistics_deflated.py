"""Deflated Sharpe ratio: the papers' own numbers, scipy's moments, and how often noise passes."""

from __future__ import annotations

import importlib
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from training.statistics import deflated
from training.statistics.deflated import (
    deflated_sharpe,
    effective_trials,
    expected_max_sharpe,
    min_track_record,
    probabilistic_sharpe,
    trials_of,
)

# Without types of its own.
stats: Any = importlib.import_module("scipy.stats")


def test_the_example_of_the_deflated_sharpe_ratio():
    """Bailey & Lopez de Prado 2014: five years of 250 days, yearly ratio 2.5; the trials' have variance 1/2."""
    daily = 2.5 / math.sqrt(250)
    threshold = expected_max_sharpe(0.5 / 250, 100)
    assert threshold == pytest.approx(0.1132, abs=5e-5)
    assert probabilistic_sharpe(daily, threshold, 1250, skew=-3, kurtosis=10) == pytest.approx(0.9004, abs=5e-5)
    # "... had the strategist made 46 trials", and 88 if returns had been normal
    fewer = expected_max_sharpe(0.5 / 250, 46)
    assert probabilistic_sharpe(daily, fewer, 1250, skew=-3, kurtosis=10) == pytest.approx(0.9505, abs=5e-5)
    normal = expected_max_sharpe(0.5 / 250, 88)
    assert probabilistic_sharpe(daily, normal, 1250) == pytest.approx(0.9505, abs=5e-5)


def test_the_example_of_the_probabilistic_sharpe_ratio():
    """Bailey & Lopez de Prado 2012: two years of a hedge fund's months, ratio 0.458 a month."""
    assert probabilistic_sharpe(0.458, 0, 24) == pytest.approx(0.982, abs=5e-4)
    assert probabilistic_sharpe(0.458, 0, 24, skew=-2.448, kurtosis=10.164) == pytest.approx(0.913, abs=5e-4)


@pytest.mark.parametrize(("a_year", "years"), [(252, 2.73), (52, 2.83), (12, 3.24)])
def test_the_examples_of_the_track_record_length(a_year, years):
    """The same: a yearly ratio of 2 above 1 at 95 %, by days, weeks and months."""
    found = min_track_record(2 / math.sqrt(a_year), 1 / math.sqrt(a_year))
    assert found / a_year == pytest.approx(years, abs=5e-3)


def test_a_track_record_of_that_length_stands_at_that_confidence():
    periods = min_track_record(0.11, 0.03, skew=-1, kurtosis=6, confidence=0.9)
    assert probabilistic_sharpe(0.11, 0.03, round(periods), skew=-1, kurtosis=6) == pytest.approx(0.9, abs=1e-3)
    assert min_track_record(0.03, 0.03) is None


def test_moments_by_scipy():
    returns = np.random.default_rng(3).gamma(2.0, 0.01, 500) - 0.015
    found = deflated.moments(returns)
    assert found.count == 500
    assert found.sharpe == pytest.approx(returns.mean() / returns.std(ddof=1))
    assert found.skew == pytest.approx(stats.skew(returns))
    assert found.kurtosis == pytest.approx(stats.kurtosis(returns, fisher=False))


def test_the_expected_maximum_by_simulation():
    draws = np.random.default_rng(4).normal(0, 0.1, (4000, 100)).max(axis=1)
    assert expected_max_sharpe(0.01, 100) == pytest.approx(draws.mean(), rel=0.02)


def test_one_trial_is_expected_to_show_nothing():
    assert expected_max_sharpe(0.5, 1) == 0.0
    assert expected_max_sharpe(0.5, 1.01) == 0.0
    assert expected_max_sharpe(0.5, 2) > 0


def test_the_best_of_noise_seldom_passes_and_without_deflation_it_mostly_does():
    """300 sweeps of 50 settings without any edge, each judged by its best at 95 %."""
    rng = np.random.default_rng(5)
    passed = naive = 0
    for _ in range(300):
        matrix = rng.standard_t(5, (250, 50)) * 0.01
        trials = trials_of(matrix)
        best = matrix[:, (matrix.mean(axis=0) / matrix.std(axis=0)).argmax()]
        passed += deflated_sharpe(best, trials.sharpe_variance, trials.effective).probability >= 0.95
        naive += deflated_sharpe(best, 0.0, 1).probability >= 0.95
    assert passed / 300 <= 0.08
    assert naive / 300 > 0.85


def test_one_setting_without_an_edge_passes_one_time_in_twenty():
    rng = np.random.default_rng(6)
    found = [deflated_sharpe(rng.normal(0, 0.01, 250), 0.0, 1).probability for _ in range(2000)]
    assert np.mean(np.array(found) >= 0.95) == pytest.approx(0.05, abs=0.015)


def test_an_edge_passes():
    rng = np.random.default_rng(7)
    matrix = rng.normal(0, 0.01, (730, 50))
    matrix[:, 17] += 0.003
    trials = trials_of(matrix)
    found = deflated_sharpe(matrix[:, 17], trials.sharpe_variance, trials.effective)
    assert found.probability > 0.99
    assert found.min_periods < 730
    assert (found.trials, found.periods) == (trials.effective, 730)


def test_trials_by_numpy_and_settings_that_never_traded_apart():
    rng = np.random.default_rng(8)
    shared = rng.normal(0, 0.01, (300, 1))
    matrix = np.hstack([shared + rng.normal(0, 0.01, (300, 6)), np.zeros((300, 2)), np.full((300, 1), 0.001)])
    found = trials_of(matrix)
    assert (found.number, found.idle) == (6, 3)
    pairs = np.corrcoef(matrix[:, :6].T)[np.triu_indices(6, 1)]
    assert found.correlation == pytest.approx(pairs.mean())
    sharpes = matrix[:, :6].mean(axis=0) / matrix[:, :6].std(axis=0, ddof=1)
    assert found.sharpe_variance == pytest.approx(sharpes.var(ddof=1))
    assert found.effective == pytest.approx(pairs.mean() + (1 - pairs.mean()) * 6)


def test_copies_of_one_setting_are_one_trial():
    returns = np.random.default_rng(9).normal(0, 0.01, (100, 1))
    found = trials_of(np.repeat(returns, 5, axis=1))
    assert found.effective == pytest.approx(1.0)
    assert found.sharpe_variance == pytest.approx(0.0)
    assert trials_of(np.zeros((100, 3))).effective == 0.0


def test_returns_without_variance_have_no_answer():
    assert deflated_sharpe(np.zeros(100), 0.01, 10) is None
    assert deflated_sharpe(np.full(100, 0.1 + 0.2), 0.01, 10) is None
    assert deflated_sharpe(np.array([0.1]), 0.01, 10) is None


@given(
    st.floats(-0.5, 0.5),
    st.floats(-0.3, 0.3),
    st.integers(2, 5000),
    st.floats(-3, 3),
    st.floats(0, 20),
    st.floats(0, 0.2),
)
def test_more_is_asked_of_a_higher_benchmark_and_it_is_a_probability(sharpe, benchmark, periods, skew, more, rise):
    kurtosis = skew**2 + 1 + more  # the least that a distribution of that skew can have, and some
    low = probabilistic_sharpe(sharpe, benchmark, periods, skew=skew, kurtosis=kurtosis)
    high = probabilistic_sharpe(sharpe, benchmark + rise, periods, skew=skew, kurtosis=kurtosis)
    assert 0 <= high <= low <= 1


@given(st.floats(1e-6, 1.0), st.floats(1, 1e6), st.floats(1, 100))
def test_more_trials_never_lower_the_threshold(variance, trials, factor):
    assert expected_max_sharpe(variance, trials * factor) >= expected_max_sharpe(variance, trials) - 1e-12


@given(st.integers(1, 10_000), st.floats(-1, 1))
def test_effective_trials_lie_between_one_and_all(number, correlation):
    assert 1 <= effective_trials(number, correlation) <= number + 1e-9


def test_an_estimate_without_error_is_certain():
    """Two values alone, of skewness 2 and kurtosis 5: a ratio of 1 has no error."""
    found = [probabilistic_sharpe(1.0, benchmark, 10, skew=2, kurtosis=5) for benchmark in (0.5, 1.0, 1.5)]
    assert found == [1.0, 0.5, 0.0]


def test_what_is_no_question_is_refused():
    with pytest.raises(ValueError, match="1 periods"):
        probabilistic_sharpe(0.1, 0, 1)
    with pytest.raises(ValueError, match=r"0\.5 trials"):
        expected_max_sharpe(0.1, 0.5)
    with pytest.raises(ValueError, match="no trial"):
        effective_trials(0, 0.5)
