"""Prices of an order as they are written on the wire: absolute, or relative to the last trade (+5, -1%, #2%)."""

from __future__ import annotations

from decimal import Decimal

from bot.simulator import amounts
from bot.simulator.errors import KrakenError
from bot.simulator.orders import LIMIT_TYPES, STOP_TYPES, TRAILING_TYPES, TRIGGERED_TYPES, Offset, Prices
from bot.simulator.pairs import Pair

# Beyond every real price, and small enough for exact arithmetic.
MOST_PRICE = 10**9


def read_prices(kind: str, side: str, price: str, price2: str, last: int, pair: Pair) -> Prices:
    """Where an order of this type acts. last: price steps. Raises KrakenError."""
    if kind in LIMIT_TYPES:
        return Prices(limit=_level(price, "price", side == "sell", last, pair))
    if kind in TRAILING_TYPES:
        trail = _offset(price, "price", pair)
        if not price.startswith("+") or trail.value <= 0:
            raise KrakenError("EGeneral:Invalid arguments:price")
        return Prices(trail=trail, behind=_offset(price2, "price2", pair) if kind == "trailing-stop-limit" else None)
    if kind in TRIGGERED_TYPES:
        stop = _level(price, "price", (side == "buy") == (kind in STOP_TYPES), last, pair)
        limited = kind.endswith("-limit")
        return Prices(stop=stop, limit=_level(price2, "price2", side == "buy", last, pair) if limited else None)
    return Prices()


def read_level(text: str, name: str, reference: int, pair: Pair) -> int:
    """An absolute or relative price in whole steps. Raises KrakenError."""
    return _level(text, name, True, reference, pair)


def read_trail(text: str, name: str, pair: Pair) -> Offset:
    """The distance of a trailing stop. Raises KrakenError."""
    return _offset(text, name, pair)


def _level(text: str, name: str, adds: bool, last: int, pair: Pair) -> int:
    """adds: which way `#` goes."""
    if text[:1] in ("+", "-", "#") or text.endswith("%"):
        sign = "+" if adds else "-"
        return _offset(sign + text[1:] if text[:1] == "#" else text, name, pair).from_ticks(last)
    return _absolute(text, name, pair)


def _absolute(text: str, name: str, pair: Pair) -> int:
    value = amounts.number(text)
    if value is None or not 0 < value < MOST_PRICE:
        raise KrakenError(f"EGeneral:Invalid arguments:{name}")
    if amounts.decimals_in(value) > pair.decimals:
        raise KrakenError(
            f"EOrder:Invalid price:{pair.altname} price can only be specified up to {pair.decimals} decimals."
        )
    if value % Decimal(pair.step) != 0:
        raise KrakenError("EOrder:Tick size check failed")
    return int(value.scaleb(pair.decimals))


def _offset(text: str, name: str, pair: Pair) -> Offset:
    percent = text.endswith("%")
    value = amounts.number(text.removesuffix("%"))
    if value is None or abs(value) >= MOST_PRICE or text[:1] not in ("+", "-"):
        raise KrakenError(f"EGeneral:Invalid arguments:{name}")
    return Offset(value if percent else value.scaleb(pair.decimals), percent)
