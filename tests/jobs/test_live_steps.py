"""The steps of a live tick and of a rebuild, each alone: values in, values out."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from decimal import Decimal as D
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.candles import Candles
from bot.domain.errors import CheckFailed, ConfigError, LeaseLost
from bot.domain.markets import Quote
from bot.domain.orders import Leg, Order, OrderStatus, OrderType, Side, client_id
from bot.domain.ports import CandleAnswer, CandleRequest, Opening
from bot.domain.records import BotSnapshot, Lease, Snapshot, Writes
from bot.domain.venue_orders import Balance, Observation, ObserveRequest, VenueOrder
from bot.jobs import bot_run, live, tick_state
from bot.jobs.bot_run import BotRun, MarketNow
from bot.jobs.orders import MOST_RUNS_PER_SLOT
from bot.jobs.rebuild import RebuildDeps, rebuild
from bot.jobs.rules import rules_of
from bot.jobs.tick_orders import LONGEST_DOUBT_MS, _wait_for_certainty
from bot.jobs.tick_state import Laps, Tick, TickDeps
from bot.rulebook.reconcile import CLOCK_MARGIN_MS, LOOKUP_MARGIN_MS, Drift, reconcile
from tests.jobs.test_orders_and_account import ENTRY, EXIT, STOP, TRADE, holding, plan, snapshot
from tests.jobs.world import settings
from tests.rulebook.makers import BAR, HOUR, MARKET, NOW, order, stop_order
from tests.rulebook.test_rebuild import BOUGHT, ENTRY_ID
from tests.rulebook.test_rebuild import STOP as VENUE_STOP
from tests.rulebook.test_reconcile import at_venue, execution, ledger, look

S = OrderStatus
ZERO = D(0)
DAY = 24 * HOUR
BTC = replace(MARKET, venue_id="XXBTZEUR")
MINE = replace(STOP, venue_order_id="O-S", deadline_ms=0)
ALL_THERE = (Balance("BTC", D(1), ZERO, ZERO), Balance("EUR", D(900), ZERO, ZERO))
SEEN_STOP = at_venue(MINE)


def live_snapshot(**changes: Any) -> BotSnapshot:
    """A live bot that holds 1 BTC behind a stop, and 900 EUR."""
    held = {"open_orders": (MINE,), "open_trades": (TRADE,), "cash": D(900)}
    return snapshot(mode="live", **held | changes)


class Account:
    """A venue that shows one look after the other, and remembers what it was asked for."""

    def __init__(self, *looks: Observation) -> None:
        self.looks = list(looks)
        self.asked: list[tuple[ObserveRequest, int]] = []

    async def observe(self, wanted: ObserveRequest, now_ms: int) -> Observation:
        self.asked.append((wanted, now_ms))
        return self.looks.pop(0)

    def state(self) -> dict[str, Any]:
        return {"failures": 2}


def a_run(*looks: Observation, **changes: Any) -> BotRun:
    run = bot_run.open_run(live_snapshot(**changes), settings())
    run.venue = Account(*looks)  # type: ignore[assignment]
    return run


def market_now(**changes: Any) -> MarketNow:
    return MarketNow(NOW, "online", {}, **{"markets": {"BTC/EUR": BTC}} | changes)


def seen(*orders: VenueOrder, balances: tuple[Balance, ...] | None = ALL_THERE, **changes: Any) -> Observation:
    return replace(look(*orders, **changes), balances=balances)


def take_a_look(run: BotRun, now: MarketNow | None = None) -> BotRun:
    asyncio.run(live.look(run, now or market_now(), NOW))
    return run


# --- what is asked for ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("observed_ms", "orders", "since_ms"),
    [
        (0, (), NOW),
        (0, (replace(MINE, placed_ms=NOW - 9), replace(MINE, client_id="s-2", placed_ms=NOW - 7)), NOW - 9),
        (NOW - 5, (replace(MINE, placed_ms=NOW - 9),), NOW - 5),
        (NOW - 5, (replace(MINE, placed_ms=NOW - 9, venue_order_id=""),), NOW - 9),
        (NOW - 5, (replace(MINE, placed_ms=NOW - 9, status=S.UNKNOWN),), NOW - 9),
        (NOW - 5, (replace(MINE, placed_ms=NOW - 3, status=S.SUBMITTING),), NOW - 5),
    ],
)
def test_a_look_reaches_back_to_the_last_one_and_to_every_order_in_doubt(
    observed_ms: int, orders: tuple[Order, ...], since_ms: int
) -> None:
    run = a_run(open_orders=orders)
    run.observed_ms = observed_ms
    assert live.wanted(run, NOW, balances=True).since_ms == since_ms - CLOCK_MARGIN_MS


def test_a_look_says_what_is_known_filled_of_living_and_of_ended_orders() -> None:
    half = replace(MINE, filled=D("0.4"), status=S.PARTIALLY_FILLED)
    ended = replace(ENTRY, venue_order_id="O-E")
    nameless = order(client_id="e-2", status=S.NOT_PLACED)
    request = live.wanted(a_run(open_orders=(half,), settled_orders=(ended, nameless)), NOW, balances=False)
    assert request.filled == {"O-S": D("0.4"), "O-E": D(1)}
    assert not request.balances
    assert live.wanted(a_run(open_orders=()), 5, balances=True) == ObserveRequest(0, {}, True)


# --- one look ------------------------------------------------------------------------------


def test_a_look_at_an_account_that_is_as_we_know_it_changes_nothing() -> None:
    run = take_a_look(a_run(seen(SEEN_STOP, at_ms=NOW)))
    assert (run.waits, run.drift, run.foreign, run.observed_ms) == ([], (), (), NOW)
    assert run.account.drain().order_events == ()
    assert live.events(run, market_now()) == []


def test_a_difference_counts_only_when_a_second_look_shows_it_too() -> None:
    sold = seen(replace(SEEN_STOP, status=S.FILLED, filled=D(1)), fills=(execution(SEEN_STOP, "1", price="97"),))
    after = replace(sold, balances=(Balance("EUR", D("996.6"), ZERO, ZERO),))
    run = take_a_look(a_run(replace(sold, balances=ALL_THERE), after))
    assert (run.drift, run.waits) == ((), [])
    assert run.account.cash == D("996.6")
    less = (Balance("BTC", D("0.7"), ZERO, ZERO), Balance("EUR", D(900), ZERO, ZERO))
    run = take_a_look(a_run(seen(SEEN_STOP, balances=less), seen(SEEN_STOP, balances=less)))
    assert run.drift == (Drift("BTC", "missing", D(1), D("0.7")),)
    assert run.waits == ["ledger_drift"]
    assert not run.hands_off


def test_the_looks_of_a_tick_ask_for_balances_and_the_look_behind_its_orders_does_not() -> None:
    """What was traded a moment ago may not be in the balances yet."""
    run = a_run(seen(SEEN_STOP, balances=()), seen(SEEN_STOP), seen(SEEN_STOP, balances=None))
    take_a_look(run)
    asyncio.run(live.look_again(run, NOW + 5))
    assert isinstance(run.venue, Account)
    assert [(asked.balances, at_ms) for asked, at_ms in run.venue.asked] == [(True, NOW), (True, NOW), (False, NOW + 5)]


def test_what_was_wrong_at_the_look_before_no_longer_waits() -> None:
    run = a_run(seen(SEEN_STOP))
    run.waits = ["ledger_drift", "backup_data", "unsettled"]
    assert take_a_look(run).waits == ["backup_data"]


def test_a_symbol_that_does_not_add_up_holds_entries_back() -> None:
    run = take_a_look(a_run(seen()))
    assert run.waits == ["unsettled"]
    assert run.account.in_doubt() == ("BTC/EUR",)
    both = a_run(seen(balances=()), seen(balances=()))
    assert take_a_look(both).waits == ["ledger_drift"]


@pytest.mark.parametrize(
    ("balances", "baseline", "found"),
    [
        (None, {}, ()),
        (ALL_THERE, {}, ()),
        ((Balance("BTC", D("1.3"), ZERO, ZERO), ALL_THERE[1]), {"BTC": D("0.3"), "EUR": D(50)}, ()),
        ((ALL_THERE[0], Balance("EUR", D("899.11"), ZERO, ZERO)), {}, ()),
        ((ALL_THERE[0], Balance("EUR", D("899.1"), ZERO, ZERO)), {}, (Drift("EUR", "missing", D(900), D("899.1")),)),
        ((ALL_THERE[0], Balance("EUR", D(10**9), ZERO, ZERO)), {}, ()),
        (
            (Balance("BTC", D("1.0001"), ZERO, ZERO), ALL_THERE[1]), {},
            (Drift("BTC", "surplus", D(1), D("1.0001")),),
        ),
    ],
)  # fmt: skip
def test_account_and_ledger_may_differ_by_what_rounding_explains(
    balances: tuple[Balance, ...] | None, baseline: dict[str, D], found: tuple[Drift, ...]
) -> None:
    """A thousandth of the cash, less than the smallest order of a coin; other money of the quote is nobody's."""
    run = a_run(baseline=baseline)
    assert live.drift(run, {"BTC/EUR": BTC}, seen(balances=balances)) == found


