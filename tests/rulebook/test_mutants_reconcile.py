"""What the steps of reconciling say, to the last field: when, why, and which row or execution."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal as D
from typing import Any

from bot.domain.orders import Fill, Leg, Order, OrderStatus, OrderType, Side, adopted_id
from bot.domain.venue_orders import Balance, VenueOrder
from bot.rulebook.reconcile import (
    ATTACHING,
    CLOCK_MARGIN_MS,
    CONFLICT,
    FILLS_MISSING,
    LOOKUP_MARGIN_MS,
    MISSING,
    Drift,
    Ledger,
    Reconciled,
    find_drift,
    reconcile,
)
from bot.rulebook.settle import Step
from tests.rulebook.makers import BAR, order
from tests.rulebook.test_reconcile import BTC, NOW, ZERO, S, at_venue, execution, held, ledger, look, sent, stop_of


def told(result: Reconciled) -> list[tuple[str, int, str]]:
    """Why and when each step happened, and where it left its order."""
    return [(step.why, step.at_ms, step.order.status.value) for step in result.steps]


def attached(entry: Order, stop_price: D | None = None, **changes: Any) -> VenueOrder:
    """The stop that the venue made of an entry's fill."""
    made = VenueOrder(
        "O-S", "", 0, entry.venue_order_id, entry.symbol, Side.SELL, OrderType.STOP_LOSS, S.OPEN, D(1), ZERO, None,
        stop_price, None, NOW - 50_000, 0, 0, (),
    )  # fmt: skip
    return replace(made, **changes)


ENTRY = order(bot_id=3, trade_id="e-7", status=S.FILLED, filled=D(1), venue_order_id="O-E", stop_price=D("97.5"))

TRADE = replace(held(sent()), trade_id="e-7")


# --- when and why --------------------------------------------------------------------------


def test_what_became_of_an_order_in_doubt_was_learned_at_the_look() -> None:
    mine = sent()
    assert told(reconcile(ledger(mine), look(at_venue(mine)))) == [("found", NOW, "open")]
    assert told(reconcile(ledger(mine), look())) == [("not_placed", NOW, "not_placed")]
    fresh = sent(deadline_ms=NOW)
    assert told(reconcile(ledger(fresh), look())) == [("not_found_yet", NOW, "unknown")]


def test_fills_and_ends_carry_the_venues_times() -> None:
    mine = order(status=S.OPEN, venue_order_id="O-1")
    found = at_venue(mine, status=S.EXPIRED, filled=D("0.5"), closed_ms=NOW - 1000)
    fill = execution(found, "0.5")
    result = reconcile(ledger(mine), look(found, fills=(fill,)))
    assert told(result) == [("filled", fill.filled_ms, "partially_filled"), ("expired", NOW - 1000, "expired")]
    unsaid = replace(found, status=S.CANCELLED, closed_ms=0)
    assert told(reconcile(ledger(mine), look(unsaid, fills=(fill,))))[-1] == ("cancelled", NOW, "cancelled")


def test_an_execution_becomes_a_fill_of_its_order() -> None:
    mine = order(status=S.OPEN, venue_order_id="O-1", symbol="ETH/EUR", quantity=D(2))
    found = at_venue(mine, filled=D("0.5"), status=S.PARTIALLY_FILLED)
    seen = execution(found, "0.5", price="99.5", fee=D("0.2"), liquidity="maker", filled_ms=NOW - 7)
    (step,) = reconcile(ledger(mine), look(found, fills=(seen,))).steps
    assert step.fill == Fill(
        mine.client_id, seen.venue_trade_id, "ETH/EUR", Side.BUY, D("0.5"), D("99.5"), D("0.2"), "maker", NOW - 7
    )


# --- the edges of being ours ---------------------------------------------------------------


def test_an_order_opened_at_the_edge_of_the_clocks_margin_is_ours() -> None:
    mine = sent()
    found = at_venue(mine, opened_ms=mine.placed_ms - CLOCK_MARGIN_MS)
    assert told(reconcile(ledger(mine), look(found))) == [("found", NOW, "open")]


def test_lists_that_reach_back_to_the_moment_of_sending_reach_far_enough() -> None:
    mine = sent()
    assert told(reconcile(ledger(mine), look(since_ms=mine.placed_ms))) == [("not_placed", NOW, "not_placed")]


