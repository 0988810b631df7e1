"""Kraken's public endpoints, read raw: every answer is checked before it is believed.

ccxt builds and sends the request; the answer is taken apart here, because ccxt's
own parsers turn a malformed answer into "no data" and need a metadata call first.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from functools import partial
from itertools import pairwise
from typing import Any

from bot.adapters.retry import MisaddressedError, TransientError, UnknownPairError
from bot.adapters.venue_client import VenueClient, sort_venue_errors
from bot.domain.markets import Market, OrderBook, Quote
from bot.domain.timeframes import MINUTE_MS, timeframe_ms

Row = list[Any]


class KrakenPublic:
    """markets: what is known of the venue's pairs; with none, pair names are derived from the symbols."""

    def __init__(self, client: VenueClient, markets: Sequence[Market]) -> None:
        self._client = client
        self._ids: dict[str, str] = {}
        self.know(markets)

    def know(self, markets: Sequence[Market]) -> None:
        self._ids = {market.symbol: market.venue_id for market in markets}

    async def now_ms(self) -> int:
        """Server time on arrival: the whole second that it names plus half the round trip.

        The correction stays under a second, so that no moment is ever reached
        before the venue has reached it: a slow answer closes no candle early.
        """

        def parse(answer: Any) -> int:
            unixtime = result_of(answer).get("unixtime")
            if not isinstance(unixtime, int) or unixtime <= 0:
                raise TransientError("a server time that is none")
            return unixtime * 1000

        moment_ms, trip_s = await self._client.read_timed("publicGetTime", params={}, parse=parse)
        return moment_ms + min(round(trip_s * 500), 999)

    async def status(self) -> str:
        """The venue's own word: online, maintenance, cancel_only, post_only."""

        def parse(answer: Any) -> str:
            status = result_of(answer).get("status")
            if not isinstance(status, str) or not status:
                raise TransientError("a system status that is none")
            return status

        return await self._client.read("publicGetSystemStatus", params={}, parse=parse)

    async def quotes(self, symbols: Sequence[str]) -> dict[str, Quote]:
        """Quotes of all symbols that the venue knows, in one call."""
        names = {symbol: names for symbol in symbols if (names := self._names(symbol))}
        if not names:
            return {}
        asked = {"pair": ",".join(own for own, *_ in names.values())}
        try:
            return await self._ticker(asked, partial(_every_quote, names=names))
        except UnknownPairError:  # one unknown pair fails the whole call, and the answer does not say which
            try:
                return await self._ticker({}, partial(_known_quotes, names=names))
            except MisaddressedError:  # every listed pair, and none of ours among them
                return {}
        except MisaddressedError:
            return await self._ticker(asked, partial(_known_quotes, names=names))

    async def rows(self, symbol: str, timeframe: str, since_ms: int) -> list[Row]:
        """Candles that open at or after since_ms and the one before them, the forming one last.

        Rows as check_rows wants them. Kraken gives the newest 720 whatever is asked;
        its `since` is exclusive.
        """
        names = self._known_names(symbol)
        step = timeframe_ms(timeframe)
        params: dict[str, Any] = {"pair": names[0], "interval": step // MINUTE_MS}
        if since_ms > 0:
            params["since"] = max(since_ms - 2 * step, 0) // 1000

        def parse(answer: Any) -> list[Row]:
            rows = _of_pair(result_of(answer), names, symbol)
            if not isinstance(rows, list) or not rows:
                raise TransientError(f"no candles in the answer for {symbol}")
            return [_row(row) for row in rows]

        return await self._client.read("publicGetOHLC", params=params, parse=parse, pair=symbol)

    async def markets(self) -> tuple[Market, ...]:
        """Trading rules of every pair, by the names that ccxt gives them."""
        code = self._client.exchange.safe_currency_code

        def parse(answer: Any) -> tuple[Market, ...]:
            pairs = result_of(answer)
            found = tuple(market for pair, rules in pairs.items() if (market := _market(pair, rules, code)))
            if not found:
                raise TransientError("no pair with readable trading rules")
            return found

        return await self._client.read("publicGetAssetPairs", params={}, parse=parse)

    async def order_book(self, symbol: str, depth: int) -> OrderBook:
        names = self._known_names(symbol)

        def parse(answer: Any) -> OrderBook:
            return _book(_of_pair(result_of(answer), names, symbol))

        return await self._client.read("publicGetDepth", params={"pair": names[0], "count": depth}, parse=parse)

    async def _ticker(
        self, params: dict[str, Any], parse: Callable[[dict[str, Any]], dict[str, Quote]]
    ) -> dict[str, Quote]:
        return await self._client.read("publicGetTicker", params=params, parse=lambda answer: parse(result_of(answer)))

    def _known_names(self, symbol: str) -> tuple[str, ...]:
        names = self._names(symbol)
        if not names:
            raise UnknownPairError(f"{self._client.name} lists no {symbol}")
        return names

    def _names(self, symbol: str) -> tuple[str, ...]:
        """The name to ask for a pair by, then others that its answer may stand under; () for an unlisted pair.

        The metadata names the answer's key exactly. Without metadata the pair is
        asked for by its short name (XBTEUR), and answered under its ledger name (XXBTZEUR).
        """
        if self._ids:
            return (self._ids[symbol],) if symbol in self._ids else ()
        codes = {code: name for name, code in reversed(self._client.exchange.commonCurrencies.items())}
        base, quote = (_short(codes[part]) if part in codes else part for part in symbol.split("/"))
        return (base + quote, f"X{base}Z{quote}", f"X{base}X{quote}", f"X{base}{quote}", f"{base}Z{quote}")


def result_of(answer: Any) -> dict[str, Any]:
    """`result` of a well-formed answer. Raises what any other answer stands for."""
    if not isinstance(answer, dict):
        raise TransientError("an answer that is not JSON")
    said = answer.get("error")
    if not isinstance(said, list):
        raise TransientError("an answer that is not Kraken's")
    if said:
        raise sort_venue_errors([str(one) for one in said])
    result = answer.get("result")
    if not isinstance(result, dict) or not result:
        raise TransientError("an answer without content")
    return result


def _short(name: str) -> str:
    """XXBT and ZEUR are ledger names; pairs go by XBT and EUR."""
    return name[1:] if len(name) == 4 and name[0] in "XZ" else name


def _of_pair(result: Mapping[str, Any], names: Sequence[str], symbol: str) -> Any:
    for name in names:
        if name in result:
            return result[name]
    given = ", ".join(sorted(key for key in result if key != "last")[:3])
    raise MisaddressedError(f"asked for {names[0]}, answered {given or 'nothing'}", (symbol,))


def _known_quotes(result: Mapping[str, Any], names: Mapping[str, Sequence[str]]) -> dict[str, Quote]:
    found = {}
    for symbol, keys in names.items():
        entry = next((result[key] for key in keys if key in result), None)
        if isinstance(entry, dict):
            found[symbol] = _quote(entry)
    if not found:
        raise MisaddressedError("a ticker without any of the pairs that were asked for", tuple(names))
    return found


def _every_quote(result: Mapping[str, Any], names: Mapping[str, Sequence[str]]) -> dict[str, Quote]:
    found = _known_quotes(result, names)
    missing = tuple(symbol for symbol in names if symbol not in found)
    if missing:
        raise MisaddressedError(f"a ticker without {', '.join(missing)}", missing)
    return found


def _quote(entry: Mapping[str, Any]) -> Quote:
    bid, ask, last = (_price(entry.get(key)) for key in ("b", "a", "c"))
    return Quote(math.nan, math.nan, last) if bid > ask else Quote(bid, ask, last)


def _price(cell: Any) -> float:
    """First number of a ticker cell, nan when it is no price."""
    try:
        price = float(cell[0])
    except (TypeError, ValueError, IndexError, KeyError):
        return math.nan
    return price if 0 < price < math.inf else math.nan


def _row(row: Any) -> Row:
    """[time s, open, high, low, close, vwap, volume, count] in check_rows' order; [] when it is not that."""
    try:
        return [float(row[0]) * 1000, row[1], row[2], row[3], row[4], row[6]]
    except (TypeError, ValueError, LookupError):
        return []


def _book(sides: Any) -> OrderBook:
    try:
        bids, asks = (tuple((float(level[0]), float(level[1])) for level in sides[side]) for side in ("bids", "asks"))
    except (TypeError, ValueError, LookupError) as error:
        raise TransientError("an order book that cannot be read") from error
    return sound_book(OrderBook(bids, asks))


def sound_book(book: OrderBook) -> OrderBook:
    """The book, when it has levels, all positive and sorted, and its sides do not cross."""
    levels = [*reversed(book.bids), *book.asks]
    if not levels:  # also what ccxt makes of an answer that it could not read
        raise TransientError("an order book without levels")
    if not all(0 < price < math.inf and 0 <= size < math.inf for price, size in levels):
        raise TransientError("an order book with a level that is no level")
    prices = [price for price, _ in levels]
    if any(later <= earlier for earlier, later in pairwise(prices)):
        raise TransientError("an order book out of order")
    return book


def _market(pair: str, rules: Any, code: Callable[[str], str]) -> Market | None:
    """None for entries that are no tradable spot pair (dark pools) or that cannot be read."""
    try:
        base, quote = code(rules["base"]), code(rules["quote"])
        price_step = rules.get("tick_size") or Decimal(1).scaleb(-int(rules["pair_decimals"]))
        taker = Decimal(str(rules["fees"][0][1])) / 100
        makers = rules.get("fees_maker")
        return Market(
            symbol=f"{base}/{quote}",
            venue_id=pair,
            base=base,
            quote=quote,
            price_step=Decimal(str(price_step)),
            size_step=Decimal(1).scaleb(-int(rules["lot_decimals"])),
            min_size=Decimal(str(rules["ordermin"])),
            min_notional=Decimal(str(rules.get("costmin") or 0)),
            maker_fee=Decimal(str(makers[0][1])) / 100 if makers else taker,
            taker_fee=taker,
            status=str(rules.get("status", "online")),
            altname=str(rules.get("altname") or ""),
        )
    except (TypeError, ValueError, LookupError, InvalidOperation):
        return None
