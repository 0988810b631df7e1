"""One tick: lease, candles, settle, signals, decision, orders, state.

Stateless: everything it knows comes from the database and the venue, everything
it leaves behind is in the database. Each step is one commit under the fencing
number of the lease, so a run that dies, sleeps or comes twice leaves a state from
which the next tick goes on.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, cast

from bot.domain.book import BotStatus
from bot.domain.candles import Candles
from bot.domain.errors import ConfigError, DatabaseError, ExchangeError, LeaseLost
from bot.domain.markets import Quote
from bot.domain.ports import CandleRequest, LiveVenue, MarketData, Opening, Store, Venue
from bot.domain.records import BotSnapshot, BotWrites, Lease, RiskEvent, Snapshot, TickRecord, Writes
from bot.domain.timeframes import floor_ms, to_datetime
from bot.jobs import bot_run, candles, live
from bot.jobs.bot_run import BotRun, MarketNow
from bot.jobs.candles import Key, Need
from bot.jobs.orders import Planned, send
from bot.jobs.report import bot_report, iso
from bot.settings import Settings

VENUE_KEY = "venue"
"""Key of the risk event of a venue that cannot be used."""

SETTINGS_KEY = "settings"
"""Key of the risk event of a bot whose own settings are wrong."""

METADATA_MAX_AGE_MS = 86_400_000
"""Trading rules of symbols change rarely; they are asked for once a day."""

SAFE_SHARE_OF_LEASE = 0.75
"""How much of the lease may have passed since the last write when a request is sent: then another run may begin."""

MOST_FROM_STORED = 0.10
"""How far a backup's price may be from the last close of the venue itself, as a fraction."""

LONGEST_DOUBT_MS = 45_000
"""How long a tick waits for certainty about an order on an unprotected position."""

PROTECTING_ROUNDS = 2
"""How often a tick looks what came of its orders, and mends what is unprotected."""


@dataclass(frozen=True, slots=True)
class TickDeps:
    """What a tick is given. Only the command line builds these from real adapters.

    open_market: called once the snapshot is there, so that the cached trading
    rules and the breaker's state get in.  holder: names this run in the lease.  lease_s: how long the lease lasts
    without renewal.  wall_ms: the runner's clock, used only where the venue cannot
    be asked for the time.  max_skew_ms: how far both clocks may differ; None where
    the venue's time is virtual.  sleep: replaced where time is virtual.  live: whether live bots may be tended at all;
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
    lease_s: float = 240.0
    max_skew_ms: int | None = None
    live: bool = False
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep


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
class _Tick:
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
    opened_wall_ms: int = 0
    held_since_s: float = field(default_factory=lambda: _running_s())

    @property
    def live_runs(self) -> list[BotRun]:
        """Live bots whose venue may be asked."""
        return [run for run in self.runs if run.venue is not None]

    def venue_now(self) -> int:
        """The venue's time now: that of the opening and what has passed since."""
        return self.now.now_ms + max(self.deps.wall_ms() - self.opened_wall_ms, 0)

    def sending_now(self) -> int:
        """As venue_now. Raises LeaseLost when another run may have begun: nothing may be sent then."""
        held_s = _running_s() - self.held_since_s
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
        asked_s = _running_s()
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
        mode = _mode(self.snapshot)
        return TickRecord(
            self.slot_ms, self.now.now_ms, mode, status, self.missed_slots, dict(self.laps.timings_ms), **more
        )


