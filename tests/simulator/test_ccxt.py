"""The unmodified ccxt, over a real socket, synchronous and asynchronous."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import ccxt
import ccxt.async_support
import pytest

from bot.simulator import Simulator
from tests.simulator.samples import MINUTE_MS, START_MS, make_series

WALK = make_series()


def synchronous(venue: Simulator) -> Any:
    exchange = ccxt.kraken({"enableRateLimit": False})
    exchange.urls["api"] = venue.api_urls
    return exchange


def asynchronously(venue: Simulator, job: Callable[[Any], Awaitable[Any]]) -> Any:
    async def run() -> Any:
        exchange = ccxt.async_support.kraken({"enableRateLimit": False})
        exchange.urls["api"] = venue.api_urls
        try:
            return await job(exchange)
        finally:
            await exchange.close()

    return asyncio.run(run())


async def everything(exchange: Any) -> dict[str, Any]:
    await exchange.load_markets()
    return {
        "markets": exchange.markets,
        "time": await exchange.fetch_time(),
        "status": await exchange.fetch_status(),
        "tickers": await exchange.fetch_tickers(["BTC/EUR", "DOGE/EUR"]),
        "candles": await exchange.fetch_ohlcv("BTC/EUR", "5m"),
        "since": await exchange.fetch_ohlcv("BTC/EUR", "5m", since=START_MS + 5 * 86_400_000 - 43_200_000),
        "book": await exchange.fetch_order_book("BTC/EUR", 20),
        "trades": await exchange.fetch_trades("BTC/EUR", since=START_MS + 86_400_000),
    }


@pytest.fixture
def answers(simulator: Simulator) -> dict[str, Any]:
    found: dict[str, Any] = asynchronously(simulator, everything)
    return found


def test_markets_have_krakens_ids_steps_minima_and_fees(answers: dict[str, Any]) -> None:
    market = answers["markets"]["BTC/EUR"]
    assert set(answers["markets"]) == {"BTC/EUR", "DOGE/EUR"}
    assert (market["id"], answers["markets"]["DOGE/EUR"]["id"]) == ("XXBTZEUR", "XDGEUR")
    assert (market["precision"]["price"], market["precision"]["amount"]) == (0.01, 1e-8)
    assert (market["limits"]["amount"]["min"], market["limits"]["cost"]["min"]) == (0.00005, 0.45)
    assert (market["maker"], market["taker"]) == (0.0025, 0.004)
    assert market["active"]


def test_time_and_status_are_the_venues(answers: dict[str, Any], simulator: Simulator) -> None:
    assert answers["time"] == simulator.clock.now_ms()
    assert answers["status"]["status"] == "ok"


def test_tickers_quote_around_the_last_price(answers: dict[str, Any]) -> None:
    ticker = answers["tickers"]["BTC/EUR"]
    assert set(answers["tickers"]) == {"BTC/EUR", "DOGE/EUR"}
    assert ticker["bid"] < ticker["last"] < ticker["ask"]
    assert ticker["low"] <= ticker["last"] <= ticker["high"]


def test_candles_are_the_recorded_ones_and_the_unfinished_one(answers: dict[str, Any], simulator: Simulator) -> None:
    candles = answers["candles"]
    assert len(candles) == 720
    assert candles[-1][0] == simulator.clock.now_ms() - 2 * MINUTE_MS
    index = int((candles[-2][0] - START_MS) // (5 * MINUTE_MS))
    recorded = (WALK.open, WALK.high, WALK.low, WALK.close, WALK.volume)
    assert candles[-2][1:] == [column[index] for column in recorded]


def test_candles_since_a_time_start_at_that_time(answers: dict[str, Any]) -> None:
    assert answers["since"][0][0] == START_MS + 5 * 86_400_000 - 43_200_000
    assert len(answers["since"]) == 3


def test_the_order_book_and_trades_parse(answers: dict[str, Any]) -> None:
    assert len(answers["book"]["bids"]) == len(answers["book"]["asks"]) == 20
    assert len(answers["trades"]) == 1000
    assert answers["trades"][0]["timestamp"] == START_MS + 86_400_000 + 15_000
    assert {trade["side"] for trade in answers["trades"]} == {"buy", "sell"}


def test_synchronous_ccxt_sees_the_same(simulator: Simulator, answers: dict[str, Any]) -> None:
    exchange = synchronous(simulator)
    assert exchange.fetch_ohlcv("BTC/EUR", "5m") == answers["candles"]
    assert exchange.fetch_tickers(["BTC/EUR", "DOGE/EUR"]) == answers["tickers"]
    assert exchange.fetch_order_book("BTC/EUR", 20)["bids"] == answers["book"]["bids"]
    assert exchange.fetch_time() == answers["time"]


def test_private_requests_are_refused(simulator: Simulator) -> None:
    exchange = synchronous(simulator)
    exchange.apiKey, exchange.secret = "key", "c2VjcmV0"
    with pytest.raises(ccxt.AuthenticationError):
        exchange.fetch_balance()


@pytest.mark.parametrize(
    ("kind", "error"),
    [
        ("502", ccxt.ExchangeNotAvailable),
        ("503", ccxt.ExchangeNotAvailable),
        ("reset", ccxt.NetworkError),
        ("error:EService:Unavailable", ccxt.ExchangeNotAvailable),
        ("error:EGeneral:Too many requests", ccxt.DDoSProtection),
        ("error:EService:Deadline elapsed", ccxt.ExchangeError),
    ],
)
def test_a_scripted_failure_reaches_the_caller_and_then_it_is_over(
    simulator: Simulator, kind: str, error: type[Exception]
) -> None:
    exchange = synchronous(simulator)
    exchange.load_markets()
    simulator.faults.add("OHLC", kind)
    with pytest.raises(error):
        exchange.fetch_ohlcv("BTC/EUR", "5m")
    assert len(exchange.fetch_ohlcv("BTC/EUR", "5m")) == 720


@pytest.mark.parametrize("kind", ["html", "empty", "empty_result", "renamed"])
def test_some_failures_look_like_an_empty_answer_to_ccxt(simulator: Simulator, kind: str) -> None:
    simulator.faults.add("OHLC", kind)
    candles = asynchronously(simulator, lambda exchange: exchange.fetch_ohlcv("BTC/EUR", "5m"))
    assert candles == []


def test_a_venue_in_maintenance_says_so_until_the_script_is_cleared(simulator: Simulator) -> None:
    exchange = synchronous(simulator)
    simulator.faults.add("SystemStatus", "status:maintenance", times=None)
    answers = [exchange.fetch_status() for _ in range(3)]
    assert {answer["status"] for answer in answers} == {"maintenance"}
    assert answers[0]["info"]["result"]["status"] == "maintenance"
    simulator.faults.clear()
    assert exchange.fetch_status()["status"] == "ok"
