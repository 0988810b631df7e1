"""On recorded hours of five coins: regular entries at the default threshold, none of it noise at every bar."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import pytest

from bot.domain.candles import Candles, FloatArray
from bot.features import FeatureTable
from bot.strategies import ensemble, get, names
from tests.strategies.samples import HOUR_MS, features

DATA = Path(__file__).parents[3] / "shared" / "data" / "binance"
SYMBOLS = ("BTC-USDT", "ETH-USDT", "ADA-USDT", "XRP-USDT", "DOT-USDT")
PLANNED = ("breakout", "heuristic", "mean_reversion", "momentum", "trend_following")
MIN_CONFIDENCE = 0.20

pytestmark = pytest.mark.skipif(not DATA.is_dir(), reason=f"recorded candles are not at {DATA}")


@cache
def table(symbol: str) -> FeatureTable:
    """Features of April to July 2021, with 90 days before them for the averages to settle."""
    duckdb = pytest.importorskip("duckdb")
    columns = duckdb.execute(
        "select epoch_ms(timestamp) as open_ms, open, high, low, close, volume from read_parquet(?)"
        " where timestamp >= '2021-01-01' and timestamp < '2021-08-01' order by 1",
        [str(DATA / symbol / "1h.parquet")],
    ).fetchnumpy()
    seen = columns["open_ms"].astype(np.int64)
    open_ms = np.arange(seen[0], seen[-1] + 1, HOUR_MS)
    source = np.searchsorted(seen, open_ms, side="right") - 1
    filled = seen[source] != open_ms

    def price(name: str) -> FloatArray:
        return np.where(filled, columns["close"][source], columns[name][source]).astype(np.float64)

    volume = np.where(filled, 0.0, columns["volume"][source])
    candles = Candles(symbol, "1h", open_ms, price("open"), price("high"), price("low"), price("close"), volume, filled)
    return features(candles).take(slice(-122 * 24, None))


@pytest.mark.parametrize("name", PLANNED)
def test_each_strategy_buys_on_some_hours_and_leaves_on_some(name: str) -> None:
    direction = np.concatenate([get(name).vote(table(symbol)).direction for symbol in SYMBOLS])
    assert 0.01 <= np.mean(direction > 0) <= 0.15
    assert 0.01 <= np.mean(direction < 0) <= 0.25


@pytest.mark.parametrize("symbol", SYMBOLS)
def test_the_ensemble_enters_regularly_on_every_coin(symbol: str) -> None:
    scores = ensemble.scores(table(symbol), [(get(name), 1.0) for name in PLANNED])
    assert 0.01 <= np.mean(scores >= MIN_CONFIDENCE) <= 0.10
    assert 0.01 <= np.mean(scores <= -MIN_CONFIDENCE) <= 0.20
    by_day = (scores >= MIN_CONFIDENCE).reshape(-1, 24).any(axis=1)
    assert not np.any(np.convolve(by_day, np.ones(30), mode="valid") == 0), "a month without a chance to enter"


def test_the_planned_strategies_are_all_registered() -> None:
    assert set(PLANNED) <= set(names())
