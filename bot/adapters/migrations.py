"""Applies supabase/migrations: each file once, in order, in its own transaction.

Works through a transaction pooler: the lock is taken inside each transaction
and ends with it, so two processes may migrate at once.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bot.adapters.postgres_connection import connect, explained
from bot.domain.errors import CheckFailed

if TYPE_CHECKING:
    from psycopg import Connection

FOLDER = Path(__file__).resolve().parents[2] / "supabase" / "migrations"

_FILE_NAME = re.compile(r"(\d{14})_([a-z0-9_]+)\.sql")

# Not to_regclass: within a transaction it may remember from before the lock that there was no table.
_HAS_LIST = "select from pg_class where relname = 'schema_migrations' and relnamespace = 'public'::regnamespace"

# Any number will do as long as all copies of the program use the same one.
_LOCK = 7_214_311_902


@dataclass(frozen=True, slots=True)
class Migration:
    """One file. version: its time stamp, 14 digits.  checksum: SHA-256, hexadecimal."""

    version: str
    name: str
    sql: str
    checksum: str


@dataclass(frozen=True, slots=True)
class MigrationReport:
    """applied: file names that this run applied.  already: how many were there before."""

    applied: tuple[str, ...]
    already: int


def read_folder(folder: Path = FOLDER) -> tuple[Migration, ...]:
    """The migrations of a folder, oldest first. Raises CheckFailed on a name that has no place in the order."""
    found: dict[str, Migration] = {}
    for path in sorted(folder.glob("*.sql")):
        match = _FILE_NAME.fullmatch(path.name)
        if match is None:
            raise CheckFailed(
                "a migration's name must be <YYYYMMDDHHMMSS>_<name>.sql", where=str(path), fix="rename the file"
            )
        version, name = match.groups()
        if version in found:
            raise CheckFailed(
                f"two migrations have the time stamp {version}", where=str(path), fix="give the newer one its own"
            )
        content = path.read_bytes()
        found[version] = Migration(version, name, content.decode(), hashlib.sha256(content).hexdigest())
    if not found:
        raise CheckFailed("no migrations found", where=str(folder), fix="run from a complete checkout")
    return tuple(found.values())


def migrate(conninfo: str, folder: Path = FOLDER) -> MigrationReport:
    """Bring a database up to date; does nothing when it is.

    Raises CheckFailed when an applied file changed or is gone, or when a file
    sorts before one that is applied already; DatabaseError when the database
    cannot be used or a file fails (files before it stay applied).
    """
    wanted = read_folder(folder)
    with connect(conninfo, "metronome migrate") as connection:
        _adopt(connection, wanted)
        applied: list[str] = []
        pending = _pending(wanted, _applied(connection), folder)
        already = len(wanted) - len(pending)
        for migration in pending:
            if _apply(connection, migration, wanted, folder):
                applied.append(f"{migration.version}_{migration.name}.sql")
            else:
                already += 1
        return MigrationReport(tuple(applied), already)


def pending(conninfo: str, folder: Path = FOLDER) -> tuple[str, ...]:
    """Names of the files that migrate() would apply now. Raises as migrate() does."""
    with connect(conninfo, "metronome migrate") as connection:
        todo = _pending(read_folder(folder), _applied(connection), folder)
    return tuple(f"{migration.version}_{migration.name}.sql" for migration in todo)


def _applied(connection: Connection[tuple[object, ...]]) -> dict[str, tuple[str, str]]:
    """{version: (name, checksum)} of what the database has."""
    with explained(connection.info):
        if connection.execute(_HAS_LIST).fetchone() is None:
            return {}
        rows = connection.execute("select version, name, checksum from public.schema_migrations").fetchall()
    return {str(version): (str(name), str(checksum)) for version, name, checksum in rows}


def _adopt(connection: Connection[tuple[object, ...]], wanted: tuple[Migration, ...]) -> None:
    """Take over what the Supabase CLI applied: it keeps a list of its own."""
    with explained(connection.info):
        listed = "select to_regclass('supabase_migrations.schema_migrations'), to_regclass('public.schema_migrations')"
        row = connection.execute(listed).fetchone()
        if row is None or None in row:
            return
        connection.cursor().executemany(
            "insert into public.schema_migrations (version, name, checksum)"
            " select %s, %s, %s where exists (select from supabase_migrations.schema_migrations where version = %s)"
            " on conflict do nothing",
            [(migration.version, migration.name, migration.checksum, migration.version) for migration in wanted],
        )


def _pending(wanted: tuple[Migration, ...], applied: dict[str, tuple[str, str]], folder: Path) -> tuple[Migration, ...]:
    """What is still to be applied, once all that is applied is found unchanged."""
    by_version = {migration.version: migration for migration in wanted}
    for version, (name, checksum) in sorted(applied.items()):
        where = str(folder / f"{version}_{name}.sql")
        if version not in by_version:
            raise CheckFailed(
                "a migration that the database has is not in the folder",
                where=where,
                fix="update the program: the database was migrated by a newer or another one",
            )
        if by_version[version].checksum != checksum:
            raise CheckFailed(
                "a migration was changed after it was applied",
                where=where,
                fix="restore the file and put the change into a new migration",
            )
    newest = max(applied, default="")
    todo = tuple(migration for migration in wanted if migration.version not in applied)
    for migration in todo:
        if migration.version < newest:
            raise CheckFailed(
                f"a new migration sorts before {newest}, which is applied already",
                where=str(folder / f"{migration.version}_{migration.name}.sql"),
                fix="rename it to a later time stamp: migrations never run backwards",
            )
    return todo


def _apply(
    connection: Connection[tuple[object, ...]], migration: Migration, wanted: tuple[Migration, ...], folder: Path
) -> bool:
    """Apply one file. False when another process did so while this one waited for the lock."""
    with explained(connection.info, f"{migration.version}_{migration.name}.sql"), connection.transaction():
        connection.execute(f"select pg_advisory_xact_lock({_LOCK})")
        if migration not in _pending(wanted, _applied(connection), folder):
            return False
        # Without parameters psycopg sends the file as it is, many statements at once.
        connection.execute(migration.sql.encode())
        connection.execute(
            "insert into public.schema_migrations (version, name, checksum) values (%s, %s, %s)",
            (migration.version, migration.name, migration.checksum),
        )
    return True
