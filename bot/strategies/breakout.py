"""Breakout: buy a close above the last 20 candles' high that volume confirms; leave on the mirror image."""

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
class Breakout(Strategy):
    """The channel is the Donchian channel as it stood one candle before, so a candle cannot move its own bar.

    Breaks out of a quiet market count for more: narrow Bollinger bands mean that
    many stops rest just outside the range.
    """

    name = "breakout"
    title = "Breakout"
    features = ("close", "breakout_up", "breakout_down", "volume_ratio", "bb_width_rank", "ema_50", "atr_14")

    @dataclass(frozen=True)
    class Params(Strategy.Params):
        margin_atr: float = param(0.1, 0.0, 0.5, "ATR", "how far beyond the channel the close must be")
        margin_strong_atr: float = param(1.0, 0.6, 10.0, "ATR", "how far beyond it is full conviction")
        volume_min: float = param(1.5, 0.5, 3.0, "x average", "least volume that confirms a break")
        volume_strong: float = param(4.0, 3.1, 20.0, "x average", "volume of full conviction")
        quiet_rank: float = param(0.7, 0.1, 1.0, "share", "Bollinger width rank below which the market was quiet")

    params: Params

    def entry_conditions(self, table: FeatureTable) -> list[Condition]:
        p = self.params
        return [
            above(
                "close above the last channel high",
                self._in_atr(table, "breakout_up"),
                p.margin_atr,
                p.margin_strong_atr,
                "{:+.2f} atr_14",
            ),
            above("volume_ratio", table.column("volume_ratio"), p.volume_min, p.volume_strong, "{:.1f}"),
            holds("close above ema_50", table.column("close") > table.column("ema_50")),
            below("bb_width_rank", table.column("bb_width_rank"), p.quiet_rank, 0.0, needed=False),
        ]

    def exit_conditions(self, table: FeatureTable) -> list[Condition]:
        p = self.params
        return [
            every(
                "breakdown",
                below(
                    "close above the last channel low",
                    self._in_atr(table, "breakout_down"),
                    -p.margin_atr,
                    -p.margin_strong_atr,
                    "{:+.2f} atr_14",
                ),
                above("volume_ratio", table.column("volume_ratio"), p.volume_min, p.volume_strong, "{:.1f}"),
            )
        ]

    @staticmethod
    def _in_atr(table: FeatureTable, name: str) -> FloatArray:
        """Distance of the close from the old channel line, of which `name` gives close / line - 1."""
        close, beyond = table.column("close"), table.column(name)
        return close * beyond / (1.0 + beyond) / table.column("atr_14")
