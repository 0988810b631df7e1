"""Kraken's recorded answers are read by ccxt and by us, and the simulator's have their form."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import aiohttp
import pytest
from aiohttp import web

from bot.adapters import kraken_answers as answers
from bot.adapters.ccxt_loader import load_exchange
from bot.adapters.exchange import CcxtMarketData
from bot.adapters.kraken_public import KrakenPublic
from bot.domain.orders import OrderStatus, OrderType, Side
from bot.simulator import Simulator
from tests.exchange.venues import Time, reader
from tests.simulator.private.client import client
from tests.simulator.samples import DATA
from tests.venue.recorded import ANSWERS, DIFFERENCES, NAMED, NOT_SPOKEN, differing, fields, pairs, read

FOLDER = DATA / "kraken-fixtures"
PAIR = "XXBTZEUR"
LIMIT = {"pair": "XBTEUR", "type": "buy", "ordertype": "limit", "volume": "0.5", "price": "50", "oflags": "fciq"}
SELL = {"pair": "XBTEUR", "type": "sell", "volume": "0.5"}

pytestmark = pytest.mark.skipif(
    not FOLDER.is_dir(), reason="no recorded Kraken answers: ../shared/data/kraken-fixtures is not there"
)


def test_every_recorded_answer_is_read_here_or_left_out_for_a_reason() -> None:
    names = {str(path.relative_to(FOLDER).with_suffix("")) for path in FOLDER.rglob("*.json")}
    assert set(ANSWERS) <= names
    left = {name for name in names - set(ANSWERS) if not name.startswith(tuple(NOT_SPOKEN))}
    assert left == set()


def simulated(simulator: Simulator, endpoint: str) -> Any:
    """The simulator's answer, from an account that has done a little of everything."""
    kraken = client(simulator, simulator.desk.add_key("by hand"))
    placed = kraken.ask("AddOrder", **LIMIT, userref=7)
    kraken.ask("AddOrder", **SELL, ordertype="market", cl_ord_id="mine")
    kraken.ask("AddOrder", **SELL, ordertype="stop-loss", price="50", userref=8)
    rested = kraken.ask("AddOrder", **LIMIT, userref=9)["result"]["txid"][0]
    cancelled = kraken.ask("CancelOrder", txid=rested)
    orders = simulator.desk.state()["orders"]
    sold = next(txid for txid, order in orders.items() if order["descr"]["ordertype"] == "market")
    private: dict[str, dict[str, str]] = {
        "Balance": {},
        "OpenOrders": {},
        "ClosedOrders": {},
        "QueryOrders": {"txid": sold, "trades": "true"},
        "TradesHistory": {"ledgers": "true"},
        "Ledgers": {},
        "TradeVolume": {"pair": PAIR},
    }
    if endpoint in ("AddOrder", "CancelOrder"):
        return placed if endpoint == "AddOrder" else cancelled
    if endpoint in private:
        return kraken.ask(endpoint, **private[endpoint])
    query = "" if endpoint in ("Time", "SystemStatus", "Assets", "AssetPairs") else f"?pair={PAIR}"
    with urlopen(f"{simulator.url}/0/public/{endpoint}{query}") as answer:
        return json.load(answer)


@pytest.mark.parametrize("name", sorted(ANSWERS))
def test_the_simulator_answers_in_the_recorded_form(simulator: Simulator, name: str) -> None:
    endpoint = ANSWERS[name]
    recorded, ours = read(FOLDER, name), simulated(simulator, endpoint)
    assert (ours["error"], list(ours)) == ([], list(recorded))
    named = frozenset(NAMED.get(endpoint, ()))
    found = differing(fields(recorded["result"], named), fields(ours["result"], named))
    assert found == set(DIFFERENCES.get(name, {}))


# Read by ccxt, over a socket.


