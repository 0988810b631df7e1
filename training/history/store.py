"""Read a history folder: which series there are, spans of them, questions in SQL.

    with HistoryStore(Path(".metronome/history/kraken")) as store:
        store.series()
        store.candles("BTC/EUR", "1h", from_ms, to_ms)
        store.query("select symbol, max(high) from candles where timeframe = '1d' group by 1")

Works on any folder of the layout, with or without a manifest. Reading a span
reads the row groups that it touches, not the whole file.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

import duckdb
import numpy as np

from bot.domain.candles import Candles
from bot.domain.errors import ConfigError
from bot.domain.timeframes import TIMEFRAMES_MS
from training.history.files import series_path
from training.history.rows import COLUMNS, Rows


@dataclass(frozen=True, slots=True)
class SeriesInfo:
    """One file. first_ms: open time of its oldest candle.  end_ms: close time of its newest."""

    symbol: str
    timeframe: str
    rows: int
    first_ms: int
    end_ms: int
    bytes: int
    path: Path


class HistoryStore:
    """A folder of candle files, read only. One per thread; close it, or use it in a `with` block.

    threads: of DuckDB. Raises ConfigError when the folder is not there.
    """

    def __init__(self, folder: Path | str, threads: int = 1) -> None:
        self.folder = Path(folder)
        if not self.folder.is_dir():
            raise ConfigError(
                "no such history folder",
                where=str(self.folder),
                fix="fetch one: python -m training fetch --symbols BTC/EUR",
            )
        self._connection = duckdb.connect(config={"threads": str(threads)})
        self._connection.execute("set timezone = 'UTC'")
        self._has_view = False

    def __enter__(self) -> HistoryStore:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self._connection.close()

    def series(self) -> tuple[SeriesInfo, ...]:
        """Every series, by symbol, finest timeframe first. Raises ConfigError on a file that is none."""
        paths = [
            path for path in self.folder.glob("*/*.parquet") if path.stem in TIMEFRAMES_MS and "-" in path.parent.name
        ]
        return tuple(self._info(path) for path in sorted(paths, key=lambda p: (p.parent.name, TIMEFRAMES_MS[p.stem])))

    def symbols(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(one.symbol for one in self.series()))

    def read(self, symbol: str, timeframe: str, from_ms: int = 0, to_ms: int | None = None) -> Rows:
        """Candles with from_ms <= open < to_ms, as stored. Raises ConfigError when there is no such series."""
        path = series_path(self.folder, symbol, timeframe)
        if timeframe not in TIMEFRAMES_MS or not path.is_file():
            there = ", ".join(f"{one.symbol} {one.timeframe}" for one in self.series()[:12]) or "nothing"
            raise ConfigError(f"no candles of {symbol} {timeframe}", where=str(self.folder), fix=f"there is {there}")
        try:
            names = self._connection.read_parquet(str(path)).columns
            chosen = ", ".join(f"{name}::DOUBLE AS {name}" for name in COLUMNS if name in names)
            columns = self._connection.execute(
                f"SELECT epoch_ms(timestamp) AS t, {chosen} FROM read_parquet(?) "
                "WHERE timestamp >= make_timestamptz(? * 1000) AND timestamp < make_timestamptz(? * 1000)",
                [str(path), from_ms, 2**52 // 1000 if to_ms is None else to_ms],
            ).fetchnumpy()
        except duckdb.Error as error:
            raise _broken(path, error) from error
        count = len(columns["t"])
        values = [
            np.ma.filled(columns[name], np.nan) if name in columns else np.full(count, np.nan) for name in COLUMNS
        ]
        return Rows.from_columns(timeframe, [np.ma.filled(columns["t"], -1), *values])

    def candles(self, symbol: str, timeframe: str, from_ms: int = 0, to_ms: int | None = None) -> Candles:
        """As `read`, in the bot's form. Missing candles stay missing: see bot.domain.candle_checks.fill_gaps."""
        return self.read(symbol, timeframe, from_ms, to_ms).candles(symbol)

    def query(self, sql: str, parameters: list[Any] | None = None) -> list[tuple[Any, ...]]:
        """Rows of a question to the view `candles`: symbol, timeframe, timestamp, open, ... quote_volume, trades."""
        if not self._has_view:
            self._make_view()
        try:
            return self._connection.execute(sql, parameters or []).fetchall()
        except duckdb.Error as error:
            raise ConfigError(str(error).splitlines()[0][:200], where="SQL", fix="see the view `candles`") from error

    def disk_bytes(self) -> int:
        """What all series take on disk."""
        return sum(path.stat().st_size for path in self.folder.glob("*/*.parquet"))

    def _info(self, path: Path) -> SeriesInfo:
        try:
            asked = "SELECT count(*), epoch_ms(min(timestamp)), epoch_ms(max(timestamp)) FROM read_parquet(?)"
            found = self._connection.execute(asked, [str(path)]).fetchone()
        except duckdb.Error as error:
            raise _broken(path, error) from error
        count, first_ms, last_ms = found or (0, 0, 0)
        step = TIMEFRAMES_MS[path.stem]
        symbol = path.parent.name.replace("-", "/", 1)
        end_ms = (last_ms or 0) + step
        return SeriesInfo(symbol, path.stem, int(count), first_ms or 0, end_ms, path.stat().st_size, path)

    def _make_view(self) -> None:
        infos = self.series()
        parts = []
        for one in infos:
            names = self._connection.read_parquet(str(one.path)).columns
            chosen = ", ".join(name if name in names else f"NULL::DOUBLE AS {name}" for name in COLUMNS)
            place = str(one.path).replace("'", "''")
            parts.append(
                f"SELECT '{one.symbol}' AS symbol, '{one.timeframe}' AS timeframe, timestamp, {chosen} "
                f"FROM read_parquet('{place}')"
            )
        if not parts:
            raise ConfigError("the folder holds no candles", where=str(self.folder), fix="fetch some first")
        self._connection.execute("CREATE OR REPLACE TEMP VIEW candles AS " + " UNION ALL ".join(parts))
        self._has_view = True


def _broken(path: Path, error: Exception) -> ConfigError:
    return ConfigError(
        f"cannot read the candle file: {str(error).splitlines()[0][:200]}",
        where=str(path),
        fix="check the folder: python -m training fetch --verify --out DIR",
    )
