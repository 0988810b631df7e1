"""What stands at the exchange whatever we do or leave: positions with their stops, waiting entries, orders in doubt."""

from __future__ import annotations

from collections.abc import Collection
from decimal import Decimal
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bot.adapters.postgres_reports import PostgresReports

Document = dict[str, Any]
ZERO = Decimal(0)


def read_remains(reports: PostgresReports, bots: Collection[str] | None = None) -> Document:
    """As the database knows it, which is what the last tick saw ("as_of"). bots: only of these.

    A position: "protected" is how much of it stops cover, "worth_at_stops" what
    these bring at their triggers, quote currency, before fees and slippage.
    """
    from bot.cli.plain_json import document, iso

    found = reports.remains()
    quotes = {row["name"]: row["quote"] for row in reports.bots()}
    last = reports.ticks(1)

    def ours(rows: list[Document]) -> list[Document]:
        return [row for row in rows if bots is None or row["bot"] in bots]

    resting = ours(found["resting"])
    switch = found["kill_switch"]
    remains: Document = document(
        {
            "positions": [_position(row, quotes[row["bot"]]) for row in ours(found["positions"])],
            "entries": [_order(row) for row in resting if row["leg"] == "entry"],
            "exits": [_order(row) for row in resting if row["leg"] == "exit"],
            "unknown": [_order(row) for row in ours(found["unsettled"])],
            "dead_letters": ours(found["dead_letters"]),
        }
    )
    return {
        "kill_switch": document(switch) if switch else None,
        "as_of": iso(last[0]["now_ms"]) if last else None,
        **remains,
    }


def _position(row: Document, quote: str) -> Document:
    stops = row["stops"] or []
    return {
        "bot": row["bot"],
        "mode": row["mode"],
        "symbol": row["symbol"],
        "quantity": row["quantity"],
        "entry_price": row["entry_price"],
        "protected": sum((stop["quantity"] for stop in stops), ZERO),
        "worth_at_stops": sum((stop["quantity"] * stop["stop_price"] for stop in stops), ZERO),
        "quote": quote,
        "stops": stops,
    }


def _order(row: Document) -> Document:
    return {
        "bot": row["bot"],
        "mode": row["mode"],
        "symbol": row["symbol"],
        "leg": row["leg"],
        "side": row["side"],
        "status": row["status"],
        "client_id": row["client_id"],
        "quantity": row["quantity"] - row["filled"],
        "limit_price": row["limit_price"],
        "expires_ms": row["expires_ms"],
        "deadline_ms": row["deadline_ms"],
    }
