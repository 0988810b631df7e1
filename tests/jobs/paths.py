"""Price paths for tick tests: a calm market that does what a test tells it to, and nothing by chance."""

from __future__ import annotations

import numpy as np

from bot.simulator import Recording, Series

MINUTE = 60_000
STEP = 5 * MINUTE
HOUR = 12 * STEP
DAY = 24 * HOUR

START = 1_704_067_200_000  # 2024-01-01T00:00Z
T0 = START + 24 * DAY + 8 * HOUR
"""The tick of most tests: 24 days of history, on the hour."""

VOLUME = 1_000.0


class Path:
    """Five-minute candles of one symbol from START on, around `price`, with a ripple of a few basis points.

    Changes are told in words of the test: `rise` in one hour, `go` to a level.
    Levels are multiples of `price`; each holds until the next change.
    """

    def __init__(self, price: float = 100.0, days: float = 34.0, decimals: int = 2) -> None:
        count = round(days * DAY / STEP)
        self.open_ms = START + STEP * np.arange(count, dtype=np.int64)
        self.price = price
        self.decimals = decimals
        self.level = np.ones(count)
        self.volume = np.full(count, VOLUME)
        self.lows: dict[int, float] = {}
        self.highs: dict[int, float] = {}
        self.there = np.ones(count, dtype=bool)

    def at(self, moment_ms: int) -> int:
        return int((moment_ms - START) // STEP)

    def go(self, level: float, from_ms: int, to_ms: int | None = None) -> Path:
        """A straight way to `level` between two moments (one candle when to_ms is left out), then stay."""
        first = self.at(from_ms)
        last = self.at(to_ms) if to_ms is not None else first + 1
        before = self.level[first - 1]
        self.level[first:last] = np.linspace(before, level, last - first + 1)[1:]
        self.level[last:] = level
        return self

    def break_out(self, hour_ms: int = T0 - HOUR, level: float = 1.02, volume: float = 8.0) -> Path:
        """An hour candle that ends at `level` on much volume: the breakout strategy buys or sells it."""
        self.go(level, hour_ms, hour_ms + HOUR)
        self.volume[self.at(hour_ms) : self.at(hour_ms + HOUR)] *= volume
        return self

    def dip(self, moment_ms: int, level: float) -> Path:
        """The candle around a moment trades down to `level` and comes back."""
        self.lows[self.at(moment_ms)] = level
        return self

    def peak(self, moment_ms: int, level: float) -> Path:
        """The candle around a moment trades up to `level` and comes back."""
        self.highs[self.at(moment_ms)] = level
        return self

    def thin(self, volume: float, from_ms: int, to_ms: int | None = None) -> Path:
        """Base units per candle between two moments."""
        self.volume[self.at(from_ms) : None if to_ms is None else self.at(to_ms)] = volume
        return self

    def silence(self, from_ms: int, to_ms: int) -> Path:
        """Nobody trades between two moments."""
        self.there[self.at(from_ms) : self.at(to_ms)] = False
        return self

    def series(self) -> Series:
        count = len(self.level)
        ripple = 1 + 0.0004 * np.sin(np.arange(count) * 0.7) + 0.0002 * np.sin(np.arange(count) * 2.3)
        close = np.round(self.price * self.level * ripple, self.decimals)
        opening = np.concatenate((close[:1], close[:-1]))
        high, low = np.maximum(opening, close), np.minimum(opening, close)
        for index, level in self.lows.items():
            low[index] = min(low[index], round(self.price * level, self.decimals))
        for index, level in self.highs.items():
            high[index] = max(high[index], round(self.price * level, self.decimals))
        volume = np.round(self.volume * (1 + 0.1 * np.sin(np.arange(count) * 1.1)), 4)
        return Series("5m", self.open_ms, opening, high, low, close, volume).take(self.there)


def recording(**paths: Path) -> Recording:
    """Paths by base: BTC=Path() becomes BTC/EUR."""
    return Recording("made up", {f"{base}/EUR": {"5m": path.series()} for base, path in paths.items()}, synthetic=True)
