"""SIGTERM and SIGINT: the tick in hand is finished or left in good order, and the process goes in time."""

import signal
import subprocess
import sys
import time
from typing import Any

import psycopg
import pytest

from tests.cli.conftest import ROOT, environment

BOTH = pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
PATIENT = {"METRONOME_EXCHANGE__TIMEOUT_S": "60"}


@pytest.fixture
def start(traded, home):
    """Start `python -m bot ...` as a process; what is left of them at the end is killed."""
    started = []

    def begin(*arguments, **more):
        command = [sys.executable, "-m", "bot", *arguments]
        pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        started.append(subprocess.Popen(command, cwd=ROOT, env=environment(home, **(traded | more)), **pipes))
        return started[-1]

    yield begin
    for process in started:
        process.kill()
        process.communicate()


def until(condition, patience_s=30.0):
    give_up = time.monotonic() + patience_s
    while not condition():
        assert time.monotonic() < give_up, "it never came to that"
        time.sleep(0.02)


def ended(process, within_s=30.0):
    """(exit code, output, errors, seconds) of a process that was told to stop."""
    began = time.monotonic()
    out, err = process.communicate(timeout=within_s)
    return process.returncode, out, err, time.monotonic() - began


def rows(url, query):
    with psycopg.connect(url) as connection:
        return connection.execute(query.encode()).fetchall()


def lease_is_free(url):
    return rows(url, "select released_at is not null from leases") == [(True,)]


@BOTH
@pytest.mark.parametrize(("arguments", "said"), [(("tick",), '"slot"'), (("loop", "--every", "1h"), '"ticks": 1')])
def test_a_signal_in_mid_tick_lets_it_finish(start, venue, database_url, number, arguments, said):
    venue.faults.add("Time", "slow", seconds=1.5)
    process = start(*arguments, "--json")
    until(lambda: venue.requests.counts().get("Time"))
    process.send_signal(number)
    code, out, err, _ = ended(process)
    assert (code, said in out) == (0, True), err
    assert "finished first" in err
    assert rows(database_url, "select status from ticks") == [("done",)]
    assert lease_is_free(database_url)


@BOTH
@pytest.mark.parametrize(("arguments", "code"), [(("tick",), 130), (("loop", "--every", "1h"), 0)])
def test_a_second_signal_leaves_a_tick_that_waits_and_gives_its_lease_back(
    start, venue, database_url, number, arguments, code
):
    venue.faults.add("Time", "slow", times=None, seconds=60)
    process = start(*arguments, "--json", **PATIENT)
    until(lambda: venue.requests.counts().get("Time"))
    process.send_signal(number)
    time.sleep(0.3)
    assert process.poll() is None
    process.send_signal(signal.SIGTERM)
    found, _, err, took_s = ended(process)
    assert found == code, err
    assert took_s < 5
    assert "Traceback" not in err
    assert lease_is_free(database_url)
    venue.faults.clear()
    assert start("tick", "--json").wait(30) == 0
    assert rows(database_url, "select status from ticks") == [("done",)]


@pytest.mark.slow
@pytest.mark.parametrize(("arguments", "code"), [(("tick",), 130), (("loop", "--every", "1h"), 0)])
def test_a_tick_that_cannot_finish_is_left_within_30_s(start, venue, database_url, arguments, code):
    venue.faults.add("Time", "slow", times=None, seconds=60)
    process = start(*arguments, **PATIENT)
    until(lambda: venue.requests.counts().get("Time"))
    process.send_signal(signal.SIGTERM)
    found, _, err, _ = ended(process)
    assert found == code, err
    assert lease_is_free(database_url)


@pytest.mark.slow
def test_a_database_that_hangs_does_not_keep_the_process(start, venue, database_url):
    with psycopg.connect(database_url) as connection:
        connection.execute("lock table ticks in share mode")  # it may be read and not written
        process = start("loop", "--every", "1h")
        until(lambda: venue.requests.counts().get("OHLC"))
        time.sleep(1)
        process.send_signal(signal.SIGTERM)
        code, *_ = ended(process)
    assert code == 0
