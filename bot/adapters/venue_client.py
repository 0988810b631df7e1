"""ccxt's exchange object as a plain, fast reader: our session, our pace, our retries.

ccxt lets several kinds of bad answer through as if they were good (HTML or nothing
with status 200, HTTP 524). So every answer goes through a `parse` of ours inside the
retries: what does not parse was no answer.
"""

from __future__ import annotations

import importlib
import json
import logging
import os
import re
import ssl
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar
from urllib.parse import urlsplit

from bot.adapters.ccxt_loader import load_exchange
from bot.adapters.rate_limit import Clock, RateLimiter
from bot.adapters.retry import RefusedError, RetryPolicy, TransientError, UnknownPairError

T = TypeVar("T")

_nonces: dict[str, int] = {}

_LOCAL_HOSTS = frozenset({"localhost", "127.0.0.1", "::1"})

_TRANSIENT = ("EService:", "EDatabase:", "EGeneral:Internal error", "EAPI:Rate limit", "EGeneral:Too many requests")


@dataclass(frozen=True, slots=True)
class RawAnswer:
    """What came back over the wire. status: of HTTP."""

    status: int
    body: str


class NoAnswerError(Exception):
    """A request without an answer: nobody knows what became of it. Its text is one line without secrets."""


class NotSentError(NoAnswerError):
    """No connection was made, so that the request never left this machine."""


class VenueClient:
    """Calls one venue. ccxt is loaded and the session opened by the first call.

    url: in place of the venue's own address, scheme and host with an optional
    path.  throttle: leave the spacing to ccxt, for venues whose rules it knows better.
    credentials: ccxt's `apiKey` and `secret`; with them ccxt logs nothing (it would log
    their headers) and no redirect is followed (it would carry an order elsewhere).
    """

    def __init__(
        self,
        exchange_id: str,
        url: str | None,
        timeout_s: float,
        limiter: RateLimiter,
        policy: RetryPolicy,
        throttle: bool,
        concurrency: int,
        clock: Clock,
        credentials: Mapping[str, str] | None = None,
    ) -> None:
        self.exchange_id = exchange_id
        self._credentials = dict(credentials or {})
        self._url = url.rstrip("/") if url else ""
        self._timeout_s = timeout_s
        self._limiter = limiter
        self._policy = policy
        self._throttle = throttle
        self._concurrency = concurrency
        self._clock = clock
        self._exchange: Any = None
        self.tries: int | None = None  # fewer than the policy's while the breaker is half open

    @property
    def exchange(self) -> Any:
        """ccxt's object, without a session as long as nothing was asked."""
        if self._exchange is None:
            self._exchange = self._make_exchange()
        return self._exchange

    @property
    def secrets(self) -> tuple[str, ...]:
        """What no text may show, longest first."""
        return tuple(sorted((text for text in self._credentials.values() if text), key=len, reverse=True))

    @property
    def name(self) -> str:
        return str(self.exchange.name)

    @property
    def host(self) -> str:
        """Host and port that are asked, without user name or path."""
        parts = urlsplit(self._url or _first_url(self.exchange.urls["api"]))
        return parts.netloc.rpartition("@")[2].replace("{hostname}", str(self.exchange.hostname or ""))

    async def read(
        self, method: str, *args: Any, parse: Callable[[Any], T], pair: str = "", params: dict[str, Any] | None = None
    ) -> T:
        """What `parse` makes of the first answer that it accepts.

        method, args, params: of ccxt's object.  pair: what the venue counts the
        call by, "" for its address. Raises TransientError or RefusedError.
        """
        return (await self.read_timed(method, *args, parse=parse, pair=pair, params=params))[0]

    async def read_timed(
        self, method: str, *args: Any, parse: Callable[[Any], T], pair: str = "", params: dict[str, Any] | None = None
    ) -> tuple[T, float]:
        """As `read`, with the seconds that the accepted answer took."""
        call = getattr(self.exchange, method)

        async def once() -> tuple[T, float]:
            async with self._limiter.turn(pair):
                self._open_session()
                sent_s = self._clock()
                answer = await self._answer(call(*args) if params is None else call(*args, params))
                took_s = self._clock() - sent_s
            return parse(answer), took_s

        return await self._policy.run(f"{self.exchange_id} {method.removeprefix('publicGet')}", once, self.tries)

    async def send_once(self, method: str, params: Mapping[str, Any]) -> RawAnswer:
        """One request, as ccxt signs and sends it, and the untouched answer, good or bad.

        Never repeated, neither here nor in ccxt. Not for two requests at the
        same time. Raises NotSentError when no connection came about, NoAnswerError when
        one did and brought no answer.
        """
        exchange = self.exchange
        kept: list[RawAnswer] = []

        def keep(status: int, _reason: str, _url: str, _method: str, _headers: Any, body: str, *_request: Any) -> str:
            kept.append(RawAnswer(status, body))
            return body.strip()

        exchange.on_rest_response = keep
        self._open_session()
        try:
            await getattr(exchange, method)(dict(params))
        except Exception as error:  # of an answer that came, the caller makes its own sense
            if not kept:
                raise self._unanswered(error) from error
        return kept[0]

    def _unanswered(self, error: Exception) -> NoAnswerError:
        import aiohttp

        cause = error.__cause__
        if isinstance(cause, aiohttp.ClientConnectorError | aiohttp.ConnectionTimeoutError):
            return NotSentError(_cause_text(cause))
        if isinstance(cause, TimeoutError):
            return NoAnswerError(f"no answer within {self._timeout_s:g} s")
        return NoAnswerError(f"the connection broke ({type(cause or error).__name__})")

    async def aclose(self) -> None:
        """Close the session. A later call opens a new one."""
        if self._exchange is not None and self._exchange.session is not None:
            session, self._exchange.session = self._exchange.session, None
            await session.close()

    def _make_exchange(self) -> Any:
        config: dict[str, Any] = {"enableRateLimit": self._throttle, "timeout": round(self._timeout_s * 1000)}
        if self._credentials:
            config |= {**self._credentials, "logger": logging.Logger("ccxt", logging.WARNING)}
        exchange = load_exchange(self.exchange_id)(config)
        if self._url:
            exchange.urls["api"] = _redirect(exchange.urls["api"], self._url)
        if self._credentials:
            exchange.incrementing_nonce = partial(_next_nonce, self._credentials.get("apiKey", ""))
        return exchange

    def _open_session(self) -> None:
        """Give ccxt a session that uses the system's certificates.

        aiohttp has loaded those already; ccxt on its own would load certifi's as
        well, 20 ms more, and wait a quarter of a second when it closes.
        """
        exchange = self.exchange
        if exchange.session is not None:
            return
        import aiohttp

        verify = True if _has_system_certificates() else ssl.create_default_context(cafile=exchange.cafile)
        exchange.ssl_context = verify
        exchange.own_session = False
        exchange.session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=self._concurrency, ssl=verify),
            cookie_jar=aiohttp.DummyCookieJar(),
            trust_env=self.host.partition(":")[0] not in _LOCAL_HOSTS,
            trace_configs=[_no_redirects()] if self._credentials else None,
        )

    async def _answer(self, call: Awaitable[Any]) -> Any:
        """ccxt's answer, its many errors sorted into ours."""
        errors = importlib.import_module("ccxt.base.errors")
        try:
            return await call
        except errors.BadSymbol as error:
            raise UnknownPairError(f"{self.exchange_id} does not know the symbol") from error
        except errors.BaseError as error:
            raise self._sorted(error, isinstance(error, errors.OperationFailed)) from error
        except Exception as error:  # ccxt trips over bodies it does not expect
            raise TransientError(f"an answer that ccxt cannot read ({type(error).__name__})") from error

    def _sorted(self, error: Exception, network: bool) -> Exception:
        said = _venue_errors(str(error))
        if said:
            return sort_venue_errors(said)
        cause = error.__cause__
        if cause is not None:
            timed_out = isinstance(cause, TimeoutError)
            return TransientError(f"no answer within {self._timeout_s:g} s" if timed_out else _cause_text(cause))
        status = re.search(r" (\d{3}) ", str(error))
        if status and status[1] == "451":  # Binance's to whole countries: it will say so every time
            return RefusedError("HTTP 451, it does not serve the country that this machine is in")
        text = f"HTTP {status[1]}" if status else type(error).__name__
        return TransientError(text) if network else RefusedError(text)


