"""A name for what decides the trades: two bots with the same one trade alike on the same candles."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from bot.settings.declarations import Settings, to_dict

DECIDING_MARKET = ("timeframe", "context_timeframes")
"""Of the market's settings. Pairs, currency, cadence and protection candles are those of the data in a backtest."""


def fingerprint(settings: Settings) -> str:
    """Hash of risk and strategies and of the candles that decide, 32 hex digits.

    The profile counts by what it sets. Cash, fees, language and whatever concerns the exchange do not count.
    """
    values = to_dict(settings)
    deciding = {
        "market": {name: values["market"][name] for name in DECIDING_MARKET},
        "risk": values["risk"],
        "strategies": values["strategies"],
    }
    # Tuples and lists, 1 and 1.0 are the same setting, before and after a way through JSON.
    text = json.dumps(_plain(deciding), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(name): _plain(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    if isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    return value
