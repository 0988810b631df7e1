"""One symbol's past as the venue shows it at a moment: rows, prices, trades.

Nothing here returns anything later than the moment asked for.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping

import numpy as np

from bot.domain.candles import IntArray
from bot.domain.timeframes import TIMEFRAMES_MS, floor_ms, timeframe_ms
from bot.simulator.candle_files import Series
from bot.simulator.pairs import Pair
from bot.simulator.rows import Rows, Summary, joined, no_rows, resample, row_text, rows_of, rows_of_trades, still
from bot.simulator.spans import Span, make_spans
from bot.simulator.tape import Trades, joined_trades, no_trades, tape, traded

BLOCK_ROWS = 64
BLOCKS_KEPT = 16
DAY_MS = TIMEFRAMES_MS["1d"]


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
        self._blocks: dict[str, OrderedDict[int, list[str]]] = {}
        self._last_tape: tuple[int, Trades] = (-1, no_trades())
        self._day: tuple[int, Summary | None] = (-1, None)

    # Prices

    def last_ticks(self, now_ms: int) -> int | None:
        """Price of the newest trade at or before now_ms, in price steps; None before the first trade."""
        span, index = self._forming(now_ms)
        if span is not None:
            seen = self._candle_tape(span, index).between(0, now_ms)
            if len(seen):
                return int(seen.ticks[-1])
        return self._close_before(now_ms)

    def _close_before(self, now_ms: int) -> int | None:
        """Close of the newest candle that is closed at now_ms, in price steps."""
        for span in reversed(self.spans):
            closed = int(np.searchsorted(span.series.open_ms, now_ms - span.series.step_ms, side="right"))
            if closed:
                return round(float(span.series.close[closed - 1]) * self.pair.ticks_per_unit)
        return None

    def base(self, now_ms: int) -> Span:
        """The span that now_ms falls in, else the newest one before it, else the first."""
        return next((span for span in reversed(self.spans) if span.from_ms <= now_ms), self.spans[0])

    def _forming(self, now_ms: int) -> tuple[Span | None, int]:
        """The recorded candle that now_ms falls in, and its index within its span."""
        span = self.base(now_ms)
        open_ms = floor_ms(now_ms, span.series.step_ms)
        index = int(np.searchsorted(span.series.open_ms, open_ms))
        found = index < len(span.series) and int(span.series.open_ms[index]) == open_ms
        return (span, index) if found else (None, 0)

    def _candle_tape(self, span: Span, index: int) -> Trades:
        """The trades of one candle, also those still to come: the caller cuts them off at its moment."""
        open_ms = int(span.series.open_ms[index])
        if self._last_tape[0] != open_ms:
            one = span.series.take(slice(index, index + 1))
            trades = tape(one, self.pair.ticks_per_unit) if len(traded(one)) else no_trades()
            self._last_tape = (open_ms, trades)
        return self._last_tape[1]

    # Trades

    def trades_between(self, from_ms: int, to_ms: int) -> Trades:
        """All trades with from_ms <= time <= to_ms."""
        parts = []
        for span in self.spans:
            if span.from_ms <= to_ms and from_ms < span.to_ms:
                start = int(np.searchsorted(span.traded_ms, floor_ms(from_ms, span.series.step_ms)))
                end = int(np.searchsorted(span.traded_ms, to_ms, side="right"))
                parts.append(self._tape(span, start, end).between(from_ms, to_ms))
        return joined_trades(parts)

    def trades_after(self, from_ms: int, now_ms: int, count: int) -> Trades:
        """The oldest `count` trades with from_ms <= time <= now_ms."""
        parts: list[Trades] = []
        for span in self.spans:
            missing = count - sum(len(part) for part in parts)
            start = int(np.searchsorted(span.traded_ms, floor_ms(from_ms, span.series.step_ms)))
            end = int(np.searchsorted(span.traded_ms, now_ms, side="right"))
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
            end = int(np.searchsorted(span.traded_ms, now_ms, side="right"))
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
            candle = np.searchsorted(span.traded_ms, trades.ms[inside], side="right") - 1
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
        parts = [self.closed_rows(base.series.timeframe, from_ms, split)] if from_ms < split else []
        span, index = self._forming(now_ms)
        if span is not None:
            seen = self._candle_tape(span, index).between(split, now_ms)
            parts.append(rows_of_trades(seen, DAY_MS, self.pair.ticks_per_unit))
        rows = joined(parts) if parts else no_rows()
        return self._summed(rows) if int(rows.count.sum()) else self._flat(from_ms)

    def _summed(self, rows: Rows) -> Summary:
        volume = float(rows.volume.sum())
        weights = rows.volume if volume > 0 else rows.count
        low, high = float(rows.low.min()), float(rows.high.max())
        vwap = float((rows.vwap * weights).sum() / weights.sum())
        return Summary(
            float(rows.open[0]),
            high,
            low,
            float(rows.close[-1]),
            min(max(vwap, low), high),
            volume,
            int(rows.count.sum()),
        )

    def _flat(self, now_ms: int) -> Summary | None:
        ticks = self._close_before(now_ms)
        if ticks is None:
            return None
        return still(ticks / self.pair.ticks_per_unit)

    def last_day(self, now_ms: int) -> Summary | None:
        """The newest 24 hours in one row."""
        base = self.base(now_ms).series.step_ms
        if self._day[0] != now_ms:
            self._day = (now_ms, self.summary(floor_ms(now_ms - DAY_MS, base) + base, now_ms))
        return self._day[1]

    # Rows as Kraken writes them

    def traded_texts(self, timeframe: str, from_ms: int, to_ms: int, count: int) -> list[str]:
        """JSON of the newest `count` closed candles with from_ms <= open < to_ms, without those that nothing traded."""
        step = timeframe_ms(timeframe)
        texts: list[str] = []
        while len(texts) < count and to_ms > max(from_ms, self.first_ms - step):
            start_ms = max(to_ms - max(count, BLOCK_ROWS) * step, from_ms)
            rows = self.closed_rows(timeframe, start_ms, to_ms)
            texts = self._texts_of(rows.take(np.flatnonzero(rows.count))) + texts
            to_ms = start_ms
        return texts[max(len(texts) - count, 0) :]

    def _texts_of(self, rows: Rows) -> list[str]:
        columns = (rows.open, rows.high, rows.low, rows.close, rows.vwap, rows.volume, rows.count)
        values = zip(rows.open_ms.tolist(), *(column.tolist() for column in columns), strict=True)
        return [row_text(open_ms, Summary(*rest), self.pair.decimals) for open_ms, *rest in values]

    def texts(self, timeframe: str, from_ms: int, to_ms: int) -> list[str]:
        """JSON of the closed candles with from_ms <= open < to_ms, flat rows where nothing traded.

        from_ms, to_ms: on the timeframe's grid. Closed candles never change, so
        their text is made once and kept for a while.
        """
        step = timeframe_ms(timeframe)
        from_ms = max(from_ms, floor_ms(self.first_ms, step))
        found: list[str] = []
        at_ms = from_ms
        while at_ms < to_ms:
            block = at_ms // step // BLOCK_ROWS
            start_ms = block * BLOCK_ROWS * step
            skip = (at_ms - start_ms) // step
            found += self._block(timeframe, block)[skip : (to_ms - start_ms) // step]
            at_ms = start_ms + BLOCK_ROWS * step
        return found

    def _block(self, timeframe: str, block: int) -> list[str]:
        kept = self._blocks.setdefault(timeframe, OrderedDict())
        if block in kept:
            kept.move_to_end(block)
            return kept[block]
        step = timeframe_ms(timeframe)
        start_ms = block * BLOCK_ROWS * step
        kept[block] = self._render(timeframe, start_ms, start_ms + BLOCK_ROWS * step)
        if len(kept) > BLOCKS_KEPT:
            kept.popitem(last=False)
        return kept[block]

    def _render(self, timeframe: str, from_ms: int, to_ms: int) -> list[str]:
        """One text per grid step, "" for steps before the first trade ever."""
        step = timeframe_ms(timeframe)
        rows = self.closed_rows(timeframe, from_ms, to_ms)
        found = dict(
            zip(rows.open_ms.tolist(), zip(self._texts_of(rows), rows.close.tolist(), strict=True), strict=True)
        )
        before = self._close_before(from_ms)
        last = None if before is None else before / self.pair.ticks_per_unit
        texts = []
        for open_ms in range(from_ms, to_ms, step):
            text, last = found.get(open_ms, ("", last))
            texts.append(text or ("" if last is None else row_text(open_ms, still(last), self.pair.decimals)))
        return texts
