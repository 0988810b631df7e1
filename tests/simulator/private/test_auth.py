"""Keys, signatures, nonces, permissions, counters, lockouts."""

from __future__ import annotations

import json
from collections.abc import Iterator
from urllib.parse import urlencode

import ccxt
import pytest

from bot.simulator import DeskRules, Simulator
from bot.simulator.auth import (
    CANCEL,
    MODIFY,
    PERMISSIONS,
    QUERY_FUNDS,
    QUERY_OPEN,
    TRADING,
    WITHDRAW,
    ApiKey,
    KeyRing,
    sign,
)
from bot.simulator.call_counter import CallCounter
from bot.simulator.desk import ENDPOINTS, NEEDS
from bot.simulator.errors import KrakenError
from bot.simulator.faults import PRIVATE_ENDPOINTS
from tests.simulator.private.client import NONCES, Client, ccxt_client, client
from tests.simulator.samples import START_MS, make_series, recording

# Printed in docs.kraken.com/exchange/guides/rest/authentication with the signature that follows from it.
DOC_SECRET = "kQH5HW/8p1uGOVjbgWA7FunAmGO8lsSUXNsu3eow76sz84Q18fWxnyRzBHCd3pd5nE9qa99HAZtuZuj6F1huXg=="
DOC_BODY = b"nonce=1616492376594&ordertype=limit&pair=XBTUSD&price=37500&type=buy&volume=1.25"
DOC_SIGNATURE = "4/dpxb3iT4tp/ZCVEwSnEsLxx0bqyhLpdfOpc6fn7OR8+UClSV5n9E6aSS8MPtnRfp32bAb0nmbRn6H8ndwLUQ=="


def test_the_documented_signature_comes_out() -> None:
    assert sign("/0/private/AddOrder", "1616492376594", DOC_BODY, DOC_SECRET) == DOC_SIGNATURE


def test_a_wrong_key_and_a_wrong_secret_are_told_apart(simulator: Simulator, key: ApiKey) -> None:
    assert Client(simulator.url, "other", key.secret).errors("Balance") == ["EAPI:Invalid key"]
    assert Client(simulator.url, key.key, "c2VjcmV0").errors("Balance") == ["EAPI:Invalid signature"]
    simulator.desk.revoke_key("trade")
    assert client(simulator, key).errors("Balance") == ["EAPI:Invalid key"]


def test_a_body_that_was_changed_on_its_way_is_refused(simulator: Simulator, kraken: Client, key: ApiKey) -> None:
    signed_for_another = Client(simulator.url, key.key, key.secret)
    nonce = "1800000000000"
    body = urlencode({"nonce": nonce, "volume": "1"})
    signed_for_another.raw("AddOrder", body, nonce)
    status, answer = kraken.raw("AddOrder", body.replace("volume=1", "volume=2"), nonce="1800000000001")
    assert (status, json.loads(answer)["error"]) == (200, ["EAPI:Invalid signature"])


def test_a_nonce_must_rise_for_each_key_by_itself(simulator: Simulator, kraken: Client) -> None:
    other = client(simulator, simulator.desk.add_key("read"))
    assert kraken.errors("Balance", nonce=1_800_000_000_500) == []
    assert kraken.errors("Balance", nonce=1_800_000_000_500) == ["EAPI:Invalid nonce"]
    assert kraken.errors("Balance", nonce=1_800_000_000_499) == ["EAPI:Invalid nonce"]
    assert other.errors("Balance", nonce=5) == []
    assert kraken.errors("Balance", nonce=1_800_000_000_501) == []


def test_a_nonce_window_lets_late_ones_in_once(simulator: Simulator) -> None:
    late = client(simulator, simulator.desk.add_key("late", nonce_window=100))
    answers = [late.errors("Balance", nonce=nonce) for nonce in (1000, 950, 950, 899, 1000, 901)]
    wrong = ["EAPI:Invalid nonce"]
    assert answers == [[], [], wrong, wrong, wrong, []]


@pytest.mark.parametrize("nonce", ["-1", "1.5", "soon", str(2**64)])
def test_a_nonce_is_a_whole_number_of_64_bits(kraken: Client, nonce: str) -> None:
    assert kraken.errors("Balance", nonce=nonce) == ["EAPI:Invalid nonce"]


def test_a_refused_request_takes_no_nonce_but_a_forbidden_one_does(simulator: Simulator) -> None:
    poor = simulator.desk.add_key("poor", [QUERY_OPEN])
    unsigned = Client(simulator.url, poor.key, "c2VjcmV0")
    assert unsigned.errors("Balance", nonce=2000) == ["EAPI:Invalid signature"]
    assert client(simulator, poor).errors("Balance", nonce=1000) == ["EGeneral:Permission denied"]
    assert client(simulator, poor).errors("OpenOrders", nonce=1000) == ["EAPI:Invalid nonce"]


@pytest.mark.parametrize("endpoint", sorted(ENDPOINTS))
def test_each_endpoint_asks_for_its_permission(simulator: Simulator, key: ApiKey, endpoint: str) -> None:
    needed = NEEDS.get(endpoint, ())
    without = client(simulator, simulator.desk.add_key("without", PERMISSIONS - set(needed)))
    denied = without.errors(endpoint) == ["EGeneral:Permission denied"]
    assert denied is bool(needed)
    for permission in needed:
        with_it = client(simulator, simulator.desk.add_key(f"only {permission}", [permission]))
        assert with_it.errors(endpoint) != ["EGeneral:Permission denied"]


