"""Who tries the settings: the cores of this machine, or a Ray cluster. The same outcomes either way."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol

from bot.domain.errors import ConfigError, MetronomeError
from training.sweep.bench import Bench, Runner, own_arrays
from training.sweep.results import Outcome
from training.sweep.searches import Trial

Done = list[tuple[Trial, Outcome]]

LARGEST_PIECE = 8
"""Trials that a worker is given at once; what it has not handed back is lost when it is killed."""

WATCH_S = 1.0


class Crew(Protocol):
    """workers: how many.  memory: megabytes, see `memory_of`; the most that any worker told."""

    workers: int
    memory: dict[str, float]

    def work(self, trials: Sequence[Trial]) -> Iterator[Done]:
        """Outcomes of all trials, piece by piece, in any order."""


def pieces(trials: Sequence[Trial], workers: int) -> list[list[Trial]]:
    """Trials in runs of neighbours, so many that no worker waits long for another at the end."""
    size = min(max(len(trials) // (4 * workers), 1), LARGEST_PIECE)
    return [list(trials[n : n + size]) for n in range(0, len(trials), size)]


def memory_of() -> dict[str, float]:
    """Megabytes of this process: the most it ever held, shared pages included, and what is its own now (Linux)."""
    found: dict[str, float] = {}
    try:
        import resource
    except ImportError:  # Windows
        return found
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    found["peak_mb"] = round(peak / (2**20 if sys.platform == "darwin" else 2**10), 1)
    try:
        rows = Path("/proc/self/smaps_rollup").read_text("ascii").splitlines()
    except OSError:
        return found
    own = sum(int(row.split()[1]) for row in rows if row.startswith("Private"))
    return {**found, "own_mb": round(own / 1024, 1)}


def _most(before: Mapping[str, float], now: Mapping[str, float]) -> dict[str, float]:
    return {name: max(before.get(name, 0.0), now.get(name, 0.0)) for name in {**before, **now}}


def _tried(runner: Runner, piece: Sequence[Trial]) -> tuple[Done, dict[str, float]]:
    return [(trial, runner.outcome(trial.values)) for trial in piece], memory_of()


# --- This machine --------------------------------------------------------------------------------

_runner: Runner | None = None


def _begin(bench: Bench, parent: int) -> None:
    """In a new worker. The terminal's interrupt is the parent's affair, and without a parent there is no work."""
    global _runner
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _runner = Runner(bench)

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(WATCH_S)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def _work(piece: Sequence[Trial]) -> tuple[Done, dict[str, float]]:
    assert _runner is not None
    return _tried(_runner, piece)


class _Alone:
    """No process but this one."""

    workers = 1

    def __init__(self, bench: Bench) -> None:
        self.memory: dict[str, float] = {}
        self._runner = Runner(bench)

    def work(self, trials: Sequence[Trial]) -> Iterator[Done]:
        for trial in trials:
            done, self.memory = _tried(self._runner, [trial])
            yield done


class _Processes:
    def __init__(self, pool: ProcessPoolExecutor, workers: int) -> None:
        self.workers = workers
        self.memory: dict[str, float] = {}
        self._pool = pool

    def work(self, trials: Sequence[Trial]) -> Iterator[Done]:
        # A few at a time: nobody waits for a queue of thousands when the sweep is broken off.
        left = iter(pieces(trials, self.workers))
        running: set[Future[tuple[Done, dict[str, float]]]] = set()
        try:
            while True:
                while len(running) < 2 * self.workers and (piece := next(left, None)) is not None:
                    running.add(self._pool.submit(_work, piece))
                if not running:
                    return
                finished, running = wait(running, return_when=FIRST_COMPLETED)
                for one in finished:
                    done, told = one.result()
                    self.memory = _most(self.memory, told)
                    yield done
        except BrokenProcessPool as error:
            raise MetronomeError(
                "a worker was killed, likely for want of memory",
                where=f"{self.workers} workers",
                fix="run the same command with --resume and fewer --workers",
            ) from error


@contextmanager
def local_crew(bench: Bench, workers: int) -> Iterator[Crew]:
    """Processes of this machine. Where it can fork, they share the bench without a copy."""
    if workers == 1:
        yield _Alone(bench)
        return
    kind = "fork" if "fork" in multiprocessing.get_all_start_methods() else "spawn"
    context = multiprocessing.get_context(kind)
    pool = ProcessPoolExecutor(workers, context, _begin, (bench, os.getpid()))
    try:
        yield _Processes(pool, workers)
    finally:
        pool.shutdown(cancel_futures=True)


# --- Ray -----------------------------------------------------------------------------------------


class _Member:
    """A worker on Ray."""

    def __init__(self, bench: Bench) -> None:
        self._runner = Runner(own_arrays(bench))

    def work(self, piece: Sequence[Trial]) -> tuple[Done, dict[str, float]]:
        return _tried(self._runner, piece)


class _Cluster:
    def __init__(self, ray: Any, members: Sequence[Any]) -> None:
        self.workers = len(members)
        self.memory: dict[str, float] = {}
        self._ray, self._members = ray, members

    def work(self, trials: Sequence[Trial]) -> Iterator[Done]:
        left = iter(pieces(trials, self.workers))
        running = {m.work.remote(piece): m for m, piece in zip(self._members, left, strict=False)}
        while running:
            finished, _ = self._ray.wait(list(running))
            for one in finished:
                member = running.pop(one)
                done, told = self._ray.get(one)
                if (piece := next(left, None)) is not None:
                    running[member.work.remote(piece)] = member
                self.memory = _most(self.memory, told)
                yield done


@contextmanager
def ray_crew(bench: Bench, address: str, workers: int | None) -> Iterator[Crew]:
    """Actors of a Ray cluster, one a core. address: of the cluster, or "local" for one of this machine.

    workers: at most so many; None: all cores that the cluster has. Machines of the cluster need this
    project's packages; its own code is sent along. Raises ConfigError where Ray is missing or away.
    """
    try:
        # By its name alone: where it is not installed, neither are its types.
        ray: Any = import_module("ray")
    except ImportError:
        raise ConfigError(
            "Ray is not installed",
            where="--ray",
            fix="install it: pip install -r training/requirements.txt, or leave --ray out",
        ) from None
    root = Path(__file__).parents[2]
    local = address == "local"
    paths = [str(root), *filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))]
    environment: dict[str, Any] = (
        {"env_vars": {"PYTHONPATH": os.pathsep.join(paths), "METRONOME_HOME": _home()}}
        if local
        else {"py_modules": [str(root / "bot"), str(root / "training")]}
    )
    options: dict[str, Any] = {"num_cpus": workers or os.cpu_count(), "include_dashboard": False} if local else {}
    try:
        ray.init(
            address,
            runtime_env=environment,
            log_to_driver=False,
            logging_level="ERROR",
            configure_logging=False,
            **options,
        )
    except (ConnectionError, ValueError, RuntimeError, TimeoutError) as error:
        raise ConfigError(
            f"Ray does not answer: {' '.join(str(error).split())[:200]}",
            where="--ray",
            fix="give the cluster's address, like 10.0.0.1:6379, or local",
        ) from error
    try:
        cores = int(ray.cluster_resources().get("CPU", 1))
        count = max(min(workers or cores, cores), 1)
        shared = ray.put(bench)
        member = ray.remote(num_cpus=1)(_Member)
        yield _Cluster(ray, [member.remote(shared) for _ in range(count)])
    except ray.exceptions.RayError as error:
        raise MetronomeError(
            f"a worker on Ray failed: {' '.join(str(error).split())[-300:]}",
            where="--ray",
            fix="run the same command with --resume, or without --ray",
        ) from error
    finally:
        ray.shutdown()


def _home() -> str:
    """Where compiled code is kept, for processes that begin elsewhere."""
    from bot.settings import home_directory

    return str(home_directory(os.environ))
