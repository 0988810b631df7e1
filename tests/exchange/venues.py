"""Venues for these tests: the simulator on made-up candles, and a server that answers whatever it is told."""

from __future__ import annotations

import asyncio
import json
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import numpy as np
from aiohttp import web

from bot.adapters.exchange import CcxtMarketData
from bot.domain.timeframes import timeframe_ms
from bot.simulator import Recording, Series

STEP = timeframe_ms("5m")
START = 1_700_006_400_000  # midnight UTC
COUNT = 3 * 288
END = START + COUNT * STEP

BASES = ("BTC", "ETH", "SOL", "XRP", "BNB", "ADA", "DOGE", "AVAX", "LINK", "DOT")
SYMBOLS = tuple(f"{base}/EUR" for base in BASES)

Reply = tuple[int, str, str]


def recording(symbols: tuple[str, ...] = SYMBOLS, gap: range = range(0)) -> Recording:
    """Three days of five-minute candles; `gap`: candles that nobody recorded."""
    made = {}
    for number, symbol in enumerate(symbols):
        walk = np.random.default_rng(number).normal(0, 0.002, COUNT + 1).cumsum()
        price = np.round(100 * np.exp(walk), 2)
        first, last = price[:-1], price[1:]
        series = Series(
            "5m",
            START + STEP * np.arange(COUNT, dtype=np.int64),
            first,
            np.round(np.maximum(first, last) + 0.05, 2),
            np.round(np.minimum(first, last) - 0.05, 2),
            last,
            np.full(COUNT, 12.5),
        )
        made[symbol] = {"5m": series.take(~np.isin(np.arange(COUNT), np.array(gap)))}
    return Recording("made up", made, synthetic=True)


def ok(result: Any) -> Reply:
    return 200, json.dumps({"error": [], "result": result}), "application/json"


def said(*errors: str, status: int = 200) -> Reply:
    return status, json.dumps({"error": list(errors)}), "application/json"


HTML: Reply = (200, "<!DOCTYPE html><html><body>Just a moment...</body></html>", "text/html")
EMPTY: Reply = (200, "", "application/json")
NOTHING: Reply = (200, '{"error":[],"result":{}}', "application/json")
CUT: Reply = (0, "", "")


class ScriptedVenue:
    """Gives each endpoint its scripted replies in turn, the last one for ever after."""

    def __init__(self) -> None:
        self.replies: defaultdict[str, list[Reply | Callable[[web.BaseRequest], Reply]]] = defaultdict(list)
        self.asked: list[tuple[str, dict[str, str]]] = []
        self.sent_at: list[tuple[str, float]] = []
        self.delay_s = 0.0
        self.on_the_way = 0
        self.most_on_the_way = 0
        self.url = ""

    def count(self, endpoint: str) -> int:
        return sum(name == endpoint for name, _ in self.asked)

    async def answer(self, request: web.BaseRequest) -> web.StreamResponse:
        endpoint = request.path.rpartition("/")[2]
        self.asked.append((endpoint, dict(request.query)))
        self.on_the_way += 1
        self.most_on_the_way = max(self.most_on_the_way, self.on_the_way)
        await asyncio.sleep(self.delay_s)
        self.on_the_way -= 1
        script = self.replies[endpoint]
        reply = script.pop(0) if len(script) > 1 else script[0] if script else said("EGeneral:Unknown method")
        status, body, kind = reply(request) if callable(reply) else reply
        if not status:
            assert request.transport is not None
            request.transport.abort()
            status = 200
        return web.Response(status=status, text=body, content_type=kind or "text/plain")


@asynccontextmanager
async def scripted_venue() -> AsyncIterator[ScriptedVenue]:
    venue = ScriptedVenue()
    runner = web.ServerRunner(web.Server(venue.answer, access_log=None), shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    venue.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield venue
    finally:
        await runner.cleanup()


class Time:
    """A clock that only sleeping moves on."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self.slept: list[float] = []

    def clock(self) -> float:
        return self.now_s

    def wall_ms(self) -> int:
        return round(self.now_s * 1000)

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now_s += seconds
        await asyncio.sleep(0)


def reader(url: str, time: Time | None = None, **settings: Any) -> CcxtMarketData:
    """Market data whose waits cost no time."""
    time = time or Time()
    chosen = {"clock": time.clock, "wall_ms": time.wall_ms, "sleep": time.sleep, "jitter": lambda: 0.0}
    return CcxtMarketData(url=url, **{**chosen, **settings})


def run(test: Awaitable[Any]) -> Any:
    async def main() -> Any:
        return await test

    return asyncio.run(main())
