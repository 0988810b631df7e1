"""Recorded candles from disk: one venue's directory, or one packed file.

    DIR/BASE-QUOTE/TIMEFRAME.parquet      read with DuckDB
    DIR/BASE-QUOTE/TIMEFRAME.npz          read with numpy alone
    DIR/BASE-QUOTE/TIMEFRAME.csv.gz       read with numpy alone
    FILE.npz                              many series in one file (bot/simulator/packed.py)

Columns: timestamp (candle open; a UTC timestamp, or ms in .npz and .csv.gz),
open, high, low, close, volume (base units). Missing candles are missing rows.
Symbols are "BASE/QUOTE" everywhere outside the file system.
"""

from __future__ import annotations

import gzip
import zipfile
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from bot.domain.candles import FloatArray, IntArray
from bot.domain.errors import ConfigError
from bot.domain.timeframes import TIMEFRAMES_MS, timeframe_ms

COLUMNS = ("timestamp", "open", "high", "low", "close", "volume")
LAYOUT = "DIR/BASE-QUOTE/TIMEFRAME.parquet with columns " + ", ".join(COLUMNS)
SUFFIXES = (".parquet", ".npz", ".csv.gz")


@dataclass(frozen=True, slots=True)
class Series:
    """Recorded candles of one symbol and timeframe, oldest first; gaps are missing rows.

    open_ms: int64[n], strictly increasing, on the timeframe's grid.
    open, high, low, close: quote currency, > 0.  volume: base units, >= 0.
    """

    timeframe: str
    open_ms: IntArray
    open: FloatArray
    high: FloatArray
    low: FloatArray
    close: FloatArray
    volume: FloatArray

    def __len__(self) -> int:
        return len(self.open_ms)

    @property
    def step_ms(self) -> int:
        return timeframe_ms(self.timeframe)

    @property
    def first_ms(self) -> int:
        return int(self.open_ms[0])

    @property
    def end_ms(self) -> int:
        """Close time of the newest candle."""
        return int(self.open_ms[-1]) + self.step_ms

    def take(self, where: slice | npt.NDArray[Any]) -> Series:
        return Series(
            self.timeframe,
            self.open_ms[where],
            self.open[where],
            self.high[where],
            self.low[where],
            self.close[where],
            self.volume[where],
        )


@dataclass(frozen=True, slots=True)
class Recording:
    """All recorded series of one venue: {symbol: {timeframe: Series}}, never empty.

    name: where it came from, for people.  synthetic: made by a generator, not by a market.
    """

    name: str
    series: Mapping[str, Mapping[str, Series]]
    synthetic: bool = False

    @property
    def symbols(self) -> tuple[str, ...]:
        return tuple(self.series)

    def timeframes(self, symbol: str) -> tuple[str, ...]:
        """Recorded timeframes of one symbol, finest first."""
        return tuple(sorted(self.series[symbol], key=timeframe_ms))

    def finest(self, symbol: str) -> Series:
        return self.series[symbol][self.timeframes(symbol)[0]]

    @property
    def first_ms(self) -> int:
        """Open time of the oldest candle of any symbol."""
        return min(series.first_ms for frames in self.series.values() for series in frames.values())

    @property
    def end_ms(self) -> int:
        """Close time of the newest candle of any symbol."""
        return max(series.end_ms for frames in self.series.values() for series in frames.values())


def symbols_in(directory: Path | str) -> tuple[str, ...]:
    """Symbols that a directory of candle files holds, sorted; () where there are none."""
    folder = Path(directory)
    if not folder.is_dir():
        return ()
    found = (entry.name for entry in folder.iterdir() if entry.is_dir() and any(_files(entry)))
    return tuple(sorted(name.replace("-", "/", 1) for name in found if "-" in name))


def bundled_recording(symbols: Iterable[str] | None = None) -> Recording:
    """The recording that ships with the program: seeded, synthetic, five days of ten symbols."""
    return open_recording(Path(__file__).parent.parent / "recordings" / "synthetic.npz", symbols)


