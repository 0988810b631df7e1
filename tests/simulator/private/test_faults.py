"""What can go wrong with a private request, and what the venue believes afterwards."""

from __future__ import annotations

import asyncio
import time
from http.client import HTTPException
from typing import Any

import ccxt
import pytest

from bot.domain.timeframes import to_datetime
from bot.simulator import Simulator
from bot.simulator.auth import ApiKey
from bot.simulator.faults import CUTTING_KINDS, HTTP_KINDS
from tests.simulator.private.client import Client, ccxt_client
from tests.simulator.samples import MINUTE_MS

SELL = {"pair": "XBTEUR", "type": "sell", "ordertype": "limit", "volume": "1", "price": "200", "cl_ord_id": "one"}
LIMIT = ("BTC/EUR", "limit", "sell", 1, 200.0, {"clientOrderId": "one"})

# Kraken's words for a failure, and what ccxt makes of them. No entry may be missing: a bot reads the words.
STRINGS: dict[str, type[Exception]] = {
    "EOrder:Insufficient funds": ccxt.InsufficientFunds,
    "EOrder:Order minimum not met": ccxt.InvalidOrder,
    "EGeneral:Invalid arguments:volume": ccxt.InvalidOrder,
    "EOrder:Cost minimum not met": ccxt.ExchangeError,
    "EOrder:Tick size check failed": ccxt.ExchangeError,
    "EOrder:Invalid price": ccxt.ExchangeError,
    "EOrder:Post only order": ccxt.ExchangeError,
    "EOrder:Orders limit exceeded": ccxt.ExchangeError,
    "EOrder:Insufficient margin": ccxt.ExchangeError,
    "EQuery:Unknown asset pair": ccxt.ExchangeError,
    "EAccount:Invalid permissions:XBTEUR trading restricted for DE.": ccxt.ExchangeError,
    "EAPI:Invalid signature": ccxt.ExchangeError,
    "EGeneral:Invalid arguments": ccxt.BadRequest,
    "EGeneral:Permission denied": ccxt.PermissionDenied,
    "EAPI:Invalid key": ccxt.AuthenticationError,
    "EAPI:Invalid nonce": ccxt.InvalidNonce,
    "EAPI:Rate limit exceeded": ccxt.DDoSProtection,
    "EOrder:Rate limit exceeded": ccxt.DDoSProtection,
    "EOrder:Domain rate limit exceeded": ccxt.ExchangeError,
    "EGeneral:Too many requests": ccxt.DDoSProtection,
    "EGeneral:Temporary lockout": ccxt.DDoSProtection,
    "EService:Market in cancel_only mode": ccxt.OnMaintenance,
    "EService:Market in post_only mode": ccxt.OnMaintenance,
    "EService:Market in limit_only mode": ccxt.ExchangeError,
    "EService:Unavailable": ccxt.ExchangeNotAvailable,
    "EService:Busy": ccxt.ExchangeNotAvailable,
    "EDatabase:Internal error": ccxt.ExchangeNotAvailable,
    "EGeneral:Internal error": ccxt.ExchangeNotAvailable,
    "EGeneral:Internal error:42": ccxt.ExchangeError,
    "EService:Timeout": ccxt.ExchangeError,
    "EService:Deadline elapsed": ccxt.ExchangeError,
    "EService:Throttled: 1700395980": ccxt.ExchangeError,
}


def placed(kraken: Client) -> int:
    """How many orders the venue has in all."""
    return len(kraken.result("OpenOrders")["open"]) + int(kraken.result("ClosedOrders")["count"])


def outcome(exchange: Any) -> str:
    """What ccxt makes of placing an order: its error's name, or that there was no id."""
    try:
        order = exchange.create_order(*LIMIT)
    except Exception as error:
        return type(error).__name__
    return "no id" if order["id"] is None else "id"


@pytest.mark.parametrize("text", sorted(STRINGS))
def test_each_of_krakens_errors_refuses_the_order_or_comes_after_it(
    simulator: Simulator, exchange: Any, kraken: Client, text: str
) -> None:
    simulator.faults.add("AddOrder", f"error:{text}")
    assert outcome(exchange) == STRINGS[text].__name__
    assert placed(kraken) == 0
    simulator.faults.add("AddOrder", f"after:error:{text}")
    assert outcome(exchange) == STRINGS[text].__name__
    assert placed(kraken) == 1


