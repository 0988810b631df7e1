"""One symbol's past as the venue shows it at a moment: rows, prices, trades.

Nothing here returns anything later than the moment asked for.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from bot.domain.candles import IntArray
from bot.domain.timeframes import TIMEFRAMES_MS, floor_ms, timeframe_ms
from bot.simulator.candle_files import Series
from bot.simulator.pairs import Pair
from bot.simulator.rows import (
    Rows,
    Summary,
    joined,
    merged_summary,
    no_rows,
    resample,
    rows_of,
    rows_of_trades,
    still,
    summed_rows,
    summed_trades,
)
from bot.simulator.spans import Span, make_spans
from bot.simulator.tape import Trades, joined_trades, last_lots, no_trades, tape, traded

DAY_MS = TIMEFRAMES_MS["1d"]


@dataclass(frozen=True, slots=True)
class LastTrade:
    """ticks: price steps.  lots: 1e-8 base units."""

    ticks: int
    lots: int


class History:
    """One pair's candles of every timeframe and its trades, up to any moment.

    A timeframe is used as recorded where its file covers, elsewhere built from
    the next finer recorded one, else from the tape of a coarser one.
    """

    def __init__(self, pair: Pair, recorded: Mapping[str, Series]) -> None:
        self.pair = pair
        self._recorded = {tf: recorded[tf] for tf in sorted(recorded, key=timeframe_ms)}
        self.spans = make_spans(list(self._recorded.values()))
        self.first_ms = self.spans[0].from_ms
        self._merged: dict[str, Rows] = {}
        self._last_tape: tuple[int, Trades] = (-1, no_trades())

    # Prices

    def last_trade(self, now_ms: int) -> LastTrade | None:
        """The newest trade at or before now_ms; None before the first one."""
        seen = self._forming(now_ms).upto(now_ms)
        if len(seen):
            return LastTrade(int(seen.ticks[-1]), int(seen.lots[-1]))
        return self._last_before(now_ms)

    def _last_before(self, now_ms: int) -> LastTrade | None:
        """The last trade of the newest candle that is closed at now_ms."""
        for span in reversed(self.spans):
            closed = int(span.series.open_ms.searchsorted(now_ms - span.series.step_ms, side="right"))
            if closed:
                newest = span.series.take(slice(closed - 1, closed))
                return LastTrade(round(float(newest.close[0]) * self.pair.ticks_per_unit), last_lots(newest))
        return None

    def base(self, now_ms: int) -> Span:
        """The span that now_ms falls in, else the newest one before it, else the first."""
        return next((span for span in reversed(self.spans) if span.from_ms <= now_ms), self.spans[0])

    def _forming(self, now_ms: int) -> Trades:
        """The trades of the recorded candle around now_ms, also those still to come: the caller cuts them off."""
        series = self.base(now_ms).series
        open_ms = floor_ms(now_ms, series.step_ms)
        # Read once and replaced as a whole: another thread may ask about another moment meanwhile.
        kept_ms, kept = self._last_tape
        if kept_ms != open_ms:
            index = int(series.open_ms.searchsorted(open_ms))
            there = index < len(series) and int(series.open_ms[index]) == open_ms
            one = series.take(slice(index, index + 1) if there else slice(0, 0))
            kept = tape(one.take(traded(one)), self.pair.ticks_per_unit)
            self._last_tape = (open_ms, kept)
        return kept

    # Trades

    def trades_between(self, from_ms: int, to_ms: int) -> Trades:
        """All trades with from_ms <= time <= to_ms."""
        parts = []
        for span in self.spans:
            if span.from_ms <= to_ms and from_ms < span.to_ms:
                start = int(span.traded_ms.searchsorted(floor_ms(from_ms, span.series.step_ms)))
                end = int(span.traded_ms.searchsorted(to_ms, side="right"))
                parts.append(self._tape(span, start, end).between(from_ms, to_ms))
        return joined_trades(parts)

    def trades_after(self, from_ms: int, now_ms: int, count: int) -> Trades:
        """The oldest `count` trades with from_ms <= time <= now_ms."""
        parts: list[Trades] = []
        for span in self.spans:
            missing = count - sum(len(part) for part in parts)
            start = int(span.traded_ms.searchsorted(floor_ms(from_ms, span.series.step_ms)))
            end = int(span.traded_ms.searchsorted(now_ms, side="right"))
            # One candle more than enough: the first may lie partly before from_ms.
            end = min(end, start + missing // span.trades_per_candle + 2)
            if missing > 0 and start < end:
                parts.append(self._tape(span, start, end).between(from_ms, now_ms).take(slice(0, missing)))
        return joined_trades(parts)

    def newest_trades(self, now_ms: int, count: int) -> Trades:
        """The newest `count` trades at now_ms, oldest first."""
        parts: list[Trades] = []
        for span in reversed(self.spans):
            missing = count - sum(len(part) for part in parts)
            end = int(span.traded_ms.searchsorted(now_ms, side="right"))
            start = max(end - missing // span.trades_per_candle - 2, 0)
            if missing > 0 and start < end:
                seen = self._tape(span, start, end).between(0, now_ms)
                parts.insert(0, seen.take(slice(max(len(seen) - missing, 0), None)))
        return joined_trades(parts)

    def _tape(self, span: Span, start: int, end: int) -> Trades:
        return tape(span.series.take(span.traded[start:end]), self.pair.ticks_per_unit)

    def trade_ids(self, trades: Trades) -> IntArray:
        """Numbers that grow by one from trade to trade over the whole recording."""
        ids = np.zeros(len(trades), dtype=np.int64)
        offset = 1
        for span in self.spans:
            count = span.trades_per_candle
            inside = (trades.ms >= span.from_ms) & (trades.ms < span.to_ms)
            candle = span.traded_ms.searchsorted(trades.ms[inside], side="right") - 1
            within = (trades.ms[inside] - span.traded_ms[candle]) // (span.series.step_ms // count)
            ids[inside] = offset + candle * count + within
            offset += len(span.traded) * count
        return ids

    # Candles

    def merged(self, timeframe: str) -> Rows:
        """Recorded candles of a timeframe, with what finer recorded ones add outside their reach."""
        if timeframe not in self._merged:
            self._merged[timeframe] = self._merge(timeframe)
        return self._merged[timeframe]

    def _merge(self, timeframe: str) -> Rows:
        step = timeframe_ms(timeframe)
        own = rows_of(self._recorded[timeframe]) if timeframe in self._recorded else no_rows()
        finer = [tf for tf in self._recorded if timeframe_ms(tf) < step]
        if not finer:
            return own
        built = resample(self.merged(finer[-1]), step)
        if not len(own):
            return built
        first, end = int(own.open_ms[0]), int(own.open_ms[-1]) + step
        return joined([built.between(0, first), own, built.between(end, end + 10**15)])

    def closed_rows(self, timeframe: str, from_ms: int, to_ms: int) -> Rows:
        """Candles with from_ms <= open < to_ms, missing ones left out. The caller asks for closed ones only."""
        step = timeframe_ms(timeframe)
        own = self.merged(timeframe)
        if not len(own):
            return self._rows_from_tape(step, from_ms, to_ms)
        first, end = int(own.open_ms[0]), int(own.open_ms[-1]) + step
        parts = [own.between(from_ms, to_ms)]
        if from_ms < first and self.first_ms < first:
            parts.insert(0, self._rows_from_tape(step, from_ms, min(to_ms, first)))
        if to_ms > end and self.spans[-1].to_ms > end:
            parts.append(self._rows_from_tape(step, max(from_ms, end), to_ms))
        return joined(parts)

    def _rows_from_tape(self, step_ms: int, from_ms: int, to_ms: int) -> Rows:
        trades = self.trades_between(from_ms, to_ms - 1)
        return rows_of_trades(trades, step_ms, self.pair.ticks_per_unit)

    def forming(self, timeframe: str, now_ms: int) -> Summary | None:
        """The unfinished candle of a timeframe: what has traded from its open time to now_ms, and no more."""
        return self.summary(floor_ms(now_ms, timeframe_ms(timeframe)), now_ms)

    def summary(self, from_ms: int, now_ms: int) -> Summary | None:
        """Everything from from_ms to now_ms in one row; None before the first trade.

        from_ms: on the grid of the recorded candles around it, else the candle
        that it falls in is read from its tape.
        """
        base = self.base(now_ms)
        split = max(floor_ms(now_ms, base.series.step_ms), from_ms)
        closed = summed_rows(self.closed_rows(base.series.timeframe, from_ms, split)) if from_ms < split else None
        forming = summed_trades(self._forming(now_ms).between(split, now_ms), self.pair.ticks_per_unit)
        return merged_summary(closed, forming) or self.still_before(from_ms)

    def still_before(self, moment_ms: int) -> Summary | None:
        """A stretch without trades, at the last price before moment_ms; None before the first trade."""
        last = self.last_trade(moment_ms - 1)
        return None if last is None else still(last.ticks / self.pair.ticks_per_unit)

    def last_day(self, now_ms: int) -> Summary | None:
        """The newest 24 hours in one row."""
        step = self.base(now_ms).series.step_ms
        return self.summary(floor_ms(now_ms - DAY_MS, step) + step, now_ms)