def _next_nonce(key: str) -> int:
    """The time in ms, or one more than the last nonce of this key in this process.

    As ccxt counts, but for all clients of one process together: each would begin
    behind the numbers that a quick one before it has used up.
    """
    _nonces[key] = max(time.time_ns() // 1_000_000, _nonces.get(key, 0) + 1)
    return _nonces[key]


def _no_redirects() -> Any:
    """Fail where a server sends a request elsewhere; aiohttp would send an order there a second time."""
    import aiohttp

    async def refuse(*_: object) -> None:
        raise aiohttp.ClientPayloadError("redirected")

    tracing = aiohttp.TraceConfig()
    tracing.on_request_redirect.append(refuse)
    return tracing


def sort_venue_errors(said: list[str]) -> Exception:
    """The error that Kraken's own strings stand for. Unknown strings are a definite no."""
    text = ", ".join(said)[:200]
    if any(one.startswith("EQuery:Unknown asset pair") for one in said):
        return UnknownPairError(text)
    if any(one.startswith(_TRANSIENT) for one in said):
        return TransientError(text)
    return RefusedError(text)


def _venue_errors(text: str) -> list[str]:
    """The `error` list of the JSON body that ccxt puts into its message, [] when there is none."""
    start = text.find("{")
    if start < 0:
        return []
    try:
        said = json.loads(text[start:]).get("error")
    except ValueError:
        return []
    return [str(one) for one in said] if isinstance(said, list) else []


def _cause_text(cause: BaseException) -> str:
    reason = getattr(cause, "strerror", None) or getattr(getattr(cause, "os_error", None), "strerror", None)
    return f"no connection ({reason or type(cause).__name__})"


def _first_url(api: Any) -> str:
    return api if isinstance(api, str) else _first_url(next(iter(api.values())))


def _redirect(api: Any, url: str) -> Any:
    """ccxt's addresses with another scheme and host, each keeping its own path."""
    if isinstance(api, dict):
        return {name: _redirect(value, url) for name, value in api.items()}
    return url + urlsplit(api).path if isinstance(api, str) else api


def _has_system_certificates() -> bool:
    paths = ssl.get_default_verify_paths()
    return paths.cafile is not None or (paths.capath is not None and bool(os.listdir(paths.capath)))