def test_of_little_cash_five_cents_may_be_missing_and_of_a_market_unknown_nothing_is_said() -> None:
    run = a_run(cash=D(1), open_orders=(), open_trades=())
    assert live.drift(run, {}, seen(balances=(Balance("EUR", D("0.951"), ZERO, ZERO),))) == ()
    assert live.drift(run, {}, seen(balances=(Balance("EUR", D("0.95"), ZERO, ZERO),))) == (
        Drift("EUR", "missing", D(1), D("0.95")),
    )


def test_the_smallest_order_of_a_coin_is_at_least_a_step_of_it() -> None:
    coarse = replace(BTC, min_size=D("0.01"), size_step=D("0.1"))
    more = (Balance("BTC", D("1.05"), ZERO, ZERO), ALL_THERE[1])
    assert live.drift(a_run(), {"BTC/EUR": coarse}, seen(balances=more)) == ()


@pytest.mark.parametrize(
    ("kind", "there", "sellable"),
    [
        ("missing", "0.700000009", {"BTC/EUR": D("0.70000000")}),
        ("rewards", "0.2", {"BTC/EUR": D("0.2")}),
        ("missing", "-0.1", {"BTC/EUR": ZERO}),
        ("surplus", "1.2", {}),
    ],
)
def test_of_what_is_missing_only_what_is_there_can_be_sold_in_whole_steps(
    kind: str, there: str, sellable: dict[str, D]
) -> None:
    run = a_run(open_trades=(TRADE, replace(TRADE, trade_id="e-2", symbol="ETH/EUR")))
    run.drift = (Drift("BTC", kind, D(1), D(there)), Drift("EUR", "missing", D(900), D(1)))
    assert live.sellable(run, {"BTC/EUR": BTC}) == sellable
    eth = replace(BTC, symbol="ETH/EUR", base="ETH")
    assert live.sellable(run, {"ETH/EUR": eth, "BTC/EUR": BTC}) == sellable
    assert live.sellable(run, {}) == {}


