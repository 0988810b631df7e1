"""A tick as a scheduler starts it, with Kraken gone and Binance's public data in its place."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest

from bot.adapters.backup import UNREACHABLE, BackupMarketData
from bot.adapters.exchange import CcxtMarketData
from bot.cli.wiring import open_market_with_backup
from bot.settings import load_cached
from bot.simulator import bundled_recording
from tests.cli.conftest import NOWHERE, bot, home, process, traded, venue  # noqa: F401
from tests.exchange.binance_venue import BinanceVenue, binance_venue

SYMBOLS = ("BTC/EUR", "ETH/EUR", "ADA/EUR")
SLOT_MS = 300_000


@contextmanager
def running(prices: dict[str, float], now_ms: int) -> Iterator[BinanceVenue]:
    """Binance in a thread of its own, for a process that is waited for."""
    ready = threading.Event()
    started: list[Any] = []

    async def serve():
        async with binance_venue(prices, now_ms) as served:
            over = asyncio.Event()
            started.extend((served, asyncio.get_running_loop(), over))
            ready.set()
            await over.wait()

    thread = threading.Thread(target=asyncio.run, args=(serve(),), daemon=True)
    thread.start()
    assert ready.wait(10)
    try:
        yield started[0]
    finally:
        started[1].call_soon_threadsafe(started[2].set)
        thread.join(10)


def last_prices(now_ms: int) -> dict[str, float]:
    """By Binance's names, what the recording's coins cost at a moment."""
    series = {symbol: bundled_recording(SYMBOLS).series[symbol]["5m"] for symbol in SYMBOLS}
    return {name.replace("/", ""): float(one.close[one.open_ms < now_ms][-1]) for name, one in series.items()}


def test_ticks_go_on_without_entries_while_binance_answers_for_kraken(process, traded, venue):  # noqa: F811
    now_ms = venue.clock.now_ms()

    def tick(url, **more):
        done = process(
            "tick", "--json", **(traded | {"KRAKEN_API_URL": url, "METRONOME_EXCHANGE__RETRIES": "1"} | more)
        )
        return done, done.document if done.code == 0 else {}

    first, document = tick(venue.url)
    assert first.code == 0, first.err
    assert document["venue_status"] == "online"
    with running(last_prices(now_ms), now_ms + SLOT_MS) as binance:
        backup = {"METRONOME_EXCHANGE__BACKUP_URL": binance.url}
        second, document = tick(NOWHERE, **backup)
        assert second.code == 0, second.err
        assert document["venue_status"] == UNREACHABLE
        assert [order for one in document["bots"] for order in one["orders"] if order["leg"] == "entry"] == []
        # Nothing is held, so nothing but the prices is asked for.
        assert set(binance.asked) == {f"/api/v3/{name}" for name in ("time", "exchangeInfo", "ticker/24hr")}
        binance.status = 451
        third, _ = tick(NOWHERE, **backup)
        assert third.code == 3
        assert "127.0.0.1:9" in third.err
        assert "451" in third.err
        with psycopg.connect(traded["DATABASE_URL"]) as database:
            (state,) = database.execute("select breaker from venue_state").fetchone()
        assert (state["failures"], state["backups"]["binance"]["failures"]) == (2, 1)
        venue.clock.set_ms(now_ms + 2 * SLOT_MS)
        fourth, document = tick(venue.url, **backup)
        assert fourth.code == 0, fourth.err
        assert document["venue_status"] == "online"


@pytest.mark.parametrize(
    ("chosen", "behind"),
    [
        ({}, True),
        ({"exchange.backup": "bybit"}, True),
        ({"exchange.backup": "none"}, False),
        ({"exchange.id": "binance"}, False),  # a venue is no backup of itself
        ({"exchange.url": NOWHERE}, False),  # a simulated market and a real one do not go together
        ({"exchange.url": NOWHERE, "exchange.backup_url": NOWHERE}, True),
    ],
)
def test_when_there_is_a_backup(chosen, behind):
    market = open_market_with_backup(load_cached(chosen))
    assert isinstance(market, BackupMarketData if behind else CcxtMarketData)
    assert market.exchange_id == chosen.get("exchange.id", "kraken")
