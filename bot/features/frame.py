"""One series of candles with what several columns share, each computed once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from bot.domain.candles import Candles, FloatArray, IntArray
from bot.features import lean_talib
from bot.features.rolling import RollingSums, exponential_mean, ratio, rolling_std, settle, span, wilder
from bot.features.supertrend import supertrend
from bot.features.swings import Swings, recent_swings

# Rows of the exponential means. What is cut off is 3e-9 of the weights at most (span
# 26), 2e-7 in the EMA of 50 and 5e-10 in that of 9.
MEAN_ROWS = 256
EMA_50_ROWS = 384
EMA_9_ROWS = 96

_ROUNDING = 1e-12

_SUMMED = {
    name: line
    for line, name in enumerate(
        (
            "close",
            "typical",
            "volume",
            "money",
            "money_up",
            "money_down",
            "signed_volume",
            "placed_volume",
            "move",
            "squared_move",
        )
    )
}

# Weight of the newest value, by line of Frame.means.
_WEIGHTS = np.array(
    [span(12), span(20), span(26), *[wilder(7)] * 3, wilder(10), *[wilder(14)] * 5],
)[:, np.newaxis]


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
        return change(self.close)

    @cached_property
    def typical(self) -> FloatArray:
        return (self.high + self.low + self.close) / 3.0

    @cached_property
    def true_range(self) -> FloatArray:
        return lean_talib.true_range(self.high, self.low, self.close)

    @cached_property
    def money(self) -> FloatArray:
        """Typical price times volume: quote currency that changed hands, nearly."""
        return self.typical * self.volume

    @cached_property
    def _sums(self) -> RollingSums:
        """Of the series named in _SUMMED, in that order."""
        turn = change(self.typical)
        move = np.full(len(self), np.nan)
        move[1:] = np.log(self.close[1:] / self.close[:-1])
        place = ratio(2.0 * self.close - self.low - self.high, self.high - self.low, 0.0)
        return RollingSums(
            np.stack(
                (
                    self.close,
                    self.typical,
                    self.volume,
                    self.money,
                    np.where(turn > 0.0, self.money, 0.0),
                    np.where(turn < 0.0, self.money, 0.0),
                    np.sign(self.change) * self.volume,
                    place * self.volume,
                    move,
                    move * move,
                )
            )
        )

    def total(self, series: str, rows: int) -> FloatArray:
        """Sum over the last `rows` rows.

        series: "close", "typical", "volume", "money"; "money_up", "money_down" (of
        rows whose typical price rose, fell); "signed_volume" (by the direction of
        the close); "placed_volume" (by the place of the close in its candle, -1 low
        to 1 high); "move", "squared_move" (log return).
        """
        return self._sums.over(_SUMMED[series], rows)

    @cached_property
    def sma_20(self) -> FloatArray:
        return self.total("close", 20) / 20.0

    @cached_property
    def sma_50(self) -> FloatArray:
        return self.total("close", 50) / 50.0

    @cached_property
    def std_20(self) -> FloatArray:
        return rolling_std(self.close, self.sma_20, 20)

    @cached_property
    def gains_and_losses(self) -> FloatArray:
        """float64[2, n]: rises of the close, falls of the close, both >= 0."""
        return gains_and_losses(self.change)

    @cached_property
    def means(self) -> FloatArray:
        """float64[12, n], exponential means of MEAN_ROWS rows, all in one go.

        0-2: close, spans 12, 20, 26.  3-5: gains, losses, true range, Wilder's of 7.
        6: true range, of 10.  7-11: gains, losses, true range, +DM, -DM, of 14.
        """
        close, moved, reach = self.close, self.gains_and_losses, self.true_range
        turns = lean_talib.directional_moves(self.high, self.low)
        series = np.stack((close, close, close, *moved, reach, reach, *moved, reach, *turns))
        return exponential_mean(series, _WEIGHTS, MEAN_ROWS)

    @cached_property
    def macd(self) -> FloatArray:
        return settle(self.means[0] - self.means[2], self.close)

    @cached_property
    def macd_signal(self) -> FloatArray:
        return exponential_mean(self.macd, span(9), EMA_9_ROWS)

    @cached_property
    def macd_hist(self) -> FloatArray:
        return settle(self.macd - self.macd_signal, self.close)

    @cached_property
    def aroon(self) -> tuple[FloatArray, FloatArray]:
        """Up and down over 25 rows, percent."""
        return lean_talib.aroon(self.high, self.low, 25)

    @cached_property
    def supertrend(self) -> tuple[FloatArray, FloatArray]:
        """Direction and line of Supertrend (10, 3)."""
        return supertrend((self.high + self.low) / 2.0, self.close, 3.0 * self.means[6], self.bar)

    @cached_property
    def rsi_14(self) -> FloatArray:
        return rsi(self.means[7:9])

    @cached_property
    def directional(self) -> tuple[FloatArray, FloatArray]:
        """+DI and -DI over 14, percent; 0 where no candle had a range."""
        reach, plus, minus = self.means[9:12]
        return ratio(100.0 * plus, reach, 0.0), ratio(100.0 * minus, reach, 0.0)

    @cached_property
    def bollinger(self) -> tuple[FloatArray, FloatArray]:
        """Upper and lower band: two standard deviations around sma_20."""
        reach = 2.0 * self.std_20
        return self.sma_20 + reach, self.sma_20 - reach

    @cached_property
    def bb_width(self) -> FloatArray:
        return 4.0 * self.std_20 / self.sma_20

    def volatility(self, rows: int) -> FloatArray:
        """Population standard deviation of the last `rows` log returns; 0 when all are equal."""
        squares = self.total("squared_move", rows)
        variance = squares / rows - (self.total("move", rows) / rows) ** 2
        # Equal moves leave rounding, not a spread.
        variance[variance <= _ROUNDING * squares] = 0.0
        return np.sqrt(variance)

    @cached_property
    def volatility_20(self) -> FloatArray:
        return self.volatility(20)

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
    def swing_highs(self) -> Swings:
        return recent_swings(self.high, 1.0)

    @cached_property
    def swing_lows(self) -> Swings:
        return recent_swings(self.low, -1.0)

    @cached_property
    def volume_sma_20(self) -> FloatArray:
        return self.total("volume", 20) / 20.0


def change(x: FloatArray) -> FloatArray:
    """x less its previous value, nan in the first row."""
    out = np.full(len(x), np.nan)
    np.subtract(x[1:], x[:-1], out=out[1:])
    return out


def gains_and_losses(moves: FloatArray) -> FloatArray:
    """float64[2, n]: rises and falls, both >= 0."""
    return np.stack((np.maximum(moves, 0.0), np.maximum(-moves, 0.0)))


def rsi(means: FloatArray) -> FloatArray:
    """Relative strength index from mean gains (row 0) and mean losses (row 1); 50 where there was neither."""
    gains, losses = means[0], means[1]
    return ratio(100.0 * gains, gains + losses, 50.0)
