"""The document of `why` as a report: one part for each verdict, then orders, events, fills."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from bot.cli import codes, figures
from bot.cli.blocks import BAD, FAINT, GOOD, STRONG, WARNING, Block, Heading, Line, cell, pairs, table
from bot.cli.codes import called
from bot.cli.texts import text, word
from bot.cli.views.tick import VERDICT_TONES, direction, sentence

Document = Mapping[str, Any]

EFFECT_TONES = {"block": WARNING, "shrink": WARNING, "enter": GOOD, "exit": WARNING, "protect": GOOD}


def blocks(document: Document) -> list[Block]:
    """The whole reasoning."""
    shown: list[Block] = [Heading(_title(document))]
    if document["source"] == "rehearsal":
        shown.append(Line(text("why.rehearsal"), WARNING))
    for number, trade in enumerate(document["trades"]):
        shown += [*([Line("")] if number else []), _trade(trade)]
    for verdict in document["verdicts"]:
        shown += _verdict(verdict, document)
    if not document["decisions"]:
        shown.append(Line(text("why.no_decision"), FAINT))
    shown += [*_orders(document["orders"]), *_events(document), *_fills(document["fills"])]
    if "replay" in document:
        shown += replay_blocks(document["replay"])
    return shown


def replay_blocks(document: Document) -> list[Block]:
    """Whether deciding again gave the same."""
    all_same = document["identical"] == document["decisions"]
    told = text("why.identical", identical=document["identical"], decisions=document["decisions"])
    if document["decisions"] == 1:
        told = text("why.replay_same" if all_same else "why.replay_differs")
    shown: list[Block] = [Line(""), Line(told, GOOD if all_same else BAD)]
    if document.get("changed_candles"):
        shown.append(Line(text("why.candles_differ", changed=", ".join(document["changed_candles"])), BAD))
    elif document.get("series"):
        shown.append(Line(text("why.candles_same", count=document["series"]), GOOD))
    for one in document["differences"]:
        shown.append(Line(f"  {figures.moment(one['slot'])} ({one['code_version']})", BAD))
        shown += [Line(f"    {difference}") for difference in one["differences"]]
    return shown


def _title(document: Document) -> str:
    kind, ref = document["kind"], document["ref"]
    if kind == "tick" and document["ticks"]:
        return text("why.tick", id=figures.moment(document["ticks"][0]["slot_at"]))
    return text(f"why.{kind}", id=ref) if kind in ("order", "trade") else str(ref)


def _trade(trade: Document) -> Block:
    quote = _quote(trade["symbol"])
    return pairs(
        (word("symbol"), trade["symbol"]),
        (word("status"), called(codes.TRADE, trade["status"])),
        (word("strategy"), called(codes.RULE, trade["strategy"])),
        (word("opened"), figures.moment(trade["entry_at"])),
        (word("closed"), figures.moment(trade["exit_at"])),
        (word("quantity"), figures.size(trade["quantity"])),
        (word("entry_price"), figures.price(trade["entry_price"])),
        (word("exit_price"), figures.price(trade["exit_price"])),
        (word("fees"), figures.money(trade["fees"], quote)),
        (
            word("profit") if trade["exit_at"] else text("why.so_far"),
            cell(figures.gain(trade["pnl"], quote), GOOD if trade["pnl"] > 0 else BAD),
        ),
        (text("why.ended"), called(codes.RULE, trade["exit_reason"]) or text("why.still_held")),
    )


def _verdict(verdict: Document, document: Document) -> list[Block]:
    symbol = verdict["symbol"]
    candle = f"{verdict['timeframe']} {figures.moment(verdict['bar_at'])}"
    decision = next(_decisions(verdict, document), None)
    signal = next((one for one in document["signals"] if _same_bar(one, verdict)), None)
    rows: list[tuple[str, object]] = [
        (word("verdict"), cell(word(verdict["verdict"]), VERDICT_TONES.get(verdict["verdict"], ""))),
        (text("why.decided_at"), figures.moment(verdict["slot_at"]) + " UTC"),
    ]
    if decision is not None:
        rows += [(word("settings_version"), decision["settings_version"]), (text("why.code"), decision["code_version"])]
    shown: list[Block] = [Heading(text("why.verdict", symbol=symbol, candle=candle)), pairs(*rows)]
    shown += _rules(verdict["reasons"], _quote(symbol))
    if signal is not None:
        shown += _votes(signal)
    if decision is not None:
        shown += _inputs(symbol, verdict, decision["inputs"])
    return shown


def _decisions(verdict: Document, document: Document) -> Iterator[Document]:
    for one in document["decisions"]:
        if (one["bot_id"], one["slot_at"]) == (verdict["bot_id"], verdict["slot_at"]):
            yield one


def _same_bar(signal: Document, verdict: Document) -> bool:
    return (signal["bot_id"], signal["symbol"], signal["open_at"]) == (
        verdict["bot_id"], verdict["symbol"], verdict["bar_at"],
    )  # fmt: skip


def _quote(symbol: str) -> str:
    """The currency of a pair's prices."""
    return symbol.partition("/")[2]


def _rules(reasons: list[Document], quote: str) -> list[Block]:
    rows = [
        (
            called(codes.RULE, one["rule"]),
            cell(called(codes.EFFECT, one["effect"]), EFFECT_TONES.get(one["effect"], "")),
            sentence(one, quote),
        )
        for one in reasons
    ]
    columns = (text("why.rule"), text("why.effect"), "~" + word("reason"))
    return [Line(""), Line(text("why.rules"), STRONG), table(columns, rows)]


