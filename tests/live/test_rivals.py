"""Two processes with the same keys on one slot, and one that sleeps until another has taken over."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.jobs.paths import STEP, T0, Path
from tests.live.children import Child, Nursery
from tests.live.conftest import MakeLive
from tests.live.laws import check_live
from tests.live.scenes import SCENES, Scene
from tests.live.wire import AFTER, BEFORE, Plan
from tests.live.world import SLOT_MS, START, LiveWorld

ORDERS = ("AddOrder", "AmendOrder", "CancelOrder")
SLEEPERS = ("entry", "stop moved", "target", "stop put back")
LEASE_S = 1.0


@pytest.fixture(scope="module")
def nursery(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nursery]:
    made = Nursery(tmp_path_factory.mktemp("children"))
    yield made
    made.close()


@pytest.mark.slow
def test_of_two_runs_on_one_slot_one_trades_and_one_leaves(make_live: MakeLive, nursery: Nursery):
    world = make_live(
        BTC=Path().break_out().go(1.08, T0 + STEP, T0 + 2 * STEP), ETH=Path(50).break_out().go(1.05, T0, T0 + STEP)
    )
    world.tick(START - 12 * SLOT_MS)
    second_worked = 0
    for n in range(8):
        world.at(START + n * SLOT_MS)
        both = [nursery.start(world.job(), world.clock.path) for _ in range(2)]
        codes, reports = [child.wait() for child in both], [child.report() for child in both]
        assert codes == [0, 0], reports
        left = [report for report in reports if "skipped" in report]
        assert len(left) == 1
        assert left[0]["skipped"] in ("held", "done")
        second_worked += "skipped" in reports[0]
        check_live(world)
    assert world.count("trades") == 2
    assert world.naked_ms() <= SLOT_MS


class Sleeper:
    """A run in a process that is stopped at one of its messages, and later goes on as if nothing had been."""

    def __init__(self, world: LiveWorld, nursery: Nursery, n: int, when: str) -> None:
        self.asleep, self._wake, self._born = threading.Event(), threading.Event(), threading.Event()
        world.gate.begin(Plan(n, when, self._hold))
        self.child: Child = nursery.start(world.job("sleeper", through_wire=True, lease_s=LEASE_S), world.clock.path)
        self._born.set()

    def _hold(self) -> bool:
        assert self._born.wait(10)
        self.child.stop()
        self._slept_s = time.monotonic()
        self.asleep.set()
        assert self._wake.wait(60)
        self.child.resume()
        return True

    def falls_asleep(self) -> bool:
        """False when it is over before it gets to its message."""
        give_up = time.monotonic() + 20
        while not self.asleep.wait(0.005):
            if self.child.over():
                return False
            assert time.monotonic() < give_up
        return True

    def wakes(self) -> tuple[int, dict[str, object]]:
        time.sleep(max(self._slept_s + LEASE_S - time.monotonic(), 0))
        self._wake.set()
        return self.child.wait(), self.child.report()


def order_messages(world: LiveWorld, nursery: Nursery, scene: Scene) -> list[str]:
    world.restore()
    world.at(scene.moment)
    child = nursery.start(world.job(through_wire=True), world.clock.path)
    assert child.wait() == 0
    child.report()
    return list(world.gate.labels)


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("name", SLEEPERS)
def test_a_run_that_sleeps_until_another_has_taken_over_does_nothing_any_more(
    make_live: MakeLive, nursery: Nursery, name: str
):
    """Stopped with a message of its own still on the way, and stopped right before it would send one."""
    scene = SCENES[name]
    world = make_live(scene.overrides, check=False, **scene.paths())
    scene.prepare(world)
    world.save()
    labels = order_messages(world, nursery, scene)
    changing = [n for n, label in enumerate(labels, 1) if label.startswith(ORDERS) or "hold_lease" in label]
    slept = 0
    for n in changing:
        # BEFORE n: the message has left and hangs in the network.  AFTER n - 1: it has not been sent.
        for at, when in ((n, BEFORE), (n - 1, AFTER)):
            slept += sleep_through(world, nursery, scene, at, when)
    assert slept >= len(changing)


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_stop_is_not_taken_from_a_position_that_is_to_stay(make_live: MakeLive, nursery: Nursery):
    """A run sleeps right before it cancels the stop of what it was to close; meanwhile the wish is taken back."""
    scene = SCENES["close all"]
    world = make_live(scene.overrides, check=False, **scene.paths())
    scene.prepare(world)
    world.save()
    first = next(n for n, label in enumerate(order_messages(world, nursery, scene), 1) if label == "CancelOrder")

    def take_back() -> None:
        world.execute("update commands set done_at = now(), result = 'taken back' where done_at is null")

    for at, when in ((first, BEFORE), (first - 1, AFTER)):
        assert sleep_through(world, nursery, scene, at, when, take_back)
        assert world.count("trades", "status = 'open'") == 2
        assert world.naked_ms() == 0


def sleep_through(
    world: LiveWorld, nursery: Nursery, scene: Scene, n: int, when: str, meanwhile: Callable[[], None] = lambda: None
) -> bool:
    world.restore()
    world.at(scene.moment)
    sleeper = Sleeper(world, nursery, n, when)
    if not sleeper.falls_asleep():
        return False
    where = f"asleep {when} message {n}, {world.gate.labels}"
    world.end_lease()
    world.gate.plans = []
    meanwhile()
    world.tick(scene.moment + SLOT_MS)
    rows, orders = books(world), believed_orders(world)
    code, report = sleeper.wakes()
    assert code == 1, f"{where}: {report}"
    assert report["raised"] in ("LeaseLost", "DatabaseError"), f"{where}: {report}"
    assert books(world) == rows, f"{where}: a row was written after the lease was lost"
    assert believed_orders(world) == orders, f"{where}: the venue took an order of a run that had lost its lease"
    world.gate.begin()
    world.tick(scene.moment + 2 * SLOT_MS)
    check_live(world)
    return True


def books(world: LiveWorld) -> dict[str, Any]:
    counts = world.rows_of_everything()
    fills = world.all("select client_id, status, filled, quantity, stop_price from orders order by 1")
    return {**counts, "orders as they are": [tuple(row.values()) for row in fills]}


def believed_orders(world: LiveWorld) -> list[tuple[str, str, str, str]]:
    found = world.believed()["orders"]
    return [(txid, order["status"], order["vol"], order["stopprice"]) for txid, order in found.items()]
