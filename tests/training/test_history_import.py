"""Dumps into a folder: Kraken's CSV, Binance's CSV, our own layout; bad ones named by file and line."""

from __future__ import annotations

import errno
import gzip
import zipfile

import numpy as np
import pytest

from bot.domain.errors import CheckFailed, ConfigError
from bot.simulator import Simulator
from tests.simulator.samples import START_MS, make_series
from tests.training.history_samples import (
    END_MS,
    STEP,
    SYMBOL,
    binance_lines,
    bring,
    kraken_lines,
    market,
    same_candles,
    trade_requests,
    write_lines,
)
from training.history.files import read_parquet, series_path, sha256, write_parquet
from training.history.importing import ImportRequest, import_dumps
from training.history.manifest import Manifest
from training.history.rows import COLUMNS, Rows
from training.history.verifying import verify

SERIES = make_series(count=300)
LATER = 4_000_000_000_000


def take(source, out, exchange="kraken", now_ms=LATER, **more):
    return import_dumps(ImportRequest(exchange, source, out, **more), now_ms)


def stored(out, symbol=SYMBOL, timeframe="5m"):
    return read_parquet(series_path(out, symbol, timeframe), timeframe)


def test_krakens_dump_with_its_names_and_its_trades(tmp_path):
    write_lines(tmp_path / "dump" / "XBTEUR_5.csv", kraken_lines(SERIES))
    write_lines(tmp_path / "dump" / "XDGUSD_5.csv", kraken_lines(SERIES))
    write_lines(tmp_path / "dump" / "XBTEUR_720.csv", ["1,2,3"])  # no timeframe of ours
    document = take(tmp_path / "dump", tmp_path / "out")
    assert [(file["symbol"], file["rows"]) for file in document["files"]] == [("BTC/EUR", 300), ("DOGE/USD", 300)]
    same_candles(stored(tmp_path / "out"), SERIES)
    assert set(stored(tmp_path / "out").trades.tolist()) == {3.0}
    assert np.isnan(stored(tmp_path / "out").quote_volume).all()
    assert "XBTEUR_720.csv" in document["notes"][0]
    assert verify(tmp_path / "out")["problems"] == []


def test_a_zip_file_of_dumps(tmp_path):
    packed = tmp_path / "Kraken_OHLCVT.zip"
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("master/XBTEUR_5.csv", "\n".join(kraken_lines(SERIES)))
        archive.writestr("master/ETHEUR_5.csv", "\n".join(kraken_lines(SERIES)))
    document = take(packed, tmp_path / "out", symbols=("BTC/EUR",))
    assert [file["symbol"] for file in document["files"]] == ["BTC/EUR"]
    same_candles(stored(tmp_path / "out"), SERIES)


@pytest.mark.parametrize("unit", [1, 1000])
@pytest.mark.parametrize("header", [False, True])
def test_binances_monthly_dumps_in_ms_and_us_with_a_header_and_without(tmp_path, unit, header):
    lines = binance_lines(SERIES, unit)
    head = ["open_time,open,high,low,close,volume,close_time,quote_volume,count,a,b,ignore"] if header else []
    write_lines(tmp_path / "dump" / "BTCUSDT-5m-2023-11.csv", head + lines[:150])
    write_lines(tmp_path / "dump" / "BTCUSDT-5m-2023-12.csv", head + lines[140:])
    take(tmp_path / "dump", tmp_path / "out", "binance")
    rows = stored(tmp_path / "out", "BTC/USDT")
    same_candles(rows, SERIES)
    assert (set(rows.quote_volume.tolist()), set(rows.trades.tolist())) == ({350.5}, {12.0})


