"""What people read and ask for: status, the slot ledger, why, curves, commands.

Rows are dicts with the field names of the dataclasses: times in ms UTC (0: not
set), money and quantities Decimal.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import psycopg

from bot.adapters.postgres_connection import Client, Row
from bot.adapters.postgres_rows import Json, dumps, query
from bot.domain.errors import ConfigError
from bot.domain.markets import Market
from bot.domain.orders import RESTING, Fill, Order
from bot.domain.records import EquitySnapshot, Trade
from bot.domain.timeframes import to_ms

_MONEY = frozenset(
    field.name
    for record in (Order, Fill, Trade, EquitySnapshot, Market)
    for field in fields(record)
    if "Decimal" in str(field.type)
) | {"initial_cash", "pnl_today", "pnl_total", "stop_quantity", "capital", "added"}

_EVERYTHING = ("ticks", "orders", "order_events", "fills", "trades", "trade_events", "verdicts", "signals", "decisions")


class PostgresReports(Client):
    """Reads for the command line and the dashboard, and the few things a person may write."""

    def ensure_bot(self, name: str, mode: str, quote: str, cash: Decimal, now_ms: int = 0) -> int:
        """The bot's id; makes it when there is none of that name. One that exists is left as it is.

        mode: "paper" (starts RUNNING) or "live" (starts IDLE: a person starts it).
        cash: quote currency.  now_ms: venue time, 0 for the database's clock.
        """
        values = {"name": name, "mode": mode, "quote": quote, "cash": cash, "now_ms": now_ms}
        return int(self._one("ensure_bot", values)[0])

    def bots(self) -> list[Json]:
        """Every bot with its money: cash, equity, today's and total profit, drawdown, counts."""
        return self._rows("bots", {})

    def status(self, now_ms: int = 0, step_ms: int = 300_000) -> Json:
        """{"bots", "positions", "last_tick", "slots", "risk_events"}. slots: the ledger of the last day.

        now_ms: venue time, 0 for this machine's clock.
        """
        ticks = self.ticks(1)
        since_ms = (now_ms or to_ms(datetime.now(UTC))) - 86_400_000
        return {
            "bots": self.bots(),
            "positions": self.positions(),
            "last_tick": ticks[0] if ticks else None,
            "slots": self.slots(since_ms, step_ms),
            "risk_events": self.risk_events(),
        }

    def positions(self) -> list[Json]:
        """Holdings by the fills, each with its open trade and what rests to protect it.

        stop_price: the lowest trigger.  stop_quantity: base units that stops cover.
        stops: each with client_id, venue_order_id, quantity not yet sold, stop_price; the largest first.
        """
        return self._rows("positions", {})

    def live_orders(self, now_ms: int = 0) -> list[Json]:
        """Orders that are not over, as planned: Order rows with bot, mode and age_ms since they were placed or amended.

        now_ms: venue time, 0 for the database's clock.
        """
        return self._rows("live_orders", {"now_ms": now_ms})

    def remains(self, now_ms: int = 0) -> Json:
        """What still stands at the venue or waits for somebody: for whoever has thrown the kill switch, or closed all.

        {"kill_switch", "positions" with their stops, "resting" orders, "unsettled"
        orders of which nobody can tell yet what became, "dead_letters" still open}.
        """
        orders = self.live_orders(now_ms)
        resting = [row for row in orders if row["status"] in RESTING]
        return {
            "kill_switch": self.kill_switch(),
            "positions": self.positions(),
            "resting": resting,
            "unsettled": [row for row in orders if row not in resting],
            "dead_letters": self.dead_letters(),
        }

    def kill_switch(self) -> Json | None:
        """{"reason", "by", "at_ms"} while it is on, None while it is off."""
        found: Json = self._one("kill_switch", {})[0]
        return found if found["reason"] else None

    def dead_letters(self, open_only: bool = True, count: int = 100) -> list[Json]:
        """Orders that could not be placed, newest first: DeadLetter rows with bot, bot_id, resolved_ms, resolved_by."""
        return self._rows("dead_letters", {"open_only": open_only, "count": count})

    def live_decisions(self, count: int = 100) -> list[Json]:
        """Newest first: bot, kind, capital, added, gates, override, reason, author, at_ms."""
        return self._rows("live_decisions", {"count": count})

    def ticks(self, count: int = 20) -> list[Json]:
        """Newest first: TickRecord, and attempts, delay_ms, fence, started_ms, finished_ms."""
        return self._rows("recent_ticks", {"count": count})

    def slots(self, since_ms: int = 0, step_ms: int = 300_000) -> Json:
        """The slot ledger in numbers: delivered, missed, repeated, unfinished, longest_gap_ms, delay_ms."""
        found: Json = self._one("slot_ledger", {"since_ms": since_ms, "step_ms": step_ms})[0]
        return found

    def risk_events(self, open_only: bool = True, count: int = 100) -> list[Json]:
        """Newest first."""
        return self._rows("risk_events", {"open_only": open_only, "count": count})

    def equity_curve(self, bot: str, since_ms: int = 0, step_ms: int = 0) -> list[Json]:
        """EquitySnapshot rows, oldest first. step_ms: only the last one of each stretch of that length; 0 for all."""
        return self._rows("equity_curve", {"bot": bot, "since_ms": since_ms, "step_ms": step_ms})

    def trades(self, bot: str | None = None, status: str | None = None, since_ms: int = 0) -> list[Json]:
        """Trade rows with the bot's name, by entry. status: "open" or "closed"."""
        return self._rows("trades", {"bot": bot, "status": status, "since_ms": since_ms})

    def orders(self, bot: str | None = None, since_ms: int = 0) -> list[Json]:
        """Order rows with the bot's name and slot_ms, in the order in which they were planned."""
        return self._rows("orders", {"bot": bot, "since_ms": since_ms})

    def counts(self) -> Json:
        """How many rows the main tables hold, and database_bytes."""
        found: Json = self._one("counts", {})[0]
        return found

    def why(self, ref: str) -> Json:
        """Everything stored about an order, a trade, a tick or a symbol's newest candle.

        ref: client id, trade id, slot (ISO time or ms) or symbol.
        Returns {"kind", "ref"} and lists: ticks, orders, order_events, fills,
        trades, trade_events, verdicts, signals, decisions.
        Raises ConfigError when nothing has that name.
        """
        found = self._one("why_find", {"ref": ref, "slot_ms": _slot_ms(ref)})[0]
        kind = next((kind for kind in ("trade", "order", "tick", "symbol") if found[kind]), None)
        if kind is None:
            raise ConfigError(
                "no order, trade, tick or symbol of that name",
                where=ref,
                fix="give a client id, a trade id, a slot such as 2026-11-20T10:05Z, or a symbol such as BTC/EUR",
            )
        chosen = {"bot_id": None, "symbol": None} | found[kind]
        values = chosen | {"client_ids": chosen["client_ids"] or [], "slots": chosen["slots"] or []}
        rows = self._one("why_rows", values)[0]
        return {"kind": kind, "ref": ref} | {name: with_money(rows[name] or []) for name in _EVERYTHING}

    def decisions(self, page: int = 200) -> Iterator[Json]:
        """All stored decisions, oldest first: DecisionRecord, and slot_ms and fence."""
        after: Json = {"slot_ms": 0, "bot_id": 0, "fence": 0}
        while rows := self._one("decisions_page", after | {"count": page})[0]:
            yield from rows
            after = {name: rows[-1][name] for name in after}

    def queue_command(
        self,
        kind: str,
        bot: str | None,
        args: Json | None = None,
        source: str = "cli",
        *,
        source_key: str | None = None,
        now_ms: int = 0,
    ) -> tuple[int, ...]:
        """Ask for pause, resume, close ({"symbol": ...}) or close_all; the ids of the commands.

        bot: None for all bots.  source_key: the asker's id of the request; a
        second one with the same id does nothing.  pause and resume act at once,
        in the same transaction; the others at the next tick.
        A live bot that was stopped, or never started, is not resumed: that takes a decision.
        Raises ConfigError when there is no such bot, or none that may be resumed.
        """
        values: Json = {"kind": kind, "bot": bot, "args": dumps(args or {}), "source": source}
        values |= {"source_key": source_key, "now_ms": now_ms}
        queued, asked, stopped = self._one("queue_command", values)
        if stopped and not asked:
            raise ConfigError(
                f"{stopped} trades with real money and is not started",
                where="--bot",
                fix="start it with `python -m bot live start`",
            )
        if not asked:
            raise no_such_bot(bot or "", [row["name"] for row in self.bots()])
        return tuple(queued)

    def audit(self) -> list[Json]:
        """Where the books do not add up: {"where", "law", "stored", "computed"}. Empty when all is well."""
        return self._rows("audit", {})

    def _rows(self, name: str, values: Json) -> list[Json]:
        return with_money(self._one(name, values)[0] or [])

    def _one(self, name: str, values: Json) -> Row:
        def read(connection: psycopg.Connection[Row]) -> Row:
            row = self.ask(connection, query(name), values).fetchone()
            assert row is not None
            return row

        return self.run(read)


def no_such_bot(name: str, names: list[str]) -> ConfigError:
    return ConfigError(
        f"no bot is named {name!r}" if name else "there is no bot yet",
        where="--bot",
        fix=f"choose one of: {', '.join(names)}" if names else "run `python -m bot tick` once: it makes the first one",
    )


def _slot_ms(ref: str) -> int:
    """ms of a slot's name, -1 when it is not a time."""
    if ref.isdigit():
        return int(ref)
    try:
        moment = datetime.fromisoformat(ref)
    except ValueError:
        return -1
    return to_ms(moment if moment.tzinfo else moment.replace(tzinfo=UTC))


def with_money(rows: list[Json]) -> list[Json]:
    return [{key: _money(key, value) for key, value in row.items()} for row in rows]


def _money(key: str, value: Any) -> Any:
    if key == "stops":
        return with_money(value)
    return Decimal(value) if key in _MONEY and isinstance(value, str) else value
