"""Changing and taking back an order, and the races on the way."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.adapters.kraken_fills import fills_beyond
from bot.domain.orders import Order, OrderStatus, Side
from bot.domain.venue_orders import VenueFill
from bot.simulator import Simulator
from bot.simulator.faults import CUTTING_KINDS
from tests.venue.conftest import Open
from tests.venue.desk import SECOND_MS, Trader
from tests.venue.scripted import bad, good, scripted_trader

S = OrderStatus
TENTH = Decimal("0.1")


def filled_in_part(trader: Trader, share: str = "0.3") -> Order:
    """A resting entry, of which a share has filled before anybody here knew: an amend came too late for it."""
    order = trader.placed(trader.entry(quantity=Decimal(1)))
    trader.simulator.faults.add("AmendOrder", f"fill_first:{share}")
    trader.amend(order)
    return order


def test_an_order_is_taken_back(trader: Trader) -> None:
    order = trader.placed(trader.stop())
    before = trader.venue.calls
    answer = trader.cancel(order)
    assert (answer.status, answer.fills, answer.venue_order_id) == (S.CANCELLED, (), order.venue_order_id)
    assert trader.venue.calls - before == 2
    assert trader.at_venue()[order.venue_order_id]["status"] == "canceled"


def test_a_cancel_that_comes_after_the_fill_brings_the_fill(simulator: Simulator, trader: Trader) -> None:
    order = trader.placed(trader.stop())
    simulator.faults.add("CancelOrder", "fill_first")
    answer = trader.cancel(order)
    assert (answer.status, answer.detail) == (S.FILLED, "EOrder:Unknown order")
    assert sum(fill.quantity for fill in answer.fills) == TENTH
    assert {(fill.client_id, fill.symbol, fill.side) for fill in answer.fills} == {
        (order.client_id, order.symbol, Side.SELL)
    }
    trades = simulator.desk.state()["trades"]
    assert {fill.venue_trade_id: str(fill.fee) for fill in answer.fills} == {
        txid: trade["fee"] for txid, trade in trades.items()
    }


def test_a_cancel_brings_what_filled_before_it(simulator: Simulator, trader: Trader) -> None:
    order = trader.placed(trader.entry(quantity=Decimal(1)))
    simulator.faults.add("CancelOrder", "fill_first:0.25")
    answer = trader.cancel(order)
    assert answer.status is S.CANCELLED
    assert [fill.quantity for fill in answer.fills] == [Decimal("0.25")]
    assert answer.fills[0].liquidity == "maker"


def test_a_cancel_brings_only_what_was_not_counted_yet(simulator: Simulator, trader: Trader) -> None:
    order = filled_in_part(trader)
    known = replace(order, status=S.PARTIALLY_FILLED, filled=Decimal("0.3"))
    simulator.faults.add("CancelOrder", "fill_first:0.5")
    answer = trader.cancel(known)
    assert answer.status is S.CANCELLED
    assert [fill.quantity for fill in answer.fills] == [Decimal("0.35")]
    ids = trader.at_venue()[order.venue_order_id]["trades"]
    assert [fill.venue_trade_id for fill in answer.fills] == ids[1:]


def test_a_cancel_of_what_is_known_to_the_last_bit_asks_for_no_executions(trader: Trader) -> None:
    order = filled_in_part(trader)
    answer = trader.cancel(replace(order, filled=Decimal("0.3")))
    assert (answer.status, answer.fills) == (S.CANCELLED, ())
    assert trader.asked("QueryTrades") == []


@pytest.mark.parametrize("known", ["0.2", "0.30000001", "0.9"])
def test_executions_that_do_not_add_up_to_what_we_count_are_not_guessed_at(trader: Trader, known: str) -> None:
    order = filled_in_part(trader)
    answer = trader.cancel(replace(order, filled=Decimal(known)))
    assert (answer.status, answer.fills) == (S.UNKNOWN, ())
    assert "do not add up" in answer.detail


def test_an_expired_order_is_told_as_expired(simulator: Simulator, trader: Trader) -> None:
    order = trader.placed(trader.entry("0.5"))
    simulator.clock.advance_ms(61 * SECOND_MS)
    answer = trader.cancel(order)
    assert (answer.status, answer.fills, answer.detail) == (S.EXPIRED, (), "EOrder:Unknown order")


@pytest.mark.parametrize("kind", sorted(CUTTING_KINDS))
def test_a_cancel_whose_answer_is_lost_is_looked_up(simulator: Simulator, open_trader: Open, kind: str) -> None:
    trader = open_trader(timeout_s=0.1) if kind == "timeout" else open_trader()
    order = trader.placed(trader.stop())
    simulator.faults.add("CancelOrder", f"before:{kind}", seconds=0.2)
    assert trader.cancel(order).status is S.UNKNOWN  # it may still come
    simulator.faults.add("CancelOrder", kind, seconds=0.2)
    assert trader.cancel(order).status is S.CANCELLED
    assert len(trader.asked("CancelOrder")) == 2


def test_an_error_behind_which_the_cancel_was_done_does_no_harm(simulator: Simulator, trader: Trader) -> None:
    order = trader.placed(trader.stop())
    simulator.faults.add("CancelOrder", "after:error:EGeneral:Internal error:7")
    assert trader.cancel(order).status is S.CANCELLED


@pytest.mark.parametrize("endpoint", ["QueryOrders", "QueryTrades"])
@pytest.mark.parametrize("kind", ["html", "empty", "empty_result", "half", "502", "error:EService:Busy"])
def test_a_look_up_that_fails_leaves_the_end_unknown(
    simulator: Simulator, trader: Trader, endpoint: str, kind: str
) -> None:
    order = trader.placed(trader.stop())
    simulator.faults.add("CancelOrder", "fill_first")
    simulator.faults.add(endpoint, kind, times=None)
    answer = trader.cancel(order)
    assert (answer.status, answer.fills) == (S.UNKNOWN, ())
    simulator.faults.clear()
    assert trader.cancel(order).status is S.FILLED


def test_an_order_without_the_venues_id_is_neither_amended_nor_taken_back(trader: Trader) -> None:
    assert trader.cancel(trader.stop()).status is S.REJECTED
    assert trader.amend(trader.stop()).status is S.REJECTED
    assert trader.venue.calls == 0


def test_a_cancelled_order_that_still_looks_open_is_looked_at_once_more() -> None:
    def info(status: str) -> Any:
        descr = {"pair": "XBTEUR", "type": "sell", "ordertype": "stop-loss", "price": "90"}
        entry = {"status": status, "opentm": 1.5, "descr": descr, "vol": "1", "vol_exec": "0"}
        return good({"OAAAAA-BBBBB-CCCCCC": entry})

    async def main(looks: list[Any], reply: Any) -> Any:
        async with scripted_trader({"CancelOrder": [reply], "QueryOrders": looks}) as (trader, asked):
            return await trader.venue.cancel(trader.stop, 0), asked.count("QueryOrders"), trader.time.slept

    taken = good({"count": 1, "pending": True})
    answer, looks, slept = asyncio.run(main([info("open"), info("canceled")], taken))
    assert (answer.status, looks, slept) == (S.CANCELLED, 2, [1.0])
    answer, looks, _ = asyncio.run(main([info("open")], taken))
    assert (answer.status, looks) == (S.UNKNOWN, 2)
    assert "still open" in answer.detail
    answer, looks, _ = asyncio.run(main([info("open")], good({"count": 0})))
    assert (answer.status, looks) == (S.UNKNOWN, 1)
    answer, looks, _ = asyncio.run(main([info("pending")], bad("EService:Busy")))
    assert (answer.status, looks) == (S.UNKNOWN, 1)


def test_a_stop_is_raised_and_resized_in_place(trader: Trader) -> None:
    order = trader.placed(trader.stop())
    wanted = replace(order, quantity=Decimal("0.05"), stop_price=trader.price("0.97"))
    answer = trader.amend(wanted)
    assert (answer.status, answer.venue_order_id) == (S.OPEN, order.venue_order_id)
    [request] = trader.asked("AmendOrder")
    assert {name: text for name, text in request.items() if name != "deadline"} == {
        "txid": order.venue_order_id,
        "order_qty": "0.05",
        "trigger_price": f"{wanted.stop_price:f}".rstrip("0").rstrip("."),
    }
    found = trader.find(order)
    assert (found.quantity, found.stop_price, found.venue_order_id) == (
        wanted.quantity,
        wanted.stop_price,
        order.venue_order_id,
    )


def test_an_amended_size_counts_what_has_filled(trader: Trader) -> None:
    order = filled_in_part(trader)
    known = replace(order, status=S.PARTIALLY_FILLED, filled=Decimal("0.3"))
    assert trader.amend(replace(known, quantity=Decimal("0.5"))).status is S.PARTIALLY_FILLED
    [found] = [one for one in trader.observe().orders if one.venue_order_id == order.venue_order_id]
    assert (found.quantity, found.filled, found.status) == (Decimal("0.5"), Decimal("0.3"), S.PARTIALLY_FILLED)


def test_an_amendment_that_names_no_deadline_has_one_of_its_own(simulator: Simulator, trader: Trader) -> None:
    order = trader.placed(trader.stop())
    simulator.clock.advance_ms(3600 * SECOND_MS)
    simulator.faults.add("AmendOrder", "late", seconds=16)
    raised = replace(order, stop_price=trader.price("0.5"), deadline_ms=0)
    assert trader.amend(raised).status is S.UNKNOWN
    simulator.clock.advance_ms(60 * SECOND_MS)
    found = trader.at_venue()[order.venue_order_id]
    assert Decimal(found["descr"]["price"]) == order.stop_price
    assert trader.amend(raised).status is S.OPEN


def test_an_amendment_whose_deadline_has_come_is_not_sent(simulator: Simulator, trader: Trader) -> None:
    order = trader.placed(trader.stop())
    simulator.clock.advance_ms(3600 * SECOND_MS)
    before = trader.venue.calls
    assert trader.amend(replace(order, stop_price=trader.price("0.5"))).status is S.REJECTED
    assert trader.venue.calls == before


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        ("fill_first", S.REJECTED),
        ("error:EOrder:Unknown order", S.REJECTED),
        ("error:EOrder:Insufficient funds", S.REJECTED),
        ("error:EService:Deadline elapsed", S.UNKNOWN),
        *((kind, S.UNKNOWN) for kind in sorted(CUTTING_KINDS - {"timeout"})),
        *((f"before:{kind}", S.UNKNOWN) for kind in sorted(CUTTING_KINDS - {"timeout"})),
    ],
)
def test_what_became_of_an_amendment(simulator: Simulator, trader: Trader, kind: str, status: OrderStatus) -> None:
    order = trader.placed(trader.stop())
    simulator.faults.add("AmendOrder", kind)
    wanted = replace(order, stop_price=trader.price("0.97"))
    answer = trader.amend(wanted)
    assert answer.status is status
    assert len(trader.asked("AmendOrder")) == 1
    if status is S.UNKNOWN:
        done = not kind.startswith(("before:", "error:"))
        assert trader.find(order).stop_price == (wanted.stop_price if done else order.stop_price)


@pytest.mark.parametrize("stop_price", [Decimal("90.005"), Decimal(0), None, Decimal("NaN")])
def test_an_amendment_that_kraken_could_not_take_is_not_sent(trader: Trader, stop_price: Decimal | None) -> None:
    order = replace(trader.placed(trader.stop()), stop_price=stop_price)
    assert trader.amend(order).status is S.REJECTED
    assert trader.asked("AmendOrder") == []


def fill(name: int, quantity: Decimal) -> VenueFill:
    return VenueFill(f"T{name}", "O", "BTC/EUR", Side.BUY, quantity, Decimal(1), Decimal(0), "taker", name)


@given(st.lists(st.integers(1, 5), min_size=1, max_size=8), st.data())
def test_the_executions_beyond_what_we_count_are_the_newest_ones(parts: list[int], data: st.DataObject) -> None:
    fills = [fill(place, Decimal(part)) for place, part in enumerate(parts)]
    total = Decimal(sum(parts))
    counted = data.draw(st.integers(0, len(fills)))
    known = sum((one.quantity for one in fills[:counted]), Decimal(0))
    assert fills_beyond(fills, known, total) == tuple(fills[counted:])
    assert fills_beyond(fills[1:], known, total) in (None, ())
    assert fills_beyond(fills, total + 1, total) is None
    sums = {sum(parts[:place]) for place in range(len(parts) + 1)}
    for other in range(sum(parts) + 1):
        assert (fills_beyond(fills, Decimal(other), total) is not None) is (other in sums)
