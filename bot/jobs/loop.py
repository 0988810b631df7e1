"""Ticks on a cadence, for runners that stay up."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable
from typing import Any

Document = dict[str, Any]


async def run_loop(
    tick: Callable[[], Awaitable[Document]],
    every_s: float,
    for_s: float | None,
    stop: asyncio.Event,
    on_tick: Callable[[Document], None],
) -> int:
    """Tick every every_s seconds until for_s have passed (None: until stopped) or stop is set.

    A tick that takes longer than the cadence is followed at once; ticks never
    overlap. Setting stop lets the tick in hand finish. Returns the number of ticks.
    """
    began = due = time.monotonic()
    ticks = 0
    while not stop.is_set():
        on_tick(await tick())
        ticks += 1
        now = time.monotonic()
        # Late: the missed beats are skipped, not made up in a burst.
        due = max(due + every_s, now)
        if for_s is not None and due - began >= for_s:
            break
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), due - now)
    return ticks
