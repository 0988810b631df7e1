"""Candle directories: three layouts read alike, and errors that say what to mend."""

from __future__ import annotations

import gzip
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pytest

from bot.domain.errors import ConfigError
from bot.simulator import Recording, Series, open_recording
from bot.simulator.candle_files import COLUMNS, symbols_in
from bot.simulator.packed import notes_of, pack
from tests.simulator.samples import DATA, make_series, recording

WALK = make_series(count=50)


def columns(series: Series) -> dict[str, Any]:
    return {"timestamp": series.open_ms, **{name: getattr(series, name) for name in COLUMNS[1:]}}


def write_npz(path: Path, series: Series) -> None:
    np.savez_compressed(path, allow_pickle=False, **columns(series))


def write_csv(path: Path, series: Series) -> None:
    rows = zip(*(column.tolist() for column in columns(series).values()), strict=True)
    lines = [",".join(COLUMNS), *(",".join(map(repr, row)) for row in rows)]
    path.write_bytes(gzip.compress("\n".join(lines).encode()))


def write_parquet(path: Path, series: Series, select: str = "*") -> None:
    table = path.with_suffix(".csv.gz")
    write_csv(table, series)
    at = "make_timestamptz((timestamp::BIGINT) * 1000) AS timestamp"
    read = f"SELECT {at}, * EXCLUDE timestamp FROM read_csv('{table}')"
    duckdb.sql(f"COPY (SELECT {select} FROM ({read})) TO '{path}' (FORMAT parquet)")
    table.unlink()


WRITERS = {".npz": write_npz, ".csv.gz": write_csv, ".parquet": write_parquet}


@pytest.fixture
def home(tmp_path: Path) -> Path:
    folder = tmp_path / "BTC-EUR"
    folder.mkdir()
    return folder


@pytest.mark.parametrize("suffix", sorted(WRITERS))
def test_a_directory_is_read_back_exactly(home: Path, suffix: str) -> None:
    WRITERS[suffix](home / f"5m{suffix}", WALK)
    found = open_recording(home.parent)
    assert found.symbols == ("BTC/EUR",) == symbols_in(home.parent)
    assert found.timeframes("BTC/EUR") == ("5m",)
    assert_equal(found.finest("BTC/EUR"), WALK)
    assert (found.first_ms, found.end_ms, found.synthetic) == (WALK.first_ms, WALK.end_ms, False)


def assert_equal(found: Series, expected: Series) -> None:
    assert found.timeframe == expected.timeframe
    for name, column in columns(expected).items():
        ours = columns(found)[name]
        assert ours.dtype == column.dtype
        assert np.array_equal(ours, column), name


def test_only_the_chosen_symbols_and_timeframes_are_read(home: Path) -> None:
    write_npz(home / "5m.npz", WALK)
    (home / "1h.parquet").write_text("broken, but nobody asked for it")
    (home.parent / "ETH-EUR").mkdir()
    found = open_recording(home.parent, ["BTC/EUR"], ["5m"])
    assert found.timeframes("BTC/EUR") == ("5m",)


def test_a_missing_directory_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"no such candle directory.*nowhere"):
        open_recording(tmp_path / "nowhere")


def test_a_directory_without_candles_says_what_belongs_there(tmp_path: Path) -> None:
    (tmp_path / "readme.txt").write_text("nothing here")
    with pytest.raises(ConfigError, match="BASE-QUOTE/TIMEFRAME"):
        open_recording(tmp_path)


def test_a_missing_symbol_is_named_with_those_that_are_there(home: Path) -> None:
    write_npz(home / "5m.npz", WALK)
    with pytest.raises(ConfigError, match=r"no candles of ETH/EUR.*BTC/EUR"):
        open_recording(home.parent, ["ETH/EUR"])


def test_a_symbol_without_the_timeframe_is_named(home: Path) -> None:
    write_npz(home / "5m.npz", WALK)
    with pytest.raises(ConfigError, match="no candle file of BTC/EUR for 1h"):
        open_recording(home.parent, timeframes=["1h"])


