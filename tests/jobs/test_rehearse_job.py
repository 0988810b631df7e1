"""The rehearsal's own part: moments, errors, waiting for a killed run's lease, the report."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from typing import Any

import pytest

from bot.domain.errors import DatabaseError, ExchangeError
from bot.jobs.rehearse import Outcome, Plan, rehearse, trade_row
from tests.jobs.test_performance import days, trade

STEP = 300_000
START = 1_704_067_200_000


class Script:
    """Answers ticks from a list, then with plain documents; remembers the clock."""

    def __init__(self, *answers: Any) -> None:
        self.answers = list(answers)
        self.clock: list[int] = []
        self.progress: list[tuple[int, int, dict[str, Any]]] = []
        self.ticked = 0

    async def tick(self) -> dict[str, Any]:
        self.ticked += 1
        answer = self.answers.pop(0) if self.answers else {"bots": []}
        if isinstance(answer, Exception):
            raise answer
        return answer

    def run(self, plan: Plan, outcome: Outcome | None = None) -> dict[str, Any]:
        result = outcome or Outcome((), (), 0)
        note = lambda *seen: self.progress.append(seen)  # noqa: E731
        return asyncio.run(rehearse(plan, self.clock.append, self.tick, lambda: result, note))


def test_a_plan_has_both_its_ends():
    script = Script()
    plan = Plan(START, START + 3 * STEP, STEP)
    report = script.run(plan)
    assert script.clock == [START, START + STEP, START + 2 * STEP, START + 3 * STEP]
    assert report["ticks"] == plan.ticks == 4
    assert report["errors"] == 0
    assert (report["from"], report["to"]) == ("2024-01-01T00:00:00+00:00", "2024-01-01T00:15:00+00:00")
    assert [seen[:2] for seen in script.progress] == [(1, 4), (2, 4), (3, 4), (4, 4)]


@pytest.mark.parametrize(("end", "ticks"), [(START + STEP - 1, 1), (START, 1), (START - 1, 0)])
def test_a_plan_counts_whole_steps(end: int, ticks: int):
    plan = Plan(START, end, STEP)
    assert plan.ticks == ticks
    assert Script().run(plan)["ticks"] == ticks


def test_a_tick_without_a_venue_is_an_error_and_the_next_goes_on():
    script = Script({}, ExchangeError("no venue", fix="wait"), {})
    report = script.run(Plan(START, START + 2 * STEP, STEP))
    assert report["errors"] == 1
    assert report["error_list"] == [{"at": "2024-01-01T00:05:00+00:00", "error": "no venue - wait"}]
    assert script.ticked == 3
    assert script.progress[1] == (2, 3, {})


def test_no_more_than_twenty_errors_are_listed():
    script = Script(*(ExchangeError(str(n)) for n in range(30)))
    report = script.run(Plan(START, START + 29 * STEP, STEP))
    assert report["errors"] == 30
    assert len(report["error_list"]) == 20


def test_any_other_failure_ends_it():
    with pytest.raises(DatabaseError):
        Script(DatabaseError("gone")).run(Plan(START, START + STEP, STEP))


def test_the_lease_of_a_killed_run_is_waited_for():
    script = Script({"skipped": "held"}, {"skipped": "held"}, {"bots": [1]})
    script.run(Plan(START, START, STEP))
    assert script.ticked == 3
    assert script.progress == [(1, 1, {"bots": [1]})]


def test_the_wait_for_a_lease_has_an_end():
    script = Script(*[{"skipped": "held"}] * 100)
    script.run(Plan(START, START, STEP, wait_s=0.3))
    assert 2 <= script.ticked <= 4
    assert script.progress[0][2] == {"skipped": "held"}


def test_a_slot_that_is_done_is_passed_over():
    script = Script({"skipped": "done"})
    script.run(Plan(START, START + STEP, STEP))
    assert script.ticked == 2


def test_the_report_tells_trades_equity_and_figures():
    outcome = Outcome([trade("30"), trade("-10"), trade("1", status="open")], days(1000, 1010, 1020), 7)
    report = Script().run(Plan(START, START, STEP), outcome)
    assert report["orders"] == 7
    assert (report["equity_start"], report["equity_end"]) == (1000.0, 1020.0)
    assert report["metrics"]["total_trades"] == 2
    assert [row["pnl"] for row in report["trades"]] == [30.0, -10.0, 1.0]
    assert {"symbol", "entry_at", "exit_at", "entry_price", "exit_price", "quantity", "fees", "pnl",
            "exit_reason"} <= set(report["trades"][0])  # fmt: skip


def test_an_open_trade_has_no_exit():
    row = trade_row(trade("1", status="open"))
    assert row["exit_at"] is None
    assert row["exit_price"] is None
    assert row["entry_price"] == float(Decimal(100))
