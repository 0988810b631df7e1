"""Which candles a tick needs, fetched in few requests, and what it then knows of each symbol.

One request per symbol, for the finest timeframe's tail; coarser candles are
built from it. A coarser timeframe is asked for by itself only at the first run,
or after a hole longer than what the venue serves of the finest.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np

from bot.domain.candle_checks import merge, resample
from bot.domain.candles import Candles
from bot.domain.ports import CandleAnswer, CandleRequest, MarketData
from bot.domain.timeframes import last_closed_open_ms, timeframe_ms

VENUE_ROWS = 700
"""Candles of the finest timeframe that the venue surely serves (Kraken: 720, the last one unfinished)."""

Key = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Need:
    """Series of one symbol that this tick must bring up to date.

    finest: the protection timeframe.  coarser: decision and context timeframes,
    empty where no decision candle has closed since the last handled one.
    """

    symbol: str
    finest: str
    coarser: tuple[str, ...] = ()


@dataclass(slots=True)
class Problem:
    """Why a symbol cannot be judged now. rule: a name from bot/words.py."""

    rule: str
    detail: str


@dataclass(slots=True)
class Gathered:
    """What was fetched and built, and what went wrong, per symbol."""

    fresh: list[Candles] = field(default_factory=list)
    problems: dict[str, Problem] = field(default_factory=dict)
    requests: int = 0


def merge_needs(needs: Iterable[Need]) -> tuple[Need, ...]:
    """One need per symbol and finest timeframe, with every coarser timeframe that any bot wants."""
    merged: dict[Key, Need] = {}
    for need in needs:
        key = (need.symbol, need.finest)
        before = merged.get(key)
        coarser = dict.fromkeys((before.coarser if before else ()) + need.coarser)
        merged[key] = Need(need.symbol, need.finest, tuple(sorted(coarser, key=timeframe_ms)))
    return tuple(merged.values())


def plan_requests(needs: Sequence[Need], tails: dict[Key, int], now_ms: int, window: int) -> list[CandleRequest]:
    """The requests that bring every needed series up to date, the fewest that do.

    tails: open_ms of the newest stored candle per series.
    """
    requests: list[CandleRequest] = []
    for need in needs:
        finest_ms = timeframe_ms(need.finest)
        newest = last_closed_open_ms(now_ms, need.finest)
        reach_ms = newest - VENUE_ROWS * finest_ms
        tail = tails.get((need.symbol, need.finest))
        if tail is None or tail < newest:
            # From the stored tail on, tail included: a gap right behind it is filled from its close.
            requests.append(CandleRequest(need.symbol, need.finest, tail if tail is not None else 0))
        for timeframe in need.coarser:
            step = timeframe_ms(timeframe)
            coarse_tail = tails.get((need.symbol, timeframe))
            due = coarse_tail is None or coarse_tail < last_closed_open_ms(now_ms, timeframe)
            if due and (coarse_tail is None or coarse_tail + step < reach_ms):
                first = last_closed_open_ms(now_ms, timeframe) - (window - 1) * step
                since = max(coarse_tail, first) if coarse_tail is not None else 0
                requests.append(CandleRequest(need.symbol, timeframe, since))
    return requests


def windows_wanted(
    needs: Sequence[Need], tails: dict[Key, int], since: dict[str, int], now_ms: int, window: int
) -> list[CandleRequest]:
    """What to read back from the store: decision windows, and the finest candles that build new coarse ones.

    since: per symbol, from when the paper venue must look at finest candles.
    """
    wanted: list[CandleRequest] = []
    for need in needs:
        finest_ms = timeframe_ms(need.finest)
        start = since.get(need.symbol, last_closed_open_ms(now_ms, need.finest) - 2 * finest_ms)
        for timeframe in need.coarser:
            step = timeframe_ms(timeframe)
            newest = last_closed_open_ms(now_ms, timeframe)
            coarse_tail = tails.get((need.symbol, timeframe))
            if coarse_tail is not None and coarse_tail < newest:
                start = min(start, coarse_tail + step)
            wanted.append(CandleRequest(need.symbol, timeframe, newest - (window - 1) * step))
        wanted.append(CandleRequest(need.symbol, need.finest, max(start, now_ms - 2 * VENUE_ROWS * finest_ms)))
    # A series may be one bot's decisions and another's protection: read once, as far back as either needs.
    first: dict[Key, int] = {}
    for request in wanted:
        key = (request.symbol, request.timeframe)
        first[key] = min(first.get(key, request.since_ms), request.since_ms)
    return [CandleRequest(symbol, timeframe, since_ms) for (symbol, timeframe), since_ms in first.items()]


async def gather(market_data: MarketData, requests: Sequence[CandleRequest], venue_ms: int, now_ms: int) -> Gathered:
    """Fetch all requests at once; a symbol whose answer is bad gets a problem, the others go on.

    venue_ms: the venue's time.  now_ms: candles that closed after this are left out.
    """
    gathered = Gathered(requests=len(requests))
    if not requests:
        return gathered
    for answer in await market_data.candles(requests, venue_ms):
        _sort_in(gathered, answer, now_ms)
    return gathered


def _sort_in(gathered: Gathered, answer: CandleAnswer, now_ms: int) -> None:
    if answer.problem or answer.candles is None:
        rule = "stale" if answer.problem == "unreachable" else answer.problem
        detail = f"{answer.request.timeframe}: {answer.detail}"
        gathered.problems.setdefault(answer.request.symbol, Problem(rule, detail))
        return
    closed = answer.candles.closed_at(now_ms)
    if len(closed):
        gathered.fresh.append(closed)


def absorb(stored: Candles, fresh: Candles) -> Candles:
    """Fresh candles behind the stored ones, a gap between them filled.

    Where both have a candle, the stored one stays, also when the venue tells it
    differently now: decisions were made on it. A hole too wide to fill starts the
    series anew behind it; so does any hole before an answer as long as the venue
    gives: it was not silence, the venue has cut it off.
    """
    if not len(stored):
        return fresh
    tail_ms = int(stored.open_ms[-1])
    new = fresh.since(tail_ms + 1)
    if len(fresh) >= VENUE_ROWS and fresh.open_ms[0] > tail_ms + stored.step_ms:
        return new
    return merge(stored, new).candles or new


def last_run(candles: Candles) -> Candles:
    """The newest stretch without a hole."""
    if len(candles) < 2:
        return candles
    holes = np.flatnonzero(np.diff(candles.open_ms) != candles.step_ms)
    return candles.take(slice(int(holes[-1]) + 1, None)) if len(holes) else candles


def build_coarser(stored: dict[Key, Candles], needs: Sequence[Need], now_ms: int) -> list[Candles]:
    """New coarse candles from stored finest ones; `stored` is brought up to date in place.

    Only complete buckets after the stored tail. `missing` names a series that stays
    behind.
    """
    built: list[Candles] = []
    for need in needs:
        finest = last_run(stored.get((need.symbol, need.finest), Candles.empty(need.symbol, need.finest)))
        for timeframe in need.coarser:
            key = (need.symbol, timeframe)
            have = stored.get(key, Candles.empty(need.symbol, timeframe))
            newest = last_closed_open_ms(now_ms, timeframe)
            if (len(have) and have.open_ms[-1] >= newest) or not len(finest):
                continue
            after = int(have.open_ms[-1]) + have.step_ms if len(have) else 0
            fresh = resample(finest, timeframe).closed_at(now_ms).since(after)
            if not len(fresh) or (len(have) and fresh.open_ms[0] != after):
                continue
            built.append(fresh)
            stored[key] = absorb(have, fresh)
    return built


def missing(stored: dict[Key, Candles], needs: Sequence[Need], now_ms: int) -> list[CandleRequest]:
    """Requests for the decision and context series that are still behind."""
    requests: list[CandleRequest] = []
    for need in needs:
        for timeframe in need.coarser:
            have = stored.get((need.symbol, timeframe))
            if have is None or not len(have):
                requests.append(CandleRequest(need.symbol, timeframe, 0))
            elif have.open_ms[-1] < last_closed_open_ms(now_ms, timeframe):
                requests.append(CandleRequest(need.symbol, timeframe, int(have.open_ms[-1])))
    return requests
