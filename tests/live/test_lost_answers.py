"""The venue takes a request and its answer is lost: there is one order of it, whatever the loss looked like."""

from __future__ import annotations

import pytest

from tests.jobs.paths import STEP, T0, Path
from tests.live.conftest import MakeLive
from tests.live.laws import check_live
from tests.live.scenes import hold, lose_stop, warm
from tests.live.world import SLOT_MS, START, LiveWorld

SENT = [
    ("a time-out", "timeout", 0.6),
    ("a cut connection", "reset", 0.0),
    ("502", "502", 0.0),
    ("504", "504", 0.0),
    ("524, which ccxt takes for an answer", "524", 0.0),
    ("a web page with status 200", "html", 0.0),
    ("nothing with status 200", "empty", 0.0),
    ("an empty result", "empty_result", 0.0),
    ("half an answer", "half", 0.0),
    ("EService:Timeout", "after:error:EService:Timeout", 0.0),
    ("EGeneral:Internal error", "after:error:EGeneral:Internal error", 0.0),
]
LOSSES = pytest.mark.parametrize(("kind", "seconds"), [loss[1:] for loss in SENT], ids=[loss[0] for loss in SENT])


def lose(world: LiveWorld, endpoint: str, kind: str, seconds: float, **match: str) -> None:
    world.venue.faults.add(endpoint, kind, seconds=seconds, match=match or None)


def after(world: LiveWorld, moment: int) -> None:
    """The tick that loses its answer, then two clean ones."""
    world.tick(moment, timeout_s=0.3)
    world.venue.faults.clear()
    for n in (1, 2):
        world.tick(moment + n * SLOT_MS)
        check_live(world)


def made(world: LiveWorld, **wanted: str) -> list[dict[str, object]]:
    """Orders that the venue has taken by request: ordertype and side."""
    return [
        order
        for order in world.believed()["orders"].values()
        if order["refid"] is None and all(order["descr"][name] == value for name, value in wanted.items())
    ]


@LOSSES
def test_an_entry_whose_answer_is_lost_is_one_order(make_live: MakeLive, kind: str, seconds: float):
    world = make_live(BTC=Path().break_out())
    warm(world)
    lose(world, "AddOrder", kind, seconds)
    after(world, START)
    assert len(made(world, type="buy")) == 1
    (trade,) = world.trades()
    assert trade["open_quantity"] > 0
    assert world.naked_ms() == 0


@LOSSES
def test_a_stop_whose_answer_is_lost_is_one_order(make_live: MakeLive, kind: str, seconds: float):
    world = make_live(BTC=Path().break_out())
    lose_stop(world)
    lose(world, "AddOrder", kind, seconds, ordertype="stop-loss")
    after(world, START + SLOT_MS)
    assert len(made(world, ordertype="stop-loss")) == 1


@LOSSES
def test_an_amendment_whose_answer_is_lost_moves_the_one_stop(make_live: MakeLive, kind: str, seconds: float):
    world = make_live(BTC=Path().break_out().go(1.05, T0, T0 + STEP))
    hold(world)
    (before,) = world.orders("leg = 'stop'")
    lose(world, "AmendOrder", kind, seconds)
    after(world, START + SLOT_MS)
    (stop,) = world.orders("leg = 'stop'")
    assert stop["venue_order_id"] == before["venue_order_id"]
    assert stop["stop_price"] > before["stop_price"]
    assert world.naked_ms() == 0


@LOSSES
def test_an_exit_whose_answer_is_lost_is_one_order(make_live: MakeLive, kind: str, seconds: float):
    world = make_live(BTC=Path().break_out().go(1.08, T0, T0 + STEP))
    hold(world)
    lose(world, "AddOrder", kind, seconds, ordertype="market")
    after(world, START + SLOT_MS)
    assert len(made(world, ordertype="market", type="sell")) == 1
    (trade,) = world.trades()
    assert (trade["status"], trade["exit_reason"]) == ("closed", "take_profit")
    assert len(world.believed()["trades"]) == 2


@LOSSES
def test_a_cancel_whose_answer_is_lost_still_lets_the_exit_be_one_order(make_live: MakeLive, kind: str, seconds: float):
    world = make_live(BTC=Path().break_out().go(1.08, T0, T0 + STEP))
    hold(world)
    lose(world, "CancelOrder", kind, seconds)
    after(world, START + SLOT_MS)
    assert len(made(world, ordertype="market", type="sell")) == 1
    assert world.naked_ms() <= SLOT_MS


@pytest.mark.parametrize("endpoint", ["BalanceEx", "OpenOrders", "ClosedOrders", "QueryTrades"])
@pytest.mark.parametrize("kind", ["html", "empty", "empty_result", "half", "524", "reset"])
def test_a_look_that_failed_proves_nothing(make_live: MakeLive, endpoint: str, kind: str):
    """An answer that ccxt shows as an empty list must not make an order in doubt one that was never placed."""
    world = make_live(BTC=Path().break_out())
    warm(world)
    lose(world, "AddOrder", "reset", 0.0)
    world.tick(START)
    world.venue.faults.add(endpoint, kind, times=None)
    world.tick(START + SLOT_MS)
    assert world.count("orders", "status = 'not_placed'") == 0
    assert len(made(world, type="buy")) == 1
    world.venue.faults.clear()
    for n in (2, 3):
        world.tick(START + n * SLOT_MS)
        check_live(world)
    assert world.count("trades", "status = 'open'") == 1
