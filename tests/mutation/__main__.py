"""Break the modules that handle money on purpose, one small change at a time, and see whether a test notices.

`python -m tests.mutation [PART ...] [--processes N] [--afresh] [--folder FOLDER]`; PART: of the path of a module,
all of [tool.mutmut] without one. Exit status 1 where a module's score is below 90 % or where a survivor is not in
survivors.toml with its reason, 2 where there is no result.

Works in a copy of the tree, so that no broken file ever lies beside the real ones. Verdicts are kept in that copy:
a function that changed is tried anew, and once anything changed at all (a test, a helper) so is every survivor. What
was noticed once counts as noticed until its function changes; --afresh, and a clean clone, try everything.

mutmut changes the bodies of functions and methods, not those of properties, and no tables or constants of a module:
what is written there (who may follow whom in an order's life, say) has tests that repeat it.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import time
import tomllib
from collections.abc import Sequence
from pathlib import Path

from tests.mutation.score import (
    KILLED,
    LEAST_SCORE,
    TIMED_OUT,
    Mutant,
    NotFinished,
    as_entry,
    outdated,
    read_explained,
    read_mutants,
    score,
    unexplained,
)

ROOT = Path(__file__).resolve().parents[2]
SURVIVORS = Path(__file__).parent / "survivors.toml"
COPIED = ("bot", "tests", "pyproject.toml")
PROGRESS_S = 20.0
LAST_WORDS = 60


def main(arguments: Sequence[str] | None = None) -> int:
    asked = argparse.ArgumentParser(prog="python -m tests.mutation", description=__doc__)
    asked.add_argument("parts", nargs="*", metavar="PART")
    asked.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    asked.add_argument("--afresh", action="store_true")
    asked.add_argument("--folder", type=Path, default=ROOT / ".mutation")
    options = asked.parse_args(arguments)
    everything = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["mutmut"]["only_mutate"]
    modules = [m for m in everything if not options.parts or any(part in m for part in options.parts)]
    if not modules:
        print(f"mutation: no module of {', '.join(everything)} is meant", file=sys.stderr)
        return 2
    if options.afresh:
        shutil.rmtree(options.folder, ignore_errors=True)
    prepare(options.folder, everything, modules)
    started = time.monotonic()
    print(f"mutation: {len(modules)} modules; the first mutant comes after the tests have run once", flush=True)
    if run_mutmut(options.folder, options.processes) != 0:
        print("mutation: mutmut gave no result (its words are above)", file=sys.stderr)
        return 2
    try:
        found = {module: read_mutants(options.folder / "mutants", module) for module in modules}
    except (NotFinished, FileNotFoundError) as trouble:
        print(f"mutation: {trouble}", file=sys.stderr)
        return 2
    return report(found, time.monotonic() - started)


def prepare(folder: Path, everything: Sequence[str], modules: Sequence[str]) -> None:
    """Bring the copy up to date, and forget the verdicts that the changes may have overturned."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in COPIED:
        for place in (folder / name, folder / "mutants" / name if name == "tests" else None):
            if place is not None and place.is_dir():
                shutil.rmtree(place)
        if (ROOT / name).is_dir():
            # Not with the old times: mutmut leaves alone what is younger than its source, whatever it was made from.
            unwanted = shutil.ignore_patterns("__pycache__")
            shutil.copytree(ROOT / name, folder / name, copy_function=shutil.copy, ignore=unwanted)
        else:
            shutil.copy(ROOT / name, folder / name)
    narrow(folder / "pyproject.toml", everything, modules)
    tried = digest(folder)
    stamp = folder / "tried"
    if not stamp.exists() or stamp.read_text() != tried:
        forget(folder / "mutants")
        stamp.write_text(tried)


def narrow(page: Path, everything: Sequence[str], modules: Sequence[str]) -> None:
    """Let mutmut mutate the chosen modules only."""
    text = page.read_text()
    for module in set(everything) - set(modules):
        text = re.sub(rf'^\s*"{re.escape(module)}",\n', "", text, flags=re.MULTILINE)
    page.write_text(text)


def digest(folder: Path) -> str:
    """Of all that verdicts rest on, and of the choice of modules: mutmut times tests for the chosen ones only."""
    made = hashlib.sha256(sys.version.encode() + (folder / "pyproject.toml").read_bytes())
    for path in sorted(path for name in ("bot", "tests") for path in (folder / name).rglob("*.py")):
        made.update(path.relative_to(folder).as_posix().encode() + path.read_bytes())
    return made.hexdigest()


def forget(mutated: Path) -> None:
    """Drop what no test noticed, and which test runs which function."""
    (mutated / "mutmut-stats.json").unlink(missing_ok=True)
    for page in mutated.rglob("*.meta"):
        meta = json.loads(page.read_text())
        verdicts = meta["exit_code_by_key"]
        meta["exit_code_by_key"] = {
            key: status if status in KILLED | TIMED_OUT else None for key, status in verdicts.items()
        }
        page.write_text(json.dumps(meta))


def run_mutmut(folder: Path, processes: int) -> int:
    """mutmut's exit status; its progress as a line now and then, its words only where it failed."""
    command = [sys.executable, "-m", "mutmut", "run", "--max-children", str(processes)]
    # Equal on every run: a property is tried on the same examples, a set has the same order.
    # The selected tests need no database: none is started in a folder that exists already.
    env = os.environ | {"PYTHONHASHSEED": "0", "METRONOME_TEST_DATABASE_HOME": str(folder)}
    process = subprocess.Popen(
        command, cwd=folder, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace"
    )
    assert process.stdout is not None
    words: list[str] = []
    shown, shown_at = "", time.monotonic()
    for line in process.stdout:  # text mode: what mutmut writes over itself comes as lines, too
        plain = line.strip(" \n⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏")
        if progress := re.match(r"(\d+)/(\d+)  ", plain):
            shown = f"mutation: {progress[1]} of {progress[2]} mutants tried"
        elif plain and plain not in words[-1:]:
            words.append(plain)
        if shown and time.monotonic() - shown_at > PROGRESS_S:
            print(shown, flush=True)
            shown_at = time.monotonic()
    print(*([shown] if process.wait() == 0 else words[-LAST_WORDS:]), sep="\n", flush=True)
    return process.returncode


def report(found: dict[str, list[Mutant]], seconds: float) -> int:
    """Say the scores and what is not explained; the exit status."""
    explained = read_explained(SURVIVORS)
    every = [mutant for mutants in found.values() for mutant in mutants]
    scores = [score(module, mutants) for module, mutants in found.items()]
    print(f"\n{'module':32} mutants  noticed  survived   score")
    for one in [*scores, score("all", every)]:
        counts = f"{one.mutants:7}  {one.noticed:7}  {one.mutants - one.noticed:8}"
        mark = "  too low" if one.share < LEAST_SCORE and one.module != "all" else ""
        print(f"{one.module:32} {counts}  {one.share:6.1%}{mark}")
    print(f"in {seconds:.0f} s")
    for change in outdated(every, explained):
        print(f"\nlisted, but survives no more:\n{as_entry(change, explained[change])}", end="")
    surprising = unexplained(every, explained)
    for change in surprising:
        print(f"\nsurvives, and is not in {SURVIVORS.relative_to(ROOT)}:\n{as_entry(change)}", end="")
    low = [one.module for one in scores if one.share < LEAST_SCORE]
    print(f"\nmutation: {len(surprising)} unexplained survivors, {len(low)} modules below {LEAST_SCORE:.0%}")
    return 1 if surprising or low else 0


if __name__ == "__main__":
    sys.exit(main())
