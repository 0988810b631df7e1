"""A tick's market data: trading rules, candles, prices, order books of what is about to be entered."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace

from bot.domain.candles import Candles
from bot.domain.errors import ExchangeError
from bot.domain.markets import Quote
from bot.domain.orders import Leg
from bot.domain.ports import CandleRequest
from bot.domain.records import Writes
from bot.jobs import bot_run, candles
from bot.jobs.candles import Key, Need
from bot.jobs.tick_state import Tick

METADATA_MAX_AGE_MS = 86_400_000
"""Trading rules of symbols change rarely; they are asked for once a day."""

MOST_FROM_STORED = 0.10
"""How far a backup's price may be from the last close of the venue itself, as a fraction."""


async def refresh_metadata(tick: Tick) -> None:
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


async def bring_up_to_date(tick: Tick) -> None:
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
    gathered, now.stored = await asyncio.gather(_fetch(tick, requests), _read_windows(tick, wanted))
    tick.laps.lap("fetch")
    if now.backup:
        gathered = _plausible(tick, gathered)
    _take_in(tick, gathered, known)
    behind = [r for r in candles.missing(now.stored, known, now.now_ms) if r.symbol not in now.problems]
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


def _plausible(tick: Tick, gathered: candles.Gathered) -> candles.Gathered:
    """What a backup says of symbols whose price is near the one that we last stored of the venue itself.

    Two venues may call different coins by one name; to sell one at the price of the other would be a disaster.
    """
    now = tick.now
    for run in tick.runs:
        for symbol in run.account.symbols():
            newest, quote = bot_run.newest_finest(run, now, symbol), now.quotes.get(symbol)
            if quote is None:
                continue
            close = float(newest.close[0]) if newest is not None else float("nan")
            if not abs(quote.last / close - 1.0) <= MOST_FROM_STORED:
                del now.quotes[symbol]
                detail = f"{now.backup} says {quote.last:g}, the last stored close is {close:g}"
                now.problems[symbol] = candles.Problem("no_quote", detail)
    return replace(gathered, fresh=[one for one in gathered.fresh if one.symbol not in now.problems])


async def _fetch(tick: Tick, requests: Sequence[CandleRequest]) -> candles.Gathered:
    """Closed candles as of the tick's time: the venue judges by its own time, and may be ahead of it."""
    return await candles.gather(tick.market_data, requests, tick.venue_ms, tick.now.now_ms)


def _look_back(tick: Tick) -> dict[str, int]:
    since: dict[str, int] = {}
    for run in tick.runs:
        for symbol, moment in bot_run.look_back_ms(run).items():
            if tick.now.backup:
                # What a backup says is compared with the newest candle of the venue itself.
                moment = min(moment, tick.snapshot.series_tails.get((symbol, run.finest), moment))
            since[symbol] = min(since.get(symbol, moment), moment)
    return since


async def _read_windows(tick: Tick, wanted: Sequence[CandleRequest]) -> dict[Key, Candles]:
    return await asyncio.to_thread(tick.deps.store.windows, wanted) if wanted else {}


def _take_in(tick: Tick, gathered: candles.Gathered, needs: Sequence[Need]) -> None:
    """Join fetched candles to the stored ones and build the coarser ones from them."""
    now = tick.now
    for fresh in gathered.fresh:
        key = (fresh.symbol, fresh.timeframe)
        now.stored[key] = candles.absorb(now.stored.get(key, Candles.empty(*key)), fresh)
    built = candles.build_coarser(now.stored, needs, now.now_ms)
    tick.fresh += [*gathered.fresh, *built]
    now.problems.update(gathered.problems)


def _quotes_as_of(tick: Tick) -> None:
    """With --at, what a symbol traded at then: the close of its newest finest candle."""
    for run in tick.runs:
        for symbol in run.symbols:
            newest = bot_run.newest_finest(run, tick.now, symbol)
            if newest is not None:
                price = float(newest.close[0])
                tick.now.quotes[symbol] = Quote(price, price, price)


async def ask_before_leaving(tick: Tick) -> None:
    """The trading rules of this moment, where a live bot is about to leave, and its decision again by them.

    Those at hand may be a day old: a sale that new ones refuse would have cost the position its stop.
    """
    leaving = [run for run in tick.live_runs if run.decision and any(i.leg is Leg.EXIT for i in run.decision.intents)]
    if not leaving or tick.now.backup:
        return
    try:
        fresh = await tick.market_data.markets()
    except ExchangeError:
        return
    tick.now.markets = {market.symbol: market for market in fresh}
    for run in leaving:
        bot_run.make_views(run, tick.now, {})
        bot_run.take_decision(run, tick.now)
    tick.laps.lap("metadata")


async def look_closer(tick: Tick) -> None:
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
