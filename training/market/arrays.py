"""The market as the compiled loop reads it: records of numbers, no text, one column a symbol."""

from __future__ import annotations

from typing import Any, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Records: TypeAlias = "np.recarray[Any, np.dtype[np.void]]"

LISTING = np.dtype(
    [
        ("unit", "f8"),
        ("widen", "f8"),
        ("price_step", "f8"),
        ("size_step", "f8"),
        ("min_size", "f8"),
        ("min_lots", "i8"),
        ("min_notional", "f8"),
        ("taker_fee", "f8"),
        ("taker_millionths", "i8"),
        ("maker_millionths", "i8"),
    ],
    align=True,
)
"""The venue's trading rules of a symbol.

unit: price steps in one unit of quote currency, a power of ten.  widen: the power
of ten that makes lots times price steps money of the common unit.  min_lots: 1e-8
base units.  Fees as fractions, and in millionths to be booked by.
"""

CANDLE = np.dtype([("open", "f8"), ("high", "f8"), ("low", "f8"), ("volume", "f8"), ("filled", "i8")], align=True)
"""A protection candle: quote currency, base units. filled: 1 where no trade made it."""

BAR = np.dtype(
    [
        ("direction", "i8"),
        ("confidence", "f8"),
        ("scale", "f8"),
        ("leader", "i8"),
        ("atr", "f8"),
        ("volatility_ratio", "f8"),
        ("rank", "i8"),
    ],
    align=True,
)
"""The signal on a decision candle.

direction: +1, -1, 0.  confidence: 0..1.  scale: share of the rulebook's size that
the leader wants.  leader: place of the leading strategy, -1 for none.  atr: quote
currency, nan unknown.  volatility_ratio: nan unknown.  rank: orders the client ids
of entries on these candles.
"""


class Path(NamedTuple):
    """CANDLE[rows, symbols] on one grid, gaps filled. Row i opens at first_ms + i * step_ms.

    first: int64[symbols], the first row that a symbol has.
    """

    first_ms: int
    step_ms: int
    candles: Records
    first: Ints


class Bars(NamedTuple):
    """BAR[rows, symbols] on one grid. Row b opens at first_ms + b * step_ms. first: as in Path.

    correlations: float64[rows, pairs], of returns up to each candle's close, nan
    unknown; pairs of symbols in the order (0, 1), (0, 2) .. (1, 2) ..
    """

    first_ms: int
    step_ms: int
    signals: Records
    first: Ints
    correlations: Floats


class Moments(NamedTuple):
    """Ticks. ms: int64[ticks].  last: int64[ticks, symbols], price steps of the last trade, -1 before the first."""

    ms: Ints
    last: Ints


def records(shape: int | tuple[int, ...], kind: np.dtype[np.void]) -> Records:
    """Records of zeros."""
    return np.zeros(shape, dtype=kind).view(np.recarray)
