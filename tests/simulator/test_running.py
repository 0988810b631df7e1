"""Starting, stopping, steering: as a context manager, as a program, over the control endpoints."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

from bot.domain.errors import ConfigError
from bot.simulator import Clock, Simulator
from tests.simulator.samples import START_MS, make_series, recording

ROOT = Path(__file__).parents[2]


def control(url: str, name: str, body: dict[str, Any] | None = None) -> Any:
    data = None if body is None else json.dumps(body).encode()
    with urlopen(Request(f"{url}/sim/{name}", data=data)) as answer:
        return json.load(answer)


def test_a_clock_stands_still_until_it_is_set_or_given_a_speed() -> None:
    real = [10.0]
    clock = Clock(1000, elapsed=lambda: real[0])
    real[0] = 20.0
    assert clock.now_ms() == 1000
    clock.set_speed(60)
    real[0] = 21.5
    assert clock.now_ms() == 91_000
    clock.advance_ms(5)
    clock.set_speed(0)
    real[0] = 99.0
    assert clock.now_ms() == 91_005


def test_the_clock_starts_at_the_end_of_the_recording() -> None:
    series = make_series(count=10)
    assert Simulator(recording(series)).clock.now_ms() == series.end_ms


def test_a_simulator_has_an_address_only_while_it_runs() -> None:
    venue = Simulator(recording(make_series(count=10)))
    with pytest.raises(RuntimeError, match="not running"):
        _ = venue.url
    with venue:
        url = venue.url
        assert venue.api_urls["public"] == url
    with pytest.raises(OSError, match="refused"):
        urlopen(f"{url}/0/public/Time")
    venue.stop()


def test_several_run_beside_each_other_and_a_taken_port_is_named() -> None:
    source = recording(make_series(count=10))
    with Simulator(source) as first, Simulator(source, at_ms=START_MS) as second:
        assert first.url != second.url
        assert control(first.url, "clock") != control(second.url, "clock")
        port = int(first.url.rsplit(":", 1)[1])
        with pytest.raises(ConfigError, match=str(port)):
            Simulator(source, port=port).start()


def test_the_clock_is_read_and_set_from_outside(simulator: Simulator) -> None:
    answer = control(simulator.url, "clock", {"at": "2023-11-16T03:00:00Z"})
    assert answer == {"ms": START_MS + 27 * 3_600_000, "at": "2023-11-16T03:00:00+00:00", "speed": 0.0}
    assert control(simulator.url, "clock", {"advance_ms": 500})["ms"] == answer["ms"] + 500
    assert control(simulator.url, "clock", {"ms": START_MS})["ms"] == START_MS == simulator.clock.now_ms()
    assert control(simulator.url, "clock", {"speed": 60.0})["speed"] == 60.0


def test_faults_are_scripted_and_requests_counted_from_outside(simulator: Simulator) -> None:
    control(simulator.url, "faults", {"endpoint": "Time", "kind": "error:EService:Busy", "times": None})
    with urlopen(f"{simulator.url}/0/public/Time") as answer:
        assert json.load(answer) == {"error": ["EService:Busy"]}
    assert control(simulator.url, "faults")["faults"][0]["happened"] == 1
    assert control(simulator.url, "faults", {"clear": True}) == {"faults": []}
    log = control(simulator.url, "requests")
    assert log["counts"] == {"Time": 1}
    assert log["newest"][0]["fault"] == "error:EService:Busy"


@pytest.mark.parametrize(
    ("name", "body"),
    [
        ("clock", {"at": "yesterday"}),
        ("clock", {"at": "2023-11-16T03:00"}),
        ("faults", {"kind": "boom"}),
        ("nothing", {}),
    ],
)
def test_a_wrong_control_request_is_told_why(simulator: Simulator, name: str, body: dict[str, Any]) -> None:
    with pytest.raises(HTTPError) as caught:
        control(simulator.url, name, body)
    assert caught.value.code in (400, 404)
    assert json.load(caught.value)["error"]


def test_it_runs_as_a_program_until_interrupted() -> None:
    command = [
        sys.executable,
        "-m",
        "bot.simulator",
        "--port",
        "0",
        "--at",
        "2026-03-03T00:00Z",
        "--symbols",
        "BTC/EUR",
    ]
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in range(4)]
        url = lines[-1].split()[2]
        assert lines[0].startswith("synthetic recording")
        assert control(url, "clock")["at"] == "2026-03-03T00:00:00+00:00"
        process.send_signal(signal.SIGINT)
        assert process.wait(10) == 0


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--data", "nowhere"], "no such candle directory"),
        (["--at", "soon"], "not a time"),
        (["--deposit", "EUR"], "not an amount of money"),
        (["--deposit", "EUR=-5"], "not an amount of money"),
    ],
)
def test_a_wrong_argument_ends_with_2_and_says_what_is_wrong(arguments: list[str], told: str) -> None:
    command = [sys.executable, "-m", "bot.simulator", "--port", "0", *arguments]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=30)
    assert ended.returncode == 2
    assert told in ended.stderr
    assert "Traceback" not in ended.stderr
