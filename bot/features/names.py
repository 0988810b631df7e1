"""Every feature column by name, in the order in which a table holds them."""

from __future__ import annotations

TREND = (
    "sma_20",
    "sma_50",
    "sma_200",
    "ema_12",
    "ema_26",
    "ema_50",
    "macd",
    "macd_signal",
    "macd_hist",
    "adx",
    "plus_di",
    "minus_di",
    "aroon_up",
    "aroon_down",
    "supertrend",
    "supertrend_line",
)
MOMENTUM = ("rsi_14", "rsi_7", "stoch_k", "stoch_d", "williams_r", "cci_20", "mfi_14", "roc_10")
VOLATILITY = (
    "bb_upper",
    "bb_middle",
    "bb_lower",
    "bb_width",
    "bb_percent",
    "atr_14",
    "atr_7",
    "keltner_upper",
    "keltner_lower",
    "donchian_upper",
    "donchian_lower",
)
VOLUME = ("obv", "vwap", "volume_sma_20", "volume_ratio", "accumulation_distribution")
PRICE_ACTION = (
    "candle_body_size",
    "candle_wick_ratio",
    "higher_high",
    "lower_low",
    "pivot_points",
    "support_levels",
    "resistance_levels",
)
CONTEXT = (
    "trend_1h",
    "trend_4h",
    "trend_1d",
    "rsi_1h",
    "rsi_4h",
    "rsi_1d",
    "volume_ratio_1h",
    "volume_ratio_4h",
    "volume_ratio_1d",
)
EXTRA = (
    "close",
    "return_1",
    "return_5",
    "return_20",
    "volatility_20",
    "volatility_ratio",
    "zscore_20",
    "bb_width_rank",
    "macd_hist_slope",
    "rsi_slope",
    "breakout_up",
    "breakout_down",
    "rsi_divergence",
    "macd_divergence",
)

NAMES: tuple[str, ...] = TREND + MOMENTUM + VOLATILITY + VOLUME + PRICE_ACTION + CONTEXT + EXTRA
