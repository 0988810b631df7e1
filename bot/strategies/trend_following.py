"""Trend following: buy while an established trend runs, before it is stretched; leave when it turns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bot.strategies.base import Strategy, param
from bot.strategies.conditions import Condition, above, below, every, holds
from bot.strategies.registry import register

if TYPE_CHECKING:
    from bot.domain.candles import FloatArray
    from bot.features.table import FeatureTable


@register
class TrendFollowing(Strategy):
    """Averages in order, a strong ADX and Supertrend must agree.

    A price already far from its average in units of ATR is left alone, both ways:
    after a long way up, a stop at a fixed distance sits inside the next ordinary
    pullback; after a long way down, leaving comes too late and meets the bounce.
    """

    name = "trend_following"
    title = "Trend following"
    features = ("close", "ema_12", "ema_26", "sma_50", "adx", "plus_di", "minus_di", "supertrend", "atr_14")

    @dataclass(frozen=True)
    class Params(Strategy.Params):
        adx_min: float = param(25.0, 10.0, 40.0, "ADX points", "weakest trend that counts as one")
        adx_strong: float = param(50.0, 41.0, 90.0, "ADX points", "trend strength of full conviction")
        gap_strong_frac: float = param(0.04, 0.002, 0.2, "fraction", "ema_12 over ema_26 of full conviction")
        stretch_max_atr: float = param(2.0, 0.5, 10.0, "ATR", "furthest the close may be from ema_26")

    params: Params

    def entry_conditions(self, table: FeatureTable) -> list[Condition]:
        p, at = self.params, table.column
        return [
            above("ema_12 over ema_26", self._gap(table), 0.0, p.gap_strong_frac, "{:+.1%}"),
            above("adx", at("adx"), p.adx_min, p.adx_strong, "{:.0f}"),
            above("plus_di over minus_di", at("plus_di") - at("minus_di"), 0.0, 30.0, "{:+.0f}"),
            below("close above ema_26", self._stretch(table), p.stretch_max_atr, 0.0, "{:+.1f} atr_14", weight=0.5),
            holds("supertrend up", at("supertrend") > 0),
            holds("close above sma_50", at("close") > at("sma_50")),
        ]

    def exit_conditions(self, table: FeatureTable) -> list[Condition]:
        p, at = self.params, table.column
        return [
            every(
                "downtrend",
                below("ema_12 over ema_26", self._gap(table), 0.0, -p.gap_strong_frac, "{:+.1%}"),
                above("adx", at("adx"), p.adx_min, p.adx_strong, "{:.0f}"),
                below("plus_di over minus_di", at("plus_di") - at("minus_di"), 0.0, -30.0, "{:+.0f}"),
                above(
                    "close above ema_26", self._stretch(table), -p.stretch_max_atr, 0.0, "{:+.1f} atr_14", weight=0.5
                ),
                holds("supertrend down", at("supertrend") < 0),
                holds("close below sma_50", at("close") < at("sma_50")),
            )
        ]

    @staticmethod
    def _gap(table: FeatureTable) -> FloatArray:
        return table.column("ema_12") / table.column("ema_26") - 1.0

    @staticmethod
    def _stretch(table: FeatureTable) -> FloatArray:
        """How far the close is above its average, in units of ATR."""
        return (table.column("close") - table.column("ema_26")) / table.column("atr_14")
