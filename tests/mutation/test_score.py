"""A survivor is explained or it is a finding; a change is known by what it does."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import pytest

from tests.house.checkout import ROOT
from tests.mutation.score import (
    Change,
    Mutant,
    NotFinished,
    as_entry,
    function_name,
    outdated,
    read_explained,
    read_mutants,
    score,
    unexplained,
)

LIST = ROOT / "tests" / "mutation" / "survivors.toml"
MODULES = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["mutmut"]["only_mutate"]

MUTATED = """
def x_half__mutmut_orig(value):
    if value < 0:
        return 0
    return value / 2

def x_half__mutmut_1(value):
    if value <= 0:
        return 0
    return value / 2

def x_half__mutmut_2(value):
    if value < 0:
        return 0
    return value / 3
"""
SPANS = {"x_half__mutmut_orig": [2, 5], "x_half__mutmut_1": [7, 10], "x_half__mutmut_2": [12, 15]}
BELOW = Change("half.py", "half", "if value < 0:", "if value <= 0:")
THIRD = Change("half.py", "half", "return value / 2", "return value / 3")


def mutmut_left(folder: Path, **verdicts: int | None) -> Path:
    """A folder as mutmut leaves it, with the exit status of the tests under each mutant."""
    (folder / "half.py").write_text(MUTATED)
    (folder / "half.py.spans").write_text(json.dumps({"spans": SPANS}))
    statuses = {f"half.x_half__mutmut_{name[1:]}": status for name, status in verdicts.items()}
    (folder / "half.py.meta").write_text(json.dumps({"exit_code_by_key": statuses}))
    return folder


def test_a_failing_test_and_one_that_never_ends_have_noticed(tmp_path):
    assert read_mutants(mutmut_left(tmp_path, m1=1, m2=-24), "half.py") == [Mutant(BELOW, True), Mutant(THIRD, True)]


@pytest.mark.parametrize("status", [0, 5, 33, 35, -11])
def test_no_failure_no_test_and_no_clear_answer_are_survivals(tmp_path, status):
    mutants = read_mutants(mutmut_left(tmp_path, m1=status, m2=1), "half.py")
    assert mutants == [Mutant(BELOW, False), Mutant(THIRD, True)]
    assert score("half.py", mutants).share == 0.5
    assert unexplained(mutants, {}) == [BELOW]
    assert unexplained(mutants, {BELOW: "why"}) == []


def test_a_mutant_without_a_verdict_is_no_result(tmp_path):
    with pytest.raises(NotFinished, match="half__mutmut_2"):
        read_mutants(mutmut_left(tmp_path, m1=1, m2=None), "half.py")


def test_an_explained_survivor_stays_a_survivor_and_one_that_is_noticed_now_is_named():
    mutants = [Mutant(BELOW, False), Mutant(THIRD, True)]
    assert outdated(mutants, {BELOW: "why", THIRD: "why"}) == [THIRD]
    assert outdated(mutants, {Change("other.py", "f", "a", "b"): "why"}) == []


def test_methods_are_named_with_their_class():
    assert function_name("xǁAccountǁput_order__mutmut_7") == "Account.put_order"
    assert function_name("x__private__mutmut_12") == "_private"


def test_what_is_printed_can_be_listed(tmp_path):
    change = Change("a.py", "f", 'x = "a"', "x = 'b' + \"c\"")
    (tmp_path / "list.toml").write_text(as_entry(change, "why") + as_entry(BELOW, "for this"))
    assert read_explained(tmp_path / "list.toml") == {change: "why", BELOW: "for this"}
    (tmp_path / "list.toml").write_text(as_entry(change))
    with pytest.raises(ValueError, match="without a reason"):
        read_explained(tmp_path / "list.toml")


def test_every_listed_survivor_has_a_reason_and_is_code_of_a_mutated_module():
    for change in read_explained(LIST):
        assert change.module in MODULES
        code = " ".join((ROOT / change.module).read_text().split())
        assert " ".join(change.was.split()) in code, f"{change.module} has changed: run `make mutate`"


def test_the_mutated_modules_exist():
    assert [module for module in MODULES if not (ROOT / module).is_file()] == []
