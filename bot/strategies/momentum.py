"""Momentum: RSI and MACD, turning together or diverging from the price."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bot.strategies.base import Strategy, param
from bot.strategies.conditions import Condition, above, below, either, every, holds
from bot.strategies.registry import register

if TYPE_CHECKING:
    from bot.domain.candles import BoolArray, FloatArray
    from bot.features.table import FeatureTable

PUSH = "{:+.2f} atr_14"


@register
class Momentum(Strategy):
    """Two ways in: momentum that gathers, and a divergence while the price is still low.

    MACD is measured in ATR, so that one setting fits every symbol and every
    volatility.
    """

    name = "momentum"
    title = "Momentum (RSI, MACD, divergences)"
    features = (
        "close",
        "rsi_14",
        "rsi_slope",
        "macd_hist",
        "macd_hist_slope",
        "rsi_divergence",
        "macd_divergence",
        "ema_50",
        "atr_14",
    )

    @dataclass(frozen=True)
    class Params(Strategy.Params):
        rsi_bull: float = param(55.0, 50.0, 65.0, "RSI points", "least RSI of an upward move")
        rsi_hot: float = param(70.0, 66.0, 95.0, "RSI points", "RSI from which an upward move is late")
        rsi_bear: float = param(45.0, 20.0, 50.0, "RSI points", "highest RSI of a downward move")
        turn_min: float = param(5.0, 0.0, 30.0, "RSI points", "RSI change over three candles that is a turn")
        push_min_atr: float = param(0.06, 0.0, 1.0, "ATR", "least change of the MACD histogram over one candle")

    params: Params

    def entry_conditions(self, table: FeatureTable) -> list[Condition]:
        p = self.params
        rsi, turn = table.column("rsi_14"), table.column("rsi_slope")
        gathering = every(
            "momentum gathers",
            above("rsi_14", rsi, p.rsi_bull, p.rsi_hot, "{:.0f}", weight=0.0),
            holds(f"rsi_14 under {p.rsi_hot:.0f}", rsi < p.rsi_hot),
            holds("macd_hist positive", table.column("macd_hist") > 0),
            holds("close above ema_50", table.column("close") > table.column("ema_50")),
            above("macd_hist_slope", self._push(table), p.push_min_atr, 4 * p.push_min_atr + 0.01, PUSH),
            above("rsi_slope", turn, p.turn_min, p.turn_min + 15.0, "{:+.0f}"),
        )
        diverging = every(
            "bullish divergence",
            below("rsi_14", rsi, p.rsi_bear, 0.0, "{:.0f}", weight=0.0),
            holds("bullish rsi_divergence or macd_divergence", self._diverges(table, 1)),
            above("macd_hist_slope", self._push(table), 0.0, 4 * p.push_min_atr + 0.01, PUSH),
            above("rsi_slope", turn, 0.0, 15.0, "{:+.0f}"),
        )
        return [either("momentum", gathering, diverging)]

    def exit_conditions(self, table: FeatureTable) -> list[Condition]:
        p = self.params
        rsi, turn = table.column("rsi_14"), table.column("rsi_slope")
        fading = every(
            "momentum fades",
            below("rsi_14", rsi, p.rsi_bear, p.rsi_bear - 20.0, "{:.0f}", weight=0.0),
            holds("macd_hist negative", table.column("macd_hist") < 0),
            holds("close below ema_50", table.column("close") < table.column("ema_50")),
            below("macd_hist_slope", self._push(table), -p.push_min_atr, -4 * p.push_min_atr - 0.01, PUSH),
            below("rsi_slope", turn, -p.turn_min, -p.turn_min - 15.0, "{:+.0f}"),
        )
        diverging = every(
            "bearish divergence",
            above("rsi_14", rsi, p.rsi_bull, 100.0, "{:.0f}", weight=0.0),
            holds("bearish rsi_divergence or macd_divergence", self._diverges(table, -1)),
            below("macd_hist_slope", self._push(table), 0.0, -4 * p.push_min_atr - 0.01, PUSH),
            below("rsi_slope", turn, 0.0, -15.0, "{:+.0f}"),
        )
        return [fading, diverging]

    @staticmethod
    def _diverges(table: FeatureTable, side: int) -> BoolArray:
        diverges: BoolArray = (table.column("rsi_divergence") == side) | (table.column("macd_divergence") == side)
        return diverges

    @staticmethod
    def _push(table: FeatureTable) -> FloatArray:
        return table.column("macd_hist_slope") / table.column("atr_14")
