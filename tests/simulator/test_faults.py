"""The fault script and the rate limits, as bytes on the wire."""

from __future__ import annotations

import json
import math
import time
from http.client import RemoteDisconnected
from typing import Any
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest

from bot.simulator import Simulator
from bot.simulator.rate_limit import ADDRESS_BURST, PAIR_BURST, RateLimiter, Verdict
from tests.simulator.conftest import Get
from tests.simulator.samples import make_series, recording

PAIR = "XXBTZEUR"


def candles(get: Get, pair: str = PAIR) -> list[list[Any]]:
    found: list[list[Any]] = get("OHLC", pair=pair, interval=5)["result"][pair]
    return found


def raw(simulator: Simulator, endpoint: str) -> tuple[int, str]:
    try:
        with urlopen(f"{simulator.url}/0/public/{endpoint}") as answer:
            return answer.status, answer.read().decode()
    except HTTPError as error:
        return error.code, error.read().decode()


@pytest.mark.parametrize("kind", ["502", "503", "524"])
def test_the_web_front_fails_with_its_status_and_a_page(simulator: Simulator, kind: str) -> None:
    simulator.faults.add("Time", kind)
    status, body = raw(simulator, "Time")
    assert status == int(kind)
    assert body.startswith("<!DOCTYPE html>")


def test_a_web_page_may_come_with_status_200(simulator: Simulator) -> None:
    simulator.faults.add("Time", "html")
    assert raw(simulator, "Time") == (200, raw_page())
    assert json.loads(raw(simulator, "Time")[1])["error"] == []


def raw_page() -> str:
    return (
        "<!DOCTYPE html><html><head><title>Just a moment...</title></head><body><h1>Just a moment...</h1></body></html>"
    )


def test_an_answer_may_be_empty_or_hold_nothing(simulator: Simulator) -> None:
    simulator.faults.add("Time", "empty")
    simulator.faults.add("Time", "empty_result")
    assert raw(simulator, "Time") == (200, "")
    assert raw(simulator, "Time") == (200, '{"error":[],"result":{}}')