# --- certainty -----------------------------------------------------------------------------


def leaving(**changes: Any) -> Order:
    base = stop_order(client_id="x-1", leg=Leg.EXIT, type=OrderType.MARKET, status=S.UNKNOWN, stop_price=None)
    return replace(base, **{"deadline_ms": NOW + 9} | changes)


@pytest.mark.parametrize(
    ("orders", "certain_ms", "from_ms"),
    [
        ((), {"BTC/EUR": NOW + 9}, NOW + 9),
        ((), {"BTC/EUR": NOW + 9, "ETH/EUR": NOW + 20}, NOW + 9),
        ((replace(MINE, quantity=D("0.9")),), {"BTC/EUR": NOW + 9}, NOW + 9),
        ((MINE,), {"BTC/EUR": NOW + 9}, 0),
        ((), {"ETH/EUR": NOW + 9}, 0),
        ((), {}, 0),
    ],
)
def test_only_doubt_about_a_position_that_is_not_covered_is_worth_waiting_for(
    orders: tuple[Order, ...], certain_ms: dict[str, int], from_ms: int
) -> None:
    run = a_run(open_orders=orders)
    run.certain_ms = certain_ms
    assert live.certain_from_ms(run) == from_ms


def a_tick(run: BotRun | None = None, **changes: Any) -> Tick:
    """A tick whose clock stands at NOW and moves when it sleeps."""
    clock = {"ms": NOW}

    async def sleep(seconds: float) -> None:
        clock["ms"] += round(seconds * 1000 * changes.get("pace", 1.0))

    def never(*_: Any) -> Any:
        raise AssertionError("not asked for here")

    deps = TickDeps(
        store=None, open_market=never, settings_for=never, base=settings(), venue_for=never,
        code_version="", wall_ms=lambda: clock["ms"], holder="", lease_s=changes.get("lease_s", 240.0), sleep=sleep,
        clock_ms=lambda: clock["ms"],
    )  # fmt: skip
    state = Snapshot(None, "", changes.get("last_slot_ms", 0), 0, (), {}, (), 0, {}, True, "", {"observed_ms": 7})
    slot_ms = NOW - NOW % 300_000
    lease = Lease("tick", "", 1, 0)
    tick = Tick(deps, lease, state, {}, None, market_now(), slot_ms, None, NOW, False, Laps())
    tick.opened_clock_ms = NOW
    tick.runs = [run] if run is not None else []
    return tick


