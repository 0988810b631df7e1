"""Splits as plan v2 draws them."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.errors import ConfigError
from training.statistics.walkforward import DAY_MS, needed_ms, splits

START = 1_600_000_000_000


def in_days(split) -> tuple[float, ...]:
    moments = (split.train_from_ms, split.train_to_ms, split.test_from_ms, split.test_to_ms)
    return tuple((moment - START) / DAY_MS for moment in moments)


def test_the_splits_of_v2():
    found = splits(START, START + 271 * DAY_MS)
    assert [split.number for split in found] == [1, 2, 3, 4, 5]
    assert in_days(found[0]) == (0, 120, 121, 151)  # days 121 to 150 are the thirty of the test
    assert in_days(found[1]) == (30, 150, 151, 181)
    assert in_days(found[2]) == (60, 180, 181, 211)
    assert in_days(found[4]) == (120, 240, 241, 271)


def test_too_short_a_history_says_how_much_is_needed():
    with pytest.raises(ConfigError) as refused:
        splits(START, START + 200 * DAY_MS)
    assert refused.value.what == "5 splits of 120 + 1 + 30 days need 271 days of history, and there are 200"
    assert refused.value.where == "period"
    assert refused.value.fix == "begin 71 days earlier, or use 2 splits"


def test_a_history_too_short_for_one_split_offers_none():
    with pytest.raises(ConfigError) as refused:
        splits(START, START + 100 * DAY_MS)
    assert refused.value.fix == "begin 171 days earlier"
    with pytest.raises(ConfigError):
        splits(START, START - DAY_MS)


@pytest.mark.parametrize(("name", "value"), [("n", 0), ("train_days", 0), ("test_days", -1), ("gap_days", -1)])
def test_numbers_below_their_least_are_refused(name, value):
    with pytest.raises(ConfigError) as refused:
        splits(START, START + 1000 * DAY_MS, **{name: value})
    assert refused.value.where == name


@given(st.integers(1, 8), st.integers(1, 200), st.integers(1, 60), st.integers(0, 5), st.integers(0, 10 * DAY_MS))
def test_no_test_is_known_in_training_and_no_day_is_judged_twice(n, train, test, gap, spare):
    end = START + needed_ms(n, train, test, gap) + spare
    found = splits(START, end, n, train, test, gap)
    assert len(found) == n
    assert found[0].train_from_ms == START
    assert found[-1].test_to_ms <= end
    for split in found:
        assert split.train_to_ms - split.train_from_ms == train * DAY_MS
        assert split.test_to_ms - split.test_from_ms == test * DAY_MS
        assert split.test_from_ms - split.train_to_ms == gap * DAY_MS
    assert all(one.test_to_ms == other.test_from_ms for one, other in pairwise(found))
