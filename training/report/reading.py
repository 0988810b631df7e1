"""What the report reads out of a backtest's document: trades, curves, months, groups.

The document is JSON that somebody may have cut or mended by hand: whatever is
missing or of another kind reads as None or as an empty sequence, never raises.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
import numpy.typing as npt

Document = Mapping[str, Any]
FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

OPEN = "open"
# A moment beyond the year 9999 is a mistake.
MOST_MS = 253_402_300_800_000


@dataclass(frozen=True, slots=True)
class TradeRow:
    """One trade; None where unknown. exit_ms None: still open. Prices, fees and pnl in quote currency."""

    symbol: str
    strategy: str
    exit_reason: str
    entry_ms: int
    exit_ms: int | None
    entry_price: float | None
    exit_price: float | None
    quantity: float | None
    fees: float | None
    pnl: float | None


@dataclass(frozen=True, slots=True)
class Curve:
    """ms: int64[n], rising, since 1970 UTC.  value: float64[n], finite."""

    ms: IntArray
    value: FloatArray

    def __len__(self) -> int:
        return len(self.ms)

    def at(self, ms: IntArray) -> FloatArray:
        """The newest value at or before each moment, nan before the first one."""
        if not len(self):
            return np.full(len(ms), np.nan)
        place = np.searchsorted(self.ms, ms, side="right") - 1
        return np.where(place >= 0, self.value[np.maximum(place, 0)], np.nan)


@dataclass(frozen=True, slots=True)
class Group:
    """Closed trades that share a name. win_rate: fraction with a profit.  pnl, average: quote currency."""

    name: str
    trades: int
    win_rate: float | None
    pnl: float | None
    average: float | None


def number(value: object) -> float | None:
    """A finite number, also one written as text; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        found = float(value)
    except (ValueError, OverflowError):
        return None
    return found if math.isfinite(found) else None


def moment_ms(value: object) -> int | None:
    """Milliseconds since 1970 UTC from ISO 8601 or from milliseconds; None for nothing, 0 and anything else.

    A trade that is still open has the exit moment 0.
    """
    if isinstance(value, str) and not value.strip().lstrip("-").replace(".", "", 1).isdigit():
        try:
            parsed = datetime.fromisoformat(value.strip())
        except ValueError:
            return None
        aware = parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)
        return round(aware.timestamp() * 1000)
    found = number(value)
    return round(found) if found and abs(found) < MOST_MS else None


def mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def items(value: object) -> Sequence[Any]:
    return value if isinstance(value, Sequence) and not isinstance(value, str | bytes) else ()


def text(value: object) -> str:
    return "" if value is None else str(value)


def trades(document: Document) -> tuple[TradeRow, ...]:
    """All trades that have an entry moment, by entry."""
    rows = [_trade(mapping(item)) for item in items(document.get("trades"))]
    return tuple(sorted((row for row in rows if row is not None), key=lambda row: row.entry_ms))


def _trade(item: Mapping[str, Any]) -> TradeRow | None:
    entry_ms = moment_ms(item.get("entry_at", item.get("entry_ms")))
    if entry_ms is None:
        return None
    exit_ms = moment_ms(item.get("exit_at", item.get("exit_ms")))
    return TradeRow(
        symbol=text(item.get("symbol")),
        strategy=text(item.get("strategy")),
        exit_reason=OPEN if exit_ms is None else text(item.get("exit_reason")),
        entry_ms=entry_ms,
        exit_ms=exit_ms,
        entry_price=number(item.get("entry_price")),
        exit_price=number(item.get("exit_price")),
        quantity=number(item.get("quantity")),
        fees=number(item.get("fees")),
        pnl=number(item.get("pnl")),
    )


def column(value: object) -> FloatArray:
    """Numbers as float64[n], nan for anything that is none."""
    try:
        found = np.array(items(value), dtype=np.float64)
    except (TypeError, ValueError, OverflowError):
        found = np.zeros((0, 0))
    if found.ndim != 1:
        found = np.array([math.nan if (one := number(each)) is None else one for each in items(value)], np.float64)
    return np.where(np.isfinite(found), found, math.nan)


def curve(value: object) -> Curve:
    """[[ms, value], ...] as arrays, oldest first; pairs without two finite numbers are left out."""
    pairs = [pair for pair in items(value) if len(items(pair)) >= 2]
    at, amount = column([pair[0] for pair in pairs]), column([pair[1] for pair in pairs])
    whole = np.flatnonzero(np.isfinite(at) & np.isfinite(amount) & (np.abs(at) < MOST_MS))
    order = whole[np.argsort(at[whole], kind="stable")]
    return Curve(at[order].astype(np.int64), amount[order])


def drawdown(values: FloatArray) -> FloatArray:
    """How far below the highest value so far, a fraction >= 0."""
    if not len(values):
        return values
    peak = np.maximum.accumulate(values)
    return np.where(peak > 0, 1 - values / np.where(peak > 0, peak, 1.0), 0.0)


def monthly_returns(equity: Curve, start: float | None) -> dict[int, dict[int, float | None]]:
    """{year: {month 1..12: return}}, key 0: the year's. Each against the last equity before it began, UTC.

    start: equity before the first point, quote currency; None takes the first point.
    """
    if not len(equity):
        return {}
    months = equity.ms.astype("datetime64[ms]").astype("datetime64[M]").astype(np.int64)
    last = np.append(np.flatnonzero(np.diff(months)), len(months) - 1)
    before = float(equity.value[0]) if start is None else start
    table: dict[int, dict[int, float | None]] = {}
    year_before: dict[int, float] = {}
    for place in last:
        year, month = 1970 + int(months[place]) // 12, int(months[place]) % 12 + 1
        now = float(equity.value[place])
        row = table.setdefault(year, {})
        row[month] = _growth(before, now)
        row[0] = _growth(year_before.setdefault(year, before), now)
        before = now
    return table


def _growth(before: float, now: float) -> float | None:
    return now / before - 1 if before > 0 else None


def groups(rows: Iterable[TradeRow], name: Callable[[TradeRow], str]) -> tuple[Group, ...]:
    """Trades by name, the largest profit first; trades without a known profit count as trades alone."""
    found: dict[str, list[TradeRow]] = {}
    for row in rows:
        found.setdefault(name(row), []).append(row)
    made = [_group(key, members) for key, members in found.items()]
    return tuple(sorted(made, key=lambda group: (-(group.pnl or 0.0), group.name)))


def _group(name: str, rows: Sequence[TradeRow]) -> Group:
    known = [row.pnl for row in rows if row.pnl is not None]
    pnl = math.fsum(known) if known else None
    return Group(
        name=name,
        trades=len(rows),
        win_rate=sum(value > 0 for value in known) / len(known) if known else None,
        pnl=pnl,
        average=None if pnl is None else pnl / len(known),
    )


def flat(value: object, prefix: str = "") -> list[tuple[str, object]]:
    """Nested mappings as ("a.b.c", value) in their order; sequences of plain values stay one value."""
    if isinstance(value, Mapping):
        return [pair for key, inner in value.items() for pair in flat(inner, f"{prefix}.{key}" if prefix else str(key))]
    if items(value) and any(isinstance(inner, Mapping) for inner in items(value)):
        return [pair for place, inner in enumerate(items(value), 1) for pair in flat(inner, f"{prefix}[{place}]")]
    return [(prefix, value)]
