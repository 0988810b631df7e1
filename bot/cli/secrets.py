"""The last guard before anything is printed: no secret of the environment passes."""

from __future__ import annotations

import os

from bot.settings.environment import MASK, SECRET_NAMES

SHORTEST = 4
"""Shorter values are left alone: masking them would tear ordinary words apart."""


def masked(text: str) -> str:
    """text with every secret of the environment, and each password inside one, replaced."""
    for value in _values():
        text = text.replace(value, MASK)
    return text


def _values() -> tuple[str, ...]:
    found = {os.environ.get(name, "").strip() for name in SECRET_NAMES}
    found |= {part for value in tuple(found) for part in _passwords(value)}
    return tuple(sorted((value for value in found if len(value) >= SHORTEST), key=len, reverse=True))


def _passwords(value: str) -> set[str]:
    """The password of a URL, or of a list like "host=db password=..."; as written and decoded."""
    if "://" in value:
        from urllib.parse import unquote, urlsplit

        try:
            password = urlsplit(value).password or ""
        except ValueError:
            return set()
        return {password, unquote(password)}
    return {part.partition("=")[2].strip("'") for part in value.split() if part.startswith("password=")}
