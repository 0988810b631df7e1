"""Whether Kraken's account may be asked now, and what a person is told when it could not be read."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from bot.adapters.breaker import Breaker
from bot.adapters.kraken_account import KrakenAccount
from bot.adapters.kraken_private import KeyRefusedError, KrakenPrivate, NonceError, QuietError
from bot.adapters.retry import ReadError
from bot.adapters.venue_client import VenueClient
from bot.domain.errors import ExchangeError
from bot.domain.timeframes import to_datetime


class KrakenGate:
    """Lets a look through, counts how it went, and turns what went wrong into an ExchangeError."""

    def __init__(self, private: KrakenPrivate, account: KrakenAccount, breaker: Breaker, client: VenueClient) -> None:
        self._private = private
        self._account = account
        self._breaker = breaker
        self._client = client

    @asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        """Ask inside. Nothing is asked while Kraken wants quiet, or for a while after failures in a row.

        A venue that wants quiet has not failed. Raises ExchangeError.
        """
        quiet_ms, wait_s = self._private.quiet_until_ms(), self._breaker.closed_in_s()
        if quiet_ms:
            raise self._left_alone(quiet_ms)
        if wait_s > 0:
            raise ExchangeError(
                "the account could not be read several times in a row",
                where=self._client.host,
                fix=f"wait {wait_s:.0f} s; it is asked again by itself, stops rest at the venue",
            )
        self._account.tries = 1 if self._breaker.half_open else None
        try:
            yield
        except QuietError as error:
            raise self._left_alone(self._private.quiet_until_ms()) from error
        except ReadError as error:
            self._breaker.failed()
            raise self._explained(error) from error
        self._breaker.succeeded()

    def _explained(self, error: ReadError) -> ExchangeError:
        if isinstance(error, KeyRefusedError):
            fix = "the key needs: query funds, ledger entries, open and closed orders, create, modify and cancel orders"
            return ExchangeError(
                f"Kraken does not accept the key: {error}", where="KRAKEN_API_KEY, KRAKEN_API_SECRET", fix=fix
            )
        if isinstance(error, NonceError):
            fix = "let no other program use this key, and give it a nonce window of 10000"
            return ExchangeError(f"Kraken has seen a later nonce: {error}", where="KRAKEN_API_KEY", fix=fix)
        fix = "the next tick asks again; nothing is sent until the account can be read"
        return ExchangeError(f"the account could not be read: {error}", where=self._client.host, fix=fix)

    def _left_alone(self, until_ms: int) -> ExchangeError:
        return ExchangeError(
            f"Kraken wants no private call before {to_datetime(until_ms):%Y-%m-%d %H:%M:%S} UTC",
            where=self._client.host,
            fix="wait; asking earlier would make it longer, stops rest at the venue",
        )
