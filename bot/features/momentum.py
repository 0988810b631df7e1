"""Momentum: RSI, stochastic, Williams %R, CCI, MFI, rate of change."""

from __future__ import annotations

import numpy as np

from bot.domain.candles import FloatArray
from bot.features import lean_talib
from bot.features.frame import WILDER_ROWS, Column, Frame, rsi
from bot.features.rolling import mean_deviation, ratio, rolling_mean, rolling_sum


def _cci(f: Frame) -> FloatArray:
    mean = rolling_mean(f.typical, 20)
    return ratio(f.typical - mean, 0.015 * mean_deviation(f.typical, mean, 20), 0.0)


def _mfi(f: Frame) -> FloatArray:
    flow = f.typical * f.volume
    step = np.full(len(f), np.nan)
    np.subtract(f.typical[1:], f.typical[:-1], out=step[1:])
    signed = np.stack((np.where(step > 0.0, flow, 0.0), np.where(step < 0.0, flow, 0.0)))
    gains, losses = rolling_sum(signed, 14)
    return ratio(100.0 * gains, gains + losses, 50.0)


MOMENTUM = (
    Column("rsi_14", "percent", WILDER_ROWS[14], "Wilder's RSI, 14 rows; 50 when flat", lambda f: f.rsi_14),
    Column("rsi_7", "percent", WILDER_ROWS[7], "Wilder's RSI, 7 rows; 50 when flat", lambda f: rsi(f.wilder_7)),
    Column("stoch_k", "percent", 13, "close within the range of 14 rows; 50 when flat", lambda f: f.stochastic),
    Column("stoch_d", "percent", 15, "mean stoch_k of 3 rows", lambda f: rolling_mean(f.stochastic, 3)),
    Column("williams_r", "percent", 13, "stoch_k - 100", lambda f: f.stochastic - 100.0),
    Column("cci_20", "percent", 19, "typical price against its mean of 20 rows, in 0.015 mean deviations", _cci),
    Column("mfi_14", "percent", 14, "share of rising money flow in 14 rows; 50 without any", _mfi),
    Column("roc_10", "percent", 10, "change of close in 10 rows", lambda f: lean_talib.rate_of_change(f.close, 10)),
)
