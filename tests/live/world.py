"""A live bot in one object: a Kraken with money in it, real Postgres, real ccxt, full live ticks on a virtual clock."""

from __future__ import annotations

import copy
import dataclasses
import hashlib
import itertools
import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from bot.adapters.live_store import LiveStore as Decisions
from bot.domain.errors import DatabaseError
from bot.simulator import Recording
from bot.simulator.auth import ApiKey
from tests.jobs.paths import T0
from tests.jobs.world import CountingStore, Document, World, merged
from tests.live.clock import SharedClock
from tests.live.runs import Job, LiveRun
from tests.live.watch import Naked, WatchedAccount, naked, watch
from tests.live.wire import DatabaseWire, Gate, GatedSimulator

SLOT_MS = 300_000
CASH = Decimal(1000)
BESIDE = {"EUR": Decimal(250), "XRP": Decimal(40)}
"""What the account holds beside the bot's own."""

LIVE_SETTINGS: Document = {"market": {"context_timeframes": []}}


class Killed(Exception):
    """The process is gone: nothing of it happens any more."""


class LiveStore(CountingStore):
    """A store whose process may die: then it neither writes nor waits for a connection."""

    def __init__(self, url: str, gate: Gate) -> None:
        super().__init__(url)
        self.gate = gate

    def run(self, work):
        self._look()
        try:
            return super().run(work)
        finally:
            self._look()

    def _open(self) -> Any:
        self._look()
        if self.gate.database_down:
            raise DatabaseError("the database is gone", where="test", fix="")
        return super()._open()

    def _look(self) -> None:
        if self.gate.dead:
            raise Killed("gone")


class LiveWorld(World):
    """A world whose bot trades with real orders. Its account: CASH for the bot, and `beside` that is none of its own.

    `tick` runs in this process and reaches the database straight, or with
    through_wire by way of the gate; the venue is always behind it.
    """

    simulator = GatedSimulator
    venue: GatedSimulator

    def __init__(
        self,
        url: str,
        recording: Recording,
        overrides: Document | None = None,
        beside: Mapping[str, Decimal] = BESIDE,
        **venue: Any,
    ) -> None:
        super().__init__(url, recording, merged(LIVE_SETTINGS, overrides or {}), **venue)
        self.beside = dict(beside)
        self.gate: Gate = self.venue.gate
        self.wire = DatabaseWire(url, self.gate)
        self.account: WatchedAccount = watch(self.venue.desk.account)
        self.key: ApiKey = self.venue.desk.add_key("trade")
        self.venue.desk.deposit("EUR", CASH)
        for asset, amount in self.beside.items():
            self.venue.desk.deposit(asset, amount)
        self.clock: SharedClock = self.venue.clock
        self.runs = itertools.count(1)
        self._saved: tuple[Any, Any, int] | None = None
        self._remembered: str | None = None
        self._stores: dict[str, LiveStore] = {}
        self.running: LiveRun | None = None

    def close(self) -> None:
        self._close_stores()
        self.wire.close()
        super().close()
        self.clock.close()

    def go_live(self, name: str = "main", cash: Decimal = CASH) -> int:
        """The live bot's row, as the decision to go live leaves it."""
        decisions = Decisions(self.url)
        try:
            return decisions.start(name, "EUR", cash, self.beside, [], "a test", "test")
        finally:
            decisions.close()

    # Ticks

    @property
    def now_ms(self) -> int:
        return self.clock.now_ms()

    def at(self, moment_ms: int) -> None:
        """Set everyone's clock."""
        self.clock.set_ms(moment_ms)

    def job(self, holder: str = "", through_wire: bool = False, **changes: Any) -> Job:
        """A run's job; each has a holder of its own."""
        job = Job(
            database_url=self.wire.url if through_wire else self.url,
            venue_url=self.venue_url,
            key=self.key.key,
            secret=self.key.secret,
            overrides=self.overrides,
            holder=holder or f"run-{next(self.runs)}",
            lease_s=self.lease_s,
        )
        return dataclasses.replace(job, **changes)

    def tick(  # type: ignore[override]
        self, venue_ms: int | None = None, holder: str = "", through_wire: bool = False, **changes: Any
    ) -> Document:
        """Set the clocks and tick. changes: of the Job. Raises what the tick raises."""
        if venue_ms is not None:
            self.at(venue_ms)
        self.venue.requests.clear()
        job = self.job(holder, through_wire, **changes)
        store = self._store(job.database_url)
        self.running = LiveRun(job, self.clock)
        try:
            document = self.runner.run(self.running.run(store))
        except BaseException:
            self._close_stores()
            raise
        self.documents.append(document)
        return document

    def _store(self, url: str) -> LiveStore:
        """A store of its own for each way to the database; one that has done its tick is used again."""
        if url not in self._stores:
            self._stores[url] = LiveStore(url, self.gate)
        return self._stores[url]

    def _close_stores(self) -> None:
        for store in self._stores.values():
            store.close()
        self._stores.clear()

    def end_lease(self) -> None:
        """As if a dead run's lease had run out."""
        self.execute("update leases set expires_at = clock_timestamp() where released_at is null")

    # The venue

    def believed(self) -> dict[str, Any]:
        """What the venue believes at this moment."""
        return self.venue.desk.state()

    def locked_until_ms(self) -> int:
        """Until when the venue lets nobody in, or has told the bot to stay out; 0 when it never did."""
        told = self.all("select coalesce((live->>'quiet_until_ms')::bigint, 0) as ms from venue_state")
        locked = [key.locked_until_ms for key in self.venue.desk.keys.all()]
        return max([row["ms"] for row in told] + locked, default=0)

    def naked(self) -> list[Naked]:
        """Stretches of time in which a position had too little stop, by the venue's own times."""
        self.venue.desk.state()
        return naked(self.account, self.now_ms)

    def naked_ms(self) -> int:
        """The longest of them."""
        return max((stretch.ms for stretch in self.naked()), default=0)

    # Beginning again

    def save(self) -> None:
        """Remember database and venue as they are now, to come back to."""
        assert not self.believed()["on_the_way"]
        self._saved = (self._copy(self.account), copy.deepcopy(self.venue.desk.keys), self.now_ms)
        self.db.execute(_SAVE.encode())

    def fingerprint(self) -> str:
        """The same for two moments that have the same future: what venue and database remember, and the time.

        Left out is what depends on the real clock, and nothing is decided by.
        """
        if self._remembered is None:
            (row,) = self.db.execute(_REMEMBERED.encode()).fetchall()
            (self._remembered,) = row.values()
        (sums,) = self.db.execute(self._remembered.encode()).fetchall()
        parts = [str(sums), json.dumps(self.believed(), sort_keys=True)]
        return hashlib.blake2b("\n".join(parts).encode()).hexdigest()

    def restore(self) -> None:
        """Go back to what `save` saw."""
        assert self._saved is not None
        account, keys, now_ms = self._saved
        self._close_stores()
        self.gate.begin()
        self.venue.faults.clear()
        self.venue.venue.set_mode("online")
        with self.venue.desk._lock:
            self.account = self.venue.desk.account = self._copy(account)
            self.venue.desk.keys = copy.deepcopy(keys)
            self.venue.desk._counters.clear()
            self.at(now_ms)
        self.db.execute(_RESTORE.encode())

    def _copy(self, account: WatchedAccount) -> WatchedAccount:
        """A copy in front of the same market."""
        market = account._market
        return copy.deepcopy(account, {id(market): market})


