"""Trend following: buy while an established trend runs, before it is stretched; leave when it turns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bot.strategies.base import Strategy, param
from bot.strategies.conditions import Condition, above, below, every, holds
from bot.strategies.registry import register

if TYPE_CHECKING:
    from bot.features.table import FeatureTable


@register
class TrendFollowing(Strategy):
    """Averages in order, a strong ADX and Supertrend must agree.

    A trend that is already far above its average in units of ATR is left alone:
    a stop at a fixed distance would sit inside its next ordinary pullback.
    """

    name = "trend_following"
    title = "Trend following"
    features = ("close", "ema_12", "ema_26", "sma_50", "adx", "plus_di", "minus_di", "supertrend", "atr_14")

    @dataclass(frozen=True)
    class Params(Strategy.Params):
        adx_min: float = param(25.0, 10.0, 40.0, "ADX points", "weakest trend that counts as one")
        adx_strong: float = param(45.0, 41.0, 90.0, "ADX points", "trend strength of full conviction")
        gap_strong_frac: float = param(0.02, 0.002, 0.2, "fraction", "ema_12 over ema_26 of full conviction")
        stretch_max_atr: float = param(2.0, 0.5, 10.0, "ATR", "furthest the close may be above ema_26")

    params: Params

    def entry_conditions(self, table: FeatureTable) -> list[Condition]:
        p = self.params
        close, average = table.column("close"), table.column("ema_26")
        gap = table.column("ema_12") / average - 1.0
        lead = table.column("plus_di") - table.column("minus_di")
        stretch = (close - average) / table.column("atr_14")
        return [
            above("ema_12 over ema_26", gap, 0.0, p.gap_strong_frac, "{:+.1%}"),
            above("adx", table.column("adx"), p.adx_min, p.adx_strong, "{:.0f}"),
            above("plus_di over minus_di", lead, 0.0, 25.0, "{:+.0f}"),
            holds("supertrend up", table.column("supertrend") > 0),
            holds("close above sma_50", close > table.column("sma_50")),
            below("close above ema_26 in units of atr_14", stretch, p.stretch_max_atr, 0.0, "{:.1f}"),
        ]

    def exit_conditions(self, table: FeatureTable) -> list[Condition]:
        p = self.params
        gap = table.column("ema_12") / table.column("ema_26") - 1.0
        lead = table.column("minus_di") - table.column("plus_di")
        return [
            every(
                "downtrend",
                below("ema_12 over ema_26", gap, 0.0, -p.gap_strong_frac, "{:+.1%}"),
                above("adx", table.column("adx"), p.adx_min, p.adx_strong, "{:.0f}"),
                above("minus_di over plus_di", lead, 0.0, 25.0, "{:+.0f}"),
                holds("supertrend down", table.column("supertrend") < 0),
            )
        ]
