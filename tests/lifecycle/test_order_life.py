"""The life of orders as a state machine: any tick, any death, any answer, any market; the venue's rules are the model.

`make test` runs the same few hundred lives each time, `make soak` many new ones. Neither makes a
failing one smaller, which takes minutes:

    SHRINK=1 python -m pytest tests/lifecycle/test_order_life.py -n 0 --no-cov --timeout 1200

What they found broken so far is kept in test_found_lives.py.
"""

from __future__ import annotations

import os
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, Phase, note, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from bot.domain.records import Command
from bot.jobs.bot_run import BotRun
from tests.lifecycle.laws import check_always, check_protection, check_quiet
from tests.lifecycle.model_venue import Fate, Look, ModelVenue, Request, Sight
from tests.lifecycle.rows import Rows
from tests.lifecycle.runs import MARKET, SLOT_MS, Died, Script, quote, tick

START_MS = 1_700_000_100_000 // SLOT_MS * SLOT_MS
CASH = Decimal(1000)
LEASE_MS = 240_000
DOUBT_MS = 25_000
"""A deadline and the margin behind it."""

MOST_EFFECTS = 24
LADDER = ("0.5@0.025", "0.3@0.06", "0.2@0.12")

moves = st.sampled_from([Decimal(text) for text in (
    "1", "1.021", "0.99", "0.974", "0.94", "0.998", "1.002", "1.01", "1.03", "1.04", "1.065",
)])  # fmt: skip
shares = st.sampled_from([Decimal(text) for text in ("1", "0.5", "0.9", "0.05")])
markets = st.tuples(moves, shares, st.one_of(st.just(Decimal(1)), shares))
"""How the market moves before a tick: the price, and how much of what they want entries and stops get."""

requests = st.builds(Request, st.sampled_from(Fate), st.sampled_from([1.0, 0.02, 0.5, 0.99]), st.booleans(), shares)
looks = st.one_of(
    st.builds(Look, st.sampled_from([Sight.WHOLE, Sight.LAGGING, Sight.FAILING])),
    st.builds(Look, st.just(Sight.MOVING), moves),
)
votes = st.sampled_from([1, 1, 0, -1])
gaps = st.sampled_from([SLOT_MS, 1_000, 19_000, 60_000, 4 * SLOT_MS])
troubled = st.builds(
    Script,
    signal=votes,
    requests=st.lists(requests, min_size=1, max_size=5).map(tuple),
    looks=st.lists(looks, max_size=4).map(tuple),
)
dying = st.builds(
    Script,
    signal=votes,
    requests=st.lists(requests, max_size=4).map(tuple),
    looks=st.lists(looks, max_size=3).map(tuple),
    dies_at=st.integers(1, MOST_EFFECTS),
    killed=st.booleans(),
)


