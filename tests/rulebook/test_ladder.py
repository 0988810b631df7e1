"""The take-profit ladder: which rungs sell what, what is never left over, and the stop that shrinks before the sale."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from bot.domain.book import Cooldown, PendingEntry, Position, RestingStop
from bot.domain.decisions import Decision, Effect
from bot.domain.orders import Intent, Leg, OrderType, Side
from bot.rulebook.decide import decide
from bot.rulebook.exits import LadderSale, ladder_sale, rung_count, target_gain
from bot.rulebook.limits import EntryInputs, plan_entry
from bot.rulebook.rounding import floor_to_step
from bot.rulebook.rules import MAX_RUNGS, NO_LADDER, Ladder, make_ladder
from tests.rulebook.makers import HOUR, LADDER, NAN, NOW, book, position, rules, signal, view

STEP = 1e-8
NOTHING = LadderSale(0.0, 1.0, 0, 0)


def sale(held: float = 1.0, **changes: Any) -> LadderSale:
    """Of 1 BTC bought at 100, whose stop stands at 97.5."""
    given = {
        "bought": 1.0, "held": held, "entry_price": 100.0, "bid": 100.0, "high": NAN, "stop_price": 97.5,
        "price_step": 0.01, "size_step": STEP, "min_size": 0.0001, "min_notional": 0.5, "ladder": LADDER,
    }  # fmt: skip
    return ladder_sale(**{**given, **changes})


@pytest.mark.parametrize(
    ("bid", "high", "held", "size", "left", "first", "last"),
    [
        (102.49, NAN, 1.0, 0.0, 1.0, 0, 0),
        (102.5, NAN, 1.0, 0.5, 0.5, 1, 1),
        (101.0, 102.5, 1.0, 0.5, 0.5, 1, 1),  # touched between two ticks
        (103.0, 104.0, 0.5, 0.0, 0.5, 0, 0),  # taken already
        (106.0, NAN, 0.5, 0.3, 0.2, 2, 2),
        (106.0, NAN, 1.0, 0.8, 0.2, 1, 2),  # both at once are one sale
        (112.0, NAN, 1.0, 1.0, 0.0, 1, 3),
        (112.0, NAN, 0.2, 0.2, 0.0, 3, 3),
        (150.0, NAN, 0.5, 0.5, 0.0, 2, 3),
        (103.0, NAN, 0.7, 0.2, 0.5, 1, 1),  # the entry bought on after the first rung
        (NAN, NAN, 1.0, 0.0, 1.0, 0, 0),
    ],
)
def test_a_rung_sells_down_to_what_it_leaves(
    bid: float, high: float, held: float, size: float, left: float, first: int, last: int
) -> None:
    found = sale(held, bid=bid, high=high)
    assert (found.size, found.left) == (pytest.approx(size, abs=1e-9), pytest.approx(left, abs=1e-9))
    assert (found.first, found.last) == (first, last)


@pytest.mark.parametrize(
    ("minimum", "bid", "held", "expected"),
    [
        ({"min_size": 0.6}, 102.5, 1.0, NOTHING),  # half is too little: it waits for the second rung
        ({"min_size": 0.6}, 106.0, 1.0, LadderSale(1.0, 0.0, 1, 2)),  # there the rest would be too little: all goes
        ({"min_size": 0.25}, 102.5, 1.0, LadderSale(0.5, 0.5, 1, 1)),
        ({"min_size": 0.25}, 106.0, 0.5, LadderSale(0.5, 0.0, 2, 2)),
        ({"min_size": 0.4}, 106.0, 0.5, LadderSale(0.0, 0.5, 0, 0)),
        ({"min_size": 0.4}, 112.0, 0.5, LadderSale(0.5, 0.0, 2, 3)),
        ({"min_notional": 51.0}, 102.5, 1.0, LadderSale(1.0, 0.0, 1, 1)),  # half at 102.5 sells, half at the stop not
        ({"min_notional": 52.0}, 102.5, 1.0, NOTHING),
        ({"min_notional": 97.5}, 112.0, 1.0, LadderSale(1.0, 0.0, 1, 3)),
        ({"min_size": 1.0}, 106.0, 1.0, NOTHING),
        ({"min_size": 1.0}, 112.0, 1.0, LadderSale(1.0, 0.0, 1, 3)),
    ],
)
def test_what_the_venue_would_not_take_is_merged_or_goes_along(
    minimum: dict[str, float], bid: float, held: float, expected: LadderSale
) -> None:
    assert sale(held, bid=bid, **minimum) == pytest.approx(expected)


def test_the_last_rung_is_the_target_and_without_a_ladder_nothing_changes() -> None:
    assert (rung_count(LADDER), rung_count(NO_LADDER)) == (3, 0)
    assert target_gain(rules(take_profit_ladder=LADDER)) == 0.12
    assert target_gain(rules()) == 0.045
    assert sale(bid=200.0, ladder=NO_LADDER) == NOTHING
    entered = decide(book(), [view()], rules(take_profit_ladder=LADDER), NOW)
    assert entered.intents[0].target_price == pytest.approx(112.0)


def test_a_ladder_has_room_for_four_rungs() -> None:
    rungs = [(0.2, 0.01 * n) for n in range(1, MAX_RUNGS + 2)]
    assert rung_count(make_ladder(rungs[:MAX_RUNGS])) == MAX_RUNGS
    with pytest.raises(ValueError, match="at most 4 rungs, not 5"):
        make_ladder(rungs)


def steps(decision: Decision) -> list[tuple[str, Leg, Any]]:
    return [(i.action, i.leg, pytest.approx(i.size)) for i in decision.intents]


def test_the_stop_shrinks_to_what_will_be_left_before_the_part_is_sold() -> None:
    held = book(positions=(position(),))
    decision = decide(held, [view(quote_bid=102.5)], rules(take_profit_ladder=LADDER), NOW)
    assert steps(decision) == [("amend", Leg.STOP, 0.5), ("place", Leg.EXIT, 0.5)]
    amend, leave = decision.intents
    assert amend.stop_price == pytest.approx(101.47)  # trailing goes on for the rest
    assert (leave.type, leave.side, leave.reason) == (OrderType.MARKET, Side.SELL, "take_profit_ladder")
    assert [(m.high_water, m.armed) for m in decision.marks] == [(102.5, True)]
    verdict = decision.verdicts[-1]
    assert (verdict.verdict, [r.rule for r in verdict.reasons]) == ("exit", ["trailing_stop", "take_profit_ladder"])
    assert dict(verdict.reasons[-1].values) == {
        "rungs": "1", "count": 3, "gain": 0.025, "price": 102.5, "size": 0.5, "held": 1.0,
    }  # fmt: skip


def test_several_rungs_at_once_are_one_sale_and_the_verdict_names_them() -> None:
    held = book(positions=(position(),))
    chosen = rules(take_profit_ladder=LADDER, trailing_distance_frac=0.05)
    decision = decide(held, [view(quote_bid=104.0, high_since=106.5)], chosen, NOW)
    assert steps(decision) == [("amend", Leg.STOP, 0.2), ("place", Leg.EXIT, 0.8)]
    spoken = dict(decision.verdicts[-1].reasons[-1].values)
    assert (spoken["rungs"], spoken["price"]) == ("1-2", 106.5)


def test_the_last_rung_is_an_exit_like_any_other() -> None:
    held = book(positions=(position(size=0.2, bought=1.0, stop_size=0.2),))
    decision = decide(held, [view(quote_bid=112.0)], rules(take_profit_ladder=LADDER), NOW)
    assert steps(decision) == [("cancel", Leg.STOP, 0.2), ("place", Leg.EXIT, 0.2)]
    assert {i.reason for i in decision.intents} == {"take_profit_ladder"}
    assert dict(decision.verdicts[-1].reasons[-1].values)["rungs"] == "3"


def test_the_one_target_does_not_end_a_trade_that_the_ladder_sells_in_parts() -> None:
    held = book(positions=(position(size=0.5, bought=1.0, stop_size=0.5),))
    decision = decide(held, [view(quote_bid=104.6)], rules(take_profit_ladder=LADDER), NOW)
    assert [i.leg for i in decision.intents] == [Leg.STOP]


@pytest.mark.parametrize(
    ("view_change", "book_change", "rule"),
    [
        ({"quote_bid": 97.0}, {}, "stop_loss"),
        ({"quote_bid": 101.0, "high_since": 103.0}, {}, "trailing_stop"),
        ({"quote_bid": 103.0, "signals": (signal(direction=-1),)}, {}, "sell_signal"),
        ({"quote_bid": 103.0}, {"close_requested": ("BTC/EUR",)}, "closed_by_person"),
    ],
)
def test_every_other_exit_takes_the_whole_rest(
    view_change: dict[str, Any], book_change: dict[str, Any], rule: str
) -> None:
    held = position(size=0.8, bought=1.0, stop_size=0.8)
    mine, chosen = book(positions=(held,), **book_change), rules(take_profit_ladder=LADDER)
    decision = decide(mine, [view(**view_change)], chosen, NOW)
    assert steps(decision) == [("cancel", Leg.STOP, 0.8), ("place", Leg.EXIT, 0.8)]
    assert {i.reason for i in decision.intents} == {rule}


def test_what_rests_of_the_entry_goes_before_a_part_is_sold() -> None:
    held = book(positions=(position(),), pending=(PendingEntry("BTC/EUR", "e-1", 0.5, 100.0),))
    decision = decide(held, [view(quote_bid=102.5)], rules(take_profit_ladder=LADDER), NOW)
    assert steps(decision) == [("cancel", Leg.ENTRY, 0.5), ("amend", Leg.STOP, 0.5), ("place", Leg.EXIT, 0.5)]


def test_a_position_without_a_stop_gets_one_for_the_rest_before_the_part_is_sold() -> None:
    held = book(positions=(position(stop_client_id=""),))
    decision = decide(held, [view(quote_bid=102.5)], rules(take_profit_ladder=LADDER), NOW)
    assert steps(decision) == [("place", Leg.STOP, 0.5), ("place", Leg.EXIT, 0.5)]


def test_several_stops_give_way_from_the_last() -> None:
    stops = (RestingStop("s-1", 0.6, 97.5), RestingStop("s-2", 0.3, 97.5), RestingStop("s-3", 0.1, 97.5))
    chosen = rules(take_profit_ladder=LADDER, trailing_activation_frac=0.03)
    decision = decide(book(positions=(position(stops=stops),)), [view(quote_bid=102.5)], chosen, NOW)
    assert [(i.action, i.client_id) for i in decision.intents] == [
        ("cancel", "s-2"), ("cancel", "s-3"), ("amend", "s-1"), ("place", ""),
    ]  # fmt: skip
    assert covered(stops, decision.intents) == pytest.approx(0.5)


def test_a_rung_that_is_reached_without_a_bid_waits_and_says_so() -> None:
    held = book(positions=(position(),))
    chosen = rules(take_profit_ladder=LADDER)
    decision = decide(held, [view(quote_bid=NAN, quote_last=NAN, high_since=103.0)], chosen, NOW)
    assert [i.leg for i in decision.intents] == [Leg.STOP]
    assert "no_quote" in [r.rule for r in decision.verdicts[-1].reasons]


@pytest.mark.parametrize(
    "obstacle",
    [
        {"halted": "paused"},
        {"day_open_equity": 1e9},
        {"cooldowns": (Cooldown("BTC/EUR", NOW + HOUR, 3, "stop_loss"),)},
        {"cash": -50.0},
    ],
)
def test_no_entry_rule_blocks_a_rung(obstacle: dict[str, Any]) -> None:
    blind = view(quote_bid=102.5, problem="not_tradable", signals=())
    chosen = rules(take_profit_ladder=LADDER, max_open_positions=0, max_spread_frac=0.0)
    assert steps(decide(book(positions=(position(),), **obstacle), [blind], chosen, NOW)) == [
        ("amend", Leg.STOP, 0.5), ("place", Leg.EXIT, 0.5),
    ]  # fmt: skip


def covered(stops: tuple[RestingStop, ...], intents: tuple[Intent, ...]) -> float:
    """What the stops protect once the intents are carried out."""
    sizes = {stop.client_id: stop.size for stop in stops}
    for intent in intents:
        if intent.leg is not Leg.STOP:
            continue
        if intent.action == "cancel":
            del sizes[intent.client_id]
        else:
            sizes[intent.client_id] = intent.size
    return sum(sizes.values())


@st.composite
def ladders(draw: st.DrawFn) -> Ladder:
    parts = draw(st.lists(st.integers(1, 20), min_size=1, max_size=MAX_RUNGS))
    gains = sorted(draw(st.sets(st.integers(1, 300), min_size=len(parts), max_size=len(parts))))
    return make_ladder([(part / sum(parts), gain / 1000) for part, gain in zip(parts, gains, strict=True)])


size_steps = st.sampled_from([1e-8, 1e-5, 0.001, 0.1, 1.0])
entry_prices = st.floats(0.001, 1e5)
LADDER_CASE = {
    "ladder": ladders(), "step": size_steps, "count": st.integers(1, 10**7), "price": entry_prices,
    "least": st.integers(1, 10**5), "least_notional": st.floats(0.0, 50.0), "stop_frac": st.floats(0.001, 0.3),
}  # fmt: skip


@given(**LADDER_CASE, climb=st.lists(st.floats(0.0, 0.4), min_size=1, max_size=12))
def test_whatever_way_the_price_climbs_parts_add_up_and_nothing_is_too_small_to_sell(
    ladder: Ladder, step: float, count: int, price: float, least: int, least_notional: float, stop_frac: float,
    climb: list[float],
) -> None:  # fmt: skip
    bought, min_size = count * step, least * step
    stop = price * (1 - stop_frac)
    assume(bought >= min_size and bought * stop >= least_notional)
    held, sold = bought, 0.0
    for gain in (*climb, 0.4):
        bid = price * (1 + gain) * (1 + 1e-6)
        if held <= 0.0:
            break
        found = ladder_sale(
            bought, held, price, bid, NAN, stop, price * 1e-6, step, min_size, least_notional, ladder
        )  # fmt: skip
        assert 0.0 <= found.size <= held
        assert found.size + found.left == pytest.approx(held)
        assert (found.first > 0) == (found.size > 0.0)
        if found.size > 0.0:
            assert found.size >= min_size - step / 2
            assert found.size * bid >= least_notional
        if found.left > 0.0:
            assert found.left >= min_size - step / 2
            assert found.left * stop >= least_notional
        held, sold = found.left, sold + found.size
    assert held == 0.0
    assert sold == pytest.approx(bought)


@given(
    **LADDER_CASE, held_share=st.floats(0.0, 1.0, exclude_min=True), bid=st.floats(0.5, 2.0), high=st.floats(0.5, 2.0)
)
def test_no_input_sells_more_than_is_held_or_leaves_what_cannot_be_sold(
    ladder: Ladder, step: float, count: int, price: float, least: int, least_notional: float, stop_frac: float,
    held_share: float, bid: float, high: float,
) -> None:  # fmt: skip
    bought, min_size = count * step, least * step
    held = max(floor_to_step(bought * held_share, step), step)
    stop = price * (1 - stop_frac)
    found = ladder_sale(
        bought, held, price, price * bid, price * high, stop, price * 1e-5, step, min_size, least_notional, ladder
    )  # fmt: skip
    assert 0.0 <= found.size <= held
    assert found.left == pytest.approx(held - found.size, abs=step / 2)
    if 0.0 < found.left < held:
        assert found.left >= min_size
        assert found.left * stop >= least_notional
        assert found.size >= min_size - step / 2
    again = ladder_sale(
        bought, found.left, price, price * bid, price * high, stop, price * 1e-5, step, min_size, least_notional, ladder
    )  # fmt: skip
    assert found.size == 0.0 or again.size == 0.0, "the same price takes a rung once"


@given(
    **LADDER_CASE, equity=st.floats(1.0, 1e6), fee=st.floats(0.0, 0.01), steps=st.lists(st.floats(0, 0.4), max_size=6)
)
def test_an_entry_that_was_sized_can_be_sold_to_the_last_unit_by_any_ladder(
    ladder: Ladder, step: float, count: int, price: float, least: int, least_notional: float, stop_frac: float,
    equity: float, fee: float, steps: list[float],
) -> None:  # fmt: skip
    stop, min_size = price * (1 - stop_frac), least * step
    entry = EntryInputs(equity, equity, 0.0, 0, price, stop, step, min_size, least_notional, fee, 1.0)
    plan = plan_entry(entry, rules(take_profit_ladder=ladder, stop_loss_frac=stop_frac))
    held = plan.size
    for gain in sorted([*steps, 0.4]):
        if held > 0.0:
            bid = price * (1 + gain) * (1 + 1e-6)
            held = ladder_sale(
                plan.size, held, price, bid, NAN, stop, price * 1e-6, step, min_size, least_notional, ladder
            ).left
            assert held == 0.0 or (held >= min_size - step / 2 and held * stop >= least_notional)
    assert held == 0.0


@given(
    ladder=ladders(),
    shares=st.lists(st.floats(0.01, 1.0), max_size=4),
    held=st.integers(1, 10**6),
    sold=st.integers(0, 10**6),
    least=st.integers(1, 10**5),
    bid=st.floats(98.0, 140.0),
    high=st.one_of(st.just(NAN), st.floats(98.0, 140.0)),
    halted=st.sampled_from(["", "paused"]),
)
def test_after_every_decision_the_stops_equal_what_is_left(
    ladder: Ladder, shares: list[float], held: int, sold: int, least: int, bid: float, high: float, halted: str
) -> None:
    """Carried out one after the other, with never more coins in orders than there are."""
    step = 1e-4
    size, min_size = held * step, least * step
    assume(size >= min_size)
    stops = tuple(RestingStop(f"s-{n}", size * share, 97.5 + n / 4) for n, share in enumerate(split(shares)))
    mine = position(size=size, bought=(held + sold) * step, stops=stops)
    seen = view(quote_bid=bid, quote_ask=bid, high_since=high, size_step=step, min_size=min_size)
    decision = decide(book(positions=(mine,), halted=halted), [seen], rules(take_profit_ladder=ladder), NOW)
    left = check_carried_out(mine, decision.intents, step, min_size)
    sales = [i for i in decision.intents if i.leg is Leg.EXIT]
    assert len(sales) <= 1
    assert left == pytest.approx(size - sum(i.size for i in sales), abs=step / 2)
    assert left < step / 2 or left >= min_size - step / 2


def split(shares: list[float]) -> list[float]:
    """Shares of one, the largest first."""
    return sorted((share / sum(shares) for share in shares), reverse=True)


def check_carried_out(mine: Position, intents: tuple[Intent, ...], step: float, min_size: float) -> float:
    """What is held after the intents; fails where coins would be missing, or a stop be lowered or too small."""
    stops = {stop.client_id: stop for stop in mine.stops}
    held = mine.size
    for intent in intents:
        before = stops.get(intent.client_id)
        if intent.action == "cancel":
            del stops[intent.client_id]
        elif intent.leg is Leg.EXIT:
            held -= intent.size
        else:
            assert intent.size >= min_size - step / 2 or (before and before.size == intent.size)
            assert before is None or intent.stop_price >= before.price
            stops[intent.client_id] = RestingStop(intent.client_id, intent.size, intent.stop_price)
        assert sum(stop.size for stop in stops.values()) <= held + step / 2, "more in orders than there is"
    assert sum(stop.size for stop in stops.values()) == pytest.approx(held, abs=step / 2)
    return held


def test_the_sale_of_a_rung_leaves_the_verdicts_of_other_symbols_alone() -> None:
    held = book(positions=(replace(position(), symbol="X/EUR"),))
    chosen = rules(take_profit_ladder=LADDER)
    decision = decide(held, [view(symbol="X/EUR", quote_bid=102.5, signals=()), view()], chosen, NOW)
    assert [i.leg for i in decision.intents] == [Leg.STOP, Leg.EXIT, Leg.ENTRY]
    assert [v.reasons[-1].effect for v in decision.verdicts] == [Effect.ENTER]
