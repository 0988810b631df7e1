"""What the paper venue did between two ticks: resting orders against the candles since.

Stops and entry limits rest on the venue, so they fill whether or not a tick ran.
A late tick finds here everything that happened meanwhile, in the order in which
it happened.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from bot.domain.candles import Candles
from bot.domain.markets import Market
from bot.domain.orders import (
    IN_DOUBT,
    RESTING,
    Fill,
    Leg,
    Order,
    OrderStatus,
    OrderType,
    Side,
    client_id,
)
from bot.rulebook.fills import match_resting_buy, match_stop_sell
from bot.rulebook.ledger import ZERO, fill_order, move_order, quantize
from bot.rulebook.rules import PaperRules

FEE_STEP = Decimal("0.00000001")


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that the venue did: the order as it stands after it, and the fill if there was one."""

    order: Order
    at_ms: int
    why: str
    fill: Fill | None = None


def make_fill(order: Order, size: float, price: float, market: Market, at_ms: int, maker: bool) -> Fill:
    """A paper fill in Decimal. Its venue id is computed: settling the same candles twice gives the same fill."""
    # All of it is all of it: as a float, a large quantity loses its last digits.
    whole = size == float(order.remaining)
    quantity = order.remaining if whole else min(quantize(size, market.size_step), order.remaining)
    paid = quantize(price, market.price_step)
    rate = market.maker_fee if maker else market.taker_fee
    return Fill(
        client_id=order.client_id,
        venue_trade_id=f"paper-{order.client_id}-{at_ms}",
        symbol=order.symbol,
        side=order.side,
        quantity=quantity,
        price=paid,
        fee=(quantity * paid * rate).quantize(FEE_STEP),
        liquidity="maker" if maker else "taker",
        filled_ms=at_ms,
    )


def attach_stop(entry: Order, stop: Order | None, quantity: Decimal, account: str, at_ms: int) -> Order:
    """The stop that a venue keeps for what an entry has filled: a new one, or the same one grown.

    quantity: base units added.  Its id is computed from the entry, so the same
    fill never makes two stops.
    """
    if stop is not None and stop.status in RESTING:
        return replace(stop, quantity=stop.quantity + quantity)
    return Order(
        client_id=client_id(account, entry.symbol, entry.bar_ms, Leg.STOP, 0),
        bot_id=entry.bot_id, symbol=entry.symbol, side=Side.SELL, leg=Leg.STOP, type=OrderType.STOP_LOSS,
        status=OrderStatus.OPEN, quantity=quantity, filled=ZERO, limit_price=None, stop_price=entry.stop_price,
        target_price=None, bar_ms=entry.bar_ms, placed_ms=at_ms, checked_ms=at_ms, deadline_ms=0, expires_ms=0,
        venue_order_id="", trade_id=entry.trade_id, reason="stop_loss",
    )  # fmt: skip


def settle_paper(
    orders: Sequence[Order],
    candles: Mapping[str, Candles],
    markets: Mapping[str, Market],
    paper: PaperRules,
    account: str,
    now_ms: int,
) -> tuple[Step, ...]:
    """Everything that happened to one bot's resting paper orders up to now_ms, oldest first.

    orders: those not final.  candles: protection candles per symbol, from each
    order's checked_ms on.  Orders in doubt past their deadline were never placed:
    the paper venue accepts an order only in the commit that records it.
    """
    steps: list[Step] = []
    for symbol in dict.fromkeys(order.symbol for order in orders):
        mine = [order for order in orders if order.symbol == symbol]
        for order in mine:
            if (order.status in IN_DOUBT or order.status is OrderStatus.PLANNED) and now_ms >= order.deadline_ms:
                steps.append(Step(move_order(order, OrderStatus.NOT_PLACED), now_ms, "not_placed"))
        if symbol in markets:
            steps.extend(_settle_symbol(mine, candles.get(symbol), markets[symbol], paper, account, now_ms))
    return tuple(steps)


def _settle_symbol(
    orders: Sequence[Order],
    candles: Candles | None,
    market: Market,
    paper: PaperRules,
    account: str,
    now_ms: int,
) -> list[Step]:
    entry = next((o for o in orders if o.leg is Leg.ENTRY and o.status in RESTING), None)
    stop = next((o for o in orders if o.leg is Leg.STOP and o.status in RESTING), None)
    steps: list[Step] = []
    checked_ms = min((o.checked_ms for o in (entry, stop) if o is not None), default=now_ms)
    stands_ms = next((o.placed_ms for o in (stop, entry) if o is not None), now_ms)
    for i in range(len(candles) if candles is not None else 0):
        assert candles is not None
        close_ms = int(candles.close_ms[i])
        if close_ms <= checked_ms or close_ms > now_ms:
            continue
        traded = not bool(candles.filled[i])
        if entry is not None and traded and close_ms > entry.checked_ms:
            match = match_resting_buy(
                float(entry.remaining), float(entry.limit_price or ZERO), float(candles.low[i]),
                float(candles.volume[i]), paper.participation_frac, float(market.size_step), float(market.min_size),
            )  # fmt: skip
            if match.size > 0.0:
                # Only a price that came down to the limit found it waiting; below it the order took from others.
                waited = candles.open_ms[i] >= entry.placed_ms and candles.open[i] > match.price
                fill = make_fill(entry, match.size, match.price, market, close_ms, maker=bool(waited))
                entry = replace(fill_order(entry, fill), checked_ms=close_ms)
                steps.append(Step(entry, close_ms, "filled", fill))
                stop = replace(attach_stop(entry, stop, fill.quantity, account, close_ms), checked_ms=checked_ms)
                steps.append(Step(stop, close_ms, "attached"))
                if entry.status is OrderStatus.FILLED:
                    entry = None
        if stop is not None and traded:
            trigger = float(stop.stop_price or ZERO)
            # A candle that opened before the stop stood there may count as touched, but never at its open.
            opening = float(candles.open[i]) if candles.open_ms[i] >= stands_ms else trigger
            match = match_stop_sell(
                float(stop.remaining), trigger, opening, float(candles.low[i]), paper.slippage_frac,
                float(market.price_step),
            )  # fmt: skip
            if match.size > 0.0:
                fill = make_fill(stop, match.size, match.price, market, close_ms, maker=False)
                steps.append(Step(replace(fill_order(stop, fill), checked_ms=close_ms), close_ms, "filled", fill))
                stop = None
                if entry is not None:
                    steps.append(Step(move_order(entry, OrderStatus.CANCELLED), close_ms, "stopped_out"))
                    entry = None
        checked_ms = close_ms
        if entry is not None and close_ms >= entry.expires_ms:
            steps.append(Step(move_order(entry, OrderStatus.EXPIRED), close_ms, "expired"))
            entry = None
    if entry is not None and now_ms >= entry.expires_ms:
        steps.append(Step(move_order(entry, OrderStatus.EXPIRED), now_ms, "expired"))
        entry = None
    for order in (entry, stop):
        if order is not None and order.checked_ms < checked_ms:
            steps.append(Step(replace(order, checked_ms=checked_ms), checked_ms, "checked"))
    return steps
