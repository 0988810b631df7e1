"""What orders trade against: the tape of trades and the book that the public endpoints show."""

from __future__ import annotations

from typing import Protocol

from bot.simulator.order_book import LEVELS_AT_MOST, SIZE_DECIMALS, book_side, typical_size
from bot.simulator.pairs import Pair
from bot.simulator.tape import LOTS_PER_UNIT, Trades
from bot.simulator.venue import Venue

Level = tuple[int, int]


class Market(Protocol):
    """Prices in whole steps, sizes in lots, times in ms UTC. A symbol is ours: BTC/EUR."""

    def pair(self, symbol: str) -> Pair: ...

    def last(self, symbol: str, at_ms: int) -> int | None:
        """Price of the newest trade; None before the first."""

    def tape(self, symbol: str, from_ms: int, to_ms: int) -> Trades:
        """Trades with from_ms <= time <= to_ms."""

    def quote(self, last: int) -> tuple[int, int]:
        """Best bid and ask around a last price."""

    def offers(self, symbol: str, buys: bool, at_ms: int, last: int) -> list[Level]:
        """What an order of this side meets: (price, lots), best first."""


class RecordedMarket:
    """The venue's own histories: the same prices that Ticker, Depth and Trades answer with."""

    def __init__(self, venue: Venue) -> None:
        self._venue = venue

    def pair(self, symbol: str) -> Pair:
        return self._venue.history(symbol).pair

    def last(self, symbol: str, at_ms: int) -> int | None:
        trade = self._venue.history(symbol).last_trade(at_ms)
        return None if trade is None else trade.ticks

    def tape(self, symbol: str, from_ms: int, to_ms: int) -> Trades:
        return self._venue.history(symbol).trades_between(from_ms, to_ms)

    def quote(self, last: int) -> tuple[int, int]:
        return self._venue.quote_ticks(last)

    def offers(self, symbol: str, buys: bool, at_ms: int, last: int) -> list[Level]:
        bid, ask = self.quote(last)
        history = self._venue.history(symbol)
        best, sign = (ask, 1) if buys else (bid, -1)
        side = book_side(history.pair.id, at_ms // 1000, best, sign, LEVELS_AT_MOST, typical_size(history, at_ms))
        return [(tick, round(round(size, SIZE_DECIMALS) * LOTS_PER_UNIT)) for tick, size, _ in side]