@pytest.mark.parametrize(
    ("deadline_ms", "pace", "waited", "certain"),
    [
        (NOW - LOOKUP_MARGIN_MS, 1.0, 0, False),
        (NOW - LOOKUP_MARGIN_MS + 1, 1.0, 1, True),
        (NOW + LONGEST_DOUBT_MS - LOOKUP_MARGIN_MS, 1.0, LONGEST_DOUBT_MS, True),
        (NOW + LONGEST_DOUBT_MS - LOOKUP_MARGIN_MS + 1, 1.0, 0, False),
        (NOW + 10_000, 0.5, 10_000, False),
    ],
)
def test_a_tick_waits_as_long_as_it_takes_to_be_certain_and_no_longer(
    deadline_ms: int, pace: float, waited: int, certain: bool
) -> None:
    run = a_run(open_orders=())
    run.certain_ms = {"BTC/EUR": deadline_ms + LOOKUP_MARGIN_MS}
    tick = a_tick(run, pace=pace)
    assert asyncio.run(_wait_for_certainty(tick, run)) is certain
    assert tick.venue_now() - NOW == waited


# --- what a person is told -----------------------------------------------------------------


def told(run: BotRun, now: MarketNow | None = None) -> dict[str, tuple[str, str, bool]]:
    return {e.key: (e.kind, e.severity, e.resolved) for e in live.events(run, now or market_now())}


def test_each_standing_cause_has_its_event() -> None:
    run = a_run()
    run.drift = (Drift("BTC", "missing", D("1.50"), D("0.7")), Drift("EUR", "missing", D(900), D(1)))
    run.foreign = (BOUGHT, replace(BOUGHT, side=Side.SELL, venue_order_id="O-2"))
    run.unseen = "no answer"
    found = {event.key: event for event in live.events(run, market_now())}
    assert told(run) == {
        "account": ("venue_unseen", "error", False),
        "drift": ("ledger_drift", "error", False),
        "foreign": ("foreign_order", "warning", False),
    }
    assert found["account"].message == "the account could not be read: no answer"
    assert found["drift"].message == ("account and ledger differ: BTC: ledger 1.5, venue 0.7; EUR: ledger 900, venue 1")
    assert found["foreign"].message == "orders that are not the bot's: BTC/EUR buy O-E, BTC/EUR sell O-2"
    assert {(event.bot_id, event.symbol, event.at_ms) for event in found.values()} == {(1, "", NOW)}
    assert all(event.fix for event in found.values())


def test_what_is_over_is_said_once_and_what_never_was_is_not_said() -> None:
    keys = ("live", "account", "drift", "foreign", "unsettled:ETH/EUR", "naked:BTC/EUR", "data:BTC/EUR")
    run = a_run(open_risk_keys=keys)
    over = {event.key: (event.kind, event.severity, event.resolved, event.symbol) for event in
            live.events(run, market_now())}  # fmt: skip
    assert over == {
        "live": ("live_off", "info", True, ""),
        "account": ("venue_unseen", "info", True, ""),
        "drift": ("ledger_drift", "info", True, ""),
        "foreign": ("foreign_order", "info", True, ""),
        "unsettled:ETH/EUR": ("unsettled", "info", True, "ETH/EUR"),
        "naked:BTC/EUR": ("unprotected", "info", True, "BTC/EUR"),
    }
    assert live.events(a_run(), market_now()) == []


def test_symbols_in_doubt_and_positions_without_a_whole_stop_are_named() -> None:
    run = a_run(open_orders=(replace(MINE, quantity=D("0.4")), leaving(symbol="ETH/EUR")))
    run.account.unsettled["BTC/EUR"] = "missing"
    found = {event.key: event for event in live.events(run, market_now())}
    assert told(run) == {
        "unsettled:BTC/EUR": ("unsettled", "warning", False),
        "unsettled:ETH/EUR": ("unsettled", "warning", False),
        "naked:BTC/EUR": ("unprotected", "error", False),
    }
    assert found["unsettled:BTC/EUR"].message.endswith("(missing)")
    assert found["unsettled:ETH/EUR"].message.endswith("(in_doubt)")
    assert found["naked:BTC/EUR"].message == "BTC/EUR: 0.4 of 1 have a resting stop"


@pytest.mark.parametrize(
    ("quantity", "known", "naked"),
    [("1", True, False), ("0.5", True, True), ("1.5", True, True), ("0.99999999", True, True), ("0.5", False, False)],
)
def test_less_than_half_a_step_is_no_difference_and_without_its_rules_no_symbol_is_judged(
    quantity: str, known: bool, naked: bool
) -> None:
    run = a_run(open_orders=(replace(MINE, quantity=D(quantity)),))
    now = market_now() if known else market_now(markets={})
    assert ("naked:BTC/EUR" in told(run, now)) is naked
    coarse = market_now(markets={"BTC/EUR": replace(BTC, size_step=D(4))})
    assert "naked:BTC/EUR" not in told(run, coarse)


