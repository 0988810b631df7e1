"""Candle dumps on disk: which files are which series, and what stands in them.

    XBTEUR_60.csv              Kraken: unix s, open, high, low, close, volume, trades; no header
    BTCUSDT-1h-2023-01.csv     Binance: open time (ms or us), open, high, low, close, volume, close time,
                               quote volume, trades, ...; a header in some
    BASE-QUOTE/TIMEFRAME.parquet, .npz, .csv.gz     our own layout

CSV files may be packed in zip files or single .gz; folders are searched through.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import re
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from bot.domain.errors import ConfigError
from bot.domain.timeframes import TIMEFRAMES_MS, to_datetime
from bot.simulator.candle_files import read_series
from training.history.checks import first_complaint
from training.history.files import read_parquet
from training.history.rows import Rows

KRAKEN, BINANCE, OURS = "kraken csv", "binance csv", "candle files"

_KRAKEN_NAME = re.compile(r"([A-Z0-9.]+)_(\d+)\.csv(\.gz)?", re.IGNORECASE)
_BINANCE_NAME = re.compile(r"([A-Z0-9]+)-(\d+[smhdwM]o?)-(\d{4}-\d{2}(?:-\d{2})?)\.csv(\.gz)?")
_OUR_NAME = re.compile(r"([A-Z0-9.]+-[A-Z0-9.]+)/(\w+)\.(parquet|npz|csv\.gz)")
_MINUTES = {ms // 60_000: timeframe for timeframe, ms in TIMEFRAMES_MS.items()}
# Kraken's own names of two coins; everywhere else, here too, they go by the others.
_KRAKEN_CODES = {"XBT": "BTC", "XDG": "DOGE"}
# Longest first: USDT before USD. Enough to split a name when nobody says which symbols are wanted.
_QUOTES = ("FDUSD", "BUSD", "TUSD", "USDT", "USDC", "PYUSD", "EUR", "USD", "GBP", "CHF", "CAD", "AUD", "JPY", "TRY",
           "BRL", "DAI", "XBT", "BTC", "ETH", "BNB")  # fmt: skip


@dataclass(frozen=True, slots=True)
class Dump:
    """One file of candles. path: on disk.  member: its name inside a zip file, "" for a plain file."""

    kind: str
    symbol: str
    timeframe: str
    path: Path
    member: str = ""

    @property
    def name(self) -> str:
        """For people and for the manifest, without the machine's folders."""
        return f"{self.path.name}:{self.member}" if self.member else f"{self.path.parent.name}/{self.path.name}"

    @property
    def where(self) -> str:
        return f"{self.path}:{self.member}" if self.member else str(self.path)

    def read(self) -> bytes:
        """Raises ConfigError on a file that is half-written or gone."""
        try:
            if self.member:
                with zipfile.ZipFile(self.path) as packed:
                    data = packed.read(self.member)
            else:
                data = self.path.read_bytes()
            return gzip.decompress(data) if (self.member or self.path.name).endswith(".csv.gz") else data
        except (OSError, EOFError, KeyError, zipfile.BadZipFile, zlib.error) as error:
            raise ConfigError(f"cannot be read: {error}"[:200], where=self.where, fix=_AGAIN) from error


_AGAIN = "it may be half-written: download or copy it again"


@dataclass(frozen=True, slots=True)
class Found:
    """dumps: in order of their names.  ignored: names of CSV files that are no candles we know."""

    dumps: tuple[Dump, ...]
    ignored: tuple[str, ...]


def find_dumps(source: Path, symbols: Sequence[str] = ()) -> Found:
    """Every dump in a folder or zip file. symbols: only these, () for all. Raises ConfigError when there is none."""
    if not source.exists():
        raise ConfigError("no such folder or zip file", where=str(source), fix="give the folder with the dumps")
    wanted = {name: symbol for symbol in symbols for name in _names(symbol)}
    dumps: list[Dump] = []
    ignored: list[str] = []
    for path, member in _files(source):
        dump = _recognised(path, member, wanted)
        if dump is None:
            ignored.append(member or path.name)
        elif not symbols or dump.symbol in symbols:
            dumps.append(dump)
    if not dumps:
        raise ConfigError(
            f"no candles of {', '.join(symbols)} in it" if symbols else "no candle dump in it",
            where=str(source),
            fix="name files like XBTEUR_60.csv (Kraken), BTCUSDT-1h-2023-01.csv (Binance) or BTC-EUR/1h.parquet",
        )
    return Found(tuple(dumps), tuple(ignored))


def _files(source: Path) -> Iterator[tuple[Path, str]]:
    files = [source] if source.is_file() else sorted(path for path in source.rglob("*") if path.is_file())
    for path in files:
        if path.suffix == ".zip":
            try:
                with zipfile.ZipFile(path) as packed:
                    members = sorted(name for name in packed.namelist() if not name.endswith("/"))
            except (OSError, zipfile.BadZipFile) as error:
                raise ConfigError(f"cannot be read: {error}", where=str(path), fix=_AGAIN) from error
            yield from ((path, member) for member in members)
        elif not path.name.startswith("."):
            yield path, ""


