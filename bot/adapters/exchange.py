"""Public data of one venue, through ccxt: Kraken by its raw answers, any other by ccxt's unified methods."""

from __future__ import annotations

import asyncio
import logging
import math
import random
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, Protocol

from bot.adapters.breaker import Breaker
from bot.adapters.kraken_public import KrakenPublic, Row
from bot.adapters.rate_limit import Clock, Pace, RateLimiter, Sleep
from bot.adapters.retry import ReadError, RetryPolicy, TransientError, UnknownPairError
from bot.adapters.unified_public import UnifiedPublic
from bot.adapters.venue_client import VenueClient
from bot.domain.candle_checks import check_rows, fill_gaps, is_stale
from bot.domain.errors import ExchangeError
from bot.domain.markets import Market, OrderBook, Quote
from bot.domain.ports import CandleAnswer, CandleRequest, Opening
from bot.domain.timeframes import timeframe_ms

DAY_S = 86_400.0

log = logging.getLogger(__name__)


class _Public(Protocol):
    """What both ways of reading a venue offer. Raise TransientError or RefusedError."""

    def know(self, markets: Sequence[Market]) -> None: ...
    async def now_ms(self) -> int: ...
    async def status(self) -> str: ...
    async def quotes(self, symbols: Sequence[str]) -> dict[str, Quote]: ...
    async def rows(self, symbol: str, timeframe: str, since_ms: int) -> list[Row]: ...
    async def markets(self) -> tuple[Market, ...]: ...
    async def order_book(self, symbol: str, depth: int) -> OrderBook: ...


def _wall_ms() -> int:
    return int(time.time() * 1000)


def _jitter_s() -> float:
    return random.uniform(0.0, 0.25)


