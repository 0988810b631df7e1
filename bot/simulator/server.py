"""The venue on a socket: one dispatch table, faults and limits around it, a thread to run in."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType

from aiohttp import web

from bot.domain.errors import ConfigError
from bot.simulator import control
from bot.simulator.auth import SignedRequest
from bot.simulator.candle_files import Recording, bundled_recording, open_recording
from bot.simulator.clock import Clock
from bot.simulator.desk import Desk, DeskRules, read_body
from bot.simulator.errors import KrakenError
from bot.simulator.faults import WEB_PAGE, Fault, FaultScript, Reply, spoil
from bot.simulator.public import ENDPOINTS
from bot.simulator.rate_limit import RateLimiter, Verdict
from bot.simulator.request_log import Request, RequestLog
from bot.simulator.venue import Query, Rules, Venue

PREFIX = "/0/"
START_TIMEOUT_S = 10.0


class Simulator:
    """Kraken's REST protocol in front of recorded candles, served from a thread of its own.

    source: a directory of candle files, one packed file, a Recording, or None
    for the bundled synthetic one.  symbols: only these of it.  at_ms: the
    virtual time to start at, the end of the recording when None.  speed:
    virtual seconds per real second, 0 stands still.  spread_bps: ask over bid.
    latency_ms: added to every answer, real time.  rate_limit: refuse what
    Kraken would refuse, in real time.  show_gaps: see Rules.  desk: how strict
    the private half is.  port: 0 takes a free one.

    `desk` holds the account behind the private endpoints: keys, money, state.

        with Simulator("DIR") as venue:
            venue.clock.set_ms(...)

    Raises ConfigError when the candles cannot be read or the port is taken.
    """

    def __init__(
        self,
        source: Recording | Path | str | None = None,
        *,
        symbols: Iterable[str] | None = None,
        at_ms: int | None = None,
        speed: float = 0.0,
        spread_bps: float = 4.0,
        latency_ms: float = 0.0,
        rate_limit: bool = False,
        show_gaps: bool = True,
        ohlc_rows: int = 720,
        desk: DeskRules | None = None,
        host: str = "127.0.0.1",
        port: int = 0,
    ) -> None:
        self.recording = _recording(source, symbols)
        self.clock = Clock(self.recording.end_ms if at_ms is None else at_ms, speed)
        self.venue = Venue(self.recording, self.clock, Rules(spread_bps, ohlc_rows, show_gaps))
        self.desk = Desk(self.venue, desk)
        self.faults = FaultScript()
        self.requests = RequestLog()
        self._latency_s = latency_ms / 1000
        self._limiter = RateLimiter() if rate_limit else None
        self._host, self._port = host, port
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopping: asyncio.Event | None = None
        self._thread: threading.Thread | None = None
        self._failure: BaseException | None = None

    # Life

    @property
    def url(self) -> str:
        """Address to point a client at, without a path: KRAKEN_API_URL."""
        if self._thread is None:
            raise RuntimeError("the simulator is not running: use it in a `with` block, or call start()")
        return f"http://{self._host}:{self._port}"

    @property
    def api_urls(self) -> dict[str, str]:
        """For ccxt: exchange.urls["api"] = venue.api_urls."""
        return {"public": self.url, "private": self.url, "zendesk": self.url}

    def start(self) -> Simulator:
        """Serve from now on. Raises ConfigError when the port is taken."""
        ready = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(ready,), name="simulated-kraken", daemon=True)
        self._thread.start()
        ready.wait(START_TIMEOUT_S)
        if self._failure is not None or not ready.is_set():
            self._thread = None
            raise ConfigError(
                f"the simulator cannot listen: {self._failure or 'no answer'}",
                where=f"{self._host}:{self._port}",
                fix="choose another port, or 0 for a free one",
            ) from self._failure
        return self

    def stop(self) -> None:
        """Close the socket and end the thread. Does nothing when it does not run."""
        if self._thread is not None and self._loop is not None and self._stopping is not None:
            self._loop.call_soon_threadsafe(self._stopping.set)
            self._thread.join(START_TIMEOUT_S)
            self._thread = None

    def __enter__(self) -> Simulator:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _run(self, ready: threading.Event) -> None:
        try:
            asyncio.run(self._serve(ready))
        except OSError as error:
            self._failure = error
            ready.set()

    async def _serve(self, ready: threading.Event) -> None:
        self._loop, self._stopping = asyncio.get_running_loop(), asyncio.Event()
        runner = web.ServerRunner(web.Server(self._answer, access_log=None), shutdown_timeout=0.1)
        await runner.setup()
        try:
            await web.TCPSite(runner, self._host, self._port).start()
            self._port = runner.addresses[0][1]
            ready.set()
            await self._stopping.wait()
        finally:
            await runner.cleanup()

    # Requests

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        if request.path.startswith(control.PREFIX):
            return await control.answer(self, request)
        started = time.perf_counter()
        section, _, endpoint = request.path.removeprefix(PREFIX).partition("/")
        if section == "private":
            body = await request.read()
            query: Query = read_body(body, request.content_type)
            fault = self.faults.take(endpoint, self.desk.symbols(query), query)
            reply = self._private_reply(request, endpoint, body, query, fault)
        else:
            query = await _query(request)
            fault = self.faults.take(endpoint, self._symbols(query), query)
            reply = self._reply(request.remote or "", section, endpoint, query, fault)
        took_ms = (time.perf_counter() - started) * 1000
        status, kind = (0 if reply.cut else reply.status), (fault.kind if fault else "")
        self.requests.add(Request(endpoint, dict(query), self.clock.now_ms(), status, kind, took_ms))
        if self._latency_s or reply.delay_s:
            await asyncio.sleep(self._latency_s + reply.delay_s)
        if reply.cut and request.transport is not None:
            request.transport.abort()
        return web.Response(text=reply.body, status=reply.status, content_type=reply.content_type)

    def _symbols(self, query: Query) -> frozenset[str]:
        names = query.get("pair", "").split(",")
        known = (self.venue.find(name) for name in names)
        return frozenset(history.pair.symbol for history in known if history is not None)

    def _reply(self, address: str, section: str, endpoint: str, query: Query, fault: Fault | None) -> Reply:
        if self._limiter is not None:
            verdict = self._limiter.ask(address, endpoint, query.get("pair", ""))
            if verdict is Verdict.BANNED:
                return Reply(WEB_PAGE.format("429 Too Many Requests"), 429, "text/html")
            if verdict is Verdict.TOO_MANY:
                return Reply(_error("EGeneral:Too many requests"))
        body = self._right_answer(section, endpoint, query)
        return Reply(body) if fault is None else spoil(fault, body)

    def _private_reply(
        self, request: web.BaseRequest, endpoint: str, body: bytes, query: Query, fault: Fault | None
    ) -> Reply:
        headers = request.headers
        nonce = query.get("nonce", "")
        signed = SignedRequest(request.path, headers.get("API-Key", ""), headers.get("API-Sign", ""), nonce, body)
        answer = self.desk.answer(endpoint, signed, query, fault)
        return Reply(answer) if fault is None else spoil(fault, answer)

    def _right_answer(self, section: str, endpoint: str, query: Query) -> str:
        handler = ENDPOINTS.get(endpoint) if section == "public" else None
        if handler is None:
            return _error("EGeneral:Unknown method")
        try:
            return f'{{"error":[],"result":{handler(self.venue, query)}}}'
        except KrakenError as error:
            return _error(str(error))


def _error(text: str) -> str:
    return json.dumps({"error": [text]})


async def _query(request: web.BaseRequest) -> Query:
    """Parameters of the address and, on POST, of the form."""
    if request.method != "POST":
        return request.query
    form = await request.post()
    return {**request.query, **{key: str(value) for key, value in form.items()}}


def _recording(source: Recording | Path | str | None, symbols: Iterable[str] | None) -> Recording:
    if isinstance(source, Recording):
        return source
    return bundled_recording(symbols) if source is None else open_recording(source, symbols)
