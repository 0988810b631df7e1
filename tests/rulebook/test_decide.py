"""The decision: gates, entries, exits and protection, one scenario a row."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.book import Book, Cooldown, PendingEntry
from bot.domain.decisions import Decision, Effect, SymbolView
from bot.domain.orders import Leg
from bot.rulebook.decide import decide
from tests.rulebook.makers import BAR, HOUR, NAN, NOW, book, position, rules, signal, view


def rule_of(decision: Decision, symbol: str = "BTC/EUR") -> tuple[str, str]:
    """(verdict, deciding rule) of the symbol's newest candle."""
    newest = [v for v in decision.verdicts if v.symbol == symbol][-1]
    return newest.verdict, newest.reasons[-1].rule


def test_a_good_signal_enters_with_stop_and_target_on_the_price_step() -> None:
    decision = decide(book(), [view()], rules(), NOW)
    assert rule_of(decision) == ("enter", "entered")
    (intent,) = decision.intents
    assert (intent.action, intent.leg, intent.bar_ms) == ("place", Leg.ENTRY, BAR)
    assert intent.limit_price == pytest.approx(100.2)
    assert intent.stop_price == pytest.approx(97.5)
    assert intent.target_price == pytest.approx(104.5)
    assert intent.size * intent.limit_price <= 100.0 + 1e-6
    assert [r.rule for r in decision.verdicts[-1].reasons] == ["position_cap", "entered"]


def test_every_limit_that_shrinks_an_entry_says_what_it_took_off() -> None:
    # 1000 of equity and 1.5 % of risk want 5.6 units; a tenth of equity pays for 1.0, what is left of 80 % for 0.5.
    held = book(cash=250.0, positions=(position(symbol="X/EUR", size=7.5),), day_open_equity=1000.0)
    crowd = [view(symbol="X/EUR", signals=()), view()]
    wide = decide(held, crowd, rules(), NOW)
    # All of it allowed, the fee still has to be paid.
    tight = decide(held, crowd, rules(max_position_frac=0.3, max_long_exposure_frac=1.0), NOW)
    assert [r.rule for r in wide.verdicts[-1].reasons] == ["position_cap", "exposure", "entered"]
    assert [r.rule for r in tight.verdicts[-1].reasons] == ["position_cap", "exposure", "cash", "entered"]
    for decision in (wide, tight):
        shrinks = [dict(r.values) for r in decision.verdicts[-1].reasons if r.effect is Effect.SHRINK]
        for earlier, later in pairwise(shrinks):
            assert later["wanted"] == pytest.approx(earlier["size"], abs=1e-4)
            assert float(later["size"]) < float(later["wanted"])
        assert shrinks[-1]["size"] == pytest.approx(decision.intents[-1].size)


def test_a_strategy_that_takes_less_risk_is_heard_before_the_limits() -> None:
    whole = decide(book(), [view()], rules(max_position_frac=1.0, max_long_exposure_frac=1.0), NOW)
    timid = view(signals=(signal(size_scale=0.25),))
    quarter = decide(book(), [timid], rules(max_position_frac=1.0, max_long_exposure_frac=1.0), NOW)
    (shrunk, entered) = quarter.verdicts[-1].reasons
    assert (shrunk.rule, shrunk.effect, entered.rule) == ("strategy_size", Effect.SHRINK, "entered")
    assert quarter.intents[0].size == pytest.approx(whole.intents[0].size / 4, abs=1e-6)
    assert dict(shrunk.values)["size"] == pytest.approx(quarter.intents[0].size)


