"""OHLC rows as text, made once and kept for a while."""

from __future__ import annotations

from collections import OrderedDict, defaultdict

import numpy as np

from bot.domain.timeframes import floor_ms, timeframe_ms
from bot.simulator.history import History
from bot.simulator.rows import Rows, Summary, row_text, still

BLOCK_ROWS = 64
BLOCKS_KEPT = 16


class RowTexts:
    """The closed candles of one pair as Kraken writes them.

    Closed candles never change, so a block of them is written once. A block may
    reach past the clock: whoever asks names the end, and gets nothing after it.
    """

    def __init__(self, history: History) -> None:
        self._history = history
        self._decimals = history.pair.decimals
        self._blocks: defaultdict[str, OrderedDict[int, list[str]]] = defaultdict(OrderedDict)

    def traded(self, timeframe: str, from_ms: int, to_ms: int, count: int) -> list[str]:
        """JSON of the newest `count` closed candles with from_ms <= open < to_ms, without those that nothing traded."""
        step = timeframe_ms(timeframe)
        texts: list[str] = []
        while len(texts) < count and to_ms > max(from_ms, self._history.first_ms - step):
            start_ms = max(to_ms - max(count, BLOCK_ROWS) * step, from_ms)
            rows = self._history.closed_rows(timeframe, start_ms, to_ms)
            texts = self._texts_of(rows.take(np.flatnonzero(rows.count))) + texts
            to_ms = start_ms
        return texts[max(len(texts) - count, 0) :]

    def _texts_of(self, rows: Rows) -> list[str]:
        columns = (rows.open, rows.high, rows.low, rows.close, rows.vwap, rows.volume, rows.count)
        values = zip(rows.open_ms.tolist(), *(column.tolist() for column in columns), strict=True)
        return [row_text(open_ms, Summary(*rest), self._decimals) for open_ms, *rest in values]

    def closed(self, timeframe: str, from_ms: int, to_ms: int) -> list[str]:
        """JSON of the closed candles with from_ms <= open < to_ms, flat rows where nothing traded.

        from_ms, to_ms: on the timeframe's grid. Closed candles never change, so
        their text is made once and kept for a while.
        """
        step = timeframe_ms(timeframe)
        from_ms = max(from_ms, floor_ms(self._history.first_ms, step))
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
        kept = self._blocks[timeframe]
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
        rows = self._history.closed_rows(timeframe, from_ms, to_ms)
        found = dict(
            zip(rows.open_ms.tolist(), zip(self._texts_of(rows), rows.close.tolist(), strict=True), strict=True)
        )
        before = self._history.still_before(from_ms)
        last = None if before is None else before.close
        texts = []
        for open_ms in range(from_ms, to_ms, step):
            text, last = found.get(open_ms, ("", last))
            texts.append(text or ("" if last is None else row_text(open_ms, still(last), self._decimals)))
        return texts
