"""The top of the page: what was tested, what came of it, and what to beware of."""

from __future__ import annotations

from training.report.markup import Markup, join, tag
from training.report.reading import number, text
from training.report.subject import DAY_S, Subject, chance_p_value, deflated_sharpe, overfitting

FEWEST_TRADES = 30
LEAST_DEFLATED_SHARPE = 0.95
MOST_P_VALUE = 0.05
MOST_DRAWDOWN = 0.15
MOST_OVERFITTING = 0.2


def summary(it: Subject) -> Markup:
    """Headline in words, the key figures as tiles, the warnings."""
    return tag(
        "header",
        tag("h1", text(it.document.get("title")) or it.speech.say("title")),
        tag("p", " · ".join(_tested(it)), class_="tested"),
        _outcome(it),
        tag("div", [_tile(*tile) for tile in _tiles(it)], class_="tiles"),
        _warnings(it),
        id="summary",
    )


def _tested(it: Subject) -> list[str]:
    say = it.speech.say
    first, last = it.period
    parts = []
    if first is not None or last is not None:
        parts.append(say("period", start=it.speech.date(first), end=it.speech.date(last)))
    if first is not None and last is not None:
        parts.append(say("days", count=it.speech.count((last - first) / 1000 / DAY_S)))
    if it.symbols:
        key = "symbol_one" if len(it.symbols) == 1 else "symbols"
        parts.append(say(key, count=it.speech.count(len(it.symbols)), names=", ".join(it.symbols)))
    profile = text(it.document.get("profile"))
    return [*parts, say("profile", name=profile)] if profile else parts


def _outcome(it: Subject) -> Markup:
    speech = it.speech
    if it.start is None or it.end is None:
        return tag("p", speech.say("result.unknown"), class_="outcome")
    change = speech.percent(it.gained, signed=True)
    told = speech.say("result", start=speech.money(it.start), end=speech.money(it.end), change=change)
    if it.hold_gained is not None:
        told += " " + speech.say("against", change=speech.percent(it.hold_gained, signed=True))
    return tag("p", told, class_="outcome")


def _tiles(it: Subject) -> list[tuple[str, str, float | None, str, str]]:
    """(name, shown, value, class, what stands under it)"""
    speech, say = it.speech, it.speech.say
    still_open = len(it.trades) - len(it.closed)
    longest = it.metric("max_drawdown_duration")
    return [
        (say("tile.return"), speech.percent(it.gained, signed=True), it.gained, tone(it.gained), ""),
        (say("tile.hold"), speech.percent(it.hold_gained, signed=True), it.hold_gained, tone(it.hold_gained), ""),
        (
            say("tile.drawdown"),
            speech.percent(it.metric("max_drawdown")),
            it.metric("max_drawdown"),
            "",
            "" if longest is None else say("tile.drawdown_for", span=speech.duration(longest)),
        ),
        (
            say("tile.trades"),
            speech.count(it.closed_count),
            it.closed_count,
            "",
            say("tile.open", count=speech.count(still_open)) if still_open else "",
        ),
        (say("tile.win_rate"), speech.percent(it.metric("win_rate")), it.metric("win_rate"), "", ""),
        (say("tile.profit_factor"), speech.number(it.metric("profit_factor")), it.metric("profit_factor"), "", ""),
        (say("tile.sharpe"), speech.number(it.metric("sharpe_ratio")), it.metric("sharpe_ratio"), "", ""),
        (with_unit(it, say("tile.fees")), speech.amount(_fees(it)), _fees(it), "", ""),
    ]


def _fees(it: Subject) -> float | None:
    told = it.metric("total_fees")
    known = [trade.fees for trade in it.trades if trade.fees is not None]
    return told if told is not None or not known else sum(known)


def with_unit(it: Subject, name: str) -> str:
    """The name of amounts of money, and their currency."""
    return f"{name} ({it.speech.quote})" if it.speech.quote else name


def tone(value: float | None) -> str:
    """The class that colours a gain or a loss."""
    return "" if value is None or value == 0 else ("gain" if value > 0 else "loss")


def shown(told: str, value: float | None, class_: str = "") -> Markup:
    """A number as people read it, with the document's own beside it for programs."""
    if value is None:
        return tag("span", told, class_=class_ or None)
    return tag("data", told, value=repr(value), class_=class_ or None)


def _tile(name: str, told: str, value: float | None, class_: str, below: str) -> Markup:
    return tag(
        "div",
        tag("span", name, class_="name"),
        shown(told, value, f"big {class_}".strip()),
        tag("span", below, class_="below") if below else None,
        class_="tile",
    )


def _warnings(it: Subject) -> Markup:
    found = warnings(it)
    if not found:
        return tag("p", it.speech.say("warn.none"), class_="fine")
    return join(
        tag("h2", it.speech.say("warnings"), class_="warned"),
        tag("ul", [tag("li", told, data_warning=key) for key, told in found], class_="warnings"),
    )


def warnings(it: Subject) -> list[tuple[str, str]]:
    """(key, sentence) of everything in the numbers that speaks against believing them."""
    speech, say = it.speech, it.speech.say
    found: list[tuple[str, str]] = []
    if (errors := number(it.document.get("errors"))) is not None and errors > 0:
        found.append(("errors", say("warn.errors", count=speech.count(errors))))
    if not it.trades and not it.closed_count:
        found.append(("no_trades", say("warn.no_trades")))
    elif it.closed_count < FEWEST_TRADES:
        found.append(("few", say("warn.few", count=speech.count(it.closed_count))))
    if it.gained is not None and it.hold_gained is not None and it.hold_gained > it.gained:
        gap = (it.hold_gained - it.gained) * 100
        found.append(("hold", say("warn.hold", gap=speech.number(gap, 1))))
    if (fallen := it.metric("max_drawdown")) is not None and abs(fallen) > MOST_DRAWDOWN:
        found.append(("drawdown", say("warn.drawdown", value=speech.percent(abs(fallen)))))
    if (deflated := deflated_sharpe(it.document)) is not None and deflated < LEAST_DEFLATED_SHARPE:
        found.append(("deflated", say("warn.deflated", value=speech.number(deflated, 3))))
    if (p_value := chance_p_value(it.document)) is not None and p_value > MOST_P_VALUE:
        found.append(("chance", say("warn.chance", value=speech.number(p_value, 3))))
    if (overfitted := overfitting(it.document)) is not None and overfitted > MOST_OVERFITTING:
        found.append(("overfitting", say("warn.overfitting", value=speech.percent(overfitted))))
    return found
