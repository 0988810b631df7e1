"""Limits of the whole book: each on both sides of its boundary, and latches over any course of equity."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.book import Latches, PendingEntry
from bot.domain.decisions import Effect
from bot.rulebook import book_rules
from bot.rulebook.book_rules import BOOK_RULES, BookInputs, BookJudgement, judge_book
from bot.rulebook.cooldowns import cooldown_until
from bot.rulebook.decide import decide
from tests.rulebook.makers import HOUR, NOW, book, position, rules, signal, view

DAY = 24 * HOUR
LIMITS = {"max_daily_trades": 10, "max_consecutive_losses": 5}
CALM = BookInputs(
    equity=1000.0,
    day_open_equity=1000.0,
    peak_equity=1000.0,
    drawdown_peak=1000.0,
    paused_until_ms=0,
    breaker_since_ms=0,
    day_lost_ms=0,
    trades_today=0,
    losses_in_row=0,
    now_ms=NOW,
)


def judged(**changes: Any) -> BookJudgement:
    return judge_book(CALM._replace(**changes), rules(**LIMITS))


@pytest.mark.parametrize(
    ("change", "rule", "value", "limit"),
    [
        ({}, "", 0.0, 0.0),
        ({"equity": 950.0}, "daily_loss", 0.05, 0.05),
        ({"equity": 950.01}, "", 0.0, 0.0),
        ({"equity": 0.5, "day_open_equity": 0.6, "peak_equity": 0.0, "drawdown_peak": 0.0}, "daily_loss", 1 / 6, 0.05),
        ({"trades_today": 10}, "daily_trades", 10.0, 10.0),
        ({"trades_today": 9}, "", 0.0, 0.0),
        ({"losses_in_row": 5}, "consecutive_losses", 5.0, 5.0),
        ({"losses_in_row": 4}, "", 0.0, 0.0),
        ({"equity": 850.0, "day_open_equity": 850.0}, "drawdown_pause", 0.15, 0.15),
        ({"equity": 850.01, "day_open_equity": 850.01}, "", 0.0, 0.0),
        ({"equity": 800.0, "day_open_equity": 800.0, "drawdown_peak": 800.0}, "global_breaker", 0.2, 0.2),
        ({"equity": 800.01, "day_open_equity": 800.01, "drawdown_peak": 800.01}, "", 0.0, 0.0),
        ({"equity": 0.5, "day_open_equity": 0.5, "drawdown_peak": 0.5, "peak_equity": 0.7}, "global_breaker", 2 / 7,
         0.2),
        ({"equity": 0.5, "day_open_equity": 0.5, "drawdown_peak": 0.6, "peak_equity": 0.6}, "drawdown_pause", 1 / 6,
         0.15),
        # The gravest is told.
        ({"equity": 700.0, "trades_today": 99, "losses_in_row": 99}, "global_breaker", 0.3, 0.2),
        ({"equity": 820.0, "trades_today": 99, "losses_in_row": 99}, "drawdown_pause", 0.18, 0.15),
        ({"equity": 940.0, "trades_today": 99, "losses_in_row": 99}, "daily_loss", 0.06, 0.05),
        ({"trades_today": 99, "losses_in_row": 99}, "daily_trades", 99.0, 10.0),
        # What is not known blocks nothing.
        ({"equity": 0.0, "day_open_equity": 1e-9, "peak_equity": 0.0, "drawdown_peak": 0.0}, "daily_loss", 1.0, 0.05),
        ({"equity": 100.0, "day_open_equity": 0.0, "peak_equity": 0.0, "drawdown_peak": 0.0}, "", 0.0, 0.0),
    ],
)  # fmt: skip
def test_each_rule_begins_at_its_limit(change: dict[str, Any], rule: str, value: float, limit: float) -> None:
    found = judged(**change)
    assert BOOK_RULES[found.code] == rule
    assert (found.value, found.limit) == (pytest.approx(value), limit)


def test_the_breaker_stays_open_after_any_recovery_and_keeps_its_moment() -> None:
    opened = judged(equity=800.0, drawdown_peak=800.0)
    assert opened.breaker_since_ms == NOW
    later = judged(equity=2000.0, peak_equity=2000.0, breaker_since_ms=NOW, now_ms=NOW + 1000 * DAY)
    assert (BOOK_RULES[later.code], later.breaker_since_ms) == ("global_breaker", NOW)
    deeper = judged(equity=10.0, breaker_since_ms=NOW, now_ms=NOW + DAY)
    assert deeper.breaker_since_ms == NOW


def test_a_day_that_lost_too_much_is_over_whatever_comes_back_and_the_next_one_is_not() -> None:
    today = NOW - NOW % DAY
    lost = judged(equity=940.0)
    assert (BOOK_RULES[lost.code], lost.day_lost_ms) == ("daily_loss", today)
    back = judged(equity=1010.0, day_lost_ms=today, now_ms=today + DAY - 1)
    assert (BOOK_RULES[back.code], back.value, back.day_lost_ms) == ("daily_loss", 0.0, today)
    tomorrow = judged(day_lost_ms=today, now_ms=today + DAY)
    assert (tomorrow.code, tomorrow.day_lost_ms) == (book_rules.ALLOWED, 0)
    assert judged().day_lost_ms == 0


def test_a_breaker_that_a_person_lifted_is_counted_from_the_peak_that_was_set_anew() -> None:
    lifted = judged(equity=800.0, day_open_equity=800.0, peak_equity=800.0, drawdown_peak=800.0)
    assert (lifted.code, lifted.breaker_since_ms) == (book_rules.ALLOWED, 0)


def test_the_pause_ends_by_time_alone_and_its_peak_begins_anew() -> None:
    begun = judged(equity=850.0, day_open_equity=850.0)
    assert (begun.drawdown_peak, begun.paused_until_ms) == (1000.0, NOW + 7 * DAY)
    running = {"paused_until_ms": NOW + 7 * DAY, "day_open_equity": 1.0}
    still = judged(**running, equity=2000.0, peak_equity=2000.0, now_ms=NOW + 7 * DAY - 1)
    assert (BOOK_RULES[still.code], still.drawdown_peak) == ("drawdown_pause", 1000.0)
    over = judged(**running, equity=830.0, now_ms=NOW + 7 * DAY)
    assert (BOOK_RULES[over.code], over.drawdown_peak, over.paused_until_ms) == ("", 830.0, 0)


def test_the_peak_of_the_pause_follows_equity_up_and_begins_where_it_is_unknown() -> None:
    assert judged(equity=1200.0).drawdown_peak == 1200.0
    assert judged(equity=900.0, day_open_equity=900.0).drawdown_peak == 1000.0
    unknown = judged(equity=900.0, day_open_equity=900.0, drawdown_peak=0.0)
    assert (unknown.code, unknown.drawdown_peak) == (book_rules.ALLOWED, 900.0)


@given(
    st.lists(st.tuples(st.floats(0.5, 1.6), st.integers(1, 3 * DAY)), min_size=1, max_size=60),
    st.floats(0.01, 0.5), st.floats(0.01, 0.5), st.integers(0, 10 * DAY),
)  # fmt: skip
def test_over_any_course_the_breaker_never_closes_and_every_pause_lasts_as_long_as_it_said(
    course: list[tuple[float, int]], deep: float, deeper: float, pause_ms: int
) -> None:
    by = rules(max_drawdown_frac=deep, max_total_drawdown_frac=deeper, drawdown_pause_ms=pause_ms)
    equity, highest, now_ms = 1000.0, 1000.0, NOW
    state = Latches()
    for change, wait_ms in course:
        equity, now_ms = equity * change, now_ms + wait_ms
        highest = max(highest, equity)
        found = judge_book(
            BookInputs(equity, equity, highest, state.drawdown_peak, state.paused_until_ms, state.breaker_since_ms,
                       0, 0, 0, now_ms),
            by,
        )  # fmt: skip
        if state.breaker_since_ms:
            assert found.breaker_since_ms == state.breaker_since_ms
        else:
            assert (found.breaker_since_ms == now_ms) == (equity <= highest * (1 - deeper))
        if now_ms < state.paused_until_ms:
            assert found.paused_until_ms == state.paused_until_ms
            assert found.drawdown_peak == state.drawdown_peak
        elif state.paused_until_ms:
            assert (found.paused_until_ms, found.drawdown_peak) == (0, equity)
        else:
            assert found.drawdown_peak == max(state.drawdown_peak, equity)
            assert found.paused_until_ms in (0, now_ms + pause_ms)
            assert (found.paused_until_ms > 0) == (equity <= found.drawdown_peak * (1 - deep))
        blocked = found.breaker_since_ms > 0 or found.paused_until_ms > 0
        assert (found.code != book_rules.ALLOWED) == blocked
        state = Latches(found.drawdown_peak, found.paused_until_ms, found.breaker_since_ms)


# --- what a decision makes of it -----------------------------------------------------------


RESTING = PendingEntry("ETH/EUR", "e-2", 0.1, 100.0)


@pytest.mark.parametrize(
    ("state", "rule", "values", "taken_back"),
    [
        ({"latches": Latches(1000.0, 0, NOW - DAY), "peak_equity": 2000.0}, "global_breaker",
         {"drawdown": 0.5, "limit": 0.2}, True),
        ({"latches": Latches(1250.0, NOW + 90 * 60_000, 0)}, "drawdown_pause",
         {"drawdown": 0.2, "limit": 0.15, "until": 90.0}, True),
        ({"day_open_equity": 2000.0}, "daily_loss", {"loss": 0.5, "limit": 0.05}, True),
        ({"trades_today": 10}, "daily_trades", {"count": 10.0, "limit": 10.0}, False),
        ({"losses_in_row": 5}, "consecutive_losses", {"count": 5.0, "limit": 5.0}, True),
    ],
)  # fmt: skip
def test_a_rule_of_the_book_is_the_verdict_on_every_signal(
    state: dict[str, Any], rule: str, values: dict[str, float], taken_back: bool
) -> None:
    seen = [view(), view(symbol="ETH/EUR", signals=())]
    decision = decide(book(pending=(RESTING,), **state), seen, rules(**LIMITS), NOW)
    (note,) = decision.notes
    assert (note.rule, note.effect, dict(note.values)) == (rule, Effect.BLOCK, pytest.approx(values))
    assert (decision.verdicts[-1].verdict, decision.verdicts[-1].reasons) == ("no_trade", (note,))
    cancels = [(i.action, i.client_id, i.reason) for i in decision.intents]
    assert cancels == ([("cancel", "e-2", rule)] if taken_back else [])


def test_only_what_the_days_count_has_foreseen_may_go_on_filling() -> None:
    assert [rule for code, rule in enumerate(BOOK_RULES) if book_rules.takes_back(code)] == [
        "global_breaker", "drawdown_pause", "daily_loss", "consecutive_losses",
    ]  # fmt: skip


def test_the_latches_of_a_decision_are_those_to_keep() -> None:
    assert decide(book(), [view()], rules(), NOW).latches == Latches(1000.0, 0, 0)
    fell = book(cash=700.0, day_open_equity=700.0, peak_equity=1000.0, latches=Latches(1000.0, 0, 0))
    assert decide(fell, [view()], rules(), NOW).latches == Latches(1000.0, NOW + 7 * DAY, NOW)


def test_trades_that_begin_together_and_those_that_wait_share_what_the_day_has_left() -> None:
    names = ["A/EUR", "B/EUR", "C/EUR"]
    seen = [view(symbol=name, signals=(signal(symbol=name),)) for name in names]
    by = rules(max_daily_trades=4)
    decision = decide(book(trades_today=1, pending=(RESTING,)), seen, by, NOW)
    assert [v.verdict for v in decision.verdicts] == ["enter", "enter", "no_trade"]
    (last,) = decision.verdicts[-1].reasons
    assert (last.rule, last.effect, dict(last.values)) == ("daily_trades", Effect.BLOCK, {"count": 4.0, "limit": 4.0})
    # What rests of an entry that has begun to fill was counted when it did.
    begun = book(trades_today=2, pending=(RESTING,), positions=(position(symbol="ETH/EUR", size=0.1, stop_size=0.1),))
    assert [v.verdict for v in decide(begun, seen, by, NOW).verdicts] == ["enter", "enter", "no_trade"]


# --- cooldown ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("losses", "minutes"),
    [(0, 1), (1, 1), (2, 8), (3, 64), (4, 512), (5, 4096), (6, 7 * 24 * 60), (10**6, 7 * 24 * 60)],
)
def test_the_cooldown_grows_with_losses_in_a_row_up_to_its_longest(losses: int, minutes: int) -> None:
    assert cooldown_until(NOW, losses, rules()) == NOW + minutes * 60_000


def test_a_cooldown_is_never_shorter_than_the_first_and_without_growth_it_stays() -> None:
    assert cooldown_until(0, 3, rules(max_cooldown_ms=10)) == 60_000
    assert cooldown_until(0, 50, rules(loss_cooldown_factor=1.0)) == 60_000
    assert cooldown_until(0, 50, rules(cooldown_ms=0)) == 0
    assert cooldown_until(0, 2, rules(cooldown_ms=1000, loss_cooldown_factor=2.5)) == 2500


@given(st.integers(0, 20), st.floats(1.0, 20.0), st.integers(0, DAY), st.integers(0, 30 * DAY))
def test_one_more_loss_never_shortens_the_wait(losses: int, factor: float, first: int, longest: int) -> None:
    by = rules(loss_cooldown_factor=factor, cooldown_ms=first, max_cooldown_ms=longest)
    waits = [cooldown_until(0, losses + more, by) for more in (0, 1)]
    assert first <= waits[0] <= waits[1] <= max(first, longest)
