"""The document of `rebuild` as a report."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bot.cli import figures
from bot.cli.blocks import FAINT, GOOD, WARNING, Block, Line, table
from bot.cli.texts import text, word

Document = Mapping[str, Any]


def blocks(document: Document) -> list[Block]:
    """What the exchange remembers of the bot, and whether it is in the database now."""
    shown: list[Block] = [
        Line(text("rebuild.found", bot=document["bot"], trades=document["trades"], fills=document["fills"]))
    ]
    quote = document["quote"]
    if document["positions"]:
        headings = (word("symbol"), ">" + word("quantity"), ">" + word("entry_price"), ">" + word("stop"))
        rows = [
            (
                held["symbol"], figures.size(held["quantity"]), figures.price(held["entry_price"]),
                figures.price(held["stop_price"]) if held["stop_price"] else "-",
            )
            for held in document["positions"]
        ]  # fmt: skip
        shown.append(table(headings, rows))
    shown.append(Line(text("rebuild.cash", cash=figures.money(document["cash"], quote))))
    if document["beside"]:
        beside = ", ".join(f"{figures.size(amount)} {asset}" for asset, amount in document["beside"].items())
        shown.append(Line(text("rebuild.beside", beside=beside), FAINT))
    for foreign in document["foreign_orders"]:
        shown.append(Line(text("rebuild.foreign", order=foreign), WARNING))
    if document["written"]:
        shown.append(Line(text("rebuild.written", bot=document["bot"]), GOOD))
    else:
        shown.append(Line(text("rebuild.not_written"), FAINT))
    return shown
