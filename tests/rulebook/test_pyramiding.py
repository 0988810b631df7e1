"""Adding to winners, symbols that move together and wild markets, as a decision tells them."""

from __future__ import annotations

from typing import Any

import pytest

from bot.domain.book import Cooldown, PendingEntry
from bot.domain.decisions import Decision, Effect
from bot.domain.orders import Leg
from bot.rulebook.decide import decide
from bot.rulebook.rules import Rules
from tests.rulebook.makers import BAR, NAN, NOW, book, position, rules, signal, view

STEPS = rules(pyramid_adds=2, entry_limit_frac=0.0)
WINNER = position(
    size=0.4, stop_size=0.4, entry_price=95.0, stop_price=97.0, high_water=100.0, last_buy_price=95.0,
    target_price=120.0, armed=True,
)  # fmt: skip


def told(decision: Decision) -> tuple[str, list[tuple[str, str]]]:
    newest = decision.verdicts[-1]
    return newest.verdict, [(one.rule, one.effect.value) for one in newest.reasons]


def rising(by: Rules = STEPS, seen: dict[str, Any] | None = None, **state: Any) -> Decision:
    state.setdefault("positions", (WINNER,))
    return decide(book(**{"cash": 960.0, "day_open_equity": 900.0, **state}), [view(**(seen or {}))], by, NOW)


def test_a_signal_to_buy_what_wins_adds_half_of_what_was_bought_behind_a_stop_that_is_no_lower() -> None:
    decision = rising()
    stop, add = decision.intents
    assert (stop.action, stop.leg, stop.stop_price) == ("amend", Leg.STOP, pytest.approx(99.0))
    assert (add.action, add.leg, add.bar_ms, add.reason) == ("place", Leg.ENTRY, BAR, "breakout")
    assert (add.size, add.limit_price) == (pytest.approx(0.2), 100.0)
    assert (add.stop_price, add.target_price) == (pytest.approx(99.0), 120.0)
    assert told(decision) == (
        "enter",
        [("already_holding", "note"), ("trailing_stop", "protect"), ("position_cap", "shrink"),
         ("pyramiding", "shrink"), ("added", "enter")],
    )  # fmt: skip
    spoken = {reason.rule: dict(reason.values) for reason in decision.verdicts[-1].reasons}
    assert spoken["added"] == pytest.approx({"confidence": 0.6, "size": 0.2, "price": 100.0, "stop": 99.0})
    assert spoken["pyramiding"]["cap"] == 0.5


def test_without_adds_a_winner_is_held_as_ever() -> None:
    decision = rising(rules())
    assert [intent.leg for intent in decision.intents] == [Leg.STOP]
    assert told(decision) == ("hold", [("already_holding", "note"), ("trailing_stop", "protect")])


@pytest.mark.parametrize(
    ("held", "seen", "state", "rule"),
    [
        ({"adds": 2}, {}, {}, "pyramid_adds"),
        ({"last_buy_price": 99.0}, {}, {}, "pyramid_gain"),
        ({"last_buy_price": NAN}, {}, {}, "pyramid_gain"),
        ({"size": 1.2, "stop_size": 1.2}, {}, {"day_open_equity": 0.0, "cash": 100.0}, "position_cap"),
        ({}, {}, {"day_open_equity": 0.0, "cash": -30.0}, "risk_per_trade"),
        ({}, {}, {"halted": "paused"}, "paused"),
        ({}, {}, {"losses_in_row": 1000}, "consecutive_losses"),
        ({}, {}, {"pending": (PendingEntry("BTC/EUR", "e-9", 0.1, 99.0),)}, "pending_entry"),
        ({}, {}, {"cooldowns": (Cooldown("BTC/EUR", NOW + 1, 0, ""),)}, "cooldown"),
        ({}, {"problem": "stale"}, {}, "stale"),
        ({}, {"quote_ask": 102.0}, {}, "spread"),
        ({}, {"signals": (signal(confidence=0.1),)}, {}, "min_confidence"),
    ],
)
def test_an_add_that_a_rule_forbids_leaves_the_position_held(
    held: dict[str, Any], seen: dict[str, Any], state: dict[str, Any], rule: str
) -> None:
    changes = {"size": 0.4, "stop_size": 0.4, "entry_price": 95.0, "stop_price": 99.0, "high_water": 100.0,
               "last_buy_price": 95.0, "target_price": 120.0, "armed": True}  # fmt: skip
    decision = rising(STEPS, seen, **{**state, "positions": (position(**{**changes, **held}),)})
    assert not [i for i in decision.intents if i.action == "place"]
    verdict, reasons = told(decision)
    assert (verdict, reasons[0][0], reasons[-1]) == ("hold", "already_holding", (rule, "block"))


