from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from bot.simulator import Recording, Simulator
from bot.simulator.auth import ApiKey
from tests.simulator.samples import DATA, MINUTE_MS, START_MS, make_series
from tests.venue.desk import Trader

Open = Callable[..., Trader]


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    """BTC/EUR and DOGE/EUR, five-minute candles, on the fifth day at 12:12. The account has EUR, BTC and DOGE."""
    source = Recording("test", {"BTC/EUR": {"5m": make_series()}, "DOGE/EUR": {"5m": make_series(seed=2, price=20.0)}})
    with Simulator(source, at_ms=START_MS + (4 * 1440 + 732) * MINUTE_MS) as running:
        for asset, amount in (("EUR", 10_000), ("BTC", 10), ("DOGE", 1000)):
            running.desk.deposit(asset, amount)
        yield running


@pytest.fixture
def key(simulator: Simulator) -> ApiKey:
    return simulator.desk.add_key("trade")


@pytest.fixture
def open_trader(simulator: Simulator, key: ApiKey) -> Iterator[Open]:
    """Makes venue adapters, each as a process of its own would, and closes them."""
    with ExitStack() as stack:

        def make(**settings: Any) -> Trader:
            chosen = {"simulator": simulator, "key": key, **settings}
            return stack.enter_context(Trader(**chosen))

        yield make


@pytest.fixture
def trader(open_trader: Open) -> Trader:
    return open_trader()


@pytest.fixture
def fixtures() -> Path:
    """Recorded Kraken answers; they lie beside the repository, not in it."""
    folder = DATA / "kraken-fixtures"
    if not folder.is_dir():
        pytest.skip("no recorded Kraken answers: ../shared/data is not there")
    return folder
