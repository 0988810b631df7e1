"""A client that signs as Kraken asks, for what ccxt would not send."""

from __future__ import annotations

import itertools
import json
from http.client import HTTPConnection
from typing import Any
from urllib.parse import urlencode, urlsplit

import ccxt
import ccxt.async_support

from bot.simulator import Simulator
from bot.simulator.auth import ApiKey, sign

NONCES = itertools.count(1_700_000_000_000)


class Client:
    """Signed requests over a socket."""

    def __init__(self, url: str, key: str, secret: str) -> None:
        self._host = urlsplit(url).netloc
        self._key, self._secret = key, secret

    def raw(
        self, endpoint: str, body: str, nonce: str, content_type: str = "application/x-www-form-urlencoded"
    ) -> tuple[int, str]:
        """Status and body. Raises what http.client raises on a cut connection."""
        path = f"/0/private/{endpoint}"
        signature = sign(path, nonce, body.encode(), self._secret)
        headers = {"API-Key": self._key, "API-Sign": signature, "Content-Type": content_type}
        connection = HTTPConnection(self._host, timeout=5)
        try:
            connection.request("POST", path, body, headers)
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        finally:
            connection.close()

    def ask(self, endpoint: str, **query: object) -> Any:
        """The answer's JSON; `close_price` stands for close[price]."""
        nonce = str(query.pop("nonce", None) or next(NONCES))
        named = {
            name.replace("close_", "close[") + "]" if name.startswith("close_") else name: value
            for name, value in query.items()
        }
        return json.loads(self.raw(endpoint, urlencode({"nonce": nonce, **named}), nonce)[1])

    def result(self, endpoint: str, **query: object) -> Any:
        answer = self.ask(endpoint, **query)
        assert answer["error"] == [], answer
        return answer["result"]

    def errors(self, endpoint: str, **query: object) -> list[str]:
        found: list[str] = self.ask(endpoint, **query)["error"]
        return found


def client(simulator: Simulator, key: ApiKey) -> Client:
    return Client(simulator.url, key.key, key.secret)


def ccxt_client(simulator: Simulator, key: ApiKey, *, asynchronous: bool = False) -> Any:
    """The unmodified ccxt, with the markets left to its first call."""
    kind = ccxt.async_support.kraken if asynchronous else ccxt.kraken
    exchange = kind({"enableRateLimit": False, "apiKey": key.key, "secret": key.secret})
    exchange.urls["api"] = simulator.api_urls
    return exchange
