"""Stretches to fit on and stretches to judge on, one after the other (plan v2, section 4.2).

train |------- 120 days -------| gap | test 30 |
train        |------- 120 days -------| gap | test 30 |
"""

from __future__ import annotations

from dataclasses import dataclass

from bot.domain.errors import ConfigError

DAY_MS = 86_400_000


@dataclass(frozen=True)
class Split:
    """UTC milliseconds; each stretch holds its first moment and not its last."""

    number: int
    train_from_ms: int
    train_to_ms: int
    test_from_ms: int
    test_to_ms: int


def needed_ms(n: int = 5, train_days: int = 120, test_days: int = 30, gap_days: int = 1) -> int:
    """History that `splits` needs, milliseconds."""
    return (train_days + gap_days + n * test_days) * DAY_MS


def splits(
    start_ms: int, end_ms: int, n: int = 5, train_days: int = 120, test_days: int = 30, gap_days: int = 1
) -> tuple[Split, ...]:
    """n stretches of training, each with the test that follows it after the gap; oldest first.

    Each begins `test_days` after the one before, so that the tests lie end to end and no day
    is judged twice. The first begins at start_ms; what is left over lies at the end. The gap
    keeps what was known late in training out of the test.

    Raises ConfigError where a number is below its least, or the history is too short.
    """
    asked = {"n": (n, 1), "train_days": (train_days, 1), "test_days": (test_days, 1), "gap_days": (gap_days, 0)}
    for name, (value, least) in asked.items():
        if value < least:
            raise ConfigError(f"{name} is {value}", where=name, fix=f"use {least} or more")
    needed = needed_ms(n, train_days, test_days, gap_days)
    if end_ms - start_ms < needed:
        have = max(end_ms - start_ms, 0) / DAY_MS
        fitting = int(have - train_days - gap_days) // test_days
        fewer = f", or use {fitting} split{'s' if fitting > 1 else ''}" if fitting >= 1 else ""
        raise ConfigError(
            f"{n} splits of {train_days} + {gap_days} + {test_days} days need {needed // DAY_MS} days of history,"
            f" and there are {have:.4g}",
            where="period",
            fix=f"begin {needed // DAY_MS - have:.4g} days earlier{fewer}",
        )
    found = []
    for number in range(n):
        train_from = start_ms + number * test_days * DAY_MS
        train_to = train_from + train_days * DAY_MS
        test_from = train_to + gap_days * DAY_MS
        found.append(Split(number + 1, train_from, train_to, test_from, test_from + test_days * DAY_MS))
    return tuple(found)
