"""Recorded Kraken answers are understood, and answers that lie are not believed."""

from __future__ import annotations

import asyncio
import json
import math
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from bot.domain.errors import ExchangeError
from bot.domain.markets import Market, Quote
from bot.domain.ports import CandleRequest
from tests.exchange.venues import (
    CUT,
    EMPTY,
    HTML,
    NOTHING,
    Time,
    ok,
    reader,
    run,
    said,
    scripted_venue,
)

RECORDED = Path(__file__).parents[2].parent / "shared" / "data" / "kraken-fixtures" / "nautilus"

NOW_S = 1_762_820_224
STEP = 300_000
TIME = ok({"unixtime": NOW_S, "rfc1123": ""})
ONLINE = ok({"status": "online", "timestamp": "2025-11-11T00:17:10Z"})


def ticker(bid="100.0", ask="100.2", last="100.1"):
    return {"a": [ask, "1", "1.000"], "b": [bid, "1", "1.000"], "c": [last, "0.1"]}


def market(symbol, venue_id):
    base, quote = symbol.split("/")
    one = Decimal("0.01")
    return Market(symbol, venue_id, base, quote, one, one, one, one, one, one)


MARKETS = (market("BTC/EUR", "XXBTZEUR"), market("ADA/EUR", "ADAEUR"))


def candle(open_s, price="100.0"):
    return [open_s, price, "101.0", "99.0", "100.5", "100.2", "3.5", 12]


