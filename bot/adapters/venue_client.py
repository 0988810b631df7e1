"""ccxt's exchange object as a plain, fast reader: our session, our pace, our retries.

ccxt lets several kinds of bad answer through as if they were good (HTML or nothing
with status 200, HTTP 524). So every answer goes through a `parse` of ours inside the
retries: what does not parse was no answer.
"""

from __future__ import annotations

import importlib
import json
import os
import re
import ssl
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar
from urllib.parse import urlsplit

from bot.adapters.ccxt_loader import load_exchange
from bot.adapters.rate_limit import Clock, RateLimiter
from bot.adapters.retry import RefusedError, RetryPolicy, TransientError, UnknownPairError

T = TypeVar("T")

_LOCAL_HOSTS = frozenset({"localhost", "127.0.0.1", "::1"})

_TRANSIENT = ("EService:", "EDatabase:", "EGeneral:Internal error", "EAPI:Rate limit", "EGeneral:Too many requests")


class VenueClient:
    """Calls one venue. ccxt is loaded and the session opened by the first call.

    url: in place of the venue's own address, scheme and host with an optional
    path.  throttle: leave the spacing to ccxt, for venues whose rules it knows better.
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
    ) -> None:
        self.exchange_id = exchange_id
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

    async def aclose(self) -> None:
        """Close the session. A later call opens a new one."""
        if self._exchange is not None and self._exchange.session is not None:
            session, self._exchange.session = self._exchange.session, None
            await session.close()

    def _make_exchange(self) -> Any:
        config = {"enableRateLimit": self._throttle, "timeout": round(self._timeout_s * 1000)}
        exchange = load_exchange(self.exchange_id)(config)
        if self._url:
            exchange.urls["api"] = _redirect(exchange.urls["api"], self._url)
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
        text = f"HTTP {status[1]}" if status else type(error).__name__
        return TransientError(text) if network else RefusedError(text)


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
