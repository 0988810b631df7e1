"""A whole bot in one object: simulated Kraken on a socket, real Postgres, real ccxt, full ticks on a virtual clock."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterable
from decimal import Decimal
from functools import cache
from pathlib import Path as FilePath
from typing import Any

import psycopg
from psycopg.rows import dict_row

from bot.adapters.exchange import CcxtMarketData
from bot.adapters.paper import PaperVenue
from bot.adapters.postgres import PostgresStore
from bot.adapters.rate_limit import Pace
from bot.domain.ports import MarketData, Store
from bot.domain.records import BotSnapshot, Snapshot
from bot.jobs.rules import paper_rules
from bot.jobs.tick import TickDeps, run_tick
from bot.settings import Settings, load
from bot.simulator import Recording, Simulator
from tests.jobs.paths import T0

Document = dict[str, Any]
Row = dict[str, Any]

SETTINGS: Document = {
    "market": {"symbols": ["BTC/EUR"], "quote": "EUR"},
    # Paths that tests draw break out of a dead calm, all of them together.
    "risk": {
        "high_volatility_ratio": 100.0,
        "max_correlation": 1.0,
        "max_daily_trades": 1000,
        "loss_cooldown_factor": 1.0,
    },
    "strategies": {
        name: {"enabled": name == "breakout"}
        for name in ("breakout", "heuristic", "mean_reversion", "momentum", "trend_following")
    },
}
"""One strategy whose opinion a test can bring about, a breakout; rules that no test asks keep still."""


def merged(below: Document, above: Document) -> Document:
    """Nested settings, `above` beats `below`."""
    both = dict(below)
    for key, value in above.items():
        both[key] = merged(both[key], value) if isinstance(value, dict) and isinstance(both.get(key), dict) else value
    return both


@cache
def _settings(text: str) -> Settings:
    return load(overrides=json.loads(text), environ={}, cwd=FilePath("/nonexistent"))


def settings(overrides: Document | None = None) -> Settings:
    return _settings(json.dumps(merged(SETTINGS, overrides or {}), sort_keys=True))


async def no_wait(_: float) -> None:
    await asyncio.sleep(0)


class CountingStore(PostgresStore):
    """Counts round trips: every use of the connection."""

    trips = 0

    def run(self, work):
        self.trips += 1
        return super().run(work)


class World:
    """One database, one venue, one runner; `tick` is what a scheduler would start.

    overrides: settings of all bots, over SETTINGS.  bots: rows are added by `add_bot`.
    Every tick gets a market data adapter and, when `store` is not given, a store of
    its own, as a new process would.
    """

    simulator = Simulator

    def __init__(self, url: str, recording: Recording, overrides: Document | None = None, **venue: Any) -> None:
        self.url = url
        self.venue = self.simulator(recording, at_ms=T0, **venue).start()
        self.symbols = list(recording.symbols)
        self.overrides = merged({"market": {"symbols": self.symbols}}, overrides or {})
        self.db = psycopg.connect(url, autocommit=True, row_factory=dict_row)
        self.runner = asyncio.Runner()
        self.wall_ms = T0
        self.lease_s = 60.0
        self.trips = 0
        self.documents: list[Document] = []
        self.venue_url = self.venue.url
        self.holders = 0

    def close(self) -> None:
        self.runner.close()
        self.db.close()
        self.venue.stop()

    def start_anew(self, cash: float = 10_000) -> None:
        """No rows but one new bot."""
        tables = "candle_series, bots, leases, ticks, venue_markets, venue_state, risk_events"
        self.execute(f"truncate {tables} restart identity cascade")
        self.add_bot(cash=cash)

    # Bots

    def add_bot(
        self, name: str = "main", cash: float = 10_000, overrides: Document | None = None, status: str = "RUNNING"
    ) -> int:
        row = self.one(
            "insert into bots (name, mode, quote, initial_cash, status) values (%s, 'paper', 'EUR', %s, %s)"
            " returning bot_id",
            name, Decimal(str(cash)), status,
        )  # fmt: skip
        if overrides is not None:
            self.set_overrides(row["bot_id"], overrides)
        return row["bot_id"]

    def set_overrides(self, bot_id: int, overrides: Document) -> None:
        self.execute(
            "insert into bot_settings (bot_id, version, overrides, author) select %s, coalesce(max(version), 0) + 1,"
            " %s::jsonb, 'test' from bot_settings where bot_id = %s",
            bot_id, json.dumps(overrides), bot_id,
        )  # fmt: skip

    def settings_for(self, bot: BotSnapshot) -> Settings:
        return settings(merged(self.overrides, bot.overrides))

    # Ticks

    def open_market(self, snapshot: Snapshot | None = None) -> CcxtMarketData:
        market = CcxtMarketData(
            url=self.venue_url,
            timeout_s=5.0,
            pace=Pace(pair_interval_s=0, interval_s=0),
            clock=lambda: 0.0,
            wall_ms=lambda: self.wall_ms,
            sleep=no_wait,
            jitter=lambda: 0.0,
        )
        if snapshot is not None:
            market.restore_breaker(snapshot.breaker)
            if snapshot.markets:
                market.know(snapshot.markets)
        return market

    def deps(self, store: Store, holder: str = "", opened: list[CcxtMarketData] | None = None) -> TickDeps:
        def open_market(snapshot: Snapshot) -> MarketData:
            market = self.open_market(snapshot)
            if opened is not None:
                opened.append(market)
            return market

        self.holders += 1
        return TickDeps(
            store=store,
            open_market=open_market,
            settings_for=self.settings_for,
            base=settings(self.overrides),
            venue_for=lambda bot, own: PaperVenue(paper_rules(own), bot.name),
            code_version="test",
            wall_ms=lambda: self.wall_ms,
            holder=holder or f"run-{self.holders}",
            lease_s=self.lease_s,
        )

    async def run(self, store: Store | None = None, holder: str = "", **how: Any) -> Document:
        """One tick in the present event loop."""
        own = CountingStore(self.url) if store is None else None
        opened: list[CcxtMarketData] = []
        try:
            return await run_tick(self.deps(store or own, holder, opened), **how)
        finally:
            for market in opened:
                await market.aclose()
            if own is not None:
                self.trips = own.trips
                own.close()

    def tick(
        self,
        venue_ms: int | None = None,
        store: Store | None = None,
        holder: str = "",
        *,
        at_ms: int | None = None,
        dry_run: bool = False,
    ) -> Document:
        """Move the venue's clock and tick. at_ms, dry_run: of run_tick."""
        if venue_ms is not None:
            self.venue.clock.set_ms(venue_ms)
            self.wall_ms = venue_ms
        self.venue.requests.clear()
        document = self.runner.run(self.run(store, holder, at_ms=at_ms, dry_run=dry_run))
        self.documents.append(document)
        return document

    def ticks(self, from_ms: int, to_ms: int, every_ms: int = 300_000) -> list[Document]:
        """Ticks from one moment to another, both included."""
        return [self.tick(moment) for moment in range(from_ms, to_ms + 1, every_ms)]

    @property
    def asked(self) -> dict[str, int]:
        """Requests of the last tick, by endpoint."""
        return self.venue.requests.counts()

    # The database

    def execute(self, statement: str, *values: Any) -> None:
        self.db.execute(statement.encode(), values)

    def all(self, query: str, *values: Any) -> list[Row]:
        return self.db.execute(query.encode(), values).fetchall()

    def one(self, query: str, *values: Any) -> Row:
        (row,) = self.all(query, *values)
        return row

    def value(self, query: str, *values: Any) -> Any:
        return next(iter(self.one(query, *values).values()))

    def count(self, table: str, where: str = "true") -> int:
        return self.value(f"select count(*) from {table} where {where}")

    def orders(self, where: str = "true") -> list[Row]:
        return self.all(f"select * from orders where {where} order by created_at, client_id")

    def trades(self, where: str = "true") -> list[Row]:
        return self.all(f"select * from trades where {where} order by entry_at, trade_id")

    def verdicts(self, symbol: str = "BTC/EUR", bot_id: int = 1) -> list[Row]:
        return self.all("select * from verdicts where symbol = %s and bot_id = %s order by bar_at", symbol, bot_id)

    def risks(self, where: str = "resolved_at is null") -> dict[str, Row]:
        return {row["key"]: row for row in self.all(f"select * from risk_events where {where} order by risk_event_id")}

    def command(self, kind: str, bot_id: int = 1, **args: Any) -> int:
        row = self.one(
            "insert into commands (bot_id, kind, args, source) values (%s, %s, %s::jsonb, 'test') returning command_id",
            bot_id, kind, json.dumps(args),
        )  # fmt: skip
        return row["command_id"]

    def rows_of_everything(self) -> dict[str, int]:
        """How many rows each table has, the lease left out."""
        names = self.all("select tablename from pg_tables where schemaname = 'public' and tablename <> 'leases'")
        return {row["tablename"]: self.count(row["tablename"]) for row in names}

    def bid(self, symbol: str, at_ms: int) -> Decimal:
        """What the venue would have paid at a moment."""
        history = self.venue.venue.find(symbol)
        ticks, _ = self.venue.venue.quote_ticks(history.last_trade(at_ms).ticks)
        return Decimal(ticks) / history.pair.ticks_per_unit


def verdicts_of(document: Document, bot: int = 0) -> dict[str, tuple[str, str]]:
    """{symbol: (verdict, deciding reason)} of the newest bars."""
    return {v["symbol"]: (v["verdict"], v["reasons"][-1]["rule"]) for v in document["bots"][bot]["verdicts"]}


def first_reasons(rows: Iterable[Row]) -> list[str]:
    return [row["reasons"][-1]["rule"] for row in rows]


MakeWorld = Callable[..., World]
