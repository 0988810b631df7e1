"""Orders that Kraken refuses, in Kraken's words."""

from __future__ import annotations

import pytest

from bot.domain.timeframes import to_datetime
from bot.simulator import Simulator
from tests.simulator.private.client import Client

SELL = {"pair": "XBTEUR", "type": "sell", "ordertype": "limit", "volume": "1", "price": "200"}
STOP = {"pair": "XBTEUR", "type": "sell", "ordertype": "stop-loss", "volume": "1", "price": "50"}
TRAIL = {"pair": "XBTEUR", "type": "sell", "ordertype": "trailing-stop", "volume": "1"}
DECIMALS = "EOrder:Invalid price:XBTEUR price can only be specified up to 2 decimals."
MINIMUM = "EGeneral:Invalid arguments:volume minimum not met"


def argument(name: str) -> str:
    return f"EGeneral:Invalid arguments:{name}"


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"pair": "NOPE"}, "EQuery:Unknown asset pair"),
        ({"pair": ""}, argument("pair")),
        ({"type": "hold"}, argument("type")),
        ({"ordertype": "settle-position"}, argument("ordertype")),
        ({"timeinforce": "DAY"}, argument("timeinforce")),
        ({**STOP, "timeinforce": "FOK"}, argument("timeinforce")),
        ({"volume": "0"}, argument("volume")),
        ({"volume": "NaN"}, argument("volume")),
        ({"volume": "1e3"}, argument("volume")),
        ({"volume": "1000000000"}, argument("volume")),
        ({"volume": "999999999", "price": "999999999"}, "EOrder:Insufficient funds"),
        ({"price": "1000000000"}, argument("price")),
        ({"price": "+1000000000%"}, argument("price")),
        ({"volume": "0.123456789"}, argument("volume")),
        ({"volume": "0.00001"}, MINIMUM),
        ({"volume": "0.00005", "price": "0.01"}, "EOrder:Cost minimum not met"),
        ({"volume": "11"}, "EOrder:Insufficient funds"),
        ({"price": ""}, argument("price")),
        ({"price": "0"}, argument("price")),
        ({"price": "200.001"}, DECIMALS),
        ({**STOP, "price": "50.001"}, DECIMALS),
        ({**STOP, "ordertype": "stop-loss-limit"}, argument("price2")),
        ({**STOP, "ordertype": "stop-loss-limit", "price2": "49.999"}, DECIMALS),
        ({**TRAIL, "price": "100"}, argument("price")),
        ({**TRAIL, "price": "-2%"}, argument("price")),
        ({**TRAIL, "ordertype": "trailing-stop-limit", "price": "+2%", "price2": "100"}, argument("price2")),
        ({"userref": "many"}, argument("userref")),
        ({"userref": str(2**31)}, argument("userref")),
        ({"userref": "1", "cl_ord_id": "a"}, argument("cl_ord_id")),
        ({"cl_ord_id": "a", "close_ordertype": "stop-loss", "close_price": "300"}, argument("cl_ord_id")),
        ({"cl_ord_id": "nineteen-characters"}, argument("cl_ord_id")),
        ({"cl_ord_id": "a space"}, argument("cl_ord_id")),
        ({"close_ordertype": "market"}, argument("close[ordertype]")),
        ({"close_ordertype": "limit"}, argument("price")),
        ({"oflags": "fcib,fciq"}, argument("oflags")),
        ({"oflags": "gift"}, argument("oflags")),
        ({"oflags": "viqc"}, argument("viqc")),
        ({**STOP, "oflags": "post"}, argument("oflags")),
        ({"price": "50", "oflags": "post"}, "EOrder:Post only order"),
        ({"reduce_only": "true"}, "EOrder:Reduce only:No position exists"),
        ({"leverage": "3"}, argument("leverage")),
        ({"starttm": "+60"}, argument("starttm")),
        ({"expiretm": "+2"}, argument("expiretm")),
        ({"expiretm": "+2678401"}, argument("expiretm")),
        ({"timeinforce": "GTD"}, argument("expiretm")),
        ({"timeinforce": "IOC", "expiretm": "+60"}, argument("expiretm")),
        ({"trigger": "gut"}, argument("trigger")),
        ({"ordertype": "iceberg"}, argument("displayvol")),
        ({"ordertype": "iceberg", "displayvol": "0.06"}, argument("displayvol")),
        ({"ordertype": "iceberg", "displayvol": "2"}, argument("displayvol")),
        ({"deadline": "soon"}, argument("deadline")),
        ({"deadline": "2023-11-19T12:11:59Z"}, "EService:Deadline elapsed"),
        ({"deadline": "2023-11-19T12:12:01Z"}, argument("deadline")),
        ({"deadline": "2023-11-19T12:13:01Z"}, argument("deadline")),
    ],
)
def test_a_wrong_order_is_refused_in_krakens_words_and_leaves_nothing(
    kraken: Client, change: dict[str, str], error: str
) -> None:
    assert kraken.errors("AddOrder", **{**SELL, **change}) == [error]
    assert kraken.result("OpenOrders") == {"open": {}}
    assert kraken.result("ClosedOrders")["count"] == 0


