"""Fewer points for the same picture: a screen has about a thousand columns, and the extremes must stay."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from training.report.reading import FloatArray, IntArray

SIGNIFICANT = 7


def kept_points(columns: Sequence[FloatArray], buckets: int) -> IntArray:
    """Indices that draw all columns (float64[n], nan allowed) as before, rising.

    The points are cut into `buckets` equal runs; each run keeps its first point
    and, of every column, its highest and lowest. The last point is kept too.
    """
    n = len(columns[0])
    if n <= buckets * 2:
        return np.arange(n)
    edges = np.linspace(0, n, buckets + 1).astype(np.int64)
    kept = set(edges[:-1].tolist()) | {n - 1}
    for column in columns:
        high, low = np.where(np.isnan(column), -np.inf, column), np.where(np.isnan(column), np.inf, column)
        for first, end in zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True):
            kept.add(first + int(np.argmax(high[first:end])))
            kept.add(first + int(np.argmin(low[first:end])))
    return np.array(sorted(kept), dtype=np.int64)


def merged_candles(columns: Sequence[FloatArray], most: int) -> tuple[IntArray, list[FloatArray]]:
    """(index of each kept candle's first, [open, high, low, close]): neighbours put together until `most` are left.

    columns: open, high, low, close, float64[n].
    """
    opened, high, low, close = columns
    n = len(opened)
    if n <= most:
        return np.arange(n), list(columns)
    starts = np.arange(0, n, math.ceil(n / most))
    ends = np.append(starts[1:], n) - 1
    merged = [opened[starts], np.maximum.reduceat(high, starts), np.minimum.reduceat(low, starts), close[ends]]
    return starts, merged


def packed_times(ms: IntArray) -> dict[str, Any]:
    """{"first": ms, "unit": ms, "steps": [units to the one before]}: half the size of the moments themselves."""
    if not len(ms):
        return {"first": 0, "unit": 1, "steps": []}
    steps = np.diff(ms)
    unit = int(np.gcd.reduce(steps)) if len(steps) else 1
    return {"first": int(ms[0]), "unit": max(unit, 1), "steps": (steps // max(unit, 1)).tolist()}


def short(value: float | None, significant: int = SIGNIFICANT) -> float | int | None:
    """As many digits as a chart can show, and no ".0"; None for nan."""
    if value is None or not math.isfinite(value):
        return None
    rounded = float(f"{value:.{significant}g}")
    return int(rounded) if rounded.is_integer() and abs(rounded) < 1e15 else rounded


def shorts(values: FloatArray, significant: int = SIGNIFICANT) -> list[float | int | None]:
    return [short(value, significant) for value in values.tolist()]
