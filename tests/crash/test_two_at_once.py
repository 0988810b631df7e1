"""Two ticks started at once on one slot: one works, one leaves, both are content."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import pytest

from bot.adapters.postgres_reports import PostgresReports
from bot.simulator import Simulator, bundled_recording
from tests.crash.ledger import Ledger
from tests.jobs.books import check_books

ROOT = Path(__file__).resolve().parents[2]
ROUNDS = 20
SLOT_MS = 300_000


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_of_two_ticks_at_once_one_works_and_one_leaves(tmp_path: Path, database_url: str) -> None:
    reports = PostgresReports(database_url)
    reports.ensure_bot("main", "paper", "EUR", Decimal(1000))
    reports.close()
    recording = bundled_recording(("BTC/EUR", "ETH/EUR"))
    start_ms = recording.end_ms - 40 * SLOT_MS
    with Simulator(recording, at_ms=start_ms) as venue:
        environment = {name: value for name, value in os.environ.items() if not name.startswith("METRONOME_")} | {
            "METRONOME_HOME": str(tmp_path),
            "DATABASE_URL": database_url,
            "KRAKEN_API_URL": venue.url,
            "METRONOME_MARKET__SYMBOLS": "BTC/EUR,ETH/EUR",
        }
        for n in range(1, ROUNDS + 1):
            venue.clock.set_ms(start_ms + n * SLOT_MS)
            both = [
                subprocess.Popen(
                    [sys.executable, "-m", "bot", "tick", "--json"],
                    cwd=ROOT,
                    env=environment,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE,
                )
                for _ in range(2)
            ]
            ended = [process.communicate(timeout=60) for process in both]
            assert [process.returncode for process in both] == [0, 0], [err.decode() for _, err in ended]
            documents = [json.loads(out) for out, _ in ended]
            left = [document for document in documents if "skipped" in document]
            assert len(left) == 1, f"round {n}: {len(left)} of two left"
            assert left[0]["skipped"] in ("held", "done")
            ledger = Ledger(database_url)
            try:
                assert ledger.count("ticks") == ledger.count("ticks", "status = 'done'") == n
                assert ledger.count("equity_snapshots") == n
                check_books(ledger, prices=False)
            finally:
                ledger.close()
