"""The lease: one run works, a run that was taken for dead can write nothing."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest

from bot.adapters.postgres import PostgresStore
from bot.domain.errors import LeaseLost
from bot.domain.records import Lease, Snapshot, Writes
from tests.state import samples

Rows = Callable[..., list[Any]]


def test_of_many_that_begin_at_once_one_gets_the_lease_and_the_others_learn_its_name(
    database_url: str, reports: object
) -> None:
    names = [f"run {n}" for n in range(6)]
    stores = [PostgresStore(database_url) for _ in names]

    def begin(pair: tuple[PostgresStore, str]) -> Snapshot:
        return pair[0].begin(pair[1], 60)

    for _ in range(5):
        with ThreadPoolExecutor(len(names)) as pool:
            snapshots = list(pool.map(begin, zip(stores, names, strict=True)))
        (winner,) = [snapshot.lease for snapshot in snapshots if snapshot.lease is not None]
        assert {snapshot.holder for snapshot in snapshots} == {winner.holder}
        stores[names.index(winner.holder)].commit(winner, Writes(release=True))
    for store in stores:
        store.close()


def test_the_fencing_number_grows_with_every_holder_and_stays_while_one_renews(store: PostgresStore) -> None:
    first = store.begin("a", 60).lease
    again = store.begin("a", 60).lease
    assert first is not None
    assert again is not None
    assert (first.token, again.token) == (1, 1)
    assert again.expires_ms >= first.expires_ms
    assert store.begin("b", 60).lease is None
    store.commit(again, Writes(release=True))
    second = store.begin("b", 60).lease
    assert second is not None
    assert second.token == 2


def test_a_released_lease_is_a_new_one_even_for_its_last_holder(store: PostgresStore, lease: Lease) -> None:
    store.commit(lease, Writes(release=True))
    renewed = store.begin(lease.holder, 60).lease
    assert renewed is not None
    assert renewed.token == lease.token + 1


def test_a_killed_runs_lease_runs_out(store: PostgresStore) -> None:
    assert store.begin("killed", 0.05).lease is not None
    assert store.begin("next", 60).lease is None
    time.sleep(0.06)
    taken = store.begin("next", 60).lease
    assert taken is not None
    assert taken.token == 2


def test_a_run_that_was_taken_for_dead_writes_nothing(store: PostgresStore, rows: Rows) -> None:
    zombie = store.begin("zombie", 0.05).lease
    assert zombie is not None
    time.sleep(0.06)
    heir = store.begin("heir", 60).lease
    assert heir is not None
    with pytest.raises(LeaseLost, match="heir holds number 2"):
        store.commit(zombie, Writes(tick=samples.tick(), bots=(samples.whole_tick(),), candles=(samples.candles(),)))
    for table in ("ticks", "orders", "fills", "trades", "candles", "signals"):
        assert rows(f"select count(*) from {table}") == [(0,)], table
    store.commit(heir, Writes(tick=samples.tick()))


def test_a_lease_that_ran_out_is_not_good_even_if_nobody_took_it(store: PostgresStore) -> None:
    late = store.begin("late", 0.05).lease
    assert late is not None
    time.sleep(0.06)
    with pytest.raises(LeaseLost, match="ran out"):
        store.commit(late, Writes(tick=samples.tick()))


def test_every_write_renews_the_lease(store: PostgresStore) -> None:
    held = store.begin("worker", 0.4).lease
    assert held is not None
    for _ in range(3):
        time.sleep(0.2)
        store.commit(held, Writes(tick=samples.tick()))
    assert store.begin("other", 60).lease is None


def test_the_last_write_may_be_repeated_because_its_answer_may_be_lost(store: PostgresStore, lease: Lease) -> None:
    last = Writes(tick=samples.tick("done"), bots=(samples.whole_tick(),), release=True)
    store.commit(lease, last)
    store.commit(lease, last)
    with pytest.raises(LeaseLost, match="given back"):
        store.commit(lease, replace(last, release=False))
    assert store.begin("next", 60).lease is not None
    with pytest.raises(LeaseLost):
        store.commit(lease, last)


def test_a_forged_fencing_number_is_refused(store: PostgresStore, lease: Lease) -> None:
    with pytest.raises(LeaseLost):
        store.commit(replace(lease, token=lease.token + 1), Writes(tick=samples.tick()))


def test_the_snapshot_shows_what_the_last_holder_wrote_while_this_one_waited(
    database_url: str, store: PostgresStore, lease: Lease, rows: Rows
) -> None:
    other = PostgresStore(database_url)
    rows("begin")
    rows("select from leases for update")  # the first run's last commit, still under way
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(other.begin, "second run", 60)
        time.sleep(0.1)
        rows(
            "insert into ticks (slot_at, now_at, mode, status, fence)"
            " values (from_ms(%s), from_ms(%s), 'paper', 'done', 1)",
            samples.SLOT_MS,
            samples.NOW_MS,
        )
        rows("update leases set expires_at = clock_timestamp(), released_at = clock_timestamp()")
        rows("commit")
        snapshot = waiting.result(timeout=10)
    assert snapshot.lease is not None
    assert snapshot.last_slot_ms == samples.SLOT_MS
    other.close()