def _running_s() -> float:
    """Seconds on a clock that also counts while the machine sleeps, where there is one."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


async def run_tick(deps: TickDeps, *, at_ms: int | None = None, dry_run: bool = False) -> dict[str, Any]:
    """Do one tick and return its document (SPEC section 3).

    at_ms: virtual time in place of the venue's, paper only; may not lie before the
    last tick.  dry_run: decide, but write nothing and send nothing.  A tick whose
    slot is done, or whose lease another run holds, leaves at once: the document then
    has "skipped" and says why.

    Raises ExchangeError when the venue cannot be used, DatabaseError when the
    database cannot, LeaseLost when another run took over meanwhile.
    """
    laps, began_s = Laps(), _running_s()
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
    tick = _Tick(deps, lease, snapshot, chosen, market_data, now, slot_ms, at_ms, opening.now_ms, dry_run, laps)
    tick.opened_wall_ms, tick.held_since_s = deps.wall_ms(), began_s
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


def _settings_events(tick: _Tick) -> list[RiskEvent]:
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


async def _give_up(
    deps: TickDeps, lease: Lease, market_data: MarketData, error: BaseException, dry_run: bool
) -> None:
    """Leave a trace of a tick that found no venue, and let the next run in, whatever went wrong."""
    events: tuple[RiskEvent, ...] = ()
    breaker = None if dry_run else market_data.breaker_state()
    if isinstance(error, ExchangeError) and not dry_run:
        events = (_venue_down(deps, error),)
    with contextlib.suppress(DatabaseError):
        await asyncio.to_thread(deps.store.commit, lease, Writes(risk_events=events, breaker=breaker, release=True))


def _venue_down(deps: TickDeps, error: ExchangeError) -> RiskEvent:
    return RiskEvent(0, VENUE_KEY, "", "venue_down", "error", error.what, error.fix, deps.wall_ms())


def _venue_back(tick: _Tick) -> tuple[RiskEvent, ...]:
    """The end of the event that an unreachable venue opened."""
    if not any(VENUE_KEY in bot.open_risk_keys for bot in tick.snapshot.bots):
        return ()
    return (RiskEvent(0, VENUE_KEY, "", "venue_down", "info", "reachable again", "", tick.now.now_ms, True),)


async def _work(tick: _Tick) -> dict[str, Any]:
    deps, now, laps = tick.deps, tick.now, tick.laps
    await _refresh_metadata(tick)
    for bot in tick.snapshot.bots:
        if bot.status is not BotStatus.IDLE or bot.open_trades or bot.open_orders:
            tick.runs.append(_open_run(tick, bot))
    looking = asyncio.create_task(_look(tick))
    try:
        await _bring_up_to_date(tick)
    finally:
        await looking
    for run in tick.runs:
        bot_run.stand_in_quotes(run, now)
        bot_run.settle(run, now)
        bot_run.read_signals(run, now)
        bot_run.make_views(run, now, {})
        bot_run.take_decision(run, now)
    laps.lap("decide")
    await _look_closer(tick)
    records = []
    for run in tick.runs:
        records.append(bot_run.record(run, now, deps.code_version))
        more = live.orphan_intents(run) if run.venue else ()
        bot_run.plan(run, now, tick.lease.token, _deadline(tick, run), more)
    first = [bot_run.plan_writes(run, record) for run, record in zip(tick.runs, records, strict=True)]
    events = tuple(event for run in tick.runs for event in bot_run.data_events(run, now, tick.fetched))
    events = (*events, *_venue_back(tick), *_settings_events(tick))
    if any(run.planned for run in tick.runs):
        await tick.commit(
            Writes(tick=tick.record("running"), candles=tuple(tick.fresh), bots=tuple(first), risk_events=events)
        )
        laps.lap("save")
        tick.fresh, first, events = [], [], ()
        if not tick.dry_run:
            for run in tick.runs:
                await _send(tick, run, run.planned)
            for run in tick.live_runs:
                if run.planned:
                    await _protect(tick, run)
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


def _open_run(tick: _Tick, bot: BotSnapshot) -> BotRun:
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


async def _look(tick: _Tick) -> None:
    """What became of the live bots' orders. A bot whose account cannot be read orders nothing in this tick."""
    for run in tick.live_runs:
        try:
            await live.look(run, tick.now, tick.now.now_ms)
            if await _wait_for_certainty(tick, run):
                await live.look(run, tick.now, tick.venue_now())
        except ExchangeError as error:
            run.unseen = str(error)
            run.wait("venue_unseen", hands_off=True)


def _deadline(tick: _Tick, run: BotRun) -> int:
    """From when on the venue must refuse the orders that are planned now, ms UTC.

    The paper venue accepts within the commit that records the answer: what it has not is never placed.
    """
    return tick.venue_now() + round(run.settings.live.deadline_s * 1000) if run.venue else tick.now.now_ms


