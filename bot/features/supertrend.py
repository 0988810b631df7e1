"""Supertrend with a memory of at most two blocks of rows.

The usual recursion carries its bands from the first row it ever saw. Here it
starts anew at every 128th bar since the epoch and is read one block later: a row
is always 128 to 255 rows into its run, and a live window and the full history
run over the very same rows. Nearly every run meets the previous one within a few
rows; from there on both are equal and it is not run again.
"""

from __future__ import annotations

import numpy as np

from bot.domain.candles import FloatArray, IntArray

BLOCK = 128
# Rows between two looks at whether a run has met the previous one.
_STRIDE = 16

# upper band, lower band, direction
State = tuple[float, float, float]
# basic upper band, basic lower band, previous close, close
Row = tuple[float, float, float, float]


def _run(rows: list[Row], state: State | None) -> list[State]:
    """States after each row, from `state` or, without one, from the first row alone."""
    path: list[State] = []
    if state is None:
        path.append(_begin(rows[0]))
    upper, lower, direction = state or path[0]
    for basic_upper, basic_lower, previous, close in rows[len(path) :]:
        if basic_upper < upper or previous > upper:
            upper = basic_upper
        if basic_lower > lower or previous < lower:
            lower = basic_lower
        if direction < 0.0:
            if close > upper:
                direction = 1.0
        elif close < lower:
            direction = -1.0
        path.append((upper, lower, direction))
    return path


def _begin(row: Row) -> State:
    upper, lower, _, close = row
    return upper, lower, 1.0 if close >= (upper + lower) / 2.0 else -1.0


def _end(rows: list[Row], known: list[State]) -> State:
    """State after the last row of a run begun at the first; known: another run's states over them, or []."""
    state: State | None = None
    for place in range(0, len(rows), _STRIDE):
        state = _run(rows[place : place + _STRIDE], state)[-1]
        last = min(place + _STRIDE, len(rows)) - 1
        if known and known[last] == state:
            return known[-1]
    assert state is not None
    return state


def supertrend(middle: FloatArray, close: FloatArray, band: FloatArray, bar: IntArray) -> tuple[FloatArray, FloatArray]:
    """Direction (+1 above the line, -1 below) and the line itself, quote currency.

    middle: (high + low) / 2.  band: distance of the basic bands from it, leading
    nans allowed.  bar: number of each row since the epoch. nan where there is no
    whole block to run in on.
    """
    count = len(close)
    direction = np.full(count, np.nan)
    line = np.full(count, np.nan)
    begins = np.flatnonzero((bar % BLOCK == 0) & ~np.isnan(band)).tolist()
    if len(begins) < 2:
        return direction, line
    first = begins[0]
    # Row `first` has no use for a previous close: a run starts there.
    previous = np.concatenate((close[first : first + 1], close[first:-1]))
    rows: list[Row] = list(
        zip(
            (middle + band)[first:].tolist(),
            (middle - band)[first:].tolist(),
            previous.tolist(),
            close[first:].tolist(),
            strict=True,
        )
    )
    cuts = [begin - first for begin in begins] + [count - first]
    states: list[State] = []
    known: list[State] = []
    for start, middle_cut, stop in zip(cuts, cuts[1:], cuts[2:], strict=False):
        known = _run(rows[middle_cut:stop], _end(rows[start:middle_cut], known))
        states += known
    path = np.array(states)
    up = path[:, 2] > 0.0
    direction[begins[1] :] = path[:, 2]
    line[begins[1] :] = np.where(up, path[:, 1], path[:, 0])
    return direction, line
