"""What a commit writes and a begin loads: round trips, repeats, all or nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from typing import Any

import numpy as np
import pytest

from bot.adapters.postgres import PostgresStore
from bot.adapters.postgres_reports import PostgresReports
from bot.domain.book import BotState, BotStatus
from bot.domain.candles import Candles
from bot.domain.errors import DatabaseError
from bot.domain.orders import OrderStatus, Side
from bot.domain.ports import CandleRequest
from bot.domain.records import BotSnapshot, BotWrites, DecisionRecord, Lease, StateChange, Writes
from tests.state import samples
from tests.state.samples import ENTRY_ID, NOW_MS, SLOT_MS, SYMBOL, assert_same

Rows = Callable[..., list[Any]]
ROW_TABLES = [
    "ticks",
    "orders",
    "order_events",
    "fills",
    "trades",
    "trade_events",
    "signals",
    "verdicts",
    "decisions",
    "symbol_cooldowns",
    "equity_snapshots",
    "bot_state_history",
    "risk_events",
    "candles",
    "candle_series",
    "venue_markets",
    "venue_state",
]


def whole_writes() -> Writes:
    return Writes(
        tick=samples.tick("done"),
        candles=(samples.candles(), samples.candles("ETH/EUR", "5m", 3)),
        markets=(samples.MARKET, replace(samples.MARKET, symbol="ETH/EUR")),
        markets_ms=NOW_MS,
        breaker={"failures": 2},
        bots=(samples.whole_tick(),),
        risk_events=(samples.risk_event(), samples.risk_event(bot_id=0, key="venue")),
    )


def only_bot(store: PostgresStore, holder: str = "first run") -> BotSnapshot:
    (bot,) = store.begin(holder, 60).bots
    return bot


def test_a_new_database_gives_an_empty_snapshot(database_url: str) -> None:
    store = PostgresStore(database_url)
    snapshot = store.begin("a", 60)
    store.close()
    assert snapshot.lease is not None
    assert snapshot.db_writable
    assert (snapshot.bots, snapshot.markets, snapshot.series_tails, snapshot.breaker) == ((), (), {}, {})
    assert (snapshot.last_slot_ms, snapshot.last_now_ms, snapshot.markets_ms) == (0, 0, 0)


def test_a_new_bot_is_running_with_its_initial_cash(store: PostgresStore) -> None:
    bot = only_bot(store)
    assert (bot.name, bot.mode, bot.quote, bot.status, bot.state) == ("main", "paper", "EUR", "RUNNING", "IDLE")
    assert bot.cash == bot.initial_cash == Decimal(1000)
    assert (bot.settings_version, bot.overrides, bot.day_open_equity, bot.peak_equity) == (0, {}, None, None)
    assert (bot.last_tick_ms, bot.handled, bot.commands) == (0, {}, ())


def test_what_was_committed_comes_back_the_same(store: PostgresStore, lease: Lease) -> None:
    writes = whole_writes()
    store.commit(lease, writes)
    snapshot = store.begin(lease.holder, 60)
    assert (snapshot.last_slot_ms, snapshot.last_now_ms) == (SLOT_MS, NOW_MS)
    assert snapshot.markets == writes.markets
    assert (snapshot.markets_ms, snapshot.breaker) == (NOW_MS, {"failures": 2})
    assert snapshot.series_tails == {
        (candles.symbol, candles.timeframe): int(candles.open_ms[-1]) for candles in writes.candles
    }
    (bot,), (written,) = snapshot.bots, writes.bots
    assert bot.open_orders == written.orders[1:]
    assert bot.open_trades == written.trades
    assert bot.cooldowns == written.cooldowns
    assert bot.handled == {SYMBOL: samples.BAR_MS}
    assert (bot.status, bot.state) == (BotStatus.RUNNING, BotState.POSITION_OPEN)
    assert bot.cash == Decimal(1000) - Decimal("0.2") * Decimal("100.05") - Decimal("0.08004")
    assert (bot.last_tick_ms, bot.day_open_ms) == (NOW_MS, NOW_MS)
    assert (bot.peak_equity, bot.day_open_equity) == (Decimal(1000), Decimal("999.91996"))
    assert bot.open_risk_keys == ("stale:BTC/EUR", "venue")


def test_decimals_keep_every_digit_and_times_every_millisecond(store: PostgresStore, lease: Lease) -> None:
    exact = samples.order(quantity=Decimal("12345678901.123456789012345678"), placed_ms=1_763_640_000_001, checked_ms=0)
    store.commit(lease, Writes(tick=samples.tick(), bots=(BotWrites(1, orders=(exact,)),)))
    assert only_bot(store).open_orders == (exact,)


def test_committing_the_same_twice_changes_nothing(store: PostgresStore, lease: Lease, rows: Rows) -> None:
    def everything() -> dict[str, list[Any]]:
        return {table: rows(f"select t::text from {table} t order by 1") for table in ROW_TABLES}

    store.commit(lease, whole_writes())
    once = everything()
    store.commit(lease, whole_writes())
    assert everything() == once
    assert all(once.values())


def test_a_commit_is_all_or_nothing(store: PostgresStore, lease: Lease, rows: Rows) -> None:
    bad = replace(samples.whole_tick(), equity=samples.equity(cash=Decimal("5")))
    with pytest.raises(DatabaseError, match="equity_adds_up"):
        store.commit(lease, replace(whole_writes(), bots=(bad,)))
    assert [rows(f"select count(*) from {table}") for table in ("ticks", "orders", "fills", "candles")] == [[(0,)]] * 4


def test_the_steps_of_an_order_may_come_in_one_commit_or_in_several(store: PostgresStore, lease: Lease) -> None:
    planned = samples.order(status=OrderStatus.PLANNED)
    steps = tuple(replace(planned, status=status) for status in (OrderStatus.SUBMITTING, OrderStatus.OPEN))
    store.commit(lease, Writes(tick=samples.tick(), bots=(BotWrites(1, orders=(planned,)),)))
    both = Writes(bots=(BotWrites(1, orders=steps),))
    store.commit(lease, both)
    store.commit(lease, both)
    assert only_bot(store).open_orders == (steps[-1],)


def test_a_final_order_leaves_the_snapshot_and_stays_in_the_table(
    store: PostgresStore, lease: Lease, reports: PostgresReports
) -> None:
    placed = samples.order(status=OrderStatus.OPEN)
    store.commit(lease, Writes(tick=samples.tick(), bots=(BotWrites(1, orders=(placed,)),)))
    store.commit(lease, Writes(bots=(BotWrites(1, orders=(replace(placed, status=OrderStatus.EXPIRED),)),)))
    assert only_bot(store).open_orders == ()
    assert [row["status"] for row in reports.orders()] == ["expired"]


def test_a_fill_is_counted_once_whoever_reports_it(store: PostgresStore, lease: Lease) -> None:
    bot = BotWrites(1, orders=(samples.order(status=OrderStatus.OPEN),), fills=(samples.fill(), samples.fill()))
    store.commit(lease, Writes(tick=samples.tick(), bots=(bot,)))
    cash = only_bot(store).cash
    store.commit(lease, Writes(bots=(BotWrites(1, fills=(samples.fill(price=Decimal(1)),)),)))
    assert only_bot(store).cash == cash == Decimal("979.90996")


def test_numbers_that_json_does_not_know_become_null(store: PostgresStore, lease: Lease, rows: Rows) -> None:
    nan = float("nan")
    bot = BotWrites(
        1,
        signals=(samples.signal(atr=nan),),
        decision=DecisionRecord(1, {"a": [nan, 1.5, float("inf")], "text": "zero \x00 byte"}, {}, 0, "v"),
    )
    store.commit(lease, Writes(tick=samples.tick(), bots=(bot,)))
    assert rows("select atr from signals") == [(None,)]
    assert rows("select inputs from decisions") == [({"a": [None, 1.5, None], "text": "zero  byte"},)]


def test_text_that_looks_like_a_parameter_or_like_sql_is_only_text(
    store: PostgresStore, lease: Lease, rows: Rows
) -> None:
    text = "100% sure %(fence)s %s '; drop table orders; -- \\' € \U0001f600"
    store.commit(lease, Writes(tick=samples.tick(), bots=(BotWrites(1, orders=(samples.order(reason=text),)),)))
    assert only_bot(store).open_orders[0].reason == text


def test_a_second_attempt_at_a_slot_is_counted_and_a_done_slot_stays_done(
    store: PostgresStore, lease: Lease, rows: Rows
) -> None:
    store.commit(lease, Writes(tick=samples.tick("running"), release=True))
    second = store.begin("second run", 60).lease
    assert second is not None
    store.commit(second, Writes(tick=samples.tick("failed", error="cut off")))
    store.commit(second, Writes(tick=samples.tick("done", now_ms=SLOT_MS + 9_000)))
    store.commit(second, Writes(tick=samples.tick("running"), release=True))
    ledger = "select status, attempts, fence::int, delay_ms::int, error, finished_at is not null from ticks"
    assert rows(ledger) == [("done", 2, 2, 9_000, "", True)]


def test_each_attempt_keeps_its_own_decision(store: PostgresStore, lease: Lease, rows: Rows) -> None:
    def decide(held: Lease, answer: str) -> Writes:
        decision = DecisionRecord(1, {"n": held.token}, {"answer": answer}, 0, "v")
        return Writes(tick=samples.tick(), bots=(BotWrites(1, decision=decision),), release=True)

    store.commit(lease, decide(lease, "first"))
    second = store.begin("second run", 60).lease
    assert second is not None
    store.commit(second, decide(second, "second"))
    assert rows("select fence::int, outputs ->> 'answer' from decisions order by fence") == [
        (1, "first"),
        (2, "second"),
    ]


def test_a_pause_given_while_a_tick_runs_is_not_taken_back_by_it(
    store: PostgresStore, lease: Lease, reports: PostgresReports
) -> None:
    reports.queue_command("pause", "main")
    step = StateChange(1, BotStatus.RUNNING, BotState.MONITORING, "looking", NOW_MS)
    store.commit(lease, Writes(tick=samples.tick(), bots=(BotWrites(1, states=(step,)),)))
    bot = only_bot(store)
    assert (bot.status, bot.state) == (BotStatus.PAUSED, BotState.MONITORING)


def test_markets_are_replaced_whole_and_the_breaker_is_kept_when_not_given(store: PostgresStore, lease: Lease) -> None:
    two = (samples.MARKET, replace(samples.MARKET, symbol="ETH/EUR"))
    store.commit(lease, Writes(markets=two, markets_ms=NOW_MS, breaker={"open": True}))
    cheaper = replace(samples.MARKET, taker_fee=Decimal("0.001"))
    store.commit(lease, Writes(markets=(cheaper,), markets_ms=NOW_MS + 1))
    snapshot = store.begin(lease.holder, 60)
    assert (snapshot.markets, snapshot.markets_ms, snapshot.breaker) == ((cheaper,), NOW_MS + 1, {"open": True})
    store.commit(lease, Writes(breaker={}))
    snapshot = store.begin(lease.holder, 60)
    assert (snapshot.markets_ms, snapshot.breaker) == (NOW_MS + 1, {})


def test_a_risk_event_is_open_once_counts_its_sightings_and_can_come_back(
    store: PostgresStore, lease: Lease, rows: Rows
) -> None:
    for n in range(3):
        store.commit(lease, Writes(risk_events=(samples.risk_event(at_ms=NOW_MS + n, message=f"seen {n}"),)))
    assert rows("select times, message, resolved_at from risk_events") == [(3, "seen 2", None)]
    store.commit(lease, Writes(risk_events=(samples.risk_event(at_ms=NOW_MS + 9, resolved=True),)))
    assert only_bot(store).open_risk_keys == ()
    store.commit(lease, Writes(risk_events=(samples.risk_event(at_ms=NOW_MS + 10),)))
    assert rows("select times, resolved_at is null from risk_events order by risk_event_id") == [(3, False), (1, True)]


def test_bots_keep_their_money_apart(store: PostgresStore, lease: Lease, reports: PostgresReports) -> None:
    assert reports.ensure_bot("second", "paper", "EUR", Decimal(500)) == 2
    theirs = samples.order(client_id="other", bot_id=2, trade_id="other", status=OrderStatus.OPEN)
    store.commit(
        lease,
        Writes(
            tick=samples.tick(),
            bots=(
                samples.whole_tick(),
                BotWrites(
                    2, orders=(theirs,), fills=(samples.fill(client_id="other", venue_trade_id="x", fee=Decimal(0)),)
                ),
            ),
        ),
    )
    first, second = store.begin(lease.holder, 60).bots
    assert (first.cash, second.cash) == (Decimal("979.90996"), Decimal("479.990"))
    assert [order.client_id for order in second.open_orders] == ["other"]
    assert second.open_trades == ()


def test_windows_give_back_the_stored_candles_oldest_first(store: PostgresStore, lease: Lease) -> None:
    stored = [samples.candles(symbol, timeframe, 300, seed) for seed, (symbol, timeframe) in enumerate(
        (symbol, timeframe) for symbol in ("BTC/EUR", "ETH/EUR") for timeframe in ("5m", "1h", "1d"))]  # fmt: skip
    shuffled = tuple(candles.take(np.random.default_rng(n).permutation(300)) for n, candles in enumerate(stored))
    store.commit(lease, Writes(candles=shuffled))
    wanted = [CandleRequest(candles.symbol, candles.timeframe, 0) for candles in reversed(stored)]
    found = store.windows(wanted)
    assert list(found) == [(request.symbol, request.timeframe) for request in wanted]
    for candles in stored:
        assert_same(found[candles.symbol, candles.timeframe], candles)
        since = int(candles.open_ms[-10])
        tail = store.windows([CandleRequest(candles.symbol, candles.timeframe, since)])
        assert_same(tail[candles.symbol, candles.timeframe], candles.tail(10))


def test_windows_of_unknown_series_are_empty(store: PostgresStore, lease: Lease) -> None:
    store.commit(lease, Writes(candles=(samples.candles(), Candles.empty("XRP/EUR", "1h"))))
    wanted = [CandleRequest("NONE/EUR", "1h", 0), CandleRequest(SYMBOL, "1h", SLOT_MS * 2)]
    assert [len(candles) for candles in store.windows(wanted).values()] == [0, 0]
    assert store.windows([]) == {}


def test_a_filled_candle_gives_way_to_a_real_one_and_a_real_one_to_none(store: PostgresStore, lease: Lease) -> None:
    real = samples.candles(count=3)
    filled = replace(real, filled=np.array([False, True, False]), volume=np.array([1.0, 0.0, 3.0]))
    store.commit(lease, Writes(candles=(filled,)))
    store.commit(lease, Writes(candles=(replace(real, volume=np.array([9.0, 9.0, 9.0])),)))
    kept = store.windows([CandleRequest(SYMBOL, "1h", 0)])[SYMBOL, "1h"]
    assert kept.volume.tolist() == [1.0, 9.0, 3.0]
    assert not kept.filled.any()


@pytest.mark.parametrize(("column", "value"), [
    ("low", -1.0), ("high", float("nan")), ("close", float("inf")), ("open", 0.0), ("volume", -0.1), ("high", 1e-9),
])  # fmt: skip
def test_a_broken_candle_is_refused_by_the_schema(
    store: PostgresStore, lease: Lease, column: str, value: float
) -> None:
    good = samples.candles(count=2)
    values = getattr(good, column).copy()
    values[1] = value
    with pytest.raises(DatabaseError, match="candles"):
        store.commit(lease, Writes(candles=(replace(good, **{column: values}),)))


def test_a_connection_that_was_cut_is_opened_anew(store: PostgresStore, lease: Lease, rows: Rows) -> None:
    cut = (
        "select pg_terminate_backend(pid, 5000) from pg_stat_activity"
        " where datname = current_database() and application_name = 'metronome' and pid <> pg_backend_pid()"
    )
    assert (True,) in rows(cut)
    store.commit(lease, Writes(tick=samples.tick(), bots=(samples.whole_tick(),)))
    assert rows(cut)
    assert only_bot(store).open_trades[0].trade_id == ENTRY_ID


def test_a_sale_gives_cash_and_takes_the_position(store: PostgresStore, lease: Lease, reports: PostgresReports) -> None:
    store.commit(lease, Writes(tick=samples.tick(), bots=(samples.whole_tick(),)))
    sold = samples.fill(
        client_id=samples.stop().client_id, venue_trade_id="s1", side=Side.SELL, quantity=Decimal("0.2"),
        price=Decimal("110"), fee=Decimal("0.088"),
    )  # fmt: skip
    closed_stop = samples.stop(quantity=Decimal("0.2"), filled=Decimal("0.2"), status=OrderStatus.FILLED)
    closed = samples.trade(
        status="closed", open_quantity=Decimal(0), exit_ms=NOW_MS, exit_price=Decimal(110), exit_reason="stop",
        exit_proceeds=Decimal(22), fees=Decimal("0.16804"), pnl=Decimal("1.82196"),
    )  # fmt: skip
    rich = Decimal(1000) + closed.pnl
    after = samples.equity(at_ms=NOW_MS + 9, cash=rich, positions_value=Decimal(0), equity=rich, peak_equity=rich)
    step = BotWrites(1, orders=(closed_stop,), fills=(sold,), trades=(closed,), equity=after)
    store.commit(lease, Writes(bots=(step,)))
    bot = only_bot(store)
    assert bot.cash == rich
    assert bot.open_trades == ()
    assert reports.positions() == []
    assert reports.audit() == []
