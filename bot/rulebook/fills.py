"""How the paper venue fills orders: spread, slippage, volume, steps, fees.

Pessimistic where a candle does not tell: a limit that was touched pays its
limit, a stop that was jumped over sells at the open, and a candle that touched
both entry and stop did both.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from bot.rulebook.rounding import ceil_to_step, floor_to_step


class Match(NamedTuple):
    """size: base units, 0.0 for no fill.  price: quote currency."""

    size: float
    price: float


NO_MATCH = Match(0.0, 0.0)


def buy_price(ask: float, slippage_frac: float, price_step: float) -> float:
    """What a marketable buy pays: the ask and slippage, rounded against us."""
    return ceil_to_step(ask * (1.0 + slippage_frac), price_step)


def sell_price(bid: float, slippage_frac: float, price_step: float) -> float:
    """What a market sell gets: the bid less slippage, rounded against us."""
    return max(floor_to_step(bid * (1.0 - slippage_frac), price_step), price_step)


def take_size(remaining: float, volume: float, participation_frac: float, size_step: float, min_size: float) -> float:
    """How much of an order one candle's volume fills, base units.

    Never a fill that the venue could not sell again, and never a rest that it
    could not fill: such a rest is filled along.
    """
    size = floor_to_step(min(remaining, volume * participation_frac), size_step)
    if size < min_size:
        return 0.0
    if remaining - size < min_size:
        return remaining
    return size


def match_marketable_buy(
    remaining: float,
    limit_price: float,
    ask: float,
    recent_volume: float,
    slippage_frac: float,
    participation_frac: float,
    price_step: float,
    size_step: float,
    min_size: float,
) -> Match:
    """A limit buy at the moment it reaches the book (recent_volume: base units of the last candle)."""
    if math.isnan(ask):
        return NO_MATCH
    price = buy_price(ask, slippage_frac, price_step)
    if price > limit_price * (1.0 + 1e-12):
        return NO_MATCH
    size = take_size(remaining, recent_volume, participation_frac, size_step, min_size)
    return Match(size, price) if size > 0.0 else NO_MATCH


def match_resting_buy(
    remaining: float,
    limit_price: float,
    low: float,
    volume: float,
    participation_frac: float,
    size_step: float,
    min_size: float,
) -> Match:
    """A limit buy that rested through one candle: filled at its limit when the low touched it."""
    if low > limit_price:
        return NO_MATCH
    size = take_size(remaining, volume, participation_frac, size_step, min_size)
    return Match(size, limit_price) if size > 0.0 else NO_MATCH


def match_stop_sell(
    size: float, stop_price: float, open_price: float, low: float, slippage_frac: float, price_step: float
) -> Match:
    """A stop that rested through one candle: sold whole, at the open when the candle opened below it."""
    if low > stop_price or size <= 0.0:
        return NO_MATCH
    return Match(size, sell_price(min(stop_price, open_price), slippage_frac, price_step))
