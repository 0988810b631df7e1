"""What makes a candle no candle. Bad rows are named, never mended."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from training.history.rows import Rows


class Complaint(NamedTuple):
    """row: number of the first bad one, counted from 0.  text: what is wrong with it, for a person."""

    row: int
    text: str


class Gap(NamedTuple):
    """Candles that are missing between two that are there. open_ms: of the first missing one."""

    open_ms: int
    missing: int


def first_complaint(rows: Rows) -> Complaint | None:
    """The first row that no venue would have given, None when all are sound.

    Open times must be on the grid and increase; prices be finite and above 0;
    low <= open, close <= high; volumes and counts be finite and not below 0
    (quote volume and count may be unknown); a count be whole.
    """
    step, opens = rows.step_ms, rows.open_ms
    with np.errstate(invalid="ignore"):
        prices = np.stack((rows.open, rows.high, rows.low, rows.close))
        later = np.append(True, np.diff(opens) > 0) if len(opens) else np.empty(0, dtype=np.bool_)
        again = np.append(False, np.diff(opens) == 0) if len(opens) else later
        tests = (
            ("its time is there twice", again),
            ("it does not come after the row before it", ~later & ~again),
            (f"its time is not on the {rows.timeframe} grid", (opens % step != 0) | (opens < 0)),
            ("a price is not finite", ~np.isfinite(prices).all(axis=0)),
            ("a price is not above 0", (prices <= 0).any(axis=0)),
            ("its high is below its low", rows.high < rows.low),
            ("its low is above its open or its close", rows.low > np.minimum(rows.open, rows.close)),
            ("its high is below its open or its close", rows.high < np.maximum(rows.open, rows.close)),
            ("its volume is not finite", ~np.isfinite(rows.volume)),
            ("its volume is below 0", rows.volume < 0),
            ("its quote volume is no amount", np.isinf(rows.quote_volume) | (rows.quote_volume < 0)),
            ("its number of trades is no count", (rows.trades < 0) | (np.floor(rows.trades) != rows.trades)
             & ~np.isnan(rows.trades) | np.isinf(rows.trades)),
        )  # fmt: skip
    found = [Complaint(int(np.argmax(bad)), text) for text, bad in tests if bad.any()]
    return min(found, key=lambda one: one.row) if found else None


def gaps(rows: Rows) -> list[Gap]:
    """Every hole between two rows, in order of time."""
    missing = np.diff(rows.open_ms) // rows.step_ms - 1
    where = np.flatnonzero(missing > 0)
    starts = rows.open_ms[where] + rows.step_ms
    return [Gap(int(start), int(count)) for start, count in zip(starts, missing[where], strict=True)]
