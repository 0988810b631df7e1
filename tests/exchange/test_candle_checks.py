"""Bad candles never pass; good ones pass unchanged; coarser ones are made of complete parts only."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.candle_checks import (
    BAD,
    DOUBLE,
    check_rows,
    checksum,
    fill_gaps,
    is_stale,
    merge,
    resample,
)
from bot.domain.candles import Candles
from bot.domain.timeframes import timeframe_ms

STEP = timeframe_ms("5m")
START = 1_700_000_100_000 // STEP * STEP
FAR = START + 10_000 * STEP


def row(index, first=100.0, high=101.0, low=99.0, last=100.5, volume=2.0):
    return [START + index * STEP, first, high, low, last, volume]


def rows(count):
    return [row(index, 100.0 + index, 101.5 + index, 99.0 + index, 100.5 + index) for index in range(count)]


def as_rows(candles):
    columns = (candles.open_ms, candles.open, candles.high, candles.low, candles.close, candles.volume)
    return [list(cells) for cells in zip(*(column.tolist() for column in columns), strict=True)]


def same(one, other):
    return checksum(one) == checksum(other)


@st.composite
def market_rows(draw, max_size=60, gaps=False):
    """Rows as a sound venue gives them, optionally with candles missing."""
    count = draw(st.integers(1, max_size))
    price = st.floats(0.0001, 1e6, allow_nan=False)
    made, moment = [], START - START % timeframe_ms("1d") + draw(st.integers(0, 300)) * STEP
    for _ in range(count):
        first, last, one, two = (draw(price) for _ in range(4))
        made.append([moment, first, max(first, last, one), min(first, last, two), last, draw(st.floats(0, 1e9))])
        moment += STEP * (draw(st.integers(1, 4)) if gaps else 1)
    return made


# --- raw rows


def test_good_rows_pass_unchanged():
    candles, problems = check_rows("BTC/EUR", "5m", rows(5), FAR)
    assert problems == ()
    assert as_rows(candles) == rows(5)
    assert not candles.filled.any()


def test_numbers_may_come_as_text():
    candles, _ = check_rows("BTC/EUR", "5m", [[START, "100.0", "101.0", "99.0", "100.5", "2"]], FAR)
    assert as_rows(candles) == [row(0)]


def test_no_rows_are_no_candles_and_no_problem():
    candles, problems = check_rows("BTC/EUR", "5m", [], FAR)
    assert len(candles) == 0
    assert problems == ()


@pytest.mark.parametrize(("late_ms", "count"), [(-1, 2), (0, 3), (STEP - 1, 3), (STEP, 4)])
def test_only_candles_that_are_closed_come_out(late_ms, count):
    candles, _ = check_rows("BTC/EUR", "5m", rows(4), START + 3 * STEP + late_ms)
    assert len(candles) == count


def test_values_of_the_forming_candle_do_not_matter():
    forming = [START + 2 * STEP, math.nan, -1, 5, 0, -3]
    candles, problems = check_rows("BTC/EUR", "5m", [*rows(2), forming], START + 2 * STEP)
    assert len(candles) == 2
    assert problems == ()


@pytest.mark.parametrize(
    ("bad", "why"),
    [
        (row(2, first=math.nan), "not finite"),
        (row(2, volume=math.inf), "not finite"),
        (row(2, low=0.0), "not above 0"),
        (row(2, low=-1.0), "not above 0"),
        (row(2, volume=-0.1), "volume is below 0"),
        (row(2, low=100.2), "low is above"),
        (row(2, high=100.2), "high is below"),
        (row(2, low=102.0, high=98.0), "low is above"),
        ([START + 2 * STEP + 1000, 100, 101, 99, 100, 1], "grid"),
        ([START + 2 * STEP + 0.5, 100, 101, 99, 100, 1], "no moment"),
        ([math.nan, 100, 101, 99, 100, 1], "no moment"),
        ([1e300, 100, 101, 99, 100, 1], "no moment"),
        (row(1), "does not come after"),
        (row(0), "does not come after"),
        ([FAR + 2 * STEP, 100, 101, 99, 100, 1], "future"),
        ([START + 2 * STEP, 100, 101, 99, 100], "not six numbers"),
        ([START + 2 * STEP, 100, 101, 99, 100, 1, 7], "not six numbers"),
        ([START + 2 * STEP, "abc", 101, 99, 100, 1], "not six numbers"),
        ([START + 2 * STEP, None, 101, 99, 100, 1], "not finite"),
        ([START + 2 * STEP, [1], 101, 99, 100, 1], "not six numbers"),
        (None, "not six numbers"),
    ],
)
def test_one_bad_candle_makes_the_answer_bad_and_is_named(bad, why):
    candles, problems = check_rows("BTC/EUR", "5m", [*rows(2), bad, row(3)], FAR)
    assert candles is None
    assert [problem.kind for problem in problems] == [BAD]
    assert why in problems[0].detail
    assert any(f"BTC/EUR 5m: {name} 3" in problems[0].detail for name in ("candle", "row"))


def test_exact_repeats_are_dropped_and_noted():
    candles, problems = check_rows("BTC/EUR", "5m", [row(0), row(0), row(1), row(1)], FAR)
    assert as_rows(candles) == [row(0), row(1)]
    assert [problem.kind for problem in problems] == [DOUBLE]


def test_repeats_that_differ_are_bad():
    candles, problems = check_rows("BTC/EUR", "5m", [row(0), row(0, volume=3.0)], FAR)
    assert candles is None
    assert "does not come after" in problems[0].detail


def test_a_flat_candle_without_volume_counts_as_filled():
    flat = row(1, 100.0, 100.0, 100.0, 100.0, 0.0)
    candles, _ = check_rows("BTC/EUR", "5m", [row(0), flat, row(2, volume=0.0)], FAR)
    assert candles.filled.tolist() == [False, True, False]


@given(market_rows(gaps=True))
def test_sound_rows_always_pass(made):
    candles, problems = check_rows("BTC/EUR", "5m", made, FAR)
    assert problems == ()
    assert as_rows(candles) == made


def spoil(kind, made, index):
    """One row damaged in a way that no sound venue shows."""
    bad = [list(cells) for cells in made]
    cells = bad[index]
    match kind:
        case "nan" | "inf" | "negative":
            cells[1] = {"nan": math.nan, "inf": math.inf, "negative": -cells[1]}[kind]
        case "volume":
            cells[5] = -1.0
        case "low":
            cells[3] = cells[2] * 2
        case "high":
            cells[2] = cells[3] / 2
        case "grid":
            cells[0] += 1
        case "swap" if index:
            bad[index - 1], bad[index] = bad[index], bad[index - 1]
        case "double" if index:
            cells[0] = bad[index - 1][0]
        case "text":
            cells[4] = "<html>"
        case "short":
            del cells[-1]
        case "future":
            cells[0] = FAR + 5 * STEP
        case _:
            cells[2] = 0.0
    return bad


KINDS = ["nan", "inf", "negative", "volume", "low", "high", "grid", "swap", "double", "text", "short", "future", "zero"]


@given(market_rows(), st.sampled_from(KINDS), st.data())
def test_corruption_is_always_caught(made, kind, data):
    index = data.draw(st.integers(0, len(made) - 1))
    spoilt = spoil(kind, made, index)
    candles, _ = check_rows("BTC/EUR", "5m", spoilt, FAR)
    if kind == "double" and index and spoilt[index] == spoilt[index - 1]:
        assert as_rows(candles) == made[:index] + made[index + 1 :]
    else:
        assert candles is None


# --- gaps


def test_missing_candles_repeat_the_previous_close():
    candles = check_rows("BTC/EUR", "5m", [row(0), row(3)], FAR).candles
    filled, problems = fill_gaps(candles)
    assert problems == ()
    flat = [100.5, 100.5, 100.5, 100.5, 0.0]
    assert as_rows(filled) == [row(0), [START + STEP, *flat], [START + 2 * STEP, *flat], row(3)]
    assert filled.filled.tolist() == [False, True, True, False]


@pytest.mark.parametrize(("late_ms", "count"), [(0, 4), (STEP - 1, 4), (STEP, 5)])
def test_candles_up_to_a_moment_are_filled_once_closed(late_ms, count):
    candles = check_rows("BTC/EUR", "5m", rows(2), FAR).candles
    assert len(fill_gaps(candles, START + 4 * STEP + late_ms).candles) == count


def test_a_moment_before_the_newest_candle_takes_nothing_away():
    candles = check_rows("BTC/EUR", "5m", rows(3), FAR).candles
    assert same(fill_gaps(candles, START).candles, candles)


def test_a_hole_beyond_the_bound_is_bad():
    candles = check_rows("BTC/EUR", "5m", [row(0), row(12)], FAR).candles
    assert len(fill_gaps(candles, max_gap=11).candles) == 13
    refused, problems = fill_gaps(candles, max_gap=10)
    assert refused is None
    assert "11 candles missing" in problems[0].detail


def test_nothing_cannot_be_filled():
    assert len(fill_gaps(Candles.empty("BTC/EUR", "5m"), FAR).candles) == 0


@given(market_rows(gaps=True))
def test_filling_leaves_real_candles_alone_and_closes_every_gap(made):
    candles = check_rows("BTC/EUR", "5m", made, FAR).candles
    filled = fill_gaps(candles).candles
    assert np.all(np.diff(filled.open_ms) == STEP)
    assert same(filled.take(np.isin(filled.open_ms, candles.open_ms)), candles)
    assert same(fill_gaps(filled).candles, filled)
    assert as_rows(check_rows("BTC/EUR", "5m", as_rows(filled), FAR).candles) == as_rows(filled)


# --- coarser timeframes


def test_coarser_candles_are_made_of_complete_parts_only():
    hour = START - START % timeframe_ms("15m")
    made = [[hour + index * STEP, 10.0 + index, 20.0 + index, 5.0 + index, 11.0 + index, 1.5] for index in range(2, 10)]
    coarse = resample(check_rows("BTC/EUR", "5m", made, FAR).candles, "15m")
    assert as_rows(coarse) == [
        [hour + 3 * STEP, 13.0, 25.0, 8.0, 16.0, 4.5],
        [hour + 6 * STEP, 16.0, 28.0, 11.0, 19.0, 4.5],
    ]


def test_a_gap_leaves_its_coarse_candle_out():
    hour = START - START % timeframe_ms("15m")
    made = [[hour + index * STEP, 10, 20, 5, 11, 1] for index in (0, 1, 2, 3, 5, 6, 7, 8)]
    coarse = resample(check_rows("BTC/EUR", "5m", made, FAR).candles, "15m")
    assert coarse.open_ms.tolist() == [hour, hour + 6 * STEP]


def test_a_coarse_candle_is_filled_only_when_all_parts_are():
    hour = START - START % timeframe_ms("15m")
    made = [[hour + index * STEP, 10, 10, 10, 10, 0] for index in range(6)]
    made[4][5] = 1
    coarse = resample(check_rows("BTC/EUR", "5m", made, FAR).candles, "15m")
    assert coarse.filled.tolist() == [True, False]


@pytest.mark.parametrize(("own", "wanted"), [("1h", "5m"), ("15m", "5m")])
def test_finer_candles_cannot_be_made(own, wanted):
    with pytest.raises(ValueError, match="no multiple"):
        resample(Candles.empty("BTC/EUR", own), wanted)


@given(market_rows(max_size=120, gaps=True), st.sampled_from(["5m", "15m", "30m", "1h", "4h"]))
def test_coarser_candles_are_valid_candles(made, timeframe):
    candles = fill_gaps(check_rows("BTC/EUR", "5m", made, FAR).candles).candles
    coarse = resample(candles, timeframe)
    checked = check_rows("BTC/EUR", timeframe, as_rows(coarse), FAR)
    assert checked.problems == ()
    assert same(checked.candles, coarse)
    assert np.all(np.diff(coarse.open_ms) == coarse.step_ms)


@given(market_rows(max_size=120), st.sampled_from(["15m", "1h"]), st.integers(0, 120))
def test_later_candles_change_no_earlier_coarse_one(made, timeframe, cut):
    candles = check_rows("BTC/EUR", "5m", made, FAR).candles
    moment = made[0][0] + cut * STEP
    assert same(resample(candles.closed_at(moment), timeframe), resample(candles, timeframe).closed_at(moment))


@given(market_rows(max_size=120))
def test_resampling_in_two_steps_is_resampling_in_one(made):
    candles = check_rows("BTC/EUR", "5m", made, FAR).candles
    once, twice = resample(candles, "1h"), resample(resample(candles, "15m"), "1h")
    assert once.open_ms.tolist() == twice.open_ms.tolist()
    assert once.high.tolist() == twice.high.tolist()
    assert once.volume == pytest.approx(twice.volume)


# --- stored and fresh


@given(market_rows(max_size=60), st.integers(0, 60), st.integers(0, 5))
def test_fresh_candles_extend_the_stored_ones(made, cut, overlap):
    candles = check_rows("BTC/EUR", "5m", made, FAR).candles
    cut = min(cut, len(candles))
    stored, fresh = candles.take(slice(0, cut)), candles.take(slice(max(cut - overlap, 0), None))
    assert same(merge(stored, fresh).candles, candles)


def test_a_gap_between_stored_and_fresh_is_filled():
    stored = check_rows("BTC/EUR", "5m", rows(2), FAR).candles
    fresh = check_rows("BTC/EUR", "5m", [row(4)], FAR).candles
    merged = merge(stored, fresh).candles
    assert merged.filled.tolist() == [False, False, True, True, False]
    assert merge(stored, fresh, max_gap=1).candles is None


def test_a_venue_that_rewrites_the_past_is_refused():
    stored = check_rows("BTC/EUR", "5m", rows(3), FAR).candles
    fresh = check_rows("BTC/EUR", "5m", [row(1), row(2), row(3)], FAR).candles
    merged, problems = merge(stored, fresh)
    assert merged is None
    assert f"candle of {START + STEP} differs" in problems[0].detail
    assert merge(stored, fresh, tolerance=0.1).candles is not None


def test_candles_of_another_symbol_cannot_be_merged():
    with pytest.raises(ValueError, match="does not extend"):
        merge(Candles.empty("BTC/EUR", "5m"), Candles.empty("ETH/EUR", "5m"))


# --- age and checksum


@pytest.mark.parametrize(("late_s", "stale"), [(0, False), (300, False), (1800 + 299, False), (1800 + 300, True)])
def test_age_counts_from_the_close_that_was_due(late_s, stale):
    candles = check_rows("BTC/EUR", "5m", rows(3), FAR).candles
    assert is_stale(candles, START + 3 * STEP + late_s * 1000, 1800) is stale


def test_a_daily_candle_is_not_stale_at_noon():
    day = timeframe_ms("1d")
    candles = Candles.from_rows("BTC/EUR", "1d", [[20_000 * day, 1, 1, 1, 1, 1]])
    assert not is_stale(candles, 20_001 * day + day // 2, 1800)
    assert is_stale(Candles.empty("BTC/EUR", "1d"), 0, 1800)


@given(market_rows(max_size=10), st.data())
def test_any_changed_cell_changes_the_checksum(made, data):
    candles = check_rows("BTC/EUR", "5m", made, FAR).candles
    index, cell = data.draw(st.integers(0, len(made) - 1)), data.draw(st.integers(1, 5))
    other = [list(cells) for cells in made]
    other[index][cell] = np.nextafter(other[index][cell], math.inf)
    assert checksum(Candles.from_rows("BTC/EUR", "5m", other)) != checksum(Candles.from_rows("BTC/EUR", "5m", made))
    assert checksum(candles.take(slice(0, None))) == checksum(candles)
    assert len(checksum(candles)) == 32
