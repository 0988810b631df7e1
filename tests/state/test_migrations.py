"""Migrations: from empty, again, changed, backwards, two at once."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest

from bot.adapters import embedded
from bot.adapters.migrations import FOLDER, migrate, pending, read_folder
from bot.adapters.postgres import PostgresStore
from bot.adapters.postgres_connection import create_database
from bot.domain.errors import CheckFailed, DatabaseError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the migrations, to spoil."""
    return Path(shutil.copytree(FOLDER, tmp_path / "migrations"))


@pytest.fixture(scope="module")
def server_16() -> Iterator[str]:
    """The oldest Postgres that is supported; the session's server is the newest."""
    home = Path(tempfile.mkdtemp(prefix="mt16-"))
    yield embedded.start(home, postgres_version=16)
    embedded.stop(home)
    shutil.rmtree(home, ignore_errors=True)


def test_an_empty_database_gets_all_of_them_quickly(empty_database_url: str) -> None:
    start = time.perf_counter()
    report = migrate(empty_database_url)
    assert time.perf_counter() - start < 2.0
    assert list(report.applied) == sorted(path.name for path in FOLDER.glob("*.sql"))
    assert report.already == 0


def test_postgres_16_takes_them_too_and_serves_a_tick(server_16: str) -> None:
    url = create_database(server_16, "sixteen")
    assert len(migrate(url).applied) == len(read_folder())
    store = PostgresStore(url)
    assert store.begin("a run", 60).lease is not None
    store.close()


def test_a_second_run_applies_nothing(empty_database_url: str) -> None:
    count = len(migrate(empty_database_url).applied)
    again = migrate(empty_database_url)
    assert (again.applied, again.already) == ((), count)
    assert pending(empty_database_url) == ()


def test_two_at_once_apply_each_file_once(empty_database_url: str) -> None:
    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(lambda _: migrate(empty_database_url), range(2))
    assert sorted(first.applied + second.applied) == sorted(path.name for path in FOLDER.glob("*.sql"))


def test_a_file_that_changed_after_it_was_applied_is_refused(empty_database_url: str, folder: Path) -> None:
    migrate(empty_database_url, folder)
    victim = sorted(folder.glob("*.sql"))[3]
    victim.write_text(victim.read_text() + "-- a late thought\n")
    with pytest.raises(CheckFailed, match="changed after it was applied") as refused:
        migrate(empty_database_url, folder)
    assert victim.name in refused.value.where
    assert refused.value.fix


def test_a_file_that_is_gone_is_refused(empty_database_url: str, folder: Path) -> None:
    migrate(empty_database_url, folder)
    sorted(folder.glob("*.sql"))[-1].unlink()
    with pytest.raises(CheckFailed, match="not in the folder"):
        migrate(empty_database_url, folder)


def test_a_new_file_that_sorts_before_an_applied_one_is_refused(empty_database_url: str, folder: Path) -> None:
    migrate(empty_database_url, folder)
    (folder / "20200101000000_too_late.sql").write_text("-- Why\ncreate table too_late ();\n")
    with pytest.raises(CheckFailed, match="sorts before"):
        migrate(empty_database_url, folder)
    with psycopg.connect(empty_database_url) as connection:
        assert connection.execute("select to_regclass('too_late')").fetchone() == (None,)


def test_a_new_file_at_the_end_is_applied_alone(empty_database_url: str, folder: Path) -> None:
    migrate(empty_database_url, folder)
    (folder / "29990101000000_later.sql").write_text("-- Why\ncreate table later ();\n")
    assert pending(empty_database_url, folder) == ("29990101000000_later.sql",)
    assert migrate(empty_database_url, folder).applied == ("29990101000000_later.sql",)


def test_a_file_that_fails_leaves_nothing_of_itself_behind(empty_database_url: str, folder: Path) -> None:
    (folder / "29990101000000_bad.sql").write_text("-- Why\ncreate table half ();\nselect no_such_thing();\n")
    with pytest.raises(DatabaseError, match=r"29990101000000_bad\.sql"):
        migrate(empty_database_url, folder)
    with psycopg.connect(empty_database_url) as connection:
        assert connection.execute("select to_regclass('half'), to_regclass('bots') is null").fetchone() == (None, False)
    assert pending(empty_database_url, folder) == ("29990101000000_bad.sql",)


def test_a_file_without_a_time_stamp_is_refused(empty_database_url: str, folder: Path) -> None:
    (folder / "notes.sql").write_text("select 1;")
    with pytest.raises(CheckFailed, match="YYYYMMDDHHMMSS"):
        migrate(empty_database_url, folder)


def test_what_the_supabase_cli_applied_counts_as_applied(empty_database_url: str) -> None:
    with psycopg.connect(empty_database_url, autocommit=True) as connection:
        connection.execute("create schema supabase_migrations")
        connection.execute(
            "create table supabase_migrations.schema_migrations (version text, statements text[], name text)"
        )
        for migration in read_folder():
            connection.execute(migration.sql.encode())
            connection.execute(
                "insert into supabase_migrations.schema_migrations values (%s, '{}', %s)",
                (migration.version, migration.name),
            )
    report = migrate(empty_database_url)
    assert (report.applied, report.already) == ((), len(read_folder()))


def test_every_file_says_why_in_its_first_line() -> None:
    for migration in read_folder():
        first = migration.sql.splitlines()[0]
        assert first.startswith("-- "), migration.name
        assert len(first) > 20, migration.name
