"""What Kraken says of the account: its lists, read whole."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from decimal import Decimal
from functools import partial
from typing import Any, TypeVar

from bot.adapters import kraken_answers as answers
from bot.adapters.kraken_answers import KeyInfo, Move, Page, PairNames
from bot.adapters.kraken_private import KrakenPrivate, Params
from bot.adapters.retry import TransientError
from bot.domain.venue_orders import Balance, VenueFill, VenueOrder

TRADES_A_CALL = 20
ORDERS_A_CALL = 50
MOST_ROUNDS = 5
LEDGER_MARGIN_MS = 10_000
"""How far the time of a ledger entry may lie from that of its execution."""

FINEST = Decimal("1E-10")
"""Kraken keeps no asset in more decimals."""


T = TypeVar("T")
Entries = dict[str, Any]


class KrakenAccount:
    """Reads only. Raises TransientError or RefusedError. tries: fewer than usual, None for as many."""

    def __init__(self, private: KrakenPrivate, code: Callable[[str], str], names: PairNames) -> None:
        self._private = private
        self._code = code
        self.names = names
        self.tries: int | None = None

    async def balances(self) -> tuple[Balance, ...]:
        return await self._read("BalanceEx", {}, lambda result: answers.balances_of(result, self._code, self.names))

    async def open_orders(self) -> dict[str, VenueOrder]:
        return await self._read("OpenOrders", {"trades": "true"}, lambda result: self._orders(result["open"]))

    async def closed_orders(self, since_ms: int) -> dict[str, VenueOrder]:
        """Orders that closed after since_ms, all pages."""
        params = {"trades": "true", "closetime": "close"} | _start(since_ms)
        return self._orders(await self._pages("ClosedOrders", "closed", params))

    async def trades_since(self, since_ms: int) -> tuple[VenueFill, ...]:
        return self._fills(await self._pages("TradesHistory", "trades", _start(since_ms)))

    async def orders(self, txids: Sequence[str]) -> dict[str, VenueOrder]:
        """Those of the orders that Kraken knows."""
        found: dict[str, VenueOrder] = {}
        for some in _chunks(txids, ORDERS_A_CALL):
            found |= await self._read("QueryOrders", {"trades": "true", "txid": ",".join(some)}, self._orders)
        return found

    async def trades(self, ids: Iterable[str]) -> tuple[VenueFill, ...]:
        """These executions, every one of them."""
        found: Entries = {}
        for some in _chunks(tuple(dict.fromkeys(ids)), TRADES_A_CALL):
            found |= await self._read("QueryTrades", {"txid": ",".join(some)}, partial(self._all_of, some))
        return self._fills(found)

    async def coin_fees(self, fills: Sequence[VenueFill]) -> dict[str, Decimal]:
        """What these sells cost in coins, base units, by execution; without those that the ledger does not name yet.

        One list for all of them and of all assets, since the ledger's names of assets are not ours.
        """
        moments = [fill.filled_ms for fill in fills]
        end = (max(moments) + LEDGER_MARGIN_MS) // 1000
        params = {"type": "trade", "end": str(end)} | _start(min(moments) - LEDGER_MARGIN_MS)
        moves = self._moves(await self._pages("Ledgers", "ledger", params))
        found = {}
        for fill in fills:
            market = self.names.by_symbol.get(fill.symbol)
            fee = answers.coin_fee(fill.venue_trade_id, moves, market.size_step if market else FINEST)
            if fee is not None:
                found[fill.venue_trade_id] = fee
        return found

    async def fees(self, symbols: Sequence[str]) -> dict[str, tuple[Decimal, Decimal]]:
        wanted = {name: self.names.by_symbol[name].venue_id for name in symbols if name in self.names.by_symbol}
        if not wanted:
            return {}
        params = {"pair": ",".join(wanted.values())}
        return await self._read("TradeVolume", params, lambda result: answers.fees_of(result, wanted))

    async def key_info(self) -> KeyInfo:
        return await self._read("GetApiKeyInfo", {}, answers.key_info_of)

    async def _read(self, method: str, params: Params, parse: Callable[[Entries], T]) -> T:
        return await self._private.read(method, params, parse, self.tries)

    def _orders(self, entries: Entries) -> dict[str, VenueOrder]:
        if not isinstance(entries, dict):
            raise ValueError("no list of orders")
        return {txid: answers.order_of(txid, info, self.names) for txid, info in entries.items()}

    def _fills(self, entries: Entries) -> tuple[VenueFill, ...]:
        return answers.in_order((answers.fill_of(name, info, self.names), info) for name, info in entries.items())

    def _moves(self, entries: Entries) -> tuple[Move, ...]:
        return tuple(answers.move_of(info) for info in entries.values())

    def _all_of(self, ids: Sequence[str], result: Entries) -> Entries:
        missing = [name for name in ids if name not in result]
        if missing:
            raise ValueError(f"{len(missing)} executions are missing")
        self._fills(result)
        return {name: result[name] for name in ids}

    async def _pages(self, method: str, name: str, params: Params) -> Entries:
        """Every entry of a list that may grow while it is read.

        Pages go from the newest backwards and entries never leave the list, so that
        what is added in between only shifts the rest: pages then overlap, and nothing
        is skipped. The list is whole once as many entries are known as Kraken counts;
        before that it is read again from its newest entry.
        """
        found: Entries = {}
        for _ in range(MOST_ROUNDS):
            offset, count = 0, 1
            while offset < count and (offset == 0 or len(found) < count):
                page = await self._read(method, {**params, "ofs": str(offset)}, partial(self._page, name, offset))
                found |= page.entries
                offset, count = offset + len(page.entries), page.count
            if len(found) == count:
                return found
        raise TransientError(f"{method} named {count} entries and showed {len(found)}")

    def _page(self, name: str, offset: int, result: dict[str, Any]) -> Page:
        page = answers.page(result, name)
        if not page.entries and offset < page.count:
            raise ValueError("a page without entries")
        check = {"closed": self._orders, "trades": self._fills, "ledger": self._moves}[name]
        check(page.entries)
        return page


def _chunks(names: Sequence[str], most: int) -> Iterator[Sequence[str]]:
    return (names[first : first + most] for first in range(0, len(names), most))


def _start(since_ms: int) -> dict[str, str]:
    """Kraken's `start` excludes its own second; nothing for the beginning of time."""
    return {"start": str(since_ms // 1000 - 1)} if since_ms >= 2_000 else {}