@pytest.mark.parametrize("why", ["live_off", "unseen"])
def test_what_was_not_looked_at_is_neither_naked_nor_in_doubt_nor_mended(why: str) -> None:
    run = a_run(open_orders=(leaving(),), open_risk_keys=("naked:ETH/EUR",))
    if why == "unseen":
        run.unseen = "no answer"
    else:
        run.wait("live_off", hands_off=True)
    assert [key for key in told(run) if ":" in key] == []


# --- orders of this tick -------------------------------------------------------------------


def test_what_rests_of_a_trade_that_is_over_is_taken_back_unless_its_symbol_is_in_doubt() -> None:
    late = replace(MINE, client_id="s-old", trade_id="e-old", filled=D("0.25"), status=S.PARTIALLY_FILLED)
    run = a_run(open_orders=(MINE, late))
    (intent,) = live.orphan_intents(run)
    assert (intent.action, intent.client_id, intent.side, intent.leg) == ("cancel", "s-old", Side.SELL, Leg.STOP)
    assert (intent.size, intent.stop_price, intent.reason, intent.bar_ms) == (0.75, 97.5, "trade_over", BAR)
    assert [i.client_id for i in live.protection_intents(run, market_now())] == ["s-old"]
    run.account.unsettled["BTC/EUR"] = "missing"
    assert live.orphan_intents(run) == ()


def test_a_position_that_lost_its_stop_gets_one_where_the_ledger_has_it() -> None:
    run, now = a_run(open_orders=(), open_trades=(replace(TRADE, stop_price=D("98.2")),)), market_now()
    bot_run.make_views(run, now, {})
    (intent,) = live.protection_intents(run, now)
    assert (intent.action, intent.leg, intent.size, intent.stop_price) == ("place", Leg.STOP, 1.0, 98.2)


@given(used=st.sets(st.integers(0, MOST_RUNS_PER_SLOT - 2)), final=st.booleans())
def test_no_attempt_ever_takes_a_name_that_is_in_use(used: set[int], final: bool) -> None:
    """In use by an order that lives, or by one that has ended: the venue knows both."""
    names = [client_id("main", "BTC/EUR", EXIT.bar_ms, Leg.EXIT, 7 + n) for n in range(MOST_RUNS_PER_SLOT)]
    taken = tuple(leaving(client_id=names[n], status=S.CANCELLED if final else S.UNKNOWN) for n in used)
    acc = holding(settled_orders=taken) if final else holding()
    acc.orders |= {} if final else {one.client_id: one for one in taken}
    (planned,) = plan(acc, EXIT)
    assert planned.order.client_id in names
    assert planned.order.client_id not in {one.client_id for one in taken}


def test_an_order_that_rests_without_the_venues_id_is_given_it() -> None:
    mine = order(status=S.OPEN, venue_order_id="", placed_ms=BAR)
    (step,) = reconcile(ledger(mine), look(at_venue(mine, venue_order_id="O-1"))).steps
    assert step.order == replace(mine, venue_order_id="O-1")


@pytest.mark.parametrize(
    ("mode", "capital", "smallest"),
    [("live", 100.0, 5.0), ("live", 199.0, 9.95), ("live", 200.0, 10.0), ("live", 1e4, 10.0), ("paper", 1.0, 10.0)],
)
def test_of_little_real_money_the_smallest_trade_is_half_of_the_largest(
    mode: str, capital: float, smallest: float
) -> None:
    rules = rules_of(settings(), mode, capital)
    assert rules.min_trade_notional == pytest.approx(smallest)
    assert rules_of(settings(), mode).min_trade_notional == 10.0
    risk = settings().risk
    assert rules.max_open_positions == (risk.max_open_positions_live if mode == "live" else risk.max_open_positions)


# --- the tick's own state ------------------------------------------------------------------


