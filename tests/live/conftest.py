"""Live worlds; venue and database are compared when a test ends."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal

import pytest

from tests.jobs.paths import Path, recording
from tests.jobs.world import Document
from tests.live.laws import check_live
from tests.live.paths import market
from tests.live.world import BESIDE, LiveWorld

MakeLive = Callable[..., LiveWorld]


@pytest.fixture
def make_live(new_database: Callable[[], str]) -> Iterator[MakeLive]:
    """make_live(BTC=Path(), overrides={}, check=True): a world with one live bot of 1,000 EUR."""
    made: list[tuple[LiveWorld, bool]] = []

    def make(
        overrides: Document | None = None,
        *,
        check: bool = True,
        beside: Mapping[str, Decimal] = BESIDE,
        **paths: Path,
    ) -> LiveWorld:
        world = LiveWorld(new_database(), recording(**market(**paths)), overrides, beside)
        made.append((world, check))
        world.go_live()
        return world

    yield make
    try:
        for world, check in made:
            if check:
                check_live(world)
    finally:
        for world, _ in made:
            world.execute("drop schema if exists saved cascade")
            world.close()
