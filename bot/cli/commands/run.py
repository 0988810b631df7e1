"""`run`: what `make run` does. A paper tick on live prices; where they cannot be had, a rehearsal."""

from __future__ import annotations

from typing import Any

import typer

from bot.cli.declare import command
from bot.cli.session import session
from bot.domain.errors import ExchangeError

Document = dict[str, Any]

CADENCE_MS = 900_000
"""Of the rehearsal: a third of the usual ticks, so that a first look takes seconds."""


def declare(app: typer.Typer) -> None:
    """Add the command."""

    @command(app, "run", "run", "run --lang fr", "run --json")
    def run() -> None:
        """Paper tick on live prices, with a report. Where TRADING_MODE is live, a live bot's tick too.

        The report says what it saw, what it decided and why, what it holds, what to do next. Where the
        exchange cannot be reached, a rehearsal of the bundled recording, marked REPLAY.
        """
        from bot.cli.views import run as view

        session.report(_live() or _replay(), view.blocks)


def _live() -> Document | None:
    """The live tick's document; None after saying in one line that the exchange cannot be reached."""
    import asyncio

    from bot.cli.french import local
    from bot.cli.patience import told_when_slow
    from bot.cli.texts import text
    from bot.cli.wiring import open_runner, ready_database
    from bot.settings import load_cached

    async def tick() -> Document:
        runner = open_runner(database, hurried=True)
        try:
            with told_when_slow():
                return await runner.tick()
        finally:
            await runner.aclose()

    exchange = load_cached().exchange
    database = ready_database()
    try:
        document = asyncio.run(tick())
    except ExchangeError as error:
        session.note(text("run.unreachable", reason=local(error.what)))
        return None
    if document.get("skipped"):
        document = {**_last_report(document), "already": document}
    return {"source": "live", "exchange": exchange.id, "url": exchange.url, "tick": document, "rehearsal": None}


def _last_report(skipped: Document) -> Document:
    """The stored report of the last tick, when this one had nothing to do."""
    from bot.cli.wiring import open_reports

    with open_reports() as reports:
        stored = next((tick["report"] for tick in reports.ticks(2) if tick["status"] == "done"), None)
    return stored or skipped


def _replay() -> Document:
    from bot.cli.commands.rehearse import rehearse_with_progress
    from bot.cli.rehearsal import Request

    rehearsal, last = rehearse_with_progress(Request(every_ms=CADENCE_MS))
    return {"source": "replay", "exchange": "simulated", "tick": last, "rehearsal": rehearsal}
