"""Hand-made rows that each strategy must buy, must leave, or must let pass."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from bot.features import FeatureTable
from bot.strategies import Strategy, get
from bot.strategies.conditions import Condition, above
from tests.strategies.samples import changed, row

UPTREND = {
    "close": 102.0,
    "ema_12": 101.5,
    "ema_26": 100.0,
    "sma_50": 98.0,
    "adx": 35.0,
    "plus_di": 30.0,
    "minus_di": 12.0,
    "supertrend": 1.0,
    "atr_14": 1.5,
}
DOWNTREND = {"close": 97.0, "ema_12": 98.5, "plus_di": 10.0, "minus_di": 32.0, "supertrend": -1.0}

BREAK = {
    "close": 103.0,
    "breakout_up": 0.01,
    "breakout_down": 0.06,
    "volume_ratio": 3.0,
    "bb_width_rank": 0.3,
    "ema_50": 100.0,
    "atr_14": 1.5,
}
BREAKDOWN = {"close": 95.0, "breakout_up": -0.06, "breakout_down": -0.01}

DIP = {
    "close": 96.0,
    "zscore_20": -2.4,
    "rsi_14": 28.0,
    "bb_middle": 99.0,
    "sma_50": 98.0,
    "sma_200": 92.0,
    "adx": 22.0,
    "plus_di": 14.0,
    "minus_di": 24.0,
}
STRETCHED = {"close": 106.0, "zscore_20": 2.8, "rsi_14": 80.0}

GATHERING = {
    "close": 101.0,
    "rsi_14": 61.0,
    "rsi_slope": 9.0,
    "macd_hist": 0.2,
    "macd_hist_slope": 0.2,
    "rsi_divergence": 0.0,
    "macd_divergence": 0.0,
    "ema_50": 99.0,
    "atr_14": 1.5,
}
BULLISH_DIVERGENCE = {"close": 95.0, "rsi_14": 36.0, "rsi_slope": 4.0, "macd_hist": -0.3, "rsi_divergence": 1.0}
FADING = {"close": 97.0, "rsi_14": 38.0, "rsi_slope": -9.0, "macd_hist": -0.2, "macd_hist_slope": -0.2}
BEARISH_DIVERGENCE = {"rsi_14": 66.0, "rsi_slope": -4.0, "macd_hist_slope": -0.2, "macd_divergence": -1.0}

BULLISH_PATTERNS = {
    "close": 101.0,
    "return_1": 0.012,
    "candle_body_size": 0.012,
    "candle_wick_ratio": 0.15,
    "atr_14": 1.5,
    "sma_50": 99.0,
    "higher_high": 1.0,
    "lower_low": 0.0,
    "support_levels": 100.2,
    "resistance_levels": 106.0,
    "stoch_k": 45.0,
    "stoch_d": 33.0,
    "volume_ratio": 2.4,
    "aroon_up": 90.0,
    "aroon_down": 30.0,
    "trend_4h": 0.02,
    "trend_1d": 0.05,
}
BEARISH_PATTERNS = {
    "close": 97.0,
    "return_1": -0.012,
    "higher_high": 0.0,
    "lower_low": 1.0,
    "support_levels": 93.0,
    "resistance_levels": 97.8,
    "stoch_k": 60.0,
    "stoch_d": 70.0,
    "aroon_up": 20.0,
    "aroon_down": 90.0,
    "trend_4h": -0.02,
    "trend_1d": -0.05,
}
NO_PATTERNS = {
    "return_1": 0.001,
    "candle_body_size": 0.001,
    "higher_high": 0.0,
    "support_levels": 96.0,
    "stoch_d": 50.0,
}

BUY, NOTHING, LEAVE = 1, 0, -1

SCENARIOS = [
    ("trend_following", "a running uptrend", UPTREND, {}, BUY),
    ("trend_following", "averages crossed, trend too weak", UPTREND, {"adx": 15.0}, NOTHING),
    ("trend_following", "Supertrend still down", UPTREND, {"supertrend": -1.0}, NOTHING),
    ("trend_following", "already far above its average", UPTREND, {"close": 104.0}, NOTHING),
    ("trend_following", "a running downtrend", UPTREND, DOWNTREND, LEAVE),
    ("trend_following", "a weak downtrend", UPTREND, {**DOWNTREND, "adx": 15.0}, NOTHING),
    ("breakout", "a break with volume", BREAK, {}, BUY),
    ("breakout", "a break nobody trades", BREAK, {"volume_ratio": 0.8}, NOTHING),
    ("breakout", "a high touched, not passed", BREAK, {"breakout_up": 0.0005}, NOTHING),
    ("breakout", "a break below the average, a bounce in a fall", BREAK, {"ema_50": 105.0}, NOTHING),
    ("breakout", "a break out of a loud market", BREAK, {"bb_width_rank": 0.95}, BUY),
    ("breakout", "a breakdown with volume", BREAK, BREAKDOWN, LEAVE),
    ("breakout", "a breakdown nobody trades", BREAK, {**BREAKDOWN, "volume_ratio": 0.8}, NOTHING),
    ("mean_reversion", "a dip in a rising market", DIP, {}, BUY),
    ("mean_reversion", "a dip in a falling market", DIP, {"sma_200": 105.0}, NOTHING),
    ("mean_reversion", "a falling knife", DIP, {"adx": 55.0}, NOTHING),
    ("mean_reversion", "a dip too small for the fees", DIP, {"bb_middle": 96.5}, NOTHING),
    ("mean_reversion", "no dip", DIP, {"zscore_20": -0.5, "rsi_14": 47.0}, NOTHING),
    ("mean_reversion", "a price stretched upward", DIP, STRETCHED, LEAVE),
    ("momentum", "momentum that gathers", GATHERING, {}, BUY),
    ("momentum", "momentum that gathers when it is hot already", GATHERING, {"rsi_14": 78.0}, NOTHING),
    ("momentum", "RSI up, MACD not", GATHERING, {"macd_hist_slope": -0.01}, NOTHING),
    ("momentum", "a lower low that RSI does not confirm", GATHERING, BULLISH_DIVERGENCE, BUY),
    ("momentum", "a divergence without a turn", GATHERING, {**BULLISH_DIVERGENCE, "rsi_slope": -2.0}, NOTHING),
    ("momentum", "momentum that fades", GATHERING, FADING, LEAVE),
    ("momentum", "a higher high that MACD does not confirm", GATHERING, BEARISH_DIVERGENCE, LEAVE),
    ("heuristic", "many bullish patterns", BULLISH_PATTERNS, {}, BUY),
    ("heuristic", "many bullish patterns, a young coin", BULLISH_PATTERNS, {"trend_1d": float("nan")}, BUY),
    ("heuristic", "a trend and nothing else", BULLISH_PATTERNS, NO_PATTERNS, NOTHING),
    ("heuristic", "many bearish patterns", BULLISH_PATTERNS, BEARISH_PATTERNS, LEAVE),
]


@pytest.mark.parametrize(
    ("name", "base", "change", "direction"),
    [(name, base, change, direction) for name, _, base, change, direction in SCENARIOS],
    ids=[f"{name}: {what}" for name, what, *_ in SCENARIOS],
)
def test_a_scenario(name: str, base: Mapping[str, float], change: Mapping[str, float], direction: int) -> None:
    opinion = get(name).opinion(changed(base, **change), 0)
    assert opinion.direction == direction, opinion.reason
    assert not opinion.reason.startswith("not enough history")


def test_every_strategy_has_a_scenario_for_each_direction() -> None:
    seen = {(name, direction) for name, _, _, _, direction in SCENARIOS}
    planned = ("trend_following", "breakout", "mean_reversion", "momentum", "heuristic")
    assert seen == {(name, direction) for name in planned for direction in (BUY, NOTHING, LEAVE)}


@pytest.mark.parametrize(
    ("name", "base", "weaker"),
    [
        ("trend_following", UPTREND, {"adx": 26.0}),
        ("breakout", BREAK, {"volume_ratio": 1.6}),
        ("mean_reversion", DIP, {"zscore_20": -1.6}),
        ("momentum", GATHERING, {"rsi_slope": 5.5}),
        ("heuristic", BULLISH_PATTERNS, {"higher_high": 0.0}),
    ],
)
def test_weaker_evidence_makes_a_less_confident_vote(
    name: str, base: Mapping[str, float], weaker: Mapping[str, float]
) -> None:
    sure, unsure = get(name).opinion(changed(base), 0), get(name).opinion(changed(base, **weaker), 0)
    assert sure.direction == unsure.direction == BUY
    assert sure.confidence > unsure.confidence


def test_a_reason_to_leave_beats_a_reason_to_buy() -> None:
    class Torn(Strategy):
        name = "torn"
        features = ("rsi_14",)

        def entry_conditions(self, table: FeatureTable) -> list[Condition]:
            return [above("rsi_14", table.column("rsi_14"), 50.0, 100.0)]

        def exit_conditions(self, table: FeatureTable) -> list[Condition]:
            return [above("rsi_14", table.column("rsi_14"), 70.0, 100.0)]

    assert Torn().vote(row(rsi_14=60.0)).direction.tolist() == [BUY]
    assert Torn().vote(row(rsi_14=80.0)).direction.tolist() == [LEAVE]


@pytest.mark.parametrize(
    ("name", "table", "reason"),
    [
        (
            "trend_following",
            changed(UPTREND),
            "buy: ema_12 over ema_26 +1.5%, adx 35, plus_di over minus_di +18, close above ema_26 +1.3 atr_14, "
            "supertrend up, close above sma_50",
        ),
        (
            "trend_following",
            changed(UPTREND, adx=15.0, supertrend=-1.0),
            "nothing to do: adx 15 (at least 25 wanted), not supertrend up",
        ),
        ("mean_reversion", changed(DIP, **STRETCHED), "leave: zscore_20 +2.8, rsi_14 80"),
        (
            "momentum",
            changed(GATHERING, **BULLISH_DIVERGENCE),
            "buy: rsi_14 36, bullish rsi_divergence or macd_divergence, macd_hist_slope +0.13 atr_14, rsi_slope +4",
        ),
    ],
    ids=["buy", "nothing", "leave", "one of two ways"],
)
def test_the_reason_names_the_numbers(name: str, table: FeatureTable, reason: str) -> None:
    assert get(name).explain(table, 0) == reason
