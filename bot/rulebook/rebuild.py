"""Our rows again, from what the venue remembers of them.

Orders carry enough to be known by: stops and exits the client id itself, entries
the userref that was computed from it. An entry's client id is found by computing it
for the candles before the order and comparing the userref: that gives the candle
back, and proves that the order is this bot's. From there on it is `reconcile`: rows in
doubt and one look at the account.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from decimal import Decimal

from bot.domain.markets import Market
from bot.domain.orders import Leg, Order, OrderStatus, OrderType, Side, client_id, userref
from bot.domain.timeframes import TIMEFRAMES_MS, floor_ms, timeframe_ms
from bot.domain.venue_orders import VenueOrder
from bot.rulebook.exits import target_gain
from bot.rulebook.ledger import ZERO, quantize
from bot.rulebook.rounding import ceil_to_step, floor_to_step
from bot.rulebook.rules import Rules

OWN_ID = re.compile(r"[sx][a-z2-7]{15}\d")
LEGS = {"s": Leg.STOP, "x": Leg.EXIT}

MOST_CANDLES_BACK = 48
"""Candles before an entry among which the one that caused it is looked for."""

REBUILT = "rebuilt"
"""Strategy and reason of what was taken over: the venue does not know why it was done."""

SEARCHED_STEPS = 64
"""Price steps around the likely ask among which the one is looked for that gives limit and stop."""


def own_orders(
    found: Sequence[VenueOrder],
    name: str,
    bot_id: int,
    timeframe: str,
    markets: Mapping[str, Market],
    rules: Rules,
) -> tuple[Order, ...]:
    """Rows, in doubt, of every order that this bot placed itself, oldest first.

    name: the bot's, part of its ids.  timeframe: of its candles by the settings of now; an
    entry may be older than those.  Orders that the venue made of an entry's fills
    are not among them: reconciling adds those.
    """
    timeframes = dict.fromkeys((timeframe, *TIMEFRAMES_MS))
    rows: list[Order] = []
    newest_entry: dict[str, Order] = {}
    for order in sorted(found, key=lambda order: (order.opened_ms, order.side is Side.SELL)):
        if order.symbol not in markets:
            continue
        if order.side is Side.BUY:
            bars = (entry_bar(order, name, one) for one in timeframes)
            bar_ms = next((bar for bar in bars if bar is not None), None)
            if bar_ms is not None:
                entry = _entry_row(order, bar_ms, name, bot_id, markets[order.symbol], rules)
                newest_entry[order.symbol] = entry
                rows.append(entry)
        elif OWN_ID.fullmatch(order.client_id) and order.symbol in newest_entry:
            rows.append(_sell_row(order, newest_entry[order.symbol], rules))
    return tuple(rows)


def entry_bar(order: VenueOrder, name: str, timeframe: str) -> int | None:
    """Open time of the candle that an entry was caused by, None where the order is none of this bot's."""
    if order.client_id or order.parent_id or not order.userref:
        return None
    step = timeframe_ms(timeframe)
    newest = floor_ms(order.opened_ms, step)
    for back in range(MOST_CANDLES_BACK):
        bar_ms = newest - back * step
        if userref(client_id(name, order.symbol, bar_ms, Leg.ENTRY, 0)) == order.userref:
            return bar_ms
    return None


def _entry_row(order: VenueOrder, bar_ms: int, name: str, bot_id: int, market: Market, rules: Rules) -> Order:
    own_id = client_id(name, order.symbol, bar_ms, Leg.ENTRY, 0)
    return Order(
        client_id=own_id, bot_id=bot_id, symbol=order.symbol, side=Side.BUY, leg=Leg.ENTRY, type=OrderType.LIMIT,
        status=OrderStatus.UNKNOWN, quantity=order.quantity, filled=ZERO, limit_price=order.limit_price,
        stop_price=order.attached_stop_price, target_price=_target(order, market, rules), bar_ms=bar_ms,
        placed_ms=order.opened_ms, checked_ms=order.opened_ms, deadline_ms=order.opened_ms,
        expires_ms=order.expires_ms, venue_order_id="", trade_id=own_id, reason=REBUILT,
    )  # fmt: skip


def _sell_row(order: VenueOrder, entry: Order, rules: Rules) -> Order:
    leg = LEGS[order.client_id[0]]
    return Order(
        client_id=order.client_id, bot_id=entry.bot_id, symbol=order.symbol, side=Side.SELL, leg=leg,
        type=OrderType.STOP_LOSS if leg is Leg.STOP else OrderType.MARKET, status=OrderStatus.UNKNOWN,
        quantity=order.quantity, filled=ZERO, limit_price=None,
        stop_price=(order.stop_price or entry.stop_price) if leg is Leg.STOP else None, target_price=None,
        bar_ms=floor_ms(order.opened_ms, rules.slot_ms), placed_ms=order.opened_ms, checked_ms=order.opened_ms,
        deadline_ms=order.opened_ms, expires_ms=0, venue_order_id="", trade_id=entry.trade_id,
        reason="stop_loss" if leg is Leg.STOP else REBUILT,
    )  # fmt: skip


def _target(order: VenueOrder, market: Market, rules: Rules) -> Decimal | None:
    """Where the profit was to be taken: as the entry's limit and stop, a function of the ask at that moment."""
    if order.limit_price is None:
        return None
    ask = implied_ask(float(order.limit_price), float(order.attached_stop_price or 0), float(market.price_step), rules)
    return quantize(ceil_to_step(ask * (1.0 + target_gain(rules)), float(market.price_step)), market.price_step)


def implied_ask(limit_price: float, stop_price: float, price_step: float, rules: Rules) -> float:
    """The ask from which an entry's limit and stop were computed, by these rules.

    The one price on the venue's steps that gives both back; where the rules have
    changed since and none does, the ask that the limit alone implies.
    """
    likely = limit_price / (1.0 + rules.entry_limit_frac)
    nearest = round(likely / price_step)
    for away in range(SEARCHED_STEPS):
        for steps in {nearest - away, nearest + away}:
            ask = steps * price_step
            limit = ceil_to_step(ask * (1.0 + rules.entry_limit_frac), price_step)
            stop = floor_to_step(ask * (1.0 - rules.stop_loss_frac), price_step)
            if abs(limit - limit_price) < price_step / 2 and abs(stop - stop_price) < price_step / 2:
                return ask
    return likely
