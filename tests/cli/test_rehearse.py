"""Rehearsals and the first run, as processes."""

import json

import psycopg
import pytest

from tests.cli.conftest import NOWHERE

SHORT = ("--symbols", "BTC/EUR,AVAX/EUR", "--to", "2026-03-02T03:00", "--every", "15m")


def test_a_rehearsal_of_the_bundled_recording_reports_as_the_specification_says(bot, empty_database_url):
    done = bot("rehearse", *SHORT, "--cash", "5000", "--json", DATABASE_URL=empty_database_url)
    assert done.code == 0, done.err
    document = done.document
    wanted = {"ticks", "errors", "orders", "trades", "equity_start", "equity_end", "metrics", "duration_s"}
    assert wanted <= set(document)
    assert (document["ticks"], document["errors"]) == (13, 0)
    assert (document["equity_start"], document["replay"], document["quote"]) == (5000.0, True, "EUR")

    ids = [trade["trade_id"] for trade in document["trades"]]
    assert ids
    told = bot("why", ids[0], DATABASE_URL=empty_database_url)
    assert (told.code, ids[0] in told.out) == (0, True)
    replayed = bot("why", "--replay", "--all", "--json", DATABASE_URL=empty_database_url)
    assert replayed.code == 0
    assert replayed.document["identical"] == replayed.document["decisions"] > 0


def test_a_database_with_bots_in_it_is_not_rehearsed_in(trading, database_url):
    done = trading("rehearse", *SHORT)
    assert done.code == 2
    assert "DATABASE_URL" in done.err


def test_a_rehearsal_goes_on_where_it_was_cut_short(bot, empty_database_url):
    first = bot("rehearse", *SHORT[:2], "--to", "2026-03-02T01:00", "--every", "15m", DATABASE_URL=empty_database_url)
    assert first.code == 0, first.err
    assert bot("rehearse", *SHORT, DATABASE_URL=empty_database_url).code == 2
    done = bot("rehearse", *SHORT, "--resume", "--json", DATABASE_URL=empty_database_url)
    assert (done.code, done.document["ticks"]) == (0, 8)
    with psycopg.connect(empty_database_url) as connection:
        slots = connection.execute(
            "select count(*), count(distinct slot_at) from ticks where status = 'done'"
        ).fetchall()
    assert slots == [(13, 13)]


def test_a_period_that_was_not_recorded_is_refused_with_the_one_that_was(bot, empty_database_url):
    done = bot("rehearse", "--from", "2020-01-01", "--to", "2020-01-02", DATABASE_URL=empty_database_url)
    assert done.code == 2
    assert "2026-03-02" in done.err


def test_without_a_rehearsal_the_command_that_makes_one_is_named(bot, empty_database_url):
    done = bot("status", "--rehearsal", DATABASE_URL=empty_database_url)
    assert done.code == 4
    assert "python -m bot rehearse" in done.err


def test_run_on_a_reachable_venue_is_a_paper_tick_and_says_what_to_do_next(trading):
    done = trading("run")
    assert done.code == 0, done.err
    assert "REPLAY" not in done.out
    for part in ("What it saw", "What it decided, and why", "What it holds", "What to do next", "python -m bot why"):
        assert part in done.out
    again = trading("run", "--json").document
    assert again["source"] == "live"
    assert again["tick"]["bots"]


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_run_without_the_exchange_says_so_in_one_line_and_rehearses_with_the_embedded_database(process, tmp_path):
    own = {"METRONOME_HOME": str(tmp_path)}
    done = process("run", "--json", timeout=280, KRAKEN_API_URL=NOWHERE, **own)
    assert done.code == 0, done.err
    assert len(done.err.strip().splitlines()) == 1
    assert "rehearsing the bundled recording" in done.err
    document = json.loads(done.out)
    assert document["source"] == "replay"
    assert document["rehearsal"]["trades"]
    assert document["tick"]["bots"][0]["verdicts"]
    symbol = document["tick"]["bots"][0]["verdicts"][0]["symbol"]
    assert "REPLAY" in process("why", symbol, **own).out
    assert process("status", "--rehearsal", "--json", **own).document["last_tick"]["status"] == "done"
