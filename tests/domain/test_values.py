"""Times, candles, quotes, order names, errors: the small values that everything else is made of."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta, timezone

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.book import Book, Position
from bot.domain.candles import Candles
from bot.domain.errors import (
    CheckFailed,
    ConfigError,
    DatabaseError,
    ExchangeError,
    LeaseLost,
    MetronomeError,
)
from bot.domain.markets import OrderBook, Quote
from bot.domain.orders import FINAL, IN_DOUBT, NEXT_STATUS, RESTING, Leg, OrderStatus, client_id
from bot.domain.timeframes import (
    TIMEFRAMES_MS,
    floor_ms,
    last_closed_open_ms,
    timeframe_ms,
    to_datetime,
    to_ms,
)

HOUR = 3_600_000
moments = st.integers(0, 4_102_444_800_000)


@given(moments, st.sampled_from(sorted(TIMEFRAMES_MS)))
def test_the_last_closed_candle_is_closed_and_the_next_one_is_not(now_ms: int, timeframe: str):
    step = timeframe_ms(timeframe)
    open_ms = last_closed_open_ms(now_ms, timeframe)
    assert open_ms % step == 0
    assert open_ms + step <= now_ms < open_ms + 2 * step
    assert floor_ms(now_ms, step) == open_ms + step


@given(moments)
def test_moments_come_back_from_datetimes(moment_ms: int):
    assert to_ms(to_datetime(moment_ms)) == moment_ms


def test_a_datetime_needs_a_time_zone():
    assert to_ms(datetime(2024, 1, 1, 2, tzinfo=timezone(timedelta(hours=2)))) == 1_704_067_200_000
    assert to_datetime(0).tzinfo is UTC
    with pytest.raises(ValueError, match="time zone"):
        to_ms(datetime(2024, 1, 1))


def test_an_unknown_timeframe_is_a_key_error():
    with pytest.raises(KeyError):
        timeframe_ms("7m")


def rows(count: int) -> list[list[float]]:
    return [[n * HOUR, 10.0 + n, 12.0 + n, 9.0 + n, 11.0 + n, 5.0] for n in range(count)]


def test_candles_are_cut_by_open_and_close_time():
    candles = Candles.from_rows("BTC/EUR", "1h", rows(5))
    assert candles.step_ms == HOUR
    assert candles.close_ms.tolist() == [HOUR * n for n in range(1, 6)]
    assert candles.tail(2).open_ms.tolist() == [3 * HOUR, 4 * HOUR]
    assert len(candles.tail(9)) == 5
    assert len(candles.tail(0)) == 0
    assert candles.closed_at(2 * HOUR).open_ms.tolist() == [0, HOUR]
    assert candles.closed_at(2 * HOUR - 1).open_ms.tolist() == [0]
    assert candles.since(3 * HOUR).close.tolist() == [14.0, 15.0]
    assert candles.take(np.array([0, 4])).high.tolist() == [12.0, 16.0]
    assert len(Candles.empty("BTC/EUR", "1h")) == 0
    marked = Candles.from_rows("BTC/EUR", "1h", rows(2), filled=[False, True])
    assert marked.filled.tolist() == [False, True]


def test_a_spread_is_a_fraction_of_the_middle():
    assert Quote(99.0, 101.0, 100.0).spread_frac == pytest.approx(0.02)
    book = OrderBook(bids=((99.0, 3.0), (98.0, 1.0)), asks=((101.0, 1.0),))
    assert book.spread_frac == pytest.approx(0.02)
    assert book.imbalance == pytest.approx(0.6)


def test_an_empty_order_book_has_no_spread_and_no_lean():
    for book in (OrderBook((), ()), OrderBook(((99.0, 1.0),), ()), OrderBook((), ((99.0, 1.0),))):
        assert math.isnan(book.spread_frac)
    assert OrderBook((), ()).imbalance == 0.0


def test_a_book_finds_its_position():
    held = Position("BTC/EUR", "e", 1, 1, 1, 0, (), 2, 1, False, 0)
    book = Book(1.0, 1.0, 1.0, (held,), (), (), (), "", ())
    assert book.position("BTC/EUR") is held
    assert book.position("ETH/EUR") is None


names = st.text(min_size=1, max_size=20)


@given(names, names, moments, st.sampled_from(Leg), st.integers(0, 10_000))
def test_an_order_has_one_name_that_the_venue_takes(account: str, symbol: str, bar: int, leg: Leg, attempt: int):
    name = client_id(account, symbol, bar, leg, attempt)
    assert name == client_id(account, symbol, bar, leg, attempt)
    assert len(name) == 17
    assert name.isascii()
    assert name.isalnum()
    others = [
        client_id(account + "x", symbol, bar, leg, attempt),
        client_id(account, symbol + "x", bar, leg, attempt),
        client_id(account, symbol, bar + 1, leg, attempt),
        client_id(account, symbol, bar, next(one for one in Leg if one is not leg), attempt),
        client_id(account, symbol, bar, leg, attempt + 1),
        client_id(account, symbol, bar, leg, attempt + 10),
    ]
    assert name not in others
    assert len(set(others)) == len(others)


def test_every_status_has_its_place_in_an_orders_life():
    assert set(NEXT_STATUS) == set(OrderStatus)
    assert {s.value for s in FINAL} == {"filled", "cancelled", "rejected", "expired", "not_placed"}
    assert len(FINAL | RESTING | IN_DOUBT) == len(FINAL) + len(RESTING) + len(IN_DOUBT)
    for following in NEXT_STATUS.values():
        assert following <= set(OrderStatus) - {OrderStatus.PLANNED}
    reached, edge = set(), {OrderStatus.PLANNED}
    while edge:
        reached |= edge
        edge = {after for status in edge for after in NEXT_STATUS[status]} - reached
    assert reached == set(OrderStatus)


@pytest.mark.parametrize(
    ("kind", "code"),
    [(MetronomeError, 1), (ConfigError, 2), (ExchangeError, 3), (DatabaseError, 4), (LeaseLost, 4), (CheckFailed, 5)],
)
def test_an_error_says_what_where_and_how_to_mend_it(kind: type[MetronomeError], code: int):
    error = kind("it broke", where="here", fix="mend it")
    assert str(error) == "it broke (at here) - mend it"
    assert str(kind("it broke")) == "it broke"
    assert error.exit_code == code
