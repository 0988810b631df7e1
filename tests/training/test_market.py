"""History as arrays: number for number what the venue answers and what a tick makes of it."""

from __future__ import annotations

import json
import random
from pathlib import Path

import numpy as np
import pytest

from bot.domain.candle_checks import check_rows, fill_gaps
from bot.domain.orders import Leg, client_id
from bot.domain.timeframes import floor_ms, timeframe_ms
from bot.jobs.signals import columns_read, judge, table_bars, weighted_strategies
from bot.settings import load
from bot.simulator import bundled_recording, public
from bot.simulator.clock import Clock
from bot.simulator.venue import Rules, Venue
from training.market.build import ranks
from training.market.candles import kept_candles, venue_candles, volumes_as_written
from training.market.quotes import last_trades
from training.market.signals import all_signals, feature_table

SYMBOLS = ("BTC/EUR", "BNB/EUR", "AVAX/EUR")


@pytest.fixture(scope="module")
def recording():
    return bundled_recording(SYMBOLS)


@pytest.fixture(scope="module")
def venue(recording):
    return Venue(recording, Clock(recording.end_ms), Rules())


@pytest.mark.parametrize("timeframe", ["5m", "15m", "1h", "4h", "1d"])
@pytest.mark.parametrize("symbol", SYMBOLS)
def test_candles_are_those_that_a_tick_reads(recording, venue, symbol, timeframe):
    history, step = venue.history(symbol), timeframe_ms(timeframe)
    chance = random.Random(3)
    for _ in range(4):
        now_ms = recording.end_ms - chance.randrange(5 * 86_400) * 1000
        venue.clock.set_ms(now_ms)
        answer = json.loads(public.ohlc(venue, {"pair": history.pair.id, "interval": str(step // 60_000)}))
        rows = [[float(r[0]) * 1000, r[1], r[2], r[3], r[4], r[6]] for r in answer[history.pair.id]]
        seen = fill_gaps(check_rows(symbol, timeframe, rows, now_ms).candles).candles
        open_ms = floor_ms(now_ms, step)
        made = venue_candles(history, symbol, timeframe, int(seen.open_ms[0]), open_ms)
        for name in ("open_ms", "open", "high", "low", "close", "volume", "filled"):
            assert np.array_equal(getattr(seen, name), getattr(made, name)), (now_ms, name)


@pytest.mark.parametrize("symbol", SYMBOLS)
def test_last_trades_are_those_of_the_ticker(recording, venue, symbol):
    chance = random.Random(5)
    moments = sorted(recording.end_ms - chance.randrange(40 * 86_400) * 1000 for _ in range(300))
    moments += [floor_ms(moment, 300_000) for moment in moments]
    history = venue.history(symbol)
    wanted = [history.last_trade(moment).ticks for moment in moments]
    assert last_trades(history, np.array(moments)).tolist() == wanted
    assert last_trades(history, np.array([history.first_ms - 1, history.first_ms])).tolist()[0] == -1


def test_signals_of_all_candles_at_once_are_those_of_each_alone(recording, venue):
    settings = load({}, environ={}, cwd=Path("/nonexistent"))
    weighted, start_ms = weighted_strategies(settings), recording.end_ms - 5 * 86_400_000
    spoken = 0
    for symbol in SYMBOLS:
        history = venue.history(symbol)
        finest = venue_candles(history, symbol, "5m", start_ms - 719 * 300_000, recording.end_ms)
        series = {name: kept_candles(history, symbol, finest, name, start_ms) for name in ("1h", "4h", "1d")}
        table = feature_table(series["1h"], {name: series[name] for name in ("4h", "1d")}, 720)
        found = all_signals(table, weighted)
        first = int(table.open_ms[-120])
        for bar in table_bars(table, 3_600_000, first, columns_read(weighted)):
            signal, i = judge(bar, weighted), int(np.searchsorted(table.open_ms, bar.open_ms))
            leader = weighted[found.leader[i]][0].name if found.leader[i] >= 0 else ""
            assert (signal.direction, signal.confidence, signal.leader, signal.size_scale, signal.atr) == (
                found.direction[i], found.confidence[i], leader, found.scale[i], found.atr[i],
            )  # fmt: skip
            spoken += signal.direction != 0
    assert spoken > 20


def test_a_short_window_leaves_long_features_unknown(recording, venue):
    candles = venue_candles(venue.history(SYMBOLS[0]), SYMBOLS[0], "1h", 0, recording.end_ms)
    assert np.isnan(feature_table(candles, {}, 300).column("ema_50")).all()
    assert np.isfinite(feature_table(candles, {}, 720).column("ema_50")[-1])


def test_ranks_order_entries_as_their_ids_do():
    bars_ms = np.arange(500) * 3_600_000
    ids = [client_id("main", "BTC/EUR", int(bar_ms), Leg.ENTRY, 0) for bar_ms in bars_ms]
    found = ranks("main", "BTC/EUR", bars_ms)
    assert np.argsort(found).tolist() == sorted(range(500), key=ids.__getitem__)


@pytest.mark.parametrize("size", [1e-6, 1.0, 3e4, 5e6, 5e7, 9e8, 1e12])
def test_volumes_are_those_that_are_read_back_from_text(size):
    chance = np.random.default_rng(5)
    given = np.concatenate([chance.random(500) * size, np.round(chance.random(500) * size, 3)])
    assert volumes_as_written(given).tolist() == [float(f"{value:.8f}") for value in given]
