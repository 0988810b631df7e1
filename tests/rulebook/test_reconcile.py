"""What becomes of our rows by one look at the account: nothing from silence, nothing twice, nothing lost."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal as D
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.orders import Leg, Order, OrderStatus, OrderType, Side, adopted_id, client_id, userref
from bot.domain.records import Trade
from bot.domain.venue_orders import Balance, Observation, VenueFill, VenueOrder
from bot.rulebook.ledger import apply_fill, fill_order
from bot.rulebook.reconcile import (
    AMENDING,
    ATTACHING,
    CONFLICT,
    FILLS_MISSING,
    IN_DOUBT_STILL,
    LOOKUP_MARGIN_MS,
    MISSING,
    Drift,
    Holding,
    Ledger,
    Reconciled,
    find_drift,
    reconcile,
)
from tests.rulebook.makers import BAR, order

S = OrderStatus
NOW = BAR + 600_000
ZERO = D(0)


def sent(**changes: Any) -> Order:
    """An entry for 1 BTC that was about to be sent a minute ago."""
    return order(
        **{"status": S.SUBMITTING, "placed_ms": NOW - 60_000, "deadline_ms": NOW - 45_000, "stop_price": D("97.5")}
        | changes
    )


def at_venue(mine: Order, **changes: Any) -> VenueOrder:
    """The same order as the venue has it: an entry by its userref, any other by its client id."""
    entry = mine.leg is Leg.ENTRY
    base = VenueOrder(
        venue_order_id=mine.venue_order_id or f"O-{mine.client_id[:6]}",
        client_id="" if entry else mine.client_id,
        userref=userref(mine.client_id) if entry else 0,
        parent_id="",
        symbol=mine.symbol,
        side=mine.side,
        type=mine.type,
        status=S.OPEN,
        quantity=mine.quantity,
        filled=ZERO,
        limit_price=mine.limit_price,
        stop_price=mine.stop_price if mine.leg is Leg.STOP else None,
        attached_stop_price=mine.stop_price if entry else None,
        opened_ms=NOW - 59_000,
        closed_ms=0,
        expires_ms=0,
        trade_ids=(),
    )
    return replace(base, **changes)


def execution(found: VenueOrder, quantity: str, n: int = 1, price: str = "100", **changes: Any) -> VenueFill:
    base = VenueFill(
        f"T-{found.venue_order_id}-{n}", found.venue_order_id, found.symbol, found.side, D(quantity), D(price),
        D("0.4"), "taker", NOW - 58_000 + n,
    )  # fmt: skip
    return replace(base, **changes)


def look(
    *orders: VenueOrder, fills: tuple[VenueFill, ...] = (), at_ms: int = NOW, since_ms: int = NOW - 3_600_000
) -> Observation:
    return Observation(at_ms, since_ms, orders, fills, None)


def ledger(
    *orders: Order, settled: tuple[Order, ...] = (), fills: tuple[str, ...] = (), trades: tuple[Trade, ...] = ()
) -> Ledger:
    return Ledger(orders, settled, frozenset(fills), {trade.trade_id: trade for trade in trades})


def ends(result: Reconciled) -> dict[str, Order]:
    """Each order as the last step leaves it."""
    return {step.order.client_id: step.order for step in result.steps}


def held(entry: Order, quantity: str = "1") -> Trade:
    """The trade that this entry's fill opened."""
    found = at_venue(entry)
    fill = execution(found, quantity)
    seen = look(replace(found, filled=D(quantity)), fills=(fill,))
    (step,) = [step for step in reconcile(ledger(entry), seen).steps if step.fill]
    assert step.fill is not None
    return apply_fill(None, step.order, step.fill)


def stop_of(trade: Trade, entry: Order, **changes: Any) -> Order:
    base = replace(
        entry, client_id=client_id("main", entry.symbol, BAR, Leg.STOP, 0), side=Side.SELL, leg=Leg.STOP,
        type=OrderType.STOP_LOSS, status=S.OPEN, quantity=trade.open_quantity, filled=ZERO, limit_price=None,
        trade_id=trade.trade_id, venue_order_id="O-STOP",
    )  # fmt: skip
    return replace(base, **changes)


