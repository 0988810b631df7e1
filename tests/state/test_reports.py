"""What people read and ask for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from bot.adapters.postgres import PostgresStore
from bot.adapters.postgres_reports import PostgresReports
from bot.domain.errors import ConfigError
from bot.domain.records import BotWrites, DecisionRecord, Lease, Writes
from tests.state import samples
from tests.state.samples import ENTRY_ID, NOW_MS, SLOT_MS, SYMBOL

Rows = Callable[..., list[Any]]
STEP_MS = 300_000


@pytest.fixture
def traded(store: PostgresStore, lease: Lease) -> PostgresStore:
    """One whole tick is stored: an entry half filled, its stop resting."""
    store.commit(
        lease, Writes(tick=samples.tick("done"), bots=(samples.whole_tick(),), risk_events=(samples.risk_event(),))
    )
    return store


def test_a_bot_is_made_once_and_left_as_it_is(reports: PostgresReports, rows: Rows) -> None:
    assert reports.ensure_bot("main", "live", "USD", Decimal(5)) == 1
    assert reports.ensure_bot("real", "live", "EUR", Decimal(100), now_ms=NOW_MS) == 2
    first, second = reports.bots()
    assert (first["mode"], first["quote"], first["initial_cash"], first["status"]) == (
        "paper",
        "EUR",
        Decimal(1000),
        "RUNNING",
    )
    assert (second["mode"], second["status"]) == ("live", "IDLE")
    assert rows("select bot_id, reason from bot_state_history order by bot_id") == [(1, "created"), (2, "created")]


def test_status_of_an_empty_database_is_empty(database_url: str) -> None:
    reports = PostgresReports(database_url)
    status = reports.status()
    reports.close()
    assert (status["bots"], status["positions"], status["last_tick"], status["risk_events"]) == ([], [], None, [])
    assert (status["slots"]["delivered"], status["slots"]["missed"], status["slots"]["longest_gap_ms"]) == (0, 0, 0)


def test_status_shows_money_positions_and_open_events(traded: PostgresStore, reports: PostgresReports) -> None:
    status = reports.status(now_ms=NOW_MS)
    (bot,), (position,), (event,) = status["bots"], status["positions"], status["risk_events"]
    assert (bot["cash"], bot["equity"]) == (Decimal("979.90996"), Decimal("999.91996"))
    assert (bot["pnl_today"], bot["pnl_total"], bot["open_trades"]) == (Decimal(0), Decimal("-0.08004"), 1)
    assert (position["symbol"], position["quantity"], position["entry_price"]) == (
        SYMBOL,
        Decimal("0.2"),
        Decimal("100.05"),
    )
    assert (position["stop_price"], position["stop_quantity"]) == (Decimal("97.6"), Decimal("0.2"))
    assert (event["key"], event["resolved"], event["at_ms"]) == ("stale:BTC/EUR", False, NOW_MS)
    assert (status["last_tick"]["slot_ms"], status["last_tick"]["delay_ms"], status["last_tick"]["status"]) == (
        SLOT_MS, 1_234, "done",
    )  # fmt: skip


def test_the_slot_ledger_counts_what_was_delivered_late_missed_and_repeated(
    store: PostgresStore, lease: Lease, reports: PostgresReports
) -> None:
    for n, delay_ms in ((0, 1_000), (1, 2_000), (2, 90_000), (6, 3_000), (7, 4_000)):
        slot_ms = SLOT_MS + n * STEP_MS
        store.commit(lease, Writes(tick=samples.tick("done", slot_ms, now_ms=slot_ms + delay_ms)))
    store.commit(lease, Writes(tick=samples.tick("failed", SLOT_MS + 8 * STEP_MS)))
    ledger = reports.slots(step_ms=STEP_MS)
    assert (ledger["delivered"], ledger["missed"], ledger["unfinished"], ledger["repeated"]) == (5, 3, 1, 0)
    assert ledger["longest_gap_ms"] == 4 * STEP_MS
    assert ledger["delay_ms"] == {"median": 3_000, "p95": 90_000, "max": 90_000}
    assert (ledger["first_slot_ms"], ledger["last_slot_ms"]) == (SLOT_MS, SLOT_MS + 7 * STEP_MS)
    assert reports.slots(SLOT_MS + 6 * STEP_MS)["delivered"] == 2
    assert [tick["slot_ms"] for tick in reports.ticks(2)] == [SLOT_MS + 8 * STEP_MS, SLOT_MS + 7 * STEP_MS]


@pytest.mark.parametrize(("ref", "kind", "orders"), [
    (ENTRY_ID, "trade", 2), (samples.stop().client_id, "order", 1), (str(SLOT_MS), "tick", 2),
    ("2025-11-20T12:00Z", "tick", 2), ("2025-11-20T12:00:00", "tick", 2), (SYMBOL, "symbol", 2),
])  # fmt: skip
def test_why_finds_all_that_is_stored_about_a_name(
    traded: PostgresStore, reports: PostgresReports, ref: str, kind: str, orders: int
) -> None:
    found = reports.why(ref)
    assert (found["kind"], len(found["orders"])) == (kind, orders)
    (decision,), (verdict,), (signal,), (tick,) = (found[n] for n in ("decisions", "verdicts", "signals", "ticks"))
    assert decision["inputs"] == {"book": {"cash": 1000.0}, "rows": [0.1, 2e-17]}
    assert (decision["slot_ms"], decision["bot_id"], decision["fence"]) == (SLOT_MS, 1, 1)
    assert (verdict["verdict"], verdict["bar_ms"]) == ("enter", samples.BAR_MS)
    assert verdict["reasons"][0] == {"rule": "position_cap", "effect": "shrink", "values": [["from", 0.7], ["to", 0.5]]}
    assert signal["votes"][0]["reason"] == "above the channel"
    assert tick["slot_ms"] == SLOT_MS
    assert len(found["trades"]) == 1


def test_why_of_a_trade_has_its_fills_and_events_in_order(traded: PostgresStore, reports: PostgresReports) -> None:
    found = reports.why(ENTRY_ID)
    assert [event["to_status"] for event in found["order_events"]] == ["submitting", "partially_filled"]
    assert [(fill["price"], fill["quantity"]) for fill in found["fills"]] == [(Decimal("100.05"), Decimal("0.2"))]
    assert [event["kind"] for event in found["trade_events"]] == ["opened"]


def test_why_of_nothing_says_what_a_name_may_be(reports: PostgresReports) -> None:
    with pytest.raises(ConfigError, match="no order, trade, tick or symbol") as refused:
        reports.why("nothing")
    assert "BTC/EUR" in refused.value.fix


def test_stored_decisions_come_one_after_the_other(
    store: PostgresStore, lease: Lease, reports: PostgresReports
) -> None:
    for n in range(7):
        decision = DecisionRecord(1, {"n": n}, {}, 0, "v")
        tick = samples.tick("done", SLOT_MS + n * STEP_MS)
        store.commit(lease, Writes(tick=tick, bots=(BotWrites(1, decision=decision),)))
    assert [decision["inputs"]["n"] for decision in reports.decisions(page=3)] == list(range(7))


def test_pause_and_resume_act_at_once_and_leave_their_trace(
    store: PostgresStore, reports: PostgresReports, rows: Rows
) -> None:
    reports.queue_command("pause", "main", source="telegram:7", now_ms=NOW_MS)
    assert reports.bots()[0]["status"] == "PAUSED"
    reports.queue_command("resume", None, source="cli", now_ms=NOW_MS + 1)
    assert reports.bots()[0]["status"] == "RUNNING"
    history = rows("select status, reason from bot_state_history order by bot_state_history_id")
    assert history[1:] == [("PAUSED", "pause asked by telegram:7"), ("RUNNING", "resume asked by cli")]
    assert rows("select kind, done_at is not null, result from commands order by 1") == [
        ("pause", True, "done"), ("resume", True, "done"),
    ]  # fmt: skip
    assert store.begin("a", 60).bots[0].commands == ()


def test_close_waits_for_the_next_tick_which_says_what_came_of_it(
    store: PostgresStore, lease: Lease, reports: PostgresReports, rows: Rows
) -> None:
    (close,) = reports.queue_command("close", "main", {"symbol": SYMBOL}, "dashboard:ann", now_ms=NOW_MS)
    (every,) = reports.queue_command("close_all", "main")
    waiting = store.begin(lease.holder, 60).bots[0].commands
    assert [(command.command_id, command.kind, command.args) for command in waiting] == [
        (close, "close", {"symbol": SYMBOL}), (every, "close_all", {}),
    ]  # fmt: skip
    assert (waiting[0].source, waiting[0].requested_ms) == ("dashboard:ann", NOW_MS)
    done = Writes(bots=(BotWrites(1, commands_done=((close, "sold"),)),))
    store.commit(lease, done)
    store.commit(lease, done)
    assert [command.command_id for command in store.begin(lease.holder, 60).bots[0].commands] == [every]
    assert rows("select result from commands where command_id = %s", close) == [("sold",)]


def test_the_same_request_counts_once(reports: PostgresReports) -> None:
    assert len(reports.queue_command("pause", "main", source_key="update 9")) == 1
    reports.queue_command("resume", "main")
    assert reports.queue_command("pause", "main", source_key="update 9") == ()
    assert reports.bots()[0]["status"] == "RUNNING"


def test_a_command_for_an_unknown_bot_names_the_ones_there_are(reports: PostgresReports) -> None:
    with pytest.raises(ConfigError, match="no bot is named 'man'") as refused:
        reports.queue_command("pause", "man")
    assert refused.value.fix == "choose one of: main"


def test_curve_trades_and_counts(traded: PostgresStore, lease: Lease, reports: PostgresReports) -> None:
    later = samples.equity(at_ms=NOW_MS + STEP_MS)
    traded.commit(lease, Writes(bots=(BotWrites(1, equity=later),)))
    assert [point["equity"] for point in reports.equity_curve("main")] == [Decimal("999.91996")] * 2
    assert len(reports.equity_curve("main", NOW_MS + 1)) == 1
    assert [point["at_ms"] for point in reports.equity_curve("main", step_ms=3_600_000)] == [NOW_MS + STEP_MS]
    (trade,) = reports.trades("main", "open")
    assert (trade["trade_id"], trade["bot"], trade["entry_ms"], trade["exit_ms"]) == (ENTRY_ID, "main", NOW_MS, 0)
    assert reports.trades(status="closed") == []
    counts = reports.counts()
    assert (counts["ticks"], counts["orders"], counts["fills"], counts["trades"]) == (1, 2, 1, 1)
    assert reports.audit() == []


def test_the_audit_names_what_does_not_add_up(traded: PostgresStore, lease: Lease, reports: PostgresReports) -> None:
    entry = replace(samples.whole_tick().orders[1], filled=Decimal("0.4"))
    traded.commit(lease, Writes(bots=(BotWrites(1, orders=(entry,)),)))
    (found,) = reports.audit()
    assert found["where"] == f"order {ENTRY_ID}"
    assert (Decimal(found["stored"]), Decimal(found["computed"])) == (Decimal("0.4"), Decimal("0.2"))
