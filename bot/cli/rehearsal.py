"""A rehearsal with real parts: recorded candles behind a simulated Kraken, a database of its own, full ticks."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bot.cli.session import session
from bot.cli.texts import text
from bot.cli.wiring import REHEARSAL, Database, TickRunner, find_database, open_market
from bot.domain.errors import ConfigError, DatabaseError
from bot.domain.timeframes import floor_ms, timeframe_ms, to_datetime
from bot.settings import Settings, load

if TYPE_CHECKING:
    from bot.jobs.rehearse import Outcome
    from bot.simulator import Recording, Simulator

Document = dict[str, Any]
Progress = Callable[[int, int, Document], None]

DEFAULT_CASH = Decimal(10_000)
LEASE_S = 3.0
"""A rehearsal that was killed must not keep the next one waiting for minutes."""
DAY_MS = 86_400_000
DECISION_CANDLES = 300
"""History before the first tick that strategies need to have an opinion."""


@dataclass(frozen=True, slots=True)
class Request:
    """What to rehearse. data: a directory of candles, None for the bundled recording.  0 and () choose for themselves.

    A rehearsal that was cut short goes on where it stopped when the same one is
    asked for again.  resume: go on with whatever rows there are.  fresh: never.
    """

    data: Path | None = None
    start_ms: int = 0
    end_ms: int = 0
    symbols: tuple[str, ...] = ()
    every_ms: int = 300_000
    cash: Decimal = DEFAULT_CASH
    overrides: Mapping[str, Any] = field(default_factory=dict)
    resume: bool = False
    fresh: bool = False
    spread_bps: float = 4.0


def rehearse(request: Request, on_progress: Progress) -> Document:
    """Run it and report: SPEC section 3, and where the rows are.

    Raises ConfigError when the recording cannot be rehearsed, DatabaseError when
    the database cannot be used.
    """
    from bot.jobs.rehearse import Plan
    from bot.simulator import Simulator

    recording = _open(request)
    start_ms, end_ms = _period(request, recording)
    asked = _asked_for(request, recording, start_ms, end_ms)
    database, resumed = _database(request, asked, end_ms)
    with Simulator(recording, at_ms=start_ms, spread_bps=request.spread_bps) as venue:
        pinned = _pinned(request, recording)
        pinned["exchange.url"] = venue.url
        settings = load(pinned)
        first_ms = _prepare(database, settings, request, pinned, asked, start_ms)
        if resumed:
            session.note(text("rehearse.resumed", now=_day(first_ms)))
        plan = Plan(min(first_ms, end_ms), end_ms, request.every_ms)
        report = asyncio.run(_run(plan, venue, database, settings, pinned, on_progress))
    return {
        "replay": True,
        "data": recording.name,
        "synthetic": recording.synthetic,
        "symbols": list(settings.market.symbols),
        "quote": settings.market.quote,
        "every_s": request.every_ms // 1000,
        "resumed": resumed,
        **report,
    }


async def _run(
    plan: Any,
    venue: Simulator,
    database: Database,
    settings: Settings,
    pinned: Mapping[str, Any],
    on_progress: Progress,
) -> Document:
    from bot.adapters.postgres import PostgresStore
    from bot.jobs.rehearse import rehearse as run_plan

    store = PostgresStore(database.url)
    runner = TickRunner(store, settings, open_market(settings, speedy=True), pinned, lease_s=LEASE_S)
    try:
        return await run_plan(plan, venue.clock.set_ms, runner.tick, lambda: _outcome(database), on_progress)
    finally:
        await runner.aclose()


def _open(request: Request) -> Recording:
    """The recording, cut to one quote currency. Raises ConfigError."""
    from bot.simulator import bundled_recording, open_recording
    from bot.simulator.candle_files import symbols_in

    if request.data is None:
        return bundled_recording(request.symbols or None)
    symbols = request.symbols
    if not symbols and request.data.is_dir():
        there = symbols_in(request.data)
        quotes = Counter(symbol.partition("/")[2] for symbol in there)
        symbols = tuple(symbol for symbol in there if quotes and symbol.endswith("/" + quotes.most_common(1)[0][0]))
    recording = open_recording(request.data, symbols or None)
    quotes = Counter(symbol.partition("/")[2] for symbol in recording.symbols)
    if len(quotes) > 1:
        raise ConfigError(
            f"symbols in several currencies: {', '.join(sorted(quotes))}",
            where="--symbols",
            fix="one rehearsal has one cash account: choose symbols of one quote currency",
        )
    return recording


def _period(request: Request, recording: Recording) -> tuple[int, int]:
    """First and last tick, on the cadence. Raises ConfigError when the recording does not cover them."""
    finest = [recording.finest(symbol) for symbol in recording.symbols]
    first_ms, last_ms = max(series.first_ms for series in finest), min(series.end_ms for series in finest)
    end_ms = floor_ms(min(request.end_ms or last_ms, last_ms), request.every_ms)
    start_ms = request.start_ms or _first_useful_ms(recording, first_ms)
    start_ms = -(-start_ms // request.every_ms) * request.every_ms
    if not first_ms <= start_ms <= end_ms:
        told = f"{_day(first_ms)} to {_day(last_ms)}"
        raise ConfigError(
            f"nothing to rehearse from {_day(start_ms)} to {_day(request.end_ms or last_ms)}",
            where="--from, --to",
            fix=f"all symbols are recorded from {told}",
        )
    return start_ms, end_ms


def _first_useful_ms(recording: Recording, first_ms: int) -> int:
    """The first moment with enough history: where coarser candles reach back further, the very first."""
    oldest = max(min(series.first_ms for series in frames.values()) for frames in recording.series.values())
    return max(first_ms, oldest + DECISION_CANDLES * timeframe_ms("1h"))


def _day(moment_ms: int) -> str:
    return f"{to_datetime(moment_ms):%Y-%m-%d %H:%M}"


def _asked_for(request: Request, recording: Recording, start_ms: int, end_ms: int) -> str:
    """What is rehearsed, in words; the same words mean the same rehearsal."""
    symbols = ", ".join(recording.symbols)
    return (
        f"rehearsal of {recording.name}: {symbols}; {_day(start_ms)} to {_day(end_ms)} every "
        f"{request.every_ms // 1000} s; cash {request.cash}; spread {request.spread_bps} bps"
    )


def _pinned(request: Request, recording: Recording) -> dict[str, Any]:
    """Settings that follow from the data, whatever file and environment say."""
    quote = recording.symbols[0].partition("/")[2]
    pinned: dict[str, Any] = {
        **request.overrides,
        "exchange.id": "kraken",
        "market.symbols": list(recording.symbols),
        "market.quote": quote,
        "paper.initial_cash": float(request.cash),
    }
    finest_ms = max(recording.finest(symbol).step_ms for symbol in recording.symbols)
    if finest_ms > timeframe_ms("5m"):
        coarsest = next(symbol for symbol in recording.symbols if recording.finest(symbol).step_ms == finest_ms)
        pinned["market.protection_timeframe"] = recording.finest(coarsest).timeframe
    if 15_000 <= request.every_ms <= 3_600_000 and DAY_MS % request.every_ms == 0:
        pinned["market.slot_s"] = request.every_ms // 1000
    return pinned


def _database(request: Request, asked: str, end_ms: int) -> tuple[Database, bool]:
    """A database of the rehearsal's own, and whether it holds one to go on with.

    A new one beside the bots', or DATABASE_URL's if it holds nothing else:
    virtual time in the ledger of real bots would be past repair, so this refuses
    a database that anything but a rehearsal has used. Raises ConfigError.
    """
    from bot.adapters.postgres_connection import connect, create_database, drop_database

    server = find_database()
    if not server.embedded:
        resumed = request.resume or (not request.fresh and _unfinished(server, asked, end_ms))
        _refuse_used(server, resumed)
        return server, resumed
    own = find_database(REHEARSAL)
    with connect(server.url, "metronome rehearse") as connection:
        there = connection.execute("select 1 from pg_database where datname = %s", (REHEARSAL,)).fetchone()
    resumed = bool(there) and (request.resume or (not request.fresh and _unfinished(own, asked, end_ms)))
    if not resumed:
        drop_database(server.url, REHEARSAL)
        create_database(server.url, REHEARSAL)
    return own, resumed


def _unfinished(database: Database, asked: str, end_ms: int) -> bool:
    """Whether the database holds this very rehearsal, cut short."""
    from bot.adapters.config_store import ConfigStore
    from bot.adapters.postgres_reports import PostgresReports

    store, reports = ConfigStore(database.url), PostgresReports(database.url)
    try:
        history = store.history(REHEARSAL)
        same = bool(history) and history[-1]["note"] == asked
        return same and not any(t["slot_ms"] >= end_ms and t["status"] == "done" for t in reports.ticks(1))
    except (ConfigError, DatabaseError):
        # No tables, no such bot: nothing to go on with.
        return False
    finally:
        store.close()
        reports.close()


def _refuse_used(database: Database, resume: bool) -> None:
    from bot.adapters.postgres_reports import PostgresReports

    reports = PostgresReports(database.url)
    try:
        names, ticks = [row["name"] for row in reports.bots()], len(reports.ticks(1))
    except DatabaseError as problem:
        if "schema is older" in problem.what:
            return
        raise
    finally:
        reports.close()
    foreign = [name for name in names if name != REHEARSAL]
    if foreign or (ticks and not resume):
        what = f"DATABASE_URL holds bots: {', '.join(foreign)}" if foreign else "DATABASE_URL holds a rehearsal already"
        fix = "unset DATABASE_URL, or name an empty database" + ("" if foreign else ", or go on with --resume")
        raise ConfigError(what, where="DATABASE_URL", fix=fix)


def _prepare(
    database: Database, settings: Settings, request: Request, pinned: Mapping[str, Any], asked: str, start_ms: int
) -> int:
    """Tables, the bot and its settings. Returns the first tick: after the last one that is done, when resumed."""
    from bot.adapters.config_store import ConfigStore
    from bot.adapters.migrations import migrate
    from bot.adapters.postgres_reports import PostgresReports

    migrate(database.url)
    reports, store = PostgresReports(database.url), ConfigStore(database.url)
    try:
        reports.ensure_bot(REHEARSAL, "paper", settings.market.quote, request.cash, start_ms)
        kept = {name: value for name, value in pinned.items() if name != "exchange.url"}
        store.set(REHEARSAL, kept, author="rehearse", note=asked)
        done: list[int] = [tick["slot_ms"] for tick in reports.ticks(2) if tick["status"] == "done"]
    finally:
        reports.close()
        store.close()
    return max([start_ms, *(slot_ms + request.every_ms for slot_ms in done)])


def _outcome(database: Database) -> Outcome:
    from bot.adapters.postgres_reports import PostgresReports
    from bot.domain.records import Trade
    from bot.jobs.rehearse import Outcome

    reports = PostgresReports(database.url)
    try:
        trades = [
            Trade(**{name: row[name] for name in Trade.__dataclass_fields__}) for row in reports.trades(REHEARSAL)
        ]
        equity = [(row["at_ms"], row["equity"]) for row in reports.equity_curve(REHEARSAL)]
        return Outcome(trades, equity, len(reports.orders(REHEARSAL)))
    finally:
        reports.close()
