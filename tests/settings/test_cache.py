"""Kept results: equal to validated ones, dropped at any doubt, free of pydantic and of secrets."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from bot.settings import SettingsError, cache, load, load_cached
from bot.settings.inputs import gather

ROOT = Path(__file__).parents[2]
OVERRIDES: dict[str, Any] = {
    "risk": {"stop_loss_frac": 0.0312345678901234, "cooldown_s": 1e-7},
    "market": {"symbols": ["BTC/EUR"], "context_timeframes": []},
    "strategies": {"breakout": {"weight": 2}},
    "exchange": {"url": "http://127.0.0.1:1"},
}


def kept(cwd: Path) -> list[Path]:
    return sorted((cwd / ".metronome" / "settings").glob("*"))


def test_kept_and_validated_results_are_equal_down_to_the_types(tmp_path: Path) -> None:
    validated = load(OVERRIDES, {}, tmp_path)
    first, second = load_cached(OVERRIDES, {}, tmp_path), load_cached(OVERRIDES, {}, tmp_path)
    assert repr(first) == repr(second) == repr(validated)
    assert first == second == validated
    assert first.origins == second.origins == validated.origins
    assert len(kept(tmp_path)) == 1


def test_any_changed_input_means_another_key(tmp_path: Path) -> None:
    def key(overrides: Mapping[str, Any] | None = None, **environ: str) -> str:
        return cache.key_of(gather(overrides, environ, tmp_path))

    keys = [key(), key({"language": "fr"}), key(METRONOME_LANGUAGE="fr"), key(METRONOME_PROFILE="swing")]
    keys.append(key(KRAKEN_API_URL="http://127.0.0.1:1"))
    (tmp_path / "metronome.toml").write_text("language = 'fr'", "utf-8")
    keys.append(key())
    (tmp_path / "metronome.toml").write_text("language = 'en'", "utf-8")
    keys.append(key())
    assert len(set(keys)) == len(keys)
    assert all(keys)


def test_a_changed_profile_or_changed_code_means_another_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    inputs = gather({}, {}, tmp_path)
    before = cache.key_of(inputs)
    (tmp_path / "strategies").mkdir()
    (tmp_path / "strategies" / "new.py").write_text("# another strategy", "utf-8")
    monkeypatch.setattr(cache, "_PACKAGE", tmp_path)
    assert cache.key_of(inputs) != before


def test_what_is_no_input_changes_nothing(tmp_path: Path) -> None:
    one = gather({}, {"METRONOME_HOME": "a", "DATABASE_URL": "b", "PATH": "c"}, tmp_path)
    assert cache.key_of(one) == cache.key_of(gather({}, {}, tmp_path))


def test_a_changed_file_is_seen(tmp_path: Path) -> None:
    file = tmp_path / "metronome.toml"
    for value in (0.03, 0.04, 0.03):
        file.write_text(f"[risk]\nstop_loss_frac = {value}\n", "utf-8")
        assert load_cached({}, {}, tmp_path).risk.stop_loss_frac == value


def edited(text: str) -> str:
    return text.replace('"stop_loss_frac": 0.0312345678901234', '"stop_loss_frac": 0.9')


def other_version(text: str) -> str:
    document = json.loads(text)
    del document["settings"]["risk"]["stop_loss_frac"]
    document["check"] = cache._check(document["settings"], document["origins"])
    return json.dumps(document)


@pytest.mark.parametrize(
    "damage",
    [lambda text: "", lambda text: text[:50], lambda text: "[]", lambda text: "{}", edited, other_version],
    ids=["empty", "cut", "list", "object", "edited", "other version"],
)
def test_a_damaged_file_is_validated_anew_and_mended(tmp_path: Path, damage: Any) -> None:
    expected = load_cached(OVERRIDES, {}, tmp_path)
    (path,) = kept(tmp_path)
    good = path.read_text("utf-8")
    path.write_text(damage(good), "utf-8")
    assert path.read_text("utf-8") != good
    assert load_cached(OVERRIDES, {}, tmp_path) == expected
    assert path.read_text("utf-8") == good


def test_a_home_that_cannot_be_written_only_costs_time(tmp_path: Path) -> None:
    (tmp_path / "home").write_text("a file, not a folder", "utf-8")
    settings = load_cached(OVERRIDES, {"METRONOME_HOME": "home"}, tmp_path)
    assert settings == load(OVERRIDES, {}, tmp_path)


def test_overrides_that_cannot_be_hashed_are_still_validated(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"risk\.breakeven"):
        load_cached({"risk.breakeven": object()}, {}, tmp_path)
    assert kept(tmp_path) == []


def test_what_is_wrong_is_not_kept(tmp_path: Path) -> None:
    for _ in range(2):
        with pytest.raises(SettingsError):
            load_cached({"language": "de"}, {}, tmp_path)
    assert kept(tmp_path) == []


def test_old_results_are_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "KEEP", 2)
    for seconds in (1, 2, 3, 4):
        load_cached({"risk.cooldown_s": seconds}, {}, tmp_path)
        newest = max(kept(tmp_path), key=lambda path: path.stat().st_mtime_ns)
        os.utime(newest, (seconds, seconds))
    assert len(kept(tmp_path)) == 2


def test_no_secret_reaches_the_file(tmp_path: Path) -> None:
    environ = {"DATABASE_URL": "postgres://u:planted-1@h/d", "KRAKEN_API_SECRET": "planted-2", "SMTP_URL": "planted-3"}
    load_cached({}, environ, tmp_path)
    assert all("planted" not in path.read_text("utf-8") for path in kept(tmp_path))


def test_a_kept_result_is_read_without_pydantic_or_the_strategies(tmp_path: Path) -> None:
    program = (
        "import sys; before = set(sys.modules);"  # a measuring tool may be there already
        "from bot.settings import load_cached; print(load_cached().market.window);"
        "heavy = {'pydantic', 'pydantic_settings', 'tomllib', 'numpy', 'bot.strategies'};"
        "print(sorted(heavy & (set(sys.modules) - before)))"
    )
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("METRONOME_", "KRAKEN_"))}
    environ["PYTHONPATH"] = str(ROOT)
    outputs = [
        subprocess.run([sys.executable, "-c", program], cwd=tmp_path, env=environ, capture_output=True, text=True)
        for _ in range(2)
    ]
    assert [one.stderr for one in outputs] == ["", ""]
    assert "pydantic" in outputs[0].stdout
    assert outputs[1].stdout.splitlines() == ["720", "[]"]
