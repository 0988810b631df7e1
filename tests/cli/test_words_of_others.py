"""What a report makes of stored names, of English from other layers and of the way in which it was started."""

import ast
import sys
from pathlib import Path

import pytest

from bot.cli import codes, program
from bot.cli.french import FRENCH, local
from bot.cli.session import session
from bot.domain import orders
from bot.domain.book import BotStatus
from bot.domain.decisions import Effect
from bot.words import SENTENCES

ROOT = Path(__file__).resolve().parents[2]
ERRORS = {"ConfigError", "DatabaseError", "ExchangeError", "CheckFailed", "LeaseLost", "bad", "good"}


@pytest.fixture
def french():
    session.language = "fr"
    yield
    session.language = ""


def template(node):
    """A text with {} for each value in it; None for anything that is made elsewhere."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(str(part.value) if isinstance(part, ast.Constant) else "VALUE" for part in node.values)
    return None


def texts_for_people():
    """Every literal text of an error of the command line, its remedy, or a finding of the doctor."""
    for path in sorted((ROOT / "bot" / "cli").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if not isinstance(node, ast.Call):
                continue
            name = getattr(node.func, "id", "")
            if name in ERRORS:
                first = node.args[1:] if name in ("bad", "good") else node.args[:1]
                for part in [*first, *(one.value for one in node.keywords if one.arg == "fix")]:
                    told = template(part)
                    if told and told not in ("VALUE", "VALUE: VALUE", "VALUE (at VALUE)"):
                        yield told


def test_errors_and_findings_are_told_in_french(french):
    found = sorted(set(texts_for_people()))
    assert len(found) > 40
    same = {"python -m bot config set risk.min_trade_notional=VALUE", "Python VALUE", "why --replay --all"}
    missing = [told for told in found if told not in same and local(told) == told]
    assert not missing, f"bot/cli/french.py has no French for {missing}"


def test_french_keeps_the_values_and_what_it_does_not_know(french):
    assert local("cannot reach Kraken: no connection (Errno 111)") == (
        "impossible de joindre Kraken : pas de connexion (Errno 111)"
    )
    assert local("something new") == "something new"
    for english, told in FRENCH.items():
        assert english.count("{}") == told.count("{}"), english


def test_english_stays_as_it_is():
    session.language = "en"
    assert local("there is no bot yet") == "there is no bot yet"
    session.language = ""


@pytest.mark.parametrize(
    ("names", "known"),
    [
        (codes.BOT, BotStatus),
        (codes.ORDER, orders.OrderStatus),
        (codes.LEG, orders.Leg),
        (codes.TYPE, orders.OrderType),
        (codes.EFFECT, Effect),
        (codes.RULE, {rule.partition(".")[0] for rule in SENTENCES}),
    ],
)
def test_every_stored_name_has_words_in_both_languages(names, known):
    missing = {str(getattr(one, "value", one)) for one in known} - set(names)
    assert not missing, f"bot/cli/codes.py has no words for {missing}"
    assert all(english and french for english, french in names.values())


@pytest.fixture
def started(monkeypatch):
    """Ask for the program's call as if it had been started by this interpreter, with this search path."""

    def ask(executable, path):
        monkeypatch.setattr(sys, "executable", str(executable))
        monkeypatch.setenv("PATH", str(path))
        program.program.cache_clear()
        return program.program()

    yield ask
    program.program.cache_clear()


def test_a_printed_command_works_for_the_way_the_program_was_started(started, tmp_path, monkeypatch):
    own = tmp_path / ".venv" / "bin" / "python"
    own.parent.mkdir(parents=True)
    own.write_text("#!/bin/sh\n")
    own.chmod(0o755)
    monkeypatch.chdir(tmp_path)
    assert started(own, own.parent) == "python -m bot"
    assert started(own, "/nowhere") == ".venv/bin/python -m bot"
    assert program.spelled("run python -m bot doctor") == "run .venv/bin/python -m bot doctor"
    assert program.spelled("run .venv/bin/python -m bot doctor") == "run .venv/bin/python -m bot doctor"
    elsewhere = tmp_path / "else where"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    assert started(own, "/nowhere") == f"{own} -m bot"