def _votes(signal: Document) -> list[Block]:
    rows = [
        (vote["strategy"], direction(vote["direction"]), figures.percent(vote["confidence"]), vote["reason"])
        for vote in signal["votes"]
    ]
    rows.append((word("total"), direction(signal["direction"]), figures.percent(signal["confidence"]), _led(signal)))
    columns = (word("strategy"), word("direction"), ">" + word("confidence"), "~" + word("reason"))
    return [Line(""), Line(text("why.votes"), STRONG), table(columns, rows)]


def _led(signal: Document) -> str:
    return text("why.led", strategy=signal["leader"]) if signal["leader"] else ""


def _inputs(symbol: str, verdict: Document, inputs: Document) -> list[Block]:
    view: Document = next((one for one in inputs["views"] if one["symbol"] == symbol), {})
    book = inputs["book"]
    known = [(label, _input(name, view[name])) for name, label in _labels() if _is_number(view.get(name))]
    money = [(word("cash"), figures.money(book["cash"], _quote(symbol))), (word("positions"), len(book["positions"]))]
    shown: list[Block] = [Line(""), Line(text("why.inputs"), STRONG), pairs(*money, *known)]
    bar = next((one for one in inputs["bars"] if one["symbol"] == symbol and _is_bar(one, verdict)), None)
    if bar is not None:
        features = [(name, figures.price(value)) for name, value in bar["features"].items()]
        shown += [Line(""), Line(text("why.features"), STRONG), pairs(*features)]
    return shown


def _labels() -> list[tuple[str, str]]:
    return [(name, called(codes.INPUT, name)) for name in codes.INPUT]


def _input(name: str, value: float) -> str:
    return figures.percent(value, 2) if name.endswith("_fee") else figures.price(value)


def _is_bar(bar: Document, verdict: Document) -> bool:
    from bot.cli.plain_json import iso

    return bool(iso(bar["open_ms"]) == verdict["bar_at"])


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _orders(orders: list[Document]) -> list[Block]:
    if not orders:
        return []
    rows = [
        (
            one["client_id"], one["symbol"], word(one["side"]), called(codes.LEG, one["leg"]),
            called(codes.TYPE, one["type"]),
            figures.size(one["quantity"]), figures.size(one["filled"]),
            figures.price(one["limit_price"] or one["stop_price"]),
            called(codes.ORDER, one["status"]), called(codes.RULE, one["reason"]),
        )
        for one in orders
    ]  # fmt: skip
    columns = (
        word("id"), word("symbol"), word("side"), word("leg"), word("type"), ">" + word("quantity"),
        ">" + word("filled"), ">" + word("price"), word("status"), word("reason"),
    )  # fmt: skip
    return [Heading(word("orders")), table(columns, rows)]


def _events(document: Document) -> list[Block]:
    steps = [
        (one["at"], one["client_id"], called(codes.ORDER, one["to_status"]), _order_detail(one))
        for one in document["order_events"]
    ]
    steps += [
        (one["at"], one["trade_id"], called(codes.EVENT, one["kind"]), _trade_detail(one["detail"]))
        for one in document["trade_events"]
    ]
    if not steps:
        return []
    rows = [
        (figures.moment(at), who, what, more) for at, who, what, more in sorted(steps, key=lambda step: step[0] or "")
    ]
    return [Heading(text("why.events")), table((word("at"), word("id"), word("event"), "~" + word("detail")), rows)]


def _order_detail(event: Document) -> str:
    """Why an order took this step, where that says more than its new status."""
    detail, status = event["detail"], event["to_status"]
    told = next((str(detail[name]) for name in ("reason", "why", "answer") if detail.get(name)), "")
    if told == status:
        return ""
    return called(codes.ANSWER, told) if told in codes.ANSWER else called(codes.RULE, told)


def _trade_detail(detail: Document) -> str:
    """Figures of what happened to a position."""
    if "to" in detail:
        moved = text("why.moved", before=_figure(detail.get("from")), after=_figure(detail["to"]))
        return f"{moved}: {called(codes.RULE, detail['reason'])}" if detail.get("reason") else moved
    if "high_water" in detail:
        return text("why.highest", price=_figure(detail["high_water"]))
    if "price" in detail:
        return text(
            "why.filled",
            side=word(detail["side"]), size=figures.size(float(detail["quantity"])), price=_figure(detail["price"]),
            fee=figures.money(float(detail["fee"])), reason=called(codes.RULE, detail["reason"]),
        )  # fmt: skip
    return ", ".join(f"{name} {value}" for name, value in detail.items())


def _figure(stored: str | None) -> str:
    return figures.DASH if stored in (None, "None") else figures.price(float(str(stored)))


def _fills(fills: list[Document]) -> list[Block]:
    if not fills:
        return []
    rows = [
        (
            figures.moment(one["filled_at"]), one["client_id"], word(one["side"]), figures.size(one["quantity"]),
            figures.price(one["price"]), figures.money(one["fee"]), called(codes.LIQUIDITY, one["liquidity"]),
        )
        for one in fills
    ]  # fmt: skip
    columns = (
        word("at"), word("id"), word("side"), ">" + word("quantity"), ">" + word("price"), ">" + word("fees"),
        word("type"),
    )  # fmt: skip
    return [Heading(text("why.fills")), table(columns, rows)]
