"""A tick's orders: what is sent, and of live bots what came of it."""

from __future__ import annotations

from collections.abc import Sequence

from bot.domain.errors import ExchangeError
from bot.domain.markets import Quote
from bot.domain.records import Writes
from bot.jobs import bot_run, live
from bot.jobs.bot_run import BotRun
from bot.jobs.orders import Planned, send
from bot.jobs.tick_state import Tick

LONGEST_DOUBT_MS = 45_000
"""How long a tick waits for certainty about an order on an unprotected position."""

PROTECTING_ROUNDS = 2
"""How often a tick looks what came of its orders, and mends what is unprotected."""


async def look(tick: Tick) -> None:
    """What became of the live bots' orders. A bot whose account cannot be read orders nothing in this tick."""
    for run in tick.live_runs:
        try:
            await live.look(run, tick.now, tick.now.now_ms)
            if await _wait_for_certainty(tick, run):
                await live.look(run, tick.now, tick.venue_now())
        except ExchangeError as error:
            run.unseen = str(error)
            run.wait("venue_unseen", hands_off=True)


def deadline(tick: Tick, run: BotRun) -> int:
    """From when on the venue must refuse the orders that are planned now, ms UTC.

    The paper venue accepts within the commit that records the answer: what it has not is never placed.
    """
    return tick.venue_now() + round(run.settings.live.deadline_s * 1000) if run.venue else tick.now.now_ms


async def send_planned(tick: Tick, run: BotRun, planned: Sequence[Planned]) -> None:
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


async def protect(tick: Tick, run: BotRun) -> None:
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
        planned = bot_run.plan_more(run, tick.now, intents, tick.lease.token, deadline(tick, run))
        await tick.commit(Writes(tick=tick.record("running"), bots=(run.account.drain(),)))
        await send_planned(tick, run, planned)


async def _wait_for_certainty(tick: Tick, run: BotRun) -> bool:
    """Wait until an order in doubt must have shown itself, where a position is without its stop meanwhile.

    Until then nothing may be ordered there, and the next tick is minutes away.
    """
    until_ms = live.certain_from_ms(run)
    wait_ms = until_ms - tick.venue_now()
    if not 0 < wait_ms <= LONGEST_DOUBT_MS:
        return False
    await tick.deps.sleep(wait_ms / 1000)
    return tick.venue_now() >= until_ms
