"""One connection to Postgres, and its errors in words a person can act on.

Nothing here depends on a session: no SET but for one transaction, no prepared
statements, no temporary tables, no LISTEN. So a transaction pooler may stand in between.

Nothing waits for ever: the server ends a statement that takes too long, and a
server that does not answer at all is left.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import psycopg
from psycopg import ClientCursor, conninfo, sql
from psycopg.abc import RV, PQGen
from psycopg.pq import TransactionStatus

from bot.domain.errors import DatabaseError, LeaseLost

T = TypeVar("T")
Row = tuple[Any, ...]

TCP_TIMEOUT_MS = 30_000
CONNECT_TIMEOUT_S = 10
CONNECT_WAITS_S = (0.25, 1.0)
STATEMENT_TIMEOUT_S = 30.0
SILENCE_FACTOR = 1.5
"""How many times as long as a statement may take an answer is waited for: the server's own words are better."""

# Raised by functions and triggers of supabase/migrations.
LEASE_LOST = "MT001"
LAW_BROKEN = {"MT002", "MT003"}
KILLED = "MT004"
READ_ONLY = "25006"
TOO_LONG = "57014"

# Waiting does not mend these: wrong password, unknown role, unknown database.
_HOPELESS = ("password authentication failed", "no password supplied", "does not exist", "authentication failed")


class PatientConnection(psycopg.Connection[Row]):
    """Waits for an answer for so long and no longer. patience_s: None for ever."""

    patience_s: float | None = None

    def wait(self, gen: PQGen[RV], interval: float = 0.1, timeout: float | None = None) -> RV:
        """As in psycopg. Out of patience it raises OperationalError and the connection stays ACTIVE."""
        return super().wait(gen, interval, self.patience_s if timeout is None else timeout)


def connect(url: str, application: str, patience_s: float | None = None) -> PatientConnection:
    """Open a connection, three tries. application: shown in the server's list of connections.

    patience_s: how long any answer of the server is waited for, None for ever.

    Statements are sent with their parameters already in them (simple protocol),
    so that several travel in one round trip and form one transaction.
    Raises DatabaseError; its text names the host, never the password.
    """
    try:
        options: dict[str, Any] = conninfo.conninfo_to_dict(url)
    except psycopg.ProgrammingError:
        # Without its cause, which quotes the password.
        raise DatabaseError(
            "DATABASE_URL cannot be read", where="DATABASE_URL", fix="write it as postgresql://user:password@host/db"
        ) from None
    options.setdefault("connect_timeout", CONNECT_TIMEOUT_S)
    options.setdefault("application_name", application)
    # A server that vanished in mid-statement must not hold the tick until the host ends it.
    options.setdefault("tcp_user_timeout", TCP_TIMEOUT_MS)
    for wait_s in (*CONNECT_WAITS_S, None):
        try:
            connection = PatientConnection.connect(
                conninfo.make_conninfo(**options),
                autocommit=True,
                prepare_threshold=None,
                cursor_factory=ClientCursor,
            )
            connection.patience_s = patience_s
            return connection
        except psycopg.OperationalError as problem:
            if wait_s is None or any(word in str(problem) for word in _HOPELESS):
                raise _cannot_connect(problem, place(options)) from None
            time.sleep(wait_s)
    raise AssertionError("unreachable")


class Client:
    """A connection that opens at first use; base of the store and the reports.

    A connection that breaks is opened anew and the work repeated once: all of
    it is idempotent.  Threads take turns.  statement_timeout_s: the server ends a
    statement that takes longer; a server that is silent for half as long again is left.
    """

    def __init__(
        self, conninfo: str, application: str = "metronome", statement_timeout_s: float = STATEMENT_TIMEOUT_S
    ) -> None:
        self._conninfo = conninfo
        self._application = application
        self._statement_timeout_s = statement_timeout_s
        self._connection: PatientConnection | None = None
        self._turn = threading.Lock()

    def run(self, work: Callable[[psycopg.Connection[Row]], T]) -> T:
        """Do the work on a connection. Raises DatabaseError in words for a person."""
        with self._turn:
            connection = self._open()
            with explained(connection.info):
                try:
                    return self._work(work, connection)
                except psycopg.OperationalError:
                    if not connection.broken:
                        raise
            self.close()
            connection = self._open()
            with explained(connection.info):
                return self._work(work, connection)

    def ask(self, connection: psycopg.Connection[Row], statements: str, values: Any = None) -> psycopg.Cursor[Row]:
        """Statements in one message and one transaction, each within the time limit; a cursor on the last one's result.

        The limit travels in the message: a pooler may refuse it among the
        connection's options, and gives the next transaction another session.
        """
        cursor = connection.execute(f"{self.time_limit}\n;\n{statements}".encode(), values)
        while cursor.nextset():
            pass
        return cursor

    @contextmanager
    def transaction(self, connection: psycopg.Connection[Row]) -> Iterator[None]:
        """A transaction of several messages, each statement and each pause between two within the time limit."""
        pauses = self.time_limit.replace("statement_timeout", "idle_in_transaction_session_timeout")
        with connection.transaction():
            connection.execute(f"{self.time_limit}\n;\n{pauses}".encode())
            yield

    @property
    def time_limit(self) -> str:
        """The first statement of a transaction of which no statement may take too long."""
        return f"set local statement_timeout = {round(self._statement_timeout_s * 1000)}"

    def _work(self, work: Callable[[psycopg.Connection[Row]], T], connection: PatientConnection) -> T:
        try:
            return work(connection)
        except psycopg.OperationalError:
            if connection.info.transaction_status is not TransactionStatus.ACTIVE:
                raise
            # Whatever it may still answer, nobody is listening any more.
            where = _where(connection.info)
            self.close()
            raise DatabaseError(
                f"the database did not answer within {self._statement_timeout_s * SILENCE_FACTOR:g} s",
                where=where,
                fix="see whether the server is up; what it was told last may or may not have been done",
            ) from None

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _open(self) -> PatientConnection:
        if self._connection is None or self._connection.closed:
            patience_s = self._statement_timeout_s * SILENCE_FACTOR
            self._connection = connect(self._conninfo, self._application, patience_s)
        return self._connection


