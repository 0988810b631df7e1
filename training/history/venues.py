"""Where history comes from over the network: Kraken's trades, any other venue's candle pages.

Every answer is checked before it is believed, and a bad one is asked for again
(bot.adapters.retry). Waits and clocks are arguments, as in bot.adapters.exchange.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any, NamedTuple

import numpy as np

from bot.adapters.kraken_public import KrakenPublic, result_of
from bot.adapters.rate_limit import Clock, Pace, RateLimiter, Sleep
from bot.adapters.retry import MisaddressedError, ReadError, RetryPolicy, TransientError
from bot.adapters.unified_public import UnifiedPublic
from bot.adapters.venue_client import VenueClient
from bot.domain.candle_checks import BAD, check_rows
from bot.domain.errors import ConfigError, ExchangeError
from bot.domain.timeframes import timeframe_ms
from training.history.checks import first_complaint
from training.history.rows import Rows
from training.history.tape import Trade

TRADES_PER_PAGE = 1000
NS_PER_MS = 1_000_000
USUAL_CANDLES_PER_PAGE = 500


def _jitter_s() -> float:
    return random.uniform(0.0, 0.25)


@dataclass(frozen=True, slots=True)
class Patience:
    """How a venue is asked.

    url: in place of the venue's own.  timeout_s: one request.  tries, total_s: of
    one read, all its waits included.  pair_interval_s: seconds between two
    calls for one pair; None is Kraken's public limit, or ccxt's own for others.
    """

    url: str | None = None
    timeout_s: float = 20.0
    tries: int = 8
    total_s: float = 300.0
    pair_interval_s: float | None = None
    clock: Clock = time.monotonic
    sleep: Sleep = asyncio.sleep
    jitter: Callable[[], float] = _jitter_s


class TradePage(NamedTuple):
    """trades: oldest first.  last_ns: the venue's cursor behind them.  full: there may be more at once."""

    trades: list[Trade]
    last_ns: int
    full: bool


class CandlePage(NamedTuple):
    """rows: closed candles.  to_ms: nothing before it is missing in the answer, as far as the venue has it."""

    rows: Rows
    to_ms: int


class _Venue:
    """What both kinds of venue share. requests: asked so far."""

    def __init__(self, exchange_id: str, patience: Patience, pace: Pace, throttle: bool) -> None:
        self.requests = 0
        self.client = VenueClient(
            exchange_id,
            patience.url,
            patience.timeout_s,
            RateLimiter(pace, patience.clock, patience.sleep),
            RetryPolicy(patience.tries, patience.total_s, patience.sleep, patience.jitter),
            throttle,
            pace.concurrency,
            patience.clock,
        )

    async def aclose(self) -> None:
        await self.client.aclose()

    async def _ask(self, what: str, call: Callable[[], Awaitable[Any]]) -> Any:
        """The answer, its failures as errors for a person."""
        self.requests += 1
        try:
            return await call()
        except ReadError as error:
            raise ExchangeError(
                f"{what}: {error}",
                where=self.client.host,
                fix="what was fetched is kept: run the same command again, it goes on from there",
            ) from error


class KrakenTrades(_Venue):
    """Kraken's Trades endpoint: the whole past, 1000 trades a page, by a cursor in nanoseconds."""

    def __init__(self, patience: Patience) -> None:
        paced = patience.pair_interval_s
        pace = Pace() if paced is None else Pace(pair_interval_s=paced, interval_s=min(paced, 1.0))
        super().__init__("kraken", patience, pace, throttle=False)
        self._public = KrakenPublic(self.client, ())
        self._ids: dict[str, str] = {}

    async def begin(self, symbols: tuple[str, ...]) -> int:
        """The venue's time in ms. Raises ConfigError when it lists one of the symbols not."""
        markets = await self._ask("trading pairs", self._public.markets)
        self._ids = {market.symbol: market.venue_id for market in markets}
        _require_listed(symbols, self._ids, self.client.name)
        return int(await self._ask("server time", self._public.now_ms))

    async def page(self, symbol: str, since_ns: int) -> TradePage:
        """Trades after the cursor. Raises ExchangeError once all tries are used up."""
        name = self._ids[symbol]
        params = {"pair": name, "since": str(since_ns), "count": TRADES_PER_PAGE}

        def parse(answer: Any) -> TradePage:
            result = result_of(answer)
            if name not in result:
                raise MisaddressedError(f"asked for {name}, answered {', '.join(sorted(result))[:80]}", (symbol,))
            return _trade_page(result[name], result.get("last"))

        async def ask() -> TradePage:
            return await self.client.read("publicGetTrades", params=params, parse=parse, pair=symbol)

        page: TradePage = await self._ask(f"trades of {symbol}", ask)
        return page


