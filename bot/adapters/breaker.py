"""A circuit breaker that outlives its process: its state is two numbers the caller keeps."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any


class Breaker:
    """Stops asking a venue that failed several times in a row.

    Closed: ask.  Open: do not ask until `open_s` have passed.  Half open: ask once;
    a good answer closes, a bad one opens again.

    failures_to_open: failures in a row.  now_ms: wall clock, since the
    state is read by another process later.  state: what `state()` gave, {} at first.
    """

    def __init__(
        self, failures_to_open: int, open_s: float, now_ms: Callable[[], int], state: Mapping[str, Any] | None = None
    ) -> None:
        self._failures_to_open = failures_to_open
        self._open_ms = round(open_s * 1000)
        self._now_ms = now_ms
        self._failures = 0
        self._open_until_ms = 0
        self.restore(state or {})

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from a stored state; what cannot be read counts as 0."""
        self._failures = _count(state.get("failures"))
        self._open_until_ms = _count(state.get("open_until_ms"))

    def state(self) -> dict[str, int]:
        """What the next process needs to know; small, JSON."""
        return {"failures": self._failures, "open_until_ms": self._open_until_ms}

    def closed_in_s(self) -> float:
        """Seconds until the venue may be asked again; 0.0 when it may be asked now.

        Never more than open_s: a clock that was set back must not lock the venue out.
        """
        if self._failures < self._failures_to_open:
            return 0.0
        left_ms = self._open_until_ms - self._now_ms()
        return min(max(left_ms, 0), self._open_ms) / 1000

    @property
    def half_open(self) -> bool:
        return self._failures >= self._failures_to_open and self.closed_in_s() == 0

    def succeeded(self) -> None:
        self._failures, self._open_until_ms = 0, 0

    def failed(self) -> None:
        self._failures += 1
        if self._failures >= self._failures_to_open:
            self._open_until_ms = self._now_ms() + self._open_ms


def _count(value: object) -> int:
    return max(int(value), 0) if isinstance(value, int | float) and value == value else 0
