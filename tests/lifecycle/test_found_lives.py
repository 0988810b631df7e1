"""Lives which the state machine found broken once, each the shortest that shows what was wrong.

All of them have been mended, and the model leaves nothing out. They stay since the state machine comes upon
lives like these by chance only.

Most need coins of the traded kind in the account beside the bot's own: without those the venue refuses what must
not be sold.
"""

from __future__ import annotations

from decimal import Decimal

import pytest

from bot.domain.records import Command
from bot.jobs.bot_run import BotRun
from tests.lifecycle.laws import check_always
from tests.lifecycle.model_venue import Fate, Look, ModelVenue, Request, Sight
from tests.lifecycle.rows import Rows
from tests.lifecycle.runs import MARKET, SLOT_MS, Script, tick
from tests.lifecycle.test_order_life import CASH, LADDER, START_MS

BESIDE = Decimal(7)
HALF = Decimal("0.5")


class Life:
    """A bot that has not traded yet, in an account with 7 coins of somebody else."""

    def __init__(self, ladder: tuple[str, ...] = ()) -> None:
        self.ladder = ladder
        self.rows = Rows(CASH, {MARKET.base: BESIDE})
        self.venue = ModelVenue(MARKET, CASH, BESIDE, Decimal(100), START_MS)

    def tick(self, script: Script, gap_ms: int = SLOT_MS) -> BotRun:
        self.venue.wait_until(self.venue.at_ms + gap_ms)
        run = tick(self.rows, self.venue, script, self.ladder)
        check_always(self.rows, self.venue)
        return run


def test_an_exit_leaves_out_what_its_entry_bought_while_it_was_cancelled():
    """The late purchase has a stop of its own, which nobody has cancelled."""
    life = Life()
    life.venue.share = HALF
    life.tick(Script(1))
    race = Request(Fate.AFTER_A_FILL, share=HALF)
    life.tick(Script(-1, (race, race)))


def test_the_stop_of_a_young_fill_is_waited_for_at_every_look():
    life = Life()
    life.venue.share = Decimal(0)
    life.tick(Script(1), gap_ms=SLOT_MS)
    life.venue.share = Decimal(1)
    life.venue.trade_at(life.venue.price)
    life.tick(Script(looks=(Look(Sight.LAGGING), Look(Sight.FAILING))), gap_ms=1_000)
    life.tick(Script(looks=(Look(Sight.LAGGING),) * 3), gap_ms=1_000)


def test_a_stop_below_the_smallest_order_follows_the_price_by_another_one():
    """The fills of an entry are as small as they are, and each has a stop of its size."""
    life = Life()
    life.venue.share = Decimal("0.95")
    life.tick(Script(1))
    life.venue.trade_at(life.venue.price)
    assert [row.left < MARKET.min_size for row in life.venue.open_orders] == [False, True]
    life.venue.move(Decimal("1.03"))
    life.tick(Script())
    run = life.tick(Script())
    assert run.account.in_doubt() == ()
    assert len({row.stop_price for row in life.venue.open_orders}) == 1


def test_a_fill_that_is_told_before_the_stop_that_it_made_gets_no_second_stop():
    life = Life()
    life.tick(Script(1, looks=(Look(), Look(Sight.LAGGING))))


def test_what_an_exit_that_rests_is_selling_is_not_protected_or_sold_a_second_time():
    life = Life()
    life.tick(Script(1))
    life.venue.share = HALF
    life.rows.commands = (Command(1, 1, "close_all", {}, "model", life.venue.at_ms),)
    life.tick(Script())


def test_while_an_amendment_without_an_answer_may_still_arrive_nothing_is_sold():
    life = Life(LADDER)
    life.tick(Script(1))
    life.venue.move(Decimal("1.021"))
    life.tick(Script(requests=(Request(Fate.COMES_LATE),)))
    life.venue.move(Decimal("1.021"))
    life.tick(Script(), gap_ms=5_000)
    life.tick(Script(), gap_ms=15_000)


def test_what_a_look_could_not_book_is_within_the_next_one():
    """An order has ended long before the look that cannot book it, because one of its executions is not told."""
    life = Life()
    life.tick(Script(1))
    life.venue.move(Decimal("0.97"))
    (stop,) = (row for row in life.venue.orders.values() if row.parent_id)
    untold = stop.fills.pop()
    life.tick(Script(), gap_ms=2 * SLOT_MS)
    stop.fills.append(untold)
    life.tick(Script())
    life.tick(Script())
    row = next(order for order in life.rows.orders.values() if order.venue_order_id == stop.order_id)
    assert row.filled == stop.filled


def test_a_stop_does_not_grow_by_what_a_smaller_one_sold_while_it_was_cancelled():
    life = Life()
    life.venue.share = Decimal("0.95")
    life.tick(Script(1))
    life.venue.trade_at(life.venue.price)
    life.venue.move(Decimal("1.03"))
    life.tick(Script(requests=(Request(Fate.AFTER_A_FILL),)))
    (stop,) = life.venue.open_orders
    assert stop.left == life.venue.coins - BESIDE
    assert stop.stop_price == Decimal("101.95")


@pytest.mark.parametrize("first", [(), (Look(Sight.LAGGING), Look(Sight.FAILING))], ids=["one tick", "two ticks"])
def test_the_stop_of_a_young_fill_is_waited_for_after_the_fill_is_booked(first: tuple[Look, ...]):
    """Balances and ledger differ, so that one tick looks twice; the second look knows the fill already."""
    life = Life()
    life.venue.share = Decimal("0.05")
    life.tick(Script(1))
    life.venue.wait_until(life.venue.at_ms + SLOT_MS)
    life.venue.move(Decimal("0.974"), Decimal("0.9"), Decimal("0.05"))
    if first:
        life.tick(Script(looks=first), gap_ms=1_000)
    life.tick(Script(looks=(Look(Sight.LAGGING),) * 3), gap_ms=1_000)


def test_the_stop_of_a_young_fill_is_waited_for_where_another_stop_has_grown():
    """The venue has ended the first of two stops, and the second one covers its part."""
    life = Life()
    life.venue.share = HALF
    life.tick(Script(1))
    life.venue.trade_at(life.venue.price, HALF)
    first, _ = (row for row in life.venue.open_orders if row.parent_id)
    life.venue.cut_short(first.order_id)
    life.venue.move(Decimal("1.01"), HALF)
    life.tick(Script(), gap_ms=19_000)
    life.venue.trade_at(Decimal(100), HALF)
    life.tick(Script(looks=(Look(Sight.LAGGING),) * 3), gap_ms=1_000)
