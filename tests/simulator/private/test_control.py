"""Steering the private half from outside, and asking it what it believes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

from bot.simulator import Simulator
from tests.simulator.private.client import Client
from tests.simulator.test_running import ROOT, control


def wrong(url: str, name: str, body: dict[str, Any]) -> str:
    with pytest.raises(HTTPError) as caught:
        urlopen(Request(f"{url}/sim/{name}", data=json.dumps(body).encode()))
    assert caught.value.code == 400
    return str(json.load(caught.value)["error"])


def test_money_comes_and_goes_from_outside(simulator: Simulator) -> None:
    url = simulator.url
    control(url, "account", {"deposit": {"asset": "EUR", "amount": "100.5"}})
    control(url, "account", {"deposit": {"asset": "BTC.F", "amount": 0.25}})
    answer = control(url, "account", {"withdraw": {"asset": "EUR", "amount": 50}})
    assert answer["balances"] == {
        "ZEUR": {"balance": "50.5000", "hold_trade": "0.0000"},
        "XBT.F": {"balance": "0.2500000000", "hold_trade": "0.0000000000"},
    }
    assert "EFunding" in wrong(url, "account", {"withdraw": {"asset": "EUR", "amount": 51}})
    assert wrong(url, "account", {"deposit": {"asset": "EUR", "amount": "much"}})
    kinds = [entry["type"] for entry in control(url, "account")["ledger"].values()]
    assert kinds == ["deposit", "deposit", "withdrawal"]


def test_a_deposit_may_wait_for_its_time(simulator: Simulator) -> None:
    later = simulator.clock.now_ms() + 60_000
    control(simulator.url, "account", {"deposit": {"asset": "EUR", "amount": 7, "at_ms": later}})
    assert control(simulator.url, "account")["balances"] == {}
    simulator.clock.advance_ms(120_000)
    [entry] = control(simulator.url, "account")["ledger"].values()
    assert (entry["amount"], entry["time"]) == ("7.0000", later / 1000)


def test_a_key_is_made_from_outside_and_revoked(simulator: Simulator) -> None:
    made = control(simulator.url, "keys", {"name": "other", "permissions": ["query-funds"], "nonce_window": 5})
    client = Client(simulator.url, made["key"], made["secret"])
    assert client.result("Balance") == {}
    assert control(simulator.url, "keys") == {"keys": {"other": ["query-funds"]}}
    assert control(simulator.url, "keys", {"revoke": "other"}) == {"keys": {}}
    assert client.errors("Balance") == ["EAPI:Invalid key"]
    assert "unknown permission" in wrong(simulator.url, "keys", {"name": "x", "permissions": ["steal"]})


def test_the_state_holds_orders_trades_and_holds_but_no_secret(simulator: Simulator, kraken: Client) -> None:
    kraken.result("AddOrder", pair="XBTEUR", type="sell", ordertype="market", volume="1", cl_ord_id="m1")
    kraken.result("AddOrder", pair="XBTEUR", type="sell", ordertype="stop-loss", volume="2", price="50")
    state = control(simulator.url, "account")
    sold, stop = state["orders"].values()
    assert (sold["status"], sold["symbol"], sold["cl_ord_id"]) == ("closed", "BTC/EUR", "m1")
    assert set(sold["trades"]) == set(state["trades"])
    assert (stop["status"], stop["triggered"], stop["vol"]) == ("open", False, "2.00000000")
    assert state["balances"]["XXBT"]["hold_trade"] == "2.0000000000"
    assert (state["mode"], state["on_the_way"], state["cancel_all_at_ms"]) == ("online", 0, 0)
    assert simulator.desk.keys.all()[0].secret not in json.dumps(state)


def test_modes_and_pairs_are_changed_from_outside(simulator: Simulator, kraken: Client) -> None:
    answer = control(simulator.url, "venue", {"mode": "cancel_only", "symbol": "BTC/EUR", "id": "XBTEUR2"})
    assert answer["mode"] == "cancel_only"
    assert answer["pairs"]["BTC/EUR"] == {"id": "XBTEUR2", "status": "online"}
    with urlopen(f"{simulator.url}/0/public/SystemStatus") as status:
        assert json.load(status)["result"]["status"] == "cancel_only"
    with urlopen(f"{simulator.url}/0/public/AssetPairs") as pairs:
        assert set(json.load(pairs)["result"]) == {"XBTEUR2", "XDGEUR"}
    assert "unknown mode" in wrong(simulator.url, "venue", {"mode": "asleep"})
    assert "cannot change" in wrong(simulator.url, "venue", {"symbol": "NO/PE"})
    assert control(simulator.url, "venue") == answer


def test_private_faults_are_scripted_from_outside(simulator: Simulator, kraken: Client) -> None:
    fault = {"endpoint": "AddOrder", "kind": "error:EService:Busy", "match": {"type": "buy"}, "skip": 1, "times": None}
    control(simulator.url, "faults", fault)
    assert control(simulator.url, "faults")["faults"][0]["skip"] == 1
    buy = {"pair": "XBTEUR", "type": "buy", "ordertype": "market", "volume": "0.1"}
    assert [kraken.errors("AddOrder", **buy) for _ in range(2)] == [[], ["EService:Busy"]]


def test_a_program_with_a_deposit_prints_a_key_that_works() -> None:
    options = ("--port", "0", "--symbols", "BTC/EUR", "--deposit", "EUR=1000", "--deposit", "BTC=0.1")
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    command = [sys.executable, "-m", "bot.simulator", *options]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stdout is not None
        printed = dict(process.stdout.readline().split(None, 1) for _ in range(6))
        client = Client(printed["listening"].split()[1], printed["key"].strip(), printed["secret"].strip())
        assert client.result("Balance") == {"ZEUR": "1000.0000", "XXBT": "0.1000000000"}
        process.send_signal(signal.SIGINT)
        assert process.wait(10) == 0
