"""Which layer wins, and how each is written."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from bot.settings import Settings, describe, from_dict, load, to_dict

VARIABLE = "METRONOME_RISK__STOP_LOSS_FRAC"


def write(cwd: Path, text: str, name: str = "metronome.toml") -> Path:
    path = cwd / name
    path.write_text(text, "utf-8")
    return path


def layer_of(settings: Settings, field: str) -> str:
    return next(row.layer for row in describe(settings) if row.field == field)


def test_each_layer_beats_the_one_below_it(tmp_path: Path) -> None:
    file = "profile = 'swing'\n[risk]\nstop_loss_frac = 0.04\n"
    seen = [load({}, {}, tmp_path)]
    seen.append(load({}, {"METRONOME_PROFILE": "swing"}, tmp_path))
    path = write(tmp_path, file)
    seen.append(load({}, {}, tmp_path))
    seen.append(load({}, {VARIABLE: "0.05"}, tmp_path))
    seen.append(load({"risk": {"stop_loss_frac": 0.06}}, {VARIABLE: "0.05"}, tmp_path))
    assert [one.risk.stop_loss_frac for one in seen] == [0.025, 0.03, 0.04, 0.05, 0.06]
    assert [layer_of(one, "risk.stop_loss_frac") for one in seen] == [
        "profile, aggressive",
        "profile, swing",
        f"file, {path}",
        f"environment, {VARIABLE}",
        "bot, the bot's row in the database",
    ]


def test_fields_that_no_layer_names_keep_their_default(tmp_path: Path) -> None:
    settings = load({}, {}, tmp_path)
    assert settings.exchange.timeout_s == 10.0
    assert layer_of(settings, "exchange.timeout_s") == "defaults"


def test_layers_merge_field_by_field_and_replace_lists(tmp_path: Path) -> None:
    write(tmp_path, "[market]\nsymbols = ['BTC/EUR', 'ETH/EUR']\nwindow = 400\n")
    settings = load({"market": {"symbols": ["SOL/EUR"]}}, {}, tmp_path)
    assert settings.market.symbols == ("SOL/EUR",)
    assert settings.market.window == 400


@pytest.mark.parametrize("given", ["50, 75.5", "[50, 75.5]"])
def test_a_list_of_numbers_is_read_from_one_text(tmp_path: Path, given: str) -> None:
    settings = load({}, {"METRONOME_LIVE__CAPITAL_STEPS": given}, tmp_path)
    assert settings.live.capital_steps == (50.0, 75.5)
    assert from_dict(to_dict(settings)) == settings


@pytest.mark.parametrize("source", ["file", "environment", "bot"])
def test_any_layer_above_may_choose_the_profile(tmp_path: Path, source: str) -> None:
    if source == "file":
        write(tmp_path, "profile = 'platform'")
    environ = {"METRONOME_PROFILE": "platform"} if source == "environment" else {}
    settings = load({"profile": "platform"} if source == "bot" else {}, environ, tmp_path)
    assert settings.profile == "platform"
    assert settings.risk.max_open_positions == 7


def test_the_bot_s_row_may_use_dotted_names(tmp_path: Path) -> None:
    dotted = load({"risk.stop_loss_frac": 0.03, "risk.breakeven": False}, {}, tmp_path)
    assert dotted == load({"risk": {"stop_loss_frac": 0.03, "breakeven": False}}, {}, tmp_path)


def test_environment_texts_become_typed_values(tmp_path: Path) -> None:
    environ = {
        "METRONOME_MARKET__SYMBOLS": "BTC/USDT, ETH/USDT",
        "METRONOME_MARKET__CONTEXT_TIMEFRAMES": '["1d"]',
        "METRONOME_MARKET__QUOTE": "USDT",
        "METRONOME_RISK__BREAKEVEN": "false",
        "METRONOME_RISK__MAX_OPEN_POSITIONS": "20",
        "METRONOME_STRATEGIES__BREAKOUT__PARAMS__VOLUME_MIN": "2",
        "METRONOME_LANGUAGE": "fr",
    }
    settings = load({}, environ, tmp_path)
    assert settings.market.symbols == ("BTC/USDT", "ETH/USDT")
    assert settings.market.context_timeframes == ("1d",)
    assert settings.risk.breakeven is False
    assert settings.risk.max_open_positions == 20
    assert settings.strategies["breakout"].params["volume_min"] == 2.0
    assert settings.language == "fr"


def test_kraken_api_url_is_the_exchange_url_unless_the_longer_name_says_otherwise(tmp_path: Path) -> None:
    short = {"KRAKEN_API_URL": "http://127.0.0.1:9000"}
    settings = load({}, short, tmp_path)
    assert settings.exchange.url == "http://127.0.0.1:9000"
    assert layer_of(settings, "exchange.url") == "environment, KRAKEN_API_URL"
    both = {**short, "METRONOME_EXCHANGE__URL": "http://127.0.0.1:9001"}
    assert load({}, both, tmp_path).exchange.url == "http://127.0.0.1:9001"


def test_names_that_are_no_settings_and_empty_names_are_left_alone(tmp_path: Path) -> None:
    environ = {
        "METRONOME_HOME": str(tmp_path / "home"),
        "METRONOME_TEST_DATABASE_HOME": "/somewhere",
        "METRONOME_PROFILE": "",
        VARIABLE: " ",
        "PATH": "/bin",
    }
    assert load({}, environ, tmp_path) == load({}, {}, tmp_path)


def test_metronome_config_names_the_file(tmp_path: Path) -> None:
    write(tmp_path, "[risk]\nstop_loss_frac = 0.04\n")
    write(tmp_path, "[risk]\nstop_loss_frac = 0.011\n", "mine.toml")
    assert load({}, {"METRONOME_CONFIG": "mine.toml"}, tmp_path).risk.stop_loss_frac == 0.011


def test_every_registered_strategy_is_there_with_complete_parameters(tmp_path: Path) -> None:
    from bot.strategies import registry

    settings = load({"strategies.momentum.weight": 2, "strategies.heuristic.enabled": False}, {}, tmp_path)
    assert set(settings.strategies) == set(registry.names())
    assert settings.strategies["momentum"].weight == 2.0
    assert not settings.strategies["heuristic"].enabled
    for name, part in settings.strategies.items():
        assert registry.get(name).with_params(part.params).params == registry.get(name).params


def test_settings_are_frozen_and_survive_a_round_trip(tmp_path: Path) -> None:
    settings = load({"market.symbols": ["BTC/EUR"]}, {}, tmp_path)
    assert from_dict(to_dict(settings)) == settings
    with pytest.raises(dataclasses.FrozenInstanceError):
        settings.risk.stop_loss_frac = 0.5  # type: ignore[misc]


def test_a_shape_of_another_version_is_refused() -> None:
    values = to_dict(Settings())
    del values["risk"]["stop_loss_frac"]
    with pytest.raises(TypeError, match="RiskSettings"):
        from_dict(values)
