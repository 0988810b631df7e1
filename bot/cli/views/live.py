"""Documents of `live` as reports."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from bot.cli import codes, figures
from bot.cli.blocks import BAD, FAINT, GOOD, STRONG, WARNING, Block, Heading, Line, cell, pairs, table
from bot.cli.codes import called
from bot.cli.french import local
from bot.cli.texts import text, word

Document = Mapping[str, Any]


def blocks(document: Document) -> list[Block]:
    """Where the bot stands on its way to real money."""
    shown: list[Block] = [*_state(document)]
    if document["ramp"] is None or not document["live_bot"]["may_trade"]:
        shown += [Heading(text("live.gates", bot=document["paper_bot"])), gates(document["gates"])]
    if document["ramp"] is not None:
        shown += _ramp(document["ramp"], document["live_bot"]["quote"])
    return [*shown, *_missing(document["missing"]), *_decisions(document["decisions"])]


def _state(document: Document) -> list[Block]:
    bot = document["live_bot"]
    mode = cell(document["mode"], WARNING if document["mode"] == "live" else "")
    rows: list[tuple[str, object]] = [(text("live.mode"), mode)]
    if bot is None:
        rows.append((text("live.bot"), text("live.no_bot")))
    else:
        allowed = text("live.may_trade") if bot["may_trade"] else text("live.may_not_trade")
        rows += [
            (text("live.bot"), f"{bot['name']}: {called(codes.BOT, bot['status'])}, {allowed}"),
            (text("live.capital"), cell(figures.money(bot["capital"], bot["quote"]), STRONG)),
            (word("equity"), figures.money(bot["equity"], bot["quote"])),
        ]
        beside = ", ".join(f"{figures.size(amount)} {asset}" for asset, amount in bot["baseline"].items())
        rows.append((text("live.baseline"), beside or word("none")))
    if document["override"]:
        rows.append((text("live.override"), cell(document["override"], WARNING)))
    if document["kill_switch"]:
        rows.append((text("live.killed"), cell(document["kill_switch"], BAD)))
    return [Heading(text("live.title")), pairs(*rows)]


def gates(listed: Sequence[Document]) -> Block:
    """One row a gate."""
    rows = [
        (
            cell(word("ok"), GOOD) if gate["ok"] else cell(text("live.closed"), BAD),
            called(codes.GATE, gate["name"]), _value(gate), f"{_ASKS[gate['asks']]} {_number(gate['limit'], gate)}",
            text(f"live.why_{gate['why']}") if gate["why"] else "",
        )
        for gate in listed
    ]  # fmt: skip
    columns = ("", text("live.gate"), ">" + word("value"), ">" + text("live.limit"), "~" + word("note"))
    return table(columns, rows)


_ASKS = {">=": "≥", ">": ">", "<": "<"}


def _value(gate: Document) -> str:
    return figures.DASH if gate["value"] is None else _number(gate["value"], gate)


def _number(value: float, gate: Document) -> str:
    if gate["unit"] == "fraction":
        return figures.percent(value)
    return figures.count(round(value)) if gate["unit"] in ("days", "trades") else figures.money(value)


def _ramp(ramp: Document, quote: str) -> list[Block]:
    steps = ", ".join(figures.price(step) for step in ramp["steps"])
    rows: list[tuple[str, object]] = [(text("live.steps"), f"{steps} {quote}")]
    if ramp["next_capital"] is None:
        return [Heading(text("live.ramp")), pairs(*rows, (text("live.next"), text("live.last_step")))]
    told = text("live.next_allowed" if ramp["allowed"] else "live.next_waits")
    amount = figures.money(ramp["next_capital"], quote)
    rows.append((text("live.next"), cell(f"{amount}: {told}", GOOD if ramp["allowed"] else "")))
    return [Heading(text("live.ramp")), pairs(*rows), gates(ramp["gates"])]


def _missing(missing: Sequence[Document]) -> list[Block]:
    if not missing:
        return [Heading(text("live.missing")), Line("  " + text("live.nothing_missing"), GOOD)]
    rows = [(_named(one["what"]), local(one["fix"])) for one in missing]
    return [Heading(text("live.missing")), table((text("live.what"), "~" + word("fix")), rows)]


def _named(what: str) -> str:
    return called(codes.GATE, what) if what in codes.GATE else text(f"live.missing_{what}")


def _decisions(decisions: Sequence[Document]) -> list[Block]:
    if not decisions:
        return []
    rows = [
        (
            figures.moment(one["at"]), called(codes.LIVE_DECISION, one["kind"]), figures.money(one["capital"]),
            one["author"], one["override"] or one["reason"],
        )
        for one in decisions
    ]  # fmt: skip
    columns = (word("at"), word("event"), ">" + text("live.capital"), word("author"), "~" + word("reason"))
    return [Heading(text("live.decisions")), table(columns, rows)]


def decided(document: Document) -> list[Block]:
    """What became of `start` or `raise`."""
    kind, refused = document["kind"], document["refused"]
    shown: list[Block] = [gates(document["gates"]), Line("")]
    if document["override"]:
        shown += [Line(text("live.overridden", reason=document["override"]), WARNING)]
    if refused == "gates":
        return [*shown, Line(text("live.refused_gates"), BAD), *_remedies(document["gates"])]
    failed = [check for check in document["checks"] if not check["ok"]]
    if refused == "checks":
        rows = [(called(codes.CHECK, one["name"]), local(one["detail"]), local(one["fix"])) for one in failed]
        columns = (word("check"), "~" + word("detail"), "~" + word("fix"))
        return [*shown, Line(text("live.refused_checks"), BAD), table(columns, rows)]
    if not document["done"]:
        return [*shown, Line(text("control.not_done"), FAINT)]
    amount = figures.money(document["capital"], document["quote"])
    shown.append(Line(text(f"live.{kind}_done", bot=document["bot"], amount=amount), GOOD))
    return [*shown, Line(text("live.how_to_stop"), FAINT)]


def _remedies(listed: Sequence[Document]) -> list[Block]:
    from bot.cli.going_live import fix_of
    from bot.jobs.gates import Gate

    rows = [(called(codes.GATE, one["name"]), local(fix_of(Gate(**one)))) for one in listed if not one["ok"]]
    return [table((text("live.gate"), "~" + word("fix")), rows), Line(text("live.or_override"), FAINT)]


def stopped(document: Document) -> list[Block]:
    """What `stop` did, and what stays."""
    held = ", ".join(document["positions"])
    shown: list[Block] = [Line(text("live.stopped", bot=document["bot"]), GOOD)]
    return [*shown, Line(text("live.stop_holds", held=held), FAINT)] if held else shown
