"""Candles as the simulated venue gives them and as ticks keep them."""

from __future__ import annotations

import numpy as np

from bot.domain.candle_checks import resample
from bot.domain.candles import Candles, FloatArray
from bot.domain.timeframes import floor_ms, timeframe_ms
from bot.simulator.history import History
from bot.simulator.row_texts import BLOCK_ROWS
from bot.simulator.rows import Rows
from bot.simulator.venue import Rules

FIRST_ANSWER_ROWS = Rules().ohlc_rows - 1
"""Closed candles in one answer of the venue: what a bot knows of the past when it starts."""

VOLUME_DECIMALS = 8
NEAR_HALF = 1e-3
ROUNDING = 2.0**-51
"""Of a number of steps: more than what scaling it may have rounded off."""
AS_THEY_ARE = 2.0**26
"""Volumes from here on lie farther apart than their eighth decimal: a text of one is read back as it was."""


def venue_candles(history: History, symbol: str, timeframe: str, from_ms: int, to_ms: int) -> Candles:
    """Closed candles with from_ms <= open < to_ms as a tick reads them, gaps filled with the price before.

    from_ms, to_ms: on the timeframe's grid. Equal, number for number, to what the
    venue writes and the bot's checks make of it.
    """
    step = timeframe_ms(timeframe)
    wanted_ms = from_ms
    # The venue writes candles in blocks, and a gap's price follows from what its block knows.
    from_ms = max(floor_ms(from_ms, BLOCK_ROWS * step), floor_ms(history.first_ms, step))
    if from_ms >= to_ms:
        return Candles.empty(symbol, timeframe)
    rows = history.closed_rows(timeframe, from_ms, to_ms)
    grid = np.arange(from_ms, to_ms, step, dtype=np.int64)
    close = _closes(history, rows, grid, step)
    there = np.zeros(len(grid), dtype=np.bool_)
    place = (rows.open_ms - from_ms) // step
    there[place] = True
    columns = []
    for column in (rows.open, rows.high, rows.low):
        whole = close.copy()
        whole[place] = column
        columns.append(_as_written(whole, history.pair.decimals))
    volume = np.zeros(len(grid))
    volume[place] = volumes_as_written(rows.volume)
    opening, high, low = columns
    candles = Candles(
        symbol, timeframe, grid, opening, high, low, _as_written(close, history.pair.decimals), volume,
        (volume == 0.0) & (high == low),
    )  # fmt: skip
    return candles.take(np.isfinite(close) & (grid >= wanted_ms))


def _closes(history: History, rows: Rows, grid: np.ndarray[tuple[int], np.dtype[np.int64]], step: int) -> FloatArray:
    """The close of every candle of the grid; of missing ones the price before, nan before the first trade."""
    close = np.full(len(grid), np.nan)
    close[(rows.open_ms - int(grid[0])) // step] = rows.close
    missing = np.isnan(close)
    if not missing.any():
        return close
    for i in np.flatnonzero(missing & (grid % (BLOCK_ROWS * step) == 0)):
        before = history.still_before(int(grid[i]))
        close[i] = np.nan if before is None else before.close
    known = ~np.isnan(close)
    source = np.maximum.accumulate(np.where(known, np.arange(len(grid)), 0))
    return close[source]


def _as_written(prices: FloatArray, decimals: int) -> FloatArray:
    """Prices rounded to their decimals, as a text of them is read back."""
    unit = 10.0**decimals
    return np.rint(prices * unit) / unit


def volumes_as_written(volumes: FloatArray) -> FloatArray:
    """Volumes rounded to eight decimals, as a text of them is read back."""
    unit = 10.0**VOLUME_DECIMALS
    scaled = volumes * unit
    whole = np.rint(scaled)
    written: FloatArray = whole / unit
    unsure = np.abs(np.abs(scaled - whole) - 0.5) < np.maximum(NEAR_HALF, scaled * ROUNDING)
    for i in np.flatnonzero(unsure & (volumes < AS_THEY_ARE)):
        written[i] = float(f"{volumes[i]:.{VOLUME_DECIMALS}f}")
    return np.where(volumes < AS_THEY_ARE, written, volumes)


def kept_candles(
    history: History, symbol: str, finest: Candles, timeframe: str, start_ms: int, rows: int = FIRST_ANSWER_ROWS
) -> Candles:
    """A coarser series as ticks from start_ms on have it.

    Until then as the venue tells it, the newest `rows` candles; from then on built
    from the finest ones, as each bucket is complete.
    """
    step = timeframe_ms(timeframe)
    known_ms = floor_ms(start_ms, step)
    told = venue_candles(history, symbol, timeframe, known_ms - rows * step, known_ms)
    if timeframe == finest.timeframe:
        return finest.since(int(told.open_ms[0])) if len(told) else finest
    built = resample(finest, timeframe).since(known_ms)
    if not len(told):
        return built
    return joined(told, built)


def joined(early: Candles, late: Candles) -> Candles:
    """One series after the other."""
    return Candles(
        early.symbol,
        early.timeframe,
        *(
            np.concatenate((getattr(early, name), getattr(late, name)))
            for name in ("open_ms", "open", "high", "low", "close", "volume", "filled")
        ),
    )
