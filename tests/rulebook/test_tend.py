"""What is done about a position, straight from its numbers: one row for each way out and each way to stay."""

from __future__ import annotations

from typing import Any

import pytest

from bot.rulebook import exits
from bot.rulebook.exits import EXIT_RULES, Held, Seen, Tending, first_stop, highest, tend
from bot.rulebook.rules import make_ladder
from tests.rulebook.makers import LADDER, NAN, rules

ACTIONS = ("hold", "leave", "part", "cannot")
HELD = Held(
    size=1.0, bought=1.0, entry_price=100.0, stop_price=97.5, target_price=104.5, high_water=100.0, armed=False
)  # fmt: skip
SEEN = Seen(
    bid=100.0, high=NAN, price_step=0.01, size_step=1e-8, min_size=0.0001, min_notional=0.5, taker_fee=0.004
)  # fmt: skip


def tended(held: dict[str, Any], seen: dict[str, Any], **more: Any) -> Tending:
    ladder = {"take_profit_ladder": LADDER} if more.pop("ladder", False) else {}
    return tend(
        HELD._replace(**held), SEEN._replace(**seen), more.pop("sell", 0.0), more.pop("close", False),
        rules(**ladder, **more),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("held", "seen", "more", "action", "rule", "stop"),
    [
        ({}, {}, {}, "hold", "", 97.5),
        ({}, {"bid": 97.5}, {}, "leave", "stop_loss", 97.5),
        ({}, {"bid": 97.51}, {}, "hold", "", 97.5),
        ({"armed": True, "stop_price": 98.0}, {"bid": 98.0}, {}, "leave", "trailing_stop", 98.0),
        ({"stop_price": NAN}, {"bid": 97.5}, {}, "leave", "stop_loss", 97.5),
        ({"stop_price": 0.0}, {}, {}, "hold", "", 97.5),
        ({"stop_price": 0.5}, {}, {}, "hold", "", 0.5),
        ({}, {"bid": 104.5}, {}, "leave", "take_profit", 103.45),
        ({}, {"bid": 104.0, "high": 104.5}, {}, "leave", "take_profit", 103.45),
        ({"target_price": NAN}, {"bid": 104.5}, {}, "hold", "", 103.45),
        ({}, {"bid": 101.0, "high": 103.0}, {}, "leave", "trailing_stop", 101.97),
        ({}, {"bid": 97.0, "high": 105.0}, {}, "leave", "stop_loss", 97.5),  # both touched: the loss counts
        ({}, {}, {"sell": 0.2}, "leave", "sell_signal", 97.5),
        ({}, {}, {"sell": 0.19}, "hold", "", 97.5),
        ({}, {}, {"sell": 0.0, "min_confidence": 0.0}, "hold", "", 97.5),
        ({}, {}, {"sell": 0.01, "min_confidence": 0.0}, "leave", "sell_signal", 97.5),
        ({}, {"bid": 97.0}, {"sell": 0.9, "close": True}, "leave", "closed_by_person", 97.5),
        ({}, {"bid": NAN}, {"close": True}, "cannot", "closed_by_person", 97.5),
        ({}, {"bid": 0.0}, {"close": True}, "cannot", "closed_by_person", 97.5),
        ({}, {"bid": 0.5}, {"close": True}, "leave", "closed_by_person", 97.5),
        ({}, {"bid": 97.0, "min_size": 1.01}, {}, "cannot", "stop_loss", 97.5),
        ({}, {"bid": 97.0, "min_size": 1.0}, {}, "leave", "stop_loss", 97.5),
        ({}, {"min_size": 1.01}, {}, "hold", "", 97.5),
        ({}, {"bid": 104.6}, {"ladder": True}, "part", "take_profit_ladder", 103.55),
        ({}, {"bid": NAN, "high": 103.0}, {"ladder": True}, "cannot", "take_profit_ladder", 101.97),
        ({}, {"bid": 112.0}, {"ladder": True}, "leave", "take_profit_ladder", 110.88),
        ({}, {"bid": 104.6}, {"take_profit_ladder": make_ladder([(1.0, 0.3)])}, "hold", "", 103.55),
        ({}, {"bid": 103.0}, {"ladder": True, "sell": 0.5}, "leave", "sell_signal", 101.97),
        ({"armed": True}, {}, {}, "leave", "trailing_stop", 100.8),  # the price came back below what covers the fees
    ],
)
def test_a_position_is_left_or_kept_as_the_table_says(
    held: dict[str, Any], seen: dict[str, Any], more: dict[str, Any], action: str, rule: str, stop: float
) -> None:
    found = tended(held, seen, **more)
    assert (ACTIONS[found.action], EXIT_RULES[found.rule]) == (action, rule)
    assert found.stop_price == pytest.approx(stop)
    expected = {"leave": (1.0, 0.0), "part": (0.5, 0.5)}.get(action, (0.0, 1.0))
    assert (found.sell_size, found.left) == pytest.approx(expected)


def test_the_rungs_and_the_trail_are_told() -> None:
    found = tended({}, {"bid": 106.5}, ladder=True, trailing_distance_frac=0.05)
    assert (found.first_rung, found.last_rung) == (1, 2)
    assert found.high_water == 106.5
    assert (found.armed, found.trailed, found.at_breakeven) == (True, True, False)
    covered = tended({}, {"bid": 102.5}, trailing_distance_frac=0.05)
    assert (covered.armed, covered.trailed, covered.at_breakeven) == (True, False, True)
    calm = tended({}, {})
    assert (calm.first_rung, calm.last_rung, calm.high_water, calm.armed) == (0, 0, 100.0, False)


@pytest.mark.parametrize(
    ("bid", "high", "expected"),
    [(1.0, 2.0, 2.0), (2.0, 1.0, 2.0), (1.0, NAN, 1.0), (NAN, 1.0, 1.0), (0.0, 0.5, 0.5), (0.5, 0.0, 0.5)],
)
def test_the_highest_price_is_the_higher_of_those_that_are_known(bid: float, high: float, expected: float) -> None:
    assert highest(bid, high) == expected


@pytest.mark.parametrize(("bid", "high"), [(NAN, NAN), (0.0, 0.0), (0.0, NAN), (-1.0, NAN)])
def test_no_price_is_no_highest(bid: float, high: float) -> None:
    assert highest(bid, high) != highest(bid, high)


def test_a_stop_belongs_below_the_entry_on_the_venues_step() -> None:
    assert first_stop(100.0, 0.01, rules()) == pytest.approx(97.5)
    assert first_stop(99.99, 0.5, rules()) == pytest.approx(97.0)


def test_every_action_and_rule_has_its_name() -> None:
    assert list(range(len(ACTIONS))) == [exits.HOLD, exits.LEAVE, exits.PART, exits.CANNOT]
    codes = [exits.NO_EXIT, exits.CLOSED_BY_PERSON, exits.STOPPED, exits.TRAILED, exits.LADDER, exits.TARGET,
             exits.SELL_SIGNAL]  # fmt: skip
    assert codes == list(range(len(EXIT_RULES)))