async def _wait_for_certainty(tick: _Tick, run: BotRun) -> bool:
    """Wait until an order in doubt must have shown itself, where a position is without its stop meanwhile.

    Until then nothing may be ordered there, and the next tick is minutes away.
    """
    until_ms = live.certain_from_ms(run)
    wait_ms = until_ms - tick.venue_now()
    if not 0 < wait_ms <= LONGEST_DOUBT_MS:
        return False
    await tick.deps.sleep(wait_ms / 1000)
    return tick.venue_now() >= until_ms


async def _protect(tick: _Tick, run: BotRun) -> None:
    """See what came of the orders, and put stops where a position lacks them.

    What cannot be seen or mended now is seen at the beginning of the next tick.
    """
    for _ in range(PROTECTING_ROUNDS):
        try:
            await live.look_again(run, tick.venue_now())
            if await _wait_for_certainty(tick, run):
                await live.look_again(run, tick.venue_now())
        except ExchangeError as error:
            run.unseen = str(error)
            return
        intents = live.protection_intents(run, tick.now)
        if not intents:
            return
        planned = bot_run.plan_more(run, tick.now, intents, tick.lease.token, _deadline(tick, run))
        await tick.commit(Writes(tick=tick.record("running"), bots=(run.account.drain(),)))
        await _send(tick, run, planned)


async def _refresh_metadata(tick: _Tick) -> None:
    """Trading rules of all symbols, once a day or when a symbol is new.

    A symbol that was looked for in vain has an open risk event: it waits for the next day.
    """
    wanted = {symbol for settings, _ in tick.chosen.values() for symbol in settings.market.symbols}
    in_vain = {key.removeprefix("data:") for bot in tick.snapshot.bots for key in bot.open_risk_keys}
    if tick.now.backup and tick.now.markets:
        return
    age = tick.now.now_ms - tick.snapshot.markets_ms
    if 0 <= age < METADATA_MAX_AGE_MS and wanted <= set(tick.now.markets) | in_vain:
        return
    try:
        fresh = await tick.market_data.markets()
    except ExchangeError:
        if not tick.now.markets:
            raise
        # Yesterday's rules protect better than no tick; they are asked for again at the next one.
        tick.laps.lap("metadata")
        return
    tick.now.markets = {market.symbol: market for market in fresh}
    await tick.commit(Writes(markets=fresh, markets_ms=tick.now.now_ms))
    tick.laps.lap("metadata")


async def _bring_up_to_date(tick: _Tick) -> None:
    """Fetch what has closed while the stored windows are read, and join the two.

    What came in is kept in tick.fresh for the next commit; a run that dies before
    that fetches it again.
    """
    now = tick.now
    needs = candles.merge_needs(need for run in tick.runs for need in bot_run.find_needs(run, now))
    known = [need for need in needs if need.symbol in now.markets]
    tails = tick.snapshot.series_tails
    window = max((run.settings.market.window for run in tick.runs), default=0)
    wanted = candles.windows_wanted(known, tails, _look_back(tick), now.now_ms, window)
    requests = candles.plan_requests(known, tails, now.now_ms, window)
    gathered, now.stored = await asyncio.gather(
        _fetch(tick, requests), _read_windows(tick, wanted)
    )
    tick.laps.lap("fetch")
    if now.backup:
        gathered = _plausible(tick, gathered)
    _take_in(tick, gathered, known)
    behind = [r for r in candles.missing(now.stored, known, now.now_ms) if r.symbol not in gathered.problems]
    if behind:
        _take_in(tick, await _fetch(tick, behind), known)
        tick.laps.lap("fetch")
    for request in candles.missing(now.stored, known, now.now_ms):
        detail = f"the last full {request.timeframe} candle is missing"
        now.problems.setdefault(request.symbol, candles.Problem("stale", detail))
    tick.fetched = {need.symbol for need in known} - set(now.problems)
    if now.backup:
        # Another venue's candles: good enough to protect by, and never this venue's history.
        tick.fresh = []
    if tick.at_ms is not None:
        _quotes_as_of(tick)
    tick.laps.lap("candles")