@pytest.mark.parametrize(
    "change",
    [
        {"cl_ord_id": "6d1b345e-2821-40e2-ad83-4ecb18a06876"},
        {"cl_ord_id": "da8e4ad59b78481c93e589746b0cf91f"},
        {"cl_ord_id": "arb-20240509-00010"},
        {"userref": str(-(2**31))},
        {"oflags": "post,fciq"},
        {"price": "+50%"},
        {"price": "#10"},
        {"deadline": "2023-11-19T12:12:15.250Z"},
        {"timeinforce": "GTD", "expiretm": "+60"},
        {"timeinforce": "GTD", "expiretm": " 60"},
        {"ordertype": "iceberg", "displayvol": "0.1"},
        {"leverage": "none", "starttm": "0", "reduce_only": "false"},
        {"close_ordertype": "trailing-stop", "close_price": "+2%", "userref": "5"},
        STOP,
        {**STOP, "price": "-10%", "trigger": "index"},
        {**STOP, "ordertype": "take-profit-limit", "price": "#5", "price2": "-1"},
    ],
)
def test_a_right_order_is_taken(kraken: Client, change: dict[str, str]) -> None:
    [txid] = kraken.result("AddOrder", **{**SELL, **change})["txid"]
    assert list(kraken.result("OpenOrders")["open"]) == [txid]


def test_a_price_must_lie_on_the_tick_where_it_is_coarser_than_the_decimals(
    simulator: Simulator, kraken: Client
) -> None:
    simulator.venue.change_pair("BTC/EUR", tick_size="0.05")
    assert kraken.errors("AddOrder", **{**SELL, "price": "200.01"}) == ["EOrder:Tick size check failed"]
    assert kraken.errors("AddOrder", **{**SELL, "price": "200.05"}) == []


def test_too_many_open_orders_of_a_pair_are_refused(kraken: Client) -> None:
    for _ in range(60):
        assert kraken.errors("AddOrder", **{**SELL, "volume": "0.01"}) == []
    assert kraken.errors("AddOrder", **{**SELL, "volume": "0.01"}) == ["EOrder:Orders limit exceeded"]


def test_a_client_id_in_use_is_refused_and_free_again_after_the_cancel(kraken: Client) -> None:
    assert kraken.errors("AddOrder", **SELL, cl_ord_id="one") == []
    assert kraken.errors("AddOrder", **SELL, cl_ord_id="one") == [argument("cl_ord_id not unique")]
    kraken.result("CancelOrder", cl_ord_id="one")
    assert kraken.errors("AddOrder", **SELL, cl_ord_id="one") == []
    assert kraken.result("ClosedOrders", cl_ord_id="one")["count"] == 1


@pytest.mark.parametrize(
    ("endpoint", "query", "error"),
    [
        ("AmendOrder", {"txid": "OAAAAA-AAAAA-AAAAAA", "order_qty": "1"}, "EOrder:Unknown order"),
        ("AmendOrder", {"cl_ord_id": "nobody", "order_qty": "1"}, "EOrder:Unknown order"),
        ("AmendOrder", {"order_qty": "1"}, "EGeneral:Invalid arguments"),
        ("AmendOrder", {"cl_ord_id": "one"}, "EGeneral:Invalid arguments"),
        ("AmendOrder", {"cl_ord_id": "one", "order_qty": "x"}, argument("order_qty")),
        ("AmendOrder", {"cl_ord_id": "one", "order_qty": "0.00001"}, MINIMUM),
        ("AmendOrder", {"cl_ord_id": "one", "order_qty": "11"}, "EOrder:Insufficient funds"),
        ("AmendOrder", {"cl_ord_id": "one", "limit_price": "200.001"}, DECIMALS),
        ("AmendOrder", {"cl_ord_id": "one", "trigger_price": "100"}, argument("trigger_price")),
        ("AmendOrder", {"cl_ord_id": "one", "limit_price": "50", "post_only": "true"}, "EOrder:Post only order"),
        ("AmendOrder", {"cl_ord_id": "one", "order_qty": "2", "deadline": "2023-11-19T12:00:00Z"},
         "EService:Deadline elapsed"),
        ("CancelOrder", {"txid": "OAAAAA-AAAAA-AAAAAA"}, "EOrder:Unknown order"),
        ("CancelOrder", {"txid": "77"}, "EOrder:Unknown order"),
        ("CancelOrder", {"cl_ord_id": "nobody"}, "EOrder:Unknown order"),
        ("CancelOrder", {}, "EGeneral:Invalid arguments"),
        ("CancelAllOrdersAfter", {"timeout": "never"}, argument("timeout")),
        ("CancelAllOrdersAfter", {"timeout": "86401"}, argument("timeout")),
        ("QueryOrders", {}, "EGeneral:Invalid arguments"),
        ("QueryTrades", {}, "EGeneral:Invalid arguments"),
        ("ClosedOrders", {"closetime": "noon"}, argument("closetime")),
        ("ClosedOrders", {"ofs": "-1"}, argument("ofs")),
        ("TradesHistory", {"start": "yesterday"}, argument("start")),
        ("TradeVolume", {"pair": "NOPE"}, "EQuery:Unknown asset pair"),
    ],
)  # fmt: skip
def test_other_wrong_requests_are_refused(kraken: Client, endpoint: str, query: dict[str, str], error: str) -> None:
    kraken.result("AddOrder", **SELL, cl_ord_id="one")
    assert kraken.errors(endpoint, **query) == [error]
    [order] = kraken.result("OpenOrders")["open"].values()
    assert (order["vol"], order["descr"]["price"]) == ("1.00000000", "200.00")


