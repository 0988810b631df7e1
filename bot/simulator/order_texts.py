"""Orders, fills and ledger entries as Kraken writes them."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from bot.simulator import amounts
from bot.simulator.orders import TRIGGERED_TYPES, Fill, Order, OrderTerms
from bot.simulator.pairs import Pair
from bot.simulator.wallet import LedgerEntry, key_decimals

# The position that a spot trade belongs to has no meaning; Kraken fills the field all the same.
NO_POSITION = "TKH2SE-M7IF5-CFI7LT"


def seconds(moment_ms: int) -> float:
    return moment_ms / 1000


def describe_terms(terms: OrderTerms, pair: Pair, lots: int, price: str, price2: str) -> str:
    """The sentence about an order: `sell 1.50000000 XBTEUR @ stop loss 60.0 -> limit 59.0`."""
    text = f"{terms.side} {amounts.size(lots):.8f} {pair.altname} @ {_kind_text(terms.type)}"
    if terms.type != "market":
        text += f" {price_text(price, pair)}"
    return text + (f" -> limit {price_text(price2, pair)}" if terms.type.endswith("-limit") else "")


def describe_close(terms: OrderTerms, pair: Pair) -> str:
    """The sentence about a conditional close, "" without one."""
    if terms.close is None:
        return ""
    kind, price, price2 = terms.close.type, terms.close.price, terms.close.price2
    text = f"close position @ {_kind_text(kind)} {price_text(price, pair)}"
    return text + (f" -> limit {price_text(price2, pair)}" if kind.endswith("-limit") else "")


def _kind_text(kind: str) -> str:
    return kind.removesuffix("-limit").replace("-", " ")


def price_text(text: str, pair: Pair) -> str:
    """A price in the pair's decimals; percentages in four; relative ones keep their sign."""
    sign = text[:1] if text[:1] in ("+", "-", "#") else ""
    value = amounts.number(text.removeprefix(sign).removesuffix("%"))
    if value is None or (value == 0 and not sign):
        return "0"
    return f"{sign}{value:.4f}%" if text.endswith("%") else f"{sign}{value:.{pair.decimals}f}"


def order_info(order: Order, pair: Pair, *, with_trades: bool = False) -> dict[str, Any]:
    """An entry of OpenOrders, ClosedOrders or QueryOrders."""
    terms, wide = order.terms, pair.wide_decimals
    average = order.cost / amounts.size(order.filled) if order.filled else Decimal(0)
    info: dict[str, Any] = {"refid": order.refid, "userref": terms.userref}
    if terms.cl_ord_id is not None:
        info["cl_ord_id"] = terms.cl_ord_id
    info["status"] = order.status
    if not order.is_open:
        info["reason"] = order.reason
    info["opentm"] = seconds(order.opened_ms)
    if not order.is_open:
        info["closetm"] = seconds(order.closed_ms)
    info |= {
        "starttm": 0,
        "expiretm": seconds(terms.expire_ms) if terms.expire_ms else 0,
        "descr": {
            "pair": pair.altname,
            "type": terms.side,
            "ordertype": terms.type,
            "price": price_text(order.price_text, pair),
            "price2": price_text(order.price2_text, pair),
            "leverage": "none",
            "order": describe_terms(terms, pair, order.lots, order.price_text, order.price2_text),
            "close": describe_close(terms, pair),
        },
        "vol": f"{amounts.size(order.lots):.8f}",
        "vol_exec": f"{amounts.size(order.filled):.8f}",
        "cost": f"{order.cost:.{amounts.COST_DECIMALS}f}",
        "fee": f"{order.fee:.{amounts.COST_DECIMALS}f}",
        "price": f"{amounts.down(average, wide):.{wide}f}",
        "stopprice": _level(order.stop, pair),
        "limitprice": _level(order.limit if terms.type in TRIGGERED_TYPES else None, pair),
        "misc": ",".join(order.marks),
        "oflags": ",".join(terms.oflags),
    }
    if terms.trigger is not None:
        info["trigger"] = terms.trigger
    if with_trades and order.trades:
        info["trades"] = list(order.trades)
    return info


def _level(ticks: int | None, pair: Pair) -> str:
    return f"{amounts.price(ticks or 0, pair):.{pair.wide_decimals}f}"


def fill_info(fill: Fill, pair: Pair, *, with_ledgers: bool = False) -> dict[str, Any]:
    """An entry of TradesHistory or QueryTrades."""
    info: dict[str, Any] = {
        "ordertxid": fill.order.txid,
        "postxid": NO_POSITION,
        "pair": pair.id,
        "time": seconds(fill.at_ms),
        "type": fill.order.terms.side,
        "ordertype": fill.order.terms.type,
        "price": f"{amounts.price(fill.ticks, pair):.{pair.wide_decimals}f}",
        "cost": f"{fill.cost:.{amounts.COST_DECIMALS}f}",
        "fee": f"{fill.fee:.{amounts.COST_DECIMALS}f}",
        "vol": f"{amounts.size(fill.lots):.8f}",
        "margin": "0.00000",
        "leverage": "0",
        "misc": "",
        "trade_id": fill.number,
        "maker": fill.maker,
    }
    if with_ledgers:
        info["ledgers"] = list(fill.ledgers)
    return info


def ledger_info(entry: LedgerEntry) -> dict[str, Any]:
    """An entry of Ledgers."""
    decimals = key_decimals(entry.asset)
    return {
        "refid": entry.refid,
        "time": seconds(entry.at_ms),
        "type": entry.type,
        "subtype": "",
        "aclass": "currency",
        "asset": entry.asset,
        "amount": f"{entry.amount:.{decimals}f}",
        "fee": f"{entry.fee:.{decimals}f}",
        "balance": f"{entry.balance:.{decimals}f}",
    }
