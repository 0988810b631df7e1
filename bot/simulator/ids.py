"""Ids in Kraken's form: a letter for the kind, then 5, 5 and 6 letters or digits."""

from __future__ import annotations

import base64
import hashlib
import re

FORM = re.compile(r"[A-Z0-9]{6}-[A-Z0-9]{5}-[A-Z0-9]{6}")
ORDER, TRADE, LEDGER, AMEND, TRANSFER = "O", "T", "L", "A", "Q"


class Ids:
    """Ids that no run repeats within itself and every run repeats from the start: the n-th id is always the same."""

    def __init__(self) -> None:
        self._made = 0

    def new(self, kind: str) -> str:
        self._made += 1
        digest = hashlib.blake2b(f"{kind}{self._made}".encode(), digest_size=10).digest()
        text = kind + base64.b32encode(digest).decode()
        return f"{text[:6]}-{text[6:11]}-{text[11:17]}"