def test_an_amend_below_what_is_filled_cancels_the_rest(simulator: Simulator, kraken: Client) -> None:
    [txid] = kraken.result("AddOrder", **SELL)["txid"]
    simulator.faults.add("AmendOrder", "fill_first:0.5")
    kraken.result("AmendOrder", txid=txid, order_qty="0.4")
    order = kraken.result("QueryOrders", txid=txid)[txid]
    assert (order["status"], order["vol_exec"], order["vol"]) == ("canceled", "0.50000000", "0.40000000")


def test_a_trailing_stops_distance_is_amended(kraken: Client) -> None:
    [txid] = kraken.result("AddOrder", **{**TRAIL, "price": "+10%"})["txid"]
    before = float(kraken.result("OpenOrders")["open"][txid]["stopprice"])
    kraken.result("AmendOrder", txid=txid, trigger_price="+5%")
    order = kraken.result("OpenOrders")["open"][txid]
    assert before < float(order["stopprice"])
    assert order["descr"]["price"] == "+5.0000%"


@pytest.mark.parametrize(
    ("mode", "allowed"),
    [
        ("online", {"market", "limit", "post", "stop-loss", "amend", "cancel"}),
        ("limit_only", {"limit", "post", "amend", "cancel"}),
        ("post_only", {"post", "amend", "cancel"}),
        ("cancel_only", {"cancel"}),
        ("reduce_only", {"cancel"}),
    ],
)
@pytest.mark.parametrize("whole", [True, False])
def test_each_market_mode_refuses_what_it_says(
    simulator: Simulator, kraken: Client, mode: str, allowed: set[str], whole: bool
) -> None:
    kraken.result("AddOrder", **SELL, cl_ord_id="one")
    if whole:
        simulator.venue.set_mode(mode)
    else:
        simulator.venue.change_pair("BTC/EUR", status=mode)
    requests = {
        "market": ("AddOrder", {**SELL, "ordertype": "market"}),
        "limit": ("AddOrder", SELL),
        "post": ("AddOrder", {**SELL, "oflags": "post"}),
        "stop-loss": ("AddOrder", STOP),
        "amend": ("AmendOrder", {"cl_ord_id": "one", "order_qty": "2"}),
        "cancel": ("CancelOrder", {"cl_ord_id": "one"}),
    }
    answers = {name: kraken.errors(endpoint, **query) for name, (endpoint, query) in requests.items()}
    assert {name for name, errors in answers.items() if not errors} == allowed
    assert {error for errors in answers.values() for error in errors} <= {f"EService:Market in {mode} mode"}


def test_maintenance_answers_nothing_private_and_says_so_in_the_status(simulator: Simulator, kraken: Client) -> None:
    simulator.venue.set_mode("maintenance")
    endpoints = ("Balance", "OpenOrders", "AddOrder", "CancelAll")
    assert [kraken.errors(endpoint) for endpoint in endpoints] == [["EService:Unavailable"]] * 4
    with pytest.raises(ValueError, match="unknown mode 'asleep'"):
        simulator.venue.set_mode("asleep")


def test_a_renamed_pair_is_known_by_its_new_name_only(simulator: Simulator, kraken: Client) -> None:
    kraken.result("AddOrder", **SELL)
    simulator.venue.change_pair("BTC/EUR", id="XBTEUR2", altname="XBTEUR2")
    assert kraken.errors("AddOrder", **SELL) == ["EQuery:Unknown asset pair"]
    assert kraken.errors("AddOrder", **{**SELL, "pair": "XBTEUR2"}) == []
    assert {order["descr"]["pair"] for order in kraken.result("OpenOrders")["open"].values()} == {"XBTEUR2"}
    for wrong in ({"symbol": "NO/PE", "id": "X"}, {"symbol": "BTC/EUR", "decimals": "3"}):
        with pytest.raises(ValueError, match="cannot change"):
            simulator.venue.change_pair(**wrong)


def test_the_deadlines_of_these_tests_lie_around_the_venues_time(simulator: Simulator) -> None:
    assert to_datetime(simulator.clock.now_ms()).isoformat() == "2023-11-19T12:12:00+00:00"
