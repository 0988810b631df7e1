"""Spacing of public calls, as the venue counts them.

Kraken counts OHLC and Trades by (address, pair) and everything else by address.
ccxt's own limiter knows neither and sends one call after the other, one a second;
it is switched off where this one is used.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

Clock = Callable[[], float]
"""Seconds from any fixed moment."""

Sleep = Callable[[float], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast a venue may be asked. An interval of 0 means no limit.

    pair_interval_s: seconds between two calls for one pair.  interval_s: seconds
    in which one call that names no pair is earned back.  burst: such calls that may
    go out at once.  concurrency: calls on the way at the same time, of any kind.
    """

    pair_interval_s: float = 1.0
    interval_s: float = 1.0
    burst: int = 10
    concurrency: int = 12


class RateLimiter:
    """Lets a call go when its turn has come."""

    def __init__(self, pace: Pace, clock: Clock, sleep: Sleep) -> None:
        self._clock = clock
        self._sleep = sleep
        self._free = asyncio.Semaphore(pace.concurrency)
        self._shared = _Gate(pace.interval_s, pace.burst)
        self._pairs: defaultdict[str, _Gate] = defaultdict(lambda: _Gate(pace.pair_interval_s, 1))

    @asynccontextmanager
    async def turn(self, pair: str = "") -> AsyncIterator[None]:
        """Wait for a turn, hold one of the concurrent places inside. pair: "" for calls counted by address."""
        gate = self._pairs[pair] if pair else self._shared
        async with gate.lock:
            wait_s = gate.wait_s(self._clock())
            if wait_s > 0:
                await self._sleep(wait_s)
            await self._free.acquire()
            gate.count(self._clock())
        try:
            yield
        finally:
            self._free.release()


class _Gate:
    """Leaky bucket by its theoretical arrival time (the generic cell rate algorithm)."""

    def __init__(self, interval_s: float, burst: int) -> None:
        self.lock = asyncio.Lock()
        self._interval_s = interval_s
        self._credit_s = (burst - 1) * interval_s
        self._due_s = float("-inf")

    def wait_s(self, now_s: float) -> float:
        return self._due_s - self._credit_s - now_s

    def count(self, now_s: float) -> None:
        self._due_s = max(self._due_s, now_s) + self._interval_s
