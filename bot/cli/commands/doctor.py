"""`doctor`: checks what a tick leans on, and says how to mend what is broken."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Annotated

import typer

from bot.cli.declare import command
from bot.cli.session import Document, session
from bot.domain.errors import CheckFailed

if TYPE_CHECKING:
    from bot.cli.checks.result import Check

TIMEOUT_S = 20.0
LIVE_TIMEOUT_S = 60.0
"""A key's calls are few a minute, and a tick at work goes first."""


def declare(app: typer.Typer) -> None:
    """Add the command."""

    @command(app, "doctor", "doctor", "doctor --json", "doctor --live")
    def doctor(
        live: Annotated[
            bool, typer.Option("--live", help="Also all that real money asks for: key, account, stops, books.")
        ] = False,
    ) -> int:
        """Check what a tick needs, and how to mend it.

        Python, settings, database, exchange, clock, schedule and more. Ends with 5 when a check failed.
        """
        import asyncio

        from bot.cli.views import doctor as view

        document = asyncio.run(examine(live))
        session.report(document, view.blocks)
        return 0 if all(check["ok"] for check in document["checks"]) else CheckFailed.exit_code


async def examine(live: bool = False) -> Document:
    """Every check, those that wait for somebody else at the same time. live: those of real money too."""
    import asyncio

    from bot.cli.checks import database, exchange, local
    from bot.cli.render import progress
    from bot.cli.texts import text
    from bot.domain.errors import ConfigError
    from bot.settings import Settings, load

    here = [_here(name, check) for name, check in _local(local).items() if not (live and name == "key_permissions")]
    try:
        settings = load()
    except ConfigError:
        settings = Settings()  # told by the settings check; the rest is checked with the defaults
    with progress(text("doctor.progress"), None):
        if live:
            from bot.cli.live_checks import live_checks

            remote = [await _timed("live", live_checks, LIVE_TIMEOUT_S)]
        else:
            remote = list(
                await asyncio.gather(
                    _timed("database", lambda: asyncio.to_thread(database.checks, settings.market.slot_s)),
                    _timed("exchange", lambda: exchange.checks(settings)),
                )
            )
    found = [*here, *(check for part in remote for check in part)]
    return {"checks": [{"name": one.name, "ok": one.ok, "detail": one.detail, "fix": one.fix} for one in found]}


def _local(local: object) -> dict[str, Callable[[], Check]]:
    names = ("python", "packages", "home", "settings", "key_permissions", "telegram")
    return {name: getattr(local, name) for name in names}


def _here(name: str, check: Callable[[], Check]) -> Check:
    from bot.cli.checks.result import bad
    from bot.domain.errors import MetronomeError

    try:
        return check()
    except MetronomeError as problem:
        return bad(name, f"{problem.what} (at {problem.where})", problem.fix)


async def _timed(name: str, work: Callable[[], Awaitable[list[Check]]], timeout_s: float = TIMEOUT_S) -> list[Check]:
    """The checks of one part; one failed check when they take too long or break."""
    import asyncio

    from bot.cli.checks.result import bad
    from bot.domain.errors import MetronomeError

    try:
        async with asyncio.timeout(timeout_s):
            return await work()
    except TimeoutError:
        return [bad(name, f"no answer within {timeout_s:g} s", "see whether the network and the server are up")]
    except MetronomeError as problem:
        return [bad(name, f"{problem.what} (at {problem.where})", problem.fix)]
    except Exception as problem:
        return [bad(name, f"{type(problem).__name__}: {problem}", "run python -m bot doctor --debug and report it")]
