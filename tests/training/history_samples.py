"""Markets, folders and requests for the tests of history."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import numpy as np

from bot.simulator import Recording, Series, Simulator
from tests.simulator.samples import START_MS, make_series
from training.history.fetching import FetchRequest, fetch
from training.history.rows import Rows
from training.history.venues import Patience

STEP = 300_000
CANDLES = 288  # a day of 5m candles, 5,340 trades in six pages
END_MS = START_MS + CANDLES * STEP
SYMBOL = "BTC/EUR"
GAP = range(100, 121)


def market(gap: range = range(0), symbols: tuple[str, ...] = (SYMBOL,), count: int = CANDLES) -> Recording:
    """A random walk of 5m candles; `gap`: candles without a trade."""
    made = {}
    for seed, symbol in enumerate(symbols, start=1):
        series = make_series(count=count, seed=seed)
        made[symbol] = {"5m": series.take(~np.isin(np.arange(count), np.array(gap)))}
    return Recording("made up", made, synthetic=True)


async def _at_once(seconds: float) -> None:
    await asyncio.sleep(0)


def patience(url: str | None, **more: Any) -> Patience:
    """Waits cost no time."""
    return Patience(
        **{"url": url, "pair_interval_s": 0.0, "timeout_s": 0.5, "sleep": _at_once, "jitter": lambda: 0.0, **more}
    )


def bring(venue: Simulator, out: Path, **more: Any) -> dict[str, Any]:
    """A whole fetch from the simulator."""
    request = {
        "exchange": "kraken",
        "symbols": (SYMBOL,),
        "timeframes": ("5m",),
        "from_ms": START_MS,
        "patience": patience(venue.url),
        **more,
    }
    return asyncio.run(fetch(FetchRequest(out=out, **request)))


def trade_requests(venue: Simulator) -> int:
    return venue.requests.counts().get("Trades", 0)


def same_candles(rows: Rows | Series, series: Series) -> None:
    assert rows.open_ms.tolist() == series.open_ms.tolist()
    for name in ("open", "high", "low", "close", "volume"):
        assert getattr(rows, name).tolist() == getattr(series, name).tolist(), name


def kraken_lines(series: Series, trades: int = 3) -> list[str]:
    """Lines of Kraken's CSV dumps."""
    columns = (series.open_ms // 1000, series.open, series.high, series.low, series.close, series.volume)
    return [
        ",".join([*map(str, row), str(trades)]) for row in zip(*(column.tolist() for column in columns), strict=True)
    ]


def binance_lines(series: Series, unit: int = 1) -> list[str]:
    """Lines of Binance's CSV dumps. unit: of the times, per ms."""
    lines = []
    for index, open_ms in enumerate(series.open_ms.tolist()):
        row = [str(getattr(series, name)[index]) for name in ("open", "high", "low", "close", "volume")]
        close_ms = open_ms + series.step_ms - 1
        lines.append(",".join([str(open_ms * unit), *row, str(close_ms * unit), "350.5", "12", "1.0", "100.0", "0"]))
    return lines


def write_lines(path: Path, lines: list[str]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n")
    return path
