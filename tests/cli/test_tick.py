"""Ticks from the command line, and what can be asked about them afterwards."""

import signal
import subprocess
import sys
import time

import psycopg
import pytest

from bot.domain.timeframes import to_datetime
from tests.cli.conftest import HOUR_MS, ROOT, environment
from tests.cli.test_output import on_a_terminal

SYMBOLS = {"BTC/EUR", "ETH/EUR", "ADA/EUR"}


def count(url, table):
    with psycopg.connect(url) as connection:
        row = connection.execute(f"select count(*) from {table}".encode()).fetchone()
    return row[0]


def test_a_tick_reports_as_the_specification_says(trading, venue):
    done = trading("tick", "--json")
    assert done.code == 0, done.err
    document = done.document
    assert {"slot", "mode", "now", "bots", "timings_ms"} <= set(document)
    assert document["mode"] == "paper"
    assert document["slot"] == to_datetime(venue.clock.now_ms()).isoformat()
    (only,) = document["bots"]
    assert {"name", "status", "signals", "orders", "verdicts", "positions", "equity"} <= set(only)
    assert {verdict["symbol"] for verdict in only["verdicts"]} == SYMBOLS
    for verdict in only["verdicts"]:
        assert {"symbol", "bar", "verdict", "reason"} <= set(verdict)


def test_a_second_tick_in_the_same_slot_leaves_with_0(trading):
    assert trading("tick").code == 0
    again = trading("tick", "--json")
    assert again.code == 0
    assert again.document["skipped"] == "done"
    assert "Nothing done" in trading("tick").out


def test_a_dry_run_decides_and_leaves_no_row(trading, database_url):
    document = trading("tick", "--dry-run", "--json").document
    assert document["bots"][0]["verdicts"]
    assert [count(database_url, table) for table in ("ticks", "verdicts", "orders", "decisions")] == [0, 0, 0, 0]


def test_a_moment_in_the_past_can_be_ticked(trading, venue):
    moment = to_datetime(venue.clock.now_ms() - HOUR_MS).isoformat()
    document = trading("tick", "--at", moment, "--json").document
    assert document["now"] == moment


def test_the_text_says_what_was_seen_decided_and_held(trading):
    told = trading("tick").out
    for heading in ("What it saw", "What it decided, and why", "What it holds"):
        assert heading in told
    assert all(symbol in told for symbol in SYMBOLS)
    assert "Equity" in told


@pytest.mark.slow
def test_a_tick_that_takes_long_says_so_at_a_terminal_and_nowhere_else(trading, traded, venue, home):
    venue.faults.add("Time", "502", times=2)
    shown, code = on_a_terminal(["tick"], environment(home, **traded))
    assert code == 0
    assert "waiting for the exchange" in shown
    venue.clock.set_ms(venue.clock.now_ms() + 300_000)
    venue.faults.add("Time", "502", times=2)
    assert trading("tick").err == ""


def test_status_has_the_keys_of_the_specification(trading):
    trading("tick")
    document = trading("status", "--json").document
    assert {"bots", "positions", "last_tick", "model", "risk_events"} <= set(document)
    assert document["last_tick"]["status"] == "done"
    assert document["model"]["detail"] == "rules only, no model yet"


def test_why_tells_votes_rules_and_inputs_of_a_symbol_and_of_a_tick(trading):
    slot = trading("tick", "--json").document["slot"]
    told = trading("why", "btc-eur")
    assert told.code == 0, told.err
    for part in ("trend_following", "What each rule did", "Bid", "rsi_14"):
        assert part in told.out
    document = trading("why", slot, "--json").document
    assert document["kind"] == "tick"
    assert {verdict["symbol"] for verdict in document["verdicts"]} == SYMBOLS
    assert document["decisions"][0]["inputs"]["bars"]


def test_stored_decisions_replay_identically_and_a_changed_one_fails_the_check(trading, venue, database_url):
    trading("tick")
    venue.clock.advance_ms(HOUR_MS)
    trading("tick")
    assert trading("why", "ETH/EUR", "--replay").code == 0
    done = trading("why", "--replay", "--all")
    assert (done.code, done.out.strip()) == (0, "2/2 identical")
    with psycopg.connect(database_url) as connection:
        connection.execute("""update decisions set outputs = jsonb_set(outputs, '{decision,equity}', '1')""")
    done = trading("why", "--replay", "--all", "--json")
    assert done.code == 5
    assert (done.document["decisions"], done.document["identical"]) == (2, 0)
    assert "equity" in done.document["differences"][0]["differences"][0]
    assert "NOT identical" in trading("why", "ETH/EUR", "--replay").out


def test_a_tick_imports_nothing_that_it_does_not_need(trading, traded, venue, home):
    trading("tick")  # leaves the validated settings behind
    venue.clock.advance_ms(300_000)
    variables = environment(home, **traded)
    command = [sys.executable, "-X", "importtime", "-m", "bot", "tick", "--json"]
    traced = subprocess.run(command, cwd=ROOT, env=variables, capture_output=True, text=True, timeout=60, check=True)
    imported = {line.rsplit("|", 1)[1].strip() for line in traced.stderr.splitlines() if "|" in line}
    heavy = {"rich", "pydantic", "duckdb", "requests", "bot.simulator", "bot.adapters.postgres_reports", "ccxt.binance"}
    assert imported & heavy == set()
    assert "bot.jobs.tick" in imported


def test_a_loop_ticks_until_its_time_is_up(trading, database_url):
    done = trading("loop", "--every", "1s", "--for", "2s", "--json")
    assert done.code == 0, done.err
    assert done.document["ticks"] >= 1
    assert done.document["failed"] == 0
    assert done.document["skipped"] == done.document["ticks"] - 1
    assert count(database_url, "ticks") == 1


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_loop_after_the_tick_in_hand(traded, database_url, home, number):
    variables = environment(home, **traded)
    command = [sys.executable, "-m", "bot", "loop", "--every", "1h", "--json"]
    process = subprocess.Popen(
        command, cwd=ROOT, env=variables, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    give_up = time.monotonic() + 30
    while count(database_url, "ticks") == 0 and time.monotonic() < give_up:
        time.sleep(0.05)
    process.send_signal(number)
    out, err = process.communicate(timeout=30)
    assert process.returncode == 0, err
    assert '"ticks": 1' in out
    with psycopg.connect(database_url) as connection:
        assert connection.execute("select status from ticks").fetchall() == [("done",)]
        assert connection.execute("select released_at is not null from leases").fetchall() == [(True,)]
