"""Kraken's private answers as facts of ours. Whatever is not there or not of its type raises ValueError and its like.

Pure: `result` in, values out. A missing key is never read as "none": an answer
that lacks one proves nothing.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_CEILING, Decimal
from typing import Any

from bot.domain.markets import Market
from bot.domain.orders import OrderStatus, OrderType, Side
from bot.domain.venue_orders import Balance, VenueFill, VenueOrder

ZERO = Decimal(0)
TYPES = {"limit": OrderType.LIMIT, "market": OrderType.MARKET, "stop-loss": OrderType.STOP_LOSS}
ENDED = {"canceled": OrderStatus.CANCELLED, "expired": OrderStatus.EXPIRED}
REWARD_SUFFIXES = frozenset({"F", "B", "S", "M", "T"})
ATTACHED_STOP = re.compile(r"close position @ stop loss (\d+(?:\.\d+)?)$")


class PairNames:
    """Our symbols by the names that Kraken's answers use: orders go by the short one, trades by the id."""

    def __init__(self, markets: Iterable[Market] = ()) -> None:
        markets = tuple(markets)
        self.by_symbol = {market.symbol: market for market in markets}
        self.assets = frozenset(name for market in markets for name in (market.base, market.quote))
        self._symbols: dict[str, str] = {}
        for market in markets:
            self._symbols[market.altname or short_name(market.venue_id)] = market.symbol
        self._symbols |= {market.venue_id: market.symbol for market in markets}

    def symbol(self, name: str) -> str:
        """The symbol, or Kraken's own name for a pair that is none of ours."""
        return self._symbols.get(name, name)


def short_name(pair_id: str) -> str:
    """XBTEUR of XXBTZEUR; other ids are short already."""
    old = len(pair_id) == 8 and pair_id[0] in "XZ" and pair_id[4] in "XZ"
    return pair_id[1:4] + pair_id[5:] if old else pair_id


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a list, newest first. count: how many entries the whole list has."""

    entries: dict[str, Any]
    count: int


def section(result: Mapping[str, Any], name: str) -> dict[str, Any]:
    found = result[name]
    if not isinstance(found, dict):
        raise ValueError(f"{name} is no list of entries")
    return found


def page(result: Mapping[str, Any], name: str) -> Page:
    count = int(result["count"])
    entries = section(result, name)
    if len(entries) > count:
        raise ValueError(f"more entries in {name} than there are")
    return Page(entries, count)


def order_of(txid: str, info: Mapping[str, Any], names: PairNames) -> VenueOrder:
    """An entry of OpenOrders, ClosedOrders or QueryOrders."""
    descr = info["descr"]
    quantity, filled = _amount(info["vol"]), _amount(info["vol_exec"])
    kind = TYPES.get(_text(descr["ordertype"]))
    attached = ATTACHED_STOP.fullmatch(str(descr.get("close") or ""))
    return VenueOrder(
        venue_order_id=_id(txid),
        client_id=str(info.get("cl_ord_id") or ""),
        userref=int(info.get("userref") or 0),
        parent_id=str(info.get("refid") or ""),
        symbol=names.symbol(_text(descr["pair"])),
        side=Side(descr["type"]),
        type=kind,
        status=_status(_text(info["status"]), quantity, filled),
        quantity=quantity,
        filled=filled,
        limit_price=_price(descr.get("price")) if kind is OrderType.LIMIT else None,
        stop_price=_trigger(info) if kind is OrderType.STOP_LOSS else None,
        attached_stop_price=Decimal(attached[1]) if attached else None,
        opened_ms=_ms(info["opentm"]),
        closed_ms=_ms(info.get("closetm") or 0),
        expires_ms=_ms(info.get("expiretm") or 0),
        trade_ids=tuple(_id(name) for name in _list(info.get("trades"))),
        fee_in_base=descr["type"] == "sell" and "fciq" not in str(info.get("oflags") or "").split(","),
    )


def _status(word: str, quantity: Decimal, filled: Decimal) -> OrderStatus:
    """An order that has ended is filled where all of it is, whatever Kraken calls it; else it was cut short."""
    if word in ("open", "pending"):
        return OrderStatus.PARTIALLY_FILLED if filled else OrderStatus.OPEN
    if word != "closed" and word not in ENDED:
        raise ValueError(f"an order that is {word!r}")
    if filled >= quantity:
        return OrderStatus.FILLED
    return ENDED.get(word, OrderStatus.CANCELLED)


def _trigger(info: Mapping[str, Any]) -> Decimal | None:
    """A stop's trigger: Kraken has shown it under either of these."""
    return _price(info["descr"].get("price")) or _price(info.get("stopprice"))


def fill_of(trade_id: str, info: Mapping[str, Any], names: PairNames) -> VenueFill:
    """An entry of TradesHistory or QueryTrades; Kraken tells its fee in quote currency."""
    return VenueFill(
        venue_trade_id=_id(trade_id),
        venue_order_id=_id(info["ordertxid"]),
        symbol=names.symbol(_text(info["pair"])),
        side=Side(info["type"]),
        quantity=_amount(info["vol"]),
        price=_amount(info["price"]),
        fee=_amount(info["fee"]),
        liquidity="maker" if info.get("maker") is True else "taker",
        filled_ms=_ms(info["time"]),
    )


@dataclass(frozen=True, slots=True)
class Move:
    """One change of one balance, in the asset's units. ref: what caused it.  amount: signed, without the fee."""

    ref: str
    amount: Decimal
    fee: Decimal


