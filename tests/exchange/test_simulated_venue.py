"""Market data against the simulator: what a tick sees on a good day and on bad ones."""

from __future__ import annotations

import numpy as np
import pytest

from bot.adapters.exchange import CcxtMarketData
from bot.adapters.rate_limit import Pace
from bot.domain.candle_checks import checksum, resample
from bot.domain.errors import ExchangeError
from bot.domain.ports import CandleRequest
from bot.simulator import Simulator
from tests.exchange.venues import END, STEP, SYMBOLS, Time, reader, recording, run

AT_ONCE = Pace(pair_interval_s=0, interval_s=0)


@pytest.fixture(scope="module")
def simulator():
    with Simulator(recording()) as venue:
        yield venue


@pytest.fixture
def venue(simulator):
    simulator.faults.clear()
    simulator.requests.clear()
    simulator.clock.set_ms(END)
    return simulator


def tails(symbols=SYMBOLS, count=1):
    return [CandleRequest(symbol, "5m", END - count * STEP) for symbol in symbols]


def problems(answers):
    return {answer.request.symbol: answer.problem for answer in answers if answer.problem}


def known(venue):
    """Trading rules as the database would have them."""

    async def markets():
        async with reader(venue.url) as data:
            return await data.markets()

    found = run(markets())
    venue.requests.clear()
    return found


async def tick(venue, **settings):
    """What every tick reads: the opening, then one closed candle a symbol."""
    async with reader(venue.url, **settings) as data:
        opening = await data.opening(SYMBOLS)
        return opening, await data.candles(tails(), opening.now_ms)


def test_a_normal_tick_takes_three_calls_and_one_a_symbol(venue):
    opening, answers = run(tick(venue, markets=known(venue), markets_age_s=3600))
    assert set(opening.quotes) == set(SYMBOLS)
    assert opening.now_ms == END
    assert all(answer.problem == "" and len(answer.candles) == 1 for answer in answers)
    assert venue.requests.counts() == {"Time": 1, "SystemStatus": 1, "Ticker": 1, "OHLC": 10}


def test_a_first_tick_needs_no_metadata_for_its_data(venue):
    opening, answers = run(tick(venue))
    assert set(opening.quotes) == set(SYMBOLS)
    assert problems(answers) == {}
    assert "AssetPairs" not in venue.requests.counts()


def test_candles_are_the_recorded_ones(venue):
    async def whole():
        async with reader(venue.url) as data:
            return await data.candles([CandleRequest("BTC/EUR", "5m", 0), CandleRequest("BTC/EUR", "1h", 0)], END)

    fine, coarse = run(whole())
    series = recording().series["BTC/EUR"]["5m"].take(slice(-719, None))
    assert fine.candles.open_ms.tolist() == series.open_ms.tolist()
    np.testing.assert_allclose(fine.candles.close, series.close, rtol=1e-12)
    np.testing.assert_allclose(fine.candles.volume, series.volume, rtol=1e-6)
    made = resample(fine.candles, "1h")
    same = coarse.candles.since(int(made.open_ms[0]))
    assert made.open_ms.tolist() == same.open_ms.tolist()
    np.testing.assert_allclose(made.close, same.close, rtol=1e-12)
    np.testing.assert_allclose(made.volume, same.volume, rtol=1e-6)


def test_a_gap_in_the_record_comes_out_filled():
    with Simulator(recording(("BTC/EUR",), gap=range(850, 853))) as venue:

        async def recent():
            async with reader(venue.url) as data:
                return await data.candles([CandleRequest("BTC/EUR", "5m", END - 14 * STEP)], END)

        (answer,) = run(recent())
        assert answer.candles.open_ms.tolist() == [END - back * STEP for back in range(14, 0, -1)]
        assert answer.candles.filled.tolist() == [True, True, True] + [False] * 11


@pytest.mark.parametrize("kind", ["html", "empty", "empty_result", "502", "503", "524", "reset", "half", "renamed"])
@pytest.mark.parametrize("endpoint", ["Time", "SystemStatus", "Ticker", "OHLC"])
def test_a_fault_that_passes_costs_a_wait_and_nothing_else(venue, endpoint, kind):
    time = Time()
    venue.faults.add(endpoint, kind, times=1, symbol="ETH/EUR" if endpoint == "OHLC" else None)
    opening, answers = run(tick(venue, clock=time.clock, sleep=time.sleep, pace=AT_ONCE))
    assert set(opening.quotes) == set(SYMBOLS)
    assert problems(answers) == {}
    # A connection that is cut is tried again by aiohttp itself, without a wait.
    assert time.slept == ([] if kind == "reset" else [1.0])


@pytest.mark.parametrize(
    ("kind", "problem"),
    [
        ("html", "unreachable"),
        ("empty_result", "unreachable"),
        ("524", "unreachable"),
        ("reset", "unreachable"),
        ("renamed", "unreachable"),
        ("error:EService:Busy", "unreachable"),
        ("error:EQuery:Unknown asset pair", "unknown_symbol"),
        ("nan", "bad_candles"),
        ("zero", "bad_candles"),
        ("negative", "bad_candles"),
        ("crossed", "bad_candles"),
        ("out_of_order", "bad_candles"),
    ],
)
def test_a_fault_that_stays_takes_out_its_symbol_alone(venue, kind, problem):
    venue.faults.add("OHLC", kind, times=None, symbol="ETH/EUR")

    async def asked():
        async with reader(venue.url) as data:
            return await data.candles(tails(count=5), END)

    assert problems(run(asked())) == {"ETH/EUR": problem}