_SAVE = """
do $$
declare t text; begin
  drop schema if exists saved cascade;
  create schema saved;
  create table saved.counters as select sequencename, last_value from pg_sequences where schemaname = 'public';
  for t in select tablename from pg_tables where schemaname = 'public' loop
    execute format('create table saved.%I as table public.%I', t, t);
  end loop;
end $$
"""

_RESTORE = """
do $$
declare t text; fields text; begin
  set local session_replication_role = replica;
  perform pg_terminate_backend(pid) from pg_stat_activity
    where datname = current_database() and pid <> pg_backend_pid();
  for t in select tablename from pg_tables
    where schemaname = 'public' and tablename not in ('schema_migrations', 'order_transitions') loop
    select string_agg(quote_ident(attname), ', ') into fields from pg_attribute
      where attrelid = format('public.%I', t)::regclass and attnum > 0 and not attisdropped and attgenerated = '';
    execute format('delete from public.%I', t);
    execute format('insert into public.%I (%s) overriding system value select %s from saved.%I', t, fields, fields, t);
  end loop;
  perform setval(format('public.%I', sequencename), coalesce(last_value, 1), last_value is not null)
    from saved.counters;
end $$
"""

_REMEMBERED = """
select 'select concat_ws('','', ' || string_agg(format(
    '(select %L || md5(coalesce(string_agg(r::text, '' '' order by r::text), %L))'
    ' from (select %s from public.%I) as r)', t, t, fields, t), ', ' order by t) || ')'
from (
  select c.relname as t, string_agg(quote_ident(a.attname), ', ' order by a.attnum) as fields
  from pg_class c
  join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
  left join pg_attrdef d on (d.adrelid, d.adnum) = (a.attrelid, a.attnum)
  where c.relnamespace = 'public'::regnamespace and c.relkind = 'r'
    and coalesce(pg_get_expr(d.adbin, d.adrelid), '') !~ 'clock_timestamp|now'
    and (c.relname::text, a.attname::text) not in (
      ('ticks', 'report'), ('ticks', 'timings_ms'), ('ticks', 'finished_at'),
      ('leases', 'holder'), ('leases', 'acquired_at'), ('leases', 'expires_at'), ('leases', 'released_at'))
  group by c.relname
) as tables
"""
"""Makes the query that sums all rows up: of each table, a checksum."""


START = T0 + 30_000
"""Half a minute after the candle that breaks out has closed."""