# --- stops that the venue made -------------------------------------------------------------


def test_a_stop_that_the_venue_made_is_a_row_of_its_entrys_trade() -> None:
    result = reconcile(ledger(settled=(ENTRY,)), look(attached(ENTRY, D("98"))))
    stop = Order(
        client_id=adopted_id(Leg.STOP, "O-S"), bot_id=3, symbol="BTC/EUR", side=Side.SELL, leg=Leg.STOP,
        type=OrderType.STOP_LOSS, status=S.OPEN, quantity=D(1), filled=ZERO, limit_price=None, stop_price=D("98"),
        target_price=None, bar_ms=BAR, placed_ms=NOW - 50_000, checked_ms=NOW - 50_000, deadline_ms=0, expires_ms=0,
        venue_order_id="O-S", trade_id="e-7", reason="stop_loss",
    )  # fmt: skip
    assert result.steps == (Step(stop, NOW - 50_000, "attached"),)


def test_a_stop_whose_trigger_the_venue_does_not_tell_has_the_one_that_its_entry_asked_for() -> None:
    (step,) = reconcile(ledger(settled=(ENTRY,)), look(attached(ENTRY))).steps
    assert step.order.stop_price == D("97.5")
    known = ledger(step.order, settled=(ENTRY,), trades=(TRADE,))
    assert reconcile(known, look(attached(ENTRY))) == Reconciled((), {}, ())


def test_a_stop_that_we_know_already_is_not_made_anew() -> None:
    stop = stop_of(held(sent()), ENTRY, venue_order_id="O-S", status=S.PARTIALLY_FILLED, filled=D("0.4"), deadline_ms=0)
    seen = attached(ENTRY, D("97.5"), filled=D("0.4"), status=S.PARTIALLY_FILLED)
    assert reconcile(ledger(stop, settled=(ENTRY,), trades=(held(sent()),)), look(seen)) == Reconciled((), {}, ())


# --- terms ---------------------------------------------------------------------------------


def test_an_amendment_is_learned_at_the_look() -> None:
    stop = stop_of(held(sent()), ENTRY)
    assert told(reconcile(ledger(stop), look(at_venue(stop, stop_price=D("99"))))) == [("amended", NOW, "open")]


def test_a_size_of_just_what_is_filled_can_be() -> None:
    stop = stop_of(held(sent()), ENTRY, status=S.PARTIALLY_FILLED, filled=D("0.5"), deadline_ms=0)
    seen = at_venue(stop, filled=D("0.5"), quantity=D("0.5"))
    result = reconcile(ledger(stop, trades=(held(sent()),)), look(seen))
    assert result.steps[0].order.quantity == D("0.5")
    assert result.unsettled == {}


# --- waiting ---------------------------------------------------------------------------------


def test_what_is_in_doubt_is_certain_a_while_behind_the_latest_deadline() -> None:
    early, late = sent(deadline_ms=NOW + 1000), sent(deadline_ms=NOW + 2000, client_id="e-late")
    for both in ((early, late), (late, early)):
        assert reconcile(ledger(*both), look()).certain_ms == {"BTC/EUR": NOW + 2000 + LOOKUP_MARGIN_MS}


def test_nobody_can_tell_when_a_missing_order_will_be_found() -> None:
    result = reconcile(ledger(order(status=S.OPEN, venue_order_id="O-1")), look())
    assert (result.unsettled, result.certain_ms) == ({"BTC/EUR": MISSING}, {})


def test_of_a_stop_that_was_found_nothing_is_on_its_way_and_an_entry_keeps_its_deadline() -> None:
    mine = sent(deadline_ms=NOW + 1000)
    (step,) = reconcile(ledger(mine), look(at_venue(mine))).steps
    assert step.order.deadline_ms == NOW + 1000
    stop = stop_of(TRADE, ENTRY, status=S.UNKNOWN, venue_order_id="", deadline_ms=NOW + 1000)
    (step,) = reconcile(ledger(stop, trades=(TRADE,)), look(at_venue(stop))).steps
    assert step.order.deadline_ms == 0