def _recognised(path: Path, member: str, wanted: dict[str, str]) -> Dump | None:
    name = member or path.as_posix()
    last = name.rpartition("/")[2]
    ours = _OUR_NAME.fullmatch("/".join(name.split("/")[-2:]))
    if ours and not member and ours[2] in TIMEFRAMES_MS:
        return Dump(OURS, ours[1].replace("-", "/", 1), ours[2], path)
    if found := _BINANCE_NAME.fullmatch(last):
        symbol = wanted.get(found[1]) or _split(found[1])
        return Dump(BINANCE, symbol, found[2], path, member) if symbol and found[2] in TIMEFRAMES_MS else None
    if found := _KRAKEN_NAME.fullmatch(last):
        pair, timeframe = found[1].upper(), _MINUTES.get(int(found[2]))
        known = wanted.get(pair) or _split(pair)
        return Dump(KRAKEN, known, timeframe, path, member) if known and timeframe else None
    return None


def _names(symbol: str) -> Iterator[str]:
    """How dumps may spell a symbol."""
    base, _, quote = symbol.partition("/")
    codes = {code: name for name, code in _KRAKEN_CODES.items()}
    for first in dict.fromkeys((base, codes.get(base, base))):
        for second in dict.fromkeys((quote, codes.get(quote, quote))):
            yield first + second


def _split(pair: str) -> str:
    """BASE/QUOTE of a name without a separator, "" when its quote is none that we know."""
    for quote in _QUOTES:
        base = pair.removesuffix(quote)
        if base and base != pair:
            return f"{_KRAKEN_CODES.get(base, base)}/{_KRAKEN_CODES.get(quote, quote)}"
    return ""


def digest(dump: Dump) -> dict[str, Any]:
    """What the manifest remembers of a file: {name, bytes, sha256} of its content, unpacked."""
    data = dump.read()
    return {"name": dump.name, "bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}


def read_dump(dump: Dump, now_ms: int) -> Rows:
    """Its closed candles, checked. Raises ConfigError with file and line of the first bad row."""
    if dump.kind == OURS:
        rows = _ours(dump)
        complaint = first_complaint(rows)
        if complaint:
            raise _refused(dump, f"row {complaint.row + 1}", complaint.text, rows, complaint.row)
    else:
        rows = _csv_rows(dump)
    return rows.take(rows.open_ms + rows.step_ms <= now_ms)


def _ours(dump: Dump) -> Rows:
    if dump.path.suffix == ".parquet":
        return read_parquet(dump.path, dump.timeframe)
    series = read_series(dump.path, dump.timeframe)
    basic = (series.open_ms, series.open, series.high, series.low, series.close, series.volume)
    return Rows.from_columns(dump.timeframe, basic)


def _csv_rows(dump: Dump) -> Rows:
    data = dump.read()
    header = 0 if data[:1].isdigit() or not data else 1
    wide = 7 if dump.kind == KRAKEN else 12
    table = _table(data, header, wide)
    if table is None:
        line, text = _first_bad_line(data, header, wide)
        raise ConfigError(text, where=f"{dump.where}, line {line}", fix=_MEND)
    if not len(table):
        return Rows.empty(dump.timeframe)
    moments = table[:, 0] * _unit_ms(dump.kind, float(table[0, 0]))
    extra = [np.full(len(table), np.nan), table[:, 6]] if dump.kind == KRAKEN else [table[:, 7], table[:, 8]]
    odd = ~(np.abs(moments) < 2**53) | (moments != np.floor(moments))
    rows = Rows.from_columns(dump.timeframe, [np.where(odd, -1, moments), *table[:, 1:6].T, *extra])
    complaint = first_complaint(rows)
    if complaint:
        raise _refused(dump, f"line {complaint.row + 1 + header}", complaint.text, rows, complaint.row)
    return rows


_MEND = "mend or remove the line, or download the file again; nothing of it was stored"


def _refused(dump: Dump, place: str, text: str, rows: Rows, index: int) -> ConfigError:
    opened = int(rows.open_ms[index])
    moment = f" ({to_datetime(opened):%Y-%m-%d %H:%M} UTC)" if opened >= 0 else ""
    return ConfigError(f"not a candle: {text}{moment}", where=f"{dump.where}, {place}", fix=_MEND)


def _unit_ms(kind: str, first: float) -> float:
    """ms in a unit of the file's times. Binance writes ms, and us from 2025 on."""
    if kind == KRAKEN:
        return 1000.0
    return 0.001 if first > 1e14 else 1.0


def _table(data: bytes, header: int, wide: int) -> Any:
    """float64[n, wide], None when some line is not that many numbers."""
    pa, csv = import_module("pyarrow"), import_module("pyarrow.csv")
    if not data.strip().partition(b"\n")[2 if header else 0]:
        return np.empty((0, wide))
    names = [str(number) for number in range(wide)]
    try:
        read = csv.read_csv(
            io.BytesIO(data),
            read_options=csv.ReadOptions(column_names=names, skip_rows=header),
            parse_options=csv.ParseOptions(ignore_empty_lines=False),
            convert_options=csv.ConvertOptions(
                column_types=dict.fromkeys(names, pa.float64()), null_values=[], strings_can_be_null=False
            ),
        )
    except (ValueError, pa.lib.ArrowException):
        return None
    return np.column_stack([read.column(name).to_numpy() for name in names])


def _first_bad_line(data: bytes, header: int, wide: int) -> tuple[int, str]:
    lines = data.decode("utf-8", "replace").split("\n")
    for number, line in enumerate(lines[header:], start=header + 1):
        cells = line.rstrip("\r").split(",")
        if number == len(lines) and line == "":
            continue
        if len(cells) != wide:
            return number, f"{len(cells)} columns instead of {wide}: {line[:60]!r}"
        for cell in cells:
            try:
                float(cell)
            except ValueError:
                return number, f"{cell[:30]!r} is no number"
    return len(lines), "the file cannot be read as CSV"