def test_all_endpoints_can_be_scripted_and_others_are_unknown(kraken: Client) -> None:
    assert set(ENDPOINTS) == PRIVATE_ENDPOINTS
    assert kraken.errors("Withdraw") == ["EGeneral:Unknown method"]


def test_ccxt_names_the_refusals(simulator: Simulator) -> None:
    poor = ccxt_client(simulator, simulator.desk.add_key("poor", [MODIFY, CANCEL]))
    with pytest.raises(ccxt.PermissionDenied):
        poor.fetch_balance()
    with pytest.raises(ccxt.AuthenticationError):
        ccxt_client(simulator, ApiKey("x", "nobody", "c2VjcmV0", frozenset())).fetch_balance()


def test_a_key_tells_about_itself_and_whether_it_may_withdraw(simulator: Simulator) -> None:
    info = ccxt_client(simulator, simulator.desk.add_key("trade", nonce_window=10)).privatePostGetApiKeyInfo()
    assert info["result"]["permissions"] == sorted(TRADING)
    assert WITHDRAW not in info["result"]["permissions"]
    assert (info["result"]["apiKeyName"], info["result"]["nonceWindow"]) == ("trade", "10")
    careless = client(simulator, simulator.desk.add_key("careless", PERMISSIONS))
    assert WITHDRAW in careless.result("GetApiKeyInfo")["permissions"]


def test_an_unknown_permission_is_refused_when_the_key_is_made() -> None:
    with pytest.raises(ValueError, match="unknown permission 'steal'"):
        KeyRing().add("key", ["steal"])


def test_form_and_json_bodies_say_the_same(simulator: Simulator, kraken: Client) -> None:
    nonce = str(next(NONCES))
    body = json.dumps(
        {
            "nonce": int(nonce),
            "pair": "XBTEUR",
            "type": "sell",
            "ordertype": "limit",
            "volume": 0.5,
            "price": "200",
            "validate": True,
            "close": {"ordertype": "take-profit", "price": "150"},
        }
    )
    _, answer = kraken.raw("AddOrder", body, nonce, "application/json")
    formed = kraken.ask(
        "AddOrder", pair="XBTEUR", type="sell", ordertype="limit", volume="0.5", price="200", validate="true",
        close_ordertype="take-profit", close_price="150",
    )  # fmt: skip
    assert json.loads(answer) == formed
    assert formed["result"]["descr"]["close"] == "close position @ take profit 150.00"
    assert json.loads(kraken.raw("AddOrder", "no json", nonce, "application/json")[1])["error"] != []


@pytest.fixture
def strict() -> Iterator[Simulator]:
    rules = DeskRules(tier="starter", count_calls=True, lockout_after=3, lockout_s=900)
    with Simulator(recording(make_series(count=600)), at_ms=START_MS + 3_600_000, desk=rules) as running:
        yield running


def test_the_call_counter_fills_by_cost_and_decays_with_the_venues_time(strict: Simulator) -> None:
    one = client(strict, strict.desk.add_key("one"))
    other = client(strict, strict.desk.add_key("other"))
    full = ["EAPI:Rate limit exceeded"]
    assert [one.errors("TradesHistory") for _ in range(8)] == [[]] * 7 + [full]
    assert [one.errors("Balance") for _ in range(2)] == [[], full]
    assert one.errors("CancelOrder", txid="OAAAAA-AAAAA-AAAAAA") == ["EOrder:Unknown order"]
    assert other.errors("Balance") == []
    strict.clock.advance_ms(3100)
    assert [one.errors("Balance") for _ in range(2)] == [[], full]


def test_the_counter_never_falls_below_zero_nor_grows_by_refusals() -> None:
    counter = CallCounter(20.0, 1.0)
    counter.charge("Balance", 1000)
    counter.charge("Balance", 10_000_000)
    assert counter.points == 1.0
    for _ in range(19):
        counter.charge("Balance", 10_000_000)
    with pytest.raises(KrakenError, match="EAPI:Rate limit exceeded"):
        counter.charge("Balance", 10_000_000)
    assert counter.points == 20.0


def test_wrong_nonces_in_a_row_lock_the_key_and_knocking_keeps_it_locked(strict: Simulator) -> None:
    one = client(strict, strict.desk.add_key("one"))
    assert one.errors("Balance", nonce=100) == []
    assert [one.errors("Balance", nonce=1) for _ in range(3)] == [["EAPI:Invalid nonce"]] * 3
    locked = ["EGeneral:Temporary lockout"]
    assert one.errors("Balance") == locked
    strict.clock.advance_ms(899_000)
    assert one.errors("Balance") == locked
    strict.clock.advance_ms(899_000)
    assert one.errors("Balance") == locked
    strict.clock.advance_ms(900_000)
    assert one.errors("Balance") == []


def test_a_right_request_between_wrong_ones_starts_the_count_anew(strict: Simulator) -> None:
    one = client(strict, strict.desk.add_key("one", [QUERY_FUNDS]))
    for _ in range(3):
        one.errors("Balance", nonce=1)
        one.errors("Balance", nonce=1)
        assert one.errors("Balance") == []
        strict.clock.advance_ms(60_000)
