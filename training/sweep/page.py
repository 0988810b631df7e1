"""A sweep as one HTML file: the terminal's words and tables, and the heat map in colours."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import training.report
from bot.cli import figures
from bot.cli.blocks import BAD, FAINT, GOOD, WARNING, Block, Heading, Line, Pairs, Table
from bot.cli.session import session
from bot.domain.errors import ConfigError
from training.report.markup import Markup, tag
from training.sweep import words

POLICY = "default-src 'none'; style-src 'unsafe-inline'"
CLASSES = {GOOD: "gain", BAD: "loss", WARNING: "loss", FAINT: "below"}


def html_page(document: Mapping[str, Any]) -> str:
    """The page, in the session's language. Equal documents give equal pages."""
    heading, *subject = words.title(document)
    assert isinstance(heading, Heading)
    title = heading.text
    body = tag(
        "main",
        tag("h1", title),
        [_html(block) for block in subject],
        [tag("p", sentence, class_=CLASSES.get(tone)) for sentence, tone in words.sentences(document)],
        _section(words.top(document)),
        _heat(document),
        _section(words.luck(document)),
        _section(words.walk(document)),
        _section(words.refused(document)),
        _section(words.effort(document)),
    )
    style = Path(training.report.__file__).with_name("report.css").read_text("utf-8")
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", http_equiv="Content-Security-Policy", content=POLICY),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="color-scheme", content="light dark"),
        tag("title", title),
        tag("style", Markup(style)),
    )
    return "<!doctype html>\n" + tag("html", head, tag("body", body), lang=session.speak()) + "\n"


def write_page(document: Mapping[str, Any], path: Path) -> Path:
    """Write the page, whole or not at all. Raises ConfigError where it cannot be written."""
    temporary = path.with_name(f".{path.name}.tmp")
    try:
        temporary.write_text(html_page(document), encoding="utf-8")
        os.replace(temporary, path)
    except OSError as error:
        raise ConfigError(
            f"cannot write the page: {error.strerror or error}", where=str(path), fix="make room, or give another --out"
        ) from error
    return path


def _section(blocks: list[Block]) -> Markup | None:
    return tag("section", [_html(block) for block in blocks]) if blocks else None


def _html(block: Block) -> Markup | None:
    if isinstance(block, Heading):
        return tag("h2", block.text) if block.text else None
    if isinstance(block, Line):
        return tag("p", block.text, class_=CLASSES.get(block.tone))
    if isinstance(block, Pairs):
        rows = [
            tag("tr", tag("td", label), tag("td", one.text, class_=CLASSES.get(one.tone))) for label, one in block.rows
        ]
        return _scrolled(tag("table", rows, class_="pairs"))
    return _scrolled(_table(block))


def _table(block: Table) -> Markup:
    right = [column.startswith(">") for column in block.columns]
    titles = [
        tag("th", column.lstrip(">~"), class_="n" if side else None)
        for column, side in zip(block.columns, right, strict=True)
    ]
    rows = [
        tag(
            "tr",
            [
                tag(
                    "td",
                    one.text,
                    class_=" ".join(filter(None, ("n" if side else "", CLASSES.get(one.tone, "")))) or None,
                )
                for one, side in zip(row, right, strict=True)
            ],
        )
        for row in block.rows
    ]
    return tag("table", tag("thead", tag("tr", titles)), tag("tbody", rows))


def _heat(document: Mapping[str, Any]) -> Markup | None:
    """The heat map, each cell with its mean, its best and how many settings it holds."""
    found, metric = document["heat_map"], document["metric"]
    if not found or not document["top"]:
        return None
    shares = words.heat_shares(document)
    rows = []
    for row, told in enumerate(found["y_values"]):
        cells = [tag("th", told)]
        for at in range(len(found["x_values"])):
            mean, best, share = found["mean"][row][at], found["best"][row][at], shares[row][at]
            if mean is None or math.isnan(share):
                cells.append(tag("td", figures.DASH, class_="n"))
                continue
            colour = "--gain-rgb" if share >= 0.5 else "--loss-rgb"
            cells.append(
                tag(
                    "td",
                    words.shown(metric, mean),
                    class_="n",
                    style=f"background: rgba(var({colour}), {abs(share - 0.5):.2f})",
                    title=f"max {words.shown(metric, best)}, n = {found['count'][row][at]}",
                )
            )
        rows.append(tag("tr", cells))
    x, y = words.short_names([found["x"], found["y"]])
    head = tag("tr", tag("th", f"{y} ↓ {x} →"), [tag("th", told, class_="n") for told in found["x_values"]])
    name = words.metric_name(metric)
    return tag(
        "section",
        tag("h2", words.say("heat", metric=name, x=found["x"], y=found["y"])),
        _scrolled(tag("table", tag("thead", head), tag("tbody", rows), class_="months")),
    )


def _scrolled(inner: Markup) -> Markup:
    return tag("div", inner, class_="scroll", tabindex=0)
