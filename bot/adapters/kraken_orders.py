"""Our orders as Kraken's requests, or the reason why one must not be sent."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from bot.adapters.kraken_private import UnsendableError
from bot.domain.markets import Market
from bot.domain.orders import Leg, Order, OrderType, userref
from bot.domain.timeframes import to_datetime

LEAST_LEAD_MS = 3_000
"""Kraken wants a deadline 2 s ahead at least; the rest is for the way."""

MOST_LEAD_MS = 60_000
LEAST_REST_MS = 6_000
"""Kraken wants five seconds at least, and is told whole ones."""
LONGEST_CLIENT_ID = 18
KINDS = {OrderType.LIMIT: "limit", OrderType.MARKET: "market", OrderType.STOP_LOSS: "stop-loss"}


def new_order(order: Order, market: Market, now_ms: int) -> dict[str, Any]:
    """AddOrder. now_ms: the venue's time at the moment of sending. Raises UnsendableError.

    An entry carries its stop as a conditional close, and is named by a userref: Kraken
    takes no client id beside a close. Every other order carries its client id.
    """
    _check_sizes(order, market)
    request: dict[str, Any] = {
        "pair": market.venue_id,
        "type": order.side.value,
        "ordertype": KINDS[order.type],
        "volume": plain(order.quantity),
        "oflags": "fciq",
        "deadline": _deadline(order.deadline_ms, now_ms),
    }
    if order.type is OrderType.LIMIT:
        request["price"] = plain(_on_step(order.limit_price, market, "limit price"))
    elif order.type is OrderType.STOP_LOSS:
        request |= {"price": plain(_on_step(order.stop_price, market, "stop price")), "trigger": "last"}
    return request | (_entry(order, market, now_ms) if order.leg is Leg.ENTRY else _named(order))


def _entry(order: Order, market: Market, now_ms: int) -> dict[str, Any]:
    """What an entry has beside: its stop, its end, its number."""
    stop = _on_step(order.stop_price, market, "stop price of the entry")
    price = order.limit_price
    if price is not None and order.quantity * price < market.min_notional:
        raise UnsendableError(f"worth less than the smallest order, {plain(market.min_notional)} {market.quote}")
    request: dict[str, Any] = {
        "userref": str(userref(order.client_id)),
        "close": {"ordertype": "stop-loss", "price": plain(stop)},
    }
    if order.type is OrderType.LIMIT:
        if order.expires_ms // 1000 * 1000 - now_ms < LEAST_REST_MS:
            raise UnsendableError("too late: the entry would end at once")
        request |= {"timeinforce": "GTD", "expiretm": str(order.expires_ms // 1000)}
    return request


def _named(order: Order) -> dict[str, Any]:
    if not order.client_id.isascii() or not 0 < len(order.client_id) <= LONGEST_CLIENT_ID:
        raise UnsendableError("a client id that Kraken would not take")
    return {"cl_ord_id": order.client_id}


def amendment(order: Order, market: Market | None, now_ms: int, deadline_ms: int) -> dict[str, Any]:
    """AmendOrder. market: its trading rules where they are known. Raises UnsendableError.

    `order_qty` counts what has filled: Kraken cancels the rest of an order whose new
    quantity is at or below that (docs.kraken.com/api-reference/trading/amend-order),
    and order.quantity is the same total.
    """
    if market is not None:
        _check_sizes(order, market)
    request = {
        "txid": order.venue_order_id,
        "order_qty": plain(order.quantity),
        "deadline": _deadline(deadline_ms, now_ms),
    }
    if order.type is OrderType.STOP_LOSS:
        request["trigger_price"] = plain(_on_step(order.stop_price, market, "stop price"))
    elif order.type is OrderType.LIMIT:
        request["limit_price"] = plain(_on_step(order.limit_price, market, "limit price"))
    return request


def plain(value: Decimal) -> str:
    """Digits and a point, never an exponent, no zeros behind."""
    text = f"{value:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _check_sizes(order: Order, market: Market) -> None:
    if not order.quantity.is_finite() or order.quantity % market.size_step:
        raise UnsendableError(f"a size off the step of {plain(market.size_step)}")
    if order.quantity <= 0 or order.quantity < market.min_size:
        raise UnsendableError(f"a size below the smallest order, {plain(market.min_size)} {market.base}")


def _on_step(price: Decimal | None, market: Market | None, name: str) -> Decimal:
    if price is None or not price.is_finite() or price <= 0:
        raise UnsendableError(f"no {name}")
    if market is not None and price % market.price_step:
        raise UnsendableError(f"a {name} off the step of {plain(market.price_step)}")
    return price


def _deadline(deadline_ms: int, now_ms: int) -> str:
    """RFC 3339, UTC, milliseconds. Raises UnsendableError when it is too near, or further than Kraken takes."""
    lead_ms = deadline_ms - now_ms
    if lead_ms < LEAST_LEAD_MS:
        raise UnsendableError("too late: its deadline has come")
    if lead_ms > MOST_LEAD_MS:
        raise UnsendableError("a deadline further ahead than Kraken takes")
    moment = to_datetime(deadline_ms)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{deadline_ms % 1000:03d}Z"
