"""Checks of the database: reachable, writable, up to date, closed to strangers, not full, ticking."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from bot.cli import codes, figures
from bot.cli.checks.result import Check, bad, good
from bot.cli.codes import called
from bot.domain.errors import CheckFailed, DatabaseError

if TYPE_CHECKING:
    from bot.adapters.postgres_reports import PostgresReports

NAMES = ("database", "migrations", "row_level_security", "bots", "schedule", "database_size", "books")

WARN_BYTES = 400 * 1024 * 1024
"""Supabase's free plan turns a database read-only at 500 MB."""

LATE_SLOTS = 3


def checks(slot_s: int) -> list[Check]:
    """All of them, in order; when the database cannot be reached, that one alone."""
    from bot.adapters.postgres_reports import PostgresReports
    from bot.cli.wiring import ready_database

    try:
        database = ready_database()
        reports = PostgresReports(database.url)
        place = "embedded" if database.embedded else "DATABASE_URL"
        found = [_writable(database.url, place)]
    except DatabaseError as problem:
        return [bad("database", f"{problem.what} (at {problem.where})", problem.fix)]
    try:
        found.append(_migrations(database.url))
        if not found[-1].ok:
            return found
        steps: tuple[Callable[[], Check], ...] = (
            lambda: _row_level_security(database.url),
            lambda: _bots(reports),
            lambda: _schedule(reports, slot_s),
            lambda: _size(reports),
            lambda: _books(reports),
        )
        for name, step in zip(NAMES[2:], steps, strict=True):
            found.append(_told(name, step))
    finally:
        reports.close()
    return found


def _told(name: str, step: Callable[[], Check]) -> Check:
    try:
        return step()
    except DatabaseError as problem:
        return bad(name, problem.what, problem.fix)


def _writable(url: str, place: str) -> Check:
    from bot.adapters.postgres_connection import connect

    with connect(url, "metronome doctor") as connection:
        read_only, version = connection.execute(
            "select current_setting('transaction_read_only'), current_setting('server_version')"
        ).fetchone() or ("?", "?")
    if read_only != "off":
        return bad("database", f"{place}: read-only", "free space or raise the plan's quota; orders wait until then")
    return good("database", f"{place}: Postgres {version}, writable")


def _migrations(url: str) -> Check:
    from bot.adapters.migrations import pending, read_folder

    try:
        waiting = pending(url)
    except (CheckFailed, DatabaseError) as problem:
        return bad("migrations", f"{problem.what} (at {problem.where})", problem.fix)
    if waiting:
        return bad("migrations", f"{len(waiting)} to apply, first {waiting[0]}", "run python -m bot migrate")
    return good("migrations", f"all {len(read_folder())} applied")


def _row_level_security(url: str) -> Check:
    from bot.adapters.postgres_connection import connect

    with connect(url, "metronome doctor") as connection:
        open_tables = connection.execute(
            "select relname from pg_class where relnamespace = 'public'::regnamespace"
            " and relkind in ('r', 'p') and not relrowsecurity order by relname"
        ).fetchall()
    if open_tables:
        names = ", ".join(name for (name,) in open_tables)
        fix = "alter table NAME enable row level security; or move tables that are not ours to another schema"
        return bad("row_level_security", f"off on: {names}", fix)
    return good("row_level_security", "on for every table")


def _bots(reports: PostgresReports) -> Check:
    rows = reports.bots()
    if not rows:
        return bad("bots", "there is none", "make one: python -m bot bots add main")
    failed = [row["name"] for row in rows if row["status"] == "ERROR"]
    if failed:
        return bad(
            "bots", f"stopped by an error: {', '.join(failed)}", "see python -m bot status, then python -m bot resume"
        )
    return good("bots", ", ".join(f"{row['name']} {called(codes.BOT, row['status'])}" for row in rows))


def _schedule(reports: PostgresReports, slot_s: int) -> Check:
    """Whether ticks come as they should. A bot that never ticked is new, not broken."""
    from bot.cli.wiring import wall_ms
    from bot.settings import load_cached

    ticks = reports.ticks(1)
    if not ticks:
        return good("schedule", "no tick yet; start one: python -m bot tick")
    age_s = max(0.0, (wall_ms() - ticks[0]["now_ms"]) / 1000)
    slots = reports.slots(wall_ms() - 86_400_000, slot_s * 1000)
    gap_s = max(slots["longest_gap_ms"] / 1000, 0)
    told = f"last tick {figures.span(age_s)} ago, longest gap of the last day {figures.span(gap_s)}"
    if load_cached().exchange.url is not None:
        return good("schedule", "the exchange's time may be virtual: nothing to compare it with")
    if age_s > LATE_SLOTS * slot_s:
        fix = "see whether the scheduler runs; by hand: python -m bot loop --every 5m"
        return bad("schedule", told, fix)
    return good("schedule", told)


def _size(reports: PostgresReports) -> Check:
    size = reports.counts()["database_bytes"]
    told = f"{size / 1024 / 1024:.0f} MB"
    if size > WARN_BYTES:
        return bad("database_size", told, "the free plan ends at 500 MB: raise the plan, or move old candles elsewhere")
    return good("database_size", told)


def _books(reports: PostgresReports) -> Check:
    found = reports.audit()
    if found:
        first = found[0]
        detail = f"{first['where']}: {first['law']}: stored {first['stored']}, computed {first['computed']}"
        return bad("books", detail, "pause the bots and report it: python -m bot pause")
    return good("books", "orders, positions and cash add up to the fills")
