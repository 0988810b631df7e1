"""`live`: what stands between a bot and real money, and a person's decisions about it."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from bot.cli.declare import SHARED, command, new_app
from bot.cli.session import session

Document = dict[str, Any]

PaperOption = Annotated[str | None, typer.Option("--bot", metavar="NAME", help="Paper bot whose record counts.")]
YesOption = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask first.")]


def declare(app: typer.Typer) -> None:
    """Add the commands."""
    group = new_app(
        "Real money: gates, capital, decisions.\n\n"
        "Without a command: every gate with its value and limit, the capital and its next step, what is missing.",
        ("live", "live --json", "live start", "live raise", "live stop"),
    )

    @group.callback(invoke_without_command=True)
    def live(
        context: typer.Context,
        bot: PaperOption = None,
        json: Annotated[bool, SHARED[0][3]] = False,
        lang: Annotated[str | None, SHARED[1][3]] = None,
        debug: Annotated[bool, SHARED[2][3]] = False,
    ) -> None:
        if context.invoked_subcommand is None:
            from bot.cli.going_live import read_live
            from bot.cli.views import live as view

            session.begin(json=json, debug=debug, language=lang)
            session.report(read_live(bot), view.blocks)
        elif bot or json or lang or debug:
            from bot.domain.errors import ConfigError

            raise ConfigError(
                "options stand behind the command that they are for",
                where=f"live {context.invoked_subcommand}",
                fix=f"write live {context.invoked_subcommand} and then the options",
            )

    @command(group, "start", "live start", "live start --bot main --yes")
    def start(bot: PaperOption = None, yes: YesOption = False) -> int:
        """Let a bot trade with real money.

        Needs every gate open, or a written reason in LIVE_OVERRIDE; every check of `doctor --live`, which nothing
        overrides; and a person's word. Begins with live.initial_capital. Ends with 5 when it was refused.
        """
        from bot.cli.going_live import start as go_live
        from bot.cli.views import live as view

        document, exit_code = go_live(bot, lambda found: yes or _confirmed(found))
        session.report(document, view.decided)
        return exit_code

    @command(group, "raise", "live raise", "live raise --yes")
    def raise_(yes: YesOption = False) -> int:
        """Give the live bot the next step of capital.

        One step of live.capital_steps at a time, after live.days_per_step good days. Ends with 5 when it was refused.
        """
        from bot.cli.going_live import raise_capital
        from bot.cli.views import live as view

        document, exit_code = raise_capital(lambda found: yes or _confirmed(found))
        session.report(document, view.decided)
        return exit_code

    @command(group, "stop", "live stop", 'live stop --reason "holidays"')
    def stop(
        reason: Annotated[str | None, typer.Option("--reason", metavar="TEXT", help="Why, for the record.")] = None,
    ) -> None:
        """Take real money back from new trades: the live bot protects and exits, and enters nothing."""
        from bot.cli.going_live import stop as take_back
        from bot.cli.texts import text
        from bot.cli.views import live as view

        session.report(take_back((reason or "").strip() or text("live.by_hand")), view.stopped)

    app.add_typer(group, name="live")


def _confirmed(found: Document) -> bool:
    """Whether a person at the terminal types the amount."""
    import sys

    from bot.cli.texts import text
    from bot.domain.errors import ConfigError

    if session.json or not sys.stdin.isatty():
        raise ConfigError(
            "this lets real money trade, and there is nobody to ask", where="--yes", fix="add --yes if you mean it"
        )
    amount = f"{found['capital']:g} {found['quote']}"
    typed: str = typer.prompt(
        text(f"live.ask_{found['kind']}", bot=found["bot"], amount=amount), default="", show_default=False, err=True
    )
    return " ".join(typed.upper().split()) == amount.upper()