@pytest.mark.parametrize(
    ("kind", "seen"),
    [
        ("html", "no id"),
        ("empty", "no id"),
        ("empty_result", "no id"),
        ("half", "no id"),
        ("reset", "NetworkError"),
        ("500", "ExchangeNotAvailable"),
        ("502", "ExchangeNotAvailable"),
        ("503", "ExchangeNotAvailable"),
        ("504", "RequestTimeout"),
        ("408", "RequestTimeout"),
        ("403", "ExchangeNotAvailable"),
        ("520", "ExchangeNotAvailable"),
        ("524", "ExchangeError"),
        ("odd_descr", "TypeError"),
    ],
)
def test_an_accepted_order_whose_answer_is_lost_rests_all_the_same(
    simulator: Simulator, exchange: Any, kraken: Client, kind: str, seen: str
) -> None:
    exchange.load_markets()
    simulator.faults.add("AddOrder", kind)
    assert outcome(exchange) == seen
    [order] = kraken.result("OpenOrders", cl_ord_id="one")["open"].values()
    assert order["vol"] == "1.00000000"
    if kind in CUTTING_KINDS:
        kraken.result("CancelOrder", cl_ord_id="one")
        simulator.faults.add("AddOrder", f"before:{kind}")
        assert outcome(exchange) == seen
        assert kraken.result("OpenOrders")["open"] == {}


def test_a_status_that_asynchronous_ccxt_takes_for_an_answer(simulator: Simulator, key: ApiKey) -> None:
    async def run() -> Any:
        exchange = ccxt_client(simulator, key, asynchronous=True)
        try:
            await exchange.load_markets()
            simulator.faults.add("AddOrder", "524")
            return await exchange.create_order(*LIMIT)
        finally:
            await exchange.close()

    assert asyncio.run(run())["id"] is None
    assert len(simulator.desk.state()["orders"]) == 1


def test_a_client_that_gives_up_waiting_has_an_order_all_the_same(
    simulator: Simulator, exchange: Any, kraken: Client
) -> None:
    exchange.load_markets()
    exchange.timeout = 200
    simulator.faults.add("AddOrder", "timeout", seconds=0.6)
    started = time.monotonic()
    assert outcome(exchange) == "RequestTimeout"
    assert 0.15 < time.monotonic() - started < 0.55
    assert placed(kraken) == 1


def test_a_slow_answer_is_right(simulator: Simulator, kraken: Client) -> None:
    simulator.faults.add("Balance", "slow", seconds=0.15)
    started = time.monotonic()
    assert kraken.result("Balance")["ZEUR"] == "10000.0000"
    assert time.monotonic() - started >= 0.15


@pytest.mark.parametrize("endpoint", ["CancelOrder", "AmendOrder", "CancelAll"])
def test_cancels_and_amends_are_carried_out_behind_a_cut_connection(
    simulator: Simulator, kraken: Client, endpoint: str
) -> None:
    kraken.result("AddOrder", **SELL)
    query = {"order_qty": "2"} if endpoint == "AmendOrder" else {}
    for kind, left in (("before:reset", "1.00000000"), ("reset", "2.00000000")):
        simulator.faults.add(endpoint, kind)
        with pytest.raises((HTTPException, OSError)):
            kraken.ask(endpoint, cl_ord_id="one", **query)
        volumes = [order["vol"] for order in kraken.result("OpenOrders")["open"].values()]
        assert volumes == ([left] if endpoint == "AmendOrder" or kind != "reset" else [])


@pytest.mark.parametrize("kind", ["html", "empty", "empty_result", "half"])
def test_reads_that_fail_look_empty_to_ccxt(simulator: Simulator, exchange: Any, kraken: Client, kind: str) -> None:
    kraken.result("AddOrder", **SELL)
    exchange.load_markets()
    for endpoint, read in (("OpenOrders", exchange.fetch_open_orders), ("TradesHistory", exchange.fetch_my_trades)):
        simulator.faults.add(endpoint, kind)
        assert read() == []
    assert len(exchange.fetch_open_orders()) == 1


def test_a_late_request_is_carried_out_when_it_arrives(simulator: Simulator, kraken: Client) -> None:
    simulator.faults.add("AddOrder", "late", seconds=5)
    with pytest.raises((HTTPException, OSError)):
        kraken.ask("AddOrder", **SELL)
    placed_ms = simulator.clock.now_ms()
    assert placed(kraken) == 0
    assert simulator.desk.state()["on_the_way"] == 1
    simulator.clock.advance_ms(60_000)
    [order] = kraken.result("OpenOrders", cl_ord_id="one")["open"].values()
    assert order["opentm"] == (placed_ms + 5000) / 1000


def test_a_late_request_past_its_deadline_never_happens(simulator: Simulator, kraken: Client) -> None:
    deadline = to_datetime(simulator.clock.now_ms() + 15_000).isoformat()
    for seconds in (20.0, 10.0):
        simulator.faults.add("AddOrder", "late", seconds=seconds)
        with pytest.raises((HTTPException, OSError)):
            kraken.ask("AddOrder", **{**SELL, "cl_ord_id": f"after-{seconds:.0f}"}, deadline=deadline)
    simulator.clock.advance_ms(60_000)
    names = [order["cl_ord_id"] for order in kraken.result("OpenOrders")["open"].values()]
    assert names == ["after-10"]


