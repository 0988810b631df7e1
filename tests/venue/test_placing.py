"""What is sent for an order, and what is not sent at all."""

from __future__ import annotations

import asyncio
import socket
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.adapters.kraken_orders import plain
from bot.domain.orders import OrderStatus, OrderType, Side, userref
from bot.domain.timeframes import to_datetime
from tests.venue.conftest import Open
from tests.venue.desk import SECOND_MS, Trader

S = OrderStatus


def deadline(moment_ms: int) -> str:
    return to_datetime(moment_ms).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def test_an_entry_brings_its_stop_and_goes_by_a_number(trader: Trader) -> None:
    order = trader.entry()
    answer = trader.place(order)
    assert (answer.status, answer.client_id, answer.fills) == (S.OPEN, order.client_id, ())
    assert trader.asked("AddOrder") == [
        {
            "pair": "XXBTZEUR",
            "type": "buy",
            "ordertype": "limit",
            "volume": "0.1",
            "price": plain(order.limit_price),
            "oflags": "fciq",
            "deadline": deadline(order.deadline_ms),
            "userref": str(userref(order.client_id)),
            "close[ordertype]": "stop-loss",
            "close[price]": plain(order.stop_price),
            "timeinforce": "GTD",
            "expiretm": str(order.expires_ms // 1000),
        }
    ]
    [found] = trader.observe().orders
    assert found.venue_order_id == answer.venue_order_id
    assert (found.client_id, found.userref) == ("", userref(order.client_id))
    assert (found.quantity, found.limit_price) == (order.quantity, order.limit_price)
    assert found.attached_stop_price == order.stop_price
    assert found.expires_ms == order.expires_ms // 1000 * 1000


def test_a_stop_goes_by_its_client_id_and_follows_the_last_price(trader: Trader) -> None:
    order = trader.stop()
    trader.place(order)
    assert trader.asked("AddOrder") == [
        {
            "pair": "XXBTZEUR",
            "type": "sell",
            "ordertype": "stop-loss",
            "volume": "0.1",
            "price": plain(order.stop_price),
            "trigger": "last",
            "oflags": "fciq",
            "deadline": deadline(order.deadline_ms),
            "cl_ord_id": order.client_id,
        }
    ]
    assert trader.find(order).stop_price == order.stop_price


def test_an_exit_is_a_market_order(trader: Trader) -> None:
    order = trader.exit()
    trader.place(order)
    assert trader.asked("AddOrder") == [
        {
            "pair": "XXBTZEUR",
            "type": "sell",
            "ordertype": "market",
            "volume": "0.1",
            "oflags": "fciq",
            "deadline": deadline(order.deadline_ms),
            "cl_ord_id": order.client_id,
        }
    ]
    seen = trader.observe()
    [found] = seen.orders
    assert (found.status, found.filled, found.type) == (S.FILLED, order.quantity, OrderType.MARKET)
    assert sum(fill.quantity for fill in seen.fills) == order.quantity
    assert {fill.venue_order_id for fill in seen.fills} == {found.venue_order_id}


def test_each_execution_of_an_entry_makes_a_stop_of_its_own(trader: Trader) -> None:
    order = trader.placed(trader.entry("1.001", quantity=Decimal("1.5")))
    seen = trader.observe()
    entry = next(one for one in seen.orders if one.venue_order_id == order.venue_order_id)
    stops = [one for one in seen.orders if one.parent_id == order.venue_order_id]
    assert entry.status is S.FILLED
    assert len(stops) == len(seen.fills) == len(entry.trade_ids) > 1
    assert sorted(stop.quantity for stop in stops) == sorted(fill.quantity for fill in seen.fills)
    assert {(stop.side, stop.type, stop.stop_price, stop.status) for stop in stops} == {
        (Side.SELL, OrderType.STOP_LOSS, order.stop_price, S.OPEN)
    }


@pytest.mark.parametrize(
    ("values", "why"),
    [
        ({"quantity": Decimal("0.123456789")}, "off the step"),
        ({"quantity": Decimal("0.00004999")}, "smallest order"),
        ({"quantity": Decimal(0)}, "smallest order"),
        ({"quantity": Decimal(-1)}, "smallest order"),
        ({"quantity": Decimal("NaN")}, "off the step"),
        ({"limit_price": Decimal("100.005")}, "off the step"),
        ({"stop_price": Decimal("90.001")}, "off the step"),
        ({"stop_price": None}, "no stop price"),
        ({"limit_price": None}, "no limit price"),
        ({"limit_price": Decimal("5"), "quantity": Decimal("0.08")}, "worth less than the smallest order"),
        ({"expires_ms": 0}, "end at once"),
        ({"deadline_ms": 0}, "too late"),
    ],
)
def test_an_order_that_kraken_could_not_take_is_not_sent(trader: Trader, values: dict[str, Any], why: str) -> None:
    answer = trader.place(replace(trader.entry(), **values))
    assert answer.status is S.NOT_PLACED
    assert why in answer.detail
    assert (trader.asked("AddOrder"), trader.venue.calls) == ([], 0)


def test_a_client_id_that_kraken_would_not_take_is_not_sent(trader: Trader) -> None:
    for name in ("", "x" * 19, "é"):
        assert trader.place(trader.stop(client_id=name)).status is S.NOT_PLACED
    assert trader.venue.calls == 0


@pytest.mark.parametrize(
    ("lead_ms", "status"), [(2_999, S.NOT_PLACED), (3_000, S.OPEN), (60_000, S.OPEN), (60_001, S.NOT_PLACED)]
)
def test_a_deadline_lies_three_to_sixty_seconds_ahead(trader: Trader, lead_ms: int, status: OrderStatus) -> None:
    answer = trader.place(trader.stop(deadline_ms=trader.now_ms + lead_ms))
    assert answer.status is status
    assert len(trader.at_venue()) == (status is S.OPEN)


def test_time_that_passes_on_the_way_counts(open_trader: Open) -> None:
    """The clock is read at the start, when the order is asked for, and when it goes out."""
    seconds = iter([0.0, 100.0, 112.5])
    trader = open_trader(clock=lambda: next(seconds))
    answer = trader.place(trader.stop())
    assert (answer.status, answer.detail) == (S.NOT_PLACED, "too late: its deadline has come")
    assert trader.at_venue() == {}


def test_an_order_behind_another_may_come_too_late(open_trader: Open) -> None:
    trader = open_trader()
    simulator = trader.simulator
    simulator.faults.add("AddOrder", "slow", seconds=0.2)

    async def both() -> Any:
        now_ms, quote, market = trader.now_ms, trader.quote, trader.market
        first = asyncio.ensure_future(trader.venue.place(trader.stop(), quote, market, 0.0, now_ms))
        second = asyncio.ensure_future(trader.venue.place(trader.stop("0.94", number=2), quote, market, 0.0, now_ms))
        await asyncio.sleep(0.1)
        simulator.clock.advance_ms(13 * SECOND_MS)
        return [answer.status for answer in await asyncio.gather(first, second)]

    assert trader.run(both()) == [S.OPEN, S.NOT_PLACED]
    assert len(trader.at_venue()) == 1


def test_an_order_for_which_no_connection_came_about_was_not_placed(open_trader: Open) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        closed = f"http://127.0.0.1:{taken.getsockname()[1]}"
        answer = open_trader(url=closed).place(open_trader().stop())
    assert answer.status is S.NOT_PLACED
    nowhere = open_trader(url="http://nowhere.invalid").place(open_trader().stop())
    assert nowhere.status is S.NOT_PLACED
    assert "no connection" in answer.detail
    assert "no connection" in nowhere.detail


@given(st.decimals(allow_nan=False, allow_infinity=False, min_value=0, max_value=10**12, places=10))
def test_amounts_are_sent_as_plain_digits(value: Decimal) -> None:
    for one in (value, value.normalize()):
        text = plain(one)
        assert Decimal(text) == value
        assert set(text) <= set("0123456789.")
        assert text == "0" or (not text.endswith((".", "e")) and not ("." in text and text.endswith("0")))
