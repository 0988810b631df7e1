"""From intents to order rows, and from the venue's answers back to the ledger."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from bot.domain.markets import Market, Quote
from bot.domain.orders import FINAL, IN_DOUBT, Intent, Leg, Order, OrderStatus, client_id
from bot.domain.ports import Answer, Venue
from bot.jobs.account import Account
from bot.rulebook.ledger import ZERO, fill_order, move_order, quantize

LEAST_FOR_EXIT_MS = 6_000
"""What must be left of an exit's time when its stop is touched: to cancel, to look how that ended, to sell."""

MOST_RUNS_PER_SLOT = 32
"""Runs of one slot under one fencing number, more than any cadence can bring about."""


@dataclass(frozen=True, slots=True)
class Planned:
    """An intent with the order that carries it out.

    held, bought: base units of its symbol's trade, still held and bought in all, when it was planned.
    """

    intent: Intent
    order: Order
    held: Decimal = ZERO
    bought: Decimal = ZERO


def _price(value: float, market: Market) -> Decimal | None:
    return quantize(value, market.price_step) if value > 0.0 else None


def _quantity(intent: Intent, account: Account, market: Market) -> Decimal:
    """The intent's size, base units; where it is all that is held, all of it that can be ordered.

    That is every digit, unless the venue has made its step coarser since it was bought.
    """
    trade = account.trade_of(intent.symbol)
    held = trade.open_quantity if trade else ZERO
    if intent.leg is not Leg.ENTRY and intent.size == float(held):
        return held - held % market.size_step
    return quantize(intent.size, market.size_step)


def plan_order(
    intent: Intent, account: Account, market: Market, now_ms: int, attempt: int, entry_ttl_ms: int, deadline_ms: int
) -> Order:
    """The row for a new order, in status submitting, written before the venue hears of it.

    attempt: the fencing number, so that a run after a killed one never reuses its
    ids. Entries have no attempts: a candle enters once.
    """
    entry = intent.leg is Leg.ENTRY
    own_id = _id(intent, account, 0) if entry else _unused_id(intent, account, attempt)
    trade = account.trade_of(intent.symbol)
    assert entry or trade is not None, f"a {intent.leg} of {intent.symbol} without a trade"
    trade_id = trade.trade_id if trade is not None and not entry else own_id
    return Order(
        client_id=own_id,
        bot_id=account.snapshot.bot_id,
        symbol=intent.symbol,
        side=intent.side,
        leg=intent.leg,
        type=intent.type,
        status=OrderStatus.SUBMITTING,
        quantity=_quantity(intent, account, market),
        filled=ZERO,
        limit_price=_price(intent.limit_price, market),
        stop_price=_price(intent.stop_price, market),
        target_price=_price(intent.target_price, market),
        bar_ms=intent.bar_ms,
        placed_ms=now_ms,
        checked_ms=now_ms,
        deadline_ms=deadline_ms,
        expires_ms=now_ms + entry_ttl_ms if entry else 0,
        venue_order_id="",
        trade_id=trade_id,
        reason=intent.reason,
    )


def _id(intent: Intent, account: Account, attempt: int) -> str:
    return client_id(account.snapshot.name, intent.symbol, intent.bar_ms, intent.leg, attempt)


def _unused_id(intent: Intent, account: Account, attempt: int) -> str:
    """The id behind the last one in use.

    A loop that failed in mid-tick goes on under its old fencing number; what it had
    planned in this slot is in doubt and in the account, so that the next id is known.
    """
    ids = [_id(intent, account, attempt + n) for n in range(MOST_RUNS_PER_SLOT)]
    known = {order.client_id for order in account.snapshot.settled_orders} | set(account.orders)
    used = [n for n, own_id in enumerate(ids[:-1]) if own_id in known]
    return ids[used[-1] + 1] if used else ids[0]


def plan_orders(
    intents: Sequence[Intent],
    account: Account,
    markets: Mapping[str, Market],
    now_ms: int,
    attempt: int,
    entry_ttl_ms: int,
    deadline_ms: int,
) -> list[Planned]:
    """Rows for all intents. New orders enter the account; amends and cancels carry the resting order as asked for."""
    planned: list[Planned] = []
    for intent in intents:
        if intent.action == "place":
            order = plan_order(intent, account, markets[intent.symbol], now_ms, attempt, entry_ttl_ms, deadline_ms)
            account.put_order(order, now_ms, reason=intent.reason)
        else:
            order = account.orders[intent.client_id]
            if intent.action == "amend":
                market = markets[intent.symbol]
                quantity = _quantity(intent, account, market) + order.filled
                stop_price = _price(intent.stop_price, market)
                if (quantity, stop_price) == (order.quantity, order.stop_price):
                    continue
                # The row first says until when the amendment may arrive: nothing is ordered there before.
                order = replace(order, deadline_ms=deadline_ms)
                account.put_order(order, now_ms)
                order = replace(order, quantity=quantity, stop_price=stop_price, placed_ms=now_ms, reason=intent.reason)
        trade = account.trade_of(intent.symbol)
        planned.append(Planned(intent, order, *((trade.open_quantity, trade.quantity) if trade else ())))
    return planned


