"""The numbers that the rules go by. Names and defaults: SPEC section 7."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

Rung = tuple[float, float]
"""Share of the position as bought that is sold, and the gain over the entry at which it is: both fractions."""

MAX_RUNGS = 4
Ladder = tuple[Rung, Rung, Rung, Rung]
"""Rungs in rising gain, shares adding up to 1, filled up with shares of 0. One length, so that it compiles once."""

NO_LADDER: Ladder = ((0.0, 0.0), (0.0, 0.0), (0.0, 0.0), (0.0, 0.0))


def make_ladder(rungs: Sequence[Rung]) -> Ladder:
    """A ladder of these rungs; none of them: no ladder. Raises ValueError for more than MAX_RUNGS."""
    if len(rungs) > MAX_RUNGS:
        raise ValueError(f"a ladder has at most {MAX_RUNGS} rungs, not {len(rungs)}")
    first, second, third, fourth = (*rungs, *NO_LADDER)[:MAX_RUNGS]
    return first, second, third, fourth


class Rules(NamedTuple):
    """One bot's limits, as plain numbers.

    *_frac: fractions (0.1 is 10 %), of equity, price or notional as named.
    min_trade_notional: quote currency.  *_ms: milliseconds.
    signal_max_age_bars: candles of the decision timeframe.  take_profit_ladder:
    where it has rungs, profit is taken at them and not at take_profit_frac.
    sizing: code of sizing.SIZINGS.  kelly_fraction: share of Kelly's own.
    atr_multiple: average true ranges that ATR sizing counts as what may be lost.
    max_correlated: most positions in one group correlated beyond max_correlation.
    high_volatility_ratio: to the normal volatility.  *_scale: factors of a size.
    pyramid_adds: most adds to one winner, 0 for none.
    pyramid_gain_frac: over the last buy price.  loss_cooldown_factor: of the
    cooldown, for each further loss in a row.
    """

    risk_per_trade_frac: float
    max_position_frac: float
    min_trade_notional: float
    stop_loss_frac: float
    take_profit_frac: float
    take_profit_ladder: Ladder
    trailing_activation_frac: float
    trailing_distance_frac: float
    breakeven: bool
    cooldown_ms: int
    max_open_positions: int
    max_long_exposure_frac: float
    min_confidence: float
    max_daily_loss_frac: float
    max_spread_frac: float
    entry_limit_frac: float
    signal_max_age_bars: float
    slot_ms: int
    sizing: int
    kelly_fraction: float
    kelly_min_trades: int
    atr_multiple: float
    max_portfolio_risk_frac: float
    max_daily_trades: int
    max_consecutive_losses: int
    max_drawdown_frac: float
    drawdown_pause_ms: int
    max_total_drawdown_frac: float
    max_correlation: float
    max_correlated: int
    high_volatility_ratio: float
    high_volatility_scale: float
    pyramid_adds: int
    pyramid_scale: float
    pyramid_gain_frac: float
    loss_cooldown_factor: float
    max_cooldown_ms: int


class PaperRules(NamedTuple):
    """How the simulated venue fills.

    slippage_frac: of the price, against us.  participation_frac: share of a
    candle's volume that one order may take.  entry_ttl_ms: how long an entry rests.
    """

    slippage_frac: float
    participation_frac: float
    entry_ttl_ms: int