@pytest.mark.parametrize("kind", ["duplicate", "missing"])
def test_a_repeat_or_a_gap_takes_out_no_symbol(venue, kind):
    venue.faults.add("OHLC", kind, times=None, symbol="ETH/EUR")

    async def asked():
        async with reader(venue.url) as data:
            return await data.candles(tails(count=5), END)

    answers = run(asked())
    assert problems(answers) == {}
    assert {len(answer.candles) for answer in answers} <= {4, 5}


def test_an_unknown_symbol_takes_out_itself_alone(venue):
    async def asked():
        async with reader(venue.url) as data:
            symbols = ("BTC/EUR", "NOSUCH/EUR", "ETH/EUR")
            opening = await data.opening(symbols)
            return opening, await data.candles(tails(symbols), opening.now_ms)

    opening, answers = run(asked())
    assert set(opening.quotes) == {"BTC/EUR", "ETH/EUR"}
    assert problems(answers) == {"NOSUCH/EUR": "unknown_symbol"}


def test_maintenance_reaches_the_caller(venue):
    venue.faults.add("SystemStatus", "status:maintenance", times=None)
    assert run(tick(venue))[0].status == "maintenance"


def test_a_venue_that_is_down_is_one_error(venue):
    venue.faults.add("*", "503", times=None)
    with pytest.raises(ExchangeError, match="cannot reach Kraken: HTTP 503"):
        run(tick(venue))
    assert set(venue.requests.counts().values()) == {5}


def test_trading_rules_are_those_that_ccxt_sees(venue):
    async def both():
        async with reader(venue.url) as raw, reader(venue.url, unified=True, pace=AT_ONCE) as unified:
            return await raw.markets(), await unified.markets()

    raw, unified = run(both())
    assert {(m.symbol, m.venue_id, m.min_size, m.min_notional) for m in raw} == {
        (m.symbol, m.venue_id, m.min_size, m.min_notional) for m in unified
    }
    assert {m.symbol: float(m.taker_fee) for m in raw} == {m.symbol: float(m.taker_fee) for m in unified}


def test_the_unified_way_gives_the_same_as_the_raw_way(venue):
    symbols = ("BTC/EUR", "DOGE/EUR", "NOSUCH/EUR")

    async def both():
        time = Time()
        found = []
        for unified in (False, True):
            async with reader(venue.url, time, unified=unified, pace=AT_ONCE) as data:
                opening = await data.opening(symbols)
                answers = await data.candles(tails(symbols, 20), opening.now_ms)
                found.append((opening, answers, await data.order_book("BTC/EUR", 5)))
        return found

    raw, unified = run(both())
    assert unified[0] == raw[0]
    assert [answer.problem for answer in unified[1]] == [answer.problem for answer in raw[1]]
    assert checksum(unified[1][0].candles) == checksum(raw[1][0].candles)
    assert unified[2] == raw[2]


@pytest.mark.parametrize("kind", ["html", "empty", "empty_result", "524", "renamed"])
def test_the_unified_way_believes_no_empty_answer(venue, kind):
    venue.faults.add("OHLC", kind, times=None, symbol="ETH/EUR")
    venue.faults.add("Ticker", kind, times=None)

    async def asked():
        async with reader(venue.url, unified=True, retries=2, pace=AT_ONCE) as data:
            answers = await data.candles(tails(("BTC/EUR", "ETH/EUR")), END)
            with pytest.raises(ExchangeError):
                await data.opening(("BTC/EUR",))
            return answers

    assert problems(run(asked())) == {"ETH/EUR": "unreachable"}


@pytest.mark.slow
def test_our_pace_is_within_what_the_venue_allows():
    with Simulator(recording(), rate_limit=True) as venue:

        async def first_run():
            async with CcxtMarketData(url=venue.url) as data:
                opening = await data.opening(SYMBOLS)
                wanted = [CandleRequest(symbol, frame, 0) for symbol in SYMBOLS for frame in ("5m", "1h", "4h")]
                books = [await data.order_book(symbol) for symbol in SYMBOLS]
                return await data.candles(wanted, opening.now_ms), books

        answers, books = run(first_run())
        assert problems(answers) == {}
        assert None not in books
        assert {request.status for request in venue.requests.newest()} == {200}
        assert venue.requests.counts()["OHLC"] == 30


def test_the_order_book_begins_at_the_quote(venue):
    async def both():
        async with reader(venue.url) as data:
            return (await data.opening(["BTC/EUR"])).quotes["BTC/EUR"], await data.order_book("BTC/EUR", 20)

    quote, book = run(both())
    assert (book.bids[0][0], book.asks[0][0]) == (quote.bid, quote.ask)
    assert len(book.bids) == len(book.asks) == 20
