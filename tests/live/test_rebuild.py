"""The database is gone: the books come back from the venue, and the bot goes on as if nothing had happened."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Any

import pytest

from bot.adapters.exchange import CcxtMarketData
from bot.adapters.kraken_private import CallPace
from bot.adapters.kraken_venue import KrakenVenue
from bot.adapters.live_store import LiveStore
from bot.adapters.postgres import PostgresStore
from bot.domain.errors import ConfigError, ExchangeError
from bot.domain.markets import Market
from bot.domain.venue_orders import Observation
from bot.jobs.rebuild import RebuildDeps, rebuild, take_over
from tests.jobs.paths import HOUR, T0, Path
from tests.jobs.world import Document, no_wait, settings
from tests.live.conftest import MakeLive
from tests.live.laws import check_live
from tests.live.runs import NO_PACE
from tests.live.world import CASH, SLOT_MS, START, LiveWorld

WIPED = "candle_series, bots, leases, ticks, venue_markets, venue_state, risk_events"


def three_positions(make_live: MakeLive) -> LiveWorld:
    """Three positions, one with its stop moved up; later one is stopped out, one sold at its target."""
    btc = Path().break_out().go(1.05, T0, T0 + HOUR).go(1.02, T0 + 2 * HOUR, T0 + 3 * HOUR)
    eth = Path(50).break_out().dip(T0 + 3 * HOUR, 0.9)
    sol = Path(20).break_out().go(1.05, T0 + 10 * 60_000).go(1.09, T0 + 2 * HOUR)
    return make_live(BTC=btc, ETH=eth, SOL=sol)


@asynccontextmanager
async def venue_of(world: LiveWorld) -> AsyncIterator[tuple[CcxtMarketData, KrakenVenue]]:
    """The venue's public and private side, without any memory of their own."""
    async with (
        CcxtMarketData(url=world.venue_url, pace=NO_PACE, sleep=no_wait, wall_ms=lambda: world.wall_ms) as public,
        KrakenVenue(
            world.key.key, world.key.secret, url=world.venue_url, pace=CallPace(most=1e9), sleep=no_wait,
            wall_ms=lambda: world.wall_ms,
        ) as private,
    ):  # fmt: skip
        yield public, private


def rebuild_from_venue(world: LiveWorld, cash: Decimal = CASH, sure: bool = True) -> Document:
    store, decisions = PostgresStore(world.url), LiveStore(world.url)

    def make_bot(beside: dict[str, Decimal]) -> int:
        return decisions.start("main", "EUR", cash, beside, [], "the database was lost", "test")

    async def work() -> Document:
        async with venue_of(world) as (public, private):
            deps = RebuildDeps(store, public, private, settings(world.overrides), make_bot, "rebuilder", 60.0)
            return await rebuild(deps, "main", cash, lambda found: sure)

    try:
        return asyncio.run(work())
    finally:
        decisions.close()
        store.close()


TRADE = (
    "trade_id", "symbol", "quantity", "open_quantity", "entry_price", "entry_cost", "fees", "stop_price",
    "target_price", "high_water", "entry_at",
)  # fmt: skip
STOP = ("client_id", "symbol", "quantity", "stop_price", "venue_order_id", "trade_id")


def what_is_owned(world: LiveWorld) -> list[tuple[Any, ...]]:
    trades = world.trades("status = 'open'")
    stops = world.orders("leg = 'stop' and status in ('open', 'partially_filled')")
    return [
        *(tuple(trade[name] for name in TRADE) for trade in trades),
        *sorted(tuple(stop[name] for name in STOP) for stop in stops),
    ]


def executions(world: LiveWorld) -> list[tuple[Any, ...]]:
    rows = world.all("select * from fills order by filled_at, symbol, side, price")
    return [(r["filled_at"], r["symbol"], r["side"], r["quantity"], r["price"], r["fee"]) for r in rows]


def test_with_the_database_wiped_in_mid_run_nothing_differs(make_live: MakeLive):
    world = three_positions(make_live)
    world.ticks(START, START + 8 * SLOT_MS)
    assert len(world.trades("status = 'open'")) == 3
    assert world.count("trade_events", "kind = 'stop_moved'") > 0
    owned, cash = what_is_owned(world), world.value("select cash from cash_balances")
    world.save()
    later = (START + 9 * SLOT_MS, START + 47 * SLOT_MS)
    world.ticks(*later)
    wanted = executions(world)
    assert world.count("trades", "status = 'closed'") >= 2

    world.restore()
    world.execute(f"truncate {WIPED} restart identity cascade")
    document = rebuild_from_venue(world)
    assert len(document["positions"]) == 3
    assert what_is_owned(world) == owned
    assert world.value("select cash from cash_balances") == cash
    check_live(world)
    world.ticks(*later)
    assert executions(world) == wanted


def test_entries_on_candles_of_another_length_than_now_are_the_bots_as_well(make_live: MakeLive):
    """The settings were the lost database's, or have changed since the entry."""
    world = three_positions(make_live)
    world.ticks(START, START + 2 * SLOT_MS)
    owned = what_is_owned(world)
    world.execute(f"truncate {WIPED} restart identity cascade")
    world.overrides["market"] = {**world.overrides["market"], "timeframe": "4h"}
    document = rebuild_from_venue(world)
    assert document["foreign_orders"] == []
    assert document["beside"].keys() == world.beside.keys()
    assert what_is_owned(world) == owned


def test_without_a_persons_word_nothing_is_written(make_live: MakeLive):
    world = three_positions(make_live)
    world.ticks(START, START + 2 * SLOT_MS)
    world.execute(f"truncate {WIPED} restart identity cascade")
    found = rebuild_from_venue(world, sure=False)
    assert (found["trades"], found["written"]) == (3, False)
    assert world.count("bots") == world.count("orders") == 0
    assert rebuild_from_venue(world)["written"]


def test_books_that_are_there_are_not_written_over(make_live: MakeLive):
    world = three_positions(make_live)
    world.tick(START)
    with pytest.raises(ConfigError, match="has the books of a live bot"):
        rebuild_from_venue(world)


def test_another_bots_orders_are_not_taken_for_ones_own(make_live: MakeLive):
    """Its name is part of what its orders are known by."""
    world = three_positions(make_live)
    world.tick(START)

    async def read() -> tuple[Observation, dict[str, Market]]:
        async with venue_of(world) as (public, private):
            markets = await public.markets()
            private.know(markets)
            return await private.history(), {market.symbol: market for market in markets}

    seen, markets = asyncio.run(read())
    stranger, _ = take_over(seen, "somebody-else", CASH, settings(world.overrides), markets)
    assert stranger.trades == {}
    own, result = take_over(seen, "main", CASH, settings(world.overrides), markets)
    assert len(own.trades) == 3
    assert result.foreign == ()


@pytest.mark.parametrize("endpoint", ["OpenOrders", "ClosedOrders", "TradesHistory", "BalanceEx"])
def test_a_venue_that_does_not_answer_in_full_rebuilds_nothing(make_live: MakeLive, endpoint: str):
    world = three_positions(make_live)
    world.tick(START)
    world.execute(f"truncate {WIPED} restart identity cascade")
    world.venue.faults.add(endpoint, "empty_result", times=None)
    with pytest.raises(ExchangeError):
        rebuild_from_venue(world)
    assert world.count("bots") == 0
    world.venue.faults.clear()
    rebuild_from_venue(world)
