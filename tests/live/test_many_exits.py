"""Everything is to be sold at once, and the venue is slow or blind: stops are taken away only for sales that follow."""

from __future__ import annotations

import pytest

from bot.adapters.kraken_private import CallPace
from tests.jobs.paths import Path
from tests.live import runs
from tests.live.conftest import MakeLive
from tests.live.laws import check_live
from tests.live.scenes import hold
from tests.live.world import SLOT_MS, START, LiveWorld

SLOW = ("BalanceEx", "OpenOrders", "ClosedOrders", "QueryOrders", "CancelOrder", "AddOrder market")
SHARES = {"risk": {"max_position_frac": 0.05}}


def held(make_live: MakeLive, count: int) -> LiveWorld:
    """So many positions, all asked to be closed."""
    world = make_live(SHARES, **{f"C{n:02}": Path(100 + n).break_out() for n in range(count)})
    hold(world)
    assert world.count("trades", "status = 'open'") == count
    world.command("close_all")
    return world


def test_a_stop_is_not_taken_away_for_a_sale_that_would_come_too_late(
    make_live: MakeLive, monkeypatch: pytest.MonkeyPatch
):
    """Kraken's pace for the smallest accounts, 0.4 s for each request: there is no time for fifteen sales."""
    world = held(make_live, 15)
    monkeypatch.setattr(runs, "CallPace", lambda most: CallPace())
    world.gate.hooks |= {label: lambda: world.at(world.now_ms + 400) for label in SLOW}
    for n in range(1, 5):
        world.tick(START + n * SLOT_MS)
        check_live(world)
    assert {trade["exit_reason"] for trade in world.trades()} == {"closed_by_person"}
    assert world.naked_ms() < 2_000


def test_once_nobody_can_see_how_a_cancellation_ended_the_other_stops_stay(make_live: MakeLive):
    world = held(make_live, 5)

    def go_blind() -> None:
        for name in ("QueryOrders", "OpenOrders"):
            world.venue.faults.add(name, "503", times=None)

    world.gate.hooks["CancelOrder"] = go_blind
    world.tick(START + SLOT_MS)
    assert world.asked["CancelOrder"] == 1
    assert "AddOrder" not in world.asked
    world.gate.hooks.clear()
    world.venue.faults.clear()
    world.tick(START + 2 * SLOT_MS)
    assert {trade["exit_reason"] for trade in world.trades()} == {"closed_by_person"}
    assert len(world.naked()) <= 5
    assert sum(stretch.ms > 2_000 for stretch in world.naked()) == 1
