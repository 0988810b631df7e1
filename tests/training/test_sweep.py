"""Sweeps: what is varied, the same results whoever works, going on after a kill, and what is said of luck."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
import time
from dataclasses import replace
from decimal import Decimal
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from bot.cli.render import plain
from bot.cli.session import session
from bot.domain.errors import ConfigError
from bot.settings import load
from bot.simulator import bundled_recording
from tests.house.checkout import ROOT

pytest.importorskip("numba", reason="numba belongs to training and is not installed here")

from training.engine.run import BacktestRequest, run_backtest
from training.sweep import judging
from training.sweep.axes import Axis, grid_size, nth_setting, parse_axes
from training.sweep.bench import Runner, daily_of, metrics_of, packed, unpacked
from training.sweep.page import html_page
from training.sweep.results import Results
from training.sweep.run import Advance, SweepRequest, judged, prepare_sweep, run_sweep
from training.sweep.searches import BATCH, Trial, new_search
from training.sweep.words import blocks, plain_words, short_names

DAY_MS = 86_400_000
SYMBOLS = ("BTC/EUR", "ADA/EUR")
OVERRIDES = {
    "market.symbols": list(SYMBOLS), "market.timeframe": "15m", "market.context_timeframes": ["1h", "4h", "1d"],
    "risk.min_confidence": 0.12,
}  # fmt: skip
SETS = (
    "risk.stop_loss_frac=0.02,0.03,0.7",
    "strategies.breakout.enabled=true,false",
    "strategies.momentum.params.rsi_bull=52,58",
)


@pytest.fixture(autouse=True)
def english(monkeypatch):
    monkeypatch.setattr(session, "language", "en")
    monkeypatch.setattr(session, "json", False)


@pytest.fixture(scope="module")
def backtest():
    end_ms = bundled_recording(SYMBOLS).end_ms
    return BacktestRequest(
        load(OVERRIDES), None, SYMBOLS, end_ms - 3 * DAY_MS, end_ms, Decimal(100_000), every_ms=300_000
    )


def asked(backtest, out, *sets, **more):
    return SweepRequest(backtest, parse_axes(sets or SETS), OVERRIDES, out=out, **{"workers": 1, **more})


@pytest.fixture(scope="module")
def prepared(backtest, tmp_path_factory):
    return prepare_sweep(asked(backtest, tmp_path_factory.mktemp("sweep")))


def run(request, prepared, advancing=lambda advance: None):
    """A sweep on the market of the module."""
    search = new_search(request.search, request.axes, request.trials, request.seed)
    return run_sweep(request, replace(prepared, folder=request.out, search=search), advancing)


def tried(folder: Path) -> list[str]:
    return sorted((folder / "trials.jsonl").read_text().splitlines())


def found(document):
    """What must not depend on who worked."""
    changing = {"name", "out", "report", "workers", "memory", "prepare_s", "trial_s", "duration_s", "resumed", "ray"}
    return {name: value for name, value in document.items() if name not in changing}


# --- What is varied ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("risk.stop_loss_frac=0.02,0.03, 0.04", (0.02, 0.03, 0.04)),
        ("risk.trailing_distance_frac=0.005..0.02:4", (0.005, 0.01, 0.015, 0.02)),
        ("risk.stop_loss_frac=0.01,0.02..0.04:3,0.02", (0.01, 0.02, 0.03, 0.04)),
        ("risk.max_open_positions=3..6", (3, 4, 5, 6)),
        ("risk.max_open_positions=2..10:3", (2, 6, 10)),
        ("strategies.breakout.enabled=true,false", (True, False)),
        ("risk.sizing=kelly,fixed_fraction", ("kelly", "fixed_fraction")),
        ("risk.take_profit_ladder=none|0.5@0.03,0.5@0.06", ([], ["0.5@0.03", "0.5@0.06"])),
        ("risk.stop_loss_frac=0.02,7", (0.02, 7.0)),
    ],
)
def test_values_of_an_axis(text, values):
    assert parse_axes([text])[0].values == values


def test_a_range_without_a_count_takes_any_number():
    (axis,) = parse_axes(["risk.stop_loss_frac=0.01..0.05"])
    assert (axis.is_open, axis.low, axis.high) == (True, 0.01, 0.05)
    with pytest.raises(ConfigError, match="any number"):
        grid_size([axis])


@pytest.mark.parametrize(
    ("texts", "words"),
    [
        ([], "nothing to vary"),
        (["risk.stop_los_frac=1,2"], "no known setting"),
        (["market.timeframe=1h,4h"], "cannot be swept"),
        (["live.min_win_rate=0.5,0.6"], "cannot be swept"),
        (["risk.stop_loss_frac=0.02", "risk.stop_loss_frac=0.03"], "varied twice"),
        (["risk.stop_loss_frac=wide"], "not allowed"),
        (["risk.stop_loss_frac=0.05..0.01"], "no range"),
        (["risk.stop_loss_frac=0.05..0.01:3"], "no range"),
        (["risk.stop_loss_frac=0.01,0.02..0.03"], "no count"),
        (["risk.stop_loss_frac"], "assignment"),
        (["risk.sizing=best,worst"], "not allowed"),
    ],
)
def test_what_cannot_be_varied_is_named(texts, words):
    with pytest.raises(ConfigError, match=words):
        parse_axes(texts)


def test_a_grid_has_every_combination_once_and_strategies_turn_slowest():
    axes = parse_axes(SETS)
    settings = [nth_setting(axes, n) for n in range(grid_size(axes))]
    assert len({json.dumps(one) for one in settings}) == 12
    strategies = [[value for name, value in one.items() if name.startswith("strategies.")] for one in settings]
    assert sum(a != b for a, b in pairwise(strategies)) == 3


@pytest.mark.parametrize("sets", [SETS, ("risk.stop_loss_frac=0.01..0.05", "risk.max_open_positions=1..9")])
def test_a_draw_is_of_its_seed_and_more_trials_begin_alike(sets):
    axes = parse_axes(sets)
    few, more = (new_search("random", axes, count, 3).ask() for count in (5, 9))
    assert more[:5] == few
    assert new_search("random", axes, 5, 4).ask() != few
    assert len({json.dumps(one.values) for one in more}) == 9


def test_optuna_learns_the_same_way_each_time_and_finds_a_hill():
    axes = parse_axes(["risk.stop_loss_frac=0.01..0.09", "risk.max_open_positions=1..9", "risk.breakeven=true,false"])

    def went(trials):
        search, all_asked = new_search("tpe", axes, trials, 7), []
        while asked := search.ask():
            assert len(asked) <= BATCH
            all_asked += asked
            search.tell(
                [np.nan if one.number == 3 else -abs(one.values["risk.stop_loss_frac"] - 0.05) for one in asked]
            )
        return all_asked

    first = went(80)
    assert went(80) == first
    assert [one.number for one in first] == list(range(80))
    late = [abs(one.values["risk.stop_loss_frac"] - 0.05) for one in first[48:]]
    assert np.median(late) < 0.01


def test_a_search_that_cannot_be_is_refused():
    axes = parse_axes(["risk.max_open_positions=1..30", *(f"risk.{name}=0.01..0.04:30" for name in (
        "stop_loss_frac", "take_profit_frac", "max_position_frac"))])  # fmt: skip
    for kind, trials in (("grid", None), ("genetic", 5), ("random", 0)):
        with pytest.raises(ConfigError):
            new_search(kind, axes, trials, 7)


# --- The same as backtests, whoever works --------------------------------------------------------


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"risk.stop_loss_frac": 0.03, "risk.min_confidence": 0.05},
        {"strategies.breakout.enabled": False, "strategies.momentum.weight": 2.5},
        {"strategies.momentum.params.rsi_bull": 52.0, "market.signal_max_age_bars": 2.0},
    ],
)
def test_a_trial_is_the_backtest_of_its_settings(backtest, prepared, values):
    runner = Runner(prepared.bench)
    runner.outcome({"strategies.trend_following.enabled": False})
    one = runner.run(values)
    other = run_backtest(replace(backtest, settings=load({**OVERRIDES, **values})))
    assert (one.equity.tobytes(), one.trades.strategy) == (other.equity.tobytes(), other.trades.strategy)
    assert metrics_of(one) == metrics_of(other)
    assert len(one.trades) > 0


def test_any_number_of_workers_finds_the_same(backtest, prepared, tmp_path):
    seen: list[Advance] = []
    alone = run(asked(backtest, tmp_path / "one"), prepared)
    crowd = run(asked(backtest, tmp_path / "three", workers=3), prepared, seen.append)
    assert found(alone) == found(crowd)
    assert (crowd["workers"], alone["workers"]) == (3, 1)
    assert tried(tmp_path / "one") == tried(tmp_path / "three")
    assert [one.done for one in seen] == sorted(one.done for one in seen)
    assert (seen[-1].done, seen[-1].total) == (12, 12)


def test_optuna_finds_the_same_with_any_number_of_workers(backtest, prepared, tmp_path):
    sets = ("risk.stop_loss_frac=0.02,0.03", "risk.breakeven=true,false", "risk.take_profit_frac=0.03,0.04")
    more = {"search": "tpe", "trials": 2 * BATCH + 3, "metric": "total_return"}
    alone = run(asked(backtest, tmp_path / "one", *sets, **more), prepared)
    crowd = run(asked(backtest, tmp_path / "two", *sets, workers=2, **more), prepared)
    assert found(alone) == found(crowd)
    # Eight settings there are; what came up again is not counted as another try.
    assert alone["trials"] - alone["same"] == alone["overfitting"]["trials"]["searched"] <= 8


@pytest.mark.slow
def test_ray_finds_the_same(backtest, prepared, tmp_path):
    pytest.importorskip("ray", reason="Ray belongs to training and is not installed here")
    here = run(asked(backtest, tmp_path / "here"), prepared)
    there = run(asked(backtest, tmp_path / "there", ray="local", workers=2), prepared)
    assert found(here) == found(there)
    assert tried(tmp_path / "here") == tried(tmp_path / "there")


def test_without_ray_its_absence_is_said(backtest, prepared, tmp_path):
    if importlib.util.find_spec("ray") is not None:
        pytest.skip("Ray is installed here")
    with pytest.raises(ConfigError, match="Ray is not installed") as error:
        run(asked(backtest, tmp_path / "sweep", ray="local"), prepared)
    assert "--ray" in error.value.fix


# --- Settings that make no sense -----------------------------------------------------------------


def test_settings_that_are_not_allowed_are_listed_with_the_reason(backtest, prepared, tmp_path):
    sets = ("risk.trailing_activation_frac=0.02,0.05", "risk.stop_loss_frac=0.025,0.7")
    document = run(asked(backtest, tmp_path / "sweep", *sets), prepared)
    assert (document["trials"], document["done"], document["refused"]) == (4, 1, 3)
    reasons = {one["reason"]: one["count"] for one in document["refusals"]}
    assert sum(reasons.values()) == 3
    assert any("risk.trailing_activation_frac = 0.05 is not below" in reason for reason in reasons)
    assert any("risk.stop_loss_frac = 0.7 is not allowed" in reason for reason in reasons)
    assert "Settings that are not allowed: 3" in plain(blocks(document))


def test_a_sweep_of_which_nothing_is_allowed_says_why(backtest, prepared, tmp_path):
    with pytest.raises(ConfigError, match="all 2 settings are refused") as error:
        run(asked(backtest, tmp_path / "sweep", "risk.stop_loss_frac=0.6,0.7"), prepared)
    assert error.value.where == "risk.stop_loss_frac=0.6"


@pytest.mark.parametrize(
    "more", [{"metric": "luck"}, {"workers": 0}, {"top": 0}, {"heat": ("risk.stop_loss_frac",)}, {"heat": ("a", "b")}]
)
def test_what_cannot_be_asked_is_refused_before_the_market_is_read(backtest, tmp_path, more):
    with pytest.raises(ConfigError):
        prepare_sweep(asked(replace(backtest, data=tmp_path / "nowhere"), tmp_path, **more))


# --- Going on ------------------------------------------------------------------------------------


def test_a_torn_line_is_tried_again_and_the_rest_is_kept(backtest, prepared, tmp_path):
    whole = run(asked(backtest, tmp_path / "whole"), prepared)
    torn = tmp_path / "torn"
    run(asked(backtest, torn), prepared)
    lines = (torn / "trials.jsonl").read_bytes().splitlines(keepends=True)
    (torn / "trials.jsonl").write_bytes(b"".join(lines[:5]) + lines[5][:40])
    document = run(asked(backtest, torn, resume=True), prepared)
    assert document["resumed"] == 5
    assert found(document) == found(whole)
    assert tried(torn) == tried(tmp_path / "whole")
    again = run(asked(backtest, torn, resume=True, metric="total_return"), prepared)
    assert (again["resumed"], again["metric"]) == (12, "total_return")


def test_a_folder_is_of_one_sweep(backtest, prepared, tmp_path):
    run(asked(backtest, tmp_path, "risk.stop_loss_frac=0.02,0.03"), prepared)
    with pytest.raises(ConfigError, match="there is a sweep already") as error:
        prepare_sweep(asked(backtest, tmp_path, "risk.stop_loss_frac=0.02,0.03"))
    assert "--resume" in error.value.fix
    for other in (
        asked(backtest, tmp_path, resume=True),
        asked(backtest, tmp_path, "risk.stop_loss_frac=0.02", resume=True),
    ):
        with pytest.raises(ConfigError, match="another sweep: its axes differ"):
            run(other, prepared)
    richer = replace(prepared, bench=replace(prepared.bench, cash=Decimal(5)))
    with pytest.raises(ConfigError, match="its cash differ"):
        run(asked(backtest, tmp_path, "risk.stop_loss_frac=0.02,0.03", resume=True), richer)


def test_a_number_is_of_one_setting(tmp_path):
    with Results(tmp_path, {}, False) as results:
        results.add([(Trial(0, {"a": 1}), {"state": "refused"})])
        assert results.outcome(Trial(1, {"a": 1})) is None
        with pytest.raises(ConfigError, match="trial 0 had a=1"):
            results.outcome(Trial(0, {"a": 2}))


SWEEP = (
    sys.executable, "-m", "training", "sweep", "--symbols", "BTC/EUR", "--every", "5m", "--workers", "2", "--json",
    "--set", "risk.stop_loss_frac=0.02..0.05:24", "--set", "risk.breakeven=true,false",
)  # fmt: skip


@pytest.mark.slow
def test_a_killed_sweep_goes_on_and_leaves_no_worker(tmp_path):
    def begin(name, *more):
        # In a session of its own: whoever is left of it can be counted.
        return subprocess.Popen(
            [*SWEEP, "--out", str(tmp_path / name), *more], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            start_new_session=True,
        )  # fmt: skip

    straight = begin("straight")
    killed = begin("killed")
    lines = tmp_path / "killed" / "trials.jsonl"
    while killed.poll() is None and not (lines.exists() and lines.read_bytes().count(b"\n") >= 2):
        time.sleep(0.002)
    killed.kill()
    killed.wait()
    known = lines.read_bytes().count(b"\n")
    again = begin("killed", "--resume")
    document, expected = (json.loads(process.communicate(timeout=120)[0]) for process in (again, straight))
    assert document["resumed"] >= known > 0
    assert found(document) == found(expected)
    assert tried(tmp_path / "killed") == tried(tmp_path / "straight")
    while _is_there(killed.pid):
        time.sleep(0.05)  # Workers look for their parent every second; the test's time limit ends this.


def _is_there(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


# --- What is said --------------------------------------------------------------------------------


def synthetic(days: int, count: int, seed: int, edge: float = 0.0) -> tuple[list[Trial], list[dict], np.ndarray]:
    """Trials of chance: daily returns of noise, the first setting with an edge per day."""
    matrix = np.random.default_rng(seed).normal(0, 0.01, (days, count))
    matrix[:, 0] += edge
    trials, outcomes = [], []
    for n in range(count):
        sharpe = float(matrix[:, n].mean() / matrix[:, n].std(ddof=1) * np.sqrt(365))
        made = float(np.prod(1 + matrix[:, n]) - 1)
        metrics = {"sharpe_ratio": sharpe, "total_return": made, "max_drawdown": 0.1, "total_trades": 10}
        trials.append(Trial(n, {"risk.stop_loss_frac": 0.01 + n % 10 * 0.002, "risk.take_profit_frac": 0.1 + n // 10}))
        outcomes.append({"state": "done", "metrics": metrics, "halted": False, "daily": packed(matrix[:, n])})
    return trials, outcomes, 18_000 + np.arange(days)


def judge(trials, outcomes, days):
    axes = tuple(
        Axis(name, tuple(sorted({trial.values[name] for trial in trials}))) for name in trials[0].values
    )  # fmt: skip
    request = SweepRequest(BacktestRequest(load({})), axes, {})
    return {
        "metric": "sharpe_ratio", "data": None, "symbols": ["BTC/EUR"], "profile": "aggressive", "search": "grid",
        "period": {"from": "2021-01-01T00:00:00Z", "to": "2022-01-01T00:00:00Z"}, "out": "sweep", "resumed": 0,
        "axes": [{"name": axis.name, "values": list(axis.values)} for axis in axes], "workers": 2, "trial_s": 1.0,
        "prepare_s": 1.0, "memory": {"parent": {}, "worker": {}}, "base": {"metrics": outcomes[0]["metrics"]},
        **judged(request, trials, outcomes, days),
    }  # fmt: skip


def test_the_best_of_noise_is_called_luck():
    document = judge(*synthetic(480, 100, 1))
    found = document["overfitting"]
    assert found["pbo"] > 0.2
    assert found["deflated"]["number"]["probability"] < 0.9
    assert found["deflated"]["number"]["luck"] == pytest.approx(document["top"][0]["score"], rel=0.5)
    assert found["trials"]["effective"] == pytest.approx(100, abs=5)
    said = " ".join(plain_words(document))
    assert "Of 100 settings the best looks like a Sharpe ratio of" in said
    assert "Trying 100 settings, luck alone" in said


def test_a_true_edge_survives():
    document = judge(*synthetic(480, 100, 1, edge=0.004))
    found, best = document["overfitting"], document["top"][0]
    assert (best["trial"], found["pbo"]) == (0, 0.0)
    assert found["deflated"]["number"]["probability"] > 0.99
    assert best["shape"] == judging.PEAK
    walked = document["walk_forward"]
    assert {split["trial"] for split in walked["splits"]} == {0}
    assert walked["chosen"] == walked["winner"]
    assert len(walked["splits"]) == (480 - 121) // 30
    assert "a lonely peak" in " ".join(plain_words(document))


def test_few_days_and_one_setting_are_no_error():
    one = judge(*synthetic(3, 1, 1))
    assert (one["overfitting"]["pbo"], one["walk_forward"], one["heat_map"]) == (None, None, None)
    assert plain(blocks(one))


def test_nobody_traded():
    trials, outcomes, days = synthetic(40, 10, 1)
    still = packed(np.zeros(40))
    for outcome in outcomes:
        outcome["daily"], outcome["metrics"]["sharpe_ratio"] = still, None
    document = judge(trials, outcomes, days)
    assert (document["top"], document["overfitting"]) == ([], None)
    assert "Not one of 10 settings" in plain(blocks(document))


def test_a_heat_map_has_the_two_that_matter_most():
    axes = parse_axes(
        ["risk.stop_loss_frac=0.02,0.03", "risk.breakeven=true,false", "risk.take_profit_frac=0.03..0.05:3"]
    )
    settings = [nth_setting(axes, n) for n in range(12)]
    scores = np.array([100 * one["risk.stop_loss_frac"] + 50 * one["risk.take_profit_frac"] for one in settings])
    scores[0] = np.nan
    found = judging.heat_map(axes, settings, scores, 1)
    assert (found["x"], found["y"]) == ("risk.stop_loss_frac", "risk.take_profit_frac")
    assert (found["x_values"], found["y_values"]) == (["0.02", "0.03"], ["0.03", "0.04", "0.05"])
    np.testing.assert_allclose(found["mean"], [[3.5, 4.5], [4.0, 5.0], [4.5, 5.5]])
    assert found["count"] == [[1, 2], [2, 2], [2, 2]]
    chosen = judging.heat_map(axes, settings, -scores, -1, ("risk.breakeven", "risk.stop_loss_frac"))
    assert (chosen["x_values"], chosen["y_values"]) == (["true", "false"], ["0.02", "0.03"])
    assert chosen["best"][1] == pytest.approx([4.5, 4.5])


def test_neighbours_where_any_number_is_allowed_are_the_nearest():
    (axis,) = parse_axes(["risk.stop_loss_frac=0.0..0.1"])
    settings = [{axis.name: value} for value in (0.01, 0.011, 0.012, 0.09)]
    around = judging.around([axis], settings, np.array([1.0, 2.0, 3.0, 9.0]))
    np.testing.assert_allclose(around, [2.5, 2.0, 1.5, 2.5])


def test_lower_is_better_for_a_drawdown(backtest, prepared, tmp_path):
    document = run(asked(backtest, tmp_path / "sweep", metric="max_drawdown"), prepared)
    scores = [place["score"] for place in document["top"]]
    assert scores == sorted(scores)
    assert scores[0] == min(place["metrics"]["max_drawdown"] for place in document["top"])


def test_short_names_tell_apart():
    names = ["risk.stop_loss_frac", "strategies.breakout.enabled", "strategies.momentum.params.rsi_bull"]
    assert short_names(names) == ["stop_loss_frac", "breakout.enabled", "rsi_bull"]


def test_daily_returns_come_back_bit_by_bit(prepared):
    daily = daily_of(Runner(prepared.bench).run({}))
    assert unpacked(packed(daily)).tobytes() == daily.tobytes()
    assert len(daily) == len(prepared.days)


@pytest.mark.parametrize("language", ["en", "fr"])
def test_terminal_and_page_have_words_table_and_map(language, monkeypatch):
    monkeypatch.setattr(session, "language", language)
    trials, outcomes, days = synthetic(480, 100, 1)
    trials[3].values["risk.stop_loss_frac"] = trials[2].values["risk.stop_loss_frac"]
    document = judge(trials, outcomes, days)
    text, page = plain(blocks(document)), html_page(document)
    told = {
        "en": ("The best settings by", "Probability of overfitting"),
        "fr": ("Les meilleurs réglages", "surajustement"),
    }
    for words in (*told[language], "stop_loss_frac", "risk.take_profit_frac"):
        assert words in text
        assert words in page
    assert "█" in text
    assert "<script" not in page
    assert "http:" not in page
    assert "https:" not in page
    assert json.dumps(document, allow_nan=False)
