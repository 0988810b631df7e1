"""Records for the tests of the database: one of each kind, all fields set to something of their own."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import numpy as np

from bot.domain.book import BotState, BotStatus, Cooldown
from bot.domain.candles import Candles
from bot.domain.decisions import Effect, Reason, Verdict
from bot.domain.markets import Market
from bot.domain.orders import Fill, Leg, Order, OrderStatus, OrderType, Side, client_id
from bot.domain.records import (
    BotWrites,
    DecisionRecord,
    EquitySnapshot,
    OrderEvent,
    RiskEvent,
    StateChange,
    TickRecord,
    Trade,
    TradeEvent,
)
from bot.domain.signals import Signal, Vote
from bot.domain.timeframes import timeframe_ms

SLOT_MS = 1_763_640_000_000
NOW_MS = SLOT_MS + 1_234
BAR_MS = SLOT_MS - 3_600_000
HOUR_MS = 3_600_000
SYMBOL = "BTC/EUR"

MARKET = Market(
    SYMBOL, "XXBTZEUR", "BTC", "EUR", Decimal("0.1"), Decimal("0.00000001"), Decimal("0.00005"), Decimal("0.5"),
    Decimal("0.0025"), Decimal("0.0040"),
)  # fmt: skip
COOLDOWN = Cooldown(SYMBOL, NOW_MS + 60_000, 2, "two losses in a row")
ENTRY_ID = client_id("main", SYMBOL, BAR_MS, Leg.ENTRY, 0)


def tick(status: str = "running", slot_ms: int = SLOT_MS, **changes: Any) -> TickRecord:
    return replace(TickRecord(slot_ms, slot_ms + 1_234, "paper", status, 0, {"load": 1.5}, {"slot": "x"}), **changes)


def order(**changes: Any) -> Order:
    made = Order(
        ENTRY_ID, 1, SYMBOL, Side.BUY, Leg.ENTRY, OrderType.LIMIT, OrderStatus.SUBMITTING, Decimal("0.50000000"),
        Decimal("0"), Decimal("100.10"), Decimal("97.6"), Decimal("104.6"), BAR_MS, NOW_MS, NOW_MS + 1, NOW_MS + 60_000,
        NOW_MS + 900_000, "", ENTRY_ID, "trend_following says buy",
    )  # fmt: skip
    return replace(made, **changes)


def stop(**changes: Any) -> Order:
    made = order(
        client_id=client_id("main", SYMBOL, BAR_MS, Leg.STOP, 0), side=Side.SELL, leg=Leg.STOP,
        type=OrderType.STOP_LOSS, status=OrderStatus.OPEN, limit_price=None, target_price=None,
        venue_order_id="paper-stop",
    )  # fmt: skip
    return replace(made, **changes)


def fill(**changes: Any) -> Fill:
    made = Fill(
        ENTRY_ID, "paper-1", SYMBOL, Side.BUY, Decimal("0.2"), Decimal("100.05"), Decimal("0.08004"), "taker", NOW_MS
    )
    return replace(made, **changes)


def trade(**changes: Any) -> Trade:
    made = Trade(
        ENTRY_ID, 1, SYMBOL, "open", "trend_following", NOW_MS, 0, Decimal("100.05"), None, Decimal("0.2"),
        Decimal("0.2"), Decimal("20.010"), Decimal("0"), Decimal("0.08004"), Decimal("-0.08004"), Decimal("97.6"),
        Decimal("104.6"),
        Decimal("100.05"), False, "",
    )  # fmt: skip
    return replace(made, **changes)


def equity(**changes: Any) -> EquitySnapshot:
    made = EquitySnapshot(
        1, NOW_MS, Decimal("979.90996"), Decimal("20.01"), Decimal("999.91996"), Decimal("1000"), 0.00008004, 0.02
    )
    return replace(made, **changes)


def signal(**changes: Any) -> Signal:
    votes = (Vote("breakout", 1, 0.8, "above the channel"), Vote("momentum", 0, 0.0, "flat"))
    made = Signal(SYMBOL, "1h", BAR_MS, BAR_MS + HOUR_MS, 1, 0.4, 0.4, "breakout", 1.25, votes, 0.5)
    return replace(made, **changes)


def verdict(**changes: Any) -> Verdict:
    reasons = (Reason("position_cap", Effect.SHRINK, (("from", 0.7), ("to", 0.5))), Reason("entry", Effect.ENTER))
    return replace(Verdict(SYMBOL, "1h", BAR_MS, "enter", reasons), **changes)


def risk_event(**changes: Any) -> RiskEvent:
    made = RiskEvent(1, "stale:BTC/EUR", SYMBOL, "stale", "warning", "candles are old", "wait", NOW_MS)
    return replace(made, **changes)


def order_event(**changes: Any) -> OrderEvent:
    return replace(OrderEvent(ENTRY_ID, None, OrderStatus.SUBMITTING, NOW_MS, {"why": "planned"}), **changes)


def whole_tick() -> BotWrites:
    """Everything that one tick of one bot can write: an entry, half filled, with its stop resting."""
    entry = order(status=OrderStatus.PARTIALLY_FILLED, filled=Decimal("0.2"), venue_order_id="paper-entry")
    return BotWrites(
        1,
        orders=(order(), entry, stop(quantity=Decimal("0.2"))),
        order_events=(
            order_event(),
            order_event(from_status=OrderStatus.SUBMITTING, to_status=OrderStatus.PARTIALLY_FILLED, at_ms=NOW_MS + 5),
        ),
        fills=(fill(),),
        trades=(trade(),),
        trade_events=(TradeEvent(ENTRY_ID, "opened", NOW_MS, {"price": 100.05}),),
        signals=(signal(),),
        verdicts=(verdict(),),
        decision=DecisionRecord(1, {"book": {"cash": 1000.0}, "rows": [0.1, 2e-17]}, {"intents": []}, 0, "0.1.0"),
        cooldowns=(COOLDOWN,),
        equity=equity(),
        states=(
            StateChange(1, BotStatus.RUNNING, BotState.SIGNAL_DETECTED, "breakout", NOW_MS),
            StateChange(1, BotStatus.RUNNING, BotState.POSITION_OPEN, "filled", NOW_MS),
        ),
    )


def candles(symbol: str = SYMBOL, timeframe: str = "1h", count: int = 50, seed: int = 1) -> Candles:
    """A random walk whose last candle closed at SLOT_MS."""
    chance = np.random.default_rng(seed)
    step = timeframe_ms(timeframe)
    last = SLOT_MS // step * step
    close = 100 * np.exp(np.cumsum(chance.normal(0, 0.01, count)))
    opened = np.concatenate([[100.0], close[:-1]])
    return Candles(
        symbol,
        timeframe,
        np.arange(last - count * step, last, step, dtype=np.int64),
        opened,
        np.maximum(opened, close) * 1.001,
        np.minimum(opened, close) * 0.999,
        close,
        chance.random(count) * 10,
        np.zeros(count, dtype=np.bool_),
    )


def assert_same(one: Candles, other: Candles) -> None:
    """Equal in every value."""
    assert (one.symbol, one.timeframe) == (other.symbol, other.timeframe)
    for name in ("open_ms", "open", "high", "low", "close", "volume", "filled"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))
        assert getattr(one, name).dtype == getattr(other, name).dtype
