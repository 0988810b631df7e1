"""Strategies are found, not listed."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import bot.strategies
from bot.domain.errors import ConfigError
from bot.strategies import Strategy, get, names, register, registry
from tests.strategies.samples import row

NEW_FILE = '''
"""Buys when the RSI is low."""

from dataclasses import dataclass

from bot.strategies.base import Strategy, param
from bot.strategies.conditions import above, below
from bot.strategies.registry import register


@register
class LowRsi(Strategy):
    name = "low_rsi"
    title = "Low RSI"
    features = ("rsi_14",)

    @dataclass(frozen=True)
    class Params(Strategy.Params):
        candles: int = param(14, 5, 50, "candles", "whole numbers work too")
        low: float = param(30.0, 1.0, 49.0, "RSI points", "buy from here down")

    def entry_conditions(self, table):
        return [below("rsi_14", table.column("rsi_14"), self.params.low, 0.0, "{:.0f}")]

    def exit_conditions(self, table):
        return [above("rsi_14", table.column("rsi_14"), 100 - self.params.low, 100.0, "{:.0f}")]
'''


@pytest.fixture
def new_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    (tmp_path / "low_rsi.py").write_text(NEW_FILE)
    monkeypatch.setattr(bot.strategies, "__path__", [*bot.strategies.__path__, str(tmp_path)])
    yield
    sys.modules.pop("bot.strategies.low_rsi", None)
    registry._strategies.pop("low_rsi", None)


def test_the_strategies_of_the_plans_are_there_in_a_fixed_order() -> None:
    assert {"breakout", "heuristic", "mean_reversion", "momentum", "trend_following"} <= set(names())
    assert list(names()) == sorted(names())
    assert all(get(name).name == name for name in names())


@pytest.mark.usefixtures("new_file")
def test_one_new_file_is_enough_for_a_new_strategy() -> None:
    assert "low_rsi" in names()
    strategy = get("low_rsi")
    assert strategy.vote(row(rsi_14=10.0)).direction.tolist() == [1]
    assert strategy.vote(row(rsi_14=90.0)).direction.tolist() == [-1]
    assert strategy.explain(row(rsi_14=10.0), 0) == "buy: rsi_14 10"
    assert strategy.explain(row(rsi_14=50.0), 0) == "nothing to do: rsi_14 50 (at most 30 wanted)"
    assert strategy.explain(row(), 0) == "not enough history (rsi_14)"


@pytest.mark.usefixtures("new_file")
def test_a_new_strategy_is_found_when_it_is_asked_for_by_name_first() -> None:
    assert get("low_rsi").title == "Low RSI"


@pytest.mark.usefixtures("new_file")
def test_a_whole_number_stays_one() -> None:
    assert get("low_rsi").config_schema()["candles"] == {
        "type": "int",
        "default": 14,
        "min": 5,
        "max": 50,
        "unit": "candles",
        "help": "whole numbers work too",
    }
    params = get("low_rsi").with_params({"candles": 20.0, "low": 25}).params
    assert str(params).endswith("Params(candles=20, low=25.0)")
    with pytest.raises(ConfigError, match=r"20.5 is not a whole number"):
        get("low_rsi").with_params({"candles": 20.5})


def test_finding_them_imports_neither_the_feature_computation_nor_anything_heavy() -> None:
    code = "import sys, bot.strategies as s; s.names(); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert "bot.strategies.momentum" in loaded
    assert not loaded & {"bot.features", "pandas", "pydantic", "ta", "talib", "duckdb", "asyncio"}


def test_an_unknown_name_is_an_error_that_lists_the_known_ones() -> None:
    with pytest.raises(ConfigError, match=r"unknown strategy 'astrology'.*trend_following"):
        get("astrology")


def test_two_strategies_of_one_name_are_refused() -> None:
    class Impostor(Strategy):
        name = "breakout"

        def entry_conditions(self, table):
            return []

        exit_conditions = entry_conditions

    with pytest.raises(ConfigError, match="two strategies are called 'breakout'"):
        register(Impostor)
    assert get("breakout").title == "Breakout"
