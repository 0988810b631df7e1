"""Candles as a source gave them, with what few sources give: quote volume and the number of trades."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from bot.domain.candles import Candles, FloatArray, IntArray
from bot.domain.timeframes import timeframe_ms

COLUMNS = ("open", "high", "low", "close", "volume", "quote_volume", "trades")
EXTRA = ("quote_volume", "trades")


@dataclass(frozen=True, slots=True)
class Rows:
    """n candles of one series, oldest first; missing candles are missing rows.

    open_ms: int64[n], ms since the epoch.  open, high, low, close: quote currency.
    volume: base units.  quote_volume: quote currency, nan where unknown.
    trades: a count, nan where unknown. All of them float64[n].
    """

    timeframe: str
    open_ms: IntArray
    open: FloatArray
    high: FloatArray
    low: FloatArray
    close: FloatArray
    volume: FloatArray
    quote_volume: FloatArray
    trades: FloatArray

    def __len__(self) -> int:
        return len(self.open_ms)

    @property
    def step_ms(self) -> int:
        return timeframe_ms(self.timeframe)

    @property
    def first_ms(self) -> int:
        """Open time of the oldest candle."""
        return int(self.open_ms[0])

    @property
    def end_ms(self) -> int:
        """Close time of the newest candle."""
        return int(self.open_ms[-1]) + self.step_ms

    def take(self, where: slice | npt.NDArray[Any]) -> Rows:
        """The chosen candles, in order."""
        return Rows(self.timeframe, self.open_ms[where], *(getattr(self, name)[where] for name in COLUMNS))

    def between(self, from_ms: int, to_ms: int) -> Rows:
        """Candles with from_ms <= open < to_ms, of sorted rows."""
        return self.take(slice(int(self.open_ms.searchsorted(from_ms)), int(self.open_ms.searchsorted(to_ms))))

    def table(self) -> FloatArray:
        """float64[n, 8]: open time in ms, then COLUMNS. Whole ms are exact in a float64 for 285,000 years."""
        return np.column_stack([self.open_ms.astype(np.float64), *(getattr(self, name) for name in COLUMNS)])

    def candles(self, symbol: str) -> Candles:
        """The bot's own form. Flat candles without volume count as filled, as in bot.domain.candle_checks."""
        flat = (self.volume == 0) & (self.high == self.low)
        return Candles(
            symbol, self.timeframe, self.open_ms, self.open, self.high, self.low, self.close, self.volume, flat
        )

    @staticmethod
    def empty(timeframe: str) -> Rows:
        return Rows.from_table(timeframe, np.empty((0, 1 + len(COLUMNS))))

    @staticmethod
    def from_table(timeframe: str, table: FloatArray) -> Rows:
        """From float64[n, 8], as `table` gives it."""
        moments, *columns = np.ascontiguousarray(table.T)
        return Rows(timeframe, moments.astype(np.int64), *columns)

    @staticmethod
    def from_columns(timeframe: str, columns: Sequence[Any]) -> Rows:
        """From open times and COLUMNS, of which the extra ones may be left out."""
        moments = np.asarray(columns[0]).astype(np.int64)
        given = [np.ascontiguousarray(column, dtype=np.float64) for column in columns[1:]]
        unknown = [np.full(len(moments), np.nan) for _ in range(len(COLUMNS) - len(given))]
        return Rows(timeframe, moments, *given, *unknown)


def joined(parts: Sequence[Rows]) -> Rows:
    """Rows one after the other, as they are. parts: at least one, of one timeframe."""
    if len(parts) == 1:
        return parts[0]
    columns = (np.concatenate([getattr(part, name) for part in parts]) for name in COLUMNS)
    return Rows(parts[0].timeframe, np.concatenate([part.open_ms for part in parts]), *columns)


def merged(stored: Rows, fresh: Rows) -> Rows:
    """Both in order of time; where both have a candle the stored one stays. See `first_conflict`."""
    new = fresh.take(~np.isin(fresh.open_ms, stored.open_ms, assume_unique=True))
    if not len(new):
        return stored
    both = joined([stored, new])
    return both.take(np.argsort(both.open_ms, kind="stable"))


def first_conflict(stored: Rows, fresh: Rows, tolerance: float = 1e-9) -> int | None:
    """Index in `fresh` of the first candle that differs from the stored one of its time.

    tolerance: relative. Quote volume and trades are compared where both know them.
    """
    _, ours, theirs = np.intersect1d(stored.open_ms, fresh.open_ms, assume_unique=True, return_indices=True)
    agree = np.ones(len(ours), dtype=np.bool_)
    for name in COLUMNS:
        a, b = getattr(stored, name)[ours], getattr(fresh, name)[theirs]
        same = np.isclose(a, b, rtol=tolerance, atol=0.0)
        agree &= same | np.isnan(a) | np.isnan(b) if name in EXTRA else same
    return None if agree.all() else int(theirs[int(np.argmin(agree))])
