"""The breaker opens after failures in a row, and remembers them from process to process."""

from __future__ import annotations

import json

import pytest

from bot.adapters.breaker import Breaker
from tests.exchange.venues import Time


def next_process(breaker: Breaker, time: Time) -> Breaker:
    """A new breaker from what the old one left in the database."""
    return Breaker(3, 300, time.wall_ms, json.loads(json.dumps(breaker.state())))


def test_opens_at_the_third_failure_in_a_row_and_stays_so_across_processes():
    time = Time()
    breaker = Breaker(3, 300, time.wall_ms)
    for _ in range(3):
        assert breaker.closed_in_s() == 0
        breaker.failed()
        breaker = next_process(breaker, time)
    assert breaker.closed_in_s() == 300
    assert not breaker.half_open


def test_a_success_between_starts_the_count_again():
    breaker = Breaker(3, 300, Time().wall_ms)
    for bad in (True, True, False, True, True):
        breaker.failed() if bad else breaker.succeeded()
    assert breaker.closed_in_s() == 0


def test_half_open_closes_on_success_and_opens_again_on_failure():
    time = Time()
    breaker = Breaker(3, 300, time.wall_ms, {"failures": 3, "open_until_ms": 300_000})
    time.now_s = 300
    assert breaker.half_open
    breaker.failed()
    assert breaker.closed_in_s() == 300
    time.now_s = 600
    breaker = next_process(breaker, time)
    assert breaker.half_open
    breaker.succeeded()
    assert breaker.state() == {"failures": 0, "open_until_ms": 0}
    assert not breaker.half_open


def test_a_clock_that_was_set_back_does_not_lock_the_venue_out():
    breaker = Breaker(3, 300, Time().wall_ms, {"failures": 3, "open_until_ms": 10**15})
    assert breaker.closed_in_s() == 300


@pytest.mark.parametrize("state", [{}, {"failures": None}, {"failures": "x", "open_until_ms": []}, {"failures": -5}])
def test_a_state_that_cannot_be_read_counts_as_none(state):
    breaker = Breaker(3, 300, Time().wall_ms, state)
    assert breaker.state() == {"failures": 0, "open_until_ms": 0}
