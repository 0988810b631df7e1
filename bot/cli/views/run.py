"""The report that a first-time user sees."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bot.cli.blocks import FAINT, STRONG, WARNING, Block, Heading, Line, pairs
from bot.cli.program import CALL
from bot.cli.texts import text, word
from bot.cli.views import rehearse, tick

MOST_TRADES = 8
"""Of a rehearsal: the report is read in half a minute."""


def blocks(document: Mapping[str, Any]) -> list[Block]:
    """Whether live or replayed, what it saw, decided and holds, what to do next."""
    replayed = document["source"] == "replay"
    made = document["tick"]
    shown: list[Block] = []
    if replayed:
        shown += [Line(text("run.replay"), WARNING)]
    else:
        shown += [_market(document)]
    if made.get("already"):
        shown.append(Line(tick.skipped(made["already"]), FAINT))
    if made.get("bots") or "skipped" not in made:
        shown += tick.blocks({key: value for key, value in made.items() if key != "skipped"}) if made else []
    if document["rehearsal"] is not None:
        shown += rehearse.blocks(document["rehearsal"], MOST_TRADES)
    return [*shown, Heading(word("next")), _next(made, replayed)]


def _market(document: Mapping[str, Any]) -> Line:
    """Whose prices these are, and whether the orders are real."""
    name, other = document["exchange"].capitalize(), document.get("url")
    if document["tick"].get("mode") == "live":
        return Line(text("run.real", exchange=other or name), WARNING)
    return Line(text("run.other", url=other) if other else text("run.live", exchange=name), STRONG)


def _next(made: Mapping[str, Any], replayed: bool) -> Block:
    verdicts = [verdict for bot in made.get("bots", []) for verdict in bot["verdicts"]]
    symbol = verdicts[0]["symbol"] if verdicts else "BTC/EUR"
    rows = [
        (f"{CALL} why {symbol}", text("run.why")),
        (f"{CALL} status{' --rehearsal' if replayed else ''}", text("run.status")),
        (f"{CALL} loop --every 5m", text("run.loop")),
        (f"{CALL} rehearse --help", text("run.rehearse")),
        (f"{CALL} config show", text("run.config")),
        (f"{CALL} doctor", text("run.doctor")),
    ]
    return pairs(*rows)
