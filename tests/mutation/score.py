"""What mutmut found: mutants and verdicts, a score for each module, and the survivors that nobody has explained."""

from __future__ import annotations

import difflib
import json
import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

LEAST_SCORE = 0.90
"""Share of a module's mutants that its tests must notice."""

# The exit status of the tests under a mutant, as mutmut stores it; all others mean that no test noticed.
KILLED = {1, 3}
TIMED_OUT = {-24, 24, 36, 152, 255}


@dataclass(frozen=True, slots=True, order=True)
class Change:
    """One small change of the code, named by what it does, so that the name outlives other changes nearby.

    module: path from the project's root.  function: "name" or "Class.name".
    was, becomes: the changed lines, without indentation, joined by spaces.
    """

    module: str
    function: str
    was: str
    becomes: str


@dataclass(frozen=True, slots=True)
class Mutant:
    """A change and whether a test noticed it: by failing, or by never ending."""

    change: Change
    noticed: bool


@dataclass(frozen=True, slots=True)
class Score:
    """How many of a module's mutants there are, and how many were noticed. Explained survivors are survivors."""

    module: str
    mutants: int
    noticed: int

    @property
    def share(self) -> float:
        return self.noticed / self.mutants if self.mutants else 1.0


class NotFinished(Exception):
    """mutmut left mutants without a verdict."""


def read_mutants(mutated: Path, module: str) -> list[Mutant]:
    """The mutants of one module from mutmut's folder. Raises NotFinished where one was never tried."""
    found = json.loads((mutated / f"{module}.meta").read_text())["exit_code_by_key"]
    spans = json.loads((mutated / f"{module}.spans").read_text())["spans"]
    lines = (mutated / module).read_text().splitlines()
    code = {name: lines[first - 1 : last] for name, (first, last) in spans.items()}
    mutants = []
    for key, status in found.items():
        if status is None:
            raise NotFinished(f"{key} was not tried")
        name = key.rpartition(".")[2]
        original = f"{name.partition('__mutmut_')[0]}__mutmut_orig"
        was, becomes = difference(code[original], code[name])
        noticed = status in KILLED | TIMED_OUT
        mutants.append(Mutant(Change(module, function_name(name), was, becomes), noticed))
    return mutants


def function_name(mangled: str) -> str:
    """mutmut's x_name__mutmut_7 and xǁClassǁname__mutmut_7 as a reader would write them."""
    name = mangled.partition("__mutmut_")[0]
    return name[1:].strip("ǁ").replace("ǁ", ".") if "ǁ" in name else name.removeprefix("x_")


def difference(original: list[str], mutant: list[str]) -> tuple[str, str]:
    """The lines that a mutant changes, before and after."""
    mangled = re.compile(r"\bx(?:_|ǁ\w+?ǁ)(\w+?)__mutmut_(?:orig|\d+)\b")
    before, after = ([mangled.sub(r"\1", line) for line in code] for code in (original, mutant))
    was, becomes = [], []
    for tag, i1, i2, j1, j2 in difflib.SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
        if tag != "equal":
            was += before[i1:i2]
            becomes += after[j1:j2]
    return one_line(was), one_line(becomes)


def one_line(lines: Iterable[str]) -> str:
    return " ".join(stripped for line in lines if (stripped := line.strip()))


def read_explained(page: Path) -> dict[Change, str]:
    """The listed survivors, each with its reason. Raises ValueError for one without."""
    explained = {}
    for module, entries in tomllib.loads(page.read_text()).items():
        for entry in entries:
            if not entry["reason"].strip():
                raise ValueError(f"{module}, {entry['function']}: a survivor without a reason")
            for becomes in entry["becomes"]:
                explained[Change(module, entry["function"], entry["was"], becomes)] = entry["reason"]
    return explained


def score(module: str, mutants: Iterable[Mutant]) -> Score:
    verdicts = [mutant.noticed for mutant in mutants]
    return Score(module, len(verdicts), sum(verdicts))


def unexplained(mutants: Iterable[Mutant], explained: Mapping[Change, str]) -> list[Change]:
    """Survivors that are not on the list, each once."""
    return sorted({m.change for m in mutants if not m.noticed} - explained.keys())


def outdated(mutants: Iterable[Mutant], explained: Mapping[Change, str]) -> list[Change]:
    """Listed survivors of the same modules that survive no more."""
    mutants = list(mutants)
    tried = {m.change.module for m in mutants}
    surviving = {m.change for m in mutants if not m.noticed}
    return sorted(change for change in explained if change.module in tried and change not in surviving)


def as_entry(change: Change, reason: str = "") -> str:
    """A survivor as survivors.toml writes it."""

    def quoted(text: str) -> str:
        return f"'{text}'" if "'" not in text and '"' in text else json.dumps(text, ensure_ascii=False)

    return (
        f"[[{quoted(change.module)}]]\nfunction = {quoted(change.function)}\nwas = {quoted(change.was)}\n"
        f"becomes = [{quoted(change.becomes)}]\nreason = {quoted(reason)}\n"
    )
