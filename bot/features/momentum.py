"""Momentum: RSI, stochastic, Williams %R, CCI, MFI, rate of change."""

from __future__ import annotations

from bot.domain.candles import FloatArray
from bot.features import lean_talib
from bot.features.frame import MEAN_ROWS, Column, Frame, rsi
from bot.features.rolling import lag, mean_deviation, ratio


def _cci(f: Frame) -> FloatArray:
    mean = f.total("typical", 20) / 20.0
    return ratio(f.typical - mean, 0.015 * mean_deviation(f.typical, mean, 20), 0.0)


def _mfi(f: Frame) -> FloatArray:
    rising = f.total("money_up", 14)
    return ratio(100.0 * rising, rising + f.total("money_down", 14), 50.0)


def _stoch_d(f: Frame) -> FloatArray:
    fast = f.stochastic
    return (fast + lag(fast, 1) + lag(fast, 2)) / 3.0


MOMENTUM = (
    Column("rsi_14", "percent", MEAN_ROWS, "Wilder's RSI, 14 rows; 50 when flat", lambda f: f.rsi_14),
    Column("rsi_7", "percent", MEAN_ROWS, "Wilder's RSI, 7 rows; 50 when flat", lambda f: rsi(f.means[3:5])),
    Column("stoch_k", "percent", 13, "close within the range of 14 rows; 50 when flat", lambda f: f.stochastic),
    Column("stoch_d", "percent", 15, "mean stoch_k of 3 rows", _stoch_d),
    Column("williams_r", "percent", 13, "stoch_k - 100", lambda f: f.stochastic - 100.0),
    Column("cci_20", "percent", 19, "typical price against its mean of 20 rows, in 0.015 mean deviations", _cci),
    Column("mfi_14", "percent", 14, "share of rising money flow in 14 rows; 50 without any", _mfi),
    Column("roc_10", "percent", 10, "change of close in 10 rows", lambda f: lean_talib.rate_of_change(f.close, 10)),
)