# --- orders in doubt -----------------------------------------------------------------------


@pytest.mark.parametrize("status", [S.SUBMITTING, S.UNKNOWN])
def test_an_order_in_doubt_that_is_on_a_list_is_taken_over_with_its_id(status: OrderStatus) -> None:
    mine = sent(status=status)
    result = reconcile(ledger(mine), look(at_venue(mine, venue_order_id="O-1")))
    assert (ends(result)[mine.client_id].status, ends(result)[mine.client_id].venue_order_id) == (S.OPEN, "O-1")
    assert result.unsettled == {}
    assert result.foreign == ()


@pytest.mark.parametrize(
    ("late_ms", "since_ms", "end", "unsettled"),
    [
        (LOOKUP_MARGIN_MS, NOW - 3_600_000, S.NOT_PLACED, {}),
        (LOOKUP_MARGIN_MS - 1, NOW - 3_600_000, S.UNKNOWN, {"BTC/EUR": IN_DOUBT_STILL}),
        (LOOKUP_MARGIN_MS, NOW - 59_999, S.UNKNOWN, {"BTC/EUR": IN_DOUBT_STILL}),
    ],
)
def test_absence_proves_something_only_behind_the_deadline_and_on_lists_that_reach_far_enough_back(
    late_ms: int, since_ms: int, end: OrderStatus, unsettled: dict[str, str]
) -> None:
    mine = sent(deadline_ms=NOW - late_ms)
    result = reconcile(ledger(mine), look(since_ms=since_ms))
    assert ends(result)[mine.client_id].status is end
    assert result.unsettled == unsettled


def test_an_order_that_nobody_can_tell_of_stays_as_it_is() -> None:
    mine = sent(status=S.UNKNOWN, deadline_ms=NOW)
    result = reconcile(ledger(mine), look())
    assert result.steps == ()
    assert result.unsettled == {"BTC/EUR": IN_DOUBT_STILL}


def test_a_row_that_was_never_to_be_sent_yet_was_not_placed() -> None:
    mine = sent(status=S.PLANNED)
    assert ends(reconcile(ledger(mine), look()))[mine.client_id].status is S.NOT_PLACED


@pytest.mark.parametrize(
    "change",
    [
        {"userref": 7},
        {"symbol": "ETH/EUR"},
        {"side": Side.SELL},
        {"parent_id": "O-9"},
        {"client_id": "somebody-elses"},
        {"opened_ms": NOW - 60_000 - 60_001},
    ],
)
def test_another_order_is_not_taken_for_ours(change: dict[str, Any]) -> None:
    mine = sent()
    other = at_venue(mine, **change)
    result = reconcile(ledger(mine), look(other))
    assert ends(result)[mine.client_id].status is S.NOT_PLACED
    assert result.foreign == (other,)


def test_an_exit_is_found_by_its_client_id_and_two_orders_never_by_one_entry() -> None:
    entry, mine = order(status=S.FILLED, filled=D(1)), sent()
    leaving = stop_of(held(sent()), entry, status=S.UNKNOWN, venue_order_id="", leg=Leg.EXIT)
    found = at_venue(leaving, venue_order_id="O-X")
    result = reconcile(ledger(leaving, mine), look(found, at_venue(mine, venue_order_id="O-E")))
    assert ends(result)[leaving.client_id].venue_order_id == "O-X"
    assert ends(result)[mine.client_id].venue_order_id == "O-E"


# --- fills ---------------------------------------------------------------------------------


