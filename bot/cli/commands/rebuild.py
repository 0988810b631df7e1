"""`rebuild`: a live bot's books again, from the exchange."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from bot.cli.declare import command
from bot.cli.session import session

Document = dict[str, Any]


def declare(app: typer.Typer) -> None:
    """Add the command."""

    @command(app, "rebuild", "rebuild --dry-run", "rebuild --cash 100", "rebuild --bot live --cash 250 --yes")
    def rebuild(
        bot: Annotated[
            str | None, typer.Option("--bot", metavar="NAME", help="The live bot's name, as it was; default: live.")
        ] = None,
        cash: Annotated[
            str | None,
            typer.Option("--cash", metavar="AMOUNT", help="Its capital now; default: live.initial_capital."),
        ] = None,
        dry_run: Annotated[bool, typer.Option("--dry-run", help="Read and tell, write nothing.")] = False,
        yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask first.")] = False,
    ) -> None:
        """Write the books of a lost database anew, from what the exchange remembers.

        Needs a database without a live bot's books, and the key. Finds the bot's own orders by the names that
        it gave them, and with them positions, costs, fees and resting stops. Sends nothing. The bot is paused
        afterwards: it protects and exits, and enters again after `resume`.
        """
        from bot.cli.rebuilding import rebuild as take_over
        from bot.cli.views import rebuild as view

        session.report(take_over(bot, cash, dry_run, lambda found: yes or _confirmed(found)), view.blocks)


def _confirmed(found: Document) -> bool:
    import sys

    from bot.cli.texts import text
    from bot.domain.errors import ConfigError

    if session.json or not sys.stdin.isatty():
        raise ConfigError("this writes a live bot's books, and there is nobody to ask", where="--yes", fix="add --yes")
    return typer.confirm(text("rebuild.ask", trades=found["trades"], positions=len(found["positions"])), err=True)
