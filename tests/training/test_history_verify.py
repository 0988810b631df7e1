"""What `--verify` finds, and what is left when a process dies while a file is replaced."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest

from bot.domain.errors import CheckFailed, ConfigError
from tests.simulator.samples import make_series
from tests.training.history_samples import SYMBOL, kraken_lines, write_lines
from training.history.files import read_parquet, series_path, sha256, write_parquet
from training.history.folder import Folder, open_folder
from training.history.importing import ImportRequest, import_dumps
from training.history.manifest import NAME, Manifest
from training.history.verifying import verify

SERIES = make_series(count=300)


@pytest.fixture
def folder(tmp_path):
    write_lines(tmp_path / "dump" / "XBTEUR_5.csv", kraken_lines(SERIES))
    import_dumps(ImportRequest("kraken", tmp_path / "dump", tmp_path / "out", timeframes=("5m", "1h")), 4 * 10**12)
    return tmp_path / "out"


def whats(folder, **more):
    return [(problem["where"], problem["what"]) for problem in verify(folder, **more)["problems"]]


def test_a_sound_folder_has_no_problem(folder):
    document = verify(folder)
    assert (document["checked"], document["rows"], document["problems"]) == (2, 325, [])


def test_changed_missing_and_strange_files_are_named_with_their_remedy(folder):
    path = series_path(folder, SYMBOL, "5m")
    data = bytearray(path.read_bytes())
    data[300] ^= 1
    path.write_bytes(data)
    series_path(folder, SYMBOL, "1h").unlink()
    shutil.copy(path, path.with_name("4h.parquet"))
    problems = {problem["where"]: problem for problem in verify(folder)["problems"]}
    assert "hash" in problems["BTC-EUR/5m.parquet"]["what"]
    assert "--symbols BTC/EUR --timeframes 5m" in problems["BTC-EUR/5m.parquet"]["fix"]
    assert problems["BTC-EUR/1h.parquet"]["what"] == "it is missing"
    assert "manifest does not know" in problems["BTC-EUR/4h.parquet"]["what"]
    assert whats(folder, timeframes=("4h",)) == []


def test_a_manifest_that_says_other_things_of_the_same_file(folder):
    path = folder / NAME
    document = json.loads(path.read_text())
    document["files"]["BTC-EUR/5m.parquet"]["rows"] = 299
    path.write_text(json.dumps(document))
    assert whats(folder) == [("BTC-EUR/5m.parquet", "rows is 300, the manifest says 299")]


def test_a_bad_row_under_the_right_hash_is_found_too(folder):
    path = series_path(folder, SYMBOL, "5m")
    rows = read_parquet(path, "5m")
    rows = rows.take(np.arange(300))
    rows.high[7] = rows.low[7] / 2
    write_parquet(path, rows)
    document = json.loads((folder / NAME).read_text())
    document["files"]["BTC-EUR/5m.parquet"]["sha256"] = sha256(path)
    (folder / NAME).write_text(json.dumps(document))
    assert whats(folder) == [("BTC-EUR/5m.parquet", "row 8: its high is below its low")]


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"version": 9, "files": {}}', '{"version": 1, "exchange'])
def test_a_broken_manifest_is_told(folder, text):
    (folder / NAME).write_text(text)
    with pytest.raises(ConfigError, match="manifest cannot be read"):
        verify(folder)


def test_no_manifest_is_told(tmp_path):
    with pytest.raises(ConfigError, match="no history here"):
        verify(tmp_path)


def test_a_replacement_whose_manifest_is_written_is_finished(folder):
    """Killed after the manifest, before the rename."""
    path = series_path(folder, SYMBOL, "5m")
    whole = path.read_bytes()
    path.with_name("5m.parquet.new").write_bytes(whole)
    path.write_bytes(b"the file before")
    assert whats(folder)
    with open_folder(folder, "kraken"):
        pass
    assert (whats(folder), path.read_bytes()) == ([], whole)


def test_a_replacement_whose_manifest_is_not_written_is_forgotten(folder):
    """Killed while the new file was written."""
    path = series_path(folder, SYMBOL, "5m")
    path.with_name("5m.parquet.new").write_bytes(b"half of")
    with open_folder(folder, "kraken"):
        pass
    assert whats(folder) == []
    assert not path.with_name("5m.parquet.new").exists()


def test_a_file_that_the_manifest_does_not_know_is_not_written_over(folder):
    target = series_path(folder, "ETH/EUR", "5m")
    target.parent.mkdir()
    shutil.copy(series_path(folder, SYMBOL, "5m"), target)
    manifest = Manifest.load(folder)
    assert manifest is not None
    with pytest.raises(ConfigError, match="does not know"):
        Folder(folder, manifest).read("ETH/EUR", "5m")


def test_what_is_no_candle_is_never_merged(folder):
    rows = read_parquet(series_path(folder, SYMBOL, "5m"), "5m")
    rows = rows.take(np.arange(300))
    rows.low[3] = -1.0
    with open_folder(folder, "kraken") as opened, pytest.raises(CheckFailed, match="price is not above 0"):
        opened.merge(SYMBOL, rows, [], "nowhere", quiet_gaps=True)
