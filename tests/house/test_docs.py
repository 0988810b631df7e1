"""The pages say what is there: commands exist, links resolve, no page or file names one person's machine."""

import importlib
import re
import tomllib
from pathlib import Path

import pytest

from tests.house.checkout import ROOT, named, pages, tracked

MAKEFILE = (ROOT / "Makefile").read_text()
each_page = pytest.mark.parametrize("page", pages(), ids=named)


def code(text: str) -> str:
    """The parts of a page that stand in code, fenced or inline."""
    return "\n".join(re.findall(r"```.*?```|`[^`\n]+`", text, flags=re.DOTALL))


def bot_commands() -> set[str]:
    """The commands of `python -m bot`, asked from the application itself."""
    import typer

    cli = pytest.importorskip("bot.cli", reason="the command line is not there yet")
    parts = [f"bot.cli.{part.stem}" for part in (ROOT / "bot" / "cli").glob("[a-z]*.py")]
    modules = [cli, *map(importlib.import_module, sorted(parts))]
    apps = [value for module in modules for value in vars(module).values() if isinstance(value, typer.Typer)]
    assert apps, "bot.cli has no Typer application"
    return {name for app in apps for name in typer.main.get_group(app).commands}


def test_the_first_two_commands_of_the_readme_are_run_and_test():
    blocks = re.findall(r"```(?:sh|bash|console)?\n(.*?)```", (ROOT / "README.md").read_text(), flags=re.DOTALL)
    commands = [line.split("#")[0].strip() for line in blocks[0].splitlines() if line.strip()]
    assert commands[:2] == ["make run", "make test"]


@each_page
def test_every_make_target_that_a_page_names_exists(page):
    named_targets = re.findall(r"\bmake ([a-z]+)", code(page.read_text()))
    targets = set(re.findall(r"^([a-z]+):", MAKEFILE, flags=re.MULTILINE))
    assert set(named_targets) - targets == set()


@each_page
def test_every_bot_command_that_a_page_names_exists(page):
    wanted = set(re.findall(r"(?:python[\d.]* )-m bot ([a-z][a-z-]+)", code(page.read_text())))
    if wanted:
        assert wanted - bot_commands() == set()


@each_page
def test_every_link_inside_the_project_resolves(page):
    links = re.findall(r"\]\(([^)\s]+)\)", page.read_text())
    local = [link for link in links if not re.match(r"[a-z]+:", link)]
    missing = []
    for link in local:
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            missing.append(link)
    assert missing == []


def anchors(page: Path) -> set[str]:
    """The anchors that a renderer makes of a page's headings."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_no_file_names_the_place_of_this_checkout():
    texts = {path: path.read_bytes() for path in tracked()}
    place = str(ROOT).encode() + b"/"
    assert [named(path) for path, text in texts.items() if place in text] == []


def test_the_changelog_has_a_place_for_what_is_not_released():
    text = (ROOT / "CHANGELOG.md").read_text()
    assert "## [Unreleased]" in text


def test_the_licence_in_the_project_file_is_the_licence_in_the_folder():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["license"] == "MIT"
    assert (ROOT / "LICENSE").read_text().startswith("MIT License")


def test_the_architecture_page_lists_every_table_and_view():
    migrations = "\n".join(path.read_text() for path in (ROOT / "supabase" / "migrations").glob("*.sql"))
    made = set(
        re.findall(r"^create (?:table|view|materialized view) (?:if not exists )?(\w+)", migrations, re.MULTILINE)
    )
    page = (ROOT / "docs" / "architecture.md").read_text()
    assert made
    assert {name for name in made if f"`{name}`" not in page} == set()


def test_the_runbook_explains_every_exit_code():
    from bot.domain import errors

    codes = {getattr(error, "exit_code", 0) for error in vars(errors).values()}
    explained = re.findall(r"^\| (\d) \|", (ROOT / "docs" / "runbook.md").read_text(), flags=re.MULTILINE)
    assert {str(code) for code in codes} == set(explained)
