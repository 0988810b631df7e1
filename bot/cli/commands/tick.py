"""`tick` and `loop`: what a scheduler calls."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from bot.cli.declare import command
from bot.cli.session import session

if TYPE_CHECKING:
    from bot.cli.wiring import TickRunner
    from bot.domain.errors import MetronomeError

Document = dict[str, Any]

LEFT = "nothing to do: the next tick looks up what was sent"


def declare(app: typer.Typer) -> None:
    """Add the commands."""

    @command(app, "tick", "tick", "tick --dry-run --json", "tick --at 2026-01-05T12:00Z")
    def tick(
        at: Annotated[
            str | None, typer.Option("--at", metavar="ISO", help="Virtual time in place of the venue's, paper only.")
        ] = None,
        dry_run: Annotated[
            bool, typer.Option("--dry-run", help="Decide, but write nothing and order nothing.")
        ] = False,
    ) -> None:
        """One tick for every bot, then exit.

        Safe to run at any time, late, twice or from two machines: one run holds the lease and
        works, another leaves with exit code 0, and a slot that is done stays done. SIGTERM or
        Ctrl-C let it finish; it is gone within half a minute.
        """
        from bot.cli.views import tick as view

        session.report(_one_tick(at, dry_run), view.blocks)

    @command(app, "loop", "loop", "loop --every 15s --for 4m30s", "loop --every 5m --json")
    def loop(
        every: Annotated[str | None, typer.Option("--every", metavar="SPAN", help="Cadence; default 5m.")] = None,
        lasting: Annotated[
            str | None, typer.Option("--for", metavar="SPAN", help="Stop after this long; default: never.")
        ] = None,
    ) -> int:
        """Ticks on a cadence, for runners that stay up.

        SIGTERM or Ctrl-C let the tick in hand finish, then the loop ends, within half a minute; a second
        one leaves it at once. A tick that finds no exchange or database is told and the next one tries again.
        """
        from bot.cli.arguments import seconds
        from bot.cli.views import small

        every_s = seconds(every or "5m", "--every")
        for_s = seconds(lasting, "--for") if lasting else None
        document, exit_code = _loop(every_s, for_s)
        session.report(document, small.loop)
        return exit_code


def _one_tick(at: str | None, dry_run: bool) -> Document:
    from bot.cli.arguments import moment_ms

    at_ms = moment_ms(at, "--at") if at else None
    import asyncio

    from bot.cli.errors import INTERRUPTED
    from bot.cli.goodbye import Goodbye, TickLeft
    from bot.cli.patience import told_when_slow
    from bot.cli.wiring import open_runner, ready_database

    async def run() -> Document:
        goodbye = Goodbye("tick.stopping", INTERRUPTED)
        runner = open_runner(database)
        try:
            with told_when_slow():
                return await goodbye.finish(runner.tick(at_ms=at_ms, dry_run=dry_run))
        finally:
            await runner.aclose()

    database = ready_database()
    try:
        return asyncio.run(run())
    except TickLeft:
        raise KeyboardInterrupt from None


def _loop(every_s: float, for_s: float | None) -> tuple[Document, int]:
    """The loop's document and exit code: that of the last tick when no tick at all went well."""
    import asyncio

    from bot.cli.goodbye import Goodbye, TickLeft
    from bot.cli.wiring import open_runner, ready_database, slot_for
    from bot.jobs.loop import run_loop

    tally = _Tally()

    async def run() -> None:
        goodbye = Goodbye("loop.stopping", 0)
        runner = open_runner(database, slot_s=slot_for(every_s))
        try:
            await run_loop(lambda: goodbye.finish(tally.tick(runner)), every_s, for_s, goodbye.asked, tally.note)
        except TickLeft:
            tally.leave()
        finally:
            await runner.aclose()

    database = ready_database()
    asyncio.run(run())
    return tally.document(), tally.exit_code


class _Tally:
    """Counts ticks and turns the failures that pass into documents."""

    def __init__(self) -> None:
        self.ticks = self.skipped = self.failed = 0
        self.last: Document | None = None
        self.last_error: MetronomeError | None = None

    async def tick(self, runner: TickRunner) -> Document:
        from bot.domain.errors import DatabaseError, ExchangeError

        try:
            return await runner.tick()
        except (ExchangeError, DatabaseError) as error:
            self.last_error = error
            return {"error": {"what": error.what, "where": error.where, "fix": error.fix}}

    def note(self, document: Document) -> None:
        from bot.cli import figures
        from bot.cli.french import local
        from bot.cli.texts import text
        from bot.cli.views.tick import skipped

        self.ticks += 1
        self.last = document
        if "error" in document:
            self.failed += 1
            what = local(document["error"]["what"])
        elif "skipped" in document:
            self.skipped += 1
            what = skipped(document)
        else:
            what = ", ".join(_outcome(bot) for bot in document["bots"]) or "-"
        session.note(text("loop.tick", now=figures.moment(document.get("now")), count=self.ticks, what=what))

    def leave(self) -> None:
        """Count a tick that had to be left in the middle."""
        self.ticks += 1
        self.failed += 1
        self.last = {"error": {"what": "left in the middle: the process was told to stop", "where": "", "fix": LEFT}}

    def document(self) -> Document:
        return {"ticks": self.ticks, "failed": self.failed, "skipped": self.skipped, "last": self.last}

    @property
    def exit_code(self) -> int:
        if self.last_error is None or self.failed < self.ticks:
            return 0
        return self.last_error.exit_code


def _outcome(bot: Document) -> str:
    from bot.cli import figures

    held, ordered = len(bot["positions"]), len(bot["orders"])
    return f"{bot['name']}: {ordered} order(s), {held} position(s), {figures.money(bot['equity'], bot['quote'])}"
