"""A position that takes its profit in parts: three rungs over real ticks, the stop always as large as what is held."""

from __future__ import annotations

import itertools
from decimal import Decimal

import pytest

from bot.jobs.replay import replay
from tests.jobs.books import check_books
from tests.jobs.paths import HOUR, MINUTE, STEP, T0, Path
from tests.jobs.test_crashes import Killed, MortalStore, let_the_lease_run_out
from tests.jobs.world import MakeWorld, Row, World, verdicts_of

SOON = T0 + 30_000
LADDER = {"risk": {"take_profit_ladder": ["0.5@0.025", "0.3@0.06", "0.2@0.12"]}}


@pytest.fixture
def holder(make_world: MakeWorld):
    """holder(path): a world whose bot, with a ladder, has just bought BTC at 102.04."""

    def make(path: Path, **more: object) -> World:
        world = make_world({"BTC": path}, **{"overrides": LADDER, **more})
        assert verdicts_of(world.tick(SOON)) == {"BTC/EUR": ("enter", "entered")}
        return world

    return make


def climb() -> Path:
    """Up past one rung after the other, each time for a while."""
    path = Path().break_out()
    for n, level in enumerate((1.052, 1.09, 1.15)):
        path.go(level, T0 + n * HOUR + 10 * MINUTE, T0 + n * HOUR + 40 * MINUTE)
    return path


def exits(world: World) -> list[Row]:
    return world.orders("leg = 'exit'")


def tick_to(world: World, to_ms: int, from_ms: int = SOON + STEP) -> list[Row]:
    """Tick every five minutes, with the books checked each time; the trade after each tick."""
    seen = []
    for moment in range(from_ms, to_ms + 1, STEP):
        world.tick(moment)
        check_books(world)
        seen += world.trades()
    return seen


def test_three_rungs_sell_half_then_three_tenths_then_the_rest(holder):
    world = holder(climb())
    (bought,) = world.trades()
    assert float(bought["target_price"]) == pytest.approx(102.03 * 1.12, rel=1e-3)
    seen = tick_to(world, SOON + 4 * HOUR)
    (trade,) = world.trades()
    sold = [order["quantity"] / trade["quantity"] for order in exits(world)]
    assert [float(share) for share in sold] == pytest.approx([0.5, 0.3, 0.2], abs=1e-6)
    assert {order["reason"] for order in exits(world)} == {"take_profit_ladder"}
    held = [row["open_quantity"] / trade["quantity"] for row in seen]
    assert [float(share) for share in dict.fromkeys(held)] == pytest.approx([1, 0.5, 0.2, 0], abs=1e-6)
    assert (trade["status"], trade["exit_reason"], trade["open_quantity"]) == ("closed", "take_profit_ladder", 0)
    assert trade["pnl"] > 0
    stops = [row["stop_price"] for row in seen]
    assert stops == sorted(stops)
    (stop,) = world.orders("leg = 'stop'")  # amended in place, given up with the last rung
    assert stop["status"] == "cancelled"


def test_the_stop_lets_the_part_go_before_it_is_sold(holder):
    world = holder(climb())
    tick_to(world, SOON + HOUR)
    (stop,), (leave,) = world.orders("leg = 'stop'"), exits(world)
    (trade,) = world.trades()
    assert (trade["status"], stop["status"], leave["status"]) == ("open", "open", "filled")
    assert stop["quantity"] == trade["open_quantity"] == trade["quantity"] - leave["quantity"]
    then = world.all(
        "select leg, to_status, detail from order_events join orders using (client_id)"
        " where at = (select filled_at from fills where client_id = %s) order by order_event_id",
        leave["client_id"],
    )
    steps = [(row["leg"], row["to_status"]) for row in then]
    assert steps == [("exit", "submitting"), ("stop", "open"), ("exit", "filled")]
    assert then[1]["detail"] == {"answer": "amended"}


def test_a_stop_that_is_hit_sells_all_that_the_rungs_left(holder):
    path = Path().break_out().go(1.052, T0 + 10 * MINUTE, T0 + 40 * MINUTE).go(1.03, T0 + HOUR, T0 + HOUR + 20 * MINUTE)
    world = holder(path)
    tick_to(world, SOON + 2 * HOUR)
    (trade,) = world.trades()
    (stop,), (leave,) = world.orders("leg = 'stop'"), exits(world)
    assert (trade["status"], trade["exit_reason"]) == ("closed", "trailing_stop")
    assert stop["filled"] + leave["filled"] == trade["quantity"]
    assert float(leave["filled"] / trade["quantity"]) == pytest.approx(0.5, abs=1e-6)


