"""The environment is rebuilt when it must be, and only then."""

import importlib.util
import sys

import pytest

from tests.house.checkout import ROOT


@pytest.fixture(scope="module")
def builder():
    spec = importlib.util.spec_from_file_location("environment_builder", ROOT / ".ci" / "environment.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def environment(builder, tmp_path):
    """A checkout with three lock files and an environment that looks built."""
    for name, path in builder.LOCKS.items():
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_text(f"{name}==1\n")
    made = builder.Environment(tmp_path)
    made.python.parent.mkdir(parents=True)
    made.python.touch()
    return made


def test_a_new_environment_holds_nothing(environment):
    assert not environment.holds("tick")


def test_the_tests_set_serves_the_smaller_sets_but_not_the_other_way_round(environment):
    environment.stamp.write_text(environment.key("tests"))
    assert environment.holds("tests")
    assert environment.holds("tick")
    environment.stamp.write_text(environment.key("tick"))
    assert not environment.holds("tests")


def test_a_changed_lock_file_asks_for_a_new_installation(environment, builder):
    environment.stamp.write_text(environment.key("tick"))
    (environment.root / builder.LOCKS["tick"]).write_text("tick==2\n")
    assert not environment.holds("tick")


def test_another_python_asks_for_a_new_installation(environment, monkeypatch):
    environment.stamp.write_text(environment.key("tick"))
    monkeypatch.setattr(sys, "version", "3.99")
    assert not environment.holds("tick")


def test_an_installation_that_was_cut_short_is_done_again(environment):
    environment.stamp.write_text(environment.key("tick"))
    environment.marker.touch()
    assert not environment.holds("tick")


def test_an_unknown_set_is_refused(builder, capsys):
    assert builder.main(["everything"]) == 2
    assert "tick, local, tests" in capsys.readouterr().err


def test_a_home_that_cannot_be_written_moves_the_caches(builder, monkeypatch, tmp_path):
    blocked = tmp_path / "file"
    blocked.touch()
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setenv("HOME", str(blocked))
    assert ".venv" in builder.cache_settings()["UV_CACHE_DIR"]


def test_a_step_that_fails_shows_its_own_words(builder, capsys):
    assert not builder.attempt([sys.executable, "-c", "import sys; sys.exit('no such lock')"], "trying")
    assert "no such lock" in capsys.readouterr().err
