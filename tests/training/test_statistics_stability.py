"""Top tables with ties, and neighbours."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from training.statistics.stability import neighbours_score, top_table

nan = math.nan


def places(table) -> list[tuple[int, int]]:
    return [(place.setting, place.rank) for place in table]


def test_ties_share_a_rank_and_the_last_place_is_not_drawn_by_lot():
    scores = np.array([1.0, 3.0, 2.0, 3.0, 2.0, nan, 0.5])
    assert places(top_table(scores, 3)) == [(1, 1), (3, 1), (2, 3), (4, 3)]
    assert places(top_table(scores, 2)) == [(1, 1), (3, 1)]
    assert places(top_table(scores, 100)) == [(1, 1), (3, 1), (2, 3), (4, 3), (0, 5), (6, 6)]
    assert top_table(scores, 0) == ()
    assert top_table(np.array([nan, nan]), 5) == ()


def test_within_a_tie_the_better_neighbourhood_comes_first():
    scores = np.array([3.0, 3.0 * (1 + 1e-15), 3.0])
    assert places(top_table(scores, 3, tie_breakers=np.array([1.0, nan, 2.0]))) == [(2, 1), (0, 1), (1, 1)]


def test_an_infinite_score_is_a_score():
    assert places(top_table(np.array([1.0, math.inf, -math.inf]), 2)) == [(1, 1), (0, 2)]


@given(st.lists(st.sampled_from([-1.0, 0.0, 0.5, 2.0, nan]), max_size=20), st.integers(0, 25))
def test_the_table_is_ordered_and_leaves_out_nobody_as_good(scores, most):
    table = top_table(np.array(scores), most)
    listed = [place.score for place in table]
    assert listed == sorted(listed, reverse=True)
    valid = [score for score in scores if not math.isnan(score)]
    assert len(table) >= min(most, len(valid))
    for place in table:
        assert place.rank == 1 + sum(score > place.score for score in valid)
    if table:
        assert sum(score >= listed[-1] for score in valid) == len(table)


def test_neighbours_on_a_plane_by_hand():
    settings = [{"fast": fast, "slow": slow} for fast in (5, 10, 20) for slow in (50, 100)]
    found = neighbours_score(settings, np.array([1.0, 2.0, 3.0, 4.0, 5.0, nan]))
    assert found.tolist() == pytest.approx([2.5, 2.5, (1 + 5 + 4) / 3, (2 + 3) / 2, 3.0, 4.5])


def test_words_are_all_beside_each_other_and_numbers_only_by_a_step():
    words = [{"mode": word} for word in ("a", "b", "c")]
    assert neighbours_score(words, np.array([1.0, 2.0, 3.0])).tolist() == [2.5, 2.0, 1.5]
    numbers = [{"length": number} for number in (30, 10, 20)]
    assert neighbours_score(numbers, np.array([1.0, 2.0, 3.0])).tolist() == [3.0, 3.0, 1.5]
    assert neighbours_score([{"on": True}, {"on": False}], np.array([1.0, 2.0])).tolist() == [2.0, 1.0]


def test_a_setting_alone_has_no_neighbours_and_the_same_setting_twice_is_one():
    assert np.isnan(neighbours_score([{"a": 1}], np.array([1.0]))).all()
    found = neighbours_score([{"a": 1}, {"a": 1}, {"a": 2}], np.array([1.0, 3.0, 9.0]))
    assert found.tolist() == [9.0, 9.0, 2.0]
    assert neighbours_score([], np.array([])).tolist() == []


def test_a_peak_by_chance_has_poor_neighbours_and_a_plateau_good_ones():
    settings = [{"x": x, "y": y} for x, y in itertools.product(range(9), range(9))]
    scores = np.array([2.0 if abs(s["x"] - 6) <= 1 and abs(s["y"] - 6) <= 1 else 0.0 for s in settings])
    lonely, middle = settings.index({"x": 1, "y": 1}), settings.index({"x": 6, "y": 6})
    scores[lonely] = 5.0
    around = neighbours_score(settings, scores)
    assert around[lonely] == 0.0
    assert around[middle] == 2.0


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), unique=True, min_size=1, max_size=16), st.randoms())
def test_the_order_of_settings_does_not_matter(pairs, chance):
    settings = [{"a": a, "b": b} for a, b in pairs]
    scores = [chance.random() for _ in settings]
    order = list(range(len(settings)))
    chance.shuffle(order)
    plain = neighbours_score(settings, np.array(scores))
    other = neighbours_score([settings[i] for i in order], np.array([scores[i] for i in order]))
    assert other.tolist() == pytest.approx(plain[order].tolist(), nan_ok=True)
    known = plain[~np.isnan(plain)]
    assert np.all(known >= min(scores) - 1e-12)
    assert np.all(known <= max(scores) + 1e-12)


def test_settings_of_other_parameters_are_refused():
    with pytest.raises(ValueError, match="different parameters"):
        neighbours_score([{"a": 1}, {"b": 1}], np.array([1.0, 2.0]))
