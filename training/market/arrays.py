"""The market as the compiled loop reads it: numbers in arrays, no text, one column a symbol."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
Bytes = npt.NDArray[np.int8]


class Listing(NamedTuple):
    """The venue's trading rules, one value a symbol.

    unit: price steps in one unit of quote currency, a power of ten.  widen: the
    power of ten that makes the symbol's money (lots times price steps) money of
    the common unit.  lots_per_unit: size steps in one base unit.  min_lots: of
    size steps.  Fees as fractions, and in millionths to be booked by.
    """

    unit: Floats
    widen: Floats
    lots_per_unit: Floats
    price_step: Floats
    size_step: Floats
    min_size: Floats
    min_lots: Ints
    min_notional: Floats
    taker_fee: Floats
    taker_millionths: Ints
    maker_millionths: Ints


class Path(NamedTuple):
    """Protection candles on one grid, gaps filled. Row i opens at first_ms + i * step_ms.

    open, high, low: float64[rows, symbols], quote currency.  volume: base units.
    filled: no trade made it.  first: int64[symbols], the first row that a symbol has.
    """

    first_ms: int
    step_ms: int
    open: Floats
    high: Floats
    low: Floats
    volume: Floats
    filled: Bools
    first: Ints


class Bars(NamedTuple):
    """Signals on the decision candles, one grid. Row b opens at first_ms + b * step_ms.

    direction: int8[rows, symbols], +1, -1 or 0.  confidence: 0..1.  scale: share of
    the rulebook's size that the leader wants.  leader: int64, place of the leading
    strategy, -1 for none.  atr: quote currency, nan where unknown.  volatility_ratio:
    nan where unknown.  rank: int64, orders the client ids of entries on these candles.
    first: int64[symbols], the first row that a symbol has.
    """

    first_ms: int
    step_ms: int
    direction: Bytes
    confidence: Floats
    scale: Floats
    leader: Ints
    atr: Floats
    volatility_ratio: Floats
    rank: Ints
    first: Ints


class Moments(NamedTuple):
    """Ticks. ms: int64[ticks].  last: int64[ticks, symbols], price steps of the last trade, -1 before the first."""

    ms: Ints
    last: Ints
