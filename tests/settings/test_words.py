"""Sentences in both languages."""

from __future__ import annotations

import ast
import string
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.decisions import Effect, Reason
from bot.rulebook.book_rules import BOOK_RULES
from bot.rulebook.exits import EXIT_RULES
from bot.rulebook.gates import GATE_RULES
from bot.rulebook.limits import RULE_NAMES
from bot.words import LANGUAGES, SENTENCES, UI, VALUES, say, ui

ROOT = Path(__file__).parents[2]
KINDS = {"percent", "money", "price", "size", "count", "number", "minutes", "text"}
RULES = [
    "position_cap",
    "strategy_size",
    "risk_per_trade",
    "min_trade",
    "min_confidence",
    "max_open_positions",
    "exposure",
    "cooldown",
    "daily_loss",
    "spread",
    "stop_loss",
    "take_profit",
    "trailing_stop",
    "breakeven",
    "dust",
    "no_signal",
    "sell_signal",
    "late_signal",
    "already_holding",
    "pending_entry",
    "in_doubt",
    "paused",
    "halted",
    "closed_by_person",
    "stale",
    "bad_candles",
    "unknown_symbol",
    "not_tradable",
    "no_quote",
    "not_enough_history",
    "cash",
    "no_position",
    "hold",
    "entered",
    "older_bar",
    "venue_status",
    "killed",
    "live_off",
    "venue_unseen",
    "ledger_drift",
    "unsettled",
    "backup_data",
    "unreachable",
]


def placeholders(sentence: str) -> set[tuple[str, str]]:
    return {(name, kind or "") for _, name, kind, _ in string.Formatter().parse(sentence) if name is not None}


def reason(rule: str, effect: Effect = Effect.BLOCK, **values: float | str) -> Reason:
    return Reason(rule, effect, tuple(values.items()))


@pytest.mark.parametrize(
    "rule", sorted({*RULES, *RULE_NAMES, *BOOK_RULES, *EXIT_RULES, *GATE_RULES} - {"", "problem", "book"})
)
def test_every_rule_has_a_sentence_in_both_languages(rule: str) -> None:
    for language in LANGUAGES:
        assert rule.replace("_", " ") != say(reason(rule), language)


@pytest.mark.parametrize("rule", SENTENCES)
def test_both_languages_use_the_same_documented_placeholders(rule: str) -> None:
    both = SENTENCES[rule]
    assert set(both) == set(LANGUAGES)
    assert placeholders(both["en"]) == placeholders(both["fr"])
    assert both["en"] != both["fr"]
    for name, kind in placeholders(both["en"]):
        assert name in VALUES
        assert kind in KINDS
    assert all(not sentence.endswith(".") for sentence in both.values())


def test_an_effect_of_its_own_is_a_real_effect() -> None:
    own = [rule.split(".") for rule in SENTENCES if "." in rule]
    assert all(rule in SENTENCES and effect in set(Effect) for rule, effect in own)


@pytest.mark.parametrize("key", UI)
def test_report_words_are_in_both_languages(key: str) -> None:
    assert set(UI[key]) == set(LANGUAGES)
    assert ui(key, "en")
    assert ui(key, "fr")


def reasons_in_the_rulebook() -> Iterator[tuple[str, str, set[str]]]:
    """(rule, effect, value names) of every reason(...) with a literal rule."""
    for path in sorted((ROOT / "bot" / "rulebook").glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "reason":
                rule, effect = node.args[:2]
                if isinstance(rule, ast.Constant) and isinstance(effect, ast.Attribute):
                    yield str(rule.value), effect.attr.lower(), {word.arg for word in node.keywords if word.arg}


def test_every_reason_of_the_rulebook_fills_its_sentence() -> None:
    found = list(reasons_in_the_rulebook())
    assert found
    for rule, effect, values in found:
        sentences = SENTENCES.get(f"{rule}.{effect}") or SENTENCES.get(rule)
        assert sentences is not None, f"bot/words.py has no sentence for {rule}"
        made = {"worth"} if {"size", "price"} <= values else set()
        missing = {name for name, _ in placeholders(sentences["en"])} - values - made
        assert not missing, f"{rule} ({effect}) gives no {', '.join(missing)}"
        assert values <= set(VALUES), f"{rule} gives values that VALUES does not explain"


def test_numbers_read_as_each_language_writes_them() -> None:
    entered = reason("entered", Effect.ENTER, confidence=0.234, size=0.00125, price=52341.2, stop=51000.0, target=0.5)
    assert say(entered, "en") == (
        "signal with 23.4% confidence: buys 0.00125 at 52,341.2, worth 65.43, stop 51,000, target 0.5"
    )
    assert say(entered, "fr") == (
        "signal à 23,4\u00a0% de confiance : achète 0,00125 à 52\u00a0341,2, soit 65,43, stop 51\u00a0000, objectif 0,5"
    )
    small = reason("min_trade", limit=1234.5)
    assert say(small, "en", "EUR").endswith("trade of 1,234.50 EUR")
    assert say(small, "fr", "EUR").endswith("minimal de 1\u00a0234,50 EUR")
    assert say(small, "en").endswith("trade of 1,234.50")


@pytest.mark.parametrize(
    ("minutes", "text"), [(0.0, "0 min"), (0.2, "1 min"), (59.5, "1 h"), (75.0, "1 h 15 min"), (1441.0, "24 h 1 min")]
)
def test_durations_are_rounded_up(minutes: float, text: str) -> None:
    assert say(reason("cooldown", until=minutes)).endswith(f"for another {text}")


def test_the_effect_chooses_the_sentence() -> None:
    assert "fell to the stop" in say(reason("stop_loss", Effect.EXIT, price=9.0, stop=10.0))
    assert "is placed at 10 " in say(reason("stop_loss", Effect.PROTECT, stop=10.0))


def test_missing_values_unknown_rules_and_unknown_languages_still_read_well() -> None:
    assert say(reason("spread")) == "spread of ? is wider than ?"
    assert (
        say(reason("spread", spread=float("nan"), limit=0.01), "fr")
        == "écart achat-vente de inconnu, au-delà de 1\u00a0%"
    )
    assert say(reason("spread", spread="n/a", limit=0.01)) == "spread of n/a is wider than 1%"
    assert say(reason("full_moon")) == "full moon"
    assert say(reason("full_moon", phase=0.5, on_day="Monday")) == "full moon (phase 0.5, on day Monday)"
    assert say(reason("full_moon", phase=0.5), "fr") == "full moon (phase 0,5)"
    assert say(reason("hold"), "de") == say(reason("hold"), "en")
    assert ui("some_key", "fr") == "some key"


numbers = st.floats() | st.text(max_size=5)


@given(
    rule=st.sampled_from(sorted({rule.split(".")[0] for rule in SENTENCES})) | st.text(max_size=8),
    effect=st.sampled_from(Effect),
    language=st.sampled_from(LANGUAGES),
    values=st.dictionaries(st.sampled_from(sorted(VALUES)), numbers),
)
def test_no_reason_is_ever_unreadable(rule: str, effect: Effect, language: str, values: dict[str, float | str]) -> None:
    assert isinstance(say(Reason(rule, effect, tuple(values.items())), language, "EUR"), str)
