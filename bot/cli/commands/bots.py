"""`bots`: several bots side by side, each with its own money and settings."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from bot.cli.declare import command, new_app, with_root
from bot.cli.session import session

Document = dict[str, Any]


def declare(app: typer.Typer) -> None:
    """Add the commands."""
    group = with_root(new_app("Several bots side by side.", ("bots list", "bots add careful --profile swing")))

    @command(group, "list", "bots list", "bots list --json")
    def list_() -> None:
        """All bots with their money."""
        from bot.cli.views import small

        session.report({"bots": _rows()}, small.bots_list)

    @command(group, "add", "bots add careful --cash 500 --profile swing", "bots add second")
    def add(
        name: Annotated[str, typer.Argument(metavar="NAME", help="Lower-case letters, digits, - and _.")],
        cash: Annotated[
            str | None, typer.Option("--cash", metavar="AMOUNT", help="Quote currency; default: paper.initial_cash.")
        ] = None,
        profile: Annotated[
            str | None, typer.Option("--profile", metavar="NAME", help="aggressive, swing or platform.")
        ] = None,
    ) -> None:
        """Add a paper bot. It trades from the next tick on."""
        from bot.cli.views import small

        session.report(_add(name, cash, profile), small.bots_added)

    app.add_typer(group, name="bots")


def _rows() -> list[Document]:
    from bot.cli.plain_json import document
    from bot.cli.wiring import open_config, open_reports
    from bot.settings import load

    with open_reports() as reports, open_config() as store:
        rows: list[Document] = document(reports.bots())
        for row in rows:
            row["profile"] = load(store.show(row["name"])["overrides"]).profile
    return rows


def _add(name: str, cash: str | None, profile: str | None) -> Document:
    import re
    from decimal import Decimal

    from bot.cli.arguments import amount
    from bot.cli.wiring import open_config, open_reports
    from bot.domain.errors import ConfigError
    from bot.settings import load

    if not re.fullmatch(r"[a-z][a-z0-9_-]{0,31}", name):
        raise ConfigError(
            f"not a name for a bot: {name!r}",
            where="NAME",
            fix="begin with a letter; up to 32 lower-case letters, digits, - and _",
        )
    overrides = {"profile": profile} if profile else {}
    settings = load(overrides)
    money = amount(cash, "--cash") if cash else Decimal(str(settings.paper.initial_cash))
    with open_reports() as reports, open_config() as store:
        if any(row["name"] == name for row in reports.bots()):
            raise ConfigError(f"there is a bot named {name!r} already", where="NAME", fix="choose another name")
        bot_id = reports.ensure_bot(name, "paper", settings.market.quote, money)
        version = store.set(name, overrides, author(), "made with the bot") if overrides else 0
    return {
        "bot_id": bot_id,
        "name": name,
        "mode": "paper",
        "quote": settings.market.quote,
        "initial_cash": float(money),
        "profile": settings.profile,
        "settings_version": version,
    }


def author() -> str:
    """Who changes something from this command line."""
    import getpass

    try:
        return f"cli:{getpass.getuser()}"
    except (KeyError, OSError):
        return "cli"
