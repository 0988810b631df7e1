"""The thirteen figures against the ledger's own, pandas and numbers by hand; vectorbt: test_statistics_crosscheck."""

from __future__ import annotations

import math
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.domain.records import Trade
from bot.jobs import performance
from training.statistics import metrics
from training.statistics.metrics import DAY_MS, HOUR_MS, full_metrics

V2 = [
    "total_return", "sharpe_ratio", "sortino_ratio", "calmar_ratio", "max_drawdown", "max_drawdown_duration",
    "win_rate", "profit_factor", "avg_win", "avg_loss", "total_trades", "avg_trade_duration", "exposure_time",
]  # fmt: skip


def floats(*values: float) -> np.ndarray:
    return np.array(values, dtype=np.float64)


def ints(*values: int) -> np.ndarray:
    return np.array(values, dtype=np.int64)


NO_TRADES = {"entry_ms": ints(), "exit_ms": ints(), "pnl": floats(), "fees": floats(), "entry_notional": floats()}


def figures(moments, values, exposure=None, **trades):
    exposure = np.zeros(len(values)) if exposure is None else exposure
    return full_metrics(moments, values, exposure=exposure, **{**NO_TRADES, **trades})


def market(days: int = 400, seed: int = 1, step_h: int = 4) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    count = days * 24 // step_h
    moments = 1_600_000_000_000 + np.arange(count, dtype=np.int64) * step_h * HOUR_MS
    return moments, 1000 * np.exp(np.cumsum(rng.normal(0.0002, 0.01, count)))


def record(entry_ms: int, exit_ms: int, pnl: float, fees: float) -> Trade:
    return Trade(
        trade_id="t", bot_id=1, symbol="BTC/EUR", status="closed" if exit_ms else "open", strategy="breakout",
        entry_ms=entry_ms, exit_ms=exit_ms, entry_price=Decimal(100), exit_price=None, quantity=Decimal(1),
        open_quantity=Decimal(0), entry_cost=Decimal(100), exit_proceeds=Decimal(0), fees=Decimal(str(fees)),
        pnl=Decimal(str(pnl)), stop_price=None, target_price=None, high_water=Decimal(100), armed=False, exit_reason="",
    )  # fmt: skip


money = st.integers(-9999, 9999).map(lambda cents: cents / 100)
trade_rows = st.lists(
    st.tuples(st.integers(1, 10**9), st.integers(0, 10**9), money, st.integers(0, 500).map(lambda c: c / 100)),
    max_size=12,
)
curves = st.lists(
    st.tuples(st.integers(0, 40 * HOUR_MS), st.integers(0, 200_000).map(lambda cents: cents / 100)), max_size=40
)


@given(trade_rows, curves)
def test_the_ledgers_figures_and_these_agree(rows, curve):
    rows = [(entry, entry + held if held else 0, pnl, fees) for entry, held, pnl, fees in rows]
    moments = np.cumsum(ints(*(gap for gap, _ in curve))) if curve else ints()
    values = floats(*(value for _, value in curve))
    entry, leave, pnl, fees = (list(column) for column in zip(*rows, strict=True)) if rows else ([], [], [], [])
    ours = figures(
        moments, values, entry_ms=ints(*entry), exit_ms=ints(*leave), pnl=floats(*pnl), fees=floats(*fees),
        entry_notional=np.full(len(rows), 100.0),
    )  # fmt: skip
    theirs = performance.metrics(
        [record(*row) for row in rows], list(zip(moments.tolist(), values.tolist(), strict=True))
    )
    theirs["avg_trade_duration"] = theirs.pop("avg_trade_duration_h")
    for name, value in theirs.items():
        assert ours[name] == (None if value is None else pytest.approx(value, rel=1e-7, abs=1e-9)), name


def test_all_thirteen_of_v2_come_first_and_in_its_order():
    assert list(figures(*market(3)))[:13] == V2


def test_a_year_by_pandas():
    moments, values = market()
    found = figures(moments, values)
    curve = pd.Series(values, index=pd.to_datetime(moments, unit="ms"))
    daily = curve.resample("1D").last()
    returns = daily.pct_change().dropna()
    below = 1 - curve / curve.cummax()
    assert found["sharpe_ratio"] == pytest.approx(returns.mean() / returns.std() * math.sqrt(365))
    assert found["volatility"] == pytest.approx(returns.std() * math.sqrt(365))
    assert found["sortino_ratio"] == pytest.approx(
        returns.mean() / math.sqrt((returns.clip(upper=0) ** 2).mean()) * math.sqrt(365)
    )
    assert found["max_drawdown"] == pytest.approx(below.max())
    years = (curve.index[-1] - curve.index[0]) / pd.Timedelta(days=365)
    assert found["cagr"] == pytest.approx((values[-1] / values[0]) ** (1 / years) - 1)
    assert found["calmar_ratio"] == pytest.approx(found["cagr"] / found["max_drawdown"])
    # From each peak to the row that is back at it, or to the last.
    peaks = pd.Series(curve.index, index=curve.index).where(below == 0).ffill()
    stretches = [rows.index[-1] - begin for begin, rows in curve.groupby(peaks)]
    begins = sorted(peaks.unique())
    ends = [*begins[1:], curve.index[-1]]
    longest = max(e - b for b, e, s in zip(begins, ends, stretches, strict=True) if s > pd.Timedelta(0))
    assert found["max_drawdown_duration"] == pytest.approx(longest / pd.Timedelta(days=1))


