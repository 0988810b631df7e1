"""Time of the feature table, with `ta` as the peer: `python -m tests.benchmarks.features`.

The unit of work is that of a tick: 10 symbols, 4 timeframes, 720 candles each, all
columns. `ta` computes its 86 columns of one such series in the same run.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable

import numpy as np
import pandas as pd
import ta

from bot.domain.candles import Candles
from bot.domain.timeframes import timeframe_ms
from bot.features import NAMES, compute

SYMBOLS = 10
TIMEFRAMES = ("5m", "1h", "4h", "1d")
ROWS = 720
END_MS = 1_700_006_400_000


def _candles(timeframe: str, seed: int, rows: int = ROWS) -> Candles:
    rng = np.random.default_rng(seed)
    close = 100.0 * np.exp(np.cumsum(rng.normal(0.0, 0.01, rows)))
    open_ = np.concatenate((close[:1], close[:-1]))
    high = np.maximum(open_, close) * (1.0 + rng.exponential(0.004, rows))
    low = np.minimum(open_, close) / (1.0 + rng.exponential(0.004, rows))
    open_ms = END_MS - timeframe_ms(timeframe) * np.arange(rows, 0, -1, dtype=np.int64)
    volume = rng.lognormal(2.0, 1.0, rows)
    return Candles("XBT/EUR", timeframe, open_ms, open_, high, low, close, volume, np.zeros(rows, dtype=np.bool_))


def _best_ms(work: Callable[[], object], times: int) -> float:
    """Shortest of several runs: what the work costs when nothing else takes the processor."""
    taken = []
    for _ in range(times):
        begun = time.perf_counter()
        work()
        taken.append(1000.0 * (time.perf_counter() - begun))
    return min(taken)


def main() -> None:
    """Print one row a measurement: milliseconds, and times the cost of ours."""
    series = [{timeframe: _candles(timeframe, seed) for timeframe in TIMEFRAMES} for seed in range(SYMBOLS)]
    one, long = series[0], _candles("1h", 0, 50_000)

    def tick() -> None:
        for candles in series:
            for timeframe in TIMEFRAMES:
                compute(candles[timeframe], candles)

    names = ("open", "high", "low", "close", "volume")
    frame = pd.DataFrame({name: getattr(one["1h"], name) for name in names})
    warnings.simplefilter("ignore")
    ours = _best_ms(lambda: compute(one["1h"], one), 200)
    peer = _best_ms(lambda: ta.add_all_ta_features(frame.copy(), *names), 5)
    rows = (
        (f"one table, {ROWS} rows, {len(NAMES)} columns", ours),
        (f"a tick: {SYMBOLS} symbols x {len(TIMEFRAMES)} timeframes", _best_ms(tick, 30)),
        ("one table, 50000 rows", _best_ms(lambda: compute(long), 3)),
        (f"ta, {ROWS} rows, 86 columns", peer),
    )
    for what, taken in rows:
        print(f"{what:<46}{taken:10.2f} ms")
    print(f"{'ta / ours, one table':<46}{peer / ours:10.1f} x")


if __name__ == "__main__":
    main()
