"""The same fills through vectorbt, and vectorbt's figures beside ours."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from training.statistics import crosscheck as module
from training.statistics.crosscheck import crosscheck
from training.statistics.metrics import (
    HOUR_MS,
    daily_returns,
    max_drawdown,
    sharpe_ratio,
    sortino_ratio,
    volatility,
)

pytest.importorskip("vectorbt")

NO_FILLS: dict[str, Any] = {
    "fill_ms": np.zeros(0, dtype=np.int64), "symbol": np.zeros(0, dtype=np.int64), "side": np.zeros(0, dtype=np.int64),
    "size": np.zeros(0), "price": np.zeros(0), "fee": np.zeros(0),
}  # fmt: skip


def columns(fills) -> dict[str, Any]:
    """From rows (ms, symbol, side, size, price, fee); whole numbers are left whole, as a careless caller would."""
    return {name: np.array(column) for name, column in zip(NO_FILLS, zip(*fills, strict=True), strict=True)}


def book(moments, closes, fills, cash: float) -> np.ndarray:
    """Equity per moment, one fill after the other."""
    held = np.zeros(closes.shape[1])
    curve, left = [], list(fills)
    for moment, marks in zip(moments, closes, strict=True):
        while left and left[0][0] <= moment:
            _, symbol, side, size, price, fee = left.pop(0)
            held[symbol] += side * size
            cash -= side * size * price + fee
        curve.append(cash + sum(h * m for h, m in zip(held, marks, strict=True) if h))
    return np.array(curve)


def market(bars: int, symbols: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    moments = 1_600_000_000_000 + np.arange(bars, dtype=np.int64) * HOUR_MS
    return moments, np.exp(np.cumsum(rng.normal(0, 0.01, (bars, symbols)), axis=0)) * (10.0 ** np.arange(symbols))


def trades(moments, closes, seed: int, number: int = 200):
    """Random buys and partial sales, several on one bar and between bars, never above cash or holdings."""
    rng = np.random.default_rng(seed)
    cash, held, fills = 10_000.0, np.zeros(closes.shape[1]), []
    for bar in np.sort(rng.integers(1, len(moments), number)):
        symbol = int(rng.integers(closes.shape[1]))
        price = float(closes[bar, symbol]) * (1 + rng.normal(0, 0.002))
        moment = int(moments[bar]) - int(rng.integers(0, HOUR_MS))
        if held[symbol] and rng.random() < 0.6:
            side, size = -1, held[symbol] * (1.0 if rng.random() < 0.5 else rng.random())
        else:
            side, size = 1, cash * 0.3 / price
        fee = size * price * 0.0026
        cash -= side * size * price + fee
        held[symbol] += side * size
        fills.append((moment, symbol, side, size, price, fee))
    # Within a bar the moments were drawn apart; the order made is the one that counts.
    return [(max(f[0] for f in fills[: n + 1]), *row[1:]) for n, row in enumerate(fills)]


@pytest.mark.slow
def test_a_year_of_fills_comes_to_the_same():
    moments, closes = market(3_000, 3, 1)
    fills = trades(moments, closes, 2)
    equity = book(moments, closes, fills, 10_000.0)
    found = crosscheck(moments, equity, closes, start_cash=10_000.0, **columns(fills))
    assert found.agrees
    assert (found.fills, found.refused) == (200, 0)
    assert found.equity_difference < 1e-9
    assert found.return_difference < 1e-9
    assert found.total_return == pytest.approx(equity[-1] / 10_000 - 1)
    assert found.max_drawdown == pytest.approx(max_drawdown(equity))
    assert found.sharpe_ratio == pytest.approx(sharpe_ratio(daily_returns(moments, equity)))


def test_several_fills_on_one_bar_keep_their_order():
    """All the cash bought, sold and bought elsewhere within one bar: only the order makes it possible."""
    moments = np.arange(4, dtype=np.int64) * HOUR_MS
    closes = np.array([[10.0, 5], [11, 5], [12, 6], [13, 7]])
    late = HOUR_MS + 5
    fills = [(HOUR_MS, 0, 1, 10, 10, 0), (late, 0, -1, 4, 11, 0), (late, 0, -1, 6, 12, 1), (late, 1, 1, 23, 5, 0),
             (late, 1, -1, 3, 5, 0), (late, 1, 1, 3, 5, 0)]  # fmt: skip
    equity = book(moments, closes, fills, 100.0)
    assert equity.tolist() == [100, 110, 115 - 115 + 23 * 6, 23 * 7]
    found = crosscheck(moments, equity, closes, start_cash=100, **columns(fills))
    assert found.agrees
    assert found.equity_difference == pytest.approx(0, abs=1e-12)


def test_a_wrong_curve_is_found_and_where():
    moments, closes = market(50, 2, 3)
    fills = trades(moments, closes, 4, 10)
    equity = book(moments, closes, fills, 10_000.0)
    off = equity.copy()
    off[30] *= 1.002
    found = crosscheck(moments, off, closes, start_cash=10_000.0, **columns(fills))
    assert not found.agrees
    assert found.equity_difference == pytest.approx(0.002 / 1.002, rel=1e-6)
    assert found.worst_ms == moments[30]
    assert found.return_difference == pytest.approx(0, abs=1e-9)
    off = equity.copy()
    off[-1] += 20.0
    assert crosscheck(moments, off, closes, start_cash=10_000.0, **columns(fills)).return_difference == pytest.approx(
        0.002
    )


@pytest.mark.parametrize(
    "fills",
    [
        [(0, 0, 1, 11.0, 10.0, 0.0)],  # more than the cash
        [(0, 0, 1, 5.0, 10.0, 0.0), (HOUR_MS, 0, -1, 5.001, 10.0, 0.0)],  # more than is held
        [(0, 0, -1, 1.0, 10.0, 0.0)],  # short
    ],
)
def test_what_cannot_be_filled_is_counted(fills):
    moments, closes = np.arange(3, dtype=np.int64) * HOUR_MS, np.full((3, 1), 10.0)
    found = crosscheck(moments, np.full(3, 100.0), closes, start_cash=100.0, **columns(fills))
    assert found.refused == 1
    assert not found.agrees


def test_symbols_without_a_price_yet_and_gaps_after():
    moments = np.arange(5, dtype=np.int64) * HOUR_MS
    closes = np.array([[np.nan, np.nan], [10, np.nan], [np.nan, np.nan], [12, np.nan], [np.nan, np.nan]])
    fills = [(HOUR_MS, 0, 1, 2.0, 10.0, 0.1)]
    equity = np.array([100, 99.9, 99.9, 103.9, 103.9])
    assert crosscheck(moments, equity, closes, start_cash=100.0, **columns(fills)).agrees


def test_no_fills_leave_the_cash():
    moments, closes = market(48, 1, 5)
    found = crosscheck(moments, np.full(48, 1000.0), closes, start_cash=1000.0, **NO_FILLS)
    assert (found.agrees, found.total_return, found.max_drawdown, found.sharpe_ratio) == (True, 0.0, 0.0, None)


def test_fills_that_make_no_sense_are_refused():
    moments, closes = market(3, 1, 6)
    equity = np.full(3, 100.0)
    late = [(int(moments[-1]) + 1, 0, 1, 1.0, 1.0, 0.0)]
    with pytest.raises(ValueError, match="after the last moment"):
        crosscheck(moments, equity, closes, start_cash=100.0, **columns(late))
    back = [(int(moments[1]), 0, 1, 1.0, 1.0, 0.0), (int(moments[0]), 0, 1, 1.0, 1.0, 0.0)]
    with pytest.raises(ValueError, match="backwards"):
        crosscheck(moments, equity, closes, start_cash=100.0, **columns(back))
    with pytest.raises(ValueError, match="2 rows beside 3"):
        crosscheck(moments, equity, closes[:2], start_cash=100.0, **NO_FILLS)
    with pytest.raises(ValueError, match="differ in length"):
        crosscheck(moments, equity, closes, start_cash=100.0, **{**columns(late), "fee": np.zeros(2)})


def test_vectorbt_is_loaded_only_when_asked():
    assert not any(name.startswith("vectorbt") for name in vars(module))


def test_the_figures_of_days_are_vectorbts():
    nb: Any = pytest.importorskip("vectorbt.returns.nb")

    returns = np.random.default_rng(7).normal(0.001, 0.02, 400)
    assert sharpe_ratio(returns) == pytest.approx(nb.sharpe_ratio_1d_nb(returns.copy(), 365.0))
    assert sortino_ratio(returns) == pytest.approx(nb.sortino_ratio_1d_nb(returns.copy(), 365.0))
    assert volatility(returns) == pytest.approx(nb.annualized_volatility_1d_nb(returns.copy(), 365.0))
    assert max_drawdown(np.cumprod(1 + np.append(0, returns))) == pytest.approx(-nb.max_drawdown_1d_nb(returns.copy()))
