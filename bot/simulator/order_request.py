"""Read an AddOrder or AmendOrder request, and refuse in Kraken's words what Kraken refuses before it trades."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from decimal import Decimal

from bot.domain.timeframes import to_ms
from bot.simulator import amounts
from bot.simulator.account import Amendment
from bot.simulator.errors import KrakenError
from bot.simulator.order_prices import read_level, read_prices, read_trail
from bot.simulator.orders import (
    ALL_TYPES,
    LIMIT_TYPES,
    LIMITED_TYPES,
    TRAILING_TYPES,
    TRIGGERED_TYPES,
    CloseTerms,
    Order,
    OrderTerms,
)
from bot.simulator.pairs import LOT_DECIMALS, Pair
from bot.simulator.venue import Query

CLIENT_IDS = (
    re.compile(r"[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}"),
    re.compile(r"[0-9a-fA-F]{32}"),
    re.compile(r"[\x21-\x7e]{1,18}"),
)
FLAGS = frozenset({"post", "fcib", "fciq", "nompp", "viqc"})
TIMES_IN_FORCE = frozenset({"GTC", "IOC", "GTD", "FOK"})
DEADLINE_MS = (2_000, 60_000)
LEAST_EXPIRY_MS = 5_000
MOST_EXPIRY_MS = 31 * 86_400_000
MOST_ICEBERG_PARTS = 15
MOST_UNITS = 10**9
USERREFS = range(-(2**31), 2**31)

# Which market modes let which order through; the modes that are not here refuse all.
MODE_ALLOWS: dict[str, Callable[[OrderTerms], bool]] = {
    "online": lambda terms: True,
    "post_only": lambda terms: terms.post_only and terms.type in LIMIT_TYPES,
    "limit_only": lambda terms: terms.type in LIMITED_TYPES,
}


def flag(query: Query, name: str) -> bool:
    """A boolean as form or JSON bodies carry it: true, True, 1."""
    return query.get(name, "").lower() in ("true", "1", "yes")


def invalid(name: str) -> KrakenError:
    return KrakenError(f"EGeneral:Invalid arguments:{name}")


def check_mode(terms: OrderTerms, mode: str) -> None:
    """Raises KrakenError when the market's mode refuses this order."""
    allows = MODE_ALLOWS.get(mode)
    if allows is None or not allows(terms):
        raise KrakenError(f"EService:Market in {mode} mode")


def check_deadline(query: Query, now_ms: int) -> None:
    """Refuse a request that comes after its own deadline, or whose deadline is not 2 to 60 s ahead."""
    text = query.get("deadline")
    if not text:
        return
    try:
        deadline_ms = to_ms(datetime.fromisoformat(text))
    except ValueError as error:
        raise invalid("deadline") from error
    if deadline_ms <= now_ms:
        raise KrakenError("EService:Deadline elapsed")
    if not DEADLINE_MS[0] <= deadline_ms - now_ms <= DEADLINE_MS[1]:
        raise invalid("deadline")


def read_order(query: Query, pair: Pair, last: int, now_ms: int, size_for: Callable[[Decimal], int]) -> OrderTerms:
    """What an AddOrder request asks for.

    last: the last price, price steps.  size_for: lots for an amount of quote
    currency, for `viqc`. Arguments come first, then prices, then the smallest
    order. Raises KrakenError.
    """
    side, kind, tif = query.get("type", ""), query.get("ordertype", ""), query.get("timeinforce") or "GTC"
    if side not in ("buy", "sell"):
        raise invalid("type")
    if kind not in ALL_TYPES:
        raise invalid("ordertype")
    if tif not in TIMES_IN_FORCE or (tif == "FOK" and kind not in LIMITED_TYPES):
        raise invalid("timeinforce")
    _refuse_margin(query)
    oflags = _oflags(query, side, kind)
    cl_ord_id, userref = _client_ids(query)
    terms = OrderTerms(
        symbol=pair.symbol,
        side=side,
        type=kind,
        lots=_lots(query, "volume", oflags, size_for, pair.lot_decimals),
        prices=read_prices(kind, side, query.get("price", ""), query.get("price2", ""), last, pair),
        price=query.get("price") or "0",
        price2=query.get("price2") or "0",
        timeinforce=tif,
        expire_ms=_expiry(query, tif, now_ms),
        userref=userref,
        cl_ord_id=cl_ord_id,
        oflags=oflags,
        trigger=_trigger(query, kind),
        close=_close(query, side, last, pair),
    )
    _check_iceberg(query, terms)
    _check_least(terms, pair, last)
    return terms


def _refuse_margin(query: Query) -> None:
    """A cash account: what needs leverage is refused."""
    if flag(query, "reduce_only"):
        raise KrakenError("EOrder:Reduce only:No position exists")
    if query.get("leverage", "none") not in ("none", "", "0"):
        raise invalid("leverage")
    if query.get("starttm", "0") not in ("", "0", "+0"):
        raise invalid("starttm")


