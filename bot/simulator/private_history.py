"""Private endpoints that look up orders and trades."""

from __future__ import annotations

import json
from typing import Any

from bot.simulator.errors import KrakenError
from bot.simulator.ids import FORM
from bot.simulator.order_request import flag, read_userref
from bot.simulator.order_texts import fill_info, order_info
from bot.simulator.orders import Fill, Order
from bot.simulator.private import Call, PrivateEndpoint, id_list, page
from bot.simulator.venue import Query


def open_orders(call: Call) -> str:
    """Newest first; filters userref and cl_ord_id. An order that was just placed may be missing for a while."""
    shown = [
        order
        for order in reversed(call.account.open_orders())
        if _wanted(order, call.query) and order.opened_ms <= call.now_ms - call.hidden_ms
    ]
    return json.dumps({"open": {order.txid: _info(call, order) for order in shown}})


def closed_orders(call: Call) -> str:
    """Newest first, fifty a page; filters userref, cl_ord_id, start, end and closetime."""
    closed = [order for order in call.account.orders.values() if not order.is_open and _wanted(order, call.query)]
    closed.sort(key=lambda order: order.closed_ms)
    found, count = page([(order.txid, order) for order in closed], call.query, _times(call.query))
    answer: dict[str, Any] = {"closed": {txid: _info(call, order) for txid, order in found.items()}}
    if not flag(call.query, "without_count"):
        answer["count"] = count
    return json.dumps(answer)


def _times(query: Query) -> Any:
    which = query.get("closetime") or "both"
    if which not in ("open", "close", "both"):
        raise KrakenError("EGeneral:Invalid arguments:closetime")
    if which == "open":
        return lambda order: (order.opened_ms,)
    return (lambda order: (order.closed_ms,)) if which == "close" else lambda order: (order.opened_ms, order.closed_ms)


def query_orders(call: Call) -> str:
    """The orders of these ids; unknown ones are left out."""
    found = {}
    for txid in id_list(call.query):
        if not FORM.fullmatch(txid):
            raise KrakenError("EOrder:Invalid order")
        order = call.account.orders.get(txid)
        if order is not None and _wanted(order, {"userref": call.query.get("userref", "")}):
            found[txid] = _info(call, order)
    return json.dumps(found)


def trades_history(call: Call) -> str:
    """Newest first, fifty a page; filters start and end. All trades are spot trades, without a position."""
    fills = call.account.fills if call.query.get("type", "all") in ("all", "no position") else {}
    found, count = page(list(fills.items()), call.query, lambda fill: (fill.at_ms,))
    return json.dumps({"trades": {txid: _trade(call, fill) for txid, fill in found.items()}, "count": count})


def query_trades(call: Call) -> str:
    fills = call.account.fills
    return json.dumps({txid: _trade(call, fills[txid]) for txid in id_list(call.query) if txid in fills})


def _wanted(order: Order, query: Query) -> bool:
    userref, cl_ord_id = query.get("userref"), query.get("cl_ord_id")
    return (not userref or order.terms.userref == read_userref(userref)) and (
        not cl_ord_id or order.terms.cl_ord_id == cl_ord_id
    )


def _info(call: Call, order: Order) -> dict[str, Any]:
    return order_info(order, call.pair(order.symbol), with_trades=flag(call.query, "trades"))


def _trade(call: Call, fill: Fill) -> dict[str, Any]:
    return fill_info(fill, call.pair(fill.order.symbol), with_ledgers=flag(call.query, "ledgers"))


ENDPOINTS: dict[str, PrivateEndpoint] = {
    "OpenOrders": open_orders,
    "ClosedOrders": closed_orders,
    "QueryOrders": query_orders,
    "TradesHistory": trades_history,
    "QueryTrades": query_trades,
}