@pytest.mark.parametrize(
    ("book_change", "view_change", "rule_change", "rule"),
    [
        ({}, {"signals": (signal(direction=0, confidence=0.0),)}, {}, "no_signal"),
        ({}, {"signals": (signal(direction=-1),)}, {}, "no_position"),
        ({}, {"signals": (signal(confidence=0.19),)}, {}, "min_confidence"),
        ({}, {"signals": (signal(close_ms=NOW - 2 * HOUR),)}, {}, "late_signal"),
        ({}, {"problem": "stale"}, {}, "stale"),
        ({}, {"problem": "bad_candles"}, {}, "bad_candles"),
        ({"halted": "paused"}, {}, {}, "paused"),
        ({"halted": "venue_status"}, {}, {}, "venue_status"),
        ({"day_open_equity": 1053.0}, {}, {}, "daily_loss"),
        ({"in_doubt": ("BTC/EUR",)}, {}, {}, "in_doubt"),
        ({"pending": (PendingEntry("BTC/EUR", "e-0", 0.5, 100.0),)}, {}, {}, "pending_entry"),
        ({"close_requested": ("BTC/EUR",)}, {}, {}, "closed_by_person"),
        ({"cooldowns": (Cooldown("BTC/EUR", NOW + 1, 1, "stop_loss"),)}, {}, {}, "cooldown"),
        ({}, {"quote_ask": NAN}, {}, "no_quote"),
        ({}, {"quote_bid": 0.0}, {}, "no_quote"),
        ({}, {"quote_bid": 98.9}, {}, "spread"),
        ({}, {}, {"max_open_positions": 0}, "max_open_positions"),
        ({"cash": 9.0, "day_open_equity": 9.0}, {}, {}, "min_trade"),
        ({"cash": 1000.0, "pending": (PendingEntry("X/EUR", "e-0", 8.5, 100.0),)}, {}, {}, "exposure"),
        ({"pending": (PendingEntry("X/EUR", "e-0", 10.0, 100.0),)}, {}, {"max_long_exposure_frac": 1.0}, "exposure"),
        ({}, {"min_size": 50.0}, {}, "dust"),
    ],
)
def test_every_gate_gives_its_reason_and_lets_nothing_through(
    book_change: dict[str, Any], view_change: dict[str, Any], rule_change: dict[str, Any], rule: str
) -> None:
    decision = decide(book(**book_change), [view(**view_change)], rules(**rule_change), NOW)
    assert rule_of(decision) == ("no_trade", rule)
    assert not [i for i in decision.intents if i.action == "place"]


@pytest.mark.parametrize(
    "book_change",
    [
        {"cooldowns": (Cooldown("BTC/EUR", NOW, 1, "stop_loss"), Cooldown("ETH/EUR", NOW + HOUR, 1, ""))},
        {"pending": (PendingEntry("ETH/EUR", "e-0", 0.5, 100.0),)},
    ],
)
def test_what_concerns_another_symbol_or_has_passed_blocks_nothing(book_change: dict[str, Any]) -> None:
    assert rule_of(decide(book(**book_change), [view()], rules(), NOW)) == ("enter", "entered")


def test_only_the_newest_of_several_candles_may_enter() -> None:
    signals = (signal(open_ms=BAR - HOUR, close_ms=BAR), signal())
    decision = decide(book(), [view(signals=signals)], rules(), NOW)
    assert [(v.bar_ms, v.verdict) for v in decision.verdicts] == [(BAR - HOUR, "no_trade"), (BAR, "enter")]


def test_the_strongest_signals_get_the_money_first() -> None:
    views = [
        view(symbol=name, signals=(signal(symbol=name, confidence=confidence),))
        for name, confidence in (("A/EUR", 0.3), ("B/EUR", 0.9), ("C/EUR", 0.5))
    ]
    decision = decide(book(), views, rules(max_open_positions=2), NOW)
    assert [intent.symbol for intent in decision.intents] == ["B/EUR", "C/EUR"]
    assert rule_of(decision, "A/EUR") == ("no_trade", "max_open_positions")


