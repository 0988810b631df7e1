"""Candles as columns: made from files, from finer candles, or from trades; written as Kraken writes them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np

from bot.domain.candles import FloatArray, IntArray
from bot.simulator.candle_files import Series
from bot.simulator.tape import LOTS_PER_UNIT, TRADES_PER_CANDLE, Trades, traded


@dataclass(frozen=True, slots=True)
class Rows:
    """Candles with the number of trades in each. Same length everywhere, oldest first."""

    open_ms: IntArray
    open: FloatArray
    high: FloatArray
    low: FloatArray
    close: FloatArray
    volume: FloatArray
    count: IntArray

    def __len__(self) -> int:
        return len(self.open_ms)

    def take(self, where: slice | IntArray) -> Rows:
        return Rows(
            self.open_ms[where],
            self.open[where],
            self.high[where],
            self.low[where],
            self.close[where],
            self.volume[where],
            self.count[where],
        )

    def between(self, from_ms: int, to_ms: int) -> Rows:
        """Rows with from_ms <= open < to_ms."""
        return self.take(slice(int(self.open_ms.searchsorted(from_ms)), int(self.open_ms.searchsorted(to_ms))))

    @property
    def vwap(self) -> FloatArray:
        """Mean price of each candle, always inside it; a recording does not keep the real one."""
        middle = (self.open + self.high + self.low + self.close) / 4
        return np.where(self.count > 0, np.clip(middle, self.low, self.high), 0.0)


@dataclass(frozen=True, slots=True)
class Summary:
    """All trades of a span in one row. volume: base units; vwap: 0 when there were no trades."""

    open: float
    high: float
    low: float
    close: float
    vwap: float
    volume: float
    count: int


def joined(parts: list[Rows]) -> Rows:
    """Rows one after the other."""
    if len(parts) == 1:
        return parts[0]
    return Rows(
        np.concatenate([part.open_ms for part in parts]),
        np.concatenate([part.open for part in parts]),
        np.concatenate([part.high for part in parts]),
        np.concatenate([part.low for part in parts]),
        np.concatenate([part.close for part in parts]),
        np.concatenate([part.volume for part in parts]),
        np.concatenate([part.count for part in parts]),
    )


def no_rows() -> Rows:
    none, whole = np.empty(0), np.empty(0, dtype=np.int64)
    return Rows(whole, none, none, none, none, none, whole)


def rows_of(series: Series) -> Rows:
    count = np.zeros(len(series), dtype=np.int64)
    count[traded(series)] = TRADES_PER_CANDLE[series.timeframe]
    return Rows(series.open_ms, series.open, series.high, series.low, series.close, series.volume, count)


def resample(rows: Rows, step_ms: int) -> Rows:
    """Coarser candles from finer ones; a bucket without candles stays missing."""
    if not len(rows):
        return rows
    bucket = rows.open_ms - rows.open_ms % step_ms
    first = np.flatnonzero(np.diff(bucket, prepend=bucket[0] - 1))
    last = np.append(first[1:], len(rows)) - 1
    return Rows(
        bucket[first],
        rows.open[first],
        np.maximum.reduceat(rows.high, first),
        np.minimum.reduceat(rows.low, first),
        rows.close[last],
        np.add.reduceat(rows.volume, first),
        np.add.reduceat(rows.count, first),
    )


def rows_of_trades(trades: Trades, step_ms: int, ticks_per_unit: int) -> Rows:
    """Candles from trades."""
    if not len(trades):
        return no_rows()
    bucket = trades.ms - trades.ms % step_ms
    first = np.flatnonzero(np.diff(bucket, prepend=bucket[0] - 1))
    end = np.append(first[1:], len(trades))
    price = trades.ticks / ticks_per_unit
    return Rows(
        bucket[first],
        price[first],
        np.maximum.reduceat(price, first),
        np.minimum.reduceat(price, first),
        price[end - 1],
        np.add.reduceat(trades.lots, first) / LOTS_PER_UNIT,
        end - first,
    )


def summed_rows(rows: Rows) -> Summary | None:
    """Many candles as one; None when nothing traded in them."""
    count = int(rows.count.sum())
    if not count:
        return None
    volume = float(rows.volume.sum())
    weights = rows.volume if volume > 0 else rows.count
    vwap = float(weights @ (rows.open + rows.high + rows.low + rows.close)) / 4 / float(weights.sum())
    return Summary(
        float(rows.open[0]),
        float(rows.high.max()),
        float(rows.low.min()),
        float(rows.close[-1]),
        vwap,
        volume,
        count,
    )


def summed_trades(trades: Trades, ticks_per_unit: int) -> Summary | None:
    """Trades as one candle; None without any."""
    if not len(trades):
        return None
    ticks = trades.ticks.tolist()
    lots = trades.lots.tolist()
    whole = sum(lots)
    weighted = sum(tick * lot for tick, lot in zip(ticks, lots, strict=True)) / whole if whole else ticks[0]
    return Summary(
        ticks[0] / ticks_per_unit,
        max(ticks) / ticks_per_unit,
        min(ticks) / ticks_per_unit,
        ticks[-1] / ticks_per_unit,
        weighted / ticks_per_unit,
        whole / LOTS_PER_UNIT,
        len(ticks),
    )


def merged_summary(first: Summary | None, then: Summary | None) -> Summary | None:
    """Two stretches, one after the other, as one."""
    if first is None or then is None:
        return first or then
    volume = first.volume + then.volume
    share = first.volume / volume if volume > 0 else 0.5
    return Summary(
        first.open,
        max(first.high, then.high),
        min(first.low, then.low),
        then.close,
        first.vwap * share + then.vwap * (1 - share),
        volume,
        first.count + then.count,
    )


def still(price: float) -> Summary:
    """A stretch without trades."""
    return Summary(price, price, price, price, 0.0, 0.0, 0)


def row_text(open_ms: int, row: Summary, decimals: int) -> str:
    """One OHLC row: [time s, open, high, low, close, vwap, volume, count]."""
    vwap = (row.vwap,) if row.count else ()
    form = _row_form(decimals, bool(row.count))
    return form % (open_ms // 1000, row.open, row.high, row.low, row.close, *vwap, row.volume, row.count)


@cache
def _row_form(decimals: int, has_trades: bool) -> str:
    price = f'"%.{decimals}f"'
    vwap = price if has_trades else '"0.0"'
    return f'[%d,{price},{price},{price},{price},{vwap},"%.8f",%d]'
