"""The numbers that the rules go by. Names and defaults: SPEC section 7."""

from __future__ import annotations

from typing import NamedTuple


class Rules(NamedTuple):
    """One bot's limits, as plain numbers.

    *_frac: fractions (0.1 is 10 %), of equity, price or notional as named.
    min_trade_notional: quote currency.  *_ms: milliseconds.
    signal_max_age_bars: candles of the decision timeframe.
    """

    risk_per_trade_frac: float
    max_position_frac: float
    min_trade_notional: float
    stop_loss_frac: float
    take_profit_frac: float
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


class PaperRules(NamedTuple):
    """How the simulated venue fills.

    slippage_frac: of the price, against us.  participation_frac: share of a
    candle's volume that one order may take.  entry_ttl_ms: how long an entry rests.
    """

    slippage_frac: float
    participation_frac: float
    entry_ttl_ms: int
