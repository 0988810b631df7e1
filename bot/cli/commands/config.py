"""`config`: what is set, by whom, and a bot's own settings with their versions."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from bot.cli.commands.bots import author
from bot.cli.declare import command, new_app, with_root
from bot.cli.session import session
from bot.domain.errors import ConfigError

Document = dict[str, Any]

BotOption = Annotated[
    str | None, typer.Option("--bot", metavar="NAME", help="Which bot; needed when there are several.")
]
NoteOption = Annotated[str | None, typer.Option("--note", metavar="TEXT", help="Why, for the history.")]


def declare(app: typer.Typer) -> None:
    """Add the commands."""
    group = with_root(
        new_app(
            "Settings: show, set, history, rollback.",
            ("config show", "config set risk.stop_loss_frac=0.03", "config rollback 2"),
        )
    )

    @command(group, "show", "config show", "config show --bot main --json", "config show --part risk")
    def show(
        bot: BotOption = None,
        part: Annotated[str | None, typer.Option("--part", metavar="NAME", help="Only one group, like risk.")] = None,
    ) -> None:
        """Every setting: its value, who set it, what is allowed."""
        from bot.cli.views import small

        session.report(_show(bot, part), small.config_show)

    @command(
        group,
        "set",
        "config set risk.stop_loss_frac=0.03",
        'config set market.symbols=BTC/EUR,ETH/EUR --note "only two"',
    )
    def set_(
        assignment: Annotated[
            list[str], typer.Argument(metavar="FIELD=VALUE...", help="One or more; no value takes it back.")
        ],
        bot: BotOption = None,
        note: NoteOption = None,
    ) -> None:
        """Change settings of one bot, as a new version. Holds from the next tick on."""
        from bot.cli.views import small

        session.report(_set(assignment, bot, note), small.config_set)

    @command(group, "history", "config history", "config history --bot main --json")
    def history(bot: BotOption = None) -> None:
        """All versions of a bot's settings, newest first: who, when, what, why."""
        from bot.cli.views import small

        session.report(_history(bot), small.config_history)

    @command(group, "rollback", "config rollback 2", "config rollback 0 --note 'back to the profile'")
    def rollback(
        version: Annotated[str, typer.Argument(metavar="VERSION", help="0 takes all of the bot's own settings back.")],
        bot: BotOption = None,
        note: NoteOption = None,
    ) -> None:
        """Put an older version of a bot's settings in force again, as a new version."""
        from bot.cli.views import small

        session.report(_rollback(version, bot, note), small.config_rollback)

    app.add_typer(group, name="config")


def chosen_bot(rows: list[Document], asked: str | None) -> str:
    """The bot that is meant: the one asked for, else the only one. Raises ConfigError."""
    names = [str(row["name"]) for row in rows]
    if asked is not None and asked in names:
        return asked
    if asked is None and len(names) == 1:
        return names[0]
    if not names:
        raise ConfigError("there is no bot yet", where="--bot", fix="make one: python -m bot bots add main")
    what = "several bots: which one?" if asked is None else f"no bot is named {asked!r}"
    raise ConfigError(what, where="--bot", fix=f"choose one of: {', '.join(names)}")


def _show(bot: str | None, part: str | None) -> Document:
    from bot.cli.wiring import open_config, open_reports
    from bot.settings import describe, load

    with open_reports() as reports, open_config() as store:
        name = chosen_bot(reports.bots(), bot)
        stored = store.show(name)
    rows = [
        {
            "field": row.field, "value": list(row.value) if isinstance(row.value, tuple) else row.value,
            "layer": row.layer, "unit": row.unit, "range": row.range, "help": row.help,
        }
        for row in describe(load(stored["overrides"]))
        if part is None or row.field == part or row.field.startswith(f"{part}.")
    ]  # fmt: skip
    if not rows:
        raise ConfigError(
            f"no group of settings is named {part!r}", where="--part", fix="try risk, market or strategies"
        )
    return {"bot": name, "version": stored["version"], "settings": rows}


def _set(assignments: list[str], bot: str | None, note: str | None) -> Document:
    """Checks the settings as they would be, all layers together, before anything is stored."""
    from bot.cli.wiring import open_config, open_reports, refuse_other_money
    from bot.settings import describe, load

    changes = dict(_parsed(text) for text in assignments)
    _refuse_shared(changes)
    with open_reports() as reports, open_config() as store:
        bots = reports.bots()
        name = chosen_bot(bots, bot)
        overrides = store.show(name)["overrides"]
        before = {row.field: row.value for row in describe(load(overrides))}
        settings = load(_changed(overrides, changes))
        refuse_other_money(settings, name, next(row["quote"] for row in bots if row["name"] == name))
        after = {row.field: row.value for row in describe(settings)}
        version = store.set(name, changes, author(), note or "")
    return {
        "bot": name,
        "version": version,
        "changes": [{"field": field, "old": before[field], "new": after[field]} for field in changes],
    }


def _refuse_shared(changes: Document) -> None:
    """A bot's own value of what all bots share would be stored and never used. Taking one back is fine."""
    from bot.settings import SHARED

    field = next((name for name, value in changes.items() if name.startswith(SHARED) and value is not None), None)
    if field is not None:
        group, _, name = field.partition(".")
        raise ConfigError(
            f"{field} is one for all bots",
            where=field,
            fix=f"set it in metronome.toml, [{group}], or as METRONOME_{group.upper()}__{name.upper()}",
        )


def _parsed(text: str) -> tuple[str, Any]:
    from bot.settings import fields, parse_assignment

    name, separator, value = text.partition("=")
    if separator and not value.strip() and name.strip() in {spec.name for spec in fields()}:
        return name.strip(), None
    return parse_assignment(text)


def _changed(overrides: Document, changes: Document) -> Document:
    """The overrides as they will be, by dotted names; what is taken back is left out."""
    flat = dotted(overrides) | changes
    return {name: value for name, value in flat.items() if value is not None}


def dotted(group: Document, prefix: str = "") -> Document:
    """Nested overrides by dotted names."""
    flat: Document = {}
    for name, value in group.items():
        flat |= dotted(value, f"{prefix}{name}.") if isinstance(value, dict) else {f"{prefix}{name}": value}
    return flat


def _history(bot: str | None) -> Document:
    from bot.cli.plain_json import document
    from bot.cli.wiring import open_config, open_reports

    with open_reports() as reports, open_config() as store:
        name = chosen_bot(reports.bots(), bot)
        versions: list[Document] = document(store.history(name))
    return {"bot": name, "versions": versions[::-1]}


def _rollback(version: str, bot: str | None, note: str | None) -> Document:
    from bot.cli.wiring import open_config, open_reports
    from bot.settings import load

    if not version.isdigit():
        raise ConfigError(f"not a version: {version!r}", where="VERSION", fix="see python -m bot config history")
    with open_reports() as reports, open_config() as store:
        name = chosen_bot(reports.bots(), bot)
        # Settings that were valid once may be out of range now, or clash with a file that was changed since.
        old = next((one for one in store.history(name) if one["version"] == int(version)), None)
        load(old["overrides"] if old else {})
        made = store.rollback(name, int(version), author(), note or "")
    return {"bot": name, "rolled_back_to": int(version), "version": made}
