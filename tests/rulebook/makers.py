"""Values for rulebook tests: defaults that do nothing special, to be overridden one at a time."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

from bot.domain.book import Book, Position, RestingStop
from bot.domain.decisions import SymbolView
from bot.domain.markets import Market
from bot.domain.orders import Leg, Order, OrderStatus, OrderType, Side, client_id
from bot.domain.signals import Signal
from bot.rulebook.rules import NO_LADDER, PaperRules, Rules, make_ladder
from bot.rulebook.sizing import FIXED_FRACTION

HOUR = 3_600_000
NOW = 1_700_000 * HOUR + 30_000
BAR = 1_700_000 * HOUR - HOUR
NAN = float("nan")

RULES = Rules(
    risk_per_trade_frac=0.015,
    max_position_frac=0.10,
    min_trade_notional=10.0,
    stop_loss_frac=0.025,
    take_profit_frac=0.045,
    take_profit_ladder=NO_LADDER,
    trailing_activation_frac=0.02,
    trailing_distance_frac=0.01,
    breakeven=True,
    cooldown_ms=60_000,
    max_open_positions=30,
    max_long_exposure_frac=0.80,
    min_confidence=0.20,
    max_daily_loss_frac=0.05,
    max_spread_frac=0.01,
    entry_limit_frac=0.002,
    signal_max_age_bars=1.0,
    slot_ms=300_000,
    sizing=FIXED_FRACTION,
    kelly_fraction=0.25,
    kelly_min_trades=30,
    atr_multiple=2.0,
    max_portfolio_risk_frac=1.0,
    max_daily_trades=1000,
    max_consecutive_losses=1000,
    max_drawdown_frac=0.15,
    drawdown_pause_ms=7 * 24 * HOUR,
    max_total_drawdown_frac=0.20,
    max_correlation=0.7,
    max_correlated=2,
    high_volatility_ratio=2.0,
    high_volatility_scale=0.5,
    pyramid_adds=0,
    pyramid_scale=0.5,
    pyramid_gain_frac=0.02,
    loss_cooldown_factor=8.0,
    max_cooldown_ms=7 * 24 * HOUR,
)
LADDER = make_ladder(((0.5, 0.025), (0.3, 0.06), (0.2, 0.12)))
PAPER = PaperRules(slippage_frac=0.0005, participation_frac=0.25, entry_ttl_ms=900_000)

BOOK = Book(
    cash=1000.0,
    day_open_equity=1000.0,
    peak_equity=0.0,
    positions=(),
    pending=(),
    cooldowns=(),
    in_doubt=(),
    halted="",
    close_requested=(),
)

SIGNAL = Signal(
    symbol="BTC/EUR",
    timeframe="1h",
    open_ms=BAR,
    close_ms=BAR + HOUR,
    direction=1,
    confidence=0.6,
    score=0.6,
    leader="breakout",
    atr=1.0,
    votes=(),
)

VIEW = SymbolView(
    symbol="BTC/EUR",
    quote_bid=99.98,
    quote_ask=100.0,
    quote_last=99.99,
    high_since=NAN,
    low_since=NAN,
    price_step=0.01,
    size_step=1e-8,
    min_size=0.0001,
    min_notional=0.5,
    taker_fee=0.004,
    problem="",
    signals=(SIGNAL,),
)

POSITION = Position(
    symbol="BTC/EUR",
    trade_id="e-1",
    size=1.0,
    bought=1.0,
    entry_price=100.0,
    fees_paid=0.4,
    stops=(RestingStop("s-1", 1.0, 97.5),),
    target_price=104.5,
    high_water=100.0,
    armed=False,
    opened_ms=BAR,
)

MARKET = Market(
    symbol="BTC/EUR",
    venue_id="XXBTZEUR",
    base="BTC",
    quote="EUR",
    price_step=Decimal("0.01"),
    size_step=Decimal("0.00000001"),
    min_size=Decimal("0.0001"),
    min_notional=Decimal("0.5"),
    maker_fee=Decimal("0.0025"),
    taker_fee=Decimal("0.004"),
)


def rules(**changes: Any) -> Rules:
    return RULES._replace(**changes)


def book(**changes: Any) -> Book:
    return replace(BOOK, **changes)


def view(**changes: Any) -> SymbolView:
    return replace(VIEW, **changes)


def signal(**changes: Any) -> Signal:
    return replace(SIGNAL, **changes)


def position(**changes: Any) -> Position:
    """A holding of 1 BTC at 100, of which nothing is sold. stop_client_id, stop_size, stop_price: of its one stop."""
    changes.setdefault("bought", changes.get("size", POSITION.size))
    stop = RestingStop(
        changes.pop("stop_client_id", "s-1"), changes.pop("stop_size", 1.0), changes.pop("stop_price", 97.5)
    )
    stops = changes.pop("stops", (stop,) if stop.client_id else ())
    return replace(POSITION, stops=stops, **changes)


def order(**changes: Any) -> Order:
    """An entry for 1 BTC at 100.2 that rests."""
    base = Order(
        client_id=client_id("main", "BTC/EUR", BAR, Leg.ENTRY, 0),
        bot_id=1,
        symbol="BTC/EUR",
        side=Side.BUY,
        leg=Leg.ENTRY,
        type=OrderType.LIMIT,
        status=OrderStatus.OPEN,
        quantity=Decimal("1"),
        filled=Decimal("0"),
        limit_price=Decimal("100.20"),
        stop_price=Decimal("97.50"),
        target_price=Decimal("104.50"),
        bar_ms=BAR,
        placed_ms=NOW,
        checked_ms=NOW,
        deadline_ms=NOW,
        expires_ms=NOW + PAPER.entry_ttl_ms,
        venue_order_id="",
        trade_id=client_id("main", "BTC/EUR", BAR, Leg.ENTRY, 0),
        reason="breakout",
    )
    return replace(base, **changes)


def stop_order(**changes: Any) -> Order:
    """The stop at 97.5 for 1 BTC of that entry."""
    base = replace(
        order(),
        client_id=client_id("main", "BTC/EUR", BAR, Leg.STOP, 0),
        side=Side.SELL,
        leg=Leg.STOP,
        type=OrderType.STOP_LOSS,
        limit_price=None,
        stop_price=Decimal("97.50"),
        target_price=None,
        expires_ms=0,
        reason="stop_loss",
    )
    return replace(base, **changes)
