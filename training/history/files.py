"""Series on disk: Parquet with zstd, replaced as a whole, the same bytes for the same rows."""

from __future__ import annotations

import hashlib
import os
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from bot.domain.errors import ConfigError
from training.history.rows import COLUMNS, EXTRA, Rows

ROWS_PER_GROUP = 122_880
"""DuckDB's own; reading a span skips the groups outside it."""


def series_path(folder: Path, symbol: str, timeframe: str) -> Path:
    return folder / symbol.replace("/", "-", 1) / f"{timeframe}.parquet"


def write_parquet(path: Path, rows: Rows) -> None:
    """Write and flush a file. Quote volume and trades are columns only where some row knows them."""
    pa, parquet = import_module("pyarrow"), import_module("pyarrow.parquet")
    columns: dict[str, Any] = {"timestamp": pa.array(rows.open_ms, pa.timestamp("ms", tz="UTC"))}
    for name in COLUMNS:
        values = getattr(rows, name)
        if name not in EXTRA:
            columns[name] = pa.array(values)
        elif not np.isnan(values).all():
            kind = pa.int64() if name == "trades" else pa.float64()
            unknown = np.isnan(values)
            whole = np.where(unknown, 0, values).astype(np.int64) if name == "trades" else values
            columns[name] = pa.array(whole, kind, mask=unknown)
    path.parent.mkdir(parents=True, exist_ok=True)
    parquet.write_table(
        pa.table(columns), path, compression="zstd", compression_level=9, row_group_size=ROWS_PER_GROUP
    )  # fmt: skip
    flush(path)


def read_parquet(path: Path, timeframe: str) -> Rows:
    """Every row as it stands there, unchecked but for the columns. Raises ConfigError on what is no candle file."""
    pa, parquet = import_module("pyarrow"), import_module("pyarrow.parquet")
    try:
        table = parquet.read_table(path, memory_map=False)
        missing = [name for name in ("timestamp", *COLUMNS[:5]) if name not in table.column_names]
        if missing:
            raise ConfigError(f"the candle file lacks the column {missing[0]!r}", where=str(path), fix=_MEND)
        moments = table.column("timestamp").cast(pa.timestamp("ms", tz="UTC")).cast(pa.int64())
        given = [_numbers(table.column(name)) for name in COLUMNS if name in table.column_names]
        if "quote_volume" not in table.column_names and "trades" in table.column_names:
            given.insert(5, np.full(len(moments), np.nan))
        return Rows.from_columns(timeframe, [moments.fill_null(-1).to_numpy(), *given])
    except (OSError, ValueError, pa.lib.ArrowException) as error:
        first_line = (str(error).splitlines() or [type(error).__name__])[0][:200]
        raise ConfigError(f"cannot read the candle file: {first_line}", where=str(path), fix=_MEND) from error


_MEND = "the file may be half-written or of another format: remove it and fetch it again"


def _numbers(column: Any) -> Any:
    return column.cast("float64").fill_null(float("nan")).to_numpy()


def sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def replace_text(path: Path, text: str) -> None:
    """Replace a file as a whole: a reader sees the old one or the new one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(path.name + ".new")
    fresh.write_text(text, encoding="utf-8")
    flush(fresh)
    fresh.replace(path)


def flush(path: Path) -> None:
    """Wait until a file is on the disk."""
    with path.open("rb+") as file:
        os.fsync(file.fileno())
