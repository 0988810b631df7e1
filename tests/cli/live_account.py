"""An account at the simulated Kraken with a live bot in front of it, sound in every respect; tests spoil it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from bot.adapters.live_store import LiveStore
from bot.adapters.postgres import PostgresStore
from bot.domain.orders import Fill, Leg, Order, OrderStatus, OrderType, Side, client_id
from bot.domain.records import BotWrites, DeadLetter, TickRecord, Trade, Writes
from bot.simulator import Simulator
from bot.simulator.auth import TRADING, ApiKey
from tests.simulator.private.client import Client, client

SYMBOL = "BTC/EUR"
CAPITAL = Decimal(1000)
SYMBOLS = "BTC/EUR,ETH/EUR,ADA/EUR"
ZERO = Decimal(0)

Rows = dict[str, Any]


@dataclass
class LiveAccount:
    """A live bot that holds BTC with a stop resting for it, and its account.

    by_hand: a second key's client, whose orders are nobody's.  environment: the program's variables.
    """

    venue: Simulator
    database_url: str
    key: ApiKey
    by_hand: Client
    environment: dict[str, str]
    bot_id: int = 0
    entry: Order | None = None
    stop: Order | None = None

    @property
    def now_ms(self) -> int:
        return self.venue.clock.now_ms()

    def use_key(self, key: ApiKey) -> None:
        """Let the program sign with another key."""
        self.key = key
        self.environment |= {"KRAKEN_API_KEY": key.key, "KRAKEN_API_SECRET": key.secret}

    def new_key(self, permissions: tuple[str, ...] = TRADING, nonce_window: int = 10_000) -> None:
        self.use_key(self.venue.desk.add_key("another", permissions, nonce_window=nonce_window))

    def start(self) -> None:
        """Go live, buy, and protect: rows and venue agree."""
        store = LiveStore(self.database_url)
        self.bot_id = store.start("real", "EUR", CAPITAL, {"EUR": Decimal(500)}, [], "a test", "test")
        store.close()
        self.entry = self._bought(Decimal("0.002"))
        self.stop = self._stop_resting(Decimal("0.002"))

    def write(self, **rows: Any) -> None:
        """Commit rows of the live bot as a tick would."""
        store = PostgresStore(self.database_url)
        try:
            lease = store.begin("test", 30.0).lease
            assert lease is not None
            slot_ms = self.now_ms // 300_000 * 300_000 - 300_000
            tick = TickRecord(slot_ms, self.now_ms, "live", "running", 0)
            store.commit(lease, Writes(tick=tick, bots=(BotWrites(self.bot_id, **rows),), release=True))
        finally:
            store.close()

    def order(self, leg: Leg, quantity: Decimal, number: int = 0, **changes: Any) -> Order:
        side = Side.BUY if leg is Leg.ENTRY else Side.SELL
        kind = {Leg.ENTRY: OrderType.LIMIT, Leg.STOP: OrderType.STOP_LOSS, Leg.EXIT: OrderType.MARKET}[leg]
        made = Order(
            client_id("real", SYMBOL, self.now_ms, leg, number), self.bot_id, SYMBOL, side, leg, kind,
            OrderStatus.SUBMITTING, quantity, ZERO, None, None, None, self.now_ms, self.now_ms, self.now_ms,
            self.now_ms + 15_000, 0, "", self.entry.client_id if self.entry else "", "test",
        )  # fmt: skip
        made = replace(made, trade_id=made.trade_id or made.client_id)
        return replace(made, **changes)

    def dead_letter(self) -> None:
        order = self.order(Leg.EXIT, Decimal("0.001"), 7)
        letter = DeadLetter(
            order.client_id, SYMBOL, Leg.EXIT, Side.SELL, order.quantity, "EOrder:Insufficient funds", self.now_ms
        )
        self.write(orders=(order, replace(order, status=OrderStatus.REJECTED)), dead_letters=(letter,))

    def _bought(self, quantity: Decimal) -> Order:
        txid = self.by_hand.result(
            "AddOrder", pair="XBTEUR", type="buy", ordertype="market", volume=quantity, oflags="fciq"
        )["txid"][0]
        trades = self.venue.desk.state()["trades"]
        fills = {name: trade for name, trade in trades.items() if trade["ordertxid"] == txid}
        sending = self.order(Leg.ENTRY, quantity, limit_price=Decimal("999999"), stop_price=Decimal("1"))
        entry = replace(sending, status=OrderStatus.FILLED, filled=quantity, venue_order_id=txid)
        rows = tuple(
            Fill(
                entry.client_id, name, SYMBOL, Side.BUY, Decimal(one["vol"]), Decimal(one["price"]),
                Decimal(one["fee"]), "taker", self.now_ms,
            )
            for name, one in fills.items()
        )  # fmt: skip
        cost = sum((fill.quantity * fill.price for fill in rows), ZERO)
        fees = sum((fill.fee for fill in rows), ZERO)
        price = cost / quantity
        trade = Trade(
            entry.client_id, self.bot_id, SYMBOL, "open", "test", self.now_ms, 0, price, None, quantity, quantity, cost,
            ZERO, fees, -fees, None, None, price, False, "",
        )  # fmt: skip
        self.write(orders=(sending, entry), fills=rows, trades=(trade,))
        return entry

    def _stop_resting(self, quantity: Decimal) -> Order:
        price = Decimal("20000")
        planned = self.order(Leg.STOP, quantity, stop_price=price)
        txid = self.by_hand.result(
            "AddOrder", pair="XBTEUR", type="sell", ordertype="stop-loss", price=price, volume=quantity,
            cl_ord_id=planned.client_id, oflags="fciq",
        )["txid"][0]  # fmt: skip
        stop = replace(planned, status=OrderStatus.OPEN, venue_order_id=txid, deadline_ms=0)
        self.write(orders=(planned, stop))
        return stop


def sound_account(venue: Simulator, database_url: str) -> LiveAccount:
    """The whole of it: money, two keys, a live bot with a protected position."""
    venue.desk.deposit("EUR", 1500)
    by_hand = client(venue, venue.desk.add_key("by hand"))
    variables = {
        "DATABASE_URL": database_url,
        "KRAKEN_API_URL": venue.url,
        "METRONOME_MARKET__SYMBOLS": SYMBOLS,
        "TRADING_MODE": "live",
    }
    key = venue.desk.add_key("trade", nonce_window=10_000)
    made = LiveAccount(venue, database_url, key, by_hand, variables)
    made.use_key(key)
    made.start()
    return made
