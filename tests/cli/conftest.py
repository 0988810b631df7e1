"""The command line as a user has it: a process with an environment, two streams and an exit code."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

from bot.adapters.postgres_reports import PostgresReports
from bot.cli.main import main
from bot.settings.environment import SECRET_NAMES
from bot.simulator import Simulator, bundled_recording

ROOT = Path(__file__).resolve().parents[2]
NOWHERE = "http://127.0.0.1:9"
"""An address at which nobody listens."""

HOUR_MS = 3_600_000


@dataclass(frozen=True)
class Done:
    """A command that has ended."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> dict[str, Any]:
        """The one JSON document on standard output."""
        return json.loads(self.out)


Bot = Callable[..., Done]


def environment(home: Path, **more: str) -> dict[str, str]:
    """The tests' own environment without what would change the program's ways."""
    dropped = (*SECRET_NAMES, "KRAKEN_API_URL", "TRADING_MODE", "NO_COLOR")
    kept = {name: value for name, value in os.environ.items() if not name.startswith("METRONOME_")}
    return {name: value for name, value in kept.items() if name not in dropped} | {"METRONOME_HOME": str(home)} | more


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One METRONOME_HOME for all: with a database of its own a command keeps nothing there but checked settings."""
    return tmp_path_factory.mktemp("home")


@pytest.fixture
def bot(home: Path, capsys: pytest.CaptureFixture[str]) -> Bot:
    """Run a command in this process: the same code without the time that Python takes to start."""

    def run(*arguments: str, **variables: str) -> Done:
        capsys.readouterr()
        with patch.dict(os.environ, environment(home, **variables), clear=True):
            code = main(arguments)
        return Done(code, *capsys.readouterr())

    return run


@pytest.fixture
def process(home: Path) -> Bot:
    """Run `python -m bot ...` as a process. Keyword arguments are environment variables."""

    def run(*arguments: str, timeout: float = 60, **variables: str) -> Done:
        ended = subprocess.run(
            [sys.executable, "-m", "bot", *arguments],
            cwd=ROOT,
            env=environment(home, **variables),
            capture_output=True,
            text=True,
            timeout=timeout,
            stdin=subprocess.DEVNULL,
            check=False,
        )
        return Done(ended.returncode, ended.stdout, ended.stderr)

    return run


@pytest.fixture
def venue() -> Iterator[Simulator]:
    """A simulated Kraken that stands still some hours before the end of the bundled recording."""
    recording = bundled_recording(("BTC/EUR", "ETH/EUR", "ADA/EUR"))
    with Simulator(recording, at_ms=recording.end_ms - 6 * HOUR_MS) as running:
        yield running


@pytest.fixture
def traded(database_url: str, venue: Simulator) -> dict[str, str]:
    """The variables of a database with a bot, in front of the simulated Kraken."""
    reports = PostgresReports(database_url)
    reports.ensure_bot("main", "paper", "EUR", Decimal(1000))
    reports.close()
    symbols = {"METRONOME_MARKET__SYMBOLS": "BTC/EUR,ETH/EUR,ADA/EUR"}
    return {"DATABASE_URL": database_url, "KRAKEN_API_URL": venue.url} | symbols


@pytest.fixture
def trading(bot: Bot, traded: dict[str, str]) -> Bot:
    """Run a command with these variables."""
    return lambda *arguments, **more: bot(*arguments, **(traded | more))
