"""Short series, halted markets, plain cases that can be checked by eye, and the import."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from bot.domain.candles import Candles
from bot.features import NAMES, WARMUP, FeatureTable, compute
from tests.features.markets import from_closes, walk, with_context

# What a market that never moves and never trades shows once warm.
STILL = {
    "macd": 0.0,
    "macd_hist": 0.0,
    "adx": 0.0,
    "plus_di": 0.0,
    "minus_di": 0.0,
    "rsi_14": 50.0,
    "rsi_7": 50.0,
    "stoch_k": 50.0,
    "stoch_d": 50.0,
    "williams_r": -50.0,
    "cci_20": 0.0,
    "mfi_14": 50.0,
    "roc_10": 0.0,
    "bb_width": 0.0,
    "bb_percent": 0.5,
    "atr_14": 0.0,
    "obv": 0.0,
    "vwap": 0.1,
    "volume_ratio": 0.0,
    "accumulation_distribution": 0.0,
    "candle_body_size": 0.0,
    "candle_wick_ratio": 0.0,
    "higher_high": 0.0,
    "lower_low": 0.0,
    "support_levels": 0.1,
    "resistance_levels": 0.1,
    "rsi_1h": 50.0,
    "volume_ratio_1h": 0.0,
    "volatility_20": 0.0,
    "volatility_ratio": 1.0,
    "zscore_20": 0.0,
    "bb_width_rank": 0.0,
    "rsi_slope": 0.0,
    "rsi_divergence": 0.0,
    "macd_divergence": 0.0,
}


@pytest.mark.parametrize("count", [0, 1, 2, 3, 7, 10, 26, 119, 121, 255, 257])
def test_a_short_series_gives_a_table_with_nan_where_history_lacks(count: int) -> None:
    candles, context = with_context(max(count, 1))
    table = compute(candles.tail(count), {"4h": context["4h"].tail(count), "1d": context["1d"].tail(0)})
    assert table.values.shape == (count, len(NAMES))
    assert len(table) == count
    for name in NAMES:
        if not name.endswith(("_1h", "_4h", "_1d")):
            assert np.isnan(table.column(name)).sum() == min(count, WARMUP[name]), name


@pytest.mark.parametrize("price", [0.1, 1e-7, 61234.56])
@pytest.mark.parametrize("volume", [0.0, 3.0])
def test_a_constant_price_gives_finite_numbers(price: float, volume: float) -> None:
    still = np.full(720, price)
    start = walk(720)
    candles = Candles("X", "1h", start.open_ms, still, still, still, still, np.full(720, volume), start.filled)
    table = compute(candles)
    for name in NAMES:
        if not name.endswith(("_4h", "_1d")):
            assert np.isfinite(table.column(name)[WARMUP[name] :]).all(), name


@pytest.mark.parametrize("name", STILL)
def test_a_market_that_stands_still_has_the_documented_values(name: str) -> None:
    candles = from_closes(np.full(720, 0.1), "1h", quiet=np.ones(720, dtype=np.bool_))
    assert compute(candles).column(name)[WARMUP[name] :] == pytest.approx(STILL[name], abs=1e-12)


def test_a_halt_after_trading_forgets_the_trading() -> None:
    before = walk(300).close
    halted = np.concatenate((before, np.full(720, before[-1])))
    candles = from_closes(halted, "1h", quiet=np.arange(1020) >= 300)
    row = compute(candles).row(-1)
    assert row["rsi_14"] == 50.0
    assert row["adx"] == 0.0


def test_volumes_of_long_ago_leave_no_trace() -> None:
    candles = walk(720)
    volume = np.where(np.arange(720) < 300, 1e12, 0.0)
    volume[-1] = 1e-6
    thin = Candles(
        "X", "1h", candles.open_ms, candles.open, candles.high, candles.low, candles.close, volume, candles.filled
    )
    row = compute(thin).row(-1)
    assert row["volume_ratio"] == pytest.approx(20.0)
    assert row["vwap"] == pytest.approx((candles.high[-1] + candles.low[-1] + candles.close[-1]) / 3)
    assert abs(row["obv"]) == pytest.approx(1e-6)


def test_a_rising_market_has_the_values_of_one() -> None:
    row = compute(from_closes(np.exp(np.arange(720) / 100.0), "1h")).row(-1)
    assert row["supertrend"] == 1.0
    assert row["supertrend_line"] < row["close"]
    assert row["rsi_14"] > 95.0
    assert row["plus_di"] > row["minus_di"]
    assert row["adx"] > 50.0
    assert row["trend_1h"] > 0.0
    assert row["support_levels"] < row["close"] <= row["resistance_levels"]


def _with_bottoms(first: float, second: float, bounce: float) -> Candles:
    """A long zigzag, then a fall to `first`, a bounce, and a gentle slide to `second` six rows before the end."""
    zigzag = 100.0 + np.where(np.arange(700) % 2, 0.5, -0.5)
    fall = np.linspace(99.0, first, 5)
    up = np.linspace(first, bounce, 12)[1:]
    slide = np.linspace(bounce, second, 25)[1:]
    back = np.linspace(second, second + 1.0, 7)[1:]
    close = np.concatenate((zigzag, fall, up, slide, back))
    candles = walk(len(close))
    return Candles("X", "1h", candles.open_ms, close, close + 0.01, close - 0.01, close, candles.volume, candles.filled)


def test_a_slower_lower_bottom_is_a_bullish_divergence() -> None:
    row = compute(_with_bottoms(80.0, 79.0, 90.0)).row(-1)
    assert row["rsi_divergence"] == 1.0
    assert row["lower_low"] == 1.0


def test_a_higher_bottom_is_no_divergence() -> None:
    assert compute(_with_bottoms(80.0, 82.0, 90.0)).row(-1)["rsi_divergence"] == 0.0


def test_a_mirrored_market_turns_a_divergence_round() -> None:
    candles = _with_bottoms(80.0, 79.0, 90.0)
    turned = Candles(
        "X",
        "1h",
        candles.open_ms,
        200.0 - candles.open,
        200.0 - candles.low,
        200.0 - candles.high,
        200.0 - candles.close,
        candles.volume,
        candles.filled,
    )
    assert compute(turned).row(-1)["rsi_divergence"] == -1.0


def test_a_table_of_one_row_has_nan_for_what_is_not_given() -> None:
    table = FeatureTable.from_row("X", "1h", 0, {"rsi_14": 30.0})
    assert len(table) == 1
    assert table.row(0)["rsi_14"] == 30.0
    assert np.isnan(table.column("adx")).all()
    with pytest.raises(KeyError):
        FeatureTable.from_row("X", "1h", 0, {"rsi_99": 1.0})


def test_rows_are_taken_with_their_times() -> None:
    table = compute(walk(300))
    chosen = table.take(table.open_ms > table.open_ms[-3])
    assert len(chosen) == 2
    np.testing.assert_equal(chosen.row(-1), table.row(-1))


def test_input_arrays_stay_as_they_are() -> None:
    candles, context = with_context(400)
    for series in (candles, *context.values()):
        for name in ("open_ms", "open", "high", "low", "close", "volume"):
            getattr(series, name).flags.writeable = False
    assert np.isfinite(compute(candles, context).row(-1)["rsi_1d"])


def test_features_import_neither_pandas_nor_polars_and_leave_talib_whole_for_others() -> None:
    code = (
        "import sys, bot.features\n"
        "assert not {'pandas', 'polars'} & sys.modules.keys()\n"
        "import pandas, talib\n"
        "assert isinstance(talib.SMA(pandas.Series([1.0, 2.0, 3.0]), 2), pandas.Series)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
