"""What a live bot's tick loads and saves: orders that the venue may still list, its own facts, late fills."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from decimal import Decimal
from typing import Any

import psycopg
import pytest

from bot.adapters.live_store import LiveStore
from bot.adapters.postgres import PostgresStore
from bot.adapters.postgres_reports import PostgresReports
from bot.adapters.postgres_rows import query
from bot.domain.errors import DatabaseError
from bot.domain.orders import FINAL, Fill, Leg, Order, OrderStatus, OrderType, Side
from bot.domain.records import BotSnapshot, BotWrites, DeadLetter, Lease, OrderEvent, Writes
from tests.state import samples
from tests.state.samples import NOW_MS, SLOT_MS

Rows = Callable[..., list[Any]]
S = OrderStatus
LIVE = 2
BESIDE = {"EUR": Decimal("12.50"), "BTC": Decimal("0.00000001")}
SLOT = 300_000


@pytest.fixture
def bot_id(database_url: str, reports: PostgresReports) -> Iterator[int]:
    """A started live bot `real` beside the paper bot `main`."""
    decisions = LiveStore(database_url)
    yield decisions.start("real", "EUR", Decimal(1000), BESIDE, [], "a test", "ann")
    decisions.close()


@pytest.fixture
def held(bot_id: int, lease: Lease) -> Lease:
    """The lease, once there is a live bot."""
    return lease


def entry(name: str, status: OrderStatus, **changes: Any) -> Order:
    filled = Decimal("0.5") if status is S.FILLED else Decimal(0)
    made = samples.order(bot_id=LIVE, client_id=name, trade_id=name, status=status, filled=filled)
    return replace(made, **{"venue_order_id": f"O-{name}"} | changes)


def stop(name: str, trade_id: str, status: OrderStatus, **changes: Any) -> Order:
    filled = Decimal("0.5") if status is S.FILLED else Decimal(0)
    made = samples.stop(bot_id=LIVE, client_id=name, trade_id=trade_id, status=status, filled=filled)
    return replace(made, **{"venue_order_id": f"O-{name}"} | changes)


def fill(order: Order, **changes: Any) -> Fill:
    made = samples.fill(
        client_id=order.client_id, venue_trade_id=f"T-{order.client_id}", side=order.side, quantity=Decimal("0.5"),
        price=Decimal(100), fee=Decimal("0.2"),
    )  # fmt: skip
    return replace(made, **changes)


def opened(name: str, **changes: Any) -> Any:
    return samples.trade(
        bot_id=LIVE, trade_id=name, quantity=Decimal("0.5"), open_quantity=Decimal("0.5"), entry_cost=Decimal(50),
        entry_price=Decimal(100), **changes,
    )  # fmt: skip


def closed(name: str) -> Any:
    return samples.trade(
        bot_id=LIVE, trade_id=name, status="closed", quantity=Decimal("0.5"), open_quantity=Decimal(0),
        entry_cost=Decimal(50), entry_price=Decimal(100), exit_ms=NOW_MS + 1, exit_price=Decimal(101),
        exit_proceeds=Decimal("50.5"), exit_reason="stop_loss", pnl=Decimal("0.1"), fees=Decimal("0.4"),
    )  # fmt: skip


def commit(store: PostgresStore, lease: Lease, **lists: Any) -> None:
    store.commit(lease, Writes(tick=samples.tick(), bots=(BotWrites(LIVE, **lists),)))


def live_bot(store: PostgresStore, holder: str = "first run") -> BotSnapshot:
    (found,) = (bot for bot in store.begin(holder, 60).bots if bot.mode == "live")
    return found


def names(orders: tuple[Order, ...]) -> list[str]:
    return [order.client_id for order in orders]


def age(rows: Rows, days: float, *client_ids: str) -> None:
    """Let orders have changed last so long ago."""
    rows(
        "update orders set updated_at = clock_timestamp() - make_interval(secs => %s) where client_id = any (%s)",
        days * 86_400,
        list(client_ids),
    )


def tended(store: PostgresStore, lease: Lease, n: int = 1) -> None:
    """A done tick that valued the live bot."""
    slot_ms = SLOT_MS + n * SLOT
    worth = samples.equity(
        bot_id=LIVE, at_ms=slot_ms + 1, cash=Decimal(1000), positions_value=Decimal(0), equity=Decimal(1000)
    )
    store.commit(lease, Writes(tick=samples.tick("done", slot_ms), bots=(BotWrites(LIVE, equity=worth),)))


# --- the snapshot ----------------------------------------------------------------------------


def test_a_new_live_bot_has_its_baseline_and_nothing_to_settle(store: PostgresStore, held: Lease) -> None:
    bot = live_bot(store)
    assert bot.baseline == BESIDE
    assert (bot.settled_orders, bot.known_fills, bot.ended_trades) == ((), (), ())


def test_final_orders_of_open_trades_stay_in_sight_however_old(store: PostgresStore, held: Lease, rows: Rows) -> None:
    bought, old = entry("bought", S.FILLED), entry("old", S.FILLED)
    resting, sold = stop("resting", "bought", S.OPEN), stop("sold", "old", S.FILLED)
    commit(
        store, held, orders=(bought, old, resting, sold), fills=(fill(bought), fill(old), fill(sold)),
        trades=(opened("bought"), closed("old")),
    )  # fmt: skip
    tended(store, held)
    age(rows, 30, "bought", "old", "sold")
    bot = live_bot(store)
    assert names(bot.open_orders) == ["resting"]
    assert names(bot.settled_orders) == ["bought"]
    assert bot.settled_orders == (bought,)
    assert bot.known_fills == ("T-bought",)
    assert [trade.trade_id for trade in bot.open_trades] == ["bought"]
    assert bot.ended_trades == ()


def test_orders_that_ended_lately_stay_in_sight_for_a_day_before_the_last_tick_that_looked(
    store: PostgresStore, held: Lease, rows: Rows
) -> None:
    ended = [status for status in S if status in FINAL]
    for n, status in enumerate(ended):
        commit(store, held, orders=(entry(f"new{n}", status), entry(f"old{n}", status)))
    tended(store, held)
    age(rows, 0.9, *(f"new{n}" for n in range(len(ended))))
    age(rows, 1.1, *(f"old{n}" for n in range(len(ended))))
    assert names(live_bot(store).settled_orders) == [f"new{n}" for n in range(len(ended))]
    # Ticks that left the live bot alone do not let its orders out of sight.
    rows("update ticks set finished_at = finished_at - interval '2 hours'")
    store.commit(held, Writes(tick=samples.tick("done", SLOT_MS + 9 * SLOT), release=True))
    next_run = store.begin("next", 60).lease
    assert next_run is not None
    store.commit(next_run, Writes(tick=samples.tick("done", SLOT_MS + 10 * SLOT)))
    rows("update ticks set finished_at = finished_at + interval '5 days' where fence = %s", next_run.token)
    assert len(live_bot(store, "next").settled_orders) == len(ended)


def test_all_final_orders_are_in_sight_before_the_first_tick_is_done(
    store: PostgresStore, held: Lease, rows: Rows
) -> None:
    commit(store, held, orders=(entry("rebuilt", S.CANCELLED),))
    age(rows, 400, "rebuilt")
    assert names(live_bot(store).settled_orders) == ["rebuilt"]


def test_a_closed_trade_stays_in_sight_while_one_of_its_orders_may_still_fill(
    store: PostgresStore, held: Lease, rows: Rows
) -> None:
    half = entry("half", S.PARTIALLY_FILLED, quantity=Decimal(1), filled=Decimal("0.5"))
    sold = stop("sold", "half", S.FILLED)
    commit(store, held, orders=(half, sold), fills=(fill(half), fill(sold)), trades=(closed("half"),))
    tended(store, held)
    age(rows, 30, "half", "sold")
    bot = live_bot(store)
    assert (names(bot.open_orders), names(bot.settled_orders)) == (["half"], ["sold"])
    assert bot.ended_trades == (closed("half"),)
    assert sorted(bot.known_fills) == ["T-half", "T-sold"]
    assert bot.open_trades == ()


def test_a_paper_bot_gets_none_of_it(store: PostgresStore, held: Lease) -> None:
    store.commit(held, Writes(tick=samples.tick("done"), bots=(samples.whole_tick(),)))
    ended = samples.order(client_id="ended", trade_id="ended", status=S.EXPIRED)
    store.commit(held, Writes(bots=(BotWrites(1, orders=(ended,)),)))
    paper = store.begin(held.holder, 60).bots[0]
    assert paper.mode == "paper"
    assert (paper.settled_orders, paper.known_fills, paper.ended_trades, paper.baseline) == ((), (), (), {})


def test_the_live_part_of_the_snapshot_is_never_run_for_paper_bots(
    store: PostgresStore, lease: Lease, database_url: str, rows: Rows
) -> None:
    def loops() -> dict[str, int]:
        """How often the server ran each part of the snapshot that only a live bot needs, by its own count."""
        explained = "explain (analyze, format json) " + query("snapshot").replace("%(holder)s", "'nobody'")
        with psycopg.connect(database_url) as connection:
            row = connection.execute(explained.encode()).fetchone()
        assert row is not None
        parts = {f"CTE {name}" for name in ("alive", "settled")}
        found = [node for node in _nodes(row[0][0]["Plan"]) if node.get("Subplan Name") in parts]
        assert len(found) == len(parts)
        return {node["Subplan Name"]: node["Actual Loops"] for node in found}

    store.commit(lease, Writes(tick=samples.tick("done"), bots=(samples.whole_tick(),), release=True))
    assert not any(loops().values())
    decisions = LiveStore(database_url)
    decisions.start("real", "EUR", Decimal(1000), BESIDE, [], "a test", "ann")
    decisions.close()
    assert all(loops().values())


def _nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for child in plan.get("Plans", ()):
        yield from _nodes(child)


# --- what is saved ---------------------------------------------------------------------------


def test_what_the_live_venue_remembers_is_kept_until_it_is_given_anew(store: PostgresStore, lease: Lease) -> None:
    assert store.begin(lease.holder, 60).live_venue == {}
    state = {"failures": 2, "open_until_ms": NOW_MS, "why": ["EAPI:Rate limit exceeded"]}
    store.commit(lease, Writes(live_venue=state))
    store.commit(lease, Writes(breaker={"open": True}, markets_ms=NOW_MS))
    snapshot = store.begin(lease.holder, 60)
    assert (snapshot.live_venue, snapshot.breaker, snapshot.markets_ms) == (state, {"open": True}, NOW_MS)
    store.commit(lease, Writes(live_venue={}))
    snapshot = store.begin(lease.holder, 60)
    assert (snapshot.live_venue, snapshot.breaker) == ({}, {"open": True})


def test_the_name_under_which_orders_list_a_symbol_comes_back(store: PostgresStore, lease: Lease) -> None:
    market = replace(samples.MARKET, altname="XBTEUR")
    store.commit(lease, Writes(markets=(market, replace(samples.MARKET, symbol="ETH/EUR")), markets_ms=NOW_MS))
    assert [found.altname for found in store.begin(lease.holder, 60).markets] == ["XBTEUR", ""]
    store.commit(lease, Writes(markets=(replace(market, altname="BTCEUR"),), markets_ms=NOW_MS))
    assert [found.altname for found in store.begin(lease.holder, 60).markets] == ["BTCEUR"]


PATHS = {
    "accepted, sized anew by the venue, filled in parts": [
        (S.SUBMITTING, "0.5", "0", ""), (S.OPEN, "0.5", "0", "O-1"), (S.OPEN, "0.4", "0", "O-1"),
        (S.PARTIALLY_FILLED, "0.4", "0.1", "O-1"), (S.PARTIALLY_FILLED, "0.3", "0.1", "O-1"),
        (S.FILLED, "0.3", "0.3", "O-1"),
    ],
    "in doubt, then found resting": [
        (S.SUBMITTING, "0.5", "0", ""), (S.UNKNOWN, "0.5", "0", ""), (S.OPEN, "0.5", "0", "O-1"),
        (S.OPEN, "0.45", "0", "O-1"), (S.CANCELLED, "0.45", "0", "O-1"),
    ],
    "in doubt, then found filled": [
        (S.SUBMITTING, "0.5", "0", ""), (S.UNKNOWN, "0.5", "0", ""), (S.UNKNOWN, "0.5", "0", "O-1"),
        (S.PARTIALLY_FILLED, "0.5", "0.2", "O-1"), (S.FILLED, "0.5", "0.5", "O-1"),
    ],
    "in doubt, then known to be nowhere": [
        (S.SUBMITTING, "0.5", "0", ""), (S.UNKNOWN, "0.5", "0", ""), (S.NOT_PLACED, "0.5", "0", ""),
    ],
    "refused": [(S.SUBMITTING, "0.5", "0", ""), (S.REJECTED, "0.5", "0", "")],
    "ended, and one more fill comes to light": [
        (S.OPEN, "0.5", "0", "O-1"), (S.CANCELLED, "0.5", "0", "O-1"), (S.CANCELLED, "0.5", "0.2", "O-1"),
    ],
    "amended at the venue with coins gone already": [
        (S.OPEN, "0.5", "0", "O-1"), (S.PARTIALLY_FILLED, "0.5", "0.2", "O-1"),
        (S.PARTIALLY_FILLED, "0.7", "0.2", "O-1"), (S.FILLED, "0.7", "0.7", "O-1"),
    ],
}  # fmt: skip


@pytest.mark.parametrize("path", PATHS)
def test_a_live_order_takes_its_way_step_by_step_or_in_one_commit_and_twice_the_same(
    store: PostgresStore, held: Lease, rows: Rows, path: str
) -> None:
    for one_by_one in (True, False):
        name = f"o{one_by_one}"
        steps = [
            entry(
                name, status, quantity=Decimal(quantity), filled=Decimal(filled), venue_order_id=venue and venue + name
            )
            for status, quantity, filled, venue in PATHS[path]
        ]  # fmt: skip
        for batch in [[step] for step in steps] if one_by_one else [steps]:
            commit(store, held, orders=tuple(batch))
        stored = "select status, quantity, filled, venue_order_id from orders where client_id = %s"
        last = steps[-1]
        expected = [(last.status.value, last.quantity, last.filled, last.venue_order_id)]
        assert rows(stored, name) == expected
        commit(store, held, orders=tuple(steps))
        assert rows(stored, name) == expected


@pytest.mark.parametrize("status", [S.OPEN, S.PARTIALLY_FILLED, S.FILLED, S.CANCELLED, S.EXPIRED])
def test_a_stop_that_the_venue_made_by_itself_is_a_row_at_once_whatever_became_of_it(
    store: PostgresStore, held: Lease, rows: Rows, status: OrderStatus
) -> None:
    bought = entry("bought", S.FILLED)
    filled = {S.PARTIALLY_FILLED: "0.1", S.FILLED: "0.5", S.CANCELLED: "0.2"}.get(status, "0")
    found = stop("found", "bought", status, filled=Decimal(filled))
    fills = [fill(bought)]
    if found.filled:
        fills.append(fill(found, quantity=found.filled))
    lists = {"orders": (bought, replace(found, status=S.OPEN, filled=Decimal(0)), found), "fills": tuple(fills)}
    commit(store, held, **lists)
    commit(store, held, **lists)
    assert rows("select status, filled from orders where client_id = 'found'") == [(status.value, Decimal(filled))]
    assert rows("select count(*) from fills") == [(len(fills),)]


def test_one_order_of_the_venue_is_one_row(store: PostgresStore, held: Lease, rows: Rows) -> None:
    commit(store, held, orders=(entry("first", S.OPEN, venue_order_id="OABC"),))
    twin = entry("twin", S.OPEN, venue_order_id="OABC")
    with pytest.raises(DatabaseError, match="orders_venue_order"):
        commit(store, held, orders=(twin,))
    commit(store, held, orders=(replace(twin, venue_order_id=""),))
    with pytest.raises(DatabaseError, match="orders_venue_order"):
        commit(store, held, orders=(twin,))
    # Ids of the paper venue are no ids of a venue, and an unknown one is none at all.
    for n in range(2):
        commit(store, held, orders=(entry(f"p{n}", S.OPEN, venue_order_id="paper-x"),))
        commit(store, held, orders=(entry(f"e{n}", S.SUBMITTING, venue_order_id=""),))
    assert rows("select client_id from orders where venue_order_id = 'OABC'") == [("first",)]


def test_a_row_never_becomes_another_order_of_the_venue(store: PostgresStore, held: Lease, rows: Rows) -> None:
    commit(store, held, orders=(entry("mine", S.SUBMITTING, venue_order_id=""),))
    commit(store, held, orders=(entry("mine", S.OPEN, venue_order_id="OABC"),))
    for other, said in (("OXYZ", "OABC at the venue: it may not become OXYZ"), ("", "may not become unknown")):
        with pytest.raises(DatabaseError, match=said):
            commit(store, held, orders=(entry("mine", S.OPEN, venue_order_id=other),))
    commit(store, held, orders=(entry("mine", S.CANCELLED, venue_order_id="OABC"),))
    assert rows("select status, venue_order_id from orders") == [("cancelled", "OABC")]


def test_a_trade_that_was_over_opens_again_when_its_entry_fills_late(
    store: PostgresStore, held: Lease, reports: PostgresReports
) -> None:
    half = entry("half", S.PARTIALLY_FILLED, quantity=Decimal(1), filled=Decimal("0.5"))
    sold = stop("sold", "half", S.FILLED)
    commit(store, held, orders=(half, sold), fills=(fill(half), fill(sold)), trades=(opened("half"),))
    over = closed("half")
    commit(store, held, trades=(over,))
    assert live_bot(store).open_trades == ()
    whole = replace(half, status=S.FILLED, filled=Decimal(1))
    again = replace(
        over, status="open", exit_ms=0, exit_reason="", quantity=Decimal(1), open_quantity=Decimal("0.5"),
        entry_cost=Decimal(100), fees=Decimal("0.6"), pnl=Decimal("-0.1"),
    )  # fmt: skip
    late = {"orders": (whole,), "fills": (fill(half, venue_trade_id="T-late"),), "trades": (over, again)}
    commit(store, held, **late)
    commit(store, held, **late)
    assert live_bot(store).open_trades == (again,)
    assert reports.audit() == []
    resting = stop("anew", "half", S.FILLED)
    commit(store, held, orders=(resting,), fills=(fill(resting),), trades=(replace(over, quantity=Decimal(1)),))
    assert live_bot(store).open_trades == ()
    assert reports.audit() == []


def test_a_dead_letter_is_one_row_for_its_order_however_often_it_is_told(
    store: PostgresStore, held: Lease, rows: Rows
) -> None:
    order = entry("no", S.REJECTED, venue_order_id="")
    letter = DeadLetter("no", order.symbol, Leg.ENTRY, Side.BUY, order.quantity, "EOrder:Insufficient funds", NOW_MS)
    commit(store, held, orders=(order,), dead_letters=(letter, letter))
    commit(store, held, dead_letters=(replace(letter, why="later words", at_ms=NOW_MS + 5),))
    assert rows("select bot_id, leg, side, quantity, why, to_ms(at), resolved_at from dead_letters") == [
        (LIVE, "entry", "buy", order.quantity, "EOrder:Insufficient funds", NOW_MS, None)
    ]
    with pytest.raises(DatabaseError, match="dead_letters_client_id_fkey"):
        commit(store, held, dead_letters=(replace(letter, client_id="no such order"),))
    for change in ({"why": ""}, {"quantity": Decimal(0)}):
        other = entry("other", S.REJECTED, venue_order_id="")
        with pytest.raises(DatabaseError, match="refused the rows"):
            commit(store, held, orders=(other,), dead_letters=(replace(letter, client_id="other", **change),))


def test_a_live_bots_writes_made_twice_are_made_once(store: PostgresStore, held: Lease, rows: Rows) -> None:
    bought, resting, no = entry("bought", S.FILLED), stop("resting", "bought", S.OPEN), entry("no", S.REJECTED)
    letter = DeadLetter("no", no.symbol, Leg.ENTRY, Side.BUY, no.quantity, "no", NOW_MS)
    event = OrderEvent("bought", None, S.FILLED, NOW_MS, {"answer": "OABC"})
    bot = BotWrites(
        LIVE, orders=(bought, resting, no), order_events=(event,), fills=(fill(bought),), trades=(opened("bought"),),
        dead_letters=(letter,),
    )  # fmt: skip
    writes = Writes(tick=samples.tick("done"), live_venue={"failures": 1}, bots=(bot,))
    tables = ("orders", "order_events", "fills", "trades", "dead_letters", "venue_state", "ticks")
    seen = []
    for _ in range(2):
        store.commit(held, writes)
        seen.append({table: rows(f"select t::text from {table} t order by 1") for table in tables})
    assert seen[0] == seen[1]
    assert all(seen[0].values())


@pytest.mark.parametrize("statement", [
    "update bots set baseline = '[]' where mode = 'live'",
    "update bots set baseline = '{\"EUR\": \"1\"}' where mode = 'paper'",
    "insert into venue_state (killed_reason) values ('no author, no time')",
    "insert into venue_state (killed_by) values ('ann')",
    "insert into venue_state (live) values ('[]')",
    "insert into live_decisions (kind, author, asked_as) values ('kill', 'ann', '1')",
    "insert into live_decisions (kind, reason, author, asked_as) values ('stop', 'x', 'ann', '1')",
    "insert into live_decisions (bot_id, kind, override, author, asked_as) values (1, 'start', 'x', 'ann', '1')",
    "insert into live_decisions (bot_id, kind, reason, author, asked_as) values (1, 'kill', 'x', '', '1')",
    "insert into live_decisions (bot_id, kind, reason, author, asked_as) values (1, 'pause', 'x', 'ann', '1')",
])  # fmt: skip
def test_a_row_that_contradicts_itself_is_refused(bot_id: int, rows: Rows, statement: str) -> None:
    with pytest.raises(psycopg.errors.CheckViolation):
        rows(statement)


def test_a_bot_with_orders_keeps_its_mode_and_its_currency(store: PostgresStore, held: Lease, rows: Rows) -> None:
    rows("update bots set quote = 'USD' where name = 'main'")
    rows("update bots set quote = 'EUR' where name = 'main'")
    store.commit(held, Writes(tick=samples.tick(), bots=(samples.whole_tick(),)))
    commit(store, held, orders=(entry("one", S.OPEN),))
    for change, bot in (("mode = 'live'", 1), ("quote = 'USD'", 1), ("quote = 'USD'", 2)):
        with pytest.raises(psycopg.DatabaseError, match="stay what they are"):
            rows(f"update bots set {change} where bot_id = {bot}")


# --- what people see of it -------------------------------------------------------------------


def test_what_remains_is_positions_with_their_stops_resting_and_unsettled_orders_and_dead_letters(
    store: PostgresStore, held: Lease, reports: PostgresReports, database_url: str
) -> None:
    bought = entry("bought", S.FILLED, placed_ms=NOW_MS)
    doubt = entry("doubt", S.UNKNOWN, symbol="ETH/EUR", venue_order_id="", placed_ms=NOW_MS)
    no = entry("no", S.REJECTED, venue_order_id="")
    stops = (
        stop("small", "bought", S.OPEN, quantity=Decimal("0.2"), stop_price=Decimal(96)),
        stop(
            "large", "bought", S.PARTIALLY_FILLED, quantity=Decimal("0.4"), filled=Decimal("0.1"),
            stop_price=Decimal(97),
        ),
    )  # fmt: skip
    letter = DeadLetter("no", no.symbol, Leg.ENTRY, Side.BUY, no.quantity, "EOrder: no", NOW_MS)
    commit(
        store, held, orders=(bought, doubt, no, *stops),
        fills=(fill(bought), fill(stops[1], quantity=Decimal("0.1"))),
        trades=(replace(opened("bought"), open_quantity=Decimal("0.4")),), dead_letters=(letter,),
    )  # fmt: skip
    decisions = LiveStore(database_url)
    decisions.kill("odd", "ann")
    decisions.close()
    left = reports.remains(NOW_MS + 90_000)
    assert left["kill_switch"]["reason"] == "odd"
    (position,) = left["positions"]
    assert (position["mode"], position["quantity"]) == ("live", Decimal("0.4"))
    assert (position["stop_quantity"], position["stop_price"]) == (Decimal("0.5"), Decimal(96))
    assert [(s["client_id"], s["venue_order_id"], s["quantity"], s["stop_price"]) for s in position["stops"]] == [
        ("large", "O-large", Decimal("0.3"), Decimal(97)), ("small", "O-small", Decimal("0.2"), Decimal(96)),
    ]  # fmt: skip
    assert sorted(row["client_id"] for row in left["resting"]) == ["large", "small"]
    (unsettled,) = left["unsettled"]
    assert (unsettled["client_id"], unsettled["status"], unsettled["age_ms"]) == ("doubt", "unknown", 90_000)
    assert (unsettled["bot"], unsettled["mode"], unsettled["symbol"]) == ("real", "live", "ETH/EUR")
    assert [row["why"] for row in left["dead_letters"]] == ["EOrder: no"]
    assert reports.live_decisions(1)[0]["kind"] == "kill"
    assert reports.live_orders()[0]["age_ms"] > 90_000


def test_nothing_remains_of_nothing(reports: PostgresReports) -> None:
    assert reports.remains() == {
        "kill_switch": None, "positions": [], "resting": [], "unsettled": [], "dead_letters": [],
    }  # fmt: skip


def test_a_position_without_a_stop_says_so(store: PostgresStore, held: Lease, reports: PostgresReports) -> None:
    bought = entry("bought", S.FILLED)
    gone = stop("gone", "bought", S.CANCELLED)
    commit(store, held, orders=(bought, gone), fills=(fill(bought),), trades=(opened("bought"),))
    (position,) = reports.positions()
    assert (position["stop_quantity"], position["stops"], position["quantity"]) == (Decimal(0), [], Decimal("0.5"))


def test_a_market_order_and_a_stop_need_what_their_kind_needs(store: PostgresStore, held: Lease) -> None:
    leave = stop("leave", "t", S.SUBMITTING, type=OrderType.MARKET, leg=Leg.EXIT, stop_price=None, venue_order_id="")
    commit(store, held, orders=(leave,))
    with pytest.raises(DatabaseError, match="refused the rows"):
        commit(store, held, orders=(stop("bare", "t", S.OPEN, stop_price=None),))
