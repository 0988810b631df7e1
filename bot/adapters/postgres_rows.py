"""Between our dataclasses and rows: named queries, JSON out, records in."""

from __future__ import annotations

import json
import math
import re
from dataclasses import fields, is_dataclass
from datetime import datetime
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

from bot.domain.book import BotState, BotStatus, Cooldown, Latches
from bot.domain.decisions import Verdict
from bot.domain.markets import Market
from bot.domain.orders import Fill, Leg, Order, OrderStatus, OrderType, Side
from bot.domain.records import (
    BotSnapshot,
    Closed,
    Command,
    DayTrade,
    DeadLetter,
    DecisionRecord,
    EquitySnapshot,
    Lease,
    OrderEvent,
    RiskEvent,
    Snapshot,
    TickRecord,
    Trade,
    TradeEvent,
)
from bot.domain.signals import Signal

Json = dict[str, Any]

_ROWS: dict[str, type] = {
    record.__name__: record
    for record in (
        Command, Cooldown, DeadLetter, DecisionRecord, EquitySnapshot, Fill, Market, Order, OrderEvent, RiskEvent,
        Signal, TickRecord, Trade, TradeEvent, Verdict,
    )
}  # fmt: skip
_DECIMALS = ("Decimal", "Decimal | None")


@cache
def query(name: str) -> str:
    """A statement of queries.sql, its $Order(o) written out."""
    return re.sub(r"\$(\w+)\(([\w, ]+)\)", _expand, _named()[name])


@cache
def _named() -> dict[str, str]:
    text = Path(__file__).with_name("queries.sql").read_text()
    parts = re.split(r"^-- name: (\w+)\n", text, flags=re.MULTILINE)
    return {name: body.strip() for name, body in zip(parts[1::2], parts[2::2], strict=True)}


def _expand(found: re.Match[str]) -> str:
    alias, *more = found[2].split(", ")
    return json_of(_ROWS[found[1]], alias, *more)


def json_of(record: type, alias: str, *more: str) -> str:
    """SQL that makes a row the JSON object of its dataclass, ms for times and text for numeric.

    JSON has no decimals: a number on its way through a float would not come back the same.
    more: names of further columns, written as fields are.
    """
    parts = []
    for name, kind in [(field.name, field.type) for field in fields(record)] + [(name, "") for name in more]:
        # These are lengths of time, not moments.
        if name.endswith("_ms") and name not in {"age_ms", "delay_ms", "timings_ms"}:
            value = f"to_ms({alias}.{column(name)})"
        else:
            value = f"{alias}.{name}" + ("::text" if kind in _DECIMALS else "")
        parts.append(f"'{name}', {value}")
    return f"json_build_object({', '.join(parts)})"


def column(field: str) -> str:
    """The column of a dataclass field: `at_ms` is `at`, other times end in `_at`."""
    if field == "at_ms":
        return "at"
    return field.removesuffix("_ms") + "_at" if field.endswith("_ms") else field


def as_row(record: Any, **more: Any) -> Json:
    """A dataclass as a dict, one level deep; `more` is added to it."""
    return {field.name: getattr(record, field.name) for field in fields(record)} | more


def dumps(value: Any) -> str:
    """JSON that Postgres takes: Decimals as text, dataclasses as objects, nan and infinity as null."""
    try:
        text = json.dumps(value, default=_plain, allow_nan=False, ensure_ascii=False, separators=(",", ":"))
    except ValueError:
        text = json.dumps(_finite(value), default=_plain, ensure_ascii=False, separators=(",", ":"))
    # Postgres stores no zero character; a venue's broken answer may hold one.
    return text.replace("\\u0000", "") if "\\u0000" in text else text


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return str(value)
    if is_dataclass(value) and not isinstance(value, type):
        return _finite(as_row(value))
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, set | frozenset):
        return sorted(value)
    if hasattr(value, "tolist"):
        return _finite(value.tolist())
    raise TypeError(f"{type(value).__name__} has no place in JSON")


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return value


