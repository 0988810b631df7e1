"""A store with one bot in it, and ways to look behind it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

import psycopg
import pytest

from bot.adapters.postgres import PostgresStore
from bot.adapters.postgres_reports import PostgresReports
from bot.domain.records import Lease

LEASE_S = 60.0


@pytest.fixture
def reports(database_url: str) -> Iterator[PostgresReports]:
    """Reports of a database that has one paper bot, `main`, with 1,000 EUR."""
    made = PostgresReports(database_url)
    assert made.ensure_bot("main", "paper", "EUR", Decimal(1000)) == 1
    yield made
    made.close()


@pytest.fixture
def store(database_url: str, reports: PostgresReports) -> Iterator[PostgresStore]:
    made = PostgresStore(database_url)
    yield made
    made.close()


@pytest.fixture
def lease(store: PostgresStore) -> Lease:
    held = store.begin("first run", LEASE_S).lease
    assert held is not None
    return held


@pytest.fixture
def rows(database_url: str) -> Iterator[Callable[..., list[Any]]]:
    """Runs a statement beside the store and gives its rows."""
    with psycopg.connect(database_url, autocommit=True) as connection:

        def run(statement: str, *values: Any) -> list[Any]:
            cursor = connection.execute(statement.encode(), values or None)
            return cursor.fetchall() if cursor.description else []

        yield run