def test_a_late_cancel_finds_the_order_filled(simulator: Simulator, kraken: Client) -> None:
    bid = float(kraken_bid(simulator))
    query = {**SELL, "type": "buy", "price": f"{bid * 0.9995:.2f}", "volume": "0.01"}
    [txid] = kraken.result("AddOrder", **query)["txid"]
    simulator.faults.add("CancelOrder", "late", seconds=12 * 3600)
    with pytest.raises((HTTPException, OSError)):
        kraken.ask("CancelOrder", txid=txid)
    simulator.clock.advance_ms(24 * 3_600_000)
    assert kraken.result("QueryOrders", txid=txid)[txid]["status"] == "closed"


def kraken_bid(simulator: Simulator) -> str:
    last = simulator.venue.history("BTC/EUR").last_trade(simulator.clock.now_ms())
    assert last is not None
    return f"{simulator.venue.quote_ticks(last.ticks)[0] / 100:.2f}"


def test_a_new_order_is_missing_from_the_open_ones_for_a_while(simulator: Simulator, kraken: Client) -> None:
    simulator.faults.add("OpenOrders", "lag", times=None, seconds=3)
    [txid] = kraken.result("AddOrder", **SELL)["txid"]
    assert kraken.result("OpenOrders", cl_ord_id="one") == {"open": {}}
    assert kraken.result("ClosedOrders", cl_ord_id="one")["count"] == 0
    assert list(kraken.result("QueryOrders", txid=txid)) == [txid]
    simulator.clock.advance_ms(3000)
    assert list(kraken.result("OpenOrders")["open"]) == [txid]


def test_an_order_may_fill_in_the_moment_of_its_cancel(simulator: Simulator, exchange: Any) -> None:
    first = exchange.create_order(*LIMIT)["id"]
    simulator.faults.add("CancelOrder", "fill_first")
    with pytest.raises(ccxt.OrderNotFound):
        exchange.cancel_order("", params={"clientOrderId": "one"})
    assert exchange.fetch_order(first)["status"] == "closed"

    second = exchange.create_order(*LIMIT)["id"]
    simulator.faults.add("CancelOrder", "fill_first:0.25")
    exchange.cancel_order(second)
    order = exchange.fetch_order(second)
    assert (order["status"], order["filled"]) == ("canceled", 0.25)

    stop = exchange.create_order("BTC/EUR", "market", "sell", 1, None, {"stopLossPrice": 50})["id"]
    simulator.faults.add("AmendOrder", "fill_first")
    with pytest.raises(ccxt.InvalidOrder, match="Unknown order"):
        exchange.edit_order(stop, "BTC/EUR", "market", "sell", None, None, {"stopLossPrice": 60})
    assert exchange.fetch_order(stop)["status"] == "closed"


def test_a_lockout_holds_for_all_requests_of_the_key(simulator: Simulator, kraken: Client) -> None:
    simulator.faults.add("OpenOrders", "lockout", seconds=900)
    locked = ["EGeneral:Temporary lockout"]
    assert [kraken.errors("OpenOrders"), kraken.errors("Balance"), kraken.errors("AddOrder", **SELL)] == [locked] * 3
    simulator.clock.advance_ms(15 * MINUTE_MS)
    assert placed(kraken) == 0


def test_a_fault_can_be_meant_for_some_orders_and_for_a_later_one(simulator: Simulator, kraken: Client) -> None:
    simulator.faults.add("AddOrder", "error:EService:Busy", times=None, match={"ordertype": "stop-loss"})
    simulator.faults.add("AddOrder", "error:EService:Timeout", skip=1)
    simulator.faults.add("CancelOrder", "error:EDatabase:Internal error", symbol="BTC/EUR")
    stop = {**SELL, "ordertype": "stop-loss", "price": "50", "cl_ord_id": "two"}
    answers = [kraken.errors("AddOrder", **query) for query in (stop, SELL, {**SELL, "cl_ord_id": "three"}, stop)]
    assert answers == [["EService:Busy"], [], ["EService:Timeout"], ["EService:Busy"]]
    assert kraken.errors("CancelOrder", txid="OAAAAA-AAAAA-AAAAAA") == ["EOrder:Unknown order"]
    assert kraken.errors("CancelOrder", cl_ord_id="one") == ["EDatabase:Internal error"]
    assert simulator.faults.as_list()[0]["match"] == {"ordertype": "stop-loss"}


def test_private_faults_leave_public_requests_alone(simulator: Simulator, exchange: Any) -> None:
    for kind in ("late", "lag", "lockout", "fill_first", "odd_descr"):
        simulator.faults.add("*", kind, times=None)
    assert exchange.fetch_ticker("BTC/EUR")["last"] > 0
    with pytest.raises(ccxt.DDoSProtection):
        exchange.fetch_balance()


@pytest.mark.parametrize(
    "kind", ["before:late", "before:error:X", "after:html", "after:error:", "fill_first:2", "lag:1"]
)
def test_an_unknown_private_fault_is_refused_when_it_is_scripted(simulator: Simulator, kind: str) -> None:
    with pytest.raises(ValueError, match="unknown fault"):
        simulator.faults.add("AddOrder", kind)
    assert len(HTTP_KINDS) == 8
