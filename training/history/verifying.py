"""Whether a folder still holds what its manifest says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from bot.domain.errors import ConfigError, MetronomeError
from training.history.checks import first_complaint, gaps
from training.history.files import read_parquet, sha256
from training.history.manifest import Entry, Manifest
from training.history.rows import Rows


def verify(folder: Path, symbols: tuple[str, ...] = (), timeframes: tuple[str, ...] = ()) -> dict[str, Any]:
    """Check files against the manifest, and the manifest against the files.

    symbols, timeframes: only these, () for all. The document's `problems` say
    what is wrong, where, and how to mend it; nothing is changed. Raises
    ConfigError where there is no manifest.
    """
    manifest = Manifest.load(folder)
    if manifest is None:
        raise ConfigError("no history here: it has no manifest", where=str(folder), fix="fetch some, or give --out")
    chosen = [
        entry
        for entry in manifest.entries.values()
        if (not symbols or entry.symbol in symbols) and (not timeframes or entry.timeframe in timeframes)
    ]
    problems = [problem for entry in chosen for problem in _problems(folder, manifest.exchange, entry)]
    if not symbols and not timeframes:
        problems += _strangers(folder, manifest)
    unfinished = sorted(path.relative_to(folder).as_posix() for path in folder.glob("*/.*.part"))
    return {
        "exchange": manifest.exchange,
        "out": str(folder),
        "checked": len(chosen),
        "rows": sum(entry.rows for entry in chosen),
        "problems": problems,
        "notes": [f"{name}: a fetch that was cut short; the next one goes on with it" for name in unfinished],
    }


def _problems(folder: Path, exchange: str, entry: Entry) -> list[dict[str, str]]:
    path = folder / entry.file
    again = (
        f"remove it and run: python -m training fetch --exchange {exchange} --symbols {entry.symbol} "
        f"--timeframes {entry.timeframe} --out {folder}" + (" --from-dir DIR" if entry.imported else "")
    )
    if not path.is_file():
        return [_problem(entry.file, "it is missing", again.removeprefix("remove it and "))]
    if sha256(path) != entry.sha256:
        size = path.stat().st_size
        changed = f"its hash is not that of the manifest ({size:,} bytes, {entry.bytes:,} written)"
        return [_problem(entry.file, changed, again)]
    try:
        rows = read_parquet(path, entry.timeframe)
    except MetronomeError as error:
        return [_problem(entry.file, error.what, again)]
    complaint = first_complaint(rows)
    if complaint:
        return [_problem(entry.file, f"row {complaint.row + 1}: {complaint.text}", again)]
    return [_problem(entry.file, text, again) for text in _differences(rows, entry)]


def _differences(rows: Rows, entry: Entry) -> list[str]:
    holes = gaps(rows)
    found = {
        "rows": (len(rows), entry.rows),
        "first_ms": (rows.first_ms if len(rows) else 0, entry.first_ms),
        "last_ms": (int(rows.open_ms[-1]) if len(rows) else 0, entry.last_ms),
        "gap_count": (len(holes), entry.gap_count),
        "missing_candles": (sum(hole.missing for hole in holes), entry.missing_candles),
    }
    return [f"{name} is {there}, the manifest says {said}" for name, (there, said) in found.items() if there != said]


def _strangers(folder: Path, manifest: Manifest) -> list[dict[str, str]]:
    files = sorted(path.relative_to(folder).as_posix() for path in folder.glob("*/*.parquet"))
    fix = "move it away; to keep it, import it: python -m training fetch --from-dir DIR"
    return [_problem(name, "the manifest does not know it", fix) for name in files if name not in manifest.entries]


def _problem(file: str, what: str, fix: str) -> dict[str, str]:
    return {"what": what, "where": file, "fix": fix}
