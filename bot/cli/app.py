"""The Typer app with all its commands."""

from __future__ import annotations

from bot.cli.commands import (
    bots,
    config,
    control,
    doctor,
    kill,
    live,
    migrate,
    rebuild,
    rehearse,
    run,
    status,
    tick,
    why,
)
from bot.cli.declare import new_app, with_root

HELP = """Metronome: one stateless trading tick every five minutes, all memory in Postgres.

Without DATABASE_URL a private Postgres in METRONOME_HOME (default .metronome) keeps everything.

\b
Exit codes:
  0  done; also when another run holds this tick
  1  unexpected
  2  wrong settings or arguments
  3  exchange unreachable
  4  database unreachable
  5  a check failed"""

app = with_root(new_app(HELP, ("run", "tick --json", "status", "why BTC/EUR")))

run.declare(app)
tick.declare(app)
rehearse.declare(app)
status.declare(app)
why.declare(app)
control.declare(app)
live.declare(app)
kill.declare(app)
bots.declare(app)
config.declare(app)
migrate.declare(app)
rebuild.declare(app)
doctor.declare(app)
