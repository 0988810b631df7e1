"""Imports point one way, and what decides knows neither time nor chance."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.house.checkout import ROOT, named

CORE = sorted(
    path for layer in ("domain", "features", "strategies", "rulebook") for path in (ROOT / "bot" / layer).rglob("*.py")
)
IMPURE = re.compile(
    r"datetime\.(now|utcnow|today)\("
    r"|\btime\.(time|time_ns|monotonic|perf_counter|sleep)\("
    r"|\b(import random|from random|random\.|default_rng)\b"
    r"|\bos\.(environ|getenv)\b"
    r"|(?<![.\w])(open|print|input)\("
)


def test_imports_point_one_way():
    linter = Path(sys.executable).with_name("lint-imports")
    checked = subprocess.run([linter, "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout + checked.stderr


@pytest.mark.parametrize("path", CORE, ids=named)
def test_the_core_calls_no_clock_no_chance_no_environment_and_no_file(path):
    lines = enumerate(path.read_text().splitlines(), start=1)
    assert [f"{named(path)}:{number}: {line.strip()}" for number, line in lines if IMPURE.search(line)] == []
