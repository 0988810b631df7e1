"""Runs one command, and turns every error into words and an exit code."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import typer

from bot.cli.declare import PROGRAM
from bot.cli.session import session

OFTEN = ("tick", "loop")
"""What schedulers call: only the module that declares these is imported then."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command. Returns the exit code; no exception leaves."""
    given = sys.argv[1:] if arguments is None else list(arguments)
    session.foresee(given)
    try:
        app = _app_of(given[0] if given else "")
        result = typer.main.get_command(app).main(args=given, prog_name=PROGRAM, standalone_mode=False)
    except (Exception, KeyboardInterrupt) as problem:
        from bot.cli.errors import show_error

        return show_error(problem)
    return result if isinstance(result, int) else 0


def _app_of(name: str) -> typer.Typer:
    if name in OFTEN:
        from bot.cli.commands import tick
        from bot.cli.declare import new_app

        app = new_app("Ticks.", OFTEN)
        tick.declare(app)
        return app
    from bot.cli.app import app as every_command

    return every_command
