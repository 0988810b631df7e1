"""Rows made again from what the venue remembers: the same ids, the same terms, nobody else's orders."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal as D
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.orders import Leg, Order, OrderStatus, OrderType, Side, client_id, userref
from bot.domain.venue_orders import VenueOrder
from bot.rulebook.decide import decide
from bot.rulebook.rebuild import MOST_CANDLES_BACK, REBUILT, entry_bar, implied_ask, own_orders
from bot.rulebook.rounding import ceil_to_step, floor_to_step
from tests.rulebook.makers import BAR, HOUR, LADDER, MARKET, NOW, RULES, book, rules, view

S = OrderStatus
ENTRY_ID = client_id("main", "BTC/EUR", BAR, Leg.ENTRY, 0)
STOP_ID = client_id("main", "BTC/EUR", NOW, Leg.STOP, 3)
EXIT_ID = client_id("main", "BTC/EUR", NOW, Leg.EXIT, 4)
MARKETS = {"BTC/EUR": MARKET, "ETH/EUR": replace(MARKET, symbol="ETH/EUR")}

BOUGHT = VenueOrder(
    venue_order_id="O-E", client_id="", userref=userref(ENTRY_ID), parent_id="", symbol="BTC/EUR", side=Side.BUY,
    type=OrderType.LIMIT, status=S.FILLED, quantity=D("1.5"), filled=D("1.5"), limit_price=D("100.2"),
    stop_price=None, attached_stop_price=D("97.5"), opened_ms=NOW, closed_ms=NOW + 1000, expires_ms=NOW + 900_000,
    trade_ids=("T-1",),
)  # fmt: skip
STOP = replace(
    BOUGHT, venue_order_id="O-S", client_id=STOP_ID, userref=0, side=Side.SELL, type=OrderType.STOP_LOSS, status=S.OPEN,
    limit_price=None, stop_price=D("98.5"), attached_stop_price=None, opened_ms=NOW + 400_000, expires_ms=0,
)  # fmt: skip
EXIT = replace(STOP, venue_order_id="O-X", client_id=EXIT_ID, type=OrderType.MARKET, stop_price=None)


def rows(*found: VenueOrder, name: str = "main", **changes: Any) -> tuple[Order, ...]:
    return own_orders(found, name, 3, "1h", MARKETS, rules(**changes))


# --- which candle, and whose ---------------------------------------------------------------


@given(back=st.integers(0, MOST_CANDLES_BACK - 1), late_ms=st.integers(0, HOUR - 1))
def test_the_candle_of_an_entry_is_found_however_late_it_was_placed(back: int, late_ms: int):
    found = replace(BOUGHT, opened_ms=BAR + back * HOUR + late_ms)
    assert entry_bar(found, "main", "1h") == BAR


def test_behind_the_last_candle_that_is_looked_at_an_entry_is_nobodys():
    assert entry_bar(replace(BOUGHT, opened_ms=BAR + MOST_CANDLES_BACK * HOUR), "main", "1h") is None
    assert entry_bar(replace(BOUGHT, opened_ms=BAR - 1), "main", "1h") is None


@pytest.mark.parametrize(
    "change",
    [
        {"client_id": ENTRY_ID},
        {"parent_id": "O-9"},
        {"userref": 0},
        {"userref": userref(ENTRY_ID) + 1},
        {"symbol": "ETH/EUR"},
    ],
)
def test_an_order_of_somebody_else_has_no_candle(change: dict[str, Any]):
    assert entry_bar(BOUGHT, "main", "1h") == BAR
    assert entry_bar(replace(BOUGHT, **change), "main", "1h") is None
    assert rows(replace(BOUGHT, **change)) == ()


def test_another_bots_entry_and_one_of_another_timeframe_have_no_candle():
    assert entry_bar(BOUGHT, "other", "1h") is None
    assert entry_bar(replace(BOUGHT, opened_ms=BAR + 2 * HOUR), "main", "4h") is None


@given(number=st.integers(1, 2**31 - 1), name=st.text(min_size=1, max_size=12))
def test_numbers_by_chance_are_not_taken_for_entries(number: int, name: str):
    """48 candles, two thousand million numbers: a hit would be one of this very test's own ids."""
    ours = {userref(client_id(name, "BTC/EUR", BAR - n * HOUR, Leg.ENTRY, 0)) for n in range(-1, MOST_CANDLES_BACK)}
    assert number in ours or entry_bar(replace(BOUGHT, userref=number, opened_ms=BAR + 5), name, "1h") is None


# --- rows ----------------------------------------------------------------------------------


def test_an_entry_is_a_row_in_doubt_with_all_that_was_asked_for():
    assert rows(BOUGHT) == (
        Order(
            client_id=ENTRY_ID, bot_id=3, symbol="BTC/EUR", side=Side.BUY, leg=Leg.ENTRY, type=OrderType.LIMIT,
            status=S.UNKNOWN, quantity=D("1.5"), filled=D(0), limit_price=D("100.2"), stop_price=D("97.5"),
            target_price=D("104.5"), bar_ms=BAR, placed_ms=NOW, checked_ms=NOW, deadline_ms=NOW,
            expires_ms=NOW + 900_000, venue_order_id="", trade_id=ENTRY_ID, reason=REBUILT,
        ),
    )  # fmt: skip


