"""Where a careless rule would lend money, buy when told not to, or sell at a price that never was."""

from __future__ import annotations

from decimal import Decimal

import pytest

from bot.domain.book import PendingEntry
from bot.domain.decisions import Decision
from bot.domain.orders import Leg
from bot.rulebook.decide import decide
from bot.rulebook.settle import make_fill
from tests.rulebook.makers import MARKET, NAN, NOW, book, order, position, rules, stop_order, view
from tests.rulebook.test_settle import BEFORE, START, candles, settle

RESTING = PendingEntry("ETH/EUR", "e-2", 5.0, 100.0)
MINUTE = 60_000


def asked(decision: Decision) -> list[tuple[str, str, str]]:
    return [(intent.action, intent.leg.value, intent.reason) for intent in decision.intents]


def test_a_position_whose_trailing_stop_belongs_above_the_bid_is_sold_at_once() -> None:
    """At 106 nobody looked; at 104 a stop at 104.94 cannot rest any more."""
    held = position(high_water=102.0, armed=True, stop_price=100.98, target_price=120.0)
    seen = view(quote_bid=104.0, quote_ask=104.02, high_since=106.0, signals=())
    decision = decide(book(positions=(held,)), [seen], rules(), NOW)
    assert asked(decision) == [("cancel", "stop", "trailing_stop"), ("place", "exit", "trailing_stop")]


def test_an_unprotected_position_below_its_stop_is_sold_at_once() -> None:
    held = position(stop_price=NAN, stop_size=0.0, stop_client_id="")
    decision = decide(book(positions=(held,)), [view(quote_bid=90.0, quote_ask=90.02, signals=())], rules(), NOW)
    assert asked(decision) == [("place", "exit", "stop_loss")]


def test_the_fee_of_an_entry_that_rests_is_set_aside_too() -> None:
    bold = rules(max_position_frac=1.0, risk_per_trade_frac=1.0, max_long_exposure_frac=5.0)
    decision = decide(book(pending=(RESTING,)), [view(), view(symbol="ETH/EUR", signals=())], bold, NOW)
    (entry,) = decision.intents
    assert entry.size * entry.limit_price * 1.004 + 500 * 1.004 <= 1000.0


def test_an_entry_filled_in_part_takes_one_place_not_two() -> None:
    half = position(symbol="ETH/EUR", size=0.1, stop_size=0.1)
    money = book(cash=10_000.0, day_open_equity=10_000.0, positions=(half,), pending=(RESTING,))
    decision = decide(money, [view(), view(symbol="ETH/EUR", signals=())], rules(max_open_positions=2), NOW)
    assert asked(decision) == [("place", "entry", "breakout")]


@pytest.mark.parametrize("held", [False, True])
@pytest.mark.parametrize(
    ("halted", "day_open", "why"),
    [("paused", 1000.0, "paused"), ("halted", 1000.0, "halted"), ("", 2000.0, "daily_loss")],
)
def test_when_entries_must_wait_those_that_rest_are_taken_back(
    halted: str, day_open: float, why: str, held: bool
) -> None:
    positions = (position(symbol="ETH/EUR", target_price=NAN),) if held else ()
    state = book(pending=(RESTING,), positions=positions, halted=halted, day_open_equity=day_open)
    decision = decide(state, [view(symbol="ETH/EUR", signals=())], rules(), NOW)
    assert asked(decision) == [("cancel", "entry", why)]


@pytest.mark.parametrize("change", [{"halted": "venue_status"}, {"halted": "paused", "in_doubt": ("ETH/EUR",)}, {}])
def test_what_rests_stays_where_nobody_could_take_it_back_or_nobody_wants_to(change: dict[str, object]) -> None:
    assert asked(decide(book(pending=(RESTING,), **change), [view(symbol="ETH/EUR", signals=())], rules(), NOW)) == []


def test_an_entry_is_taken_back_once_whoever_wants_it_gone() -> None:
    state = book(pending=(RESTING,), halted="paused", close_requested=("ETH/EUR",))
    decision = decide(state, [view(symbol="ETH/EUR", signals=())], rules(), NOW)
    assert asked(decision) == [("cancel", "entry", "closed_by_person")]


@pytest.mark.parametrize(("placed_ms", "price"), [(START, "97.95"), (START + 2 * MINUTE, "100.94")])
def test_a_stop_moved_within_a_candle_never_sells_at_that_candles_open(placed_ms: int, price: str) -> None:
    """The candle opened at 98 and rose; two minutes in, at 103, the stop came to 101."""
    moved = stop_order(**{**BEFORE, "placed_ms": placed_ms}, stop_price=Decimal("101.00"))
    (step,) = settle([moved], candles((98.0, 103.0, 98.0, 103.0, 40.0)))
    assert step.fill is not None
    assert step.fill.price == Decimal(price)


def test_a_stop_attached_within_a_candle_knows_when_its_entry_began_to_rest() -> None:
    """An entry that rested before the gap down is bought at its limit and sold at the open."""
    for placed_ms, price in ((START, "95.95"), (START + 2 * MINUTE, "97.45")):
        steps = settle([order(**{**BEFORE, "placed_ms": placed_ms})], candles((96.0, 101.0, 95.0, 100.0, 40.0)))
        (sold,) = [step.fill for step in steps if step.fill and step.order.leg is Leg.STOP]
        assert sold.price == Decimal(price)


def test_a_fill_of_all_that_is_left_leaves_nothing_however_large() -> None:
    """A float keeps 16 digits; this quantity has 17."""
    large = stop_order(quantity=Decimal("104857601.23456789"))
    fill = make_fill(large, float(large.remaining), 97.5, MARKET, NOW, maker=False)
    assert fill.quantity == large.quantity


@pytest.mark.parametrize(
    ("placed_ms", "opening", "liquidity"),
    [(START, 100.5, "maker"), (START, 100.2, "taker"), (START, 99.0, "taker"), (START + 2 * MINUTE, 100.5, "taker")],
)
def test_only_a_limit_that_the_price_came_down_to_pays_the_makers_fee(
    placed_ms: int, opening: float, liquidity: str
) -> None:
    """The limit is 100.2; a candle that opens at or below it, or before it rested, may have been taken from."""
    steps = settle([order(**{**BEFORE, "placed_ms": placed_ms})], candles((opening, 101.0, 99.0, 100.0, 40.0)))
    (bought,) = [step.fill for step in steps if step.fill]
    rate = {"maker": MARKET.maker_fee, "taker": MARKET.taker_fee}[liquidity]
    assert (bought.liquidity, bought.fee) == (liquidity, bought.quantity * bought.price * rate)