class Recordings:
    """A server that gives one recorded answer to everything, and recorded pairs to whoever asks for pairs."""

    def __init__(self, name: str) -> None:
        self.answers = {ANSWERS[name]: read(FOLDER, name)}
        if ANSWERS[name] != "AssetPairs":
            self.answers["AssetPairs"] = {"error": [], "result": pairs(FOLDER)}
        self.answers.setdefault("Assets", read(FOLDER, "xchange/marketdata/example-assets-data"))

    async def answer(self, request: web.BaseRequest) -> web.StreamResponse:
        endpoint = request.path.rpartition("/")[2]
        endpoint = "Balance" if endpoint == "BalanceEx" and "Balance" in self.answers else endpoint
        return web.json_response(self.answers.get(endpoint, {"error": ["EGeneral:Unknown method"]}))


async def served(name: str, use: Callable[[str], Awaitable[Any]]) -> Any:
    runner = web.ServerRunner(web.Server(Recordings(name).answer, access_log=None), shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        return await use(f"http://127.0.0.1:{runner.addresses[0][1]}")
    finally:
        await runner.cleanup()


def by_ccxt(name: str, method: str, *args: Any) -> Any:
    """What ccxt's own method makes of a recorded answer."""

    async def use(url: str) -> Any:
        exchange = load_exchange("kraken")({"enableRateLimit": False, "apiKey": "KEY", "secret": "c2VjcmV0"})
        exchange.urls["api"] = {"public": url, "private": url, "zendesk": url}
        exchange.own_session = False
        async with aiohttp.ClientSession() as exchange.session:
            return await getattr(exchange, method)(*args)

    return asyncio.run(served(name, use))


Check = Callable[[Any], bool]
USDT, XCHANGE = "BTC/USDT", "xchange/marketdata/example-"

# Recorded answer, ccxt's method, its arguments, and what its parser must have found.
THROUGH_CCXT: list[tuple[str, str, tuple[Any, ...], Check]] = [
    ("nautilus/http_server_time", "fetch_time", (), lambda ms: ms == 1_762_820_224_000),
    (f"{XCHANGE}servertime-data", "fetch_time", (), lambda ms: ms == 1_391_835_876_000),
    ("nautilus/http_system_status", "fetch_status", (), lambda found: found["status"] == "ok"),
    ("nautilus/http_asset_pairs", "fetch_markets", (), lambda found: [one["symbol"] for one in found] == [USDT]),
    ("nautilus/http_asset_pairs_tokenized", "fetch_markets", (), lambda found: found[0]["symbol"] == "AAPLX/USD"),
    (f"{XCHANGE}assetpairs-data", "fetch_markets", (), lambda found: len(found) == 86),
    (f"{XCHANGE}assets-data", "fetch_currencies", (), lambda found: {"BTC", "EUR", "DOGE"} <= set(found)),
    ("nautilus/http_ticker", "fetch_ticker", (USDT,), lambda found: found["bid"] == 105_944.2),
    (f"{XCHANGE}ticker-data", "fetch_ticker", ("BTC/EUR",), lambda found: found["ask"] == 562.26651),
    ("nautilus/http_ohlc", "fetch_ohlcv", (USDT,), lambda rows: len(rows) > 100 and len(rows[0]) == 6),
    (f"{XCHANGE}ohlc-data", "fetch_ohlcv", ("BTC/USD",), lambda rows: rows[0][4] == 3449.999),
    ("nautilus/http_order_book", "fetch_order_book", (USDT,), lambda book: book["asks"][0][0] == 105_944.3),
    (f"{XCHANGE}depth-data", "fetch_order_book", ("BTC/EUR",), lambda book: book["bids"][0][:2] == [526.26, 0.5]),
    ("nautilus/http_trades", "fetch_trades", (USDT,), lambda found: len(found) == 1000),
    (f"{XCHANGE}trades-data", "fetch_trades", ("BTC/USD",), lambda found: found[0]["price"] == 1023.82219),
    ("nautilus/http_open_orders", "fetch_open_orders", (), lambda found: len(found) == 2),
    ("xchange/trading/example-openorders-data", "fetch_open_orders", (), lambda found: found[0]["amount"] > 0),
    (
        "xchange/trading/example-openorders-in-transaction-currency-data",
        "fetch_open_orders",
        (),
        lambda found: found[0]["price"] == 500,
    ),
    ("nautilus/http_closed_orders", "fetch_closed_orders", (), lambda found: found[0]["filled"] == 0.5),
    (
        "xchange/order/example-market-ask-order",
        "fetch_order",
        ("OHR2QC-2XDSQ-WHOFMW",),
        lambda order: (order["status"], order["average"]) == ("closed", 260.23),
    ),
    ("nautilus/http_trades_history", "fetch_my_trades", (), lambda found: len(found) == 2),
    ("xchange/trading/example-tradehistory-data", "fetch_my_trades", (), lambda found: len(found) == 3),
    ("xchange/trading/example-tradehistory-icn", "fetch_my_trades", (), lambda found: found[0]["amount"] == 0.5),
    (
        "nautilus/http_add_order_spot",
        "create_order",
        (USDT, "limit", "buy", 0.01, 50_000),
        lambda order: order["id"] == "OUF4EM-FRGI2-MQMWZD",
    ),
    (
        "xchange/trading/example-addorder-response-data",
        "create_order",
        (USDT, "limit", "sell", 0.01, 45),
        lambda order: order["id"] == "OWQJ5O-ZWYC7-5R7POQ",
    ),
    (
        "xchange/trading/example-order-data",
        "create_order",
        (USDT, "limit", "buy", 0.01, 1),
        lambda order: order["id"] == "OBQHEF-4PORS-OGMG2F",
    ),
    ("nautilus/http_cancel_order_spot", "cancel_order", ("O1",), lambda found: found["info"]["error"] == []),
    ("xchange/trading/example-cancelorder-data", "cancel_order", ("O1",), lambda found: found["info"]["error"] == []),
    ("xchange/account/example-ledgerinfo-data", "fetch_ledger", (), lambda found: len(found) > 1),
    (
        "xchange/account/example-tradevolume-data",
        "fetch_trading_fee",
        ("BTC/USD",),
        lambda fee: (fee["maker"], fee["taker"]) == (0.0016, 0.003),
    ),
    (
        "xchange/account/example-tradevolume-data-2",
        "fetch_trading_fee",
        ("EUR/USD",),
        lambda fee: fee["taker"] == 0.002,
    ),
    # ccxt asks BalanceEx and finds nothing in the older form, silently: the reason why we do not ask it to parse.
    ("nautilus/http_spot_balance", "fetch_balance", (), lambda found: found["BTC"]["total"] is None),
    ("xchange/account/example-balance-data", "fetch_balance", (), lambda found: found["EUR"]["total"] is None),
]


def test_every_recorded_answer_goes_through_ccxt() -> None:
    assert sorted(name for name, *_ in THROUGH_CCXT) == sorted(ANSWERS)


@pytest.mark.parametrize(
    ("name", "method", "args", "check"), THROUGH_CCXT, ids=[f"{name}-{method}" for name, method, *_ in THROUGH_CCXT]
)
def test_ccxt_reads_the_recorded_answer(name: str, method: str, args: tuple[Any, ...], check: Check) -> None:
    assert check(by_ccxt(name, method, *args))


# Read by us. Public answers over a socket, private ones by the functions that take them apart.


def by_us(name: str, use: Callable[[KrakenPublic], Awaitable[Any]]) -> Any:
    async def ask(url: str) -> Any:
        data: CcxtMarketData = reader(url, Time())
        async with data:
            public = data._public
            assert isinstance(public, KrakenPublic)
            return await use(public)

    return asyncio.run(served(name, ask))


@pytest.mark.parametrize(
    ("name", "use", "check"),
    [
        ("nautilus/http_server_time", lambda public: public.now_ms(), lambda ms: ms // 1000 == 1_762_820_224),
        (f"{XCHANGE}servertime-data", lambda public: public.now_ms(), lambda ms: ms // 1000 == 1_391_835_876),
        ("nautilus/http_system_status", lambda public: public.status(), lambda word: word == "online"),
        (
            "nautilus/http_asset_pairs",
            lambda public: public.markets(),
            lambda found: [(one.symbol, one.venue_id, one.altname) for one in found] == [(USDT, "XBTUSDT", "XBTUSDT")],
        ),
        (
            "nautilus/http_asset_pairs_tokenized",
            lambda public: public.markets(),
            lambda found: found[0].maker_fee == Decimal("-0.0002"),
        ),
        (
            f"{XCHANGE}assetpairs-data",
            lambda public: public.markets(),
            # The one pair whose smallest order is recorded; without it nothing can be traded safely.
            lambda found: [(one.symbol, one.altname) for one in found] == [("BTC/USD", "XBTUSD")],
        ),
        ("nautilus/http_ticker", lambda public: public.quotes([USDT]), lambda found: found[USDT].bid == 105_944.2),
        (
            f"{XCHANGE}ticker-data",
            lambda public: public.quotes(["BTC/EUR"]),
            lambda found: found["BTC/EUR"].ask == 562.26651,
        ),
        ("nautilus/http_ohlc", lambda public: public.rows(USDT, "5m", 0), lambda rows: len(rows) > 100 and all(rows)),
        (f"{XCHANGE}ohlc-data", lambda public: public.rows("BTC/USD", "5m", 0), lambda rows: rows[0][4] == "3449.999"),
        (
            "nautilus/http_order_book",
            lambda public: public.order_book(USDT, 20),
            lambda book: book.asks[0] == (105_944.3, 0.136),
        ),
        (
            f"{XCHANGE}depth-data",
            lambda public: public.order_book("BTC/EUR", 20),
            lambda book: book.bids[0] == (526.26, 0.5),
        ),
    ],
)
def test_our_public_reader_reads_the_recorded_answer(name: str, use: Any, check: Check) -> None:
    assert check(by_us(name, use))


@pytest.fixture(scope="module")
def names() -> answers.PairNames:
    """Names of the recorded pairs, as our own reader finds them."""
    found = by_us("nautilus/http_server_time", lambda public: public.markets())
    assert {market.symbol for market in found} >= {"BTC/EUR", "LTC/BTC", USDT}
    return answers.PairNames(found)


def orders(name: str, section: str, names: answers.PairNames) -> list[Any]:
    result = read(FOLDER, name)["result"]
    entries = answers.section(result, section) if section else result
    return [answers.order_of(txid, info, names) for txid, info in entries.items()]


def test_our_reader_reads_the_recorded_orders(names: answers.PairNames) -> None:
    limit, stop = orders("nautilus/http_open_orders", "open", names)
    assert (limit.symbol, limit.type, limit.limit_price, limit.status) == (
        USDT, OrderType.LIMIT, Decimal(29_500), OrderStatus.OPEN,
    )  # fmt: skip
    assert (limit.opened_ms, limit.userref, limit.parent_id, limit.client_id) == (1_688_583_840_865, 0, "", "")
    assert (stop.symbol, stop.type, stop.stop_price, stop.userref) == (
        "ETHUSDT", OrderType.STOP_LOSS, Decimal(1800), 123_456,
    )  # fmt: skip
    bought, sold = orders("nautilus/http_closed_orders", "closed", names)
    assert (bought.status, bought.filled, bought.closed_ms) == (OrderStatus.FILLED, Decimal("0.5"), 1_688_590_000_543)
    assert (sold.type, sold.side, sold.limit_price) == (OrderType.MARKET, Side.SELL, None)
    older = orders("xchange/trading/example-openorders-data", "open", names)
    assert {order.status for order in older} == {OrderStatus.OPEN}
    [in_quote] = orders("xchange/trading/example-openorders-in-transaction-currency-data", "open", names)
    assert (in_quote.symbol, in_quote.limit_price) == ("BTC/EUR", Decimal(500))
    [queried] = orders("xchange/order/example-market-ask-order", "", names)
    assert (queried.symbol, queried.trade_ids, queried.filled) == (
        "LTC/USD", ("TJ56AQ-EXSYI-H4FAWY",), Decimal("0.84962599"),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("name", "symbols"),
    [
        ("nautilus/http_trades_history", [USDT, "ETHUSDT"]),
        ("xchange/trading/example-tradehistory-data", ["LTC/BTC", "BTC/USD", "BTC/USD"]),
        ("xchange/trading/example-tradehistory-icn", ["XICNXXBT"]),
    ],
)
def test_our_reader_reads_the_recorded_executions(names: answers.PairNames, name: str, symbols: list[str]) -> None:
    page = answers.page(read(FOLDER, name)["result"], "trades")
    fills = answers.in_order((answers.fill_of(txid, info, names), info) for txid, info in page.entries.items())
    assert [fill.symbol for fill in fills] == symbols
    assert page.count == len(fills)
    assert all(fill.quantity > 0 and fill.fee > 0 and fill.price > 0 for fill in fills)


def test_our_reader_takes_the_recorded_proofs() -> None:
    placed = {
        "nautilus/http_add_order_spot": "OUF4EM-FRGI2-MQMWZD",
        "xchange/trading/example-addorder-response-data": "OWQJ5O-ZWYC7-5R7POQ",
        "xchange/trading/example-order-data": "OBQHEF-4PORS-OGMG2F",
    }
    assert {name: answers.order_token(read(FOLDER, name)["result"]) for name in placed} == placed
    for name in ("nautilus/http_cancel_order_spot", "xchange/trading/example-cancelorder-data"):
        assert answers.cancel_token(read(FOLDER, name)["result"]) == "1"


def test_our_reader_reads_the_recorded_ledger() -> None:
    page = answers.page(read(FOLDER, "xchange/account/example-ledgerinfo-data")["result"], "ledger")
    moves = [answers.move_of(info) for info in page.entries.values()]
    assert page.count == len(moves) == 8
    given, got = (move for move in moves if move.ref == "TY5BYV-WJUQF-XPYEYD" and move.amount)
    assert {(move.amount, move.fee) for move in (given, got)} == {
        (Decimal("-0.5"), Decimal(0)), (Decimal("16.03781"), Decimal("0.03208")),
    }  # fmt: skip
    assert answers.coin_fee("TY5BYV-WJUQF-XPYEYD", moves, Decimal("1E-8")) == 0


def test_our_reader_reads_the_recorded_fees() -> None:
    older = read(FOLDER, "xchange/account/example-tradevolume-data")["result"]
    assert answers.fees_of(older, {"BTC/USD": "XXBTZUSD"}) == {"BTC/USD": (Decimal("0.0016"), Decimal("0.003"))}
    newer = read(FOLDER, "xchange/account/example-tradevolume-data-2")["result"]
    found = answers.fees_of(newer, {pair: pair for pair in newer["fees"]})
    assert all(0 <= maker <= taker < Decimal("0.01") for maker, taker in found.values())


def test_our_reader_does_not_take_the_older_form_of_balances_for_the_one_it_asks_for(
    names: answers.PairNames,
) -> None:
    for name in ("nautilus/http_spot_balance", "xchange/account/example-balance-data"):
        with pytest.raises((TypeError, LookupError)):
            answers.balances_of(read(FOLDER, name)["result"], str, names)


def test_the_recordings_are_where_the_tests_look_for_them(fixtures: Path) -> None:
    assert fixtures == FOLDER
