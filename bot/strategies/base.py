"""What a strategy is: conditions to buy, conditions to leave, and the vote made of them."""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, Self

import numpy as np
import numpy.typing as npt

from bot.domain.candles import BoolArray, FloatArray
from bot.domain.signals import Vote
from bot.strategies.conditions import Condition, either, every
from bot.strategies.params import param, schema, updated

if TYPE_CHECKING:
    from bot.features.table import FeatureTable

__all__ = ["JUST_ENOUGH", "Condition", "Strategy", "Votes", "param"]

JUST_ENOUGH = 0.15
"""Confidence of a vote whose conditions are all met by a hair."""


class Votes(NamedTuple):
    """One strategy's votes over n rows.

    direction: int8[n], +1 buy, -1 leave or stay out, 0 none.
    confidence: float64[n], 0..1, 0 where direction is 0.
    """

    direction: npt.NDArray[np.int8]
    confidence: FloatArray


class Strategy(ABC):
    """One way to read a row of features.

    name: as in the settings.  title: for people.  features: all columns it reads.
    optional: those of them that a row may lack; a condition on one that is
    missing is not met. A row that lacks any other gets no vote.

    Subclasses say what they look for; voting and explaining are done here. Row
    i's vote depends on row i of the table only, whatever comes before or after.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    features: ClassVar[tuple[str, ...]]
    optional: ClassVar[tuple[str, ...]] = ()

    @dataclass(frozen=True)
    class Params:
        """Parameters, each made with `param`. A strategy with any replaces this."""

    params: Params

    def __init__(self) -> None:
        self.params = self.Params()

    @abstractmethod
    def entry_conditions(self, table: FeatureTable) -> Sequence[Condition]:
        """What must be there to buy: all the needed ones together."""

    @abstractmethod
    def exit_conditions(self, table: FeatureTable) -> Sequence[Condition]:
        """What speaks for leaving: any one is enough, and it beats a reason to buy."""

    def size_scale(self, table: FeatureTable, i: int) -> float:
        """Share of the rulebook's size to take on row i, in (0, 1]. It can only shrink a position."""
        return 1.0

    def with_params(self, given: Mapping[str, object]) -> Self:
        """This strategy with other parameters. Raises ConfigError naming field, value and range."""
        changed = copy.copy(self)
        changed.params = updated(self.params, given, f"strategies.{self.name}.params")
        return changed

    @classmethod
    def config_schema(cls) -> dict[str, dict[str, Any]]:
        """{parameter: {type, default, min, max, unit, help}}."""
        return schema(cls.Params)

    def vote(self, table: FeatureTable) -> Votes:
        """Votes on all rows at once."""
        return self._judge(table).votes

    def explain(self, table: FeatureTable, i: int) -> str:
        """Why row i gets its vote, in plain English with the numbers."""
        return self.opinion(table, i).reason

    def opinion(self, table: FeatureTable, i: int) -> Vote:
        """Row i's vote with its reason; i as in a list."""
        judged = self._judge(table.take(np.array([i])))
        direction, confidence = int(judged.votes.direction[0]), float(judged.votes.confidence[0])
        return Vote(self.name, direction, confidence, self._reason(judged, direction))

    def _judge(self, table: FeatureTable) -> _Judgement:
        known = {name: np.isfinite(table.column(name)) for name in self.features if name not in self.optional}
        enough = np.logical_and.reduce(list(known.values()))
        with np.errstate(all="ignore"):
            entry = every("entry", *self.entry_conditions(table))
            leave = either("exit", *self.exit_conditions(table))
        sell = enough & leave.met
        buy = enough & entry.met & ~sell
        direction = buy.astype(np.int8) - sell.astype(np.int8)
        strength = np.where(sell, leave.strength, entry.strength)
        confidence = np.where(buy | sell, np.minimum(JUST_ENOUGH + (1.0 - JUST_ENOUGH) * strength, 1.0), 0.0)
        return _Judgement(known, entry, leave, Votes(direction, confidence))

    @staticmethod
    def _reason(judged: _Judgement, direction: int) -> str:
        missing = [name for name, there in judged.known.items() if not there[0]]
        if missing:
            return f"not enough history ({', '.join(missing)})"
        if direction < 0:
            return f"leave: {judged.leave.text(0)}"
        return f"{'buy' if direction else 'nothing to do'}: {judged.entry.text(0)}"


class _Judgement(NamedTuple):
    known: dict[str, BoolArray]
    entry: Condition
    leave: Condition
    votes: Votes
