"""A host that serves Binance's public market data and nothing else, over a real socket."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web

from bot.domain.timeframes import timeframe_ms

MOST_KLINES = 1000
USUAL_KLINES = 500


class BinanceVenue:
    """prices: last price by Binance's own symbol, "BTCEUR".  halted: listed, not traded.

    status: what every request is answered with.  now_ms: the venue's time. Candles go on for ever, flat.
    """

    def __init__(self, prices: Mapping[str, float], now_ms: int, halted: Sequence[str] = ()) -> None:
        self.prices = dict(prices)
        self.now_ms = now_ms
        self.halted = set(halted)
        self.status = 200
        self.asked: Counter[str] = Counter()
        self.url = ""

    async def answer(self, request: web.BaseRequest) -> web.StreamResponse:
        self.asked[request.path] += 1
        if self.status != 200:
            refusal = {"code": 0, "msg": "Service unavailable from a restricted location"}
            return web.json_response(refusal, status=self.status)
        answers = {
            "/api/v3/time": self._time,
            "/api/v3/exchangeInfo": self._exchange_info,
            "/api/v3/ticker/24hr": self._tickers,
            "/api/v3/klines": self._klines,
            "/api/v3/depth": self._depth,
        }
        if request.path not in answers:
            return web.Response(status=404, text="<html>Not Found</html>", content_type="text/html")
        try:
            return web.json_response(answers[request.path](request.query))
        except KeyError:
            return web.json_response({"code": -1121, "msg": "Invalid symbol."}, status=400)

    def _time(self, query: Mapping[str, str]) -> Any:
        return {"serverTime": self.now_ms}

    def _exchange_info(self, query: Mapping[str, str]) -> Any:
        return {"timezone": "UTC", "rateLimits": [], "symbols": [self._listed(name) for name in self.prices]}

    def _listed(self, name: str) -> dict[str, Any]:
        base, quote = split(name)
        return {
            "symbol": name,
            "status": "BREAK" if name in self.halted else "TRADING",
            "baseAsset": base,
            "quoteAsset": quote,
            "baseAssetPrecision": 8,
            "quoteAssetPrecision": 8,
            "quotePrecision": 8,
            "orderTypes": ["LIMIT", "LIMIT_MAKER", "MARKET", "STOP_LOSS_LIMIT", "TAKE_PROFIT_LIMIT"],
            "icebergAllowed": True,
            "isSpotTradingAllowed": True,
            "isMarginTradingAllowed": False,
            "permissions": [],
            "permissionSets": [["SPOT", *(f"TRD_GRP_{number:03d}" for number in range(2, 60))]],
            "filters": [
                {"filterType": "PRICE_FILTER", "minPrice": "0.01", "maxPrice": "1000000.00", "tickSize": "0.01"},
                {"filterType": "LOT_SIZE", "minQty": "0.00001", "maxQty": "9000.00000", "stepSize": "0.00001"},
                {"filterType": "ICEBERG_PARTS", "limit": 10},
                {"filterType": "NOTIONAL", "minNotional": "5.00", "applyMinToMarket": True, "maxNotional": "9000000"},
            ],
        }

    def _tickers(self, query: Mapping[str, str]) -> Any:
        return [self._ticker(name) for name in json.loads(query["symbols"])]

    def _ticker(self, name: str) -> dict[str, Any]:
        price = self.prices[name]
        return {
            "symbol": name,
            "lastPrice": f"{price:.8f}",
            "bidPrice": f"{price * 0.999:.8f}",
            "askPrice": f"{price * 1.001:.8f}",
            "closeTime": self.now_ms,
        }

    def _klines(self, query: Mapping[str, str]) -> Any:
        """As Binance does it: the oldest that fit from startTime on, without one the newest."""
        price, step = f"{self.prices[query['symbol']]:.8f}", timeframe_ms(query["interval"])
        count = min(int(query.get("limit", USUAL_KLINES)), MOST_KLINES)
        forming = self.now_ms // step * step
        first = int(query.get("startTime", forming - (count - 1) * step))
        opens = range(-(-first // step) * step, forming + 1, step)[:count]
        return [[t, price, price, price, price, "3.5", t + step - 1, "350", 12, "1", "100", "0"] for t in opens]

    def _depth(self, query: Mapping[str, str]) -> Any:
        price = self.prices[query["symbol"]]
        return {"lastUpdateId": 1, "bids": [[f"{price * 0.999}", "1"]], "asks": [[f"{price * 1.001}", "2"]]}


def split(name: str) -> tuple[str, str]:
    quote = next(quote for quote in ("USDT", "EUR", "USD") if name.endswith(quote))
    return name.removesuffix(quote), quote


@asynccontextmanager
async def binance_venue(prices: Mapping[str, float], now_ms: int, **more: Any) -> AsyncIterator[BinanceVenue]:
    venue = BinanceVenue(prices, now_ms, **more)
    runner = web.ServerRunner(web.Server(venue.answer, access_log=None), shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    venue.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield venue
    finally:
        await runner.cleanup()
