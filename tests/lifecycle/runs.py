"""One tick of a live bot on rows and a model venue: the job's own steps in its own order, and its death at any of them.

What a tick does with candles is left out: it is handed its signals. All that touches
orders is the real code.
"""

from __future__ import annotations

from collections.abc import Coroutine, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import cache
from typing import Any

from bot.domain.markets import Quote
from bot.domain.records import BotWrites, Lease, Snapshot, Writes
from bot.domain.signals import Signal
from bot.domain.timeframes import floor_ms
from bot.jobs import bot_run, live, tick_orders
from bot.jobs.bot_run import BotRun, MarketNow
from bot.jobs.tick_state import Laps, Tick, TickDeps
from bot.settings import Settings
from tests.jobs.world import settings
from tests.lifecycle.model_venue import Look, ModelVenue, Request, Wire
from tests.lifecycle.rows import BOT_ID, Rows
from tests.rulebook import makers

SLOT_MS = 300_000
SYMBOL = "BTC/EUR"
TIMEFRAME = "5m"
MARKET = replace(makers.MARKET, size_step=Decimal("0.01"), min_size=Decimal("0.1"), min_notional=Decimal("5"))
SPREAD = Decimal("0.02")


class Died(BaseException):
    """The process is gone: what it knew and had not committed is lost."""


@dataclass(frozen=True)
class Script:
    """What happens to one tick.

    signal: 1 or -1 for a vote on the newest candle, 0 for none.  dies_at: the how-manieth side
    effect, each counted before and after it, is its last; 0 for none.  killed: its lease then has to
    expire first; otherwise it was given back.
    """

    signal: int = 0
    requests: tuple[Request, ...] = ()
    looks: tuple[Look, ...] = ()
    dies_at: int = 0
    killed: bool = True


@cache
def settings_with(ladder: tuple[str, ...]) -> Settings:
    return settings({"risk": {"take_profit_ladder": list(ladder)}})


class Process:
    """One run: it dies where its script says."""

    def __init__(self, rows: Rows, venue: ModelVenue, script: Script) -> None:
        self.rows, self.venue, self.script = rows, venue, script
        self.at = 0
        self.told: list[str] = []

    def around(self, what: str) -> None:
        self.at += 1
        self.told.append(what)
        if self.at == self.script.dies_at:
            raise Died(what)

    async def sleep(self, seconds: float) -> None:
        self.venue.wait_until(self.venue.at_ms + round(seconds * 1000))

    def commit(self, bots: Sequence[BotWrites], done: tuple[int, int] | None = None) -> None:
        """done: of the last commit, up to when the account was seen and the tick's time."""
        self.around("before a commit")
        for writes in bots:
            self.rows.commit(writes, self.venue.at_ms)
        if done is not None:
            self.rows.observed_ms, self.rows.last_done_ms = done
        self.around("after a commit")


class ModelTick(Tick):
    """A tick whose database are rows and whose time is the venue's."""

    process: Process

    def venue_now(self) -> int:
        return self.process.venue.at_ms

    async def commit(self, writes: Writes) -> None:
        self.process.commit(writes.bots)


def tick(rows: Rows, venue: ModelVenue, script: Script, ladder: tuple[str, ...]) -> BotRun:
    """One run from its snapshot to its last commit. Raises Died."""
    process = Process(rows, venue, script)
    return _done(_work(process, rows, settings_with(ladder)))


def _done(steps: Coroutine[Any, Any, BotRun]) -> BotRun:
    """Nothing here ever waits: the first step is the last one."""
    try:
        steps.send(None)
    except StopIteration as end:
        run: BotRun = end.value
        return run
    raise AssertionError("a step waits for something outside of the model")


async def _work(process: Process, rows: Rows, chosen: Settings) -> BotRun:
    """The steps of `bot.jobs.tick` that touch orders, in its order."""
    venue, script = process.venue, process.script
    bot = rows.begin()
    now = MarketNow(venue.at_ms, "online", {SYMBOL: quote(venue)}, {SYMBOL: MARKET})
    tick = _begin(process, now, chosen)
    run = bot_run.open_run(bot, chosen)
    run.venue = Wire(venue, script.requests, script.looks, process.around)
    run.observed_ms = rows.observed_ms
    tick.runs.append(run)
    await tick_orders.look(tick)
    run.signals = signals(rows, script.signal, now.now_ms)
    bot_run.make_views(run, now, {})
    decision = bot_run.take_decision(run, now)
    bot_run.plan(run, now, tick.lease.token, tick_orders.deadline(tick, run), live.orphan_intents(run))
    saving = [replace(run.account.drain(), verdicts=decision.verdicts)]
    if run.planned:
        process.commit(saving)
        saving = []
        await tick_orders.send_planned(tick, run, run.planned)
        await tick_orders.protect(tick, run)
    bot_run.finish_commands(run)
    saving.append(replace(run.account.drain(), commands_done=run.commands_done))
    process.commit(saving, (run.observed_ms, now.now_ms))
    return run


def _begin(process: Process, now: MarketNow, chosen: Settings) -> ModelTick:
    unused: Any = None
    deps = TickDeps(
        store=unused, open_market=unused, settings_for=unused, base=chosen, venue_for=unused,
        code_version="", wall_ms=lambda: process.venue.at_ms, holder="model", live=True, sleep=process.sleep,
        clock_ms=lambda: process.venue.at_ms,
    )  # fmt: skip
    slot_ms = floor_ms(now.now_ms, SLOT_MS)
    tick = ModelTick(
        deps, Lease("tick", "model", process.rows.token, 0), Snapshot(None, "", 0, 0, (), {}, (), 0, {}, True),
        {BOT_ID: (chosen, None)}, unused, now, slot_ms, None, now.now_ms, False, Laps(),
    )  # fmt: skip
    tick.process = process
    return tick


def quote(venue: ModelVenue) -> Quote:
    """What the market shows: the last price, and a spread around it."""
    return Quote(float(venue.price - SPREAD), float(venue.price), float(venue.price))


def signals(rows: Rows, direction: int, now_ms: int) -> dict[str, tuple[Signal, ...]]:
    """A vote on the newest closed candle, once a candle."""
    open_ms = floor_ms(now_ms, SLOT_MS) - SLOT_MS
    if not direction or rows.handled.get(SYMBOL, -1) >= open_ms:
        return {}
    vote = replace(
        makers.SIGNAL, timeframe=TIMEFRAME, open_ms=open_ms, close_ms=open_ms + SLOT_MS, direction=direction,
    )  # fmt: skip
    return {SYMBOL: (vote,)}
