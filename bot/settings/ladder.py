"""The take-profit ladder as people write it: "0.5@0.025" sells half at a gain of 2.5 %."""

from __future__ import annotations

from collections.abc import Sequence

LADDER_PATTERN = r"^\d*\.?\d+@\d*\.?\d+$"
MAX_LADDER = 4
"""Rungs, as many as the rulebook has room for."""


def parse_ladder(texts: Sequence[str]) -> tuple[tuple[float, float], ...]:
    """(share, gain) of each rung, both fractions. Raises ValueError for a text that is not of LADDER_PATTERN."""
    rungs = []
    for text in texts:
        share, gain = text.split("@")
        rungs.append((float(share), float(gain)))
    return tuple(rungs)
