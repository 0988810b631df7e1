"""A second venue behind the first, for ticks in which the first cannot be used at all.

The backup lends eyes, nothing more: the tick that sees through it protects and
exits, and enters nothing. One symbol that fails, or all candles of a venue that
still gives quotes, is no reason to change venue: prices of where the position
is are better than prices of elsewhere.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Protocol

from bot.domain.errors import ExchangeError, MetronomeError
from bot.domain.markets import Market, OrderBook
from bot.domain.ports import CandleAnswer, CandleRequest, MarketData, Opening

UNREACHABLE = "unreachable"
"""Status of the primary while another venue answers in its place; never "online", so that nothing is entered."""

_BACKUPS = "backups"
"""Where in the stored state the breakers of backups are, by exchange id; beside it stands the primary's own."""

log = logging.getLogger(__name__)


class VenueData(MarketData, Protocol):
    """One venue's public data, with what one process leaves to the next."""

    @property
    def exchange_id(self) -> str: ...
    def know(self, markets: Sequence[Market]) -> None: ...
    def restore_breaker(self, state: Mapping[str, Any]) -> None: ...


class BackupMarketData:
    """Implements the port MarketData. `opening` decides which venue serves the whole tick.

    open_backup: called when the primary fails for the first time, so that a tick
    with a sound primary pays nothing for it. Symbols that the backup does not list
    in the very same quote currency have no quote and no candles: nothing is converted.
    """

    def __init__(self, primary: VenueData, open_backup: Callable[[], VenueData]) -> None:
        self._primary = primary
        self._open_backup = open_backup
        self._backup: VenueData | None = None
        self._serving: VenueData = primary
        self._stored: dict[str, Any] = {}

    @property
    def exchange_id(self) -> str:
        """The primary's."""
        return self._primary.exchange_id

    def know(self, markets: Sequence[Market]) -> None:
        """The primary's trading rules: a backup has other names for its pairs."""
        self._primary.know(markets)

    def breaker_state(self) -> dict[str, Any]:
        """The primary's state as it always was, and beside it one for each backup that was ever asked."""
        stored = dict(self._stored)
        if self._backup is not None:
            stored[self._backup.exchange_id] = self._backup.breaker_state()
        return {**self._primary.breaker_state(), **({_BACKUPS: stored} if stored else {})}

    def restore_breaker(self, state: Mapping[str, Any]) -> None:
        """Go on from what the process before stored, also where that knew of no backup."""
        self._primary.restore_breaker(state)
        backups = state.get(_BACKUPS)
        self._stored = dict(backups) if isinstance(backups, Mapping) else {}
        if self._backup is not None:
            self._restore(self._backup)

    async def opening(self, symbols: Sequence[str]) -> Opening:
        """The primary's, or the backup's where the primary cannot be used; its time then counts.

        The primary is asked first every time. Raises the primary's ExchangeError,
        naming both failures, when the backup cannot be used either.
        """
        self._serving = self._primary
        try:
            return await self._primary.opening(symbols)
        except ExchangeError as error:
            opening, backup = await self._stand_in(symbols, error)
        self._serving = backup
        return opening

    async def markets(self) -> tuple[Market, ...]:
        """The primary's trading rules. Raises ExchangeError while a backup serves: its rules bind nobody."""
        if self._serving is not self._primary:
            raise ExchangeError(
                f"{self._primary.exchange_id} cannot be asked for its trading rules",
                where=self._primary.exchange_id,
                fix=f"nothing to do: {self._serving.exchange_id} lends prices only; the next tick asks again",
            )
        return await self._primary.markets()

    async def candles(self, requests: Sequence[CandleRequest], now_ms: int) -> tuple[CandleAnswer, ...]:
        """Of the venue that opened this tick, also when it fails meanwhile: two venues are never mixed."""
        return await self._serving.candles(requests, now_ms)

    async def order_book(self, symbol: str, depth: int = 20) -> OrderBook | None:
        """The primary's; None while a backup serves, since books are read for entries only."""
        return await self._primary.order_book(symbol, depth) if self._serving is self._primary else None

    async def aclose(self) -> None:
        """Close the connections to both. Safe to call twice."""
        try:
            await self._primary.aclose()
        finally:
            if self._backup is not None:
                await self._backup.aclose()

    async def _stand_in(self, symbols: Sequence[str], first: ExchangeError) -> tuple[Opening, VenueData]:
        log.warning("%s", first.what)
        try:
            backup = self._opened()
            opening = await backup.opening(symbols)
            if symbols and not opening.quotes:
                raise ExchangeError(f"{backup.exchange_id} has a price for none of the symbols")
        except Exception as second:  # whatever is wrong with a backup, it must not hide what is wrong with the primary
            told = second.what if isinstance(second, MetronomeError) else type(second).__name__
            what = f"{first.what}; nor does the backup help: {told}"
            raise ExchangeError(what, where=first.where, fix=first.fix) from second
        log.warning("%s answers in place of %s", backup.exchange_id, self._primary.exchange_id)
        return replace(opening, status=UNREACHABLE, backup=backup.exchange_id), backup

    def _opened(self) -> VenueData:
        if self._backup is None:
            self._backup = self._open_backup()
            self._restore(self._backup)
        return self._backup

    def _restore(self, backup: VenueData) -> None:
        state = self._stored.get(backup.exchange_id)
        backup.restore_breaker(state if isinstance(state, Mapping) else {})
