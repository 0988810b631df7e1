"""A look at the account is whole, or it is none."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from bot.adapters.kraken_answers import PairNames, balances_of, order_of
from bot.adapters.kraken_private import CallPace
from bot.domain.errors import ExchangeError
from bot.domain.orders import OrderStatus, OrderType, Side
from bot.domain.venue_orders import Balance, Observation
from bot.simulator import Simulator
from bot.simulator.faults import CUTTING_KINDS
from tests.venue.conftest import Open
from tests.venue.desk import SECOND_MS, Trader
from tests.venue.scripted import MARKET, NOW_MS, Script, bad, good, scripted_trader

S = OrderStatus
READS = ("BalanceEx", "OpenOrders", "ClosedOrders", "QueryTrades")
UNPACED = CallPace(most=1e9)


def test_a_quiet_look_is_three_calls_one_after_the_other(simulator: Simulator, trader: Trader) -> None:
    seen = trader.observe()
    assert trader.venue.calls == 3
    assert [one.endpoint for one in simulator.requests.newest()][-3:] == ["BalanceEx", "OpenOrders", "ClosedOrders"]
    assert (seen.orders, seen.fills, seen.at_ms) == ((), (), trader.now_ms)
    trader.observe(balances=False)
    assert trader.venue.calls == 5
    assert trader.observe(balances=False).balances is None


def test_a_look_with_executions_is_four_calls_and_a_tick_with_both_looks_is_six(trader: Trader) -> None:
    order = trader.placed(trader.entry("1.001", quantity=Decimal("1.5")))
    before = trader.venue.calls
    seen = trader.observe()
    assert trader.venue.calls - before == 4
    filled = {one.venue_order_id: one.filled for one in seen.orders}
    assert trader.observe(filled, balances=False).fills == ()
    assert trader.venue.calls - before == 6
    assert [txid for txid, quantity in filled.items() if quantity] == [order.venue_order_id]


def test_executions_are_read_of_orders_that_filled_more_than_we_know(trader: Trader) -> None:
    first = trader.placed(trader.exit())
    second = trader.placed(trader.exit(number=2, quantity=Decimal("0.2")))
    seen = trader.observe({first.venue_order_id: Decimal("0.1")})
    assert {fill.venue_order_id for fill in seen.fills} == {second.venue_order_id}
    half = trader.observe({first.venue_order_id: Decimal("0.05"), second.venue_order_id: Decimal("0.2")})
    assert {fill.venue_order_id for fill in half.fills} == {first.venue_order_id}
    trades = trader.simulator.desk.state()["trades"]
    [fill] = half.fills
    theirs = trades[fill.venue_trade_id]
    assert (str(fill.price), str(fill.fee), str(fill.quantity)) == (theirs["price"], theirs["fee"], theirs["vol"])
    assert (fill.filled_ms, fill.liquidity, fill.side) == (round(theirs["time"] * 1000), "taker", Side.SELL)


def test_many_executions_are_asked_for_twenty_at_a_time(open_trader: Open) -> None:
    trader = open_trader(pace=UNPACED)
    for number in range(45):
        trader.place(trader.exit(number=number, quantity=Decimal("0.01")))
    seen = trader.observe()
    assert len(seen.fills) >= 45
    sizes = [len(asked["txid"].split(",")) for asked in trader.asked("QueryTrades")]
    assert max(sizes) == 20
    assert sum(sizes) == len(seen.fills)
    assert [fill.filled_ms for fill in seen.fills] == sorted(fill.filled_ms for fill in seen.fills)


def test_balances_tell_holds_and_rewards_apart(simulator: Simulator, trader: Trader) -> None:
    for asset, amount in (("BTC.F", "0.5"), ("EUR.M", "3"), ("BTC.B", "0.25"), ("DOT.S", "7"), ("ETH2.S", "1")):
        simulator.desk.deposit(asset, amount)
    trader.place(trader.stop(quantity=Decimal("0.4")))
    balances = trader.observe().balances
    assert balances is not None
    by_asset = {balance.asset: balance for balance in balances}
    assert by_asset["BTC"] == Balance("BTC", Decimal(10), Decimal("0.4"), Decimal("0.75"))
    assert by_asset["EUR"] == Balance("EUR", Decimal(10_000), Decimal(0), Decimal(3))
    assert by_asset["DOGE"].total == 1000
    assert (by_asset["DOT"].total, by_asset["DOT"].rewards) == (0, 7)


def test_bonded_coins_count_as_rewards_of_the_coin_behind_them() -> None:
    entry = {"balance": "1.5", "hold_trade": "0.5", "credit": "0", "credit_used": "0"}
    told = {"BTC28.S": entry, "XBT": entry, "C98.S": entry, "EUR.HOLD": entry, "EUR.T": entry}
    found = {
        one.asset: (one.total, one.held, one.rewards)
        for one in balances_of(told, lambda name: {"XBT": "BTC"}.get(name, name), PairNames([MARKET]))
    }
    one, half = Decimal("1.5"), Decimal("0.5")
    assert found == {
        "BTC": (one, half, one),
        "C98": (0, 0, one),
        "EUR.HOLD": (one, half, 0),
        "EUR": (0, 0, one),
    }


def sell_often(trader: Trader, count: int) -> set[str]:
    return {
        trader.placed(trader.exit(number=number, quantity=Decimal("0.01"))).venue_order_id for number in range(count)
    }


@pytest.mark.parametrize("count", [50, 51, 120])
def test_closed_orders_are_read_to_the_last_page(open_trader: Open, count: int) -> None:
    trader = open_trader(pace=UNPACED)
    ids = sell_often(trader, count)
    filled = dict.fromkeys(ids, Decimal("0.01"))
    seen = trader.observe(filled)
    assert {order.venue_order_id for order in seen.orders} == ids
    pages = [int(asked["ofs"]) for asked in trader.asked("ClosedOrders")]
    assert pages == list(range(0, count, 50))
    assert {(asked["closetime"], asked["trades"]) for asked in trader.asked("ClosedOrders")} == {("close", "true")}


def test_orders_that_closed_long_ago_are_not_read_again(simulator: Simulator, open_trader: Open) -> None:
    trader = open_trader(pace=UNPACED)
    sell_often(trader, 60)
    simulator.clock.advance_ms(3600 * SECOND_MS)
    new = trader.placed(trader.exit(number=100)).venue_order_id
    seen = trader.observe(since_ms=trader.now_ms)
    assert [order.venue_order_id for order in seen.orders] == [new]
    assert seen.since_ms == trader.now_ms


def test_an_order_on_both_lists_is_told_as_the_closed_one_has_it() -> None:
    """It closed between the two reads: the closed ones were read later."""

    async def main() -> Observation:
        opened, closed = _order("O1", "open"), _order("O1", "canceled", closetm=NOW_MS / 1000)
        script = {"OpenOrders": [good({"open": opened})], "ClosedOrders": [good({"closed": closed, "count": 1})]}
        async with scripted_trader(script) as (trader, _):
            return await trader.observe()

    [found] = asyncio.run(main()).orders
    assert (found.status, found.closed_ms) == (S.CANCELLED, NOW_MS)


@pytest.mark.parametrize("endpoint", READS)
@pytest.mark.parametrize(
    "kind", [*sorted(CUTTING_KINDS - {"timeout"}), "error:EService:Busy", "error:EGeneral:Internal error:3"]
)
def test_a_read_that_lies_is_read_again_and_never_believed(
    simulator: Simulator, open_trader: Open, endpoint: str, kind: str
) -> None:
    trader = open_trader(pace=UNPACED)
    resting, sold = trader.placed(trader.stop()), trader.placed(trader.exit())
    simulator.faults.add(endpoint, kind, times=2)
    seen = trader.observe()
    assert {order.venue_order_id for order in seen.orders} == {resting.venue_order_id, sold.venue_order_id}
    assert sum(fill.quantity for fill in seen.fills) == sold.quantity
    assert len(trader.asked(endpoint)) == 3

    simulator.faults.add(endpoint, kind, times=None)
    with pytest.raises(ExchangeError):
        trader.observe()
    assert len(trader.asked(endpoint)) == 6


def _order(txid: str, status: str = "open", **values: Any) -> dict[str, Any]:
    descr = {"pair": "XBTEUR", "type": "sell", "ordertype": "limit", "price": "90", "close": ""}
    entry = {"oflags": "fciq", "status": status, "opentm": 1.5, "descr": descr, "vol": "1", "vol_exec": "0", **values}
    return {txid: {name: value for name, value in entry.items() if value is not ...}}


def _without(name: str) -> dict[str, Any]:
    entry = _order("O1")["O1"]
    return {"O1": {key: value for key, value in entry.items() if key != name}}


MALFORMED_ORDERS: list[Any] = [
    [],
    None,
    "none",
    0,
    {"O1": None},
    {"O1": []},
    {"": _order("O1")["O1"]},
    *(_without(name) for name in ("status", "opentm", "descr", "vol", "vol_exec")),
    _order("O1", "vanished"),
    _order("O1", vol="much"),
    _order("O1", vol="NaN"),
    _order("O1", vol=1.5),
    _order("O1", vol="-1"),
    _order("O1", vol_exec=None),
    _order("O1", vol_exec=True),
    _order("O1", opentm="soon"),
    _order("O1", trades="T1"),
    _order("O1", userref="me"),
    _order("O1", descr={"pair": "XBTEUR", "type": "hold", "ordertype": "limit"}),
    _order("O1", descr={"type": "buy", "ordertype": "limit"}),
    _order("O1", descr="buy"),
]


@pytest.mark.parametrize("entries", MALFORMED_ORDERS)
def test_a_list_of_orders_that_is_not_well_formed_is_no_list(entries: Any) -> None:
    async def main(script: Script) -> int:
        async with scripted_trader(script) as (trader, asked):
            with pytest.raises(ExchangeError, match="could not be read"):
                await trader.observe()
            return asked.count("OpenOrders") * 10 + asked.count("ClosedOrders")

    empty = good({"closed": {}, "count": 0})
    assert asyncio.run(main({"OpenOrders": [good({"open": entries})], "ClosedOrders": [empty]})) == 30
    closed = [good({"closed": entries, "count": 1})]
    assert asyncio.run(main({"OpenOrders": [good({"open": {}})], "ClosedOrders": closed})) == 13


@pytest.mark.parametrize(
    "result",
    [
        {},
        [],
        None,
        {"closed": {}},
        {"count": 0},
        {"closed": {}, "count": 3},
        {"closed": {}, "count": None},
        {"closed": {}, "count": "many"},
        {"closed": _order("O1", "canceled"), "count": 0},
        {"open": {}, "count": 0},
    ],
)
def test_a_page_that_contradicts_its_count_is_no_page(result: Any) -> None:
    async def main() -> None:
        async with scripted_trader({"OpenOrders": [good({"open": {}})], "ClosedOrders": [good(result)]}) as (trader, _):
            with pytest.raises(ExchangeError, match="could not be read"):
                await trader.observe()

    asyncio.run(main())


class Growing:
    """A list of closed orders that others lengthen while it is read: one more before each of the first pages."""

    def __init__(self, count: int, growth: int, page: int = 50) -> None:
        self.ids = [f"O{number}" for number in range(count)]
        self.growth = growth
        self.page = page
        self.pages = 0

    def __call__(self, query: dict[str, str]) -> tuple[int, str]:
        self.pages += 1
        if self.growth:
            self.growth -= 1
            self.ids.append(f"O{len(self.ids)}")
        newest = self.ids[::-1][int(query["ofs"]) :][: self.page]
        entries = {name: _order(name, "canceled")[name] for name in newest}
        return good({"closed": entries, "count": len(self.ids)})


def read_growing(growing: Growing) -> Observation:
    async def main() -> Observation:
        script: Script = {"OpenOrders": [good({"open": {}})], "ClosedOrders": [growing]}
        async with scripted_trader(script, pace=UNPACED) as (trader, _):
            return await trader.observe()

    return asyncio.run(main())


@pytest.mark.parametrize("page", [50, 7])
@pytest.mark.parametrize(("count", "growth"), [(0, 0), (49, 1), (50, 1), (100, 2), (101, 3), (120, 3), (230, 5)])
def test_no_order_is_missed_while_the_list_grows(count: int, growth: int, page: int) -> None:
    growing = Growing(count, growth, page)
    seen = read_growing(growing)
    assert {order.venue_order_id for order in seen.orders} == set(growing.ids)
    assert len(growing.ids) == count + growth


def test_a_list_that_never_stands_still_is_whole_as_of_its_last_page() -> None:
    growing = Growing(60, 10**6)
    assert {order.venue_order_id for order in read_growing(growing).orders} == set(growing.ids)
    assert growing.pages == 3


def test_a_page_that_skips_an_entry_is_noticed() -> None:
    def skipping(query: dict[str, str]) -> tuple[int, str]:
        return good({"closed": _order("O1", "canceled"), "count": 2})

    async def main() -> None:
        script: Script = {"OpenOrders": [good({"open": {}})], "ClosedOrders": [skipping]}
        async with scripted_trader(script) as (trader, _):
            with pytest.raises(ExchangeError, match="named 2 entries and showed 1"):
                await trader.observe()

    asyncio.run(main())


def trade(**values: Any) -> dict[str, Any]:
    entry = {"ordertxid": "O1", "pair": "XXBTZEUR", "time": 2.5, "type": "sell", "price": "90", "fee": "0.1"}
    entry |= {"vol": "1", "maker": True, "trade_id": 5, **values}
    return {name: value for name, value in entry.items() if value is not ...}


async def observe_trades(result: Any, ids: tuple[str, ...] = ("T1",)) -> Observation:
    opened = _order("O1", vol_exec="1", vol="2", trades=list(ids))
    script = {
        "OpenOrders": [good({"open": opened})],
        "ClosedOrders": [good({"closed": {}, "count": 0})],
        "QueryTrades": [good(result)],
    }
    async with scripted_trader(script) as (trader, _):
        return await trader.observe()


@pytest.mark.parametrize(
    "result",
    [
        {"T2": trade()},
        {"T1": None},
        *({"T1": trade(**{name: ...})} for name in ("ordertxid", "pair", "time", "type", "price", "fee", "vol")),
        {"T1": trade(vol="-1")},
        {"T1": trade(fee="free")},
        {"T1": trade(time="now")},
    ],
)
def test_executions_that_are_missing_or_malformed_are_no_answer(result: Any) -> None:
    with pytest.raises(ExchangeError, match="could not be read"):
        asyncio.run(observe_trades(result))


def test_executions_of_one_moment_keep_krakens_order() -> None:
    result = {"T1": trade(trade_id=9), "T2": trade(trade_id=8), "T3": trade(time=1.5), "T4": trade(trade_id=...)}
    seen = asyncio.run(observe_trades(result, ("T1", "T2", "T3", "T4")))
    assert [fill.venue_trade_id for fill in seen.fills] == ["T3", "T4", "T2", "T1"]
    assert {fill.liquidity for fill in seen.fills} == {"maker"}


def test_a_pair_that_is_none_of_ours_does_not_break_the_look(open_trader: Open) -> None:
    trader = open_trader()
    trader.place(trader.stop())
    trader.place(trader.exit())
    stranger = open_trader(markets=())
    seen = stranger.observe()
    assert {order.symbol for order in seen.orders} == {"XBTEUR"}
    assert {fill.symbol for fill in seen.fills} == {"XXBTZEUR"}
    stranger.venue.know(trader.markets)
    assert {order.symbol for order in stranger.observe().orders} == {"BTC/EUR"}


def test_pairs_are_known_under_every_name_that_answers_use() -> None:
    plain = replace(MARKET, symbol="ADA/EUR", venue_id="ADAEUR")
    named = replace(MARKET, symbol="DOGE/EUR", venue_id="XXDGZEUR", altname="XDGEUR")
    names = PairNames([MARKET, plain, named])
    assert [names.symbol(name) for name in ("XXBTZEUR", "XBTEUR", "ADAEUR", "XXDGZEUR", "XDGEUR")] == [
        "BTC/EUR", "BTC/EUR", "ADA/EUR", "DOGE/EUR", "DOGE/EUR",
    ]  # fmt: skip
    assert names.symbol("SOLEUR") == "SOLEUR"


@pytest.mark.parametrize(
    ("values", "status"),
    [
        ({"status": "open"}, S.OPEN),
        ({"status": "pending"}, S.OPEN),
        ({"status": "open", "vol_exec": "0.5"}, S.PARTIALLY_FILLED),
        ({"status": "closed", "vol_exec": "1"}, S.FILLED),
        ({"status": "closed", "vol_exec": "0.5"}, S.CANCELLED),
        ({"status": "canceled", "vol_exec": "0.5"}, S.CANCELLED),
        ({"status": "canceled", "vol_exec": "1"}, S.FILLED),
        ({"status": "expired", "vol_exec": "0"}, S.EXPIRED),
        ({"status": "expired", "vol_exec": "1"}, S.FILLED),
    ],
)
def test_krakens_states_are_ours(values: dict[str, str], status: OrderStatus) -> None:
    assert order_of("O1", _order("O1", **values)["O1"], PairNames()).status is status


@pytest.mark.parametrize(
    ("close", "attached"),
    [
        ("close position @ stop loss 97.5", "97.5"),
        ("close position @ stop loss 97", "97"),
        ("close position @ stop loss 97.5 -> limit 97.0", None),
        ("close position @ limit 120.0", None),
        ("close position @ stop loss -3%", None),
        ("", None),
        (None, None),
    ],
)
def test_an_attached_stop_is_read_from_krakens_sentence(close: str | None, attached: str | None) -> None:
    info = _order("O1")["O1"]
    info["descr"]["close"] = close
    found = order_of("O1", info, PairNames()).attached_stop_price
    assert found == (None if attached is None else Decimal(attached))


def test_prices_that_are_offsets_are_none_yet() -> None:
    def read(kind: str, price: str, stopprice: str = "0.00000") -> tuple[OrderType | None, Any, Any]:
        info = _order("O1", stopprice=stopprice)["O1"]
        info["descr"] |= {"ordertype": kind, "price": price}
        found = order_of("O1", info, PairNames())
        return found.type, found.limit_price, found.stop_price

    assert read("limit", "+2%") == (OrderType.LIMIT, None, None)
    assert read("stop-loss", "-3.0000%", "97.10000") == (OrderType.STOP_LOSS, None, Decimal("97.1"))
    assert read("stop-loss", "0", "1800.0") == (OrderType.STOP_LOSS, None, Decimal(1800))
    assert read("stop-loss", "97.5", "1800.0") == (OrderType.STOP_LOSS, None, Decimal("97.5"))
    assert read("trailing-stop", "+2.0000%") == (None, None, None)


def test_a_history_is_everything_since_a_moment(simulator: Simulator, open_trader: Open) -> None:
    trader = open_trader(pace=UNPACED)
    old = sell_often(trader, 55)
    simulator.clock.advance_ms(3600 * SECOND_MS)
    middle_ms = trader.now_ms
    resting = trader.placed(trader.stop(number=200)).venue_order_id
    new = trader.placed(trader.exit(number=201)).venue_order_id
    state = simulator.desk.state()

    seen = trader.run(trader.venue.history())
    assert {order.venue_order_id for order in seen.orders} == old | {resting, new}
    assert {fill.venue_trade_id for fill in seen.fills} == set(state["trades"])
    assert seen.balances
    assert 0 <= seen.at_ms - trader.now_ms < 1000

    late = trader.run(trader.venue.history(middle_ms))
    assert {order.venue_order_id for order in late.orders} == {resting, new}
    assert {fill.venue_order_id for fill in late.fills} == {new}

    simulator.faults.add("TradesHistory", "empty_result", times=None)
    with pytest.raises(ExchangeError):
        trader.run(trader.venue.history())


def test_fees_are_the_accounts_own(trader: Trader) -> None:
    asked: Callable[..., Any] = trader.venue.fees
    fees = trader.run(asked(["BTC/EUR", "DOGE/EUR", "SOL/EUR"]))
    assert fees == {name: (Decimal("0.0025"), Decimal("0.004")) for name in ("BTC/EUR", "DOGE/EUR")}
    before = trader.venue.calls
    assert trader.run(asked(["SOL/EUR"])) == {}
    assert trader.venue.calls == before


def test_fees_without_a_makers_schedule_are_the_takers() -> None:
    async def main(result: dict[str, Any]) -> Any:
        async with scripted_trader({"TradeVolume": [good(result)]}) as (trader, _):
            return await trader.venue.fees(["BTC/EUR"])

    taker = {"fees": {"XXBTZEUR": {"fee": "0.2600"}}}
    assert asyncio.run(main(taker)) == {"BTC/EUR": (Decimal("0.0026"), Decimal("0.0026"))}
    rebate = {**taker, "fees_maker": {"XXBTZEUR": {"fee": "-0.0200"}}}
    assert asyncio.run(main(rebate))["BTC/EUR"][0] == Decimal("-0.0002")
    with pytest.raises(ExchangeError):
        asyncio.run(main({"fees": {}}))


def test_definite_refusals_of_a_read_are_not_asked_again() -> None:
    async def main() -> Any:
        async with scripted_trader({"OpenOrders": [bad("EGeneral:Invalid arguments:trades")]}) as (trader, asked):
            with pytest.raises(ExchangeError, match="EGeneral:Invalid arguments:trades"):
                await trader.observe()
            return asked.count("OpenOrders")

    assert asyncio.run(main()) == 1
