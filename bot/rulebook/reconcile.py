"""What became of our orders, by what the venue says of them.

Our rows and one look at the account in, steps out. Nothing is inferred from
silence, except that an order which nobody can have accepted any more, and which
is on no list, was never placed. Whatever does not add up is left as it is and
named: its symbol waits.

The venue's facts win over ours: sizes, triggers and ends of orders are taken
over from it. Positions stay what they always are, sums of fills.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from decimal import Decimal

from bot.domain.orders import (
    FINAL,
    IN_DOUBT,
    RESTING,
    Fill,
    Leg,
    Order,
    OrderStatus,
    OrderType,
    Side,
    adopted_id,
    userref,
)
from bot.domain.records import Trade
from bot.domain.venue_orders import Balance, Observation, VenueFill, VenueOrder
from bot.rulebook.ledger import ZERO, fill_order, move_order
from bot.rulebook.settle import Step

LOOKUP_MARGIN_MS = 10_000
"""How long after its deadline an order may still be missing from the venue's lists although it was accepted."""

CLOCK_MARGIN_MS = 60_000
"""How far the venue's times of one order may lie before ours."""

IN_DOUBT_STILL = "in_doubt"
AMENDING = "amending"
ATTACHING = "attaching"
MISSING = "missing"
FILLS_MISSING = "fills_missing"
CONFLICT = "conflict"


@dataclass(frozen=True, slots=True)
class Ledger:
    """What we know. orders: those not final.  settled: final ones that the venue may still list.

    fills: venue_trade_ids booked already, of all these orders.  trades: those open,
    and closed ones that may open again, by trade_id.
    """

    orders: Sequence[Order]
    settled: Sequence[Order]
    fills: Set[str]
    trades: Mapping[str, Trade]


@dataclass(frozen=True, slots=True)
class Reconciled:
    """steps: in the order in which they happened.  unsettled: why a symbol waits, by symbol.

    foreign: orders that rest on the venue and are none of ours.  certain_ms: from when on
    a look must tell what an unsettled symbol waits for, venue time, where that is known.
    """

    steps: tuple[Step, ...]
    unsettled: dict[str, str]
    foreign: tuple[VenueOrder, ...]
    certain_ms: dict[str, int] = field(default_factory=dict)


@dataclass(slots=True)
class _Work:
    ledger: Ledger
    seen: Observation
    orders: dict[str, Order]
    by_venue_id: dict[str, str]
    held: dict[str, Decimal]
    booked: set[str]
    steps: list[Step] = field(default_factory=list)
    unsettled: dict[str, str] = field(default_factory=dict)
    certain_ms: dict[str, int] = field(default_factory=dict)

    def step(self, order: Order, at_ms: int, why: str, fill: Fill | None = None) -> None:
        self.orders[order.client_id] = order
        self.steps.append(Step(order, at_ms, why, fill))

    def wait(self, symbol: str, why: str, until_ms: int = 0) -> None:
        self.unsettled.setdefault(symbol, why)
        if until_ms:
            self.certain_ms[symbol] = max(self.certain_ms.get(symbol, 0), until_ms)

    def own(self, found: VenueOrder) -> Order | None:
        client_id = self.by_venue_id.get(found.venue_order_id)
        return self.orders[client_id] if client_id else None


def reconcile(ledger: Ledger, seen: Observation) -> Reconciled:
    """Bring our rows up to what was seen.

    An order in doubt is found by its client id, or, where it carries none beside
    its attached stop, by its userref; absent, it counts as not placed once its
    deadline has passed by LOOKUP_MARGIN_MS. Orders that an entry's fills made at the
    venue become rows of their own.
    """
    work = _Work(
        ledger,
        seen,
        {order.client_id: order for order in (*ledger.settled, *ledger.orders)},
        {o.venue_order_id: o.client_id for o in (*ledger.settled, *ledger.orders) if o.venue_order_id},
        {trade.trade_id: trade.open_quantity for trade in ledger.trades.values()},
        set(ledger.fills),
    )
    for order in ledger.orders:
        if not order.venue_order_id:
            _look_up(work, order)
    for found in sorted(seen.orders, key=lambda found: found.opened_ms):
        if found.parent_id and work.own(found) is None:
            _take_attached(work, found)
    for found in seen.orders:
        known = work.own(found)
        if known is not None and known.status not in FINAL:
            _take_terms(work, known, found)
    for fill in sorted(seen.fills, key=lambda fill: (fill.filled_ms, fill.side is Side.SELL, fill.venue_trade_id)):
        _book(work, fill)
    for found in seen.orders:
        known = work.own(found)
        if known is not None:
            _end(work, known, found)
    listed = {found.venue_order_id for found in seen.orders}
    for order in work.orders.values():
        if order.status not in FINAL and order.venue_order_id and order.venue_order_id not in listed:
            work.wait(order.symbol, MISSING)
        if order.leg is Leg.STOP and order.status in RESTING and order.deadline_ms > seen.at_ms:
            # An amendment is on its way, or was lost on it: what comes after it must not be overtaken by it.
            work.wait(order.symbol, AMENDING, order.deadline_ms)
        if order.leg is Leg.STOP and order.status in RESTING and order.trade_id not in work.held:
            # A fill made it, and is not told yet: whoever took it for an orphan would cancel a position's stop.
            work.wait(order.symbol, FILLS_MISSING)
    for found in seen.orders:
        _expect_stops(work, found)
    foreign = tuple(f for f in seen.orders if f.status in RESTING and work.own(f) is None)
    return Reconciled(tuple(work.steps), work.unsettled, foreign, work.certain_ms)