def test_nothing_is_sent_once_three_quarters_of_the_lease_have_passed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Counted from before the last write that held it: whoever comes then may hold it."""
    tick = a_tick(lease_s=100.0)
    since = tick.held_since_s
    monkeypatch.setattr(tick_state, "running_s", lambda: since + 75.0)
    assert tick.sending_now() == NOW
    monkeypatch.setattr(tick_state, "running_s", lambda: since + 75.1)
    with pytest.raises(LeaseLost, match="for 75 s"):
        tick.sending_now()


def test_the_venues_time_goes_on_with_the_runners_and_never_back() -> None:
    tick = a_tick()
    tick.opened_clock_ms = NOW - 1500
    assert tick.venue_now() == NOW + 1500
    tick.opened_clock_ms = NOW + 1500
    assert tick.venue_now() == NOW


def test_what_the_next_process_learns_depends_on_whether_this_look_was_saved() -> None:
    assert a_tick().live_state(saved=True) is None
    run = a_run()
    run.observed_ms = NOW
    tick = a_tick(run)
    assert tick.live_state(saved=True) == {"failures": 2, "observed_ms": NOW}
    assert tick.live_state(saved=False) == {"failures": 2, "observed_ms": 7}
    run.venue = None
    assert tick.live_state(saved=True) is None


@pytest.mark.parametrize(("back", "missed"), [(0, 0), (1, 0), (2, 1), (13, 12)])
def test_missed_slots_are_those_between_the_last_one_and_this(back: int, missed: int) -> None:
    slot_ms = NOW - NOW % 300_000
    assert a_tick(last_slot_ms=slot_ms - back * 300_000).missed_slots == missed
    assert a_tick(last_slot_ms=0).missed_slots == 0


def test_a_dry_run_commits_nothing_but_the_end_of_its_lease() -> None:
    books, tick = Books(), a_tick()
    assert books.snapshot.lease is not None
    tick.deps, tick.lease, tick.dry_run = replace(tick.deps, store=books), books.snapshot.lease, True  # type: ignore[arg-type]
    asyncio.run(tick.commit(Writes(markets=(BTC,))))
    assert books.written == []
    asyncio.run(tick.commit(Writes(markets=(BTC,), release=True)))
    assert books.written == [Writes(release=True)]


# --- rebuild -------------------------------------------------------------------------------

ATTACHED = replace(
    VENUE_STOP, client_id="", parent_id="O-E", venue_order_id="O-A", stop_price=D("97.5"), opened_ms=NOW + 500,
    quantity=D("1.5"), filled=ZERO, userref=BOUGHT.userref, trade_ids=(),
)  # fmt: skip
SPENT = execution(BOUGHT, "1.5", price="100", fee=D("0.6"), filled_ms=NOW + 400)
HELD = (
    Balance("BTC", D("1.75"), ZERO, D("0.25")),
    Balance("EUR", D("1049.4"), ZERO, ZERO),
    Balance("XRP", D(40), ZERO, ZERO),
)
STRAY = replace(BOUGHT, venue_order_id="O-F", userref=5, status=S.OPEN, filled=ZERO)
MEMORY = Observation(0, 0, (BOUGHT, ATTACHED, STRAY), (SPENT,), HELD)
LATER = NOW + 3 * HOUR


class Books:
    """A database: what it is when a rebuild begins, and what is written."""

    def __init__(self, *bots: BotSnapshot, held: bool = False) -> None:
        lease = None if held else Lease("tick", "rebuilder", 9, 0)
        self.snapshot = Snapshot(lease, "another run", 0, 0, bots, {}, (), 0, {}, True)
        self.begun = 0
        self.written: list[Writes] = []

    def begin(self, holder: str, lease_s: float) -> Snapshot:
        self.begun += 1
        return self.snapshot

    def commit(self, lease: Lease, writes: Writes) -> None:
        assert lease is self.snapshot.lease
        self.written.append(writes)


class Public:
    """Prices, rules and candles at one moment; answers candles with highs that it was given by timeframe."""

    def __init__(self, now_ms: int = LATER, **rows: list[tuple[int, float]]) -> None:
        self.now_ms, self.rows = now_ms, rows
        self.asked: list[CandleRequest] = []

    async def opening(self, symbols: Any) -> Opening:
        return Opening(self.now_ms, "online", {"BTC/EUR": Quote(99.0, 99.1, 99.05), "ETH/EUR": Quote(9.0, 9.1, 9.0)})

    async def markets(self) -> tuple[Any, ...]:
        return (BTC,)

    async def candles(self, requests: Any, now_ms: int) -> tuple[CandleAnswer, ...]:
        self.asked += requests
        (request,) = requests
        rows = self.rows.get(f"of_{request.timeframe}")
        if rows is None:
            return (CandleAnswer(request, None, "unreachable", ""),)
        made = Candles.from_rows(
            request.symbol, request.timeframe, [(at, high, high, high, high, 1.0) for at, high in rows]
        )
        return (CandleAnswer(request, made, "", ""),)


class Memory(Account):
    """A venue's memory of everything."""

    def __init__(self, told: Observation = MEMORY) -> None:
        super().__init__()
        self.told, self.since_ms, self.known = told, -1, ()

    def know(self, markets: Any) -> None:
        self.known = markets

    async def history(self, since_ms: int = 0) -> Observation:
        assert self.known
        self.since_ms = since_ms
        return self.told


