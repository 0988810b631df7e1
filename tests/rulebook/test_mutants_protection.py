"""What a position still lacks once a tick's orders were answered: its stops, or its sale where none can rest."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import pytest

from bot.domain.book import Position, RestingStop
from bot.domain.orders import Intent, Leg, OrderType, Side
from bot.rulebook.decide import stop_intents
from bot.rulebook.protection import protection
from tests.rulebook.makers import NAN, NOW, book, position, rules, view

SLOT = NOW - NOW % 300_000
OTHER = position(symbol="ETH/EUR", trade_id="e-2", stops=())


def asked(*held: Position, stop_prices: Any = None, doubt: tuple[str, ...] = (), **seen: Any) -> list[dict[str, Any]]:
    """Intents on BTC/EUR and ETH/EUR. seen: changes of both views."""
    views = [view(**seen), view(symbol="ETH/EUR", **({"quote_bid": 99.98} | seen))]
    intents = protection(book(positions=held, in_doubt=doubt), views, stop_prices or {}, rules(), NOW)
    return [asdict(intent) for intent in intents]


def stop_order(action: str, size: float, price: float, client_id: str = "", **fields: Any) -> Any:
    base = Intent(
        action, "BTC/EUR", Side.SELL, Leg.STOP, OrderType.STOP_LOSS, size, NAN, price, NAN, SLOT, "stop_loss", client_id
    )
    return pytest.approx(asdict(base) | fields, nan_ok=True)


SALE = pytest.approx(
    asdict(
        Intent("place", "BTC/EUR", Side.SELL, Leg.EXIT, OrderType.MARKET, 1.0, NAN, NAN, NAN, SLOT, "stop_loss")
    ),
    nan_ok=True,
)  # fmt: skip


def test_a_position_whose_stops_cover_it_lacks_nothing() -> None:
    assert asked(position()) == []


def test_a_bare_position_gets_its_stop_where_the_ledger_has_it_or_else_below_its_entry() -> None:
    assert asked(position(stops=())) == [stop_order("place", 1.0, 97.5)]
    assert asked(position(stops=()), stop_prices={"BTC/EUR": 98.0}) == [stop_order("place", 1.0, 98.0)]
    for none in (0.0, NAN):
        assert asked(position(stops=()), stop_prices={"BTC/EUR": none}) == [stop_order("place", 1.0, 97.5)]


def test_the_resting_stop_says_where_before_the_ledger_does() -> None:
    assert asked(position(stop_size=0.5), stop_prices={"BTC/EUR": 99.0}) == [stop_order("amend", 1.0, 97.5, "s-1")]
    for none in (0.0, NAN):
        nowhere = position(stop_size=0.5, stop_price=none)
        assert asked(nowhere, stop_prices={"BTC/EUR": 99.0}) == [stop_order("amend", 1.0, 99.0, "s-1")]


def test_a_stop_below_a_price_of_one_is_a_stop_too() -> None:
    cheap: dict[str, Any] = {"quote_bid": 0.55, "price_step": 0.001}
    bare = position(stops=(), entry_price=0.6)
    assert asked(bare, stop_prices={"BTC/EUR": 0.5}, **cheap) == [stop_order("place", 1.0, 0.5)]
    resting = position(stop_size=0.5, stop_price=0.5, entry_price=0.6)
    assert asked(resting, stop_prices={"BTC/EUR": 0.52}, **cheap) == [stop_order("amend", 1.0, 0.5, "s-1")]


@pytest.mark.parametrize("bid", [97.5, 97.0])
def test_where_the_price_is_at_the_stop_already_a_bare_position_is_sold(bid: float) -> None:
    assert asked(position(stops=()), quote_bid=bid) == [SALE]


def test_what_costs_less_than_one_is_sold_too() -> None:
    bare = position(stops=(), entry_price=0.5)
    assert asked(bare, quote_bid=0.48, price_step=0.001) == [SALE]


@pytest.mark.parametrize("bid", [0.0, NAN])
def test_without_a_price_a_bare_position_gets_its_stop(bid: float) -> None:
    assert asked(position(stops=()), quote_bid=bid) == [stop_order("place", 1.0, 97.5)]


def test_a_position_that_has_a_stop_is_not_sold_here() -> None:
    assert asked(position(), quote_bid=90.0) == []


def test_what_is_just_the_venues_minimum_is_sold_and_less_is_left() -> None:
    assert asked(position(stops=()), quote_bid=97.0, min_size=1.0) == [SALE]
    assert asked(position(stops=()), quote_bid=97.0, min_size=1.5) == []


@pytest.mark.parametrize(
    "seen", [{"price_step": 0.0}, {"size_step": 0.0}, {"price_step": NAN}, {"size_step": NAN}]
)  # fmt: skip
def test_without_the_venues_steps_nothing_is_ordered(seen: dict[str, Any]) -> None:
    assert asked(position(stops=()), **seen) == []


def test_steps_of_one_and_more_are_steps_too() -> None:
    assert asked(position(stops=()), price_step=1.0, size_step=0.5) == [stop_order("place", 1.0, 97.0)]
    assert asked(position(stops=()), price_step=0.5, size_step=1.0) == [stop_order("place", 1.0, 97.5)]


def test_each_position_is_looked_at_whatever_became_of_the_one_before() -> None:
    bare = position(stops=())
    assert asked(OTHER, bare, doubt=("ETH/EUR",)) == [stop_order("place", 1.0, 97.5)]
    unseen = position(symbol="XXX/EUR", stops=())
    assert asked(unseen, bare) == [stop_order("place", 1.0, 97.5)]
    sold = asked(bare, OTHER, quote_bid=97.0)
    assert [(one["symbol"], one["leg"]) for one in sold] == [("BTC/EUR", Leg.EXIT), ("ETH/EUR", Leg.EXIT)]


# --- the sizes of several stops ------------------------------------------------------------


def sizes(resting: tuple[float, ...], size: float, step: float = 0.25, least: float = 0.25) -> list[tuple[str, float]]:
    """What is asked of stops of these sizes: their numbers, counted from 0, with the sizes that they shall have."""
    stops = tuple(RestingStop(str(n), own, 97.5) for n, own in enumerate(resting))
    intents = stop_intents(position(size=size, stops=stops), 97.5, step, least, NOW)
    return [(intent.client_id, 0.0 if intent.action == "cancel" else intent.size) for intent in intents]


def test_half_a_step_is_a_difference_and_less_is_none() -> None:
    assert sizes((1.0,), 0.875) == [("0", 0.875)]
    assert sizes((1.0,), 1.125) == [("0", 1.125)]
    assert sizes((1.0,), 0.9) == []
    assert sizes((1.0,), 1.1) == []
    assert sizes((1.0,), 1.25) == [("0", 1.25)]
    assert sizes((0.5, 0.5), 1.1) == []


def test_a_stop_too_large_for_a_holding_below_the_minimum_goes_once_it_is_so_by_half_a_step() -> None:
    assert sizes((0.5,), 0.375, least=1.0) == [("0", 0.0)]
    assert sizes((0.5,), 0.4, least=1.0) == []
    assert sizes((0.5,), 0.25, least=1.0) == [("0", 0.0)]


def test_where_the_venue_has_no_minimum_half_a_step_is_still_no_stop() -> None:
    assert sizes((0.5, 0.5), 0.6, least=0.0) == [("1", 0.0)]
    assert sizes((0.5, 0.5), 0.625, least=0.0) == [("1", 0.0), ("0", 0.625)]


def test_a_stop_may_shrink_to_a_single_step() -> None:
    assert sizes((0.5, 0.5), 0.75) == [("1", 0.25)]


def test_a_stop_that_shrinks_to_just_the_minimum_stays_whatever_binary_floats_make_of_it() -> None:
    assert 0.4 - (0.7 + 0.4 - 0.8) < 0.1
    (only,) = sizes((0.7, 0.4), 0.8, step=0.01, least=0.1)
    assert only == ("1", pytest.approx(0.1))


def test_stops_that_are_each_too_small_become_one() -> None:
    assert sizes((0.05, 0.05), 0.14, step=0.01, least=0.1) == [("0", 0.0), ("1", 0.14)]
    assert sizes((0.03, 0.04, 0.05), 0.2, step=0.01, least=0.1) == [("2", pytest.approx(0.13))]


def test_a_lone_stop_has_exactly_the_size_of_the_position() -> None:
    assert 0.7 - (0.7 - 0.05) != 0.05
    assert sizes((0.7,), 0.05, step=0.01, least=0.01) == [("0", 0.05)]


def test_stops_that_go_free_their_coins_before_others_change() -> None:
    assert sizes((0.6, 0.1), 0.3, step=0.01, least=0.01) == [("1", 0.0), ("0", 0.3)]


def test_an_order_about_a_stop_names_all_of_it() -> None:
    two = (RestingStop("s-1", 0.6, 97.5), RestingStop("s-2", 0.4, 97.25))
    assert asked(position(size=0.5, stops=two)) == [
        stop_order("cancel", 0.4, 97.25, "s-2"),
        stop_order("amend", 0.5, 97.5, "s-1"),
    ]
