"""One tick: lease, candles, settle, signals, decision, orders, state.

Stateless: everything it knows comes from the database and the venue, everything
it leaves behind is in the database. Each step is one commit under the fencing
number of the lease, so a run that dies, sleeps or comes twice leaves a state from
which the next tick goes on.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from typing import Any, cast

from bot.domain.book import BotStatus
from bot.domain.errors import ConfigError, DatabaseError, ExchangeError, LeaseLost
from bot.domain.ports import LiveVenue, MarketData, Opening
from bot.domain.records import BotSnapshot, BotWrites, Lease, RiskEvent, Snapshot, Writes
from bot.domain.timeframes import floor_ms, to_datetime
from bot.jobs import bot_run, live
from bot.jobs.bot_run import BotRun, MarketNow
from bot.jobs.report import bot_report, iso
from bot.jobs.tick_data import ask_before_leaving, bring_up_to_date, look_closer, refresh_metadata
from bot.jobs.tick_orders import deadline, look, protect, send_planned
from bot.jobs.tick_state import Chosen, Laps, Tick, TickDeps, mode_of, running_s
from bot.settings import Settings

__all__ = ["TickDeps", "run_tick"]

VENUE_KEY = "venue"
"""Key of the risk event of a venue that cannot be used."""

SETTINGS_KEY = "settings"
"""Key of the risk event of a bot whose own settings are wrong."""


async def run_tick(deps: TickDeps, *, at_ms: int | None = None, dry_run: bool = False) -> dict[str, Any]:
    """Do one tick and return its document (SPEC section 3).

    at_ms: virtual time in place of the venue's, paper only; may not lie before the
    last tick.  dry_run: decide, but write nothing and send nothing.  A tick whose
    slot is done, or whose lease another run holds, leaves at once: the document then
    has "skipped" and says why.

    Raises ExchangeError when the venue cannot be used, DatabaseError when the
    database cannot, LeaseLost when another run took over meanwhile.
    """
    laps, began_s = Laps(), running_s()
    snapshot = await asyncio.to_thread(deps.store.begin, deps.holder, deps.lease_s)
    laps.lap("load")
    if not snapshot.db_writable:
        raise DatabaseError(
            "the database is read-only", where="begin", fix="free some space or lift the quota; nothing was done"
        )
    if snapshot.lease is None:
        return _skipped(snapshot, "held", f"another run holds this tick: {snapshot.holder}", laps)
    lease = snapshot.lease
    try:
        market_data = deps.open_market(snapshot)
    except BaseException:
        await asyncio.to_thread(deps.store.commit, lease, Writes(release=True))
        raise
    chosen = {bot.bot_id: _settings_of(deps, bot) for bot in snapshot.bots}
    try:
        opening = await _open(deps, snapshot, chosen, market_data)
        _trust_time(deps, opening)
        now_ms = _time_of(snapshot, opening, at_ms)
    except BaseException as error:
        await _give_up(deps, lease, market_data, error, dry_run)
        raise
    laps.lap("opening")
    slot_ms = floor_ms(now_ms, deps.base.market.slot_s * 1000)
    if slot_ms <= snapshot.last_slot_ms:
        await asyncio.to_thread(deps.store.commit, lease, Writes(release=True))
        return _skipped(snapshot, "done", f"slot {iso(slot_ms)} is done already", laps, now_ms)

    markets = {m.symbol: m for m in snapshot.markets}
    now = MarketNow(now_ms, opening.status, dict(opening.quotes), markets, backup=opening.backup)
    tick = Tick(deps, lease, snapshot, chosen, market_data, now, slot_ms, at_ms, opening.now_ms, dry_run, laps)
    tick.opened_clock_ms, tick.held_since_s = deps.clock_ms(), began_s
    try:
        return await _work(tick)
    except LeaseLost:
        raise
    except BaseException as error:
        # Whatever went wrong, the ledger says so; the slot stays open for the next run.
        with contextlib.suppress(DatabaseError):
            failed = tick.record("failed", error=f"{type(error).__name__}: {error}")
            events = (_venue_down(deps, error),) if isinstance(error, ExchangeError) else ()
            writes = Writes(
                tick=failed, breaker=market_data.breaker_state(), live_venue=tick.live_state(saved=False),
                risk_events=events, release=True,
            )  # fmt: skip
            await tick.commit(writes)
        raise


def _settings_of(deps: TickDeps, bot: BotSnapshot) -> tuple[Settings, ConfigError | None]:
    """A bot's settings; those of the installation when its own are wrong.

    One bot's mistake must not leave the others, nor what it holds itself, unattended.
    """
    try:
        settings = deps.settings_for(bot)
        if settings.market.quote != bot.quote:
            raise ConfigError(
                f"its money is {bot.quote}, but its pairs are quoted in {settings.market.quote}",
                where="market.quote",
                fix=f"give it pairs in {bot.quote}, or make another bot for {settings.market.quote}",
            )
        return settings, None
    except ConfigError as error:
        return deps.base, error


def _settings_events(tick: Tick) -> list[RiskEvent]:
    events = []
    for bot in tick.snapshot.bots:
        error = tick.chosen[bot.bot_id][1]
        if error is not None:
            message = f"{bot.name} enters nothing: {error.what}"
            fix = error.fix or f"python -m bot config rollback --bot {bot.name}"
            events.append(
                RiskEvent(bot.bot_id, SETTINGS_KEY, "", "bad_settings", "error", message, fix, tick.now.now_ms)
            )
        elif SETTINGS_KEY in bot.open_risk_keys:
            events.append(
                RiskEvent(bot.bot_id, SETTINGS_KEY, "", "bad_settings", "info", "mended", "", tick.now.now_ms, True)
            )
    return events


async def _open(deps: TickDeps, snapshot: Snapshot, chosen: Chosen, market_data: MarketData) -> Opening:
    symbols = list(deps.base.market.symbols)
    for bot in snapshot.bots:
        symbols += chosen[bot.bot_id][0].market.symbols
        symbols += [trade.symbol for trade in bot.open_trades] + [order.symbol for order in bot.open_orders]
    return await market_data.opening(tuple(dict.fromkeys(symbols)))


def _trust_time(deps: TickDeps, opening: Opening) -> None:
    """Refuse a venue's time that cannot be: one answer from the far future would mark all slots until then as done."""
    skew_ms = opening.now_ms - deps.wall_ms()
    if deps.max_skew_ms is not None and abs(skew_ms) > deps.max_skew_ms:
        raise ExchangeError(
            f"the exchange's clock says {iso(opening.now_ms)}, this machine's says {iso(deps.wall_ms())}",
            where="server time",
            fix="set this machine's clock; if it is right, wait for the exchange's",
        )