class Rebuilt:
    """One rebuild, and all that it touched. sure: what the person says.  cash: what the bot began with."""

    def __init__(self, books: Books, public: Public, venue: Memory, sure: bool = True, cash: str = "1000") -> None:
        self.books, self.public, self.venue = books, public, venue
        self.beside: list[dict[str, D]] = []
        self.shown: list[dict[str, Any]] = []
        self.document: dict[str, Any] = {}
        self._sure, self._cash = sure, D(cash)

    def run(self) -> Rebuilt:
        def make_bot(beside: dict[str, D]) -> int:
            assert [writes for writes in self.books.written if writes != Writes(release=True)] == []
            self.beside.append(beside)
            return 5

        def approve(found: dict[str, Any]) -> bool:
            self.shown.append(found)
            return self._sure

        deps = RebuildDeps(self.books, self.public, self.venue, settings(), make_bot, "rebuilder")  # type: ignore[arg-type]
        self.document = asyncio.run(rebuild(deps, "main", self._cash, approve, since_ms=3))
        return self


def rebuilt(
    books: Books | None = None, public: Public | None = None, venue: Memory | None = None, **how: Any
) -> Rebuilt:
    return Rebuilt(books or Books(), public or Public(), venue or Memory(), **how).run()


def test_a_rebuild_tells_a_person_all_that_it_found() -> None:
    done = rebuilt()
    assert done.shown == [
        {
            "orders": 2,
            "fills": 1,
            "trades": 1,
            "cash": 849.4,
            "positions": [
                {
                    "symbol": "BTC/EUR", "quantity": 1.5, "entry_price": 100.0, "fees": 0.6, "stop_price": 97.5,
                    "stops": 1,
                }
            ],
            "foreign_orders": ["BTC/EUR buy O-F"],
            "written": False,
            "beside": {"BTC": 0.5, "EUR": 200.0, "XRP": 40.0},
        }
    ]  # fmt: skip
    assert done.document == {**done.shown[0], "written": True}
    assert done.beside == [{"BTC": D("0.5"), "EUR": D("200.0"), "XRP": D(40)}]
    assert done.venue.since_ms == 3


def test_a_rebuild_writes_the_rows_under_the_bots_id_and_a_tick_that_is_done() -> None:
    done = rebuilt()
    first, last = done.books.written
    assert first == Writes(release=True)
    assert last.release
    assert last.tick is not None
    assert (last.tick.status, last.tick.mode, last.tick.now_ms) == ("done", "live", LATER)
    assert last.tick.slot_ms == LATER - LATER % 300_000
    assert last.tick.report == {"rebuilt": done.shown[0]}
    assert (last.markets, last.markets_ms) == ((BTC,), LATER)
    assert last.live_venue == {"failures": 2, "observed_ms": LATER}
    (bot,) = last.bots
    assert {bot.bot_id, *(o.bot_id for o in bot.orders), *(t.bot_id for t in bot.trades)} == {5}
    assert {(o.leg, o.status, o.venue_order_id) for o in bot.orders} == {
        (Leg.ENTRY, S.FILLED, "O-E"), (Leg.STOP, S.OPEN, "O-A"),
    }  # fmt: skip
    (trade,) = bot.trades
    assert (trade.trade_id, trade.strategy, trade.stop_price) == (ENTRY_ID, "rebuilt", D("97.5"))
    assert trade.target_price == D("104.5")
    assert [(v.symbol, v.timeframe, v.bar_ms, v.verdict, v.reasons[0].rule) for v in bot.verdicts] == [
        ("BTC/EUR", "1h", BAR + 3 * HOUR, "no_trade", "rebuilt")
    ]
    assert bot.equity is not None
    worth = D("1.5") * 99
    assert (bot.equity.cash, bot.equity.positions_value, bot.equity.equity) == (D("849.4"), worth, D("849.4") + worth)
    assert (bot.equity.peak_equity, bot.equity.bot_id) == (D(1000), 5)
    assert bot.equity.exposure == pytest.approx(float(worth / (D("849.4") + worth)))


def test_without_a_persons_word_no_bot_is_made_and_nothing_written() -> None:
    done = rebuilt(sure=False)
    assert (done.beside, done.document["written"], done.books.written) == ([], False, [Writes(release=True)])


def test_while_another_run_is_at_work_nothing_is_read() -> None:
    attempt = Rebuilt(Books(held=True), Public(), Memory())
    with pytest.raises(ConfigError, match="another run is at work"):
        attempt.run()
    assert (attempt.books.written, attempt.venue.since_ms) == ([], -1)


