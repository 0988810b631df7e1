"""What speaks for and against a backtest: chance, trials, months on their own, another simulation of the same fills."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import numpy as np

from bot.jobs.report import iso
from training.engine.run import BacktestResult, marks
from training.market.arrays import Ints
from training.statistics.chance import monte_carlo_order, random_entries, sharpe_interval
from training.statistics.deflated import deflated_sharpe
from training.statistics.metrics import daily_returns, full_metrics
from training.statistics.walkforward import DAY_MS, needed_ms, splits

SEED = 7
"""The same backtest draws the same numbers."""

Document = dict[str, Any]


def metrics(result: BacktestResult, start_ms: int | None = None, end_ms: int | None = None) -> Document:
    """All figures of training/statistics/metrics.py, and the same time of a trade as the tick's document names it.

    start_ms, end_ms: of this stretch alone, the first moment in it and the last not; trades belong to the stretch
    in which they ended.
    """
    table = result.trades
    ticks = _within(result.equity_ms, start_ms, end_ms)
    whole = start_ms is None and end_ms is None
    own = np.ones(len(table), dtype=np.bool_) if whole else _within(table.exit_ms, start_ms, end_ms)
    figures: Document = full_metrics(
        result.equity_ms[ticks],
        result.equity[ticks],
        exposure=result.exposure[ticks],
        entry_ms=table.entry_ms[own],
        exit_ms=table.exit_ms[own],
        pnl=table.pnl[own],
        fees=table.fees[own],
        entry_notional=(table.entry_price * table.quantity)[own],
        buy_and_hold=result.buy_and_hold[ticks],
    )
    return figures | {"avg_trade_duration_h": figures["avg_trade_duration"]}


def checks(result: BacktestResult, trials: int = 1, *, replayed: bool = False) -> Document:
    """Checks by their names in the document; None where there is nothing to check, and "notes" that say why.

    trials: how many settings were tried before this one was chosen, this one among them.  replayed: replay the
    fills in vectorbt too, which takes seconds to import; the result must have kept them.
    """
    returns = daily_returns(result.equity_ms, result.equity)
    windows, notes = _walk_forward(result)
    found: Document = {
        "monte_carlo": _monte_carlo(result),
        "random_entries": _random_entries(result),
        "sharpe_interval": _told(sharpe_interval(returns, seed=SEED)),
        "deflated_sharpe": _told(deflated_sharpe(returns, luck_variance(len(returns)), trials)),
        "walk_forward": windows,
        "notes": notes,
    }
    return found | ({"crosscheck": replay(result)} if replayed else {})


def luck_variance(periods: int) -> float:
    """Variance of the Sharpe ratios per period of settings without any edge: the error of the estimate itself.

    Bailey & Lopez de Prado 2012 for a ratio of 0: 1 / (periods - 1). Only how many settings were tried is known
    here, and not what each of them came to; a sweep knows that, and does not need this.
    """
    return 1.0 / (periods - 1) if periods > 1 else 0.0


def replay(result: BacktestResult) -> Document:
    """Our fills in vectorbt's own simulation: how far its equity is from ours, and whether within 0.1 %.

    Raises ValueError where the result has not kept its fills.
    """
    from training.statistics.crosscheck import crosscheck

    fills = result.fills
    if fills is None:
        raise ValueError("the fills were not kept")
    found = crosscheck(
        result.equity_ms, result.equity, marks(result.market, result.spread_bps),
        fill_ms=fills.at_ms, symbol=fills.symbol, side=fills.side, size=fills.size, price=fills.price, fee=fills.fee,
        start_cash=result.cash,
    )  # fmt: skip
    return asdict(found)


def _monte_carlo(result: BacktestResult) -> Document | None:
    table = result.trades
    closed = np.flatnonzero(table.exit_ms > 0)
    by_exit = closed[np.argsort(table.exit_ms[closed], kind="stable")]
    return _told(monte_carlo_order(table.pnl[by_exit], result.cash, seed=SEED, redraw=True))


def _random_entries(result: BacktestResult) -> Document | None:
    """The closed trades at random moments of their symbols' decision candles.

    Each pays the fees that it paid, the spread, and slippage on both ways.
    """
    table, market = result.trades, result.market
    start_ms, end_ms = result.period
    step = market.bars.step_ms
    grid = np.arange(start_ms // step, end_ms // step + 1, dtype=np.int64)
    prices = []
    for name in market.symbols:
        candles = market.candles[name]
        # Index n of the grid: the price at the end of the candle before it.
        path = np.full(len(grid), np.nan)
        place = candles.open_ms // step + 1 - grid[0]
        there = (place >= 0) & (place < len(grid))
        path[place[there]] = candles.close[there]
        prices.append(path)
    notional = table.entry_price * table.quantity
    rows = np.flatnonzero((table.exit_ms > 0) & (notional > 0))
    symbol = np.array([market.symbols.index(table.symbol[n]) for n in rows], dtype=np.int64)
    held = table.exit_ms[rows] // step - table.entry_ms[rows] // step
    costs = table.fees[rows] / notional[rows] + result.spread_bps / 10_000 + 2 * result.settings.paper.slippage_frac
    found = random_entries(
        prices, symbol, held, table.pnl[rows] / notional[rows], costs, seed=SEED, weights=notional[rows]
    )
    return _told(found)


def _walk_forward(result: BacktestResult) -> tuple[list[Document], list[str]]:
    """Figures of this one setting in the test stretches that end with the period, oldest first."""
    start_ms, end_ms = result.period
    if end_ms - start_ms < needed_ms():
        needed, there = needed_ms() // DAY_MS, (end_ms - start_ms) / DAY_MS
        return [], [f"walk_forward: needs {needed} days, and there are {there:.0f}"]
    made = [
        {
            "from": iso(split.test_from_ms),
            "to": iso(split.test_to_ms),
            "metrics": metrics(result, split.test_from_ms, split.test_to_ms),
        }
        for split in splits(end_ms - needed_ms(), end_ms)
    ]
    return made, []


def _within(moments: Ints, start_ms: int | None, end_ms: int | None) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    inside = np.ones(len(moments), dtype=np.bool_)
    if start_ms is not None:
        inside &= moments >= start_ms
    if end_ms is not None:
        inside &= moments < end_ms
    return inside


def _told(found: Any) -> Document | None:
    return None if found is None else asdict(found)
