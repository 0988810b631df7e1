"""Rows of the database as JSON documents: moments as ISO 8601 in UTC, money as numbers."""

from __future__ import annotations

import math
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from bot.domain.timeframes import to_datetime


def iso(moment_ms: int | None) -> str | None:
    """ISO 8601 in UTC; None for 0 and None."""
    return to_datetime(moment_ms).isoformat() if moment_ms else None


def document(value: Any, renamed: bool = True) -> Any:
    """Any row or list of rows. `at_ms` becomes `at`, other `_ms` times become `_at`.

    renamed False: moments keep their names and numbers, as stored inputs of decisions do.
    """
    if isinstance(value, Mapping):
        return dict(_entry(str(key), item, renamed) for key, item in value.items())
    if isinstance(value, list | tuple):
        return [document(item, renamed) for item in value]
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


SPANS = ("delay_ms", "longest_gap_ms", "timings_ms")


def _entry(key: str, value: Any, renamed: bool) -> tuple[str, Any]:
    if renamed and key.endswith("_ms") and key not in SPANS and isinstance(value, int):
        return ("at" if key == "at_ms" else key.removesuffix("_ms") + "_at"), iso(value)
    keep = key not in ("inputs", "outputs", "report")
    return key, document(value, renamed and keep)
