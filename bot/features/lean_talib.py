"""TA-Lib without pandas and polars, guarded for short input.

`import talib` imports pandas and polars where they are installed, only to accept
their series too; that costs the tick nearly half a second. Here it is told that
they are missing, unless the process has them already. The package is then
forgotten, so that other code that imports talib gets it whole.

Only those functions are taken whose value depends on a fixed number of rows.
TA-Lib's recursive ones (EMA, RSI, ATR, ADX) remember everything since the first
row they saw, and its running sums (STDDEV, MFI) keep the rounding of prices and
volumes long gone; bot.features.rolling has windowed forms of both.
"""

from __future__ import annotations

import sys
from types import ModuleType

import numpy as np

from bot.domain.candles import FloatArray

_OPTIONAL = ("pandas", "polars")


def _load() -> ModuleType:
    # Not safe while another thread imports pandas or polars: it would be refused.
    known = "talib" in sys.modules
    hidden = [name for name in _OPTIONAL if name not in sys.modules]
    sys.modules.update(dict.fromkeys(hidden))  # type: ignore[arg-type]
    try:
        import talib
    finally:
        for name in hidden:
            del sys.modules[name]
    if not known:
        del sys.modules["talib"]
    return talib


_talib = _load()


def _missing(x: FloatArray) -> FloatArray:
    return np.full(len(x), np.nan)


def highest(x: FloatArray, rows: int) -> FloatArray:
    """Largest of the last `rows` values; nan before there are that many."""
    return _talib.MAX(x, rows) if len(x) >= rows else _missing(x)


def lowest(x: FloatArray, rows: int) -> FloatArray:
    """Smallest of the last `rows` values; nan before there are that many."""
    return _talib.MIN(x, rows) if len(x) >= rows else _missing(x)


def rate_of_change(x: FloatArray, rows: int) -> FloatArray:
    """Percent by which x differs from itself `rows` ago."""
    return _talib.ROC(x, rows) if len(x) > rows else _missing(x)


def true_range(high: FloatArray, low: FloatArray, close: FloatArray) -> FloatArray:
    """Wilder's true range; nan in the first row, which has no previous close."""
    return _talib.TRANGE(high, low, close) if len(close) > 1 else _missing(close)


def directional_moves(high: FloatArray, low: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Wilder's +DM and -DM of single rows, not smoothed; nan in the first row."""
    if len(high) < 2:
        return _missing(high), _missing(high)
    return _talib.PLUS_DM(high, low, 1), _talib.MINUS_DM(high, low, 1)


def aroon(high: FloatArray, low: FloatArray, rows: int) -> tuple[FloatArray, FloatArray]:
    """Aroon up and down, percent: how recent the extreme of the last rows + 1 is. The newest of equals counts."""
    if len(high) <= rows:
        return _missing(high), _missing(high)
    down, up = _talib.AROON(high, low, rows)
    return up, down
