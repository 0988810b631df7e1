"""Arguments as typed into values, each refusal saying what was expected."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation

from bot.domain.errors import ConfigError
from bot.domain.timeframes import to_ms

_SPAN = re.compile(r"(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+(?:\.\d+)?)s)?")
_FACTORS_S = (86_400, 3600, 60, 1)


def moment_ms(value: str, option: str) -> int:
    """ms of an ISO date or time; without a zone it is UTC. Raises ConfigError."""
    try:
        parsed = datetime.fromisoformat(value.strip())
    except ValueError:
        raise ConfigError(
            f"not a moment: {value!r}", where=option, fix="write it like 2026-01-05 or 2026-01-05T12:00Z (UTC)"
        ) from None
    return to_ms(parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC))


def seconds(value: str, option: str) -> float:
    """Seconds of "15s", "4m30s", "1h", "2d" or a bare number. Above 0. Raises ConfigError."""
    told = value.strip().lower()
    match = _SPAN.fullmatch(told)
    if told.replace(".", "", 1).isdigit():
        found = float(told)
    elif match and told:
        found = sum(float(part) * factor for part, factor in zip(match.groups(), _FACTORS_S, strict=True) if part)
    else:
        found = 0.0
    if found <= 0:
        raise ConfigError(f"not a span of time: {value!r}", where=option, fix="write it like 15s, 5m, 4m30s or 2h")
    return found


def amount(value: str, option: str) -> Decimal:
    """Money above 0. Raises ConfigError."""
    try:
        found = Decimal(value.strip())
    except InvalidOperation:
        found = Decimal(0)
    if not (found.is_finite() and found > 0):
        raise ConfigError(f"not an amount of money: {value!r}", where=option, fix="write a number above 0, like 1000")
    return found


def symbol(value: str, option: str) -> str:
    """A pair in our spelling. Raises ConfigError."""
    told = value.strip().upper().replace("-", "/")
    if not re.fullmatch(r"[A-Z0-9.]{1,16}/[A-Z0-9.]{1,16}", told):
        raise ConfigError(f"not a symbol: {value!r}", where=option, fix="write it like BTC/EUR")
    return told


def symbols(value: str, option: str) -> tuple[str, ...]:
    """Pairs of a comma-separated list, each once. Raises ConfigError."""
    found = tuple(dict.fromkeys(symbol(part, option) for part in value.split(",") if part.strip()))
    if not found:
        raise ConfigError("no symbol given", where=option, fix="write them like BTC/EUR,ETH/EUR")
    return found