class OrderLife(RuleBasedStateMachine):
    """One live bot, one symbol, one account. sound: no law is broken so far."""

    sound = False

    @initialize(
        beside=st.sampled_from([Decimal(0), Decimal(7)]),
        ladder=st.sampled_from([(), LADDER]),
        stranger=st.booleans(),
        market=markets,
        exits_rest=st.booleans(),
        last_move=st.sampled_from([Decimal(1), Decimal("1.03"), Decimal("0.97")]),
    )
    def begin(
        self,
        beside: Decimal,
        ladder: tuple[str, ...],
        stranger: bool,
        market: tuple[Decimal, ...],
        exits_rest: bool,
        last_move: Decimal,
    ) -> None:
        """beside: coins in the account that are not the bot's: a venue that would not refuse to sell too much.

        stranger: an order of somebody else rests there as well.  last_move: of the market, before all is quiet.
        """
        self.last_move = last_move
        self.ladder = ladder
        self.rows = Rows(CASH, {MARKET.base: beside} if beside else {})
        self.venue = ModelVenue(MARKET, CASH, beside, Decimal(100), START_MS + 30_000, exits_rest=exits_rest)
        self.venue.move(*market)
        if stranger:
            self.venue.by_hand()
        self.free_from_ms = 0
        self.sound = True

    @rule(signal=votes, gap_ms=gaps, market=markets)
    def a_tick_in_which_nothing_goes_wrong(self, signal: int, gap_ms: int, market: tuple[Decimal, ...]) -> None:
        run = self._tick(Script(signal), gap_ms, market)
        if run is not None and self.venue.quiet and not run.account.in_doubt() and self._can_cover(run):
            check_protection(self.rows, self.venue)

    @rule(script=troubled, gap_ms=gaps, market=markets)
    def a_tick_with_other_answers(self, script: Script, gap_ms: int, market: tuple[Decimal, ...]) -> None:
        self._tick(script, gap_ms, market)

    @rule(script=dying, gap_ms=gaps, market=markets)
    def a_tick_that_dies(self, script: Script, gap_ms: int, market: tuple[Decimal, ...]) -> None:
        self._tick(script, gap_ms, market)

    @rule(script=troubled, gap_ms=gaps, market=markets, soon_ms=st.sampled_from([5_000, 16_000, 19_000]))
    def a_tick_soon_after_another_that_does_not_see_the_newest(
        self, script: Script, gap_ms: int, market: tuple[Decimal, ...], soon_ms: int
    ) -> None:
        self._tick(script, gap_ms, market)
        self._tick(Script(looks=(Look(Sight.LAGGING),) * 3), soon_ms)

    @rule(market=markets, ms=gaps)
    def the_market_moves_and_nobody_looks(self, market: tuple[Decimal, ...], ms: int) -> None:
        self.venue.move(*market)
        self.venue.wait_until(self.venue.at_ms + ms)

    @precondition(lambda self: self.venue.open_orders)
    @rule(data=st.data())
    def the_venue_cuts_an_order_short(self, data: st.DataObject) -> None:
        self.venue.cut_short(data.draw(st.sampled_from([row.order_id for row in self.venue.open_orders])))

    @rule()
    def a_person_closes_all(self) -> None:
        number = len(self.rows.commands) + self.venue.at_ms
        self.rows.commands += (Command(number, 1, "close_all", {}, "model", self.venue.at_ms),)

    @rule()
    def all_is_quiet(self) -> None:
        self._quiet()

    @invariant()
    def whatever_is_in_doubt(self) -> None:
        self.sound, before = False, self.sound
        check_always(self.rows, self.venue)
        self.sound = before

    def teardown(self) -> None:
        if self.sound:
            self._quiet()

    def _can_cover(self, run: BotRun) -> bool:
        """Below its stop a position can only be sold, and in a thin market not at once."""
        stops = [trade.stop_price for trade in run.account.trades.values() if trade.stop_price]
        return self.venue.share == 1 or all(float(stop) < quote(self.venue).bid for stop in stops)

    def _quiet(self) -> None:
        """Nothing is on its way, nothing goes wrong: two ticks settle all that ever was in doubt."""
        venue = self.venue
        venue.wait_until(max(venue.quiet_from_ms, venue.at_ms) + DOUBT_MS)
        venue.move(self.last_move)
        for _ in range(2):
            run = self._tick(Script(), SLOT_MS)
        assert run is not None
        check_quiet(self.rows, venue, run)

    def _tick(self, script: Script, gap_ms: int, market: tuple[Decimal, ...] = ()) -> BotRun | None:
        """One tick some time after the last one, and after a move of the market; None where it died."""
        self.venue.wait_until(max(self.venue.at_ms + gap_ms, self.free_from_ms))
        if market:
            self.venue.move(*market)
        self.sound = False
        try:
            run = tick(self.rows, self.venue, script, self.ladder)
        except Died as end:
            note(f"died {end}")
            if script.killed:
                self.free_from_ms = self.venue.at_ms + LEASE_MS
            run = None
        self.sound = True
        return run


def live(lives: int, steps: int, *, again: bool) -> None:
    """Let that many lives of so many steps pass. again: the same ones at every run."""
    phases = [Phase.generate, *([Phase.shrink] if os.environ.get("SHRINK") else [])]
    chosen = settings(
        max_examples=lives, stateful_step_count=steps, derandomize=again, database=None, deadline=None, phases=phases,
        suppress_health_check=list(HealthCheck), report_multiple_bugs=False,
    )  # fmt: skip
    run_state_machine_as_test(OrderLife, settings=chosen)


@pytest.mark.slow
def test_no_order_is_sent_twice_lost_or_left_without_its_stop_in_the_same_lives_every_time():
    live(300, 25, again=True)


@pytest.mark.soak
def test_no_order_is_sent_twice_lost_or_left_without_its_stop_in_many_new_lives():
    live(20_000, 40, again=False)