def test_a_peak_between_two_ticks_takes_every_rung_that_it_touched_at_once(holder):
    path = Path().break_out().go(1.07, T0 + 5 * MINUTE, T0 + 10 * MINUTE).peak(T0 + 12 * MINUTE, 1.083)
    world = holder(path, overrides={"risk": {**LADDER["risk"], "trailing_distance_frac": 0.02}})
    world.tick(SOON + 3 * STEP)
    (leave,) = exits(world)
    (trade,) = world.trades()
    assert float(leave["filled"] / trade["quantity"]) == pytest.approx(0.8, abs=1e-6)
    check_books(world)


def test_a_rung_withdraws_what_still_rests_of_the_entry(holder):
    path = Path().break_out().thin(20.0, T0 - STEP).go(1.06, T0, T0 + STEP)
    world = holder(path, overrides={"risk": LADDER["risk"], "paper": {"entry_ttl_s": 86_400.0}})
    (entry,) = world.orders("leg = 'entry'")
    assert entry["status"] == "partially_filled"
    tick_to(world, SOON + 2 * STEP)
    (entry,), (leave,) = world.orders("leg = 'entry'"), exits(world)
    (trade,) = world.trades()
    assert entry["status"] == "cancelled"
    assert entry["filled"] == trade["quantity"]
    assert float(leave["filled"] / trade["quantity"]) == pytest.approx(0.5, abs=1e-6)


def test_a_person_who_closes_sells_the_whole_rest(holder):
    world = holder(climb())
    tick_to(world, SOON + HOUR)
    world.command("close", symbol="BTC/EUR")
    world.tick(SOON + HOUR + STEP)
    (trade,) = world.trades()
    assert (trade["status"], trade["exit_reason"]) == ("closed", "closed_by_person")
    assert len(exits(world)) == 2


def test_a_tick_that_sold_a_part_says_which_rung_and_can_be_decided_again(holder):
    path = Path().break_out().go(1.052, T0 + 55 * MINUTE, T0 + HOUR)
    world = holder(path)
    tick_to(world, SOON + HOUR)
    newest = world.verdicts()[-1]
    assert (newest["verdict"], newest["reasons"][-1]["rule"]) == ("exit", "take_profit_ladder")
    told = dict(newest["reasons"][-1]["values"])
    assert (told["rungs"], told["count"], told["gain"]) == ("1", 3, 0.025)
    stored = world.all("select inputs, outputs from decisions order by slot_at desc limit 1")[0]
    assert replay(stored["inputs"], stored["outputs"]).identical


def test_every_part_pays_into_the_same_trade(holder):
    world = holder(climb())
    tick_to(world, SOON + 4 * HOUR)
    (trade,) = world.trades()
    fills = world.all("select * from fills where side = 'sell'")
    assert len(fills) == 3
    assert trade["exit_price"] == pytest.approx(trade["exit_proceeds"] / trade["quantity"], rel=Decimal("1e-9"))
    kinds = [row["kind"] for row in world.all("select kind from trade_events order by trade_event_id")]
    assert kinds.count("filled") == 2
    assert kinds[-1] == "closed"


@pytest.mark.parametrize("retry_ms", [0, STEP])
def test_a_tick_that_dies_while_it_sells_a_rung_sells_it_once(make_world: MakeWorld, retry_ms: int):
    world = make_world({"BTC": Path().break_out().go(1.052, T0, T0 + STEP)}, LADDER)
    for calls in itertools.count(1):
        world.tick(SOON)
        store = MortalStore(world.url, calls)
        try:
            world.tick(SOON + STEP, store=store, holder="mortal")
        except Killed:
            pass
        else:
            break  # it makes fewer calls than that: every one has been tried
        finally:
            store.close()
        let_the_lease_run_out(world)
        tick_to(world, SOON + 4 * STEP, SOON + STEP + retry_ms)
        (trade,) = world.trades()
        assert float(trade["open_quantity"] / trade["quantity"]) == pytest.approx(0.5, abs=1e-6)
        assert [order["status"] for order in exits(world)].count("filled") == 1
        world.start_anew()
    assert calls > 3