def _look_up(work: _Work, order: Order) -> None:
    """Find an order that was sent, or not, before nobody knows what."""
    found = next((f for f in work.seen.orders if f.venue_order_id not in work.by_venue_id and _is(order, f)), None)
    if found is not None:
        work.by_venue_id[found.venue_order_id] = order.client_id
        # Of a stop the deadline says until when something about it is on its way: it has arrived.
        deadline_ms = 0 if order.leg is Leg.STOP else order.deadline_ms
        adopted = replace(order, venue_order_id=found.venue_order_id, deadline_ms=deadline_ms)
        if order.status in IN_DOUBT:
            adopted = move_order(adopted, OrderStatus.OPEN)
        work.step(adopted, work.seen.at_ms, "found")
        return
    whole = work.seen.since_ms <= order.placed_ms
    if whole and work.seen.at_ms >= order.deadline_ms + LOOKUP_MARGIN_MS:
        work.step(move_order(order, OrderStatus.NOT_PLACED), work.seen.at_ms, "not_placed")
        return
    if order.status is OrderStatus.SUBMITTING:
        work.step(move_order(order, OrderStatus.UNKNOWN), work.seen.at_ms, "not_found_yet")
    work.wait(order.symbol, IN_DOUBT_STILL, order.deadline_ms + LOOKUP_MARGIN_MS)


def _is(order: Order, found: VenueOrder) -> bool:
    if found.client_id:
        return found.client_id == order.client_id
    return (
        not found.parent_id
        and found.userref == userref(order.client_id)
        and (found.symbol, found.side) == (order.symbol, order.side)
        and found.opened_ms >= order.placed_ms - CLOCK_MARGIN_MS
    )


def _take_attached(work: _Work, found: VenueOrder) -> None:
    """A row for the stop that the venue made of an entry's fill."""
    parent_id = work.by_venue_id.get(found.parent_id)
    entry = work.orders[parent_id] if parent_id else None
    if entry is None or entry.leg is not Leg.ENTRY or found.side is not Side.SELL:
        return
    stop = Order(
        client_id=adopted_id(Leg.STOP, found.venue_order_id),
        bot_id=entry.bot_id, symbol=entry.symbol, side=Side.SELL, leg=Leg.STOP, type=OrderType.STOP_LOSS,
        status=OrderStatus.OPEN, quantity=found.quantity, filled=ZERO, limit_price=None,
        stop_price=found.stop_price or entry.stop_price, target_price=None, bar_ms=entry.bar_ms,
        placed_ms=found.opened_ms, checked_ms=found.opened_ms, deadline_ms=0, expires_ms=0,
        venue_order_id=found.venue_order_id, trade_id=entry.trade_id, reason="stop_loss",
    )  # fmt: skip
    work.by_venue_id[found.venue_order_id] = stop.client_id
    work.step(stop, found.opened_ms, "attached")


def _take_terms(work: _Work, order: Order, found: VenueOrder) -> None:
    """Size and trigger as the venue has them: an amendment may have come through though nobody said so."""
    stop_price = found.stop_price if order.leg is Leg.STOP and found.stop_price else order.stop_price
    if order.filled > found.quantity:
        work.wait(order.symbol, CONFLICT)
    elif (order.quantity, order.stop_price) != (found.quantity, stop_price):
        work.step(replace(order, quantity=found.quantity, stop_price=stop_price), work.seen.at_ms, "amended")


