"""What must be true of rows and venue: at every moment, and once all is quiet."""

from __future__ import annotations

from collections import Counter
from decimal import Decimal

from bot.domain.orders import IN_DOUBT, RESTING, Leg, Order, OrderStatus, Side
from bot.jobs.bot_run import BotRun
from tests.lifecycle.model_venue import ModelVenue, VenueRow, name_of, status_of
from tests.lifecycle.rows import Rows, check_rows
from tests.lifecycle.runs import MARKET

ZERO = Decimal(0)
STRANGER = "userref 0"
NEVER_THERE = (OrderStatus.NOT_PLACED, OrderStatus.REJECTED)


def check_always(rows: Rows, venue: ModelVenue) -> None:
    """Laws that hold whatever is in doubt."""
    check_rows(rows.orders, rows.fills, rows.trades)
    twice = [name for name, times in venue.asked.items() if times > 1]
    assert not twice, f"sent more than once: {twice}"
    taken = Counter(row.name for row in venue.orders.values() if row.name != STRANGER and row.name)
    assert not [name for name, times in taken.items() if times > 1], f"two orders for one intent: {taken}"
    assert venue.least_own >= ZERO, f"{-venue.least_own} more sold or on offer than was held"
    booked = {fill.venue_trade_id: fill for fill in rows.fills.values()}
    for row in venue.orders.values():
        for fill in row.fills:
            mine = booked.pop(fill.venue_trade_id, None)
            if mine is not None:
                assert rows.orders[mine.client_id].venue_order_id == row.order_id, f"{fill} is booked on another order"
                assert (mine.quantity, mine.price, mine.fee) == (fill.quantity, fill.price, fill.fee)
                assert (mine.side, mine.filled_ms) == (fill.side, fill.filled_ms)
    assert not booked, f"booked and never happened: {booked}"


def check_quiet(rows: Rows, venue: ModelVenue, run: BotRun) -> None:
    """Laws that hold after two clean ticks with nothing on its way."""
    _check_account(rows, venue, run)
    _check_every_order(rows, venue)
    check_protection(rows, venue)


def _check_account(rows: Rows, venue: ModelVenue, run: BotRun) -> None:
    assert not run.unseen, run.unseen
    assert run.account.in_doubt() == (), f"still in doubt: {run.account.unsettled}"
    assert not run.drift, f"{run.drift}"
    for order in rows.orders.values():
        assert order.status not in IN_DOUBT, f"{order.leg} {order.client_id} is {order.status}"
    held = sum((trade.open_quantity for trade in rows.trades.values()), ZERO)
    assert held == venue.coins - rows.baseline.get(MARKET.base, ZERO), f"{held} in the ledger, {venue.coins} there"
    assert rows.cash == venue.cash == run.account.cash, f"cash {rows.cash} in the ledger, {venue.cash} there"


def _check_every_order(rows: Rows, venue: ModelVenue) -> None:
    mine = {order.venue_order_id: order for order in rows.orders.values() if order.venue_order_id}
    there = {row.order_id: row for row in venue.orders.values() if row.name != STRANGER}
    assert mine.keys() == there.keys(), f"rows {sorted(mine)}, at the venue {sorted(there)}"
    for order_id, order in mine.items():
        _check_order(order, there[order_id])
    names = {row.name for row in there.values()}
    for order in rows.orders.values():
        if order.status in NEVER_THERE:
            assert name_of(order) not in names, f"{order.leg} {order.client_id} is {order.status}, and at the venue"
        else:
            assert order.venue_order_id, f"{order.leg} {order.client_id} is {order.status}, and not at the venue"


def _check_order(order: Order, row: VenueRow) -> None:
    what = f"{order.leg} {order.client_id} is {order.status}, there it is {row}"
    assert order.status is status_of(row), what
    assert (order.filled, order.side) == (row.filled, row.side), what
    if row.open:
        assert order.quantity == row.quantity, what
        assert order.leg is Leg.ENTRY or order.stop_price == row.stop_price, what


def check_protection(rows: Rows, venue: ModelVenue) -> None:
    """Stops rest for exactly what is held; below the smallest order none can be asked for."""
    held = sum((trade.open_quantity for trade in rows.trades.values() if trade.status == "open"), ZERO)
    resting = [row for row in venue.open_orders if row.side is Side.SELL]
    covered = sum((row.left for row in resting), ZERO)
    if held >= MARKET.min_size:
        assert covered == held, f"stops for {covered}, a position of {held}"
    else:
        assert covered <= held, f"stops for {covered}, dust of {held}"
    trades = {trade.trade_id for trade in rows.trades.values() if trade.status == "open"}
    ended = {trade.trade_id for trade in rows.trades.values() if trade.status == "closed"}
    for order in rows.orders.values():
        if order.status in RESTING:
            over = order.trade_id in ended if order.leg is Leg.ENTRY else order.trade_id not in trades
            assert not over, f"{order.leg} {order.client_id} outlives its trade"
