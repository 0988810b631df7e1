"""What an attached stop paid in coins is read from Kraken's ledger: when it must be, and never guessed."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from decimal import ROUND_CEILING, Decimal
from typing import Any

import pytest

from bot.adapters.kraken_answers import Move, PairNames, coin_fee, order_of
from bot.adapters.kraken_private import CallPace
from bot.domain.errors import ExchangeError
from bot.domain.orders import Leg, Order, OrderStatus, OrderType, Side
from bot.domain.venue_orders import Observation, VenueFill
from bot.simulator import Simulator
from bot.simulator.faults import CUTTING_KINDS
from tests.venue.conftest import Open
from tests.venue.desk import SECOND_MS, Trader
from tests.venue.scripted import NOW_MS, good, scripted_trader

LOT = Decimal("0.00000001")
UNPACED = CallPace(most=1e9)
TRADE = "TAAAAA-BBBBB-CCCCCC"


def attached(trader: Trader, quantity: str = "0.02") -> Order:
    """The stop that the venue has made of an entry's fill, as its row stands."""
    entry = trader.placed(trader.entry("1.001", quantity=Decimal(quantity)))
    [txid] = [txid for txid, order in trader.at_venue().items() if order["refid"] == entry.venue_order_id]
    stop = trader.order(Leg.STOP, OrderType.STOP_LOSS, quantity=Decimal(quantity))
    return replace(stop, status=OrderStatus.OPEN, venue_order_id=txid)


def fire(trader: Trader, stop: Order) -> None:
    account = trader.simulator.desk.account
    account.race(account.orders[stop.venue_order_id])


def known(trader: Trader) -> dict[str, Decimal]:
    """Everything bought is booked."""
    orders = trader.at_venue()
    return {txid: Decimal(o["vol_exec"]) for txid, o in orders.items() if o["descr"]["type"] == "buy"}


def sells(seen: Observation) -> list[VenueFill]:
    return [fill for fill in seen.fills if fill.side is Side.SELL]


def paid(simulator: Simulator) -> dict[str, Decimal]:
    """By the venue's own ledger: the coins that went as the fee of each execution, in whole lots."""
    moves = simulator.desk.state()["ledger"].values()
    fees = {one["refid"]: Decimal(one["fee"]) for one in moves if (one["type"], one["asset"]) == ("trade", "XXBT")}
    return {ref: fee.quantize(LOT, ROUND_CEILING) for ref, fee in fees.items()}