@pytest.mark.parametrize(
    "seen",
    [{"signals": ()}, {"signals": (signal(direction=0),)}, {"quote_bid": 98.0}, {"signals": (signal(direction=-1),)}],
)
def test_only_a_signal_to_buy_adds_and_never_where_the_position_is_left(seen: dict[str, Any]) -> None:
    assert not [i for i in rising(seen=seen).intents if i.leg is Leg.ENTRY]


def test_an_exit_that_cannot_be_made_is_no_time_to_add() -> None:
    decision = rising(seen={"quote_bid": NAN, "high_since": 125.0})
    assert not [i for i in decision.intents if i.leg is Leg.ENTRY]
    assert ("no_quote", "block") in told(decision)[1]


def test_an_add_takes_no_place_among_positions_or_the_days_trades() -> None:
    by = STEPS._replace(max_open_positions=1, max_daily_trades=10)
    seen = [view(), view(symbol="ETH/EUR", signals=(signal(symbol="ETH/EUR", confidence=0.9),))]
    decision = decide(book(cash=960.0, positions=(WINNER,), trades_today=9), seen, by, NOW)
    assert [i.symbol for i in decision.intents if i.leg is Leg.ENTRY] == ["BTC/EUR"]
    free = decide(book(cash=960.0, positions=(WINNER,), trades_today=9), seen, by._replace(max_open_positions=2), NOW)
    assert [i.symbol for i in free.intents if i.leg is Leg.ENTRY] == ["ETH/EUR", "BTC/EUR"]


def test_a_timid_strategy_adds_its_share_of_what_is_missing() -> None:
    by = STEPS._replace(max_position_frac=1.0, max_long_exposure_frac=1.0, risk_per_trade_frac=0.001)._replace(
        min_trade_notional=1.0
    )
    decision = rising(by, {"signals": (signal(size_scale=0.5),)})
    (scale,) = [one for one in decision.verdicts[-1].reasons if one.rule == "strategy_size"]
    # 1 of 1000 at risk to the stop at 99: one unit, half of it for a timid strategy, of which 0.4 are held.
    assert dict(scale.values) == pytest.approx({"wanted": 0.6, "size": 0.1, "cap": 0.5}, abs=1e-5)
    assert decision.intents[-1].size == pytest.approx(0.1, abs=1e-5)


# --- other symbols -------------------------------------------------------------------------


def eth(correlations: tuple[tuple[str, float], ...], **changes: Any) -> Any:
    return view(symbol="ETH/EUR", signals=(signal(symbol="ETH/EUR", confidence=0.3),), correlations=correlations,
                **changes)  # fmt: skip


PAIR = (position(symbol="A/EUR", size=0.1, stop_size=0.1), position(symbol="B/EUR", size=0.1, stop_size=0.1))


