"""Who trades when the price moves: pure rules over orders, in whole price steps and lots.

A resting limit order trades when the market trades through it (strictly: at
its own price others stand before it), at its own price, for as much as that
trade was worth. A waiting order is triggered by the last price.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from bot.domain.candles import IntArray
from bot.simulator.orders import Order


def traded_through(order: Order, ticks: int) -> bool:
    """A trade at this price had to pass a resting order."""
    if not order.rests or order.limit is None:
        return False
    return ticks < order.limit if order.buys else ticks > order.limit


def reached(order: Order, ticks: int) -> bool:
    """The last price triggers a waiting order."""
    if not (order.is_open and order.waiting) or order.stop is None:
        return False
    return ticks <= order.stop if order.acts_below else ticks >= order.stop


def crosses(order_buys: bool, limit: int, bid: int, ask: int) -> bool:
    """A limit order of this price would trade at once."""
    return limit >= ask if order_buys else limit <= bid


def follow(order: Order, ticks: int) -> None:
    """Pull a trailing stop behind a better last price; it never moves away from the market."""
    if not order.waiting or order.trail is None:
        return
    best = ticks if order.best is None else (min if order.buys else max)(order.best, ticks)
    if best != order.best or order.stop is None:
        order.best = best
        order.stop = (order.trail if order.buys else order.trail.reversed()).from_ticks(best)


def shares(orders: Iterable[Order], ticks: int, lots: int) -> list[tuple[Order, int]]:
    """How one trade's lots are dealt to the orders it passes: best price first, then the earliest."""
    passed = [order for order in orders if traded_through(order, ticks)]
    dealt = []
    for order in sorted(passed, key=_rank):
        part = min(order.left, lots)
        if part > 0:
            dealt.append((order, part))
            lots -= part
    return dealt


def _rank(order: Order) -> tuple[int, int]:
    limit = order.limit or 0
    return (-limit if order.buys else limit, order.turn)


def first_touch(orders: Iterable[Order], ticks: IntArray) -> int | None:
    """Index of the first trade that could concern any of the orders; None when none does."""
    if not len(ticks):
        return None
    below, above = -1, np.iinfo(np.int64).max
    for order in orders:
        if order.waiting and order.trail is not None:
            return 0
        level = order.stop if order.waiting else order.limit
        if level is None:
            continue
        if order.acts_below if order.waiting else order.buys:
            below = max(below, level if order.waiting else level - 1)
        else:
            above = min(above, level if order.waiting else level + 1)
    touched = (ticks <= below) | (ticks >= above)
    first = int(touched.argmax())
    return first if touched[first] else None
