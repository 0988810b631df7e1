"""Which of an order's executions are new to us."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from bot.domain.orders import Fill, Order
from bot.domain.venue_orders import VenueFill


def fills_beyond(fills: Sequence[VenueFill], known: Decimal, filled: Decimal) -> tuple[VenueFill, ...] | None:
    """The executions that `known` does not count yet; None where they do not add up.

    fills: all of an order, oldest first.  known, filled: base units that we count
    and that the venue counts.
    """
    if known == filled:
        return ()
    if sum((fill.quantity for fill in fills), Decimal(0)) != filled:
        return None
    counted = Decimal(0)
    for place, fill in enumerate(fills):
        if counted == known:
            return tuple(fills[place:])
        counted += fill.quantity
    return None


def domain_fill(fill: VenueFill, order: Order) -> Fill:
    """An execution of one of our orders, under its client id."""
    return Fill(
        order.client_id, fill.venue_trade_id, order.symbol, fill.side, fill.quantity, fill.price, fill.fee,
        fill.liquidity, fill.filled_ms, fill.fee_base,
    )  # fmt: skip
