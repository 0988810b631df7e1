"""kill -9 at random moments of a rehearsal: what is left is always something to go on from."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.crash.ledger import Ledger
from tests.jobs.books import check_books

ROOT = Path(__file__).resolve().parents[2]
REAL_CANDLES = ROOT.parent / "shared" / "data" / "binance"


@dataclass(frozen=True)
class Rehearsal:
    """One command, started as often as it is killed. ticks: how many slots it plans."""

    arguments: tuple[str, ...]
    ticks: int
    environment: dict[str, str]

    def start(self) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [sys.executable, "-m", "bot", "rehearse", "--json", *self.arguments],
            cwd=ROOT,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )


def rehearsal(home: Path, database_url: str, ticks: int, *arguments: str) -> Rehearsal:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("METRONOME_")}
    kept.pop("KRAKEN_API_URL", None)
    return Rehearsal(arguments, ticks, kept | {"METRONOME_HOME": str(home), "DATABASE_URL": database_url})


def kill_at_random(run: Rehearsal, database_url: str, kills: int, seed: int, longest_s: float) -> dict[str, Any]:
    """Start it, kill it after a random time in its work, again and again; then let it end. Its document."""
    chance = random.Random(seed)
    killed = 0
    while killed < kills:
        process = run.start()
        before = slots_done(database_url)
        wait_for_work(process, database_url, before)
        time.sleep(chance.uniform(0.0, longest_s))
        if process.poll() is not None:
            _, err = process.communicate()
            assert process.returncode == 0, err.decode()
            break
        process.send_signal(signal.SIGKILL)
        process.communicate()
        killed += 1
    process = run.start()
    out, err = process.communicate(timeout=600)
    assert process.returncode == 0, err.decode()
    print(f"killed {killed} times; {slots_done(database_url)} slots done", file=sys.stderr)
    assert killed == kills, "the rehearsal ended before it was killed often enough: plan more ticks"
    return json.loads(out)


def slots_done(database_url: str) -> int:
    ledger = Ledger(database_url)
    try:
        exists = ledger.value("select to_regclass('public.ticks') is not null")
        return ledger.count("ticks", "status = 'done'") if exists else 0
    finally:
        ledger.close()


def wait_for_work(process: subprocess.Popen[bytes], database_url: str, before: int) -> None:
    """Until it has done a slot of its own: killing it while Python starts would prove little."""
    give_up = time.monotonic() + 60
    while process.poll() is None and slots_done(database_url) == before and time.monotonic() < give_up:
        time.sleep(0.02)


def check_everything(database_url: str, run: Rehearsal, document: dict[str, Any]) -> None:
    ledger = Ledger(database_url)
    try:
        check_books(ledger, prices=False)
        assert ledger.count("ticks") == ledger.count("ticks", "status = 'done'") == run.ticks
        per_slot = ledger.value("select count(*) from equity_snapshots")
        assert per_slot == run.ticks, "a slot was handled twice or not at all"
        assert ledger.count("ticks", "missed_slots <> 0") == 0
        double = ledger.all(
            "select bot_id, symbol, bar_at from orders where leg = 'entry' group by 1, 2, 3 having count(*) > 1"
        )
        assert not double, "one candle was entered twice"
        last = ledger.one("select cash, positions_value, equity from equity_snapshots order by at desc limit 1")
        assert last["cash"] + last["positions_value"] == last["equity"]
        assert document["equity_end"] == pytest.approx(float(last["equity"]), abs=0.005)
        assert ledger.count("trades") > 0, "nothing was traded: the test proves nothing"
    finally:
        ledger.close()


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_rehearsal_killed_again_and_again_ends_with_sound_books(tmp_path: Path, database_url: str) -> None:
    run = rehearsal(tmp_path, database_url, 253, "--from", "2026-03-03T12:00Z", "--to", "2026-03-04T09:00Z")
    document = kill_at_random(run, database_url, kills=6, seed=1, longest_s=0.6)
    check_everything(database_url, run, document)


@pytest.mark.soak
@pytest.mark.timeout(3600)
@pytest.mark.skipif(not REAL_CANDLES.is_dir(), reason="the recorded candles beside the checkout are not there")
def test_fifty_kills_around_the_crash_of_2021_05_19(tmp_path: Path, database_url: str) -> None:
    run = rehearsal(
        tmp_path, database_url, 14 * 288 + 1, "--data", str(REAL_CANDLES),
        "--symbols", "BTC/USDT,ETH/USDT,ADA/USDT,XRP/USDT,DOT/USDT",
        "--from", "2021-05-12T00:00Z", "--to", "2021-05-26T00:00Z",
    )  # fmt: skip
    document = kill_at_random(run, database_url, kills=50, seed=2021, longest_s=2.0)
    check_everything(database_url, run, document)
