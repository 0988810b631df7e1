"""kill -9 of a live tick before and after every message that it sends, to the venue or to the database.

The messages are counted on the wire, so the list is never out of date. A killed
run leaves what had arrived; two clean ticks later all is as it should be.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator

import pytest

from tests.live.children import Child, Nursery
from tests.live.conftest import MakeLive
from tests.live.laws import check_live
from tests.live.scenes import SCENES, Scene
from tests.live.wire import AFTER, BEFORE, Plan
from tests.live.world import SLOT_MS, LiveWorld

ORDERS = ("AddOrder", "AmendOrder", "CancelOrder")


@pytest.fixture(scope="module")
def nursery(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nursery]:
    made = Nursery(tmp_path_factory.mktemp("children"))
    yield made
    made.close()


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", SCENES)
def test_a_tick_killed_at_any_message_is_made_up_for(make_live: MakeLive, nursery: Nursery, name: str, record_property):
    scene = SCENES[name]
    world = make_live(scene.overrides, check=False, **scene.paths())
    scene.prepare(world)
    world.save()
    labels = run_whole(world, nursery, scene)
    points, known = 0, set[str]()
    for n in range(1, 10 * len(labels)):
        reached = [kill_at(world, nursery, scene, n, when, known) for when in (BEFORE, AFTER)]
        points += sum(reached)
        if not any(reached):
            break
    assert points >= 2 * len(labels) - 2, "the tick is shorter when it is watched"
    record_property("tally", ("crash points", points))
    record_property("tally", ("different states that crashes left behind", len(known)))


def run_whole(world: LiveWorld, nursery: Nursery, scene: Scene) -> list[str]:
    """The tick when nothing happens to it; the messages that it sends."""
    world.restore()
    world.at(scene.moment)
    world.gate.begin()
    child = nursery.start(world.job(through_wire=True), world.clock.path)
    status, report = child.wait(), child.report()
    labels = list(world.gate.labels)
    assert status == 0, report.get("trace")
    sent = tuple(label for label in labels if label.startswith(ORDERS))
    assert sent[: len(scene.orders)] == scene.orders, labels
    make_up(world, scene)
    return labels


def kill_at(world: LiveWorld, nursery: Nursery, scene: Scene, n: int, when: str, known: set[str]) -> bool:
    """Kill it there and look at what is left two ticks later; False when it is over before it gets there.

    known: states that earlier crashes left behind. Two that left the same have the same future.
    """
    world.restore()
    world.at(scene.moment)
    born = threading.Event()
    children: list[Child] = []

    def kill() -> bool:
        assert born.wait(10)
        children[0].kill()
        world.gate.dead = True
        return False

    world.gate.begin(Plan(n, when, kill))
    children.append(nursery.start(world.job(through_wire=True), world.clock.path))
    born.set()
    status = children[0].wait()
    where = f"killed {when} message {n} of {world.gate.labels}"
    report = children[0].report()
    if status == 0:
        return False
    assert status == -signal.SIGKILL, f"{where}: {report.get('trace')}"
    left = world.fingerprint()
    if left in known:
        return True
    known.add(left)
    try:
        make_up(world, scene)
    except AssertionError as error:
        raise AssertionError(f"{where}: {error}") from error
    return True


def make_up(world: LiveWorld, scene: Scene) -> None:
    """Two clean ticks, then the laws."""
    world.gate.begin()
    world.end_lease()
    began_ms = world.now_ms
    for n in (1, 2):
        world.tick(scene.moment + n * SLOT_MS)
    check_live(world)
    scene.outcome(world)
    late = [s for s in world.naked() if s.from_ms >= began_ms and s.ms > SLOT_MS]
    assert not late, f"without a stop for more than a slot: {late}"
