"""The made-up order book: levels around the quote, always the same at the same second."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from bot.domain.timeframes import TIMEFRAMES_MS, floor_ms
from bot.simulator.history import History

HOUR_MS = TIMEFRAMES_MS["1h"]
LEVELS_AT_MOST = 500
SIZE_DECIMALS = 3


def typical_size(history: History, now_ms: int) -> float:
    """Size of a level near the quote, base units, from the last hour's volume."""
    recent = history.summary(floor_ms(now_ms, HOUR_MS) - HOUR_MS, now_ms)
    return max((recent.volume if recent else 0.0) / 200, float(history.pair.order_min) * 5)


def book_side(name: str, now_s: int, best: int, sign: int, count: int, typical: float) -> list[tuple[int, float, int]]:
    """Up to `count` levels as (price steps, base units, time s), best first.

    name: the pair's id.  best: price steps.  sign: 1 for asks, -1 for bids.
    Gaps of about 1.5 bps, sizes that grow away from the quote, written
    with SIZE_DECIMALS. A book of another length is
    another book: only its best price is the same.
    """
    chance = _noise(f"{name}{sign}", now_s, 3 * count).reshape(3, count)
    gaps = np.maximum(np.rint(best * 1.5e-4 * (0.2 + 1.6 * chance[0])), 1)
    gaps[0] = 0
    ticks = (best + sign * np.cumsum(gaps)).astype(np.int64)
    sizes = np.maximum(typical * (0.3 + 1.4 * chance[1]) * (1 + 0.05 * np.arange(count)), 10**-SIZE_DECIMALS)
    ages = (chance[2] * 60).astype(np.int64)
    rows = zip(ticks.tolist(), sizes.tolist(), ages.tolist(), strict=True)
    return [(tick, size, now_s - age) for tick, size, age in rows if tick > 0]


def _noise(name: str, moment: int, count: int) -> npt.NDArray[np.float64]:
    """Even numbers in [0, 1) that depend on the arguments alone, on every machine (splitmix64)."""
    seed = sum(byte << (8 * (place % 7)) for place, byte in enumerate(name.encode())) ^ (moment << 20)
    state = np.uint64(seed % 2**63) + np.arange(1, count + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    state = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    state = (state ^ (state >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return (state >> np.uint64(11)).astype(np.float64) / float(2**53)
