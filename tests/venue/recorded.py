"""The recorded answers of Kraken's spot REST interface, and how an answer's form is compared, field by field."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

# Each recorded answer with the endpoint that gave it.
ANSWERS: dict[str, str] = {
    "nautilus/http_add_order_spot": "AddOrder",
    "nautilus/http_asset_pairs": "AssetPairs",
    "nautilus/http_asset_pairs_tokenized": "AssetPairs",
    "nautilus/http_cancel_order_spot": "CancelOrder",
    "nautilus/http_closed_orders": "ClosedOrders",
    "nautilus/http_ohlc": "OHLC",
    "nautilus/http_open_orders": "OpenOrders",
    "nautilus/http_order_book": "Depth",
    "nautilus/http_server_time": "Time",
    "nautilus/http_spot_balance": "Balance",
    "nautilus/http_system_status": "SystemStatus",
    "nautilus/http_ticker": "Ticker",
    "nautilus/http_trades": "Trades",
    "nautilus/http_trades_history": "TradesHistory",
    "xchange/account/example-balance-data": "Balance",
    "xchange/account/example-ledgerinfo-data": "Ledgers",
    "xchange/account/example-tradevolume-data": "TradeVolume",
    "xchange/account/example-tradevolume-data-2": "TradeVolume",
    "xchange/marketdata/example-assetpairs-data": "AssetPairs",
    "xchange/marketdata/example-assets-data": "Assets",
    "xchange/marketdata/example-depth-data": "Depth",
    "xchange/marketdata/example-ohlc-data": "OHLC",
    "xchange/marketdata/example-servertime-data": "Time",
    "xchange/marketdata/example-ticker-data": "Ticker",
    "xchange/marketdata/example-trades-data": "Trades",
    "xchange/order/example-market-ask-order": "QueryOrders",
    "xchange/trading/example-addorder-response-data": "AddOrder",
    "xchange/trading/example-cancelorder-data": "CancelOrder",
    "xchange/trading/example-openorders-data": "OpenOrders",
    "xchange/trading/example-openorders-in-transaction-currency-data": "OpenOrders",
    "xchange/trading/example-order-data": "AddOrder",
    "xchange/trading/example-tradehistory-data": "TradesHistory",
    "xchange/trading/example-tradehistory-icn": "TradesHistory",
}

# What else lies there, by the beginning of its name, and why nothing of ours reads it.
NOT_SPOKEN: dict[str, str] = {
    "nautilus/http_futures_": "futures",
    "nautilus/http_cancel_order_futures": "futures",
    "nautilus/http_send_order_futures": "futures",
    "nautilus/ws_": "websocket messages",
    "xchange-stream/": "websocket messages",
    "xchange/account/example-krakenWebsocketToken": "websocket messages",
    "nautilus/http_spot_open_positions": "margin: we trade cash only",
    "nautilus/http_spot_trade_balance": "margin: we trade cash only",
    "xchange/account/example-tradebalanceinfo": "margin: we trade cash only",
    "xchange/account/example-deposit-": "funding: our key may not",
    "xchange/marketdata/example-spreads": "the order book tells the spread",
}

# Where entries stand under names (ids, pairs, assets) and not under fields: "" is `result` itself.
NAMED: dict[str, frozenset[str]] = {
    **{name: frozenset({""}) for name in ("Balance", "QueryOrders", "Assets", "AssetPairs")},
    **{name: frozenset({""}) for name in ("Ticker", "OHLC", "Depth", "Trades")},
    "OpenOrders": frozenset({"open"}),
    "ClosedOrders": frozenset({"closed"}),
    "TradesHistory": frozenset({"trades"}),
    "Ledgers": frozenset({"ledger"}),
    "TradeVolume": frozenset({"fees", "fees_maker"}),
}

YOUNGER_ORDER = {
    "descr.close": "younger than the recording",
    "limitprice": "younger than the recording",
    "stopprice": "younger than the recording",
}
YOUNGER_TRADE = {
    "trades.*.ledgers": "told when it is asked for",
    "trades.*.leverage": "documented, in no recording",
    "trades.*.maker": "younger than the recording",
    "trades.*.postxid": "younger than the recording",
    "trades.*.trade_id": "younger than the recording",
    "count": "a text then, a number in younger recordings",
}
YOUNGER_PAIR = ("cost_decimals", "costmin", "long_position_limit", "short_position_limit", "status", "tick_size")
TOLD_TWICE = "the documentation has the sentence alone: the other fields are those of an order's list"

# Every field in which the simulator's answer differs from the recorded one, and why it should.
DIFFERENCES: dict[str, dict[str, str]] = {
    "nautilus/http_add_order_spot": {
        f"descr.{name}": TOLD_TWICE for name in ("leverage", "ordertype", "pair", "price", "price2", "type")
    },
    "nautilus/http_asset_pairs_tokenized": {"*.execution_venue": "shares only"},
    "nautilus/http_closed_orders": {"closed.*.cl_ord_id": "documented; the recorded orders have none"},
    "nautilus/http_open_orders": {"open.*.trigger": "documented; the recorded stop is older"},
    "nautilus/http_trades_history": {"trades.*.leverage": "documented, in no recording"},
    "xchange/account/example-ledgerinfo-data": {
        "count": "a text then, a number in younger recordings",
        "ledger.*.subtype": "documented; younger than the recording",
    },
    "xchange/marketdata/example-assetpairs-data": {f"*.{name}": "younger than the recording" for name in YOUNGER_PAIR},
    "xchange/marketdata/example-assets-data": {"*.status": "younger than the recording"},
    "xchange/marketdata/example-trades-data": {"*[][6]": "the trade's number: younger than the recording"},
    "xchange/order/example-market-ask-order": {
        "*.cl_ord_id": "documented; the recorded order has none",
        **{f"*.{name}": why for name, why in YOUNGER_ORDER.items()},
    },
    "xchange/trading/example-openorders-data": {
        "open.*.trigger": "documented; the recorded orders are no stops",
        **{f"open.*.{name}": why for name, why in YOUNGER_ORDER.items()},
    },
    "xchange/trading/example-openorders-in-transaction-currency-data": {
        "open.*.trigger": "documented; the recorded order is no stop",
        **{f"open.*.{name}": why for name, why in YOUNGER_ORDER.items()},
    },
    "xchange/trading/example-tradehistory-data": YOUNGER_TRADE,
    "xchange/trading/example-tradehistory-icn": YOUNGER_TRADE,
}

# Fields that are null in some answers: their other type is compared.
NULLABLE = frozenset({"refid", "userref", "reason", "nextfee", "nextvolume", "tiervolume"})


def read(folder: Path, name: str) -> Any:
    return json.loads((folder / f"{name}.json").read_text())


def pairs(folder: Path) -> dict[str, Any]:
    """The recorded pairs that other recordings name, as of today: without dark pools, with smallest orders."""
    older = read(folder, "xchange/marketdata/example-assetpairs-data")["result"]
    newer = read(folder, "nautilus/http_asset_pairs")["result"]
    wanted = ("XXBTZEUR", "XXBTZUSD", "XLTCXXBT", "XLTCZUSD", "XETHZEUR", "ADAEUR")
    named = {"altname": "EURUSD", "wsname": "EUR/USD", "base": "ZEUR", "quote": "ZUSD"}
    listed = {name: older[name] for name in wanted} | {"ZEURZUSD": {**older["XXBTZUSD"], **named}}
    return {name: {"ordermin": "0.0001", **rules} for name, rules in listed.items()} | newer


def fields(value: Any, named: frozenset[str], path: str = "", *, row: bool = False) -> dict[str, set[str]]:
    """The JSON types at each path. A list within a list is a row: its places count as fields."""
    if isinstance(value, dict):
        parts = [
            (value[name], f"{path}.{'*' if path in named and name != 'last' else name}".lstrip("."), False)
            for name in value
        ]
        found: dict[str, set[str]] = {}
    elif isinstance(value, list):
        parts = [(one, f"{path}[{place if row else ''}]", isinstance(one, list)) for place, one in enumerate(value)]
        found = {path: {"list"}}
    else:
        return {path: {_kind(value)}}
    for part, name, is_row in parts:
        for where, kinds in fields(part, named, name, row=is_row).items():
            found.setdefault(where, set()).update(kinds)
    return found


def _kind(value: Any) -> str:
    if value is None or isinstance(value, bool):
        return "null" if value is None else "boolean"
    return "number" if isinstance(value, int | float) else "string"


def differing(theirs: dict[str, set[str]], ours: dict[str, set[str]]) -> set[str]:
    """Paths that only one side has, or under which the types differ; of a list its own path alone."""
    found = set()
    for path in theirs.keys() | ours.keys():
        free = {"null"} if path.rpartition(".")[2] in NULLABLE else set()
        there, here = theirs.get(path, set()) - free, ours.get(path, set()) - free
        one_sided = path not in theirs or path not in ours
        if one_sided or (there and here and there != here):
            found.add(path)
    return {path for path in found if not (path.endswith("[]") and path.removesuffix("[]") in found)}
