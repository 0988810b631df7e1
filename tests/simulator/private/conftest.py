from __future__ import annotations

from typing import Any

import pytest

from bot.simulator import Simulator
from bot.simulator.auth import ApiKey
from tests.simulator.private.client import Client, ccxt_client, client


@pytest.fixture
def key(simulator: Simulator) -> ApiKey:
    """A trading key of an account with 10,000 EUR and 10 BTC."""
    simulator.desk.deposit("EUR", 10_000)
    simulator.desk.deposit("BTC", 10)
    return simulator.desk.add_key("trade")


@pytest.fixture
def kraken(simulator: Simulator, key: ApiKey) -> Client:
    """A client of that account with a key of its own: two clients on one key spoil each other's nonces."""
    return client(simulator, simulator.desk.add_key("by hand"))


@pytest.fixture
def exchange(simulator: Simulator, key: ApiKey) -> Any:
    """The unmodified synchronous ccxt with that key."""
    return ccxt_client(simulator, key)
