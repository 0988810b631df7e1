"""What must hold before real money is traded, and before more of it: figures of a record against limits. Pure.

A figure that cannot be told (no trade, one day, days that all are equal, a value
that is no number) never passes, and neither does one that too few days or trades
stand behind.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from bot.domain.backtests import Backtest
from bot.domain.records import Trade
from bot.domain.timeframes import floor_ms
from bot.jobs.performance import DAY_MS, max_drawdown, sharpe_ratio
from bot.settings import LiveSettings

RAMP_PROFIT_FACTOR = 1.0
"""More money only for a bot that has not lost any, after fees, with what it had."""


BACKTEST_MAX_AGE_MS = 90 * DAY_MS
"""Markets and programs change: an older backtest says nothing of today's bot."""

BACKTEST_MIN_DAYS = 90
"""The Sharpe ratio of a shorter one is mostly luck: its error is the root of 365 / days."""


class Record(Protocol):
    """How a bot did. daily_equity: (any moment of a UTC day, its last equity, open losses counted), oldest first.

    closed: trades that are over, in any order.
    """

    @property
    def daily_equity(self) -> Sequence[tuple[int, float]]: ...
    @property
    def closed(self) -> Sequence[Trade]: ...


@dataclass(frozen=True, slots=True)
class Gate:
    """One figure and what is asked of it.

    value: None where it cannot be told, infinite where a profit has no loss beside it.
    asks: ">=", ">" or "<", between value and limit.  unit: "days", "trades", "ratio"
    or "fraction".  why: "" or why it is closed whatever the value is, as a name.
    """

    name: str
    ok: bool
    value: float | None
    limit: float
    unit: str
    asks: str
    why: str = ""

    def document(self) -> dict[str, Any]:
        """As plain JSON: what is no finite number is None, and `why` says so."""
        finite = self.value is not None and math.isfinite(self.value)
        why = self.why or ("" if finite or self.value is None else "no_loss")
        return {
            "name": self.name, "ok": self.ok, "value": self.value if finite else None, "limit": self.limit,
            "unit": self.unit, "asks": self.asks, "why": why,
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class Figures:
    """A record in numbers.

    days: UTC days with equity that lie between two others or end the record: so many daily
    returns there are.  trades: closed ones.  sharpe: yearly.  drawdown, win_rate: fractions.
    profit_factor: infinite without a losing trade.  None where it cannot be told.
    """

    days: int
    trades: int
    sharpe: float | None
    drawdown: float | None
    win_rate: float | None
    profit_factor: float | None


@dataclass(frozen=True, slots=True)
class Ramp:
    """Where a live bot stands. next_capital: None at the last step. Capital in quote currency."""

    capital: float
    next_capital: float | None
    gates: tuple[Gate, ...]

    @property
    def allowed(self) -> bool:
        """Whether the bot may have the next step's capital, and no more than that."""
        return self.next_capital is not None and all(gate.ok for gate in self.gates)


def live_gates(
    record: Record, limits: LiveSettings, backtest_sharpe: float | None, backtest_why: str = ""
) -> tuple[Gate, ...]:
    """The gates before real money. record: of the paper bot.  backtest_sharpe, backtest_why: of `backtest_figure`."""
    return judge(measure(record), limits, backtest_sharpe, backtest_why)


def backtest_figure(newest: Backtest | None, others: int, now_ms: int) -> tuple[float | None, str]:
    """The Sharpe ratio that the gate goes by, and why it is closed whatever that is: "" or a name.

    newest: of the bot's settings, None where there is none.  others: backtests of other settings.
    """
    if newest is None:
        return None, "backtest_of_other_settings" if others else "no_backtest"
    if now_ms - newest.made_ms > BACKTEST_MAX_AGE_MS:
        return newest.sharpe, "backtest_too_old"
    if newest.days < BACKTEST_MIN_DAYS:
        return newest.sharpe, "backtest_too_short"
    return newest.sharpe, ""


def measure(record: Record) -> Figures:
    """The record's figures.

    Sharpe ratio: mean of the daily returns over their sample standard deviation
    (W. F. Sharpe, "The Sharpe Ratio", Journal of Portfolio Management, 1994, with a risk-free
    rate of 0), times the root of the periods a year (A. W. Lo, "The Statistics of Sharpe Ratios",
    Financial Analysts Journal, 2002): 365, since crypto trades every day.  Drawdown:
    the deepest fall of daily equity below an earlier one.  Win rate, profit factor: of
    closed trades after fees; one that came out even is not won.
    """
    equity = _by_day(record.daily_equity)
    sound = all(math.isfinite(value) and value > 0 for _, value in equity)
    return Figures(
        days=max(len(equity) - 1, 0),
        trades=len(record.closed),
        sharpe=sharpe_ratio(equity) if sound else None,
        drawdown=max_drawdown([value for _, value in equity]) if sound and len(equity) > 1 else None,
        win_rate=_win_rate(record.closed),
        profit_factor=_profit_factor(record.closed),
    )


def judge(
    figures: Figures, limits: LiveSettings, backtest_sharpe: float | None, backtest_why: str = ""
) -> tuple[Gate, ...]:
    """Figures against limits: no figure that gets worse opens a gate."""
    young = "too_few_days" if figures.days < limits.min_paper_days else ""
    few = "too_few_trades" if figures.trades < limits.min_trades else ""
    return (
        _gate("paper_days", figures.days, ">=", limits.min_paper_days, "days"),
        _gate("closed_trades", figures.trades, ">=", limits.min_trades, "trades"),
        _gate("sharpe", figures.sharpe, ">", limits.min_sharpe, "ratio", young),
        _gate("drawdown", figures.drawdown, "<", limits.max_drawdown_frac, "fraction", young),
        _gate("win_rate", figures.win_rate, ">=", limits.min_win_rate, "fraction", few),
        _gate("profit_factor", figures.profit_factor, ">=", limits.min_profit_factor, "ratio", few),
        _gate(
            "backtest_sharpe", backtest_sharpe, ">", limits.min_backtest_sharpe, "ratio",
            backtest_why or ("no_backtest" if backtest_sharpe is None else ""),
        ),
    )  # fmt: skip


def ramp(record: Record, limits: LiveSettings, capital: float, since_ms: int, now_ms: int) -> Ramp:
    """Whether a live bot may have more capital, one step at a time.

    record: of the live bot.  since_ms: when it got its capital; what lies before counts
    for nothing. A day without equity is no day at this capital.
    """
    began = floor_ms(since_ms, DAY_MS)
    equity = [(day_ms, value) for day_ms, value in _by_day(record.daily_equity) if began < day_ms <= now_ms]
    values = [capital, *(value for _, value in equity)]
    sound = bool(equity) and all(math.isfinite(value) and value > 0 for value in values)
    closed = [trade for trade in record.closed if trade.exit_ms >= since_ms]
    days = min(len(equity), max(now_ms - since_ms, 0) // DAY_MS)
    few = "too_few_trades" if len(closed) < limits.min_trades else ""
    return Ramp(
        capital,
        next((step for step in limits.capital_steps if step > capital), None),
        (
            _gate("days_at_step", days, ">=", limits.days_per_step, "days"),
            _gate("trades_at_step", len(closed), ">=", limits.min_trades, "trades"),
            _gate("drawdown_at_step", max_drawdown(values) if sound else None, "<", limits.max_drawdown_frac,
                  "fraction"),
            _gate("profit_factor_at_step", _profit_factor(closed), ">=", RAMP_PROFIT_FACTOR, "ratio", few),
        ),
    )  # fmt: skip


def _gate(name: str, value: float | None, asks: str, limit: float, unit: str, why: str = "") -> Gate:
    if value is None or math.isnan(value):
        return Gate(name, False, None, limit, unit, asks, why or "untold")
    holds = {">=": value >= limit, ">": value > limit, "<": value < limit}[asks]
    return Gate(name, holds and not why, value, limit, unit, asks, why)


def _by_day(equity: Iterable[tuple[int, float]]) -> list[tuple[int, float]]:
    """One value a UTC day, by day: the last one given."""
    last = {floor_ms(moment_ms, DAY_MS): float(value) for moment_ms, value in equity}
    return sorted(last.items())


def _win_rate(closed: Sequence[Trade]) -> float | None:
    if not closed or not all(trade.pnl.is_finite() for trade in closed):
        return None
    return sum(trade.pnl > 0 for trade in closed) / len(closed)


def _profit_factor(closed: Sequence[Trade]) -> float | None:
    if not closed or not all(trade.pnl.is_finite() for trade in closed):
        return None
    won = float(sum(trade.pnl for trade in closed if trade.pnl > 0))
    lost = float(-sum(trade.pnl for trade in closed if trade.pnl < 0))
    if lost > 0:
        return won / lost
    return math.inf if won > 0 else None
