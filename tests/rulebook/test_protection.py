"""Every position ends its tick with stops for all of it, or with none because it is being sold."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.book import RestingStop
from bot.domain.orders import Intent, Leg, OrderType, Side
from bot.rulebook.protection import protection
from tests.rulebook.makers import NOW, RULES, book, position, rules, view

SLOT = NOW - NOW % RULES.slot_ms
LEDGER_STOP = {"BTC/EUR": 96.0}
BARE = position(stops=())


def ask(*positions: Any, stop_prices: dict[str, float] | None = None, **changes: Any) -> tuple[Intent, ...]:
    """What these positions lack. changes: of the one view, rules and the book."""
    stop_loss = rules(**changes.pop("rules", {}))
    doubtful = changes.pop("in_doubt", ())
    seen = view(**changes)
    return protection(book(positions=positions, in_doubt=doubtful), [seen], stop_prices or {}, stop_loss, NOW)


def told(intents: tuple[Intent, ...]) -> list[tuple[Any, ...]]:
    return [(i.action, i.leg.value, i.client_id, i.size, i.stop_price, i.reason) for i in intents]


def test_a_position_that_is_covered_needs_nothing():
    assert ask(position()) == ()


def test_a_missing_stop_is_placed_where_the_ledger_has_it():
    (stop,) = ask(BARE, stop_prices=LEDGER_STOP)
    assert told((stop,)) == [("place", "stop", "", 1.0, 96.0, "stop_loss")]
    assert (stop.symbol, stop.side, stop.type, stop.bar_ms) == ("BTC/EUR", Side.SELL, OrderType.STOP_LOSS, SLOT)
    assert math.isnan(stop.limit_price)
    assert math.isnan(stop.target_price)


@pytest.mark.parametrize("known", [{}, {"BTC/EUR": float("nan")}, {"BTC/EUR": 0.0}, {"ETH/EUR": 99.0}])
def test_a_stop_that_nobody_knows_is_placed_where_the_entry_puts_it(known: dict[str, float]):
    (stop,) = ask(position(stops=(), entry_price=100.004), stop_prices=known, rules={"stop_loss_frac": 0.03})
    assert stop.stop_price == pytest.approx(97.0, abs=1e-9)


def test_a_resting_stop_beats_the_ledgers_and_the_lowest_one_counts():
    stops = (RestingStop("s-1", 0.5, 95.0), RestingStop("s-2", 0.3, 98.0))
    assert told(ask(position(stops=stops), stop_prices={"BTC/EUR": 99.0})) == [
        ("amend", "stop", "s-1", 0.7, 95.0, "stop_loss")
    ]


def test_a_stop_that_covers_too_little_grows_and_one_that_covers_too_much_shrinks():
    assert told(ask(position(size=1.5))) == [("amend", "stop", "s-1", 1.5, 97.5, "stop_loss")]
    assert told(ask(position(size=0.5))) == [("amend", "stop", "s-1", 0.5, 97.5, "stop_loss")]


def test_a_stop_that_trails_keeps_its_name_when_its_size_changes():
    assert told(ask(position(size=0.5, armed=True))) == [("amend", "stop", "s-1", 0.5, 97.5, "trailing_stop")]
    assert told(ask(position(stops=(), armed=True), stop_prices=LEDGER_STOP)) == [
        ("place", "stop", "", 1.0, 96.0, "trailing_stop")
    ]


@pytest.mark.parametrize("bid", [96.0, 95.99, 1.0])
def test_at_or_below_the_missing_stop_the_position_is_sold(bid: float):
    (sale,) = ask(BARE, stop_prices=LEDGER_STOP, quote_bid=bid)
    assert told((sale,))[0][:4] == ("place", "exit", "", 1.0)
    assert (sale.type, sale.side, sale.leg, sale.reason) == (OrderType.MARKET, Side.SELL, Leg.EXIT, "stop_loss")
    assert sale.bar_ms == SLOT
    assert all(math.isnan(price) for price in (sale.limit_price, sale.stop_price, sale.target_price))


@pytest.mark.parametrize("bid", [96.01, 0.0, -1.0, float("nan")])
def test_above_the_missing_stop_or_without_a_price_nothing_is_sold(bid: float):
    """Without a price the stop is asked for: the venue refuses it where it cannot rest."""
    assert told(ask(BARE, stop_prices=LEDGER_STOP, quote_bid=bid)) == [("place", "stop", "", 1.0, 96.0, "stop_loss")]


def test_where_a_stop_rests_it_sells_and_not_we():
    """The venue triggers it by itself; a sale beside it would have no coins."""
    assert ask(position(), quote_bid=90.0) == ()
    assert told(ask(position(size=1.5), quote_bid=90.0)) == [("amend", "stop", "s-1", 1.5, 97.5, "stop_loss")]


def test_dust_below_the_venues_minimum_is_neither_sold_nor_protected():
    dust = position(size=0.00009, stops=())
    assert ask(dust, stop_prices=LEDGER_STOP) == ()
    assert ask(dust, stop_prices=LEDGER_STOP, quote_bid=90.0) == ()
    least = position(size=0.0001, stops=())
    assert [i.leg for i in ask(least, stop_prices=LEDGER_STOP, quote_bid=90.0)] == [Leg.EXIT]


@pytest.mark.parametrize(
    "change",
    [
        {"in_doubt": ("BTC/EUR",)},
        {"symbol": "ETH/EUR"},
        {"price_step": float("nan")},
        {"size_step": float("nan")},
        {"price_step": 0.0},
        {"size_step": 0.0},
    ],
)
def test_what_cannot_be_known_is_left_alone(change: dict[str, Any]):
    assert ask(BARE, stop_prices=LEDGER_STOP, **change) == ()


def test_each_position_is_looked_at_whatever_became_of_the_one_before():
    """The first cannot be judged, the second is sold, the third lacks a stop."""
    unknown = position(symbol="XRP/EUR", stops=())
    sold = position(symbol="ETH/EUR", trade_id="e-2", stops=())
    views = [view(), view(symbol="ETH/EUR", quote_bid=90.0)]
    found = protection(book(positions=(unknown, sold, BARE)), views, {"ETH/EUR": 95.0, "BTC/EUR": 96.0}, RULES, NOW)
    assert [(i.symbol, i.leg) for i in found] == [("ETH/EUR", Leg.EXIT), ("BTC/EUR", Leg.STOP)]


@given(
    size=st.integers(10_000, 10**10),
    stops=st.lists(st.integers(1, 10**10), max_size=4),
    bid=st.one_of(st.just(float("nan")), st.floats(50.0, 150.0)),
    armed=st.booleans(),
)
def test_once_it_is_carried_out_a_position_is_covered_or_sold(size: int, stops: list[int], bid: float, armed: bool):
    """Sizes in steps of the venue. Asked again behind its own answers, nothing more is wanted."""
    step = 1e-8
    before = tuple(RestingStop(f"s-{n}", lots * step, 97.0 - n) for n, lots in enumerate(stops))
    held = position(size=size * step, stops=before, armed=armed)
    resting = {stop.client_id: stop for stop in before}
    for intent in ask(held, stop_prices=LEDGER_STOP, quote_bid=bid):
        if intent.leg is Leg.EXIT:
            assert not before
            assert intent.size == held.size
            return
        if intent.action == "cancel":
            del resting[intent.client_id]
        else:
            name = intent.client_id or "s-new"
            assert intent.action == ("amend" if name in resting else "place")
            assert intent.stop_price >= (resting[name].price if name in resting else 0.0)
            resting[name] = RestingStop(name, intent.size, intent.stop_price)
    covered = tuple(resting.values())
    assert sum(stop.size for stop in covered) == pytest.approx(held.size, abs=step / 2)
    assert ask(position(size=held.size, stops=covered, armed=armed), stop_prices=LEDGER_STOP, quote_bid=bid) == ()
