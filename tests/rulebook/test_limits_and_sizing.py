"""Sizing and limits: scenario tables, and the promise that no limit ever grows a size."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.rulebook import limits
from bot.rulebook.book_rules import daily_loss_reached
from bot.rulebook.limits import EntryInputs, plan_entry
from bot.rulebook.rounding import ceil_to_step, floor_to_step
from bot.rulebook.sizing import fixed_fraction_size
from tests.rulebook.makers import rules

ENTRY = EntryInputs(
    equity=1000.0,
    cash_free=1000.0,
    exposure=0.0,
    open_count=0,
    price=100.0,
    stop_price=97.5,
    size_step=0.0001,
    min_size=0.001,
    min_notional=0.5,
    taker_fee=0.004,
    scale=1.0,
)


@pytest.mark.parametrize(
    ("value", "step", "floor", "ceil"),
    [(0.3, 0.1, 0.3, 0.3), (0.31, 0.1, 0.3, 0.4), (100.0, 0.01, 100.0, 100.0), (0.0, 0.5, 0.0, 0.0)],
)
def test_a_decimal_step_that_binary_floats_miss_is_not_lost(
    value: float, step: float, floor: float, ceil: float
) -> None:
    assert floor_to_step(value, step) == pytest.approx(floor, abs=1e-12)
    assert ceil_to_step(value, step) == pytest.approx(ceil, abs=1e-12)


def test_fixed_fraction_loses_the_chosen_share_of_equity_at_the_stop() -> None:
    size = fixed_fraction_size(1000.0, 0.015, 100.0, 97.5)
    assert size * (100.0 - 97.5) == pytest.approx(15.0)


def test_a_small_equity_and_a_near_stop_have_their_size_too() -> None:
    assert fixed_fraction_size(1.0, 0.5, 100.0, 99.5) == 1.0
    assert fixed_fraction_size(0.5, 0.5, 100.0, 99.0) == 0.25


@pytest.mark.parametrize(("equity", "stop"), [(1000.0, 100.0), (1000.0, 101.0), (0.0, 97.5), (-5.0, 97.5)])
def test_no_size_without_a_stop_below_the_entry_or_without_equity(equity: float, stop: float) -> None:
    assert fixed_fraction_size(equity, 0.015, 100.0, stop) == 0.0


@pytest.mark.parametrize(
    ("change", "rule_change", "size", "shrunk_by", "blocked_by"),
    [
        # Risk alone would take 6 units (15 / 2.5); a tenth of equity allows 1.
        ({}, {}, 1.0, limits.POSITION_CAP, limits.NO_RULE),
        ({}, {"max_position_frac": 1.0, "max_long_exposure_frac": 1.0, "risk_per_trade_frac": 0.001}, 0.4, 0, 0),
        ({"exposure": 750.0}, {}, 0.5, limits.EXPOSURE, limits.NO_RULE),
        ({"exposure": 795.0}, {}, 0.0, limits.EXPOSURE, limits.MIN_TRADE),
        ({"exposure": 800.0}, {}, 0.0, limits.EXPOSURE, limits.EXPOSURE),
        ({"exposure": 900.0}, {}, 0.0, limits.EXPOSURE, limits.EXPOSURE),
        ({"cash_free": 50.2}, {}, 0.5, limits.CASH, limits.NO_RULE),
        ({"cash_free": 5.0}, {}, 0.0, limits.CASH, limits.MIN_TRADE),
        ({"cash_free": -1.0}, {}, 0.0, limits.CASH, limits.CASH),
        ({"equity": 99.0}, {}, 0.0, limits.POSITION_CAP, limits.MIN_TRADE),
        ({"min_size": 1.5}, {}, 0.0, limits.POSITION_CAP, limits.DUST),
        ({"min_notional": 99.0}, {}, 0.0, limits.POSITION_CAP, limits.DUST),
        ({"open_count": 30}, {}, 0.0, limits.NO_RULE, limits.MAX_OPEN_POSITIONS),
        ({"open_count": 29}, {}, 1.0, limits.POSITION_CAP, limits.NO_RULE),
        ({"stop_price": 100.0}, {}, 0.0, limits.NO_RULE, limits.RISK_PER_TRADE),
        ({"scale": 0.1}, {}, 0.6, limits.NO_RULE, limits.NO_RULE),
        ({"size_step": 0.3}, {}, 0.9, limits.POSITION_CAP, limits.NO_RULE),
    ],
)
def test_each_limit_shrinks_or_blocks_as_the_table_says(
    change: dict[str, Any], rule_change: dict[str, Any], size: float, shrunk_by: int, blocked_by: int
) -> None:
    plan = plan_entry(ENTRY._replace(**change), rules(**rule_change))
    assert plan.size == pytest.approx(size, abs=1e-4)
    before = (plan.wanted, *plan.after)
    shrinking = [rule for rule, was, left in zip(limits.CAPS, before, plan.after, strict=False) if left < was]
    assert (shrinking[-1] if shrinking else limits.NO_RULE, plan.blocked_by) == (shrunk_by, blocked_by)


@pytest.mark.parametrize(
    ("change", "blocked_by", "limit"),
    [
        ({"open_count": 30}, limits.MAX_OPEN_POSITIONS, 30.0),
        ({"stop_price": 100.0}, limits.RISK_PER_TRADE, 0.015),
        ({"exposure": 800.0}, limits.EXPOSURE, 0.8),
        ({"cash_free": -1.0}, limits.CASH, -1.0),
        ({"cash_free": 5.0}, limits.MIN_TRADE, 10.0),
        ({"min_size": 1.5}, limits.DUST, 150.0),
        ({"min_notional": 99.0}, limits.DUST, 99.0),
        ({}, limits.NO_RULE, 0.0),
    ],
)
def test_a_refusal_tells_the_number_that_it_went_by(change: dict[str, Any], blocked_by: int, limit: float) -> None:
    plan = plan_entry(ENTRY._replace(**change), rules())
    assert (plan.blocked_by, plan.limit) == (blocked_by, limit)


def test_what_was_never_sized_was_shrunk_by_nothing() -> None:
    assert plan_entry(ENTRY._replace(open_count=30), rules())[:3] == (0.0, 0.0, limits.NOTHING)
    assert plan_entry(ENTRY._replace(stop_price=100.0), rules())[:3] == (0.0, 0.0, limits.NOTHING)


@pytest.mark.parametrize("change", [{"min_size": 0.5}, {"min_notional": 48.0}, {"min_size": 0.5, "min_notional": 48.0}])
def test_a_size_of_just_the_minimum_is_large_enough(change: dict[str, Any]) -> None:
    just = ENTRY._replace(size_step=0.5, equity=500.0, stop_price=96.0, **change)
    assert plan_entry(just, rules(min_trade_notional=50.0)).size == 0.5


def test_a_share_of_less_than_one_is_a_share_too() -> None:
    assert limits.cap_notional(9.0, 0.5, 0.0, 2.0, 0.5) == 0.125
    assert limits.cap_notional(9.0, -5.0, 0.0, 2.0, 0.5) == 0.0


money = st.floats(0.0, 1e7)
share = st.floats(0.001, 1.0)


@given(
    equity=money, cash=money, exposure=money, price=st.floats(1e-5, 1e6), stop_frac=st.floats(0.001, 0.4),
    risk=st.floats(0.0001, 0.1), cap=share, exposure_cap=share, fee=st.floats(0.0, 0.01),
)  # fmt: skip
def test_no_input_can_exceed_any_cap(
    equity: float, cash: float, exposure: float, price: float, stop_frac: float,
    risk: float, cap: float, exposure_cap: float, fee: float,
) -> None:  # fmt: skip
    entry = ENTRY._replace(
        equity=equity, cash_free=cash, exposure=exposure, price=price, stop_price=price * (1 - stop_frac),
        taker_fee=fee, size_step=1e-8, min_size=1e-8,
    )  # fmt: skip
    chosen = rules(risk_per_trade_frac=risk, max_position_frac=cap, max_long_exposure_frac=exposure_cap)
    plan = plan_entry(entry, chosen)
    notional = plan.size * price
    # Rounding to steps may add a millionth of a step, never more.
    slack = 1 + 1e-9
    dust = 1e-8 * price * 1e-5
    assert notional <= equity * cap * slack + dust
    assert notional * (1 + fee) <= cash * slack + dust * 2
    assert plan.size == 0.0 or exposure + notional <= equity * exposure_cap * slack + dust
    assert plan.size * (price - entry.stop_price) <= equity * risk * slack + dust
    assert plan.size == 0.0 or notional >= chosen.min_trade_notional
    assert math.isfinite(plan.size)


@given(
    tighter=st.floats(0.1, 1.0),
    field=st.sampled_from(["risk_per_trade_frac", "max_position_frac", "max_long_exposure_frac"]),
)
def test_a_tighter_setting_never_takes_more_risk(tighter: float, field: str) -> None:
    loose = rules()
    tight = rules(**{field: getattr(loose, field) * tighter})
    assert plan_entry(ENTRY, tight).size <= plan_entry(ENTRY, loose).size


@pytest.mark.parametrize(("equity", "reached"), [(950.0, True), (950.01, False), (1200.0, False), (0.0, True)])
def test_the_daily_loss_counts_from_the_days_opening_equity(equity: float, reached: bool) -> None:
    assert daily_loss_reached(equity, 1000.0, 0.05) is reached
