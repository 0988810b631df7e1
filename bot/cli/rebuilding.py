"""A live bot's books from the exchange into the database: the adapters, a person's word, the bot's row."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from bot.cli.commands.bots import author
from bot.cli.going_live import NAME
from bot.cli.patience import told_when_slow
from bot.cli.texts import text
from bot.cli.wiring import holder, open_live_store, open_live_venue, open_market, open_reports, ready_database
from bot.settings import load_cached

Document = dict[str, Any]


def rebuild(bot: str | None, cash: str | None, dry_run: bool, sure: Callable[[Document], bool]) -> Document:
    """Read the exchange, ask, write. Raises ConfigError, ExchangeError, CheckFailed, DatabaseError."""
    from bot.cli.arguments import amount

    settings = load_cached()
    name = bot or NAME
    capital = amount(cash, "--cash") if cash else Decimal(str(settings.live.initial_capital))
    document = asyncio.run(_rebuild(name, capital, lambda found: not dry_run and sure(found)))
    if document["written"]:
        with open_reports() as reports:
            reports.queue_command("pause", name)
    return {**document, "bot": name, "quote": settings.market.quote, "dry_run": dry_run}


async def _rebuild(name: str, capital: Decimal, approve: Callable[[Document], bool]) -> Document:
    from bot.adapters.postgres import PostgresStore
    from bot.jobs.rebuild import RebuildDeps
    from bot.jobs.rebuild import rebuild as take_over

    settings = load_cached()
    store = PostgresStore(ready_database().url)
    market, venue = open_market(settings), open_live_venue(settings)

    def make_bot(beside: dict[str, Decimal]) -> int:
        with open_live_store() as decisions:
            return decisions.start(name, settings.market.quote, capital, beside, [], text("rebuild.reason"), author())

    try:
        with told_when_slow():
            deps = RebuildDeps(store, market, venue, settings, make_bot, holder())
            return await take_over(deps, name, capital, approve)
    finally:
        await venue.aclose()
        await market.aclose()
        store.close()
