"""A person sells on the venue's page what the bot thinks it holds: it says so, and asks for nothing that is gone."""

from __future__ import annotations

from decimal import Decimal

from tests.jobs.paths import Path
from tests.live.conftest import MakeLive
from tests.live.world import SLOT_MS, START, LiveWorld


def by_hand(world: LiveWorld, share: Decimal) -> Decimal:
    """Cancel the stops and sell a share of the holding; what is left of it."""
    account = world.venue.desk.account
    for order in list(account.open_orders()):
        account.cancel(order)
    held = world.value("select sum(quantity) from positions where symbol = 'BTC/EUR'")
    sold = (held * share).quantize(Decimal("0.00000001"))
    world.venue.desk.withdraw("BTC", sold)
    return held - sold


def resting(world: LiveWorld) -> Decimal:
    orders = world.believed()["orders"]
    return sum((Decimal(o["vol"]) for o in orders.values() if o["status"] == "open"), Decimal(0))


def test_what_is_left_is_protected_and_nothing_is_refused(make_live: MakeLive):
    world = make_live(BTC=Path().break_out(), check=False)
    world.tick(START)
    left = by_hand(world, Decimal("0.5"))
    for n in range(1, 4):
        world.tick(START + n * SLOT_MS)
        assert world.asked.get("AddOrder", 0) == (1 if n == 1 else 0)
        assert "AmendOrder" not in world.asked
    assert resting(world) == left
    assert "drift" in world.risks()
    assert world.count("dead_letters") == 0
    world.command("close", symbol="BTC/EUR")
    world.tick(START + 4 * SLOT_MS)
    sold = world.value("select sum(quantity) from fills where side = 'sell'")
    assert sold == left


def test_where_nothing_is_left_nothing_is_asked(make_live: MakeLive):
    world = make_live(BTC=Path().break_out(), check=False)
    world.tick(START)
    by_hand(world, Decimal(1))
    for n in range(1, 4):
        world.tick(START + n * SLOT_MS)
        assert "AddOrder" not in world.asked
    assert world.count("dead_letters") == 0
    assert {"drift", "naked:BTC/EUR"} <= set(world.risks())
