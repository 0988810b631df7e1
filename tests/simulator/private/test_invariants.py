"""What always holds, whatever is asked and however the price moves."""

from __future__ import annotations

import contextlib
from collections import defaultdict
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.simulator.account import Account, Amendment
from bot.simulator.errors import KrakenError
from bot.simulator.orders import LIMITED_TYPES, Order
from tests.simulator.private.markets import PAIR, START_TICKS, SYMBOL, UNIT, ScriptedMarket, account, place
from tests.simulator.samples import START_MS

STEP_MS = 1000
WAYS = st.lists(st.tuples(st.integers(-60, 60), st.integers(0, 2 * UNIT)), min_size=5, max_size=25)
IDS = ("one", "two", "three")

prices = st.integers(START_TICKS - 200, START_TICKS + 200).map(lambda ticks: f"{ticks / 100:.2f}")
sizes = st.integers(UNIT // 100, 5 * UNIT).map(lambda lots: f"{lots / UNIT:.8f}")
KINDS = ("market", "limit", "stop-loss", "take-profit", "stop-loss-limit", "take-profit-limit")


@st.composite
def orders(draw: st.DrawFn) -> dict[str, str]:
    """An AddOrder request."""
    query = {"type": draw(st.sampled_from(("buy", "sell"))), "volume": draw(sizes)}
    kind = draw(st.sampled_from((*KINDS, "trailing-stop", "trailing-stop-limit")))
    query |= {"ordertype": kind, "price": draw(prices), "price2": draw(prices)}
    if kind.startswith("trailing"):
        query |= {"price": draw(st.sampled_from(("+0.50", "+1%"))), "price2": draw(st.sampled_from(("+0.10", "-0.2%")))}
    query["oflags"] = draw(st.sampled_from(("", "fciq", "fcib")))
    if kind in LIMITED_TYPES:
        query["timeinforce"] = draw(st.sampled_from(("GTC", "GTC", "IOC", "FOK")))
    if draw(st.booleans()):
        query["cl_ord_id"] = draw(st.sampled_from(IDS))
    elif draw(st.booleans()):
        query |= {"close[ordertype]": "stop-loss", "close[price]": draw(st.sampled_from(("-1%", "98.00")))}
    return query


placing = st.tuples(st.just("place"), orders())
waiting = st.tuples(st.just("wait"), st.integers(1, 8))
changing = st.tuples(st.sampled_from(("cancel", "amend", "race")), st.integers(0, 5))
SCRIPTS = st.lists(st.one_of(placing, waiting, changing), min_size=4, max_size=25)


def market(way: list[tuple[int, int]]) -> ScriptedMarket:
    """A walk, one trade a second."""
    ticks, rows = START_TICKS, []
    for second, (move, lots) in enumerate(way, start=1):
        ticks = max(ticks + move, 100)
        rows.append((second * STEP_MS, ticks, lots))
    return ScriptedMarket(rows, level_lots=UNIT // 2)


def play(at: Account, script: list[tuple[str, object]], check: object = None) -> None:
    """Carry out a script; what the venue refuses is left out."""
    for action, given_value in script:
        with contextlib.suppress(KrakenError):
            act(at, action, given_value)
        if callable(check):
            check(at)


def act(at: Account, action: str, value: object) -> None:
    if action == "place":
        place(at, **value)  # type: ignore[arg-type]
        return
    assert isinstance(value, dict | int)
    if action == "wait":
        at.advance(at.now_ms + int(value) * STEP_MS)  # type: ignore[arg-type]
        return
    found = at.open_orders()
    if not found:
        return
    order = found[int(value) % len(found)]  # type: ignore[arg-type]
    if action == "cancel":
        at.cancel(order)
    elif action == "race":
        at.race(order, 0.5)
    else:
        at.amend(order, Amendment(lots=order.lots // 2 + 1))


def check_sizes(at: Account) -> None:
    for order in at.orders.values():
        assert order.filled == sum(at.fills[txid].lots for txid in order.trades)
        assert order.filled <= order.lots or not order.is_open
        assert all(at.fills[txid].lots > 0 for txid in order.trades)


def check_money(at: Account) -> None:
    wallet = at.wallet
    for asset, balance in wallet.balances.items():
        assert balance >= 0
        assert 0 <= wallet.held(asset) <= balance
        changes = [entry.amount - entry.fee for entry in wallet.ledger if entry.asset == asset]
        assert balance == sum(changes)
    assert all(not wallet.held_by(order.txid) for order in at.orders.values() if not order.is_open)


def check_value(at: Account) -> None:
    """The coins moved are the coins traded; the money moved is the cost and the fee, but for what a ledger cuts off."""
    entries = {entry.id: entry for entry in at.wallet.ledger}
    for fill in at.fills.values():
        quote, base = (entries[name] for name in fill.ledgers)
        sign = 1 if fill.order.buys else -1
        assert base.amount == sign * Decimal(fill.lots).scaleb(-8)
        assert 0 <= fill.cost - abs(quote.amount) < Decimal("0.0001")
        assert (quote.fee == 0) or (base.fee == 0)
        worth = quote.fee + base.fee * Decimal(fill.ticks).scaleb(-PAIR.decimals)
        assert abs(fill.fee - worth) < Decimal("0.0002")


def check_client_ids(at: Account) -> None:
    names = [order.terms.cl_ord_id for order in at.open_orders() if order.terms.cl_ord_id]
    assert len(names) == len(set(names))


def check_all(at: Account) -> None:
    check_sizes(at)
    check_money(at)
    check_value(at)
    check_client_ids(at)


def story(at: Account) -> list[tuple[object, ...]]:
    """Everything that can be told of an account."""
    fills = [(f.id, f.at_ms, f.lots, f.ticks, f.cost, f.fee, f.maker) for f in at.fills.values()]
    return [*fills, *((o.txid, o.status, o.filled, o.closed_ms, o.stop) for o in at.orders.values())]


@settings(max_examples=100, deadline=None)
@given(way=WAYS, script=SCRIPTS)
def test_sizes_money_and_ids_stay_right_at_every_step(
    way: list[tuple[int, int]], script: list[tuple[str, object]]
) -> None:
    at = account(market(way), eur="1000", btc="4")
    play(at, script, check_all)
    at.advance(START_MS + 30 * STEP_MS)
    check_all(at)


@settings(max_examples=100, deadline=None)
@given(way=WAYS, script=SCRIPTS.map(lambda steps: [step for step in steps if step[0] != "race"]))
def test_no_fill_lies_outside_the_markets_way(way: list[tuple[int, int]], script: list[tuple[str, object]]) -> None:
    venue = market(way)
    at = account(venue)
    play(at, script)
    at.advance(START_MS + 30 * STEP_MS)
    taken: defaultdict[int, int] = defaultdict(int)
    for fill in at.fills.values():
        buys = fill.order.buys
        if fill.maker:
            trade = venue.tape(SYMBOL, fill.at_ms, fill.at_ms)
            assert len(trade) == 1
            assert trade.ticks[0] < fill.ticks if buys else trade.ticks[0] > fill.ticks
            taken[fill.at_ms] += fill.lots
            assert taken[fill.at_ms] <= trade.lots[0]
        else:
            last = venue.last(SYMBOL, fill.at_ms)
            assert last is not None
            assert fill.ticks in dict(venue.offers(SYMBOL, buys, fill.at_ms, last))
        limit = fill.order.limit
        assert limit is None or (fill.ticks <= limit if buys else fill.ticks >= limit)


@settings(max_examples=100, deadline=None)
@given(way=WAYS, script=SCRIPTS)
def test_the_same_requests_at_the_same_times_give_the_same_story(
    way: list[tuple[int, int]], script: list[tuple[str, object]]
) -> None:
    first, second = account(market(way)), account(market(way))
    play(first, script)
    play(second, script)
    assert story(first) == story(second)


@settings(max_examples=100, deadline=None)
@given(way=WAYS, asked=st.lists(orders(), min_size=1, max_size=6))
def test_how_often_one_looks_changes_nothing(way: list[tuple[int, int]], asked: list[dict[str, str]]) -> None:
    rarely, often = account(market(way)), account(market(way))
    for at in (rarely, often):
        play(at, [("place", query) for query in asked])
    for moment_ms in range(START_MS, START_MS + 30 * STEP_MS, 300):
        often.advance(moment_ms)
    rarely.advance(START_MS + 30 * STEP_MS)
    assert story(rarely) == story(often)


@given(name=st.sampled_from(IDS))
def test_a_client_id_is_free_again_once_its_order_is_done(name: str) -> None:
    at = account()
    query = {"type": "buy", "ordertype": "limit", "price": "90", "volume": "1", "cl_ord_id": name}
    first: Order = place(at, **query)
    with pytest.raises(KrakenError, match="EGeneral:Invalid arguments:cl_ord_id not unique"):
        place(at, **query)
    at.cancel(first)
    assert place(at, **query).is_open
    filled = {"type": "buy", "ordertype": "market", "volume": "0.1", "cl_ord_id": f"{name}-m"}
    assert [place(at, **filled).status for _ in range(2)] == ["closed", "closed"]
