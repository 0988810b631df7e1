"""A tick's document as a report: what it saw, what it decided and why, what it holds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bot import words
from bot.cli import codes, figures
from bot.cli.blocks import BAD, FAINT, GOOD, STRONG, WARNING, Block, Cell, Heading, Line, cell, pairs, table
from bot.cli.session import session
from bot.cli.texts import text, word
from bot.domain.decisions import Effect, Reason

Document = Mapping[str, Any]

VERDICT_TONES = {"enter": GOOD, "exit": WARNING, "hold": STRONG, "no_trade": FAINT}


def blocks(document: Document) -> list[Block]:
    """The whole report of one tick."""
    if "skipped" in document:
        return [Line(text("tick.skipped", detail=skipped(document)), FAINT)]
    shown: list[Block] = [summary(document)]
    if document.get("dry_run"):
        shown.append(Line(text("tick.dry_run"), WARNING))
    if not document["bots"]:
        shown.append(Line(text("no_bots"), WARNING))
    for bot in document["bots"]:
        shown += bot_blocks(bot, document)
    return shown


def skipped(document: Document) -> str:
    """Why a tick had nothing to do, in words."""
    if document["skipped"] == "done" and document.get("slot"):
        return text("tick.done", moment=figures.moment(document["slot"]))
    return text("tick.held") if document["skipped"] == "held" else str(document["detail"])


def summary(document: Document) -> Block:
    """When, in which mode, how long."""
    spent = sum(document.get("timings_ms", {}).values()) / 1000
    return pairs(
        (word("now"), figures.moment(document["now"])),
        (word("mode"), words.ui(document["mode"], session.speak())),
        (word("duration"), figures.span(spent)),
    )


def bot_blocks(bot: Document, document: Document) -> list[Block]:
    """Everything about one bot."""
    return [
        Heading(text("tick.title", name=bot["name"], status=codes.called(codes.BOT, bot["status"]))),
        *_saw(bot, document),
        *_decided(bot),
        *_ordered(bot),
        *_holds(bot),
    ]


def _saw(bot: Document, document: Document) -> list[Block]:
    by_symbol = {signal["symbol"]: signal for signal in bot.get("signals", [])}
    problems = bot.get("problems", {})
    rows = []
    prices = bot.get("prices", {})
    for symbol in dict.fromkeys(
        [*(one for one in by_symbol if one in prices), *prices]
    ):  # stored, prices have no order
        price = prices[symbol]
        signal = by_symbol.get(symbol)
        age = (_now_ms(document) - signal["close_ms"]) / 1000 if signal else None
        rows.append(
            (
                symbol,
                figures.price(price),
                candle_of(signal) if signal else None,
                figures.span(age),
                direction(signal["direction"]) if signal else None,
                figures.percent(signal["confidence"]) if signal else None,
            )
        )
    shown: list[Block] = [Heading(word("saw"))]
    if rows:
        columns = (
            word("symbol"), ">" + word("price"), word("candle_utc"), ">" + word("data_age"), word("signal"),
            ">" + word("confidence"),
        )  # fmt: skip
        shown.append(table(columns, rows))
    for symbol, problem in problems.items():
        shown.append(Line("  " + text("tick.problem", symbol=symbol, detail=problem["detail"]), WARNING))
    return shown


def _decided(bot: Document) -> list[Block]:
    shown: list[Block] = [Heading(word("decided"))]
    for note in bot.get("notes", []):
        shown.append(Line("  " + sentence(note, bot["quote"]), WARNING))
    if not bot["verdicts"]:
        return [*shown, Line("  " + word("nothing_decided"), FAINT)]
    by_weight = sorted(bot["verdicts"], key=lambda verdict: list(VERDICT_TONES).index(verdict["verdict"]))
    rows = [(verdict["symbol"], *verdict_cells(verdict, bot["quote"])) for verdict in by_weight]
    return [*shown, table((word("symbol"), word("verdict"), "~" + word("reason")), rows)]


def verdict_cells(verdict: Document, quote: str) -> tuple[Cell, Cell]:
    """The verdict in one word, and the sentence of the rule that decided."""
    name = verdict["verdict"]
    reasons = verdict.get("reasons") or []
    why = sentence(reasons[-1], quote) if reasons else str(verdict.get("reason", ""))
    return cell(word(name), VERDICT_TONES.get(name, "")), cell(why)


def _ordered(bot: Document) -> list[Block]:
    if not bot["orders"]:
        return []
    rows = [
        (
            order["client_id"], order["symbol"], word(order["side"]), codes.called(codes.LEG, order["leg"]),
            figures.size(order["quantity"]),
            figures.price(order.get("limit_price") or order.get("stop_price")),
            cell(codes.called(codes.ORDER, order["status"]), BAD if order["status"] in ("rejected", "unknown") else ""),
        )
        for order in bot["orders"]
    ]  # fmt: skip
    columns = (
        word("id"), word("symbol"), word("side"), word("leg"), ">" + word("quantity"), ">" + word("limit"),
        word("status"),
    )  # fmt: skip
    return [Heading(word("orders")), table(columns, rows)]


def _holds(bot: Document) -> list[Block]:
    quote = bot["quote"]
    shown: list[Block] = [Heading(word("holds"))]
    if bot["positions"]:
        shown.append(positions(bot["positions"]))
    else:
        shown.append(Line("  " + word("nothing_held"), FAINT))
    rows = [
        (word("cash"), figures.money(bot.get("cash"), quote)),
        (word("equity"), cell(figures.money(bot["equity"], quote), STRONG)),
    ]
    if bot.get("drawdown"):
        rows.append((word("drawdown"), figures.percent(bot["drawdown"])))
    for closed in bot.get("closed", []):
        tone = GOOD if closed["pnl"] > 0 else BAD
        told = f"{figures.gain(closed['pnl'], quote)} ({codes.called(codes.RULE, closed['exit_reason'])})"
        rows.append((f"{word('exit')} {closed['symbol']}", cell(told, tone)))
    return [*shown, pairs(*rows)]


def positions(held: list[Document]) -> Block:
    """Positions with their stops and targets, and what they would gain at the price of now, exit fee left out."""
    columns = (
        word("symbol"), ">" + word("quantity"), ">" + word("entry_price"), ">" + word("price"), ">" + word("stop"),
        ">" + word("target"), ">" + word("gain_now"),
    )  # fmt: skip
    return table(
        columns,
        [
            (
                one["symbol"], figures.size(one["quantity"]), figures.price(one["entry_price"]),
                figures.price(one.get("price")),
                cell(figures.price(one["stop_price"]), "" if one["stop_price"] else BAD),
                figures.price(one.get("target_price")), _gain_now(one),
            )
            for one in held
        ],
    )  # fmt: skip


def _gain_now(one: Document) -> Cell:
    entry, price = one["entry_price"], one.get("price")
    if not entry or price is None:
        return cell(None)
    return cell(f"{'+' if price > entry else ''}{figures.percent(price / entry - 1)}", GOOD if price > entry else BAD)


def sentence(reason: Document, quote: str = "") -> str:
    """A stored reason in words. Values may be pairs or an object; nan is stored as null."""
    values = reason.get("values") or []
    items = values.items() if isinstance(values, Mapping) else values
    filled = tuple((str(name), float("nan") if value is None else value) for name, value in items)
    return words.say(Reason(reason["rule"], Effect(reason["effect"]), filled), session.speak(), quote)


def direction(value: int) -> Cell:
    """What a signal or vote says."""
    if value == 0:
        return Cell("-", FAINT)
    return Cell(text("buy"), GOOD) if value > 0 else Cell(text("sell"), WARNING)


def candle_of(signal: Document) -> str:
    """ "1h 2026-01-05 11:00": timeframe and open time."""
    from bot.domain.timeframes import to_datetime

    return f"{signal['timeframe']} {to_datetime(signal['open_ms']):%Y-%m-%d %H:%M}"


def _now_ms(document: Document) -> int:
    from datetime import datetime

    return round(datetime.fromisoformat(document["now"]).timestamp() * 1000)
