"""Which candles are asked for and read back, and what is built from them."""

from __future__ import annotations

import asyncio
from typing import Any

import numpy as np
import pytest

from bot.domain.candles import Candles
from bot.domain.ports import CandleAnswer, CandleRequest
from bot.domain.timeframes import last_closed_open_ms, timeframe_ms
from bot.jobs.candles import (
    VENUE_ROWS,
    Need,
    absorb,
    build_coarser,
    gather,
    last_run,
    merge_needs,
    missing,
    plan_requests,
    windows_wanted,
)
from tests.jobs.paths import DAY, HOUR, STEP, T0

NOW = T0 + 30_000
BTC = Need("BTC/EUR", "5m", ("1h", "4h", "1d"))
ALL = ("5m", "1h", "4h", "1d")


def tails(now_ms: int, **behind: int) -> dict[tuple[str, str], int]:
    """Stored up to the newest candle of every timeframe at now_ms, less `behind` ms; names as in five_m."""
    return {("BTC/EUR", tf): last_closed_open_ms(now_ms, tf) - behind.get(f"_{tf}", 0) for tf in ALL}


def five(count: int, first_ms: int = T0 - 2 * DAY, level: float = 100.0) -> Candles:
    rows = [[first_ms + n * STEP, level, level + n % 7, level - 1, level + n % 3, 2.0] for n in range(count)]
    return Candles.from_rows("BTC/EUR", "5m", rows)


def test_needs_of_several_bots_are_one_per_symbol():
    merged = merge_needs([
        Need("BTC/EUR", "5m", ("1h", "1d")),
        Need("ETH/EUR", "5m"),
        Need("BTC/EUR", "5m", ("4h", "1h")),
        Need("BTC/EUR", "1m"),
    ])  # fmt: skip
    assert merged == (
        Need("BTC/EUR", "5m", ("1h", "4h", "1d")),
        Need("ETH/EUR", "5m"),
        Need("BTC/EUR", "1m"),
    )


def test_an_empty_database_asks_for_everything_once():
    assert plan_requests([BTC], {}, NOW, 720) == [CandleRequest("BTC/EUR", tf, 0) for tf in ALL]


def test_up_to_date_series_are_not_asked_for():
    assert plan_requests([BTC], tails(NOW), NOW, 720) == []


@pytest.mark.parametrize("hours", [1, 5, 24, 30])
def test_after_a_gap_that_the_venue_still_serves_one_tail_is_enough(hours: int):
    known = tails(NOW - hours * HOUR)
    assert plan_requests([BTC], known, NOW, 720) == [CandleRequest("BTC/EUR", "5m", known["BTC/EUR", "5m"])]


def test_after_a_longer_gap_the_coarser_ones_are_asked_for_too():
    known = tails(NOW - 100 * HOUR)
    found = {request.timeframe: request.since_ms for request in plan_requests([BTC], known, NOW, 720)}
    assert found == {tf: known["BTC/EUR", tf] for tf in ALL}


def test_after_a_gap_longer_than_the_window_only_the_window_is_asked_for():
    known = tails(NOW - 400 * DAY)
    found = {request.timeframe: request.since_ms for request in plan_requests([BTC], known, NOW, 300)}
    assert found["1h"] == last_closed_open_ms(NOW, "1h") - 299 * HOUR
    assert found["1d"] == last_closed_open_ms(NOW, "1d") - 299 * DAY


def test_the_venues_reach_decides_to_the_candle():
    """A coarse candle can be built when its first part is among those that the venue surely serves."""
    reach = last_closed_open_ms(NOW, "5m") - VENUE_ROWS * STEP
    inside = floor(reach, HOUR) + HOUR
    for start, asked in ((inside, False), (inside - HOUR, True)):
        known = tails(NOW) | {("BTC/EUR", "1h"): start - HOUR, ("BTC/EUR", "5m"): start - STEP}
        wanted = plan_requests([Need("BTC/EUR", "5m", ("1h",))], known, NOW, 720)
        assert (CandleRequest("BTC/EUR", "1h", start - HOUR) in wanted) is asked


def floor(moment: int, step: int) -> int:
    return moment - moment % step


def test_a_window_reaches_back_as_far_as_features_do():
    wanted = {r.timeframe: r.since_ms for r in windows_wanted([BTC], tails(NOW), {}, NOW, 720)}
    for tf in ("1h", "4h", "1d"):
        assert wanted[tf] == last_closed_open_ms(NOW, tf) - 719 * timeframe_ms(tf)
    assert wanted["5m"] == last_closed_open_ms(NOW, "5m") - 2 * STEP


def test_the_finest_are_read_from_where_a_coarser_one_must_be_built():
    known = tails(NOW - 2 * HOUR)
    wanted = {r.timeframe: r.since_ms for r in windows_wanted([BTC], known, {}, NOW, 720)}
    assert wanted["5m"] == min(known["BTC/EUR", tf] + timeframe_ms(tf) for tf in ("1h", "4h"))


def test_the_finest_are_read_from_where_an_order_was_last_checked():
    wanted = {r.timeframe: r.since_ms for r in windows_wanted([BTC], tails(NOW), {"BTC/EUR": NOW - 7 * HOUR}, NOW, 720)}
    assert wanted["5m"] == NOW - 7 * HOUR


def test_no_window_of_the_finest_is_without_end():
    wanted = {r.timeframe: r.since_ms for r in windows_wanted([BTC], tails(NOW), {"BTC/EUR": 0}, NOW, 720)}
    assert wanted["5m"] == NOW - 2 * VENUE_ROWS * STEP