def test_an_answer_may_stop_in_the_middle(simulator: Simulator) -> None:
    whole = raw(simulator, "AssetPairs")[1]
    simulator.faults.add("AssetPairs", "half")
    assert raw(simulator, "AssetPairs") == (200, whole[: len(whole) // 2])


def test_a_connection_may_be_cut(simulator: Simulator) -> None:
    simulator.faults.add("Time", "reset")
    with pytest.raises((RemoteDisconnected, ConnectionError)):
        raw(simulator, "Time")
    assert simulator.requests.newest()[-1].status == 0


def test_a_slow_answer_is_right_but_late(simulator: Simulator) -> None:
    simulator.faults.add("Time", "slow", seconds=0.2)
    started = time.monotonic()
    assert json.loads(raw(simulator, "Time")[1])["error"] == []
    assert time.monotonic() - started >= 0.2


def test_an_error_comes_in_the_words_of_the_script(get: Get, simulator: Simulator) -> None:
    simulator.faults.add("Ticker", "error:EService:Busy")
    assert get("Ticker") == {"error": ["EService:Busy"]}


@pytest.mark.parametrize("word", ["maintenance", "cancel_only", "post_only"])
def test_the_venue_may_be_in_another_state(get: Get, simulator: Simulator, word: str) -> None:
    simulator.faults.add("SystemStatus", f"status:{word}")
    assert get("SystemStatus")["result"]["status"] == word


def test_a_pair_may_be_answered_under_another_name(get: Get, simulator: Simulator) -> None:
    simulator.faults.add("OHLC", "renamed")
    assert set(get("OHLC", pair=PAIR)["result"]) == {"XXBTZEURR", "last"}


@pytest.mark.parametrize(("kind", "close"), [("nan", math.nan), ("zero", 0.0), ("negative", -1.0)])
def test_a_close_may_be_no_price(get: Get, simulator: Simulator, kind: str, close: float) -> None:
    right = candles(get)
    simulator.faults.add("OHLC", kind)
    wrong = candles(get)
    value = float(wrong[-2][4])
    assert math.isnan(value) if math.isnan(close) else value == close * (1 if close == 0 else float(right[-2][4]))
    assert wrong[:-2] + wrong[-1:] == right[:-2] + right[-1:]


def test_a_high_may_lie_below_its_low(get: Get, simulator: Simulator) -> None:
    simulator.faults.add("OHLC", "crossed")
    row = candles(get)[-2]
    assert float(row[2]) < float(row[3])


def test_a_candle_may_come_twice_or_not_or_out_of_order(get: Get, simulator: Simulator) -> None:
    right = candles(get)
    for kind in ("duplicate", "missing", "out_of_order"):
        simulator.faults.add("OHLC", kind)
    assert candles(get) == [*right[:-2], right[-2], right[-2], right[-1]]
    assert candles(get) == [*right[:-2], right[-1]]
    assert candles(get) == [*right[:-3], right[-2], right[-3], right[-1]]


def test_a_fault_hits_its_symbol_and_endpoint_only_and_as_often_as_told(get: Get, simulator: Simulator) -> None:
    fault = simulator.faults.add("OHLC", "error:EService:Busy", times=2, symbol="DOGE/EUR")
    assert candles(get)
    assert get("Ticker", pair="XDGEUR")["error"] == []
    assert [get("OHLC", pair="XDGEUR")["error"] for _ in range(3)] == [["EService:Busy"], ["EService:Busy"], []]
    assert (fault.happened, fault.left) == (2, 0)


def test_a_fault_for_all_endpoints_hits_each(get: Get, simulator: Simulator) -> None:
    simulator.faults.add("*", "error:EService:Busy", times=None)
    assert [get(endpoint)["error"] for endpoint in ("Time", "Ticker", "Assets")] == [["EService:Busy"]] * 3


def test_a_fault_of_candles_or_status_waits_for_an_answer_that_has_them(get: Get, simulator: Simulator) -> None:
    simulator.faults.add("*", "duplicate")
    simulator.faults.add("*", "status:post_only")
    assert get("Ticker")["error"] == []
    assert get("SystemStatus")["result"]["status"] == "post_only"
    assert len(candles(get)) == 721


@pytest.mark.parametrize("kind", ["", "404", "error:", "status:closed", "NaN"])
def test_an_unknown_fault_is_refused_when_it_is_scripted(simulator: Simulator, kind: str) -> None:
    with pytest.raises(ValueError, match="unknown fault"):
        simulator.faults.add("OHLC", kind)


def test_requests_are_counted_and_kept(get: Get, simulator: Simulator) -> None:
    get("Time")
    get("Ticker", pair=PAIR)
    get("Ticker")
    assert simulator.requests.counts() == {"Time": 1, "Ticker": 2}
    assert simulator.requests.newest()[1].query == {"pair": PAIR}
    simulator.requests.clear()
    assert simulator.requests.counts() == {}


def test_every_answer_waits_for_the_latency() -> None:
    with Simulator(recording(make_series(count=10)), latency_ms=80) as venue:
        started = time.monotonic()
        raw(venue, "Time")
        assert time.monotonic() - started >= 0.08


def test_a_burst_is_allowed_then_refused_by_kraken_then_by_the_web_front() -> None:
    with Simulator(recording(make_series(count=10)), rate_limit=True) as venue:
        answers = [raw(venue, f"OHLC?pair={PAIR}") for _ in range(8)]
        assert [json.loads(body)["error"] for _, body in answers[:5]] == [[]] * 3 + [["EGeneral:Too many requests"]] * 2
        assert [status for status, _ in answers[5:]] == [429] * 3
        assert json.loads(raw(venue, "Time")[1])["error"] == []


def test_limits_are_by_pair_for_candles_and_by_address_for_the_rest_and_refill_by_the_second() -> None:
    now = [0.0]
    limiter = RateLimiter(lambda: now[0])
    for pair in ("A", "B"):
        assert [limiter.ask("me", "OHLC", pair) for _ in range(4)] == [Verdict.ALLOWED] * 3 + [Verdict.TOO_MANY]
    assert [limiter.ask("me", "Time", "") for _ in range(16)] == [Verdict.ALLOWED] * 15 + [Verdict.TOO_MANY]
    assert limiter.ask("you", "Time", "") is Verdict.ALLOWED
    now[0] = 2.5
    assert [limiter.ask("me", "OHLC", "A") for _ in range(2)] == [Verdict.ALLOWED, Verdict.TOO_MANY]
    assert (PAIR_BURST, ADDRESS_BURST) == (3.0, 15.0)
