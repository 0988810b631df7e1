"""The venue's time: it stands still, or runs at a chosen speed."""

from __future__ import annotations

import time
from collections.abc import Callable


class Clock:
    """Virtual time in ms UTC, safe to read and set from several threads.

    speed: virtual seconds per real second; 0 stands still until it is set.
    elapsed: seconds from any fixed point, for the running part.
    """

    def __init__(self, at_ms: int, speed: float = 0.0, elapsed: Callable[[], float] = time.monotonic) -> None:
        self._elapsed = elapsed
        # One tuple, replaced as a whole: readers in other threads see the old or the new state.
        self._state = (at_ms, speed, elapsed())

    def now_ms(self) -> int:
        at_ms, speed, since = self._state
        return at_ms if speed == 0.0 else at_ms + int((self._elapsed() - since) * speed * 1000)

    @property
    def speed(self) -> float:
        return self._state[1]

    def set_ms(self, at_ms: int) -> None:
        self._state = (at_ms, self.speed, self._elapsed())

    def advance_ms(self, by_ms: int) -> None:
        self.set_ms(self.now_ms() + by_ms)

    def set_speed(self, speed: float) -> None:
        self._state = (self.now_ms(), speed, self._elapsed())
