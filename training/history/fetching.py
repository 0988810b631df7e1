"""History over the network, into a venue's folder: what is missing there, and no more."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bot.domain.errors import ExchangeError, MetronomeError
from bot.domain.timeframes import TIMEFRAMES_MS, to_datetime
from training.history import spans
from training.history.building import build, can_build
from training.history.folder import Folder, open_folder
from training.history.manifest import Entry
from training.history.parts import Part
from training.history.rows import joined
from training.history.spans import Span
from training.history.tape import OpenCandle, TradeCandles
from training.history.venues import NS_PER_MS, CandlePages, KrakenTrades, Patience

DAY_MS = TIMEFRAMES_MS["1d"]
USUAL_SPAN_MS = 30 * DAY_MS
"""What is fetched of a series that is new, when nobody says from when on."""

GRACE_MS = 5_000
"""A candle is fetched this long after its close: trades may reach a venue's public lists late."""

QUIET_PAGES = 2
"""Pages without anything new, in a row, that are believed to be the end."""

Advance = Callable[[float, str], None]
"""Told the share of the work that is done, 0 to 1, and a few words."""


@dataclass(frozen=True, slots=True)
class FetchRequest:
    """exchange: ccxt id.  from_ms, to_ms: None is what is stored already, or 30 days; and now."""

    exchange: str
    symbols: tuple[str, ...]
    timeframes: tuple[str, ...]
    out: Path
    from_ms: int | None = None
    to_ms: int | None = None
    patience: Patience = field(default_factory=Patience)


class _Work:
    """Milliseconds of market that were to be fetched, and how many of them are."""

    def __init__(self, advance: Advance) -> None:
        self._advance = advance
        self._all: dict[tuple[str, str, int], int] = {}
        self._done: dict[tuple[str, str, int], int] = {}

    def plan(self, symbol: str, timeframe: str, span: Span) -> None:
        self._all[symbol, timeframe, span[0]] = span[1] - span[0]

    def reached(self, symbol: str, timeframe: str, span: Span, upto_ms: int) -> None:
        self._done[symbol, timeframe, span[0]] = upto_ms - span[0]
        share = sum(self._done.values()) / max(sum(self._all.values()), 1)
        self._advance(share, f"{symbol} {timeframe} {to_datetime(upto_ms):%Y-%m-%d %H:%M}")


async def fetch(request: FetchRequest, advance: Advance = lambda share, note: None) -> dict[str, Any]:
    """Bring every series up to date and report on it. Raises MetronomeError; what was fetched until then is kept.

    Kraken: the finest timeframe out of trades, the others out of it. Other
    venues: each timeframe that they have as they give it. One symbol's failure
    stops no other; the first one is raised once all have ended.
    """
    with open_folder(request.out, request.exchange) as folder:
        venue: KrakenTrades | CandlePages
        if request.exchange == "kraken":
            venue = KrakenTrades(request.patience)
        else:
            venue = CandlePages(request.exchange, request.patience)
        try:
            now_ms = await venue.begin(request.symbols)
            before = {name: entry.rows for name, entry in folder.manifest.entries.items()}
            work = _Work(advance)
            jobs = [_symbol(folder, venue, request, symbol, now_ms, work) for symbol in request.symbols]
            ended = await asyncio.gather(*jobs, return_exceptions=True)
        finally:
            await venue.aclose()
        _raise_first(ended, request.symbols)
        series = [(symbol, timeframe) for symbol in request.symbols for timeframe in request.timeframes]
        return report(folder, series, before) | {"requests": venue.requests}


def _raise_first(ended: Sequence[BaseException | None], symbols: tuple[str, ...]) -> None:
    failed = [(symbol, error) for symbol, error in zip(symbols, ended, strict=True) if error is not None]
    if not failed:
        return
    error = failed[0][1]
    if len(failed) > 1 and isinstance(error, MetronomeError):
        more = f"{error.what} (and {len(failed) - 1} more: {', '.join(other for other, _ in failed[1:])})"
        raise type(error)(more, where=error.where, fix=error.fix) from error
    raise error