@pytest.mark.parametrize(
    ("correlations", "state", "rule"),
    [
        ((("A/EUR", 0.9), ("B/EUR", 0.71)), {"positions": PAIR}, "correlation"),
        ((("A/EUR", 0.9), ("B/EUR", 0.7)), {"positions": PAIR}, "entered"),
        ((("A/EUR", 0.9),), {"positions": PAIR}, "entered"),
        ((("A/EUR", 0.9), ("C/EUR", 0.9), ("D/EUR", 1.0)), {"positions": PAIR}, "entered"),
        ((("A/EUR", 0.9), ("C/EUR", 0.9)), {"positions": PAIR[:1],
         "pending": (PendingEntry("C/EUR", "e-c", 0.1, 10.0),)}, "correlation"),
        # The stronger signal of the same tick counts, and the pair itself does not.
        ((("A/EUR", 0.9), ("BTC/EUR", 0.9)), {"positions": PAIR[:1]}, "correlation"),
        ((("A/EUR", 0.9), ("ETH/EUR", 1.0)), {"positions": PAIR[:1]}, "entered"),
    ],
)  # fmt: skip
def test_no_third_position_moves_with_two_others(
    correlations: tuple[tuple[str, float], ...], state: dict[str, Any], rule: str
) -> None:
    decision = decide(book(**state), [eth(correlations), view()], rules(), NOW)
    (found,) = [v for v in decision.verdicts if v.symbol == "ETH/EUR"]
    assert found.reasons[-1].rule == rule
    if rule == "correlation":
        assert (found.reasons[-1].effect, dict(found.reasons[-1].values)) == (Effect.BLOCK, {"size": 0.0, "limit": 2.0})


def test_a_wild_market_is_entered_with_half_and_says_so() -> None:
    calm, wild = (decide(book(), [view(volatility_ratio=ratio)], rules(), NOW) for ratio in (2.0, 2.5))
    assert wild.intents[0].size == pytest.approx(calm.intents[0].size / 2)
    assert told(wild)[1] == [("position_cap", "shrink"), ("high_volatility", "shrink"), ("entered", "enter")]


def test_kelly_and_the_range_of_the_candles_reach_the_size() -> None:
    by = rules(sizing=1, kelly_fraction=0.0025)
    seen = book(wins=36, losses=24, mean_win=0.02, mean_loss=0.02)
    decision = decide(seen, [view(atr=2.0)], by, NOW)
    (kelly,) = [dict(one.values) for one in decision.verdicts[-1].reasons if one.rule == "kelly"]
    assert kelly["cap"] == pytest.approx(2 / 15 * 0.0025 / (1 + 2.0 / 100.2))
    assert decision.intents[0].size == pytest.approx(1000.0 * float(kelly["cap"]) / 2.7)
    ranged = decide(book(), [view(atr=50.0)], rules(sizing=2), NOW)
    assert ranged.intents[0].size == pytest.approx(15.0 / 100.0)
    assert told(ranged)[1] == [("atr", "shrink"), ("entered", "enter")]


def test_the_risk_of_all_stops_together_counts_positions_waiting_entries_and_this_ticks_own() -> None:
    """A tenth of 1000 may be lost: 80 by what is held, 5.4 by what waits, so 14.6 by this."""
    held = position(symbol="A/EUR", size=20.0, stop_size=20.0, entry_price=10.0, stop_price=6.0, target_price=NAN)
    state = book(cash=800.0, positions=(held,), pending=(PendingEntry("B/EUR", "e-b", 2.0, 100.2),))
    quiet = {"signals": (), "quote_bid": 10.0, "quote_last": 10.0}
    seen = [view(symbol="A/EUR", **quiet), eth(()), view()]
    by = rules(max_portfolio_risk_frac=0.1, max_position_frac=1.0, max_long_exposure_frac=5.0)
    by = by._replace(risk_per_trade_frac=0.05)
    decision = decide(state, seen, by, NOW)
    (entry,) = [i for i in decision.intents if i.leg is Leg.ENTRY]
    assert (entry.symbol, entry.size) == ("BTC/EUR", pytest.approx((100.0 - 80.0 - 5.4) / 2.7, rel=1e-6))
    (next_one,) = [v for v in decision.verdicts if v.symbol == "ETH/EUR"]
    assert (next_one.verdict, [one.rule for one in next_one.reasons]) == (
        "no_trade", ["position_cap", "portfolio_risk", "min_trade"],
    )  # fmt: skip
    full = decide(state, seen, by._replace(max_portfolio_risk_frac=0.08), NOW)
    last = full.verdicts[-1].reasons[-1]
    assert (last.rule, last.effect, dict(last.values)["limit"]) == ("portfolio_risk", Effect.BLOCK, 0.08)
