"""`live`: through the real program, in front of the simulated Kraken and a real database."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
import time

import psycopg
import pytest

from bot.cli.main import main
from bot.domain.timeframes import to_datetime
from bot.simulator.auth import TRADING
from tests.cli.conftest import ROOT, environment

DAY_MS = 86_400_000
REASON = "a small trial of the whole path before the first backtest exists"
SIZES = {"METRONOME_RISK__MAX_POSITION_FRAC": "0.2"}
"""A tenth of a hundred euros is less than the smallest trade after fees."""


def rows(url, statement, *values):
    with psycopg.connect(url) as connection:
        return connection.execute(statement, values).fetchall()


@pytest.fixture
def account(venue):
    """A key that may trade, and money: some for the bot, some that is none of its business."""
    venue.desk.deposit("EUR", "350")
    venue.desk.deposit("XRP", "40")
    return venue.desk.add_key("trade", nonce_window=10_000)


@pytest.fixture
def real(trading, account):
    """Run a command with TRADING_MODE=live and the key."""
    own = {"TRADING_MODE": "live", "KRAKEN_API_KEY": account.key, "KRAKEN_API_SECRET": account.secret} | SIZES
    return lambda *arguments, **more: trading(*arguments, **(own | more))


@pytest.fixture
def started(real):
    assert real("live", "start", "--yes", LIVE_OVERRIDE=REASON).code == 0
    return real


def test_it_shows_every_gate_with_value_and_limit_and_what_is_missing(trading, database_url):
    with psycopg.connect(database_url) as connection:
        for day in range(9):
            equity = 1000 + 5 * day + 3 * (day % 2)
            connection.execute(
                "insert into equity_snapshots"
                " (bot_id, at, cash, positions_value, equity, peak_equity, drawdown, exposure, fence)"
                " values (1, %s, 1000, %s, %s, 1100, 0, 0, 1)",
                (to_datetime(1_790_000_000_000 + day * DAY_MS), equity - 1000, equity),
            )
    document = trading("live", "--json").document
    gates = {gate["name"]: gate for gate in document["gates"]}
    assert (gates["paper_days"]["ok"], gates["paper_days"]["value"], gates["paper_days"]["limit"]) == (True, 8, 7)
    assert gates["sharpe"]["ok"]
    assert gates["closed_trades"]["value"] == 0
    assert gates["backtest_sharpe"]["why"] == "no_backtest"
    assert document["gates_ok"] is False
    assert (document["mode"], document["live_bot"], document["ramp"]) == ("paper", None, None)
    assert {one["what"] for one in document["missing"]} >= {"closed_trades", "backtest_sharpe", "key", "mode", "start"}
    assert all(one["fix"] for one in document["missing"])
    told = trading("live").out
    for part in ("days on paper", "≥ 7", "no backtest on record", "wait for 10 more closed trade(s)", "LIVE_OVERRIDE"):
        assert part in told


def test_a_backtest_on_record_opens_its_gate_and_one_of_other_settings_says_so(trading, database_url):
    from bot.adapters.backtest_store import BacktestStore
    from tests.state.test_backtests import document

    def gate():
        return next(one for one in trading("live", "--json").document["gates"] if one["name"] == "backtest_sharpe")

    store = BacktestStore(database_url)
    try:
        store.add(document(made_at=to_datetime(time.time_ns() // 1_000_000 - DAY_MS).isoformat()))
    finally:
        store.close()
    assert (gate()["ok"], gate()["why"], gate()["value"]) == (True, "", 1.25)
    trading("config", "set", "risk.stop_loss_frac=0.033")
    assert (gate()["ok"], gate()["why"]) == (False, "backtest_of_other_settings")
    assert "backtests of other settings only" in trading("live").out


def test_it_speaks_french(trading):
    told = trading("live", "--lang", "fr").out
    for part in ("jours sur papier", "aucun backtest enregistré", "attendez encore 10 trade(s) fermé(s)"):
        assert part in told


def test_start_is_refused_while_gates_are_closed(real, database_url):
    done = real("live", "start", "--yes", "--json")
    assert done.code == 5
    assert (done.document["refused"], done.document["done"]) == ("gates", False)
    assert rows(database_url, "select mode from bots") == [("paper",)]
    assert rows(database_url, "select count(*) from live_decisions") == [(0,)]
    told = real("live", "start", "--yes")
    assert told.code == 5
    assert "not every gate is open" in told.out


def test_start_needs_the_mode_and_the_key(trading, real, account):
    assert trading("live", "start", "--yes").code == 2
    done = real("live", "start", "--yes", KRAKEN_API_SECRET="", LIVE_OVERRIDE=REASON)
    assert done.code == 2
    assert "KRAKEN_API_SECRET" in done.err


@pytest.mark.parametrize("reason", ["yes", "just do it now", "go go go go go go go go go", "aaaaaaaaaaaaaaaaaaaaaaaa"])
def test_a_reason_that_is_none_is_refused(real, database_url, reason):
    done = real("live", "start", "--yes", LIVE_OVERRIDE=reason)
    assert done.code == 2
    assert "LIVE_OVERRIDE" in done.err
    assert rows(database_url, "select count(*) from live_decisions") == [(0,)]


def test_a_written_reason_lets_it_start_and_is_stored_and_shown(real, trading, database_url):
    trading("config", "set", "risk.stop_loss_frac=0.03")
    done = real("live", "start", "--yes", "--json", LIVE_OVERRIDE=REASON)
    assert done.code == 0, done.out + done.err
    document = done.document
    assert (document["done"], document["override"], document["capital"]) == (True, REASON, 100.0)
    assert document["baseline"] == {"EUR": 250.0, "XRP": 40.0}
    assert rows(database_url, "select name, mode, status, initial_cash from bots order by bot_id") == [
        ("main", "paper", "RUNNING", 1000),
        ("live", "live", "RUNNING", 100),
    ]
    ((override, gates),) = rows(database_url, "select override, gates from live_decisions")
    assert override == REASON
    assert {gate["name"] for gate in gates} == {gate["name"] for gate in document["gates"]}
    (own,) = real("config", "show", "--bot", "live", "--part", "risk.stop_loss_frac", "--json").document["settings"]
    assert own["value"] == 0.03
    shown = real("live")
    assert REASON in shown.out
    assert "100.00 EUR" in shown.out
    status = real("status", "--json").document
    assert status["live"]["bot"] == "live"
    assert (status["live"]["capital"], status["live"]["next_capital"]) == (100.0, 250.0)
    assert "LIVE" in real("status").out


def test_a_second_start_is_refused(started, database_url):
    done = started("live", "start", "--yes", LIVE_OVERRIDE=REASON)
    assert done.code == 2
    assert "already" in done.err
    assert rows(database_url, "select count(*) from live_decisions") == [(1,)]


def test_a_key_that_may_withdraw_is_refused_whatever_is_written(real, venue, database_url):
    key = venue.desk.add_key("rich", (*TRADING, "withdraw-funds"), nonce_window=10_000)
    given = {"KRAKEN_API_KEY": key.key, "KRAKEN_API_SECRET": key.secret, "LIVE_OVERRIDE": REASON}
    done = real("live", "start", "--yes", "--json", **given)
    assert done.code == 5
    assert done.document["refused"] == "checks"
    failed = {check["name"] for check in done.document["checks"] if not check["ok"]}
    assert failed == {"live_withdrawal"}
    assert rows(database_url, "select mode from bots") == [("paper",)]
    assert "MAY WITHDRAW" in real("live", "start", "--yes", **given).out


def test_a_bot_never_gets_more_than_the_account_has_free(real, venue, database_url):
    venue.desk.withdraw("EUR", "279.985")
    done = real("live", "start", "--yes", "--json", LIVE_OVERRIDE=REASON)
    assert done.code == 0, done.out
    assert done.document["capital"] == 70.01
    assert rows(database_url, "select initial_cash::float from bots where mode = 'live'") == [(70.01,)]


def test_nobody_to_ask_means_no_start(real, database_url):
    done = real("live", "start", LIVE_OVERRIDE=REASON)
    assert done.code == 2
    assert "--yes" in done.err
    assert rows(database_url, "select count(*) from live_decisions") == [(0,)]


@pytest.mark.parametrize(("typed", "starts"), [("100 eur\n", True), ("yes\n", False), ("\n", False)])
def test_a_terminal_asks_for_the_amount(traded, account, tmp_path, database_url, typed, starts):
    ours, theirs = pty.openpty()
    own = {"TRADING_MODE": "live", "KRAKEN_API_KEY": account.key, "KRAKEN_API_SECRET": account.secret} | SIZES
    process = subprocess.Popen(
        [sys.executable, "-m", "bot", "live", "start"],
        cwd=ROOT,
        env=environment(tmp_path, **traded, **own, LIVE_OVERRIDE=REASON),
        stdin=theirs,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    os.close(theirs)
    os.write(ours, typed.encode())
    out, err = process.communicate(timeout=60)
    os.close(ours)
    assert process.returncode == 0, out + err
    assert "Type 100 EUR" in err
    assert rows(database_url, "select count(*) from live_decisions") == [(1 if starts else 0,)]


def test_stop_keeps_the_bot_from_entering_and_says_why_it_was_done(started, database_url):
    assert started("live", "stop", "--reason", "holidays").code == 0
    assert rows(database_url, "select status from bots where mode = 'live'") == [("PAUSED",)]
    kinds = rows(database_url, "select kind, reason from live_decisions order by live_decision_id")
    assert kinds == [("start", ""), ("stop", "holidays")]
    assert started("resume", "--bot", "live").code == 2
    again = started("live", "start", "--yes", "--json", LIVE_OVERRIDE=REASON)
    assert again.code == 0, again.out
    assert again.document["baseline"] == {"EUR": 250.0, "XRP": 40.0}


def test_there_is_nothing_to_stop_or_to_raise_before_a_start(real):
    assert real("live", "stop").code == 2
    assert real("live", "raise", "--yes").code == 2


def test_a_raise_is_refused_before_two_good_weeks(started, database_url):
    done = started("live", "raise", "--yes", "--json")
    assert done.code == 5
    assert done.document["refused"] == "gates"
    closed = {gate["name"] for gate in done.document["gates"] if not gate["ok"]}
    assert closed == {"days_at_step", "trades_at_step", "drawdown_at_step", "profit_factor_at_step"}
    assert rows(database_url, "select initial_cash from bots where mode = 'live'") == [(100,)]


def test_a_written_reason_raises_by_one_step_only(started, database_url):
    done = started("live", "raise", "--yes", "--json", LIVE_OVERRIDE=REASON)
    assert done.code == 0, done.out
    assert (done.document["before"], done.document["capital"]) == (100.0, 250.0)
    assert rows(database_url, "select initial_cash from bots where mode = 'live'") == [(250,)]


def test_a_raise_beyond_the_account_is_refused(started, venue, database_url):
    venue.desk.withdraw("EUR", "200")
    done = started("live", "raise", "--yes", "--json", LIVE_OVERRIDE=REASON)
    assert done.code == 5
    assert {check["name"] for check in done.document["checks"] if not check["ok"]} == {"live_cash"}
    assert rows(database_url, "select initial_cash from bots where mode = 'live'") == [(100,)]


def test_status_says_that_the_kill_switch_is_on(started):
    assert started("kill", "--reason", "something is odd").code == 0
    status = started("status", "--json").document
    assert status["live"]["kill_switch"]["reason"] == "something is odd"
    assert "something is odd" in started("status").out
    assert started("live", "--json").document["kill_switch"] == "something is odd"
    refused = started("live", "raise", "--yes", "--json", LIVE_OVERRIDE=REASON)
    assert refused.code == 5
    assert "kill_switch" in {check["name"] for check in refused.document["checks"] if not check["ok"]}


def test_a_started_bot_looks_at_its_account_in_the_next_tick(started, venue):
    before = venue.requests.counts()
    done = started("tick", "--json")
    assert done.code == 0, done.err
    assert {one["name"]: one["status"] for one in done.document["bots"]} == {"main": "RUNNING", "live": "RUNNING"}
    assert venue.requests.counts()["BalanceEx"] > before["BalanceEx"]


def test_run_says_that_its_orders_are_real(started):
    assert "REAL orders" in started("run").out


def test_with_paper_mode_a_live_bot_is_left_alone_and_the_paper_bot_goes_on(started, trading, venue, database_url):
    before = venue.requests.counts()
    assert trading("tick", **SIZES).code == 0
    assert venue.requests.counts().get("BalanceEx") == before.get("BalanceEx")
    assert ("live_off",) in rows(database_url, "select kind from risk_events where resolved_at is null")


def test_a_dry_run_sends_nothing_for_a_live_bot(started, venue, database_url):
    before = venue.desk.state()["orders"]
    for _ in range(6):
        venue.clock.advance_ms(3_600_000 // 2)
        assert started("tick", "--dry-run", "--json").code == 0
    assert venue.desk.state()["orders"] == before
    assert venue.requests.counts().get("AddOrder", 0) == 0
    assert rows(database_url, "select count(*) from orders") == [(0,)]


def test_options_before_the_command_are_refused_with_their_place(trading):
    done = trading("live", "--json", "stop")
    assert done.code == 2
    assert json.loads(done.out)["error"]["fix"]


def test_help_tells_what_start_needs(capsys):
    assert main(["live", "start", "--help"]) == 0
    assert "LIVE_OVERRIDE" in capsys.readouterr().out
