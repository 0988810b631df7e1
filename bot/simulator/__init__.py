"""A Kraken that runs on this machine: its REST protocol in front of recorded candles.

    with Simulator("DIR", symbols=["BTC/EUR"]) as venue:
        exchange.urls["api"] = venue.api_urls
        venue.clock.set_ms(now_ms)

Real HTTP over a real socket, so that the unmodified ccxt talks to it. Prices
come from recorded candles, "now" from a virtual clock, failures from a script;
orders trade along the prices that the public endpoints show.
README.md beside this file shows how other programs use it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bot.simulator.candle_files import Recording, Series, bundled_recording, open_recording
from bot.simulator.clock import Clock

if TYPE_CHECKING:
    from bot.simulator.account import AccountRules
    from bot.simulator.desk import DeskRules
    from bot.simulator.server import Simulator

__all__ = [
    "AccountRules",
    "Clock",
    "DeskRules",
    "Recording",
    "Series",
    "Simulator",
    "bundled_recording",
    "open_recording",
]


def __getattr__(name: str) -> Any:
    # Readers of candle files need no HTTP server: aiohttp is imported by those who start one.
    if name == "Simulator":
        from bot.simulator.server import Simulator

        return Simulator
    if name == "DeskRules":
        from bot.simulator.desk import DeskRules

        return DeskRules
    if name == "AccountRules":
        from bot.simulator.account import AccountRules

        return AccountRules
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
