"""Private endpoints that place, change and cancel orders."""

from __future__ import annotations

import json

from bot.domain.timeframes import to_datetime
from bot.simulator import amounts
from bot.simulator.errors import KrakenError
from bot.simulator.order_request import check_deadline, check_mode, flag, read_amendment, read_order, read_userref
from bot.simulator.order_texts import describe_close, describe_terms
from bot.simulator.orders import Order
from bot.simulator.private import Call, PrivateEndpoint

MOST_TIMEOUT_S = 86_400


def add_order(call: Call) -> str:
    """Place an order, or with `validate` only read it: then there is no txid."""
    if not call.query.get("pair"):
        raise KrakenError("EGeneral:Invalid arguments:pair")
    pair = call.venue.history(call.query["pair"]).pair
    check_deadline(call.query, call.now_ms)
    last = call.account.last(pair.symbol)
    terms = read_order(call.query, pair, last, call.now_ms, lambda amount: call.account.size_for(pair.symbol, amount))
    check_mode(terms, call.venue.mode_of(pair))
    descr = {"order": describe_terms(terms, pair, terms.lots, terms.price, terms.price2)}
    if terms.close is not None:
        descr["close"] = describe_close(terms, pair)
    if flag(call.query, "validate"):
        return json.dumps({"descr": descr})
    return json.dumps({"descr": descr, "txid": [call.account.place(terms).txid]})


def amend_order(call: Call) -> str:
    check_deadline(call.query, call.now_ms)
    order = _by_client_id(call) if call.query.get("cl_ord_id") else _by_txid(call, call.query.get("txid", ""))
    pair = call.pair(order.symbol)
    mode = call.venue.mode_of(pair)
    if mode not in ("online", "post_only", "limit_only"):
        raise KrakenError(f"EService:Market in {mode} mode")
    change = read_amendment(call.query, order, pair, call.account.last(order.symbol))
    return json.dumps({"amend_id": call.account.amend(order, change)})


def cancel_order(call: Call) -> str:
    """By txid or userref (both under `txid`), or by cl_ord_id."""
    found = [_by_client_id(call)] if call.query.get("cl_ord_id") else _named(call, call.query.get("txid", ""))
    for order in found:
        call.account.cancel(order)
    return json.dumps({"count": len(found)})


def cancel_all(call: Call) -> str:
    return json.dumps({"count": call.account.cancel_all()})


def cancel_all_orders_after(call: Call) -> str:
    """The dead man's switch: all orders go when it is not renewed in time. 0 turns it off."""
    timeout = amounts.number(call.query.get("timeout", ""))
    if timeout is None or not 0 <= timeout <= MOST_TIMEOUT_S:
        raise KrakenError("EGeneral:Invalid arguments:timeout")
    account = call.account
    account.cancel_all_at_ms = call.now_ms + int(timeout * 1000) if timeout else 0
    trigger = _rfc3339(account.cancel_all_at_ms) if timeout else "0"
    return json.dumps({"currentTime": _rfc3339(call.now_ms), "triggerTime": trigger})


def _rfc3339(moment_ms: int) -> str:
    return f"{to_datetime(moment_ms):%Y-%m-%dT%H:%M:%SZ}"


def _by_client_id(call: Call) -> Order:
    for order in call.account.open_orders():
        if order.terms.cl_ord_id == call.query["cl_ord_id"]:
            return order
    raise KrakenError("EOrder:Unknown order")


def _by_txid(call: Call, txid: str) -> Order:
    if not txid:
        raise KrakenError("EGeneral:Invalid arguments")
    order = call.account.orders.get(txid)
    if order is None or not order.is_open:
        raise KrakenError("EOrder:Unknown order")
    return order


def _named(call: Call, name: str) -> list[Order]:
    """Open orders of a txid, or all of a userref."""
    if not name.lstrip("-").isdigit():
        return [_by_txid(call, name)]
    userref = read_userref(name)
    found = [order for order in call.account.open_orders() if order.terms.userref == userref]
    if not found:
        raise KrakenError("EOrder:Unknown order")
    return found


ENDPOINTS: dict[str, PrivateEndpoint] = {
    "AddOrder": add_order,
    "AmendOrder": amend_order,
    "CancelOrder": cancel_order,
    "CancelAll": cancel_all,
    "CancelAllOrdersAfter": cancel_all_orders_after,
}
