"""What remains, as a report: positions and their stops first."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bot.cli import codes, figures
from bot.cli.blocks import BAD, FAINT, GOOD, WARNING, Block, Heading, Line, cell, table
from bot.cli.texts import text, word
from bot.cli.views import small

Document = Mapping[str, Any]


def kill(document: Document) -> list[Block]:
    """Whether the switch is on, and what stands all the same."""
    switch = document["kill_switch"]
    if switch:
        told = text("kill.on", reason=switch["reason"], by=switch["by"], moment=figures.moment(switch["at"]))
        head = [Line(told, BAD), Line(text("kill.means"))]
    else:
        told = text("kill.lifted", reason=document["lifted"]) if document["lifted"] else text("kill.off")
        head = [Line(told, GOOD)]
    return [*head, *blocks(document)]


def close_all(document: Document) -> list[Block]:
    """What was asked for, and after a wait what is left."""
    shown = small.control(document)
    if not document["commands"]:
        return shown
    if document["kill_switch"]:
        shown.append(Line(text("control.killed"), BAD))
    if document.get("done") is True:
        return [*shown, Line(text("close_all.done"), GOOD)]
    if document.get("done") is False:
        shown.append(Line(text("close_all.not_done"), BAD))
    else:
        shown.append(Line(text("close_all.stops_stay"), FAINT))
    return [*shown, *blocks(document)]


def letters(document: Document) -> list[Block]:
    """Orders that could not be placed."""
    rows = document["dead_letters"]
    seen = [Line(text("letters.seen", id=name), GOOD) for name in document["seen"]]
    if not rows:
        return [*seen, Line(text("letters.none"), GOOD)]
    shown = [
        (
            figures.moment(row["at"]), row["bot"], row["symbol"], codes.called(codes.LEG, row["leg"]),
            figures.size(row["quantity"]), row["why"], row["client_id"],
        )
        for row in rows
    ]  # fmt: skip
    columns = (
        word("at"), word("bot"), word("symbol"), word("leg"), ">" + word("quantity"), "~" + word("message"), word("id"),
    )  # fmt: skip
    return [*seen, table(columns, shown), Line(text("letters.how"), FAINT)]


def blocks(document: Document) -> list[Block]:
    """Everything that stands, each kind under its heading; nothing at all in one line."""
    shown = [*_positions(document["positions"]), *_entries(document), *_unknown(document["unknown"])]
    if not shown:
        shown = [Line(text("remains.nothing"), GOOD)]
    if document["as_of"]:
        shown.append(Line(text("remains.as_of", moment=figures.moment(document["as_of"])), FAINT))
    return shown


def _positions(held: list[Document]) -> list[Block]:
    if not held:
        return []
    columns = (
        word("bot"), word("mode"), word("symbol"), ">" + word("quantity"), ">" + text("remains.protected"),
        ">" + word("stop"), ">" + text("remains.worth"),
    )  # fmt: skip
    rows = [
        (
            one["bot"], word(one["mode"]), one["symbol"], figures.size(one["quantity"]),
            cell(figures.size(one["protected"]), "" if one["protected"] >= one["quantity"] else BAD),
            ", ".join(figures.price(stop["stop_price"]) for stop in one["stops"]) or cell(None, BAD),
            figures.money(one["worth_at_stops"], one["quote"]),
        )
        for one in held
    ]  # fmt: skip
    return [Heading(text("remains.positions")), table(columns, rows)]


def _entries(document: Document) -> list[Block]:
    rows = [
        (
            one["bot"], word(one["mode"]), one["symbol"], codes.called(codes.LEG, one["leg"]),
            figures.size(one["quantity"]), figures.price(one["limit_price"]), figures.moment(one["expires_at"]),
        )
        for one in (*document["entries"], *document["exits"])
    ]  # fmt: skip
    if not rows:
        return []
    columns = (
        word("bot"), word("mode"), word("symbol"), word("leg"), ">" + word("quantity"), ">" + word("limit"),
        text("remains.expires"),
    )  # fmt: skip
    return [Heading(text("remains.resting")), table(columns, rows)]


def _unknown(doubtful: list[Document]) -> list[Block]:
    if not doubtful:
        return []
    rows = [
        (
            one["bot"], word(one["mode"]), one["symbol"], codes.called(codes.LEG, one["leg"]),
            cell(codes.called(codes.ORDER, one["status"]), WARNING), figures.size(one["quantity"]), one["client_id"],
        )
        for one in doubtful
    ]  # fmt: skip
    columns = (
        word("bot"), word("mode"), word("symbol"), word("leg"), word("status"), ">" + word("quantity"), word("id"),
    )  # fmt: skip
    return [Heading(text("remains.unknown")), table(columns, rows), Line(text("remains.unknown_means"), FAINT)]
