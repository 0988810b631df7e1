"""Figures against numbers worked out by hand."""

from __future__ import annotations

import math
from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.records import Trade
from bot.jobs.performance import DAY_MS, max_drawdown, metrics, sharpe_ratio

HOUR = 3_600_000


def trade(pnl: str, hours: int = 2, fees: str = "1", status: str = "closed") -> Trade:
    base = Trade(
        trade_id=f"e{pnl}", bot_id=1, symbol="BTC/EUR", status=status, strategy="breakout", entry_ms=HOUR,
        exit_ms=0, entry_price=Decimal(100), exit_price=None, quantity=Decimal(1), open_quantity=Decimal(0),
        entry_cost=Decimal(100), exit_proceeds=Decimal(0), fees=Decimal(fees), pnl=Decimal(pnl), stop_price=None,
        target_price=None, high_water=Decimal(100), armed=False, exit_reason="",
    )  # fmt: skip
    return replace(base, exit_ms=HOUR + hours * HOUR if status == "closed" else 0)


def days(*values: float) -> list[tuple[int, Decimal]]:
    return [(n * DAY_MS + HOUR, Decimal(str(value))) for n, value in enumerate(values)]


def test_figures_of_four_trades():
    trades = [trade("30", 1), trade("-10", 3), trade("10", 2), trade("0", 2), trade("-2", status="open")]
    found = metrics(trades, days(1000, 1100, 990, 1028))
    assert found["total_trades"] == 4
    assert found["open_trades"] == 1
    assert found["win_rate"] == 0.5
    assert found["profit_factor"] == 4.0
    assert found["avg_win"] == 20.0
    assert found["avg_loss"] == -5.0  # a trade that made nothing is no win
    assert found["total_pnl"] == 30.0
    assert found["total_fees"] == 5.0  # the open trade's entry fee is paid
    assert found["avg_trade_duration_h"] == 2.0
    assert found["total_return"] == pytest.approx(0.028)
    assert found["max_drawdown"] == pytest.approx(0.1)


def test_without_trades_there_is_nothing_to_divide_by():
    found = metrics([], [])
    assert [found[name] for name in ("total_trades", "open_trades", "total_pnl", "total_fees")] == [0, 0, 0.0, 0.0]
    for name in ("win_rate", "profit_factor", "avg_win", "avg_loss", "avg_trade_duration_h", "total_return",
                 "max_drawdown", "sharpe_ratio"):  # fmt: skip
        assert found[name] is None, name


def test_only_wins_have_no_profit_factor():
    assert metrics([trade("5")], [])["profit_factor"] is None
    assert metrics([trade("5"), trade("0")], [])["profit_factor"] is None


def test_a_single_value_has_no_return():
    assert metrics([], days(1000))["total_return"] is None
    assert metrics([], days(0, 10))["total_return"] is None


def test_the_drawdown_is_the_deepest_fall_from_the_highest_point_before_it():
    assert max_drawdown([100, 120, 90, 130, 117, 91]) == pytest.approx(0.3)
    assert max_drawdown([100, 101, 102]) == 0.0
    assert max_drawdown([0, 0]) == 0.0
    assert max_drawdown([]) is None


def test_the_sharpe_ratio_of_three_days():
    """Returns +2 % and -1 %: mean 0.5 %, sample deviation 3 % / sqrt(2)."""
    expected = 0.005 / (0.03 / math.sqrt(2)) * math.sqrt(365)
    assert sharpe_ratio(days(100, 102, 100.98)) == pytest.approx(expected)


def test_the_sharpe_ratio_goes_by_the_last_value_of_each_day():
    noisy = [(moment - 60_000, value * 3) for moment, value in days(100, 102, 100.98)]
    assert sharpe_ratio(sorted(noisy + days(100, 102, 100.98))) == sharpe_ratio(days(100, 102, 100.98))


@pytest.mark.parametrize("values", [(), (100,), (100, 101), (100, 100, 100), (100, 110, 121, 133.1), (0, 0, 0)])
def test_too_few_days_or_no_variance_have_no_sharpe_ratio(values: tuple[float, ...]):
    assert sharpe_ratio(days(*values)) is None


@given(st.lists(st.floats(1, 1e6), min_size=1, max_size=50))
def test_a_drawdown_is_a_fraction(values: list[float]):
    found = max_drawdown(values)
    assert 0 <= found < 1
    assert (found == 0) == (values == sorted(values))
