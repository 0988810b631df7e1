"""Kelly, average range and steps: how large an entry is to be, before the limits."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.rulebook import limits
from bot.rulebook.limits import EntryInputs, EntryPlan, plan_entry
from bot.rulebook.sizing import (
    ATR,
    FIXED_FRACTION,
    KELLY,
    SIZINGS,
    atr_size,
    kelly_risk,
    pyramid_next,
    pyramid_share,
    shrunk_win_rate,
)
from tests.rulebook.makers import NAN, rules
from tests.rulebook.test_limits_and_sizing import ENTRY

FREE = {"max_position_frac": 1.0, "max_long_exposure_frac": 1.0}
RICH = ENTRY._replace(equity=10_000.0, cash_free=10_000.0)


def kelly(
    wins: int = 36, losses: int = 24, mean_win: float = 0.02, mean_loss: float = 0.02, volatility: float = NAN,
    least: int = 30, share: float = 0.25, most: float = 0.05,
) -> float:  # fmt: skip
    return kelly_risk(wins, losses, mean_win, mean_loss, volatility, least, share, most)


@pytest.mark.parametrize(
    ("change", "risk"),
    [
        # 36 of 60 at even money, drawn to 51 of 90: an edge of 2/15, of which a quarter.
        ({}, 2 / 15 / 4),
        ({"share": 1.0, "most": 1.0}, 2 / 15),
        ({"most": 0.01}, 0.01),
        ({"volatility": 0.25}, 2 / 15 / 4 / 1.25),
        ({"volatility": 0.0}, 2 / 15 / 4),
        # Twice as much won as lost: even a third won breaks even; half of 60 is drawn to 40 of 90.
        ({"wins": 30, "losses": 30, "mean_win": 0.04}, (4 / 9 - 5 / 9 / 2) / 4),
        # Below 30 trades, without an edge, and where a side was never seen: the risk per trade.
        ({"wins": 18, "losses": 11}, 0.05),
        ({"wins": 18, "losses": 12}, (33 / 60 - 27 / 60) / 4),
        ({"wins": 30, "losses": 30}, 0.05),
        ({"wins": 10, "losses": 50}, 0.05),
        ({"mean_win": 0.0}, 0.05),
        ({"mean_loss": 0.0}, 0.05),
        ({"mean_loss": 0.0, "most": 1.0}, 1.0),
        ({"mean_win": 0.0, "most": 1.0}, 1.0),
        ({"mean_win": NAN}, 0.05),
        ({"mean_loss": NAN}, 0.05),
    ],
)
def test_kelly_risks_a_share_of_the_edge_that_the_trades_have_shown(change: dict[str, Any], risk: float) -> None:
    assert kelly(**change) == pytest.approx(risk)


def test_the_win_rate_is_drawn_toward_the_one_that_earns_nothing() -> None:
    assert shrunk_win_rate(0, 0, 0.01, 0.03) == 0.75
    assert shrunk_win_rate(30, 0, 0.01, 0.03) == pytest.approx(0.875)
    assert shrunk_win_rate(0, 30, 0.01, 0.03) == pytest.approx(0.375)


@given(
    wins=st.integers(0, 500), losses=st.integers(0, 500), mean_win=st.floats(0.0, 1.0), mean_loss=st.floats(0.0, 1.0),
    volatility=st.one_of(st.just(NAN), st.floats(0.0, 2.0)), share=st.floats(0.01, 1.0), most=st.floats(0.0001, 0.1),
    tighter=st.floats(0.1, 1.0),
)  # fmt: skip
def test_kelly_never_risks_more_than_the_risk_per_trade_nor_more_by_a_tighter_setting(
    wins: int, losses: int, mean_win: float, mean_loss: float, volatility: float, share: float, most: float,
    tighter: float,
) -> None:  # fmt: skip
    given_ = (wins, losses, mean_win, mean_loss, volatility, 30)
    risk = kelly_risk(*given_, share, most)
    assert 0.0 < risk <= most
    assert kelly_risk(*given_, share * tighter, most) <= risk
    assert kelly_risk(*given_, share, most * tighter) <= risk


@pytest.mark.parametrize(
    ("atr", "size"),
    [
        (1.0, 15.0 / 2.5),  # two ranges are nearer than the stop
        (1.25, 15.0 / 2.5),
        (2.0, 15.0 / 4.0),
        (NAN, 15.0 / 2.5),
    ],
)
def test_the_size_by_average_range_counts_the_farther_of_stop_and_range(atr: float, size: float) -> None:
    assert atr_size(1000.0, 0.015, 100.0, 97.5, atr, 2.0) == pytest.approx(size)


@pytest.mark.parametrize(("equity", "stop"), [(1000.0, 100.0), (0.0, 97.5)])
def test_an_average_range_makes_no_size_where_there_is_none(equity: float, stop: float) -> None:
    assert atr_size(equity, 0.015, 100.0, stop, 0.0, 2.0) == 0.0


@pytest.mark.parametrize(
    ("adds", "scale", "share"), [(0, 0.5, 1.0), (1, 0.5, 2 / 3), (2, 0.5, 4 / 7), (3, 0.1, 1 / 1.111)]
)
def test_the_first_entry_leaves_room_for_all_adds(adds: int, scale: float, share: float) -> None:
    assert pyramid_share(adds, scale) == pytest.approx(share)
    held = last = pyramid_share(adds, scale)
    for done in range(adds):
        step = pyramid_next(held, NAN, done, scale)
        assert step == pytest.approx(last * scale)
        held, last = held + step, step
        assert pyramid_next(held, last, done + 1, scale) == pytest.approx(last * scale)
    assert held == pytest.approx(1.0)


def test_a_purchase_that_was_cut_short_or_partly_sold_is_followed_by_a_smaller_one() -> None:
    assert pyramid_next(1.2, 0.2, 1, 0.5) == 0.1
    assert pyramid_next(0.6, 0.5, 1, 0.5) == pytest.approx(0.1)
    assert pyramid_next(1.0, 1.0, 0, 0.5) == 0.5


# --- in a plan -----------------------------------------------------------------------------


def shrunk_by(plan: EntryPlan) -> list[str]:
    before = (plan.wanted, *plan.after)
    pairs = zip(limits.CAPS, before, plan.after, strict=False)
    return [limits.RULE_NAMES[rule] for rule, was, left in pairs if left < was]


SEEN: dict[str, Any] = {"wins": 36, "losses": 24, "mean_win": 0.02, "mean_loss": 0.02}


@pytest.mark.parametrize(
    ("sizing", "change", "rule_change", "size", "by"),
    [
        (FIXED_FRACTION, {**SEEN, "atr": 5.0}, {}, 60.0, []),
        (KELLY, SEEN, {"kelly_fraction": 0.075}, 40.0, ["kelly"]),  # 1 % of 10,000 at 2.50 a unit
        (KELLY, {**SEEN, "atr": 25.0}, {"kelly_fraction": 0.075}, 32.0, ["kelly"]),
        (KELLY, {**SEEN, "scale": 0.5}, {"kelly_fraction": 0.075}, 20.0, ["kelly"]),
        (KELLY, SEEN, {}, 60.0, []),  # 3.3 % would be more than the risk per trade
        (KELLY, {}, {}, 60.0, []),
        (ATR, {"atr": 2.0}, {}, 37.5, ["atr"]),
        (ATR, {"atr": 2.0, "scale": 0.5}, {}, 18.75, ["atr"]),
        (ATR, {"atr": 2.0}, {"atr_multiple": 1.0}, 60.0, []),
        (ATR, {}, {}, 60.0, []),
    ],
)
def test_the_chosen_sizing_speaks_and_no_other(
    sizing: int, change: dict[str, Any], rule_change: dict[str, Any], size: float, by: list[str]
) -> None:
    plan = plan_entry(RICH._replace(**change), rules(sizing=sizing, **FREE, **rule_change))
    assert plan.size == pytest.approx(size)
    assert shrunk_by(plan) == by


@pytest.mark.parametrize(
    ("change", "rule_change", "size", "by", "blocked"),
    [
        ({"volatility_ratio": 2.0}, {}, 60.0, [], ""),
        ({"volatility_ratio": 2.01}, {}, 30.0, ["high_volatility"], ""),
        ({"volatility_ratio": 2.01}, {"max_position_frac": 0.1}, 5.0, ["position_cap", "high_volatility"], ""),
        ({"volatility_ratio": NAN}, {}, 60.0, [], ""),
        ({"portfolio_risk": 850.0}, {"max_portfolio_risk_frac": 0.1}, 60.0, [], ""),
        ({"portfolio_risk": 900.0}, {"max_portfolio_risk_frac": 0.1}, 40.0, ["portfolio_risk"], ""),
        ({"portfolio_risk": 999.0}, {"max_portfolio_risk_frac": 0.1}, 0.4, ["portfolio_risk"], ""),
        ({"portfolio_risk": 1000.0}, {"max_portfolio_risk_frac": 0.1}, 0.0, ["portfolio_risk"], "portfolio_risk"),
        ({"portfolio_risk": 2000.0}, {"max_portfolio_risk_frac": 0.1}, 0.0, ["portfolio_risk"], "portfolio_risk"),
        ({"correlated": 1}, {}, 60.0, [], ""),
        ({"correlated": 2}, {}, 0.0, [], "correlation"),
        ({"correlated": 0}, {"max_correlated": 0}, 0.0, [], "correlation"),
        ({"correlated": 9, "open_count": 30}, {}, 0.0, [], "max_open_positions"),
    ],
)
def test_each_limit_of_risk_shrinks_or_blocks_as_the_table_says(
    change: dict[str, Any], rule_change: dict[str, Any], size: float, by: list[str], blocked: str
) -> None:
    plan = plan_entry(RICH._replace(**change), rules(**{**FREE, **rule_change}))
    assert plan.size == pytest.approx(size)
    assert [rule for rule in shrunk_by(plan) if rule not in ("exposure", "cash")] == by
    assert limits.RULE_NAMES[plan.blocked_by] == blocked


def test_a_refusal_of_risk_tells_the_number_that_it_went_by() -> None:
    full = plan_entry(RICH._replace(portfolio_risk=1000.0), rules(**FREE, max_portfolio_risk_frac=0.1))
    assert full.limit == 0.1
    assert plan_entry(RICH._replace(correlated=2), rules()).limit == 2.0


def test_the_numbers_of_the_caps_are_those_that_they_went_by() -> None:
    by = rules(sizing=KELLY, pyramid_adds=2, max_portfolio_risk_frac=0.1)
    entry = RICH._replace(atr=2.0, **SEEN)
    expected = (0.015, 4.0, 0.1, 4 / 7, 0.5, 0.1, 0.8, 10_000.0)
    assert limits.cap_numbers(entry, by) == pytest.approx(expected)
    assert limits.cap_numbers(entry._replace(adds=1), by)[3] == 0.5
    assert limits.cap_numbers(entry, by._replace(kelly_fraction=0.075))[0] == pytest.approx(0.01 / 1.02)


def test_a_correlation_counts_above_its_limit_and_not_where_it_is_unknown() -> None:
    found = [limits.is_correlated(value, rules()) for value in (0.7, 0.71, -0.9, NAN)]
    assert found == [False, True, False, False]


def test_the_risk_of_what_is_held_or_waits_is_what_is_lost_at_its_stop() -> None:
    by = rules()
    assert limits.held_risk(2.0, 100.0, 97.0, 90.0, by) == 6.0
    assert limits.held_risk(2.0, 97.0, 98.0, 90.0, by) == 0.0
    assert limits.held_risk(2.0, 100.0, NAN, 80.0, by) == pytest.approx(44.0)
    assert limits.held_risk(2.0, 100.0, 0.0, 80.0, by) == pytest.approx(44.0)
    assert limits.held_risk(2.0, 1.0, 0.5, 80.0, by) == 1.0
    price, stop, _ = limits.entry_prices(100.0, 0.01, by)
    assert limits.pending_risk(2.0, price, by) == pytest.approx(2.0 * (price - stop))


def test_the_names_of_the_sizings_are_those_of_the_setting() -> None:
    from bot.settings.declarations import SIZINGS as CHOICES

    assert SIZINGS == CHOICES
    assert [SIZINGS[code] for code in (FIXED_FRACTION, KELLY, ATR)] == ["fixed_fraction", "kelly", "atr"]


# --- adding to a winner --------------------------------------------------------------------


def adding(adds: int = 0, **changes: Any) -> EntryInputs:
    """RICH, holding 4 bought at 98: the position cap of 10 % has room for 6 more at 100."""
    held = {"held_size": 4.0, "held_notional": 400.0, "adds": adds, "last_buy_price": 98.0}
    return RICH._replace(**{**held, **changes})


STEPS = {"pyramid_adds": 2, "entry_limit_frac": 0.0}


@pytest.mark.parametrize(
    ("change", "rule_change", "size", "by", "blocked"),
    [
        ({}, {}, 2.0, ["position_cap", "pyramiding"], ""),
        ({"adds": 1}, {}, 4.0 * 0.5 / 1.5 * 0.5, ["position_cap", "pyramiding"], ""),
        ({"adds": 2}, {}, 0.0, [], "pyramid_adds"),
        ({}, {"pyramid_adds": 0}, 0.0, [], "pyramid_adds"),
        ({"last_buy_price": 100.0 / 1.02 + 1e-6}, {}, 0.0, [], "pyramid_gain"),
        ({"last_buy_price": 100.0 / 1.02 - 1e-6}, {}, 2.0, ["position_cap", "pyramiding"], ""),
        ({"last_buy_price": NAN}, {}, 0.0, [], "pyramid_gain"),
        # The margin of the entry's limit is no gain.
        ({"last_buy_price": 98.0}, {"entry_limit_frac": 0.01}, 0.0, [], "pyramid_gain"),
        ({"held_notional": 900.0}, {}, 1.0, ["position_cap"], ""),
        ({"held_notional": 1000.0}, {}, 0.0, ["position_cap"], "position_cap"),
        # The risk per trade is the whole position's: 60 at most.
        ({"held_size": 59.0}, {"max_position_frac": 1.0}, 1.0, [], ""),
        ({"held_size": 60.0}, {"max_position_frac": 1.0}, 0.0, [], "risk_per_trade"),
        ({"held_size": 0.0}, {}, 0.0, ["position_cap", "pyramiding"], "pyramiding"),
        # An add takes no place of its own.
        ({"open_count": 30, "correlated": 9}, {}, 2.0, ["position_cap", "pyramiding"], ""),
        ({"volatility_ratio": 3.0}, {}, 1.0, ["position_cap", "pyramiding", "high_volatility"], ""),
    ],
)
def test_an_add_is_a_smaller_step_within_the_caps_of_the_whole(
    change: dict[str, Any], rule_change: dict[str, Any], size: float, by: list[str], blocked: str
) -> None:
    plan = plan_entry(adding(**change), rules(**{**STEPS, **rule_change}))
    assert plan.size == pytest.approx(size, abs=1e-4)
    found = shrunk_by(plan)
    cut = found[: found.index("pyramiding") + 1] if blocked == "pyramiding" else found
    assert cut == by
    assert limits.RULE_NAMES[plan.blocked_by] == blocked


def test_kelly_and_the_average_range_count_what_is_held_already() -> None:
    by = rules(**STEPS, **{**FREE, "sizing": KELLY, "kelly_fraction": 0.075})
    full = plan_entry(adding(**SEEN, held_size=40.0, held_notional=0.0), by)
    assert (limits.RULE_NAMES[full.blocked_by], full.limit) == ("kelly", pytest.approx(0.01))
    assert plan_entry(adding(**SEEN, held_size=39.0, held_notional=0.0), by).size == pytest.approx(1.0)
    wild = rules(**STEPS, **FREE, sizing=ATR)
    full = plan_entry(adding(atr=2.0, held_size=37.5, held_notional=0.0), wild)
    assert (limits.RULE_NAMES[full.blocked_by], full.limit) == ("atr", 4.0)
    assert plan_entry(adding(atr=2.0, held_size=36.5, held_notional=0.0), wild).size == pytest.approx(1.0)


def test_a_price_of_just_the_gain_is_not_yet_above_it() -> None:
    by = rules(pyramid_adds=2, entry_limit_frac=0.0, pyramid_gain_frac=0.25)
    found = [limits.refusal(adding(last_buy_price=64.0, price=price), by) for price in (80.0, 80.5)]
    assert found == [(limits.PYRAMID_GAIN, 80.0), (limits.NO_RULE, 0.0)]
    assert limits.refusal(RICH, by) == (limits.NO_RULE, 0.0)


def test_a_refused_add_tells_what_it_would_take() -> None:
    assert plan_entry(adding(2), rules(**STEPS)).limit == 2.0
    assert plan_entry(adding(last_buy_price=99.0), rules(**STEPS)).limit == pytest.approx(99.0 * 1.02)


def test_the_first_entry_is_its_share_of_the_cap() -> None:
    plan = plan_entry(RICH, rules(pyramid_adds=2))
    assert plan.size == pytest.approx(10.0 * 4 / 7, abs=1e-4)
    assert shrunk_by(plan) == ["position_cap", "pyramiding"]


def test_the_prices_of_an_add_protect_it_as_the_position_is_protected() -> None:
    by = rules()
    fresh = limits.entry_prices(100.0, 0.01, by)
    assert limits.add_prices(100.0, 0.01, 98.5, 107.0, by) == (fresh.limit, 98.5, 107.0)
    assert limits.add_prices(100.0, 0.01, 96.0, NAN, by) == fresh
    assert limits.add_prices(100.0, 0.01, NAN, 0.0, by) == fresh
    assert limits.add_prices(0.5, 0.0001, NAN, 0.7, by).target == 0.7
