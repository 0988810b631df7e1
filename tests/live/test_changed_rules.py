"""The venue changes its trading rules while the bot holds something."""

from __future__ import annotations

from decimal import Decimal

from tests.jobs.paths import STEP, T0, Path
from tests.live.conftest import MakeLive
from tests.live.scenes import hold
from tests.live.world import SLOT_MS, START

COARSE = Decimal("0.001")


def test_a_holding_that_lies_off_a_coarser_step_keeps_a_stop_and_is_sold_but_for_a_rest(make_live: MakeLive):
    path = Path().break_out().go(1.05, T0, T0 + STEP).go(1.08, T0 + 2 * STEP, T0 + 3 * STEP)
    world = make_live(BTC=path, check=False)
    hold(world)
    held = world.value("select quantity from positions")
    assert held % COARSE
    world.execute("update venue_markets set size_step = %s, min_size = %s where symbol = 'BTC/EUR'", COARSE, COARSE)
    world.venue.venue.change_pair("BTC/EUR", lot_decimals=3, order_min=str(COARSE))
    for n in range(1, 7):
        world.tick(START + n * SLOT_MS)
        if n == 1:
            assert world.asked["AmendOrder"] == 1
            assert world.count("orders", "leg = 'stop' and status = 'open' and stop_price > 100") == 1
    assert "AmendOrder" not in world.asked
    assert world.value("select quantity from positions") == held % COARSE
    assert world.count("orders", "status in ('not_placed', 'rejected')") == 0
    assert world.naked_ms() == 0 or {stretch.lots for stretch in world.naked()} == {int(held % COARSE * 10**8)}