def test_the_stop_of_a_young_fill_is_waited_for() -> None:
    mine = order(status=S.OPEN, venue_order_id="O-1", quantity=D(2), stop_price=D("97.5"))
    found = at_venue(mine, status=S.PARTIALLY_FILLED, filled=D(1))
    fill = execution(found, "1", filled_ms=NOW - 2000)
    result = reconcile(ledger(mine), look(found, fills=(fill,)))
    shown_from_ms = NOW - 2000 + LOOKUP_MARGIN_MS
    assert (result.unsettled, result.certain_ms) == ({"BTC/EUR": ATTACHING}, {"BTC/EUR": shown_from_ms})


def test_only_a_stop_that_rests_waits_for_the_fill_that_made_it() -> None:
    stop = attached(ENTRY, D("97.5"))
    result = reconcile(ledger(settled=(ENTRY,)), look(stop))
    assert (result.unsettled, result.certain_ms) == ({"BTC/EUR": FILLS_MISSING}, {})
    gone = replace(stop, status=S.CANCELLED, closed_ms=NOW - 1000)
    assert reconcile(ledger(settled=(ENTRY,)), look(gone)).unsettled == {}


# --- counting ------------------------------------------------------------------------------


def test_an_execution_that_is_told_twice_at_once_counts_once() -> None:
    mine = order(status=S.OPEN, venue_order_id="O-1")
    found = at_venue(mine, filled=D("0.4"), status=S.PARTIALLY_FILLED)
    fill = execution(found, "0.4")
    result = reconcile(ledger(mine), look(found, fills=(fill, fill)))
    assert [step.order.filled for step in result.steps] == [D("0.4")]
    assert result.unsettled == {}


def test_two_sales_may_not_sell_more_than_is_held() -> None:
    trade = held(sent())
    stop = stop_of(trade, ENTRY, quantity=D(2))
    found = at_venue(stop, filled=D("1.2"), status=S.PARTIALLY_FILLED)
    fills = (execution(found, "0.6", 1), execution(found, "0.6", 2))
    result = reconcile(ledger(stop, trades=(trade,)), look(found, fills=fills))
    assert [step.fill.venue_trade_id for step in result.steps if step.fill] == [fills[0].venue_trade_id]
    assert result.unsettled == {"BTC/EUR": CONFLICT}


def test_of_a_purchase_and_a_sale_in_the_same_millisecond_the_purchase_came_first() -> None:
    entry = order(status=S.OPEN, venue_order_id="O-Z")
    bought = at_venue(entry, status=S.FILLED, filled=D(1), closed_ms=NOW)
    stop = attached(entry, D("97.5"), status=S.FILLED, filled=D(1), closed_ms=NOW)
    fills = (execution(stop, "1", filled_ms=NOW), execution(bought, "1", filled_ms=NOW))
    result = reconcile(Ledger((entry,), (), frozenset(), {}), look(bought, stop, fills=fills))
    assert [step.fill.side for step in result.steps if step.fill] == [Side.BUY, Side.SELL]
    assert result.unsettled == {}


# --- money ---------------------------------------------------------------------------------


def test_a_drift_tells_both_figures() -> None:
    def found(total: str, rewards: str = "0") -> tuple[Drift, ...]:
        return find_drift([BTC], [Balance("BTC", D(total), ZERO, D(rewards))], {})

    assert found("0.7") == (Drift("BTC", "surplus", D("0.5"), D("0.7")),)
    assert found("0.1", "0.2") == (Drift("BTC", "missing", D("0.5"), D("0.3"), D("0.2")),)
    assert found("0.1", "0.4") == (Drift("BTC", "rewards", D("0.5"), D("0.1")),)
    assert found("0.49999999", "0.00000001") == (Drift("BTC", "rewards", D("0.5"), D("0.49999999")),)


def test_the_order_of_steps_is_the_order_of_events() -> None:
    """Found, its stop attached, filled: bookkeeping that follows the steps never sells before it has bought."""
    mine = sent()
    found = at_venue(mine, venue_order_id="O-E", status=S.FILLED, filled=D(1), closed_ms=NOW - 57_000)
    stop = attached(replace(mine, venue_order_id="O-E"), D("97.5"))
    result = reconcile(ledger(mine), look(stop, found, fills=(execution(found, "1"),)))
    assert [step.why for step in result.steps] == ["found", "attached", "filled"]
    assert {step.order.client_id: step.order.status for step in result.steps} == {
        mine.client_id: OrderStatus.FILLED,
        adopted_id(Leg.STOP, "O-S"): OrderStatus.OPEN,
    }