def test_entries_planned_together_never_spend_the_same_cash_twice() -> None:
    views = [view(symbol=f"S{i}/EUR", signals=(signal(symbol=f"S{i}/EUR"),)) for i in range(12)]
    decision = decide(book(cash=500.0, day_open_equity=500.0), views, rules(max_position_frac=0.5), NOW)
    spent = sum(i.size * i.limit_price * 1.004 for i in decision.intents)
    assert spent <= 500.0 + 1e-6
    assert sum(i.size * i.limit_price for i in decision.intents) <= 400.0 + 1e-6


@pytest.mark.parametrize(
    ("view_change", "position_change", "book_change", "rule"),
    [
        ({"quote_bid": 97.4}, {}, {}, "stop_loss"),
        ({"quote_bid": 101.0}, {"armed": True, "stop_price": 101.0}, {}, "trailing_stop"),
        ({"quote_bid": 104.5}, {}, {}, "take_profit"),
        ({"high_since": 104.5}, {}, {}, "take_profit"),
        ({"signals": (signal(direction=-1, confidence=0.2),)}, {}, {}, "sell_signal"),
        ({}, {}, {"close_requested": ("BTC/EUR",)}, "closed_by_person"),
    ],
)
def test_an_exit_gives_up_the_stop_and_sells_all(
    view_change: dict[str, Any], position_change: dict[str, Any], book_change: dict[str, Any], rule: str
) -> None:
    held = book(positions=(position(**position_change),), **book_change)
    decision = decide(held, [view(**view_change)], rules(), NOW)
    assert [(i.action, i.leg, i.reason) for i in decision.intents] == [
        ("cancel", Leg.STOP, rule),
        ("place", Leg.EXIT, rule),
    ]
    assert decision.intents[-1].size == 1.0
    assert rule_of(decision) == ("exit", rule)


@pytest.mark.parametrize(
    "obstacle",
    [
        {"halted": "paused"},
        {"day_open_equity": 1e9},
        {"cooldowns": (Cooldown("BTC/EUR", NOW + HOUR, 3, "stop_loss"),)},
        {"cash": -50.0},
    ],
)
def test_no_entry_rule_blocks_an_exit(obstacle: dict[str, Any]) -> None:
    held = book(positions=(position(),), **obstacle)
    blind = view(quote_bid=97.0, problem="not_tradable", signals=())
    assert [i.leg for i in decide(held, [blind], rules(max_open_positions=0), NOW).intents] == [Leg.STOP, Leg.EXIT]


def test_what_rests_of_an_entry_is_withdrawn_with_the_exit() -> None:
    held = book(
        positions=(position(),),
        pending=(PendingEntry("BTC/EUR", "e-1", 0.5, 100.0), PendingEntry("X/EUR", "e-2", 1.0, 1.0)),
    )
    decision = decide(held, [view(quote_bid=97.0)], rules(), NOW)
    assert [(i.action, i.leg, i.client_id) for i in decision.intents] == [
        ("cancel", Leg.ENTRY, "e-1"),
        ("cancel", Leg.STOP, "s-1"),
        ("place", Leg.EXIT, ""),
    ]


def test_an_entry_that_a_person_wants_gone_is_withdrawn_though_nothing_filled() -> None:
    waiting = book(pending=(PendingEntry("BTC/EUR", "e-1", 0.5, 100.0),), close_requested=("BTC/EUR",))
    decision = decide(waiting, [view(signals=())], rules(), NOW)
    assert [(i.action, i.client_id) for i in decision.intents] == [("cancel", "e-1")]


def test_an_unprotected_position_gets_its_stop_and_an_exit_needs_no_stop_to_cancel() -> None:
    naked = position(stop_price=NAN, stop_size=0.0, stop_client_id="")
    (intent,) = decide(book(positions=(naked,)), [view(signals=())], rules(), NOW).intents
    assert (intent.action, intent.leg, intent.size) == ("place", Leg.STOP, 1.0)
    assert intent.stop_price == pytest.approx(97.5)
    exits = decide(book(positions=(naked,)), [view(quote_bid=105.0, signals=())], rules(), NOW).intents
    assert [i.leg for i in exits] == [Leg.EXIT]


