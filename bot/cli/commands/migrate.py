"""`migrate`: brings the database up to date."""

from __future__ import annotations

import typer

from bot.cli.declare import command
from bot.cli.session import session


def declare(app: typer.Typer) -> None:
    """Add the command."""

    @command(app, "migrate", "migrate", "migrate --json")
    def migrate() -> None:
        """Bring the database's tables up to date.

        Applies supabase/migrations, each file once, and makes a first paper bot where there is none.
        Refuses (exit code 5) when a file that was applied has changed since, or lies before one that is applied.
        """
        from bot.cli.first_use import prepare
        from bot.cli.views import small
        from bot.cli.wiring import find_database
        from bot.settings import load_cached

        settings = load_cached()
        session.report(prepare(find_database().url, settings), small.migrate)
