"""A database that hangs holds nobody for ever: the server ends long statements, a silent server is left."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg
import pytest

from bot.adapters.config_store import ConfigStore
from bot.adapters.live_store import LiveStore
from bot.adapters.postgres import PostgresStore
from bot.adapters.postgres_reports import PostgresReports
from bot.domain.errors import DatabaseError
from bot.domain.ports import CandleRequest
from bot.domain.records import Lease, Writes
from tests.live.wire import AFTER, BEFORE, DatabaseWire, Gate, Plan
from tests.state import samples
from tests.state.proxy import TransactionPooler

Rows = Callable[..., list[Any]]
SHORT_S = 0.3
MUCH_S = 15.0
CANDLES = CandleRequest(samples.SYMBOL, "1h", 0)


@pytest.fixture
def locked(database_url: str, reports: PostgresReports) -> Iterator[Callable[[str], None]]:
    """Holds a table against everybody else until the test ends."""
    with psycopg.connect(database_url) as connection:
        yield lambda table: connection.execute(f"lock table {table} in access exclusive mode").close()


def too_long(work: Callable[[], Any]) -> DatabaseError:
    began = time.monotonic()
    with pytest.raises(DatabaseError, match="took too long") as refused:
        work()
    assert SHORT_S * 0.9 < time.monotonic() - began < MUCH_S
    return refused.value


def test_a_statement_that_waits_too_long_is_ended_and_says_so(
    database_url: str, store: PostgresStore, lease: Lease, locked: Callable[[str], None], rows: Rows
) -> None:
    hurried = PostgresStore(database_url, statement_timeout_s=SHORT_S)
    locked("fills")
    refused = too_long(lambda: hurried.begin("another", 60))
    assert refused.exit_code == 4
    assert "pg_stat_activity" in refused.fix
    assert refused.where
    writes = Writes(tick=samples.tick(), candles=(samples.candles(),), bots=(samples.whole_tick(),))
    too_long(lambda: hurried.commit(lease, writes))
    # The same connection goes on, and of what was ended nothing is left.
    hurried.commit(lease, Writes(risk_events=(samples.risk_event(),)))
    hurried.close()
    assert rows("select count(*) from ticks") == rows("select count(*) from candles") == [(0,)]
    assert rows("select count(*) from risk_events") == [(1,)]


def test_people_are_not_kept_waiting_either(
    database_url: str, reports: PostgresReports, locked: Callable[[str], None], rows: Rows
) -> None:
    hurried = PostgresReports(database_url, statement_timeout_s=SHORT_S)
    config = ConfigStore(database_url, statement_timeout_s=SHORT_S)
    decisions = LiveStore(database_url, statement_timeout_s=SHORT_S)
    locked("live_decisions")
    too_long(hurried.bots)
    too_long(lambda: decisions.kill("odd", "ann"))
    too_long(lambda: decisions.start("real", "EUR", Decimal(1), {}, [], "a test", "ann"))
    locked("bot_settings")
    too_long(lambda: config.set("main", {"language": "fr"}, "ann"))
    assert decisions.killed() == ""
    assert rows("select count(*) from bots") == [(1,)]
    for client in (hurried, config, decisions):
        client.close()


@pytest.mark.parametrize("when", [BEFORE, AFTER])
@pytest.mark.parametrize(("step", "n"), [("begin", 1), ("windows", 1), ("commit", 1), ("kill", 1), ("kill", 4)])
def test_a_server_that_never_answers_is_left_and_asked_no_second_time(
    database_url: str, reports: PostgresReports, step: str, n: int, when: str
) -> None:
    gate = Gate()
    wire = DatabaseWire(database_url, gate)
    store = PostgresStore(wire.url, statement_timeout_s=SHORT_S)
    decisions = LiveStore(wire.url, statement_timeout_s=SHORT_S)
    lease = store.begin("a run", 60).lease
    assert lease is not None
    work: dict[str, Callable[[], Any]] = {
        "begin": lambda: store.begin("a run", 60),
        "windows": lambda: store.windows([CANDLES]),
        "commit": lambda: store.commit(lease, Writes(risk_events=(samples.risk_event(),))),
        "kill": lambda: decisions.kill("odd", "ann"),
    }
    silence = threading.Event()
    try:
        gate.begin(Plan(n, when, silence.wait))
        began = time.monotonic()
        with pytest.raises(DatabaseError, match=r"did not answer within 0\.45 s") as refused:
            work[step]()
        assert SHORT_S * 1.4 < time.monotonic() - began < MUCH_S
        assert refused.value.where.startswith("127.0.0.1:")
        assert len(gate.labels) == n
        gate.begin()
        work[step]()
    finally:
        silence.set()
        store.close()
        decisions.close()
        wire.close()


def test_the_limit_reaches_through_a_pooler_and_leaves_nothing_behind_there(
    database_url: str, store: PostgresStore, lease: Lease, locked: Callable[[str], None]
) -> None:
    behind = psycopg.conninfo.conninfo_to_dict(database_url)
    pooler = TransactionPooler(Path(str(behind["host"])) / ".s.PGSQL.5432")
    url = f"postgresql://postgres@127.0.0.1:{pooler.port}/{behind['dbname']}?gssencmode=disable"
    hurried = PostgresStore(url, statement_timeout_s=SHORT_S)
    locked("fills")
    for _ in range(3):
        too_long(lambda: hurried.begin("another", 60))
    left = [hurried.run(lambda connection: connection.execute("show statement_timeout").fetchone()) for _ in range(4)]
    assert left == [("0",)] * 4
    hurried.close()
    pooler.close()


def test_a_read_only_database_shows_a_tick_its_live_bot_and_the_kill_switch_and_takes_no_decision(
    database_url: str, reports: PostgresReports, rows: Rows
) -> None:
    decisions = LiveStore(database_url)
    bot_id = decisions.start("real", "EUR", Decimal(100), {"EUR": Decimal(5)}, [], "a test", "ann")
    decisions.kill("odd", "ann")
    decisions.close()
    rows(f"alter database {rows('select current_database()')[0][0]} set default_transaction_read_only = on")
    full = PostgresStore(database_url)
    snapshot = full.begin("a run", 60)
    assert (snapshot.lease, snapshot.db_writable, snapshot.killed) == (None, False, "odd")
    assert snapshot.bots[1].baseline == {"EUR": Decimal(5)}
    decisions = LiveStore(database_url)
    assert decisions.killed() == "odd"
    assert decisions.live_bot() is not None
    for decide in (
        lambda: decisions.kill("odder", "ann"),
        lambda: decisions.stop(bot_id, "odd", "ann"),
        lambda: decisions.lift_kill("ann"),
    ):
        with pytest.raises(DatabaseError, match="read-only"):
            decide()
    full.close()
    decisions.close()