def test_trades_and_exposure_by_hand():
    moments = ints(0, 1, 2, 4, 5) * DAY_MS
    found = figures(
        moments, floats(1000, 1100, 990, 1000, 1028), floats(0, 0.5, 0.3, 0, 0.9),
        entry_ms=ints(1, 2, 3, 4) * HOUR_MS, exit_ms=ints(2, 5, 6, 0) * HOUR_MS, pnl=floats(30, -10, 0, 7),
        fees=floats(1, 1, 1, 1), entry_notional=floats(300, 100, 100, 100), buy_and_hold=floats(1000, 1, 1, 1, 1200),
    )  # fmt: skip
    assert found["total_trades"] == 3
    assert found["open_trades"] == 1
    assert found["win_rate"] == pytest.approx(1 / 3)
    assert found["profit_factor"] == 3.0
    assert (found["avg_win"], found["avg_loss"]) == (30.0, -5.0)
    assert (found["avg_win_frac"], found["avg_loss_frac"]) == (pytest.approx(0.1), pytest.approx(-0.05))
    assert found["avg_trade_duration"] == pytest.approx((1 + 3 + 3) / 3)
    assert found["total_pnl"] == 20.0
    assert found["total_fees"] == 4.0
    # Each value holds until the next moment: days 1 to 2 and 2 to 4 of five; the last holds for nothing.
    assert found["exposure_time"] == pytest.approx(3 / 5)
    assert found["avg_exposure"] == pytest.approx((0.5 + 2 * 0.3) / 5)
    assert found["buy_and_hold_return"] == pytest.approx(0.2)
    assert found["max_drawdown_duration"] == 4.0


@pytest.mark.parametrize(
    ("values", "days"),
    [
        ((10, 9, 8, 10), 3.0),  # back after three days
        ((10, 9, 8, 9), 3.0),  # not back yet
        ((10, 10, 9, 10), 2.0),  # from the last moment at the peak
        ((10, 9, 11, 10, 10, 10), 3.0),
        ((10, 11, 12), 0.0),
        ((10, 10, 10), 0.0),
        ((10,), 0.0),
    ],
)
def test_the_longest_time_under_water(values, days):
    assert figures(np.arange(len(values)) * DAY_MS, floats(*values))["max_drawdown_duration"] == days


def test_nothing_at_all_has_no_figures():
    found = figures(ints(), floats())
    assert {name for name, value in found.items() if value is not None} == {
        "total_trades", "open_trades", "total_pnl", "total_fees"
    }  # fmt: skip


def test_a_constant_curve_has_no_ratio():
    found = figures(np.arange(40) * DAY_MS, np.full(40, 1000.0))
    for name in ("sharpe_ratio", "sortino_ratio", "calmar_ratio"):
        assert found[name] is None, name
    assert (found["total_return"], found["max_drawdown"], found["volatility"], found["cagr"]) == (0, 0, 0, 0)


def test_one_day_says_nothing_of_a_year():
    found = figures(np.arange(12) * HOUR_MS, np.linspace(1000, 1100, 12))
    assert found["total_return"] == pytest.approx(0.1)
    for name in ("cagr", "calmar_ratio", "sharpe_ratio", "sortino_ratio", "volatility"):
        assert found[name] is None, name


def test_what_lost_everything_lost_all_of_it():
    found = figures(np.arange(5) * DAY_MS, floats(100, 80, 40, 0, 0))
    assert (found["total_return"], found["max_drawdown"], found["cagr"], found["calmar_ratio"]) == (-1, 1, -1, -1)
    # The day after nothing has no return.
    assert metrics.daily_returns(np.arange(5) * DAY_MS, floats(100, 80, 40, 0, 0)).tolist() == pytest.approx(
        [-0.2, -0.5, -1]
    )


def test_growth_past_all_numbers_is_none():
    assert metrics.cagr(ints(0, DAY_MS), floats(1, 1e9)) is None


def test_days_are_utc_and_days_without_values_are_left_out():
    moments = ints(0, DAY_MS - 1, DAY_MS, 5 * DAY_MS + 7)
    days, closes = metrics.daily_closes(moments, floats(1, 2, 3, 4))
    assert (days.tolist(), closes.tolist()) == ([0, 1, 5], [2, 3, 4])


@given(st.lists(st.floats(1.0, 1e6), min_size=3, max_size=60), st.floats(1e-3, 1e3))
@settings(max_examples=60)
def test_twice_the_money_changes_no_ratio(values, scale):
    moments = np.arange(len(values), dtype=np.int64) * (DAY_MS // 2)
    small, large = figures(moments, floats(*values)), figures(moments, floats(*values) * scale)
    for name in ("total_return", "sharpe_ratio", "sortino_ratio", "max_drawdown", "max_drawdown_duration", "cagr"):
        assert large[name] == (None if small[name] is None else pytest.approx(small[name], rel=1e-6, abs=1e-9)), name
    assert 0 <= small["max_drawdown"] <= 1


@pytest.mark.parametrize(
    ("moments", "values", "said"),
    [
        ((0, 2, 1), (1, 1, 1), "backwards at row 2"),
        ((0, 1, 2), (1, math.nan, 1), "no number at row 1"),
        ((0, 1), (1, 1, 1), "2 rows beside 3"),
    ],
)
def test_a_curve_that_is_none_is_refused(moments, values, said):
    with pytest.raises(ValueError, match=said):
        figures(ints(*moments), floats(*values))
