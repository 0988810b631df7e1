"""What is wrong with the settings, collected and raised together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bot.domain.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong.

    field: dotted name, "" when it is about a whole layer.  message: one
    sentence with the value, never a secret.  place: layer and file or variable.
    fix: one line.
    """

    field: str
    message: str
    place: str
    fix: str


class SettingsError(ConfigError):
    """All problems of one load. what, where and fix are the first one's; fix goes on with the others."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        first, *others = problems
        rest = "".join(f"; also: {one.message} (at {one.place}) - {one.fix}" for one in others)
        super().__init__(first.message, where=first.place, fix=first.fix + rest)
        self.problems = tuple(problems)
