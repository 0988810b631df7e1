"""Trades inside a recorded candle: the finest thing the simulator knows.

A candle says where the price was, not when. The tape chooses one plausible way,
always the same: open, nearer extreme, other extreme, close, at even times.
Everything the venue says between two recorded candles (last price, forming
candle, finer candles, Trades) is read from this tape, so that it all agrees,
and so that nothing later than "now" can be seen: a trade exists from its time on.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np

from bot.domain.candles import FloatArray, IntArray
from bot.simulator.candle_files import Series

LOTS_PER_UNIT = 100_000_000

# Trades per candle. The spacing divides five minutes: a candle of 5m or more made of coarser ones starts with a trade.
TRADES_PER_CANDLE = {"1m": 4, "5m": 20, "15m": 30, "30m": 30, "1h": 60, "4h": 96, "1d": 288}


@dataclass(frozen=True, slots=True)
class Trades:
    """Trades, oldest first. ms: int64[n], UTC.  ticks: price steps.  lots: 1e-8 base units."""

    ms: IntArray
    ticks: IntArray
    lots: IntArray

    def __len__(self) -> int:
        return len(self.ms)

    def between(self, from_ms: int, to_ms: int) -> Trades:
        """Trades with from_ms <= time <= to_ms."""
        where = slice(int(self.ms.searchsorted(from_ms)), int(self.ms.searchsorted(to_ms, side="right")))
        return self.take(where)

    def upto(self, to_ms: int) -> Trades:
        """Trades with time <= to_ms."""
        return self.take(slice(0, int(self.ms.searchsorted(to_ms, side="right"))))

    def take(self, where: slice) -> Trades:
        return Trades(self.ms[where], self.ticks[where], self.lots[where])


@dataclass(frozen=True, slots=True)
class _Way:
    """How n trades walk along the four knots open, first extreme, second extreme, close."""

    left: IntArray
    right: IntArray
    share: FloatArray
    weights: IntArray


@cache
def _way(count: int) -> _Way:
    knots = np.array([0, (count - 1) // 3, 2 * (count - 1) // 3, count - 1])
    steps = np.arange(count)
    left = np.clip(np.searchsorted(knots, steps, side="right") - 1, 0, 2)
    share = (steps - knots[left]) / (knots[left + 1] - knots[left])
    return _Way(left, left + 1, share, 1 + (steps * 7) % 5)


def traded(series: Series) -> IntArray:
    """Indices of the candles that trades made: those with volume, or with any movement."""
    return np.flatnonzero((series.volume > 0) | (series.high > series.low))


def tape(series: Series, ticks_per_unit: int) -> Trades:
    """The trades of all candles of a series, of which each must have traded.

    The first trade of a candle is at its open time and its open price, the last
    one is before its close time and at its close price; high, low and the sum
    of the sizes are the candle's own.
    """
    count = TRADES_PER_CANDLE[series.timeframe]
    way = _way(count)
    candles = len(series)
    opening, high, low, closing = (
        np.rint(column * ticks_per_unit) for column in (series.open, series.high, series.low, series.close)
    )
    up, down = high - opening, opening - low
    high_first = (up < down) | ((up == down) & (closing < opening))
    knots = np.stack((opening, np.where(high_first, high, low), np.where(high_first, low, high), closing), axis=1)
    start, end = knots[:, way.left], knots[:, way.right]
    ticks = np.rint(start + (end - start) * way.share).astype(np.int64)

    whole = np.rint(series.volume * LOTS_PER_UNIT).astype(np.int64)
    unit = whole // int(way.weights.sum())
    lots = unit[:, None] * way.weights
    lots[:, -1] += whole - unit * int(way.weights.sum())

    ms = series.open_ms[:, None] + np.arange(count) * (series.step_ms // count)
    size = candles * count
    return Trades(ms.reshape(size), ticks.reshape(size), lots.reshape(size))


def last_lots(candle: Series) -> int:
    """Size of the last trade of a one-candle series, as its tape has it."""
    weights = _way(TRADES_PER_CANDLE[candle.timeframe]).weights
    whole, parts = round(float(candle.volume[0]) * LOTS_PER_UNIT), int(weights.sum())
    return whole - whole // parts * (parts - int(weights[-1]))


def no_trades() -> Trades:
    return Trades(*(np.empty(0, dtype=np.int64) for _ in range(3)))


def joined_trades(parts: list[Trades]) -> Trades:
    if len(parts) == 1:
        return parts[0]
    if not parts:
        return no_trades()
    return Trades(*(np.concatenate([getattr(part, name) for part in parts]) for name in ("ms", "ticks", "lots")))