def move_of(info: Mapping[str, Any]) -> Move:
    """An entry of Ledgers; its fee is in its own asset."""
    return Move(_text(info["refid"]), _amount(info["amount"], signed=True), _amount(info["fee"], signed=True))


def coin_fee(trade_id: str, moves: Iterable[Move], step: Decimal) -> Decimal | None:
    """What a sell cost in coins, base units; None where the ledger does not tell it.

    step: base units. The fee is rounded up to it: what is left below a step cannot be sold.
    """
    # A sell gives away coins and gets money: the coins' entry is the negative one.
    fees = [move.fee for move in moves if move.ref == trade_id and move.amount < 0]
    if not fees or min(fees) < 0:
        return None
    return (sum(fees, ZERO) / step).to_integral_value(ROUND_CEILING) * step


def in_order(fills: Iterable[tuple[VenueFill, Mapping[str, Any]]]) -> tuple[VenueFill, ...]:
    """Oldest first; Kraken's running number decides within one moment."""

    def key(entry: tuple[VenueFill, Mapping[str, Any]]) -> tuple[float, int, str]:
        fill, info = entry
        number = info.get("trade_id")
        return float(info["time"]), number if isinstance(number, int) else 0, fill.venue_trade_id

    return tuple(fill for fill, _ in sorted(fills, key=key))


def balances_of(result: Mapping[str, Any], code: Callable[[str], str], names: PairNames) -> tuple[Balance, ...]:
    """BalanceEx. An account that can trade has at least its cash: an empty answer is none.

    code: ccxt's name for one of Kraken's assets.
    """
    if not result:
        raise ValueError("no balances at all")
    found: dict[str, Balance] = {}
    for key, entry in result.items():
        name, _, suffix = key.partition(".")
        rewards = suffix in REWARD_SUFFIXES
        asset = _base_of(code(name), names) if rewards else code(key)
        amount, held = _amount(entry["balance"], signed=True), _amount(entry.get("hold_trade") or 0)
        before = found.get(asset, Balance(asset, ZERO, ZERO, ZERO))
        found[asset] = (
            Balance(asset, before.total, before.held, before.rewards + amount)
            if rewards
            else Balance(asset, before.total + amount, before.held + held, before.rewards)
        )
    return tuple(found.values())


def _base_of(asset: str, names: PairNames) -> str:
    """The coin behind a bonded one, whose name ends in its terms: DOT of DOT28, ETH of ETH2."""
    plain = asset.rstrip("0123456789")
    return plain if asset not in names.assets and plain in names.assets else asset


def fees_of(result: Mapping[str, Any], wanted: Mapping[str, str]) -> dict[str, tuple[Decimal, Decimal]]:
    """TradeVolume: (maker, taker) as fractions, by symbol. wanted: symbol to pair id."""
    takers, makers = section(result, "fees"), result.get("fees_maker") or {}
    found = {}
    for symbol, pair in wanted.items():
        taker = _amount(takers[pair]["fee"]) / 100
        maker = _amount(makers[pair]["fee"], signed=True) / 100 if pair in makers else taker
        found[symbol] = (maker, taker)
    return found


@dataclass(frozen=True, slots=True)
class KeyInfo:
    """permissions: in Kraken's words.  nonce_window_ms: None where it is not told."""

    permissions: frozenset[str]
    nonce_window_ms: int | None


def key_info_of(result: Mapping[str, Any]) -> KeyInfo:
    """GetApiKeyInfo. Its nonces are ccxt's, so that the window counts milliseconds."""
    permissions = result["permissions"]
    if not isinstance(permissions, list) or not all(isinstance(name, str) for name in permissions):
        raise ValueError("permissions that are none")
    told = result.get("nonceWindow", result.get("nonce_window"))
    return KeyInfo(frozenset(permissions), None if told is None else int(told))


def order_token(result: Any) -> str:
    """AddOrder's proof: the id of the order."""
    ids = result.get("txid") if isinstance(result, dict) else None
    first = ids[0] if isinstance(ids, list) and ids else ids
    return first if isinstance(first, str) else ""


def amend_token(result: Any) -> str:
    """AmendOrder's proof: the id of the change, which is no order id."""
    found = result.get("amend_id") if isinstance(result, dict) else None
    return found if isinstance(found, str) else ""


def cancel_token(result: Any) -> str:
    """CancelOrder's proof: that it counted an order."""
    count = result.get("count") if isinstance(result, dict) else None
    return str(count) if isinstance(count, int) and count > 0 else ""


def _amount(value: Any, *, signed: bool = False) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise ValueError("an amount that is none")
    found = Decimal(value)
    if not found.is_finite() or (found < 0 and not signed):
        raise ValueError("an amount that cannot be")
    return found


def _price(value: Any) -> Decimal | None:
    """None for 0, which stands for no price, and for percentages and offsets, which are none yet."""
    text = str(value or "0")
    if text[0] in "+-#" or text.endswith("%"):
        return None
    return _amount(text) or None


def _ms(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value) or value < 0:
        raise ValueError("a time that is none")
    return round(value * 1000)


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value:
        raise ValueError("a text that is none")
    return value


_id = _text


def _list(value: Any) -> Sequence[Any]:
    if value is None:
        return ()
    if not isinstance(value, list):
        raise ValueError("a list that is none")
    return value
