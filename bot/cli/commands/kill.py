"""`kill`: at once nothing more is sent to the exchange. And `dead-letters`: what could not be sent."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bot.cli.declare import command
from bot.cli.session import session

if TYPE_CHECKING:
    from bot.adapters.live_store import LiveStore

Document = dict[str, Any]

RELEASE_WORD = "release"
PULL_THE_PLUG = (
    "stops that rest at Kraken go on protecting; to pull the plug delete the API key at kraken.com, Settings > API,"
    " then nobody can send anything with it"
)


def declare(app: typer.Typer) -> None:
    """Add the commands."""

    @command(app, "kill", "kill", 'kill --reason "the strategy went mad"', "kill --release")
    def kill(
        reason: Annotated[str | None, typer.Option("--reason", metavar="TEXT", help="Why, for the record.")] = None,
        release: Annotated[bool, typer.Option("--release", help="Take the kill switch back.")] = False,
        yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask before --release.")] = False,
    ) -> None:
        """The kill switch: from now on nothing is sent to the exchange.

        Stops that rest there go on protecting; ticks only keep books. Says what remains, by the last tick.
        Needs the database and not the exchange.
        """
        from bot.cli.views import remains as view

        session.report(_release(yes) if release else _kill(reason), view.kill)

    @command(app, "dead-letters", "dead-letters", "dead-letters --seen x5kq2hvd3mmbyaie0")
    def dead_letters(
        seen: Annotated[
            str | None, typer.Option("--seen", metavar="ID", help="I have seen to this one; `all` for every one.")
        ] = None,
    ) -> None:
        """Orders that the exchange would not take, kept until a person has seen to them."""
        from bot.cli.views import remains as view

        session.report(_letters(seen), view.letters)


def _kill(reason: str | None) -> Document:
    from bot.cli.commands.bots import author
    from bot.cli.remains import read_remains
    from bot.cli.texts import text
    from bot.cli.wiring import open_reports
    from bot.domain.errors import DatabaseError

    try:
        with _store() as store:
            store.kill((reason or "").strip() or text("kill.by_hand"), author())
    except DatabaseError as error:
        raise DatabaseError(f"the kill switch is NOT on: {error.what}", where=error.where, fix=PULL_THE_PLUG) from error
    with open_reports() as reports:
        return {**read_remains(reports), "lifted": ""}


def _release(sure: bool) -> Document:
    from bot.cli.commands.bots import author
    from bot.cli.remains import read_remains
    from bot.cli.wiring import open_reports

    with _store() as store:
        why = store.killed()
        lifted = store.lift_kill(author()) if why and (sure or _confirmed(why)) else ""
    with open_reports() as reports:
        return {**read_remains(reports), "lifted": lifted}


def _confirmed(why: str) -> bool:
    """Whether a person at the terminal types the word."""
    import sys

    from bot.cli.texts import text
    from bot.domain.errors import ConfigError

    if session.json or not sys.stdin.isatty():
        raise ConfigError(
            "kill --release lets orders be sent again, and there is nobody to ask",
            where="--yes",
            fix="add --yes if you mean it",
        )
    typed: str = typer.prompt(text("kill.ask", reason=why, word=RELEASE_WORD), default="", show_default=False, err=True)
    return typed.strip().lower() == RELEASE_WORD


def _letters(seen: str | None) -> Document:
    from bot.cli.commands.bots import author
    from bot.cli.plain_json import document
    from bot.domain.errors import ConfigError

    with _store() as store:
        letters = [row["client_id"] for row in store.dead_letters()]
        meant = letters if seen == "all" else [seen] if seen else []
        done = [name for name in meant if store.resolve_dead_letter(name, author())]
        if seen and seen != "all" and not done:
            fix = f"choose one of: {', '.join(letters)}" if letters else "there is none"
            raise ConfigError(f"no open dead letter is named {seen}", where="--seen", fix=fix)
        return {"dead_letters": document(store.dead_letters()), "seen": done}


@contextmanager
def _store() -> Iterator[LiveStore]:
    from bot.adapters.live_store import LiveStore
    from bot.cli.wiring import ready_database

    store = LiveStore(ready_database().url)
    try:
        yield store
    finally:
        store.close()
