"""A venue's folder, opened for writing by one process at a time.

A series is replaced in three steps, each of which may be the last: the new file
beside the old one, the manifest that names its hash, the rename. `open_folder`
finishes a replacement whose manifest is written, and forgets one whose is not.
"""

from __future__ import annotations

import fcntl
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from bot.domain.errors import CheckFailed, ConfigError
from bot.domain.timeframes import to_datetime
from training.history import spans
from training.history.checks import first_complaint, gaps
from training.history.files import read_parquet, series_path, sha256, write_parquet
from training.history.manifest import MOST_GAPS, Entry, Manifest
from training.history.parts import BrokenPartError, Part, remove_part
from training.history.rows import Rows, first_conflict, merged
from training.history.spans import Span


class Folder:
    """notes: what a person should know of, in order."""

    def __init__(self, path: Path, manifest: Manifest) -> None:
        self.path = path
        self.manifest = manifest
        self.notes: list[str] = []

    def covered(self, symbol: str, timeframe: str) -> tuple[Span, ...]:
        entry = self.manifest.of(symbol, timeframe)
        return entry.covered if entry else ()

    def read(self, symbol: str, timeframe: str) -> Rows:
        """The stored series, no rows where there is none. Raises CheckFailed when it is not what the manifest says."""
        entry = self.manifest.of(symbol, timeframe)
        path = series_path(self.path, symbol, timeframe)
        if entry is None:
            if path.exists():
                raise ConfigError(
                    "a candle file that the manifest does not know",
                    where=str(path),
                    fix="move it to another folder, laid out the same, and import that with --from-dir",
                )
            return Rows.empty(timeframe)
        if not path.exists():
            self.notes.append(f"{entry.file} was removed: it is fetched anew")
            self.forget(entry)
            return Rows.empty(timeframe)
        if sha256(path) != entry.sha256:
            raise CheckFailed(
                "the file is not the one that the manifest names",
                where=str(path),
                fix="put it back from a copy, or remove it: the next fetch gets it anew",
            )
        return read_parquet(path, timeframe)

    def forget(self, entry: Entry) -> None:
        """Let a series that is gone be fetched again."""
        del self.manifest.entries[entry.file]
        self.manifest.save(self.path)

    def merge(
        self,
        symbol: str,
        fresh: Rows,
        covered: Sequence[Span],
        source: str,
        *,
        quiet_gaps: bool,
        imported: Sequence[Mapping[str, Any]] = (),
    ) -> Entry | None:
        """Add rows to a series and replace its file. None when there are no rows at all, old or new.

        Where both have a candle they must agree, and the stored one stays.
        Raises CheckFailed when they do not, or when a row is no candle.
        """
        timeframe = fresh.timeframe
        path = series_path(self.path, symbol, timeframe)
        complaint = first_complaint(fresh)
        if complaint:
            moment = to_datetime(int(fresh.open_ms[complaint.row]))
            raise CheckFailed(
                f"a candle that is none: {complaint.text}",
                where=f"{symbol} {timeframe} {moment:%Y-%m-%d %H:%M} from {source}",
                fix="nothing was stored; fetch again, and report it when it stays",
            )
        stored = self.read(symbol, timeframe)
        clash = first_conflict(stored, fresh)
        if clash is not None:
            moment = to_datetime(int(fresh.open_ms[clash]))
            raise CheckFailed(
                f"the candle of {moment:%Y-%m-%d %H:%M} UTC differs from the stored one",
                where=f"{symbol} {timeframe}, {source}",
                fix=f"decide which source is right; to take this one, remove {path} and run it again",
            )
        rows = merged(stored, fresh)
        if not len(rows):
            return None
        before = self.manifest.of(symbol, timeframe)
        unfinished = path.with_name(path.name + ".new")
        write_parquet(unfinished, rows)
        entry = _entry(symbol, rows, unfinished, before, covered, source, quiet_gaps, imported)
        self.manifest.entries[entry.file] = entry
        self.manifest.save(self.path)
        unfinished.replace(path)
        return entry

    def seal(self, part: Part, symbol: str, timeframe: str, *, quiet_gaps: bool) -> Entry | None:
        """Merge what a part holds into its series, and remove the part.

        A span without a single candle is covered only where a series is there to note it.
        """
        entry = None
        if part.span[0] < part.span[1]:
            entry = self.merge(symbol, part.rows(), [part.span], part.source, quiet_gaps=quiet_gaps)
        part.remove()
        return entry

    def left_over(self, symbol: str, timeframe: str) -> Part | None:
        """The part of a fetch that was cut short, None when there is none worth keeping."""
        try:
            return Part.find(self.path, symbol, timeframe)
        except BrokenPartError as error:
            self.notes.append(f"{symbol} {timeframe}: an unfinished fetch is damaged and begins anew ({error})")
            remove_part(Part.path(self.path, symbol, timeframe))
            return None


@contextmanager
def open_folder(path: Path, exchange: str) -> Iterator[Folder]:
    """The folder, made where it is missing, locked for this process. Raises ConfigError."""
    try:
        path.mkdir(parents=True, exist_ok=True)
        handle = (path / ".lock").open("w")
    except OSError as error:
        raise ConfigError(
            f"the folder cannot be written: {error.strerror}", where=str(path), fix="give another one with --out"
        ) from error
    with handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise ConfigError(
                "another fetch is writing here", where=str(path), fix="wait for it, or give another --out"
            ) from error
        manifest = Manifest.load(path) or Manifest(exchange)
        if manifest.exchange != exchange:
            raise ConfigError(
                f"the folder holds candles of {manifest.exchange}, not of {exchange}",
                where=str(path),
                fix="give another --out, or the right --exchange",
            )
        _finish_replacements(path, manifest)
        yield Folder(path, manifest)


def _finish_replacements(path: Path, manifest: Manifest) -> None:
    for unfinished in path.glob("*/*.parquet.new"):
        target = unfinished.with_name(unfinished.name.removesuffix(".new"))
        entry = manifest.entries.get(target.relative_to(path).as_posix())
        if entry is not None and sha256(unfinished) == entry.sha256:
            unfinished.replace(target)
        else:
            unfinished.unlink()


def _entry(
    symbol: str,
    rows: Rows,
    file: Path,
    before: Entry | None,
    covered: Sequence[Span],
    source: str,
    quiet_gaps: bool,
    imported: Sequence[Mapping[str, Any]],
) -> Entry:
    holes = gaps(rows)
    widest = sorted(sorted(holes, key=lambda gap: -gap.missing)[:MOST_GAPS])
    taken = {(one["name"], one["sha256"]): dict(one) for one in (*(before.imported if before else ()), *imported)}
    return Entry(
        symbol=symbol,
        timeframe=rows.timeframe,
        rows=len(rows),
        first_ms=rows.first_ms,
        last_ms=int(rows.open_ms[-1]),
        bytes=file.stat().st_size,
        sha256=sha256(file),
        covered=tuple(spans.add(before.covered if before else (), *covered)),
        quiet_gaps=quiet_gaps and (before is None or before.quiet_gaps),
        gap_count=len(holes),
        missing_candles=sum(gap.missing for gap in holes),
        zero_volume_rows=int(np.count_nonzero(rows.volume == 0)),
        gaps=tuple((gap.open_ms, gap.missing) for gap in widest),
        quote_volume=not bool(np.isnan(rows.quote_volume).all()),
        trades=not bool(np.isnan(rows.trades).all()),
        sources=tuple(dict.fromkeys((*(before.sources if before else ()), source))),
        fetched_at=datetime.now(UTC).isoformat(timespec="seconds"),
        imported=tuple(taken.values()),
    )
