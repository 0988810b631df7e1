"""Every rule of risk as a setting: what the rulebook gets of it, and where it may lie."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bot.jobs.rules import rules_of
from bot.rulebook.sizing import ATR, FIXED_FRACTION, KELLY
from bot.settings import SettingsError, load
from bot.settings.inputs import PROFILE_DIRECTORY

PROFILES = sorted(path.stem for path in PROFILE_DIRECTORY.glob("*.toml"))


@pytest.mark.parametrize(
    ("setting", "value", "rule", "number"),
    [
        ("sizing", "fixed_fraction", "sizing", FIXED_FRACTION),
        ("sizing", "kelly", "sizing", KELLY),
        ("sizing", "atr", "sizing", ATR),
        ("kelly_fraction", 0.5, "kelly_fraction", 0.5),
        ("kelly_min_trades", 50, "kelly_min_trades", 50),
        ("atr_multiple", 3.0, "atr_multiple", 3.0),
        ("max_portfolio_risk_frac", 0.05, "max_portfolio_risk_frac", 0.05),
        ("max_daily_trades", 3, "max_daily_trades", 3),
        ("max_consecutive_losses", 2, "max_consecutive_losses", 2),
        ("max_drawdown_frac", 0.1, "max_drawdown_frac", 0.1),
        ("drawdown_pause_s", 3600.5, "drawdown_pause_ms", 3_600_500),
        ("max_total_drawdown_frac", 0.3, "max_total_drawdown_frac", 0.3),
        ("max_correlation", 0.9, "max_correlation", 0.9),
        ("max_correlated", 1, "max_correlated", 1),
        ("high_volatility_ratio", 1.5, "high_volatility_ratio", 1.5),
        ("high_volatility_scale", 0.25, "high_volatility_scale", 0.25),
        ("pyramid_adds", 2, "pyramid_adds", 2),
        ("pyramid_scale", 0.4, "pyramid_scale", 0.4),
        ("pyramid_gain_frac", 0.03, "pyramid_gain_frac", 0.03),
        ("loss_cooldown_factor", 2.0, "loss_cooldown_factor", 2.0),
        ("max_cooldown_s", 120.25, "max_cooldown_ms", 120_250),
        ("cooldown_s", 30.5, "cooldown_ms", 30_500),
    ],
)
def test_the_rulebook_gets_what_was_set(tmp_path: Path, setting: str, value: Any, rule: str, number: float) -> None:
    found = rules_of(load({f"risk.{setting}": value}, {}, tmp_path), "paper")
    assert getattr(found, rule) == number
    usual = rules_of(load({}, {}, tmp_path), "paper")
    assert {name for name in found._fields if getattr(found, name) != getattr(usual, name)} <= {rule}


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("sizing", "martingale"),
        ("kelly_fraction", 1.01),
        ("kelly_min_trades", 9),
        ("max_portfolio_risk_frac", 0.0),
        ("max_daily_trades", 0),
        ("max_drawdown_frac", 1.0),
        ("drawdown_pause_s", 3599),
        ("max_total_drawdown_frac", 0.0),
        ("max_correlation", 1.1),
        ("max_correlated", 0),
        ("high_volatility_ratio", 0.9),
        ("high_volatility_scale", 1.1),
        ("pyramid_adds", -1),
        ("pyramid_scale", 1.0),
        ("pyramid_gain_frac", 0.0),
        ("loss_cooldown_factor", 0.99),
    ],
)
def test_what_would_loosen_a_rule_beyond_sense_is_refused(tmp_path: Path, setting: str, value: Any) -> None:
    with pytest.raises(SettingsError, match=f"risk.{setting}"):
        load({f"risk.{setting}": value}, {}, tmp_path)


@pytest.mark.parametrize("profile", PROFILES)
def test_no_profile_adds_to_winners_yet_and_every_one_has_its_breakers(tmp_path: Path, profile: str) -> None:
    found = rules_of(load({}, {"METRONOME_PROFILE": profile}, tmp_path), "live")
    assert found.pyramid_adds == 0
    assert 0 < found.max_drawdown_frac < found.max_total_drawdown_frac < 1
    assert (found.max_daily_trades, found.max_consecutive_losses, found.max_correlated) == (10, 5, 2)
