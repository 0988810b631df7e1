"""Limits on entries. Each can shrink a size or refuse it, never grow it."""

from __future__ import annotations

import math
from typing import NamedTuple

from bot.rulebook.exits import first_stop, target_gain
from bot.rulebook.rounding import ceil_to_step, floor_to_step
from bot.rulebook.rules import Rules
from bot.rulebook.sizing import ATR as BY_ATR
from bot.rulebook.sizing import KELLY as BY_KELLY
from bot.rulebook.sizing import atr_size, fixed_fraction_size, kelly_risk, pyramid_next, pyramid_share

NO_RULE = 0
RISK_PER_TRADE = 1
POSITION_CAP = 2
EXPOSURE = 3
CASH = 4
MIN_TRADE = 5
DUST = 6
MAX_OPEN_POSITIONS = 7
KELLY = 8
ATR = 9
PYRAMIDING = 10
HIGH_VOLATILITY = 11
PORTFOLIO_RISK = 12
CORRELATION = 13
PYRAMID_ADDS = 14
PYRAMID_GAIN = 15

CAPS = (KELLY, ATR, POSITION_CAP, PYRAMIDING, HIGH_VOLATILITY, PORTFOLIO_RISK, EXPOSURE, CASH)
"""The limits that shrink an entry, in the order in which they are asked.

High volatility halves what the position cap has left: where the cap is the tighter of
the two, as it mostly is, half of what risk alone would allow would change nothing.
"""

RULE_NAMES = (
    "",
    "risk_per_trade",
    "position_cap",
    "exposure",
    "cash",
    "min_trade",
    "dust",
    "max_open_positions",
    "kelly",
    "atr",
    "pyramiding",
    "high_volatility",
    "portfolio_risk",
    "correlation",
    "pyramid_adds",
    "pyramid_gain",
)

PerCap = tuple[float, float, float, float, float, float, float, float]
"""One number for each of CAPS."""

NOTHING: PerCap = (0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0)


class EntryInputs(NamedTuple):
    """What sizing an entry needs to know. Money in quote currency, sizes in base units.

    cash_free: not reserved by other entries.  exposure: notional of positions
    and pending entries.  open_count: their number.  price: the worst price that
    the entry may pay.  scale: the strategy's own factor, (0, 1].
    portfolio_risk: what positions and pending entries lose at their stops.
    atr: average true range, nan unknown.  volatility_ratio: to the normal one, nan
    unknown.  correlated: held or pending symbols that this one is correlated with.
    wins, losses: closed trades.  mean_win, mean_loss: their net return per entry
    cost, both above 0, 0.0 unknown.  Of a position that is added to: held_size,
    held_notional; adds, how many it has had, -1 without a position; last_buy_price,
    last_buy_size, nan unknown.
    """

    equity: float
    cash_free: float
    exposure: float
    open_count: int
    price: float
    stop_price: float
    size_step: float
    min_size: float
    min_notional: float
    taker_fee: float
    scale: float
    portfolio_risk: float = 0.0
    atr: float = math.nan
    volatility_ratio: float = math.nan
    correlated: int = 0
    wins: int = 0
    losses: int = 0
    mean_win: float = 0.0
    mean_loss: float = 0.0
    held_size: float = 0.0
    held_notional: float = 0.0
    adds: int = -1
    last_buy_price: float = math.nan
    last_buy_size: float = math.nan


class EntryPlan(NamedTuple):
    """size: base units on the venue's step, 0.0 when blocked.

    wanted: before limits.  after: what each of CAPS in turn left of it.
    blocked_by: code of the rule that refused (RULE_NAMES), NO_RULE where none did.
    limit: the number that the refusing rule went by, in its own unit.
    """

    size: float
    wanted: float
    after: PerCap
    blocked_by: int
    limit: float


class Refusal(NamedTuple):
    """code: of RULE_NAMES, NO_RULE for none.  limit: the number that it went by, in its own unit."""

    code: int
    limit: float


def cap_notional(size: float, equity: float, taken: float, price: float, frac: float) -> float:
    """Shrink so that what is taken already and this together stay within a share of equity (notional)."""
    return min(size, max(equity * frac - taken, 0.0) / price)


