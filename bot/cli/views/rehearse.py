"""A rehearsal's document as a report."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bot.cli import codes, figures
from bot.cli.blocks import BAD, FAINT, GOOD, STRONG, Block, Heading, Line, cell, pairs, table
from bot.cli.texts import TEXTS, text, word

MOST_ROWS = 30
FRACTIONS = ("win_rate", "total_return", "max_drawdown")
GAINS = ("avg_win", "avg_loss", "total_pnl")
SAID_ALREADY = ("total_return",)


def blocks(document: Mapping[str, Any], most: int = MOST_ROWS) -> list[Block]:
    """Result first, then the trades."""
    return [Heading(text("rehearse.title", name=document.get("data", "-"))), result(document), *trades(document, most)]


def result(document: Mapping[str, Any]) -> Block:
    """Figures of the whole run."""
    quote = document.get("quote", "")
    start, end = document["equity_start"], document["equity_end"]
    errors = document["errors"]
    failed = errors if isinstance(errors, int) else len(errors)
    rows: list[tuple[str, object]] = []
    if document.get("from") and document.get("to"):
        rows.append((text("rehearse.period"), f"{figures.moment(document['from'])} - {figures.moment(document['to'])}"))
    rows += [
        (text("rehearse.ticks"), figures.count(document["ticks"])),
        (text("rehearse.errors"), cell(figures.count(failed), BAD if failed else "")),
        (word("orders"), figures.count(_count(document["orders"]))),
        (
            word("equity"),
            cell(f"{figures.money(start, quote)} → {figures.money(end, quote)}", STRONG),
        ),
        *([] if start is None or end is None else [_earned(start, end, quote)]),
    ]
    rows += [
        (_metric_name(name), _metric(name, value, quote))
        for name, value in document["metrics"].items()
        if value is not None and name not in SAID_ALREADY
    ]
    rows.append((word("duration"), figures.span(document["duration_s"])))
    return pairs(*rows)


def trades(document: Mapping[str, Any], most: int = MOST_ROWS) -> list[Block]:
    """The newest trades, oldest of them first."""
    made = document["trades"]
    if not made:
        return [Heading(word("trades")), Line("  " + word("no_trades"), FAINT)]
    columns = (
        word("symbol"), word("opened"), word("closed"), ">" + word("quantity"), ">" + word("entry_price"),
        ">" + word("exit_price"), ">" + word("profit"), word("reason"),
    )  # fmt: skip
    rows = [
        (
            one["symbol"], figures.moment(one["entry_at"]), figures.moment(one["exit_at"]),
            figures.size(one["quantity"]), figures.price(one["entry_price"]), figures.price(one["exit_price"]),
            cell(figures.gain(one["pnl"]), GOOD if one["pnl"] > 0 else BAD), _ended(one),
        )
        for one in made[-most:]
    ]  # fmt: skip
    shown: list[Block] = [Heading(word("trades")), table(columns, rows)]
    if len(made) > most:
        shown.append(Line("  " + text("rehearse.more", count=len(made) - most), FAINT))
    return shown


def _ended(trade: Mapping[str, Any]) -> str:
    return codes.called(codes.RULE, trade["exit_reason"]) or text("why.still_held")


def _count(orders: Any) -> int:
    return orders if isinstance(orders, int) else len(orders)


def _metric_name(name: str) -> str:
    key = f"metric.{name}"
    return text(key) if key in TEXTS else name.replace("_", " ")


def _metric(name: str, value: Any, quote: str) -> str:
    if value is None:
        return figures.DASH
    if name in FRACTIONS:
        return figures.percent(value)
    if name in GAINS:
        return figures.gain(value, quote)
    if name == "total_fees":
        return figures.money(value, quote)
    if name.endswith("_h"):
        return figures.span(value * 3600)
    return figures.money(value) if isinstance(value, float) else str(value)


def _earned(start: float, end: float, quote: str) -> tuple[str, object]:
    told = f"{figures.gain(end - start, quote)} ({figures.percent(end / start - 1, 2) if start else '-'})"
    return text("rehearse.result"), cell(told, GOOD if end >= start else BAD)
