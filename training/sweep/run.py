"""A sweep from its request to its document."""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from bot.domain.errors import ConfigError
from bot.domain.timeframes import to_datetime
from bot.settings import home_directory, to_dict
from bot.settings.inputs import gather
from training.engine.compile import sources_hash
from training.engine.run import BacktestRequest
from training.market.build import Progress
from training.statistics.metrics import Ints, daily_closes
from training.statistics.stability import top_table
from training.sweep.axes import Axis, told_setting
from training.sweep.bench import DONE, REFUSED, SAME, Bench, Runner, build_bench, numbers_of, unpacked
from training.sweep.crews import Crew, local_crew, memory_of, ray_crew
from training.sweep.judging import around, heat_map, overfitting, refusals, shape_of, sign_of, walk_forward
from training.sweep.page import write_page
from training.sweep.results import Outcome, Results, require_new
from training.sweep.searches import TPE, Search, Trial, new_search
from training.sweep.words import plain_words

Document = dict[str, Any]

METRICS = (
    "total_return", "sharpe_ratio", "sortino_ratio", "calmar_ratio", "max_drawdown", "max_drawdown_duration",
    "win_rate", "profit_factor", "avg_win", "avg_loss", "total_trades", "avg_trade_duration", "exposure_time", "cagr",
    "volatility", "avg_exposure", "avg_win_frac", "avg_loss_frac", "open_trades", "total_pnl", "total_fees",
)  # fmt: skip
"""What a sweep may go by. Buy and hold is the same for all settings."""

MOST_REFUSALS = 50


@dataclass(frozen=True, slots=True)
class SweepRequest:
    """What to sweep.

    backtest: market, period and cash; its settings are those that are varied.  overrides: what
    was set above the layers to get them, as the profile.  trials: None for all of a grid, or 1000.
    workers: None for all cores.  ray: address of a cluster, "local" for one of this machine, None for no Ray.
    out: folder of the results, None for one named by the search below METRONOME_HOME.  top: rows of the table.
    heat: parameters of the heat map, () for the two that matter most.
    """

    backtest: BacktestRequest
    axes: tuple[Axis, ...]
    overrides: Mapping[str, Any]
    search: str = "grid"
    trials: int | None = None
    seed: int = 7
    metric: str = "sharpe_ratio"
    workers: int | None = None
    ray: str | None = None
    out: Path | None = None
    resume: bool = False
    top: int = 20
    heat: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Advance:
    """How far a sweep is. best: highest score so far, as the metric; None before the first."""

    done: int
    total: int
    rate: float
    best: float | None


@dataclass(frozen=True, slots=True)
class Prepared:
    """What is there before the first trial.

    base: outcome of the settings as they are.  days: int64[T], UTC days since 1970 of the daily returns.
    """

    bench: Bench
    base: Outcome
    days: Ints
    folder: Path
    search: Search
    prepare_s: float


def sweep(request: SweepRequest) -> Document:
    """Try all settings, judge them, and say so. The document is plain JSON.

    Raises ConfigError where the request cannot be done, or not one of its settings is allowed.
    """
    return run_sweep(request, prepare_sweep(request))


def prepare_sweep(request: SweepRequest, progress: Progress = lambda share, what: None) -> Prepared:
    """Read the market, compute what all trials share, compile. Raises ConfigError."""
    _check(request)
    search = new_search(request.search, request.axes, request.trials, request.seed)
    folder = request.out or home_directory(os.environ) / "sweeps" / name_of(request)
    if not request.resume:
        # Before the market is read: that takes long.
        require_new(folder)
    began = time.perf_counter()
    bench = build_bench(request.backtest, gather(request.overrides, os.environ, None), request.overrides, progress)
    # Compiles the loop before anybody forks, and is what the best is held against.
    base = Runner(bench).outcome({})
    if base["state"] == REFUSED:
        raise ConfigError(base["reason"], where="settings", fix=base["fix"])
    moments = bench.market.moments.ms
    days, _ = daily_closes(moments, np.zeros(len(moments)))
    return Prepared(bench, base, days[1:], folder, search, time.perf_counter() - began)