@pytest.mark.parametrize(
    ("position_change", "view_change", "stop", "rule"),
    [
        ({}, {"high_since": 103.0, "quote_bid": 102.5}, 101.97, "trailing_stop"),
        ({}, {"high_since": 102.0, "quote_bid": 101.5, "taker_fee": 0.006}, 101.2, "breakeven"),
        ({"stop_size": 0.4}, {}, 97.5, "stop_loss"),
    ],
)
def test_the_resting_stop_is_amended_to_the_new_price_or_size(
    position_change: dict[str, Any], view_change: dict[str, Any], stop: float, rule: str
) -> None:
    decision = decide(book(positions=(position(**position_change),)), [view(signals=(), **view_change)], rules(), NOW)
    (intent,) = decision.intents
    assert (intent.action, intent.client_id, intent.size, intent.reason) == ("amend", "s-1", 1.0, rule)
    assert intent.stop_price == pytest.approx(stop)


def test_a_position_that_needs_nothing_is_held_and_its_mark_kept() -> None:
    decision = decide(book(positions=(position(),)), [view(high_since=101.0, quote_bid=100.5)], rules(), NOW)
    assert decision.intents == ()
    assert [(m.high_water, m.armed) for m in decision.marks] == [(101.0, False)]
    assert rule_of(decision) == ("hold", "already_holding")


def test_older_candles_of_a_held_symbol_are_held_too() -> None:
    signals = (signal(open_ms=BAR - HOUR, close_ms=BAR), signal())
    decision = decide(book(positions=(position(),)), [view(signals=signals)], rules(), NOW)
    assert [v.verdict for v in decision.verdicts] == ["hold", "hold"]


@pytest.mark.parametrize("signals", [(), (signal(direction=-1),)])
def test_a_symbol_in_doubt_is_left_alone(signals: tuple[Any, ...]) -> None:
    held = book(positions=(position(),), in_doubt=("BTC/EUR",))
    decision = decide(held, [view(quote_bid=90.0, signals=signals)], rules(), NOW)
    assert decision.intents == ()
    assert [v.reasons[-1].rule for v in decision.verdicts] == ["in_doubt"] * len(signals)


def test_an_exit_without_a_price_waits_behind_its_resting_stop_and_says_so() -> None:
    held = book(positions=(position(),), close_requested=("BTC/EUR",))
    decision = decide(held, [view(quote_bid=NAN, quote_last=NAN)], rules(), NOW)
    assert decision.intents == ()
    assert [r.rule for r in decision.verdicts[-1].reasons] == ["already_holding", "no_quote"]


@pytest.mark.parametrize(
    ("stop", "view_change", "close"),
    [("s-1", {"quote_bid": 105.0}, ()), ("s-1", {"high_since": 103.0}, ()), ("s-1", {}, ("BTC/EUR",)), ("", {}, ())],
)
def test_below_a_minimum_that_the_venue_raised_the_stop_is_not_given_up(
    stop: str, view_change: dict[str, Any], close: tuple[str, ...]
) -> None:
    held = book(positions=(position(stop_client_id=stop),), close_requested=close)
    decision = decide(held, [view(min_size=1.5, **view_change)], rules(), NOW)
    assert decision.intents == ()
    assert "unsellable" in [r.rule for r in decision.verdicts[-1].reasons]


def test_equity_counts_positions_at_the_bid_then_the_last_price_then_the_entry() -> None:
    held = book(cash=500.0, positions=(position(size=2.0),))
    assert decide(held, [view(quote_bid=110.0, signals=())], rules(), NOW).equity == pytest.approx(720.0)
    assert decide(held, [view(quote_bid=NAN, quote_last=109.0, signals=())], rules(), NOW).equity == pytest.approx(
        718.0
    )
    assert decide(held, [view(quote_bid=NAN, quote_last=NAN, signals=())], rules(), NOW).equity == pytest.approx(700.0)
    assert decide(held, [], rules(), NOW).equity == pytest.approx(700.0)


