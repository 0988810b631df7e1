"""Where signed requests are handled: key, limits, permission, then the endpoint."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from threading import RLock
from typing import Any
from urllib.parse import parse_qsl

from bot.simulator import private_account, private_history, private_trading
from bot.simulator.account import Account, AccountRules
from bot.simulator.auth import (
    CANCEL,
    MODIFY,
    QUERY_CLOSED,
    QUERY_FUNDS,
    QUERY_LEDGER,
    QUERY_OPEN,
    TRADING,
    ApiKey,
    KeyRing,
    SignedRequest,
)
from bot.simulator.call_counter import TIERS, CallCounter
from bot.simulator.errors import KrakenError
from bot.simulator.faults import Fault
from bot.simulator.market import RecordedMarket
from bot.simulator.order_texts import fill_info, ledger_info, order_info
from bot.simulator.private import Call, PrivateEndpoint
from bot.simulator.venue import Query, Venue
from bot.simulator.wallet import key_decimals

ENDPOINTS = private_account.ENDPOINTS | private_history.ENDPOINTS | private_trading.ENDPOINTS
# Any one of these permissions opens an endpoint; no entry means that any key may call it.
NEEDS: dict[str, tuple[str, ...]] = {
    "Balance": (QUERY_FUNDS,),
    "BalanceEx": (QUERY_FUNDS,),
    "TradeVolume": (QUERY_FUNDS,),
    "Ledgers": (QUERY_LEDGER,),
    "OpenOrders": (QUERY_OPEN,),
    "ClosedOrders": (QUERY_CLOSED,),
    "QueryOrders": (QUERY_OPEN, QUERY_CLOSED),
    "TradesHistory": (QUERY_CLOSED,),
    "QueryTrades": (QUERY_CLOSED,),
    "AddOrder": (MODIFY,),
    "AmendOrder": (MODIFY, CANCEL),
    "CancelOrder": (CANCEL,),
    "CancelAll": (CANCEL,),
    "CancelAllOrdersAfter": (CANCEL,),
}


@dataclass(frozen=True, slots=True)
class DeskRules:
    """How strict the desk is.

    count_calls: keep Kraken's REST call counter, by `tier` (starter,
    intermediate, pro), in the venue's time.  lockout_after: wrong signatures
    or nonces in a row that lock a key for lockout_s, 0 for never.
    """

    account: AccountRules = field(default_factory=AccountRules)
    tier: str = "pro"
    count_calls: bool = False
    lockout_after: int = 0
    lockout_s: float = 900.0


class Desk:
    """Kraken's private half without its network. Safe to use from several threads."""

    def __init__(self, venue: Venue, rules: DeskRules | None = None) -> None:
        self.rules = rules or DeskRules()
        self.account = Account(RecordedMarket(venue), venue.clock.now_ms(), self.rules.account)
        self.keys = KeyRing(self.rules.lockout_after, int(self.rules.lockout_s * 1000))
        self._venue = venue
        self._counters: dict[str, CallCounter] = {}
        self._lock = RLock()

    # Steering

    def add_key(self, name: str = "trade", permissions: Iterable[str] = TRADING, *, nonce_window: int = 0) -> ApiKey:
        """A new key of the account; its `key` and `secret` are for the client. Raises ValueError on a permission."""
        with self._lock:
            now_ms = self._venue.clock.now_ms()
            return self.keys.add(name, permissions, nonce_window=nonce_window, created_ms=now_ms)

    def revoke_key(self, name: str) -> None:
        with self._lock:
            self.keys.revoke(name)

    def deposit(self, asset: str, amount: Decimal | str | int, *, at_ms: int | None = None) -> None:
        """Add money now, or when the venue's time comes to at_ms. asset: BTC, XXBT, EUR; BTC.F for a rewards coin."""
        with self._lock:
            self._advance()
            value = Decimal(amount)
            if at_ms is None:
                self.account.deposit(asset, value)
            else:
                self.account.schedule(at_ms, lambda now_ms: self.account.deposit(asset, value))

    def withdraw(self, asset: str, amount: Decimal | str | int) -> None:
        """Take money out now. Raises KrakenError when it is not free."""
        with self._lock:
            self._advance()
            self.account.withdraw(asset, Decimal(amount))

    def state(self) -> dict[str, Any]:
        """Everything the venue believes at this moment, as JSON values; secrets are left out."""
        with self._lock:
            now_ms = self._advance()
            account = self.account
            return {
                "now_ms": now_ms,
                "mode": self._venue.mode,
                "balances": {
                    asset: {
                        "balance": f"{amount:.{key_decimals(asset)}f}",
                        "hold_trade": f"{account.wallet.held(asset):.{key_decimals(asset)}f}",
                    }
                    for asset, amount in account.wallet.balances.items()
                },
                "orders": {
                    order.txid: {
                        "symbol": order.symbol,
                        "triggered": not order.waiting,
                        **order_info(order, self._venue.history(order.symbol).pair, with_trades=True),
                    }
                    for order in account.orders.values()
                },
                "trades": {
                    txid: {
                        "symbol": fill.order.symbol,
                        **fill_info(fill, self._venue.history(fill.order.symbol).pair, with_ledgers=True),
                    }
                    for txid, fill in account.fills.items()
                },
                "ledger": {entry.id: ledger_info(entry) for entry in account.wallet.ledger},
                "on_the_way": account.on_the_way,
                "cancel_all_at_ms": account.cancel_all_at_ms,
                "keys": {entry.name: sorted(entry.permissions) for entry in self.keys.all()},
            }

    # Requests

    def symbols(self, query: Query) -> frozenset[str]:
        """The pairs that a request is about: by name, or through the order it names."""
        with self._lock:
            named = {history.pair.symbol for name in _names(query, "pair") if (history := self._venue.find(name))}
            return frozenset(named | {order.symbol for order in self._targets(query)})

    def answer(self, endpoint: str, request: SignedRequest, query: Query, fault: Fault | None) -> str:
        """The right answer, as JSON text. A request that the fault keeps from the venue changes nothing."""
        with self._lock:
            now_ms = self._advance()
            if fault is not None and not fault.processed:
                return ""
            try:
                return f'{{"error":[],"result":{self._result(endpoint, request, query, fault, now_ms)}}}'
            except KrakenError as error:
                return json.dumps({"error": [str(error)]})

    def _advance(self) -> int:
        now_ms = self._venue.clock.now_ms()
        self.account.advance(now_ms)
        return now_ms

    def _result(self, endpoint: str, request: SignedRequest, query: Query, fault: Fault | None, now_ms: int) -> str:
        key = self.keys.check(request, now_ms)
        happening = "" if fault is None else fault.effect
        if fault is not None and happening == "lockout":
            self.keys.lock(key, now_ms, int(fault.seconds * 1000))
            raise KrakenError("EGeneral:Temporary lockout")
        if self.rules.count_calls:
            self._counter(key).charge(endpoint, now_ms)
        if self._venue.mode == "maintenance":
            raise KrakenError("EService:Unavailable")
        handler = ENDPOINTS.get(endpoint)
        if handler is None:
            raise KrakenError("EGeneral:Unknown method")
        if endpoint in NEEDS and not key.permissions & set(NEEDS[endpoint]):
            raise KrakenError("EGeneral:Permission denied")
        if fault is not None and happening.startswith("fill_first"):
            for order in self._targets(query):
                self.account.race(order, fault.share)
        hidden_ms = int(fault.seconds * 1000) if fault is not None and happening == "lag" else 0
        call = Call(self._venue, self.account, key, query, now_ms, hidden_ms)
        if fault is not None and happening == "late":
            self.account.schedule(now_ms + int(fault.seconds * 1000), lambda at_ms: _arrive(handler, call, at_ms))
            return "{}"
        return handler(call)

    def _counter(self, key: ApiKey) -> CallCounter:
        return self._counters.setdefault(key.key, CallCounter(*TIERS[self.rules.tier]))

    def _targets(self, query: Query) -> list[Any]:
        """Open orders that a cancel or an amend names."""
        names, client_id = set(_names(query, "txid")), query.get("cl_ord_id")
        return [
            order
            for order in self.account.open_orders()
            if order.txid in names
            or (client_id and order.terms.cl_ord_id == client_id)
            or str(order.terms.userref) in names
        ]


def _arrive(handler: PrivateEndpoint, call: Call, at_ms: int) -> None:
    """Handle a request that was long on its way: nobody reads the answer, nor the refusal."""
    late = Call(call.venue, call.account, call.key, call.query, at_ms)
    try:
        handler(late)
    except KrakenError:
        return


def _names(query: Query, field_name: str) -> list[str]:
    return [text.strip() for text in query.get(field_name, "").split(",") if text.strip()]


def read_body(body: bytes, content_type: str) -> dict[str, str]:
    """Parameters of a form or JSON body; what is nested in JSON is named as forms name it: close[price]."""
    text = body.decode("utf-8", "replace")
    if not content_type.startswith("application/json"):
        return dict(parse_qsl(text, keep_blank_values=True))
    try:
        values = json.loads(text or "{}")
    except ValueError:
        return {}
    return _flat(values) if isinstance(values, dict) else {}


def _flat(values: dict[str, Any]) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, value in values.items():
        if isinstance(value, dict):
            found |= {f"{name}[{inner}]": text for inner, text in _flat(value).items()}
        elif isinstance(value, list):
            found[name] = ",".join(str(item) for item in value)
        elif value is not None:
            found[name] = str(value).lower() if isinstance(value, bool) else str(value)
    return found
