"""Whatever goes wrong between a bot and its venue: no order twice, no fill lost, no position left without a stop."""

from __future__ import annotations

import os
import sys
from collections import Counter
from collections.abc import Callable

import pytest

from tests.jobs.paths import recording
from tests.jobs.world import Document
from tests.live.paths import lively
from tests.live.scenes import PARTS
from tests.live.schedules import Outcome, begin, run_script, shrink, write_script
from tests.live.world import LiveWorld

BATCH = 10
QUICK = 20
SOAK = 1000
OVERRIDES: tuple[Document, ...] = ({}, PARTS, {"risk": {"take_profit_ladder": ["0.5@0.01", "0.3@0.02", "0.2@0.04"]}})
CHOSEN = [int(seed) for seed in os.environ.get("SCHEDULES", "").split(",") if seed]


@pytest.fixture
def lively_world(new_database: Callable[[], str]):
    made: list[LiveWorld] = []

    def make(batch: int) -> LiveWorld:
        world = LiveWorld(new_database(), recording(**lively(batch)), OVERRIDES[batch % len(OVERRIDES)])
        made.append(world)
        world.go_live()
        begin(world)
        return world

    yield make
    for world in made:
        world.execute("drop schema if exists saved cascade")
        world.close()


def run_batch(world: LiveWorld, batch: int, record_property) -> None:
    outcomes, broken = [], []
    for seed in range(batch * BATCH, (batch + 1) * BATCH):
        try:
            outcomes.append(run_script(world, write_script(seed)))
        except AssertionError as error:
            broken.append(f"SCHEDULES={seed}: {error}")
    for name, value in figures(outcomes).items():
        record_property("tally", (name, value))
    assert not broken, f"{len(broken)} of {BATCH} schedules broke a law\n\n" + "\n\n".join(broken)


def figures(outcomes: list[Outcome]) -> dict[str, int]:
    """What a person wants to know of many schedules; of those that begin with "worst", the worst is told."""
    stretches = [(o, s) for o in outcomes for s in o.stretches]
    found: Counter[str] = Counter(
        {
            "schedules": len(outcomes),
            "ticks": sum(len(o.ran) for o in outcomes),
            "ticks in which something went wrong": sum(not ran.able for o in outcomes for ran in o.ran),
            "accidents": sum(sum(o.happened.values()) for o in outcomes),
            "kills": sum(o.happened["kill"] for o in outcomes),
            "orders at the venue": sum(o.orders for o in outcomes),
            "fills": sum(o.fills for o in outcomes),
            "schedules that needed more than two clean ticks": sum(o.clean > 2 for o in outcomes),
            "stretches without a whole stop": len(stretches),
        }
    )
    found.update(f"of these longer than a slot: {why}" for o in outcomes for why in o.longer_than_a_slot())
    found["worst time without a whole stop, s"] = max((s.ms for _, s in stretches), default=0) // 1000
    return dict(found)


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("batch", range(QUICK))
def test_random_accidents_leave_nothing_wrong(lively_world, batch: int, record_property):
    run_batch(lively_world(batch), batch, record_property)


@pytest.mark.soak
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("batch", range(SOAK))
def test_ten_thousand_random_schedules(lively_world, batch: int, record_property):
    run_batch(lively_world(batch), batch, record_property)


@pytest.mark.skipif(not CHOSEN, reason="SCHEDULES names no seed")
@pytest.mark.parametrize("seed", CHOSEN)
def test_chosen_schedules(lively_world, seed: int):
    world = lively_world(seed // BATCH)
    script = write_script(seed)
    if os.environ.get("SHRINK"):
        script = shrink(world, script)
    outcome = run_script(world, script)
    print(script, *outcome.told, *outcome.stretches, sep="\n", file=sys.stderr)


def test_the_same_seed_writes_the_same_script():
    assert write_script(7) == write_script(7)
    assert write_script(7) != write_script(8)
