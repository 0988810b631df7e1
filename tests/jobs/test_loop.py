"""Ticks on a cadence: how often, when late, when told to stop."""

from __future__ import annotations

import asyncio
import time
from itertools import pairwise
from typing import Any

from bot.jobs.loop import run_loop


def run(
    every_s: float, for_s: float | None, takes_s: float = 0.0, stop_after: int = 0
) -> tuple[int, list[float], float]:
    """Ticks counted, when each began, and how long it all took; seconds since the start."""
    began: list[float] = []
    start = time.monotonic()

    async def go() -> int:
        stop = asyncio.Event()

        async def tick() -> dict[str, Any]:
            began.append(time.monotonic() - start)
            if stop_after and len(began) >= stop_after:
                stop.set()
            await asyncio.sleep(takes_s)
            return {"n": len(began)}

        return await run_loop(tick, every_s, for_s, stop, seen.append)

    seen: list[dict[str, Any]] = []
    count = asyncio.run(go())
    assert [document["n"] for document in seen] == list(range(1, count + 1))
    return count, began, time.monotonic() - start


def test_ticks_come_on_the_beat():
    count, began, took = run(every_s=0.1, for_s=0.35)
    assert count == 4
    assert all(moment >= 0.1 * n for n, moment in enumerate(began))
    assert 0.3 <= took < 1.0


def test_at_least_one_tick_is_done():
    assert run(every_s=5.0, for_s=0.0)[0] == 1


def test_a_tick_that_takes_longer_than_the_beat_is_followed_at_once():
    _, began, _ = run(every_s=0.01, for_s=None, takes_s=0.08, stop_after=4)
    gaps = [b - a for a, b in pairwise(began)]
    assert all(0.07 < gap < 1.0 for gap in gaps)


def test_a_late_loop_still_ends_when_its_time_is_over():
    """Beats that were missed are not made up: the time to run is an end, not a number of ticks."""
    count, _, took = run(every_s=0.01, for_s=0.5, takes_s=0.1)
    assert count <= 6  # not fifty
    assert 0.5 <= took < 1.5


def test_after_one_late_tick_the_beat_goes_on():
    starts: list[float] = []
    start = time.monotonic()

    async def go() -> None:
        async def tick() -> dict[str, Any]:
            starts.append(time.monotonic() - start)
            await asyncio.sleep(0.25 if len(starts) == 1 else 0.0)
            return {}

        await run_loop(tick, 0.1, 0.8, asyncio.Event(), lambda _: None)

    asyncio.run(go())
    assert starts[1] >= 0.25
    assert all(b - a >= 0.05 for a, b in pairwise(starts))  # no burst
    assert len(starts) <= 7


def test_stop_lets_the_tick_in_hand_finish_and_does_not_wait_for_the_next():
    count, _, took = run(every_s=30.0, for_s=None, takes_s=0.05, stop_after=1)
    assert count == 1
    assert took < 1.0


def test_stop_before_the_first_tick_does_nothing():
    async def go() -> int:
        stop = asyncio.Event()
        stop.set()

        async def tick() -> dict[str, Any]:
            raise AssertionError("no tick was wanted")

        return await run_loop(tick, 1.0, None, stop, lambda _: None)

    assert asyncio.run(go()) == 0
