"""Worlds for tick tests; the books are checked when a test ends."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from bot.simulator import Recording
from tests.jobs.books import check_books
from tests.jobs.paths import Path, recording
from tests.jobs.world import Document, MakeWorld, World


@pytest.fixture
def make_world(new_database: Callable[[], str]) -> Iterator[MakeWorld]:
    """make_world({"BTC": Path()}, settings): a world with one bot, "main", of 10,000 EUR."""
    made: list[World] = []

    def make(
        paths: dict[str, Path] | Recording | None = None,
        overrides: Document | None = None,
        *,
        bot: bool = True,
        **venue: Any,
    ) -> World:
        source = paths if isinstance(paths, Recording) else recording(**(paths or {"BTC": Path()}))
        world = World(new_database(), source, overrides, **venue)
        made.append(world)
        if bot:
            world.add_bot()
        return world

    yield make
    try:
        for world in made:
            check_books(world)
    finally:
        for world in made:
            world.close()


@pytest.fixture
def world(make_world: MakeWorld) -> World:
    """A calm market in BTC/EUR and a bot that waits for a breakout."""
    return make_world()
