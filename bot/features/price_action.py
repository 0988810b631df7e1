"""Price action: candle shape, swing structure, pivot, support and resistance."""

from __future__ import annotations

import numpy as np

from bot.domain.candles import FloatArray
from bot.features import lean_talib, swings
from bot.features.frame import Column, Frame
from bot.features.rolling import lag, ratio

PIVOT_ROWS = 24


def _wick_ratio(f: Frame) -> FloatArray:
    reach = f.high - f.low
    return ratio(reach - np.abs(f.close - f.open), reach, 0.0)


def _higher_high(f: Frame) -> FloatArray:
    newest, before = f.swing_highs.price[:2]
    return np.where(newest > before, 1.0, 0.0)


def _lower_low(f: Frame) -> FloatArray:
    newest, before = f.swing_lows.price[:2]
    return np.where(newest < before, 1.0, 0.0)


def _pivot(f: Frame) -> FloatArray:
    high, low = lean_talib.highest(f.high, PIVOT_ROWS), lean_talib.lowest(f.low, PIVOT_ROWS)
    return lag((high + low + f.close) / 3.0, 1)


def _support(f: Frame) -> FloatArray:
    price = f.swing_lows.price
    nearest = np.where(price < f.close, price, -np.inf).max(axis=0)
    return np.where(np.isfinite(nearest), nearest, lean_talib.lowest(f.low, swings.LOOKBACK))


def _resistance(f: Frame) -> FloatArray:
    price = f.swing_highs.price
    nearest = np.where(price > f.close, price, np.inf).min(axis=0)
    return np.where(np.isfinite(nearest), nearest, lean_talib.highest(f.high, swings.LOOKBACK))


PRICE_ACTION = (
    Column("candle_body_size", "fraction", 0, "abs(close - open) / open", lambda f: np.abs(f.close - f.open) / f.open),
    Column("candle_wick_ratio", "fraction", 0, "share of the candle's range outside its body; 0 flat", _wick_ratio),
    Column("higher_high", "flag", swings.WARMUP, "1 when the newest swing high is above the one before", _higher_high),
    Column("lower_low", "flag", swings.WARMUP, "1 when the newest swing low is below the one before", _lower_low),
    Column("pivot_points", "price", PIVOT_ROWS, "(high + low + close) / 3 of the 24 rows before this one", _pivot),
    Column(
        "support_levels",
        "price",
        swings.WARMUP,
        "nearest of the last 6 swing lows below the close, else the lowest low of 100 rows",
        _support,
    ),
    Column(
        "resistance_levels",
        "price",
        swings.WARMUP,
        "nearest of the last 6 swing highs above the close, else the highest high of 100 rows",
        _resistance,
    ),
)