def test_an_attached_stop_that_sells_beside_other_coins_is_asked_for_in_the_ledger(
    simulator: Simulator, trader: Trader
) -> None:
    stop = attached(trader)
    booked = known(trader)
    fire(trader, stop)
    before = trader.venue.calls
    fills = sells(trader.observe(booked))
    assert fills
    assert {fill.venue_trade_id: fill.fee_base for fill in fills} == {
        name: fee for name, fee in paid(simulator).items() if fee
    }
    assert all(fill.fee > 0 and abs(fill.fee_base * fill.price - fill.fee) < Decimal("0.0001") for fill in fills)
    assert trader.venue.calls - before == 5
    [asked] = trader.asked("Ledgers")
    assert asked == {
        "type": "trade", "ofs": "0",
        "start": str((fills[0].filled_ms - 10_000) // 1000 - 1), "end": str((fills[-1].filled_ms + 10_000) // 1000),
    }  # fmt: skip
    # Once they are booked nobody asks again.
    trader.observe({**booked, stop.venue_order_id: stop.quantity})
    assert len(trader.asked("Ledgers")) == 1


def test_a_stop_that_sold_the_last_coins_needs_no_ledger(simulator: Simulator, trader: Trader) -> None:
    simulator.desk.withdraw("BTC", 10)
    stop = attached(trader)
    booked = known(trader)
    fire(trader, stop)
    simulator.clock.advance_ms(SECOND_MS)
    before = trader.venue.calls
    assert {fill.fee_base for fill in sells(trader.observe(booked))} == {0}
    assert trader.venue.calls - before == 4
    assert trader.asked("Ledgers") == []


def test_where_it_is_not_known_that_no_coins_were_left_the_ledger_is_asked(
    simulator: Simulator, trader: Trader
) -> None:
    """Without balances, with balances that may be older than the sale, and with coins that are out earning."""
    simulator.desk.withdraw("BTC", 10)
    stop = attached(trader)
    booked = known(trader)
    fire(trader, stop)
    assert {fill.fee_base for fill in sells(trader.observe(booked))} == {0}
    assert len(trader.asked("Ledgers")) == 1
    simulator.clock.advance_ms(SECOND_MS)
    trader.observe(booked, balances=False)
    assert len(trader.asked("Ledgers")) == 2
    trader.observe(booked)
    assert len(trader.asked("Ledgers")) == 2
    simulator.desk.deposit("BTC.F", "0.1")
    trader.observe(booked)
    assert len(trader.asked("Ledgers")) == 3


def test_our_own_sells_ask_for_money_and_are_believed(trader: Trader) -> None:
    trader.place(trader.exit())
    assert {fill.fee_base for fill in trader.observe().fills} == {0}
    assert trader.asked("Ledgers") == []


def test_a_cancel_that_comes_too_late_brings_the_fee_in_coins(simulator: Simulator, trader: Trader) -> None:
    stop = attached(trader)
    simulator.faults.add("CancelOrder", "fill_first")
    answer = trader.cancel(stop)
    assert answer.status is OrderStatus.FILLED
    fees = {fill.venue_trade_id: fill.fee_base for fill in answer.fills}
    assert fees == {name: fee for name, fee in paid(simulator).items() if fee}
    assert fees == {fill.venue_trade_id: fill.fee_base for fill in sells(trader.observe(known(trader)))}


def test_a_history_has_the_fees_in_coins_of_all_pages(simulator: Simulator, open_trader: Open) -> None:
    trader = open_trader(pace=UNPACED)
    first, second = attached(trader), attached(trader, "0.01")
    fire(trader, first)
    for number in range(60):
        trader.place(trader.exit(number=number, quantity=Decimal("0.01")))
    fire(trader, second)
    seen = trader.run(trader.venue.history())
    fees = {fill.venue_trade_id: fill.fee_base for fill in seen.fills}
    assert sorted(fees) == sorted(simulator.desk.state()["trades"])
    assert fees == paid(simulator)
    assert {fill.venue_order_id for fill in seen.fills if fill.fee_base} == {
        first.venue_order_id, second.venue_order_id,
    }  # fmt: skip
    assert len(trader.asked("Ledgers")) >= 3


@pytest.mark.parametrize("kind", [*sorted(CUTTING_KINDS - {"timeout"}), "error:EService:Busy"])
def test_a_ledger_that_lies_is_read_again_and_never_believed(
    simulator: Simulator, open_trader: Open, kind: str
) -> None:
    trader = open_trader(pace=UNPACED)
    stop = attached(trader)
    fire(trader, stop)
    simulator.faults.add("Ledgers", kind, times=2)
    assert all(fill.fee_base > 0 for fill in sells(trader.observe()))
    assert len(trader.asked("Ledgers")) == 3
    simulator.faults.add("Ledgers", kind, times=None)
    with pytest.raises(ExchangeError):
        trader.observe()
    assert len(trader.asked("Ledgers")) == 6
    answer = trader.cancel(stop)
    assert (answer.status, answer.fills) == (OrderStatus.UNKNOWN, ())


def entry(**values: Any) -> dict[str, Any]:
    one = {"refid": TRADE, "time": 2.5, "type": "trade", "asset": "XXBT", "amount": "-1", "fee": "0.0025", **values}
    return {name: value for name, value in one.items() if value is not ...}


def order(oflags: Any = "", **values: Any) -> dict[str, Any]:
    descr = {"pair": "XBTEUR", "type": "sell", "ordertype": "stop-loss", "price": "90"}
    one = {"status": "closed", "opentm": 1.5, "closetm": 2.5, "descr": descr, "vol": "1", "vol_exec": "1", **values}
    return one | ({} if oflags is ... else {"oflags": oflags})


def read(ledger: Any, **values: Any) -> list[VenueFill]:
    """The executions of one sell, as a look at a venue with this ledger shows them."""
    fill = {"ordertxid": "O1", "pair": "XXBTZEUR", "time": NOW_MS / 1000, "type": "sell", "price": "90", "fee": "0.2"}
    script = {
        "OpenOrders": [good({"open": {}})],
        "ClosedOrders": [good({"closed": {"O1": order(trades=[TRADE], **values)}, "count": 1})],
        "QueryTrades": [good({TRADE: {**fill, "vol": "1"}})],
        "Ledgers": [good(ledger)],
    }

    async def main() -> Sequence[VenueFill]:
        async with scripted_trader(script) as (trader, _):
            return (await trader.observe()).fills

    return list(asyncio.run(main()))


@pytest.mark.parametrize(
    ("entries", "fee_base"),
    [
        ([entry()], "0.0025"),
        ([entry(fee="0.0000000000")], "0"),
        ([entry(fee="0"), entry(asset="ZEUR", amount="90", fee="0.2")], "0"),
        ([entry(), entry(asset="ZEUR", amount="90", fee="0")], "0.0025"),
        ([entry(asset="XBT.F")], "0.0025"),
        ([entry(), entry(refid="TX", fee="5")], "0.0025"),
        ([entry(amount="-0.4"), entry(amount="-0.6", fee="0.0015")], "0.004"),
        ([entry(fee="0.0025000001")], "0.00250001"),
        ([entry(fee="0.0000000001")], "0.00000001"),
    ],
)
def test_the_fee_is_what_the_ledger_says_of_the_coins_in_whole_steps(
    entries: list[dict[str, Any]], fee_base: str
) -> None:
    ledger = {"ledger": {f"L{n}": one for n, one in enumerate(entries)}, "count": len(entries)}
    [fill] = read(ledger)
    assert (fill.fee_base, fill.fee) == (Decimal(fee_base), Decimal("0.2"))


@pytest.mark.parametrize(
    "entries",
    [[], [entry(refid="TX")], [entry(asset="ZEUR", amount="90", fee="0.2")], [entry(fee="-0.0025")]],
)
def test_an_execution_whose_fee_the_ledger_does_not_tell_is_left_out(entries: list[dict[str, Any]]) -> None:
    ledger = {"ledger": {f"L{n}": one for n, one in enumerate(entries)}, "count": len(entries)}
    assert read(ledger) == []


@pytest.mark.parametrize(
    "ledger",
    [
        {},
        {"ledger": {}},
        {"ledger": [], "count": 0},
        {"ledger": {}, "count": 1},
        {"ledger": {"L1": entry(), "L2": entry()}, "count": 1},
        *({"ledger": {"L1": entry(**{name: ...})}, "count": 1} for name in ("refid", "amount", "fee")),
        {"ledger": {"L1": entry(fee="none")}, "count": 1},
        {"ledger": {"L1": entry(fee="NaN")}, "count": 1},
        {"ledger": {"L1": entry(amount=-1.0)}, "count": 1},
        {"ledger": {"L1": entry(refid="")}, "count": 1},
        {"ledger": {"L1": None}, "count": 1},
    ],
)
def test_a_ledger_that_is_not_well_formed_is_none(ledger: Any) -> None:
    with pytest.raises(ExchangeError, match="could not be read"):
        read(ledger)


@pytest.mark.parametrize(
    ("side", "oflags", "doubtful"),
    [
        ("sell", "fcib", True),
        ("sell", "", True),
        ("sell", None, True),
        ("sell", ..., True),
        ("sell", "post,fcib", True),
        ("sell", "fciq", False),
        ("sell", "fciq,post", False),
        ("buy", "", False),
        ("buy", "fciq", False),
    ],
)
def test_a_sell_that_does_not_ask_for_money_may_pay_in_coins(side: str, oflags: Any, doubtful: bool) -> None:
    info = order(oflags)
    info["descr"]["type"] = side
    assert order_of("O1", info, PairNames()).fee_in_base is doubtful


def test_a_sell_that_asks_for_money_is_not_looked_for_in_the_ledger() -> None:
    assert [fill.fee_base for fill in read({}, oflags="fciq")] == [0]


def test_a_coarser_step_takes_the_fee_up_to_it() -> None:
    moves = [Move(TRADE, Decimal(-1), Decimal("0.0021"))]
    assert coin_fee(TRADE, moves, Decimal("0.001")) == Decimal("0.003")
    assert coin_fee("another", moves, Decimal("0.001")) is None


def test_a_pair_that_nobody_knows_is_asked_for_too(simulator: Simulator, open_trader: Open) -> None:
    trader = open_trader()
    stop = attached(trader)
    booked = known(trader)
    fire(trader, stop)
    simulator.clock.advance_ms(SECOND_MS)
    stranger = open_trader(markets=())
    told = {fill.venue_trade_id: fill.fee_base for fill in sells(stranger.observe(booked))}
    assert {name: fee.quantize(LOT, ROUND_CEILING) for name, fee in told.items()} == {
        name: fee for name, fee in paid(simulator).items() if fee
    }
