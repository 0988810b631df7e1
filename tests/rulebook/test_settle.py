"""What happened to resting paper orders between two ticks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.candles import Candles
from bot.domain.orders import FINAL, Fill, Leg, Order, OrderStatus, OrderType, Side
from bot.rulebook.ledger import ZERO, apply_fill, cash_flow
from bot.rulebook.settle import Step, attach_stop, make_fill, settle_paper
from tests.rulebook.makers import MARKET, PAPER, order, stop_order

D = Decimal
FIVE = 300_000
START = 1_700_000 * 3_600_000
BEFORE = {"placed_ms": START, "checked_ms": START, "deadline_ms": START, "expires_ms": START + PAPER.entry_ttl_ms}


def candles(*rows: Sequence[float], filled: Sequence[bool] | None = None) -> dict[str, Candles]:
    """Five-minute candles from START on: (open, high, low, close, volume) each."""
    table = [[START + i * FIVE, *row] for i, row in enumerate(rows)]
    return {"BTC/EUR": Candles.from_rows("BTC/EUR", "5m", table, filled)}


def settle(orders: Sequence[Order], path: dict[str, Candles], now_ms: int | None = None) -> list[Step]:
    after = START + FIVE * len(path["BTC/EUR"]) if now_ms is None else now_ms
    return list(settle_paper(orders, path, {"BTC/EUR": MARKET}, PAPER, "main", after))


def told(steps: Sequence[Step]) -> list[tuple[str, str, str]]:
    return [(s.order.leg.value, s.why, s.order.status.value) for s in steps]


FLAT = (100.0, 100.5, 99.5, 100.0, 40.0)
CRASH = (99.0, 99.0, 95.0, 96.0, 400.0)


def test_a_stop_that_nothing_touched_is_only_checked() -> None:
    steps = settle([stop_order(**BEFORE)], candles(FLAT, FLAT))
    assert told(steps) == [("stop", "checked", "open")]
    assert steps[-1].order.checked_ms == START + 2 * FIVE


def test_a_touched_stop_sells_all_at_its_price_less_slippage_in_its_own_candle() -> None:
    (step,) = settle([stop_order(**BEFORE)], candles(FLAT, CRASH, FLAT))
    assert step.fill is not None
    assert (step.at_ms, step.fill.price, step.fill.quantity) == (START + 2 * FIVE, D("97.45"), D(1))
    assert step.fill.fee == D("97.45") * D("0.004")
    assert step.order.status is OrderStatus.FILLED


def test_a_stop_is_not_matched_against_candles_that_were_checked_before() -> None:
    late = stop_order(**{**BEFORE, "checked_ms": START + FIVE})
    assert told(settle([late], candles(CRASH, FLAT))) == [("stop", "checked", "open")]


def test_a_candle_in_which_nobody_traded_fills_nothing() -> None:
    steps = settle([stop_order(**BEFORE)], candles((90.0, 90.0, 90.0, 90.0, 0.0), filled=[True]))
    assert told(steps) == [("stop", "checked", "open")]


def test_the_present_candle_counts_only_once_it_is_closed() -> None:
    assert settle([stop_order(**BEFORE)], candles(CRASH), now_ms=START + FIVE - 1) == []


def test_a_resting_entry_fills_by_volume_and_every_part_is_protected_at_once() -> None:
    entry = order(**BEFORE, limit_price=D("100.00"))
    steps = settle([entry], candles((100.5, 101.0, 99.9, 100.2, 1.6), (100.2, 100.4, 99.8, 100.0, 40.0)))
    assert told(steps) == [
        ("entry", "filled", "partially_filled"),
        ("stop", "attached", "open"),
        ("entry", "filled", "filled"),
        ("stop", "attached", "open"),
        ("stop", "checked", "open"),
    ]
    assert [s.order.quantity for s in steps if s.why == "attached"] == [D("0.4"), D(1)]
    assert {s.order.client_id for s in steps if s.order.leg is Leg.STOP} == {stop_order().client_id}
    assert [(s.fill.price, s.fill.liquidity) for s in steps if s.fill] == [(D(100), "maker"), (D(100), "maker")]


def test_a_candle_that_touched_entry_and_stop_did_both() -> None:
    steps = settle([order(**BEFORE)], candles(CRASH))
    assert told(steps) == [
        ("entry", "filled", "filled"),
        ("stop", "attached", "open"),
        ("stop", "filled", "filled"),
    ]


def test_every_step_tells_its_candle_and_leaves_its_order_checked_up_to_there() -> None:
    entry = order(**BEFORE, limit_price=D("100.00"), quantity=D(1))
    part = (100.5, 101.0, 99.9, 100.2, 1.6)
    steps = settle([entry], candles(part, FLAT, part, CRASH, CRASH))
    assert [(s.why, s.at_ms, s.order.checked_ms) for s in steps] == [
        ("filled", START + FIVE, START + FIVE),
        ("attached", START + FIVE, START),  # the same candle may touch it
        ("filled", START + 2 * FIVE, START + 2 * FIVE),
        ("attached", START + 2 * FIVE, START + FIVE),
        ("filled", START + 4 * FIVE, START + 4 * FIVE),
    ]
    assert [s.fill.filled_ms for s in steps if s.fill] == [START + n * FIVE for n in (1, 2, 4)]
    checked = settle([entry], candles(part, (101.0, 101.0, 101.0, 101.0, 1.0)))[-2:]
    assert [(s.why, s.order.leg, s.at_ms, s.order.checked_ms) for s in checked] == [
        ("checked", leg, START + 2 * FIVE, START + 2 * FIVE) for leg in (Leg.ENTRY, Leg.STOP)
    ]


def test_an_end_without_a_fill_tells_its_moment_too() -> None:
    high = (101.0, 102.0, 100.9, 101.5, 10.0)
    (step,) = settle([order(**BEFORE)], candles(high, high, high, high))
    assert (step.why, step.at_ms) == ("expired", START + PAPER.entry_ttl_ms)
    (step,) = settle([order(**BEFORE)], candles(), now_ms=START + PAPER.entry_ttl_ms + 7)
    assert (step.why, step.at_ms) == ("expired", START + PAPER.entry_ttl_ms + 7)
    (step,) = settle([order(**BEFORE, status=OrderStatus.UNKNOWN)], candles(), now_ms=START)
    assert (step.why, step.at_ms) == ("not_placed", START)
    step = settle([order(**BEFORE, quantity=D(1000))], candles(CRASH))[-1]
    assert (step.why, step.at_ms) == ("stopped_out", START + FIVE)


def test_an_entry_is_not_matched_again_against_a_candle_that_only_its_stop_has_yet_to_see() -> None:
    entry = order(**{**BEFORE, "checked_ms": START + FIVE}, quantity=D(2), filled=D(1))
    entry = replace(entry, status=OrderStatus.PARTIALLY_FILLED)
    steps = settle([entry, stop_order(**BEFORE)], candles(FLAT))
    assert told(steps) == [("stop", "checked", "open")]


def test_the_attached_stop_is_an_order_of_its_own() -> None:
    steps = settle([order(**BEFORE, bot_id=3, trade_id="e-7")], candles(FLAT))
    (stop,) = [s.order for s in steps if s.why == "attached"]
    assert stop == stop_order(
        bot_id=3, trade_id="e-7", placed_ms=START + FIVE, checked_ms=START, deadline_ms=0, type=OrderType.STOP_LOSS
    )


def test_a_stop_that_was_attached_counts_as_checked_until_it_was() -> None:
    made = attach_stop(order(), None, D("0.5"), "main", START)
    assert (made.placed_ms, made.checked_ms, made.quantity) == (START, START, D("0.5"))
    grown = attach_stop(order(), made, D("0.5"), "main", START + FIVE)
    assert grown == replace(made, quantity=D(1))


def test_a_paper_fill_names_its_order_and_costs_what_the_venue_takes() -> None:
    entry = order(symbol="BTC/EUR", quantity=D(2))
    made = make_fill(entry, 1.0, 100.0, MARKET, START, maker=True)
    name = f"paper-{entry.client_id}-{START}"
    assert made == Fill(entry.client_id, name, "BTC/EUR", Side.BUY, D(1), D(100), D("0.25000000"), "maker", START)
    taken = make_fill(entry, 1.0, 100.0, MARKET, START, maker=False)
    assert (taken.fee, taken.liquidity) == (D("0.4"), "taker")


def test_a_fill_of_all_of_a_large_order_leaves_not_a_digit_behind() -> None:
    large = order(quantity=D("90071992547.40993123"))
    assert make_fill(large, float(large.quantity), 1.0, MARKET, START, maker=True).quantity == large.quantity


def test_when_the_stop_fills_the_rest_of_the_entry_is_withdrawn() -> None:
    steps = settle([order(**BEFORE, quantity=D(1000))], candles(CRASH))
    assert told(steps)[-2:] == [("stop", "filled", "filled"), ("entry", "stopped_out", "cancelled")]


def test_an_entry_that_nobody_met_expires() -> None:
    high = (101.0, 102.0, 100.9, 101.5, 10.0)
    assert told(settle([order(**BEFORE)], candles(high, high, high, high))) == [("entry", "expired", "expired")]


def test_an_entry_expires_also_where_no_candle_came() -> None:
    steps = settle([order(**BEFORE)], candles(), now_ms=START + PAPER.entry_ttl_ms)
    assert told(steps) == [("entry", "expired", "expired")]
    assert list(settle_paper([order(**BEFORE)], {}, {"BTC/EUR": MARKET}, PAPER, "main", START)) == []


@pytest.mark.parametrize("status", [OrderStatus.SUBMITTING, OrderStatus.PLANNED, OrderStatus.UNKNOWN])
def test_an_order_that_a_killed_run_left_behind_was_never_placed(status: OrderStatus) -> None:
    assert told(settle([order(**BEFORE, status=status)], candles(FLAT))) == [("entry", "not_placed", "not_placed")]
    early = replace(order(**BEFORE, status=status), deadline_ms=START + 10 * FIVE)
    assert settle([early], candles(FLAT)) == []


def test_orders_of_a_symbol_without_trading_rules_wait() -> None:
    assert list(settle_paper([stop_order(**BEFORE)], candles(CRASH), {}, PAPER, "main", START + FIVE)) == []


rows = st.lists(
    st.tuples(st.floats(90, 110), st.floats(0, 5), st.floats(0, 8), st.floats(0, 1), st.floats(0, 8)),
    min_size=1, max_size=12,
)  # fmt: skip


def as_candles(drawn: list[tuple[float, float, float, float, float]]) -> dict[str, Candles]:
    made = []
    for opened, up, down, at, volume in drawn:
        high, low = opened + up, opened - down
        made.append((opened, high, low, low + at * (high - low), volume))
    return candles(*made)


def run(orders: list[Order], path: dict[str, Candles], ends: Sequence[int]) -> tuple[list[Step], dict[str, Order]]:
    """Settle in several sittings, as ticks would, each starting from what the one before left."""
    state = {o.client_id: o for o in orders}
    steps: list[Step] = []
    for end in ends:
        live = [o for o in state.values() if o.status not in FINAL]
        new = list(settle_paper(live, path, {"BTC/EUR": MARKET}, PAPER, "main", end))
        state.update({s.order.client_id: s.order for s in new})
        steps += new
    return steps, state


@given(rows, st.integers(1, 30))
def test_whatever_the_path_position_and_stop_stay_equal_and_fills_stay_within_their_orders(
    drawn: list[tuple[float, float, float, float, float]], quantity: int
) -> None:
    path = as_candles(drawn)
    steps, state = run([order(**BEFORE, quantity=D(quantity))], path, [START + FIVE * len(drawn)])
    trade, cash = None, ZERO
    for step in steps:
        if step.fill is not None:
            trade = apply_fill(trade, step.order, step.fill)
            cash += cash_flow(step.fill)
            assert step.order.filled <= step.order.quantity
    held = trade.open_quantity if trade else ZERO
    resting = sum((o.remaining for o in state.values() if o.leg is Leg.STOP and o.status not in FINAL), start=ZERO)
    assert held == resting
    if trade is not None and trade.status == "closed":
        assert trade.pnl == cash
        assert all(o.status in FINAL for o in state.values())
    ids = [s.fill.venue_trade_id for s in steps if s.fill]
    assert len(ids) == len(set(ids))


@given(rows, st.integers(1, 30), st.lists(st.integers(0, 12), max_size=6))
def test_one_late_tick_finds_what_many_punctual_ones_found(
    drawn: list[tuple[float, float, float, float, float]], quantity: int, stops: list[int]
) -> None:
    path = as_candles(drawn)
    end = START + FIVE * len(drawn)
    entry = order(**BEFORE, quantity=D(quantity))
    sittings = sorted({min(START + FIVE * s, end) for s in stops} | {end})
    once, many = run([entry], path, [end])[0], run([entry], path, sittings)[0]
    assert [s.fill for s in once if s.fill] == [s.fill for s in many if s.fill]


def test_a_sell_never_adds_to_a_position() -> None:
    steps = settle([stop_order(**BEFORE)], candles(CRASH))
    assert [s.fill.side for s in steps if s.fill] == [Side.SELL]
