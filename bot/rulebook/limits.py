"""Limits on entries. Each can shrink a size or refuse it, never grow it."""

from __future__ import annotations

from typing import NamedTuple

from bot.rulebook.exits import first_stop, target_gain
from bot.rulebook.rounding import ceil_to_step, floor_to_step
from bot.rulebook.rules import Rules
from bot.rulebook.sizing import fixed_fraction_size

NO_RULE = 0
RISK_PER_TRADE = 1
POSITION_CAP = 2
EXPOSURE = 3
CASH = 4
MIN_TRADE = 5
DUST = 6
MAX_OPEN_POSITIONS = 7

CAPS = (POSITION_CAP, EXPOSURE, CASH)
"""The limits that shrink an entry, in the order in which they are asked."""

RULE_NAMES = (
    "",
    "risk_per_trade",
    "position_cap",
    "exposure",
    "cash",
    "min_trade",
    "dust",
    "max_open_positions",
)


class EntryInputs(NamedTuple):
    """What sizing an entry needs to know. Money in quote currency, sizes in base units.

    cash_free: not reserved by other entries.  exposure: notional of positions
    and pending entries.  open_count: their number.  price: the worst price that
    the entry may pay.  scale: the strategy's own factor, (0, 1].
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


class EntryPlan(NamedTuple):
    """size: base units on the venue's step, 0.0 when blocked.

    wanted: before limits.  after: what each of CAPS in turn left of it.
    blocked_by: code of the rule that refused (RULE_NAMES), NO_RULE where none did.
    limit: the number that the refusing rule went by, in its own unit.
    """

    size: float
    wanted: float
    after: tuple[float, float, float]
    blocked_by: int
    limit: float


def cap_position(size: float, equity: float, price: float, max_position_frac: float) -> float:
    """Shrink so that the position's notional stays within its share of equity."""
    return min(size, max(equity, 0.0) * max_position_frac / price)


def cap_exposure(size: float, equity: float, exposure: float, price: float, max_exposure_frac: float) -> float:
    """Shrink so that all long notional together stays within its share of equity."""
    return min(size, max(equity * max_exposure_frac - exposure, 0.0) / price)


def cap_cash(size: float, cash_free: float, price: float, taker_fee: float) -> float:
    """Shrink to what free cash pays for, fee included."""
    return min(size, max(cash_free, 0.0) / (price * (1.0 + taker_fee)))


def plan_entry(entry: EntryInputs, rules: Rules) -> EntryPlan:
    """Size an entry and pass it through the limits.

    The minimum is checked last and at the stop's price: a position that could be
    entered but not left in one order would leave dust behind.
    """
    if entry.open_count >= rules.max_open_positions:
        return EntryPlan(0.0, 0.0, (0.0, 0.0, 0.0), MAX_OPEN_POSITIONS, float(rules.max_open_positions))
    wanted = entry.scale * fixed_fraction_size(entry.equity, rules.risk_per_trade_frac, entry.price, entry.stop_price)
    if wanted <= 0.0:
        return EntryPlan(0.0, wanted, (wanted, wanted, wanted), RISK_PER_TRADE, rules.risk_per_trade_frac)
    in_position = cap_position(wanted, entry.equity, entry.price, rules.max_position_frac)
    in_exposure = cap_exposure(in_position, entry.equity, entry.exposure, entry.price, rules.max_long_exposure_frac)
    in_cash = cap_cash(in_exposure, entry.cash_free, entry.price, entry.taker_fee)
    after = (in_position, in_exposure, in_cash)
    if in_exposure <= 0.0:
        return EntryPlan(0.0, wanted, after, EXPOSURE, rules.max_long_exposure_frac)
    if in_cash <= 0.0:
        return EntryPlan(0.0, wanted, after, CASH, entry.cash_free)
    size = floor_to_step(in_cash, entry.size_step)
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


def unit_worth(bid: float, last: float, entry_price: float) -> float:
    """What one unit of a holding is worth now: the bid, else the last price, else its entry price."""
    if bid > 0.0:
        return bid
    return last if last > 0.0 else entry_price


def entry_cost(size: float, price: float, taker_fee: float) -> float:
    """What an entry sets aside, fee included; no fee where the venue's is not known (quote currency)."""
    return size * price * (1.0 + taker_fee) if taker_fee > 0.0 else size * price
