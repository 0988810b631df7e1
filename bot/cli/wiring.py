"""Where real adapters are made, and nowhere else: database, exchange, settings, venues of paper and real orders."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from bot import __version__
from bot.domain.errors import ConfigError, DatabaseError
from bot.settings import Settings, load_cached, read_runtime, read_secrets

if TYPE_CHECKING:
    from bot.adapters.backtest_store import BacktestStore
    from bot.adapters.backup import VenueData
    from bot.adapters.config_store import ConfigStore
    from bot.adapters.exchange import CcxtMarketData
    from bot.adapters.kraken_venue import KrakenVenue
    from bot.adapters.live_store import LiveStore
    from bot.adapters.postgres import PostgresStore
    from bot.adapters.postgres_reports import PostgresReports
    from bot.domain.markets import Market
    from bot.domain.ports import MarketData, Venue
    from bot.domain.records import BotSnapshot, Snapshot
    from bot.jobs.tick import TickDeps

REHEARSAL = "rehearsal"
"""Name of the database in which rehearsals keep their rows, and of the bot that makes them."""

LIVE = "live"
"""Mode of a bot, and of a run, whose orders are real."""

LIVE_EXCHANGE = "kraken"

NO_REHEARSAL = ("schema is older", f'database "{REHEARSAL}" does not exist')
"""How an error begins to say that there was none yet, or one of another version."""

ANSWER_SHARE = 2 / 3
"""Of an order's deadline, the longest wait for its answer: an order must not arrive after its sender gave up on it."""

NO_BACKUP = "none"
BACKUP_RETRIES = 2
BACKUP_TOTAL_S = 20.0

LEASE_S = 120.0
MAX_SKEW_MS = 3_600_000
"""How far the exchange's clock may be from this machine's; a simulator's is where it likes."""

Document = dict[str, Any]

NOTHING: Mapping[str, Any] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Database:
    """url: how to reach it; may hold a password.  embedded: the private server of METRONOME_HOME."""

    url: str
    embedded: bool


def find_database(name: str = "postgres") -> Database:
    """DATABASE_URL, else a database of the embedded server, which is started. Raises DatabaseError."""
    given = read_secrets().database_url
    if given is not None:
        return Database(given.reveal(), embedded=False)
    from bot.adapters import embedded

    return Database(embedded.start(read_runtime().home, database=name), embedded=True)


def ready_database() -> Database:
    """The database, and if it is the embedded one, with its tables and a first bot. Raises DatabaseError.

    Other databases are left as they are: `bot migrate` changes those.
    """
    database = find_database()
    if database.embedded:
        from bot.cli.first_use import prepare_once

        prepare_once(database.url, read_runtime().home, load_cached())
    return database


@contextmanager
def open_reports(rehearsal: bool = False) -> Iterator[PostgresReports]:
    """What people read and ask for. rehearsal: of the last rehearsal. Raises DatabaseError."""
    from bot.adapters.postgres_reports import PostgresReports

    reports = PostgresReports((rehearsal_database() if rehearsal else ready_database()).url)
    try:
        yield reports
    except DatabaseError as error:
        if rehearsal and any(sign in error.what for sign in NO_REHEARSAL):
            # `migrate` does not touch the rehearsals' database; a rehearsal makes it anew.
            what = "there is no rehearsal that this version of the program can read"
            raise DatabaseError(what, where=error.where, fix="run python -m bot rehearse") from error
        raise
    finally:
        reports.close()


@contextmanager
def open_config() -> Iterator[ConfigStore]:
    """The bots' own settings. Raises DatabaseError."""
    from bot.adapters.config_store import ConfigStore

    store = ConfigStore(ready_database().url)
    try:
        yield store
    finally:
        store.close()


@contextmanager
def open_live_store() -> Iterator[LiveStore]:
    """Decisions about real money. Raises DatabaseError."""
    from bot.adapters.live_store import LiveStore

    store = LiveStore(ready_database().url)
    try:
        yield store
    finally:
        store.close()


@contextmanager
def open_backtests() -> Iterator[BacktestStore]:
    """Results of backtests. Raises DatabaseError."""
    from bot.adapters.backtest_store import BacktestStore

    store = BacktestStore(ready_database().url)
    try:
        yield store
    finally:
        store.close()


def rehearsal_database() -> Database:
    """Where rehearsals keep their rows: a database of their own beside the bots', DATABASE_URL's where that is set."""
    return find_database(REHEARSAL)


def code_version() -> str:
    """The version and, in a checkout, the commit: what decided, for whoever replays it."""
    commit = os.environ.get("GITHUB_SHA", "") or _checked_out_commit(Path(__file__).parents[2] / ".git")
    return f"{__version__}+{commit[:12]}" if commit else __version__