def run_sweep(
    request: SweepRequest, prepared: Prepared, advancing: Callable[[Advance], None] = lambda advance: None
) -> Document:
    """All trials, and what is to be said of them. advancing: told how far it is, first when workers are at work."""
    bench, search = prepared.bench, prepared.search
    began = time.perf_counter()
    with Results(prepared.folder, _plan(request, bench), request.resume) as results:
        known = len(results.known)
        with _crew(request, bench, search.total - known) as crew:
            trials, outcomes = _try_all(search, request, results, crew, advancing)
    trial_s = time.perf_counter() - began
    moments = bench.market.moments.ms
    document: Document = {
        "name": prepared.folder.name,
        "out": str(prepared.folder),
        "search": request.search,
        "seed": request.seed,
        "metric": request.metric,
        "axes": [_told_axis(axis) for axis in request.axes],
        "data": str(request.backtest.data) if request.backtest.data else None,
        "symbols": list(bench.market.symbols),
        "quote": bench.settings.market.quote,
        "profile": bench.settings.profile,
        "period": {"from": _iso(moments[0]), "to": _iso(moments[-1])},
        "cash": float(bench.cash),
        "ticks": len(moments),
        "base": {"metrics": prepared.base["metrics"]},
        **judged(request, trials, outcomes, prepared.days),
        "resumed": known,
        "workers": crew.workers,
        "ray": request.ray,
        "prepare_s": round(prepared.prepare_s, 3),
        "trial_s": round(trial_s, 3),
        "duration_s": round(prepared.prepare_s + time.perf_counter() - began, 3),
        "memory": {"parent": memory_of(), "worker": crew.memory},
    }
    document["summary"] = plain_words(document)
    document["report"] = str(write_page(document, prepared.folder / "report.html"))
    return document


def name_of(request: SweepRequest) -> str:
    """A folder's name: the same arguments have the same."""
    backtest = request.backtest
    told = json.dumps(
        [
            _told_search(request),
            str(backtest.data and backtest.data.resolve()), backtest.symbols, backtest.start_ms, backtest.end_ms,
            str(backtest.cash), backtest.spread_bps, backtest.every_ms, backtest.timeframes, to_dict(backtest.settings),
        ],
        sort_keys=True,
    )  # fmt: skip
    return f"{request.search}-{hashlib.blake2b(told.encode(), digest_size=4).hexdigest()}"


def judged(request: SweepRequest, trials: Sequence[Trial], outcomes: Sequence[Outcome], days: Ints) -> Document:
    """Everything that is said of the outcomes. days: int64[T], UTC days since 1970 of the daily returns.

    Raises ConfigError where not one of the settings is allowed.
    """
    sign = sign_of(request.metric)
    settings = [trial.values for trial in trials]
    states = [outcome["state"] for outcome in outcomes]
    refused = refusals(outcomes, settings, MOST_REFUSALS)
    done = [n for n, state in enumerate(states) if state == DONE]
    if not done:
        first = refused[0]
        raise ConfigError(
            f"all {len(trials):,} settings are refused: {first['reason']}", where=told_setting(first["set"]),
            fix=first["fix"],
        )  # fmt: skip
    scores = numbers_of(outcomes, request.metric, sign)
    neighbours = around(request.axes, settings, scores)
    places = top_table(scores, request.top, tie_breakers=neighbours)
    # A metric that is nowhere known, as a Sharpe ratio without a trade, has no best.
    best = places[0].setting if places else None
    matrix = np.stack([unpacked(outcomes[n]["daily"]) for n in done], axis=1)
    column = done.index(best) if best is not None else None
    return {
        "trials": len(trials),
        "done": len(done),
        "refused": states.count(REFUSED),
        "same": states.count(SAME),
        "halted": sum(outcomes[n]["halted"] for n in done),
        "refusals": refused,
        "top": [
            {
                "rank": place.rank,
                "trial": trials[place.setting].number,
                "set": settings[place.setting],
                "score": sign * place.score,
                "neighbours": _or_none(sign * neighbours[place.setting]),
                "shape": shape_of(scores, place.setting, float(neighbours[place.setting])),
                "metrics": outcomes[place.setting]["metrics"],
            }
            for place in places
        ],
        "scores": {"median": _or_none(sign * float(np.nanmedian(scores)))} if places else {"median": None},
        "heat_map": heat_map(request.axes, settings, scores, sign, request.heat),
        "overfitting": None if column is None else overfitting(matrix, column, len(trials) - states.count(SAME)),
        "walk_forward": None
        if column is None
        else walk_forward(matrix, days, column, [trials[n].number for n in done]),
    }


