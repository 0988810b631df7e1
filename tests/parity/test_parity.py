"""The compiled backtest is the bot: the same trades, cent for cent, as full ticks over the same candles."""

from __future__ import annotations

import json
import os
from collections import Counter
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest

from bot.simulator import bundled_recording, open_recording
from tests.parity.compare import bot_settings, compare
from tests.parity.full import full_ticks, pinned_settings
from training.engine.delay import DelayModel

pytest.importorskip("numba", reason="numba belongs to training and is not installed here")

DATA = Path(__file__).parents[3] / "shared" / "data" / "binance"
REAL = ("BTC/USDT", "ETH/USDT", "ADA/USDT")
PROFILES = {name: {"profile": name} for name in ("aggressive", "swing", "platform")}

BUSY = {
    "market.timeframe": "15m", "market.context_timeframes": ["1h", "4h", "1d"], "risk.min_confidence": 0.12,
    "paper.participation_frac": 0.02, "paper.entry_limit_frac": 0.0006,
}  # fmt: skip
"""Four decisions an hour, and entries too large for one candle: they wait, fill in part, expire."""

BITING = {
    "tight": {
        "risk.max_daily_trades": 4, "risk.max_consecutive_losses": 2, "risk.max_correlated": 1,
        "risk.max_drawdown_frac": 0.01, "risk.drawdown_pause_s": 7200, "risk.max_portfolio_risk_frac": 0.004,
        "risk.risk_per_trade_frac": 0.003, "risk.kelly_min_trades": 10,
    },
    "wild": {
        "risk.sizing": "atr", "risk.max_daily_trades": 50, "risk.max_consecutive_losses": 50,
        "risk.max_correlated": 10, "risk.trailing_activation_frac": 0.004, "risk.trailing_distance_frac": 0.003,
        "risk.take_profit_frac": 0.012, "risk.stop_loss_frac": 0.006, "risk.high_volatility_ratio": 1.1,
    },
}  # fmt: skip
"""Bots whose rules bite: limits of the day and of the book, and stops so near that they are hit."""


def ms(day: str) -> int:
    return int(np.datetime64(day, "ms").astype(np.int64))


def real_candles(timeframes=None):
    if not all((DATA / symbol.replace("/", "-") / "5m.parquet").is_file() for symbol in REAL):
        pytest.skip("no recorded candles: ../shared/data is not there")
    return open_recording(DATA, REAL, timeframes)


@pytest.fixture(autouse=True)
def _own_settings(monkeypatch):
    """No setting of this machine's environment reaches the bots."""
    for name in [name for name in os.environ if name.startswith(("METRONOME_MARKET", "METRONOME_RISK", "KRAKEN_"))]:
        monkeypatch.delenv(name)


def both_ways(database_url, recording, moments, bots, more, cash, **how):
    """Comparisons by bot."""
    pinned = {**pinned_settings(recording, 300_000, how.pop("timeframe", "5m")), **more}
    full = full_ticks(database_url, recording, moments, bots, pinned, cash, **how)
    return {
        name: compare(recording, moments, name, bot_settings(pinned, own), cash, full[name])
        for name, own in bots.items()
    }


@pytest.mark.slow
def test_late_and_missed_ticks_gaps_partial_fills_and_restarts(database_url):
    recording = bundled_recording(("BTC/EUR", "BNB/EUR", "ADA/EUR", "AVAX/EUR"))
    schedule = DelayModel((0, 0, 0, 0, 45_000, 137_000, 290_000, 700_000), missed_frac=0.08)
    moments = schedule.moments(ms("2026-03-03T22"), ms("2026-03-04T12"), 300_000).tolist()
    found = both_ways(
        database_url, recording, moments, PROFILES | BITING, BUSY, Decimal(1_000_000), restart_every=41
    )  # fmt: skip
    assert {name: one.differences for name, one in found.items()} == {name: [] for name in found}
    trades = [trade for one in found.values() for trade in one.compiled]
    spoke = Counter[str]()
    for one in found.values():
        spoke.update(one.result.blocked | one.result.shrunk)
    assert len(trades) > 20
    assert {"consecutive_losses", "cooldown", "position_cap", "portfolio_risk", "atr"} <= set(spoke)


@pytest.mark.slow
def test_a_crash_on_real_candles(database_url):
    recording = real_candles()
    moments = list(range(ms("2021-05-19T07"), ms("2021-05-19T19"), 300_000))
    found = both_ways(database_url, recording, moments, PROFILES | BITING, BUSY, Decimal(100_000), restart_every=77)
    assert {name: one.differences for name, one in found.items()} == {name: [] for name in found}
    assert sum(len(one.compiled) for one in found.values()) > 10


@pytest.mark.slow
def test_candles_of_hours(database_url):
    recording = real_candles(("1h", "4h", "1d"))
    moments = list(range(ms("2021-05-11"), ms("2021-05-14"), 3_600_000))
    found = both_ways(
        database_url, recording, moments, PROFILES, {"market.slot_s": 3600}, Decimal(10_000), timeframe="1h"
    )  # fmt: skip
    assert {name: one.differences for name, one in found.items()} == {name: [] for name in found}
    assert all(one.compiled for one in found.values())


@pytest.mark.soak
@pytest.mark.timeout(5400)
def test_three_months_of_real_five_minute_candles(database_url, record_property):
    recording = real_candles()
    moments = list(range(ms("2021-04-01"), ms("2021-07-01") + 1, 300_000))
    found = both_ways(database_url, recording, moments, PROFILES, {}, Decimal(10_000))
    told = {name: {"trades": len(one.ticked), "identical": one.identical} for name, one in found.items()}
    print(json.dumps(told))
    for name, one in found.items():
        print(f"{name}: {len(one.ticked)} trades, {one.identical} identical")
        record_property("tally", (f"trades of {name}", len(one.ticked)))
        record_property("tally", (f"identical trades of {name}", one.identical))
    assert {name: one.differences for name, one in found.items()} == {name: [] for name in found}
