"""Ticks in processes of their own: forked from one that has all imports behind it, killed and stopped by signal.

As a program it is that warm process: it reads one JSON line per request and answers with one.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import json
import os
import signal
import subprocess
import sys
import threading
import traceback
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tests.live.runs import Job

ROOT = Path(__file__).resolve().parents[2]


class Child:
    """One tick in a process. `pid` is known before its first message."""

    def __init__(self, nursery: Nursery, pid: int, report: Path) -> None:
        self._nursery, self.pid, self._report = nursery, pid, report

    def over(self) -> bool:
        """It has ended, whether or not anyone has waited for it."""
        with open(f"/proc/{self.pid}/stat") as file:
            return file.read().rpartition(") ")[2].startswith("Z")

    def wait(self) -> int:
        """Until it has ended: its exit code, or minus the signal that ended it."""
        return int(self._nursery.ask({"wait": self.pid})["status"])

    def report(self) -> dict[str, Any]:
        """The tick's document, or {"raised": type, "text": ...}; {} of one that was killed."""
        found = json.loads(self._report.read_text()) if self._report.exists() else {}
        self._report.unlink(missing_ok=True)
        return dict(found)

    def kill(self) -> None:
        os.kill(self.pid, signal.SIGKILL)

    def stop(self) -> None:
        os.kill(self.pid, signal.SIGSTOP)

    def resume(self) -> None:
        os.kill(self.pid, signal.SIGCONT)


class Nursery:
    """The warm process, from outside."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._made = 0
        # Coverage would measure every child's start; what children do, the ticks in this process do as well.
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("COV", "METRONOME_"))}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.live.children"],
            cwd=ROOT, env=kept, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1,
        )  # fmt: skip
        self._turn = threading.Lock()

    def ask(self, request: dict[str, Any]) -> dict[str, Any]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with self._turn:
            self._process.stdin.write(json.dumps(request) + "\n")
            answer = self._process.stdout.readline()
        assert answer, "the warm process is gone"
        return dict(json.loads(answer))

    def start(self, job: Job, clock: str) -> Child:
        """A tick in a process of its own; it is under way when this returns. clock: path of the SharedClock."""
        self._made += 1
        report = self._folder / f"report-{self._made}.json"
        pid = self.ask({"job": asdict(job), "clock": clock, "report": str(report)})["pid"]
        return Child(self, pid, report)

    def close(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(10)


def serve() -> None:
    """The warm process itself: one thread, so that a fork of it is sound."""
    from bot.adapters.ccxt_loader import load_exchange
    from tests.live import world  # noqa: F401 - everything that a tick imports

    load_exchange("kraken")
    reports: dict[int, Path] = {}
    for line in sys.stdin:
        request = json.loads(line)
        if "wait" in request:
            _, status = os.waitpid(request["wait"], 0)
            answer = {"status": os.waitstatus_to_exitcode(status)}
            _learn(reports.pop(request["wait"]))
        else:
            pid = os.fork()
            if not pid:
                _tick(request)
            answer, reports[pid] = {"pid": pid}, Path(request["report"])
        print(json.dumps(answer), flush=True)


def _learn(report: Path) -> None:
    """Import what a child had to import, so that the next one need not."""
    modules = report.with_suffix(".modules")
    if modules.exists():
        for name in modules.read_text().split():
            with contextlib.suppress(Exception):
                importlib.import_module(name)
        modules.unlink()


def _tick(request: dict[str, Any]) -> None:
    """The child: one tick, its document on disk, and out without any clearing up."""
    from bot.adapters.postgres import PostgresStore
    from tests.live.clock import SharedClock
    from tests.live.runs import LiveRun

    code, before = 0, set(sys.modules)
    try:
        job = Job(**request["job"])
        clock = SharedClock(request["clock"])
        store = PostgresStore(job.database_url)
        document = asyncio.run(LiveRun(job, clock).run(store))
        store.close()
    except BaseException as error:
        code, document = 1, {"raised": type(error).__name__, "text": str(error), "trace": traceback.format_exc()}
    Path(request["report"]).write_text(json.dumps(document))
    later = sorted(set(sys.modules) - before - {"__mp_main__"})
    Path(request["report"]).with_suffix(".modules").write_text("\n".join(later))
    os._exit(code)


if __name__ == "__main__":
    serve()