@pytest.mark.parametrize(
    "what",
    [
        {"open_orders": (MINE,)},
        {"open_trades": (TRADE,)},
        {"settled_orders": (ENTRY,)},
        {"known_fills": ("v1",)},
    ],
)
def test_books_of_a_live_bot_are_not_written_over_and_the_lease_is_given_back(what: dict[str, Any]) -> None:
    empty: dict[str, Any] = {"open_orders": (), "open_trades": ()}
    attempt = Rebuilt(Books(live_snapshot(**empty | what)), Public(), Memory())
    with pytest.raises(ConfigError, match="the books of a live bot, main"):
        attempt.run()
    assert attempt.books.written == [Writes(release=True)]
    paper = replace(live_snapshot(**empty | what), mode="paper")
    assert rebuilt(Books(paper, live_snapshot(**empty))).document["written"]


def test_answers_that_do_not_add_up_rebuild_nothing() -> None:
    lost = replace(MEMORY, fills=())
    attempt = Rebuilt(Books(), Public(), Memory(lost))
    with pytest.raises(CheckFailed, match=r"do not add up: BTC/EUR \(fills_missing\)"):
        attempt.run()
    assert (attempt.beside, attempt.shown, attempt.books.written) == ([], [], [Writes(release=True)])


def test_what_is_all_sold_is_a_trade_that_is_closed_and_leaves_its_money() -> None:
    sold = replace(ATTACHED, status=S.FILLED, filled=D("1.5"), closed_ms=NOW + HOUR)
    gone = execution(sold, "1.5", price="97", fee=D("0.4"), filled_ms=NOW + HOUR)
    done = rebuilt(venue=Memory(replace(MEMORY, orders=(BOUGHT, sold), fills=(SPENT, gone), balances=None)))
    assert (done.document["trades"], done.document["positions"], done.document["cash"]) == (1, [], 994.5)
    assert done.document["beside"] == {}
    assert done.public.asked == []
    (bot,) = done.books.written[-1].bots
    assert [(trade.status, trade.pnl) for trade in bot.trades] == [("closed", D("-5.5"))]
    assert bot.equity is not None
    assert (bot.equity.exposure, bot.equity.positions_value) == (0.0, ZERO)


def test_a_bot_that_owes_all_it_has_has_no_exposure() -> None:
    done = rebuilt(venue=Memory(replace(MEMORY, orders=(), fills=())), cash="0")
    (bot,) = done.books.written[-1].bots
    assert bot.equity is not None
    assert (bot.equity.equity, bot.equity.exposure) == (ZERO, 0.0)


def high_water(public: Public) -> tuple[D, list[CandleRequest]]:
    done = rebuilt(public=public)
    (bot,) = done.books.written[-1].bots
    return bot.trades[0].high_water, done.public.asked


@pytest.mark.parametrize(
    ("later_ms", "timeframe", "step_ms"),
    [
        (HOUR, "5m", 300_000),
        (719 * 300_000 - 1, "5m", 300_000),
        (719 * 300_000, "1h", HOUR),
        (719 * HOUR, "1d", DAY),
    ],
)
def test_the_highest_price_since_the_entry_is_that_of_the_finest_candles_that_reach_it(
    later_ms: int, timeframe: str, step_ms: int
) -> None:
    """The candle in which the position was bought is left out: its high may be from before."""
    entry_ms = SPENT.filled_ms
    bought_in = entry_ms - entry_ms % step_ms
    rows = [(bought_in, 150.0), (bought_in + step_ms, 107.004), (bought_in + 2 * step_ms, 106.0)]
    high, asked = high_water(Public(entry_ms + later_ms, **{f"of_{timeframe}": rows}))
    assert high == D("107")
    assert asked == [CandleRequest("BTC/EUR", timeframe, bought_in)]


def test_without_candles_since_the_entry_the_entry_was_the_highest() -> None:
    entry_ms = SPENT.filled_ms
    bought_in = entry_ms - entry_ms % 300_000
    assert high_water(Public(LATER))[0] == D(100)
    assert high_water(Public(LATER, of_5m=[]))[0] == D(100)
    assert high_water(Public(LATER, of_5m=[(bought_in, 150.0)]))[0] == D(100)
    assert high_water(Public(LATER, of_5m=[(bought_in + 300_000, 99.0)]))[0] == D(100)
    assert high_water(Public(entry_ms + 719 * DAY, of_1d=[(entry_ms + DAY, 150.0)])) == (D(100), [])
