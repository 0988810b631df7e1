"""What a database needs before its first tick: tables and one bot."""

from __future__ import annotations

import hashlib
from contextlib import suppress
from pathlib import Path
from typing import Any

from bot.settings import Settings

FIRST_BOT = "main"
STAMP = "schema.stamp"


def prepare_once(url: str, home: Path, settings: Settings) -> None:
    """Prepare an embedded database, unless this very database was prepared for these very migrations before.

    The stamp spares each tick a connection and two dozen file reads. In doubt it
    does not match, and preparing again changes nothing.
    """
    stamp, wanted = home / STAMP, _stamp_of(home)
    with suppress(OSError):
        if wanted and stamp.read_text() == wanted:
            return
    prepare(url, settings)
    with suppress(OSError):
        stamp.write_text(_stamp_of(home))


def prepare(url: str, settings: Settings) -> dict[str, Any]:
    """Apply the migrations and make the first bot where there is none: {"applied", "already", "bot"}."""
    from decimal import Decimal

    from bot.adapters.migrations import migrate
    from bot.adapters.postgres_reports import PostgresReports

    report = migrate(url)
    made: dict[str, Any] | None = None
    reports = PostgresReports(url)
    try:
        if not reports.bots():
            cash, quote = settings.paper.initial_cash, settings.market.quote
            reports.ensure_bot(FIRST_BOT, "paper", quote, Decimal(str(cash)))
            made = {"name": FIRST_BOT, "cash": cash, "quote": quote}
    finally:
        reports.close()
    return {"applied": list(report.applied), "already": report.already, "bot": made}


def _stamp_of(home: Path) -> str:
    """Names the migrations as they lie there and the data folder as it was made; "" when there is none."""
    from bot.adapters.migrations import FOLDER

    digest = hashlib.blake2b(digest_size=16)
    try:
        made = (home / "postgres" / "PG_VERSION").stat()
        digest.update(f"{made.st_ino} {made.st_mtime_ns}".encode())
        for path in sorted(FOLDER.glob("*.sql")):
            about = path.stat()
            digest.update(f"{path.name} {about.st_size} {about.st_mtime_ns}".encode())
    except OSError:
        return ""
    return digest.hexdigest()
