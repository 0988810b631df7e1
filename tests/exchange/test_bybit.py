"""Bybit's wire protocol, as far as a backup needs it."""

from __future__ import annotations

import json

import pytest

from bot.domain.errors import ExchangeError
from bot.domain.markets import Quote
from bot.domain.ports import CandleRequest
from tests.exchange.venues import HTML, reader, run, scripted_venue

STEP = 300_000
NEWEST = 1_700_006_400_000
NOW = NEWEST + STEP // 2

PAIR = {
    "symbol": "BTCEUR",
    "baseCoin": "BTC",
    "quoteCoin": "EUR",
    "innovation": "0",
    "status": "Trading",
    "marginTrading": "none",
    "lotSizeFilter": {
        "basePrecision": "0.000001",
        "quotePrecision": "0.01",
        "minOrderQty": "0.00001",
        "maxOrderQty": "46.13",
        "minOrderAmt": "5",
        "maxOrderAmt": "1000000",
    },
    "priceFilter": {"tickSize": "0.01"},
}
TICKER = {"symbol": "BTCEUR", "bid1Price": "100.0", "ask1Price": "100.2", "lastPrice": "100.1"}


def said(result, code=0, message="OK"):
    answer = {"retCode": code, "retMsg": message, "result": result, "retExtInfo": {}, "time": NOW}
    return 200, json.dumps(answer), "application/json"


def listed(rows):
    return said({"category": "spot", "list": rows})


def kline(open_ms):
    return [str(open_ms), "100.0", "101.0", "99.0", "100.5", "3.5", "350"]


async def asked(call, **replies):
    """What `call` gets, and the endpoints that it asked, with what."""
    async with (
        scripted_venue() as venue,
        reader(venue.url, exchange_id="bybit", retries=2, asks_status=False, wall_ms=lambda: NOW) as data,
    ):
        usual = {
            "time": said({"timeSecond": str(NOW // 1000), "timeNano": str(NOW * 1_000_000)}),
            "instruments-info": listed([PAIR]),
            "tickers": listed([TICKER]),
            "kline": listed([kline(NEWEST - STEP * back) for back in range(4)]),  # Bybit gives the newest first
        }
        venue.replies.update({name: [reply] for name, reply in {**usual, **replies}.items()})
        return await call(data), venue.asked


def test_opening():
    opening, requests = run(asked(lambda data: data.opening(["BTC/EUR", "ETH/EUR"])))
    assert (opening.now_ms, opening.quotes) == (NOW, {"BTC/EUR": Quote(100.0, 100.2, 100.1)})
    assert sorted(name for name, _ in requests) == ["instruments-info", "tickers", "time"]
    assert {query["category"] for name, query in requests if name != "time"} == {"spot"}


def test_candles():
    wanted = [CandleRequest(symbol, "5m", NEWEST - 2 * STEP) for symbol in ("BTC/EUR", "ETH/EUR")]
    (found, missing), requests = run(asked(lambda data: data.candles(wanted, NOW)))
    assert found.problem == ""
    assert found.candles.open_ms.tolist() == [NEWEST - 2 * STEP, NEWEST - STEP]
    assert missing.problem == "unknown_symbol"
    assert dict(requests)["kline"]["limit"] == "720"


@pytest.mark.parametrize(
    "lie", [HTML, listed([]), said({}), said({}, 10006, "Too many visits!"), (403, "", "text/html")]
)
def test_lies_are_not_believed(lie):
    with pytest.raises(ExchangeError, match="Bybit"):
        run(asked(lambda data: data.opening(["BTC/EUR"]), tickers=lie))
    (answer,), _ = run(asked(lambda data: data.candles([CandleRequest("BTC/EUR", "5m", 0)], NOW), kline=lie))
    assert answer.problem == "unreachable"
