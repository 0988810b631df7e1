"""Every private call of the unmodified ccxt, over a socket."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import ccxt
import pytest

from bot.simulator import Simulator
from bot.simulator.auth import ApiKey
from bot.simulator.ids import FORM
from tests.simulator.private.client import ccxt_client

HOUR_MS = 3_600_000
SYMBOL = "BTC/EUR"


@pytest.fixture
def last(simulator: Simulator) -> float:
    """The last price in EUR when the test starts."""
    trade = simulator.venue.history(SYMBOL).last_trade(simulator.clock.now_ms())
    assert trade is not None
    return trade.ticks / 100


def test_a_balance_has_free_and_held_money_and_rewards_apart(exchange: Any, simulator: Simulator, last: float) -> None:
    simulator.desk.deposit("BTC.F", "0.5")
    exchange.create_order(SYMBOL, "limit", "sell", 4, round(last * 1.2, 2))
    balance = exchange.fetch_balance()
    assert balance["BTC"] == {"free": 6.0, "used": 4.0, "total": 10.0}
    assert balance["EUR"] == {"free": 10_000.0, "used": 0.0, "total": 10_000.0}
    assert balance["info"]["result"]["XBT.F"] == {"balance": "0.5000000000", "hold_trade": "0.0000000000"}
    assert exchange.privatePostBalance()["result"] == {
        "ZEUR": "10000.0000", "XXBT": "10.0000000000", "XBT.F": "0.5000000000",
    }  # fmt: skip


def test_a_market_order_fills_at_once_and_its_trades_add_up(exchange: Any, last: float) -> None:
    placed = exchange.create_order(SYMBOL, "market", "buy", 1.5, None, {"oflags": "fciq", "clientOrderId": "e1"})
    assert FORM.fullmatch(placed["id"])
    assert (placed["status"], placed["clientOrderId"]) == (None, None)
    order = exchange.fetch_order(placed["id"])
    assert (order["status"], order["filled"], order["clientOrderId"]) == ("closed", 1.5, "e1")
    trades = exchange.fetch_my_trades(SYMBOL)
    assert [trade["id"] for trade in exchange.fetch_order_trades(placed["id"], SYMBOL, params=order)]
    assert sum(trade["amount"] for trade in trades) == pytest.approx(1.5)
    fee = float(order["fee"]["cost"])
    assert sum(trade["fee"]["cost"] for trade in trades) == pytest.approx(fee, abs=1e-9)
    assert fee == pytest.approx(0.004 * order["cost"], rel=1e-3)
    assert {trade["takerOrMaker"] for trade in trades} == {"taker"}
    assert last < order["average"] < last * 1.01


def test_a_limit_order_rests_then_trades_and_the_ledger_explains_the_money(
    exchange: Any, simulator: Simulator, last: float
) -> None:
    price = round(last * 0.998, 2)
    placed = exchange.create_order(SYMBOL, "limit", "buy", 0.1, price, {"oflags": "fciq"})
    [resting] = exchange.fetch_open_orders(SYMBOL)
    assert (resting["id"], resting["price"], resting["status"], resting["filled"]) == (placed["id"], price, "open", 0)
    simulator.clock.advance_ms(24 * HOUR_MS)
    [done] = exchange.fetch_closed_orders(SYMBOL)
    assert (done["status"], done["filled"]) == ("closed", 0.1)
    assert done["average"] == pytest.approx(price)
    assert {trade["takerOrMaker"] for trade in exchange.fetch_my_trades()} == {"maker"}
    entries = [entry for entry in exchange.fetch_ledger("EUR") if entry["type"] == "trade"]
    paid = sum(entry["amount"] + entry["fee"]["cost"] for entry in entries)
    assert exchange.fetch_balance()["EUR"]["total"] == pytest.approx(10_000 - paid, abs=1e-4)


def test_a_stop_holds_the_coins_so_that_a_target_cannot_rest_beside_it(exchange: Any, last: float) -> None:
    stop = exchange.create_order(
        SYMBOL, "market", "sell", 10, None, {"stopLossPrice": last * 0.9, "trigger": "last", "clientOrderId": "s1"}
    )
    assert stop["stopLossPrice"] == pytest.approx(last * 0.9, abs=0.01)
    with pytest.raises(ccxt.InsufficientFunds):
        exchange.create_order(SYMBOL, "limit", "sell", 10, last * 1.2)
    [resting] = exchange.fetch_open_orders(params={"clientOrderId": "s1"})
    assert (resting["id"], resting["stopLossPrice"]) == (stop["id"], stop["stopLossPrice"])
    assert exchange.fetch_open_orders(params={"clientOrderId": "s2"}) == []


@pytest.mark.parametrize(
    ("params", "kind", "text"),
    [
        ({"trailingPercent": "2"}, "trailing-stop", "@ trailing stop +2.0000%"),
        ({"trailingAmount": "5"}, "trailing-stop", "@ trailing stop +5.00"),
        ({"trailingAmount": "5", "trailingLimitAmount": "1"}, "trailing-stop-limit", "+5.00 -> limit -1.00"),
        (
            {"trailingPercent": "5", "trailingLimitPercent": "1"},
            "trailing-stop-limit",
            "+5.0000% -> limit -1.0000%",
        ),
    ],
)
def test_trailing_stops_come_as_amounts_and_as_percentages_in_json(
    exchange: Any, params: dict[str, str], kind: str, text: str
) -> None:
    placed = exchange.create_order(SYMBOL, "market", "sell", 1, None, params)
    [resting] = exchange.fetch_open_orders()
    assert resting["info"]["descr"]["ordertype"] == kind
    assert resting["info"]["descr"]["order"].endswith(text)
    assert placed["info"]["descr"]["order"] == resting["info"]["descr"]["order"]


def test_stop_limits_and_targets_keep_both_prices(exchange: Any, last: float) -> None:
    low, high = round(last * 0.9, 2), round(last * 1.1, 2)
    exchange.create_order(SYMBOL, "limit", "sell", 1, low - 1, {"stopLossPrice": low})
    exchange.create_order(SYMBOL, "limit", "sell", 1, high - 1, {"takeProfitPrice": high})
    target, stop = exchange.fetch_open_orders()
    assert (stop["stopLossPrice"], stop["price"]) == (low, pytest.approx(low - 1))
    assert (target["takeProfitPrice"], target["price"]) == (high, pytest.approx(high - 1))


def test_an_amend_keeps_the_order_and_gives_an_id_that_is_no_order(exchange: Any, last: float) -> None:
    placed = exchange.create_order(SYMBOL, "limit", "buy", 1, round(last * 0.9, 2), {"clientOrderId": "e1"})
    by_txid = exchange.edit_order(placed["id"], SYMBOL, "limit", "buy", 2, round(last * 0.91, 2))
    by_name = exchange.edit_order("", SYMBOL, "limit", "buy", 1.5, None, {"clientOrderId": "e1"})
    [resting] = exchange.fetch_open_orders()
    assert (resting["id"], resting["amount"], resting["price"]) == (placed["id"], 1.5, round(last * 0.91, 2))
    assert resting["info"]["misc"] == "amended"
    assert len({by_txid["id"], by_name["id"], placed["id"]}) == 3
    with pytest.raises(ccxt.OrderNotFound):
        exchange.cancel_order(by_txid["id"])


def test_a_stop_is_pulled_up_in_place(exchange: Any, last: float) -> None:
    placed = exchange.create_order(SYMBOL, "market", "sell", 1, None, {"stopLossPrice": last * 0.9})
    exchange.edit_order(placed["id"], SYMBOL, "market", "sell", None, None, {"stopLossPrice": last * 0.95})
    [resting] = exchange.fetch_open_orders()
    assert resting["stopLossPrice"] == pytest.approx(last * 0.95, abs=0.01)


def test_an_order_is_cancelled_by_txid_by_client_id_by_userref_and_with_all(exchange: Any, last: float) -> None:
    def rest(**params: object) -> str:
        placed = exchange.create_order(SYMBOL, "limit", "buy", 1, round(last * 0.9, 2), params)
        return str(placed["id"])

    first, _, _, _ = rest(), rest(clientOrderId="c1"), rest(userref=7), rest(userref=7)
    assert exchange.cancel_order(first)["info"]["result"] == {"count": 1}
    exchange.cancel_order("", params={"clientOrderId": "c1"})
    assert exchange.cancel_order("", params={"userref": 7})["info"]["result"] == {"count": 2}
    with pytest.raises(ccxt.OrderNotFound):
        exchange.cancel_order(first)
    rest(), rest()
    assert exchange.cancel_all_orders("DOGE/EUR")[0]["info"]["result"] == {"count": 2}
    assert exchange.fetch_open_orders() == []
    closed = exchange.fetch_closed_orders()
    assert {order["status"] for order in closed} == {"canceled"}
    assert {order["info"]["reason"] for order in closed} == {"User requested"}


def test_orders_are_found_by_userref_and_by_client_id(exchange: Any, last: float) -> None:
    for params in ({"userref": 7}, {"userref": 8}, {"clientOrderId": "c1"}):
        exchange.create_order(SYMBOL, "market", "buy", 0.1, None, params)
    assert [order["info"]["userref"] for order in exchange.fetch_closed_orders(params={"userref": 8})] == [8]
    assert [order["clientOrderId"] for order in exchange.fetch_closed_orders(params={"clientOrderId": "c1"})] == ["c1"]
    assert exchange.fetch_closed_orders(params={"clientOrderId": "c2"}) == []


def test_lists_come_in_pages_of_fifty_newest_first(exchange: Any, simulator: Simulator) -> None:
    simulator.desk.deposit("EUR", 100_000)
    started_s = simulator.clock.now_ms() // 1000
    for _ in range(60):
        simulator.clock.advance_ms(1000)
        exchange.create_order("DOGE/EUR", "market", "buy", 20, None, {"oflags": "fciq"})
    first = exchange.privatePostClosedOrders()["result"]
    rest = exchange.privatePostClosedOrders({"ofs": 50})["result"]
    times = [order["closetm"] for page in (first, rest) for order in page["closed"].values()]
    assert (len(first["closed"]), len(rest["closed"]), first["count"], rest["count"]) == (50, 10, 60, 60)
    assert times == [started_s + second for second in range(60, 0, -1)]
    within = exchange.privatePostClosedOrders({"start": started_s + 10, "end": started_s + 20})["result"]
    assert within["count"] == 10
    oldest = next(reversed(rest["closed"]))
    assert exchange.privatePostClosedOrders({"start": oldest})["result"]["count"] == 59
    trades = exchange.privatePostTradesHistory({"ofs": 10})["result"]
    assert (len(trades["trades"]), trades["count"]) == (50, 60)
    assert exchange.privatePostTradesHistory({"end": started_s + 5})["result"]["count"] == 5
    assert len(exchange.privatePostLedgers({"type": "trade", "asset": "ZEUR"})["result"]["ledger"]) == 50
    assert exchange.privatePostLedgers({"asset": "XXDG", "ofs": 55})["result"]["count"] == 60


def test_several_orders_are_looked_up_at_once(exchange: Any) -> None:
    ids = [exchange.create_order(SYMBOL, "market", "buy", 0.1)["id"] for _ in range(2)]
    assert [order["id"] for order in exchange.fetch_orders_by_ids(ids)] == ids
    many = {"txid": ",".join(["OAAAAA-AAAAA-AAAAAA"] * 51)}
    with pytest.raises(ccxt.BadRequest):
        exchange.privatePostQueryOrders(many)
    with pytest.raises(ccxt.OrderNotFound):
        exchange.fetch_order("OAAAAA-AAAAA-AAAAAA")
    with pytest.raises(ccxt.ExchangeError, match="EOrder:Invalid order"):
        exchange.fetch_order("nonsense")


def test_the_fee_is_the_accounts_own(exchange: Any) -> None:
    fee = exchange.fetch_trading_fee(SYMBOL)
    assert (fee["maker"], fee["taker"]) == (0.0025, 0.004)
    assert exchange.privatePostTradeVolume()["result"] == {"currency": "ZUSD", "volume": "0.0000"}


def test_the_dead_mans_switch_fires_on_the_venues_time(exchange: Any, simulator: Simulator, last: float) -> None:
    exchange.create_order(SYMBOL, "limit", "buy", 1, round(last * 0.9, 2))
    armed = exchange.cancel_all_orders_after(60_000)["result"]
    assert armed["currentTime"] < armed["triggerTime"]
    simulator.clock.advance_ms(59_000)
    assert len(exchange.fetch_open_orders()) == 1
    simulator.clock.advance_ms(1_000)
    assert exchange.fetch_open_orders() == []
    assert exchange.cancel_all_orders_after(0)["result"]["triggerTime"] == "0"


def test_validate_reads_the_order_and_places_nothing(exchange: Any, last: float) -> None:
    answer = exchange.create_order(SYMBOL, "limit", "buy", 1, round(last * 0.9, 2), {"validate": "true"})
    assert (answer["id"], "txid" in answer["info"]) == (None, False)
    assert exchange.fetch_open_orders() == []


def test_a_conditional_close_is_asked_for_and_appears_after_the_fill(exchange: Any, last: float) -> None:
    close = {"ordertype": "stop-loss", "price": round(last * 0.9, 2)}
    placed = exchange.create_order(SYMBOL, "market", "buy", 0.1, None, {"close": close, "oflags": "fciq"})
    assert placed["info"]["descr"]["close"] == f"close position @ stop loss {last * 0.9:.2f}"
    stops = exchange.fetch_open_orders()
    assert {stop["info"]["refid"] for stop in stops} == {placed["id"]}
    assert sum(stop["amount"] for stop in stops) == pytest.approx(0.1)


def test_a_purchase_for_an_amount_of_money(exchange: Any) -> None:
    placed = exchange.create_market_buy_order_with_cost(SYMBOL, 500)
    order = exchange.fetch_order(placed["id"])
    assert order["cost"] == pytest.approx(500, abs=0.01)


def test_asynchronous_ccxt_sees_the_same(simulator: Simulator, key: ApiKey, last: float) -> None:
    async def job(exchange: Any) -> dict[str, Any]:
        placed = await exchange.create_order(SYMBOL, "limit", "buy", 1, round(last * 0.9, 2), {"clientOrderId": "a1"})
        await exchange.edit_order(placed["id"], SYMBOL, "limit", "buy", 2)
        found = {
            "placed": placed["id"],
            "open": [order["id"] for order in await exchange.fetch_open_orders()],
            "balance": (await exchange.fetch_balance())["EUR"]["used"],
            "trailing": (await exchange.create_order(SYMBOL, "market", "sell", 1, None, {"trailingPercent": "2"}))[
                "id"
            ],
        }
        await exchange.cancel_order(placed["id"])
        found["closed"] = [order["id"] for order in await exchange.fetch_closed_orders()]
        found["trades"], found["ledger"] = await exchange.fetch_my_trades(), len(await exchange.fetch_ledger())
        return found

    found = asynchronously(simulator, key, job)
    assert [found["placed"]] == found["open"] == found["closed"]
    assert found["balance"] == pytest.approx(last * 0.9 * 2 * 1.004, abs=0.05)
    assert (found["trades"], found["ledger"]) == ([], 2)
    assert FORM.fullmatch(found["trailing"])


def asynchronously(simulator: Simulator, key: ApiKey, job: Callable[[Any], Awaitable[Any]]) -> Any:
    async def run() -> Any:
        exchange = ccxt_client(simulator, key, asynchronous=True)
        try:
            return await job(exchange)
        finally:
            await exchange.close()

    return asyncio.run(run())
