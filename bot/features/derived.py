"""Returns, relative measures, changes of other columns, breakouts, divergences."""

from __future__ import annotations

import numpy as np

from bot.domain.candles import FloatArray
from bot.features import swings
from bot.features.frame import EMA_9_ROWS, MEAN_ROWS, Column, Frame
from bot.features.rolling import lag, ratio, windows

RANK_ROWS = 120
# A divergence holds while its newest swing is at most so many rows old.
FRESH_ROWS = 14
# Differences below this share are rounding.
_TIE = 1e-9


def _return(f: Frame, rows: int) -> FloatArray:
    return f.close / lag(f.close, rows) - 1.0


def _volatility_ratio(f: Frame) -> FloatArray:
    return ratio(f.volatility_20, f.volatility(100), 1.0)


def _bb_width_rank(f: Frame) -> FloatArray:
    width = f.bb_width
    out = np.full(len(f), np.nan)
    if len(f) > RANK_ROWS:
        below = windows(width[:-1], RANK_ROWS) < width[RANK_ROWS:] * (1.0 - _TIE)
        # Counted in bytes: up to 120, and many times quicker than in words.
        out[RANK_ROWS:] = np.add.reduce(below.view(np.int8), axis=0, dtype=np.int8) / RANK_ROWS
    return out


def _breakout(f: Frame, side: int) -> FloatArray:
    return f.close / lag(f.donchian[side], 1) - 1.0


def _divergence(f: Frame, indicator: FloatArray, scale: float | FloatArray) -> FloatArray:
    """+1, -1 or 0 from the newest two swing lows and swing highs; the fresher pair wins, none on a tie.

    scale: what a difference of the indicator is measured against.
    """
    now = np.arange(len(f))
    margin = _TIE * scale

    def turned(seen: swings.Swings, sign: float) -> FloatArray:
        # Row of the newest swing where price went on (sign: up +1, down -1) and the indicator did not, else -1.
        last, before = np.maximum(seen.row, 0)
        on = sign * (seen.price[0] - seen.price[1]) > 0.0
        against = sign * (indicator[before] - indicator[last]) > margin
        return np.where(on & against & (now - last <= FRESH_ROWS), last, -1)

    bullish, bearish = turned(f.swing_lows, -1.0), turned(f.swing_highs, 1.0)
    return np.sign(bullish - bearish).astype(np.float64)


_RSI = MEAN_ROWS
_HIST = MEAN_ROWS + EMA_9_ROWS - 2

DERIVED = (
    Column("close", "price", 0, "close", lambda f: f.close),
    Column("return_1", "fraction", 1, "close / close 1 row ago - 1", lambda f: _return(f, 1)),
    Column("return_5", "fraction", 5, "close / close 5 rows ago - 1", lambda f: _return(f, 5)),
    Column("return_20", "fraction", 20, "close / close 20 rows ago - 1", lambda f: _return(f, 20)),
    Column("volatility_20", "fraction", 20, "standard deviation of 20 log returns", lambda f: f.volatility_20),
    Column("volatility_ratio", "fraction", 100, "volatility_20 / that of 100 rows; 1 when flat", _volatility_ratio),
    Column(
        "zscore_20",
        "fraction",
        19,
        "close less sma_20, in standard deviations; 0 when flat",
        lambda f: ratio(f.close - f.sma_20, f.std_20, 0.0),
    ),
    Column(
        "bb_width_rank", "fraction", 19 + RANK_ROWS, "share of the 120 bb_width before that are below", _bb_width_rank
    ),
    Column("macd_hist_slope", "price", _HIST + 1, "change of macd_hist", lambda f: f.macd_hist - lag(f.macd_hist, 1)),
    Column("rsi_slope", "percent", _RSI + 3, "change of rsi_14 in 3 rows", lambda f: f.rsi_14 - lag(f.rsi_14, 3)),
    Column("breakout_up", "fraction", 20, "close / previous donchian_upper - 1", lambda f: _breakout(f, 0)),
    Column("breakout_down", "fraction", 20, "close / previous donchian_lower - 1", lambda f: _breakout(f, 1)),
    Column(
        "rsi_divergence",
        "flag",
        _RSI + swings.WARMUP,
        "+1 lower swing low at a higher rsi_14, -1 higher swing high at a lower one, fresh for 14 rows",
        lambda f: _divergence(f, f.rsi_14, 100.0),
    ),
    Column(
        "macd_divergence",
        "flag",
        MEAN_ROWS + swings.WARMUP,
        "+1 lower swing low at a higher macd, -1 higher swing high at a lower one, fresh for 14 rows",
        lambda f: _divergence(f, f.macd, f.close),
    ),
)
