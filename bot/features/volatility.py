"""Volatility: Bollinger bands, ATR, Keltner and Donchian channels."""

from __future__ import annotations

from bot.domain.candles import FloatArray
from bot.features.frame import EMA_ROWS, WILDER_ROWS, Column, Frame
from bot.features.rolling import ema, ratio

_KELTNER = max(EMA_ROWS[20] - 1, WILDER_ROWS[10])


def _bb_percent(f: Frame) -> FloatArray:
    _, lower = f.bollinger
    return ratio(f.close - lower, 4.0 * f.std_20, 0.5)


def _keltner(f: Frame, side: float) -> FloatArray:
    return ema(f.close, 20, EMA_ROWS[20]) + side * 2.0 * f.atr_10


VOLATILITY = (
    Column("bb_upper", "price", 19, "sma_20 + 2 standard deviations", lambda f: f.bollinger[0]),
    Column("bb_middle", "price", 19, "sma_20", lambda f: f.sma_20),
    Column("bb_lower", "price", 19, "sma_20 - 2 standard deviations", lambda f: f.bollinger[1]),
    Column("bb_width", "fraction", 19, "(bb_upper - bb_lower) / bb_middle", lambda f: f.bb_width),
    Column("bb_percent", "fraction", 19, "close between bb_lower (0) and bb_upper (1); 0.5 when flat", _bb_percent),
    Column("atr_14", "price", WILDER_ROWS[14], "Wilder mean of the true range, 14 rows", lambda f: f.wilder_14[2]),
    Column("atr_7", "price", WILDER_ROWS[7], "Wilder mean of the true range, 7 rows", lambda f: f.wilder_7[2]),
    Column("keltner_upper", "price", _KELTNER, "EMA 20 + 2 ATR 10", lambda f: _keltner(f, 1.0)),
    Column("keltner_lower", "price", _KELTNER, "EMA 20 - 2 ATR 10", lambda f: _keltner(f, -1.0)),
    Column("donchian_upper", "price", 19, "highest high of 20 rows", lambda f: f.donchian[0]),
    Column("donchian_lower", "price", 19, "lowest low of 20 rows", lambda f: f.donchian[1]),
)
