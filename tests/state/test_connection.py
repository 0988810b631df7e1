"""Databases that are down, refuse the password, are read-only, or sit behind a pooler."""

from __future__ import annotations

import socket
import struct
import threading
import traceback
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg
import pytest

from bot.adapters import migrations
from bot.adapters.config_store import ConfigStore
from bot.adapters.migrations import migrate
from bot.adapters.postgres import PostgresStore
from bot.adapters.postgres_connection import create_database, drop_database
from bot.adapters.postgres_reports import PostgresReports
from bot.domain.errors import DatabaseError
from bot.domain.ports import CandleRequest
from bot.domain.records import Lease, Writes
from tests.state import samples
from tests.state.proxy import TransactionPooler

Rows = Callable[..., list[Any]]
PASSWORD = "hunter2-canary"


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def test_a_database_that_is_down_is_named_without_its_password() -> None:
    port = free_port()
    store = PostgresStore(f"postgresql://me:{PASSWORD}@127.0.0.1:{port}/books")
    with pytest.raises(DatabaseError, match="cannot connect") as refused:
        store.begin("a", 60)
    assert refused.value.where == f"127.0.0.1:{port}/books"
    assert "DATABASE_URL" in refused.value.fix
    assert PASSWORD not in "".join(traceback.format_exception(refused.value))
    assert refused.value.exit_code == 4


def test_a_url_that_is_none_is_explained() -> None:
    for url in (f"mysql://me:{PASSWORD}@host/db", f"postgresql://me:{PASSWORD}@[host/db", "books"):
        with pytest.raises(DatabaseError, match="cannot be read") as refused:
            PostgresStore(url).begin("a", 60)
        assert PASSWORD not in "".join(traceback.format_exception(refused.value))


def test_a_wrong_password_is_said_at_once_and_not_tried_again() -> None:
    answers = []

    def serve(listener: socket.socket) -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            answers.append(1)
            client.recv(8)
            client.sendall(b"N")  # no TLS
            client.recv(4096)
            text = b'SFATAL\0VFATAL\0C28P01\0Mpassword authentication failed for user "me"\0\0'
            client.sendall(b"E" + struct.pack("!i", len(text) + 4) + text)
            client.close()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=serve, args=(listener,), daemon=True).start()
        url = f"postgresql://me:{PASSWORD}@127.0.0.1:{listener.getsockname()[1]}/books?gssencmode=disable"
        with pytest.raises(DatabaseError, match="password authentication failed") as refused:
            PostgresStore(url).begin("a", 60)
    assert len(answers) == 1
    assert "password" in refused.value.fix
    assert PASSWORD not in str(refused.value)


def test_a_database_that_does_not_exist_is_named(database_server: str) -> None:
    missing = psycopg.conninfo.make_conninfo(database_server, dbname="no_such_database")
    with pytest.raises(DatabaseError, match="no_such_database"):
        PostgresStore(missing).begin("a", 60)


def test_a_database_without_tables_says_to_migrate(empty_database_url: str) -> None:
    with pytest.raises(DatabaseError, match="schema is older") as refused:
        PostgresStore(empty_database_url).begin("a", 60)
    assert "bot migrate" in refused.value.fix


def test_a_read_only_database_is_read_and_says_that_it_takes_no_orders(
    database_url: str, store: PostgresStore, lease: Lease, rows: Rows
) -> None:
    store.commit(lease, Writes(tick=samples.tick("done"), candles=(samples.candles(),)))
    name = rows("select current_database()")[0][0]
    rows(f"alter database {name} set default_transaction_read_only = on")
    full = PostgresStore(database_url)
    snapshot = full.begin("next", 60)
    assert (snapshot.lease, snapshot.db_writable) == (None, False)
    assert snapshot.last_slot_ms == samples.SLOT_MS
    assert len(full.windows([CandleRequest(samples.SYMBOL, "1h", 0)])[samples.SYMBOL, "1h"]) == 50
    with pytest.raises(DatabaseError, match="read-only"):
        full.commit(lease, Writes(tick=samples.tick()))
    full.close()


def test_databases_can_be_made_and_dropped_beside_another(database_server: str) -> None:
    url = create_database(database_server, "rehearsal-1", durable=False)
    assert create_database(database_server, "rehearsal-1", durable=False) == url
    migrate(url)
    with psycopg.connect(url) as connection:
        assert connection.execute("show synchronous_commit").fetchone() == ("off",)
    drop_database(database_server, "rehearsal-1")
    with pytest.raises(DatabaseError):
        migrate(url)


@pytest.fixture
def pooled(database_url: str) -> Iterator[tuple[str, TransactionPooler]]:
    behind = psycopg.conninfo.conninfo_to_dict(database_url)
    pooler = TransactionPooler(Path(str(behind["host"])) / ".s.PGSQL.5432")
    yield f"postgresql://postgres@127.0.0.1:{pooler.port}/{behind['dbname']}?gssencmode=disable", pooler
    pooler.close()


def test_everything_works_through_a_transaction_pooler(pooled: tuple[str, TransactionPooler]) -> None:
    url, pooler = pooled
    reports, store, config = PostgresReports(url), PostgresStore(url), ConfigStore(url)
    reports.ensure_bot("main", "paper", "EUR", Decimal(1000))
    for n in range(8):  # more than the five runs after which psycopg would prepare a statement
        lease = store.begin(f"run {n}", 60).lease
        assert lease is not None
        slot_ms = samples.SLOT_MS + n * 300_000
        store.commit(lease, Writes(tick=samples.tick(slot_ms=slot_ms), candles=(samples.candles(count=9),)))
        assert len(store.windows([CandleRequest(samples.SYMBOL, "1h", 0)])[samples.SYMBOL, "1h"]) == 9
        store.commit(lease, Writes(tick=samples.tick("done", slot_ms), bots=(samples.whole_tick(),), release=True))
        assert config.set("main", {"risk.cooldown_s": n}, "tester") == n + 1
    assert reports.slots()["delivered"] == 8
    assert reports.why(samples.ENTRY_ID)["kind"] == "trade"
    assert pooler.transactions > 40
    for client in (reports, store, config):
        client.close()


def test_a_tick_makes_one_round_trip_for_each_step(pooled: tuple[str, TransactionPooler]) -> None:
    url, pooler = pooled
    reports = PostgresReports(url)
    reports.ensure_bot("main", "paper", "EUR", Decimal(1000))
    store = PostgresStore(url)
    before = pooler.transactions
    lease = store.begin("run", 60).lease
    assert lease is not None
    store.windows([CandleRequest(samples.SYMBOL, "1h", 0)])
    store.commit(lease, Writes(tick=samples.tick(), candles=(samples.candles(),)))
    store.commit(lease, Writes(tick=samples.tick("done"), bots=(samples.whole_tick(),), release=True))
    assert pooler.transactions - before == 4
    store.close()
    reports.close()


def test_migrations_run_through_a_transaction_pooler(empty_database_url: str) -> None:
    behind = psycopg.conninfo.conninfo_to_dict(empty_database_url)
    pooler = TransactionPooler(Path(str(behind["host"])) / ".s.PGSQL.5432", backends=3)
    url = f"postgresql://postgres@127.0.0.1:{pooler.port}/{behind['dbname']}?gssencmode=disable"
    assert len(migrate(url).applied) == len(migrations.read_folder())
    assert migrate(url).applied == ()
    pooler.close()