def _checked_out_commit(git: Path) -> str:
    with suppress(OSError, IndexError):
        head = (git / "HEAD").read_text().strip()
        if not head.startswith("ref: "):
            return head
        name = head.removeprefix("ref: ")
        if (git / name).exists():
            return (git / name).read_text().strip()
        packed = (git / "packed-refs").read_text().splitlines()
        return next((line.split()[0] for line in packed if line.endswith(f" {name}")), "")
    return ""


def holder() -> str:
    """A name for this run that no other run has; it shows in the lease and in messages."""
    import socket
    from secrets import token_hex

    return f"{socket.gethostname()}-{os.getpid()}-{token_hex(4)}"


def open_market(settings: Settings, *, hurried: bool = False, speedy: bool = False) -> CcxtMarketData:
    """The exchange's public data. hurried: give up within seconds.  speedy: no pace, for a simulator of our own."""
    from bot.adapters.exchange import CcxtMarketData
    from bot.adapters.rate_limit import Pace

    exchange = settings.exchange
    # Under a virtual clock an answer takes no time, so that the same rehearsal sees the same moments.
    virtual: dict[str, Any] = {"pace": Pace(pair_interval_s=0, interval_s=0), "clock": lambda: 0.0} if speedy else {}
    patience: dict[str, Any] = {"retries": 2, "total_s": 8.0} if hurried else {"retries": exchange.retries}
    return CcxtMarketData(
        exchange.id,
        url=exchange.url,
        timeout_s=min(exchange.timeout_s, 5.0) if hurried else exchange.timeout_s,
        breaker_failures=exchange.breaker_failures,
        breaker_open_s=exchange.breaker_open_s,
        stale_after_s=settings.market.stale_after_s,
        **patience,
        **virtual,
    )


def open_market_with_backup(settings: Settings) -> VenueData:
    """The exchange's public data, and behind it the backup's where the settings name one. Not for people who wait.

    While exchange.url stands for the exchange, a backup needs an address of its
    own: a simulated market and a real one do not go together.
    """
    market = open_market(settings)
    exchange = settings.exchange
    simulated = exchange.url is not None and exchange.backup_url is None
    if exchange.backup in (NO_BACKUP, exchange.id) or simulated:
        return market
    from bot.adapters.backup import BackupMarketData

    return BackupMarketData(market, lambda: _open_backup(settings))


def _open_backup(settings: Settings) -> CcxtMarketData:
    from bot.adapters.exchange import CcxtMarketData

    exchange = settings.exchange
    return CcxtMarketData(
        exchange.backup,
        url=exchange.backup_url,
        timeout_s=exchange.timeout_s,
        # The exchange has used up this tick's patience already.
        retries=min(exchange.retries, BACKUP_RETRIES),
        total_s=BACKUP_TOTAL_S,
        breaker_failures=exchange.breaker_failures,
        breaker_open_s=exchange.breaker_open_s,
        stale_after_s=settings.market.stale_after_s,
        asks_status=False,
    )


def open_live_venue(
    settings: Settings, *, markets: Sequence[Market] = (), state: Mapping[str, Any] = NOTHING
) -> KrakenVenue:
    """Our account at Kraken, where real orders go. Nothing is asked yet; close it.

    markets, state: what the database has of the venue.  Raises ConfigError where
    there is no key, and on any exchange but Kraken.
    """
    from bot.adapters.kraken_venue import KrakenVenue

    if settings.exchange.id != LIVE_EXCHANGE:
        raise ConfigError(
            f"real orders go to {LIVE_EXCHANGE} only, and exchange.id is {settings.exchange.id}",
            where="exchange.id",
            fix=f"set exchange.id to {LIVE_EXCHANGE}, or trade on paper",
        )
    secrets = read_secrets()
    key, secret = secrets.kraken_api_key, secrets.kraken_api_secret
    if key is None or secret is None:
        raise ConfigError(
            "there is no key of the exchange",
            where="environment",
            fix="set KRAKEN_API_KEY and KRAKEN_API_SECRET to a key that may trade and may not withdraw",
        )
    return KrakenVenue(
        key.reveal(),
        secret.reveal(),
        url=settings.exchange.url,
        timeout_s=min(settings.exchange.timeout_s, settings.live.deadline_s * ANSWER_SHARE),
        markets=markets,
        state=state,
    )


def warm_up(settings: Settings) -> None:
    """Import the exchange's code while something else is waited for. What fails here fails again where it is needed."""
    from bot.adapters.ccxt_loader import load_exchange

    with suppress(Exception):
        load_exchange(settings.exchange.id)