def _time_of(snapshot: Snapshot, opening: Opening, at_ms: int | None) -> int:
    """The venue's time, or the virtual one asked for. Raises ConfigError for one that cannot be."""
    if at_ms is None:
        return opening.now_ms
    live = [bot.name for bot in snapshot.bots if bot.mode == "live"]
    if live:
        raise ConfigError(
            f"--at is for paper only, and {', '.join(live)} trades live", where="--at", fix="tick without --at"
        )
    if at_ms < snapshot.last_now_ms:
        raise ConfigError(
            f"--at {iso(at_ms)} lies before the last tick ({iso(snapshot.last_now_ms)})",
            where="--at",
            fix="time only runs forward: give a later moment, or use a database of its own",
        )
    if at_ms > opening.now_ms:
        raise ConfigError(
            f"--at {iso(at_ms)} lies in the venue's future ({iso(opening.now_ms)})",
            where="--at",
            fix="give a moment that has passed",
        )
    return at_ms


async def _give_up(deps: TickDeps, lease: Lease, market_data: MarketData, error: BaseException, dry_run: bool) -> None:
    """Leave a trace of a tick that found no venue, and let the next run in, whatever went wrong."""
    events: tuple[RiskEvent, ...] = ()
    breaker = None if dry_run else market_data.breaker_state()
    if isinstance(error, ExchangeError) and not dry_run:
        events = (_venue_down(deps, error),)
    with contextlib.suppress(DatabaseError):
        await asyncio.to_thread(deps.store.commit, lease, Writes(risk_events=events, breaker=breaker, release=True))


def _venue_down(deps: TickDeps, error: ExchangeError) -> RiskEvent:
    return RiskEvent(0, VENUE_KEY, "", "venue_down", "error", error.what, error.fix, deps.wall_ms())


def _venue_back(tick: Tick) -> tuple[RiskEvent, ...]:
    """The end of the event that an unreachable venue opened."""
    if not any(VENUE_KEY in bot.open_risk_keys for bot in tick.snapshot.bots):
        return ()
    return (RiskEvent(0, VENUE_KEY, "", "venue_down", "info", "reachable again", "", tick.now.now_ms, True),)