@pytest.mark.parametrize("suffix", ["parquet", "npz", "csv.gz"])
def test_our_own_layout(tmp_path, suffix):
    home = tmp_path / "dump" / "BTC-EUR"
    home.mkdir(parents=True)
    columns = {name: getattr(SERIES, name) for name in ("open", "high", "low", "close", "volume")}
    if suffix == "parquet":
        rows = Rows.from_columns("5m", [SERIES.open_ms, *columns.values(), np.arange(300.0), np.arange(300.0)])
        write_parquet(home / "5m.parquet", rows)
    elif suffix == "npz":
        np.savez(home / "5m.npz", timestamp=SERIES.open_ms, **columns)
    else:
        table = np.column_stack([SERIES.open_ms, *columns.values()])
        with gzip.open(home / "5m.csv.gz", "wt") as file:
            file.write("timestamp,open,high,low,close,volume\n")
            file.writelines(",".join(map(repr, row)) + "\n" for row in table.tolist())
    take(tmp_path / "dump", tmp_path / "out")
    same_candles(stored(tmp_path / "out"), SERIES)
    if suffix == "parquet":
        assert stored(tmp_path / "out").trades.tolist() == list(range(300))


def changed(line: str, cell: int, value: str) -> str:
    cells = line.split(",")
    cells[cell] = value
    return ",".join(cells)


def cell(number: int, value: str):
    """Puts something else into the eighth line."""
    return lambda rows: [*rows[:7], changed(rows[7], number, value), *rows[8:]]


BAD = {
    "high below low": (cell(2, "1.0"), 8, "high is below its low"),
    "low above close": (cell(4, "1.0"), 8, "low is above"),
    "high below open": (cell(1, "9999"), 8, "high is below its open"),
    "NaN": (cell(4, "NaN"), 8, "not finite"),
    "infinite": (cell(2, "inf"), 8, "not finite"),
    "negative": (cell(3, "-1"), 8, "not above 0"),
    "zero": (cell(3, "0"), 8, "not above 0"),
    "volume": (cell(5, "-0.5"), 8, "volume is below 0"),
    "volume NaN": (cell(5, "nan"), 8, "volume is not finite"),
    "count": (cell(6, "2.5"), 8, "no count"),
    "off the grid": (cell(0, "1700008499"), 8, "5m grid"),
    "no time": (cell(0, "nan"), 8, "grid|after"),
    "twice": (lambda rows: [*rows[:8], rows[7], *rows[8:]], 9, "twice"),
    "unsorted": (lambda rows: [*rows[:7], rows[8], rows[7], *rows[9:]], 9, "does not come after"),
    "text": (cell(3, "n/a"), 8, "'n/a' is no number"),
    "empty cell": (cell(3, ""), 8, "is no number"),
    "too few columns": (lambda rows: [*rows[:7], rows[7].rpartition(",")[0], *rows[8:]], 8, "6 columns instead of 7"),
    "empty line": (lambda rows: [*rows[:7], "", *rows[7:]], 8, "columns instead of 7"),
    "half-written": (lambda rows: [*rows[:-1], rows[-1][:25]], 300, "columns instead of 7"),
}


@pytest.mark.parametrize("damage", BAD)
def test_a_bad_row_is_refused_with_file_and_line_and_nothing_is_stored(tmp_path, damage):
    spoil, line, text = BAD[damage]
    write_lines(tmp_path / "dump" / "XBTEUR_5.csv", spoil(kraken_lines(SERIES)))
    with pytest.raises(ConfigError, match=text) as told:
        take(tmp_path / "dump", tmp_path / "out")
    assert told.value.where.endswith(f"XBTEUR_5.csv, line {line}")
    assert not series_path(tmp_path / "out", SYMBOL, "5m").exists()


def test_the_line_is_right_below_a_header_too(tmp_path):
    lines = ["open_time,open,high,low,close,volume,ct,qv,n,a,b,i", *binance_lines(SERIES)]
    lines[8] = changed(lines[8], 4, "0")
    write_lines(tmp_path / "dump" / "BTCUSDT-5m-2023-11.csv", lines)
    with pytest.raises(ConfigError) as told:
        take(tmp_path / "dump", tmp_path / "out", "binance")
    assert told.value.where.endswith("line 9")


