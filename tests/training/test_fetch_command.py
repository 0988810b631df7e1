"""`python -m training fetch` as a person calls it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from bot.simulator import Simulator
from tests.simulator.samples import make_series
from tests.training.history_samples import END_MS, SYMBOL, kraken_lines, market, write_lines
from training.__main__ import app

ROOT = Path(__file__).parents[2]


@pytest.fixture
def call(tmp_path, monkeypatch):
    """Calls the command in an empty home; the result of Typer's runner."""
    monkeypatch.setenv("METRONOME_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("METRONOME_LANGUAGE", "en")
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.chdir(tmp_path)
    return lambda *arguments: CliRunner().invoke(app, ["fetch", *map(str, arguments)])


@pytest.fixture
def dump(tmp_path):
    return write_lines(tmp_path / "dump" / "XBTEUR_5.csv", kraken_lines(make_series(count=300))).parent


def test_help_has_examples(call):
    told = call("--help")
    assert told.exit_code == 0
    for text in ("python -m training fetch --symbols BTC/EUR,ETH/EUR", "--from-dir", "--verify", "KRAKEN_API_URL"):
        assert text in told.stdout


def test_a_fetch_into_the_usual_place(call, tmp_path, monkeypatch):
    with Simulator(market(), at_ms=END_MS + 60_000) as venue:
        monkeypatch.setenv("KRAKEN_API_URL", venue.url)
        told = call("--symbols", SYMBOL, "--from", "2023-11-15", "--pace", "0")
    assert told.exit_code == 0, told.output
    assert "BTC/EUR" in told.stdout
    assert sorted(path.name for path in (tmp_path / "home/history/kraken/BTC-EUR").glob("*.parquet")) == [
        "1d.parquet", "1h.parquet", "4h.parquet", "5m.parquet",
    ]  # fmt: skip
    told = call("--verify")
    assert (told.exit_code, "all as written" in told.stdout) == (0, True)


def test_json_is_one_document_and_verify_ends_with_5_when_something_is_wrong(call, dump, tmp_path):
    document = json.loads(call("--from-dir", dump, "--json").stdout)
    assert (document["exchange"], document["files"][0]["rows"]) == ("kraken", 300)
    path = Path(document["out"]) / document["files"][0]["file"]
    path.write_bytes(path.read_bytes() + b" ")
    told = call("--verify", "--json")
    assert (told.exit_code, len(json.loads(told.stdout)["problems"])) == (5, 1)
    told = call("--verify", "--lang", "fr")
    assert told.exit_code == 5
    assert "ne sont pas intacts" in told.stdout
    assert "remède" in told.stdout


@pytest.mark.parametrize(
    ("arguments", "where"),
    [
        (("--symbols", "nonsense"), "--symbols"),
        (("--timeframes", "7m"), "--timeframes"),
        (("--from", "yesterday"), "--from"),
        (("--from", "2024-01-02", "--to", "2024-01-01"), "--from, --to"),
        (("--pace", "quick"), "--pace"),
        (("--exchange", "binance"), "--symbols"),
        (("--lang", "de"), "--lang"),
        (("--from-dir", "nowhere"), "nowhere"),
    ],
)
def test_wrong_arguments_are_told_with_what_where_and_fix(call, arguments, where):
    told = call(*arguments, "--json")
    error = json.loads(told.stdout)["error"]
    assert (told.exit_code, error["where"]) == (2, where)
    assert error["what"]
    assert error["fix"]


def test_an_exchange_that_is_not_there_ends_with_3(call, monkeypatch):
    from training.commands import fetch as command
    from training.history.venues import Patience

    monkeypatch.setenv("KRAKEN_API_URL", "http://127.0.0.1:9")
    monkeypatch.setattr(command, "Patience", lambda **given: Patience(**given, tries=1))
    told = call("--symbols", SYMBOL, "--json")
    assert (told.exit_code, json.loads(told.stdout)["error"]["where"]) == (3, "127.0.0.1:9")


def test_a_pipe_gets_neither_bars_nor_colours(dump, tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "training", "fetch", "--from-dir", dump, "--out", tmp_path / "out"],
        cwd=ROOT, capture_output=True, text=True, check=True, env=os.environ | {"METRONOME_HOME": str(tmp_path)},
    )  # fmt: skip
    assert done.stderr == ""
    assert "\x1b" not in done.stdout