def open_recording(
    source: Path | str, symbols: Iterable[str] | None = None, timeframes: Iterable[str] | None = None
) -> Recording:
    """Read a directory of candle files, or one packed file, into memory.

    symbols, timeframes: only these; None takes everything that is there. A
    symbol without any of the wanted timeframes is an error, a missing
    timeframe of a symbol is not: coarser ones can be built from finer ones.
    Raises ConfigError that names the path when something is missing or broken.
    """
    path = Path(source)
    wanted = None if timeframes is None else tuple(timeframes)
    if path.is_file():
        return _chosen(_read_packed(path), path, symbols, wanted)
    if not path.is_dir():
        raise ConfigError("no such candle directory", where=str(path), fix=f"give a directory laid out as {LAYOUT}")
    there = symbols_in(path)
    chosen = there if symbols is None else tuple(dict.fromkeys(symbols))
    if not chosen:
        raise ConfigError("the directory holds no candle files", where=str(path), fix=f"lay it out as {LAYOUT}")
    return Recording(path.name, {symbol: _read_symbol(path, symbol, wanted, there) for symbol in chosen})


def _chosen(
    whole: Recording, path: Path, symbols: Iterable[str] | None, timeframes: tuple[str, ...] | None
) -> Recording:
    picked = {}
    for symbol in whole.symbols if symbols is None else dict.fromkeys(symbols):
        if symbol not in whole.series:
            raise _unknown_symbol(symbol, path, whole.symbols)
        frames = {tf: s for tf, s in whole.series[symbol].items() if timeframes is None or tf in timeframes}
        if not frames:
            raise _no_timeframe(symbol, path, timeframes)
        picked[symbol] = frames
    return Recording(whole.name, picked, whole.synthetic)


def _read_symbol(
    folder: Path, symbol: str, timeframes: tuple[str, ...] | None, there: tuple[str, ...]
) -> dict[str, Series]:
    home = folder / symbol.replace("/", "-", 1)
    if not home.is_dir():
        raise _unknown_symbol(symbol, folder, there)
    files = {tf: path for tf, path in _files(home) if timeframes is None or tf in timeframes}
    if not files:
        raise _no_timeframe(symbol, home, timeframes)
    return {tf: read_series(path, tf) for tf, path in files.items()}


def _files(home: Path) -> Iterable[tuple[str, Path]]:
    """(timeframe, path) of each candle file of a symbol, finest first, one per timeframe."""
    for timeframe in sorted(TIMEFRAMES_MS, key=timeframe_ms):
        for suffix in SUFFIXES:
            path = home / (timeframe + suffix)
            if path.is_file():
                yield timeframe, path
                break


def _unknown_symbol(symbol: str, path: Path, there: tuple[str, ...]) -> ConfigError:
    names = ", ".join(there[:12]) + (" ..." if len(there) > 12 else "")
    return ConfigError(f"no candles of {symbol}", where=str(path), fix=f"choose among {names or 'none: it is empty'}")


def _no_timeframe(symbol: str, path: Path, timeframes: tuple[str, ...] | None) -> ConfigError:
    wanted = ", ".join(timeframes) if timeframes else ", ".join(TIMEFRAMES_MS)
    return ConfigError(f"no candle file of {symbol} for {wanted}", where=str(path), fix=f"lay it out as {LAYOUT}")


def read_series(path: Path, timeframe: str) -> Series:
    """Read one candle file. Raises ConfigError when it is broken, lacks a column or is not sorted."""
    reader = {".parquet": _parquet, ".npz": _npz, ".csv.gz": _csv}[_suffix(path)]
    try:
        columns = reader(path)
    except ConfigError:
        raise
    # A half-written file fails somewhere inside its reader, each library with errors of its own.
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise _broken(path, error) from error
    return checked_series(columns, timeframe, path)


