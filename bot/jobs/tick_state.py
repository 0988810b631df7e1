"""What a tick is given, and its own state while it runs."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from bot.domain.candles import Candles
from bot.domain.errors import ConfigError, LeaseLost
from bot.domain.ports import MarketData, Store, Venue
from bot.domain.records import BotSnapshot, Lease, Snapshot, TickRecord, Writes
from bot.jobs.bot_run import BotRun, MarketNow
from bot.settings import Settings

SAFE_SHARE_OF_LEASE = 0.75
"""How much of the lease may have passed since the last write when a request is sent: then another run may begin."""


def running_s() -> float:
    """Seconds on a clock that also counts while the machine sleeps, where there is one."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


def running_ms() -> int:
    """The same in milliseconds."""
    return round(running_s() * 1000)


@dataclass(frozen=True, slots=True)
class TickDeps:
    """What a tick is given. Only the command line builds these from real adapters.

    open_market: called once the snapshot is there, so that the cached trading
    rules and the breaker's state get in.  holder: names this run in the lease.
    lease_s: how long the lease lasts without renewal.  wall_ms: the runner's clock, used
    only where the venue cannot be asked for the time.  max_skew_ms: how far both clocks
    may differ; None where the venue's time is virtual.  clock_ms, sleep: how time passes,
    replaced where it is virtual.  live: whether live bots may be tended at all;
    `venue_for` then gives a LiveVenue for them.
    """

    store: Store
    open_market: Callable[[Snapshot], MarketData]
    settings_for: Callable[[BotSnapshot], Settings]
    base: Settings
    venue_for: Callable[[BotSnapshot, Settings], Venue]
    code_version: str
    wall_ms: Callable[[], int]
    holder: str
    lease_s: float = 120.0
    max_skew_ms: int | None = None
    live: bool = False
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    clock_ms: Callable[[], int] = running_ms


@dataclass(slots=True)
class Laps:
    """How long each phase took, ms."""

    timings_ms: dict[str, float] = field(default_factory=dict)
    _began: float = field(default_factory=time.perf_counter)

    def lap(self, phase: str) -> None:
        now = time.perf_counter()
        self.timings_ms[phase] = round(self.timings_ms.get(phase, 0.0) + (now - self._began) * 1000, 2)
        self._began = now


Chosen = dict[int, tuple[Settings, ConfigError | None]]
"""Settings by bot id, and what is wrong with the bot's own."""


@dataclass(slots=True)
class Tick:
    """State of one tick. at_ms: virtual time asked for.  venue_ms: the venue's own time, later than now with at_ms."""

    deps: TickDeps
    lease: Lease
    snapshot: Snapshot
    chosen: Chosen
    market_data: MarketData
    now: MarketNow
    slot_ms: int
    at_ms: int | None
    venue_ms: int
    dry_run: bool
    laps: Laps
    runs: list[BotRun] = field(default_factory=list)
    fetched: set[str] = field(default_factory=set)
    fresh: list[Candles] = field(default_factory=list)
    opened_clock_ms: int = 0
    held_since_s: float = field(default_factory=running_s)

    @property
    def live_runs(self) -> list[BotRun]:
        """Live bots whose venue may be asked."""
        return [run for run in self.runs if run.venue is not None]

    def venue_now(self) -> int:
        """The venue's time now: that of the opening and what has passed since.

        Not by the wall clock: one that is set forward would prove an order absent before its time.
        """
        return self.now.now_ms + max(self.deps.clock_ms() - self.opened_clock_ms, 0)

    def sending_now(self) -> int:
        """As venue_now. Raises LeaseLost when another run may have begun: nothing may be sent then."""
        held_s = running_s() - self.held_since_s
        if held_s > self.deps.lease_s * SAFE_SHARE_OF_LEASE:
            raise LeaseLost(
                f"this run has not held its lease for certain for {held_s:.0f} s",
                where="sending orders",
                fix="nothing to do: what it planned is looked up by the next tick",
            )
        return self.venue_now()

    async def commit(self, writes: Writes) -> None:
        """One commit; of a dry run, only the lease that it gives back."""
        if self.dry_run:
            if not writes.release:
                return
            writes = Writes(release=True)
        asked_s = running_s()
        await asyncio.to_thread(self.deps.store.commit, self.lease, writes)
        self.held_since_s = asked_s

    def live_state(self, saved: bool) -> dict[str, Any] | None:
        """What the next process must know of the live venue; None without one.

        saved: all that the last look brought is in the same commit. Otherwise the next
        look must reach back as far as this one.
        """
        for run in self.live_runs:
            assert run.venue is not None
            observed_ms = run.observed_ms if saved else self.snapshot.live_venue.get("observed_ms", 0)
            return {**run.venue.state(), "observed_ms": observed_ms}
        return None

    @property
    def missed_slots(self) -> int:
        """Slots between the last one done and this one."""
        if not self.snapshot.last_slot_ms:
            return 0
        slot_ms = self.deps.base.market.slot_s * 1000
        return max((self.slot_ms - self.snapshot.last_slot_ms) // slot_ms - 1, 0)

    def record(self, status: str, **more: Any) -> TickRecord:
        mode = mode_of(self.snapshot)
        return TickRecord(
            self.slot_ms, self.now.now_ms, mode, status, self.missed_slots, dict(self.laps.timings_ms), **more
        )


def mode_of(snapshot: Snapshot) -> str:
    return "live" if any(bot.mode == "live" for bot in snapshot.bots) else "paper"