def _book(work: _Work, seen: VenueFill) -> None:
    """One execution, unless it is booked already or not ours."""
    client_id = work.by_venue_id.get(seen.venue_order_id)
    if client_id is None or seen.venue_trade_id in work.booked:
        return
    order = work.orders[client_id]
    held = work.held.get(order.trade_id, ZERO)
    oversold = seen.side is Side.SELL and seen.quantity > held
    if oversold or seen.side is not order.side or order.filled + seen.quantity > order.quantity:
        work.wait(order.symbol, CONFLICT)
        return
    fill = Fill(
        client_id, seen.venue_trade_id, order.symbol, seen.side, seen.quantity, seen.price, seen.fee, seen.liquidity,
        seen.filled_ms, seen.fee_base,
    )  # fmt: skip
    work.booked.add(seen.venue_trade_id)
    moved = seen.quantity if seen.side is Side.BUY else -seen.quantity
    work.held[order.trade_id] = max(held + moved - seen.fee_base, ZERO)
    # What has ended without it keeps its end; the money counts all the same.
    late = replace(order, filled=order.filled + seen.quantity) if order.status in FINAL else fill_order(order, fill)
    work.step(late, seen.filled_ms, "filled", fill)


def _end(work: _Work, order: Order, found: VenueOrder) -> None:
    """The end of an order that the venue has ended, once all that it filled is booked."""
    if order.filled != found.filled:
        work.wait(order.symbol, FILLS_MISSING)
    elif found.status not in RESTING and order.status not in FINAL:
        ended = OrderStatus.EXPIRED if found.status is OrderStatus.EXPIRED else OrderStatus.CANCELLED
        work.step(move_order(order, ended), found.closed_ms or work.seen.at_ms, ended.value)


def _expect_stops(work: _Work, found: VenueOrder) -> None:
    """Wait for the stop that a young fill of an entry has made at the venue: a second one would sell twice.

    As any order that was just made it may be missing from the lists for a while. They are counted as well, one of each
    fill: those that are there may have grown.
    """
    order = work.own(found)
    if order is None or order.leg is not Leg.ENTRY or found.attached_stop_price is None or not found.filled:
        return
    fills = [fill for fill in work.seen.fills if fill.venue_order_id == found.venue_order_id]
    due = {*found.trade_ids, *(fill.venue_trade_id for fill in fills)}
    shown_from_ms = max([found.closed_ms, *(fill.filled_ms for fill in fills)]) + LOOKUP_MARGIN_MS
    made = sum((one.quantity for one in work.seen.orders if one.parent_id == found.venue_order_id), ZERO)
    stops = sum(
        one.trade_id == order.trade_id and one.client_id == adopted_id(Leg.STOP, one.venue_order_id)
        for one in work.orders.values()
    )
    if (made < found.filled or stops < len(due)) and work.seen.at_ms < shown_from_ms:
        work.wait(order.symbol, ATTACHING, shown_from_ms)


@dataclass(frozen=True, slots=True)
class Holding:
    """What the ledger says that the account must have of one asset.

    quantity: in the asset's units.  step: less than this is no difference.
    least: from here on, more than we know of may be a purchase that we missed.
    """

    asset: str
    quantity: Decimal
    step: Decimal
    least: Decimal


@dataclass(frozen=True, slots=True)
class Drift:
    """Account and ledger differ. kind: "missing", "surplus", or "rewards" for coins that no order can sell.

    unsellable: of what the venue has, out earning rewards.
    """

    asset: str
    kind: str
    ledger: Decimal
    venue: Decimal
    unsellable: Decimal = ZERO


def find_drift(
    holdings: Iterable[Holding], balances: Sequence[Balance], baseline: Mapping[str, Decimal]
) -> tuple[Drift, ...]:
    """Where the account's balances contradict the ledger.

    baseline: what the account held beside the bot's own when it went live, by asset.
    A surplus below the smallest order cannot be a purchase of ours (rewards accrue
    that way) and is let be.
    """
    by_asset = {balance.asset: balance for balance in balances}
    none = Balance("", ZERO, ZERO, ZERO)
    drifts = []
    for holding in holdings:
        balance = by_asset.get(holding.asset, none)
        beside = baseline.get(holding.asset, ZERO)
        venue = balance.total + balance.rewards - beside
        excess = venue - holding.quantity
        if excess <= -holding.step:
            drifts.append(Drift(holding.asset, "missing", holding.quantity, venue, balance.rewards))
        elif excess >= holding.least:
            drifts.append(Drift(holding.asset, "surplus", holding.quantity, venue))
        elif balance.total - holding.quantity <= -holding.step:
            drifts.append(Drift(holding.asset, "rewards", holding.quantity, balance.total))
    return tuple(drifts)
