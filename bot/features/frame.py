"""One series of candles with what several columns share, each computed once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from bot.domain.candles import Candles, FloatArray, IntArray
from bot.features import lean_talib
from bot.features.rolling import ema, ratio, rolling_mean, rolling_std, settle, wilder
from bot.features.supertrend import supertrend
from bot.features.swings import Swings, recent_swings

# Rows of the exponential means: the share of the weights cut off is below 1e-6 for
# spans, below 1e-8 for Wilder's.
EMA_ROWS = {9: 96, 12: 128, 20: 192, 26: 256, 50: 384}
WILDER_ROWS = {7: 128, 10: 192, 14: 256}


@dataclass(frozen=True, slots=True)
class Column:
    """One feature.

    unit: "price" (quote currency), "base" (units of volume), "percent",
    "fraction" (of 1) or "flag" (-1, 0, 1).  warmup: rows before the first valid
    one, all nan.  about: the formula in a line.  values: float64[n] from a frame.
    """

    name: str
    unit: str
    warmup: int
    about: str
    values: Callable[[Frame], FloatArray]


class Frame:
    """Prices and volumes as contiguous float64, and shared intermediate series.

    bar: int64[n], number of each candle since the epoch, the same wherever a
    window starts.
    """

    def __init__(self, candles: Candles) -> None:
        self.bar: IntArray = candles.open_ms // candles.step_ms
        self.open = np.ascontiguousarray(candles.open, dtype=np.float64)
        self.high = np.ascontiguousarray(candles.high, dtype=np.float64)
        self.low = np.ascontiguousarray(candles.low, dtype=np.float64)
        self.close = np.ascontiguousarray(candles.close, dtype=np.float64)
        self.volume = np.ascontiguousarray(candles.volume, dtype=np.float64)

    def __len__(self) -> int:
        return len(self.close)

    @cached_property
    def change(self) -> FloatArray:
        """close - previous close, nan in the first row."""
        out = np.full(len(self), np.nan)
        np.subtract(self.close[1:], self.close[:-1], out=out[1:])
        return out

    @cached_property
    def typical(self) -> FloatArray:
        return (self.high + self.low + self.close) / 3.0

    @cached_property
    def true_range(self) -> FloatArray:
        return lean_talib.true_range(self.high, self.low, self.close)

    @cached_property
    def sma_20(self) -> FloatArray:
        return rolling_mean(self.close, 20)

    @cached_property
    def sma_50(self) -> FloatArray:
        return rolling_mean(self.close, 50)

    @cached_property
    def std_20(self) -> FloatArray:
        return rolling_std(self.close, self.sma_20, 20)

    @cached_property
    def ema_12(self) -> FloatArray:
        return ema(self.close, 12, EMA_ROWS[12])

    @cached_property
    def ema_26(self) -> FloatArray:
        return ema(self.close, 26, EMA_ROWS[26])

    @cached_property
    def macd(self) -> FloatArray:
        return settle(self.ema_12 - self.ema_26, self.close)

    @cached_property
    def macd_signal(self) -> FloatArray:
        return ema(self.macd, 9, EMA_ROWS[9])

    @cached_property
    def macd_hist(self) -> FloatArray:
        return settle(self.macd - self.macd_signal, self.close)

    @cached_property
    def aroon(self) -> tuple[FloatArray, FloatArray]:
        """Up and down over 25 rows, percent."""
        return lean_talib.aroon(self.high, self.low, 25)

    @cached_property
    def gains_and_losses(self) -> FloatArray:
        """float64[2, n]: rises of the close, falls of the close, both >= 0."""
        return np.stack((np.maximum(self.change, 0.0), np.maximum(-self.change, 0.0)))

    @cached_property
    def wilder_14(self) -> FloatArray:
        """float64[5, n], Wilder means over 14: gains, losses, true range, +DM, -DM."""
        moves = lean_talib.directional_moves(self.high, self.low)
        series = np.stack((*self.gains_and_losses, self.true_range, *moves))
        return wilder(series, 14, WILDER_ROWS[14])

    @cached_property
    def wilder_7(self) -> FloatArray:
        """float64[3, n], Wilder means over 7: gains, losses, true range."""
        return wilder(np.stack((*self.gains_and_losses, self.true_range)), 7, WILDER_ROWS[7])

    @cached_property
    def atr_10(self) -> FloatArray:
        return wilder(self.true_range, 10, WILDER_ROWS[10])

    @cached_property
    def supertrend(self) -> tuple[FloatArray, FloatArray]:
        """Direction and line of Supertrend (10, 3)."""
        return supertrend((self.high + self.low) / 2.0, self.close, 3.0 * self.atr_10, self.bar)

    @cached_property
    def rsi_14(self) -> FloatArray:
        return rsi(self.wilder_14)

    @cached_property
    def directional(self) -> tuple[FloatArray, FloatArray]:
        """+DI and -DI over 14, percent; 0 where no candle had a range."""
        _, _, reach, plus, minus = self.wilder_14
        return ratio(100.0 * plus, reach, 0.0), ratio(100.0 * minus, reach, 0.0)

    @cached_property
    def bollinger(self) -> tuple[FloatArray, FloatArray]:
        """Upper and lower band: two standard deviations around sma_20."""
        reach = 2.0 * self.std_20
        return self.sma_20 + reach, self.sma_20 - reach

    @cached_property
    def bb_width(self) -> FloatArray:
        return 4.0 * self.std_20 / self.sma_20

    @cached_property
    def stochastic(self) -> FloatArray:
        """Place of the close within the range of 14 rows, percent; 50 where there is no range."""
        high, low = lean_talib.highest(self.high, 14), lean_talib.lowest(self.low, 14)
        return ratio(100.0 * (self.close - low), high - low, 50.0)

    @cached_property
    def donchian(self) -> tuple[FloatArray, FloatArray]:
        """Highest high and lowest low of 20 rows, the row's own included."""
        return lean_talib.highest(self.high, 20), lean_talib.lowest(self.low, 20)

    @cached_property
    def volume_sma_20(self) -> FloatArray:
        return rolling_mean(self.volume, 20)

    @cached_property
    def swing_highs(self) -> Swings:
        return recent_swings(self.high, 1.0)

    @cached_property
    def swing_lows(self) -> Swings:
        return recent_swings(self.low, -1.0)

    @cached_property
    def volume_ratio(self) -> FloatArray:
        return ratio(self.volume, self.volume_sma_20, 0.0)


def rsi(means: FloatArray) -> FloatArray:
    """Relative strength index from mean gains (row 0) and mean losses (row 1); 50 where there was neither."""
    gains, losses = means[0], means[1]
    return ratio(100.0 * gains, gains + losses, 50.0)
