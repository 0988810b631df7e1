"""Full ticks over recorded candles, several bots at once: simulated Kraken, real Postgres, virtual clock."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from bot.adapters.config_store import ConfigStore
from bot.adapters.postgres import PostgresStore
from bot.adapters.postgres_reports import PostgresReports
from bot.cli.wiring import TickRunner, open_market
from bot.settings import Settings, load
from bot.simulator import Recording, Simulator

LEASE_S = 30.0
RESTART_EVERY = 997
"""Ticks after which the runner is replaced by a new one, as a new process would be."""

Rows = list[dict[str, Any]]


def pinned_settings(recording: Recording, every_ms: int, timeframe: str = "5m") -> dict[str, Any]:
    """What the data decides of the settings, as `bot rehearse` pins it."""
    pinned: dict[str, Any] = {
        "exchange.id": "kraken",
        "market.symbols": list(recording.symbols),
        "market.quote": recording.symbols[0].partition("/")[2],
        "market.slot_s": every_ms // 1000,
        "market.protection_timeframe": timeframe,
    }
    return pinned


def full_ticks(
    database_url: str,
    recording: Recording,
    moments: Sequence[int],
    bots: Mapping[str, Mapping[str, Any]],
    pinned: Mapping[str, Any],
    cash: Decimal,
    spread_bps: float = 4.0,
    progress: Callable[[int], None] = lambda done: None,
    restart_every: int = RESTART_EVERY,
) -> dict[str, tuple[Rows, Rows]]:
    """Trades and equity rows by bot, as the database has them after a tick at each moment.

    bots: their own settings by name.  pinned: settings of all of them.
    """
    with Simulator(recording, at_ms=moments[0], spread_bps=spread_bps) as venue:
        fixed = {**pinned, "exchange.url": venue.url}
        base = load(fixed)
        store, reports = ConfigStore(database_url), PostgresReports(database_url)
        for name, own in bots.items():
            reports.ensure_bot(name, "paper", base.market.quote, cash, moments[0])
            store.set(name, dict(own), author="parity", note="parity")
        store.close()
        asyncio.run(_run(database_url, base, fixed, moments, venue.clock.set_ms, progress, restart_every))
        results = {name: (reports.trades(name), reports.equity_curve(name)) for name in bots}
        reports.close()
    return results


async def _run(
    url: str,
    base: Settings,
    pinned: Mapping[str, Any],
    moments: Sequence[int],
    set_clock: Callable[[int], None],
    progress: Callable[[int], None],
    restart_every: int,
) -> None:
    for start in range(0, len(moments), restart_every):
        market = open_market(base, speedy=True)
        runner = TickRunner(PostgresStore(url), base, market, pinned, lease_s=LEASE_S)
        try:
            for done, moment_ms in enumerate(moments[start : start + restart_every], start=start):
                set_clock(moment_ms)
                document = await runner.tick()
                assert "skipped" not in document, document
                progress(done)
        finally:
            await runner.aclose()
