"""The workflows are hardened, valid, and call only what exists."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.house.checkout import ROOT, named

WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
BIN = Path(sys.executable).parent

each_workflow = pytest.mark.parametrize("path", WORKFLOWS, ids=named)


def test_zizmor_has_no_findings():
    checked = subprocess.run(
        [BIN / "zizmor", "--offline", "--no-progress", ROOT / ".github" / "workflows"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert checked.returncode == 0, checked.stdout


def test_every_workflow_fits_the_schema():
    checked = subprocess.run(
        [BIN / "check-jsonschema", "--builtin-schema", "vendor.github-workflows", *WORKFLOWS],
        capture_output=True,
        text=True,
        check=False,
    )
    assert checked.returncode == 0, checked.stdout


@each_workflow
def test_every_action_is_pinned_by_its_full_commit(path):
    used = re.findall(r"uses:\s*(\S+)", path.read_text())
    assert [action for action in used if not re.fullmatch(r"[\w.-]+/[\w./-]+@[0-9a-f]{40}", action)] == []


@each_workflow
def test_a_workflow_starts_without_permissions_and_ends_in_time(path):
    text = path.read_text()
    assert "\npermissions: {}\n" in text
    assert text.count("runs-on:") == text.count("timeout-minutes:")


@each_workflow
def test_no_expression_is_pasted_into_a_shell(path):
    assert re.findall(r"run:.*\$\{\{", path.read_text()) == []


@each_workflow
def test_every_file_that_a_step_runs_exists(path):
    for command in re.findall(r"run: (.+)", path.read_text()):
        for name in re.findall(r"\.ci/[\w.]+", command):
            assert (ROOT / name).exists(), command


def test_a_tick_is_never_cancelled_and_avoids_the_busy_minutes():
    text = (ROOT / ".github" / "workflows" / "tick.yml").read_text()
    assert "group: trade\n  cancel-in-progress: false" in text
    assert 'cron: "3-58/5 * * * *"' in text
