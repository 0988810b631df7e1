"""A feature knows nothing of the future, and nothing of a past beyond its window."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.domain.candles import Candles
from bot.domain.timeframes import timeframe_ms
from bot.features import NAMES, WARMUP, FeatureTable, compute
from tests.features.markets import END_MS, differing, needs_data, recorded, rough_markets, walk, with_context

WINDOW = 720
CAUSAL = 1e-12
STABLE = 1e-9

MARKETS = (
    pytest.param("walk"),
    pytest.param("crash 5m", marks=needs_data),
    pytest.param("crash 1h", marks=needs_data),
    pytest.param("collapse", marks=needs_data),
)


@cache
def market(name: str) -> tuple[Candles, dict[str, Candles]]:
    """A long history with its context, full."""
    if name == "walk":
        return with_context(3000)
    if name == "crash 5m":
        hours = recorded("BTC-USDT", "1h", "2021-03-01", "2021-05-21")
        return recorded("BTC-USDT", "5m", "2021-05-10", "2021-05-21"), {
            "1h": hours,
            "4h": recorded("BTC-USDT", "4h", "2020-10-01", "2021-05-21"),
            "1d": recorded("BTC-USDT", "1d", "2019-06-01", "2021-05-21"),
        }
    if name == "crash 1h":
        return recorded("ETH-USDT", "1h", "2021-03-01", "2021-06-10"), {
            "4h": recorded("ETH-USDT", "4h", "2020-10-01", "2021-06-10"),
            "1d": recorded("ETH-USDT", "1d", "2019-06-01", "2021-06-10"),
        }
    # From 80 dollars to a hundredth of a cent within a week.
    return recorded("LUNA-USDT", "1h", "2022-03-01", "2022-05-13"), {}


@cache
def full(name: str) -> FeatureTable:
    return compute(*market(name))


def known_at(name: str, stop: int, window: int | None = None) -> FeatureTable:
    """What a tick after row `stop - 1` computes, of all candles closed by then or of a live window of them."""
    candles, context = market(name)
    seen = candles.take(slice(0, stop))
    now = int(seen.close_ms[-1])
    around = {timeframe: series.closed_at(now) for timeframe, series in context.items()}
    if window is not None:
        seen, around = seen.tail(window), {timeframe: series.tail(window) for timeframe, series in around.items()}
    return compute(seen, around)


@cache
def causality(name: str) -> dict[str, float]:
    worst: dict[str, float] = {}
    for stop in (700, 1001, 1300, len(market(name)[0]) - 1):
        cut = known_at(name, stop)
        worst |= differing(cut, full(name).take(slice(0, stop)), CAUSAL)
    return worst


@cache
def stability(name: str) -> dict[str, float]:
    worst: dict[str, float] = {}
    count = len(market(name)[0])
    for stop in (WINDOW, WINDOW + 1, 997, 1280, 1281, 1407, 1500, count - 200, count - 100, count - 37, count):
        live = known_at(name, stop, WINDOW)
        last = slice(WINDOW - 8, WINDOW)
        worst |= differing(live.take(last), full(name).take(slice(stop - 8, stop)), STABLE)
    return worst


@pytest.mark.parametrize("name", MARKETS)
@pytest.mark.parametrize("column", NAMES)
def test_dropping_the_future_changes_nothing(column: str, name: str) -> None:
    assert column not in causality(name)


@pytest.mark.parametrize("name", MARKETS)
@pytest.mark.parametrize("column", NAMES)
def test_a_live_window_gives_what_the_full_history_gives(column: str, name: str) -> None:
    assert column not in stability(name)


@settings(max_examples=60, deadline=None)
@given(candles=rough_markets(), stop=st.integers(1, 699))
def test_no_column_of_a_rough_market_knows_its_future(candles: Candles, stop: int) -> None:
    whole = compute(candles)
    assert differing(compute(candles.take(slice(0, stop))), whole.take(slice(0, stop)), CAUSAL) == {}


@settings(max_examples=60, deadline=None)
@given(candles=rough_markets(rows=1100), drop=st.integers(0, 380))
def test_every_row_of_a_rough_market_beyond_the_warm_up_is_that_of_full_history(candles: Candles, drop: int) -> None:
    whole, late = compute(candles), compute(candles.take(slice(drop, None)))
    settled = max(WARMUP.values())
    assert differing(late.take(slice(settled, None)), whole.take(slice(drop + settled, None)), STABLE) == {}


@settings(max_examples=60, deadline=None)
@given(candles=rough_markets())
def test_a_rough_market_gives_finite_numbers_and_nan_only_in_the_warm_up(candles: Candles) -> None:
    table = compute(candles)
    assert not np.isinf(table.values).any()
    for name in NAMES:
        if not name.endswith(("_1h", "_4h", "_1d")):
            assert np.isnan(table.column(name)).sum() == WARMUP[name], name


def test_no_column_needs_more_than_six_hundred_rows() -> None:
    assert max(WARMUP.values()) <= 600


@pytest.mark.parametrize("column", NAMES)
def test_a_good_window_fills_every_column_and_not_with_one_number(column: str) -> None:
    values = known_at("walk", 1500, WINDOW).column(column)
    assert np.isfinite(values[600:]).all()
    assert len(np.unique(full("walk").column(column)[600:])) > 1


@pytest.mark.parametrize("timeframe", ["4h", "1d"])
def test_a_context_candle_counts_from_its_close_and_no_earlier(timeframe: str) -> None:
    candles, context = with_context(300)
    step = timeframe_ms(timeframe)
    opened = END_MS - 3 * step
    series = context[timeframe]
    hit = series.open_ms == opened
    moved = Candles(
        series.symbol,
        timeframe,
        series.open_ms,
        series.open,
        series.high * np.where(hit, 2.0, 1.0),
        series.low,
        series.close * np.where(hit, 2.0, 1.0),
        series.volume * np.where(hit, 3.0, 1.0),
        series.filled,
    )
    before, after = compute(candles, context), compute(candles, context | {timeframe: moved})
    closed = candles.close_ms >= opened + step
    for kind in ("trend", "rsi", "volume_ratio"):
        one, other = before.column(f"{kind}_{timeframe}"), after.column(f"{kind}_{timeframe}")
        assert (one[~closed] == other[~closed]).all()
        assert one[closed][0] != other[closed][0]


def test_context_columns_are_those_of_the_newest_closed_context_candle() -> None:
    candles, context = with_context(300)
    table = compute(candles, context)
    for timeframe, series in context.items():
        of_series = compute(series)
        for i in (0, 1, 17, 150, 299):
            closed = int(np.flatnonzero(series.close_ms <= candles.close_ms[i])[-1])
            own = of_series.row(closed)
            row = table.row(i)
            assert row[f"trend_{timeframe}"] == pytest.approx(own["sma_20"] / own["sma_50"] - 1.0, abs=1e-12)
            assert row[f"volume_ratio_{timeframe}"] == pytest.approx(own["volume_ratio"], abs=1e-12)
            assert row[f"rsi_{timeframe}"] == pytest.approx(own["rsi_14"], abs=0.02)


def test_a_context_that_lags_or_is_missing_gives_nan() -> None:
    candles, context = with_context(300)
    lagging = context["4h"].closed_at(END_MS - 8 * timeframe_ms("1h"))
    column = compute(candles, {"4h": lagging}).column("rsi_4h")
    assert np.isfinite(column[:-5]).all()
    assert np.isnan(column[-5:]).all()
    assert np.isnan(compute(candles).column("rsi_1d")).all()


def test_a_young_coin_has_nan_where_its_context_is_short() -> None:
    candles, context = with_context(300)
    row = compute(candles, {"1d": context["1d"].tail(30)}).row(-1)
    assert np.isnan(row["trend_1d"])
    assert np.isnan(row["rsi_1d"])
    assert np.isfinite(row["volume_ratio_1d"])


def test_the_candles_are_their_own_context() -> None:
    table = compute(walk(400, "4h"))
    assert (table.column("volume_ratio_4h")[19:] == table.column("volume_ratio")[19:]).all()
    assert np.isnan(table.column("volume_ratio_1h")).all()
