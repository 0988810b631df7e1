"""Reads what the live checks go by: database, exchange and account, each once, side by side where that is possible.

Nothing is written and no lease is taken, so a tick may run at any time. One that is
at work has the key to itself for a moment: two programs that sign with one
key at once refuse each other's nonces.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from bot.cli.checks import database
from bot.cli.checks import exchange as public
from bot.cli.checks.result import Check, bad
from bot.cli.live_checks import NEEDED, Books, KeyFacts, LiveFacts
from bot.cli.wiring import LIVE, open_live_venue, wall_ms
from bot.domain.errors import ConfigError, DatabaseError, ExchangeError
from bot.domain.orders import IN_DOUBT
from bot.domain.records import BotSnapshot, Snapshot
from bot.domain.venue_orders import Observation, ObserveRequest
from bot.settings import Settings, load, read_secrets

if TYPE_CHECKING:
    from bot.adapters.kraken_venue import KrakenVenue
    from bot.jobs.account import Account

Document = dict[str, Any]

LOOK_BACK_MS = 60_000
TICK_PATIENCE_S = 15.0
LETTERS = 50


async def gather(settings: Settings | None, capital: Decimal | None) -> tuple[list[Check], LiveFacts]:
    """The ordinary checks of database and exchange, and the facts for the live ones."""
    base = settings or load()
    stored, found = await asyncio.to_thread(_read_database, base.market.slot_s)
    snapshot, letters = found or (None, None)
    bot = live_bot(snapshot)
    if settings is None and bot is not None:
        base = load(bot.overrides)
    if snapshot is not None and bot is None and capital is None:
        capital = Decimal(str(base.live.initial_capital))
    facts = LiveFacts(
        base, capital, wall_ms(), KeyFacts(set=False), virtual=base.exchange.url is not None,
        snapshot=snapshot, letters=letters,
    )  # fmt: skip
    held = [trade.symbol for trade in bot.open_trades] if bot else []
    seen, facts = await asyncio.gather(_look(base, held), _try_key(facts))
    ordinary = [seen] if isinstance(seen, Check) else public.judge(base, seen)
    if isinstance(seen, public.Look):
        facts = replace(facts, look=seen, now_ms=seen.opening.now_ms)
        facts = await _read_account(facts, bot)
    return [*stored, *ordinary], facts


def live_bot(snapshot: Snapshot | None) -> BotSnapshot | None:
    """The one bot that trades with real money."""
    bots = snapshot.bots if snapshot is not None else ()
    return next((bot for bot in bots if bot.mode == LIVE), None)


def read_snapshot(url: str) -> Snapshot:
    """What a tick would load, without its lease. Raises DatabaseError."""
    from bot.adapters.postgres_connection import Client
    from bot.adapters.postgres_rows import as_snapshot, query

    client = Client(url, "metronome doctor")
    try:
        row = client.run(lambda connection: client.ask(connection, query("snapshot"), {"holder": ""}).fetchone())
    finally:
        client.close()
    assert row is not None
    return as_snapshot(row[0])


def _read_database(slot_s: int) -> tuple[list[Check], tuple[Snapshot, list[Document]] | None]:
    found = database.checks(slot_s)
    sound = {check.name for check in found if check.ok}
    if not {"database", "migrations"} <= sound:
        return found, None
    from bot.adapters.live_store import LiveStore
    from bot.cli.wiring import find_database

    url = find_database().url
    store = LiveStore(url)
    try:
        return found, (read_snapshot(url), store.dead_letters(LETTERS))
    except DatabaseError as problem:
        return [*found, bad("database", f"{problem.what} (at {problem.where})", problem.fix)], None
    finally:
        store.close()


async def _look(settings: Settings, held: list[str]) -> public.Look | Check:
    try:
        return await public.look(settings, held)
    except (ExchangeError, ConfigError) as problem:
        return bad("exchange", f"{problem.what} (at {problem.where})", problem.fix)


async def _try_key(facts: LiveFacts) -> LiveFacts:
    """Whether the key works, and what it may do."""
    secrets = read_secrets()
    if secrets.kraken_api_key is None or secrets.kraken_api_secret is None:
        return facts
    if facts.snapshot is not None:
        await _tick_is_over()
    try:
        venue = _venue(facts)
    except ConfigError as problem:
        return replace(facts, key=KeyFacts(True, problem.what, problem.fix))
    try:
        info = await venue.key_info()
        return replace(facts, key=KeyFacts(True, "", "", info.permissions, info.nonce_window_ms))
    except ExchangeError as problem:
        return replace(facts, key=KeyFacts(True, problem.what, problem.fix))
    finally:
        await venue.aclose()


async def _tick_is_over() -> None:
    """Give a run that holds the lease some time to end."""
    give_up = asyncio.get_running_loop().time() + TICK_PATIENCE_S
    while await asyncio.to_thread(_lease_is_held) and asyncio.get_running_loop().time() < give_up:
        await asyncio.sleep(0.5)


def _lease_is_held() -> bool:
    from bot.adapters.postgres_connection import connect
    from bot.cli.wiring import find_database

    held = "select from leases where name = 'tick' and released_at is null and expires_at > clock_timestamp()"
    try:
        with connect(find_database().url, "metronome doctor") as connection:
            return connection.execute(held.encode()).fetchone() is not None
    except Exception:  # a database without the table, or none: its own checks say so
        return False


def _venue(facts: LiveFacts) -> KrakenVenue:
    # A lockout that a tick has met holds for the doctor too: asking would make it longer.
    state = facts.snapshot.live_venue if facts.snapshot is not None else {}
    markets = tuple(facts.look.known.values()) if facts.look is not None else ()
    return open_live_venue(facts.settings, markets=markets, state=state)


async def _read_account(facts: LiveFacts, bot: BotSnapshot | None) -> LiveFacts:
    """Orders, balances and fees, and the bot's rows brought up to them."""
    key = facts.key
    if not key.set or key.problem or not set(NEEDED) <= (key.permissions or frozenset(NEEDED)):
        return facts
    from bot.jobs.account import Account
    from bot.jobs.rules import rules_of

    account = Account(bot, rules_of(facts.settings, "live")) if bot is not None else None
    venue = _venue(facts)
    try:
        seen = await venue.observe(_wanted(account, facts.now_ms), facts.now_ms)
        fees = await venue.fees([s for s in facts.settings.market.symbols if facts.look and s in facts.look.known])
    except ExchangeError as problem:
        return replace(facts, seen_problem=problem.what)
    finally:
        await venue.aclose()
    books = _books(account, bot, seen) if account is not None and bot is not None else None
    return replace(facts, seen=seen, fees=fees, books=books)


def _wanted(account: Account | None, now_ms: int) -> ObserveRequest:
    """Closed orders since the oldest of ours that may still matter was placed."""
    if account is None:
        return ObserveRequest(now_ms, {})
    ledger = account.ledger()
    since_ms = min((order.placed_ms for order in ledger.orders), default=now_ms) - LOOK_BACK_MS
    filled = {o.venue_order_id: o.filled for o in (*ledger.settled, *ledger.orders) if o.venue_order_id}
    return ObserveRequest(max(since_ms, 0), filled)


def _books(account: Account, bot: BotSnapshot, seen: Observation) -> Books:
    from bot.rulebook.reconcile import reconcile

    before = account.live_orders()
    result = reconcile(account.ledger(), seen)
    for step in result.steps:
        account.take_step(step)
    doubtful = {order.symbol for order in before if order.status in IN_DOUBT}
    unsettled = {symbol: why for symbol, why in result.unsettled.items() if symbol not in doubtful}
    return Books(
        bot, before, account.live_orders(), tuple(account.trades.values()), account.cash, unsettled, result.foreign
    )
