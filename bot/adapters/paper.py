"""The paper venue: a live order's life against a simulated market.

It keeps nothing itself. What rests is in `orders`; an order counts as accepted
only once the commit that records its answer is through. A run that is killed
before that leaves the order `submitting`, and settling finds it never placed.

The one adapter that uses the rulebook: its fills are the backtest's fills.
"""

from __future__ import annotations

import math
from dataclasses import replace

from bot.domain.markets import Market, Quote
from bot.domain.orders import Leg, Order, OrderStatus, OrderType
from bot.domain.ports import Answer
from bot.rulebook.fills import Match, match_marketable_buy, sell_price
from bot.rulebook.ledger import ZERO, fill_order, move_order
from bot.rulebook.rules import PaperRules
from bot.rulebook.settle import attach_stop, make_fill


class PaperVenue:
    """Fills at once what the quote and the last candle's volume allow; the rest rests.

    account: name of the bot, part of the ids of the stops that the venue attaches.
    """

    def __init__(self, rules: PaperRules, account: str) -> None:
        self._rules = rules
        self._account = account

    async def place(self, order: Order, quote: Quote, market: Market, recent_volume: float, now_ms: int) -> Answer:
        """Accept an order as Kraken would: refuse below the minimum, fill what is marketable.

        recent_volume: base units traded in the last protection candle.
        """
        if order.quantity < market.min_size:
            return self._answer(order, OrderStatus.REJECTED, "EOrder:Order minimum not met")
        if order.type is OrderType.STOP_LOSS:
            return self._answer(order, OrderStatus.OPEN, "rests")
        match = self._match(order, quote, market, recent_volume)
        if order.type is OrderType.MARKET and match.size <= 0.0:
            return self._answer(order, OrderStatus.REJECTED, "no bid to sell at")
        if match.size <= 0.0:
            return self._answer(order, OrderStatus.OPEN, "rests")
        fill = make_fill(order, match.size, match.price, market, now_ms, maker=False)
        filled = fill_order(replace(order, status=OrderStatus.OPEN), fill)
        attached = attach_stop(order, None, fill.quantity, self._account, now_ms) if order.leg is Leg.ENTRY else None
        return Answer(order.client_id, filled.status, f"paper-{order.client_id}", (fill,), "filled", attached)

    async def amend(self, order: Order, now_ms: int) -> Answer:
        """A resting stop in its new price and quantity, as asked."""
        return self._answer(order, order.status, "amended")

    async def cancel(self, order: Order, now_ms: int) -> Answer:
        return self._answer(order, move_order(order, OrderStatus.CANCELLED).status, "cancelled")

    def _match(self, order: Order, quote: Quote, market: Market, recent_volume: float) -> Match:
        if order.type is OrderType.MARKET:
            if not quote.bid > 0.0 or math.isinf(quote.bid):
                return Match(0.0, 0.0)
            price = sell_price(quote.bid, self._rules.slippage_frac, float(market.price_step))
            return Match(float(order.remaining), price)
        return match_marketable_buy(
            float(order.remaining),
            float(order.limit_price or ZERO),
            quote.ask,
            recent_volume,
            self._rules.slippage_frac,
            self._rules.participation_frac,
            float(market.price_step),
            float(market.size_step),
            float(market.min_size),
        )

    @staticmethod
    def _answer(order: Order, status: OrderStatus, detail: str) -> Answer:
        return Answer(order.client_id, status, f"paper-{order.client_id}", (), detail)
