"""Kraken's public rate limits: OHLC and Trades by pair, everything else by address."""

from __future__ import annotations

import time
from collections.abc import Callable
from enum import Enum

PER_PAIR = frozenset({"OHLC", "Trades"})
PAIR_BURST = 3.0
ADDRESS_BURST = 15.0
REFILL_PER_S = 1.0


class Verdict(Enum):
    ALLOWED = "allowed"
    TOO_MANY = "too many"
    BANNED = "banned"


class RateLimiter:
    """Token buckets on real time: each holds a burst and fills by one a second.

    A request on an empty bucket is refused in Kraken's words; one that comes
    when refusals have piled up to another whole burst is refused by the web
    front in HTTP's words.
    """

    def __init__(self, elapsed: Callable[[], float] = time.monotonic) -> None:
        self._elapsed = elapsed
        self._buckets: dict[str, tuple[float, float]] = {}

    def ask(self, address: str, endpoint: str, pair: str) -> Verdict:
        by_pair = endpoint in PER_PAIR
        key, burst = (f"{address} {endpoint} {pair}", PAIR_BURST) if by_pair else (address, ADDRESS_BURST)
        now = self._elapsed()
        tokens, since = self._buckets.get(key, (burst, now))
        tokens = min(tokens + (now - since) * REFILL_PER_S, burst) - 1.0
        self._buckets[key] = (max(tokens, -burst), now)
        if tokens >= 0:
            return Verdict.ALLOWED
        # Half a token of tolerance: what refills between two requests of one burst does not count.
        return Verdict.TOO_MANY if tokens > 0.5 - burst else Verdict.BANNED