def test_a_fee_in_coins_is_booked_with_its_fill_and_leaves_the_position() -> None:
    entry = order(status=S.FILLED, filled=D(1), venue_order_id="O-E")
    trade = held(sent())
    first, second = (
        stop_of(trade, entry, client_id=f"s-{n}", quantity=D("0.5"), venue_order_id=f"O-{n}") for n in "12"
    )
    found = [at_venue(one, status=S.FILLED, filled=D("0.5"), closed_ms=NOW) for one in (first, second)]
    paid = execution(found[0], "0.5", fee_base=D("0.004"))
    books = ledger(first, second, trades=(trade,))
    (step,) = [step for step in reconcile(books, look(found[0], fills=(paid,))).steps if step.fill]
    assert step.fill is not None
    assert (step.fill.quantity, step.fill.fee_base, step.fill.fee) == (D("0.5"), D("0.004"), D("0.4"))
    assert (step.order.status, step.order.filled) == (S.FILLED, D("0.5"))
    # Half a coin less the fee is left: selling a whole half of it does not add up.
    result = reconcile(books, look(*found, fills=(paid, execution(found[1], "0.5", 2))))
    assert result.unsettled == {"BTC/EUR": CONFLICT}
    rest = replace(second, quantity=D("0.496"))
    sold = at_venue(rest, status=S.FILLED, filled=D("0.496"), closed_ms=NOW)
    fills = (paid, execution(sold, "0.496", 2, fee_base=D("0.002")))
    result = reconcile(ledger(first, rest, trades=(trade,)), look(found[0], sold, fills=fills))
    assert result.unsettled == {}
    assert [one.status for one in ends(result).values()] == [S.FILLED, S.FILLED]


def test_an_order_found_filled_brings_its_fills_and_the_stops_that_they_made() -> None:
    mine = sent()
    found = at_venue(mine, status=S.FILLED, filled=D(1), closed_ms=NOW - 57_000)
    stops = [
        at_venue(
            stop_of(held(mine), mine), venue_order_id=f"O-S{n}", parent_id=found.venue_order_id, client_id="",
            quantity=D(q), stop_price=D("97.5"), userref=found.userref,
        )
        for n, q in ((1, "0.4"), (2, "0.6"))
    ]  # fmt: skip
    fills = (execution(found, "0.6", 2), execution(found, "0.4", 1))
    result = reconcile(ledger(mine), look(*stops, found, fills=fills))
    after = ends(result)
    assert (after[mine.client_id].status, after[mine.client_id].filled) == (S.FILLED, D(1))
    made = [after[adopted_id(Leg.STOP, f"O-S{n}")] for n in (1, 2)]
    assert [(s.leg, s.status, s.quantity, s.stop_price, s.trade_id) for s in made] == [
        (Leg.STOP, S.OPEN, D("0.4"), D("97.5"), mine.trade_id),
        (Leg.STOP, S.OPEN, D("0.6"), D("97.5"), mine.trade_id),
    ]
    assert [step.fill.quantity for step in result.steps if step.fill] == [D("0.4"), D("0.6")]
    assert result.unsettled == {}
    assert result.foreign == ()


def test_looking_twice_books_nothing_twice() -> None:
    mine = sent()
    found = at_venue(mine, status=S.FILLED, filled=D(1), closed_ms=NOW - 57_000)
    fill = execution(found, "1")
    first = reconcile(ledger(mine), look(found, fills=(fill, fill)))
    done = ends(first)[mine.client_id]
    assert len([step for step in first.steps if step.fill]) == 1
    again = reconcile(ledger(settled=(done,), fills=(fill.venue_trade_id,)), look(found, fills=(fill,)))
    assert again == Reconciled((), {}, ())


def test_an_entry_and_its_stop_that_both_filled_unseen_are_booked_in_the_order_of_time() -> None:
    mine = sent()
    found = at_venue(mine, status=S.FILLED, filled=D(1), closed_ms=NOW - 57_000)
    stop = at_venue(
        stop_of(held(mine), mine), venue_order_id="O-S", parent_id=found.venue_order_id, client_id="", status=S.FILLED,
        filled=D(1), closed_ms=NOW - 10_000,
    )  # fmt: skip
    fills = (execution(stop, "1", 1, "97.4", filled_ms=NOW - 10_000), execution(found, "1", 1, filled_ms=NOW - 58_000))
    result = reconcile(ledger(mine), look(found, stop, fills=fills))
    assert [step.order.leg for step in result.steps if step.fill] == [Leg.ENTRY, Leg.STOP]
    assert {o.status for o in ends(result).values()} == {S.FILLED}
    assert result.unsettled == {}


