"""How the simulated venue refuses."""

from __future__ import annotations


class KrakenError(Exception):
    """An answer in Kraken's own words: HTTP 200 with the text in `error`."""
