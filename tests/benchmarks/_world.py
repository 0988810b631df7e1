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

from bot.adapters import embedded
from bot.adapters.migrations import migrate
from bot.adapters.postgres_connection import create_database
from bot.adapters.postgres_reports import PostgresReports
from bot.domain.timeframes import MINUTE_MS, to_datetime
from tests.benchmarks._market import DAY_MS, END_MS, TIMEFRAMES, symbols, write_market

ROOT = Path(__file__).parents[2]


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
    """Midnights, one after the other; each has all timeframes due."""

    environment: dict[str, str]
    venues: dict[str, str]
    day_ms: int
    database_url: str
    _days: int = 0

    def to_next_midnight(self) -> None:
        """Do, unmeasured, the ticks that a bot would have done until a quarter to midnight; then stand at midnight."""
        self.day_ms += DAY_MS
        assert self.day_ms <= END_MS, "the market has ended: give it more days"
        # A second later every day: a day has passed, so trading rules are asked for here and not at midnight.
        self._days += 1
        self.set_clock(self.day_ms - 15 * MINUTE_MS + self._days * 1000)
        self.tick()
        self.set_clock(self.day_ms)

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

    def add_bots(self, count: int) -> None:
        """Until there are so many, each with its own money."""
        reports = PostgresReports(self.database_url)
        try:
            for n in range(len(reports.bots()), count):
                reports.ensure_bot(f"bot-{n}", "paper", "EUR", Decimal(1000))
        finally:
            reports.close()


def measure(command: Sequence[str], environment: dict[str, str]) -> dict[str, Any]:
    """What a command cost; see _measure.py."""
    own = [sys.executable, "-S", str(Path(__file__).with_name("_measure.py"))]
    finished = subprocess.run([*own, *command], env=environment, cwd=ROOT, stdout=subprocess.PIPE, check=True)
    cost: dict[str, Any] = json.loads(finished.stdout)
    return cost


@contextmanager
def open_world(count: int = 10, days: int = 20, far_latency_ms: float = 100.0) -> Iterator[World]:
    """A market of `count` symbols in a warm database, at its first midnight but one.

    The venue "near" answers at once; "far" answers after far_latency_ms and refuses what
    Kraken would refuse.  days: midnights that can be asked for, and two to warm up.
    """
    with ExitStack() as stack:
        folder = Path(tempfile.mkdtemp(prefix="mt-bench-"))
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        days += 3
        write_market(folder / "market", count, days)
        start = END_MS - days * DAY_MS
        venues = {
            "near": stack.enter_context(_simulator(folder, start, [])),
            "far": stack.enter_context(
                _simulator(folder, start, ["--latency-ms", str(far_latency_ms), "--rate-limit"])
            ),
        }
        server = embedded.start(folder / "db")
        stack.callback(embedded.stop, folder / "db")
        url = create_database(server, "benchmark")
        migrate(url)
        environment = _environment(folder, count) | {"DATABASE_URL": url}
        world = World(environment, venues, start, url)
        world.add_bots(1)
        # Twice: the first run reads the venue's whole history, and caches settings and byte-code.
        world.to_next_midnight()
        for venue in venues:
            world.tick(venue)
            world.set_clock(world.day_ms + 5 * MINUTE_MS)
        world.to_next_midnight()
        world.tick()
        yield world


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
def _simulator(folder: Path, at_ms: int, options: list[str]) -> Iterator[str]:
    """URL of a simulator in a process of its own."""
    command = [
        sys.executable,
        "-m",
        "bot.simulator",
        "--data",
        str(folder / "market"),
        "--at",
        to_datetime(at_ms).isoformat(),
        "--port",
        "0",
    ]
    with subprocess.Popen([*command, *options], cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            found = next((m for line in process.stdout if (m := re.search(r"listening on (\S+)", line))), None)
            if found is None:
                raise RuntimeError("the simulator did not start")
            yield found[1]
        finally:
            process.terminate()
