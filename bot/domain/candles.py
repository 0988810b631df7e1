"""Closed candles of one symbol and timeframe, as arrays.

A candle is named by its open time. Volume is in base units. `filled` marks
candles that no trade made: they repeat the previous close with volume 0.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bot.domain.timeframes import timeframe_ms

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Candles:
    """n candles, oldest first, on the timeframe's grid, without gaps or doubles.

    open_ms: int64[n], open times, ms since the epoch.
    open, high, low, close: float64[n], quote currency per base unit, > 0.
    volume: float64[n], base units, >= 0.  filled: bool[n].
    """

    symbol: str
    timeframe: str
    open_ms: IntArray
    open: FloatArray
    high: FloatArray
    low: FloatArray
    close: FloatArray
    volume: FloatArray
    filled: BoolArray

    def __len__(self) -> int:
        return len(self.open_ms)

    @property
    def step_ms(self) -> int:
        return timeframe_ms(self.timeframe)

    @property
    def close_ms(self) -> IntArray:
        """Close times: the moment from which each candle may be used."""
        return self.open_ms + self.step_ms

    def take(self, where: slice | BoolArray | IntArray) -> Candles:
        """The chosen candles, in order."""
        return Candles(
            self.symbol,
            self.timeframe,
            self.open_ms[where],
            self.open[where],
            self.high[where],
            self.low[where],
            self.close[where],
            self.volume[where],
            self.filled[where],
        )

    def tail(self, count: int) -> Candles:
        """The newest `count` candles, or all where there are fewer."""
        return self.take(slice(max(len(self) - count, 0), None))

    def closed_at(self, now_ms: int) -> Candles:
        """Only the candles that are closed at now_ms."""
        return self.take(self.close_ms <= now_ms)

    def since(self, open_ms: int) -> Candles:
        """Only the candles that open at or after open_ms."""
        return self.take(self.open_ms >= open_ms)

    @staticmethod
    def empty(symbol: str, timeframe: str) -> Candles:
        return Candles.from_rows(symbol, timeframe, [])

    @staticmethod
    def from_rows(
        symbol: str, timeframe: str, rows: Sequence[Sequence[float]], filled: Sequence[bool] | None = None
    ) -> Candles:
        """Build from [open_ms, open, high, low, close, volume] rows, taken as they are."""
        table = np.array(rows, dtype=np.float64).reshape(len(rows), 6)
        marks = np.zeros(len(rows), dtype=np.bool_) if filled is None else np.array(filled, dtype=np.bool_)
        moments, opens, highs, lows, closes, volumes = np.ascontiguousarray(table.T)
        return Candles(symbol, timeframe, moments.astype(np.int64), opens, highs, lows, closes, volumes, marks)
