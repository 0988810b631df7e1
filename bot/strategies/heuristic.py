"""Heuristic: a score over candle and chart patterns, each worth a few points, none decisive alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bot.strategies.base import Strategy, param
from bot.strategies.conditions import Condition, above, below, every, holds, score
from bot.strategies.registry import register

if TYPE_CHECKING:
    from bot.domain.candles import FloatArray
    from bot.features.table import FeatureTable

ATR = "{:+.1f} atr_14"


@register
class Heuristic(Strategy):
    """The share of the bullish points that a candle collects; the bearish patterns mirror them.

    It needs no training, so it votes from the first day on, model or no model.
    The higher timeframes may be unknown, as for a young coin: they then give no
    points, and the others must make up for them.
    """

    name = "heuristic"
    title = "Heuristic score (pattern recognition)"
    features = (
        "close",
        "return_1",
        "candle_body_size",
        "candle_wick_ratio",
        "atr_14",
        "sma_50",
        "higher_high",
        "lower_low",
        "support_levels",
        "resistance_levels",
        "stoch_k",
        "stoch_d",
        "volume_ratio",
        "aroon_up",
        "aroon_down",
        "trend_4h",
        "trend_1d",
    )
    optional = ("trend_4h", "trend_1d")

    @dataclass(frozen=True)
    class Params(Strategy.Params):
        score_min: float = param(0.5, 0.2, 0.7, "share of points", "least score for a vote")
        score_strong: float = param(0.8, 0.71, 1.0, "share of points", "score of full conviction")
        near_atr: float = param(1.0, 0.1, 4.0, "ATR", "how near to support or resistance counts as at it")
        wick_max: float = param(0.5, 0.1, 1.0, "share of range", "most of a full-bodied candle that is wick")
        volume_min: float = param(1.2, 0.5, 4.0, "x average", "volume that stands behind a candle")

    params: Params

    def entry_conditions(self, table: FeatureTable) -> list[Condition]:
        p, at = self.params, table.column
        rising = at("return_1") > 0
        patterns = (
            holds("trend_4h up", at("trend_4h") > 0, weight=1.0),
            holds("trend_1d up", at("trend_1d") > 0, weight=1.0),
            holds("close above sma_50", at("close") > at("sma_50"), weight=1.0),
            holds("higher_high", at("higher_high") > 0, weight=1.0),
            above("aroon_up over aroon_down", at("aroon_up") - at("aroon_down"), 0.0, 80.0, "{:+.0f}"),
            every(
                "bounce",
                below("close above support_levels", self._atr_above(table, "support_levels"), p.near_atr, 0.0, ATR),
                holds("return_1 positive", rising),
                weight=2.0,
            ),
            every(
                "bullish candle",
                above("candle_body_size", self._body(table), 0.4, 1.5, ATR),
                below("candle_wick_ratio", at("candle_wick_ratio"), p.wick_max, 0.0),
                holds("return_1 positive", rising),
                above("volume_ratio", at("volume_ratio"), p.volume_min, 3 * p.volume_min, "{:.1f}"),
                weight=2.0,
            ),
            every(
                "stochastic turns up",
                above("stoch_k over stoch_d", at("stoch_k") - at("stoch_d"), 0.0, 15.0, "{:+.0f}"),
                holds("stoch_d below 40", at("stoch_d") < 40),
            ),
        )
        return [score("bullish score", p.score_min, p.score_strong, *patterns)]

    def exit_conditions(self, table: FeatureTable) -> list[Condition]:
        p, at = self.params, table.column
        falling = at("return_1") < 0
        patterns = (
            holds("trend_4h down", at("trend_4h") < 0, weight=1.0),
            holds("trend_1d down", at("trend_1d") < 0, weight=1.0),
            holds("close below sma_50", at("close") < at("sma_50"), weight=1.0),
            holds("lower_low", at("lower_low") > 0, weight=1.0),
            above("aroon_down over aroon_up", at("aroon_down") - at("aroon_up"), 0.0, 80.0, "{:+.0f}"),
            every(
                "turned away",
                above(
                    "close above resistance_levels", self._atr_above(table, "resistance_levels"), -p.near_atr, 0.0, ATR
                ),
                holds("return_1 negative", falling),
                weight=2.0,
            ),
            every(
                "bearish candle",
                above("candle_body_size", self._body(table), 0.4, 1.5, ATR),
                below("candle_wick_ratio", at("candle_wick_ratio"), p.wick_max, 0.0),
                holds("return_1 negative", falling),
                above("volume_ratio", at("volume_ratio"), p.volume_min, 3 * p.volume_min, "{:.1f}"),
                weight=2.0,
            ),
            every(
                "stochastic turns down",
                below("stoch_k over stoch_d", at("stoch_k") - at("stoch_d"), 0.0, -15.0, "{:+.0f}"),
                holds("stoch_d above 60", at("stoch_d") > 60),
            ),
        )
        return [score("bearish score", p.score_min, p.score_strong, *patterns)]

    @staticmethod
    def _atr_above(table: FeatureTable, level: str) -> FloatArray:
        """How far the close is above a price level, in units of ATR; nan where the level is unknown."""
        return (table.column("close") - table.column(level)) / table.column("atr_14")

    @staticmethod
    def _body(table: FeatureTable) -> FloatArray:
        """The candle's body, up or down, in units of ATR."""
        return table.column("candle_body_size") * table.column("close") / table.column("atr_14")