@pytest.mark.parametrize(
    ("status", "end"), [(S.CANCELLED, S.CANCELLED), (S.EXPIRED, S.EXPIRED), (S.FILLED, S.CANCELLED)]
)
def test_an_order_that_ended_half_filled_keeps_its_half(status: OrderStatus, end: OrderStatus) -> None:
    mine = order(status=S.OPEN, venue_order_id="O-1")
    found = at_venue(mine, status=status, filled=D("0.5"), closed_ms=NOW - 1000)
    result = reconcile(ledger(mine), look(found, fills=(execution(found, "0.5"),)))
    after = ends(result)[mine.client_id]
    assert (after.status, after.filled) == (end, D("0.5"))
    assert result.steps[-1].at_ms == NOW - 1000


def test_an_order_is_not_ended_before_all_its_fills_are_seen() -> None:
    mine = order(status=S.OPEN, venue_order_id="O-1")
    found = at_venue(mine, status=S.FILLED, filled=D(1), closed_ms=NOW - 1000)
    result = reconcile(ledger(mine), look(found, fills=(execution(found, "0.4"),)))
    assert (ends(result)[mine.client_id].status, ends(result)[mine.client_id].filled) == (S.PARTIALLY_FILLED, D("0.4"))
    assert result.unsettled == {"BTC/EUR": FILLS_MISSING}


def test_a_fill_of_an_order_that_has_ended_is_never_lost() -> None:
    mine = order(status=S.CANCELLED, venue_order_id="O-1")
    found = at_venue(mine, status=S.CANCELLED, filled=D("0.3"), closed_ms=NOW - 20_000)
    result = reconcile(ledger(settled=(mine,)), look(found, fills=(execution(found, "0.3"),)))
    after = ends(result)[mine.client_id]
    assert (after.status, after.filled) == (S.CANCELLED, D("0.3"))
    assert [step.fill.quantity for step in result.steps if step.fill] == [D("0.3")]
    assert result.unsettled == {}


@pytest.mark.parametrize(
    ("change", "quantity"), [({}, "1.5"), ({"side": Side.BUY}, "0.5"), ({"quantity": D("0.2")}, "0.5")]
)
def test_fills_that_cannot_be_are_not_booked_and_the_symbol_waits(change: dict[str, Any], quantity: str) -> None:
    entry = sent()
    trade = held(entry)
    stop = stop_of(trade, entry, **{"quantity": D(2)} | {k: v for k, v in change.items() if k == "quantity"})
    found = at_venue(stop, filled=D(quantity))
    fill = execution(found, quantity, **{k: v for k, v in change.items() if k == "side"})
    result = reconcile(ledger(stop, trades=(trade,)), look(found, fills=(fill,)))
    assert not [step for step in result.steps if step.fill]
    assert result.unsettled == {"BTC/EUR": CONFLICT}


def test_executions_of_others_are_nobodys() -> None:
    other = at_venue(sent(), venue_order_id="O-OTHER", status=S.FILLED, filled=D(1), userref=5)
    assert reconcile(ledger(), look(other, fills=(execution(other, "1"),))) == Reconciled((), {}, ())


# --- what is on its way --------------------------------------------------------------------


