"""Numbers, moments and sentences of a report in one language. What is missing is a dash."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from training.report.texts import LANGUAGES, MONTHS, TEXTS

DASH = "\u2013"
MINUS = "\u2212"
NO_BREAK = "\u00a0"
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Speech:
    """language: "en" or "fr", anything else reads English.  quote: the currency written behind money."""

    language: str = "en"
    quote: str = ""

    def say(self, key: str, **values: str) -> str:
        """The text of that key with its places filled; an unknown key reads as itself."""
        both = TEXTS.get(key)
        if both is None:
            return key.replace("_", " ")
        written = both[self._place] if self.language != "fr" else _french_spaces(both[self._place])
        return written.format(**values)

    def known(self, key: str) -> bool:
        return key in TEXTS

    def money(self, value: float | None, *, signed: bool = False) -> str:
        """Two decimals, or four significant digits below 1; the currency behind."""
        text = self.amount(value, signed=signed)
        if text == DASH:
            return text
        return f"{text}{NO_BREAK}{self.quote}" if self.quote else text

    def amount(self, value: float | None, *, signed: bool = False) -> str:
        """Money without its currency, for columns that name it above."""
        if value is None or not math.isfinite(value):
            return DASH
        return self._signed(value, _decimals_of_money(value), signed)

    def percent(self, fraction: float | None, *, digits: int = 1, signed: bool = False) -> str:
        if fraction is None or not math.isfinite(fraction):
            return DASH
        return self._signed(fraction * 100, digits, signed) + (f"{NO_BREAK}%" if self.language == "fr" else "%")

    def number(self, value: float | None, digits: int = 2) -> str:
        return DASH if value is None or not math.isfinite(value) else self._signed(value, digits, False)

    def plain(self, value: float | None) -> str:
        """Five significant digits, no zeros behind."""
        if value is None or not math.isfinite(value):
            return DASH
        if value == 0 or abs(value) >= 1e15:
            return self.number(value, 0) if value == 0 else f"{value:.3g}"
        decimals = max(0, min(12, 4 - math.floor(math.log10(abs(value)))))
        text = f"{abs(value):,.{decimals}f}"
        return self._local(_minus(value) + (text.rstrip("0").rstrip(".") if "." in text else text))

    def count(self, value: float | None) -> str:
        return self.number(value, 0)

    def date(self, ms: int | None) -> str:
        """ "5 Jan 2026" of milliseconds since 1970, UTC."""
        if ms is None:
            return DASH
        moment = _moment(ms)
        if moment is None:
            return DASH
        day = "1er" if moment.day == 1 and self.language == "fr" else str(moment.day)
        return f"{day} {MONTHS[self.language][moment.month - 1]} {moment.year}"

    def moment(self, ms: int | None) -> str:
        """ "5 Jan 2026 12:00" of milliseconds since 1970, UTC."""
        moment = None if ms is None else _moment(ms)
        return DASH if moment is None else f"{self.date(ms)} {moment:%H:%M}"

    def duration(self, seconds: float | None) -> str:
        """The two largest units: "45 s", "3 h 5 min", "12 d 4 h"."""
        if seconds is None or not math.isfinite(seconds):
            return DASH
        if abs(seconds) < 60:
            return f"{self.plain(float(f'{seconds:.3g}'))}{NO_BREAK}s"
        if abs(seconds) < 3600:
            whole = round(abs(seconds))
            parts = [(whole // 60, "min")] + ([(whole % 60, "s")] if whole % 60 else [])
            return _minus(seconds) + self._spans(parts)
        minutes = round(abs(seconds) / 60)
        days, hours, rest = minutes // 1440, minutes // 60 % 24, minutes % 60
        if days:
            parts = [(days, "j" if self.language == "fr" else "d")] + ([(hours, "h")] if hours and days < 100 else [])
        else:
            parts = [(hours, "h")] + ([(rest, "min")] if rest else [])
        return _minus(seconds) + self._spans(parts)

    def _spans(self, parts: list[tuple[int, str]]) -> str:
        return " ".join(f"{self.count(amount)}{NO_BREAK}{unit}" for amount, unit in parts)

    @property
    def _place(self) -> int:
        return LANGUAGES.index(self.language)

    def _signed(self, value: float, digits: int, signed: bool) -> str:
        text = f"{abs(value):,.{digits}f}"
        nothing = not text.strip("0.,")
        sign = "" if nothing else _minus(value) or ("+" if signed else "")
        return sign + self._local(text)

    def _local(self, text: str) -> str:
        """Decimal comma and no-break space between thousands in French."""
        return text if self.language != "fr" else text.replace(",", NO_BREAK).replace(".", ",")


def speech(language: str, quote: str) -> Speech:
    return Speech(language if language in LANGUAGES else "en", quote)


def _french_spaces(text: str) -> str:
    """No line begins with a mark that French writes behind a space."""
    for mark in ":;?!%":
        text = text.replace(f" {mark}", NO_BREAK + mark)
    return text


def _minus(value: float) -> str:
    return MINUS if value < 0 else ""


def _decimals_of_money(value: float) -> int:
    if value == 0 or abs(value) >= 1:
        return 2
    return max(2, min(8, 3 - math.floor(math.log10(abs(value)))))


def _moment(ms: int) -> datetime | None:
    try:
        return EPOCH + timedelta(milliseconds=ms)
    except OverflowError:
        return None