@pytest.mark.parametrize("name", ["XBTEUR_5.csv.gz", "dump.zip", "BTC-EUR/5m.parquet", "BTC-EUR/5m.npz"])
def test_a_half_written_file_is_named(tmp_path, name):
    path = tmp_path / "dump" / name
    path.parent.mkdir(parents=True)
    if name.endswith("csv.gz"):
        path.write_bytes(gzip.compress("\n".join(kraken_lines(SERIES)).encode())[:-40])
    else:
        path.write_bytes(b"PAR1PK\x03\x04 and then no more")
    with pytest.raises(ConfigError) as told:
        take(tmp_path / "dump", tmp_path / "out")
    assert str(path) in told.value.where


def test_an_empty_file_and_an_empty_folder(tmp_path):
    (tmp_path / "dump").mkdir()
    with pytest.raises(ConfigError, match="no candle dump"):
        take(tmp_path / "dump", tmp_path / "out")
    (tmp_path / "dump" / "XBTEUR_5.csv").write_text("")
    assert take(tmp_path / "dump", tmp_path / "out")["files"] == []
    with pytest.raises(ConfigError, match="no candles of ETH/EUR"):
        take(tmp_path / "dump", tmp_path / "out", symbols=("ETH/EUR",))
    with pytest.raises(ConfigError, match="no such folder"):
        take(tmp_path / "nowhere", tmp_path / "out")


def test_a_second_import_takes_only_what_is_new_and_the_file_stays(tmp_path):
    lines = kraken_lines(SERIES)
    write_lines(tmp_path / "dump" / "Q1" / "XBTEUR_5.csv", lines[:200])
    take(tmp_path / "dump", tmp_path / "out")
    before = sha256(series_path(tmp_path / "out", SYMBOL, "5m"))
    fetched_at = Manifest.load(tmp_path / "out").of(SYMBOL, "5m").fetched_at
    document = take(tmp_path / "dump", tmp_path / "out")
    entry = Manifest.load(tmp_path / "out").of(SYMBOL, "5m")
    assert (document["files"][0]["added"], entry.sha256, entry.fetched_at) == (0, before, fetched_at)
    write_lines(tmp_path / "dump" / "Q2" / "XBTEUR_5.csv", lines[190:])
    assert take(tmp_path / "dump", tmp_path / "out")["files"][0]["added"] == 100
    same_candles(stored(tmp_path / "out"), SERIES)


def test_files_that_differ_are_not_mixed(tmp_path):
    lines = kraken_lines(SERIES)
    write_lines(tmp_path / "dump" / "Q1" / "XBTEUR_5.csv", lines[:200])
    write_lines(tmp_path / "dump" / "Q2" / "XBTEUR_5.csv", [changed(lines[195], 5, "77"), *lines[196:]])
    with pytest.raises(CheckFailed, match="differs from that in another file"):
        take(tmp_path / "dump", tmp_path / "out")
    (tmp_path / "dump" / "Q2" / "XBTEUR_5.csv").rename(tmp_path / "XBTEUR_5.csv")
    take(tmp_path / "dump", tmp_path / "out")
    with pytest.raises(CheckFailed, match="differs from the stored one"):
        take(tmp_path / "XBTEUR_5.csv", tmp_path / "out")


def test_coarser_candles_are_built_and_a_files_own_are_taken(tmp_path):
    write_lines(tmp_path / "dump" / "XBTEUR_5.csv", kraken_lines(SERIES))
    hours = make_series("1h", count=2, price=50.0)
    write_lines(tmp_path / "dump" / "XBTEUR_60.csv", kraken_lines(hours))
    document = take(tmp_path / "dump", tmp_path / "out", timeframes=("5m", "1h", "4h"))
    assert {file["timeframe"]: file["sources"] for file in document["files"]} == {
        "1h": ["kraken csv", "built from 5m"],
        "4h": ["built from 5m"],
        "5m": ["kraken csv"],
    }
    same_candles(stored(tmp_path / "out", timeframe="1h").take(slice(0, 2)), hours)


