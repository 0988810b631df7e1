"""What a person reads when a setting is wrong."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from bot.domain.errors import ConfigError
from bot.settings import Problem, SettingsError, fields, load, parse_assignment


def problems(
    cwd: Path, overrides: Mapping[str, Any] | None = None, environ: Mapping[str, str] | None = None, file: str = ""
) -> tuple[Problem, ...]:
    if file:
        (cwd / "metronome.toml").write_text(file, "utf-8")
    with pytest.raises(SettingsError) as caught:
        load(overrides, environ or {}, cwd)
    assert caught.value.exit_code == 2
    assert caught.value.what == caught.value.problems[0].message
    return caught.value.problems


def test_a_value_out_of_range_names_field_value_range_layer_and_file(tmp_path: Path) -> None:
    (problem,) = problems(tmp_path, file="[risk]\nstop_loss_frac = 0.7\n")
    assert problem.field == "risk.stop_loss_frac"
    assert problem.message == (
        "risk.stop_loss_frac = 0.7 is not allowed: number, above 0, below 0.5 (fraction of entry price)"
    )
    assert problem.place == f"file, {tmp_path / 'metronome.toml'}"


def test_a_percentage_in_place_of_a_fraction_gets_the_fraction_told(tmp_path: Path) -> None:
    (problem,) = problems(tmp_path, environ={"METRONOME_RISK__STOP_LOSS_FRAC": "2.5"})
    assert problem.place == "environment, METRONOME_RISK__STOP_LOSS_FRAC"
    assert problem.fix == "a fraction is wanted: write 0.025 for 2.5 %"


@pytest.mark.parametrize(
    ("field", "value", "says"),
    [
        ("risk.min_confidence", True, "risk.min_confidence = True is not allowed: number, at least 0, at most 1"),
        ("risk.min_confidence", float("nan"), "risk.min_confidence = nan is not allowed"),
        ("risk.max_daily_loss_frac", float("inf"), "risk.max_daily_loss_frac = inf is not allowed"),
        ("risk.min_trade_notional", 0, "risk.min_trade_notional = 0 is not allowed: number, above 0"),
        ("risk.stop_loss_frac", 0.5, "risk.stop_loss_frac = 0.5 is not allowed: number, above 0, below 0.5"),
        ("risk.max_open_positions", 1.5, "risk.max_open_positions = 1.5 is not allowed: whole number, at least 1"),
        ("risk.breakeven", "perhaps", "risk.breakeven = 'perhaps' is not allowed: true or false"),
        ("market.timeframe", "2h", "market.timeframe = '2h' is not allowed: text, one of 1m, 5m"),
        ("market.symbols", ["BTC/EUR", "ETH-EUR"], "market.symbols = 'ETH-EUR' is not allowed: list of texts, each a"),
        ("market.symbols", ["BTC/EUR", "BTC/EUR"], "market.symbols = ['BTC/EUR', 'BTC/EUR'] is not allowed"),
        ("live.capital_steps", [100, -5], "live.capital_steps = -5 is not allowed: list of numbers, each above 0, at "),
        ("live.capital_steps", [100, True], "live.capital_steps = True is not allowed: list of numbers, each above 0"),
        ("live.capital_steps", [100, 100], "live.capital_steps = [100, 100] is not allowed: list of numbers"),
        ("live.min_sharpe", 0.5, "live.min_sharpe = 0.5 is not allowed: number, at least 1, at most 100"),
        ("live.max_drawdown_frac", 0.2, "live.max_drawdown_frac = 0.2 is not allowed: number, above 0, at most 0.15"),
        ("market.symbols", 7, "market.symbols = 7 is not allowed: list of texts"),
        ("exchange.url", "ftp://host", "exchange.url = 'ftp://host' is not allowed: text or none, an http or https"),
        ("strategies.breakout.weight", 0, "strategies.breakout.weight = 0 is not allowed: number, above 0"),
        ("strategies.breakout.params.volume_min", "much", "strategies.breakout.params.volume_min = 'much' is not"),
    ],
)
def test_a_bad_value_is_refused_by_name(tmp_path: Path, field: str, value: object, says: str) -> None:
    (problem,) = problems(tmp_path, {field: value})
    assert problem.field == field
    assert problem.message.startswith(says)
    assert problem.place == "bot, the bot's row in the database"
    assert problem.fix


@pytest.mark.parametrize(
    ("file", "field", "fix"),
    [
        ("[risk]\nstop_los_frac = 0.03", "risk.stop_los_frac", "did you mean risk.stop_loss_frac?"),
        ("[riks]\nstop_loss_frac = 0.03", "riks", "did you mean risk?"),
        ("stop_loss_frac = 0.03", "stop_loss_frac", "did you mean risk.stop_loss_frac?"),
        ("[market]\nstop_loss_frac = 0.03", "market.stop_loss_frac", "did you mean risk.stop_loss_frac?"),
        ("[strategies.brakeout]\nweight = 1", "strategies.brakeout", "did you mean strategies.breakout?"),
        ("[paper]\nzzz = 1", "paper.zzz", "paper has entry_limit_frac, entry_ttl_s, initial_cash"),
    ],
)
def test_an_unknown_name_gets_the_nearest_one(tmp_path: Path, file: str, field: str, fix: str) -> None:
    (problem,) = problems(tmp_path, file=file)
    assert problem.field == field
    assert problem.message == f"{field} is no known setting"
    assert problem.fix.startswith(fix)


@pytest.mark.parametrize(
    ("variable", "fix"),
    [
        ("METRONOME_RISK__STOP_LOS_FRAC", "did you mean METRONOME_RISK__STOP_LOSS_FRAC?"),
        ("METRONOME_RISK_STOP_LOSS_FRAC", "did you mean METRONOME_RISK__STOP_LOSS_FRAC?"),
        ("METRONOME_PROFIL", "did you mean METRONOME_PROFILE?"),
        ("METRONOME_HOM", "did you mean METRONOME_HOME?"),
    ],
)
def test_an_unknown_variable_gets_the_nearest_one(tmp_path: Path, variable: str, fix: str) -> None:
    (problem,) = problems(tmp_path, environ={variable: "planted-value"})
    assert problem.place == f"environment, {variable}"
    assert problem.fix == fix
    assert "planted-value" not in str(problem)


def test_a_wrong_profile_names_the_profiles(tmp_path: Path) -> None:
    (problem,) = problems(tmp_path, environ={"METRONOME_PROFILE": "swng"})
    assert "one of aggressive, swing, platform" in problem.message
    assert problem.place == "environment, METRONOME_PROFILE"
    assert problem.fix == "did you mean swing?"


def test_a_value_in_place_of_a_group_is_told_so(tmp_path: Path) -> None:
    (problem,) = problems(tmp_path, file="paper = 1000")
    assert problem.message == "paper is a group of settings, not a value"
    assert problem.fix == "set a field of it, like paper.initial_cash"


def test_all_that_is_wrong_is_told_at_once(tmp_path: Path) -> None:
    (tmp_path / "metronome.toml").write_text("[risk]\nstop_loss_frac = 0.7\nfoo = 1\n", "utf-8")
    with pytest.raises(SettingsError) as caught:
        load({"language": "de"}, {"METRONOME_MARKET__WINDOW": "3"}, tmp_path)
    assert {one.field for one in caught.value.problems} == {
        "risk.stop_loss_frac",
        "risk.foo",
        "language",
        "market.window",
    }
    text = str(caught.value)
    for field in ("risk.stop_loss_frac = 0.7", "risk.foo", "language = 'de'", "market.window = '3'"):
        assert field in text


@pytest.mark.parametrize(
    ("overrides", "blamed", "says"),
    [
        ({"market.symbols": ["BTC/USDT", "ETH/EUR"]}, "market.symbols", "has BTC/USDT, not quoted in market.quote"),
        ({"market.quote": "USDT"}, "market.quote", "not quoted in market.quote = 'USDT'"),
        ({"market.symbols": []}, "market.symbols", "market.symbols is empty"),
        ({"market.timeframe": "4h"}, "market.timeframe", "has 4h, not coarser than market.timeframe = '4h'"),
        ({"market.protection_timeframe": "4h"}, "market.protection_timeframe", "is coarser than market.timeframe"),
        ({"market.slot_s": 700}, "market.slot_s", "does not divide a day"),
        ({"risk.take_profit_frac": 0.01}, "risk.take_profit_frac", "before the stop begins to trail"),
        ({"risk.trailing_distance_frac": 0.3}, "risk.trailing_distance_frac", "below the first one"),
        ({"risk.max_open_positions": 3}, "risk.max_open_positions", "max_open_positions_live = 15 is above"),
        ({"risk.max_position_frac": 0.9}, "risk.max_position_frac", "is above risk.max_long_exposure_frac"),
        (
            {"risk.max_portfolio_risk_frac": 0.01},
            "risk.max_portfolio_risk_frac",
            "risk_per_trade_frac = 0.015 is above",
        ),
        ({"risk.risk_per_trade_frac": 0.1, "risk.max_portfolio_risk_frac": 0.09}, "risk.risk_per_trade_frac", "0.09"),
        ({"risk.max_drawdown_frac": 0.2}, "risk.max_drawdown_frac", "is not below risk.max_total_drawdown_frac = 0.2"),
        (
            {"risk.max_total_drawdown_frac": 0.1},
            "risk.max_total_drawdown_frac",
            "max_drawdown_frac = 0.15 is not below",
        ),
        ({"risk.max_cooldown_s": 59}, "risk.max_cooldown_s", "is below risk.cooldown_s = 60"),
        ({"risk.cooldown_s": 604_801}, "risk.cooldown_s", "risk.max_cooldown_s = 604800 is below"),
        ({"live.capital_steps": [100, 500, 250]}, "live.capital_steps", "does not grow from step to step"),
        ({"live.capital_steps": []}, "live.capital_steps", "does not grow from step to step"),
    ],
)
def test_values_that_do_not_go_together_are_refused(
    tmp_path: Path, overrides: dict[str, Any], blamed: str, says: str
) -> None:
    (problem,) = problems(tmp_path, overrides)
    assert problem.field == blamed
    assert says in problem.message
    assert problem.place == "bot, the bot's row in the database"


def test_at_least_one_strategy_must_vote(tmp_path: Path) -> None:
    names = {one.name for one in fields() if one.name.startswith("strategies.") and one.name.endswith(".enabled")}
    (problem,) = problems(tmp_path, dict.fromkeys(names, False))
    assert problem.message == "every strategy is switched off"


def test_a_file_that_is_not_toml_names_the_line(tmp_path: Path) -> None:
    (problem,) = problems(tmp_path, file="[risk]\nstop_loss_frac = = 3\n")
    assert "line 2" in problem.message
    assert problem.place == f"file, {tmp_path / 'metronome.toml'}"


def test_a_named_file_must_be_there_and_be_text(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"not there: .*gone\.toml.*METRONOME_CONFIG"):
        load({}, {"METRONOME_CONFIG": "gone.toml"}, tmp_path)
    (tmp_path / "metronome.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError, match="not UTF-8"):
        load({}, {}, tmp_path)
    (tmp_path / "folder").mkdir()
    with pytest.raises(ConfigError, match="cannot be read: Is a directory"):
        load({}, {"METRONOME_CONFIG": "folder"}, tmp_path)


@pytest.mark.parametrize(
    ("text", "name", "value"),
    [
        ("risk.stop_loss_frac=0.03", "risk.stop_loss_frac", 0.03),
        (" risk.max_open_positions = 7 ", "risk.max_open_positions", 7),
        ("risk.breakeven=no", "risk.breakeven", False),
        ("market.symbols=BTC/EUR,ETH/EUR", "market.symbols", ["BTC/EUR", "ETH/EUR"]),
        ('market.symbols=["BTC/EUR"]', "market.symbols", ["BTC/EUR"]),
        ("exchange.url=none", "exchange.url", None),
        ("exchange.url=http://host:1/a=b", "exchange.url", "http://host:1/a=b"),
        ("profile=swing", "profile", "swing"),
        ("strategies.breakout.params.volume_min=2", "strategies.breakout.params.volume_min", 2.0),
    ],
)
def test_an_assignment_is_read_with_its_type(tmp_path: Path, text: str, name: str, value: object) -> None:
    read = parse_assignment(text)
    assert read == (name, value)
    assert type(read[1]) is type(value)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("risk.stop_loss_frac", "write it like risk.stop_loss_frac=0.03"),
        ("=3", "needs a field"),
        ("risk.stop_loss=0.03", r"no known setting .*did you mean risk\.stop_loss_frac\?"),
        ("risk.stop_loss_frac=3", r"risk\.stop_loss_frac = '3' is not allowed.*write 0\.03 for 3 %"),
        ("market.symbols=[BTC", "market.symbols = '.BTC' is not allowed"),
        ("market.symbols=BTC/EUR,x", "market.symbols = 'x' is not allowed"),
        ("kraken_api_secret=planted", "secrets only ever come from the environment"),
    ],
)
def test_a_wrong_assignment_says_what_is_wrong(text: str, says: str) -> None:
    with pytest.raises(ConfigError, match=says) as caught:
        parse_assignment(text)
    assert "planted" not in str(caught.value)
