"""One bot's orders, trades and cash while a tick works on them, and what it has yet to save.

Starts from the database's snapshot, takes every step through the ledger's rules,
and hands out the difference for each commit. The book that the rulebook sees is
made from here.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from decimal import Decimal
from typing import Any

from bot.domain.book import Book, BotStatus, Cooldown, PendingEntry, Position, RestingStop
from bot.domain.decisions import PositionMark
from bot.domain.markets import Market
from bot.domain.orders import FINAL, IN_DOUBT, RESTING, Fill, Leg, Order, OrderStatus
from bot.domain.ports import Answer
from bot.domain.records import BotSnapshot, BotWrites, Closed, DayTrade, DeadLetter, OrderEvent, Trade, TradeEvent
from bot.domain.timeframes import floor_ms
from bot.rulebook.cooldowns import cooldown_until
from bot.rulebook.ledger import apply_fill, cash_flow, own_part, quantize
from bot.rulebook.reconcile import Ledger
from bot.rulebook.rules import Rules
from bot.rulebook.settle import Step

NAN = float("nan")
DAY_MS = 86_400_000


class Account:
    """Mutable working copy of one bot's ledger. Nothing here reaches the database by itself."""

    def __init__(self, snapshot: BotSnapshot, rules: Rules) -> None:
        self.snapshot = snapshot
        self.cash = snapshot.cash
        self.orders: dict[str, Order] = {order.client_id: order for order in snapshot.open_orders}
        self.trades: dict[str, Trade] = {trade.trade_id: trade for trade in snapshot.open_trades}
        self.cooldowns: dict[str, Cooldown] = {cooldown.symbol: cooldown for cooldown in snapshot.cooldowns}
        self.closed: list[Trade] = []
        self.unsettled: dict[str, str] = {}
        self.fill_ids: set[str] = set(snapshot.known_fills)
        self._ended: dict[str, Trade] = {trade.trade_id: trade for trade in snapshot.ended_trades}
        self._rules = rules
        self._orders: dict[str, Order] = {}
        self._order_events: list[OrderEvent] = []
        self._fills: list[Fill] = []
        self._trades: dict[str, Trade] = {}
        self._trade_events: list[TradeEvent] = []
        self._cooldowns: dict[str, Cooldown] = {}
        self._dead_letters: list[DeadLetter] = []

    # --- steps -----------------------------------------------------------------------------

    def put_order(self, order: Order, at_ms: int, **detail: Any) -> None:
        """Take over an order as it stands now; a new one or a step of a known one."""
        before = self.orders.get(order.client_id)
        self.orders[order.client_id] = order
        self._orders[order.client_id] = order
        changed = (
            before is None
            or before.status is not order.status
            or before.quantity != order.quantity
            or before.stop_price != order.stop_price
            or before.filled != order.filled
        )
        if changed:
            self._order_events.append(
                OrderEvent(order.client_id, before.status if before else None, order.status, at_ms, detail)
            )
        trade = self.trades.get(order.trade_id)
        if trade is not None and order.leg is Leg.STOP and order.status in RESTING:
            self._follow_stop(trade, order, at_ms)

    def book_fill(self, order: Order, fill: Fill) -> None:
        """Book one fill of an order that put_order has taken over already."""
        # An entry may go on filling after the stop has sold what it had bought: the same trade opens again.
        known = self.trades.get(order.trade_id) or self._ended.pop(order.trade_id, None)
        fill = own_part(known, fill)
        trade = apply_fill(known, order, fill, strategy=order.reason)
        self.cash += cash_flow(fill)
        self._fills.append(fill)
        self.fill_ids.add(fill.venue_trade_id)
        self.closed = [one for one in self.closed if one.trade_id != trade.trade_id]
        kind = "closed" if trade.status == "closed" else "opened" if known is None else "filled"
        detail = {
            "client_id": order.client_id, "side": fill.side.value, "quantity": str(fill.quantity),
            "price": str(fill.price), "fee": str(fill.fee), "reason": order.reason,
        } | ({"fee_base": str(fill.fee_base)} if fill.fee_base else {})  # fmt: skip
        self._set_trade(trade, TradeEvent(trade.trade_id, kind, fill.filled_ms, detail))
        if trade.status == "closed":
            del self.trades[trade.trade_id]
            self._ended[trade.trade_id] = trade
            self.closed.append(trade)
            self._cool(trade)

    def take_step(self, step: Step) -> None:
        """One step that the venue took by itself between ticks."""
        self.put_order(step.order, step.at_ms, why=step.why)
        if step.fill is not None:
            self.book_fill(step.order, step.fill)

    def mark(self, mark: PositionMark, market: Market, now_ms: int) -> None:
        """New trailing state of a position."""
        trade = self.trades[mark.trade_id]
        high_water = quantize(mark.high_water, market.price_step)
        if (high_water, mark.armed) == (trade.high_water, trade.armed):
            return
        newly_armed = mark.armed and not trade.armed
        event = TradeEvent(trade.trade_id, "armed", now_ms, {"high_water": str(high_water)}) if newly_armed else None
        self._set_trade(replace(trade, high_water=high_water, armed=mark.armed), event)

    def raise_high_water(self, trade_id: str, price: Decimal) -> None:
        """The highest price since entry, known from elsewhere than the ticks."""
        trade = self.trades[trade_id]
        self._set_trade(replace(trade, high_water=max(trade.high_water, price)))

    def note(self, order: Order, what: str, answer: Answer, at_ms: int) -> None:
        """A change that did not come through, or of which nobody can tell: the order stays, its symbol waits."""
        status = self.orders[order.client_id].status
        detail = {"asked": what, "said": answer.status.value, "answer": answer.detail}
        self._order_events.append(OrderEvent(order.client_id, status, status, at_ms, detail))
        self.unsettled[order.symbol] = answer.detail

    def bury(self, order: Order, why: str, at_ms: int) -> None:
        """Keep an order that the venue refused, for a person."""
        self._dead_letters.append(
            DeadLetter(order.client_id, order.symbol, order.leg, order.side, order.quantity, why, at_ms)
        )

    def _follow_stop(self, trade: Trade, stop: Order, at_ms: int) -> None:
        lowest = min((o.stop_price for o in self.resting_stops(trade) if o.stop_price), default=stop.stop_price)
        if lowest == trade.stop_price:
            return
        detail = {"from": str(trade.stop_price), "to": str(lowest), "reason": stop.reason}
        self._set_trade(replace(trade, stop_price=lowest), TradeEvent(trade.trade_id, "stop_moved", at_ms, detail))

    def _set_trade(self, trade: Trade, event: TradeEvent | None = None) -> None:
        self.trades[trade.trade_id] = trade
        self._trades[trade.trade_id] = trade
        if event is not None:
            self._trade_events.append(event)

    def _cool(self, trade: Trade) -> None:
        before = self.cooldowns.get(trade.symbol)
        losses = (before.losses if before else 0) + 1 if trade.pnl < 0 else 0
        until_ms = cooldown_until(trade.exit_ms, losses, self._rules)
        cooldown = Cooldown(trade.symbol, until_ms, losses, trade.exit_reason)
        self.cooldowns[trade.symbol] = cooldown
        self._cooldowns[trade.symbol] = cooldown

    # --- views -----------------------------------------------------------------------------

    def live_orders(self) -> tuple[Order, ...]:
        return tuple(order for order in self.orders.values() if order.status not in FINAL)

    def symbols(self) -> set[str]:
        """Symbols that the bot holds or has orders on."""
        return {t.symbol for t in self.trades.values()} | {o.symbol for o in self.live_orders()}

    def in_doubt(self) -> tuple[str, ...]:
        """Symbols on which nobody can tell what is so: nothing is ordered there."""
        doubtful = [
            order.symbol
            for order in self.live_orders()
            if order.status in IN_DOUBT
            or order.status is OrderStatus.PLANNED
            # What an exit that rests has still to sell is sold already: no stop for it, and no second exit.
            or (order.leg is Leg.EXIT and order.status in RESTING)
        ]
        return tuple(dict.fromkeys([*doubtful, *self.unsettled]))

    def ledger(self) -> Ledger:
        """What the venue's facts are compared with: snapshot and this tick's steps together."""
        final = {order.client_id: order for order in self.snapshot.settled_orders}
        final |= {name: order for name, order in self.orders.items() if order.status in FINAL}
        return Ledger(
            self.live_orders(), tuple(final.values()), frozenset(self.fill_ids), {**self._ended, **self.trades}
        )

    def orphans(self) -> tuple[Order, ...]:
        """Orders that rest though their trade is over: stops without coins, entries that would buy again."""
        return tuple(
            order
            for order in self.live_orders()
            if order.status in RESTING
            and order.trade_id not in self.trades
            and (order.leg is Leg.STOP or order.trade_id in self._ended)
        )

    def trade_of(self, symbol: str) -> Trade | None:
        """The open trade of a symbol: there is one at most."""
        return next((trade for trade in self.trades.values() if trade.symbol == symbol), None)

    def symbols_before(self) -> set[str]:
        """Symbols that the bot held or had orders on when the tick began."""
        return {t.symbol for t in self.snapshot.open_trades} | {o.symbol for o in self.snapshot.open_orders}

    def resting_stops(self, trade: Trade) -> tuple[Order, ...]:
        """Stops that protect the trade, the largest first."""
        stops = [o for o in self.live_orders() if o.leg is Leg.STOP and o.status in RESTING]
        mine = [stop for stop in stops if stop.trade_id == trade.trade_id]
        return tuple(sorted(mine, key=lambda stop: (-stop.remaining, stop.client_id)))

    def positions(self) -> tuple[Position, ...]:
        return tuple(self._position(trade) for trade in self.trades.values() if trade.open_quantity > 0)

    def _position(self, trade: Trade) -> Position:
        stops = self.resting_stops(trade)
        return Position(
            symbol=trade.symbol,
            trade_id=trade.trade_id,
            size=float(trade.open_quantity),
            bought=float(trade.quantity),
            entry_price=float(trade.entry_price),
            fees_paid=float(trade.fees),
            stops=tuple(RestingStop(o.client_id, float(o.remaining), float(o.stop_price or NAN)) for o in stops),
            target_price=float(trade.target_price) if trade.target_price is not None else NAN,
            high_water=float(trade.high_water),
            armed=trade.armed,
            opened_ms=trade.entry_ms,
        )

    def book(self, equity_now: float, now_ms: int, halted: str) -> Book:
        """The rulebook's view. equity_now: used as the day's opening where the day has just begun."""
        snapshot = self.snapshot
        same_day = snapshot.day_open_equity is not None and floor_ms(snapshot.day_open_ms, DAY_MS) == floor_ms(
            now_ms, DAY_MS
        )
        day_open = float(snapshot.day_open_equity) if same_day and snapshot.day_open_equity else equity_now
        orders = self.live_orders()
        today = self._today(now_ms)
        closed = self._all_closed()
        lifted = self._breaker_lifted()
        return Book(
            cash=float(self.cash),
            day_open_equity=day_open,
            peak_equity=float(self.breaker_peak(Decimal(equity_now))),
            positions=self.positions(),
            pending=tuple(
                PendingEntry(o.symbol, o.client_id, float(o.remaining), float(o.limit_price or 0))
                for o in orders
                if o.leg is Leg.ENTRY and o.status in RESTING | IN_DOUBT
            ),
            cooldowns=tuple(self.cooldowns.values()),
            in_doubt=self.in_doubt(),
            # ERROR is for the tick to say and to lift: what is wrong comes in `halted`.
            halted=halted or ("" if snapshot.status in (BotStatus.RUNNING, BotStatus.ERROR) else "paused"),
            close_requested=tuple(self._close_requested()),
            trades_today=sum(floor_ms(trade.entry_ms, DAY_MS) == floor_ms(now_ms, DAY_MS) for trade in today),
            losses_in_row=_losses_in_row(trade for trade in today if trade.exit_ms),
            wins=closed.wins,
            losses=closed.losses,
            mean_win=closed.won / closed.wins if closed.wins else 0.0,
            mean_loss=closed.lost / closed.losses if closed.losses else 0.0,
            latches=replace(snapshot.latches, breaker_since_ms=0) if lifted else snapshot.latches,
        )

    def _today(self, now_ms: int) -> list[DayTrade]:
        """Trades that began or ended in the UTC day of now_ms, this tick's among them, in the order of their ends."""
        day = floor_ms(now_ms, DAY_MS)
        found = {trade.trade_id: trade for trade in self.snapshot.lately}
        for trade in (*self.trades.values(), *self.closed):
            found[trade.trade_id] = DayTrade(trade.trade_id, trade.entry_ms, trade.exit_ms, trade.pnl)
        touched = (
            one for one in found.values() if day in (floor_ms(one.entry_ms, DAY_MS), floor_ms(one.exit_ms, DAY_MS))
        )
        return sorted(touched, key=lambda one: (one.exit_ms, one.trade_id))

    def _all_closed(self) -> Closed:
        """All closed trades, those that closed in this tick among them."""
        closed = self.snapshot.closed
        for trade in self.closed:
            closed = closed.with_trade(trade)
        return closed

    def _breaker_lifted(self) -> bool:
        return any(command.kind == "lift_breaker" for command in self.snapshot.commands)

    def breaker_peak(self, equity_now: Decimal) -> Decimal:
        """Highest equity since the global breaker was last lifted, quote currency: its drawdown starts there."""
        snapshot = self.snapshot
        if self._breaker_lifted():
            return equity_now
        known = snapshot.breaker_peak if snapshot.breaker_peak is not None else snapshot.peak_equity
        return known if known is not None else snapshot.initial_cash

    def _close_requested(self) -> Iterable[str]:
        for command in self.snapshot.commands:
            if command.kind == "close":
                yield str(command.args.get("symbol", ""))
            elif command.kind == "close_all":
                yield from sorted(self.symbols() | self.symbols_before())

    def positions_value(self, prices: dict[str, Decimal]) -> Decimal:
        """Open quantities at the given prices (quote currency); at entry where there is none."""
        return sum(
            (t.open_quantity * prices.get(t.symbol, t.entry_price) for t in self.trades.values()), start=Decimal(0)
        )

    # --- saving ----------------------------------------------------------------------------

    def drain(self) -> BotWrites:
        """What is new since the last drain."""
        writes = BotWrites(
            bot_id=self.snapshot.bot_id,
            orders=tuple(self._orders.values()),
            order_events=tuple(self._order_events),
            fills=tuple(self._fills),
            trades=tuple(self._trades.values()),
            trade_events=tuple(self._trade_events),
            cooldowns=tuple(self._cooldowns.values()),
            dead_letters=tuple(self._dead_letters),
        )
        self._orders, self._trades, self._cooldowns = {}, {}, {}
        self._order_events, self._fills, self._trade_events, self._dead_letters = [], [], [], []
        return writes


def _losses_in_row(ended: Iterable[DayTrade]) -> int:
    """Losing trades since the last one that did not lose. ended: in the order of their ends."""
    count = 0
    for trade in ended:
        count = count + 1 if trade.pnl < 0 else 0
    return count