def test_with_gaps_of_unknown_cause_only_whole_candles_are_built(tmp_path):
    holed = SERIES.take(np.arange(300) != 30)
    for name, lines, exchange in (
        ("XBTEUR_5.csv", kraken_lines(holed), "kraken"),
        ("BTCUSDT-5m-2023-11.csv", binance_lines(holed), "binance"),
    ):
        write_lines(tmp_path / exchange / name, lines)
        take(tmp_path / exchange, tmp_path / "out" / exchange, exchange, timeframes=("5m", "1h"))
    assert Manifest.load(tmp_path / "out" / "kraken").of("BTC/EUR", "1h").rows == 25
    assert Manifest.load(tmp_path / "out" / "binance").of("BTC/USDT", "1h").rows == 24


def test_the_candle_that_is_not_closed_yet_and_what_lies_outside_the_span_are_left_out(tmp_path):
    write_lines(tmp_path / "dump" / "XBTEUR_5.csv", kraken_lines(SERIES))
    now_ms = START_MS + 100 * STEP + 1000
    take(tmp_path / "dump", tmp_path / "out", now_ms=now_ms, from_ms=START_MS + 10 * STEP)
    rows = stored(tmp_path / "out")
    assert (rows.first_ms, rows.end_ms) == (START_MS + 10 * STEP, START_MS + 100 * STEP)


def test_the_tail_of_a_dump_is_fetched_from_the_venue(tmp_path):
    """Years from the dump, the rest trade by trade."""
    series = market().series[SYMBOL]["5m"]
    write_lines(tmp_path / "dump" / "XBTEUR_5.csv", kraken_lines(series.take(slice(0, 200)), trades=20))
    take(tmp_path / "dump", tmp_path / "out")
    with Simulator(market(), at_ms=END_MS + 60_000) as venue:
        document = bring(venue, tmp_path / "out", from_ms=None)
        assert trade_requests(venue) <= 5
    same_candles(stored(tmp_path / "out"), series)
    assert document["files"][0]["sources"] == ["kraken csv", "kraken trades"]
    assert np.isnan(stored(tmp_path / "out").quote_volume).sum() == 200
    assert verify(tmp_path / "out")["problems"] == []


def test_dumps_of_another_venue_and_of_several_venues_are_refused_before_anything_is_stored(tmp_path):
    write_lines(tmp_path / "dump" / "XBTEUR_5.csv", kraken_lines(SERIES))
    with pytest.raises(ConfigError, match="a dump of kraken, and the folder is for binance"):
        take(tmp_path / "dump", tmp_path / "out", "binance")
    rows = Rows.from_columns("5m", [getattr(SERIES, name) for name in ("open_ms", *COLUMNS[:5])])
    for venue in ("kraken", "binance"):
        write_parquet(tmp_path / "many" / venue / "BTC-EUR" / "5m.parquet", rows)
    with pytest.raises(ConfigError, match="2 folders of candle files"):
        take(tmp_path / "many", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_disk_that_is_full_loses_nothing(tmp_path, monkeypatch):
    from training.history import folder

    write_lines(tmp_path / "dump" / "XBTEUR_5.csv", kraken_lines(SERIES))

    def full(path, rows):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"PAR1")
        raise OSError(errno.ENOSPC, "No space left on device", str(path))

    with monkeypatch.context() as patch:
        patch.setattr(folder, "write_parquet", full)
        with pytest.raises(OSError, match="No space"):
            take(tmp_path / "dump", tmp_path / "out")
    take(tmp_path / "dump", tmp_path / "out")
    same_candles(stored(tmp_path / "out"), SERIES)
    assert sorted(path.name for path in (tmp_path / "out" / "BTC-EUR").iterdir()) == ["5m.parquet"]
