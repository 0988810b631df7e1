"""Numbers, moments and spans of time as text, in the language of the session. None is a dash."""

from __future__ import annotations

import math
from datetime import UTC, datetime

from bot.cli.session import session

DASH = "-"


def money(value: float | None, currency: str = "") -> str:
    """Two decimals, thousands apart, the currency behind."""
    if value is None or not math.isfinite(value):
        return DASH
    return _local(f"{value:,.2f}") + (f" {currency}" if currency else "")


def gain(value: float | None, currency: str = "") -> str:
    """Money with its sign."""
    text = money(value, currency)
    return f"+{text}" if value is not None and value > 0 else text


def price(value: float | None) -> str:
    """Six significant digits below 1000, two decimals above."""
    if value is None or not math.isfinite(value):
        return DASH
    if value == 0 or abs(value) >= 1000:
        return _local(_trimmed(f"{value:,.2f}"))
    decimals = max(0, min(12, 5 - math.floor(math.log10(abs(value)))))
    return _local(_trimmed(f"{value:,.{decimals}f}"))


def size(value: float | None) -> str:
    """Base units: eight significant digits, eight decimals at most. The documents have them all."""
    if value is None:
        return DASH
    whole = len(f"{abs(value):.0f}")
    return _local(_trimmed(f"{value:,.{max(0, min(8, 8 - whole if abs(value) >= 1 else 8))}f}"))


def percent(fraction: float | None, digits: int = 1) -> str:
    if fraction is None or not math.isfinite(fraction):
        return DASH
    return _local(f"{fraction * 100:.{digits}f}") + ("\u00a0%" if session.speak() == "fr" else "%")


def count(value: int | None) -> str:
    return DASH if value is None else _local(f"{value:,d}")


def moment(iso: str | None) -> str:
    """ "2026-01-05 12:00" UTC, from ISO 8601."""
    if not iso:
        return DASH
    return datetime.fromisoformat(iso).astimezone(UTC).strftime("%Y-%m-%d %H:%M")


def seconds_between(earlier: str | None, later: str | None) -> float | None:
    """Seconds from one ISO moment to another, None where one is missing."""
    if not earlier or not later:
        return None
    return (datetime.fromisoformat(later) - datetime.fromisoformat(earlier)).total_seconds()


def span(seconds: float | None) -> str:
    """ "45 s", "12 min", "3 h 05 min", "2 d 4 h"."""
    if seconds is None or not math.isfinite(seconds):
        return DASH
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{_local(_trimmed(f'{seconds:.1f}'))} s" if 0 <= seconds < 10 else f"{whole} s"
    minutes, hours, days = whole // 60 % 60, whole // 3600 % 24, whole // 86_400
    if whole < 3600:
        return f"{minutes} min"
    if days == 0:
        return f"{hours} h {minutes:02d} min"
    return f"{days} {'j' if session.speak() == 'fr' else 'd'} {hours} h"


def _trimmed(text: str) -> str:
    return text.rstrip("0").rstrip(".") if "." in text else text


def _local(text: str) -> str:
    """Decimal comma and no-break space between thousands in French."""
    if session.speak() != "fr":
        return text
    return text.replace(",", "\u00a0").replace(".", ",")
