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


@pytest.fixture
def new_database(database_server: str) -> Iterator[Callable[[], str]]:
    """Makes databases with all migrations applied; they go when the test ends."""
    made: list[str] = []

    def make() -> str:
        name = f"t_{uuid.uuid4().hex[:12]}"
        # file_copy: no write-ahead log of the whole template for each test.
        _execute(database_server, f"create database {name} template {_TEMPLATE} strategy file_copy")
        made.append(name)
        return at_database(database_server, name)

    yield make
    for name in made:
        _execute(database_server, f"drop database {name} with (force)")


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
