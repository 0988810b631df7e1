"""Bookkeeping in Decimal: orders after fills, trades as sums of fills.

A position is what its fills say, never what an order's status says.
"""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from bot.domain.orders import NEXT_STATUS, Fill, Leg, Order, OrderStatus, Side
from bot.domain.records import Trade

ZERO = Decimal(0)


def quantize(value: float, step: Decimal) -> Decimal:
    """The multiple of step nearest to value, exact."""
    return (Decimal(round(value / float(step))) * step).normalize() + ZERO


def move_order(order: Order, status: OrderStatus) -> Order:
    """The order in its new status. Raises ValueError for a step that NEXT_STATUS forbids."""
    if status is order.status:
        return order
    if status not in NEXT_STATUS[order.status]:
        raise ValueError(f"order {order.client_id} cannot go from {order.status} to {status}")
    return replace(order, status=status)


def fill_order(order: Order, fill: Fill) -> Order:
    """The order after one more fill. Raises ValueError when it would exceed its quantity."""
    filled = order.filled + fill.quantity
    if filled > order.quantity:
        raise ValueError(f"order {order.client_id}: fills of {filled} exceed its quantity {order.quantity}")
    status = OrderStatus.FILLED if filled == order.quantity else OrderStatus.PARTIALLY_FILLED
    return replace(move_order(order, status), filled=filled)


def cash_flow(fill: Fill) -> Decimal:
    """What a fill does to cash, quote currency: notional, negative for a buy, less a fee that was taken in money."""
    notional = fill.quantity * fill.price
    return (notional if fill.side is Side.SELL else -notional) - (ZERO if fill.fee_base else fill.fee)


def own_part(trade: Trade | None, fill: Fill) -> Fill:
    """A sell with no more of a fee in coins than the trade has left: what exceeds that was not the bot's."""
    if trade is None or fill.side is Side.BUY:
        return fill
    return replace(fill, fee_base=min(fill.fee_base, max(trade.open_quantity - fill.quantity, ZERO)))


def apply_fill(trade: Trade | None, order: Order, fill: Fill, strategy: str = "") -> Trade:
    """The trade after one more fill of one of its orders; a new one for the first entry fill.

    A fee in coins counts as coins sold for it: proceeds and fees both grow by what it
    is worth. Of a buy it counts as coins that were never got, paid for as a fee.
    Raises ValueError when more would be sold than is held, or when the first fill
    is not an entry.
    """
    if trade is None:
        if order.leg is not Leg.ENTRY:
            raise ValueError(f"order {order.client_id} ({order.leg}) filled, but its trade {order.trade_id} is unknown")
        trade = Trade(
            trade_id=order.trade_id, bot_id=order.bot_id, symbol=order.symbol, status="open", strategy=strategy,
            entry_ms=fill.filled_ms, exit_ms=0, entry_price=fill.price, exit_price=None,
            quantity=ZERO, open_quantity=ZERO, entry_cost=ZERO, exit_proceeds=ZERO, fees=ZERO, pnl=ZERO,
            stop_price=order.stop_price, target_price=order.target_price, high_water=fill.price, armed=False,
            exit_reason="",
        )  # fmt: skip
    notional = fill.quantity * fill.price
    in_coins = fill.fee if fill.fee_base else ZERO
    fees = trade.fees + fill.fee
    if fill.side is Side.BUY:
        got = fill.quantity - fill.fee_base
        quantity = trade.quantity + got
        cost = trade.entry_cost + notional - in_coins
        return _with_pnl(
            replace(
                trade, quantity=quantity, open_quantity=trade.open_quantity + got, entry_cost=cost,
                entry_price=cost / quantity, fees=fees, high_water=max(trade.high_water, fill.price),
                status="open", exit_ms=0, exit_reason="",
            )
        )  # fmt: skip
    left = trade.open_quantity - fill.quantity
    if left < ZERO:
        raise ValueError(f"trade {trade.trade_id}: selling {fill.quantity} of {trade.open_quantity}")
    left = max(left - fill.fee_base, ZERO)
    proceeds = trade.exit_proceeds + notional + in_coins
    sold = trade.quantity - left
    done = left == ZERO
    return _with_pnl(
        replace(
            trade, open_quantity=left, exit_proceeds=proceeds, exit_price=proceeds / sold, fees=fees,
            status="closed" if done else "open", exit_ms=fill.filled_ms if done else 0,
            exit_reason=order.reason if done else trade.exit_reason,
        )
    )  # fmt: skip


def _with_pnl(trade: Trade) -> Trade:
    """Realised profit: proceeds less the entry cost of what was sold, less all fees paid so far.

    Exact on a closed trade, where everything was sold.
    """
    sold = trade.quantity - trade.open_quantity
    cost_sold = trade.entry_cost if trade.open_quantity == ZERO else trade.entry_price * sold
    return replace(trade, pnl=trade.exit_proceeds - cost_sold - trade.fees)
