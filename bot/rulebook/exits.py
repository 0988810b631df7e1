"""When and where a position is left: stop, target, trailing, breakeven.

The stop rests on the venue and fills there, whether or not anyone is awake.
Everything else happens at ticks: the tick moves the stop, and the tick sells at
the target. So a backtest that steps through ticks does what the bot does.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from bot.rulebook.rounding import SIZE_TOLERANCE, ceil_to_step, floor_to_step
from bot.rulebook.rules import Ladder, Rules

STAY = 0
STOP_LOSS = 1
TAKE_PROFIT = 2
STOP_PASSED = 3


WHOLE_SHARE = 1.0 - 1e-9
"""Shares that add up to this are all there is: sums of binary fractions miss 1 by an ulp or so."""


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


class LadderSale(NamedTuple):
    """size: base units to sell now, 0.0 for none.  left: what is then still held.

    first, last: the rungs that this sale takes, counted from 1; 0 where none.
    """

    size: float
    left: float
    first: int
    last: int


def rung_count(ladder: Ladder) -> int:
    """How many rungs a ladder has, 0 when it is no ladder."""
    count = 0
    for share, _ in ladder:
        if share > 0.0:
            count += 1
    return count


def target_gain(rules: Rules) -> float:
    """The gain over the entry at which nothing is kept, as a fraction: the last rung, or the one target."""
    count = rung_count(rules.take_profit_ladder)
    return rules.take_profit_ladder[count - 1][1] if count > 0 else rules.take_profit_frac


def ladder_sale(
    bought: float,
    held: float,
    entry_price: float,
    bid: float,
    high: float,
    stop_price: float,
    price_step: float,
    size_step: float,
    min_size: float,
    min_notional: float,
    ladder: Ladder,
) -> LadderSale:
    """What the rungs that the price has reached still want sold, all of them as one sale.

    A rung is a share of what was bought in all, so what it leaves to be held is
    known from the trade alone: whoever holds no more than that has taken it. A
    part that the venue would not take waits for the next rung. Where the rest
    would be too small to be sold, everything goes now: no stop could protect it.

    bought, held: base units, held above 0.  bid: price at which we could sell now.
    high: highest price since the last tick, nan when unknown.  stop_price: where
    the stop belongs, the least that the rest should bring.  min_size: base units.
    min_notional: quote currency.
    """
    shares = 0.0
    left = held
    first = last = 0
    for below, (share, gain) in enumerate(ladder):
        at = ceil_to_step(entry_price * (1.0 + gain), price_step)
        if share <= 0.0 or not (bid >= at or high >= at):
            break
        shares += share
        kept = 0.0 if shares >= WHOLE_SHARE else ceil_to_step(bought * (1.0 - shares), size_step)
        if held - kept > size_step / 2.0:
            left = kept
            last = below + 1
            if first == 0:
                first = last
    part = held - left
    least = min_size - size_step * SIZE_TOLERANCE
    if last == 0 or (left > 0.0 and (part < least or part * bid < min_notional)):
        return LadderSale(0.0, held, 0, 0)
    if left < least or left * stop_price < min_notional:
        return LadderSale(held, 0.0, first, last)
    return LadderSale(part, left, first, last)


HOLD = 0
LEAVE = 1
PART = 2
CANNOT = 3

NO_EXIT = 0
CLOSED_BY_PERSON = 1
STOPPED = 2
TRAILED = 3
LADDER = 4
TARGET = 5
SELL_SIGNAL = 6

EXIT_RULES = ("", "closed_by_person", "stop_loss", "trailing_stop", "take_profit_ladder", "take_profit", "sell_signal")
"""Names of the codes."""


class Held(NamedTuple):
    """A position. Sizes in base units, prices in quote currency, nan where there is none.

    bought: all that was bought, of which size is held.  stop_price: the lowest that rests.
    """

    size: float
    bought: float
    entry_price: float
    stop_price: float
    target_price: float
    high_water: float
    armed: bool


class Seen(NamedTuple):
    """The market of one symbol. bid: nan or 0.0 for none.  high: highest since the last tick, nan unknown.

    price_step, min_notional: quote currency.  size_step, min_size: base units.  taker_fee: fraction.
    """

    bid: float
    high: float
    price_step: float
    size_step: float
    min_size: float
    min_notional: float
    taker_fee: float


class Tending(NamedTuple):
    """What to do about a position.

    action: HOLD (keep it protected), LEAVE (sell all), PART (sell sell_size, after the stop has
    shrunk to left) or CANNOT (it should be sold and cannot be: no bid, or below the venue's
    minimum; protected like HOLD).  rule: why it is to be sold (EXIT_RULES).  left: base units
    that the stop is to cover afterwards.  first_rung, last_rung: of the ladder, from 1, 0 for none.
    stop_price: where the stop belongs now; with LEAVE by a stop, the one that the price reached.
    high_water, armed, trailed, at_breakeven: as in TrailingState.
    """

    action: int
    rule: int
    sell_size: float
    left: float
    first_rung: int
    last_rung: int
    stop_price: float
    high_water: float
    armed: bool
    trailed: bool
    at_breakeven: bool


def highest(bid: float, high: float) -> float:
    """The higher of two prices, either of which may be missing (nan or 0.0); nan without both."""
    if not high > 0.0:
        return bid if bid > 0.0 else math.nan
    return bid if bid > high else high


def first_stop(entry_price: float, price_step: float, rules: Rules) -> float:
    """Where the stop of a position belongs that has none, quote currency."""
    return floor_to_step(entry_price * (1.0 - rules.stop_loss_frac), price_step)


def exit_rule(
    held: Held, seen: Seen, trail: TrailingState, sale: LadderSale, sell_confidence: float, close_requested: bool,
    rules: Rules,
) -> int:  # fmt: skip
    """Why to leave now with all that is held (EXIT_RULES), NO_EXIT to stay. A ladder stands in for the one target."""
    if close_requested:
        return CLOSED_BY_PERSON
    target = math.nan if rung_count(rules.take_profit_ladder) > 0 else held.target_price
    trigger = exit_trigger(seen.bid, seen.high, held.stop_price, target, trail.stop_price)
    if trigger == STOP_LOSS:
        return TRAILED if held.armed else STOPPED
    if sale.size > 0.0 and sale.left == 0.0:
        return LADDER
    if trigger == TAKE_PROFIT:
        return TARGET
    if trigger == STOP_PASSED:
        return TRAILED if trail.armed else STOPPED
    if sell_confidence > 0.0 and sell_confidence >= rules.min_confidence:
        return SELL_SIGNAL
    return NO_EXIT


def tend(held: Held, seen: Seen, sell_confidence: float, close_requested: bool, rules: Rules) -> Tending:
    """What to do about a position: leave it, sell a part of it, or keep it and move its stop.

    sell_confidence: of a signal to sell, 0.0 for none.  Where the venue has raised its minimum
    above what is held, the resting stop stays: an exit would be refused, and the stop be gone.
    """
    resting = held.stop_price
    trail = trail_stop(
        held.entry_price, resting if resting > 0.0 else first_stop(held.entry_price, seen.price_step, rules),
        held.high_water, held.armed, highest(seen.bid, seen.high), seen.price_step, seen.taker_fee, rules,
    )  # fmt: skip
    sale = ladder_sale(
        held.bought, held.size, held.entry_price, seen.bid, seen.high, trail.stop_price,
        seen.price_step, seen.size_step, seen.min_size, seen.min_notional, rules.take_profit_ladder,
    )  # fmt: skip
    rule = exit_rule(held, seen, trail, sale, sell_confidence, close_requested, rules)
    sellable = seen.bid > 0.0 and not held.size < seen.min_size
    stop = trail.stop_price
    action, sell_size, left = HOLD, 0.0, held.size
    if rule != NO_EXIT:
        action = CANNOT
        if sellable:
            action, sell_size, left = LEAVE, held.size, 0.0
            stop = resting if seen.bid <= resting else stop
    elif sale.size > 0.0:
        action, rule = CANNOT, LADDER
        if sellable:
            action, sell_size, left = PART, sale.size, sale.left
    return Tending(
        action, rule, sell_size, left, sale.first, sale.last,
        stop, trail.high_water, trail.armed, trail.trailed, trail.at_breakeven,
    )  # fmt: skip