@dataclass(slots=True)
class TickRunner:
    """Ticks with real adapters, one after the other, in one event loop. Close it.

    pinned: settings that go before those of the bots' rows, for rehearsals.
    live: whether a live bot's orders go to the exchange; else it gets no venue at all.
    """

    store: PostgresStore
    base: Settings
    market: VenueData
    pinned: Mapping[str, Any] = field(default_factory=dict)
    lease_s: float = LEASE_S
    live: bool = False
    _snapshot: Snapshot | None = None
    _live_venue: KrakenVenue | None = None
    _settings: dict[tuple[int, int], Settings] = field(default_factory=dict)
    _holder: str = field(default_factory=holder)

    async def tick(self, *, at_ms: int | None = None, dry_run: bool = False) -> Document:
        """One tick; raises as run_tick does."""
        from bot.jobs.tick import run_tick

        asyncio.get_running_loop().call_soon(warm_up, self.base)
        return await run_tick(self.deps(sends=at_ms is None and not dry_run), at_ms=at_ms, dry_run=dry_run)

    def deps(self, *, sends: bool = True) -> TickDeps:
        """What the tick is given. sends: whether real orders may leave; else the account is only looked at."""
        from bot.jobs.tick import TickDeps

        return TickDeps(
            store=self.store,
            open_market=self._open_market,
            settings_for=self._settings_for,
            base=self.base,
            venue_for=partial(self._venue_for, sends),
            code_version=code_version(),
            wall_ms=wall_ms,
            holder=self._holder,
            lease_s=self.lease_s,
            max_skew_ms=MAX_SKEW_MS if self.base.exchange.url is None else None,
            live=self.live,
        )

    async def aclose(self) -> None:
        try:
            if self._live_venue is not None:
                await self._live_venue.aclose()
            await self.market.aclose()
        finally:
            self.store.close()

    def _open_market(self, snapshot: Snapshot | None) -> MarketData:
        self._snapshot = snapshot
        if snapshot is not None:
            self.market.restore_breaker(snapshot.breaker)
            if snapshot.markets:
                self.market.know(snapshot.markets)
        return self.market

    def _venue_for(self, sends: bool, bot: BotSnapshot, settings: Settings) -> Venue:
        if bot.mode == LIVE:
            venue = self._account()
            if sends:
                return venue
            from bot.adapters.watching import WatchingVenue

            return WatchingVenue(venue)
        from bot.adapters.paper import PaperVenue
        from bot.jobs.rules import paper_rules

        return PaperVenue(paper_rules(settings), bot.name)

    def _account(self) -> KrakenVenue:
        """Our account at the exchange: one object for this process, since a key's nonces must grow."""
        if not self.live:
            raise ConfigError(
                "a live bot is left alone: this run may send no real orders",
                where="TRADING_MODE",
                fix="set TRADING_MODE to live",
            )
        if self._live_venue is None:
            known = self._snapshot
            self._live_venue = open_live_venue(
                self.base, markets=known.markets if known else (), state=known.live_venue if known else {}
            )
        return self._live_venue

    def _settings_for(self, bot: BotSnapshot) -> Settings:
        key = (bot.bot_id, bot.settings_version)
        if key not in self._settings:
            settings = load_cached({**bot.overrides, **self.pinned})
            refuse_other_money(settings, bot.name, bot.quote)
            self._settings[key] = settings
        return self._settings[key]


def refuse_other_money(settings: Settings, bot: str, quote: str) -> None:
    """A bot's money keeps its currency: euros are not dollars because a setting says so. Raises ConfigError."""
    if settings.market.quote != quote:
        raise ConfigError(
            f"the money of {bot} is {quote}, and market.quote says {settings.market.quote}",
            where="market.quote",
            fix=f"set it back to {quote}, or use a METRONOME_HOME or database of its own for {settings.market.quote}",
        )


def open_runner(database: Database, *, hurried: bool = False, slot_s: int | None = None) -> TickRunner:
    """A runner on the real exchange. Nothing is connected yet. Must be called inside the event loop.

    slot_s: length of a slot where it differs from that of the settings.
    """
    from bot.adapters.postgres import PostgresStore

    pinned = {} if slot_s is None else {"market.slot_s": slot_s}
    base = load_cached(pinned)
    live = read_runtime().mode == LIVE
    market = open_market(base, hurried=True) if hurried else open_market_with_backup(base)
    return TickRunner(PostgresStore(database.url), base, market, pinned, live=live)


def slot_for(every_s: float) -> int | None:
    """The longest slot that a cadence quicker than the settings' slots still fills, s; None: theirs will do.

    A slot is handled once: in a loop of fifteen seconds with slots of five
    minutes, nineteen ticks of twenty would find theirs done.
    """
    if every_s >= load_cached().market.slot_s:
        return None
    return next((slot_s for slot_s in range(int(every_s), 15, -1) if 86_400 % slot_s == 0), 15)


def wall_ms() -> int:
    """The runner's clock, ms UTC."""
    return time.time_ns() // 1_000_000