def test_a_stop_that_a_young_fill_has_made_is_waited_for() -> None:
    """It may be missing from the lists for a while; a second stop would sell twice."""
    mine = sent()
    found = at_venue(mine, status=S.FILLED, filled=D(1), closed_ms=NOW - 2_000)
    young = execution(found, "1", filled_ms=NOW - 2_000)
    result = reconcile(ledger(mine), look(found, fills=(young,)))
    assert result.unsettled == {"BTC/EUR": ATTACHING}
    assert result.certain_ms == {"BTC/EUR": NOW - 2_000 + LOOKUP_MARGIN_MS}
    stop = at_venue(stop_of(held(mine), mine), venue_order_id="O-S", parent_id=found.venue_order_id, client_id="")
    assert reconcile(ledger(mine), look(found, stop, fills=(young,))).unsettled == {}
    half = replace(stop, quantity=D("0.5"))
    assert reconcile(ledger(mine), look(found, half, fills=(young,))).unsettled == {"BTC/EUR": ATTACHING}
    later = look(found, fills=(young,), at_ms=NOW - 2_000 + LOOKUP_MARGIN_MS)
    assert reconcile(ledger(mine), later).unsettled == {}
    bare = replace(found, attached_stop_price=None)
    assert reconcile(ledger(mine), look(bare, fills=(young,))).unsettled == {}


def test_an_amendment_that_may_still_arrive_is_waited_for() -> None:
    entry = sent()
    trade = held(entry)
    stop = stop_of(trade, entry, deadline_ms=NOW + 1)
    result = reconcile(ledger(stop, trades=(trade,)), look(at_venue(stop)))
    assert (result.unsettled, result.certain_ms) == ({"BTC/EUR": AMENDING}, {"BTC/EUR": NOW + 1})
    assert reconcile(ledger(stop, trades=(trade,)), look(at_venue(stop), at_ms=NOW + 1)).unsettled == {}


def test_a_stop_that_was_found_has_nothing_on_its_way() -> None:
    entry = sent()
    trade = held(entry)
    stop = stop_of(trade, entry, status=S.UNKNOWN, venue_order_id="", deadline_ms=NOW + 5_000)
    result = reconcile(ledger(stop, trades=(trade,)), look(at_venue(stop, venue_order_id="O-9")))
    assert (ends(result)[stop.client_id].deadline_ms, result.unsettled) == (0, {})


# --- resting orders ------------------------------------------------------------------------


def test_an_amendment_that_came_through_unsaid_is_taken_over() -> None:
    entry = sent()
    trade = held(entry)
    stop = stop_of(trade, entry)
    result = reconcile(ledger(stop, trades=(trade,)), look(at_venue(stop, stop_price=D("99"), quantity=D("0.5"))))
    after = ends(result)[stop.client_id]
    assert (after.stop_price, after.quantity, after.status) == (D("99"), D("0.5"), S.OPEN)


def test_a_size_below_what_is_filled_cannot_be() -> None:
    entry = sent()
    trade = held(entry)
    stop = stop_of(trade, entry, status=S.PARTIALLY_FILLED, filled=D("0.5"))
    result = reconcile(ledger(stop, trades=(trade,)), look(at_venue(stop, filled=D("0.5"), quantity=D("0.4"))))
    assert result.steps == ()
    assert result.unsettled == {"BTC/EUR": CONFLICT}


def test_an_order_that_is_as_we_know_it_needs_no_step() -> None:
    mine = order(status=S.OPEN, venue_order_id="O-1")
    assert reconcile(ledger(mine), look(at_venue(mine))) == Reconciled((), {}, ())


def test_a_resting_order_that_is_on_no_list_is_neither_open_nor_ended() -> None:
    mine = order(status=S.OPEN, venue_order_id="O-1")
    result = reconcile(ledger(mine), look())
    assert result.steps == ()
    assert result.unsettled == {"BTC/EUR": MISSING}


def test_a_stop_of_nobodys_entry_is_foreign_and_so_is_a_buy_that_a_close_made() -> None:
    mine = order(status=S.FILLED, filled=D(1), venue_order_id="O-1")
    stray = at_venue(stop_of(held(sent()), mine), client_id="", parent_id="O-GONE", venue_order_id="O-S1")
    buy = replace(stray, side=Side.BUY, parent_id="O-1", venue_order_id="O-S2")
    child = at_venue(stop_of(held(sent()), mine, leg=Leg.STOP), client_id="", parent_id="O-STOP", venue_order_id="O-S3")
    parent = stop_of(held(sent()), mine, status=S.FILLED, filled=D(1))
    result = reconcile(ledger(settled=(mine, parent)), look(stray, buy, child))
    assert result.foreign == (stray, buy, child)
    assert result.steps == ()


