"""Which recorded series tells the story at which time."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bot.domain.candles import IntArray
from bot.domain.timeframes import floor_ms
from bot.simulator.candle_files import Series
from bot.simulator.tape import TRADES_PER_CANDLE, traded


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of time and the series whose candles make the trades in it.

    traded: indices of the candles that have trades.  traded_ms: their open times.
    """

    from_ms: int
    to_ms: int
    series: Series
    traded: IntArray
    traded_ms: IntArray

    @property
    def trades_per_candle(self) -> int:
        return TRADES_PER_CANDLE[self.series.timeframe]


def make_spans(recorded: list[Series]) -> tuple[Span, ...]:
    """Cut time into stretches, each told by the finest series that covers it.

    recorded: finest first. A finer series gives way up to the next bucket of
    the coarser one beside it, so that no coarse candle is told by two.
    """
    spans: list[tuple[int, int, Series]] = []
    for series in recorded:
        step = series.step_ms
        if not spans:
            spans = [(series.first_ms, series.end_ms, series)]
            continue
        if series.first_ms < spans[0][0]:
            edge = min(-(-spans[0][0] // step) * step, series.end_ms)
            kept = [(max(a, edge), b, s) for a, b, s in spans if b > edge]
            spans = [(series.first_ms, edge, series), *kept]
        if series.end_ms > spans[-1][1]:
            edge = max(floor_ms(spans[-1][1], step), series.first_ms)
            kept = [(a, min(b, edge), s) for a, b, s in spans if a < edge]
            spans = [*kept, (edge, series.end_ms, series)]
    return tuple(_span(*span) for span in spans)


def _span(from_ms: int, to_ms: int, series: Series) -> Span:
    where = slice(int(np.searchsorted(series.open_ms, from_ms)), int(np.searchsorted(series.open_ms, to_ms)))
    inside = series.take(where)
    with_trades = traded(inside)
    return Span(from_ms, to_ms, inside, with_trades, inside.open_ms[with_trades])
