"""Trend: averages, MACD, ADX, Aroon, Supertrend."""

from __future__ import annotations

import numpy as np

from bot.domain.candles import FloatArray
from bot.features.frame import EMA_9_ROWS, EMA_50_ROWS, MEAN_ROWS, Column, Frame
from bot.features.rolling import exponential_mean, ratio, span, wilder
from bot.features.supertrend import BLOCK

_SIGNAL = MEAN_ROWS + EMA_9_ROWS - 2
# ATR of the bands, the wait for the grid, one block to run in.
_SUPERTREND = MEAN_ROWS + 2 * BLOCK - 1


def _adx(f: Frame) -> FloatArray:
    plus, minus = f.directional
    apart = ratio(100.0 * np.abs(plus - minus), plus + minus, 0.0)
    return exponential_mean(apart, wilder(14), MEAN_ROWS)


TREND = (
    Column("sma_20", "price", 19, "mean close of 20 rows", lambda f: f.sma_20),
    Column("sma_50", "price", 49, "mean close of 50 rows", lambda f: f.sma_50),
    Column("sma_200", "price", 199, "mean close of 200 rows", lambda f: f.total("close", 200) / 200.0),
    Column("ema_12", "price", MEAN_ROWS - 1, "exponential mean of the close, span 12", lambda f: f.means[0]),
    Column("ema_26", "price", MEAN_ROWS - 1, "exponential mean of the close, span 26", lambda f: f.means[2]),
    Column(
        "ema_50",
        "price",
        EMA_50_ROWS - 1,
        "exponential mean of the close, span 50",
        lambda f: exponential_mean(f.close, span(50), EMA_50_ROWS),
    ),
    Column("macd", "price", MEAN_ROWS - 1, "ema_12 - ema_26", lambda f: f.macd),
    Column("macd_signal", "price", _SIGNAL, "exponential mean, span 9, of macd", lambda f: f.macd_signal),
    Column("macd_hist", "price", _SIGNAL, "macd - macd_signal", lambda f: f.macd_hist),
    Column("adx", "percent", 2 * MEAN_ROWS - 1, "Wilder's strength of trend, 14 rows; 0 when flat", _adx),
    Column("plus_di", "percent", MEAN_ROWS, "Wilder's +DI, 14 rows; 0 when flat", lambda f: f.directional[0]),
    Column("minus_di", "percent", MEAN_ROWS, "Wilder's -DI, 14 rows; 0 when flat", lambda f: f.directional[1]),
    Column("aroon_up", "percent", 25, "how recent the highest high of 26 rows is", lambda f: f.aroon[0]),
    Column("aroon_down", "percent", 25, "how recent the lowest low of 26 rows is", lambda f: f.aroon[1]),
    Column("supertrend", "flag", _SUPERTREND, "+1 above the Supertrend line, -1 below", lambda f: f.supertrend[0]),
    Column(
        "supertrend_line",
        "price",
        _SUPERTREND,
        "trailing line 3 ATR(10) from the middle of the candle",
        lambda f: f.supertrend[1],
    ),
)