def _check(request: SweepRequest) -> None:
    if request.metric not in METRICS:
        raise ConfigError(
            f"no such metric: {request.metric!r}", where="--metric", fix=f"choose one of {', '.join(METRICS)}"
        )
    if request.workers is not None and request.workers < 1:
        raise ConfigError(f"{request.workers} workers do nothing", where="--workers", fix="use 1 or more")
    if request.top < 1:
        raise ConfigError(f"a table of {request.top} rows", where="--top", fix="use 1 or more")
    names = [axis.name for axis in request.axes]
    strange = [name for name in request.heat if name not in names]
    if request.heat and (strange or len(set(request.heat)) != 2):
        raise ConfigError(
            "a heat map has two parameters of the sweep", where="--heat", fix=f"choose two of {', '.join(names)}"
        )


def _plan(request: SweepRequest, bench: Bench) -> Document:
    """What makes results of one folder comparable. Equal: the same trial is the same backtest."""
    settings = to_dict(replace(bench.settings, language="en"))
    return {
        **_told_search(request),
        "data": bench.digest(),
        "code": sources_hash(),
        "cash": str(bench.cash),
        "spread_bps": bench.spread_bps,
        "settings": settings,
    }


def _told_search(request: SweepRequest) -> Document:
    told: Document = {"search": request.search, "axes": [_told_axis(axis) for axis in request.axes]}
    if request.search != "grid":
        told["seed"] = request.seed
    if request.search == TPE:
        # It decides what is tried next; elsewhere the same results serve any metric.
        told["metric"] = request.metric
    return told


def _told_axis(axis: Axis) -> Document:
    if axis.is_open:
        return {"name": axis.name, "low": axis.low, "high": axis.high}
    return {"name": axis.name, "values": list(axis.values)}


def _crew(request: SweepRequest, bench: Bench, left: int) -> AbstractContextManager[Crew]:
    if request.ray is not None:
        return ray_crew(bench, request.ray, request.workers)
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return local_crew(bench, max(min(request.workers or cores, left), 1))


def _try_all(
    search: Search, request: SweepRequest, results: Results, crew: Crew, advancing: Callable[[Advance], None]
) -> tuple[list[Trial], list[Outcome]]:
    """All trials and their outcomes, by number."""
    trials: list[Trial] = []
    outcomes: list[Outcome] = []
    first_of: dict[str, int] = {}
    sign, began = sign_of(request.metric), time.perf_counter()
    done, tried, best = 0, 0, np.nan
    while asked := search.ask():
        missing: list[Trial] = []
        same: list[Trial] = []
        for trial in asked:
            first = first_of.setdefault(json.dumps(trial.values), trial.number)
            if results.outcome(trial) is None:
                (missing if first == trial.number else same).append(trial)
        done += len(asked) - len(missing)
        for piece in crew.work(missing):
            results.add(piece)
            done, tried = done + len(piece), tried + len(piece)
            best = np.nanmax([best, *numbers_of([one for _, one in piece], request.metric, sign), -np.inf])
            rate = tried / max(time.perf_counter() - began, 1e-9)
            advancing(Advance(done, search.total, rate, sign * float(best) if np.isfinite(best) else None))
        results.add((trial, _again(results.known[first_of[json.dumps(trial.values)]])) for trial in same)
        batch = [results.known[trial.number] for trial in asked]
        search.tell(list(numbers_of([_told(one) for one in batch], request.metric, sign)))
        trials += asked
        outcomes += batch
    return trials, outcomes


def _again(outcome: Outcome) -> Outcome:
    """Of values that were tried before: the search learns of it, and nothing else counts it twice."""
    return {"state": SAME, "as": outcome["state"], "metrics": outcome.get("metrics", {})}


def _told(outcome: Outcome) -> Outcome:
    return {**outcome, "state": outcome["as"]} if outcome["state"] == SAME else outcome


def _iso(ms: Any) -> str:
    return to_datetime(int(ms)).isoformat().replace("+00:00", "Z")


def _or_none(value: float) -> float | None:
    return None if np.isnan(value) else float(value)
