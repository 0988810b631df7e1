"""Who may do what: every table and view, as every role. New tables are found by themselves."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import psycopg
import pytest

from bot.adapters.postgres import PostgresStore
from bot.domain.records import Lease, Writes
from tests.state import samples

Rows = Callable[..., list[Any]]
TABLES = "select c.relname from pg_class c where c.relnamespace = 'public'::regnamespace and c.relkind = %s order by 1"
WRITES = ("INSERT", "UPDATE", "DELETE", "TRUNCATE")


@pytest.fixture
def tables(rows: Rows) -> list[str]:
    found = [name for (name,) in rows(TABLES, "r")]
    assert len(found) > 20
    return found


def test_every_table_has_row_level_security(rows: Rows, tables: list[str]) -> None:
    secured = {name for (name,) in rows("select relname from pg_class where relrowsecurity")}
    assert set(tables) <= secured


def test_privileges_are_nothing_for_anon_reading_for_authenticated_and_all_for_the_service(
    rows: Rows, tables: list[str]
) -> None:
    expected = {
        "anon": dict.fromkeys(("SELECT", *WRITES), False),
        "authenticated": {"SELECT": True} | dict.fromkeys(WRITES, False),
        "service_role": dict.fromkeys(("SELECT", *WRITES), True),
    }
    for role, rights in expected.items():
        for table in tables:
            for right, wanted in rights.items():
                assert rows("select has_table_privilege(%s, %s, %s)", role, table, right) == [(wanted,)], (
                    role,
                    table,
                    right,
                )


def test_views_run_with_the_rights_of_who_asks(rows: Rows) -> None:
    views = rows(TABLES, "v")
    assert views
    for (view,) in views:
        assert rows("select 'security_invoker=true' = any (reloptions) from pg_class where relname = %s", view) == [
            (True,)
        ]
        assert rows("select has_table_privilege('anon', %s, 'SELECT')", view) == [(False,)]
        assert rows("select has_table_privilege('authenticated', %s, 'SELECT')", view) == [(True,)]


def test_no_function_of_ours_runs_for_anon_and_only_the_service_takes_the_lease(rows: Rows) -> None:
    functions = rows("select oid::regprocedure::text from pg_proc where pronamespace = 'public'::regnamespace")
    assert len(functions) > 5
    for (function,) in functions:
        assert rows("select has_function_privilege('anon', %s, 'EXECUTE')", function) == [(False,)], function
    for function in ("take_lease(text,text,interval)", "hold_lease(text,text,bigint,boolean)"):
        assert rows("select has_function_privilege('authenticated', %s, 'EXECUTE')", function) == [(False,)]
        assert rows("select has_function_privilege('service_role', %s, 'EXECUTE')", function) == [(True,)]


def test_a_signed_in_reader_sees_rows_and_anon_is_turned_away(
    database_url: str, store: PostgresStore, lease: Lease, tables: list[str]
) -> None:
    store.commit(lease, Writes(tick=samples.tick(), bots=(samples.whole_tick(),)))
    for role, can_read in (("anon", False), ("authenticated", True), ("service_role", True)):
        for table in (*tables, "positions", "cash_balances"):
            with psycopg.connect(database_url) as connection:
                connection.execute(f"set local role {role}".encode())
                statement = f"select count(*) from {table}".encode()
                if not can_read:
                    with pytest.raises(psycopg.errors.InsufficientPrivilege):
                        connection.execute(statement)
                elif table in ("orders", "fills", "positions", "ticks", "leases"):
                    assert connection.execute(statement).fetchone() != (0,), (role, table)
                else:
                    connection.execute(statement)


def test_the_service_role_can_do_a_whole_tick(database_url: str, store: PostgresStore, rows: Rows) -> None:
    name = rows("select current_database()")[0][0]
    rows(f"alter database {name} set role service_role")
    as_service = PostgresStore(database_url)
    held = as_service.begin("service", 60).lease
    assert held is not None
    as_service.commit(
        held, Writes(tick=samples.tick("done"), bots=(samples.whole_tick(),), candles=(samples.candles(),))
    )
    assert as_service.begin("service", 60).last_slot_ms == samples.SLOT_MS
    as_service.close()