def test_the_daily_loss_counts_open_losses_and_is_said_once_for_the_book() -> None:
    held = book(cash=0.0, positions=(position(size=10.0, symbol="X/EUR"),))
    decision = decide(held, [view(symbol="X/EUR", quote_bid=94.0, signals=()), view()], rules(), NOW)
    assert [n.rule for n in decision.notes] == ["daily_loss"]
    assert rule_of(decision) == ("no_trade", "daily_loss")
    empty = decide(book(cash=0.0, day_open_equity=0.0), [view(signals=())], rules(), NOW)
    assert [n.effect for n in empty.notes] == [Effect.BLOCK]


prices = st.one_of(st.just(NAN), st.floats(0.01, 1000.0))
symbols = ("A/EUR", "B/EUR", "C/EUR")


@st.composite
def views(draw: st.DrawFn) -> list[SymbolView]:
    made = []
    for name in symbols:
        bid = draw(prices)
        made.append(
            view(
                symbol=name,
                quote_bid=bid,
                quote_ask=bid * draw(st.floats(1.0, 1.03)),
                quote_last=bid,
                high_since=draw(prices),
                problem=draw(st.sampled_from(["", "", "", "stale"])),
                signals=tuple(
                    signal(symbol=name, direction=direction, confidence=draw(st.floats(0, 1)))
                    for direction in draw(st.lists(st.sampled_from([-1, 0, 1]), max_size=2))
                ),
            )
        )
    return made


@st.composite
def books(draw: st.DrawFn) -> Book:
    held = [
        position(
            symbol=name, size=draw(st.floats(0.001, 5)), stop_client_id=draw(st.sampled_from(["", f"s-{name}"])),
            stop_price=draw(prices), armed=draw(st.booleans()),
        )
        for name in symbols
        if draw(st.booleans())
    ]  # fmt: skip
    pending = [
        PendingEntry(name, f"e-{name}", draw(st.floats(0.001, 2)), 100.0)
        for name in symbols
        if draw(st.booleans()) and name not in {p.symbol for p in held}
    ]
    return book(
        cash=draw(st.floats(0, 2000)),
        positions=tuple(held),
        pending=tuple(pending),
        halted=draw(st.sampled_from(["", "paused"])),
        in_doubt=draw(st.sampled_from([(), ("A/EUR",)])),
        close_requested=draw(st.sampled_from([(), ("B/EUR",)])),
    )


@given(books(), views())
def test_whatever_comes_every_candle_gets_one_verdict_and_caps_hold(state: Book, seen: list[SymbolView]) -> None:
    decision = decide(state, seen, rules(), NOW)
    assert sorted((v.symbol, v.bar_ms) for v in decision.verdicts) == sorted(
        (s.symbol, s.open_ms) for each in seen for s in each.signals
    )
    assert all(v.reasons for v in decision.verdicts)
    entries = [i for i in decision.intents if i.action == "place" and i.leg is Leg.ENTRY]
    assert not (entries and state.halted)
    reserved = sum(p.size * p.price for p in state.pending)
    assert sum(i.size * i.limit_price * 1.004 for i in entries) <= max(state.cash - reserved, 0.0) + 1e-6
    for intent in entries:
        assert intent.size * intent.limit_price <= decision.equity * 0.10 + 1e-6
        assert state.position(intent.symbol) is None
    touched = [i.symbol for i in decision.intents if i.action == "place"]
    assert len(touched) == len(set(touched))
    assert "A/EUR" not in {i.symbol for i in decision.intents} or "A/EUR" not in state.in_doubt


@given(books(), views())
def test_the_same_inputs_give_the_same_decision(state: Book, seen: list[SymbolView]) -> None:
    first = decide(state, seen, rules(), NOW)
    assert repr(first) == repr(decide(replace(state), list(seen), rules(), NOW))
