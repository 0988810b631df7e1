"""`status`: what there is, at a glance."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from bot.cli.declare import command
from bot.cli.session import session

if TYPE_CHECKING:
    from bot.adapters.postgres_reports import PostgresReports

Document = dict[str, Any]

LEDGER_HOURS = 24


def declare(app: typer.Typer) -> None:
    """Add the command."""

    @command(app, "status", "status", "status --json", "status --rehearsal")
    def status(
        rehearsal: Annotated[bool, typer.Option("--rehearsal", help="Of the last rehearsal instead.")] = False,
    ) -> None:
        """Bots, positions, last tick, open risks.

        With real money's capital, today's result, the stop of each position, and the slots that nobody worked.
        """
        from bot.cli.views import status as view

        session.report(read_status(rehearsal), view.blocks)


def read_status(rehearsal: bool = False) -> Document:
    """The document of SPEC section 3. In a rehearsal, now is its last tick."""
    from bot.cli.plain_json import document, iso
    from bot.cli.wiring import open_reports, wall_ms
    from bot.settings import load_cached

    slot_s = load_cached().market.slot_s
    with open_reports(rehearsal) as reports:
        ticks = reports.ticks(1)
        now_ms = ticks[0]["now_ms"] if rehearsal and ticks else wall_ms()
        found = reports.status(now_ms, slot_s * 1000)
        live = None if rehearsal else _live(reports)
    tick, slots = found["last_tick"], found["slots"]
    return {
        "source": "rehearsal" if rehearsal else "bots",
        "now": iso(now_ms),
        "bots": document(found["bots"]),
        "live": live,
        "positions": [_position(row) for row in document(found["positions"])],
        "last_tick": tick and _tick(tick, now_ms),
        "slots": {
            "hours": LEDGER_HOURS,
            "delivered": slots["delivered"],
            "missed": slots["missed"],
            "repeated": slots["repeated"],
            "unfinished": slots["unfinished"],
            "longest_gap_s": slots["longest_gap_ms"] / 1000,
            "delay_ms": slots["delay_ms"],
        },
        "model": {"name": None, "detail": "rules only, no model yet"},
        "risk_events": document(found["risk_events"]),
    }


def _live(reports: PostgresReports) -> Document:
    """The bot that trades with real money and its capital's step, and the kill switch; None for what there is not."""
    from bot.cli.plain_json import document
    from bot.cli.wiring import open_live_store
    from bot.settings import load_cached

    with open_live_store() as store:
        bot = store.live_bot()
    told: Document = {"bot": None, "kill_switch": document(reports.kill_switch())}
    if bot is not None:
        steps = load_cached().live.capital_steps
        told |= {
            "bot": bot.name,
            "may_trade": bot.may_trade,
            "capital": float(bot.capital),
            "quote": bot.quote,
            "step": sum(step <= bot.capital for step in steps),
            "steps": len(steps),
            "next_capital": next((step for step in steps if step > bot.capital), None),
        }
    return told


def _position(row: Document) -> Document:
    return row | {"opened_at": row["entry_at"]}


def _tick(tick: Document, now_ms: int) -> Document:
    from bot.cli.plain_json import iso

    return {
        "slot": iso(tick["slot_ms"]),
        "now": iso(tick["now_ms"]),
        "mode": tick["mode"],
        "status": tick["status"],
        "attempts": tick["attempts"],
        "delay_s": tick["delay_ms"] / 1000,
        "age_s": max(0, now_ms - tick["now_ms"]) / 1000,
        "missed_slots": tick["missed_slots"],
        "duration_s": sum(tick["timings_ms"].values()) / 1000,
        "error": tick["error"],
    }
