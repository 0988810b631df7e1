"""The other side of market orders: the shown book, less what was taken of it within its second."""

from __future__ import annotations

from decimal import Decimal

from bot.simulator import amounts
from bot.simulator.market import Level, Market
from bot.simulator.orders import Order


class Liquidity:
    """What orders may still take. Times in ms UTC, prices in steps, sizes in lots."""

    def __init__(self, market: Market) -> None:
        self._market = market
        # (symbol, buys) -> (second, lots taken in it).
        self._taken: dict[tuple[str, bool], tuple[int, int]] = {}

    def offers(self, order: Order, at_ms: int, last: int) -> list[Level]:
        """The levels that an order may take, best first, up to its limit."""
        second, gone = self._taken.get((order.symbol, order.buys), (-1, 0))
        gone = gone if second == at_ms // 1000 else 0
        found = []
        for ticks, lots in self._market.offers(order.symbol, order.buys, at_ms, last):
            if order.limit is not None and (ticks > order.limit if order.buys else ticks < order.limit):
                break
            found.append((ticks, lots - min(gone, lots)))
            gone -= min(gone, lots)
        return [level for level in found if level[1] > 0]

    def take(self, order: Order, lots: int, at_ms: int) -> None:
        """Note that an order took so much of its side."""
        key, now_s = (order.symbol, order.buys), at_ms // 1000
        second, before = self._taken.get(key, (-1, 0))
        self._taken[key] = (now_s, lots + (before if second == now_s else 0))

    def cost(self, order: Order, at_ms: int, last: int) -> Decimal:
        """What the rest of an order would cost now, without the fee; at the last price past the book's end."""
        pair, left, total = self._market.pair(order.symbol), order.left, Decimal(0)
        for ticks, lots in self.offers(order, at_ms, last):
            total += amounts.cost(min(left, lots), ticks, pair)
            left -= min(left, lots)
            if left <= 0:
                break
        return total + amounts.cost(left, last, pair)

    def size_for(self, symbol: str, budget: Decimal, at_ms: int, last: int) -> int:
        """Lots that a market buy gets for an amount of quote currency, without the fee."""
        pair, total = self._market.pair(symbol), 0
        for ticks, lots in self._market.offers(symbol, True, at_ms, last):
            one = amounts.cost(1, ticks, pair)
            part = min(lots, int(budget / one))
            total, budget = total + part, budget - part * one
            if part < lots:
                break
        return total
