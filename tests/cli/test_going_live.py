"""How much of an account becomes a bot's, what stays beside it, and which runs may send real orders at all."""

from __future__ import annotations

import asyncio
import os
from dataclasses import replace
from decimal import Decimal
from unittest.mock import patch

import pytest

from bot.adapters.kraken_venue import KrakenVenue
from bot.adapters.live_store import LiveStore
from bot.adapters.paper import PaperVenue
from bot.adapters.postgres import PostgresStore
from bot.adapters.watching import WatchingVenue
from bot.cli.going_live import affordable, baseline
from bot.cli.live_facts import gather
from bot.cli.wiring import TickRunner, open_live_venue, open_market, open_runner, ready_database
from bot.domain.errors import ConfigError
from bot.domain.markets import Quote
from bot.domain.orders import OrderStatus
from bot.domain.venue_orders import ObserveRequest
from bot.settings import load
from tests.cli.conftest import environment
from tests.cli.live_account import sound_account


@pytest.fixture
def account(database_url, venue, tmp_path):
    """A live bot that holds 0.002 BTC of 1,500 EUR, and the environment of the program."""
    made = sound_account(venue, database_url)
    with patch.dict(os.environ, environment(tmp_path, **made.environment), clear=True):
        yield made


@pytest.fixture
def facts(account):
    return asyncio.run(gather(None, Decimal(100)))[1]


@pytest.fixture
def live_bot(account, database_url):
    store = LiveStore(database_url)
    yield store.live_bot()
    store.close()


def test_what_a_bot_holds_already_counts_as_its_own(facts):
    assert affordable(facts, Decimal(100)) == 100
    assert affordable(facts, Decimal(9999)) == 1500


def test_a_new_bot_gets_what_is_free_in_whole_cents(facts):
    fresh = replace(facts, books=None)
    balance = next(one for one in facts.seen.balances if one.asset == "EUR")
    assert balance.total < 1500
    held = tuple(replace(one, held=Decimal("20.005")) if one.asset == "EUR" else one for one in facts.seen.balances)
    fresh = replace(fresh, seen=replace(facts.seen, balances=held))
    assert affordable(fresh, Decimal(9999)) == (balance.total - Decimal("20.005")).quantize(
        Decimal("0.01"), "ROUND_FLOOR"
    )


def test_an_account_with_nothing_free_is_for_the_checks_to_refuse(facts):
    assert affordable(replace(facts, books=None, seen=replace(facts.seen, balances=())), Decimal(100)) == 100
    assert affordable(replace(facts, seen=None), Decimal(100)) == 100


def test_a_bot_that_still_holds_something_keeps_its_baseline(facts, live_bot):
    assert baseline(facts, live_bot) == {"EUR": 500}


def test_everything_but_the_capital_stays_beside_a_new_bot(facts):
    total = next(one.total for one in facts.seen.balances if one.asset == "EUR")
    assert baseline(replace(facts, books=None), None) == {"EUR": total - 100, "BTC": Decimal("0.002")}


def test_lent_coins_are_beside_the_bot_too(facts):
    lent = tuple(replace(one, rewards=Decimal(3)) if one.asset == "BTC" else one for one in facts.seen.balances)
    found = baseline(replace(facts, books=None, seen=replace(facts.seen, balances=lent)), None)
    assert found["BTC"] == Decimal("3.002")


def runner(database_url, *, live):
    settings = load()
    return TickRunner(PostgresStore(database_url), settings, open_market(settings), live=live)


@pytest.fixture
def bots(database_url):
    """Snapshots of the paper bot and of the live one."""
    store = PostgresStore(database_url)
    snapshot = store.begin("a test", 1.0)
    store.close()
    return {bot.mode: bot for bot in snapshot.bots}


def test_a_run_that_may_not_send_has_no_venue_for_a_live_bot(account, database_url, bots):
    async def work():
        paper_only = runner(database_url, live=False)
        try:
            deps = paper_only.deps()
            assert deps.live is False
            with pytest.raises(ConfigError, match="left alone"):
                deps.venue_for(bots["live"], load())
            assert isinstance(deps.venue_for(replace(bots["live"], mode="paper"), load()), PaperVenue)
        finally:
            await paper_only.aclose()

    asyncio.run(work())


def test_one_process_has_one_account_and_a_dry_run_only_looks_at_it(account, database_url, bots):
    async def work():
        tending = open_runner(ready_database())
        try:
            venue = tending.deps().venue_for(bots["live"], load())
            assert tending.deps().venue_for(bots["live"], load()) is venue
            looking = tending.deps(sends=False).venue_for(bots["live"], load())
            assert isinstance(looking, WatchingVenue)
            assert isinstance(venue, KrakenVenue)
            return await asyncio.gather(*(attempt for attempt in tries(looking))), looking.state() == venue.state()
        finally:
            await tending.aclose()

    def tries(looking):
        order = replace(account.stop, client_id="s-another", status=OrderStatus.SUBMITTING)
        quote = Quote(1.0, 1.0, 1.0)
        yield looking.place(order, quote, None, 0.0, account.now_ms)
        yield looking.amend(account.stop, account.now_ms)
        yield looking.cancel(account.stop, account.now_ms)

    before = account.venue.desk.state()["orders"]
    answers, same_state = asyncio.run(work())
    assert [answer.status for answer in answers] == [
        OrderStatus.NOT_PLACED, OrderStatus.REJECTED, OrderStatus.REJECTED,
    ]  # fmt: skip
    assert same_state
    assert account.venue.desk.state()["orders"] == before


def test_a_dry_run_sees_the_account(account, database_url, bots):
    async def work():
        tending = open_runner(ready_database())
        try:
            looking = tending.deps(sends=False).venue_for(bots["live"], load())
            assert isinstance(looking, WatchingVenue)
            return await looking.observe(ObserveRequest(0, {}), account.now_ms)
        finally:
            await tending.aclose()

    seen = asyncio.run(work())
    assert account.stop.venue_order_id in {order.venue_order_id for order in seen.orders}


def test_real_orders_go_to_kraken_only(account):
    settings = load({"exchange.id": "binance"})
    with pytest.raises(ConfigError, match="kraken only"):
        open_live_venue(settings)


def test_an_answer_is_waited_for_less_long_than_the_order_may_take(account):
    async def work():
        for timeout_s, deadline_s, wanted in ((10, 15, 10), (60, 15, 10), (10, 6, 4)):
            venue = open_live_venue(load({"exchange.timeout_s": timeout_s, "live.deadline_s": deadline_s}))
            assert venue._client._timeout_s == pytest.approx(wanted)
            await venue.aclose()

    asyncio.run(work())
