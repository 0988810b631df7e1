from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest

from bot.simulator import Recording, Simulator
from tests.simulator.samples import DATA, MINUTE_MS, START_MS, make_series

Get = Callable[..., Any]


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    """BTC/EUR and DOGE/EUR, five-minute candles, on the fifth day at 12:12."""
    source = Recording("test", {"BTC/EUR": {"5m": make_series()}, "DOGE/EUR": {"5m": make_series(seed=2, price=20.0)}})
    with Simulator(source, at_ms=START_MS + (4 * 1440 + 732) * MINUTE_MS) as running:
        yield running


@pytest.fixture
def get(simulator: Simulator) -> Get:
    """GET a public endpoint, answered as Python values."""

    def ask(endpoint: str, **query: object) -> Any:
        text = "&".join(f"{key}={value}" for key, value in query.items())
        with urlopen(f"{simulator.url}/0/public/{endpoint}?{text}") as answer:
            return json.load(answer)

    return ask


@pytest.fixture
def fixtures() -> Path:
    """Recorded Kraken answers; they lie beside the repository, not in it."""
    folder = DATA / "kraken-fixtures"
    if not folder.is_dir():
        pytest.skip("no recorded Kraken answers: ../shared/data is not there")
    return folder
