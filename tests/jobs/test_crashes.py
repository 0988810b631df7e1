"""A run that dies at any point, a database that goes away, a run that sleeps too long."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable

import psycopg
import pytest

from bot.adapters.postgres import PostgresStore
from bot.domain.errors import DatabaseError, LeaseLost
from tests.jobs.books import check_books
from tests.jobs.paths import HOUR, STEP, T0, Path
from tests.jobs.world import CountingStore, MakeWorld, World

SOON = T0 + 30_000


class Killed(Exception):
    """The process is gone: nothing of it happens any more."""


class MortalStore(PostgresStore):
    """Dies after its n-th call, and takes every later call with it.

    Between one call and the next a tick only asks and computes, so dying before the
    next call is the same.
    """

    def __init__(self, url: str, n: int, error: Callable[[str], Exception] = Killed) -> None:
        super().__init__(url)
        self.n, self.error = n, error
        self.calls: list[str] = []

    def _do(self, name: str, work: Callable[[], object]):
        if len(self.calls) >= self.n:
            raise self.error("gone")
        self.calls.append(name)
        done = work()
        if len(self.calls) == self.n:
            raise self.error("gone")
        return done

    def begin(self, holder, lease_s):
        return self._do("begin", lambda: super(MortalStore, self).begin(holder, lease_s))

    def windows(self, wanted):
        return self._do("windows", lambda: super(MortalStore, self).windows(wanted))

    def commit(self, lease, writes):
        return self._do("commit", lambda: super(MortalStore, self).commit(lease, writes))


def let_the_lease_run_out(world: World) -> None:
    world.execute("update leases set expires_at = clock_timestamp() where released_at is null")


# What happens in the tick that dies: (price path, ticks before it, its moment, a command waiting then).
SCENES: dict[str, tuple[Callable[[], Path], list[int], int, str]] = {
    "first tick": (Path, [], SOON, ""),
    "first tick that enters": (lambda: Path().break_out(), [], SOON, ""),
    "entry": (lambda: Path().break_out(), [SOON - HOUR], SOON, ""),
    "partial entry": (lambda: Path().break_out().thin(20.0, T0 - STEP), [SOON - HOUR], SOON, ""),
    "rest of an entry": (lambda: Path().break_out().thin(20.0, T0 - STEP), [SOON - HOUR, SOON], SOON + STEP, ""),
    "stop": (lambda: Path().break_out().dip(T0 + STEP, 0.98), [SOON], SOON + 2 * STEP, ""),
    "trailing": (lambda: Path().break_out().go(1.05, T0, T0 + STEP), [SOON], SOON + STEP, ""),
    "target": (lambda: Path().break_out().go(1.08, T0, T0 + STEP), [SOON], SOON + STEP, ""),
    "close": (lambda: Path().break_out(), [SOON], SOON + STEP, "close_all"),
    "due while held": (lambda: Path().break_out(), [SOON], SOON + HOUR, ""),
}


@pytest.mark.slow
@pytest.mark.parametrize("retry", ["same slot", "next slot", "same holder"])
@pytest.mark.parametrize("scene", SCENES)
def test_a_run_that_dies_at_any_call_leaves_books_that_add_up(make_world: MakeWorld, scene: str, retry: str):
    make_path, before, moment, command = SCENES[scene]
    world = make_world({"BTC": make_path()})
    for n in itertools.count(1):
        for earlier in before:
            world.tick(earlier)
        if command:
            world.command(command)
        store = MortalStore(world.url, n)
        try:
            world.tick(moment, store=store, holder="mortal")
        except Killed:
            pass
        else:
            break  # the tick makes fewer calls than n: every one has been tried
        finally:
            store.close()
        if retry != "same holder":
            let_the_lease_run_out(world)
        world.tick(moment + (STEP if retry == "next slot" else 0), holder="mortal" if retry == "same holder" else "")
        check_books(world)
        world.tick(moment + 2 * STEP)
        world.tick(moment + 3 * STEP)
        check_books(world)
        expect(world, scene)
        world.start_anew()
    assert n >= 3


def expect(world: World, scene: str) -> None:
    """What must have come of it in the end, whenever the run died."""
    entries = world.orders("leg = 'entry'")
    bought = [order for order in entries if order["filled"] > 0]
    assert len(bought) <= 1, "bought twice on one candle"
    if scene in ("stop", "target", "close"):
        (trade,) = world.trades()
        reason = {"stop": "stop_loss", "target": "take_profit", "close": "closed_by_person"}[scene]
        assert (trade["status"], trade["exit_reason"]) == ("closed", reason)
        assert len([o for o in world.orders("leg = 'exit'") if o["filled"] > 0]) <= 1
        assert world.count("commands", "done_at is null") == 0
    if scene in ("trailing", "due while held", "rest of an entry"):
        (trade,) = world.trades()
        assert trade["status"] == "open"


@pytest.mark.parametrize("times", [2, 3, 4])
def test_an_exit_that_dies_again_and_again_in_one_slot_is_still_one_exit(make_world: MakeWorld, times: int):
    world = make_world({"BTC": Path().break_out().go(1.08, T0, T0 + STEP)})
    world.tick(SOON)
    for _ in range(times):
        store = MortalStore(world.url, 3)  # begin, windows, the commit before the requests
        with pytest.raises(Killed):
            world.tick(SOON + STEP, store=store, holder="mortal")
        assert store.calls[-1] == "commit"
        store.close()
    world.tick(SOON + STEP, holder="mortal")
    (trade,) = world.trades()
    assert trade["status"] == "closed"
    statuses = [order["status"] for order in world.orders("leg = 'exit'")]
    assert sorted(statuses) == ["filled"] + ["not_placed"] * times


class CutStore(CountingStore):
    """Loses its connection before every call."""

    def run(self, work):
        if self._connection is not None and not self._connection.closed:
            with psycopg.connect(self._conninfo, autocommit=True) as other:
                pid = self._connection.info.backend_pid
                other.execute("select pg_terminate_backend(%s)", (pid,))
        return super().run(work)


@pytest.mark.parametrize("scene", ["entry", "target", "stop"])
def test_a_connection_that_is_cut_between_all_steps_is_opened_again(make_world: MakeWorld, scene: str):
    make_path, before, moment, _ = SCENES[scene]
    world = make_world({"BTC": make_path()})
    for earlier in before:
        world.tick(earlier)
    store = CutStore(world.url)
    document = world.tick(moment, store=store)
    store.close()
    assert "skipped" not in document
    assert world.count("ticks", "status = 'done'") == len(before) + 1
    expect(world, scene)


@pytest.mark.parametrize("n", [0, 1, 2, 3])
def test_a_database_that_goes_down_in_mid_tick_is_an_error_and_the_next_tick_goes_on(make_world: MakeWorld, n: int):
    world = make_world({"BTC": Path().break_out()})
    world.tick(SOON - HOUR)
    store = MortalStore(world.url, n, error=DatabaseError)
    with pytest.raises(DatabaseError) as down:
        world.tick(SOON, store=store, holder="same")
    assert down.value.exit_code == 4
    store.close()
    document = world.tick(SOON, holder="same")
    assert "skipped" not in document
    check_books(world)


def test_a_database_that_is_not_there_is_an_error_before_the_venue_hears_of_it(world: World):
    store = PostgresStore("postgresql://nobody@127.0.0.1:9/nothing")
    with pytest.raises(DatabaseError, match="cannot"):
        world.tick(SOON, store=store)
    assert world.asked == {}


class SleepyStore(PostgresStore):
    """Sleeps before its n-th commit until another run has done the whole tick."""

    def __init__(self, url: str, n: int, meanwhile: Callable[[], object]) -> None:
        super().__init__(url)
        self.left, self.meanwhile = n, meanwhile

    def commit(self, lease, writes):
        self.left -= 1
        if self.left == 0:
            self.meanwhile()
        super().commit(lease, writes)


@pytest.mark.parametrize("n", [1, 2])
@pytest.mark.parametrize("scene", ["entry", "partial entry", "target", "trailing", "close", "first tick that enters"])
def test_a_run_that_slept_through_its_lease_writes_nothing(make_world: MakeWorld, scene: str, n: int):
    make_path, before, moment, command = SCENES[scene]
    world = make_world({"BTC": make_path()})
    for earlier in before:
        world.tick(earlier)
    if command:
        world.command(command)
    rows = {}

    def meanwhile() -> None:
        let_the_lease_run_out(world)
        assert "skipped" not in asyncio.run(world.run())
        rows.update(world.rows_of_everything())

    store = SleepyStore(world.url, n, meanwhile)
    with pytest.raises(LeaseLost):
        world.tick(moment, store=store)
    store.close()
    assert world.rows_of_everything() == rows
    check_books(world)
    assert world.value("select status from ticks order by slot_at desc limit 1") == "done"
    world.tick(moment + STEP)
    expect(world, scene)


def test_a_zombie_that_wakes_while_another_run_works_changes_nothing(make_world: MakeWorld):
    """The other run holds the lease but has not finished: the zombie still gets nothing in."""
    world = make_world({"BTC": Path().break_out()})
    world.tick(SOON - HOUR)

    def meanwhile() -> None:
        let_the_lease_run_out(world)
        world.execute("select take_lease('tick', 'other', interval '1 minute')")

    store = SleepyStore(world.url, 1, meanwhile)
    with pytest.raises(LeaseLost):
        world.tick(SOON, store=store)
    store.close()
    assert world.count("orders") == 0
    assert world.value("select holder from leases") == "other"
    let_the_lease_run_out(world)
    world.tick(SOON)
    assert world.count("orders") == 2
