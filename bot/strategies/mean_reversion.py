"""Mean reversion: buy a sharp dip within a rising market; leave when the price is stretched upward."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bot.strategies.base import Strategy, param
from bot.strategies.conditions import Condition, above, below, every, holds
from bot.strategies.registry import register

if TYPE_CHECKING:
    from bot.features.table import FeatureTable


@register
class MeanReversion(Strategy):
    """Dips are bought only where the long average still points up and the fall is no trend of its own.

    Without these two filters this strategy would buy every step of a crash, each
    cheaper than the one before. The dip must also be wide enough to pay for two
    taker fees on the way back to the mean.
    """

    name = "mean_reversion"
    title = "Mean reversion"
    features = ("close", "zscore_20", "rsi_14", "bb_middle", "sma_50", "sma_200", "adx", "plus_di", "minus_di")

    @dataclass(frozen=True)
    class Params(Strategy.Params):
        dip_z: float = param(1.5, 0.5, 3.0, "standard deviations", "how far below its 20-candle mean a dip begins")
        stretch_z: float = param(2.0, 0.5, 3.0, "standard deviations", "how far above its mean the price is stretched")
        oversold: float = param(40.0, 10.0, 50.0, "RSI points", "highest RSI of a dip")
        overbought: float = param(72.0, 55.0, 95.0, "RSI points", "lowest RSI of a stretched price")
        reward_min_frac: float = param(0.012, 0.0, 0.1, "fraction", "least way back to the mean, above two taker fees")
        fall_adx_max: float = param(40.0, 15.0, 100.0, "ADX points", "ADX from which a fall is a trend, not a dip")

    params: Params

    def entry_conditions(self, table: FeatureTable) -> list[Condition]:
        p = self.params
        reward = table.column("bb_middle") / table.column("close") - 1.0
        falling = table.column("minus_di") > table.column("plus_di")
        return [
            below("zscore_20", table.column("zscore_20"), -p.dip_z, -p.dip_z - 1.5, "{:+.1f}"),
            below("rsi_14", table.column("rsi_14"), p.oversold, p.oversold - 20.0, "{:.0f}"),
            above("way back to bb_middle", reward, p.reward_min_frac, p.reward_min_frac + 0.03, "{:.1%}"),
            holds("sma_50 above sma_200", table.column("sma_50") > table.column("sma_200")),
            holds(
                f"no fall of adx {p.fall_adx_max:.0f} or more",
                ~(falling & (table.column("adx") >= p.fall_adx_max)),
                otherwise=f"a fall of adx {p.fall_adx_max:.0f} or more",
            ),
        ]

    def exit_conditions(self, table: FeatureTable) -> list[Condition]:
        p = self.params
        return [
            every(
                "stretched",
                above("zscore_20", table.column("zscore_20"), p.stretch_z, p.stretch_z + 1.5, "{:+.1f}"),
                above("rsi_14", table.column("rsi_14"), p.overbought, p.overbought + 15.0, "{:.0f}"),
            )
        ]
