"""The rows of one live bot as the database keeps them, with the laws that every commit must keep."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from bot.domain.book import BotState, BotStatus, Cooldown
from bot.domain.orders import FINAL, NEXT_STATUS, Fill, Leg, Order, OrderStatus
from bot.domain.records import BotSnapshot, BotWrites, Command, Trade
from bot.rulebook.ledger import cash_flow

ZERO = Decimal(0)
DAY_MS = 86_400_000
BOT_ID = 1
TRADE_OF_THE_LEDGER = ("quantity", "open_quantity", "entry_cost", "exit_proceeds", "fees")


class Rows:
    """Orders, fills and trades; a commit is all of it or nothing."""

    def __init__(self, cash: Decimal, baseline: dict[str, Decimal]) -> None:
        self.initial_cash, self.baseline = cash, baseline
        self.orders: dict[str, Order] = {}
        self.fills: dict[str, Fill] = {}
        self.trades: dict[str, Trade] = {}
        self.cooldowns: dict[str, Cooldown] = {}
        self.handled: dict[str, int] = {}
        self.commands: tuple[Command, ...] = ()
        self.observed_ms = 0
        self.last_done_ms = 0
        self.token = 0
        self._updated_ms: dict[str, int] = {}

    @property
    def cash(self) -> Decimal:
        return self.initial_cash + sum(map(cash_flow, self.fills.values()), ZERO)

    def begin(self) -> BotSnapshot:
        """What a run gets to see, chosen as the query `begin` chooses it; a new fencing number."""
        self.token += 1
        alive = [order for order in self.orders.values() if order.status not in FINAL]
        names, open_trades = {o.trade_id for o in alive}, [t for t in self.trades.values() if t.status == "open"]
        kept = names | {trade.trade_id for trade in open_trades}
        settled = [
            order
            for name, order in self.orders.items()
            if order.status in FINAL
            and (self._updated_ms[name] >= self.last_done_ms - DAY_MS or order.trade_id in kept)
        ]
        known = {order.client_id for order in (*alive, *settled)}
        told = {order.trade_id for order in (*alive, *settled)}
        return BotSnapshot(
            bot_id=BOT_ID, name="model", status=BotStatus.RUNNING, state=BotState.MONITORING, mode="live",
            quote="EUR", initial_cash=self.initial_cash, cash=self.cash, settings_version=0, overrides={},
            open_orders=tuple(alive), open_trades=tuple(open_trades), cooldowns=tuple(self.cooldowns.values()),
            handled=dict(self.handled), last_tick_ms=self.last_done_ms, day_open_equity=None, day_open_ms=0,
            peak_equity=None, commands=self.commands, open_risk_keys=(), settled_orders=tuple(settled),
            known_fills=tuple(f.venue_trade_id for f in self.fills.values() if f.client_id in known),
            ended_trades=tuple(t for t in self.trades.values() if t.status == "closed" and t.trade_id in told),
            baseline=dict(self.baseline),
        )  # fmt: skip

    def commit(self, writes: BotWrites, at_ms: int) -> None:
        """One commit. Fails where it breaks a law of the tables, and then changes nothing."""
        for event in writes.order_events:
            assert event.from_status in (None, event.to_status) or event.to_status in NEXT_STATUS[event.from_status], (
                f"{event.client_id} went from {event.from_status} to {event.to_status}"
            )
        for fill in writes.fills:
            assert fill.venue_trade_id not in self.fills, f"{fill.venue_trade_id} is booked a second time"
        orders = dict(self.orders)
        for order in writes.orders:
            before = orders.get(order.client_id)
            if before is not None:
                _check_step(before, order)
            orders[order.client_id] = order
        fills = self.fills | {fill.venue_trade_id: fill for fill in writes.fills}
        assert len(fills) == len(self.fills) + len(writes.fills), "one commit books a fill twice"
        trades = self.trades | {trade.trade_id: trade for trade in writes.trades}
        check_rows(orders, fills, trades)
        self.orders, self.fills, self.trades = orders, fills, trades
        self.cooldowns |= {cooldown.symbol: cooldown for cooldown in writes.cooldowns}
        self.handled |= {verdict.symbol: verdict.bar_ms for verdict in writes.verdicts}
        done = {command_id for command_id, _ in writes.commands_done}
        self.commands = tuple(command for command in self.commands if command.command_id not in done)
        self._updated_ms |= {order.client_id: at_ms for order in writes.orders}


def _check_step(before: Order, after: Order) -> None:
    name = f"{before.leg} {before.client_id}"
    if before.status is not after.status:
        assert after.status in NEXT_STATUS[before.status], f"{name} went from {before.status} to {after.status}"
    assert after.filled >= before.filled, f"{name} had {before.filled} filled, then {after.filled}"
    assert before.venue_order_id in ("", after.venue_order_id), f"{name} became {after.venue_order_id}"
    same = replace(
        after, status=before.status, quantity=before.quantity, filled=before.filled, limit_price=before.limit_price,
        stop_price=before.stop_price, placed_ms=before.placed_ms, checked_ms=before.checked_ms, reason=before.reason,
        venue_order_id=before.venue_order_id,
        deadline_ms=before.deadline_ms if before.leg is Leg.STOP else after.deadline_ms,
    )  # fmt: skip
    assert same == before, f"{name} became another order"


def check_rows(orders: dict[str, Order], fills: dict[str, Fill], trades: dict[str, Trade]) -> None:
    """What must be true of the rows by themselves, after every commit."""
    booked: dict[str, Decimal] = dict.fromkeys(orders, ZERO)
    for fill in fills.values():
        order = orders[fill.client_id]
        assert (fill.symbol, fill.side) == (order.symbol, order.side), f"{fill} on {order}"
        booked[fill.client_id] += fill.quantity
    for name, order in orders.items():
        assert order.filled == booked[name], f"{order.leg} {name} says {order.filled}, its fills {booked[name]}"
        assert order.filled <= order.quantity, f"{order.leg} {name} has filled {order.filled} of {order.quantity}"
        if order.status is OrderStatus.FILLED:
            assert order.filled == order.quantity, f"{order.leg} {name} is filled, but for {order.remaining}"
    at_venue = [order.venue_order_id for order in orders.values() if order.venue_order_id]
    assert len(at_venue) == len(set(at_venue)), "two rows for one order at the venue"
    _check_trades(orders, fills, trades)


def _check_trades(orders: dict[str, Order], fills: dict[str, Fill], trades: dict[str, Trade]) -> None:
    """A trade is the sum of its fills; a symbol has one open trade at most."""
    sums = {name: dict.fromkeys(TRADE_OF_THE_LEDGER, ZERO) for name in trades}
    for fill in fills.values():
        of = sums[orders[fill.client_id].trade_id]
        bought = fill.client_id.startswith("e")
        of["fees"] += fill.fee
        of["open_quantity"] += fill.quantity if bought else -fill.quantity
        of["entry_cost" if bought else "exit_proceeds"] += fill.quantity * fill.price
        of["quantity"] += fill.quantity if bought else ZERO
    for name, trade in trades.items():
        of = {key: getattr(trade, key) for key in TRADE_OF_THE_LEDGER}
        assert of == sums[name], f"trade {name}: {of}, its fills {sums[name]}"
        assert trade.open_quantity >= ZERO, f"more is sold than was bought: {trade}"
        assert (trade.status == "open") == (trade.open_quantity > ZERO), f"{trade} is {trade.status}"
    held = [trade.symbol for trade in trades.values() if trade.status == "open"]
    assert len(held) == len(set(held)), f"two open trades of one symbol: {held}"