async def _work(tick: Tick) -> dict[str, Any]:
    deps, now, laps = tick.deps, tick.now, tick.laps
    await refresh_metadata(tick)
    for bot in tick.snapshot.bots:
        if bot.status is not BotStatus.IDLE or bot.open_trades or bot.open_orders:
            tick.runs.append(_open_run(tick, bot))
    looking = asyncio.create_task(look(tick))
    try:
        await bring_up_to_date(tick)
    finally:
        await looking
    for run in tick.runs:
        bot_run.stand_in_quotes(run, now)
        bot_run.settle(run, now)
        bot_run.read_signals(run, now)
        bot_run.make_views(run, now, {})
        bot_run.take_decision(run, now)
    laps.lap("decide")
    await ask_before_leaving(tick)
    await look_closer(tick)
    records = []
    for run in tick.runs:
        records.append(bot_run.record(run, now, deps.code_version))
        more = live.orphan_intents(run) if run.venue and not run.hands_off else ()
        bot_run.plan(run, now, tick.lease.token, deadline(tick, run), more)
    first = [bot_run.plan_writes(run, record) for run, record in zip(tick.runs, records, strict=True)]
    events = tuple(event for run in tick.runs for event in bot_run.data_events(run, now, tick.fetched))
    events += tuple(event for run in tick.runs for event in bot_run.book_events(run, now))
    events = (*events, *_venue_back(tick), *_settings_events(tick))
    if any(run.planned for run in tick.runs):
        await tick.commit(
            Writes(tick=tick.record("running"), candles=tuple(tick.fresh), bots=tuple(first), risk_events=events)
        )
        laps.lap("save")
        tick.fresh, first, events = [], [], ()
        if not tick.dry_run:
            for run in tick.runs:
                await send_planned(tick, run, run.planned)
            for run in tick.live_runs:
                if run.planned:
                    await protect(tick, run)
        laps.lap("orders")
    for run in tick.runs:
        bot_run.finish_commands(run)
    events += tuple(event for run in tick.runs if run.live for event in live.events(run, now))
    last = [bot_run.outcome_writes(run, now) for run in tick.runs]
    document = _document(tick)
    await tick.commit(
        Writes(
            tick=tick.record("done", report=document),
            candles=tuple(tick.fresh),
            bots=tuple(_joined(first, last)),
            risk_events=events,
            breaker=tick.market_data.breaker_state(),
            live_venue=tick.live_state(saved=True),
            release=True,
        )
    )
    laps.lap("save")
    document["timings_ms"] = dict(laps.timings_ms)
    return document


def _open_run(tick: Tick, bot: BotSnapshot) -> BotRun:
    """One bot's run, and what keeps it from entering or from ordering at all in this tick."""
    settings, wrong = tick.chosen[bot.bot_id]
    run = bot_run.open_run(bot, settings, "halted" if wrong else "")
    if tick.snapshot.killed:
        run.wait("killed", hands_off=True)
    if tick.now.backup:
        run.wait("backup_data")
    if run.live and tick.deps.live:
        run.venue = cast(LiveVenue, tick.deps.venue_for(bot, settings))
        run.venue.know(tuple(tick.now.markets.values()))
        run.observed_ms = int(tick.snapshot.live_venue.get("observed_ms", 0))
    elif run.live:
        run.wait("live_off", hands_off=True)
    return run


def _joined(first: Sequence[BotWrites], last: Sequence[BotWrites]) -> list[BotWrites]:
    """Both commits of each bot in one, where nothing had to be sent in between."""
    if not first:
        return list(last)
    joined = []
    for a, b in zip(first, last, strict=True):
        joined.append(
            BotWrites(
                bot_id=a.bot_id, orders=a.orders + b.orders, order_events=a.order_events + b.order_events,
                fills=a.fills + b.fills, trades=a.trades + b.trades, trade_events=a.trade_events + b.trade_events,
                signals=a.signals, verdicts=a.verdicts, decision=a.decision, cooldowns=a.cooldowns + b.cooldowns,
                equity=b.equity, states=b.states, commands_done=b.commands_done,
                dead_letters=a.dead_letters + b.dead_letters,
            )
        )  # fmt: skip
    return joined


def _document(tick: Tick) -> dict[str, Any]:
    return {
        "slot": iso(tick.slot_ms),
        "mode": mode_of(tick.snapshot),
        "now": iso(tick.now.now_ms),
        "venue_status": tick.now.status,
        "missed_slots": tick.missed_slots,
        "dry_run": tick.dry_run,
        "bots": [bot_report(run, tick.now) for run in tick.runs],
        "timings_ms": dict(tick.laps.timings_ms),
    }


def _skipped(snapshot: Snapshot, why: str, detail: str, laps: Laps, now_ms: int = 0) -> dict[str, Any]:
    return {
        "slot": iso(snapshot.last_slot_ms) if why == "done" else None,
        "mode": mode_of(snapshot),
        "now": to_datetime(now_ms).isoformat() if now_ms else None,
        "skipped": why,
        "detail": detail,
        "bots": [],
        "timings_ms": laps.timings_ms,
    }
