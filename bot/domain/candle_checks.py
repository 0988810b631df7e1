"""What a venue calls candles, checked before anybody may trade on it.

Raw rows come in, `Candles` or the reason why not come out. A single bad candle
makes the whole answer bad: a symbol that waits a tick costs less than a trade on
a price that never was.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from bot.domain.candles import Candles, FloatArray
from bot.domain.timeframes import floor_ms, timeframe_ms

BAD = "bad_candles"
DOUBLE = "duplicate"

MAX_GAP = 288
"""Candles in a row that may be missing and still be filled: a day of five minutes."""


@dataclass(frozen=True, slots=True)
class Problem:
    """kind: BAD (no candles come out) or DOUBLE (a harmless repeat was dropped). detail: for a person."""

    kind: str
    detail: str


class Checked(NamedTuple):
    """Candles, or None when one of the problems is BAD."""

    candles: Candles | None
    problems: tuple[Problem, ...]


def check_rows(symbol: str, timeframe: str, rows: Sequence[Sequence[Any]], now_ms: int) -> Checked:
    """Validate raw rows and keep those that are closed at now_ms.

    rows: [open_ms, open, high, low, close, volume], numbers or their text,
    oldest first. Every candle must be on the timeframe's grid, later than the one
    before, finite, with prices > 0, volume >= 0 and low <= open, close <= high. An
    exact repeat of the row before is dropped. Of the forming candle only the time
    is checked: its values are not final. Candles may still miss in between: see
    `fill_gaps`. Flat candles without volume count as filled: no trade made them.
    """
    step = timeframe_ms(timeframe)
    table = _as_table(rows)
    if isinstance(table, Problem):
        return _bad(f"{symbol} {timeframe}: {table.detail}")
    table, doubles = _drop_doubles(table)
    complaint = _first_complaint(table, step, now_ms)
    if complaint:
        return _bad(f"{symbol} {timeframe}: {complaint}")
    closed = table[table[:, 0] + step <= now_ms]
    notes = (Problem(DOUBLE, f"{symbol} {timeframe}: {doubles} repeated candle(s) dropped"),) if doubles else ()
    moment, first, high, low, last, volume = np.ascontiguousarray(closed.T)
    flat = (volume == 0) & (high == low)
    return Checked(Candles(symbol, timeframe, moment.astype(np.int64), first, high, low, last, volume, flat), notes)


def fill_gaps(candles: Candles, until_ms: int | None = None, max_gap: int = MAX_GAP) -> Checked:
    """Put a flat candle at the previous close, volume 0, wherever one is missing.

    until_ms: also after the newest, up to the last candle that is closed then.
    More than max_gap missing in a row is BAD: what lies beyond such a hole says
    little about what lies before it.
    """
    if not len(candles):
        return Checked(candles, ())
    step = candles.step_ms
    opens = candles.open_ms
    newest = int(opens[-1])
    end = newest if until_ms is None else max(newest, floor_ms(until_ms, step) - step)
    missing = np.diff(np.append(opens, end + step)) // step - 1
    widest = int(missing.max())
    if widest > max_gap:
        before = int(opens[int(missing.argmax())])
        return _bad(f"{candles.symbol} {candles.timeframe}: {widest} candles missing after {before}, allowed {max_gap}")
    if widest <= 0:
        return Checked(candles, ())
    source = np.repeat(np.arange(len(candles)), missing + 1)
    grid = np.arange(int(opens[0]), end + step, step, dtype=np.int64)
    real = grid == opens[source]
    close = candles.close[source]
    return Checked(
        Candles(
            candles.symbol,
            candles.timeframe,
            grid,
            np.where(real, candles.open[source], close),
            np.where(real, candles.high[source], close),
            np.where(real, candles.low[source], close),
            close,
            np.where(real, candles.volume[source], 0.0),
            ~real | candles.filled[source],
        ),
        (),
    )


def resample(candles: Candles, timeframe: str) -> Candles:
    """Coarser candles from finer ones; only those whose every part is there.

    Each depends on its own parts alone, so later candles change nothing in
    earlier ones. Filled only when no part saw a trade and the price stood still.
    Raises ValueError when the timeframe is no multiple of the candles' own.
    """
    step, parts_step = timeframe_ms(timeframe), candles.step_ms
    if step % parts_step:
        raise ValueError(f"{timeframe} is no multiple of {candles.timeframe}")
    if not len(candles):
        return Candles.empty(candles.symbol, timeframe)
    bucket = candles.open_ms - candles.open_ms % step
    starts = np.flatnonzero(np.append(True, bucket[1:] != bucket[:-1]))
    counts = np.diff(np.append(starts, len(candles)))
    high = np.maximum.reduceat(candles.high, starts)
    low = np.minimum.reduceat(candles.low, starts)
    made = Candles(
        candles.symbol,
        timeframe,
        bucket[starts],
        candles.open[starts],
        high,
        low,
        candles.close[starts + counts - 1],
        np.add.reduceat(candles.volume, starts),
        np.logical_and.reduceat(candles.filled, starts) & (high == low),
    )
    return made.take(counts == step // parts_step)


def merge(stored: Candles, fresh: Candles, tolerance: float = 1e-9, max_gap: int = MAX_GAP) -> Checked:
    """Stored candles with fresh ones after them; a gap between is filled.

    Where both have a candle they must agree within `tolerance` (relative), and
    the stored one stays: a venue that rewrites the past is not to be traded on.
    Raises ValueError on different symbols or timeframes.
    """
    if (stored.symbol, stored.timeframe) != (fresh.symbol, fresh.timeframe):
        raise ValueError(f"{fresh.symbol} {fresh.timeframe} does not extend {stored.symbol} {stored.timeframe}")
    if not len(stored) or not len(fresh):
        return fill_gaps(fresh if not len(stored) else stored, max_gap=max_gap)
    _, ours, theirs = np.intersect1d(stored.open_ms, fresh.open_ms, assume_unique=True, return_indices=True)
    kept, given = stored.take(ours), fresh.take(theirs)
    pairs = zip(_columns(kept), _columns(given), strict=True)
    agree = np.logical_and.reduce([np.isclose(a, b, rtol=tolerance, atol=0.0) for a, b in pairs])
    if not np.all(agree):
        moment = int(kept.open_ms[int(np.argmin(agree))])
        return _bad(f"{stored.symbol} {stored.timeframe}: the candle of {moment} differs from the stored one")
    return fill_gaps(_join(stored, fresh.since(int(stored.open_ms[-1]) + 1)), max_gap=max_gap)


def is_stale(candles: Candles, now_ms: int, stale_after_s: float) -> bool:
    """Whether the newest candle is older than it may be.

    Age counts from the moment at which the next candle should have closed: a
    daily candle is not stale at noon. No candles at all are stale.
    """
    if not len(candles):
        return True
    expected_close = floor_ms(now_ms, candles.step_ms)
    return bool(expected_close - int(candles.close_ms[-1]) > stale_after_s * 1000)


def checksum(candles: Candles) -> str:
    """Hex BLAKE2b over name and columns: equal only for equal candles, on every machine."""
    digest = hashlib.blake2b(f"{candles.symbol}\x1f{candles.timeframe}\x1f{len(candles)}".encode(), digest_size=16)
    digest.update(candles.open_ms.astype("<i8").tobytes())
    for column in _columns(candles):
        digest.update((column + 0.0).astype("<f8").tobytes())  # + 0.0: -0.0 and 0.0 are the same value
    digest.update(np.packbits(candles.filled).tobytes())
    return digest.hexdigest()


def _columns(candles: Candles) -> tuple[FloatArray, ...]:
    return (candles.open, candles.high, candles.low, candles.close, candles.volume)


def _join(early: Candles, late: Candles) -> Candles:
    return Candles(
        early.symbol,
        early.timeframe,
        np.concatenate((early.open_ms, late.open_ms)),
        np.concatenate((early.open, late.open)),
        np.concatenate((early.high, late.high)),
        np.concatenate((early.low, late.low)),
        np.concatenate((early.close, late.close)),
        np.concatenate((early.volume, late.volume)),
        np.concatenate((early.filled, late.filled)),
    )


def _bad(detail: str) -> Checked:
    return Checked(None, (Problem(BAD, detail),))


def _as_table(rows: Sequence[Sequence[Any]]) -> FloatArray | Problem:
    """rows as float64[n, 6], or which one is not six numbers."""
    try:
        if all(len(row) == 6 for row in rows):
            return np.array(rows, dtype=np.float64).reshape(len(rows), 6)
    except (TypeError, ValueError, OverflowError):
        pass
    return Problem(BAD, f"row {_first_unreadable(rows) + 1} is not six numbers")


def _first_unreadable(rows: Sequence[Sequence[Any]]) -> int:
    for index, row in enumerate(rows):
        try:
            if len([float(cell) for cell in row]) != 6:
                return index
        except (TypeError, ValueError, OverflowError):
            return index
    return len(rows)


def _drop_doubles(table: FloatArray) -> tuple[FloatArray, int]:
    """The table without rows that repeat the row before them in every cell."""
    if len(table) < 2:
        return table, 0
    fresh = np.append(True, np.any(table[1:] != table[:-1], axis=1))
    return table[fresh], int(len(table) - fresh.sum())


def _first_complaint(table: FloatArray, step: int, now_ms: int) -> str:
    """What is wrong with the earliest bad candle, "" when none is."""
    opens = table[:, 0]
    closed = opens + step <= now_ms
    first, high, low, last = table[:, 1:5].T
    with np.errstate(invalid="ignore"):
        complaints = (
            ("its time is no moment in ms", ~(np.abs(opens) < 2**53) | (opens != np.floor(opens))),
            ("it is not on the grid", opens % step != 0),
            ("it does not come after the candle before it", np.append(False, ~(opens[1:] > opens[:-1]))),
            ("it lies in the future", opens > now_ms + step),
            ("a price or the volume is not finite", closed & ~np.isfinite(table[:, 1:]).all(axis=1)),
            ("a price is not above 0", closed & (table[:, 1:5] <= 0).any(axis=1)),
            ("the volume is below 0", closed & (table[:, 5] < 0)),
            ("the low is above the open or the close", closed & (low > np.minimum(first, last))),
            ("the high is below the open or the close", closed & (high < np.maximum(first, last))),
        )
    found = [(int(np.argmax(where)), text) for text, where in complaints if where.any()]
    if not found:
        return ""
    index, text = min(found, key=lambda complaint: complaint[0])
    return f"candle {index + 1} of {len(table)}, open time {opens[index]:.0f}: {text}"
