"""The parts of the page below its top, each a section with its heading and tables."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from training.report.markup import Markup, join, tag
from training.report.reading import (
    OPEN,
    Document,
    Group,
    TradeRow,
    flat,
    groups,
    items,
    mapping,
    moment_ms,
    monthly_returns,
    number,
    text,
)
from training.report.speech import DASH, NO_BREAK
from training.report.subject import Subject, chance_p_value, deflated_sharpe, overfitting
from training.report.summary import shown, tone, with_unit
from training.report.texts import METRICS, MONTHS, MORE_METRICS

# A month this good or bad has the full colour.
FULL_MONTH = 0.15
SHADES = 4


def section(it: Subject, key: str, *children: Any) -> Markup:
    """A section named after its text key; `key.note` stands under the heading where there is one."""
    note = tag("p", it.speech.say(f"{key}.note"), class_="note") if it.speech.known(f"{key}.note") else None
    return tag("section", tag("h2", it.speech.say(key)), note, *children, id=key)


def table(heads: Sequence[str], rows: Sequence[Sequence[Any]], class_: str = "", words: int = 1) -> Markup:
    """A table in a box of its own that scrolls sideways. The first `words` columns are text, the others numbers.

    heads: () for none.
    """
    head = tag("tr", [tag("th", name, scope="col", class_=None if n < words else "n") for n, name in enumerate(heads)])
    body = [
        tag("tr", [tag("td", cell, class_=None if place < words else "n") for place, cell in enumerate(row)])
        for row in rows
    ]
    whole = tag("table", tag("thead", head) if any(heads) else None, tag("tbody", body), class_=class_ or None)
    return tag("div", whole, class_="scroll", tabindex=0)


def nothing(told: str) -> Markup:
    return tag("p", told, class_="nothing")


def equity(it: Subject) -> Markup:
    say = it.speech.say
    if len(it.equity) < 2:
        return section(it, "equity", nothing(say("no_curve")))
    buttons = [
        tag("button", say(f"axis.{kind}"), type="button", data_axis=kind, aria_pressed=str(kind == "linear").lower())
        for kind in ("linear", "log")
    ]
    return section(
        it,
        "equity",
        tag(
            "div",
            tag("span", buttons, class_="pair", role="group", aria_label=say("axis.scale")),
            tag("button", say("trade.all"), type="button", data_whole=True),
            class_="buttons",
        ),
        tag("div", id="equity-chart", class_="chart tall", role="img", aria_label=say("equity.note")),
    )


def months(it: Subject) -> Markup:
    found = monthly_returns(it.equity, it.start) if len(it.equity) > 1 else {}
    if not found:
        return section(it, "months", nothing(it.speech.say("no_curve")))
    heads = [it.speech.say("year"), *MONTHS[it.speech.language], it.speech.say("total")]
    head = tag("tr", [tag("th", name, scope="col", class_="n" if place else None) for place, name in enumerate(heads)])
    rows = [
        tag("tr", tag("th", str(year), scope="row"), [_month(it, row.get(month)) for month in (*range(1, 13), 0)])
        for year, row in sorted(found.items())
    ]
    whole = tag("table", tag("thead", head), tag("tbody", rows), class_="months")
    return section(it, "months", tag("div", whole, class_="scroll", tabindex=0))


def _month(it: Subject, value: float | None) -> Markup:
    if value is None:
        return tag("td", DASH, class_="n none")
    shade = min(SHADES, 1 + int(abs(value) / FULL_MONTH * SHADES))
    told = it.speech.percent(value, signed=True).replace("%", "").strip(f" {NO_BREAK}")
    return tag("td", shown(told, value), class_=f"n {tone(value)}{shade}" if value else "n")


def figures(it: Subject) -> Markup:
    more = [name for name in MORE_METRICS if it.metric(name) is not None]
    kinds = {**METRICS, **MORE_METRICS}
    return section(it, "figures", tag("dl", [_figure(it, name, kinds[name]) for name in (*METRICS, *more)]))


def _figure(it: Subject, name: str, kind: str) -> Markup:
    value = it.metric(name)
    class_ = tone(value) if kind == "gain" else ""
    return tag(
        "div",
        tag("dt", it.speech.say(f"metric.{name}")),
        tag("dd", shown(told(it, value, kind), value, class_), class_="value", data_metric=name),
        tag("dd", it.speech.say(f"meaning.{name}"), class_="meaning"),
    )


def told(it: Subject, value: float | None, kind: str) -> str:
    """A number of that kind (see METRICS) in words."""
    speech = it.speech
    ways: Mapping[str, Callable[[float | None], str]] = {
        "gain": lambda amount: speech.percent(amount, signed=True),
        "fine_gain": lambda amount: speech.percent(amount, digits=3, signed=True),
        "percent": speech.percent,
        "money": speech.money,
        "amount": speech.amount,
        "count": speech.count,
        "duration": speech.duration,
        "number": speech.number,
        "plain": speech.plain,
        "fine": lambda amount: speech.number(amount, 3),
        "bps": lambda amount: speech.plain(amount) + f"{NO_BREAK}bp",
        "exact": lambda amount: speech.percent(amount, digits=4),
        "moment": lambda amount: speech.moment(None if amount is None else round(amount)),
    }
    return ways[kind](value)


def candles(it: Subject, symbols: Sequence[str]) -> Markup:
    """symbols: those with a chart, in the order of the selector."""
    say = it.speech.say
    if not symbols:
        return section(it, "candles", nothing(say("no_candles")))
    options = [tag("option", name or say("unnamed"), value=place) for place, name in enumerate(symbols)]
    steps = [
        tag("button", sign, type="button", data_step=step, aria_label=say(f"trade.{key}"), title=say(f"trade.{key}"))
        for step, sign, key in ((-1, "\u2039", "previous"), (1, "\u203a", "next"))
    ]
    return section(
        it,
        "candles",
        tag(
            "div",
            tag("label", say("symbol.choose"), " ", tag("select", options, id="symbol")),
            tag("span", *steps, tag("button", say("trade.all"), type="button", data_step=0), class_="steps"),
            class_="buttons",
        ),
        tag("p", id="trade", class_="trade", aria_live="polite"),
        tag("div", id="candle-chart", class_="chart", role="img", aria_label=say("candles.note")),
    )


def exit_name(it: Subject, reason: str) -> str:
    key = f"exit.{reason}"
    return it.speech.say(key) if it.speech.known(key) else reason.replace("_", " ")


def by_groups(it: Subject) -> Markup:
    if not it.trades:
        return section(it, "groups", nothing(it.speech.say("no_trades")))
    ways: Sequence[tuple[str, str, Sequence[TradeRow], Callable[[TradeRow], str]]] = (
        ("by_symbol", "symbol", it.closed, lambda trade: trade.symbol),
        ("by_strategy", "strategy", it.closed, lambda trade: trade.strategy),
        ("by_exit", "exit_reason", it.trades, lambda trade: trade.exit_reason),
    )
    return section(it, "groups", [_grouped(it, *way) for way in ways])


def _grouped(
    it: Subject, heading: str, column: str, rows: Sequence[TradeRow], name: Callable[[TradeRow], str]
) -> Markup:
    say = it.speech.say
    found = groups(rows, name)
    if not found or (heading == "by_strategy" and all(not group.name for group in found)):
        return Markup("")
    heads = [say(f"column.{key}") for key in (column, "trades", "win_rate")]
    heads += [with_unit(it, say(f"column.{key}")) for key in ("pnl", "average")]
    shown_name = exit_name if heading == "by_exit" else lambda _, name: name
    body = [_group_row(it, group, shown_name(it, group.name) or say("unnamed")) for group in found]
    return join(tag("h3", say(heading)), table(heads, body, class_=heading))


def _group_row(it: Subject, group: Group, name: str) -> list[Any]:
    speech = it.speech
    still_open = group.name == OPEN
    return [
        name,
        shown(speech.count(group.trades), group.trades),
        shown(speech.percent(group.win_rate, digits=0), group.win_rate) if not still_open else DASH,
        shown(speech.amount(group.pnl, signed=True), group.pnl, tone(group.pnl)),
        shown(speech.amount(group.average, signed=True), group.average, tone(group.average)),
    ]


def rules(it: Subject) -> Markup:
    found = [(str(name), *_bites(value)) for name, value in mapping(it.document.get("rules")).items()]
    found = sorted((row for row in found if row[1] or row[2]), key=lambda row: (-(row[1] or 0) - (row[2] or 0), row[0]))
    say = it.speech.say
    if not found:
        return section(it, "rules", nothing(say("rules.none")))
    longest = max((blocked or 0) + (shrunk or 0) for _, blocked, shrunk in found)
    heads = [say("column.rule"), say("column.blocked"), say("column.shrunk")]
    return section(it, "rules", table(heads, [_rule(it, *row, longest) for row in found], class_="rules"))


def _bites(value: object) -> tuple[float | None, float | None]:
    """(stopped, shrunk); a lone number counts as stopped."""
    if isinstance(value, Mapping):
        return number(value.get("blocked")), number(value.get("shrunk"))
    return number(value), None


def _rule(it: Subject, name: str, blocked: float | None, shrunk: float | None, longest: float) -> list[Any]:
    key = f"rule.{name}"
    label = it.speech.say(key) if it.speech.known(key) else name.replace("_", " ")
    width = ((blocked or 0) + (shrunk or 0)) / longest * 100
    bar = tag("span", class_="bar", style=f"width:{width:.1f}%")
    return [
        join(tag("span", label), " ", tag("code", name), bar),
        shown(it.speech.count(blocked), blocked),
        shown(it.speech.count(shrunk), shrunk),
    ]


# Robustness: what each check is called, and how its numbers read where the name of the number does not say it.
CHECKS = (
    "deflated_sharpe", "random_entries", "sharpe_interval", "overfitting", "monte_carlo", "walk_forward", "delay",
    "crosscheck",
)  # fmt: skip
VERDICTS: Mapping[str, Callable[[Document], float | None]] = {
    "deflated_sharpe": deflated_sharpe,
    "random_entries": chance_p_value,
    "overfitting": overfitting,
}
# The number of a check that stands above its table already.
SAID_ABOVE: Mapping[str, tuple[str, ...]] = {
    "deflated_sharpe": ("probability", "deflated_sharpe", "value"),
    "random_entries": ("p_value", "value"),
    "overfitting": ("pbo", "value"),
}
# Longer lists are for programs.
LONGEST_LIST = 20
MOST_COLUMNS = 12
WALK_FORWARD = ("total_return", "buy_and_hold_return", "sharpe_ratio", "max_drawdown", "win_rate", "total_trades")


def robustness(it: Subject) -> Markup:
    present = [key for key in CHECKS if it.document.get(key) not in (None, {}, [], "")]
    if not present:
        return section(it, "robustness", nothing(it.speech.say("robustness.none")))
    return section(it, "robustness", [_check(it, key, it.document[key]) for key in present])


def _check(it: Subject, key: str, value: object) -> Markup:
    say = it.speech.say
    head = join(tag("h3", say(key)), tag("p", say(f"{key}.note"), class_="note"))
    body: Markup | None
    if key == "walk_forward" and items(value):
        body = _walk_forward(it, items(value))
    elif key in VERDICTS:
        body = join(_verdict(it, VERDICTS[key](it.document)), _leaves(it, key, value))
    else:
        body = _leaves(it, key, value)
    return tag("div", head, body, class_="check", id=key.replace("_", "-"))


def _verdict(it: Subject, value: float | None) -> Markup | None:
    return None if value is None else tag("p", shown(it.speech.number(value, 3), value, "big"), class_="verdict")


def _walk_forward(it: Subject, rows: Sequence[Any]) -> Markup:
    say = it.speech.say
    read = [(mapping(row), mapping(mapping(row).get("metrics"))) for row in rows]
    names = [name for name in WALK_FORWARD if any(number(metrics.get(name)) is not None for _, metrics in read)]
    kinds = {**METRICS, **MORE_METRICS}
    body = []
    for row, metrics in read:
        first, last = (it.speech.date(moment_ms(row.get(end))) for end in ("from", "to"))
        values = [(name, number(metrics.get(name))) for name in names]
        cells = [
            shown(told(it, value, kinds[name]), value, tone(value) if kinds[name] == "gain" else "")
            for name, value in values
        ]
        body.append([f"{first} \u2013 {last}", *cells])
    return table([say("column.period"), *(say(f"metric.{name}") for name in names)], body)


def _leaves(it: Subject, check: str, value: object) -> Markup | None:
    """Whatever a check holds: lists beside quantiles as one table, mappings of the same keys as another, then the rest.

    What a check may hold is not fixed: names that are not known here are shown as they are.
    """
    if not isinstance(value, Mapping):
        return None if check in VERDICTS else tag("p", _value(it, check, value))
    left = {str(name): inner for name, inner in value.items() if str(name) not in SAID_ABOVE.get(check, ())}
    parts = [_quantile_table(it, left), _crossed_table(it, left)]
    rows = [
        [_label(it, name), _value(it, name, leaf)]
        for name, leaf in flat(left)
        if leaf is not None and len(items(leaf)) <= LONGEST_LIST
    ]
    return join(parts, table((), rows, class_="pairs") if rows else None)


def _quantile_table(it: Subject, left: dict[str, Any]) -> Markup | None:
    """{"quantiles": [...], "a": [...]}: a column for each quantile, a row for each list; taken out of `left`."""
    quantiles = [number(one) for one in items(left.get("quantiles"))]
    beside = [name for name, inner in left.items() if name != "quantiles" and len(items(inner)) == len(quantiles) > 0]
    if not beside or any(one is None for one in quantiles):
        return None
    rows = [_quantile_row(it, name, left.pop(name)) for name in beside]
    del left["quantiles"]
    heads = [it.speech.say("column.quantile"), *(it.speech.percent(one, digits=0) for one in quantiles)]
    return table(heads, rows)


def _quantile_row(it: Subject, name: str, values: Sequence[Any]) -> list[Any]:
    """Seven amounts with their currency would be wider than any screen: it stands beside the name."""
    money = kind_of(name, 0.5) == "money"
    label = with_unit(it, _label(it, name)) if money else _label(it, name)
    return [label, *(_value(it, name, one, "amount" if money else None) for one in values)]


def _crossed_table(it: Subject, left: dict[str, Any]) -> Markup | None:
    """{"a": {"x": 1}, "b": {"x": 2}}: a row for each mapping, a column for each of their keys; taken out of `left`."""
    crossed = {name: inner for name, inner in left.items() if isinstance(inner, Mapping) and _plain(inner)}
    shared = list(dict.fromkeys(str(key) for inner in crossed.values() for key in inner))
    if len(crossed) < 2 or len(shared) > MOST_COLUMNS:
        return None
    for name in crossed:
        del left[name]
    rows = [
        [_label(it, name), *(_value(it, f"{name}.{key}", inner.get(key)) for key in shared)]
        for name, inner in crossed.items()
    ]
    return table(["", *(_label(it, key) for key in shared)], rows)


def _plain(inner: Mapping[str, Any]) -> bool:
    return bool(inner) and all(not isinstance(leaf, Mapping | list | tuple) for leaf in inner.values())


def _label(it: Subject, name: str) -> str:
    """A quantile as percent, a known figure by its name, anything else as it is called."""
    for key in (f"leaf.{name}", f"metric.{name}"):
        if it.speech.known(key):
            return it.speech.say(key)
    quantile = number(name[1:] if name[:1] in ("p", "q") else name)
    if quantile is not None and 0 <= quantile <= 100:
        share = quantile if quantile > 1 or "." not in name else quantile * 100
        return it.speech.percent(share / 100, digits=0 if float(share).is_integer() else 1)
    if it.speech.known(f"leaf.{name.removesuffix('_frac')}"):
        return it.speech.say(f"leaf.{name.removesuffix('_frac')}")
    return " \u203a ".join(part.replace("_", " ") for part in name.split("."))


KIND_BY_NAME: Mapping[str, str] = {
    "real": "fine_gain", "mean": "fine_gain", "returns": "fine_gain", "drawdown_rank": "percent",
    "ruin_level": "percent", "ruin_probability": "percent", "loss_probability": "percent",
    "below_zero": "percent", "level": "percent",
    "threshold": "fine", "skew": "number", "kurtosis": "number", "min_periods": "count", "periods": "count",
    "low": "number", "high": "number", "block": "plain",
}  # fmt: skip
KIND_BY_END: Mapping[str, str] = {"_frac": "percent", "_s": "duration", "_seconds": "duration", "_at": "moment"}
KIND_BY_PART: Sequence[tuple[tuple[str, ...], str]] = (
    (("bps",), "bps"),
    (("p_value", "sharpe", "ratio", "factor", "probability"), "fine"),
    (("difference", "deviation", "gap"), "exact"),
    (("equity", "pnl", "cash", "fees", "money", "profit", "worth"), "money"),
    (("return", "drawdown", "rate", "exposure", "volatility", "cagr", "share"), "percent"),
)


def _value(it: Subject, name: str, value: object, kind: str | None = None) -> Markup | str:
    """A leaf of a check, read by its name, or as the kind that is given."""
    if isinstance(value, bool):
        return it.speech.say("yes" if value else "no")
    if items(value):
        return join(*(join(_value(it, name, one), " ") for one in items(value)))
    amount = number(value)
    if amount is None or isinstance(value, str):
        return text(value) or DASH
    return shown(told(it, amount, kind or kind_of(name, amount)), amount)


def kind_of(name: str, amount: float) -> str:
    """How a number of that name reads: a key of `told`."""
    last = name.rpartition(".")[2].lower()
    if last in KIND_BY_NAME:
        return KIND_BY_NAME[last]
    for end, kind in KIND_BY_END.items():
        if last.endswith(end):
            return kind
    if last.endswith("_ms"):
        return "moment" if amount > 1e11 else "plain"
    for parts, kind in KIND_BY_PART:
        if any(part in last for part in parts):
            return kind
    return "count" if float(amount).is_integer() else "plain"


FACTS = (
    "data", "data_version", "code_version", "made_at", "bars", "ticks", "orders", "errors",
    "simulation_s", "compile_s", "duration_s",
)  # fmt: skip


def settings(it: Subject) -> Markup:
    say = it.speech.say
    facts = [(key, it.document.get(key)) for key in FACTS]
    rows = [[say(f"fact.{key}"), _fact(it, key, value)] for key, value in facts if value is not None]
    command = text(it.document.get("command"))
    again = (
        join(tag("p", say("settings.again")), tag("div", tag("pre", tag("code", command)), class_="scroll", tabindex=0))
        if command
        else nothing(say("settings.again_unknown"))
    )
    used = flat(mapping(it.document.get("settings")))
    return section(
        it,
        "settings",
        table((), rows, class_="pairs") if rows else None,
        again,
        _all_settings(it, used) if used else nothing(say("settings.none")),
    )


def _fact(it: Subject, key: str, value: object) -> Markup | str:
    if isinstance(value, Mapping):
        return ", ".join(f"{name}: {text(inner)}" for name, inner in flat(value))
    if key == "made_at":
        return it.speech.moment(moment_ms(value))
    amount = number(value)
    if amount is None or isinstance(value, str):
        return text(value) or DASH
    return shown(told(it, amount, "duration" if key.endswith("_s") else "count"), amount)


def _all_settings(it: Subject, used: Sequence[tuple[str, object]]) -> Markup:
    say = it.speech.say
    rows = [[tag("code", name), tag("code", _setting(value))] for name, value in used]
    return tag(
        "details",
        tag("summary", say("settings.all", count=it.speech.count(len(used)))),
        table([say("column.setting"), say("column.value")], rows, class_="pairs", words=2),
    )


def _setting(value: object) -> str:
    """As one would write it in a settings file: it can be copied from here."""
    if isinstance(value, bool):
        return str(value).lower()
    if items(value):
        return ", ".join(_setting(one) for one in items(value))
    return DASH if value is None or value == "" else text(value)