def report(folder: Folder, series: Sequence[tuple[str, str]], before: dict[str, int]) -> dict[str, Any]:
    """The document of a fetch or an import. before: rows by file name, as they were."""
    found = [folder.manifest.of(symbol, timeframe) for symbol, timeframe in series]
    empty = [f"{symbol} {tf}" for (symbol, tf), entry in zip(series, found, strict=True) if entry is None]
    notes = [*folder.notes, *(f"{name}: the source has no candle of it in this span" for name in empty)]
    return {
        "exchange": folder.manifest.exchange,
        "out": str(folder.path),
        "files": [_line(entry, before.get(entry.file, 0)) for entry in found if entry is not None],
        "notes": notes,
    }


def _line(entry: Entry, before: int) -> dict[str, Any]:
    return {
        "symbol": entry.symbol,
        "timeframe": entry.timeframe,
        "file": entry.file,
        "rows": entry.rows,
        "added": entry.rows - before,
        "first": to_datetime(entry.first_ms).isoformat(),
        "last": to_datetime(entry.last_ms).isoformat(),
        "gaps": entry.gap_count,
        "missing_candles": entry.missing_candles,
        "zero_volume_rows": entry.zero_volume_rows,
        "quote_volume": entry.quote_volume,
        "trades": entry.trades,
        "bytes": entry.bytes,
        "sha256": entry.sha256,
        "sources": list(entry.sources),
        "fetched_at": entry.fetched_at,
    }


async def _symbol(
    folder: Folder, venue: KrakenTrades | CandlePages, request: FetchRequest, symbol: str, now_ms: int, work: _Work
) -> None:
    finest_first = sorted(request.timeframes, key=TIMEFRAMES_MS.__getitem__)
    if isinstance(venue, KrakenTrades):
        native = finest_first[:1]
    else:
        native = [timeframe for timeframe in finest_first if timeframe in venue.timeframes]
        if not native:
            raise ExchangeError(
                f"{request.exchange} has none of {', '.join(finest_first)}",
                where="--timeframes",
                fix=f"it has {', '.join(tf for tf in TIMEFRAMES_MS if tf in venue.timeframes)}",
            )
    missing = {timeframe: _missing(folder, request, symbol, timeframe, now_ms) for timeframe in native}
    for timeframe, holes in missing.items():
        for span in holes:
            work.plan(symbol, timeframe, span)
    for timeframe, holes in missing.items():
        for span in holes:
            await _span(folder, venue, symbol, timeframe, span, now_ms, work)
    build_missing(folder, symbol, [timeframe for timeframe in finest_first if timeframe not in native])


def _missing(folder: Folder, request: FetchRequest, symbol: str, timeframe: str, now_ms: int) -> list[Span]:
    """What of the wanted span the series does not cover, after what an earlier fetch left behind is put in it."""
    step = TIMEFRAMES_MS[timeframe]
    folder.read(symbol, timeframe)  # a damaged series is told now, not after hours of fetching
    end = now_ms - GRACE_MS if request.to_ms is None else min(request.to_ms, now_ms - GRACE_MS)

    def holes() -> list[Span]:
        covered = folder.covered(symbol, timeframe)
        start = request.from_ms
        if start is None:
            start = covered[0][0] if covered else (end - USUAL_SPAN_MS) // DAY_MS * DAY_MS
        return spans.subtract(spans.inside([(start, end)], step), covered)

    part = folder.left_over(symbol, timeframe)
    if part is not None and not any(_goes_on(part, span) for span in _with_part(holes(), part, request)):
        folder.seal(part, symbol, timeframe, quiet_gaps=_is_quiet(part.source))
        return holes()
    return _with_part(holes(), part, request)


def _with_part(holes: list[Span], part: Part | None, request: FetchRequest) -> list[Span]:
    """Without --from a new series begins where its unfinished part does, not 30 days before now."""
    if part is None or request.from_ms is not None or not holes or holes[0][0] <= part.span[0]:
        return holes
    return [(part.span[0], holes[0][1]), *holes[1:]]


def _goes_on(part: Part, span: Span) -> bool:
    return part.span[0] == span[0] and part.span[1] <= span[1]


def _is_quiet(source: str) -> bool:
    return source.startswith("kraken trades")


