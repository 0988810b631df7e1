"""What is remembered of backtests."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Backtest:
    """The newest backtest of a bot's settings. made_ms: when, ms UTC.  days: length of its period.  sharpe: yearly."""

    made_ms: int
    days: float
    sharpe: float | None
