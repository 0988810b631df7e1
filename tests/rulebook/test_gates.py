"""Each gate on its own: what is just allowed, what is just not, and which one speaks first."""

from __future__ import annotations

from typing import Any

import pytest

from bot.rulebook import gates
from bot.rulebook.gates import GATE_RULES, GateInputs, gate, spread_frac
from tests.rulebook.makers import NAN, rules

OPEN = GateInputs(
    problem=False,
    direction=1,
    confidence=0.5,
    age_bars=0.5,
    book_blocked=False,
    in_doubt=False,
    pending=False,
    close_requested=False,
    cooldown_left_ms=0.0,
    bid=99.5,
    ask=100.5,
)
SHUT: list[tuple[str, dict[str, Any]]] = [
    ("problem", {"problem": True}),
    ("no_signal", {"direction": 0}),
    ("no_position", {"direction": -1}),
    ("min_confidence", {"confidence": 0.19}),
    ("late_signal", {"age_bars": 1.01}),
    ("book", {"book_blocked": True}),
    ("in_doubt", {"in_doubt": True}),
    ("pending_entry", {"pending": True}),
    ("closed_by_person", {"close_requested": True}),
    ("cooldown", {"cooldown_left_ms": 1.0}),
    ("no_quote", {"bid": 0.0}),
    ("spread", {"bid": 98.0}),
]


def named(**changes: Any) -> str:
    return GATE_RULES[gate(OPEN._replace(**changes), rules())]


@pytest.mark.parametrize(("rule", "change"), SHUT)
def test_each_gate_shuts_by_itself(rule: str, change: dict[str, Any]) -> None:
    assert named(**change) == rule


@pytest.mark.parametrize("change", [{}, {"confidence": 0.2}, {"age_bars": 1.0}, {"cooldown_left_ms": -1.0}])
def test_what_is_just_allowed_passes(change: dict[str, Any]) -> None:
    assert named(**change) == ""


@pytest.mark.parametrize("prices", [{"bid": NAN}, {"ask": NAN}, {"bid": 0.0}, {"ask": 0.0}, {"bid": -1.0}])
def test_without_both_prices_nothing_is_entered(prices: dict[str, float]) -> None:
    assert named(**prices) == "no_quote"


def test_the_first_gate_that_is_shut_is_told() -> None:
    changes: dict[str, Any] = {}
    for rule, change in reversed(SHUT):
        if rule != "no_position":  # a signal has one direction
            changes |= change
            assert named(**changes) == rule


def test_every_gate_has_a_name_and_the_spread_is_told_as_it_was_judged() -> None:
    assert [rule for rule, _ in SHUT] == list(GATE_RULES[1:])
    assert GATE_RULES[gates.SPREAD] == "spread"
    assert spread_frac(99.5, 100.5) == 0.01
