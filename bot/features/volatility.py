"""Volatility: Bollinger bands, ATR, Keltner and Donchian channels."""

from __future__ import annotations

from bot.domain.candles import FloatArray
from bot.features.frame import MEAN_ROWS, Column, Frame
from bot.features.rolling import ratio


def _bb_percent(f: Frame) -> FloatArray:
    _, lower = f.bollinger
    return ratio(f.close - lower, 4.0 * f.std_20, 0.5)


def _keltner(f: Frame, side: float) -> FloatArray:
    band: FloatArray = f.means[1] + side * 2.0 * f.means[6]
    return band


VOLATILITY = (
    Column("bb_upper", "price", 19, "sma_20 + 2 standard deviations", lambda f: f.bollinger[0]),
    Column("bb_middle", "price", 19, "sma_20", lambda f: f.sma_20),
    Column("bb_lower", "price", 19, "sma_20 - 2 standard deviations", lambda f: f.bollinger[1]),
    Column("bb_width", "fraction", 19, "(bb_upper - bb_lower) / bb_middle", lambda f: f.bb_width),
    Column("bb_percent", "fraction", 19, "close between bb_lower (0) and bb_upper (1); 0.5 when flat", _bb_percent),
    Column("atr_14", "price", MEAN_ROWS, "Wilder mean of the true range, 14 rows", lambda f: f.means[9]),
    Column("atr_7", "price", MEAN_ROWS, "Wilder mean of the true range, 7 rows", lambda f: f.means[5]),
    Column("keltner_upper", "price", MEAN_ROWS, "EMA 20 + 2 ATR 10", lambda f: _keltner(f, 1.0)),
    Column("keltner_lower", "price", MEAN_ROWS, "EMA 20 - 2 ATR 10", lambda f: _keltner(f, -1.0)),
    Column("donchian_upper", "price", 19, "highest high of 20 rows", lambda f: f.donchian[0]),
    Column("donchian_lower", "price", 19, "lowest low of 20 rows", lambda f: f.donchian[1]),
)
