"""`python -m training sweep` as a person calls it."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from tests.training.report_samples import DATA

pytest.importorskip("numba", reason="numba belongs to training and is not installed here")

from training.__main__ import app


@pytest.fixture
def call(tmp_path, monkeypatch):
    """Calls the command in an empty folder; the result of Typer's runner."""
    monkeypatch.setenv("METRONOME_LANGUAGE", "en")
    monkeypatch.setenv("COLUMNS", "120")
    return lambda *arguments: CliRunner().invoke(app, ["sweep", *map(str, arguments)])


def test_help_has_examples_and_says_how_values_are_written(call):
    told = call("--help")
    assert told.exit_code == 0
    for text in ("--set risk.stop_loss_frac=0.02,0.03,0.04", "0.005..0.02:4", "--search tpe", "--ray", "--resume"):
        assert text in told.stdout


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "nothing to vary"),
        (("--set", "risk.stop_los_frac=1"), "did you mean risk.stop_loss_frac?"),
        (("--set", "risk.stop_loss_frac=0.02", "--search", "best"), "choose one of grid, random, tpe"),
        (("--set", "risk.stop_loss_frac=0.02", "--from", "2022-01-02", "--to", "2022-01-01"), "before it begins"),
        (("--set", "risk.stop_loss_frac=0.02", "--metric", "luck"), "sharpe_ratio"),
        (("--set", "risk.stop_loss_frac=0.02", "--finest", "7m"), "not a timeframe"),
    ],
)
def test_wrong_arguments_end_with_2_and_say_how_to_mend_them(call, arguments, words):
    told = call(*arguments)
    assert told.exit_code == 2
    assert words in told.output


def test_real_candles_from_start_to_report(call, tmp_path):
    if not (DATA / "BTC-USDT").is_dir():
        pytest.skip("no recorded candles: ../shared/data is not there")
    arguments = (
        "--data", DATA, "--symbols", "BTC/USDT,ETH/USDT", "--from", "2021-03-01", "--to", "2021-08-10",
        "--finest", "1h", "--set", "risk.stop_loss_frac=0.02..0.04:3", "--set", "risk.take_profit_frac=0.06,0.9",
        "--set", "strategies.breakout.enabled=true,false", "--out", tmp_path / "sweep",
    )  # fmt: skip
    told = call(*arguments, "--workers", "2")
    assert told.exit_code == 0, told.output
    for text in (
        "12 settings (grid)",
        "The best settings by Sharpe ratio",
        "as it is",
        "(PBO)",
        "Chosen again each month",
    ):
        assert text in told.stdout
    page = (tmp_path / "sweep" / "report.html").read_text()
    assert "breakout.enabled" in page
    again = call(*arguments)
    assert (again.exit_code, "add --resume" in again.output) == (2, True)
    document = json.loads(call(*arguments, "--resume", "--json").stdout)
    assert (document["resumed"], document["trials"], document["done"]) == (12, 12, 12)
    assert len(document["walk_forward"]["splits"]) == 1
    assert document["summary"][0] in told.stdout
