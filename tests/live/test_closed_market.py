"""A market that takes cancellations and no sales: a stop that was taken away for an exit could not be put back."""

from __future__ import annotations

import pytest

from tests.jobs.paths import STEP, T0, Path
from tests.live.conftest import MakeLive
from tests.live.laws import check_live
from tests.live.scenes import hold
from tests.live.world import SLOT_MS, START, LiveWorld


@pytest.mark.parametrize("mode", ["cancel_only", "post_only", "maintenance"])
def test_while_nothing_can_be_sold_the_stop_stays_and_later_the_target_is_taken(make_live: MakeLive, mode: str):
    world = make_live(BTC=Path().break_out().go(1.08, T0, T0 + STEP))
    hold(world)
    world.venue.venue.set_mode(mode)
    for n in (1, 2):
        world.tick(START + n * SLOT_MS)
        assert not {"CancelOrder", "AddOrder"} & set(world.asked)
    assert world.count("dead_letters") == world.naked_ms() == 0
    world.venue.venue.set_mode("online")
    world.tick(START + 3 * SLOT_MS)
    assert [trade["exit_reason"] for trade in world.trades()] == ["take_profit"]
    check_live(world)


@pytest.mark.parametrize("status", ["cancel_only", "post_only", "limit_only", "reduce_only"])
def test_of_one_market_that_is_known_to_be_closed_as_well(make_live: MakeLive, status: str):
    world = make_live(BTC=Path().break_out().go(1.08, T0, T0 + STEP))
    hold(world)
    learn(world, status)
    command = world.command("close_all")
    world.tick(START + SLOT_MS)
    assert not {"CancelOrder", "AddOrder"} & set(world.asked)
    assert world.value("select done_at from commands where command_id = %s", command) is None
    learn(world, "online")
    world.tick(START + 2 * SLOT_MS)
    assert [trade["exit_reason"] for trade in world.trades()] == ["closed_by_person"]


def learn(world: LiveWorld, status: str) -> None:
    """The market changes, and it is a day since the trading rules were read."""
    world.venue.venue.change_pair("BTC/EUR", status=status)
    world.execute("update venue_state set markets_at = markets_at - interval '1 day'")


@pytest.mark.parametrize("change", [{"status": "cancel_only"}, {"order_min": "2"}])
def test_of_one_market_that_has_changed_since_its_rules_were_read_as_well(make_live: MakeLive, change: dict[str, str]):
    world = make_live(BTC=Path().break_out().go(1.08, T0, T0 + STEP))
    hold(world)
    world.venue.venue.change_pair("BTC/EUR", **change)
    for n in (1, 2):
        world.tick(START + n * SLOT_MS)
        assert not {"CancelOrder", "AddOrder"} & set(world.asked)
    assert world.count("dead_letters") == world.naked_ms() == 0
