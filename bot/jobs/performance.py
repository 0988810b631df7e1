"""What a stretch of trading came to: plain figures from trades and equity."""

from __future__ import annotations

import math
from collections.abc import Sequence
from decimal import Decimal
from itertools import pairwise

from bot.domain.records import Trade

DAY_MS = 86_400_000
DAYS_A_YEAR = 365


def metrics(trades: Sequence[Trade], equity: Sequence[tuple[int, Decimal | float]]) -> dict[str, float | int | None]:
    """Figures of closed trades and of the equity curve.

    equity: (ms, quote currency), oldest first.  Fractions, not percent; money in
    quote currency; None where a figure has no meaning yet. Sharpe: daily returns,
    sample standard deviation, times the root of 365, since crypto never closes.
    """
    closed = [trade for trade in trades if trade.status == "closed"]
    pnls = [float(trade.pnl) for trade in closed]
    wins, losses = [p for p in pnls if p > 0], [p for p in pnls if p <= 0]
    values = [float(value) for _, value in equity]
    held_ms = [trade.exit_ms - trade.entry_ms for trade in closed]
    return {
        "total_trades": len(closed),
        "open_trades": len(trades) - len(closed),
        "win_rate": len(wins) / len(closed) if closed else None,
        "profit_factor": sum(wins) / -sum(losses) if losses and sum(losses) < 0 else None,
        "avg_win": sum(wins) / len(wins) if wins else None,
        "avg_loss": sum(losses) / len(losses) if losses else None,
        "total_pnl": sum(pnls),
        "total_fees": float(sum((trade.fees for trade in trades), start=Decimal(0))),
        "avg_trade_duration_h": sum(held_ms) / len(held_ms) / 3_600_000 if held_ms else None,
        "total_return": values[-1] / values[0] - 1 if len(values) > 1 and values[0] > 0 else None,
        "max_drawdown": max_drawdown(values),
        "sharpe_ratio": sharpe_ratio(equity),
    }


def max_drawdown(values: Sequence[float]) -> float | None:
    """Largest fall below an earlier peak, a fraction >= 0."""
    peak, worst = -math.inf, 0.0
    for value in values:
        peak = max(peak, value)
        if peak > 0:
            worst = max(worst, 1 - value / peak)
    return worst if values else None


def sharpe_ratio(equity: Sequence[tuple[int, Decimal | float]]) -> float | None:
    """Yearly Sharpe ratio of daily returns, risk-free rate 0; None under three days or without variance."""
    closes: dict[int, float] = {}
    for moment_ms, value in equity:
        closes[moment_ms // DAY_MS] = float(value)
    series = [closes[day] for day in sorted(closes)]
    returns = [after / before - 1 for before, after in pairwise(series) if before > 0]
    if len(returns) < 2:
        return None
    mean = sum(returns) / len(returns)
    variance = sum((r - mean) ** 2 for r in returns) / (len(returns) - 1)
    # Equal returns differ in their last bits; that is no variance.
    steady = variance <= (1e-9 * max(abs(r) for r in returns)) ** 2
    return None if steady else mean / math.sqrt(variance) * math.sqrt(DAYS_A_YEAR)
