"""The bundled recording: synthetic, small, made again from its seed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import bot
from bot.simulator import Recording, Simulator, bundled_recording
from bot.simulator.packed import notes_of
from bot.simulator.rows import resample, rows_of
from training.recording import COINS, SEED, START_MS, write

BUNDLED = Path(next(iter(bot.__path__))) / "recordings" / "synthetic.npz"
HOUR_MS = 3_600_000


@pytest.fixture(scope="module")
def bundled() -> Recording:
    return bundled_recording()


def test_its_seed_makes_it_again(bundled: Recording, tmp_path: Path) -> None:
    write(tmp_path / "again.npz", SEED)
    with np.load(BUNDLED) as ours, np.load(tmp_path / "again.npz") as again:
        assert sorted(ours.files) == sorted(again.files)
        for name in ours.files:
            assert np.array_equal(ours[name], again[name]), name
    write(tmp_path / "other.npz", SEED + 1)
    with np.load(BUNDLED) as ours, np.load(tmp_path / "other.npz") as other:
        assert not np.array_equal(ours["BTC-EUR/5m/close"], other["BTC-EUR/5m/close"])


def test_it_says_that_it_is_synthetic_and_is_small(bundled: Recording) -> None:
    assert bundled.synthetic
    assert notes_of(BUNDLED)["synthetic"] is True
    assert notes_of(BUNDLED)["seed"] == SEED
    assert "synthetic" in (BUNDLED.parent / "README.md").read_text()
    assert BUNDLED.stat().st_size < 500_000


def test_it_holds_the_ten_symbols_with_warm_up_of_720_candles(bundled: Recording) -> None:
    bases = ("BTC", "ETH", "SOL", "XRP", "BNB", "ADA", "DOGE", "AVAX", "LINK", "DOT")
    assert bundled.symbols == tuple(f"{base}/EUR" for base in bases) == tuple(coin.symbol for coin in COINS)
    simulator = Simulator(bundled, at_ms=START_MS)
    for history in simulator.venue.histories.values():
        for timeframe, step in (("1h", HOUR_MS), ("4h", 4 * HOUR_MS), ("1d", 24 * HOUR_MS)):
            rows = history.closed_rows(timeframe, START_MS - 720 * step, START_MS)
            assert 715 <= len(rows) <= 720


def test_timeframes_follow_each_other_without_overlap(bundled: Recording) -> None:
    for frames in bundled.series.values():
        assert frames["1d"].end_ms == frames["4h"].first_ms
        assert frames["4h"].end_ms == frames["1h"].first_ms
        assert frames["1h"].end_ms == frames["5m"].first_ms == START_MS
        assert frames["5m"].end_ms == START_MS + 108 * HOUR_MS


def test_the_rehearsed_days_hold_trends_and_a_crash(bundled: Recording) -> None:
    for symbol in bundled.symbols:
        hours = resample(rows_of(bundled.series[symbol]["5m"]), HOUR_MS)
        six_hours = hours.close[6:] / hours.close[:-6] - 1
        day = hours.close[24:] / hours.close[:-24] - 1
        assert six_hours.min() < -0.06, symbol
        assert day.max() > 0.03, symbol


def test_symbols_move_together_but_not_as_one(bundled: Recording) -> None:
    returns = [np.diff(np.log(bundled.series[symbol]["4h"].close)) for symbol in bundled.symbols]
    correlation = np.corrcoef(np.array(returns))
    apart = correlation[np.triu_indices(len(returns), 1)]
    assert apart.min() > 0.3
    assert apart.max() < 0.95


def test_volatility_clusters_and_tails_are_heavy(bundled: Recording) -> None:
    moves = np.diff(np.log(bundled.series["BTC/EUR"]["1h"].close))
    centred = moves - moves.mean()
    assert np.mean(centred**4) / np.mean(centred**2) ** 2 > 3.3
    sizes = np.abs(centred)
    assert np.corrcoef(sizes[1:], sizes[:-1])[0, 1] > 0.05


def test_some_candles_are_missing(bundled: Recording) -> None:
    counts = {symbol: len(frames["5m"]) for symbol, frames in bundled.series.items()}
    assert max(counts.values()) == 1296 - 8
    assert min(counts.values()) < 1296 - 12
