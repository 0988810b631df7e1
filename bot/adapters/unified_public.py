"""Any other venue, through ccxt's unified methods.

Less is checked than for Kraken, since ccxt hides the raw answer; what it returns
must still hold what was asked for. Costs one metadata call, whose result ccxt
keeps for the life of the process.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any

from bot.adapters.kraken_public import Row, sound_book
from bot.adapters.retry import MisaddressedError, TransientError, UnknownPairError
from bot.adapters.venue_client import VenueClient
from bot.domain.markets import Market, OrderBook, Quote
from bot.domain.timeframes import timeframe_ms

MOST_ROWS = 720

DECIMAL_PLACES = 2
"""ccxt's precisionMode in which a precision of 3 means 0.001."""


class UnifiedPublic:
    """wall_ms: the runner's clock, for a venue that does not tell its time."""

    def __init__(self, client: VenueClient, wall_ms: Callable[[], int]) -> None:
        self._client = client
        self._wall_ms = wall_ms

    def know(self, markets: Sequence[Market]) -> None:
        """ccxt needs its own metadata: what others know does not help."""

    async def now_ms(self) -> int:
        """When the venue answered. The way back is not added: a slow one would close candles early."""
        if not self._client.exchange.has["fetchTime"]:
            return self._wall_ms()
        return await self._client.read("fetch_time", parse=_moment)

    async def status(self) -> str:
        """online, or ccxt's word for what else it is."""
        if self._client.exchange.has["fetchStatus"] is not True:
            return "online"
        return await self._client.read("fetch_status", parse=_status)

    async def quotes(self, symbols: Sequence[str]) -> dict[str, Quote]:
        """Quotes of the symbols that the venue lists; a pair that is not traded now has none worth knowing."""
        listed = await self._load_markets()
        known = [symbol for symbol in symbols if symbol in listed and listed[symbol].get("active") is not False]
        if not known:
            return {}

        def parse(answer: Any) -> dict[str, Quote]:
            if not isinstance(answer, dict) or not any(symbol in answer for symbol in known):
                raise MisaddressedError("a ticker without any of the symbols that were asked for", tuple(known))
            return {symbol: _quote(answer[symbol]) for symbol in known if symbol in answer}

        return await self._client.read("fetch_tickers", known, parse=parse)

    async def rows(self, symbol: str, timeframe: str, since_ms: int) -> list[Row]:
        """Candles that open at or after since_ms and the one before them, or the newest that one answer holds.

        Venues count from `since` on: of a gap longer than one answer they would give
        the oldest part for ever, and nothing of now.
        """
        await self._check(symbol)
        step = timeframe_ms(timeframe)
        most = self._most_rows()
        reaches = since_ms > 0 and (self._wall_ms() - since_ms) // step + 2 <= most
        since = since_ms - step if reaches else None

        def parse(answer: Any) -> list[Row]:
            if not isinstance(answer, list) or not answer:
                raise TransientError(f"no candles in the answer for {symbol}")
            return [list(row) for row in answer]

        return await self._client.read("fetch_ohlcv", symbol, timeframe, since, most, parse=parse, pair=symbol)

    async def markets(self) -> tuple[Market, ...]:
        markets = await self._load_markets()
        mode = self._client.exchange.precisionMode
        return tuple(market for entry in markets.values() if (market := _market(entry, mode)))

    async def order_book(self, symbol: str, depth: int) -> OrderBook:
        await self._check(symbol)
        return await self._client.read("fetch_order_book", symbol, depth, parse=_book)

    async def _check(self, symbol: str) -> None:
        if symbol not in await self._load_markets():
            raise UnknownPairError(f"{self._client.name} lists no {symbol}")

    def _most_rows(self) -> int:
        """Candles to ask for at once: as many as Kraken gives, or fewer where ccxt knows that the venue gives fewer."""
        spot = (self._client.exchange.features or {}).get("spot") or {}
        return min(MOST_ROWS, (spot.get("fetchOHLCV") or {}).get("limit") or MOST_ROWS)

    async def _load_markets(self) -> dict[str, Any]:
        """Of spot pairs alone, where ccxt lets one choose: futures are further requests, on other hosts."""
        kinds = self._client.exchange.options.get("fetchMarkets")
        if isinstance(kinds, dict) and "spot" in kinds.get("types", ()):
            kinds["types"] = ["spot"]
        return await self._client.read("load_markets", parse=_loaded)


def _loaded(answer: Any) -> dict[str, Any]:
    if not isinstance(answer, dict) or not answer:
        raise TransientError("metadata without any market")
    return answer


def _moment(answer: Any) -> int:
    if not isinstance(answer, int) or answer <= 0:
        raise TransientError("a server time that is none")
    return answer


def _status(answer: Any) -> str:
    word = answer.get("status") if isinstance(answer, dict) else None
    if not isinstance(word, str):
        raise TransientError("a system status that is none")
    return "online" if word == "ok" else word


def _quote(ticker: dict[str, Any]) -> Quote:
    bid, ask, last = (_price(ticker.get(key)) for key in ("bid", "ask", "last"))
    return Quote(math.nan, math.nan, last) if bid > ask else Quote(bid, ask, last)


def _price(value: Any) -> float:
    """nan for what is no price."""
    price = float(value or math.nan)
    return price if 0 < price < math.inf else math.nan


def _book(answer: Any) -> OrderBook:
    try:
        bids, asks = (tuple((float(level[0]), float(level[1])) for level in answer[side]) for side in ("bids", "asks"))
    except (TypeError, ValueError, LookupError) as error:
        raise TransientError("an order book that cannot be read") from error
    return sound_book(OrderBook(bids, asks))


def _market(entry: dict[str, Any], precision_mode: int) -> Market | None:
    """None for anything but a spot market with known steps."""
    steps = [_step(entry["precision"].get(key), precision_mode) for key in ("price", "amount")]
    if not entry.get("spot") or None in steps:
        return None
    return Market(
        symbol=entry["symbol"],
        venue_id=entry["id"],
        base=entry["base"],
        quote=entry["quote"],
        price_step=steps[0] or Decimal(0),
        size_step=steps[1] or Decimal(0),
        min_size=_decimal(entry["limits"]["amount"].get("min")),
        min_notional=_decimal(entry["limits"]["cost"].get("min")),
        maker_fee=_decimal(entry.get("maker")),
        taker_fee=_decimal(entry.get("taker")),
        status="online" if entry.get("active") in (True, None) else "offline",
    )


def _step(precision: Any, mode: int) -> Decimal | None:
    if precision is None:
        return None
    return Decimal(1).scaleb(-int(precision)) if mode == DECIMAL_PLACES else _decimal(precision)


def _decimal(number: Any) -> Decimal:
    return Decimal(str(number or 0))
