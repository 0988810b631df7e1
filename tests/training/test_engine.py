"""The compiled loop: the core's own code, the same interpreted, and what it refuses."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bot.domain.errors import ConfigError
from bot.jobs.rules import paper_rules, rules_of
from bot.rulebook import fills, gates, limits
from bot.rulebook.rounding import floor_to_step
from bot.settings import load
from bot.simulator import bundled_recording
from tests.house.checkout import ROOT

pytest.importorskip("numba", reason="numba belongs to training and is not installed here")

from training.engine import compile as compiling
from training.engine import run, simulate
from training.engine.delay import STATED, DelayModel, from_ledger
from training.engine.document import document
from training.engine.run import BacktestRequest, prepare, run_backtest, simulate_market
from training.engine.state import Curve, new_ledger

DAY_MS = 86_400_000
SYMBOLS = ("BTC/EUR", "BNB/EUR", "ADA/EUR")


def settings(**more):
    values = {
        "market.symbols": list(SYMBOLS), "market.timeframe": "15m", "market.context_timeframes": ["1h", "4h", "1d"],
        "risk.min_confidence": 0.12, "paper.participation_frac": 0.02, "risk.take_profit_frac": 0.03,
    }  # fmt: skip
    return load({**values, **more}, environ={}, cwd=Path("/nonexistent"))


@pytest.fixture(scope="module")
def request_of_a_day():
    end_ms = bundled_recording(SYMBOLS).end_ms
    return BacktestRequest(
        settings(), None, SYMBOLS, end_ms - 3 * DAY_MS, end_ms - 2 * DAY_MS, Decimal(500_000), every_ms=300_000
    )


@pytest.fixture(scope="module")
def market(request_of_a_day):
    return prepare(request_of_a_day)[0]


def test_interpreted_and_compiled_give_the_same_ledger(market):
    own = settings()

    def world():
        cash = 500_000 * 10**market.money_decimals
        ledger = new_ledger(len(SYMBOLS), int((market.bars.signals.direction > 0).sum()), cash)
        unit = 10.0**market.money_decimals
        return simulate.World(
            ledger, market.path, market.bars, market.listing, rules_of(own, "paper"), paper_rules(own),
            simulate.Money(unit, unit / 1e8), 4.0,
        )  # fmt: skip

    ticks = len(market.moments.ms)
    slow, fast = world(), world()
    curves = [Curve(np.zeros(ticks), np.zeros(ticks)) for _ in range(2)]
    simulate.simulate(slow, market.moments, 500_000.0, curves[0])
    arguments = (fast, market.moments, 500_000.0, curves[1])
    compiling.ready(arguments).run(*arguments)
    for name in ("accounts", "purse", "trades", "counts"):
        a, b = getattr(slow.ledger, name), getattr(fast.ledger, name)
        assert a.tobytes() == b.tobytes(), name
    assert np.array_equal(curves[0].equity, curves[1].equity)
    assert np.array_equal(curves[0].exposure, curves[1].exposure)
    assert int(slow.ledger.purse[0].trades) > 5


def test_dispatchers_run_the_code_objects_of_the_core():
    made: dict = {}
    core: list[Any] = [gates.gate, limits.plan_entry, fills.match_resting_buy]
    for plain in core:
        assert compiling.dispatcher(plain, made).py_func.__code__ is plain.__code__
    called = compiling.dispatcher(core[1], made).py_func.__globals__
    assert called["floor_to_step"] is not floor_to_step
    assert called["floor_to_step"].py_func.__code__ is floor_to_step.__code__
    assert limits.plan_entry.__globals__["floor_to_step"] is floor_to_step


def test_the_loop_compares_nothing_with_a_rule_itself():
    source = Path(simulate.__file__).read_text()
    code = re.sub(r'"""(?:.|\n)*?"""|#.*', "", source)
    read = set(re.findall(r"\brules\.(\w+)", code)) - {"PaperRules"}
    assert read == set()
    paper = re.findall(r"(\S+ ?\S+) w\.paper\.(\w+)", code)
    assert {name for _, name in paper} <= {"participation_frac", "slippage_frac", "entry_ttl_ms"}


def test_compiled_code_is_kept_under_a_name_that_all_sources_make(tmp_path, monkeypatch):
    compiling.sources_hash.cache_clear()
    before = compiling.sources_hash()
    copy = tmp_path / "gates.py"
    copy.write_text(Path(gates.__file__).read_text() + "\n# changed\n")
    monkeypatch.setattr(compiling, "_sources", lambda: [copy])
    compiling.sources_hash.cache_clear()
    changed = compiling.sources_hash()
    monkeypatch.undo()
    compiling.sources_hash.cache_clear()
    assert compiling.sources_hash() == before != changed
    assert compiling.cache_directory(tmp_path) == tmp_path / "numba" / before


def test_one_market_serves_many_settings(market):
    few, many = (simulate_market(market, settings(**{"risk.max_daily_trades": n}), Decimal(10_000)) for n in (1, 10))
    days = len(set((few.trades.entry_ms // DAY_MS).tolist()))
    assert len(few.trades) == days < len(many.trades)
    assert few.blocked["daily_trades"] > 0


def test_equity_adds_up(request_of_a_day):
    result = run_backtest(request_of_a_day)
    closed = result.trades.exit_ms > 0
    if closed.all():
        assert result.equity[-1] == pytest.approx(500_000 + result.trades.pnl.sum(), abs=1e-6)
    assert result.equity[0] == pytest.approx(500_000, rel=0.001)
    assert (result.exposure <= 1).all()
    assert len(result.equity) == len(result.buy_and_hold) == 289
    assert result.bars == 3 * 97


def test_the_document_is_what_the_specification_says(request_of_a_day):
    result = run_backtest(request_of_a_day)
    told = json.loads(json.dumps(document(result, "a day", "synthetic", True), allow_nan=False))
    wanted = {
        "ticks", "errors", "orders", "trades", "equity_start", "equity_end", "metrics", "bars", "simulation_s",
        "compile_s", "title", "period", "symbols", "quote", "profile", "equity", "buy_and_hold", "exposure",
        "candles", "rules",
    }  # fmt: skip
    assert wanted <= set(told)
    trade = {"symbol", "entry_at", "exit_at", "entry_price", "exit_price", "quantity", "fees", "pnl", "exit_reason"}
    assert all(trade <= set(one) for one in told["trades"])
    assert told["ticks"] == 289
    assert all(len(candles["t"]) == len(candles["c"]) for candles in told["candles"].values())


def test_a_schedule_that_is_late_and_misses_slots():
    model = DelayModel((0, 60_000, 700_000), 0.2)
    moments = model.moments(0, DAY_MS, 300_000)
    assert moments[0] == 0
    assert (np.diff(moments // 300_000) > 0).all()
    assert (moments % 1000 == 0).all()
    assert 0.5 < len(moments) / 289 < 0.85
    assert np.array_equal(moments, model.moments(0, DAY_MS, 300_000))
    assert not np.array_equal(moments, replace(model, seed=8).moments(0, DAY_MS, 300_000))
    assert from_ledger([1000, 2000, 3000], 1, "ledger").missed_frac == 0.25
    assert len(STATED.moments(0, DAY_MS, 300_000)) < 289


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"start_ms": 1}, "nothing to test"),
        ({"symbols": ("NO/EUR",)}, "NO/EUR"),
        ({"data": Path("/nonexistent")}, "no such candle directory"),
        ({"settings": settings(**{"risk.pyramid_adds": 1})}, "pyramid_adds"),
    ],
)
def test_what_cannot_be_tested_is_said(request_of_a_day, change, says):
    with pytest.raises(ConfigError, match=re.escape(says)):
        run_backtest(replace(request_of_a_day, **change))


def test_finer_candles_of_a_part_of_the_period_are_left_aside():
    recording = bundled_recording(SYMBOLS)
    finest = recording.finest("BTC/EUR")
    early = finest.first_ms - 10 * DAY_MS
    kept = run.covering(recording, early, finest.first_ms - DAY_MS)
    assert "5m" not in kept.series["BTC/EUR"]
    assert "5m" in run.covering(recording, 0, 0).series["BTC/EUR"]


@pytest.mark.slow
def test_the_command_prints_one_document(tmp_path):
    ended = subprocess.run(
        [
            sys.executable, "-m", "training", "backtest", "--symbols", "BTC/EUR,ADA/EUR", "--period", "2d", "--json",
            "--report", str(tmp_path / "report.html"),
        ],
        cwd=ROOT, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr
    told = json.loads(ended.stdout)
    assert told["ticks"] == 577
    assert told["symbols"] == ["BTC/EUR", "ADA/EUR"]
    assert (tmp_path / "report.html").stat().st_size > 100_000
    wrong = subprocess.run(
        [sys.executable, "-m", "training", "backtest", "--stress", "boom"],
        cwd=ROOT, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert wrong.returncode == 2
    assert "crash_2022" in wrong.stderr
