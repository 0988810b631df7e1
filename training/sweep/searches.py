"""Which settings are tried, in which order: the same for the same seed, whoever tries them and how fast."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from bot.domain.errors import ConfigError
from training.sweep.axes import MOST_GRID, Axis, Values, drawn_setting, grid_size, nth_setting

GRID, RANDOM, TPE = "grid", "random", "tpe"
SEARCHES = (GRID, RANDOM, TPE)
USUAL_TRIALS = 1000

BATCH = 16
"""Settings that the search by Optuna asks for at once. Not the number of workers: that may not decide what is tried."""

STARTUP_TRIALS = 2 * BATCH
"""Of a search by Optuna, drawn before it learns."""


@dataclass(frozen=True, slots=True)
class Trial:
    """number: 0 for the first.  values: what it tries."""

    number: int
    values: Values


class Search(Protocol):
    """A search says what to try, is told what came of it, and says what to try next."""

    total: int

    def ask(self) -> list[Trial]:
        """The next trials, in order; none at the end."""

    def tell(self, scores: Sequence[float]) -> None:
        """Scores of the trials asked for last, in their order; higher is better, nan for none."""


def new_search(kind: str, axes: Sequence[Axis], trials: int | None, seed: int) -> Search:
    """A search of one of SEARCHES. trials: at most so many; None: all of a grid, 1000 of the others.

    Raises ConfigError where a grid is open or too large, or the search is unknown.
    """
    if trials is not None and trials < 1:
        raise ConfigError(f"{trials} trials are none", where="--trials", fix="use 1 or more")
    if kind == GRID:
        size = grid_size(axes)
        if min(size, trials or size) > MOST_GRID:
            raise ConfigError(
                f"the grid has {size:,} settings, and more than {MOST_GRID:,} are not tried",
                where="--set",
                fix="give fewer values, or use --search random --trials 1000",
            )
        return _Listed([nth_setting(axes, n) for n in range(min(size, trials or size))])
    if kind == RANDOM:
        return _Listed(_drawn(axes, trials or USUAL_TRIALS, seed))
    if kind == TPE:
        return _Optuna(axes, trials or USUAL_TRIALS, seed)
    raise ConfigError(f"no such search: {kind!r}", where="--search", fix=f"choose one of {', '.join(SEARCHES)}")


def _drawn(axes: Sequence[Axis], trials: int, seed: int) -> list[Values]:
    """Without repetition where the settings can be counted; more trials begin with the same ones as fewer."""
    chance = np.random.default_rng(seed)
    if not any(axis.is_open for axis in axes):
        size = grid_size(axes)
        if size <= 10 * MOST_GRID:
            return [nth_setting(axes, int(n)) for n in chance.permutation(size)[:trials]]
    return [drawn_setting(axes, chance) for _ in range(trials)]


class _Listed:
    """All of it known beforehand."""

    def __init__(self, settings: Sequence[Values]) -> None:
        self.total = len(settings)
        self._left = [Trial(number, values) for number, values in enumerate(settings)]

    def ask(self) -> list[Trial]:
        asked, self._left = self._left, []
        return asked

    def tell(self, scores: Sequence[float]) -> None:
        pass


class _Optuna:
    """Tree-structured Parzen estimator, in batches of one size. A setting may come up again."""

    def __init__(self, axes: Sequence[Axis], trials: int, seed: int) -> None:
        import optuna

        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self.total = trials
        self._axes = axes
        self._asked: list[Any] = []
        self._number = 0
        self._failed = optuna.trial.TrialState.FAIL
        sampler = optuna.samplers.TPESampler(
            seed=seed, n_startup_trials=STARTUP_TRIALS, constant_liar=True, multivariate=False
        )
        self._study = optuna.create_study(direction="maximize", sampler=sampler)
        self._distributions = {axis.name: self._distribution(axis) for axis in axes}

    def ask(self) -> list[Trial]:
        count = min(BATCH, self.total - self._number)
        self._asked = [self._study.ask(self._distributions) for _ in range(count)]
        asked = [Trial(self._number + n, self._values(one.params)) for n, one in enumerate(self._asked)]
        self._number += count
        return asked

    def tell(self, scores: Sequence[float]) -> None:
        for asked, score in zip(self._asked, scores, strict=True):
            if np.isnan(score):
                self._study.tell(asked, state=self._failed)
            else:
                self._study.tell(asked, score)

    def _values(self, params: dict[str, Any]) -> Values:
        return {
            axis.name: float(f"{params[axis.name]:.12g}") if axis.is_open else axis.values[params[axis.name]]
            for axis in self._axes
        }

    @staticmethod
    def _distribution(axis: Axis) -> Any:
        """Of the place among the values; places of numbers have an order."""
        from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

        if axis.is_open:
            return FloatDistribution(axis.low, axis.high)
        if axis.is_ordered:
            return IntDistribution(0, len(axis.values) - 1)
        return CategoricalDistribution(tuple(range(len(axis.values))))
