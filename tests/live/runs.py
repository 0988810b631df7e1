"""One live tick as a process does it; all that it needs is in a Job, which crosses to another process as JSON."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

from bot.adapters.exchange import CcxtMarketData
from bot.adapters.kraken_private import CallPace
from bot.adapters.kraken_venue import KrakenVenue
from bot.adapters.paper import PaperVenue
from bot.adapters.rate_limit import Pace
from bot.domain.ports import Store, Venue
from bot.domain.records import BotSnapshot, Snapshot
from bot.jobs.rules import paper_rules
from bot.jobs.tick import TickDeps, run_tick
from bot.settings import Settings
from tests.jobs.world import Document, merged, settings
from tests.live.clock import SharedClock

NO_PACE = Pace(pair_interval_s=0, interval_s=0)


@dataclass(frozen=True)
class Job:
    """database_url, venue_url: all that the run can reach.  overrides: settings of all bots."""

    database_url: str
    venue_url: str
    key: str
    secret: str
    overrides: Document
    holder: str
    lease_s: float = 60.0
    live: bool = True
    timeout_s: float = 5.0


class LiveRun:
    """Adapters and dependencies of one tick. clock: its machine's; the venue's goes the same."""

    def __init__(self, job: Job, clock: SharedClock) -> None:
        self.job = job
        self._clock = clock
        self._wall_ms = clock.now_ms
        self._open: list[Any] = []
        self._snapshot: Snapshot | None = None
        self._task: asyncio.Task[Any] | None = None

    def terminate(self) -> None:
        """What SIGTERM does to a tick; from any thread."""
        assert self._task is not None
        self._task.get_loop().call_soon_threadsafe(self._task.cancel)

    async def run(self, store: Store, **how: Any) -> Document:
        self._task = asyncio.current_task()
        try:
            return await run_tick(self._deps(store), **how)
        finally:
            # As asyncio.run does when a process ends: nothing of this tick goes on into the next one.
            left = asyncio.all_tasks() - {asyncio.current_task()}
            for task in left:
                task.cancel()
            await asyncio.gather(*left, return_exceptions=True)
            for adapter in self._open:
                await adapter.aclose()

    def _deps(self, store: Store) -> TickDeps:
        return TickDeps(
            store=store,
            open_market=self._open_market,
            settings_for=lambda bot: settings(merged(self.job.overrides, bot.overrides)),
            base=settings(self.job.overrides),
            venue_for=self._venue_for,
            code_version="test",
            wall_ms=self._wall_ms,
            holder=self.job.holder,
            lease_s=self.job.lease_s,
            live=self.job.live,
            sleep=self._clock.sleep,
            clock_ms=self._wall_ms,
        )

    def _open_market(self, snapshot: Snapshot) -> CcxtMarketData:
        self._snapshot = snapshot
        market = CcxtMarketData(
            url=self.job.venue_url,
            timeout_s=self.job.timeout_s,
            pace=NO_PACE,
            clock=lambda: 0.0,
            wall_ms=self._wall_ms,
            sleep=self._clock.sleep,
            jitter=lambda: 0.0,
        )
        market.restore_breaker(snapshot.breaker)
        if snapshot.markets:
            market.know(snapshot.markets)
        self._open.append(market)
        return market

    def _venue_for(self, bot: BotSnapshot, own: Settings) -> Venue:
        if bot.mode != "live":
            return PaperVenue(paper_rules(own), bot.name)
        assert self._snapshot is not None
        venue = KrakenVenue(
            self.job.key,
            self.job.secret,
            url=self.job.venue_url,
            timeout_s=self.job.timeout_s,
            markets=self._snapshot.markets,
            state=self._snapshot.live_venue,
            wall_ms=self._wall_ms,
            sleep=self._clock.sleep,
            clock=lambda: self._wall_ms() / 1000,
            pace=CallPace(most=1e9),
        )
        self._open.append(venue)
        return venue
