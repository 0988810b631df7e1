"""History out of dumps on disk, into a venue's folder: one series after the other, each as a whole."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bot.domain.errors import CheckFailed, ConfigError
from bot.domain.timeframes import TIMEFRAMES_MS, to_datetime
from training.history import spans
from training.history.building import can_build
from training.history.dumps import BINANCE, KRAKEN, OURS, Dump, digest, find_dumps, read_dump
from training.history.fetching import Advance, build_missing, report
from training.history.folder import Folder, open_folder
from training.history.rows import Rows, first_conflict, merged


@dataclass(frozen=True, slots=True)
class ImportRequest:
    """source: folder or zip file.  symbols, timeframes: () takes what is there.  from_ms, to_ms: None is no limit."""

    exchange: str
    source: Path
    out: Path
    symbols: tuple[str, ...] = ()
    timeframes: tuple[str, ...] = ()
    from_ms: int | None = None
    to_ms: int | None = None


def import_dumps(request: ImportRequest, now_ms: int, advance: Advance = lambda share, note: None) -> dict[str, Any]:
    """Take over every file that was not taken over before, and report on it.

    A series is stored when all of its files are sound, so an import that is cut
    short goes on with the next series. Raises ConfigError with file and line of
    a bad row, CheckFailed where two files, or a file and what is stored, differ.
    """
    found = find_dumps(request.source, request.symbols)
    by_series: defaultdict[tuple[str, str], list[Dump]] = defaultdict(list)
    for dump in found.dumps:
        by_series[dump.symbol, dump.timeframe].append(dump)
    _require_own(found.dumps, request)
    wanted = _wanted(by_series, request.timeframes)
    with open_folder(request.out, request.exchange) as folder:
        before = {name: entry.rows for name, entry in folder.manifest.entries.items()}
        chosen = [series for series in sorted(by_series, key=_by_symbol) if series in wanted]
        for number, (symbol, timeframe) in enumerate(chosen):
            advance(number / len(chosen), f"{symbol} {timeframe}")
            _series(folder, symbol, timeframe, by_series[symbol, timeframe], request, now_ms)
        for symbol in dict.fromkeys(symbol for symbol, _ in wanted):
            if request.timeframes:
                build_missing(folder, symbol, [tf for tf in TIMEFRAMES_MS if (symbol, tf) in wanted])
        advance(1.0, "")
        document = report(folder, sorted(wanted, key=_by_symbol), before)
    if found.ignored:
        names = ", ".join(found.ignored[:5]) + (" ..." if len(found.ignored) > 5 else "")
        document["notes"].append(f"{len(found.ignored)} other file(s) left alone: {names}")
    return document


def _require_own(dumps: Sequence[Dump], request: ImportRequest) -> None:
    """Raises ConfigError where the form or the place of dumps says that they are of another venue, or of several."""
    for kind, venue in ((KRAKEN, "kraken"), (BINANCE, "binance")):
        strange = next((dump for dump in dumps if dump.kind == kind), None)
        if strange is not None and not request.exchange.startswith(venue):
            raise ConfigError(
                f"a dump of {venue}, and the folder is for {request.exchange}",
                where=strange.where,
                fix=f"give --exchange {venue}, and --symbols for the pairs to take",
            )
    homes = sorted({str(dump.path.parent.parent) for dump in dumps if dump.kind == OURS})
    if len(homes) > 1:
        raise ConfigError(
            f"{len(homes)} folders of candle files in it, perhaps of several venues",
            where=str(request.source),
            fix=f"give one of them: {', '.join(homes[:4])}",
        )


def _by_symbol(series: tuple[str, str]) -> tuple[str, int]:
    return series[0], TIMEFRAMES_MS[series[1]]


def _wanted(there: Sequence[tuple[str, str]] | dict[tuple[str, str], Any], timeframes: tuple[str, ...]) -> set[Any]:
    """Series to have afterwards. For one without a file, what it is built from is taken over too: one that is wanted
    anyway, else the coarsest."""
    if not timeframes:
        return set(there)
    wanted: set[tuple[str, str]] = set()
    for symbol in dict.fromkeys(symbol for symbol, _ in there):
        for timeframe in timeframes:
            finer = [tf for own, tf in there if own == symbol and can_build(timeframe, tf)]
            finer = [tf for tf in finer if tf in timeframes] or finer
            if (symbol, timeframe) in there:
                wanted.add((symbol, timeframe))
            elif finer:
                wanted |= {(symbol, timeframe), (symbol, max(finer, key=TIMEFRAMES_MS.__getitem__))}
    if not wanted:
        raise ConfigError(
            f"no file holds {', '.join(timeframes)}, or anything to build it from",
            where="--timeframes",
            fix=f"there is {', '.join(sorted({tf for _, tf in there}, key=TIMEFRAMES_MS.__getitem__))}",
        )
    return wanted


def _series(
    folder: Folder, symbol: str, timeframe: str, dumps: Sequence[Dump], request: ImportRequest, now_ms: int
) -> None:
    folder.read(symbol, timeframe)
    entry = folder.manifest.of(symbol, timeframe)
    taken = {(one["name"], one["sha256"]) for one in entry.imported} if entry else set()
    whole = request.from_ms is None and request.to_ms is None
    rows, covered, marks, kinds = Rows.empty(timeframe), [], [], []
    for dump in dumps:
        mark = digest(dump)
        if (mark["name"], mark["sha256"]) in taken:
            continue
        read = read_dump(dump, now_ms)
        lowest, highest = request.from_ms or 0, 2**62 if request.to_ms is None else request.to_ms
        read = read.between(lowest, highest)
        # Only a file that was taken whole need not be looked at again.
        marks += [mark] if whole else []
        if not len(read):
            continue
        clash = first_conflict(rows, read)
        if clash is not None:
            moment = to_datetime(int(read.open_ms[clash]))
            raise CheckFailed(
                f"the candle of {moment:%Y-%m-%d %H:%M} UTC differs from that in another file of {symbol} {timeframe}",
                where=dump.where,
                fix="remove the file that is wrong; nothing of this series was stored",
            )
        rows = merged(rows, read)
        covered.append((read.first_ms, read.end_ms))
        kinds.append(dump.kind)
    if covered:
        folder.merge(
            symbol,
            rows,
            spans.add(covered),
            ", ".join(dict.fromkeys(kinds)),
            quiet_gaps=all(kind == KRAKEN for kind in kinds),
            imported=marks,
        )
