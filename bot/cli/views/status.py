"""The status document as a report."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bot.cli import codes, figures
from bot.cli.blocks import BAD, FAINT, GOOD, STRONG, WARNING, Block, Heading, Line, cell, pairs, table
from bot.cli.codes import called
from bot.cli.french import local
from bot.cli.texts import text, word

SEVERITY_TONES = {"error": BAD, "warning": WARNING, "info": ""}
STATUS_TONES = {"RUNNING": GOOD, "PAUSED": WARNING, "ERROR": BAD, "IDLE": FAINT}


def blocks(document: Mapping[str, Any]) -> list[Block]:
    """Bots, positions, the clock, what is wrong."""
    mark = [Line(text("why.rehearsal"), WARNING)] if document["source"] == "rehearsal" else []
    real = _live(document["live"]) if document["live"] else []
    held = _positions(document["positions"])
    return [*mark, *bots(document["bots"]), *real, *held, *_clock(document), *_risks(document)]


def bots(listed: list[Mapping[str, Any]]) -> list[Block]:
    """One row a bot."""
    shown: list[Block] = [Heading(word("bot"))]
    if not listed:
        return [*shown, Line("  " + text("no_bots"), WARNING)]
    columns = (
        word("name"), word("mode"), word("status"), ">" + word("cash"), ">" + word("equity"),
        ">" + word("today"), ">" + word("total"), ">" + word("drawdown"),
    )  # fmt: skip
    rows = [
        (
            bot["name"], word(bot["mode"]), cell(called(codes.BOT, bot["status"]), STATUS_TONES.get(bot["status"], "")),
            figures.money(bot["cash"], bot["quote"]), cell(figures.money(bot["equity"], bot["quote"]), STRONG),
            _gain(bot["pnl_today"]), _gain(bot["pnl_total"]), figures.percent(bot["drawdown"]),
        )
        for bot in listed
    ]  # fmt: skip
    return [*shown, table(columns, rows)]


def _gain(value: float | None) -> Any:
    tone = "" if not value else GOOD if value > 0 else BAD
    return cell(figures.gain(value), tone)


def _live(live: Mapping[str, Any]) -> list[Block]:
    """Real money: with how much, and whether anything is sent at all."""
    rows: list[tuple[str, object]] = []
    if live["bot"]:
        told = text(
            "status.live",
            bot=live["bot"],
            amount=figures.money(live["capital"], live["quote"]),
            step=live["step"],
            steps=live["steps"],
            state=text("live.may_trade") if live["may_trade"] else text("live.may_not_trade"),
        )
        rows.append((text("live.bot"), cell(told, WARNING)))
    if live["kill_switch"]:
        rows.append((text("live.killed"), cell(live["kill_switch"]["reason"], BAD)))
    return [Heading(text("live.title")), pairs(*rows)] if rows else []


def _positions(held: list[Mapping[str, Any]]) -> list[Block]:
    shown: list[Block] = [Heading(word("positions"))]
    if not held:
        return [*shown, Line("  " + word("nothing_held"), FAINT)]
    several = len({one["bot"] for one in held}) > 1
    columns = (
        *([word("bot")] if several else []),
        word("symbol"), ">" + word("quantity"), ">" + word("entry_price"), ">" + word("stop"),
        ">" + word("target"), word("since"), word("id"),
    )  # fmt: skip
    rows = [
        (
            *([one["bot"]] if several else []),
            one["symbol"], figures.size(one["quantity"]), figures.price(one["entry_price"]),
            cell(figures.price(one["stop_price"]), "" if one["stop_price"] else BAD),
            figures.price(one["target_price"]), figures.moment(one["opened_at"]), one["trade_id"],
        )
        for one in held
    ]  # fmt: skip
    return [*shown, table(columns, rows)]


def _clock(document: Mapping[str, Any]) -> list[Block]:
    tick, slots = document["last_tick"], document["slots"]
    if tick is None:
        last = cell(text("status.no_tick"), WARNING)
    else:
        told = text(
            "status.tick_text",
            slot=figures.moment(tick["slot"]),
            status=called(codes.TICK, tick["status"]),
            age=figures.span(tick["age_s"]),
        )
        last = cell(told, BAD if tick["status"] == "failed" else "")
    counted = text(
        "status.slots_text",
        delivered=slots["delivered"],
        missed=slots["missed"],
        gap=figures.span(slots["longest_gap_s"]),
    )
    model = document["model"]["name"] or text("status.no_model")
    ledger = (text("status.slots", hours=slots["hours"]), cell(counted, WARNING if slots["missed"] else ""))
    rehearsed = document["source"] == "rehearsal"  # whose cadence is its own
    rows = pairs((word("last_tick"), last), *([] if rehearsed else [ledger]), (word("model"), model))
    return [Heading(word("status")), rows]


def _risks(document: Mapping[str, Any]) -> list[Block]:
    shown: list[Block] = [Heading(word("risk_events"))]
    events = document["risk_events"]
    if not events:
        return [*shown, Line("  " + text("status.no_risk"), FAINT)]
    rows = [
        (
            figures.moment(event["at"]),
            cell(called(codes.RULE, event["kind"]), SEVERITY_TONES.get(event["severity"], "")),
            local(event["message"]),
            local(event["fix"]),
        )
        for event in events
    ]
    return [*shown, table((word("since"), word("type"), "~" + word("message"), "~" + word("fix")), rows)]
