"""Calls leave as fast as the venue allows and no faster."""

from __future__ import annotations

import asyncio

import pytest

from bot.adapters.rate_limit import Pace, RateLimiter
from tests.exchange.venues import Time, run


def departures(pace: Pace, pairs: list[str], took_s: float = 0.0) -> list[tuple[str, float]]:
    """When each call leaves, all of them asked for at once."""
    time, left = Time(), []
    limiter = RateLimiter(pace, time.clock, time.sleep)

    async def call(pair: str) -> None:
        async with limiter.turn(pair):
            left.append((pair, time.now_s))
            await asyncio.sleep(took_s)

    async def all_calls() -> None:
        await asyncio.gather(*(call(pair) for pair in pairs))

    run(all_calls())
    return left


def test_calls_for_one_pair_leave_one_a_second():
    moments = [moment for _, moment in departures(Pace(), ["BTC/EUR"] * 4)]
    assert moments == [0.0, 1.0, 2.0, 3.0]


def test_calls_for_different_pairs_leave_at_once():
    assert {moment for _, moment in departures(Pace(concurrency=3), list("abcdefgh"))} == {0.0}


@pytest.mark.parametrize(("burst", "moments"), [(1, [0.0, 1.0, 2.0]), (2, [0.0, 0.0, 1.0]), (5, [0.0, 0.0, 0.0])])
def test_calls_without_a_pair_share_a_burst(burst, moments):
    assert [moment for _, moment in departures(Pace(burst=burst), [""] * 3)] == moments


def test_a_burst_is_earned_back_with_time():
    time = Time()
    limiter = RateLimiter(Pace(burst=2), time.clock, time.sleep)

    async def calls() -> list[float]:
        left = []
        for pause_s in (0.0, 0.0, 5.0, 0.0, 0.0):
            time.now_s += pause_s
            async with limiter.turn():
                left.append(time.now_s)
        return left

    assert run(calls()) == [0.0, 0.0, 5.0, 5.0, 6.0]


def test_no_interval_means_no_limit():
    pace = Pace(pair_interval_s=0, interval_s=0)
    assert {moment for _, moment in departures(pace, ["", "", "a", "a", "a"] * 5)} == {0.0}


def test_no_more_calls_are_on_the_way_than_allowed():
    time, now, most = Time(), 0, 0
    limiter = RateLimiter(Pace(concurrency=3, pair_interval_s=0), time.clock, time.sleep)

    async def call(pair: str) -> None:
        nonlocal now, most
        async with limiter.turn(pair):
            now, most = now + 1, max(most, now + 1)
            await asyncio.sleep(0.001)
            now -= 1

    async def all_calls() -> None:
        await asyncio.gather(*(call(str(number)) for number in range(20)))

    run(all_calls())
    assert most == 3


def test_a_call_that_fails_gives_its_place_back():
    time = Time()
    limiter = RateLimiter(Pace(concurrency=1, pair_interval_s=0), time.clock, time.sleep)

    async def calls() -> str:
        with pytest.raises(ValueError, match="broken"):
            async with limiter.turn("a"):
                raise ValueError("broken")
        async with asyncio.timeout(1), limiter.turn("a"):
            return "went out"

    assert run(calls()) == "went out"