def test_stops_and_exits_are_rows_of_the_newest_entry_before_them():
    older = replace(BOUGHT, venue_order_id="O-0", opened_ms=NOW - 5 * HOUR, userref=userref(
        client_id("main", "BTC/EUR", BAR - 5 * HOUR, Leg.ENTRY, 0)))  # fmt: skip
    _, _, stop, leaving = rows(EXIT, replace(STOP, opened_ms=NOW + 300_000), BOUGHT, older)
    assert stop == Order(
        client_id=STOP_ID, bot_id=3, symbol="BTC/EUR", side=Side.SELL, leg=Leg.STOP, type=OrderType.STOP_LOSS,
        status=S.UNKNOWN, quantity=D("1.5"), filled=D(0), limit_price=None, stop_price=D("98.5"), target_price=None,
        bar_ms=NOW - NOW % 300_000 + 300_000, placed_ms=NOW + 300_000, checked_ms=NOW + 300_000,
        deadline_ms=NOW + 300_000, expires_ms=0, venue_order_id="", trade_id=ENTRY_ID, reason="stop_loss",
    )  # fmt: skip
    assert leaving == replace(
        stop, client_id=EXIT_ID, leg=Leg.EXIT, type=OrderType.MARKET, stop_price=None, placed_ms=NOW + 400_000,
        checked_ms=NOW + 400_000, deadline_ms=NOW + 400_000, reason=REBUILT,
    )  # fmt: skip


def test_a_stop_whose_trigger_the_venue_does_not_tell_has_that_of_its_entry():
    _, stop = rows(BOUGHT, replace(STOP, stop_price=None))
    assert stop.stop_price == D("97.5")


def test_a_sale_in_the_millisecond_of_the_entry_comes_behind_it():
    assert [row.leg for row in rows(replace(STOP, opened_ms=NOW), BOUGHT)] == [Leg.ENTRY, Leg.STOP]


@pytest.mark.parametrize(
    "stray",
    [
        replace(STOP, client_id=""),
        replace(STOP, client_id="made-by-hand"),
        replace(STOP, client_id="e" + STOP_ID[1:]),
        replace(STOP, client_id=STOP_ID + "1"),
        replace(STOP, client_id=STOP_ID.upper()),
        replace(STOP, symbol="ETH/EUR"),
        replace(STOP, symbol="XRP/EUR"),
        replace(BOUGHT, symbol="XRP/EUR"),
        replace(STOP, opened_ms=NOW - 1),
    ],
)
def test_what_is_not_certainly_ours_is_no_row(stray: VenueOrder):
    assert [row.client_id for row in rows(BOUGHT, stray)] == [ENTRY_ID]


def test_each_symbol_has_an_entry_of_its_own():
    eth = client_id("main", "ETH/EUR", BAR, Leg.ENTRY, 0)
    other = replace(BOUGHT, venue_order_id="O-E2", symbol="ETH/EUR", userref=userref(eth), opened_ms=NOW + 1)
    stops = [replace(STOP, client_id=client_id("main", s, NOW, Leg.STOP, 0), symbol=s) for s in MARKETS]
    found = rows(BOUGHT, other, *stops)
    assert [(row.symbol, row.trade_id) for row in found[2:]] == [("BTC/EUR", ENTRY_ID), ("ETH/EUR", eth)]


# --- the ask behind an entry ---------------------------------------------------------------

STEPS = st.sampled_from([0.00001, 0.001, 0.01, 0.1, 0.5, 1.0])
FRACTIONS = st.floats(0.0001, 0.2)


@given(lots=st.integers(50, 5_000_000), step=STEPS, up=st.floats(0.0, 0.02), down=FRACTIONS)
def test_the_ask_behind_limit_and_stop_is_found_again(lots: int, step: float, up: float, down: float):
    own = rules(entry_limit_frac=up, stop_loss_frac=down)
    ask = lots * step
    limit = ceil_to_step(ask * (1.0 + up), step)
    stop = floor_to_step(ask * (1.0 - down), step)
    assert implied_ask(limit, stop, step, own) == pytest.approx(ask, abs=step / 4)


@given(ask=st.integers(1_000, 500_000), ladder=st.booleans())
def test_an_entry_that_was_decided_has_its_target_again(ask: int, ladder: bool):
    """By the decision itself, so that the two never part."""
    own = rules(take_profit_ladder=LADDER) if ladder else RULES
    price = ask * 0.01
    (intent,) = decide(book(), [view(quote_ask=price, quote_bid=price * 0.999)], own, NOW).intents
    limit, stop = (D(str(round(asked, 2))) for asked in (intent.limit_price, intent.stop_price))
    found = replace(BOUGHT, limit_price=limit, attached_stop_price=stop)
    (row,) = own_orders([found], "main", 3, "1h", MARKETS, own)
    assert float(row.target_price or 0) == pytest.approx(intent.target_price, abs=1e-6)


def test_by_rules_that_have_changed_since_the_limit_alone_tells():
    assert implied_ask(100.2, 90.0, 0.01, RULES) == pytest.approx(100.2 / 1.002)
    assert implied_ask(100.2, 0.0, 0.01, RULES) == pytest.approx(100.2 / 1.002)


def test_an_entry_without_a_limit_has_no_target_and_one_without_a_stop_has():
    (bare,) = rows(replace(BOUGHT, limit_price=None))
    assert bare.target_price is None
    (unprotected,) = rows(replace(BOUGHT, attached_stop_price=None))
    assert (unprotected.stop_price, unprotected.target_price) == (None, D("104.5"))