def _plausible(tick: _Tick, gathered: candles.Gathered) -> candles.Gathered:
    """What a backup says of symbols whose price is near the one that we last stored of the venue itself.

    Two venues may call different coins by one name; to sell one at the price of the other would be a disaster.
    """
    now = tick.now
    for run in tick.runs:
        for symbol in run.symbols:
            newest, quote = bot_run.newest_finest(run, now, symbol), now.quotes.get(symbol)
            if newest is None or quote is None:
                continue
            close = float(newest.close[0])
            if not abs(quote.last / close - 1.0) <= MOST_FROM_STORED:
                del now.quotes[symbol]
                detail = f"{now.backup} says {quote.last:g}, the last stored close is {close:g}"
                now.problems[symbol] = candles.Problem("no_quote", detail)
    return replace(gathered, fresh=[one for one in gathered.fresh if one.symbol not in now.problems])


async def _fetch(tick: _Tick, requests: Sequence[CandleRequest]) -> candles.Gathered:
    """Closed candles as of the tick's time: the venue judges by its own time, and may be ahead of it."""
    return await candles.gather(tick.market_data, requests, tick.venue_ms, tick.now.now_ms)


def _look_back(tick: _Tick) -> dict[str, int]:
    since: dict[str, int] = {}
    for run in tick.runs:
        for symbol, moment in bot_run.look_back_ms(run).items():
            since[symbol] = min(since.get(symbol, moment), moment)
    return since


async def _read_windows(tick: _Tick, wanted: Sequence[CandleRequest]) -> dict[Key, Candles]:
    return await asyncio.to_thread(tick.deps.store.windows, wanted) if wanted else {}


def _take_in(tick: _Tick, gathered: candles.Gathered, needs: Sequence[Need]) -> None:
    """Join fetched candles to the stored ones and build the coarser ones from them."""
    now = tick.now
    for fresh in gathered.fresh:
        key = (fresh.symbol, fresh.timeframe)
        now.stored[key] = candles.absorb(now.stored.get(key, Candles.empty(*key)), fresh)
    built = candles.build_coarser(now.stored, needs, now.now_ms)
    tick.fresh += [*gathered.fresh, *built]
    now.problems.update(gathered.problems)


def _quotes_as_of(tick: _Tick) -> None:
    """With --at, what a symbol traded at then: the close of its newest finest candle."""
    for run in tick.runs:
        for symbol in run.symbols:
            newest = bot_run.newest_finest(run, tick.now, symbol)
            if newest is not None:
                price = float(newest.close[0])
                tick.now.quotes[symbol] = Quote(price, price, price)


async def _look_closer(tick: _Tick) -> None:
    """Read the order book of symbols that are about to be entered, and decide again with it.

    Not with a virtual time: the order book is the venue's of now.
    """
    if tick.at_ms is not None:
        return
    near = {s: run for run in tick.runs if run.decision for s in bot_run.symbols_to_enter(run.decision)}
    if not near:
        return
    depth = max(run.settings.market.order_book_depth for run in near.values())
    read = await asyncio.gather(*(tick.market_data.order_book(symbol, depth) for symbol in near))
    books = {symbol: book for symbol, book in zip(near, read, strict=True) if book is not None}
    for run in tick.runs:
        if run.decision and any(symbol in books for symbol in bot_run.symbols_to_enter(run.decision)):
            bot_run.make_views(run, tick.now, books)
            bot_run.take_decision(run, tick.now)
    tick.laps.lap("order_books")


async def _send(tick: _Tick, run: BotRun, planned: Sequence[Planned]) -> None:
    if not planned:
        return
    venue = run.venue or tick.deps.venue_for(run.snapshot, run.settings)
    quotes = {view.symbol: Quote(view.quote_bid, view.quote_ask, view.quote_last) for view in run.views}
    volumes = {}
    for symbol in run.symbols:
        newest = bot_run.newest_finest(run, tick.now, symbol)
        if newest is not None:
            volumes[symbol] = float(newest.volume[0])
    clock = tick.sending_now if run.venue else lambda: tick.now.now_ms
    await send(planned, run.account, venue, quotes, tick.now.markets, volumes, clock)


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


def _mode(snapshot: Snapshot) -> str:
    return "live" if any(bot.mode == "live" for bot in snapshot.bots) else "paper"


def _document(tick: _Tick) -> dict[str, Any]:
    return {
        "slot": iso(tick.slot_ms),
        "mode": _mode(tick.snapshot),
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
        "mode": _mode(snapshot),
        "now": to_datetime(now_ms).isoformat() if now_ms else None,
        "skipped": why,
        "detail": detail,
        "bots": [],
        "timings_ms": laps.timings_ms,
    }
