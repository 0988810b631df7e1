"""From candles to signals: features, votes, ensemble, for every decision candle not yet handled."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bot.domain.signals import Signal
from bot.features import FeatureTable
from bot.settings import Settings
from bot.strategies.base import Strategy
from bot.strategies.ensemble import evaluate
from bot.strategies.registry import get

ATR = "atr_14"
VOLATILITY = "volatility_ratio"

Weighted = Sequence[tuple[Strategy, float]]


@dataclass(frozen=True, slots=True)
class Bar:
    """One decision candle as its strategies saw it; enough to vote again.

    features: only the columns that the bot's strategies read.
    """

    symbol: str
    timeframe: str
    open_ms: int
    close_ms: int
    features: dict[str, float]


def weighted_strategies(settings: Settings) -> list[tuple[Strategy, float]]:
    """The enabled strategies with their parameters and weights, in alphabetical order."""
    return [
        (get(name).with_params(part.params), part.weight)
        for name, part in sorted(settings.strategies.items())
        if part.enabled
    ]


def columns_read(weighted: Weighted) -> tuple[str, ...]:
    """Feature columns that these strategies, the signal itself and the rulebook read."""
    return tuple(dict.fromkeys([name for strategy, _ in weighted for name in strategy.features] + [ATR, VOLATILITY]))


def table_bars(table: FeatureTable, step_ms: int, handled_ms: int | None, columns: Sequence[str]) -> list[Bar]:
    """Decision candles after the last handled one, oldest first; only the newest on a symbol's first tick."""
    first = len(table) - 1 if handled_ms is None else int(np.searchsorted(table.open_ms, handled_ms, side="right"))
    bars = []
    for i in range(max(first, 0), len(table)):
        row = table.row(i)
        open_ms = int(table.open_ms[i])
        features = {name: row[name] for name in columns}
        bars.append(Bar(table.symbol, table.timeframe, open_ms, open_ms + step_ms, features))
    return bars


def judge(bar: Bar, weighted: Weighted) -> Signal:
    """The ensemble's signal on one bar: a function of the bar alone, so that it can be judged again."""
    table = FeatureTable.from_row(bar.symbol, bar.timeframe, bar.open_ms, bar.features)
    return evaluate(table, 0, weighted, bar.close_ms)
