"""The trading account: orders, fills and money, moved along the market's way.

No socket and no clock: whoever calls says what time it is. `advance` lets
everything happen that was due since the last call, in the order in which it
happened: trades on the tape, expiries, the dead man's
switch, deposits, requests that arrive late.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal

from bot.simulator import amounts, matching
from bot.simulator.errors import KrakenError
from bot.simulator.ids import AMEND, ORDER, TRADE, Ids
from bot.simulator.liquidity import Liquidity
from bot.simulator.market import Market
from bot.simulator.order_prices import read_prices
from bot.simulator.orders import TARGET_TYPES, TRIGGERED_TYPES, CloseTerms, Fill, Offset, Order, OrderTerms
from bot.simulator.tape import Trades
from bot.simulator.treasury import Treasury
from bot.simulator.wallet import Wallet

DAY_MS = 86_400_000
USER_REQUESTED = "User requested"
INSUFFICIENT_FUNDS = "Insufficient funds"
NO_LIQUIDITY = "No liquidity"
NOT_FILLED_AT_ONCE = "Not filled immediately"


@dataclass(frozen=True, slots=True)
class AccountRules:
    """How the venue treats this account.

    participation: share of each trade on the tape that resting orders may
    take.  volume_usd: traded in 30 days before the simulation, decides the fee
    tier with what is traded in it.  orders_per_pair: open ones at most.
    """

    participation: float = 1.0
    volume_usd: Decimal = Decimal(0)
    orders_per_pair: int = 60


@dataclass(frozen=True, slots=True)
class Amendment:
    """What an amend changes; None stays as it is. limit, stop: price steps.  trail: of a trailing stop."""

    lots: int | None = None
    limit: int | None = None
    stop: int | None = None
    trail: Offset | None = None
    post_only: bool = False


class Account:
    """One account at the simulated venue. Methods that trade raise KrakenError when the venue refuses."""

    def __init__(self, market: Market, now_ms: int, rules: AccountRules | None = None) -> None:
        self.rules = rules or AccountRules()
        self.now_ms = now_ms
        self.orders: dict[str, Order] = {}
        self.cancel_all_at_ms = 0
        self._market = market
        self._ids = Ids()
        self._treasury = Treasury(market, self._ids, self.rules.volume_usd)
        self._liquidity = Liquidity(market)
        self._open: dict[str, Order] = {}
        self._turns = 0
        self._due: list[tuple[int, int, Callable[[int], None]]] = []

    @property
    def wallet(self) -> Wallet:
        return self._treasury.wallet

    @property
    def fills(self) -> dict[str, Fill]:
        """All executions by id, oldest first."""
        return self._treasury.fills

    # Time

    def advance(self, now_ms: int) -> None:
        """Let everything happen up to now_ms. After a clock that was set back, go on from there: nothing is undone."""
        self.now_ms = min(self.now_ms, now_ms)
        self._run_due()
        while self.now_ms < now_ms:
            to_ms = min(self._next_due(now_ms), self.now_ms + DAY_MS)
            self._match(to_ms)
            self.now_ms = to_ms
            self._run_due()

    def schedule(self, at_ms: int, action: Callable[[int], None]) -> None:
        """Do something at a time to come; it is given the time."""
        self._turns += 1
        heapq.heappush(self._due, (at_ms, self._turns, action))

    @property
    def on_the_way(self) -> int:
        """How many requests and deposits are still to come."""
        return len(self._due)

    def _next_due(self, now_ms: int) -> int:
        times = [order.terms.expire_ms for order in self._open.values() if order.terms.expire_ms]
        times += [self.cancel_all_at_ms] if self.cancel_all_at_ms else []
        times += [self._due[0][0]] if self._due else []
        return min([now_ms, *(max(time, self.now_ms + 1) for time in times)])

    def _run_due(self) -> None:
        for order in self.open_orders():
            if 0 < order.terms.expire_ms <= self.now_ms:
                self._end(order, "expired", "Order expired")
        if 0 < self.cancel_all_at_ms <= self.now_ms:
            self.cancel_all_at_ms = 0
            self.cancel_all()
        while self._due and self._due[0][0] <= self.now_ms:
            heapq.heappop(self._due)[2](self.now_ms)

    def _match(self, to_ms: int) -> None:
        """Let the trades after now_ms up to to_ms meet the open orders, over all pairs in order of time."""
        from_ms = self.now_ms + 1
        tapes: dict[str, Trades] = {}
        while True:
            found: tuple[int, str, int] | None = None
            for symbol in dict.fromkeys(order.symbol for order in self._open.values()):
                if symbol not in tapes:
                    tapes[symbol] = self._market.tape(symbol, from_ms, to_ms)
                touched = matching.first_touch(self._open_of(symbol), tapes[symbol].ticks)
                if touched is not None:
                    at_ms = int(tapes[symbol].ms[touched])
                    found = min(found, (at_ms, symbol, touched)) if found else (at_ms, symbol, touched)
            if found is None:
                return
            self.now_ms, symbol, index = found
            trade = tapes[symbol].take(slice(index, index + 1))
            tapes[symbol] = tapes[symbol].take(slice(index + 1, None))
            self._meet(symbol, int(trade.ticks[0]), int(trade.lots[0]))

    def _meet(self, symbol: str, ticks: int, lots: int) -> None:
        """One trade on the tape: resting orders it passed, then orders it triggers."""
        for order, part in matching.shares(self._open_of(symbol), ticks, int(lots * self.rules.participation)):
            if order.limit is not None:
                self._fill(order, part, order.limit, maker=True)
        for order in self._open_of(symbol):
            matching.follow(order, ticks)
            if matching.reached(order, ticks):
                self._trigger(order, ticks)

    # Orders

    def open_orders(self) -> list[Order]:
        return list(self._open.values())

    def _open_of(self, symbol: str) -> list[Order]:
        return [order for order in self._open.values() if order.symbol == symbol]

    def place(self, terms: OrderTerms) -> Order:
        """Accept an order, or refuse it: id in use, too many, would not post, no funds. It may fill at once."""
        if terms.cl_ord_id and any(order.terms.cl_ord_id == terms.cl_ord_id for order in self._open.values()):
            raise KrakenError("EGeneral:Invalid arguments:cl_ord_id not unique")
        if len(self._open_of(terms.symbol)) >= self.rules.orders_per_pair:
            raise KrakenError("EOrder:Orders limit exceeded")
        last = self.last(terms.symbol)
        if terms.post_only and self._would_trade(terms.side == "buy", terms.prices.limit, last):
            raise KrakenError("EOrder:Post only order")
        order = self._made(terms, last)
        if not self._affordable(order, last):
            raise KrakenError("EOrder:Insufficient funds")
        self._put_in(order, last)
        return order

    def _made(self, terms: OrderTerms, last: int, refid: str | None = None) -> Order:
        self._turns += 1
        waiting, prices = terms.type in TRIGGERED_TYPES, terms.prices
        order = Order(
            txid=self._ids.new(ORDER),
            terms=terms,
            turn=self._turns,
            opened_ms=self.now_ms,
            lots=terms.lots,
            limit=prices.limit,
            stop=prices.stop,
            waiting=waiting,
            trail=prices.trail,
            refid=refid,
            price_text=terms.price,
            price2_text=terms.price2,
        )
        matching.follow(order, last)
        return order

    def _put_in(self, order: Order, last: int) -> None:
        """Book an affordable order and let it do what it does at once."""
        self.orders[order.txid] = self._open[order.txid] = order
        self._renew_hold(order)
        if matching.reached(order, last):
            self._trigger(order, last)
        elif not order.waiting:
            self._go(order, last)

    def _go(self, order: Order, last: int) -> None:
        """A market order, or the part of a limit order that trades at once."""
        tif = order.terms.timeinforce
        if tif == "FOK" and self._on_offer(order, last) < order.left:
            self._end(order, "canceled", NOT_FILLED_AT_ONCE)
            return
        reason = self._take(order, last)
        if order.is_open and (order.limit is None or tif == "IOC" or reason == INSUFFICIENT_FUNDS):
            self._end(order, "canceled", NOT_FILLED_AT_ONCE if order.limit is not None and tif == "IOC" else reason)

    def _trigger(self, order: Order, last: int) -> None:
        order.waiting = False
        order.mark("touched" if order.terms.type in TARGET_TYPES else "stopped")
        behind = order.terms.prices.behind
        if behind is not None and order.stop is not None:
            order.limit = behind.from_ticks(order.stop)
        self._go(order, last)

    def cancel(self, order: Order, reason: str = USER_REQUESTED) -> None:
        self._end(order, "canceled", reason)

    def cancel_all(self) -> int:
        """Cancel every open order; how many that were."""
        found = self.open_orders()
        for order in found:
            self.cancel(order)
        return len(found)

    def amend(self, order: Order, change: Amendment) -> str:
        """Change an open order in place; the id of the change. A size at or below what is filled cancels the rest."""
        last = self.last(order.symbol)
        limit = order.limit if change.limit is None else change.limit
        if change.post_only and not order.waiting and self._would_trade(order.buys, limit, last):
            raise KrakenError("EOrder:Post only order")
        before = (order.lots, order.limit, order.stop, order.trail)
        order.lots = order.lots if change.lots is None else change.lots
        order.limit = limit
        order.stop = order.stop if change.stop is None else change.stop
        if change.trail is not None:
            order.trail, order.stop = change.trail, None
            matching.follow(order, last)
        if order.left > 0 and not self._affordable(order, last):
            order.lots, order.limit, order.stop, order.trail = before
            raise KrakenError("EOrder:Insufficient funds")
        if (change.lots or 0) > before[0] or order.limit != before[1]:
            self._turns += 1
            order.turn = self._turns
        order.mark("amended")
        self._rewrite(order, change)
        self._renew_hold(order)
        if order.left <= 0:
            self._end(order, "canceled", USER_REQUESTED)
        elif matching.reached(order, last):
            self._trigger(order, last)
        elif not order.waiting and order.limit != before[1]:
            self._go(order, last)
        return self._ids.new(AMEND)

    def _rewrite(self, order: Order, change: Amendment) -> None:
        """The texts under which an amended order's prices are shown."""
        pair = self._market.pair(order.symbol)
        if change.limit is not None:
            text = f"{amounts.price(change.limit, pair):.{pair.decimals}f}"
            if order.terms.type in TRIGGERED_TYPES:
                order.price2_text = text
            else:
                order.price_text = text
        if change.stop is not None:
            order.price_text = f"{amounts.price(change.stop, pair):.{pair.decimals}f}"
        if change.trail is not None:
            away = change.trail.value if change.trail.percent else change.trail.value.scaleb(-pair.decimals)
            order.price_text = f"+{away}%" if change.trail.percent else f"+{away}"

    def race(self, order: Order, share: float = 1.0) -> None:
        """Fill a share of what is left of an order now, as another trader would who was faster than its cancel."""
        if order.waiting:
            self._trigger(order, self.last(order.symbol))
        elif order.limit is not None and order.left:
            self._fill(order, max(int(order.left * share), 1), order.limit, maker=True)

    # Money

    def deposit(self, asset: str, amount: Decimal) -> None:
        """Add money. asset: any of its names, with a suffix for coins that cannot be traded (BTC.F)."""
        self._treasury.transfer("deposit", asset, amount, self.now_ms)

    def withdraw(self, asset: str, amount: Decimal) -> None:
        """Take money out. Raises KrakenError when it is not free."""
        self._treasury.transfer("withdrawal", asset, -amount, self.now_ms)

    def volume_usd(self) -> Decimal:
        """Traded in the last 30 days; every quote currency counts as a dollar."""
        return self._treasury.volume_usd(self.now_ms)

    def size_for(self, symbol: str, budget: Decimal) -> int:
        """Lots that a market buy gets now for an amount of quote currency, without the fee."""
        return self._liquidity.size_for(symbol, budget, self.now_ms, self.last(symbol))

    def _affordable(self, order: Order, last: int) -> bool:
        at_market = order.buys and order.limit is None and order.stop is None
        cost = self._liquidity.cost(order, self.now_ms, last) if at_market else Decimal(0)
        return self._treasury.affordable(order, self.now_ms, cost)

    def _renew_hold(self, order: Order) -> None:
        self._treasury.renew_hold(order, self.now_ms)

    # Executions

    def last(self, symbol: str) -> int:
        last = self._market.last(symbol, self.now_ms)
        if last is None:
            raise KrakenError("EService:Unavailable")
        return last

    def _would_trade(self, buys: bool, limit: int | None, last: int) -> bool:
        bid, ask = self._market.quote(last)
        return limit is not None and matching.crosses(buys, limit, bid, ask)

    def _on_offer(self, order: Order, last: int) -> int:
        return sum(lots for _, lots in self._liquidity.offers(order, self.now_ms, last))

    def _take(self, order: Order, last: int) -> str:
        """Trade against the book as far as price and money reach; why it ended before the order was filled."""
        for ticks, lots in self._liquidity.offers(order, self.now_ms, last):
            wanted = min(order.left, lots)
            part = min(wanted, self._treasury.payable(order, ticks, self.now_ms))
            if part > 0:
                self._liquidity.take(order, part, self.now_ms)
                self._fill(order, part, ticks, maker=False)
            if part < wanted:
                return INSUFFICIENT_FUNDS
            if order.left <= 0:
                break
        return NO_LIQUIDITY

    def _fill(self, order: Order, lots: int, ticks: int, *, maker: bool) -> None:
        order.filled += lots
        self._renew_hold(order)
        fill = self._treasury.settle(order, self._ids.new(TRADE), lots, ticks, self.now_ms, maker=maker)
        order.cost, order.fee = order.cost + fill.cost, order.fee + fill.fee
        order.trades.append(fill.id)
        if order.left <= 0:
            self._end(order, "closed", None)
        if order.terms.close is not None:
            self._spawn(order, order.terms.close, lots, ticks)

    def _spawn(self, parent: Order, close: CloseTerms, lots: int, ticks: int) -> None:
        """The conditional close of one fill: an order of its own, without the checks of a request.

        Its relative prices count from the fill's price.
        """
        side = "sell" if parent.buys else "buy"
        pair, last = self._market.pair(parent.symbol), self.last(parent.symbol)
        prices = read_prices(close.type, side, close.price, close.price2, ticks, pair)
        terms = OrderTerms(
            symbol=parent.symbol,
            side=side,
            type=close.type,
            lots=lots,
            prices=prices,
            price=close.price or "0",
            price2=close.price2 or "0",
            userref=parent.terms.userref,
            trigger=parent.terms.trigger,
        )
        order = self._made(terms, last, parent.txid)
        if self._affordable(order, last):
            self._put_in(order, last)
        else:
            self.orders[order.txid] = order
            self._end(order, "canceled", INSUFFICIENT_FUNDS)

    def _end(self, order: Order, status: str, reason: str | None) -> None:
        order.status, order.reason, order.closed_ms = status, reason, self.now_ms
        if order.filled and order.left > 0:
            order.mark("partial")
        self._open.pop(order.txid, None)
        self._renew_hold(order)