def create_database(url: str, name: str, *, durable: bool = True) -> str:
    """Make a database beside the one of `url`, unless it is there; its own URL.

    durable False: a commit does not wait for the disk. A power cut may then
    lose the last fraction of a second, never consistency; for rehearsals.
    """
    with connect(url, "metronome") as connection, explained(connection.info):
        if not connection.execute("select from pg_database where datname = %s", (name,)).rowcount:
            connection.execute(sql.SQL("create database {}").format(sql.Identifier(name)))
        if not durable:
            connection.execute(sql.SQL("alter database {} set synchronous_commit = off").format(sql.Identifier(name)))
    return conninfo.make_conninfo(url, dbname=name)


def drop_database(url: str, name: str) -> None:
    """Remove a database beside the one of `url`, with whoever is connected to it."""
    with connect(url, "metronome") as connection, explained(connection.info):
        connection.execute(sql.SQL("drop database if exists {} with (force)").format(sql.Identifier(name)))


def place(options: dict[str, Any]) -> str:
    """host:port/database of a connection, for messages."""
    host = options.get("host") or options.get("hostaddr") or os.environ.get("PGHOST") or "local socket"
    port = options.get("port") or os.environ.get("PGPORT") or "5432"
    return f"{host}:{port}/{options.get('dbname') or options.get('user') or ''}"


@contextmanager
def explained(info: psycopg.ConnectionInfo, doing: str = "") -> Iterator[None]:
    """Turn psycopg's errors into ours. doing: what was being done, for the message."""
    try:
        yield
    except psycopg.Error as problem:
        raise in_words(problem, _where(info), doing) from problem


def in_words(problem: psycopg.Error, where: str, doing: str = "") -> DatabaseError:
    """The DatabaseError that says what `problem` means."""
    state = problem.sqlstate or ""
    said = problem.diag.message_primary or str(problem).strip() or type(problem).__name__
    if doing:
        said = f"{doing}: {said}"
    if state == LEASE_LOST:
        return LeaseLost(said, where=where, fix="nothing to do: the run that took over goes on")
    if state == READ_ONLY:
        return DatabaseError(
            "the database is read-only: " + said, where=where, fix="free space or raise the plan's quota; orders wait"
        )
    if state == KILLED:
        fix = "nothing was written or sent; `python -m bot kill --release` lifts it"
        return DatabaseError(said, where=where, fix=fix)
    if state in LAW_BROKEN or state.startswith("23"):
        rule = problem.diag.constraint_name
        return DatabaseError(
            f"the database refused the rows: {said}" + (f" (rule {rule})" if rule else ""),
            where=where,
            fix="nothing was written; `python -m bot why` shows the rows that are there",
        )
    if state == TOO_LONG:
        fix = "nothing was written: see in pg_stat_activity what holds it up, then run it again"
        return DatabaseError(f"the database took too long: {said}", where=where, fix=fix)
    if state in {"40001", "40P01", "55P03"}:
        return DatabaseError(f"two writers met: {said}", where=where, fix="nothing was written: run it again")
    if not doing and state in {"42P01", "42703", "42883"}:
        fix = "run `python -m bot migrate`"
        return DatabaseError(f"the schema is older than the program: {said}", where=where, fix=fix)
    if state.startswith("42501"):
        return DatabaseError(f"not allowed: {said}", where=where, fix="connect as the owner or as service_role")
    if isinstance(problem, psycopg.OperationalError):
        return DatabaseError(f"the database connection failed: {said}", where=where, fix="see whether the server is up")
    return DatabaseError(f"the database refused: {said}", where=where, fix="this is a bug: report it with --debug")


def _cannot_connect(problem: psycopg.OperationalError, where: str) -> DatabaseError:
    said = str(problem).strip().splitlines()[0] if str(problem).strip() else "no answer"
    if "password" in said or "authentication" in said:
        fix = "check user and password in DATABASE_URL"
    elif "does not exist" in said:
        fix = "check database and user name in DATABASE_URL"
    else:
        fix = "check DATABASE_URL, or unset it to use the embedded database"
    return DatabaseError(f"cannot connect to the database: {said}", where=where, fix=fix)


def _where(info: psycopg.ConnectionInfo) -> str:
    try:
        return f"{info.host}:{info.port}/{info.dbname}"
    except psycopg.OperationalError:
        return "closed connection"
