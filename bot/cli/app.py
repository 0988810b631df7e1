"""The Typer app and the one place where errors become exit codes."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import typer

from bot.cli.commands import bots, config, control, doctor, migrate, rehearse, run, status, tick, why
from bot.cli.declare import PROGRAM, new_app
from bot.cli.session import session

HELP = """Metronome: one stateless trading tick every five minutes, all memory in Postgres.

Without DATABASE_URL a private Postgres in METRONOME_HOME (default .metronome) keeps everything.
Exit codes: 0 done, 1 unexpected, 2 wrong settings or arguments, 3 exchange unreachable,
4 database unreachable, 5 a check failed."""

app = new_app(HELP, ("run", "tick --json", "status", "why BTC/EUR"))

run.declare(app)
tick.declare(app)
rehearse.declare(app)
status.declare(app)
why.declare(app)
control.declare(app)
migrate.declare(app)
config.declare(app)
bots.declare(app)
doctor.declare(app)


@app.callback(invoke_without_command=True)
def _root(context: typer.Context) -> None:
    if context.invoked_subcommand is None:
        sys.stdout.write(context.get_help() + "\n")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command. Returns the exit code; no exception leaves."""
    given = sys.argv[1:] if arguments is None else list(arguments)
    session.foresee(given)
    try:
        result = typer.main.get_command(app).main(args=given, prog_name=PROGRAM, standalone_mode=False)
    except Exception as problem:
        from bot.cli.errors import show_error

        return show_error(problem)
    except KeyboardInterrupt as problem:
        from bot.cli.errors import show_error

        return show_error(problem)
    return result if isinstance(result, int) else 0
