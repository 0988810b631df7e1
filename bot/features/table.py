"""A table of features: one row a candle, one column a feature."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from bot.domain.candles import BoolArray, FloatArray, IntArray
from bot.features.columns import COLUMN, NAMES


@dataclass(frozen=True, slots=True)
class FeatureTable:
    """Features of n closed candles of one symbol and timeframe, oldest first.

    open_ms: int64[n], open times of the candles; a row may be used from their
    close on.  values: float64[n, len(NAMES)], columns in the order of NAMES, each
    a finite number or nan (too little history, or no context).
    """

    symbol: str
    timeframe: str
    open_ms: IntArray
    values: FloatArray

    def __len__(self) -> int:
        return len(self.open_ms)

    def column(self, name: str) -> FloatArray:
        """One feature over all rows, float64[n]. Raises KeyError on an unknown name."""
        return self.values[:, COLUMN[name]]

    def row(self, i: int) -> dict[str, float]:
        """All features of one row, as plain floats by name; i as in a list."""
        return dict(zip(NAMES, self.values[i].tolist(), strict=True))

    def take(self, rows: slice | BoolArray | IntArray) -> FeatureTable:
        """The chosen rows, in order."""
        return FeatureTable(self.symbol, self.timeframe, self.open_ms[rows], self.values[rows])

    @staticmethod
    def from_row(symbol: str, timeframe: str, open_ms: int, row: Mapping[str, float]) -> FeatureTable:
        """A table of one row, nan where `row` has no value. Raises KeyError on an unknown name."""
        values = np.full((1, len(NAMES)), np.nan)
        for name, value in row.items():
            values[0, COLUMN[name]] = value
        return FeatureTable(symbol, timeframe, np.array([open_ms], dtype=np.int64), values)
