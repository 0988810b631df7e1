"""Any ccxt venue serves: here Binance's wire protocol, as far as public data needs it."""

from __future__ import annotations

import json
import math
from decimal import Decimal

import pytest

from bot.adapters.rate_limit import Pace
from bot.domain.errors import ConfigError, ExchangeError
from bot.domain.markets import Quote
from bot.domain.ports import CandleRequest
from tests.exchange.venues import EMPTY, HTML, reader, run, scripted_venue

STEP = 300_000
NOW = 1_700_006_400_000 + STEP // 2

SYMBOL = {
    "symbol": "BTCEUR",
    "status": "TRADING",
    "baseAsset": "BTC",
    "quoteAsset": "EUR",
    "baseAssetPrecision": 8,
    "quoteAssetPrecision": 8,
    "orderTypes": ["LIMIT", "MARKET"],
    "isSpotTradingAllowed": True,
    "isMarginTradingAllowed": False,
    "permissionSets": [["SPOT"]],
    "filters": [
        {"filterType": "PRICE_FILTER", "minPrice": "0.01", "maxPrice": "1000000", "tickSize": "0.01"},
        {"filterType": "LOT_SIZE", "minQty": "0.00001", "maxQty": "9000", "stepSize": "0.00001"},
        {"filterType": "NOTIONAL", "minNotional": "5", "applyMinToMarket": True, "maxNotional": "9000000"},
    ],
}
TICKER = {"symbol": "BTCEUR", "bidPrice": "100.0", "askPrice": "100.2", "lastPrice": "100.1", "closeTime": NOW}


def body(value):
    return 200, json.dumps(value), "application/json"


def kline(open_ms):
    return [open_ms, "100.0", "101.0", "99.0", "100.5", "3.5", open_ms + STEP - 1, "350", 12, "1", "100", "0"]


KLINES = body([kline(NOW // STEP * STEP - STEP * back) for back in (3, 2, 1, 0)])


async def asked(call, **replies):
    """What `call` gets from a Binance that answers as usual but for the replies given."""
    async with (
        scripted_venue() as venue,
        reader(venue.url, exchange_id="binance", pace=Pace(pair_interval_s=0, interval_s=0)) as data,
    ):
        usual = {
            "exchangeInfo": body({"timezone": "UTC", "serverTime": NOW, "rateLimits": [], "symbols": [SYMBOL]}),
            "time": body({"serverTime": NOW}),
            "status": body({"status": 0, "msg": "normal"}),
            "24hr": body([TICKER]),
            "klines": KLINES,
            "depth": body({"lastUpdateId": 1, "bids": [["100.0", "1"]], "asks": [["100.2", "2"]]}),
        }
        venue.replies.update({name: [reply] for name, reply in {**usual, **replies}.items()})
        return await call(data)


def request(symbol="BTC/EUR"):
    return [CandleRequest(symbol, "5m", NOW // STEP * STEP - 2 * STEP)]


def test_opening():
    opening = run(asked(lambda data: data.opening(["BTC/EUR", "NOSUCH/EUR"])))
    assert (opening.now_ms, opening.status) == (NOW, "online")
    assert opening.quotes == {"BTC/EUR": Quote(100.0, 100.2, 100.1)}


@pytest.mark.parametrize(
    ("ticker", "seen"),
    [
        ({"bidPrice": "100.3"}, [None, None, 100.1]),  # a bid above the ask is no spread
        ({"bidPrice": "0.00000000", "askPrice": "0.00000000"}, [None, None, 100.1]),
        ({"lastPrice": "-1"}, [100.0, 100.2, None]),
        ({"lastPrice": "Infinity"}, [100.0, 100.2, None]),
    ],
)
def test_a_price_that_is_none_is_left_out(ticker, seen):
    opening = run(asked(lambda data: data.opening(["BTC/EUR"]), **{"24hr": body([{**TICKER, **ticker}])}))
    quote = opening.quotes["BTC/EUR"]
    assert [None if math.isnan(price) else price for price in (quote.bid, quote.ask, quote.last)] == seen


def test_a_pair_that_is_not_traded_now_has_no_quote():
    info = body({"timezone": "UTC", "serverTime": NOW, "rateLimits": [], "symbols": [{**SYMBOL, "status": "BREAK"}]})
    opening = run(asked(lambda data: data.opening(["BTC/EUR"]), exchangeInfo=info))
    assert opening.quotes == {}


def test_maintenance():
    opening = run(asked(lambda data: data.opening([]), status=body({"status": 1, "msg": "system maintenance"})))
    assert opening.status == "maintenance"


def test_candles():
    (answer,) = run(asked(lambda data: data.candles(request(), NOW)))
    assert answer.problem == ""
    assert answer.candles.open_ms.tolist() == [NOW // STEP * STEP - 2 * STEP, NOW // STEP * STEP - STEP]
    (unknown,) = run(asked(lambda data: data.candles(request("NOSUCH/EUR"), NOW)))
    assert unknown.problem == "unknown_symbol"


def test_order_book():
    book = run(asked(lambda data: data.order_book("BTC/EUR")))
    assert (book.bids, book.asks) == (((100.0, 1.0),), ((100.2, 2.0),))
    assert run(asked(lambda data: data.order_book("NOSUCH/EUR"))) is None
    assert run(asked(lambda data: data.order_book("BTC/EUR"), depth=HTML)) is None


def test_trading_rules():
    (market,) = run(asked(lambda data: data.markets()))
    assert (market.symbol, market.venue_id, market.status) == ("BTC/EUR", "BTCEUR", "online")
    assert (market.price_step, market.size_step) == (Decimal("0.01"), Decimal("0.00001"))
    assert (market.min_size, market.min_notional) == (Decimal("0.00001"), Decimal(5))
    assert market.taker_fee == Decimal("0.001")


@pytest.mark.parametrize("lie", [HTML, EMPTY, body([]), (502, "", "text/html"), (429, "", "text/html")])
def test_lies_are_not_believed(lie):
    (answer,) = run(asked(lambda data: data.candles(request(), NOW), klines=lie))
    assert answer.problem == "unreachable"
    with pytest.raises(ExchangeError, match="cannot reach Binance"):
        run(asked(lambda data: data.opening(["BTC/EUR"]), **{"24hr": lie}))


def test_an_unknown_venue_is_a_setting_to_mend():
    async def opening():
        async with reader("http://127.0.0.1:9", exchange_id="nosuchvenue") as data:
            await data.opening([])

    with pytest.raises(ConfigError, match="unknown exchange 'nosuchvenue'"):
        run(opening())
