"""Candles out of single trades, exact to the last digit.

Sums are kept as decimals: the same trades give the same candle in whatever
pages they came, and a fetch that was cut short goes on inside a candle.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Context, Decimal
from typing import NamedTuple

import numpy as np

from training.history.rows import Rows

# A price of 10 decimals times a volume of 8, summed up to 10^40: nothing is ever rounded.
EXACT = Context(prec=64)


class Trade(NamedTuple):
    """price: quote currency.  volume: base units.  number: the venue's, growing by pair."""

    price: Decimal
    volume: Decimal
    moment_ms: int
    number: int


@dataclass(slots=True)
class OpenCandle:
    """The candle that trades are still added to."""

    open_ms: int
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: Decimal
    quote_volume: Decimal
    trades: int

    @staticmethod
    def of(trade: Trade, open_ms: int) -> OpenCandle:
        price = trade.price
        return OpenCandle(
            open_ms, price, price, price, price, trade.volume, EXACT.multiply(price, trade.volume), 1
        )  # fmt: skip

    def add(self, trade: Trade) -> None:
        self.high, self.low, self.close = max(self.high, trade.price), min(self.low, trade.price), trade.price
        self.volume = EXACT.add(self.volume, trade.volume)
        self.quote_volume = EXACT.add(self.quote_volume, EXACT.multiply(trade.price, trade.volume))
        self.trades += 1

    def row(self) -> list[float]:
        numbers = (self.open, self.high, self.low, self.close, self.volume, self.quote_volume)
        return [float(self.open_ms), *map(float, numbers), float(self.trades)]

    def as_texts(self) -> list[str]:
        return [str(getattr(self, name)) for name in OpenCandle.__slots__]

    @staticmethod
    def from_texts(texts: list[str]) -> OpenCandle:
        """Raises ValueError or ArithmeticError on anything that `as_texts` did not write."""
        open_ms, *numbers, trades = texts
        opening, high, low, close, volume, quote_volume = map(Decimal, numbers)
        return OpenCandle(int(open_ms), opening, high, low, close, volume, quote_volume, int(trades))


class TradeCandles:
    """Takes trades in order of time, gives candles as they close."""

    def __init__(self, timeframe: str, step_ms: int, still_open: OpenCandle | None = None) -> None:
        self._timeframe = timeframe
        self._step_ms = step_ms
        self._closed: list[list[float]] = []
        self.still_open = still_open

    def add(self, trades: Iterable[Trade]) -> None:
        for trade in trades:
            open_ms = trade.moment_ms - trade.moment_ms % self._step_ms
            if self.still_open is not None and self.still_open.open_ms == open_ms:
                self.still_open.add(trade)
            else:
                self.close()
                self.still_open = OpenCandle.of(trade, open_ms)

    def close(self) -> None:
        """No further trade belongs to the candle that is open."""
        if self.still_open is not None:
            self._closed.append(self.still_open.row())
            self.still_open = None

    def take(self) -> Rows:
        """The candles that have closed since the last call."""
        closed, self._closed = self._closed, []
        return Rows.from_table(self._timeframe, np.array(closed, dtype=np.float64).reshape(len(closed), 8))