class Answers:
    """Market data that gives the answers it was made with."""

    def __init__(self, *answers: CandleAnswer) -> None:
        self.answers = answers
        self.asked = 0

    async def candles(self, requests: Any, now_ms: int) -> tuple[CandleAnswer, ...]:
        self.asked += 1
        return self.answers


def answer(candles: Candles | None, problem: str = "", symbol: str = "BTC/EUR") -> CandleAnswer:
    return CandleAnswer(CandleRequest(symbol, "5m", 0), candles, problem, "as it is")


def collect(*answers: CandleAnswer, now_ms: int = NOW) -> Any:
    requests = [one.request for one in answers]
    market: Any = Answers(*answers)
    return asyncio.run(gather(market, requests, NOW, now_ms))


def test_nothing_is_asked_when_nothing_is_wanted():
    market: Any = Answers()
    assert asyncio.run(gather(market, [], NOW, NOW)).fresh == []
    assert market.asked == 0


def test_answers_are_sorted_into_candles_and_problems():
    good = five(10)
    found = collect(answer(good), answer(None, "unreachable", "A/EUR"), answer(None, "bad_candles", "B/EUR"),
                    answer(Candles.empty("C/EUR", "5m"), "", "C/EUR"))  # fmt: skip
    assert [c.symbol for c in found.fresh] == ["BTC/EUR"]
    assert {symbol: problem.rule for symbol, problem in found.problems.items()} == {
        "A/EUR": "stale",
        "B/EUR": "bad_candles",
    }
    assert found.problems["B/EUR"].detail == "5m: as it is"
    assert found.requests == 4


def test_the_first_problem_of_a_symbol_stays():
    found = collect(answer(None, "bad_candles"), answer(None, "unreachable"))
    assert found.problems["BTC/EUR"].rule == "bad_candles"


def test_candles_that_close_after_the_ticks_time_are_left_out():
    candles = five(10, T0 - 10 * STEP)
    (fresh,) = collect(answer(candles), now_ms=T0 - 3 * STEP).fresh
    assert fresh.close_ms[-1] == T0 - 3 * STEP
    assert collect(answer(candles), now_ms=T0 - 11 * STEP).fresh == []


def test_a_stored_candle_stays_when_the_venue_tells_it_differently():
    stored, told = five(10), five(12, level=200.0)
    joined = absorb(stored, told)
    assert joined.open.tolist() == [100.0] * 10 + [200.0] * 2


def test_a_small_hole_is_filled_and_a_wide_one_starts_anew():
    stored = five(10)
    near = absorb(stored, five(5, T0 - 2 * DAY + 20 * STEP))
    assert len(near) == 25
    assert near.filled.sum() == 10
    far = absorb(stored, five(5, T0 - 2 * DAY + 500 * STEP))
    assert len(far) == 5
    assert absorb(Candles.empty("BTC/EUR", "5m"), stored) is stored


def test_the_last_run_is_what_follows_the_last_hole():
    early, late = five(10), five(5, T0 - 2 * DAY + 400 * STEP)
    whole = five(405)
    both = whole.take(np.isin(whole.open_ms, np.concatenate((early.open_ms, late.open_ms))))
    assert last_run(both).open_ms.tolist() == late.open_ms.tolist()
    assert last_run(early) is early
    assert len(last_run(five(1))) == 1


def test_only_complete_coarse_candles_are_built_and_only_behind_the_stored_ones():
    first = T0 - 6 * HOUR
    stored = {("BTC/EUR", "5m"): five(6 * 12 - 1, first), ("BTC/EUR", "1h"): hour(first, 2)}
    built = build_coarser(stored, [Need("BTC/EUR", "5m", ("1h",))], NOW)
    assert [c.open_ms.tolist() for c in built] == [[first + n * HOUR for n in (2, 3, 4)]]
    assert stored["BTC/EUR", "1h"].open_ms.tolist() == [first + n * HOUR for n in range(5)]
    assert missing(stored, [Need("BTC/EUR", "5m", ("1h",))], NOW) == [CandleRequest("BTC/EUR", "1h", first + 4 * HOUR)]


def hour(first_ms: int, count: int) -> Candles:
    return Candles.from_rows("BTC/EUR", "1h", [[first_ms + n * HOUR, 1, 2, 1, 2, 1] for n in range(count)])


def test_nothing_is_built_over_a_hole():
    first = T0 - 3 * HOUR
    stored = {("BTC/EUR", "5m"): five(36, first), ("BTC/EUR", "1h"): hour(first - 10 * HOUR, 2)}
    assert build_coarser(stored, [Need("BTC/EUR", "5m", ("1h",))], NOW) == []
    assert missing(stored, [Need("BTC/EUR", "5m", ("1h",))], NOW) == [CandleRequest("BTC/EUR", "1h", first - 9 * HOUR)]


def test_nothing_is_built_from_nothing():
    stored: dict[tuple[str, str], Candles] = {}
    assert build_coarser(stored, [BTC], NOW) == []
    assert missing(stored, [BTC], NOW) == [CandleRequest("BTC/EUR", tf, 0) for tf in ("1h", "4h", "1d")]


def test_a_series_that_is_up_to_date_is_left_alone():
    stored = {("BTC/EUR", "5m"): five(12, T0 - HOUR), ("BTC/EUR", "1h"): hour(T0 - HOUR, 1)}
    assert build_coarser(stored, [Need("BTC/EUR", "5m", ("1h",))], NOW) == []
    assert missing(stored, [Need("BTC/EUR", "5m", ("1h",))], NOW) == []
