"""A market with trades and offers as a test writes them."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

import numpy as np

from bot.simulator.account import Account, AccountRules
from bot.simulator.order_request import read_order
from bot.simulator.orders import Order
from bot.simulator.pairs import Pair, make_pair
from bot.simulator.tape import Trades
from tests.simulator.samples import START_MS, make_series

SYMBOL = "BTC/EUR"
PAIR = make_pair(SYMBOL, [make_series(count=3)])
UNIT = 100_000_000
START_TICKS = 10_000  # 100.00 EUR


class ScriptedMarket:
    """One pair. trades: (ms after START_MS, price steps, lots).  Offers are `depth` equal levels, one step apart."""

    def __init__(self, trades: Sequence[tuple[int, int, int]] = (), depth: int = 5, level_lots: int = UNIT) -> None:
        rows = [(0, START_TICKS, UNIT), *trades]
        self.trades = Trades(*(np.array(column, dtype=np.int64) for column in zip(*rows, strict=True)))
        self.trades.ms[:] += START_MS
        self.depth, self.level_lots = depth, level_lots

    def pair(self, symbol: str) -> Pair:
        return PAIR

    def last(self, symbol: str, at_ms: int) -> int | None:
        seen = self.trades.upto(at_ms)
        return int(seen.ticks[-1]) if len(seen) else None

    def tape(self, symbol: str, from_ms: int, to_ms: int) -> Trades:
        return self.trades.between(from_ms, to_ms)

    def quote(self, last: int) -> tuple[int, int]:
        return max(last - 2, 1), last + 2

    def offers(self, symbol: str, buys: bool, at_ms: int, last: int) -> list[tuple[int, int]]:
        bid, ask = self.quote(last)
        levels = (ask + step if buys else bid - step for step in range(self.depth))
        return [(level, self.level_lots) for level in levels if level > 0]


def account(
    market: ScriptedMarket | None = None, rules: AccountRules | None = None, eur: str = "10000", btc: str = "10"
) -> Account:
    """An account with money at START_MS."""
    made = Account(market or ScriptedMarket(), START_MS, rules)
    made.deposit("EUR", Decimal(eur))
    made.deposit("BTC", Decimal(btc))
    return made


def place(at: Account, **query: str) -> Order:
    """An order as AddOrder reads it."""
    last = at.last(SYMBOL)
    return at.place(read_order(query, PAIR, last, at.now_ms, lambda amount: at.size_for(SYMBOL, amount)))