def _suffix(path: Path) -> str:
    return next(suffix for suffix in SUFFIXES if path.name.endswith(suffix))


def _broken(path: Path, error: Exception) -> ConfigError:
    first_line = (str(error).splitlines() or [type(error).__name__])[0][:200]
    return ConfigError(
        f"cannot read the candle file: {first_line}",
        where=str(path),
        fix="the file may be half-written or of another format: write it again",
    )


def _parquet(path: Path) -> dict[str, npt.NDArray[Any]]:
    try:
        import duckdb  # 50 ms: only where Parquet is read
    except ModuleNotFoundError as missing:
        raise ConfigError(
            "Parquet is read with DuckDB, which is not installed",
            where=str(path),
            fix="install requirements-local.txt in place of requirements.txt, or give .npz or .csv.gz files",
        ) from missing
    query = "SELECT epoch_ms(timestamp) AS timestamp, open, high, low, close, volume FROM read_parquet(?)"
    with duckdb.connect(config={"threads": "1"}) as connection:
        try:
            _require_columns(connection.read_parquet(str(path)).columns, path)
            columns = connection.execute(query, [str(path)]).fetchnumpy()
        except duckdb.Error as error:
            raise _broken(path, error) from error
    # Empty cells: no time is on the grid, nan is no price; the checks that follow refuse both.
    return {name: np.ma.filled(columns[name], -1 if name == "timestamp" else np.nan) for name in COLUMNS}


def _npz(path: Path) -> dict[str, npt.NDArray[Any]]:
    with np.load(path, allow_pickle=False) as stored:
        _require_columns(stored.files, path)
        return {name: stored[name] for name in COLUMNS}


def _csv(path: Path) -> dict[str, npt.NDArray[Any]]:
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        header = lines.readline().strip().split(",")
        _require_columns(header, path)
        table = np.loadtxt(lines, delimiter=",", dtype=np.float64, ndmin=2)
    return {name: table[:, header.index(name)] for name in COLUMNS}


def _require_columns(names: Iterable[str], path: Path) -> None:
    missing = [column for column in COLUMNS if column not in set(names)]
    if missing:
        raise ConfigError(
            f"the candle file lacks the column {missing[0]!r}", where=str(path), fix="columns: " + ", ".join(COLUMNS)
        )


def _read_packed(path: Path) -> Recording:
    from bot.simulator.packed import unpack

    try:
        return unpack(path)
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise _broken(path, error) from error


def checked_series(columns: Mapping[str, npt.NDArray[Any]], timeframe: str, path: Path) -> Series:
    """Columns as a Series. Raises ConfigError on the first thing that no venue would have recorded."""
    open_ms = np.ascontiguousarray(columns["timestamp"]).astype(np.int64)
    floats = [np.ascontiguousarray(columns[name], dtype=np.float64) for name in COLUMNS[1:]]
    series = Series(timeframe, open_ms, *floats)
    problem = _problem(series)
    if problem:
        raise ConfigError(problem, where=str(path), fix="mend or remove the file; missing candles are missing rows")
    return series


def _problem(series: Series) -> str:
    if not len(series):
        return "the candle file has no rows"
    if np.any(np.diff(series.open_ms) <= 0):
        return "the candles are not sorted, or some are there twice"
    if np.any(series.open_ms % series.step_ms):
        return f"some candles are not on the {series.timeframe} grid"
    prices = (series.open, series.high, series.low, series.close)
    if not all(np.isfinite(column).all() and (column > 0).all() for column in prices):
        return "some prices are not finite and positive"
    if not (np.isfinite(series.volume).all() and (series.volume >= 0).all()):
        return "some volumes are not finite and positive"
    top, bottom = np.maximum(series.open, series.close), np.minimum(series.open, series.close)
    if np.any(series.high < top) or np.any(series.low > bottom):
        return "some candles have open or close outside low to high"
    return ""
