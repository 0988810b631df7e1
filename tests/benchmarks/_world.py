"""What a measured tick runs in: simulators as processes of their own, a running database, a home of its own."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from psycopg import conninfo

from bot.adapters import embedded
from bot.adapters.migrations import migrate
from bot.adapters.postgres_connection import connect, create_database, drop_database
from bot.adapters.postgres_reports import PostgresReports
from bot.domain.timeframes import MINUTE_MS
from tests.benchmarks._market import MIDNIGHT_MS, TIMEFRAMES, symbols, write_market

ROOT = Path(__file__).parents[2]
BEFORE = "before_midnight"
"""Name of the database that every midnight is a copy of."""


@dataclass(frozen=True, slots=True)
class Run:
    """One finished tick. output_s: from its start to the report.  document: the report."""

    wall_s: float
    output_s: float
    cpu_s: float
    peak_mb: float
    document: dict[str, Any]

    @property
    def phases_ms(self) -> dict[str, float]:
        """From start to exit. "start" is the interpreter, imports and settings, all before the tick's own phases."""
        timed: dict[str, float] = self.document["timings_ms"]
        inside_ms = sum(timed.values())
        start_ms = self.output_s * 1000 - inside_ms
        return {"start": start_ms, **timed, "exit": (self.wall_s - self.output_s) * 1000}


@dataclass(slots=True)
class World:
    """One midnight, at which all timeframes close, as often as it is asked for.

    server: URL of the running database server, which holds the bots as they stand before that midnight.
    """

    environment: dict[str, str]
    venues: dict[str, str]
    server: str
    _midnights: int = 0

    def to_midnight(self) -> None:
        """A copy of the database as it stood before, connected to once, and the clock at midnight."""
        if self._midnights:
            drop_database(self.server, f"midnight_{self._midnights}")
        self._midnights += 1
        name = f"midnight_{self._midnights}"
        with connect(self.server, "benchmark") as connection:
            connection.execute(f"create database {name} template {BEFORE}".encode())
        self.environment["DATABASE_URL"] = conninfo.make_conninfo(self.server, dbname=name)
        # Not the tick's to pay: the first connection ever makes the server's cache files of a new database.
        with connect(self.environment["DATABASE_URL"], "benchmark") as connection:
            connection.execute("select count(*) from candles")
        self.set_clock(MIDNIGHT_MS)

    def set_clock(self, at_ms: int) -> None:
        for url in self.venues.values():
            body = json.dumps({"ms": at_ms}).encode()
            with urllib.request.urlopen(urllib.request.Request(f"{url}/sim/clock", body)) as answer:
                answer.read()

    def requests(self, venue: str) -> dict[str, int]:
        """How often each endpoint was asked so far."""
        with urllib.request.urlopen(f"{self.venues[venue]}/sim/requests") as answer:
            counts: dict[str, int] = json.load(answer)["counts"]
        return counts

    def tick(self, venue: str = "near") -> Run:
        """One `python -m bot tick --json`, from process start to exit."""
        cost = measure([sys.executable, "-m", "bot", "tick", "--json"], self.environment_of(venue))
        if cost["exit_code"]:
            raise RuntimeError(f"the tick failed: {cost['output']}")
        document = json.loads(cost["output"])
        if "skipped" in document:
            raise RuntimeError(f"the tick was skipped: {document}")
        return Run(cost["wall_s"], cost["output_s"], cost["cpu_s"], cost["peak_mb"], document)

    def environment_of(self, venue: str) -> dict[str, str]:
        return {**self.environment, "KRAKEN_API_URL": self.venues[venue]}


def measure(command: Sequence[str], environment: dict[str, str]) -> dict[str, Any]:
    """What a command cost; see _measure.py."""
    own = [sys.executable, "-S", str(Path(__file__).with_name("_measure.py"))]
    finished = subprocess.run([*own, *command], env=environment, cwd=ROOT, stdout=subprocess.PIPE, check=True)
    cost: dict[str, Any] = json.loads(finished.stdout)
    return cost


@contextmanager
def open_world(symbol_count: int = 10, bot_count: int = 1, far_latency_ms: float = 100.0) -> Iterator[World]:
    """Bots that have ticked before, in a warm database.

    The venue "near" answers at once; "far" answers after far_latency_ms and refuses what
    Kraken would refuse.
    """
    with ExitStack() as stack:
        folder = Path(tempfile.mkdtemp(prefix="mt-bench-"))
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        write_market(folder / "market", symbol_count)
        slow = ["--latency-ms", str(far_latency_ms), "--rate-limit"]
        venues = {
            "near": stack.enter_context(_simulator(folder / "market", [])),
            "far": stack.enter_context(_simulator(folder / "market", slow)),
        }
        server = embedded.start(folder / "db")
        stack.callback(embedded.stop, folder / "db")
        url = create_database(server, BEFORE)
        migrate(url)
        _add_bots(url, bot_count)
        world = World(_environment(folder, symbol_count) | {"DATABASE_URL": url}, venues, server)
        # The first tick reads the venue's whole history; all of them cache settings and byte-code.
        for venue, minutes_before in (("near", 30), ("far", 20), ("near", 15)):
            world.set_clock(MIDNIGHT_MS - minutes_before * MINUTE_MS)
            world.tick(venue)
        yield world


def _add_bots(url: str, count: int) -> None:
    """Each with its own money."""
    reports = PostgresReports(url)
    try:
        for n in range(count):
            reports.ensure_bot(f"bot-{n}", "paper", "EUR", Decimal(1000))
    finally:
        reports.close()


def _environment(folder: Path, count: int) -> dict[str, str]:
    # Byte-code is kept, as on any machine that ticks more than once.
    dropped = {"KRAKEN_API_URL", "PYTHONDONTWRITEBYTECODE"}
    inherited = {k: v for k, v in os.environ.items() if not k.startswith("METRONOME_") and k not in dropped}
    decision, *context = TIMEFRAMES
    return inherited | {
        "METRONOME_HOME": str(folder / "home"),
        "METRONOME_MARKET__SYMBOLS": ",".join(symbols(count)),
        "METRONOME_MARKET__TIMEFRAME": decision,
        "METRONOME_MARKET__CONTEXT_TIMEFRAMES": ",".join(context),
    }


@contextmanager
def _simulator(market: Path, options: list[str]) -> Iterator[str]:
    """URL of a simulator in a process of its own."""
    command = [sys.executable, "-m", "bot.simulator", "--data", str(market), "--port", "0", *options]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            found = next((m for line in process.stdout if (m := re.search(r"listening on (\S+)", line))), None)
            if found is None:
                raise RuntimeError("the simulator did not start")
            yield found[1]
        finally:
            process.terminate()