def _trade_page(rows: Any, last: Any) -> TradePage:
    """Raises TransientError on anything but trades in order, with a cursor behind them."""
    try:
        last_ns = int(last)
        trades = [
            Trade(Decimal(row[0]), Decimal(row[1]), int(float(row[2]) * 1000), int(row[6])) for row in rows
        ]  # fmt: skip
    except (TypeError, ValueError, LookupError, OverflowError, InvalidOperation) as error:
        raise TransientError("trades that cannot be read") from error
    before = (0, -1)
    for trade in trades:
        if not (trade.price.is_finite() and trade.price > 0 and trade.volume.is_finite() and trade.volume >= 0):
            raise TransientError(f"trade {trade.number} has no price or no size")
        if trade.moment_ms < before[0] or trade.number <= before[1]:
            raise TransientError(f"trade {trade.number} is out of order")
        before = (trade.moment_ms, trade.number)
    # A float of seconds holds about a microsecond: cursor and time of one trade differ by that.
    if trades and abs(last_ns // NS_PER_MS - trades[-1].moment_ms) > 1:
        raise TransientError("a cursor that does not belong to its trades")
    return TradePage(trades, last_ns, len(trades) >= TRADES_PER_PAGE)


class CandlePages(_Venue):
    """Any other venue, by ccxt's fetch_ohlcv; Binance's own klines, which also say quote volume and trades."""

    def __init__(self, exchange_id: str, patience: Patience) -> None:
        paced = patience.pair_interval_s
        pace = Pace(pair_interval_s=paced or 0.0, interval_s=0.0)
        super().__init__(exchange_id, patience, pace, throttle=paced is None)
        self._public = UnifiedPublic(self.client, lambda: int(time.time() * 1000))

    async def begin(self, symbols: tuple[str, ...]) -> int:
        """The venue's time in ms. Raises ConfigError when it lists one of the symbols not."""
        await self._ask("trading pairs", self._public.markets)
        _require_listed(symbols, self.client.exchange.markets, self.client.name)
        return int(await self._ask("server time", self._public.now_ms))

    @property
    def timeframes(self) -> frozenset[str]:
        return frozenset(self.client.exchange.timeframes or {})

    @property
    def most(self) -> int:
        """Candles that one page holds."""
        if self._gives_klines:
            return 1000
        spot = (self.client.exchange.features or {}).get("spot") or {}
        return int((spot.get("fetchOHLCV") or {}).get("limit") or USUAL_CANDLES_PER_PAGE)

    @property
    def _gives_klines(self) -> bool:
        return self.client.exchange_id in ("binance", "binanceus")

    async def page(self, symbol: str, timeframe: str, since_ms: int, now_ms: int) -> CandlePage:
        """Candles that open at or after since_ms and are closed at now_ms."""
        step = timeframe_ms(timeframe)
        window_end = since_ms + self.most * step

        def parse(answer: Any) -> CandlePage:
            if not isinstance(answer, list):
                raise TransientError("candles that are no list")
            rows = _checked(symbol, timeframe, answer, now_ms).between(since_ms, 2**62)
            return CandlePage(rows, rows.end_ms if len(rows) else window_end)

        async def ask() -> CandlePage:
            if self._gives_klines:
                name = self.client.exchange.market(symbol)["id"]
                params = {"symbol": name, "interval": timeframe, "startTime": since_ms, "limit": self.most}
                return await self.client.read("publicGetKlines", params=params, parse=parse, pair=symbol)
            arguments = (symbol, timeframe, since_ms, self.most)
            return await self.client.read("fetch_ohlcv", *arguments, parse=parse, pair=symbol)

        page: CandlePage = await self._ask(f"candles of {symbol} {timeframe}", ask)
        return page


def _checked(symbol: str, timeframe: str, answer: list[Any], now_ms: int) -> Rows:
    """Closed candles of an answer. Raises TransientError where one is none."""
    try:
        basic = [list(row[:6]) for row in answer]
        extra = {int(row[0]): (float(row[7]), float(row[8])) for row in answer if len(row) >= 9}
    except (TypeError, ValueError, LookupError) as error:
        raise TransientError(f"candles of {symbol} that cannot be read") from error
    checked = check_rows(symbol, timeframe, basic, now_ms)
    bad = [problem.detail for problem in checked.problems if problem.kind == BAD]
    if checked.candles is None or bad:
        raise TransientError("; ".join(bad) or "candles that are none")
    one = checked.candles
    unknown = (np.nan, np.nan)
    known = np.array([extra.get(int(moment), unknown) for moment in one.open_ms], dtype=np.float64).reshape(-1, 2)
    rows = Rows(timeframe, one.open_ms, one.open, one.high, one.low, one.close, one.volume, *known.T.copy())
    complaint = first_complaint(rows)
    if complaint:
        raise TransientError(f"{symbol} {timeframe}, row {complaint.row + 1}: {complaint.text}")
    return rows


def _require_listed(symbols: tuple[str, ...], listed: Any, name: str) -> None:
    for symbol in symbols:
        if symbol not in listed:
            base = symbol.partition("/")[0]
            near = sorted(other for other in listed if other.partition("/")[0] == base and ":" not in other)[:8]
            raise ConfigError(
                f"{name} lists no {symbol}",
                where="--symbols",
                fix=f"it lists {', '.join(near)}" if near else "look the pair up at the venue",
            )
