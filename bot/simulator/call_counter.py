"""Kraken's REST call counter: one per key, it rises with every call and falls with the venue's time."""

from __future__ import annotations

from dataclasses import dataclass

from bot.simulator.errors import KrakenError

# A tier's most points and its decay a second (docs.kraken.com/exchange/guides/rest/ratelimits).
TIERS = {"starter": (15.0, 0.33), "intermediate": (20.0, 0.5), "pro": (20.0, 1.0)}
FREE = frozenset({"AddOrder", "AmendOrder", "CancelOrder"})
# Kraken's guide names the histories only; its own SDK counts two for the order lists as well.
DOUBLE = frozenset({"OpenOrders", "ClosedOrders", "TradesHistory", "Ledgers"})


@dataclass(slots=True)
class CallCounter:
    """Points of one key."""

    most: float
    decay_per_s: float
    points: float = 0.0
    at_ms: int = 0

    def charge(self, endpoint: str, now_ms: int) -> None:
        """Count a call. Raises KrakenError when it would pass the tier's most; a refused call is not counted."""
        self.points = max(self.points - max(now_ms - self.at_ms, 0) / 1000 * self.decay_per_s, 0.0)
        self.at_ms = now_ms
        cost = 0.0 if endpoint in FREE else 2.0 if endpoint in DOUBLE else 1.0
        if self.points + cost > self.most:
            raise KrakenError("EAPI:Rate limit exceeded")
        self.points += cost
