"""What the venue knows at a moment: all of the past, nothing of the future."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.domain.timeframes import TIMEFRAMES_MS, floor_ms
from bot.simulator import Recording, Series
from bot.simulator.public import ENDPOINTS, INTERVALS
from bot.simulator.rows import rows_of_trades
from bot.simulator.venue import Rules, Venue
from tests.simulator.samples import MINUTE_MS, START_MS, make_series, recording, venue

WALK = make_series()
HOURS = make_series("1h", 300, seed=3, start_ms=START_MS - 300 * 60 * MINUTE_MS)
WITH_GAPS = WALK.take(np.random.RandomState(4).random_sample(len(WALK)) > 0.1)
SOURCES = {"5m": recording(WALK), "5m with gaps": recording(WITH_GAPS), "1h, then 5m": recording(WALK, HOURS)}
PAIR = "XXBTZEUR"

moments = st.integers(START_MS + 1000, START_MS + 1990 * 5 * MINUTE_MS)
sources = st.sampled_from(sorted(SOURCES))


def ask(where: Venue, endpoint: str, **query: object) -> Any:
    return json.loads(ENDPOINTS[endpoint](where, {key: str(value) for key, value in query.items()}))


def rows(where: Venue, timeframe: str, **query: object) -> list[list[Any]]:
    interval = TIMEFRAMES_MS[timeframe] // MINUTE_MS
    found: list[list[Any]] = ask(where, "OHLC", pair=PAIR, interval=interval, **query)[PAIR]
    return found


def numbers(row: list[Any]) -> list[float]:
    """[time s, open, high, low, close, volume]."""
    return [float(row[place]) for place in (0, 1, 2, 3, 4, 6)]


def cut(source: Recording, now_ms: int) -> Recording:
    """A recording that knows nothing after now_ms but the candle that now_ms falls in."""
    frames = source.series["BTC/EUR"]
    kept = {tf: series.take(series.open_ms <= now_ms) for tf, series in frames.items()}
    return Recording("cut", {"BTC/EUR": {tf: series for tf, series in kept.items() if len(series)}})


@settings(max_examples=60, deadline=None)
@given(moment=moments, name=sources, timeframe=st.sampled_from(sorted(INTERVALS.values())))
def test_no_answer_depends_on_a_later_candle(moment: int, name: str, timeframe: str) -> None:
    whole, known = venue(SOURCES[name], moment), venue(cut(SOURCES[name], moment), moment)
    assert rows(whole, timeframe)[-30:] == rows(known, timeframe)[-30:]
    for endpoint, query in (("Ticker", {}), ("Depth", {"pair": PAIR}), ("Trades", {"pair": PAIR})):
        assert ask(whole, endpoint, **query) == ask(known, endpoint, **query)


@settings(max_examples=60, deadline=None)
@given(moment=moments, name=sources, timeframe=st.sampled_from(["1m", "5m", "1h", "4h"]))
def test_the_unfinished_candle_is_what_has_traded_until_now(moment: int, name: str, timeframe: str) -> None:
    where = venue(SOURCES[name], moment)
    step = TIMEFRAMES_MS[timeframe]
    history = where.history(PAIR)
    seen = history.trades_between(floor_ms(moment, step), moment)
    last = rows(where, timeframe)[-1]
    assert last[0] * 1000 == floor_ms(moment, step)
    if len(seen):
        built = rows_of_trades(seen, step, 100)
        expected = [built.open[0], built.high[0], built.low[0], built.close[0], built.volume[0]]
        assert numbers(last)[1:] == pytest.approx(expected, rel=1e-9)
        assert last[7] == len(seen)
    else:
        assert float(last[6]) == 0.0
        assert last[1:5] == [last[4]] * 4


@settings(max_examples=60, deadline=None)
@given(first=moments, later=st.integers(1, 3_600_000), timeframe=st.sampled_from(["5m", "15m", "1h"]))
def test_candles_once_closed_never_change(first: int, later: int, timeframe: str) -> None:
    where = venue(SOURCES["5m with gaps"], first)
    before = {row[0]: row for row in rows(where, timeframe)[:-1]}
    where.clock.set_ms(first + later)
    after = {row[0]: row for row in rows(where, timeframe)[:-1]}
    assert all(after[key] == row for key, row in before.items() if key in after)


@pytest.mark.parametrize("index", [1, 7, 500, 1999])
def test_at_a_candles_open_time_the_last_price_is_its_open(index: int) -> None:
    where = venue(SOURCES["5m"], int(WALK.open_ms[index]))
    ticker = ask(where, "Ticker")[PAIR]
    assert float(ticker["c"][0]) == WALK.open[index]
    assert numbers(rows(where, "5m")[-1])[1:5] == [WALK.open[index]] * 4


def test_where_a_candle_is_missing_the_last_price_is_the_close_before_it() -> None:
    missing = next(k for k in range(1, len(WALK)) if WALK.open_ms[k] not in WITH_GAPS.open_ms)
    where = venue(SOURCES["5m with gaps"], int(WALK.open_ms[missing]))
    assert float(ask(where, "Ticker")[PAIR]["c"][0]) == WALK.close[missing - 1]


def test_just_before_the_next_candle_the_last_price_is_the_close() -> None:
    where = venue(SOURCES["5m"], int(WALK.open_ms[11]) - 1)
    assert float(ask(where, "Ticker")[PAIR]["c"][0]) == WALK.close[10]
    assert numbers(rows(where, "5m")[-1])[2:4] == [WALK.high[10], WALK.low[10]]


@settings(max_examples=100, deadline=None)
@given(index=st.integers(0, 1999))
def test_the_nearer_extreme_comes_first(index: int) -> None:
    history = venue(SOURCES["5m"], 0).history(PAIR)
    start = int(WALK.open_ms[index])
    prices = history.trades_between(start, start + 5 * MINUTE_MS - 1).ticks / 100
    up, down = WALK.high[index] - WALK.open[index], WALK.open[index] - WALK.low[index]
    if abs(up - down) > 0.005:
        assert (int(np.argmax(prices)) < int(np.argmin(prices))) == (up < down)


@pytest.mark.parametrize("timeframe", ["1m", "5m", "15m", "30m", "1h", "4h", "1d"])
def test_trades_rebuild_recorded_candles_exactly(timeframe: str) -> None:
    series = make_series(timeframe, 60, seed=5)
    history = venue(recording(series), 0).history(PAIR)
    built = rows_of_trades(history.trades_between(0, series.end_ms), series.step_ms, 100)
    assert np.array_equal(built.open_ms, series.open_ms)
    for name in ("open", "high", "low", "close", "volume"):
        assert np.array_equal(getattr(built, name), getattr(series, name)), name


def test_pages_of_the_trades_endpoint_rebuild_the_candles() -> None:
    where = venue(SOURCES["5m with gaps"], int(WALK.open_ms[300]))
    cursor, found = "1", []
    while True:
        page = ask(where, "Trades", pair=PAIR, since=cursor)
        found += page[PAIR]
        cursor = page["last"]
        if len(page[PAIR]) < 1000:
            break
    assert [trade[6] for trade in found] == list(range(1, len(found) + 1))
    times = np.array([trade[2] for trade in found])
    assert np.all(np.diff(times) > 0)
    assert times[-1] * 1000 <= WALK.open_ms[300]
    for index in range(0, len(WITH_GAPS), 40):
        start = WITH_GAPS.open_ms[index] / 1000
        if start + 300 > WALK.open_ms[300] / 1000:
            break
        inside = [trade for trade in found if start <= trade[2] < start + 300]
        prices = [float(trade[0]) for trade in inside]
        assert (prices[0], max(prices), min(prices), prices[-1]) == (
            WITH_GAPS.open[index],
            WITH_GAPS.high[index],
            WITH_GAPS.low[index],
            WITH_GAPS.close[index],
        )
        assert sum(round(float(trade[1]) * 1e8) for trade in inside) == round(WITH_GAPS.volume[index] * 1e8)


def test_trades_without_a_cursor_are_the_newest_and_count_is_kept() -> None:
    where = venue(SOURCES["5m"], int(WALK.open_ms[100]))
    page = ask(where, "Trades", pair=PAIR, count=3)[PAIR]
    assert [trade[2] * 1000 for trade in page] == [
        WALK.open_ms[100] - 30_000,
        WALK.open_ms[100] - 15_000,
        WALK.open_ms[100],
    ]


def test_a_cursor_in_seconds_is_understood_as_in_nanoseconds() -> None:
    where = venue(SOURCES["5m"], int(WALK.open_ms[100]))
    second = int(WALK.open_ms[50]) // 1000
    assert ask(where, "Trades", pair=PAIR, since=second) == ask(where, "Trades", pair=PAIR, since=second * 10**9)


def test_a_trade_behind_a_cursor_by_a_nanosecond_is_given_and_one_at_it_is_not() -> None:
    where = venue(SOURCES["5m"], int(WALK.open_ms[100]))
    at_ms = int(WALK.open_ms[50])
    first = [ask(where, "Trades", pair=PAIR, since=at_ms * 10**6 - less)[PAIR][0][2] * 1000 for less in (1, 0)]
    assert first == [at_ms, at_ms + 15_000]


@pytest.mark.parametrize("timeframe", ["5m", "15m", "1h"])
def test_at_most_720_rows_come_whatever_is_asked_for(timeframe: str) -> None:
    series = make_series("5m", 12 * 800)
    where = venue(recording(series), series.end_ms)
    oldest = rows(where, timeframe, since=0)
    assert len(oldest) == 720
    assert oldest[-1][0] * 1000 == series.end_ms
    assert rows(where, timeframe) == oldest


def test_since_is_exclusive_and_the_unfinished_candle_always_comes() -> None:
    where = venue(SOURCES["5m"], int(WALK.open_ms[100]) + 60_000)
    second = int(WALK.open_ms[97]) // 1000
    assert [row[0] for row in rows(where, "5m", since=second)] == [second + 300, second + 600, second + 900]
    assert [row[0] for row in rows(where, "5m", since=second + 10**6)] == [second + 900]


def test_recorded_closed_candles_come_back_exactly() -> None:
    where = venue(SOURCES["5m"], WALK.end_ms)
    answered = np.array([numbers(row) for row in rows(where, "5m")[:-1]])
    newest = WALK.take(slice(len(WALK) - 719, None))
    assert np.array_equal(answered[:, 0] * 1000, newest.open_ms)
    for place, name in enumerate(("open", "high", "low", "close", "volume"), start=1):
        assert np.array_equal(answered[:, place], getattr(newest, name)), name


def test_coarser_candles_are_recorded_ones_where_there_are_and_built_elsewhere() -> None:
    where = venue(SOURCES["1h, then 5m"], START_MS + 3 * 3_600_000)
    hours = rows(where, "1h")
    assert [numbers(row)[1:5] for row in hours[-6:-4]] == [
        [HOURS.open[k], HOURS.high[k], HOURS.low[k], HOURS.close[k]] for k in (298, 299)
    ]
    first = WALK.take(slice(0, 12))
    built = [first.open[0], first.high.max(), first.low.min(), first.close[-1]]
    assert numbers(hours[-4])[1:5] == built
    assert float(hours[-4][6]) == pytest.approx(first.volume.sum(), abs=1e-7)


def test_finer_candles_than_recorded_ones_make_up_the_recorded_ones() -> None:
    where = venue(recording(HOURS), HOURS.end_ms)
    fine = [numbers(row) for row in rows(where, "5m")[:-1]]
    newest = fine[-12:]
    last = len(HOURS) - 1
    assert newest[0][0] * 1000 == HOURS.open_ms[last]
    assert newest[0][1] == HOURS.open[last]
    assert max(row[2] for row in newest) == HOURS.high[last]
    assert min(row[3] for row in newest) == HOURS.low[last]
    assert newest[-1][4] == HOURS.close[last]
    assert sum(row[5] for row in newest) == pytest.approx(HOURS.volume[last])


def test_missing_candles_come_as_flat_rows_at_the_close_before() -> None:
    where = venue(SOURCES["5m with gaps"], WITH_GAPS.end_ms)
    answered = rows(where, "5m")[:-1]
    recorded = set((WITH_GAPS.open_ms // 1000).tolist())
    assert all(b[0] - a[0] == 300 for a, b in pairwise(answered))
    flat = [(before, row) for before, row in pairwise(answered) if row[0] not in recorded]
    assert len(flat) > 20
    for before, row in flat:
        assert row[1:] == [before[4]] * 4 + ["0.0", "0.00000000", 0]


def test_missing_candles_can_be_left_out() -> None:
    where = venue(SOURCES["5m with gaps"], WITH_GAPS.end_ms, Rules(show_gaps=False))
    answered = rows(where, "5m")[:-1]
    newest = WITH_GAPS.take(slice(len(WITH_GAPS) - 719, None))
    assert [row[0] * 1000 for row in answered] == newest.open_ms.tolist()
    since = int(newest.open_ms[-3]) // 1000
    assert len(rows(where, "5m", since=since)) == 3


def test_before_the_first_trade_a_pair_is_listed_without_prices() -> None:
    where = venue(SOURCES["5m"], START_MS - 60_000)
    assert list(ask(where, "AssetPairs")) == [PAIR]
    assert ask(where, "Ticker") == {}
    assert ask(where, "OHLC", pair=PAIR) == {PAIR: [], "last": 0}
    assert ask(where, "Depth", pair=PAIR) == {PAIR: {"asks": [], "bids": []}}
    assert ask(where, "Trades", pair=PAIR)[PAIR] == []


def test_after_the_last_candle_the_price_stands_still() -> None:
    where = venue(SOURCES["5m"], WALK.end_ms + 3_600_000)
    assert float(ask(where, "Ticker")[PAIR]["c"][0]) == WALK.close[-1]
    assert [float(row[6]) for row in rows(where, "5m")[-13:]] == [0.0] * 13


@settings(max_examples=40, deadline=None)
@given(moment=moments, spread_bps=st.floats(0, 200))
def test_the_quote_lies_around_the_last_price(moment: int, spread_bps: float) -> None:
    where = venue(SOURCES["5m"], moment, Rules(spread_bps=spread_bps))
    ticker = ask(where, "Ticker")[PAIR]
    bid, ask_price, last = (float(ticker[key][0]) for key in "bac")
    assert bid <= last < ask_price
    assert (ask_price - bid) / last * 1e4 == pytest.approx(spread_bps, abs=2.5)
    book = ask(where, "Depth", pair=PAIR, count=20)[PAIR]
    asks, bids = ([float(level[0]) for level in book[side]] for side in ("asks", "bids"))
    assert (asks[0], bids[0]) == (ask_price, bid)
    assert asks == sorted(set(asks))
    assert bids == sorted(set(bids), reverse=True)
    assert len(asks) == 20
    assert all(float(size) > 0 and at <= moment // 1000 for _, size, at in book["asks"] + book["bids"])


def test_ticker_sums_today_and_the_newest_24_hours() -> None:
    where = venue(SOURCES["5m"], START_MS + 3 * 86_400_000 + 2 * 3_600_000)
    ticker = ask(where, "Ticker")[PAIR]
    done = (3 * 24 + 2) * 12
    day, today = WALK.take(slice(done - 287, done + 1)), WALK.take(slice(done - 24, done + 1))
    assert float(ticker["o"]) == today.open[0]
    assert float(ticker["v"][0]) == pytest.approx(today.volume[:-1].sum(), rel=0.1)
    assert float(ticker["h"][1]) == max(day.high[:-1].max(), day.open[-1])
    assert float(ticker["l"][0]) == min(today.low[:-1].min(), today.open[-1])
    assert ticker["t"] == [24 * 20 + 1, 287 * 20 + 1]


def test_prices_with_more_decimals_than_krakens_get_a_finer_price_step() -> None:
    fine = make_series(price=100.0)
    prices = [np.round(column / 1000, 5) for column in (fine.open, fine.high, fine.low, fine.close)]
    scaled = Series("5m", fine.open_ms, prices[0], prices[1], prices[2], prices[3], fine.volume)
    where = venue(recording(scaled), scaled.end_ms)
    assert ask(where, "AssetPairs")[PAIR]["tick_size"] == "0.00001"
    assert [numbers(row)[1] for row in rows(where, "5m")[:-1]] == scaled.open[-719:].tolist()