class CcxtMarketData:
    """Implements the port MarketData. One instance lives in one event loop; close it.

    exchange_id: ccxt's.  url: a server that speaks the venue's protocol, in place
    of the venue.  timeout_s: one request.  retries: tries of one read, waits between
    them 1, 2, 4, 8 s.  total_s: all tries of one read.  breaker_failures,
    breaker_open_s: see Breaker.  breaker_state: what `breaker_state()` gave the
    process before.  stale_after_s: how far the newest candle may lag.  markets,
    markets_age_s: trading rules from a store and their age; younger than a day they
    are used as they are.  pace: how fast the venue may be asked; None means Kraken's
    rules for Kraken and ccxt's own throttle for any other.  unified: read by ccxt's
    unified methods, as every venue but Kraken is.  asks_status: False for a backup,
    whose word on itself opens nothing, and whose public host need not have one.

    clock, wall_ms, sleep, jitter: replaced in rehearsals and tests.
    """

    def __init__(
        self,
        exchange_id: str = "kraken",
        *,
        url: str | None = None,
        timeout_s: float = 10.0,
        retries: int = 5,
        total_s: float = 30.0,
        breaker_failures: int = 3,
        breaker_open_s: float = 300.0,
        breaker_state: Mapping[str, Any] | None = None,
        stale_after_s: float = 1800.0,
        markets: Sequence[Market] = (),
        markets_age_s: float = math.inf,
        pace: Pace | None = None,
        unified: bool | None = None,
        asks_status: bool = True,
        clock: Clock = time.monotonic,
        wall_ms: Callable[[], int] = _wall_ms,
        sleep: Sleep = asyncio.sleep,
        jitter: Callable[[], float] = _jitter_s,
    ) -> None:
        through_ccxt = exchange_id != "kraken" if unified is None else unified
        throttle = through_ccxt and pace is None
        pace = pace or (Pace(pair_interval_s=0, interval_s=0) if throttle else Pace())
        self._client = VenueClient(
            exchange_id,
            url,
            timeout_s,
            RateLimiter(pace, clock, sleep),
            RetryPolicy(retries, total_s, sleep, jitter),
            throttle,
            pace.concurrency,
            clock,
        )
        self._public: _Public = (
            UnifiedPublic(self._client, wall_ms) if through_ccxt else KrakenPublic(self._client, markets)
        )
        self._asks_status = asks_status
        self._breaker = Breaker(breaker_failures, breaker_open_s, wall_ms)
        self._candle_breaker = Breaker(breaker_failures, breaker_open_s, wall_ms)
        self._watched = 0
        self.restore_breaker(breaker_state or {})
        self._stale_after_s = stale_after_s
        self._clock = clock
        self._markets = tuple(markets)
        self._markets_until_s = clock() + DAY_S - markets_age_s if markets else -math.inf

    async def __aenter__(self) -> CcxtMarketData:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    @property
    def exchange_id(self) -> str:
        return self._client.exchange_id

    def know(self, markets: Sequence[Market]) -> None:
        """Use these trading rules' pair names from now on, as if given at the start."""
        self._markets = tuple(markets)
        self._public.know(markets)

    def breaker_state(self) -> dict[str, Any]:
        """What the next process needs to know of this one's failures.

        Candles have a breaker of their own: a venue that gives quotes and no candles
        would otherwise be forgiven by each tick's opening.
        """
        candles = self._candle_breaker.state()
        return {**self._breaker.state(), **({"candles": candles} if any(candles.values()) else {})}

    def restore_breaker(self, state: Mapping[str, Any]) -> None:
        """Go on from what the process before stored, for one that learns it late."""
        self._breaker.restore(state)
        candles = state.get("candles")
        self._candle_breaker.restore(candles if isinstance(candles, Mapping) else {})

    async def opening(self, symbols: Sequence[str]) -> Opening:
        """Server time, system status and the quotes of all symbols, three calls at once.

        Symbols that the venue does not know have no quote. A venue that says it is
        not online may leave all quotes out. Raises ExchangeError otherwise.
        """
        self._watched = len(symbols)
        async with self._asking():
            now_ms, status, quotes = await asyncio.gather(
                self._public.now_ms(), self._status(), self._public.quotes(symbols), return_exceptions=True
            )
            if isinstance(now_ms, BaseException):
                raise now_ms
            if isinstance(status, BaseException):
                raise status
            if isinstance(quotes, BaseException):
                if status == "online" or not isinstance(quotes, ReadError):
                    raise quotes
                quotes = {}
            return Opening(now_ms, status, quotes)

    async def markets(self) -> tuple[Market, ...]:
        """Trading rules of all pairs: one call, or none while those in hand are younger than a day."""
        if self._clock() < self._markets_until_s:
            return self._markets
        async with self._asking():
            self.know(await self._public.markets())
        self._markets_until_s = self._clock() + DAY_S
        return self._markets

    async def candles(self, requests: Sequence[CandleRequest], now_ms: int) -> tuple[CandleAnswer, ...]:
        """Closed, checked, gap-filled candles, one answer a request, in their order.

        What goes wrong with one request is in its answer and stops no other. A
        missing candle at the very start of an answer can be filled only where the
        venue still has the candle before it. While the candles' own breaker is open,
        all are "unreachable" and none is asked for. Raises ExchangeError while the
        venue's breaker is open.
        """
        self._refuse_while_open()
        left_s = self._candle_breaker.closed_in_s()
        if left_s > 0:
            detail = f"{self._client.name} gave no candles several times in a row; asked again in {math.ceil(left_s)} s"
            return tuple(CandleAnswer(request, None, "unreachable", detail) for request in requests)
        self._client.tries = 1 if self._candle_breaker.half_open else None
        try:
            answers = await asyncio.gather(*(self._candles_of(request, now_ms) for request in requests))
        finally:
            self._client.tries = None
        self._count_candles(answers)
        return tuple(answers)

    async def order_book(self, symbol: str, depth: int = 20) -> OrderBook | None:
        """The order book's best levels, None when the venue gave no sound one."""
        if self._breaker.closed_in_s() > 0:
            return None
        try:
            return await self._public.order_book(symbol, depth)
        except ReadError as error:
            log.warning("no order book of %s: %s", symbol, error)
            return None

    async def aclose(self) -> None:
        """Close the connections. Safe to call twice."""
        await self._client.aclose()

    async def _status(self) -> str:
        return await self._public.status() if self._asks_status else "online"

    def _count_candles(self, answers: Sequence[CandleAnswer]) -> None:
        """For the candles' breaker. Some symbols that fail by themselves say nothing of the others."""
        symbols = {answer.request.symbol for answer in answers}
        if any(answer.problem != "unreachable" for answer in answers):
            self._candle_breaker.succeeded()
        elif 2 * len(symbols) > self._watched and symbols:
            self._candle_breaker.failed()

    async def _candles_of(self, request: CandleRequest, now_ms: int) -> CandleAnswer:
        try:
            rows = await self._public.rows(request.symbol, request.timeframe, request.since_ms)
        except UnknownPairError as error:
            return CandleAnswer(request, None, "unknown_symbol", str(error))
        except ReadError as error:
            return CandleAnswer(request, None, "unreachable", str(error))
        return answer_from_rows(request, rows, now_ms, self._stale_after_s)

    @asynccontextmanager
    async def _asking(self) -> AsyncIterator[None]:
        """Count for the breaker, and turn what went wrong into one line for a person."""
        self._refuse_while_open()
        self._client.tries = 1 if self._breaker.half_open else None
        try:
            yield
        except TransientError as error:
            self._breaker.failed()
            raise ExchangeError(
                f"cannot reach {self._client.name}: {error}",
                where=self._client.host,
                fix="check the network and the venue's status page; the next tick tries again",
            ) from error
        except ReadError as error:
            self._breaker.failed()
            raise ExchangeError(
                f"{self._client.name} refuses to answer: {error}",
                where=self._client.host,
                fix="check the exchange and symbol settings",
            ) from error
        finally:
            self._client.tries = None
        self._breaker.succeeded()

    def _refuse_while_open(self) -> None:
        left_s = self._breaker.closed_in_s()
        if left_s > 0:
            raise ExchangeError(
                f"{self._client.name} failed {self._breaker.state()['failures']} times in a row and is left alone",
                where=self._client.host,
                fix=f"nothing to do: it is asked again in {math.ceil(left_s)} s",
            )


def answer_from_rows(request: CandleRequest, rows: Sequence[Row], now_ms: int, stale_after_s: float) -> CandleAnswer:
    """The answer that a venue's rows amount to at a moment."""
    symbol, timeframe = request.symbol, request.timeframe
    checked = check_rows(symbol, timeframe, rows, now_ms)
    if checked.candles is not None:
        filled = fill_gaps(checked.candles)
        checked = filled._replace(problems=checked.problems + filled.problems)
    detail = "; ".join(problem.detail for problem in checked.problems)
    if checked.candles is None:
        return CandleAnswer(request, None, "bad_candles", detail)
    forming = float(rows[-1][0]) + timeframe_ms(timeframe) > now_ms if rows else False
    if not forming and is_stale(checked.candles, now_ms, stale_after_s):
        newest = int(checked.candles.close_ms[-1]) if len(checked.candles) else 0
        late_s = (now_ms - newest) // 1000
        return CandleAnswer(request, None, "stale", f"{symbol} {timeframe}: newest candle closed {late_s} s ago")
    return CandleAnswer(request, checked.candles.since(request.since_ms), "", detail)
