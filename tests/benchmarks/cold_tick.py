"""Time and memory of a cold tick: `python -m tests.benchmarks.cold_tick [--runs 15] [--only NAME,...]`.

Measured is `python -m bot tick --json`, from process start to exit, against a
simulated Kraken in another process and a Postgres that runs already. Decisions are
made on 15m with 1h, 4h and 1d beside it, and measured at midnight, when all of them
close: 10 symbols, 4 timeframes, 720 stored candles each. Every run has a copy of the
database as a tick at a quarter to left it.
"""

from __future__ import annotations

import argparse
import os
import re
import statistics
import subprocess
import sys
from collections.abc import Callable, Iterable, Sequence

from bot.domain.timeframes import MINUTE_MS
from tests.benchmarks._market import MIDNIGHT_MS
from tests.benchmarks._world import ROOT, Run, measure, open_world

PHASES = (
    "start", "load", "opening", "metadata", "fetch", "candles", "decide", "order_books", "orders", "save", "exit"
)  # fmt: skip

# What a tick imports, in its order; the rest are Python's own modules.
IMPORTS = """
import bot.cli.main, bot.cli.commands.tick, bot.cli.wiring, bot.jobs.tick
import bot.adapters.postgres, bot.adapters.exchange, bot.adapters.paper
bot.adapters.exchange.CcxtMarketData("kraken")._client.exchange
"""
PLAIN = "import ccxt.async_support, numpy, pandas, psycopg, pydantic_settings, rich, talib, tenacity, typer; print()"
"""The peer: only importing what a bot of this kind is commonly made of, the common way."""
GROUPS = {
    "numpy": ("numpy",),
    "asyncio": ("asyncio", "ssl", "_ssl", "concurrent", "socket", "selectors"),
    "psycopg": ("psycopg", "psycopg_binary", "psycopg_c"),
    "aiohttp": ("aiohttp", "multidict", "yarl", "attr", "attrs", "frozenlist", "propcache", "aiosignal", "idna"),
    "ccxt": ("ccxt", "cryptography", "certifi"),
    "talib": ("talib",),
    "typer": ("typer",),
    "tenacity": ("tenacity",),
    "ours": ("bot",),
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the tables."""
    parser = argparse.ArgumentParser(description="Time and memory of a cold tick.")
    parser.add_argument("--runs", type=int, default=15, help="measured ticks of the main cases (default 15)")
    parser.add_argument("--only", default="", help=f"comma-separated: {', '.join(CASES)}")
    chosen = parser.parse_args(arguments)
    names = [name for name in chosen.only.split(",") if name] or list(CASES)
    print(
        f"Python {sys.version.split()[0]}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}; {chosen.runs} runs\n"
    )
    print(f"{'ms, medians':<34}{'wall':>8}{'  lowest-highest':>16}{'cpu':>7}{'peak MB':>9}")
    for name in names:
        CASES[name](chosen.runs)
    return 0


def ten_symbols(runs: int) -> None:
    """The tick of the target, an idle one, and the same over a slow line."""
    midnight, idle, far = [], [], []
    with open_world() as world:
        for _ in range(runs):
            world.to_midnight()
            midnight.append(world.tick())
            world.set_clock(MIDNIGHT_MS + 5 * MINUTE_MS)
            idle.append(world.tick())
            world.to_midnight()
            far.append(world.tick("far"))
    cases = {"midnight": midnight, "idle": idle, "100 ms a request": far}
    for name, done in cases.items():
        print(_row(f"10 symbols x 4, {name}", done))
    print("\n" + "\n".join(_phase_table(cases)) + "\n")


def many(runs: int) -> None:
    """More symbols, more bots, the venue answering at once."""
    for symbol_count, bot_count in ((100, 1), (10, 10), (10, 100)):
        with open_world(symbol_count, bot_count) as world:
            done = []
            for _ in range(max(runs // 2, 3)):
                world.to_midnight()
                done.append(world.tick())
        print(_row(f"{symbol_count} symbols x 4, {bot_count} bot(s)", done))


def imports(runs: int) -> None:
    """What the interpreter and each package take to import: shortest of several runs, and memory."""
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"} | {
        "OPENBLAS_NUM_THREADS": "1"
    }
    bare = [measure([sys.executable, "-c", "print()"], environment) for _ in range(runs)]
    print(
        f"\ninterpreter {1000 * min(one['wall_s'] for one in bare):.0f} ms, {bare[0]['peak_mb']:.0f} MB; imports, ms:"
    )
    plain = [measure([sys.executable, "-c", PLAIN], environment) for _ in range(runs)]
    shortest: dict[str, float] = {}
    for _ in range(runs):
        for module, taken_ms in _import_times(environment):
            shortest[module] = min(shortest.get(module, taken_ms), taken_ms)
    groups = dict.fromkeys([*GROUPS, "rest"], 0.0)
    for module, taken_ms in shortest.items():
        top = module.partition(".")[0]
        groups[next((name for name, tops in GROUPS.items() if top in tops), "rest")] += taken_ms
    print("  ".join(f"{name} {taken_ms:.0f}" for name, taken_ms in groups.items()), f" all {sum(groups.values()):.0f}")
    taken_ms, peak = 1000 * statistics.median(one["wall_s"] for one in plain), max(one["peak_mb"] for one in plain)
    print(f"plain imports of common packages, from start to exit: {taken_ms:.0f} ms, {peak:.0f} MB")


def _import_times(environment: dict[str, str]) -> Iterable[tuple[str, float]]:
    """Each module with its own ms, without those that it imports."""
    code = "import gc; gc.disable()" + IMPORTS
    command = [sys.executable, "-X", "importtime", "-c", code]
    told = subprocess.run(command, env=environment, cwd=ROOT, stderr=subprocess.PIPE, text=True, check=True).stderr
    for own, module in re.findall(r"^import time:\s+(\d+) \|\s+\d+ \| +(\S+)$", told, re.MULTILINE):
        yield module, int(own) / 1000


CASES: dict[str, Callable[[int], None]] = {
    "ten_symbols": ten_symbols,
    "many": many,
    "imports": imports,
}


def _row(name: str, runs: Sequence[Run]) -> str:
    walls = [1000 * run.wall_s for run in runs]
    spread = f"{min(walls):.0f}-{max(walls):.0f}"
    cpu, peak = statistics.median(1000 * run.cpu_s for run in runs), max(run.peak_mb for run in runs)
    return f"{name:<34}{statistics.median(walls):>8.0f}{spread:>16}{cpu:>7.0f}{peak:>9.0f}"


def _phase_table(cases: dict[str, list[Run]]) -> list[str]:
    """Median of each phase; phases that a case does not have are blank."""
    lines = [f"{'phase, ms':<14}" + "".join(f"{name:>18}" for name in cases)]
    for phase in PHASES:
        cells = []
        for runs in cases.values():
            taken = [run.phases_ms[phase] for run in runs if phase in run.phases_ms]
            cells.append(f"{statistics.median(taken):>18.0f}" if len(taken) * 2 > len(runs) else f"{'':>18}")
        lines.append(f"{phase:<14}" + "".join(cells))
    return [line for line in lines if line.strip() not in PHASES]


if __name__ == "__main__":
    sys.exit(main())
