"""The bot state machine walks its cycle and nothing else."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.book import BotState
from bot.rulebook.states import CYCLE, path, target_state

S = BotState
NEIGHBOURS = {(a, b) for a, b in zip(CYCLE, (*CYCLE[1:], CYCLE[0]), strict=True)} | {(S.SIGNAL_DETECTED, S.MONITORING)}


@pytest.mark.parametrize(
    ("state", "held", "pending", "closed", "target"),
    [
        (S.IDLE, 0, 0, 0, S.MONITORING),
        (S.MONITORING, 0, 1, 0, S.SIGNAL_DETECTED),
        (S.SIGNAL_DETECTED, 1, 1, 0, S.POSITION_OPEN),
        (S.SIGNAL_DETECTED, 0, 0, 0, S.MONITORING),
        (S.POSITION_OPEN, 1, 0, 1, S.POSITION_OPEN),
        (S.POSITION_OPEN, 0, 0, 1, S.POSITION_CLOSED),
        (S.POSITION_CLOSED, 0, 0, 0, S.IDLE),
        (S.POSITION_CLOSED, 1, 0, 0, S.POSITION_OPEN),
    ],
)
def test_what_a_tick_holds_decides_where_it_ends(state: S, held: int, pending: int, closed: int, target: S) -> None:
    assert target_state(state, held, pending, closed) is target


@given(st.sampled_from(list(S)), st.sampled_from(list(S)))
def test_every_path_goes_by_neighbouring_states_to_its_target(state: S, target: S) -> None:
    steps = path(state, target)
    assert (not steps) == (state is target)
    at = state
    for step in steps:
        assert (at, step) in NEIGHBOURS
        at = step
    assert at is target
