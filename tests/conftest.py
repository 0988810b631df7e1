"""Databases for tests: one embedded server per run, one copy of a template per test."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from bot.adapters import embedded
from bot.adapters.migrations import migrate

_HOME = "METRONOME_TEST_DATABASE_HOME"
_TEMPLATE = "template_metronome"


def pytest_configure(config: pytest.Config) -> None:
    """One short folder for all workers: a socket's path may not be longer than about 100 characters."""
    if _HOME not in os.environ:
        os.environ[_HOME] = tempfile.mkdtemp(prefix="mt-")
        config.stash[_OWNED] = Path(os.environ[_HOME])


def pytest_unconfigure(config: pytest.Config) -> None:
    home = config.stash.get(_OWNED, None)
    if home is not None:
        embedded.stop(home)
        os.environ.pop(_HOME, None)
        shutil.rmtree(home, ignore_errors=True)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What compiles first takes a minute, once for each version of the sources; several on a busy machine."""
    for item in items:
        if {"training", "parity"} & set(item.path.parts) and item.get_closest_marker("timeout") is None:
            item.add_marker(pytest.mark.timeout(600))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """The sums of what tests recorded as ("tally", (what, number)); of what begins with "worst", the most."""
    tally: dict[str, int] = {}
    for report in (report for found in terminalreporter.stats.values() for report in found):
        if getattr(report, "when", "") == "call":
            for what, number in (value for name, value in report.user_properties if name == "tally"):
                before = tally.get(what, 0)
                tally[what] = max(before, number) if what.startswith("worst") else before + number
    for what, number in tally.items():
        terminalreporter.write_line(f"{number:,} {what}")


_OWNED = pytest.StashKey[Path]()


@pytest.fixture(scope="session")
def database_server() -> str:
    """URL of the test server's `postgres` database; the template is ready beside it."""
    home = Path(os.environ[_HOME])
    with (home / "ready.lock").open("w") as turn:
        fcntl.flock(turn, fcntl.LOCK_EX)
        server = embedded.start(home)
        if not (home / "ready").exists():
            _without_disk_waits(server)
            _execute(server, f"create database {_TEMPLATE}")
            migrate(at_database(server, _TEMPLATE))
            (home / "ready").touch()
    return server


class Databases:
    """Copies of the template. One that a test gives back is emptied and used again: ten times faster than a new one."""

    def __init__(self, server: str) -> None:
        self._server = server
        self._free: list[str] = []
        with psycopg.connect(at_database(server, _TEMPLATE)) as connection:
            self._relations = connection.execute(_RELATIONS).fetchall()
            self._emptying = _emptying(connection)

    def take(self) -> str:
        """A database without rows; its URL."""
        if self._free:
            return self._free.pop()
        name = f"t_{uuid.uuid4().hex[:12]}"
        # wal_log: a small template is copied five times faster than by file_copy, which waits for checkpoints.
        _execute(self._server, f"create database {name} template {_TEMPLATE} strategy wal_log")
        return at_database(self._server, name)

    def give_back(self, url: str) -> None:
        """Keep it for the next test, or drop it when the test changed more than rows."""
        name = psycopg.conninfo.conninfo_to_dict(url)["dbname"]
        leave = f"select pg_terminate_backend(pid, 5000) from pg_stat_activity where datname = '{name}'"
        changed = (
            f"select from pg_db_role_setting s join pg_database d on d.oid = s.setdatabase where datname = '{name}'"
        )
        with psycopg.connect(self._server, autocommit=True) as connection:
            connection.execute(leave.encode())
            if connection.execute(changed.encode()).fetchall():
                connection.execute(f"drop database {name} with (force)".encode())
                return
        with psycopg.connect(url, autocommit=True) as connection:
            if connection.execute(_RELATIONS).fetchall() == self._relations:
                connection.execute(self._emptying.encode())
                self._free.append(url)
                return
        _execute(self._server, f"drop database {name} with (force)")


_RELATIONS = b"select relname, relkind, relnatts from pg_class where relnamespace = 'public'::regnamespace order by 1"
_KEPT = {"schema_migrations", "order_transitions"}


def _emptying(connection: psycopg.Connection[tuple[object, ...]]) -> str:
    """Statements that take out all rows and start all counters anew, foreign keys or not."""
    tables = connection.execute(
        "select relname from pg_class where relnamespace = 'public'::regnamespace and relkind = 'r'"
    )
    names = [str(name) for (name,) in tables if name not in _KEPT]
    counters = [str(name) for (name,) in connection.execute("select sequencename from pg_sequences")]
    statements = [f"delete from {name}" for name in names] + [f"alter sequence {name} restart" for name in counters]
    return ";\n".join(["set local session_replication_role = replica", *statements])


@pytest.fixture(scope="session")
def databases(database_server: str) -> Databases:
    return Databases(database_server)


@pytest.fixture
def new_database(databases: Databases) -> Iterator[Callable[[], str]]:
    """Makes databases with all migrations applied and no rows; they go back when the test ends."""
    made: list[str] = []

    def make() -> str:
        made.append(databases.take())
        return made[-1]

    yield make
    for url in made:
        databases.give_back(url)


@pytest.fixture
def database_url(new_database: Callable[[], str]) -> str:
    """A database of the test's own, migrations applied, no rows."""
    return new_database()


@pytest.fixture
def empty_database_url(database_server: str) -> Iterator[str]:
    """A database of the test's own without any table."""
    name = f"e_{uuid.uuid4().hex[:12]}"
    _execute(database_server, f"create database {name}")
    yield at_database(database_server, name)
    _execute(database_server, f"drop database {name} with (force)")


def at_database(server: str, name: str) -> str:
    """The server's URL with another database in it."""
    return psycopg.conninfo.make_conninfo(server, dbname=name)


def _execute(server: str, statement: str) -> None:
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(statement.encode())


def _without_disk_waits(server: str) -> None:
    """Test data need not survive a power cut."""
    for setting in ("fsync", "synchronous_commit", "full_page_writes"):
        _execute(server, f"alter system set {setting} = off")
    _execute(server, "select pg_reload_conf()")
