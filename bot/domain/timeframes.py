"""Timeframes by their ccxt names, in milliseconds since the epoch (UTC)."""

from __future__ import annotations

from datetime import UTC, datetime

MINUTE_MS = 60_000

TIMEFRAMES_MS: dict[str, int] = {
    "1m": MINUTE_MS,
    "5m": 5 * MINUTE_MS,
    "15m": 15 * MINUTE_MS,
    "30m": 30 * MINUTE_MS,
    "1h": 60 * MINUTE_MS,
    "4h": 240 * MINUTE_MS,
    "1d": 1440 * MINUTE_MS,
}


def timeframe_ms(timeframe: str) -> int:
    """Length of one candle in ms. Raises KeyError on an unknown name."""
    return TIMEFRAMES_MS[timeframe]


def floor_ms(moment_ms: int, step_ms: int) -> int:
    """The last multiple of step_ms at or before moment_ms."""
    return moment_ms - moment_ms % step_ms


def last_closed_open_ms(now_ms: int, timeframe: str) -> int:
    """Open time of the newest candle that is closed at now_ms."""
    step = TIMEFRAMES_MS[timeframe]
    return floor_ms(now_ms, step) - step


def to_datetime(moment_ms: int) -> datetime:
    """Aware UTC datetime of a moment in ms."""
    return datetime.fromtimestamp(moment_ms / 1000, tz=UTC)


def to_ms(moment: datetime) -> int:
    """ms of an aware datetime. Raises ValueError on a naive one."""
    if moment.tzinfo is None:
        raise ValueError(f"naive datetime {moment!r}: give it a time zone, for example +00:00")
    return round(moment.timestamp() * 1000)
