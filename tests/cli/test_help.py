"""Every command explains itself and shows examples that would be understood."""

import re
import shlex

import pytest
import typer

from bot.cli.app import app
from bot.cli.declare import PROGRAM
from bot.cli.main import main

ROOT_COMMAND = typer.main.get_command(app)


def commands(group=ROOT_COMMAND, path=()):
    """(path, command) of every command and group below the root."""
    for name, found in group.commands.items():
        yield (*path, name), found
        if hasattr(found, "commands"):
            yield from commands(found, (*path, name))


ALL = dict(commands())
EACH = pytest.mark.parametrize("path", ALL, ids=" ".join)


def examples(path):
    lines = re.findall(rf"^ *{re.escape(PROGRAM)} (.*)$", ALL[path].epilog or "", flags=re.MULTILINE)
    return [shlex.split(line) for line in lines]


@EACH
def test_help_has_a_sentence_and_an_example(path, capsys):
    assert main([*path, "--help"]) == 0
    told = capsys.readouterr().out
    assert told.startswith(f"Usage: {PROGRAM} {' '.join(path)}")
    assert "Examples:" in told
    assert (ALL[path].help or "").split("\n")[0].endswith(".")


@EACH
def test_each_example_calls_its_own_command(path):
    assert examples(path)
    for words in examples(path):
        assert tuple(words[: len(path)]) == path


@EACH
def test_each_example_is_understood_by_the_parser(path):
    for words in examples(path):
        called = max((known for known in ALL if known == tuple(words[: len(known)])), key=len)
        ALL[called].make_context(" ".join(called), words[len(called) :])


@EACH
def test_each_command_can_answer_in_json_and_in_either_language(path):
    if hasattr(ALL[path], "commands"):
        return
    options = {option for param in ALL[path].params for option in param.opts}
    assert {"--json", "--lang", "--debug"} <= options


def test_without_a_command_the_help_is_shown(capsys):
    assert main([]) == 0
    assert "Commands:" in capsys.readouterr().out


def test_the_commands_are_those_of_the_specification():
    trading = {"run", "tick", "loop", "rehearse", "status", "why", "pause", "resume", "close", "close-all"}
    assert trading | {"migrate", "doctor"} <= {path[0] for path in ALL}
    assert {("config", "show"), ("config", "set"), ("config", "history"), ("config", "rollback")} <= set(ALL)
    assert {("bots", "list"), ("bots", "add")} <= set(ALL)
