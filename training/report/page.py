"""The whole page: one file, no request to anywhere."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

from plotly.offline import get_plotlyjs  # type: ignore[import-untyped, unused-ignore]

from bot.domain.errors import ConfigError
from training.report import sections
from training.report.charts import chart_data, charted_symbols
from training.report.markup import Markup, join, script_json, tag
from training.report.reading import text
from training.report.subject import subject
from training.report.summary import summary

# A browser that obeys this sends nothing anywhere, whatever a name in the document or a library may hold.
POLICY = "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data: blob:"


def html_report(document: Mapping[str, Any], language: str = "en") -> str:
    """The report of one backtest as HTML that needs nothing else.

    document: the JSON of `training backtest --json`; whatever it lacks shows as a
    dash or is left out. Read beside the keys of the command line's document:
    "command", "code_version", "data", "data_version", "made_at", all optional.
    language: "en" or "fr", anything else reads English. Equal documents give equal pages.
    """
    it = subject(document, language)
    drawn = charted_symbols(it)
    body = tag(
        "main",
        summary(it),
        tag("noscript", tag("p", it.speech.say("no_script"), class_="nothing")),
        sections.equity(it),
        sections.months(it),
        sections.figures(it),
        sections.candles(it, drawn),
        sections.by_groups(it),
        sections.rules(it),
        sections.robustness(it),
        sections.settings(it),
        tag("footer", it.speech.say("footer")),
    )
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", http_equiv="Content-Security-Policy", content=POLICY),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="color-scheme", content="light dark"),
        tag("title", text(document.get("title")) or it.speech.say("title")),
        tag("style", Markup(_asset("report.css"))),
    )
    # The words come first: they are read while the library is still being parsed.
    scripts = join(
        tag("script", script_json(chart_data(it, drawn)), type="application/json", id="data"),
        tag("script", _library()),
        tag("script", Markup(_asset("report.js"))),
    )
    page = tag("html", head, tag("body", body, scripts), lang=it.speech.language)
    return "<!DOCTYPE html>\n" + page + "\n"


def write_report(document: Mapping[str, Any], path: Path | str, language: str = "en") -> Path:
    """Write the report, whole or not at all; missing folders are made. Returns the path.

    Raises ConfigError where it cannot be written.
    """
    target = Path(path)
    page = html_report(document, language)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
        try:
            with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as file:
                file.write(page)
            # mkstemp keeps others out; a report is for whoever may read the folder.
            os.chmod(name, 0o644)
            os.replace(name, target)
        except BaseException:
            with suppress(OSError):
                os.unlink(name)
            raise
    except OSError as error:
        raise ConfigError(
            f"cannot write the report: {error.strerror or error}",
            where=str(target),
            fix="choose a file in a folder that you may write to",
        ) from error
    return target


@cache
def _asset(name: str) -> str:
    return (Path(__file__).parent / name).read_text(encoding="utf-8")


@cache
def _library() -> Markup:
    """plotly.js, 5 MB, read once."""
    return Markup(get_plotlyjs())