def cap_risk(size: float, equity: float, taken: float, distance: float, frac: float) -> float:
    """Shrink so that all that is lost where every stop is hit stays within a share of equity.

    taken: what the others lose, quote currency.  distance: of this entry's stop, above 0.
    """
    return min(size, max(equity * frac - taken, 0.0) / distance)


def cap_cash(size: float, cash_free: float, price: float, taker_fee: float) -> float:
    """Shrink to what free cash pays for, fee included."""
    return min(size, max(cash_free, 0.0) / (price * (1.0 + taker_fee)))


def is_correlated(correlation: float, rules: Rules) -> bool:
    """Whether two symbols move together so much that they count as one group; not where it is unknown (nan)."""
    return correlation > rules.max_correlation


def entry_risk_frac(entry: EntryInputs, rules: Rules) -> float:
    """Fraction of equity that Kelly's formula lets this entry risk, never more than the risk per trade."""
    return kelly_risk(
        entry.wins, entry.losses, entry.mean_win, entry.mean_loss, entry.atr / entry.price,
        rules.kelly_min_trades, rules.kelly_fraction, rules.risk_per_trade_frac,
    )  # fmt: skip


def cap_numbers(entry: EntryInputs, rules: Rules) -> PerCap:
    """The number that each of CAPS goes by, in its own unit."""
    return (
        entry_risk_frac(entry, rules),
        rules.atr_multiple * entry.atr,
        rules.max_position_frac,
        rules.pyramid_scale if entry.adds >= 0 else pyramid_share(rules.pyramid_adds, rules.pyramid_scale),
        rules.high_volatility_scale,
        rules.max_portfolio_risk_frac,
        rules.max_long_exposure_frac,
        entry.cash_free,
    )


def refusal(entry: EntryInputs, rules: Rules) -> Refusal:
    """The rule that forbids the entry whatever its size.

    A new position takes a place of its own; an add to one has to be at a price above the last
    that was paid, both without the margin of an entry's limit.
    """
    if entry.adds < 0:
        if entry.open_count >= rules.max_open_positions:
            return Refusal(MAX_OPEN_POSITIONS, float(rules.max_open_positions))
        if entry.correlated >= rules.max_correlated:
            return Refusal(CORRELATION, float(rules.max_correlated))
        return Refusal(NO_RULE, 0.0)
    if entry.adds >= rules.pyramid_adds:
        return Refusal(PYRAMID_ADDS, float(rules.pyramid_adds))
    needed = entry.last_buy_price * (1.0 + rules.pyramid_gain_frac)
    if not entry.price > needed * (1.0 + rules.entry_limit_frac):
        return Refusal(PYRAMID_GAIN, needed)
    return Refusal(NO_RULE, 0.0)


def shrink(wanted: float, entry: EntryInputs, rules: Rules) -> PerCap:
    """What each of CAPS in turn leaves of a size, base units. What is held already counts where a rule is of all."""
    equity, price, held = entry.equity, entry.price, entry.held_size
    in_kelly = wanted
    if rules.sizing == BY_KELLY:
        whole = entry.scale * fixed_fraction_size(equity, entry_risk_frac(entry, rules), price, entry.stop_price)
        in_kelly = min(wanted, max(whole - held, 0.0))
    in_atr = in_kelly
    if rules.sizing == BY_ATR:
        whole = entry.scale * atr_size(
            equity, rules.risk_per_trade_frac, price, entry.stop_price, entry.atr, rules.atr_multiple
        )
        in_atr = min(in_kelly, max(whole - held, 0.0))
    in_position = cap_notional(in_atr, equity, entry.held_notional, price, rules.max_position_frac)
    if entry.adds >= 0:
        step = pyramid_next(held, entry.last_buy_size, entry.adds, rules.pyramid_scale)
        in_pyramid = min(in_position, step)
    else:
        in_pyramid = in_position * pyramid_share(rules.pyramid_adds, rules.pyramid_scale)
    wild = entry.volatility_ratio > rules.high_volatility_ratio
    in_volatility = in_pyramid * rules.high_volatility_scale if wild else in_pyramid
    distance = price - entry.stop_price
    in_risk = cap_risk(in_volatility, equity, entry.portfolio_risk, distance, rules.max_portfolio_risk_frac)
    in_exposure = cap_notional(in_risk, equity, entry.exposure, price, rules.max_long_exposure_frac)
    in_cash = cap_cash(in_exposure, entry.cash_free, price, entry.taker_fee)
    return in_kelly, in_atr, in_position, in_pyramid, in_volatility, in_risk, in_exposure, in_cash


