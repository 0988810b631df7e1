"""Reports of a few lines: control, migrations, settings, the list of bots."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bot.cli import codes, figures
from bot.cli.blocks import FAINT, GOOD, STRONG, WARNING, Block, Line, cell, table
from bot.cli.french import local
from bot.cli.texts import text, word

Document = Mapping[str, Any]


def control(document: Document) -> list[Block]:
    """What will happen, and when."""
    if not document["commands"]:
        return [Line(text("control.not_done"), FAINT)]
    shown: list[Block] = [
        Line(
            text(
                f"control.{document['kind']}",
                bot=command["bot"],
                symbol=document.get("symbol", ""),
                positions=command["positions"],
            ),
            GOOD,
        )
        for command in document["commands"]
    ]
    if document.get("next_tick_by"):
        shown.append(Line(text("control.due", moment=figures.moment(document["next_tick_by"])), FAINT))
    return shown


def migrate(document: Document) -> list[Block]:
    """What was applied."""
    applied = document["applied"]
    shown: list[Block] = [Line("  " + name) for name in applied]
    key = "migrate.done" if applied else "migrate.nothing"
    shown.append(Line(text(key, count=len(applied), already=document["already"]), GOOD))
    if document.get("bot"):
        bot = document["bot"]
        shown.append(Line(text("migrate.bot", name=bot["name"], cash=figures.money(bot["cash"], bot["quote"]))))
    return shown


def config_show(document: Document) -> list[Block]:
    """Every setting, its value, who set it, what is allowed."""
    rows = [
        (
            row["field"],
            cell(_value(row["value"]), STRONG if row["layer"] != "defaults" else ""),
            codes.called(codes.LAYER, row["layer"].partition(",")[0]),
            local(row["range"]),
        )
        for row in document["settings"]
    ]
    return [table((word("field"), "~" + word("value"), word("set_by"), "~" + word("range")), rows)]


def config_set(document: Document) -> list[Block]:
    """Old and new value, and from when it holds."""
    shown: list[Block] = []
    for change in document["changes"]:
        same = change["old"] == change["new"]
        told = text(
            "config.same" if same else "config.set",
            bot=document["bot"],
            field=change["field"],
            old=_value(change["old"]),
            new=_value(change["new"]),
            version=document["version"],
        )
        shown.append(Line(told, FAINT if same else GOOD))
    return shown


def config_history(document: Document) -> list[Block]:
    """Versions, newest first."""
    if not document["versions"]:
        return [Line(text("config.no_history"), FAINT)]
    rows = [
        (one["version"], figures.moment(one["created_at"]), one["author"], _changes(one["changes"]), one["note"])
        for one in document["versions"]
    ]
    return [table((">" + word("version"), word("at"), word("author"), "~" + word("change"), "~" + word("note")), rows)]


def config_rollback(document: Document) -> list[Block]:
    """The version that holds now."""
    told = text("config.rolled_back", bot=document["bot"], to=document["rolled_back_to"], version=document["version"])
    return [Line(told, GOOD)]


def bots_list(document: Document) -> list[Block]:
    """One row a bot."""
    if not document["bots"]:
        return [Line(text("no_bots"), WARNING)]
    rows = [
        (
            bot["name"], word(bot["mode"]), codes.called(codes.BOT, bot["status"]), bot["profile"],
            figures.money(bot["initial_cash"], bot["quote"]),
            figures.money(bot["cash"], bot["quote"]), bot["settings_version"],
        )
        for bot in document["bots"]
    ]  # fmt: skip
    columns = (
        word("name"), word("mode"), word("status"), word("profile"), ">" + word("start_cash"), ">" + word("cash"),
        ">" + word("settings"),
    )  # fmt: skip
    return [table(columns, rows)]


def bots_added(document: Document) -> list[Block]:
    """The new bot."""
    told = text(
        "bots.added",
        name=document["name"],
        mode=word(document["mode"]),
        cash=figures.money(document["initial_cash"], document["quote"]),
        version=document["settings_version"],
    )
    return [Line(told, GOOD)]


def loop(document: Document) -> list[Block]:
    """How many ticks, and how they went."""
    told = text("loop.done", ticks=document["ticks"], failed=document["failed"], skipped=document["skipped"])
    return [Line(told, WARNING if document["failed"] else GOOD)]


def _value(value: Any) -> str:
    if value is None:
        return text("config.unset")
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return str(value)


def _changes(changes: Mapping[str, Mapping[str, Any]]) -> str:
    return "; ".join(f"{field}: {_value(one['from'])} → {_value(one['to'])}" for field, one in changes.items())
