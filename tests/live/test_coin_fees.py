"""A stop that Kraken attached sells while other coins lie free: it pays its fee with those, and the books know it."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal as D

import pytest

from tests.jobs.world import Row
from tests.live.conftest import MakeLive
from tests.live.laws import check_live
from tests.live.scenes import LADDER, hold, risen
from tests.live.test_rebuild import WIPED, executions, rebuild_from_venue, what_is_owned
from tests.live.world import CASH, SLOT_MS, START, Killed, LiveWorld

NEXT = START + SLOT_MS
LATER = NEXT + SLOT_MS
CHANGES = {"AddOrder", "AmendOrder", "CancelOrder"}


def fire(world: LiveWorld) -> None:
    """The price touches the stop, for a moment."""
    (stop,) = [order for order in world.account.open_orders() if not order.buys]
    world.account.race(stop)


def shrunk(make_live: MakeLive) -> LiveWorld:
    """The stop has shrunk for a part of the profit; the run died before it sold that part. Then the stop sells."""
    world = make_live(LADDER, BTC=risen(1.055))
    hold(world)
    world.gate.hooks["AddOrder market"] = lambda: setattr(world.gate, "dead", True)
    with pytest.raises(Killed):
        world.tick(NEXT)
    world.gate.hooks.clear()
    world.gate.begin()
    world.end_lease()
    world.at(NEXT + 60_000)
    fire(world)
    return world


def coins_paid(world: LiveWorld) -> Row:
    """The one fill that paid its fee in coins."""
    (fill,) = world.all("select * from fills where fee_base > 0")
    assert fill["fee"] > 0
    assert abs(fill["fee_base"] * fill["price"] - fill["fee"]) < D("0.001")
    return fill


def sell_the_rest(world: LiveWorld, moment: int) -> None:
    world.command("close_all")
    world.tick(moment)
    check_live(world)
    (trade,) = world.trades()
    assert (trade["status"], trade["open_quantity"]) == ("closed", 0)
    earned = world.value("select cash from cash_balances") - CASH
    assert trade["pnl"] == trade["exit_proceeds"] - trade["entry_cost"] - trade["fees"] == earned


def no_drift_ever(world: LiveWorld) -> None:
    assert world.risks("kind = 'ledger_drift'") == {}


def test_a_fee_in_coins_leaves_the_position_as_well(make_live: MakeLive):
    world = shrunk(make_live)
    world.tick(LATER)
    check_live(world)
    fill = coins_paid(world)
    (trade,) = world.trades()
    assert trade["open_quantity"] == trade["quantity"] - fill["quantity"] - fill["fee_base"] > 0
    assert world.asked["Ledgers"] == 1
    assert world.risks() == {}
    world.tick(LATER + SLOT_MS)
    assert "Ledgers" not in world.asked
    sell_the_rest(world, LATER + 2 * SLOT_MS)
    no_drift_ever(world)


def test_the_look_after_a_ticks_orders_sees_it_too(make_live: MakeLive):
    """The stop sells in the moment in which its part is to be sold; for that its fee left too little."""
    world = make_live(LADDER, BTC=risen(1.055))
    hold(world)
    world.gate.hooks["AddOrder market"] = lambda: fire(world)
    world.tick(NEXT)
    world.gate.hooks.clear()
    coins_paid(world)
    assert len(world.orders("leg = 'exit' and status = 'rejected'")) == 1
    check_live(world)
    sell_the_rest(world, LATER)
    no_drift_ever(world)


def test_a_stop_that_sells_before_its_cancel_brings_its_fee(make_live: MakeLive):
    world = shrunk_and_resting(make_live)
    world.command("close_all")
    world.gate.hooks["CancelOrder"] = lambda: fire(world)
    world.tick(LATER)
    world.gate.hooks.clear()
    coins_paid(world)
    check_live(world)
    (trade,) = world.trades()
    assert trade["status"] == "closed"
    assert trade["pnl"] == world.value("select cash from cash_balances") - CASH
    no_drift_ever(world)


def shrunk_and_resting(make_live: MakeLive) -> LiveWorld:
    """A person has made the stop smaller at the venue while the bot was not looking: it is grown again, but not yet."""
    world = make_live(LADDER, BTC=risen(1.02))
    hold(world)
    (stop,) = world.account.open_orders()
    stop.lots -= stop.lots // 2
    world.account._renew_hold(stop)
    return world


@pytest.mark.parametrize(
    "kind", ["502", "html", "empty_result", "error:EService:Busy", "error:EGeneral:Permission denied"]
)
def test_while_the_fee_cannot_be_read_nothing_is_booked_and_nothing_is_sent(make_live: MakeLive, kind: str):
    world = shrunk(make_live)
    fills = world.count("fills")
    world.venue.faults.add("Ledgers", kind, times=None)
    world.tick(LATER)
    assert world.risks()["account"]["kind"] == "venue_unseen"
    assert world.count("fills") == fills
    assert not world.asked.keys() & CHANGES
    world.venue.faults.clear()
    world.tick(LATER + SLOT_MS)
    check_live(world)
    coins_paid(world)
    assert world.risks() == {}
    sell_the_rest(world, LATER + 2 * SLOT_MS)
    no_drift_ever(world)


def test_a_fee_that_the_ledger_does_not_tell_yet_is_waited_for(make_live: MakeLive):
    """The execution is on its list already, the account's ledger lags behind: nothing is sold on a guess."""
    world = shrunk(make_live)
    fills = world.count("fills")
    hidden = world.account.wallet.ledger[-2:]
    del world.account.wallet.ledger[-2:]
    world.tick(LATER)
    assert world.count("fills") == fills
    assert world.risks()["unsettled:BTC/EUR"]["kind"] == "unsettled"
    assert not world.asked.keys() & CHANGES
    world.account.wallet.ledger += hidden
    world.tick(LATER + SLOT_MS)
    check_live(world)
    coins_paid(world)
    assert world.risks() == {}


