"""`training backtest` as people run it: the checks in its document, and what it keeps."""

from __future__ import annotations

import json
from dataclasses import replace
from decimal import Decimal
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from bot.jobs.report import iso
from bot.settings import load
from bot.simulator import bundled_recording

pytest.importorskip("numba", reason="numba belongs to training and is not installed here")

from training.engine import checks as checking
from training.engine.document import document
from training.engine.run import BacktestRequest, marks, run_backtest
from training.statistics import walkforward
from training.statistics.metrics import daily_returns, sharpe_ratio
from training.statistics.walkforward import DAY_MS

SYMBOLS = ("BTC/EUR", "BNB/EUR", "ADA/EUR")


@pytest.fixture(scope="module")
def result():
    end_ms = bundled_recording(SYMBOLS).end_ms
    settings = load(
        {
            "market.symbols": list(SYMBOLS), "market.timeframe": "15m",
            "market.context_timeframes": ["1h", "4h", "1d"], "risk.min_confidence": 0.12,
            "paper.participation_frac": 0.02, "risk.take_profit_frac": 0.03,
        },
        environ={}, cwd=Path("/nonexistent"),
    )  # fmt: skip
    start_ms = end_ms - 4 * DAY_MS
    request = BacktestRequest(settings, None, SYMBOLS, start_ms, end_ms, Decimal(500_000), every_ms=300_000)
    return run_backtest(request, keep_fills=True)


@pytest.fixture(scope="module")
def told(result):
    return json.loads(json.dumps(document(result, "four days", "synthetic", True) | checking.checks(result)))


def test_fills_are_the_trades(result):
    fills, table = result.fills, result.trades
    bought = fills.side > 0
    assert (np.diff(fills.at_ms) >= 0).all()
    assert fills.size[bought].sum() == pytest.approx(table.quantity.sum())
    assert fills.fee.sum() == pytest.approx(table.fees.sum())
    assert (fills.size > 0).all()
    assert len(fills.side) >= 2 * (table.exit_ms > 0).sum() > 0


def test_cash_and_fills_make_the_equity_at_the_end(result):
    fills = result.fills
    cash = result.cash - (fills.side * fills.size * fills.price + fills.fee).sum()
    held = np.zeros(len(SYMBOLS))
    np.add.at(held, fills.symbol, fills.side * fills.size)
    assert cash + held @ marks(result.market, result.spread_bps)[-1] == pytest.approx(result.equity[-1])


def test_fills_are_kept_only_where_they_are_asked_for(result, told):
    plain = replace(result, fills=None)
    assert "crosscheck" not in told
    with pytest.raises(ValueError, match="not kept"):
        checking.replay(plain)


def test_vectorbt_agrees(result):
    pytest.importorskip("vectorbt", reason="vectorbt belongs to training and is not installed here")
    found = checking.replay(result)
    assert found["agrees"]
    assert found["refused"] == 0
    assert found["fills"] == len(result.fills.side)
    assert found["equity_difference"] < 1e-6


def test_the_checks_of_a_short_backtest(result, told):
    closed = int((result.trades.exit_ms > 0).sum())
    assert told["monte_carlo"]["trades"] == told["random_entries"]["trades"] == closed
    assert 0 < told["random_entries"]["p_value"] <= 1
    assert told["random_entries"]["real"] == pytest.approx(
        result.trades.pnl[result.trades.exit_ms > 0].sum()
        / (result.trades.entry_price * result.trades.quantity)[result.trades.exit_ms > 0].sum()
    )
    assert told["sharpe_interval"]["low"] <= told["sharpe_interval"]["high"]
    assert told["walk_forward"] == []
    assert "needs 271 days" in told["notes"][0]


def test_more_trials_make_less_of_the_same_sharpe_ratio(result):
    one, many = (checking.checks(result, trials)["deflated_sharpe"] for trials in (1, 1000))
    assert one["threshold"] == 0
    assert many["threshold"] > 0
    assert many["probability"] < one["probability"]


def test_walk_forward_judges_each_stretch_by_its_own(result, monkeypatch):
    short = {"n": 2, "train_days": 1, "test_days": 1, "gap_days": 1}
    monkeypatch.setattr(checking, "needed_ms", partial(walkforward.needed_ms, **short))
    monkeypatch.setattr(checking, "splits", partial(walkforward.splits, **short))
    windows, notes = checking._walk_forward(result)
    assert notes == []
    assert len(windows) == 2
    assert windows[0]["to"] == windows[1]["from"]
    assert windows[-1]["to"] == iso(result.period[1])
    begun_ms = result.period[1] - 2 * DAY_MS
    ended = ((result.trades.exit_ms >= begun_ms) & (result.trades.exit_ms < result.period[1])).sum()
    assert sum(one["metrics"]["total_trades"] for one in windows) == ended > 0


def test_the_curve_in_the_document_has_every_day_and_the_extremes(result, told):
    moments = np.array([int(ms) for ms, _ in told["equity"]])
    values = np.array([value for _, value in told["equity"]])
    assert values.min() == result.equity.min()
    assert values.max() == result.equity.max()
    assert sharpe_ratio(daily_returns(moments, values)) == pytest.approx(told["metrics"]["sharpe_ratio"])
    assert len(moments) < 8000


def test_the_document_names_its_data_and_keeps_the_names_of_a_tick(result, told):
    assert told["data_version"].startswith("sha256:")
    assert told["metrics"]["avg_trade_duration_h"] == told["metrics"]["avg_trade_duration"]
    assert next(iter(told["metrics"])) == "total_return"


def test_a_result_that_is_kept_is_a_row_and_of_made_up_candles_opens_nothing(result, database_url, monkeypatch):
    from bot.adapters.backtest_store import BacktestStore
    from training.__main__ import app

    monkeypatch.setenv("DATABASE_URL", database_url)
    end_ms = result.period[1]
    asked = ["--symbols", "BTC/EUR", "--from", iso(end_ms - DAY_MS // 4), "--to", iso(end_ms), "--trials", "9"]
    done = CliRunner().invoke(app, ["backtest", *asked, "--save", "--json"])
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    assert told["backtest_id"] == 1
    assert "crosscheck" not in told
    assert told["code_version"]
    assert told["command"].startswith("python -m training")
    store = BacktestStore(database_url)
    try:
        assert store.newest(told["settings_hash"]).newest is None
    finally:
        store.close()