@pytest.mark.parametrize("suffix", sorted(WRITERS))
def test_a_half_written_file_is_named(home: Path, suffix: str) -> None:
    path = home / f"5m{suffix}"
    WRITERS[suffix](path, WALK)
    whole = path.read_bytes()
    for share in (0.0, 0.5, 0.95):
        path.write_bytes(whole[: int(len(whole) * share)])
        with pytest.raises(ConfigError) as caught:
            open_recording(home.parent)
        assert caught.value.where == str(path)
        assert caught.value.exit_code == 2


def test_parquet_without_duckdb_says_what_to_install(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_parquet(home / "5m.parquet", WALK)
    monkeypatch.setitem(sys.modules, "duckdb", None)
    with pytest.raises(ConfigError, match="DuckDB, which is not installed"):
        open_recording(home.parent)


def test_a_missing_column_is_named(home: Path) -> None:
    write_parquet(home / "5m.parquet", WALK, select="* EXCLUDE volume")
    with pytest.raises(ConfigError, match="lacks the column 'volume'"):
        open_recording(home.parent)
    (home / "5m.parquet").unlink()
    np.savez(home / "5m.npz", timestamp=WALK.open_ms)
    with pytest.raises(ConfigError, match="lacks the column 'open'"):
        open_recording(home.parent)


def test_empty_cells_are_refused(home: Path) -> None:
    nothing = "CASE WHEN open > 100 THEN NULL ELSE {0} END AS {0}"
    write_parquet(home / "5m.parquet", WALK, select="* REPLACE (" + nothing.format("close") + ")")
    with pytest.raises(ConfigError, match="not finite and positive"):
        open_recording(home.parent)
    write_parquet(home / "5m.parquet", WALK, select="* REPLACE (" + nothing.format("timestamp") + ")")
    with pytest.raises(ConfigError, match="not sorted"):
        open_recording(home.parent)


def changed(name: str, change: Callable[[Any], object]) -> Series:
    copies = {key: column.copy() for key, column in columns(WALK).items()}
    change(copies[name])
    return Series("5m", *copies.values())


@pytest.mark.parametrize(
    ("series", "problem"),
    [
        (changed("timestamp", lambda column: column.__setitem__(3, column[2])), "not sorted"),
        (changed("timestamp", lambda column: column.__iadd__(1)), "not on the 5m grid"),
        (changed("close", lambda column: column.__setitem__(3, np.nan)), "not finite and positive"),
        (changed("low", lambda column: column.__setitem__(3, 0.0)), "not finite and positive"),
        (changed("volume", lambda column: column.__setitem__(3, -1.0)), "volumes"),
        (changed("high", lambda column: column.__setitem__(3, 1.0)), "outside low to high"),
        (WALK.take(slice(0, 0)), "no rows"),
    ],
)
def test_candles_that_no_venue_would_have_recorded_are_refused(home: Path, series: Series, problem: str) -> None:
    write_npz(home / "5m.npz", series)
    with pytest.raises(ConfigError, match=problem):
        open_recording(home.parent)


def test_a_packed_file_gives_back_what_was_packed(tmp_path: Path) -> None:
    whole = Series("5m", WALK.open_ms, WALK.open, WALK.high, WALK.low, WALK.close, np.round(WALK.volume, 3))
    gaps = whole.take(np.arange(len(whole)) % 7 != 3)
    path = tmp_path / "packed.npz"
    pack(path, recording(gaps), {"BTC/EUR": 2}, {"BTC/EUR": 3}, seed=5)
    found = open_recording(path)
    assert_equal(found.finest("BTC/EUR"), gaps)
    assert notes_of(path)["seed"] == 5
    with pytest.raises(ConfigError, match="no candles of ETH/EUR"):
        open_recording(path, ["ETH/EUR"])
    with pytest.raises(ConfigError, match="no candle file of BTC/EUR"):
        open_recording(path, timeframes=["1d"])
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(ConfigError, match="cannot read the candle file"):
        open_recording(path)


def test_real_recordings_are_read() -> None:
    if not DATA.is_dir():
        pytest.skip("no recorded candles: ../shared/data is not there")
    found: Recording = open_recording(DATA / "kraken", ["BTC/USD"])
    assert found.timeframes("BTC/USD") == ("5m", "15m", "1h", "1d")
    assert len(found.finest("BTC/USD")) == 25_901