def still_held(world: LiveWorld) -> None:
    world.tick(LATER)


def all_sold(world: LiveWorld) -> None:
    world.tick(LATER)
    sell_the_rest(world, LATER + SLOT_MS)


@pytest.mark.parametrize("go_on", [still_held, all_sold])
def test_books_that_are_written_anew_know_the_fee_in_coins(make_live: MakeLive, go_on: Callable[[LiveWorld], None]):
    world = shrunk(make_live)
    go_on(world)
    owned, wanted, cash = what_is_owned(world), executions(world), world.value("select cash from cash_balances")
    paid = coins_paid(world)["fee_base"]
    pnl = [(trade["open_quantity"], trade["fees"], trade["exit_proceeds"], trade["pnl"]) for trade in world.trades()]
    world.execute(f"truncate {WIPED} restart identity cascade")
    rebuild_from_venue(world)
    assert what_is_owned(world) == owned
    assert executions(world) == wanted
    assert coins_paid(world)["fee_base"] == paid
    assert world.value("select cash from cash_balances") == cash
    again = [(trade["open_quantity"], trade["fees"], trade["exit_proceeds"], trade["pnl"]) for trade in world.trades()]
    assert again == pnl
    check_live(world)


def test_a_history_whose_fees_cannot_be_read_rebuilds_nothing(make_live: MakeLive):
    world = shrunk(make_live)
    world.tick(LATER)
    world.execute(f"truncate {WIPED} restart identity cascade")
    world.venue.faults.add("Ledgers", "empty_result", times=None)
    with pytest.raises(Exception, match="could not be read"):
        rebuild_from_venue(world)
    assert world.count("bots") == 0
    world.venue.faults.clear()
    rebuild_from_venue(world)


def test_a_stop_that_sells_all_there_is_asks_for_no_ledger(make_live: MakeLive):
    world = make_live(BTC=risen(1.02))
    hold(world)
    fire(world)
    world.tick(NEXT)
    assert [trade["exit_reason"] for trade in world.trades()] == ["stop_loss"]
    assert "Ledgers" not in world.asked
    assert world.count("fills", "fee_base > 0") == 0
