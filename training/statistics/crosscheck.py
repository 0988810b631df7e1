"""A second opinion: the fills of a backtest, replayed by vectorbt's own simulation."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from training.statistics.metrics import Floats, Ints, check_curve, daily_returns, max_drawdown, sharpe_ratio

# What two simulations of the same orders may differ by, a fraction.
TARGET = 0.001
# Base units over base units: closer than this, an order was filled.
_WHOLE = 1e-9


@dataclass(frozen=True)
class Crosscheck:
    """What vectorbt makes of the same fills.

    equity_difference: largest difference of the equity curves, fraction of ours.
    return_difference: of the total returns, fraction of the end's equity over the start's.
    agrees: both within the target, and every fill made.
    refused: fills that vectorbt would not make, or not whole: cash or holdings did not reach.
    worst_ms: where the curves differ most, UTC milliseconds.
    total_return, max_drawdown, sharpe_ratio: vectorbt's curve in the terms of `metrics`.
    """

    agrees: bool
    equity_difference: float
    return_difference: float
    worst_ms: int
    fills: int
    refused: int
    total_return: float
    max_drawdown: float
    sharpe_ratio: float | None


def crosscheck(
    moments: Ints,
    equity: Floats,
    closes: Floats,
    *,
    fill_ms: Ints,
    symbol: npt.NDArray[np.integer],
    side: npt.NDArray[np.integer],
    size: Floats,
    price: Floats,
    fee: Floats,
    start_cash: float,
    target: float = TARGET,
) -> Crosscheck:
    """Replay fills through vectorbt's Portfolio.from_orders, and compare the equity curves.

    moments, equity: int64[n], float64[n], n > 0: our curve, quote currency, oldest first.
    closes: float64[n, symbols], the prices that marked it; nan: no price yet, or the one before it goes on.
    fill_ms, symbol, side, size, price, fee: one per fill, in the order they were made: when;
    column of closes; 1 bought, -1 sold; base units > 0; quote currency; quote currency.
    start_cash: quote currency.

    A fill belongs to the first moment that is not before it. vectorbt takes one order per
    symbol and row, so each fill has a row of its own, and moments with several fills have
    several rows: their order is then ours, and cash of a sale is there for the purchase
    after it. Long only: what sells more than is held is refused, and counted.

    Raises ValueError where fills go backwards or come after the last moment, or lengths differ.
    """
    check_curve(moments, equity)
    if closes.shape[0] != len(moments) or not len(moments):
        raise ValueError(f"closes have {closes.shape[0]} rows beside {len(moments)} moments")
    if len({len(column) for column in (fill_ms, symbol, side, size, price, fee)}) != 1:
        raise ValueError("fills differ in length")
    if np.any(np.diff(fill_ms) < 0):
        raise ValueError("fills go backwards")
    bars = np.searchsorted(moments, fill_ms, side="left")
    if np.any(bars >= len(moments)):
        raise ValueError("a fill comes after the last moment")

    fills_of = np.bincount(bars, minlength=len(moments))
    rows_of = np.maximum(fills_of, 1)
    first_row = np.cumsum(rows_of) - rows_of
    bar_of = np.repeat(np.arange(len(moments)), rows_of)
    # A fill's row: the first of its bar, and as many further as fills of that bar came before it.
    rows = first_row[bars] + np.arange(len(bars)) - (np.cumsum(fills_of) - fills_of)[bars]

    marks = _filled(closes)[bar_of]
    # All float64 and of one shape: vectorbt then compiles once, and mixes no integers in.
    sizes, prices, fees = np.full(marks.shape, np.nan), marks.copy(), np.zeros(marks.shape)
    sizes[rows, symbol] = np.sign(side) * size
    prices[rows, symbol] = price
    fees[rows, symbol] = fee
    curve, made = _simulate(marks, sizes, prices, fees, start_cash)

    theirs = curve[first_row + rows_of - 1]
    wanted = np.zeros(len(marks))
    wanted[rows] = size
    refused = int(np.count_nonzero(np.abs(made - wanted) > _WHOLE * np.maximum(wanted, 1e-300)))
    differences = np.abs(theirs - equity) / np.maximum(np.abs(equity), 1e-300)
    worst = int(differences.argmax())
    ours_return, their_return = equity[-1] / start_cash - 1, theirs[-1] / start_cash - 1
    return_difference = float(abs(their_return - ours_return))
    return Crosscheck(
        agrees=bool(differences[worst] <= target and return_difference <= target and not refused),
        equity_difference=float(differences[worst]),
        return_difference=return_difference,
        worst_ms=int(moments[worst]),
        fills=len(fill_ms),
        refused=refused,
        total_return=float(their_return),
        max_drawdown=max_drawdown(theirs) or 0.0,
        sharpe_ratio=sharpe_ratio(daily_returns(moments, theirs)),
    )


def _simulate(marks: Floats, sizes: Floats, prices: Floats, fees: Floats, start_cash: float) -> tuple[Floats, Floats]:
    """Equity per row, and base units that changed hands per row."""
    # Three seconds to import, which only this check should cost.
    vectorbt: Any = importlib.import_module("vectorbt")
    portfolio = vectorbt.Portfolio.from_orders(
        marks,
        size=sizes,
        size_type="amount",
        direction="longonly",
        price=prices,
        fees=0.0,
        fixed_fees=fees,
        slippage=0.0,
        init_cash=float(start_cash),
        cash_sharing=True,
        group_by=True,
        call_seq="default",
        allow_partial=True,
        raise_reject=False,
    )
    curve = np.asarray(portfolio.value(), dtype=np.float64)
    records = portfolio.orders.values
    made = np.zeros(len(marks))
    made[records["idx"]] = records["size"]
    return curve, made


def _filled(closes: Floats) -> Floats:
    """Each nan replaced by the price before it; before the first price, by that one: nothing is held yet."""
    rows = np.arange(len(closes))[:, None]
    known = np.isfinite(closes)
    last = np.maximum.accumulate(np.where(known, rows, -1), axis=0)
    first = np.where(known.any(axis=0), known.argmax(axis=0), 0)
    filled = np.take_along_axis(closes, np.where(last < 0, first, last), axis=0)
    # A symbol without any price was never traded; one unit of money keeps the sums whole.
    return np.where(np.isfinite(filled), filled, 1.0)
