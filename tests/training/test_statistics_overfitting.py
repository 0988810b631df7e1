"""Probability of backtest overfitting: noise, one that is better, and the definition done slowly."""

from __future__ import annotations

import importlib
from itertools import combinations
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.domain.errors import ConfigError
from training.statistics.overfitting import pbo

# Without types of its own.
stats: Any = importlib.import_module("scipy.stats")


def noise(periods: int, number: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 0.01, (periods, number))


def slowly(matrix: np.ndarray, blocks: int) -> list[tuple[int, float, float, float]]:
    """The definition, word for word: one choice of halves after the other."""
    matrix = matrix[len(matrix) % blocks :]
    parts = np.array_split(matrix, blocks)
    found = []
    for picked in combinations(range(blocks), blocks // 2):
        inside = np.vstack([parts[i] for i in picked])
        outside = np.vstack([parts[i] for i in range(blocks) if i not in picked])
        inside_sharpe = inside.mean(axis=0) / inside.std(axis=0, ddof=1)
        outside_sharpe = outside.mean(axis=0) / outside.std(axis=0, ddof=1)
        best = int(inside_sharpe.argmax())
        relative = stats.rankdata(outside_sharpe)[best] / (matrix.shape[1] + 1)
        found.append((best, inside_sharpe[best], outside_sharpe[best], np.log(relative / (1 - relative))))
    return found


@pytest.mark.parametrize(("periods", "number", "blocks"), [(120, 7, 8), (103, 5, 6), (20, 2, 2)])
def test_it_is_the_definition(periods, number, blocks):
    matrix = noise(periods, number, 1) + 0.001 * np.arange(number)
    found = pbo(matrix, blocks)
    chosen, inside, outside, logits = (np.array(column) for column in zip(*slowly(matrix, blocks), strict=True))
    assert found.chosen.tolist() == chosen.tolist()
    assert found.inside == pytest.approx(inside)
    assert found.outside == pytest.approx(outside)
    assert found.logits == pytest.approx(logits, abs=1e-12)
    assert found.pbo == np.mean(logits <= 0)
    assert found.loss_probability == np.mean(outside < 0)
    assert (found.settings, found.periods, found.blocks) == (number, periods - periods % blocks, blocks)


def test_sixteen_blocks_give_all_choices_and_the_line_is_the_least_squares_one():
    found = pbo(noise(480, 20, 2))
    assert len(found.logits) == 12_870
    line = stats.linregress(found.inside, found.outside)
    assert found.slope == pytest.approx(line.slope)
    assert found.intercept == pytest.approx(line.intercept)


def test_noise_is_overfitted_half_of_the_time():
    found = [pbo(noise(160, 20, seed), blocks=8) for seed in range(150)]
    assert np.mean([one.pbo for one in found]) == pytest.approx(0.5, abs=0.06)
    assert np.mean([one.loss_probability for one in found]) == pytest.approx(0.5, abs=0.06)
    # What it gains in one half of a given sample it lacks in the other.
    assert np.mean([one.slope for one in found]) < 0


def test_one_setting_that_is_better_is_no_overfitting():
    matrix = noise(480, 30, 3)
    matrix[:, 11] += 0.004
    found = pbo(matrix)
    assert found.pbo < 0.01
    assert found.loss_probability < 0.01
    assert np.mean(found.chosen == 11) > 0.95


def test_a_setting_that_never_traded_has_no_sharpe_ratio():
    matrix = noise(64, 4, 4) - 0.02  # all lose, so that doing nothing is best everywhere
    matrix[:, 2] = 0.0
    found = pbo(matrix, blocks=4)
    assert set(found.chosen.tolist()) == {2}
    assert set(found.outside.tolist()) == {0.0}
    assert found.pbo == 0.0
    assert (found.slope, found.intercept) == (None, None)


def test_settings_that_are_all_the_same_share_the_middle():
    matrix = np.repeat(noise(64, 1, 5), 6, axis=1)
    assert pbo(matrix, blocks=4).logits == pytest.approx(0.0)


@given(st.integers(0, 10_000), st.floats(0.01, 100))
@settings(max_examples=25)
def test_larger_bets_and_other_columns_change_nothing(seed, scale):
    matrix = noise(60, 6, seed)
    order = np.random.default_rng(seed).permutation(6)
    plain, other = pbo(matrix, blocks=6), pbo(matrix[:, order] * scale, blocks=6)
    assert other.logits == pytest.approx(plain.logits)
    assert order[other.chosen].tolist() == plain.chosen.tolist()
    assert other.outside == pytest.approx(plain.outside)


@given(st.integers(0, 10_000), st.sampled_from([2, 4, 6]))
@settings(max_examples=25)
def test_halves_come_in_pairs(seed, blocks):
    """What one choice calls inside, its complement calls outside."""
    matrix = noise(48, 2, seed)
    found = pbo(matrix, blocks)
    same = found.chosen == found.chosen[::-1]
    assert found.inside[same] == pytest.approx(found.outside[::-1][same])


@pytest.mark.parametrize(
    ("periods", "number", "blocks", "where"),
    [(100, 5, 7, "blocks"), (100, 5, 0, "blocks"), (100, 1, 4, "settings"), (31, 5, 16, "periods")],
)
def test_what_cannot_be_judged_is_said_with_a_way_out(periods, number, blocks, where):
    with pytest.raises(ConfigError) as refused:
        pbo(noise(periods, number, 6), blocks)
    assert refused.value.where == where
    assert refused.value.fix


def test_a_return_that_is_no_number_is_refused():
    matrix = noise(40, 3, 7)
    matrix[3, 1] = np.nan
    with pytest.raises(ValueError, match="no number"):
        pbo(matrix, blocks=4)