def test_orders_of_others_that_have_ended_are_not_worth_a_word() -> None:
    other = at_venue(sent(), userref=3, status=S.CANCELLED)
    assert reconcile(ledger(), look(other)).foreign == ()


# --- whatever comes, in whatever order -----------------------------------------------------


@given(
    cuts=st.lists(st.integers(1, 5), min_size=1, max_size=4),
    looks=st.lists(st.integers(0, 4), min_size=1, max_size=5),
    status=st.sampled_from([S.SUBMITTING, S.UNKNOWN]),
)
def test_however_often_one_looks_each_fill_counts_once(cuts: list[int], looks: list[int], status: OrderStatus) -> None:
    """An entry fills in several parts; looks see ever more of them, some see the same twice."""
    total = D(sum(cuts))
    mine = sent(status=status, quantity=total)
    found = at_venue(mine)
    fills = [execution(found, str(cut), n) for n, cut in enumerate(cuts)]
    known: set[str] = set()
    current, booked = mine, ZERO
    for seen in [*sorted(min(n, len(cuts)) for n in looks), len(cuts)]:
        done = sum((f.quantity for f in fills[:seen]), ZERO)
        state = S.FILLED if done == total else S.PARTIALLY_FILLED if done else S.OPEN
        live = (current,) if current.status is not S.FILLED else ()
        settled = () if live else (current,)
        result = reconcile(
            Ledger(live, settled, known, {}), look(replace(found, filled=done, status=state), fills=tuple(fills[:seen]))
        )
        assert result.unsettled == {}
        for step in result.steps:
            current = step.order
            if step.fill is not None:
                known.add(step.fill.venue_trade_id)
                booked += step.fill.quantity
        assert current.filled == booked == done
    assert current.status is S.FILLED
    assert current == fill_order(replace(current, filled=ZERO, status=S.OPEN), replace_quantity(current, total))


def replace_quantity(done: Order, quantity: D):
    """One fill of everything, to compare with the sum of the parts."""
    found = at_venue(done)
    (step,) = [
        s
        for s in reconcile(
            ledger(replace(done, status=S.OPEN, filled=ZERO)),
            look(replace(found, filled=quantity), fills=(execution(found, str(quantity), 99),)),
        ).steps
        if s.fill
    ]
    return step.fill


# --- money ---------------------------------------------------------------------------------

BTC = Holding("BTC", D("0.5"), D("0.00000001"), D("0.0001"))


@pytest.mark.parametrize(
    ("total", "rewards", "baseline", "kind"),
    [
        ("0.5", "0", "0", None),
        ("0.49999999", "0", "0", "missing"),
        ("0.499999995", "0", "0", None),
        ("0.50009999", "0", "0", None),
        ("0.5001", "0", "0", "surplus"),
        ("0.6", "0", "0.1", None),
        ("0.5", "0", "0.1", "missing"),
        ("0.1", "0.4", "0", "rewards"),
        ("0.5", "0.00005", "0", None),
    ],
)
def test_account_and_ledger_are_compared(total: str, rewards: str, baseline: str, kind: str | None) -> None:
    found = find_drift([BTC], [Balance("BTC", D(total), ZERO, D(rewards))], {"BTC": D(baseline)})
    assert [drift.kind for drift in found] == ([kind] if kind else [])


def test_what_the_account_does_not_list_it_does_not_have() -> None:
    assert find_drift([BTC], [], {}) == (Drift("BTC", "missing", D("0.5"), ZERO),)
    assert find_drift([replace(BTC, quantity=ZERO)], [], {}) == ()


def test_more_cash_than_the_bots_is_nobodys_business() -> None:
    cash = Holding("EUR", D(100), D("0.1"), D("Infinity"))
    assert find_drift([cash], [Balance("EUR", D(5000), ZERO, ZERO)], {}) == ()
    assert [d.kind for d in find_drift([cash], [Balance("EUR", D("99.8"), ZERO, ZERO)], {})] == ["missing"]
