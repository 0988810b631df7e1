"""Gates to real money, and the ramp: hand-made records, an independent formula, and that worse never passes."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, replace
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.backtests import Backtest
from bot.domain.records import Trade
from bot.jobs.gates import Figures, Gate, backtest_figure, judge, live_gates, measure, ramp
from bot.settings import LiveSettings

DAY = 86_400_000
LIMITS = LiveSettings()
GOOD = Figures(days=7, trades=10, sharpe=1.5, drawdown=0.1, win_rate=0.5, profit_factor=2.0)


@dataclass(frozen=True)
class Record:
    daily_equity: tuple[tuple[int, float], ...] = ()
    closed: tuple[Trade, ...] = ()


def trade(pnl: float | str, exit_ms: int = DAY) -> Trade:
    zero = Decimal(0)
    return Trade(
        f"e{pnl}", 1, "BTC/EUR", "closed", "x", 0, exit_ms, zero, zero, zero, zero, zero, zero, zero, Decimal(str(pnl)),
        None, None, zero, False, "",
    )  # fmt: skip


def record(equity=(), pnls=(), exit_ms=DAY) -> Record:
    days = tuple((day * DAY + 5, value) for day, value in enumerate(equity, start=1))
    return Record(days, tuple(trade(pnl, exit_ms) for pnl in pnls))


def by_name(gates: tuple[Gate, ...]) -> dict[str, Gate]:
    return {gate.name: gate for gate in gates}


def closed(gates: tuple[Gate, ...]) -> set[str]:
    return {gate.name for gate in gates if not gate.ok}


def test_figures_of_a_record_that_was_worked_out_by_hand():
    figures = measure(record([100.0, 110.0, 99.0, 108.9], [6, 4, -2, -3, 0]))
    assert figures.days == 3
    assert figures.trades == 5
    # Returns +10 %, -10 %, +10 %: mean 1/30, sample deviation sqrt(3 * 0.2**2 / 3 / 3) = 0.11547.
    assert figures.sharpe == pytest.approx(math.sqrt(365) / 30 / 0.1154700538)
    assert figures.drawdown == pytest.approx(0.1)
    assert figures.win_rate == pytest.approx(0.4)
    assert figures.profit_factor == pytest.approx(2.0)


@given(st.lists(st.floats(50, 200), min_size=3, max_size=40), st.lists(st.integers(-500, 500), min_size=1, max_size=40))
def test_figures_equal_an_independent_formula(equity, pnls):
    figures = measure(record(equity, pnls))
    values, results = np.array(equity), np.array(pnls, dtype=float)
    returns = values[1:] / values[:-1] - 1
    if returns.std(ddof=1) > 1e-6:
        assert figures.sharpe == pytest.approx(returns.mean() / returns.std(ddof=1) * np.sqrt(365), rel=1e-6, abs=1e-9)
    peaks = np.maximum.accumulate(values)
    assert figures.drawdown == pytest.approx(((peaks - values) / peaks).max(), abs=1e-12)
    assert figures.win_rate == pytest.approx((results > 0).mean())
    if (results < 0).any():
        assert figures.profit_factor == pytest.approx(results[results > 0].sum() / -results[results < 0].sum())


def test_a_record_at_every_limit_passes_where_the_plan_says_at_least_and_not_where_it_says_above():
    edge = Figures(days=7, trades=10, sharpe=1.0, drawdown=0.15, win_rate=0.45, profit_factor=1.5)
    assert closed(judge(edge, LIMITS, 1.0)) == {"sharpe", "drawdown", "backtest_sharpe"}
    assert closed(judge(replace(edge, sharpe=1.0001, drawdown=0.1499), LIMITS, 1.0001)) == set()


def test_a_good_record_without_a_backtest_is_told_what_is_missing():
    gates = by_name(judge(GOOD, LIMITS, None))
    assert closed(tuple(gates.values())) == {"backtest_sharpe"}
    assert gates["backtest_sharpe"].why == "no_backtest"
    assert gates["backtest_sharpe"].value is None


@pytest.mark.parametrize(
    ("newest", "others", "why"),
    [
        (None, 0, "no_backtest"),
        (None, 3, "backtest_of_other_settings"),
        (Backtest(10 * DAY, 365.0, 2.0), 3, ""),
        (Backtest(10 * DAY - 1, 365.0, 2.0), 0, "backtest_too_old"),
        (Backtest(99 * DAY, 89.9, 2.0), 0, "backtest_too_short"),
        (Backtest(99 * DAY, 90.0, 2.0), 0, ""),
        (Backtest(99 * DAY, 90.0, None), 0, "no_backtest"),
        (Backtest(99 * DAY, 90.0, 1.0), 0, "below"),
    ],
)
def test_only_a_young_long_backtest_of_the_same_settings_opens_the_gate(newest, others, why):
    gates = by_name(judge(GOOD, LIMITS, *backtest_figure(newest, others, 100 * DAY)))
    gate = gates["backtest_sharpe"]
    assert gate.ok == (why == "")
    if why != "below":
        assert gate.why == why


EVERYTHING = {
    "paper_days", "closed_trades", "sharpe", "drawdown", "win_rate", "profit_factor", "backtest_sharpe",
}  # fmt: skip


@pytest.mark.parametrize(
    ("equity", "pnls", "stay_closed"),
    [
        ((), (), EVERYTHING - {"backtest_sharpe"}),
        ([100.0], [1] * 20, {"paper_days", "sharpe", "drawdown"}),
        ([100.0, 101.0], [1] * 20, {"paper_days", "sharpe", "drawdown"}),
        ([100.0] * 30, [1] * 20, {"sharpe"}),
        ([100.0 * 1.01**day for day in range(30)], [1] * 20, {"sharpe"}),
        ([100.0, math.nan, *[101.0 + day % 2 for day in range(30)]], [1] * 20, {"sharpe", "drawdown"}),
        ([100.0, math.inf, *[101.0 + day % 2 for day in range(30)]], [1] * 20, {"sharpe", "drawdown"}),
        ([100.0, 0.0, *[101.0 + day % 2 for day in range(30)]], [1] * 20, {"sharpe", "drawdown"}),
        ([100.0, -5.0, *[101.0 + day % 2 for day in range(30)]], [1] * 20, {"sharpe", "drawdown"}),
        ([100.0 + day + day % 2 for day in range(30)], [1] * 9, {"closed_trades", "win_rate", "profit_factor"}),
        ([100.0 + day + day % 2 for day in range(30)], [0] * 20, {"win_rate", "profit_factor"}),
        ([100.0 + day + day % 2 for day in range(30)], [*[1] * 20, "NaN"], {"win_rate", "profit_factor"}),
        ([100.0 + day + day % 2 for day in range(30)], [-1] * 20, {"win_rate", "profit_factor"}),
    ],
    ids=[
        "nothing", "one day", "two days", "flat", "the same gain every day", "nan", "infinite", "nothing left",
        "less than nothing", "nine trades", "trades that came out even", "a trade that is no number", "only losses",
    ],
)  # fmt: skip
def test_what_cannot_be_told_never_passes(equity, pnls, stay_closed):
    gates = live_gates(record(equity, pnls), LIMITS, 2.0)
    assert stay_closed <= closed(gates)
    assert {gate.name for gate in gates} == EVERYTHING


def test_a_backtest_that_is_no_number_does_not_pass():
    assert closed(judge(GOOD, LIMITS, math.nan)) == {"backtest_sharpe"}


def test_enough_trades_without_a_single_loss_pass_with_a_profit_that_has_no_factor():
    gates = by_name(live_gates(record([100.0 + day + day % 2 for day in range(30)], [1] * 10), LIMITS, 2.0))
    assert gates["profit_factor"].ok
    assert gates["profit_factor"].value == math.inf
    assert gates["profit_factor"].document()["value"] is None


def test_days_that_nobody_recorded_do_not_count():
    first_and_eighth = Record(((DAY, 100.0), (8 * DAY, 101.0)))
    assert measure(first_and_eighth).days == 1
    same_day = Record(tuple((DAY + hour, 100.0) for hour in range(24)))
    assert measure(same_day).days == 0


def test_documents_of_gates_are_plain_json():
    for gate in live_gates(record([100.0] * 3, [1]), LIMITS, None):
        assert json.loads(json.dumps(gate.document(), allow_nan=False))["ok"] is gate.ok


def _worse(low: float, high: float, falls: bool):
    """(better, worse) of one figure, None being the worst."""
    pair = st.tuples(st.floats(low, high), st.floats(low, high)).map(sorted)
    ordered = pair.map(lambda two: (two[1], two[0]) if falls else (two[0], two[1]))
    return ordered | st.floats(low, high).map(lambda better: (better, None))


COUNTS = st.tuples(st.integers(0, 30), st.integers(0, 30)).map(lambda two: (max(two), min(two)))


@given(
    COUNTS, COUNTS, _worse(-5, 5, True), _worse(0, 1, False), _worse(0, 1, True), _worse(0, 5, True),
    _worse(-5, 5, True),
)  # fmt: skip
def test_worse_figures_never_open_a_gate(days, trades, sharpe, drawdown, win_rate, profit_factor, backtest):
    both = list(zip(days, trades, sharpe, drawdown, win_rate, profit_factor, strict=True))
    better, worse = (judge(Figures(*one), LIMITS, test) for one, test in zip(both, backtest, strict=True))
    for before, after in zip(better, worse, strict=True):
        assert before.ok or not after.ok, (before, after)


@given(st.lists(st.integers(-50, 50), max_size=30), st.integers(1, 50))
def test_one_more_loss_never_opens_a_gate_of_trades(pnls, loss):
    before = by_name(live_gates(record([], [*pnls, 0]), LIMITS, None))
    after = by_name(live_gates(record([], [*pnls, -loss]), LIMITS, None))
    for name in ("closed_trades", "win_rate", "profit_factor"):
        assert before[name].ok or not after[name].ok


@given(st.lists(st.floats(50, 200), min_size=2, max_size=30), st.data())
def test_a_deeper_fall_never_opens_the_gate_of_drawdown(equity, data):
    peak = equity.index(max(equity))
    low = data.draw(st.floats(1, min(equity)))
    deeper = [*equity[: peak + 1], low, *equity[peak + 1 :]]
    before, after = (by_name(live_gates(record(one), LIMITS, None))["drawdown"] for one in (equity, deeper))
    if len(equity) > LIMITS.min_paper_days:
        assert before.ok or not after.ok


STEADY = [100.0 + day % 2 for day in range(1, 15)]


def at_step(equity=STEADY, pnls=(2,) * 6 + (-1,) * 6, *, capital=100.0, days=14, since=DAY // 2):
    """A ramp whose step began at noon of day 0, with equity on the days after it."""
    return ramp(record(equity, pnls), LIMITS, capital, since, since + days * DAY)


def test_after_two_good_weeks_the_next_step_is_allowed_and_only_that():
    found = at_step()
    assert found.allowed
    assert found.next_capital == 250.0
    assert at_step(capital=250.0, equity=[250.0 + day % 2 for day in range(14)]).next_capital == 500.0


@pytest.mark.parametrize(
    ("changed", "stays_closed"),
    [
        ({"days": 13}, "days_at_step"),
        ({"equity": STEADY[:13]}, "days_at_step"),
        ({"equity": ()}, "drawdown_at_step"),
        ({"equity": [*STEADY[:7], 84.0, *STEADY[8:]]}, "drawdown_at_step"),
        ({"equity": [84.0] * 14}, "drawdown_at_step"),
        ({"equity": [*STEADY[:7], math.nan, *STEADY[8:]]}, "drawdown_at_step"),
        ({"pnls": (2,) * 9}, "trades_at_step"),
        ({"pnls": (2,) * 9}, "profit_factor_at_step"),
        ({"pnls": (1,) * 6 + (-2,) * 6}, "profit_factor_at_step"),
        ({"pnls": ()}, "profit_factor_at_step"),
    ],
)
def test_a_step_that_did_not_go_well_or_long_enough_stays(changed, stays_closed):
    found = at_step(**changed)
    assert not found.allowed
    assert stays_closed in closed(found.gates)


def test_what_lies_before_a_step_counts_for_nothing():
    since = 20 * DAY + DAY // 2
    assert closed(at_step(since=since).gates) == {
        "days_at_step", "trades_at_step", "drawdown_at_step", "profit_factor_at_step",
    }  # fmt: skip


def test_there_is_nothing_above_the_last_step():
    top = ramp(record([10_000.0] * 14, (2,) * 12), LIMITS, 10_000.0, DAY // 2, DAY // 2 + 14 * DAY)
    assert top.next_capital is None
    assert not top.allowed


@given(st.floats(1, 20_000))
def test_the_next_step_is_the_nearest_one_above(capital):
    found = ramp(Record(), LIMITS, capital, 0, 0).next_capital
    above = [step for step in LIMITS.capital_steps if step > capital]
    assert found == (min(above) if above else None)