def _decimal(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)


def as_order(row: Json) -> Order:
    return Order(
        **row
        | {
            "side": Side(row["side"]),
            "leg": Leg(row["leg"]),
            "type": OrderType(row["type"]),
            "status": OrderStatus(row["status"]),
        }
        | {name: _decimal(row[name]) for name in ("quantity", "filled", "limit_price", "stop_price", "target_price")}
    )


_TRADE_DECIMALS = tuple(field.name for field in fields(Trade) if field.type in _DECIMALS)
_MARKET_DECIMALS = tuple(field.name for field in fields(Market) if field.type in _DECIMALS)


def as_trade(row: Json) -> Trade:
    return Trade(**row | {name: _decimal(row[name]) for name in _TRADE_DECIMALS})


def as_market(row: Json) -> Market:
    return Market(**row | {name: Decimal(row[name]) for name in _MARKET_DECIMALS})


def as_bot(row: Json) -> BotSnapshot:
    settings = row["settings"] or {"version": 0, "overrides": {}}
    last, day, live = row["last_equity"], row["day_open"], row["live"] or {}
    return BotSnapshot(
        bot_id=row["bot_id"],
        name=row["name"],
        status=BotStatus(row["status"]),
        state=BotState(row["state"]),
        mode=row["mode"],
        quote=row["quote"],
        initial_cash=Decimal(row["initial_cash"]),
        cash=Decimal(row["cash"]),
        settings_version=settings["version"],
        overrides=settings["overrides"],
        open_orders=tuple(map(as_order, row["orders"] or ())),
        open_trades=tuple(map(as_trade, row["trades"] or ())),
        cooldowns=tuple(Cooldown(**item) for item in row["cooldowns"] or ()),
        handled=row["handled"] or {},
        last_tick_ms=last["at_ms"] if last else 0,
        day_open_equity=Decimal(day["equity"]) if day else None,
        day_open_ms=day["at_ms"] if day else 0,
        peak_equity=Decimal(last["peak_equity"]) if last else None,
        latches=Latches(**last["latches"]) if last else Latches(),
        breaker_peak=Decimal(last["breaker_peak"]) if last and last["breaker_peak"] else None,
        closed=Closed(**row["closed"]),
        lately=tuple(DayTrade(**one | {"pnl": Decimal(one["pnl"])}) for one in row["lately"] or ()),
        commands=tuple(Command(**item) for item in row["commands"] or ()),
        open_risk_keys=tuple(row["open_risk_keys"] or ()),
        settled_orders=tuple(map(as_order, live.get("settled_orders") or ())),
        known_fills=tuple(live.get("known_fills") or ()),
        ended_trades=tuple(map(as_trade, live.get("ended_trades") or ())),
        baseline={asset: Decimal(amount) for asset, amount in (live.get("baseline") or {}).items()},
    )


def as_snapshot(row: Json) -> Snapshot:
    held, last = row["lease"], row["last_tick"] or {"slot_ms": 0, "now_ms": 0}
    venue = row["venue"] or {"markets_ms": 0, "breaker": {}, "live": {}, "killed": ""}
    mine = bool(held and held["mine"])
    return Snapshot(
        lease=Lease("tick", held["holder"], held["token"], held["expires_ms"]) if mine else None,
        holder=held["holder"] if held else "",
        last_slot_ms=last["slot_ms"],
        last_now_ms=last["now_ms"],
        bots=tuple(map(as_bot, row["bots"] or ())),
        series_tails={(symbol, timeframe): tail for symbol, timeframe, tail in row["series_tails"] or () if tail},
        markets=tuple(map(as_market, row["markets"] or ())),
        markets_ms=venue["markets_ms"],
        breaker=venue["breaker"],
        db_writable=row["writable"],
        killed=venue["killed"],
        live_venue=venue["live"],
    )
