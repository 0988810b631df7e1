"""The kill switch and close-all: what they stop, what they leave alone, what they say remains."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
import time
from dataclasses import replace
from decimal import Decimal

import psycopg
import pytest

from bot.domain.orders import Leg, OrderStatus
from tests.cli.conftest import NOWHERE, ROOT, environment
from tests.cli.live_account import SYMBOL, LiveAccount, sound_account

SENDING = ("AddOrder", "AmendOrder", "CancelOrder", "CancelAll", "CancelAllOrdersAfter")


@pytest.fixture
def account(database_url, venue) -> LiveAccount:
    """A live bot with a protected position."""
    return sound_account(venue, database_url)


@pytest.fixture
def live(bot, account):
    """Run a command as its owner does."""
    return lambda *arguments, **more: bot(*arguments, **(account.environment | more))


def sent(account):
    """How many requests that change orders the venue has seen."""
    return {name: count for name, count in account.venue.requests.counts().items() if name in SENDING}


def resting(account):
    return {txid for txid, order in account.venue.desk.state()["orders"].items() if order["status"] == "open"}


def next_slot(account):
    account.venue.clock.advance_ms(300_000)


def decisions(url):
    with psycopg.connect(url) as connection:
        query = "select kind, reason, author from live_decisions order by live_decision_id"
        return connection.execute(query).fetchall()


def test_kill_says_at_once_what_remains_and_touches_no_stop(live, account):
    before = sent(account), resting(account)
    done = live("kill", "--reason", "the strategy went mad", "--json")
    assert done.code == 0, done.err
    document = done.document
    assert document["kill_switch"]["reason"] == "the strategy went mad"
    (position,) = document["positions"]
    assert (position["symbol"], position["quantity"], position["protected"]) == (SYMBOL, 0.002, 0.002)
    assert [stop["stop_price"] for stop in position["stops"]] == [20_000]
    assert position["worth_at_stops"] == pytest.approx(40)
    assert (sent(account), resting(account)) == before


def test_a_killed_bots_tick_keeps_books_and_sends_nothing(live, account, database_url):
    live("kill")
    assert live("close-all", "--yes").code == 0
    before = sent(account), resting(account)
    for _ in range(2):
        next_slot(account)
        done = live("tick", "--json")
        assert done.code == 0, done.err
    assert (sent(account), resting(account)) == before
    with psycopg.connect(database_url) as connection:
        booked = connection.execute("select count(*) from equity_snapshots").fetchone()
    assert booked == (2,)


def test_what_rests_expires_or_is_in_doubt_is_told_in_words(live, account):
    doubt = account.order(Leg.EXIT, Decimal("0.001"), 3)
    entry = account.order(
        Leg.ENTRY, Decimal("0.01"), 4, symbol="ETH/EUR", limit_price=Decimal("10"), stop_price=Decimal("9"),
        expires_ms=account.now_ms + 900_000,
    )  # fmt: skip
    entry = replace(entry, trade_id=entry.client_id)
    rests = replace(entry, status=OrderStatus.OPEN, venue_order_id="OAAAAA-BBBBB-CCCCCC")
    account.write(orders=(doubt, replace(doubt, status=OrderStatus.UNKNOWN), entry, rests))
    document = live("kill", "--json").document
    assert [(one["symbol"], one["limit_price"]) for one in document["entries"]] == [("ETH/EUR", 10)]
    assert document["entries"][0]["expires_at"]
    assert [(one["leg"], one["status"]) for one in document["unknown"]] == [("exit", "unknown")]
    told = live("kill").out
    for part in ("ON since", "Stops that rest there stay", "Worth at stops", "Expires", "Orders in doubt", "ETH/EUR"):
        assert part in told
    assert "ACTIF" in live("kill", "--lang", "fr").out


def test_kill_needs_no_exchange(live):
    done = live("kill", "--json", KRAKEN_API_URL=NOWHERE)
    assert done.code == 0, done.err
    assert done.document["positions"]


def test_kill_is_safe_without_a_live_bot_and_twice(trading, database_url):
    assert trading("kill", "--json").document["positions"] == []
    again = trading("kill", "--reason", "again", "--json")
    assert (again.code, again.document["kill_switch"]["reason"]) == (0, "again")


def test_without_a_database_it_says_what_protects_and_where_to_pull_the_plug(live):
    done = live("kill", DATABASE_URL="postgresql://someone@127.0.0.1:9/none")
    assert done.code == 4
    for part in ("NOT on", "stops that rest at Kraken go on protecting", "delete the API key", "Settings > API"):
        assert part in done.err


def test_release_needs_a_yes_where_nobody_can_be_asked(live, database_url):
    live("kill", "--reason", "a storm")
    assert live("kill", "--release").code == 2
    assert live("kill", "--json").document["kill_switch"]
    done = live("kill", "--release", "--yes", "--json")
    assert done.code == 0, done.err
    assert done.document["kill_switch"] is None
    assert decisions(database_url)[-1][0] == "release"
    assert "is off" in live("kill", "--release", "--yes").out


@pytest.mark.parametrize(("typed", "released"), [("release", True), ("yes", False), ("", False)])
def test_release_asks_for_the_word_on_a_terminal(live, account, home, typed, released):
    live("kill")
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "bot", "kill", "--release"],
        cwd=ROOT, env=environment(home, **account.environment), stdin=theirs, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    os.write(ours, f"{typed}\n".encode())
    out, err = process.communicate(timeout=30)
    os.close(ours)
    os.close(theirs)
    assert process.returncode == 0, err
    assert "Type release" in err
    assert ("is off again" in out) is released
    assert ("is ON" in out) is not released


def test_after_the_release_a_close_asked_for_meanwhile_is_done(live, account):
    live("kill")
    live("close-all", "--yes")
    next_slot(account)
    live("tick")
    assert resting(account)
    live("kill", "--release", "--yes")
    next_slot(account)
    assert live("tick").code == 0
    assert resting(account) == set()
    assert live("status", "--json").document["positions"] == []


def test_close_all_says_what_is_sold_and_cancels_no_stop_itself(live, account):
    before = sent(account), resting(account)
    done = live("close-all", "--yes", "--json")
    assert done.code == 0, done.err
    assert [one["symbol"] for one in done.document["positions"]] == [SYMBOL]
    assert done.document["positions"][0]["protected"] == 0.002
    assert (sent(account), resting(account)) == before
    told = live("close-all", "--yes").out
    assert "stops stay" in told
    assert SYMBOL in told
    live("kill")
    assert "kill switch is on" in live("close-all", "--yes").out


def test_close_all_twice_sells_once(live, account):
    live("close-all", "--yes")
    live("close-all", "--yes")
    next_slot(account)
    for _ in range(3):
        assert live("tick").code == 0
        live("close-all", "--yes")
        next_slot(account)
    sells = [
        order
        for order in account.venue.desk.state()["orders"].values()
        if order["descr"]["type"] == "sell" and Decimal(order["vol_exec"]) > 0
    ]
    assert [Decimal(order["vol_exec"]) for order in sells] == [Decimal("0.002")]
    assert resting(account) == set()


def test_waiting_for_close_all_follows_it_until_all_is_sold(live, account, home):
    process = subprocess.Popen(
        [sys.executable, "-m", "bot", "close-all", "--yes", "--wait", "--for", "60s"],
        cwd=ROOT, env=environment(home, **account.environment), stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        stdin=subprocess.DEVNULL, text=True,
    )  # fmt: skip
    give_up = time.monotonic() + 30
    while not commands_waiting(account.database_url) and time.monotonic() < give_up:
        time.sleep(0.05)
    next_slot(account)
    assert live("tick").code == 0
    out, err = process.communicate(timeout=30)
    assert process.returncode == 0, err
    assert f"still there: real {SYMBOL}" in err
    assert "All is sold" in out


def test_waiting_ends_with_5_when_the_time_is_up(live):
    done = live("close-all", "--yes", "--wait", "--for", "1s", "--json")
    assert done.code == 5
    assert done.document["done"] is False
    assert [one["symbol"] for one in done.document["positions"]] == [SYMBOL]


def commands_waiting(url):
    with psycopg.connect(url) as connection:
        return connection.execute("select count(*) from commands where done_at is null").fetchone()[0]


def test_a_dead_letter_stays_until_a_person_has_seen_to_it(live, account):
    account.dead_letter()
    (letter,) = live("dead-letters", "--json").document["dead_letters"]
    assert letter["why"] == "EOrder:Insufficient funds"
    assert letter["client_id"] in live("dead-letters").out
    assert live("dead-letters", "--seen", "nobody").code == 2
    done = live("dead-letters", "--seen", letter["client_id"], "--json")
    assert done.document == {"dead_letters": [], "seen": [letter["client_id"]]}
    assert "No order waits" in live("dead-letters").out
