"""Errors that reach a person, and the exit code each one ends the process with.

    MetronomeError            1  unexpected
    ├── ConfigError           2  wrong setting, argument or file
    ├── ExchangeError         3  the venue cannot be reached or used
    ├── DatabaseError         4  the database cannot be reached or used
    │   └── LeaseLost         4  another run took over: this one may write no more
    └── CheckFailed           5  a check did its work and said no

Each says what is wrong, where, and how to mend it.
"""

from __future__ import annotations


class MetronomeError(Exception):
    """Base of all errors that are shown to a person without a traceback.

    what: one line, what is wrong.  where: the field, file or host it is about.
    fix: what to do about it, one line.
    """

    exit_code = 1

    def __init__(self, what: str, *, where: str = "", fix: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.where = where
        self.fix = fix

    def __str__(self) -> str:
        parts = [self.what]
        if self.where:
            parts.append(f"(at {self.where})")
        if self.fix:
            parts.append(f"- {self.fix}")
        return " ".join(parts)


class ConfigError(MetronomeError):
    exit_code = 2


class ExchangeError(MetronomeError):
    exit_code = 3


class DatabaseError(MetronomeError):
    exit_code = 4


class LeaseLost(DatabaseError):
    """The fencing number in hand is no longer the newest."""


class CheckFailed(MetronomeError):
    exit_code = 5
