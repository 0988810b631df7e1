"""What a sweep tried, one JSON line a trial, written as it is known: a sweep that was killed goes on."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self

from bot.domain.errors import ConfigError
from training.sweep.axes import told_setting
from training.sweep.searches import Trial

Outcome = dict[str, Any]
PLAN, TRIALS = "sweep.json", "trials.jsonl"


class Results:
    """The folder of one sweep, open for writing.

    known: outcomes by the trial's number, those of an earlier run included.
    """

    def __init__(self, folder: Path, plan: Mapping[str, Any], resume: bool) -> None:
        """Raises ConfigError where the folder holds another sweep, or one that nobody asked to go on with."""
        self.folder = folder
        self.known: dict[int, Outcome] = {}
        self._values: dict[int, Any] = {}
        self._file: BinaryIO | None = None
        try:
            self._begin(plan, resume)
        except OSError as error:
            raise ConfigError(
                f"cannot write: {error.strerror or error}", where=str(folder), fix="give another --out"
            ) from error

    def _begin(self, plan: Mapping[str, Any], resume: bool) -> None:
        path, told = self.folder / PLAN, json.loads(json.dumps(plan))
        self.folder.mkdir(parents=True, exist_ok=True)
        if path.exists():
            _require_same(self.folder, _read_plan(path), told)
            if not resume:
                require_new(self.folder)
            self._read()
        else:
            temporary = path.with_suffix(".tmp")
            temporary.write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")
            os.replace(temporary, path)
        self._file = (self.folder / TRIALS).open("ab")

    def _read(self) -> None:
        """Take over all whole lines, and cut off one that was being written."""
        path = self.folder / TRIALS
        if not path.exists():
            return
        whole = 0
        with path.open("rb") as file:
            for line in file:
                try:
                    row = json.loads(line) if line.endswith(b"\n") else None
                    number, values, outcome = row["trial"], row["set"], row["outcome"]  # type: ignore[index]
                except (ValueError, KeyError, TypeError):
                    break
                self.known[number], self._values[number] = outcome, values
                whole += len(line)
        with path.open("r+b") as file:
            file.truncate(whole)

    def outcome(self, trial: Trial) -> Outcome | None:
        """What is known of a trial. Raises ConfigError where its number was given to other values."""
        if trial.number not in self.known:
            return None
        if self._values[trial.number] != json.loads(json.dumps(trial.values)):
            raise ConfigError(
                f"trial {trial.number} had {told_setting(self._values[trial.number])}, and now it is another",
                where=str(self.folder / TRIALS),
                fix="the search has changed with a version: begin anew with another --out",
            )
        return self.known[trial.number]

    def add(self, done: Iterable[tuple[Trial, Outcome]]) -> None:
        """Write down outcomes, whole lines at once."""
        rows = []
        for trial, outcome in done:
            self.known[trial.number], self._values[trial.number] = outcome, trial.values
            rows.append(json.dumps({"trial": trial.number, "set": trial.values, "outcome": outcome}) + "\n")
        assert self._file is not None
        self._file.write("".join(rows).encode())
        self._file.flush()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._file is not None:
            self._file.close()


def require_new(folder: Path) -> None:
    """ConfigError where the folder has a sweep already."""
    if (folder / PLAN).exists():
        raise ConfigError(
            "there is a sweep already", where=str(folder), fix="add --resume to go on, or give another --out"
        )


def _read_plan(path: Path) -> Mapping[str, Any]:
    try:
        found = json.loads(path.read_bytes())
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise ConfigError("not the plan of a sweep", where=str(path), fix="give another --out")
    return found


def _require_same(folder: Path, before: Mapping[str, Any], now: Mapping[str, Any]) -> None:
    other = [name for name in {**before, **now} if before.get(name) != now.get(name)]
    if other:
        raise ConfigError(
            f"the folder holds another sweep: its {', '.join(other)} differ",
            where=str(folder),
            fix="give another --out, or the same arguments as before",
        )
