"""A KrakenVenue at the simulator, used from ordinary tests: its waits cost no time, its clocks are the venue's."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from types import TracebackType
from typing import Any, TypeVar

from bot.adapters.exchange import CcxtMarketData
from bot.adapters.kraken_venue import KrakenVenue
from bot.domain.markets import Market, Quote
from bot.domain.orders import Leg, Order, OrderStatus, OrderType, Side, client_id
from bot.domain.ports import Answer
from bot.domain.venue_orders import Observation, ObserveRequest, VenueOrder
from bot.simulator import Simulator
from bot.simulator.auth import ApiKey

T = TypeVar("T")
SYMBOL = "BTC/EUR"
SECOND_MS = 1000


class Trader:
    """One venue adapter in an event loop of its own. waited: the seconds it would have slept."""

    def __init__(self, simulator: Simulator, key: ApiKey, **settings: Any) -> None:
        self.simulator = simulator
        self.waited: list[float] = []
        self._runner = asyncio.Runner()
        self.on_wait: Callable[[], None] = lambda: None

        async def sleep(seconds: float) -> None:
            self.waited.append(seconds)
            self.on_wait()
            await asyncio.sleep(0)

        self.markets = self._runner.run(_markets(simulator))
        chosen: dict[str, Any] = {
            "url": simulator.url,
            "timeout_s": 2.0,
            "markets": self.markets,
            "wall_ms": simulator.clock.now_ms,
            "clock": lambda: simulator.clock.now_ms() / 1000,
            "sleep": sleep,
        }
        self.venue = KrakenVenue(key.key, key.secret, **{**chosen, **settings})

    def __enter__(self) -> Trader:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._runner.run(self.venue.aclose())
        self._runner.close()

    def run(self, coroutine: Any) -> Any:
        return self._runner.run(coroutine)

    @property
    def now_ms(self) -> int:
        return self.simulator.clock.now_ms()

    @property
    def market(self) -> Market:
        return next(market for market in self.markets if market.symbol == SYMBOL)

    @property
    def quote(self) -> Quote:
        history = self.simulator.venue.history(SYMBOL)
        last = history.last_trade(self.now_ms)
        assert last is not None
        bid, ask = self.simulator.venue.quote_ticks(last.ticks)
        return Quote(bid / 100, ask / 100, last.ticks / 100)

    def asked(self, endpoint: str) -> list[dict[str, str]]:
        """Parameters of the requests so far, without nonce."""
        newest = self.simulator.requests.newest()
        return [
            {name: text for name, text in one.query.items() if name != "nonce"}
            for one in newest
            if one.endpoint == endpoint
        ]

    def at_venue(self) -> dict[str, dict[str, Any]]:
        """Every order that the venue has, whatever anybody was told."""
        orders: dict[str, dict[str, Any]] = self.simulator.desk.state()["orders"]
        return orders

    # Orders

    def price(self, ratio: str) -> Decimal:
        """The last price times a ratio, on the price step."""
        last = Decimal(str(self.quote.last))
        return (last * Decimal(ratio)).quantize(self.market.price_step)

    def order(self, leg: Leg, kind: OrderType, **values: Any) -> Order:
        now_ms = self.now_ms
        first = Order(
            client_id=client_id("live", SYMBOL, values.pop("number", 1), leg, 1),
            bot_id=1, symbol=SYMBOL, side=Side.BUY if leg is Leg.ENTRY else Side.SELL, leg=leg, type=kind,
            status=OrderStatus.SUBMITTING, quantity=Decimal("0.1"), filled=Decimal(0), limit_price=None,
            stop_price=None, target_price=None, bar_ms=1, placed_ms=now_ms, checked_ms=now_ms,
            deadline_ms=now_ms + 15 * SECOND_MS, expires_ms=0, venue_order_id="", trade_id="", reason="test",
        )  # fmt: skip
        return replace(first, **values)

    def entry(self, ratio: str = "0.99", **values: Any) -> Order:
        """A buy that rests below the price, or fills above it, with its stop three percent lower."""
        price = self.price(ratio)
        stop = (price * Decimal("0.97")).quantize(self.market.price_step)
        chosen = {"limit_price": price, "stop_price": stop, "expires_ms": self.now_ms + 60 * SECOND_MS}
        return self.order(Leg.ENTRY, OrderType.LIMIT, **{**chosen, **values})

    def stop(self, ratio: str = "0.95", **values: Any) -> Order:
        return self.order(Leg.STOP, OrderType.STOP_LOSS, **{"stop_price": self.price(ratio), **values})

    def exit(self, **values: Any) -> Order:
        return self.order(Leg.EXIT, OrderType.MARKET, **values)

    def place(self, order: Order) -> Answer:
        return self._answer(self.venue.place(order, self.quote, self.market, 0.0, self.now_ms))

    def amend(self, order: Order) -> Answer:
        return self._answer(self.venue.amend(order, self.now_ms))

    def cancel(self, order: Order) -> Answer:
        return self._answer(self.venue.cancel(order, self.now_ms))

    def placed(self, order: Order) -> Order:
        """The order as its row stands once the venue has taken it."""
        answer = self.place(order)
        assert answer.status is OrderStatus.OPEN, answer
        return replace(order, status=OrderStatus.OPEN, venue_order_id=answer.venue_order_id)

    def observe(
        self, filled: Mapping[str, Decimal] | None = None, balances: bool = True, since_ms: int | None = None
    ) -> Observation:
        wanted = ObserveRequest(self.now_ms - 60_000 if since_ms is None else since_ms, filled or {}, balances)
        seen: Observation = self.run(self.venue.observe(wanted, self.now_ms))
        return seen

    def find(self, order: Order) -> VenueOrder:
        """The one order at the venue that goes by this order's client id."""
        [found] = [one for one in self.observe().orders if one.client_id == order.client_id]
        return found

    def _answer(self, coroutine: Any) -> Answer:
        answer: Answer = self.run(coroutine)
        return answer


async def _markets(simulator: Simulator) -> Sequence[Market]:
    async with CcxtMarketData(url=simulator.url) as data:
        return await data.markets()
