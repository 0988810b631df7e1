"""When and where a position is left: stop, target, trailing, breakeven.

The stop rests on the venue and fills there, whether or not anyone is awake.
Everything else happens at ticks: the tick moves the stop, and the tick sells at
the target. So a backtest that steps through ticks does what the bot does.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from bot.rulebook.rounding import floor_to_step
from bot.rulebook.rules import Rules

STAY = 0
STOP_LOSS = 1
TAKE_PROFIT = 2
STOP_PASSED = 3


class TrailingState(NamedTuple):
    """stop_price, high_water: quote currency.  armed: the stop follows the price.

    trailed, at_breakeven: which rule set this stop (both False: it did not move).
    """

    stop_price: float
    high_water: float
    armed: bool
    trailed: bool
    at_breakeven: bool


def breakeven_price(entry_price: float, taker_fee: float) -> float:
    """The price at which selling pays back the entry and both fees."""
    return entry_price * (1.0 + taker_fee) / (1.0 - taker_fee)


def trail_stop(
    entry_price: float,
    stop_price: float,
    high_water: float,
    armed: bool,
    high: float,
    price_step: float,
    taker_fee: float,
    rules: Rules,
) -> TrailingState:
    """Follow the highest price with the stop once the position is far enough in profit.

    Armed at trailing_activation_frac above the entry; then trailing_distance_frac
    below the high-water mark and, with breakeven on, no lower than entry plus
    fees. The stop only ever rises. high: highest price since the last tick, nan
    when unknown.
    """
    mark = high_water if math.isnan(high) else max(high_water, high)
    armed = armed or mark >= entry_price * (1.0 + rules.trailing_activation_frac)
    if not armed:
        return TrailingState(stop_price, mark, False, False, False)
    trailing = mark * (1.0 - rules.trailing_distance_frac)
    floor = breakeven_price(entry_price, taker_fee) if rules.breakeven else 0.0
    candidate = floor_to_step(max(trailing, floor), price_step)
    if not candidate > stop_price:
        return TrailingState(stop_price, mark, True, False, False)
    return TrailingState(candidate, mark, True, trailing >= floor, floor > trailing)


def exit_trigger(bid: float, high: float, stop_price: float, target_price: float, next_stop: float) -> int:
    """STOP_LOSS, TAKE_PROFIT, STOP_PASSED or STAY. The stop speaks first: when both were touched, count the loss.

    bid: price at which we could sell now.  high: highest price since the last
    tick, nan when unknown.  stop_price: of the resting stop, nan for none.
    target_price: nan for none.  next_stop: where the stop belongs now. A stop
    cannot rest above the price: there the price came back from higher up, and the
    position is sold (STOP_PASSED).
    """
    if bid <= stop_price:
        return STOP_LOSS
    if bid >= target_price or high >= target_price:
        return TAKE_PROFIT
    if bid <= next_stop:
        return STOP_PASSED
    return STAY