def plan_entry(entry: EntryInputs, rules: Rules) -> EntryPlan:
    """Size an entry and pass it through the limits.

    The minimum is checked last and at the stop's price: a position that could be
    entered but not left in one order would leave dust behind.
    """
    refused = refusal(entry, rules)
    if refused.code != NO_RULE:
        return EntryPlan(0.0, 0.0, NOTHING, refused.code, refused.limit)
    whole = entry.scale * fixed_fraction_size(entry.equity, rules.risk_per_trade_frac, entry.price, entry.stop_price)
    wanted = whole - entry.held_size
    if wanted <= 0.0:
        return EntryPlan(0.0, 0.0, NOTHING, RISK_PER_TRADE, rules.risk_per_trade_frac)
    after = shrink(wanted, entry, rules)
    numbers = cap_numbers(entry, rules)
    for i in range(len(CAPS)):
        if after[i] <= 0.0:
            return EntryPlan(0.0, wanted, after, CAPS[i], numbers[i])
    size = floor_to_step(after[len(CAPS) - 1], entry.size_step)
    if size * entry.price < rules.min_trade_notional:
        return EntryPlan(0.0, wanted, after, MIN_TRADE, rules.min_trade_notional)
    if size < entry.min_size or size * entry.stop_price < entry.min_notional:
        return EntryPlan(0.0, wanted, after, DUST, max(entry.min_notional, entry.min_size * entry.price))
    return EntryPlan(size, wanted, after, NO_RULE, 0.0)


class EntryPrices(NamedTuple):
    """limit: the most that an entry may pay.  stop, target: of the position it makes. Quote currency."""

    limit: float
    stop: float
    target: float


def entry_prices(ask: float, price_step: float, rules: Rules) -> EntryPrices:
    """The prices of an entry made at this ask, each on the venue's step and rounded against us."""
    return EntryPrices(
        ceil_to_step(ask * (1.0 + rules.entry_limit_frac), price_step),
        first_stop(ask, price_step, rules),
        ceil_to_step(ask * (1.0 + target_gain(rules)), price_step),
    )


def add_prices(ask: float, price_step: float, stop_price: float, target_price: float, rules: Rules) -> EntryPrices:
    """The prices of an add: its stop is never below that of the position, its target the position's own, if any."""
    fresh = entry_prices(ask, price_step, rules)
    stop = stop_price if stop_price > fresh.stop else fresh.stop
    return EntryPrices(fresh.limit, stop, target_price if target_price > 0.0 else fresh.target)


def unit_worth(bid: float, last: float, entry_price: float) -> float:
    """What one unit of a holding is worth now: the bid, else the last price, else its entry price."""
    if bid > 0.0:
        return bid
    return last if last > 0.0 else entry_price


def entry_cost(size: float, price: float, taker_fee: float) -> float:
    """What an entry sets aside, fee included; no fee where the venue's is not known (quote currency)."""
    return size * price * (1.0 + taker_fee) if taker_fee > 0.0 else size * price


def held_risk(size: float, worth: float, stop_price: float, entry_price: float, rules: Rules) -> float:
    """What a position loses of its present worth where its stop is hit, quote currency.

    worth: of one unit.  stop_price: nan without one: then where it would belong.
    """
    stop = stop_price if stop_price > 0.0 else entry_price * (1.0 - rules.stop_loss_frac)
    return size * max(worth - stop, 0.0)


def pending_risk(size: float, price: float, rules: Rules) -> float:
    """What an entry that waits at this limit would lose at its stop, quote currency: both were set from one ask."""
    return size * price * (1.0 - (1.0 - rules.stop_loss_frac) / (1.0 + rules.entry_limit_frac))
