"""Decisions about real money: gates, overrides, capital, the kill switch."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from itertools import product
from typing import Any

import psycopg
import pytest

from bot.adapters import live_store
from bot.adapters.live_store import LiveStore
from bot.adapters.postgres import PostgresStore
from bot.adapters.postgres_reports import PostgresReports
from bot.domain.book import BotStatus
from bot.domain.errors import ConfigError, DatabaseError
from bot.domain.orders import OrderStatus
from bot.domain.records import BotWrites, DeadLetter, Lease, Writes
from tests.live.wire import AFTER, BEFORE, DatabaseWire, Gate, Plan
from tests.state import samples
from tests.state.samples import NOW_MS, SLOT_MS

Rows = Callable[..., list[Any]]
MET = [{"name": "days", "ok": True, "found": 9}, {"name": "sharpe", "ok": True, "found": 1.4}]
UNMET = [MET[0], {"name": "sharpe", "ok": False, "found": 0.2}]
HUNDRED = Decimal(100)
BESIDE = {"EUR": Decimal("12.50"), "BTC": Decimal("0.00000001")}
DAY_MS = 86_400_000


@pytest.fixture
def live(database_url: str, reports: PostgresReports) -> Iterator[LiveStore]:
    """Beside it there is the paper bot `main`, number 1."""
    made = LiveStore(database_url)
    yield made
    made.close()


def start(live: LiveStore, name: str = "real", **changes: Any) -> int:
    values: dict[str, Any] = {
        "quote": "EUR", "capital": HUNDRED, "baseline": BESIDE, "gates": MET, "override": "", "author": "ann",
    }  # fmt: skip
    return live.start(name, **values | changes)


def test_a_database_without_a_live_bot_says_so(live: LiveStore) -> None:
    assert (live.live_bot(), live.killed(), live.decisions(), live.dead_letters()) == (None, "", [], [])


def test_a_start_makes_a_running_bot_with_its_capital_and_writes_down_why(live: LiveStore, rows: Rows) -> None:
    bot_id = start(live)
    bot = live.live_bot()
    assert bot is not None
    assert (bot.name, bot.bot_id, bot.quote, bot.capital, bot.baseline) == ("real", bot_id, "EUR", HUNDRED, BESIDE)
    assert (bot.status, bot.may_trade) == (BotStatus.RUNNING, True)
    assert abs(bot.started_ms - time.time() * 1000) < 60_000
    (decision,) = live.decisions()
    assert (decision["kind"], decision["bot"], decision["author"], decision["override"]) == ("start", "real", "ann", "")
    assert (decision["capital"], decision["added"], decision["gates"]) == (HUNDRED, Decimal(0), MET)
    assert rows("select mode, status, initial_cash from bots where name = 'real'") == [("live", "RUNNING", HUNDRED)]
    assert rows("select reason from bot_state_history where bot_id = %s", bot_id) == [
        ("started with 100 EUR of real money by ann",)
    ]


@pytest.mark.parametrize(("gates", "named"), [(UNMET, "sharpe"), ([], "no gate"), ([{"name": "days"}], "days")])
def test_a_gate_that_does_not_hold_stops_a_start_unless_a_person_writes_why(
    live: LiveStore, gates: list[Any], named: str
) -> None:
    with pytest.raises(ConfigError, match=named) as refused:
        start(live, gates=gates)
    assert "LIVE_OVERRIDE" in refused.value.fix
    with pytest.raises(ConfigError, match=named):
        start(live, gates=gates, override=" \n")
    assert live.live_bot() is None
    start(live, gates=gates, override="a hundred euros, to see it work")
    assert live.decisions()[0]["override"] == "a hundred euros, to see it work"


@pytest.mark.parametrize("change", [
    {"capital": Decimal(0)}, {"capital": Decimal("NaN")}, {"capital": Decimal(-1)}, {"author": " "},
    {"baseline": {"EUR": Decimal("-1")}}, {"baseline": {"EUR": Decimal("Infinity")}},
])  # fmt: skip
def test_a_senseless_start_is_refused_in_words(live: LiveStore, change: dict[str, Any]) -> None:
    with pytest.raises(ConfigError) as refused:
        start(live, **change)
    assert refused.value.where
    assert refused.value.fix
    assert live.decisions() == []


def test_there_is_one_live_bot_and_it_is_none_that_traded_on_paper(live: LiveStore, rows: Rows) -> None:
    with pytest.raises(ConfigError, match="trades on paper"):
        start(live, "main")
    start(live)
    with pytest.raises(ConfigError, match="real is the live bot"):
        start(live, "second")
    with pytest.raises(ConfigError, match="trades live already"):
        start(live)
    with pytest.raises(psycopg.errors.UniqueViolation, match="bots_one_live"):
        rows("insert into bots (name, mode, quote, initial_cash) values ('other', 'live', 'EUR', 1)")
    assert len(live.decisions()) == 1


def test_two_people_who_start_at_once_start_one_bot(database_url: str, live: LiveStore) -> None:
    def begin(name: str) -> str:
        own = LiveStore(database_url)
        try:
            start(own, name)
            return "started"
        except ConfigError as refused:
            return refused.what
        finally:
            own.close()

    with ThreadPoolExecutor(4) as pool:
        said = sorted(pool.map(begin, ["real", "real", "true", "true"]))
    assert said.count("started") == 1
    assert len(live.decisions()) == 1


def test_a_stopped_bot_enters_nothing_is_not_resumed_and_starts_again_by_a_decision(
    live: LiveStore, reports: PostgresReports, store: PostgresStore
) -> None:
    bot_id = start(live)
    reports.queue_command("pause", "real")
    reports.queue_command("resume", "real")
    live.stop(bot_id, "holidays", "bob")
    stopped = live.live_bot()
    assert stopped is not None
    assert (stopped.status, stopped.may_trade) == (BotStatus.PAUSED, False)
    with pytest.raises(ConfigError, match="real trades with real money and is not started") as refused:
        reports.queue_command("resume", "real")
    assert "live start" in refused.value.fix
    assert len(reports.queue_command("resume", None)) == 1  # the paper bot's
    assert [bot.status for bot in store.begin("a", 60).bots] == ["RUNNING", "PAUSED"]
    store.commit(_lease(store), Writes(release=True))
    live.stop(bot_id, "holidays", "bob")
    assert start(live, capital=Decimal(80)) == bot_id
    assert [row["kind"] for row in live.decisions()] == ["start", "stop", "start"]
    assert live.decisions()[0]["added"] == Decimal(-20)
    assert [row["reason"] for row in live.decisions()] == ["", "holidays", ""]


def _lease(store: PostgresStore) -> Lease:
    lease = store.begin("a", 60).lease
    assert lease is not None
    return lease


def test_nobody_runs_a_live_bot_past_the_decision(live: LiveStore, reports: PostgresReports, rows: Rows) -> None:
    with pytest.raises(psycopg.DatabaseError, match="only after a decision to start it"):
        rows("insert into bots (name, mode, quote, initial_cash, status) values ('x', 'live', 'EUR', 1, 'RUNNING')")
    bot_id = reports.ensure_bot("real", "live", "EUR", HUNDRED)
    with pytest.raises(psycopg.DatabaseError, match="only after a decision to start it"):
        rows("update bots set status = 'RUNNING' where name = 'real'")
    with pytest.raises(ConfigError, match="is not started"):
        reports.queue_command("resume", "real")
    with pytest.raises(ConfigError, match="was never started"):
        live.stop(bot_id, "why not", "ann")
    assert start(live) == bot_id
    with pytest.raises(ConfigError, match="no live bot"):
        live.stop(1, "paper", "ann")


@pytest.mark.parametrize(("gates", "override", "fits"), [
    (MET, "", True), (UNMET, "", False), (UNMET, "  ", False), (UNMET, "because", True), ([], "", False),
    ([], "because", True), ([{"name": "days", "ok": None}], "", False), ([{"ok": "true"}], "", False),
    ([{"name": "days"}], "", False), ([[{"ok": True}]], "", False),
])  # fmt: skip
def test_the_schema_itself_wants_all_gates_or_a_reason(
    live: LiveStore, rows: Rows, gates: list[Any], override: str, fits: bool
) -> None:
    for kind in ("start", "raise"):
        row = (
            "insert into live_decisions (bot_id, kind, capital, gates, override, author, asked_as)"
            " values (1, %s, 100, %s::jsonb, %s, 'ann', %s)"
        )
        values = (kind, json.dumps(gates), override, kind)
        if fits:
            rows(row, *values)
        else:
            with pytest.raises(psycopg.errors.CheckViolation, match="gates_hold_or_are_overridden"):
                rows(row, *values)


def test_decisions_are_never_changed_nor_taken_out(live: LiveStore, rows: Rows) -> None:
    start(live)
    for statement in ("update live_decisions set override = 'x'", "delete from live_decisions"):
        with pytest.raises(psycopg.DatabaseError, match="never changed"):
            rows(statement)


def test_capital_is_raised_by_a_decision_and_is_no_profit(
    live: LiveStore, store: PostgresStore, reports: PostgresReports
) -> None:
    bot_id = start(live)
    lease = _lease(store)
    before = samples.equity(
        bot_id=bot_id, cash=Decimal(90), positions_value=Decimal(0), equity=Decimal(90), peak_equity=Decimal(110)
    )
    step = BotWrites(bot_id, equity=before)
    store.commit(lease, Writes(tick=samples.tick("done"), bots=(step,), release=True))
    live.raise_capital(bot_id, Decimal(250), MET, "", "ann")
    lease = _lease(store)
    (_, bot) = store.begin("a", 60).bots
    assert (bot.initial_cash, bot.cash) == (Decimal(250), Decimal(250))
    assert (bot.day_open_equity, bot.peak_equity) == (Decimal(240), Decimal(260))
    row = reports.bots()[1]
    assert (row["equity"], row["peak_equity"], row["pnl_today"], row["pnl_total"]) == (
        Decimal(240), Decimal(260), Decimal(0), Decimal(-10),
    )  # fmt: skip
    after = samples.equity(
        bot_id=bot_id, at_ms=NOW_MS + 300_000, cash=Decimal(250), positions_value=Decimal(0), equity=Decimal(250),
        peak_equity=Decimal(260),
    )  # fmt: skip
    step = BotWrites(bot_id, equity=after)
    store.commit(lease, Writes(tick=samples.tick("done", SLOT_MS + 300_000), bots=(step,), release=True))
    (_, bot) = store.begin("b", 60).bots
    assert (bot.day_open_equity, bot.peak_equity) == (Decimal(240), Decimal(260))
    assert live.paper_record("real").daily_equity == ((SLOT_MS // DAY_MS * DAY_MS, 250.0),)
    assert [(d["kind"], d["capital"], d["added"]) for d in live.decisions()] == [
        ("raise", Decimal(250), Decimal(150)), ("start", HUNDRED, Decimal(0)),
    ]  # fmt: skip


def test_the_books_add_up_between_a_raise_and_the_next_tick(
    live: LiveStore, store: PostgresStore, reports: PostgresReports
) -> None:
    bot_id = start(live)
    worth = samples.equity(bot_id=bot_id, cash=HUNDRED, positions_value=Decimal(0), equity=HUNDRED, peak_equity=HUNDRED)
    step = BotWrites(bot_id, equity=worth)
    store.commit(_lease(store), Writes(tick=samples.tick("done"), bots=(step,), release=True))
    assert reports.audit() == []
    live.raise_capital(bot_id, Decimal(250), MET, "", "ann")
    assert reports.audit() == []


def test_a_raise_wants_a_started_bot_more_money_and_its_gates(live: LiveStore) -> None:
    bot_id = start(live)
    with pytest.raises(ConfigError, match="100 EUR already"):
        live.raise_capital(bot_id, HUNDRED, MET, "", "ann")
    with pytest.raises(ConfigError, match="not met: sharpe"):
        live.raise_capital(bot_id, Decimal(250), UNMET, "", "ann")
    with pytest.raises(ConfigError, match="no live bot"):
        live.raise_capital(1, Decimal(250), MET, "", "ann")
    live.stop(bot_id, "enough", "ann")
    with pytest.raises(ConfigError, match="not started"):
        live.raise_capital(bot_id, Decimal(250), MET, "", "ann")
    assert [row["kind"] for row in live.decisions()] == ["stop", "start"]


def test_a_smaller_capital_must_pay_for_what_is_held(live: LiveStore, store: PostgresStore) -> None:
    bot_id = start(live)
    entry = samples.order(bot_id=bot_id, status=OrderStatus.FILLED, quantity=Decimal(1), filled=Decimal(1))
    bought = samples.fill(quantity=Decimal(1), price=Decimal(60), fee=Decimal(0))
    step = BotWrites(bot_id, orders=(entry,), fills=(bought,))
    store.commit(_lease(store), Writes(tick=samples.tick(), bots=(step,), release=True))
    live.stop(bot_id, "less", "ann")
    with pytest.raises(ConfigError, match="do not pay for"):
        start(live, capital=Decimal(59))
    assert [row["kind"] for row in live.decisions()] == ["stop", "start"]
    start(live, capital=Decimal(60))
    assert store.begin("b", 60).bots[1].cash == 0


def test_money_changes_between_ticks_only(
    live: LiveStore, store: PostgresStore, lease: Lease, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live_store, "LEASE_WAIT_S", 0.0)
    with pytest.raises(DatabaseError, match="a tick is under way"):
        start(live)
    monkeypatch.setattr(live_store, "LEASE_WAIT_S", 10.0)
    monkeypatch.setattr(live_store, "LEASE_POLL_S", 0.02)
    ending = threading.Timer(0.2, lambda: store.commit(lease, Writes(release=True)))
    ending.start()
    assert start(live) == 2
    ending.join()


def test_the_kill_switch_is_thrown_at_once_seen_by_the_next_tick_and_lifted(
    live: LiveStore, store: PostgresStore, lease: Lease, reports: PostgresReports
) -> None:
    live.kill("the venue looks odd", "ann")
    assert live.killed() == store.begin(lease.holder, 60).killed == "the venue looks odd"
    shown = reports.kill_switch()
    assert shown is not None
    assert (shown["reason"], shown["by"]) == ("the venue looks odd", "ann")
    live.kill("and odder", "bob")
    later = reports.kill_switch()
    assert later is not None
    assert (later["reason"], later["by"], later["at_ms"]) == ("and odder", "bob", shown["at_ms"])
    store.commit(lease, Writes(markets_ms=NOW_MS, breaker={"open": 1}, live_venue={"failures": 1}))
    assert live.killed() == "and odder"
    assert live.lift_kill("ann") == "and odder"
    assert (live.killed(), reports.kill_switch(), store.begin(lease.holder, 60).killed) == ("", None, "")
    assert live.lift_kill("ann") == ""
    assert [(row["kind"], row["bot"], row["reason"]) for row in live.decisions()] == [
        ("release", None, "and odder"), ("kill", None, "and odder"), ("kill", None, "the venue looks odd"),
    ]  # fmt: skip


def test_nothing_starts_or_grows_while_the_kill_switch_is_on(live: LiveStore) -> None:
    bot_id = start(live)
    live.kill("odd", "ann")
    for decide in (lambda: start(live), lambda: live.raise_capital(bot_id, Decimal(250), MET, "", "ann")):
        with pytest.raises(ConfigError, match="the kill switch is on: odd"):
            decide()
    live.stop(bot_id, "odd", "ann")
    with pytest.raises(ConfigError, match="no reason"):
        live.kill(" ", "ann")


def test_a_kill_refuses_the_next_entry_of_a_tick_under_way_and_no_protection(
    live: LiveStore, store: PostgresStore, rows: Rows
) -> None:
    bot_id = start(live)
    lease = _lease(store)
    entry = samples.order(bot_id=bot_id)
    store.commit(lease, Writes(tick=samples.tick(), bots=(BotWrites(bot_id, orders=(entry,)),)))
    live.kill("stop it", "ann")
    late = samples.order(bot_id=bot_id, client_id="late", trade_id="late", symbol="ETH/EUR")
    with pytest.raises(DatabaseError, match="the kill switch is on: stop it"):
        store.commit(lease, Writes(bots=(BotWrites(bot_id, orders=(late,)),)))
    # What was sent before is booked, also unchanged; its stop may be placed.
    stop = samples.stop(bot_id=bot_id, status=OrderStatus.SUBMITTING, venue_order_id="")
    store.commit(lease, Writes(bots=(BotWrites(bot_id, orders=(entry, stop)),)))
    paper = samples.order(client_id="paper", trade_id="paper")
    store.commit(lease, Writes(bots=(BotWrites(1, orders=(paper,)),)))
    assert rows("select client_id from orders order by 1") == sorted([
        (entry.client_id,), (stop.client_id,), ("paper",),
    ])  # fmt: skip


def test_a_decision_counts_once_wherever_the_connection_is_cut(database_url: str, live: LiveStore) -> None:
    gate = Gate()
    wire = DatabaseWire(database_url, gate)
    wired = LiveStore(wire.url)
    bot_id = start(wired)

    def decide() -> None:
        wired.stop(bot_id, "again", "ann")
        start(wired)
        wired.raise_capital(bot_id, Decimal(250), MET, "", "ann")

    gate.begin()
    decide()
    messages, made = len(gate.labels), 4
    for n, when in product(range(1, messages + 1), (BEFORE, AFTER)):
        gate.begin(Plan(n, when, lambda: False))
        decide()
        made += 3
        assert gate.plans[0].done
        assert len(live.decisions(10_000)) == made, (gate.labels[n - 1], when)
    assert messages > 20
    wired.close()
    wire.close()


def test_the_paper_record_is_days_and_closed_trades(live: LiveStore, store: PostgresStore, lease: Lease) -> None:
    store.commit(lease, Writes(tick=samples.tick(), bots=(samples.whole_tick(),)))
    closed = samples.trade(
        status="closed", open_quantity=Decimal(0), exit_ms=NOW_MS + DAY_MS, exit_price=Decimal(110), exit_reason="stop",
        exit_proceeds=Decimal(22), fees=Decimal("0.16804"), pnl=Decimal("1.82196"),
    )  # fmt: skip
    for hours in (1, 25, 26):
        worth = samples.equity(
            at_ms=NOW_MS + hours * 3_600_000, cash=Decimal(1000 + hours), positions_value=Decimal(0),
            equity=Decimal(1000 + hours), peak_equity=Decimal(2000),
        )  # fmt: skip
        store.commit(lease, Writes(bots=(BotWrites(1, trades=(closed,), equity=worth),)))
    record = live.paper_record("main")
    day_ms = NOW_MS // DAY_MS * DAY_MS
    assert record.first_day_ms == day_ms
    assert record.daily_equity == ((day_ms, 1001.0), (day_ms + DAY_MS, 1026.0))
    assert record.closed == (closed,)
    with pytest.raises(ConfigError, match="no bot is named 'nobody'"):
        live.paper_record("nobody")


def test_a_record_of_nothing_is_empty(live: LiveStore) -> None:
    record = live.paper_record("main")
    assert (record.first_day_ms, record.daily_equity, record.closed) == (0, (), ())


def test_a_dead_letter_stays_open_until_somebody_has_seen_to_it(
    live: LiveStore, store: PostgresStore, lease: Lease
) -> None:
    order = samples.order(status=OrderStatus.REJECTED)
    letter = DeadLetter(order.client_id, order.symbol, order.leg, order.side, order.quantity, "EOrder: no", NOW_MS)
    step = BotWrites(1, orders=(order,), dead_letters=(letter,))
    store.commit(lease, Writes(tick=samples.tick(), bots=(step,)))
    (shown,) = live.dead_letters()
    assert (shown["client_id"], shown["why"], shown["quantity"]) == (order.client_id, "EOrder: no", order.quantity)
    assert (shown["at_ms"], shown["resolved_ms"], shown["bot"]) == (NOW_MS, 0, "main")
    assert live.resolve_dead_letter(order.client_id, "ann")
    assert not live.resolve_dead_letter(order.client_id, "bob")
    assert live.dead_letters() == []
    assert live.dead_letters(open_only=False)[0]["resolved_by"] == "ann"
    store.commit(lease, Writes(bots=(step,)))
    assert live.dead_letters() == []
