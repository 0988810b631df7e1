"""Trend: averages, MACD, ADX, Aroon, Supertrend."""

from __future__ import annotations

import numpy as np

from bot.domain.candles import FloatArray
from bot.features.frame import EMA_ROWS, WILDER_ROWS, Column, Frame
from bot.features.rolling import ema, ratio, rolling_mean, wilder
from bot.features.supertrend import BLOCK

_MACD = EMA_ROWS[26] - 1
_SIGNAL = _MACD + EMA_ROWS[9] - 1
_DI = WILDER_ROWS[14]
# ATR of the bands, the wait for the grid, one block to run in.
_SUPERTREND = WILDER_ROWS[10] + 2 * BLOCK - 1


def _adx(f: Frame) -> FloatArray:
    plus, minus = f.directional
    return wilder(ratio(100.0 * np.abs(plus - minus), plus + minus, 0.0), 14, WILDER_ROWS[14])


TREND = (
    Column("sma_20", "price", 19, "mean close of 20 rows", lambda f: f.sma_20),
    Column("sma_50", "price", 49, "mean close of 50 rows", lambda f: f.sma_50),
    Column("sma_200", "price", 199, "mean close of 200 rows", lambda f: rolling_mean(f.close, 200)),
    Column("ema_12", "price", EMA_ROWS[12] - 1, "exponential mean, span 12, of 128 rows", lambda f: f.ema_12),
    Column("ema_26", "price", EMA_ROWS[26] - 1, "exponential mean, span 26, of 256 rows", lambda f: f.ema_26),
    Column(
        "ema_50",
        "price",
        EMA_ROWS[50] - 1,
        "exponential mean, span 50, of 384 rows",
        lambda f: ema(f.close, 50, EMA_ROWS[50]),
    ),
    Column("macd", "price", _MACD, "ema_12 - ema_26", lambda f: f.macd),
    Column("macd_signal", "price", _SIGNAL, "exponential mean, span 9, of macd", lambda f: f.macd_signal),
    Column("macd_hist", "price", _SIGNAL, "macd - macd_signal", lambda f: f.macd_hist),
    Column("adx", "percent", _DI + WILDER_ROWS[14] - 1, "Wilder's strength of trend, 14 rows; 0 when flat", _adx),
    Column("plus_di", "percent", _DI, "Wilder's +DI, 14 rows; 0 when flat", lambda f: f.directional[0]),
    Column("minus_di", "percent", _DI, "Wilder's -DI, 14 rows; 0 when flat", lambda f: f.directional[1]),
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