async def send(
    planned: Sequence[Planned],
    account: Account,
    venue: Venue,
    quotes: Mapping[str, Quote],
    markets: Mapping[str, Market],
    volumes: Mapping[str, float],
    clock: Callable[[], int],
) -> None:
    """Tell the venue, one request after the other, and take its answers into the account.

    clock: the venue's time now; raises LeaseLost when this run may not send any
    more.  Once a step on a symbol did not come through, nothing more is sent there: an exit
    only follows when the stop that holds its coins is out of the way.  No stop is taken away for
    an exit that would come too late, nor once nobody could tell how a cancellation ended.
    """
    stuck: set[str] = set()
    exits = {item.intent.symbol: item.order for item in planned if item.order.leg is Leg.EXIT}
    unseen = False
    for item in planned:
        action, symbol = item.intent.action, item.intent.symbol
        if action == "place" and account.orders[item.order.client_id].status in FINAL:
            continue
        now_ms = clock()
        if item.order.leg is Leg.STOP and symbol in exits and (unseen or _too_late(exits[symbol], now_ms)):
            stuck.add(symbol)
        if symbol in stuck:
            if action == "place":
                _not_sent(account, item.order, "an earlier step failed", now_ms)
            continue
        if action == "place":
            done = await _place(item, account, venue, quotes, markets, volumes, now_ms)
        elif action == "amend":
            done = await _amend(item, account, venue, now_ms)
        else:
            done = await _cancel(account.orders[item.order.client_id], account, venue, now_ms)
            unseen = unseen or not done
        if not done:
            stuck.add(symbol)


def _too_late(exit_order: Order, now_ms: int) -> bool:
    """Whether the exit would hardly be sent any more; never on paper, where no time passes."""
    whole_ms = exit_order.deadline_ms - exit_order.placed_ms
    return whole_ms > 0 and exit_order.deadline_ms - now_ms < min(LEAST_FOR_EXIT_MS, whole_ms // 2)


async def _place(
    item: Planned,
    account: Account,
    venue: Venue,
    quotes: Mapping[str, Quote],
    markets: Mapping[str, Market],
    volumes: Mapping[str, float],
    now_ms: int,
) -> bool:
    order = item.order
    if order.leg is not Leg.ENTRY:
        # A cancel before this one may have brought fills: what they sold is not there to be sold again.
        # What it bought meanwhile has a stop of its own, which nobody has taken away.
        trade = account.trade_of(order.symbol)
        held = trade.open_quantity - (trade.quantity - item.bought) if trade else ZERO
        if held <= ZERO:
            _not_sent(account, order, "nothing is left to sell", now_ms)
            return True
        if held != item.held and order.quantity < item.held:
            _not_sent(account, order, "a part of another holding was to be sold", now_ms)
            return True
        order = replace(order, quantity=min(order.quantity, held))
    symbol = order.symbol
    answer = await venue.place(order, quotes[symbol], markets[symbol], volumes.get(symbol, 0.0), now_ms)
    take_answer(account, order, answer, now_ms)
    if answer.status is OrderStatus.REJECTED:
        account.bury(order, answer.detail, now_ms)
    if answer.status is OrderStatus.UNKNOWN:
        account.unsettled[symbol] = answer.detail
    return answer.status not in (OrderStatus.REJECTED, OrderStatus.UNKNOWN, OrderStatus.NOT_PLACED)


async def _amend(item: Planned, account: Account, venue: Venue, now_ms: int) -> bool:
    """Change a resting order. Where that did not come through, the row stays: the next look at the venue tells."""
    order, size = item.order, account.orders[item.order.client_id].quantity
    if order.quantity > size:
        # A cancel before this one may have brought fills: what they sold is not there for another stop to grow by.
        trade = account.trade_of(order.symbol)
        sold = item.held - (trade.open_quantity - (trade.quantity - item.bought) if trade else ZERO)
        order = replace(order, quantity=max(order.quantity - sold, size))
    answer = await venue.amend(order, now_ms)
    if answer.status is order.status:
        account.put_order(replace(order, deadline_ms=0), now_ms, answer=answer.detail)
        return True
    if answer.status is not OrderStatus.UNKNOWN:
        account.put_order(replace(account.orders[order.client_id], deadline_ms=0), now_ms)
    account.note(order, "amend", answer, now_ms)
    return False


async def _cancel(order: Order, account: Account, venue: Venue, now_ms: int) -> bool:
    """Take a resting order back, and with its end the fills that came before it."""
    answer = await venue.cancel(order, now_ms)
    if answer.status in (OrderStatus.CANCELLED, OrderStatus.FILLED, OrderStatus.EXPIRED):
        take_answer(account, order, answer, now_ms)
        return True
    account.note(order, "cancel", answer, now_ms)
    return False


def _not_sent(account: Account, order: Order, why: str, now_ms: int) -> None:
    account.put_order(move_order(order, OrderStatus.NOT_PLACED), now_ms, why=why)


def take_answer(account: Account, order: Order, answer: Answer, now_ms: int) -> None:
    """Book what the venue said: its fills first, then the status, then the stop it attached."""
    order = replace(order, venue_order_id=answer.venue_order_id or order.venue_order_id)
    if answer.fills and order.status in IN_DOUBT:
        order = move_order(order, OrderStatus.OPEN)
    for fill in answer.fills:
        order = fill_order(order, fill)
        account.put_order(order, now_ms, answer=answer.detail)
        account.book_fill(order, fill)
    if order.status is not answer.status:
        order = move_order(order, answer.status)
    if order.leg is Leg.STOP and order.status not in IN_DOUBT:
        order = replace(order, deadline_ms=0)
    account.put_order(order, now_ms, answer=answer.detail)
    if answer.attached is not None:
        account.put_order(answer.attached, now_ms, why="attached")