async def _span(
    folder: Folder,
    venue: KrakenTrades | CandlePages,
    symbol: str,
    timeframe: str,
    span: Span,
    now_ms: int,
    work: _Work,
) -> None:
    source = "kraken trades" if isinstance(venue, KrakenTrades) else f"{venue.client.exchange_id} candles"
    part = folder.left_over(symbol, timeframe)
    if part is None or part.source != source or not _goes_on(part, span):
        part = Part.begin(folder.path, symbol, timeframe, source, span[0])

    def reached() -> None:
        work.reached(symbol, timeframe, span, part.span[1])

    reached()
    if isinstance(venue, KrakenTrades):
        await _fetch_trades(venue, part, symbol, timeframe, span, reached)
    else:
        await _fetch_candles(venue, part, symbol, timeframe, span, now_ms, reached)
    folder.seal(part, symbol, timeframe, quiet_gaps=_is_quiet(source))


async def _fetch_trades(
    venue: KrakenTrades, part: Part, symbol: str, timeframe: str, span: Span, reached: Callable[[], None]
) -> None:
    """Pages of trades until one lies behind the span, or none comes any more."""
    step = TIMEFRAMES_MS[timeframe]
    from_ms, to_ms = span
    kept = part.cursor
    since_ns, last_number = int(kept.get("since_ns", (from_ms - 1) * NS_PER_MS)), int(kept.get("last_number", -1))
    candles = TradeCandles(timeframe, step, OpenCandle.from_texts(kept["open"]) if kept.get("open") else None)
    quiet, done = 0, part.span[1] >= to_ms
    while not done:
        page = await venue.page(symbol, since_ns)
        new = [trade for trade in page.trades if trade.number > last_number]
        if new:
            quiet, last_number = 0, new[-1].number
            done = new[-1].moment_ms >= to_ms
        else:
            quiet += 1
            done = quiet >= QUIET_PAGES and not page.full
        candles.add(trade for trade in new if from_ms <= trade.moment_ms < to_ms)
        # Trades of one moment may go on behind the page: a millisecond back, and what came already is left out by
        # its number. A page full of such repeats would come for ever.
        behind = page.last_ns if page.full and not new else page.last_ns - NS_PER_MS
        if page.full and behind <= since_ns and not new:
            raise ExchangeError(
                f"trades of {symbol}: the venue's cursor stands still at {since_ns}",
                where=venue.client.host,
                fix="run the same command again; if it stays, take this span from the CSV dumps (--from-dir)",
            )
        since_ns = max(since_ns, behind)
        if done:
            candles.close()
        upto_ms = to_ms if done else max(part.span[1], new[-1].moment_ms // step * step if new else 0)
        still_open = candles.still_open.as_texts() if candles.still_open else None
        part.append(
            candles.take(), upto_ms, {"since_ns": str(since_ns), "last_number": last_number, "open": still_open}
        )  # fmt: skip
        reached()


async def _fetch_candles(
    venue: CandlePages,
    part: Part,
    symbol: str,
    timeframe: str,
    span: Span,
    now_ms: int,
    reached: Callable[[], None],
) -> None:
    """Pages of candles up to the end of the span; an empty page is asked for twice, and then is a gap."""
    while part.span[1] < span[1]:
        page = await venue.page(symbol, timeframe, part.span[1], now_ms)
        if not len(page.rows):
            page = await venue.page(symbol, timeframe, part.span[1], now_ms)
        part.append(page.rows.between(part.span[1], span[1]), min(page.to_ms, span[1]), {})
        reached()


def build_missing(folder: Folder, symbol: str, timeframes: Sequence[str]) -> None:
    """Coarser series out of the finest stored one that divides them, where they do not cover what it covers."""
    for timeframe in timeframes:
        finer = [tf for tf in TIMEFRAMES_MS if can_build(timeframe, tf) and folder.manifest.of(symbol, tf)]
        base = folder.manifest.of(symbol, min(finer, key=TIMEFRAMES_MS.__getitem__)) if finer else None
        if base is None:
            continue
        step = TIMEFRAMES_MS[timeframe]
        holes = spans.inside(spans.subtract(base.covered, folder.covered(symbol, timeframe)), step)
        if not holes:
            continue
        rows = folder.read(symbol, base.timeframe)
        made = joined([build(rows, timeframe, span, base.quiet_gaps) for span in holes])
        folder.merge(symbol, made, holes, f"built from {base.timeframe}", quiet_gaps=base.quiet_gaps)