def candles(count=4, newest_s=NOW_S // 300 * 300):
    return [candle(newest_s - 300 * back) for back in reversed(range(count))]


async def opened(replies, symbols=("BTC/EUR", "ADA/EUR"), **settings):
    """The opening that a script of replies leads to, and the venue that gave them."""
    async with scripted_venue() as venue, reader(venue.url, **settings) as data:
        venue.replies.update({"Time": [TIME], "SystemStatus": [ONLINE], **replies})
        return await data.opening(symbols), venue


async def fetched(replies, since_ms=0, now_ms=NOW_S * 1000, timeframe="5m", **settings):
    """The one candle answer that a script of OHLC replies leads to, and the venue."""
    async with scripted_venue() as venue, reader(venue.url, **{"markets": MARKETS, **settings}) as data:
        venue.replies["OHLC"] = replies
        (answer,) = await data.candles([CandleRequest("BTC/EUR", timeframe, since_ms)], now_ms)
        return answer, venue


GOOD_TICKER = ok({"XXBTZEUR": ticker(), "ADAEUR": ticker("0.5", "0.51", "0.505")})

LIES = {
    "html": HTML,
    "empty": EMPTY,
    "no content": NOTHING,
    "not an object": (200, "[1, 2]", "application/json"),
    "half": (200, '{"error":[],"result":{"XXBT', "application/json"),
    "error is null": (200, '{"error":null,"result":{}}', "application/json"),
    "error is missing": (200, '{"result":{"status":"online"}}', "application/json"),
    "result is null": (200, '{"error":[],"result":null}', "application/json"),
    "502": (502, HTML[1], "text/html"),
    "503": (503, HTML[1], "text/html"),
    "524": (524, HTML[1], "text/html"),
    "429": (429, HTML[1], "text/html"),
    "403": (403, HTML[1], "text/html"),
    "cut": CUT,
    "busy": said("EService:Busy"),
    "unavailable": said("EService:Unavailable", status=503),
    "internal": said("EGeneral:Internal error:4711"),
    "timeout": said("EService:Timeout"),
    "throttled": said("EService:Throttled: 1762820230"),
    "too many": said("EGeneral:Too many requests"),
    "rate": said("EAPI:Rate limit exceeded"),
}


# --- opening


def test_an_opening_takes_three_calls():
    opening, venue = run(opened({"Ticker": [GOOD_TICKER]}, markets=MARKETS))
    assert opening.now_ms == NOW_S * 1000
    assert opening.status == "online"
    assert opening.quotes == {"BTC/EUR": Quote(100.0, 100.2, 100.1), "ADA/EUR": Quote(0.5, 0.51, 0.505)}
    assert sorted(name for name, _ in venue.asked) == ["SystemStatus", "Ticker", "Time"]
    assert dict(venue.asked)["Ticker"] == {"pair": "XXBTZEUR,ADAEUR"}


def test_pair_names_follow_from_symbols_where_no_metadata_is_at_hand():
    reply = ok({key: ticker() for key in ("XXBTZEUR", "XDGEUR", "SOLEUR", "ZETAEUR", "XETHXXBT", "USDTZUSD")})
    symbols = ("BTC/EUR", "DOGE/EUR", "SOL/EUR", "ZETA/EUR", "ETH/BTC", "USDT/USD")
    opening, venue = run(opened({"Ticker": [reply]}, symbols))
    assert tuple(opening.quotes) == symbols
    assert dict(venue.asked)["Ticker"] == {"pair": "XBTEUR,XDGEUR,SOLEUR,ZETAEUR,ETHXBT,USDTUSD"}
    assert len(venue.asked) == 3


def test_time_is_corrected_by_half_the_round_trip_but_never_by_a_second():
    async def slow_opening(trip_s):
        time = Time()
        async with scripted_venue() as venue, reader(venue.url, time, markets=MARKETS) as data:

            def late(request):
                time.now_s += trip_s
                return TIME

            venue.replies.update({"Time": [late], "SystemStatus": [ONLINE]})
            return (await data.opening(())).now_ms - NOW_S * 1000

    assert run(slow_opening(0.2)) == 100
    assert run(slow_opening(8.0)) == 999


def test_no_symbols_need_no_ticker():
    opening, venue = run(opened({}, ()))
    assert opening.quotes == {}
    assert venue.count("Ticker") == 0


@pytest.mark.parametrize("endpoint", ["Time", "SystemStatus", "Ticker"])
@pytest.mark.parametrize("lie", LIES)
def test_a_lie_is_asked_again_and_then_believed_no_more(endpoint, lie):
    time = Time()
    opening, venue = run(opened({"Ticker": [GOOD_TICKER]} | {endpoint: [LIES[lie], GOODS[endpoint]]}, markets=MARKETS))
    assert len(opening.quotes) == 2
    assert venue.count(endpoint) == 2
    with pytest.raises(ExchangeError) as caught:
        run(opened({"Ticker": [GOOD_TICKER]} | {endpoint: [LIES[lie]]}, markets=MARKETS, sleep=time.sleep))
    assert caught.value.exit_code == 3
    assert caught.value.what.startswith("cannot reach Kraken: ")
    assert caught.value.where.startswith("127.0.0.1:")
    assert caught.value.fix
    assert "\n" not in str(caught.value)
    assert "<" not in str(caught.value)
    assert time.slept == [1.0, 2.0, 4.0, 8.0]


GOODS = {"Time": TIME, "SystemStatus": ONLINE, "Ticker": GOOD_TICKER}


@pytest.mark.parametrize("reply", [ok({"unixtime": "soon"}), ok({"unixtime": 0}), ok({"rfc1123": "x"})])
def test_a_time_that_is_none_stops_the_opening(reply):
    with pytest.raises(ExchangeError, match="server time"):
        run(opened({"Time": [reply], "Ticker": [GOOD_TICKER]}, markets=MARKETS))


def test_a_status_that_is_none_stops_the_opening():
    with pytest.raises(ExchangeError, match="system status"):
        run(opened({"SystemStatus": [ok({"status": None})], "Ticker": [GOOD_TICKER]}, markets=MARKETS))


def test_a_definite_no_is_not_asked_again():
    time = Time()
    with pytest.raises(ExchangeError, match="refuses to answer: EGeneral:Permission denied"):
        run(opened({"Ticker": [said("EGeneral:Permission denied")]}, markets=MARKETS, sleep=time.sleep))
    assert time.slept == []


def test_maintenance_is_told_even_when_nothing_else_is():
    replies = {"SystemStatus": [ok({"status": "maintenance"})], "Ticker": [said("EService:Unavailable")]}
    opening, _ = run(opened(replies, markets=MARKETS))
    assert opening.status == "maintenance"
    assert opening.quotes == {}


def test_an_unknown_pair_among_good_ones_costs_only_itself():
    def answer(request):
        return said("EQuery:Unknown asset pair") if "pair" in request.query else GOOD_TICKER

    opening, venue = run(opened({"Ticker": [answer]}, ("BTC/EUR", "NOSUCH/EUR", "ADA/EUR")))
    assert set(opening.quotes) == {"BTC/EUR", "ADA/EUR"}
    assert venue.count("Ticker") == 2


def test_a_symbol_that_the_metadata_lacks_is_not_asked_for():
    opening, venue = run(opened({"Ticker": [GOOD_TICKER]}, ("BTC/EUR", "NOSUCH/EUR", "ADA/EUR"), markets=MARKETS))
    assert set(opening.quotes) == {"BTC/EUR", "ADA/EUR"}
    assert dict(venue.asked)["Ticker"] == {"pair": "XXBTZEUR,ADAEUR"}


def test_a_pair_that_a_ticker_lacks_is_asked_again_and_then_left_out():
    partly = ok({"XXBTZEUR": ticker()})
    assert len(run(opened({"Ticker": [partly, GOOD_TICKER]}, markets=MARKETS))[0].quotes) == 2
    assert set(run(opened({"Ticker": [partly]}, markets=MARKETS))[0].quotes) == {"BTC/EUR"}


def test_a_ticker_of_other_pairs_is_no_ticker():
    with pytest.raises(ExchangeError, match="without any of the pairs"):
        run(opened({"Ticker": [ok({"XETHZEUR": ticker()})]}, markets=MARKETS))


@pytest.mark.parametrize(
    ("entry", "kept"),
    [
        (ticker(bid="0.00000"), (False, True, True)),
        (ticker(ask="NaN"), (True, False, True)),
        (ticker(last="-1"), (True, True, False)),
        (ticker(bid="101", ask="100"), (False, False, True)),
        ({"a": None, "b": [], "c": "x"}, (False, False, False)),
        ({}, (False, False, False)),
    ],
)
def test_prices_that_are_none_are_nan(entry, kept):
    opening, _ = run(opened({"Ticker": [ok({"XXBTZEUR": entry, "ADAEUR": ticker()})]}, markets=MARKETS))
    quote = opening.quotes["BTC/EUR"]
    assert tuple(not math.isnan(price) for price in (quote.bid, quote.ask, quote.last)) == kept


# --- candles


def test_a_tail_takes_one_call_and_asks_for_the_candle_before_it():
    since_ms = (NOW_S // 300 - 2) * STEP
    answer, venue = run(fetched([ok({"XXBTZEUR": candles(4), "last": 1})], since_ms))
    assert answer.problem == ""
    assert answer.candles.open_ms.tolist() == [since_ms, since_ms + STEP]
    assert answer.candles.volume.tolist() == [3.5, 3.5]
    asked = {"pair": "XXBTZEUR", "interval": "5", "since": str(since_ms // 1000 - 600)}
    assert venue.asked == [("OHLC", asked)]


def test_the_forming_candle_is_left_out():
    answer, _ = run(fetched([ok({"XXBTZEUR": candles(4)})]))
    assert len(answer.candles) == 3
    assert answer.candles.close_ms.max() <= NOW_S * 1000


def test_a_candle_counts_as_closed_from_the_moment_it_closes():
    close_ms = (NOW_S // 300 + 1) * STEP
    assert len(run(fetched([ok({"XXBTZEUR": candles(4)})], now_ms=close_ms - 1))[0].candles) == 3
    assert len(run(fetched([ok({"XXBTZEUR": candles(4)})], now_ms=close_ms))[0].candles) == 4


def test_a_missing_first_candle_is_filled_from_the_one_before():
    rows = candles(5)
    del rows[1]
    since_ms = rows[1][0] * 1000 - STEP
    answer, _ = run(fetched([ok({"XXBTZEUR": rows})], since_ms))
    assert answer.candles.open_ms[0] == since_ms
    assert answer.candles.filled.tolist() == [True, False, False]


@pytest.mark.parametrize("lie", LIES)
def test_a_lie_about_candles_is_asked_again_and_then_a_problem_of_that_symbol(lie):
    good = ok({"XXBTZEUR": candles(4)})
    answer, venue = run(fetched([LIES[lie], good]))
    assert answer.problem == ""
    assert venue.count("OHLC") == 2
    answer, venue = run(fetched([LIES[lie]]))
    assert answer.problem == "unreachable"
    assert answer.candles is None
    assert answer.detail
    # aiohttp asks once more by itself where a connection is cut: kept connections die that way.
    assert venue.count("OHLC") == (10 if lie == "cut" else 5)


@pytest.mark.parametrize(
    "result", [{"XXBTZEURR": candles(4), "last": 1}, {"last": 1}, {"XETHZEUR": candles(4)}], ids=str
)
def test_another_pairs_candles_are_not_ours(result):
    answer, venue = run(fetched([ok(result)]))
    assert answer.problem == "unreachable"
    assert "asked for XXBTZEUR" in answer.detail
    assert venue.count("OHLC") == 2


@pytest.mark.parametrize("rows", [[], None, {}, "rows"])
def test_no_candles_are_no_answer(rows):
    answer, _ = run(fetched([ok({"XXBTZEUR": rows})]))
    assert answer.problem == "unreachable"


SPOILT = {
    "a nan": lambda rows: rows[-2].__setitem__(4, "NaN"),
    "a zero": lambda rows: rows[-2].__setitem__(3, "0.0"),
    "a negative price": lambda rows: rows[-2].__setitem__(1, "-1"),
    "a negative volume": lambda rows: rows[-2].__setitem__(6, "-1"),
    "no number": lambda rows: rows[-2].__setitem__(2, "abc"),
    "null": lambda rows: rows[-2].__setitem__(2, None),
    "crossed": lambda rows: rows[-2].__setitem__(2, "1.0"),
    "off the grid": lambda rows: rows[-2].__setitem__(0, rows[-2][0] + 1),
    "text for a time": lambda rows: rows[-2].__setitem__(0, "x"),
    "swapped": lambda rows: rows.__setitem__(slice(1, 3), [rows[2], rows[1]]),
    "twice but different": lambda rows: rows.insert(2, candle(rows[1][0], "100.1")),
    "short": lambda rows: rows.__setitem__(1, rows[1][:4]),
    "no list": lambda rows: rows.__setitem__(1, 7),
    "from the future": lambda rows: rows.append(candle(rows[-1][0] + 3000)),
}


@pytest.mark.parametrize("kind", SPOILT)
def test_a_bad_candle_keeps_its_symbol_out(kind):
    rows = candles(5)
    SPOILT[kind](rows)
    answer, venue = run(fetched([ok({"XXBTZEUR": rows})]))
    assert answer.problem == "bad_candles"
    assert answer.candles is None
    assert "BTC/EUR 5m" in answer.detail
    assert venue.count("OHLC") == 1


def test_an_exact_repeat_is_told_and_harmless():
    rows = candles(4)
    rows.insert(1, list(rows[1]))
    answer, _ = run(fetched([ok({"XXBTZEUR": rows})]))
    assert answer.problem == ""
    assert len(answer.candles) == 3
    assert "repeated" in answer.detail


@pytest.mark.parametrize(("late_s", "problem"), [(0, ""), (1500, ""), (2400, "stale"), (86_400, "stale")])
def test_candles_that_stopped_are_stale(late_s, problem):
    newest_s = NOW_S // 300 * 300 - late_s
    answer, _ = run(fetched([ok({"XXBTZEUR": candles(4, newest_s)})]))
    assert answer.problem == problem


def test_a_hole_too_wide_to_fill_is_bad():
    rows = [candle(NOW_S // 300 * 300 - 300 * 400), *candles(3)]
    answer, _ = run(fetched([ok({"XXBTZEUR": rows})]))
    assert answer.problem == "bad_candles"
    assert "missing" in answer.detail


def test_an_unknown_symbol_is_said_to_be_unknown_without_a_second_try():
    answer, venue = run(fetched([said("EQuery:Unknown asset pair")]))
    assert answer.problem == "unknown_symbol"
    assert venue.count("OHLC") == 1


def test_one_bad_symbol_stops_no_other():
    async def mixed():
        async with scripted_venue() as venue, reader(venue.url, markets=MARKETS) as data:

            def answer(request):
                good = request.query["pair"] == "ADAEUR"
                return ok({"ADAEUR": candles(4)}) if good else said("EService:Busy")

            venue.replies["OHLC"] = [answer]
            symbols = ("BTC/EUR", "ADA/EUR", "NOSUCH/EUR")
            answers = await data.candles([CandleRequest(symbol, "5m", 0) for symbol in symbols], NOW_S * 1000)
            return [answer.problem for answer in answers], data.breaker_state()["failures"]

    assert run(mixed()) == (["unreachable", "", "unknown_symbol"], 0)


# --- time-outs and reach


def test_a_slow_venue_is_given_up_on():
    async def slow(**settings):
        async with scripted_venue() as venue, reader(venue.url, markets=MARKETS, **settings) as data:
            venue.delay_s = 0.4
            venue.replies["OHLC"] = [ok({"XXBTZEUR": candles(4)})]
            (answer,) = await data.candles([CandleRequest("BTC/EUR", "5m", 0)], NOW_S * 1000)
            return answer.problem, answer.detail, venue.count("OHLC")

    assert run(slow(timeout_s=0.05, retries=2)) == ("unreachable", "no answer within 0.05 s", 2)
    problem, detail, _ = run(slow(timeout_s=10, total_s=0.1))
    assert (problem, detail) == ("unreachable", "kraken OHLC: no good answer within 0.1 s")


def test_no_venue_at_all_is_one_line_for_a_person():
    async def nobody():
        async with reader("http://user:canary@127.0.0.1:9", markets=MARKETS) as data:
            await data.opening(["BTC/EUR"])

    with pytest.raises(ExchangeError) as caught:
        run(nobody())
    assert caught.value.where == "127.0.0.1:9"
    assert caught.value.what.startswith("cannot reach Kraken: no connection (")
    assert "canary" not in str(caught.value)


def test_calls_go_out_together_but_not_too_many_at_once():
    async def burst(concurrency):
        from bot.adapters.rate_limit import Pace

        pace = Pace(concurrency=concurrency)
        markets = tuple(market(f"C{number}/EUR", f"C{number}EUR") for number in range(30))
        async with scripted_venue() as venue, reader(venue.url, markets=markets, pace=pace) as data:
            venue.delay_s = 0.02
            venue.replies["OHLC"] = [lambda request: ok({request.query["pair"]: candles(4)})]
            requests = [CandleRequest(one.symbol, "5m", 0) for one in markets]
            answers = await data.candles(requests, NOW_S * 1000)
            assert all(answer.problem == "" for answer in answers)
            assert [answer.request for answer in answers] == requests
            return venue.most_on_the_way

    assert run(burst(12)) == 12
    assert run(burst(3)) == 3


# --- breaker


def test_the_breaker_opens_half_opens_and_closes_from_process_to_process():
    async def life():
        time, seen = Time(), []
        state: dict[str, int] = {}
        async with scripted_venue() as venue:
            venue.replies.update({"Time": [TIME], "SystemStatus": [ONLINE], "Ticker": [HTML]})

            async def process():
                """One tick's process: state in, state out."""
                nonlocal state
                before = len(venue.asked)
                async with reader(venue.url, time, markets=MARKETS, breaker_state=state) as data:
                    try:
                        await data.opening(["BTC/EUR", "ADA/EUR"])
                        word = "good"
                    except ExchangeError as error:
                        word = error.what.split(":")[0]
                    state = json.loads(json.dumps(data.breaker_state()))
                seen.append((word, len(venue.asked) - before))

            for _ in range(4):
                await process()
            time.now_s += 300
            await process()
            await process()
            time.now_s += 300
            venue.replies["Ticker"] = [GOOD_TICKER]
            await process()
            await process()
        return seen, state

    seen, state = run(life())
    gone, left_alone = "cannot reach Kraken", "Kraken failed 3 times in a row and is left alone"
    assert seen[:4] == [(gone, 7), (gone, 7), (gone, 7), (left_alone, 0)]
    assert seen[4:6] == [(gone, 3), ("Kraken failed 4 times in a row and is left alone", 0)]
    assert seen[6:] == [("good", 3), ("good", 3)]
    assert state == {"failures": 0, "open_until_ms": 0}


def test_an_open_breaker_stops_candles_and_books_too():
    async def alone():
        time = Time()
        state = {"failures": 3, "open_until_ms": 300_000}
        async with scripted_venue() as venue, reader(venue.url, time, markets=MARKETS, breaker_state=state) as data:
            with pytest.raises(ExchangeError, match="left alone"):
                await data.candles([CandleRequest("BTC/EUR", "5m", 0)], NOW_S * 1000)
            with pytest.raises(ExchangeError, match="left alone"):
                await data.markets()
            return await data.order_book("BTC/EUR"), venue.asked

    assert run(alone()) == (None, [])


async def candle_ticks(moments_s, replies, wanted=("BTC/EUR", "ADA/EUR")):
    """(problems, requests for candles) of ticks, each a process of its own, and the last one's state."""
    state: dict[str, Any] = {}
    time, seen = Time(), []
    async with scripted_venue() as venue:
        venue.replies.update({"Time": [TIME], "SystemStatus": [ONLINE], "Ticker": [GOOD_TICKER]})
        for moment_s, reply in zip(moments_s, replies, strict=True):
            time.now_s = float(moment_s)
            venue.replies["OHLC"] = [reply]
            before = venue.count("OHLC")
            async with reader(venue.url, time, markets=MARKETS, retries=2, breaker_state=state) as data:
                await data.opening(["BTC/EUR", "ADA/EUR"])
                requests = [CandleRequest(symbol, "5m", 0) for symbol in wanted]
                answers = await data.candles(requests, NOW_S * 1000)
                state = json.loads(json.dumps(data.breaker_state()))
            seen.append(({answer.problem for answer in answers}, venue.count("OHLC") - before))
    return seen, state


def candles_of_both(request):
    return ok({request.query["pair"]: candles(4)})


def test_a_venue_with_quotes_and_no_candles_is_not_asked_for_candles_over_and_over():
    busy = said("EService:Busy")
    seen, state = run(candle_ticks((0, 300, 600, 660, 960, 1300), [busy] * 5 + [candles_of_both]))
    unreachable = {"unreachable"}
    assert seen[:4] == [(unreachable, 4), (unreachable, 4), (unreachable, 4), (unreachable, 0)]
    assert seen[4:] == [(unreachable, 2), ({""}, 2)]  # half open: one try each, then closed again
    assert state == {"failures": 0, "open_until_ms": 0}


def test_one_symbol_that_fails_again_and_again_stops_no_other():
    busy = said("EService:Busy")
    seen, state = run(candle_ticks(range(0, 1500, 300), [busy] * 5, wanted=("ADA/EUR",)))
    assert seen == [({"unreachable"}, 2)] * 5
    assert "candles" not in state


# --- order book


def levels(*prices):
    return [[f"{price:.2f}", "0.5", NOW_S] for price in prices]


async def booked(*replies):
    async with scripted_venue() as venue, reader(venue.url, markets=MARKETS) as data:
        venue.replies["Depth"] = list(replies)
        return await data.order_book("BTC/EUR", 2), venue.asked[0][1]


def test_an_order_book_comes_nearest_level_first():
    book, asked = run(booked(ok({"XXBTZEUR": {"bids": levels(100, 99), "asks": levels(101, 102)}})))
    assert book.bids == ((100.0, 0.5), (99.0, 0.5))
    assert book.asks == ((101.0, 0.5), (102.0, 0.5))
    assert asked == {"pair": "XXBTZEUR", "count": "2"}


@pytest.mark.parametrize(
    "sides",
    [
        {"bids": levels(102), "asks": levels(101)},
        {"bids": levels(99, 100), "asks": levels(101)},
        {"bids": levels(99), "asks": levels(102, 101)},
        {"bids": levels(0), "asks": levels(101)},
        {"bids": levels(math.nan), "asks": levels(101)},
        {"bids": [["100", "-1", 0]], "asks": levels(101)},
        {"bids": [["100"]], "asks": levels(101)},
        {"bids": levels(99)},
        {"bids": [], "asks": []},
        [],
    ],
)
def test_an_order_book_that_cannot_be_is_none(sides):
    assert run(booked(ok({"XXBTZEUR": sides})))[0] is None


@pytest.mark.parametrize("lie", LIES)
def test_an_order_book_never_raises(lie):
    assert run(booked(LIES[lie]))[0] is None


# --- metadata


PAIR = {
    "altname": "XBTEUR",
    "base": "XXBT",
    "quote": "ZEUR",
    "pair_decimals": 1,
    "lot_decimals": 8,
    "fees": [[0, 0.4], [10000, 0.35]],
    "fees_maker": [[0, 0.25], [10000, 0.2]],
    "ordermin": "0.00005",
    "costmin": "0.45",
    "tick_size": "0.5",
    "status": "online",
}


async def listed(entries, **settings):
    async with scripted_venue() as venue, reader(venue.url, **settings) as data:
        venue.replies["AssetPairs"] = [ok(entries)]
        return await data.markets(), len(venue.asked)


def test_trading_rules_are_exact():
    (found,), _ = run(listed({"XXBTZEUR": PAIR}))
    assert found == Market(
        "BTC/EUR",
        "XXBTZEUR",
        "BTC",
        "EUR",
        price_step=Decimal("0.5"),
        size_step=Decimal("0.00000001"),
        min_size=Decimal("0.00005"),
        min_notional=Decimal("0.45"),
        maker_fee=Decimal("0.0025"),
        taker_fee=Decimal("0.004"),
        status="online",
        altname="XBTEUR",
    )


def test_what_kraken_leaves_out_has_a_default():
    slim = {key: value for key, value in PAIR.items() if key not in ("tick_size", "costmin", "fees_maker", "status")}
    (found,), _ = run(listed({"XXBTZEUR": slim}))
    assert found.price_step == Decimal("0.1")
    assert found.min_notional == 0
    assert found.maker_fee == found.taker_fee
    assert found.status == "online"


def test_a_pair_that_cannot_be_read_is_left_out():
    found, _ = run(listed({"XXBTZEUR": PAIR, "BROKEN": {"base": "X"}, "WORSE": None, "ODD": PAIR | {"ordermin": "x"}}))
    assert [one.venue_id for one in found] == ["XXBTZEUR"]


def test_fresh_trading_rules_need_no_call_and_old_ones_one():
    assert run(listed({"XXBTZEUR": PAIR}, markets=MARKETS, markets_age_s=86_399)) == (MARKETS, 0)
    found, calls = run(listed({"XXBTZEUR": PAIR}, markets=MARKETS, markets_age_s=86_400))
    assert (len(found), calls) == (1, 1)


def test_trading_rules_of_this_process_are_kept_for_a_day():
    async def days():
        time = Time()
        async with scripted_venue() as venue, reader(venue.url, time) as data:
            venue.replies["AssetPairs"] = [ok({"XXBTZEUR": PAIR})]
            calls = []
            for pause_s in (0, 86_399, 2):
                time.now_s += pause_s
                await data.markets()
                calls.append(len(venue.asked))
            return calls

    assert run(days()) == [1, 1, 2]


# --- recorded answers


@pytest.mark.skipif(not RECORDED.is_dir(), reason=f"recorded Kraken answers are not at {RECORDED}")
def test_recorded_answers_are_understood():
    def reply(name):
        return 200, (RECORDED / f"http_{name}.json").read_text(), "application/json"

    async def session():
        async with scripted_venue() as venue, reader(venue.url) as data:
            for endpoint, name in (
                ("Time", "server_time"),
                ("SystemStatus", "system_status"),
                ("Ticker", "ticker"),
                ("OHLC", "ohlc"),
                ("Depth", "order_book"),
                ("AssetPairs", "asset_pairs"),
            ):
                venue.replies[endpoint] = [reply(name)]
            opening = await data.opening(["BTC/USDT"])
            markets = await data.markets()
            answers = await data.candles([CandleRequest("BTC/USDT", "1m", 0)], opening.now_ms)
            return opening, markets, answers[0], await data.order_book("BTC/USDT")

    opening, markets, answer, book = run(session())
    assert (opening.now_ms, opening.status) == (1_762_820_224_000, "online")
    assert opening.quotes == {"BTC/USDT": Quote(105944.2, 105944.3, 105899.4)}
    assert (markets[0].symbol, markets[0].price_step) == ("BTC/USDT", Decimal("0.1"))
    assert (answer.problem, answer.detail, len(answer.candles)) == ("", "", 720)
    assert answer.candles.open_ms[-1] == 1_762_820_160_000
    assert answer.candles.filled[-1]
    assert (len(book.bids), len(book.asks)) == (5, 5)


# --- connections


def test_closing_leaves_nothing_open(recwarn, caplog):
    import gc

    async def session():
        async with scripted_venue() as venue:
            data = reader(venue.url, markets=MARKETS)
            venue.replies["OHLC"] = [ok({"XXBTZEUR": candles(4)})]
            await data.candles([CandleRequest("BTC/EUR", "5m", 0)], NOW_S * 1000)
            await data.aclose()
            await data.aclose()
            loop = asyncio.get_running_loop()
            started = loop.time()
            await data.candles([CandleRequest("BTC/EUR", "5m", 0)], NOW_S * 1000)
            await data.aclose()
            return loop.time() - started

    assert run(session()) < 0.2
    gc.collect()
    assert not [warning for warning in recwarn if issubclass(warning.category, ResourceWarning)]
    assert "nclosed" not in caplog.text
    assert "close()" not in caplog.text
