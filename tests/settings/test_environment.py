"""Secrets stay hidden; the trading mode and the folders come from the environment."""

from __future__ import annotations

import json
import pickle
import re
from pathlib import Path
from typing import Any

import pytest

from bot.domain.errors import ConfigError
from bot.settings import Secret, SettingsError, load, read_runtime, read_secrets
from bot.settings.environment import SECRET_NAMES

ROOT = Path(__file__).parents[2]
PLANTED = {name: f"planted-{name.lower()}" for name in SECRET_NAMES}


def test_secrets_come_from_the_environment_and_are_revealed_on_request_only() -> None:
    secrets = read_secrets(PLANTED)
    assert secrets.kraken_api_secret is not None
    assert secrets.kraken_api_secret.reveal() == "planted-kraken_api_secret"
    assert secrets.database_url == Secret("planted-database_url")
    for text in (repr(secrets), str(secrets), f"{secrets}", f"{secrets.database_url}", f"{secrets.database_url!r}"):
        assert "planted" not in text


def test_a_secret_is_neither_pickled_nor_written_as_json() -> None:
    with pytest.raises(TypeError, match="not written anywhere"):
        pickle.dumps(Secret("planted"))
    with pytest.raises(TypeError):
        json.dumps(Secret("planted"))


def test_secrets_that_are_not_set_or_empty_are_none() -> None:
    assert read_secrets({}) == read_secrets(dict.fromkeys(SECRET_NAMES, " "))
    assert read_secrets({}).database_url is None


@pytest.mark.parametrize("name", [*SECRET_NAMES, "kraken_api_secret", "exchange.api_key", "telegram_token"])
@pytest.mark.parametrize("where", ["file", "bot"])
def test_a_secret_in_a_file_or_in_the_bot_s_row_is_refused_unseen(tmp_path: Path, name: str, where: str) -> None:
    overrides: dict[str, Any] = {}
    if where == "file":
        (tmp_path / "metronome.toml").write_text(f"{name} = 'planted'", "utf-8")
    else:
        overrides = {name: "planted"}
    with pytest.raises(SettingsError, match="secrets only ever come from the environment") as caught:
        load(overrides, {}, tmp_path)
    assert "planted" not in str(caught.value) + repr(caught.value.problems)


def test_a_secret_pasted_into_a_setting_is_masked_in_the_message(tmp_path: Path) -> None:
    secret = 'it\'s a \\ planted "secret"'
    with pytest.raises(SettingsError) as caught:
        load({"risk.breakeven": secret, "market.symbols": ["BTC/EUR", secret]}, {"KRAKEN_API_SECRET": secret}, tmp_path)
    assert len(caught.value.problems) == 2
    assert "planted" not in str(caught.value) + repr(caught.value.problems)
    assert "***" in str(caught.value)


def test_an_address_with_a_password_is_refused_unseen(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"exchange\.url = \*\*\* is not allowed") as caught:
        load({}, {"KRAKEN_API_URL": "http://user:planted@host"}, tmp_path)
    assert "planted" not in str(caught.value)


def test_the_mode_is_paper_unless_said_otherwise(tmp_path: Path) -> None:
    assert read_runtime({}, tmp_path).mode == "paper"
    assert read_runtime({"TRADING_MODE": "Paper"}, tmp_path).mode == "paper"


def test_no_other_mode_is_accepted(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="TRADING_MODE = 'paperr' is no trading mode") as caught:
        read_runtime({"TRADING_MODE": "paperr"}, tmp_path)
    assert caught.value.where == "environment, TRADING_MODE"
    assert "paper" in caught.value.fix


@pytest.mark.parametrize(
    ("given", "missing"),
    [
        ({}, "KRAKEN_API_KEY, KRAKEN_API_SECRET"),
        ({"KRAKEN_API_KEY": "planted"}, "KRAKEN_API_SECRET"),
        ({"KRAKEN_API_KEY": " ", "KRAKEN_API_SECRET": "planted"}, "KRAKEN_API_KEY"),
    ],
)
def test_live_needs_both_halves_of_a_key(tmp_path: Path, given: dict[str, str], missing: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read_runtime({"TRADING_MODE": "live", **given}, tmp_path)
    assert caught.value.what == f"TRADING_MODE = 'live' needs {missing}"
    assert caught.value.where == "environment, TRADING_MODE"
    assert missing in caught.value.fix
    assert "planted" not in str(caught.value)


def test_live_with_a_key_is_accepted(tmp_path: Path) -> None:
    keys = {"KRAKEN_API_KEY": "planted", "KRAKEN_API_SECRET": "planted"}
    assert read_runtime({"TRADING_MODE": "Live", **keys}, tmp_path).mode == "live"


def test_the_home_is_beside_the_working_directory_unless_named(tmp_path: Path) -> None:
    assert read_runtime({}, tmp_path).home == tmp_path / ".metronome"
    assert read_runtime({"METRONOME_HOME": "state"}, tmp_path).home == tmp_path / "state"
    assert read_runtime({"METRONOME_HOME": "/srv/state"}, tmp_path).home == Path("/srv/state")


def test_the_example_lists_every_name_and_sets_none() -> None:
    lines = (ROOT / ".env.example").read_text("utf-8").splitlines()
    assert all(not line or line.startswith("#") for line in lines)
    listed = {found.group(1) for line in lines if (found := re.match(r"#([A-Z][A-Z_]+)=", line))}
    others = {"TRADING_MODE", "LIVE_OVERRIDE", "KRAKEN_API_URL", "TELEGRAM_API_URL", "SUPABASE_URL"}
    assert {*SECRET_NAMES, *others, "METRONOME_HOME", "METRONOME_CONFIG", "METRONOME_PROFILE"} <= listed


def test_the_settings_in_the_example_are_real_ones(tmp_path: Path) -> None:
    text = (ROOT / ".env.example").read_text("utf-8")
    environ = dict(re.findall(r"^#(METRONOME_[A-Z_]+__[A-Z_]+)=(.+)$", text, re.MULTILINE))
    assert len(environ) >= 3
    load({}, environ, tmp_path)
