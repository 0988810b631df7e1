"""A server that says of Kraken's private endpoints whatever a test tells it to."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qsl

from aiohttp import web

from bot.adapters.kraken_venue import KrakenVenue
from bot.domain.markets import Market, Quote
from bot.domain.orders import Leg, Order, OrderStatus, OrderType, Side
from bot.domain.ports import Answer
from bot.domain.venue_orders import Observation, ObserveRequest
from tests.exchange.venues import Time

Reply = tuple[int, str]
Script = Mapping[str, Sequence[Reply | Callable[[dict[str, str]], Reply]]]

NOW_MS = 1_700_395_920_000
KEY, SECRET = "KEYKEYKEYKEYKEYKEYKEY", "U0VDUkVUU0VDUkVUU0VDUkVU"
ONE, CENT = Decimal(1), Decimal("0.01")
MARKET = Market("BTC/EUR", "XXBTZEUR", "BTC", "EUR", CENT, Decimal("1E-8"), CENT, ONE, CENT, CENT)


def good(result: Any) -> Reply:
    return 200, json.dumps({"error": [], "result": result})


def bad(*said: str) -> Reply:
    return 200, json.dumps({"error": list(said)})


class Asked:
    """What was asked of the server, in order."""

    def __init__(self) -> None:
        self.requests: list[tuple[str, dict[str, str]]] = []

    @property
    def counts(self) -> Counter[str]:
        return Counter(name for name, _ in self.requests)

    def count(self, endpoint: str) -> int:
        return self.counts[endpoint]


class ScriptedTrader:
    """A KrakenVenue before such a server."""

    def __init__(self, url: str, time: Time, **settings: Any) -> None:
        self.time = time
        chosen: dict[str, Any] = {"url": url, "markets": (MARKET,), "wall_ms": lambda: NOW_MS + time.wall_ms()}
        chosen |= {"clock": time.clock, "sleep": time.sleep}
        self.venue = KrakenVenue(KEY, SECRET, **{**chosen, **settings})

    @property
    def stop(self) -> Order:
        return Order(
            "s-one", 1, "BTC/EUR", Side.SELL, Leg.STOP, OrderType.STOP_LOSS, OrderStatus.OPEN, ONE, Decimal(0), None,
            Decimal(90), None, 0, NOW_MS, NOW_MS, NOW_MS + 15_000, 0, "OAAAAA-BBBBB-CCCCCC", "", "test",
        )  # fmt: skip

    async def place(self) -> Answer:
        return await self.venue.place(self.stop, Quote(100.0, 100.1, 100.0), MARKET, 0.0, NOW_MS)

    async def observe(self, filled: Mapping[str, Decimal] | None = None, since_ms: int = NOW_MS) -> Observation:
        return await self.venue.observe(ObserveRequest(since_ms, filled or {}, False), NOW_MS)


@asynccontextmanager
async def scripted_trader(script: Script, **settings: Any) -> AsyncIterator[tuple[ScriptedTrader, Asked]]:
    """Each endpoint gives its replies in turn, the last one for ever. A 3xx reply's text is where it sends one to."""
    asked, left = Asked(), {name: list(replies) for name, replies in script.items()}

    async def answer(request: web.BaseRequest) -> web.StreamResponse:
        endpoint = request.path.rpartition("/")[2]
        query = dict(parse_qsl(await request.text()))
        asked.requests.append((endpoint, query))
        replies = left.get(endpoint) or [bad("EGeneral:Unknown method")]
        reply = replies.pop(0) if len(replies) > 1 else replies[0]
        status, text = reply(query) if callable(reply) else reply
        headers = {"Location": text} if 300 <= status < 400 else {}
        return web.Response(status=status, text=text, headers=headers, content_type="application/json")

    runner = web.ServerRunner(web.Server(answer, access_log=None), shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    trader = ScriptedTrader(f"http://127.0.0.1:{runner.addresses[0][1]}", Time(), **settings)
    try:
        yield trader, asked
    finally:
        await trader.venue.aclose()
        await runner.cleanup()
