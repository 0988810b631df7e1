"""The profiles' numbers against the plans they come from."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from bot.settings import Settings, load, to_dict
from bot.settings.inputs import PROFILE_DIRECTORY
from bot.settings.schema import fixed_specs

PLAN_V4 = [
    ("risk.max_position_frac", 0.10, "MAX_POSITION_PERCENT"),
    ("risk.min_trade_notional", 10.0, "MIN_TRADE_VALUE"),
    ("risk.risk_per_trade_frac", 0.015, "RISK_PER_TRADE"),
    ("risk.stop_loss_frac", 0.025, "DEFAULT_STOP_LOSS"),
    ("risk.take_profit_frac", 0.045, "DEFAULT_TAKE_PROFIT"),
    ("risk.max_open_positions", 30, "MAX_OPEN_POSITIONS"),
    ("risk.max_open_positions_live", 15, "MAX_OPEN_POSITIONS_LIVE"),
    ("risk.cooldown_s", 60.0, "COOLDOWN_MINUTES"),
    ("risk.trailing_activation_frac", 0.02, "TRAILING_STOP_ACTIVATION"),
    ("risk.trailing_distance_frac", 0.01, "TRAILING_STOP_DISTANCE"),
    ("risk.min_confidence", 0.20, "MIN_SIGNAL_CONFIDENCE"),
    ("market.quote", "EUR", "SYMBOLS"),
]
PLAN_V2_LIMITS = [
    ("risk.max_daily_loss_frac", 0.05, "max_daily_loss_pct"),
    ("risk.max_long_exposure_frac", 0.8, "max_long_exposure"),
    ("risk.max_spread_frac", 0.01, "pause_on_high_spread"),
    ("risk.max_portfolio_risk_frac", 0.10, "max_portfolio_risk_pct"),
    ("risk.max_daily_trades", 10, "max_daily_trades"),
    ("risk.max_consecutive_losses", 5, "max_consecutive_losses"),
    ("risk.max_drawdown_frac", 0.15, "max_drawdown_pct"),
    ("risk.drawdown_pause_s", 7 * 86_400.0, "drawdown_recovery_days"),
    ("risk.max_correlation", 0.7, "max_correlation"),
    ("risk.high_volatility_ratio", 2.0, "volatility_threshold"),
    ("risk.high_volatility_scale", 0.5, "high_volatility_reduction"),
    ("risk.sizing", "kelly", "5.2 Kelly"),
    ("risk.kelly_fraction", 0.25, "5.2 a quarter of Kelly"),
    ("paper.slippage_frac", 0.0005, "fees.slippage"),
    ("market.timeframe", "1h", "BACKTEST_CONFIG.timeframe"),
    ("market.order_book_depth", 20, "ORDERBOOK_DEPTH"),
]
PLAN_V2 = [
    *PLAN_V2_LIMITS,
    ("risk.max_position_frac", 0.20, "max_position_size_pct"),
    ("risk.max_open_positions", 5, "max_positions"),
    ("risk.max_open_positions_live", 5, "max_positions"),
    ("risk.stop_loss_frac", 0.03, "stop_loss_pct"),
    ("risk.take_profit_frac", 0.06, "take_profit_pct"),
    ("risk.trailing_distance_frac", 0.02, "trailing_stop_pct"),
    ("paper.initial_cash", 10_000.0, "initial_capital"),
]
PLATFORM = [
    ("risk.risk_per_trade_frac", 0.015, "Fixed Percentage 1-2 %"),
    ("risk.max_position_frac", 0.075, "Max position 5-10 %"),
    ("risk.stop_loss_frac", 0.035, "Stop Loss 2-5 %"),
    ("risk.take_profit_frac", 0.5 * 0.025 + 0.3 * 0.06 + 0.2 * 0.12, "Take Profit in levels, mean by size"),
    ("risk.max_daily_loss_frac", 0.05, "Daily Loss Limit -5 %"),
    ("risk.max_open_positions", 7, "Max Concurrent Positions 5-10"),
    ("risk.sizing", "kelly", "Kelly Criterion"),
    ("risk.max_total_drawdown_frac", 0.20, "Max Drawdown Global -20 %"),
    ("risk.max_correlated", 2, "no 3+ positions on correlated pairs"),
    ("exchange.retries", 5, "max 5 tries"),
    ("exchange.breaker_failures", 3, "3 consecutive failures"),
]
TABLE = [
    (profile, *row)
    for profile, rows in (("aggressive", PLAN_V4 + PLAN_V2_LIMITS), ("swing", PLAN_V2), ("platform", PLATFORM))
    for row in rows
]


@pytest.mark.parametrize(("profile", "field", "value", "source"), TABLE)
def test_a_profile_has_the_number_of_its_plan(
    tmp_path: Path, profile: str, field: str, value: object, source: str
) -> None:
    values = to_dict(load({}, {"METRONOME_PROFILE": profile}, tmp_path))
    group, name = field.split(".")
    assert values[group][name] == (pytest.approx(value) if isinstance(value, float) else value), source


def test_aggressive_watches_the_ten_symbols_of_plan_v4(tmp_path: Path) -> None:
    bases = ["BTC", "ETH", "SOL", "XRP", "BNB", "ADA", "DOGE", "AVAX", "LINK", "DOT"]
    assert load({}, {}, tmp_path).market.symbols == tuple(f"{base}/EUR" for base in bases)


def test_the_default_profile_equals_the_declared_defaults(tmp_path: Path) -> None:
    loaded, declared = to_dict(load({}, {}, tmp_path)), to_dict(Settings())
    assert {**loaded, "strategies": {}} == declared


@pytest.mark.parametrize("profile", ["aggressive", "swing", "platform"])
def test_every_number_of_a_profile_has_its_source_beside_it(profile: str) -> None:
    text = (PROFILE_DIRECTORY / f"{profile}.toml").read_text("utf-8")
    named = [f"{group}.{name}" for group, values in tomllib.loads(text).items() for name in values]
    assert set(named) <= set(fixed_specs())
    lines = text.splitlines()
    for row, line in enumerate(lines):
        if "=" in line and not line.startswith("#"):
            assert "#" in line or lines[row - 1].startswith("#"), line