def _oflags(query: Query, side: str, kind: str) -> tuple[str, ...]:
    found = tuple(text for text in query.get("oflags", "").split(",") if text)
    if not set(found) <= FLAGS or {"fcib", "fciq"} <= set(found) or ("post" in found and kind not in LIMIT_TYPES):
        raise invalid("oflags")
    if "viqc" in found and (side, kind) != ("buy", "market"):
        raise invalid("viqc")
    if not {"fcib", "fciq"} & set(found):
        found = ("fciq" if side == "buy" else "fcib", *found)
    return found


def _client_ids(query: Query) -> tuple[str | None, int | None]:
    """cl_ord_id and userref: never both, and cl_ord_id never beside a conditional close."""
    cl_ord_id, userref = query.get("cl_ord_id") or None, query.get("userref") or None
    if cl_ord_id is not None:
        if userref is not None or query.get("close[ordertype]"):
            raise invalid("cl_ord_id")
        if not any(form.fullmatch(cl_ord_id) for form in CLIENT_IDS):
            raise invalid("cl_ord_id")
    return cl_ord_id, None if userref is None else read_userref(userref)


def read_userref(text: str) -> int:
    """A 32-bit number. Raises KrakenError."""
    try:
        value = int(text)
    except ValueError as error:
        raise invalid("userref") from error
    if value not in USERREFS:
        raise invalid("userref")
    return value


def _lots(
    query: Query,
    name: str,
    oflags: tuple[str, ...],
    size_for: Callable[[Decimal], int],
    decimals: int = LOT_DECIMALS,
) -> int:
    value = amounts.number(query.get(name, ""))
    if value is None or not 0 < value < MOST_UNITS:
        raise invalid(name)
    if "viqc" in oflags:
        return size_for(value)
    if amounts.decimals_in(value) > decimals:
        raise invalid(name)
    return int(value.scaleb(LOT_DECIMALS))


def _expiry(query: Query, tif: str, now_ms: int) -> int:
    """ms UTC, 0 without one: a unix time, or +seconds from now. A form may have turned the + into a space."""
    text = query.get("expiretm", "").replace(" ", "+")
    if text in ("", "0"):
        if tif == "GTD":
            raise invalid("expiretm")
        return 0
    value = amounts.number(text)
    if value is None or (tif not in ("GTC", "GTD")):
        raise invalid("expiretm")
    expire_ms = int(value * 1000) + (now_ms if text.startswith("+") else 0)
    if not LEAST_EXPIRY_MS <= expire_ms - now_ms <= MOST_EXPIRY_MS:
        raise invalid("expiretm")
    return expire_ms


def _trigger(query: Query, kind: str) -> str | None:
    trigger = query.get("trigger") or None
    if trigger not in (None, "last", "index"):
        raise invalid("trigger")
    return (trigger or "last") if kind in TRIGGERED_TYPES or query.get("close[ordertype]") else None


def _close(query: Query, side: str, last: int, pair: Pair) -> CloseTerms | None:
    kind = query.get("close[ordertype]")
    if not kind:
        return None
    if kind not in ALL_TYPES - {"market"}:
        raise invalid("close[ordertype]")
    close = CloseTerms(kind, query.get("close[price]", ""), query.get("close[price2]", ""))
    read_prices(kind, "sell" if side == "buy" else "buy", close.price, close.price2, last, pair)
    return close


def _check_iceberg(query: Query, terms: OrderTerms) -> None:
    if terms.type != "iceberg":
        return
    shown = _lots(query, "displayvol", (), lambda amount: 0)
    if not terms.lots <= shown * MOST_ICEBERG_PARTS <= terms.lots * MOST_ICEBERG_PARTS:
        raise invalid("displayvol")


def _check_least(terms: OrderTerms, pair: Pair, last: int) -> None:
    if amounts.size(terms.lots) < Decimal(pair.order_min):
        raise KrakenError("EGeneral:Invalid arguments:volume minimum not met")
    level = terms.prices.limit or terms.prices.stop or last
    if amounts.cost(terms.lots, level, pair) < Decimal(pair.cost_min):
        raise KrakenError("EOrder:Cost minimum not met")


def read_amendment(query: Query, order: Order, pair: Pair, last: int) -> Amendment:
    """What an AmendOrder request changes. Raises KrakenError."""
    change = Amendment(post_only=flag(query, "post_only"))
    if query.get("order_qty"):
        lots = _lots(query, "order_qty", (), lambda amount: 0)
        if lots > order.filled and amounts.size(lots) < Decimal(pair.order_min):
            raise KrakenError("EGeneral:Invalid arguments:volume minimum not met")
        change = replace(change, lots=lots)
    if query.get("limit_price"):
        if order.terms.type not in LIMITED_TYPES or (order.waiting and order.trail is not None):
            raise invalid("limit_price")
        change = replace(change, limit=read_level(query["limit_price"], "limit_price", last, pair))
    if query.get("trigger_price"):
        text = query["trigger_price"]
        if not order.waiting:
            raise invalid("trigger_price")
        if order.terms.type in TRAILING_TYPES:
            change = replace(change, trail=read_trail(text, "trigger_price", pair))
        else:
            change = replace(change, stop=read_level(text, "trigger_price", last, pair))
    if change == Amendment(post_only=change.post_only):
        raise KrakenError("EGeneral:Invalid arguments")
    return change
