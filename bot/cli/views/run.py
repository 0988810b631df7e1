"""The report that a first-time user sees."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bot import words
from bot.cli.blocks import FAINT, STRONG, WARNING, Block, Heading, Line, pairs
from bot.cli.declare import PROGRAM
from bot.cli.session import session
from bot.cli.texts import text, word
from bot.cli.views import rehearse, tick


def blocks(document: Mapping[str, Any]) -> list[Block]:
    """Whether live or replayed, what it saw, decided and holds, what to do next."""
    replayed = document["source"] == "replay"
    made = document["tick"]
    shown: list[Block] = []
    if replayed:
        mark = words.ui("replay", session.speak())
        shown += [Line(f"{mark}: {text('run.replay')}", WARNING)]
    else:
        shown += [Line(text("run.live", exchange=document["exchange"].capitalize()), STRONG)]
    if made.get("already"):
        shown.append(Line(made["already"], FAINT))
    if made.get("bots") or "skipped" not in made:
        shown += tick.blocks({key: value for key, value in made.items() if key != "skipped"}) if made else []
    if document["rehearsal"] is not None:
        shown += rehearse.blocks(document["rehearsal"])
    return [*shown, Heading(word("next")), _next(made, replayed)]


def _next(made: Mapping[str, Any], replayed: bool) -> Block:
    verdicts = [verdict for bot in made.get("bots", []) for verdict in bot["verdicts"]]
    symbol = verdicts[0]["symbol"] if verdicts else "BTC/EUR"
    rows = [
        (f"{PROGRAM} why {symbol}", text("run.why")),
        (f"{PROGRAM} status{' --rehearsal' if replayed else ''}", text("run.status")),
        (f"{PROGRAM} loop --every 5m", text("run.loop")),
        (f"{PROGRAM} rehearse --help", text("run.rehearse")),
        (f"{PROGRAM} config show", text("run.config")),
        (f"{PROGRAM} doctor", text("run.doctor")),
    ]
    return pairs(*rows)
