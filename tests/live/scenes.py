"""Moments in a live bot's life, each with side effects of its own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from tests.jobs.paths import HOUR, MINUTE, STEP, T0, Path
from tests.jobs.world import Document
from tests.live.paths import shallow
from tests.live.world import SLOT_MS, START, LiveWorld

Prepare = Callable[[LiveWorld], None]


@dataclass(frozen=True)
class Scene:
    """What comes before a tick, and what must have come of it once it was done or made up for.

    paths: by base.  prepare: everything up to the moment.  orders: what the tick
    itself sends when nothing happens to it, in order.  outcome: raises where the
    end is wrong, however often the tick died.
    """

    paths: Callable[[], dict[str, Path]]
    prepare: Prepare
    moment: int
    orders: tuple[str, ...]
    outcome: Prepare = lambda world: None
    overrides: Document = field(default_factory=dict)


def warm(world: LiveWorld) -> None:
    world.tick(START - HOUR)


def hold(world: LiveWorld) -> None:
    """The entry is bought and protected."""
    warm(world)
    world.tick(START)


def closed(reason: str, trades: int = 1) -> Prepare:
    def check(world: LiveWorld) -> None:
        found = world.trades()
        assert [(t["status"], t["exit_reason"]) for t in found] == [("closed", reason)] * trades
        exits = world.orders("leg = 'exit' and filled > 0")
        assert len(exits) == (0 if reason == "stop_loss" else trades)

    return check


def held(symbols: int = 1, at_most: bool = False) -> Prepare:
    def check(world: LiveWorld) -> None:
        found = len(world.trades("status = 'open'"))
        assert found <= symbols if at_most else found == symbols

    return check


def stop_raised(world: LiveWorld) -> None:
    (trade,) = world.trades()
    assert trade["status"] == "open"
    assert trade["stop_price"] > trade["entry_price"]


def price_runs_away(world: LiveWorld) -> None:
    """An order book is read, ten seconds later the order arrives: the price is another."""
    warm(world)
    world.gate.hooks["AddOrder limit"] = lambda: world.at(world.now_ms + 10_000)


def lose_stop(world: LiveWorld) -> None:
    """A person cancels the stop at the venue."""
    hold(world)
    world.at(START + STEP - MINUTE)
    for order in world.account.open_orders():
        world.account.cancel(order)


def ask_to_close(world: LiveWorld) -> None:
    hold(world)
    world.command("close_all")


def pause_while_it_rests(world: LiveWorld) -> None:
    """A person wants no more of it while a part of an entry still rests."""
    hold(world)
    world.execute("update bots set status = 'PAUSED'")


def answer_lost(*faults: tuple[str, str]) -> Prepare:
    """The tick that entered never heard what came of it."""

    def prepare(world: LiveWorld) -> None:
        warm(world)
        for endpoint, kind in faults:
            world.venue.faults.add(endpoint, kind)
        world.tick(START)
        world.venue.faults.clear()

    return prepare


def exit_answer_lost(kind: str) -> Prepare:
    def prepare(world: LiveWorld) -> None:
        hold(world)
        world.venue.faults.add("AddOrder", kind, match={"ordertype": "market"})
        world.tick(START + SLOT_MS)
        world.venue.faults.clear()

    return prepare


def half_sold(world: LiveWorld) -> None:
    (trade,) = world.trades()
    assert trade["status"] == "open"
    assert trade["quantity"] / 2 - trade["open_quantity"] < trade["quantity"] / 100
    assert len(world.orders("leg = 'exit' and filled > 0")) == 1


def risen(level: float) -> Path:
    return Path().break_out().go(level, T0, T0 + STEP)


def two() -> dict[str, Path]:
    return {"BTC": Path().break_out(), "ETH": Path(50).break_out()}


PARTS: Document = {"paper": {"entry_limit_frac": 0.0}}
LADDER: Document = {
    "risk": {
        "take_profit_ladder": ["0.5@0.025", "0.3@0.06", "0.2@0.12"],
        "trailing_activation_frac": 0.1,
    }
}
THIN = 0.0005
RESTING = T0 + 100_000

SCENES: dict[str, Scene] = {
    "nothing to do": Scene(dict, warm, START, ()),
    "first tick that enters": Scene(
        lambda: {"BTC": Path().break_out()}, lambda world: None, START, ("AddOrder limit",), held(at_most=True)
    ),
    "entry": Scene(lambda: {"BTC": Path().break_out()}, warm, START, ("AddOrder limit",), held(at_most=True)),
    "two entries": Scene(two, warm, START, ("AddOrder limit", "AddOrder limit"), held(2, at_most=True)),
    "entry that rests": Scene(
        lambda: {"BTC": Path().break_out().go(1.06, T0).go(1.015, T0 + STEP)},
        price_runs_away, RESTING, ("AddOrder limit",), held(at_most=True),
    ),
    "entry in parts": Scene(
        lambda: {"BTC": shallow(Path().break_out(), THIN)}, warm, START, ("AddOrder limit",), held(at_most=True), PARTS
    ),
    "rest of an entry": Scene(
        lambda: {"BTC": shallow(Path().break_out(), THIN)}, hold, START + SLOT_MS, (), held(), PARTS
    ),
    "stop moved": Scene(lambda: {"BTC": risen(1.05)}, hold, START + SLOT_MS, ("AmendOrder",), stop_raised),
    "several stops moved": Scene(
        lambda: {"BTC": shallow(risen(1.05), THIN)}, hold, START + SLOT_MS, ("AmendOrder",), stop_raised, PARTS
    ),
    "target": Scene(
        lambda: {"BTC": risen(1.08)}, hold, START + SLOT_MS, ("CancelOrder", "AddOrder market"), closed("take_profit")
    ),
    "a part of the profit": Scene(
        lambda: {"BTC": risen(1.055)}, hold, START + SLOT_MS, ("AmendOrder", "AddOrder market"), half_sold, LADDER
    ),
    "entry taken back": Scene(
        lambda: {"BTC": shallow(Path().break_out().go(1.03, T0), THIN)},
        pause_while_it_rests, START + SLOT_MS, ("CancelOrder",), held(), PARTS,
    ),
    "stopped out": Scene(
        lambda: {"BTC": Path().break_out().dip(T0 + STEP - MINUTE, 0.98)},
        hold, START + SLOT_MS, (), closed("stop_loss"),
    ),
    "stop put back": Scene(
        lambda: {"BTC": Path().break_out()}, lose_stop, START + SLOT_MS, ("AddOrder stop-loss",), held()
    ),
    "close all": Scene(
        two, ask_to_close, START + SLOT_MS,
        ("CancelOrder", "AddOrder market", "CancelOrder", "AddOrder market"), closed("closed_by_person", 2),
    ),
    "entry in doubt, placed": Scene(
        lambda: {"BTC": Path().break_out()}, answer_lost(("AddOrder", "reset")), START + SLOT_MS, (), held()
    ),
    "entry in doubt, never placed": Scene(
        lambda: {"BTC": Path().break_out()}, answer_lost(("AddOrder", "before:reset")), START + SLOT_MS, (), held(0)
    ),
    "exit in doubt, done": Scene(
        lambda: {"BTC": risen(1.08)}, exit_answer_lost("502"), START + 2 * SLOT_MS, (), closed("take_profit")
    ),
    "exit in doubt, never placed": Scene(
        lambda: {"BTC": risen(1.08)}, exit_answer_lost("before:502"), START + 2 * SLOT_MS,
        ("CancelOrder", "AddOrder market"), closed("take_profit"),
    ),
}  # fmt: skip
