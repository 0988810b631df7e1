"""A made-up market as candle files, long enough for full windows of every timeframe."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from bot.domain.candle_checks import resample
from bot.domain.candles import Candles
from bot.domain.timeframes import floor_ms, timeframe_ms

DAY_MS = timeframe_ms("1d")
WINDOW = 720
TIMEFRAMES = ("15m", "1h", "4h", "1d")
EVERY_DAY = 288
MIDNIGHT_MS = floor_ms(1_768_000_000_000, DAY_MS)
"""The measured moment: all timeframes close."""
END_MS = MIDNIGHT_MS + DAY_MS

REAL_NAMES = ("BTC", "ETH", "SOL", "XRP", "BNB", "ADA", "DOGE", "AVAX", "LINK", "DOT")


def symbols(count: int) -> tuple[str, ...]:
    """The ten of the default settings, then made-up ones."""
    more = (f"C{n:03d}" for n in range(count - len(REAL_NAMES)))
    return tuple(f"{base}/EUR" for base in (*REAL_NAMES[:count], *more))


def write_market(folder: Path, count: int) -> None:
    """Candle files of `count` symbols that end at END_MS, their windows full at midnight."""
    for seed, symbol in enumerate(symbols(count)):
        home = folder / symbol.replace("/", "-")
        home.mkdir(parents=True)
        finest = _random_walk(symbol, seed)
        for timeframe in ("5m", *TIMEFRAMES):
            candles = finest if timeframe == "5m" else resample(finest, timeframe)
            kept = candles.tail(WINDOW + 2 * DAY_MS // candles.step_ms)
            names = ("open", "high", "low", "close", "volume")
            columns = {name: getattr(kept, name) for name in names}
            np.savez(home / f"{timeframe}.npz", timestamp=kept.open_ms, **columns)


def _random_walk(symbol: str, seed: int) -> Candles:
    """5m candles with quiet and wild weeks, two years of them."""
    rows = (WINDOW + 2) * EVERY_DAY
    rng = np.random.default_rng(seed)
    scale = 0.001 * np.exp(0.5 * np.sin(np.arange(rows) / (7 * EVERY_DAY) + seed))
    steps = rng.normal(0.0, 1.0, rows) * scale
    close = np.round(100.0 * np.exp(np.cumsum(steps - steps.mean())), 4)
    first = np.concatenate((close[:1], close[:-1]))
    wick = np.abs(rng.normal(0.0, 0.0005, (2, rows)))
    high = np.round(np.maximum(first, close) * (1.0 + wick[0]), 4)
    low = np.round(np.minimum(first, close) * (1.0 - wick[1]), 4)
    open_ms = END_MS - timeframe_ms("5m") * np.arange(rows, 0, -1, dtype=np.int64)
    volume = np.round(rng.lognormal(2.0, 1.0, rows), 4)
    return Candles(symbol, "5m", open_ms, first, high, low, close, volume, np.zeros(rows, dtype=np.bool_))
