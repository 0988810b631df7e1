"""A live venue that may be looked at and not be told anything: for dry runs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bot.domain.markets import Market, Quote
from bot.domain.orders import Order, OrderStatus
from bot.domain.ports import Answer, LiveVenue
from bot.domain.venue_orders import Observation, ObserveRequest

WHY = "only looking: nothing was sent"


class WatchingVenue:
    """Implements LiveVenue. Reads go through to the venue; orders end here, and the answers say so."""

    def __init__(self, venue: LiveVenue) -> None:
        self._venue = venue

    async def observe(self, wanted: ObserveRequest, now_ms: int) -> Observation:
        return await self._venue.observe(wanted, now_ms)

    def know(self, markets: Sequence[Market]) -> None:
        self._venue.know(markets)

    def state(self) -> dict[str, Any]:
        return self._venue.state()

    async def place(self, order: Order, quote: Quote, market: Market, recent_volume: float, now_ms: int) -> Answer:
        return self._unsent(order, OrderStatus.NOT_PLACED)

    async def amend(self, order: Order, now_ms: int) -> Answer:
        return self._unsent(order, OrderStatus.REJECTED)

    async def cancel(self, order: Order, now_ms: int) -> Answer:
        return self._unsent(order, OrderStatus.REJECTED)

    @staticmethod
    def _unsent(order: Order, status: OrderStatus) -> Answer:
        return Answer(order.client_id, status, order.venue_order_id, (), WHY)
