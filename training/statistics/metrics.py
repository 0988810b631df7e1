"""What a backtest came to: plan v2's thirteen figures, and a few beside them.

Where `bot.jobs.performance` has a figure of the same name, both give the same number:
one for the ledger's Decimals, one for arrays of a million rows.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

HOUR_MS = 3_600_000
DAY_MS = 86_400_000
# Crypto never closes.
DAYS_A_YEAR = 365
# Equal returns differ in their last bits; that is no variance.
STEADY = 1e-9


def full_metrics(
    equity_ms: Ints,
    equity: Floats,
    *,
    exposure: Floats,
    entry_ms: Ints,
    exit_ms: Ints,
    pnl: Floats,
    fees: Floats,
    entry_notional: Floats,
    buy_and_hold: Floats | None = None,
) -> dict[str, float | int | None]:
    """All figures of one backtest; None where a figure has no meaning.

    equity_ms, equity: int64[n], float64[n], oldest first; quote currency, open positions marked.
    exposure: float64[n], share of equity in positions; each value holds until the next moment.
    entry_ms, exit_ms, pnl, fees, entry_notional: one per trade; pnl after fees, quote
    currency; exit_ms 0: still open, which counts in open_trades and total_fees alone.
    buy_and_hold: float64[n], equity of holding instead, on the same moments.

    Returns, in this order:
        total_return          fraction
        sharpe_ratio          yearly, of daily returns, sample deviation, risk-free rate 0
        sortino_ratio         yearly, mean over the root of the mean squared loss (Sortino & van der Meer 1991)
        calmar_ratio          cagr / max_drawdown (Young 1991, over the whole stretch)
        max_drawdown          fraction below the peak, >= 0
        max_drawdown_duration longest time below a peak, days; to the end where it never came back
        win_rate              fraction of closed trades with pnl > 0
        profit_factor         sum of wins / sum of losses
        avg_win, avg_loss     quote currency per trade; a trade that made nothing is no win
        total_trades          closed trades
        avg_trade_duration    hours
        exposure_time         fraction of the time with any position
        cagr                  growth a year, fraction; None under a day
        volatility            yearly deviation of daily returns, fraction
        buy_and_hold_return   fraction
        avg_exposure          mean share of equity in positions, by time
        avg_win_frac, avg_loss_frac   mean pnl / entry notional, fraction
        open_trades           number
        total_pnl, total_fees quote currency; pnl of closed trades, fees of all

    Raises ValueError where lengths differ, moments go backwards or equity is no number.
    """
    check_curve(equity_ms, equity)
    _same_length("exposure", exposure, equity)
    if buy_and_hold is not None:
        _same_length("buy_and_hold", buy_and_hold, equity)
    for name, column in (("exit_ms", exit_ms), ("pnl", pnl), ("fees", fees), ("entry_notional", entry_notional)):
        _same_length(name, column, entry_ms)

    returns = daily_returns(equity_ms, equity)
    drawdown = max_drawdown(equity)
    growth = cagr(equity_ms, equity)
    closed = exit_ms > 0
    made = pnl[closed]
    wins, losses = made > 0, made <= 0
    per_cost = np.divide(
        made, entry_notional[closed], out=np.full(len(made), math.nan), where=entry_notional[closed] > 0
    )
    lost = -float(made[losses].sum())
    return {
        "total_return": total_return(equity),
        "sharpe_ratio": sharpe_ratio(returns),
        "sortino_ratio": sortino_ratio(returns),
        "calmar_ratio": growth / drawdown if growth is not None and drawdown else None,
        "max_drawdown": drawdown,
        "max_drawdown_duration": _max_drawdown_days(equity_ms, equity),
        "win_rate": float(wins.mean()) if len(made) else None,
        "profit_factor": float(made[wins].sum()) / lost if lost > 0 else None,
        "avg_win": _mean(made[wins]),
        "avg_loss": _mean(made[losses]),
        "total_trades": len(made),
        "avg_trade_duration": _mean((exit_ms - entry_ms)[closed] / HOUR_MS),
        "exposure_time": _mean_over_time(equity_ms, (exposure > 0).astype(np.float64)),
        "cagr": growth,
        "volatility": volatility(returns),
        "buy_and_hold_return": None if buy_and_hold is None else total_return(buy_and_hold),
        "avg_exposure": _mean_over_time(equity_ms, exposure),
        "avg_win_frac": _mean(per_cost[wins & ~np.isnan(per_cost)]),
        "avg_loss_frac": _mean(per_cost[losses & ~np.isnan(per_cost)]),
        "open_trades": int(np.count_nonzero(~closed)),
        "total_pnl": float(made.sum()),
        "total_fees": float(fees.sum()),
    }


def check_curve(moments: Ints, values: Floats) -> None:
    """ValueError unless values are finite numbers, one per moment, and moments never go backwards."""
    _same_length("moments", moments, values)
    if np.any(np.diff(moments) < 0):
        raise ValueError(f"moments go backwards at row {int(np.argmax(np.diff(moments) < 0)) + 1}")
    if not np.all(np.isfinite(values)):
        raise ValueError(f"no number at row {int(np.argmin(np.isfinite(values)))}")


def daily_closes(moments: Ints, values: Floats) -> tuple[Ints, Floats]:
    """UTC days (days since 1970) that have a value, and the last value of each."""
    days = moments // DAY_MS
    last = np.flatnonzero(np.append(np.diff(days) != 0, True)) if len(days) else np.zeros(0, dtype=np.int64)
    return days[last], values[last]


def daily_returns(moments: Ints, values: Floats) -> Floats:
    """Returns between the last values of UTC days, fractions; a day without values is left out.

    What follows a day that ended with nothing has no return. A day short of the number of days.
    """
    _, closes = daily_closes(moments, values)
    before, after = closes[:-1], closes[1:]
    alive = before > 0
    return after[alive] / before[alive] - 1


def total_return(values: Floats) -> float | None:
    """Last over first, less one; None under two values or from nothing."""
    return float(values[-1] / values[0] - 1) if len(values) > 1 and values[0] > 0 else None


def cagr(moments: Ints, values: Floats) -> float | None:
    """Growth a year as if it went on alike, a fraction; None under a day, from nothing, or past all numbers."""
    if len(values) < 2 or values[0] <= 0 or moments[-1] - moments[0] < DAY_MS:
        return None
    if values[-1] <= 0:
        return -1.0
    years = float(moments[-1] - moments[0]) / (DAYS_A_YEAR * DAY_MS)
    power = math.log(values[-1] / values[0]) / years
    return math.expm1(power) if power < 700 else None


def deviation(returns: Floats) -> float | None:
    """Sample standard deviation; None under two returns or where they are all the same."""
    if len(returns) < 2:
        return None
    found = float(returns.std(ddof=1))
    return None if found <= STEADY * float(np.abs(returns).max()) else found


def volatility(returns: Floats, periods: float = DAYS_A_YEAR) -> float | None:
    """Yearly standard deviation, a fraction; 0 where returns are all the same, None under two."""
    if len(returns) < 2:
        return None
    return (deviation(returns) or 0.0) * math.sqrt(periods)


def sharpe_ratio(returns: Floats, periods: float = DAYS_A_YEAR) -> float | None:
    """Yearly Sharpe ratio, risk-free rate 0; periods: returns in a year. None without variance."""
    spread = deviation(returns)
    return None if spread is None else float(returns.mean()) / spread * math.sqrt(periods)


def sortino_ratio(returns: Floats, periods: float = DAYS_A_YEAR) -> float | None:
    """Yearly Sortino ratio, least acceptable return 0; None under two returns or without a loss."""
    if len(returns) < 2:
        return None
    downside = math.sqrt(float(np.mean(np.minimum(returns, 0.0) ** 2)))
    return float(returns.mean()) / downside * math.sqrt(periods) if downside > 0 else None


def drawdowns(values: Floats) -> Floats:
    """Fraction below the highest value so far, >= 0, one per value; 0 before the first value above 0."""
    peaks = np.maximum.accumulate(values) if len(values) else values
    return 1 - np.divide(values, peaks, out=np.ones(len(values)), where=peaks > 0)


def max_drawdown(values: Floats) -> float | None:
    """Largest fall below an earlier peak, a fraction >= 0; None without values."""
    return float(drawdowns(values).max()) if len(values) else None


def _max_drawdown_days(moments: Ints, values: Floats) -> float | None:
    if not len(values):
        return None
    at_peak = values >= np.maximum.accumulate(values)
    left = moments[np.maximum.accumulate(np.where(at_peak, np.arange(len(values)), 0))]
    # The row that is back at a peak closes the stretch that began at the peak before it.
    back = np.append(left[0], left[:-1])
    below = np.append(False, ~at_peak[:-1])
    return float(np.max(np.where(at_peak & ~below, 0, moments - back))) / DAY_MS


def _mean(values: Floats) -> float | None:
    return float(values.mean()) if len(values) else None


def _mean_over_time(moments: Ints, values: Floats) -> float | None:
    """Mean of a value that holds until the next moment; of the only value where no time passes."""
    if not len(values):
        return None
    held = np.diff(moments).astype(np.float64)
    # Not a dot product: how BLAS adds up depends on how many threads it has.
    return float((values[:-1] * held).sum() / held.sum()) if held.sum() > 0 else float(values.mean())


def _same_length(name: str, column: npt.NDArray[np.generic], other: npt.NDArray[np.generic]) -> None:
    if len(column) != len(other):
        raise ValueError(f"{name} has {len(column)} rows beside {len(other)}")
