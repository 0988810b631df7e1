"""What a decision says, to the last field: every reason with its values, every intent with its prices."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import pytest

from bot.domain.book import Book, Cooldown, PendingEntry, RestingStop
from bot.domain.decisions import Decision, Effect, PositionMark, Reason, SymbolView
from bot.domain.orders import Intent, Leg, OrderType, Side
from bot.rulebook.decide import book_equity, decide
from bot.rulebook.rules import Rules
from tests.rulebook.makers import BAR, HOUR, LADDER, NAN, NOW, book, position, rules, signal, view

SLOT = NOW - NOW % 300_000
PENDING = PendingEntry("BTC/EUR", "e-9", 0.7, 99.5)
SELL = signal(direction=-1, confidence=0.5)


def judge(
    given: Book | None = None, seen: SymbolView | None = None, by: Rules | None = None, now_ms: int = NOW
) -> Decision:
    return decide(given or book(), [seen or view()], by or rules(), now_ms)


def said(reason: Reason) -> tuple[str, Effect, dict[str, float | str]]:
    return reason.rule, reason.effect, dict(reason.values)


def verdict(decision: Decision, symbol: str = "BTC/EUR") -> tuple[str, list[Any]]:
    """The verdict on the newest candle, and its reasons."""
    newest = [v for v in decision.verdicts if v.symbol == symbol][-1]
    return newest.verdict, [said(reason) for reason in newest.reasons]


def expected(rule: str, effect: Effect, **values: Any) -> tuple[str, Effect, Any]:
    return rule, effect, pytest.approx(values)


def an_intent(action: str, leg: Leg, size: float, **fields: Any) -> Any:
    """All fields of an intent on BTC/EUR, prices nan where none is given."""
    side = Side.BUY if leg is Leg.ENTRY else Side.SELL
    kind = {Leg.ENTRY: OrderType.LIMIT, Leg.STOP: OrderType.STOP_LOSS, Leg.EXIT: OrderType.MARKET}[leg]
    base = Intent(action, "BTC/EUR", side, leg, kind, size, NAN, NAN, NAN, SLOT, "")
    return pytest.approx(asdict(base) | fields, nan_ok=True)


def intents(decision: Decision) -> list[dict[str, Any]]:
    return [asdict(intent) for intent in decision.intents]


# --- entries that are refused --------------------------------------------------------------


@pytest.mark.parametrize(
    ("seen", "held", "rule", "values"),
    [
        ({"problem": "stale"}, {}, "stale", {"symbol": "BTC/EUR"}),
        ({"signals": (signal(direction=0, confidence=0.3),)}, {}, "no_signal", {"confidence": 0.3}),
        ({"signals": (SELL,)}, {}, "no_position", {"confidence": 0.5}),
        ({"signals": (signal(confidence=0.1),)}, {}, "min_confidence", {"confidence": 0.1, "minimum": 0.2}),
        ({"signals": (signal(close_ms=NOW - 2 * HOUR),)}, {}, "late_signal", {"age": 2.0, "limit": 1.0}),
        ({}, {"in_doubt": ("BTC/EUR",)}, "in_doubt", {"symbol": "BTC/EUR"}),
        ({}, {"pending": (PENDING,)}, "pending_entry", {"symbol": "BTC/EUR"}),
        ({}, {"close_requested": ("BTC/EUR",)}, "closed_by_person", {"symbol": "BTC/EUR"}),
        ({}, {"cooldowns": (Cooldown("BTC/EUR", NOW + 90_000, 1, ""),)}, "cooldown", {"until": 1.5}),
        ({"quote_bid": 0.0}, {}, "no_quote", {"symbol": "BTC/EUR"}),
        ({"quote_ask": 0.0}, {}, "no_quote", {"symbol": "BTC/EUR"}),
        ({"quote_bid": 98.0, "quote_ask": 102.0}, {}, "spread", {"spread": 0.04, "limit": 0.01}),
    ],
)  # fmt: skip
def test_a_refusal_says_by_which_rule_and_by_which_numbers(
    seen: dict[str, Any], held: dict[str, Any], rule: str, values: dict[str, Any]
) -> None:
    decision = judge(book(**held), view(**seen))
    assert verdict(decision) == ("no_trade", [expected(rule, Effect.BLOCK, **values)])
    assert [intent for intent in decision.intents if intent.action == "place"] == []


@pytest.mark.parametrize(
    ("seen", "by", "now_ms"),
    [
        ({"signals": (signal(confidence=0.2),)}, {}, NOW),
        ({"signals": (signal(close_ms=NOW - HOUR),)}, {}, NOW),
        ({"quote_bid": 99.5, "quote_ask": 100.5}, {}, NOW),  # a spread of just 1 %
        ({"quote_bid": 0.4999, "quote_ask": 0.5, "price_step": 0.0001}, {}, NOW),
    ],
)
def test_what_is_just_at_the_limit_enters(seen: dict[str, Any], by: dict[str, Any], now_ms: int) -> None:
    assert verdict(judge(seen=view(**seen), by=rules(**by), now_ms=now_ms))[0] == "enter"


def test_a_verdict_names_its_candle_and_an_older_one_only_says_that_it_is_older() -> None:
    older = signal(open_ms=BAR - HOUR, close_ms=BAR)
    for held, first in ((book(), "no_trade"), (book(positions=(position(),)), "hold")):
        verdicts = judge(held, view(signals=(older, signal()))).verdicts
        assert [(v.symbol, v.timeframe, v.bar_ms) for v in verdicts] == [
            ("BTC/EUR", "1h", BAR - HOUR),
            ("BTC/EUR", "1h", BAR),
        ]
        assert (verdicts[0].verdict, verdicts[0].reasons) == (first, (Reason("older_bar", Effect.NOTE),))


@pytest.mark.parametrize(
    ("cash", "opened", "loss"), [(900.0, 1000.0, 0.1), (0.4, 0.5, 0.2), (0.0, 0.0, 0.0), (-1.0, 0.0, 0.0)]
)
def test_the_days_loss_is_told_as_a_fraction_of_what_the_day_opened_with(
    cash: float, opened: float, loss: float
) -> None:
    decision = judge(book(cash=cash, day_open_equity=opened))
    assert [said(note) for note in decision.notes] == [
        expected("daily_loss", Effect.BLOCK, loss=loss, limit=0.05)
    ]  # fmt: skip


# --- entries that are made -----------------------------------------------------------------


def test_an_entry_tells_its_numbers() -> None:
    decision = judge()
    size = decision.intents[0].size
    assert size == pytest.approx(100.0 / 100.2, rel=1e-6)
    assert intents(decision) == [
        an_intent(
            "place", Leg.ENTRY, size, limit_price=100.2, stop_price=97.5, target_price=104.5, bar_ms=BAR,
            reason="breakout",
        )
    ]  # fmt: skip
    wanted = 15.0 / 2.7
    assert verdict(decision) == (
        "enter",
        [
            expected("position_cap", Effect.SHRINK, wanted=wanted, size=size, cap=0.1),
            expected("entered", Effect.ENTER, confidence=0.6, size=size, price=100.0, stop=97.5, target=104.5),
        ],
    )


def test_what_the_strategy_wanted_less_of_is_told_first() -> None:
    timid = view(signals=(signal(size_scale=0.5),))
    (first, second, _) = verdict(judge(seen=timid))[1]
    assert first == expected("strategy_size", Effect.SHRINK, wanted=15 / 2.7, size=7.5 / 2.7, cap=0.5)
    assert second == expected("position_cap", Effect.SHRINK, wanted=7.5 / 2.7, size=100 / 100.2, cap=0.1)
    small = verdict(judge(seen=timid, by=rules(risk_per_trade_frac=0.0015)))[1]
    assert small[0] == expected("strategy_size", Effect.SHRINK, wanted=1.5 / 2.7, size=0.75 / 2.7, cap=0.5)


def test_what_was_never_sized_was_not_shrunk_by_the_strategy_either() -> None:
    decision = judge(seen=view(signals=(signal(size_scale=0.5),)), by=rules(max_open_positions=0))
    blocked = expected("max_open_positions", Effect.BLOCK, size=0.0, limit=0.0)
    assert verdict(decision) == ("no_trade", [blocked])


def test_a_limit_that_leaves_nothing_refuses_and_those_before_it_are_told() -> None:
    wanted = 15 / 2.7
    full = judge(by=rules(max_long_exposure_frac=0.0))
    assert verdict(full) == (
        "no_trade",
        [
            expected("position_cap", Effect.SHRINK, wanted=wanted, size=100 / 100.2, cap=0.1),
            expected("exposure", Effect.BLOCK, size=wanted, limit=0.0),
        ],
    )


def crowd(*quoted: tuple[str, float, float]) -> list[SymbolView]:
    """Views with a signal of this confidence, None for none, at a quote of 100."""
    return [
        view(symbol=symbol, signals=(signal(symbol=symbol, confidence=confidence),) if confidence else (),
             quote_bid=bid, quote_ask=bid + 0.02, quote_last=bid)
        for symbol, confidence, bid in quoted
    ]  # fmt: skip


def test_the_money_of_the_stronger_signal_is_not_there_for_the_weaker_one() -> None:
    held = book(cash=150.0, positions=(position(symbol="SOL/EUR", size=850.0, entry_price=1.0, stops=()),))
    seen = crowd(("ETH/EUR", 0.5, 99.98), ("BTC/EUR", 0.6, 99.98), ("SOL/EUR", 0.0, 1.0))
    decision = decide(held, seen, rules(max_long_exposure_frac=10.0), NOW)
    bought = [intent for intent in decision.intents if intent.leg is Leg.ENTRY]
    assert [intent.symbol for intent in bought] == ["BTC/EUR", "ETH/EUR"]
    left = 150.0 - bought[0].size * 100.2 * 1.004
    cash = [reason for reason in verdict(decision, "ETH/EUR")[1] if reason[0] == "cash"]
    assert cash == [
        expected("cash", Effect.SHRINK, wanted=100 / 100.2, size=bought[1].size, cap=left)
    ]  # fmt: skip
    assert bought[1].size == pytest.approx(left / (100.2 * 1.004), rel=1e-6)


def test_what_is_held_counts_at_its_price_now() -> None:
    held = book(cash=160.0, positions=(position(symbol="SOL/EUR", size=700.0, entry_price=1.0, stops=()),))
    seen = crowd(("BTC/EUR", 0.6, 99.98), ("SOL/EUR", 0.0, 1.2))
    decision = decide(held, seen, rules(), NOW)
    assert decision.equity == pytest.approx(1000.0)
    assert verdict(decision)[1][-1] == expected("exposure", Effect.BLOCK, size=15 / 2.7, limit=0.8)


@pytest.mark.parametrize(
    ("bid", "last", "worth"), [(0.5, 0.6, 0.5), (0.0, 0.6, 0.6), (NAN, 0.6, 0.6), (NAN, 0.0, 100.0), (NAN, NAN, 100.0)]
)
def test_a_holding_is_worth_its_bid_or_the_last_price_or_what_it_cost(bid: float, last: float, worth: float) -> None:
    assert book_equity(book(cash=0.0, positions=(position(),)), [view(quote_bid=bid, quote_last=last)]) == worth


@pytest.mark.parametrize(("fee", "free"), [(0.004, 29.0720), (0.0, 30.0), (NAN, 30.0), (-1.0, 30.0)])
def test_a_pending_entry_reserves_its_fee_where_one_is_known(fee: float, free: float) -> None:
    """232 of 262 are reserved, and the fee on them; what is left is what the next entry may cost."""
    held = book(cash=262.0, day_open_equity=262.0, pending=(PendingEntry("ETH/EUR", "e-8", 2.32, 100.0),))
    seen = [*crowd(("BTC/EUR", 0.6, 99.98)), view(symbol="ETH/EUR", taker_fee=fee, signals=())]
    decision = decide(held, seen, rules(max_position_frac=1.0, max_long_exposure_frac=10.0), NOW)
    cash = [values for rule, _, values in verdict(decision)[1] if rule == "cash"]
    assert cash[0]["cap"] == pytest.approx(free)


# --- leaving -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("held", "seen", "requested", "rule", "values"),
    [
        ({}, {}, True, "closed_by_person", {"symbol": "BTC/EUR"}),
        ({}, {"quote_bid": 97.0}, False, "stop_loss", {"price": 97.0, "stop": 97.5}),
        ({"armed": True, "high_water": 102.0}, {"quote_bid": 97.0}, False, "trailing_stop",
         {"price": 97.0, "stop": 97.5}),
        ({}, {"quote_bid": 105.0}, False, "take_profit", {"price": 105.0, "target": 104.5}),
        ({}, {"quote_bid": 99.0, "high_since": 103.0}, False, "trailing_stop", {"price": 99.0, "stop": 101.97}),
        ({"stops": ()}, {"quote_bid": 97.0}, False, "stop_loss", {"price": 97.0, "stop": 97.5}),
        ({}, {"signals": (SELL,)}, False, "sell_signal", {"confidence": 0.5, "minimum": 0.2}),
        ({}, {"signals": (signal(direction=-1, confidence=0.2),)}, False, "sell_signal",
         {"confidence": 0.2, "minimum": 0.2}),
    ],
)  # fmt: skip
def test_an_exit_says_by_which_rule_and_by_which_numbers(
    held: dict[str, Any], seen: dict[str, Any], requested: bool, rule: str, values: dict[str, Any]
) -> None:
    asked = ("BTC/EUR",) if requested else ()
    decision = judge(book(positions=(position(**held),), close_requested=asked), view(**seen))
    assert verdict(decision) == ("exit", [expected(rule, Effect.EXIT, **values)])
    assert {intent.reason for intent in decision.intents} == {rule}


def test_leaving_cancels_what_buys_then_what_protects_and_sells_all() -> None:
    held = book(positions=(position(),), pending=(PENDING,), close_requested=("BTC/EUR",))
    why = {"reason": "closed_by_person"}
    assert intents(judge(held)) == [
        an_intent("cancel", Leg.ENTRY, 0.7, limit_price=99.5, client_id="e-9", **why),
        an_intent("cancel", Leg.STOP, 1.0, stop_price=97.5, client_id="s-1", **why),
        an_intent("place", Leg.EXIT, 1.0, **why),
    ]


@pytest.mark.parametrize("direction", [0, 1])
def test_only_a_signal_to_sell_sells(direction: int) -> None:
    decision = judge(book(positions=(position(),)), view(signals=(signal(direction=direction, confidence=0.9),)))
    assert verdict(decision)[0] == "hold"
    assert decision.intents == ()


@pytest.mark.parametrize("bid", [0.0, NAN])
def test_without_a_bid_nothing_is_sold_and_the_verdict_says_so(bid: float) -> None:
    decision = judge(book(positions=(position(),), close_requested=("BTC/EUR",)), view(quote_bid=bid))
    assert verdict(decision) == (
        "hold",
        [
            expected("already_holding", Effect.NOTE, size=1.0, price=100.0),
            expected("no_quote", Effect.BLOCK, symbol="BTC/EUR"),
        ],
    )
    assert decision.intents == ()


def test_what_costs_less_than_one_is_sold_too() -> None:
    cheap = position(entry_price=0.5, stop_price=0.4875, target_price=0.55, high_water=0.5)
    decision = judge(book(positions=(cheap,)), view(quote_bid=0.48, price_step=0.0001))
    assert verdict(decision) == ("exit", [expected("stop_loss", Effect.EXIT, price=0.48, stop=0.4875)])


def test_a_holding_of_just_the_venues_minimum_is_sold_and_a_smaller_one_stays() -> None:
    gone = {"quote_bid": 97.0, "min_size": 0.5}
    just = position(size=0.5, bought=0.5, stop_size=0.5)
    assert verdict(judge(book(positions=(just,)), view(**gone)))[0] == "exit"
    less = position(size=0.25, bought=0.25, stop_size=0.25)
    assert verdict(judge(book(positions=(less,)), view(**gone))) == (
        "hold",
        [
            expected("already_holding", Effect.NOTE, size=0.25, price=100.0),
            expected("unsellable", Effect.BLOCK, size=0.25, minimum=0.5),
        ],
    )


@pytest.mark.parametrize(
    ("seen", "doubt", "rule"),
    [
        ({}, ("BTC/EUR",), "in_doubt"),
        ({"price_step": 0.0}, (), "unknown_symbol"),
        ({"size_step": 0.0}, (), "unknown_symbol"),
        ({"price_step": NAN, "size_step": NAN}, (), "unknown_symbol"),
    ],
)
def test_a_position_that_cannot_be_judged_is_held_and_left_alone(
    seen: dict[str, Any], doubt: tuple[str, ...], rule: str
) -> None:
    decision = judge(book(positions=(position(),), in_doubt=doubt), view(quote_bid=90.0, **seen))
    assert verdict(decision) == ("hold", [expected(rule, Effect.BLOCK, symbol="BTC/EUR")])
    assert decision.intents == ()


# --- parts ---------------------------------------------------------------------------------


def test_a_part_is_sold_behind_the_entry_and_the_stop_that_hold_its_coins() -> None:
    held = book(positions=(position(),), pending=(PENDING,))
    decision = judge(held, view(quote_bid=103.0, quote_ask=103.1), rules(take_profit_ladder=LADDER))
    why = {"reason": "take_profit_ladder"}
    stop = decision.intents[1].stop_price
    assert intents(decision) == [
        an_intent("cancel", Leg.ENTRY, 0.7, limit_price=99.5, client_id="e-9", **why),
        an_intent("amend", Leg.STOP, 0.5, stop_price=stop, client_id="s-1", reason="trailing_stop"),
        an_intent("place", Leg.EXIT, 0.5, **why),
    ]
    assert stop == pytest.approx(101.97)
    assert verdict(decision) == (
        "exit",
        [
            expected("trailing_stop", Effect.PROTECT, stop=101.97, price=103.0),
            expected(
                "take_profit_ladder", Effect.EXIT, rungs="1", count=3, gain=0.025, price=103.0, size=0.5, held=1.0
            ),
        ],
    )


def test_a_rung_below_a_price_of_one_is_told_with_its_price() -> None:
    cheap = position(size=100.0, bought=100.0, stop_size=100.0, entry_price=0.5, stop_price=0.4875, high_water=0.5)
    seen = view(quote_bid=0.515, quote_ask=0.5151, price_step=0.0001, high_since=0.516)
    decision = judge(book(positions=(cheap,)), seen, rules(take_profit_ladder=LADDER))
    assert verdict(decision)[1][-1][2]["price"] == 0.516


def test_the_rest_is_worth_at_least_what_its_resting_stop_brings() -> None:
    """The stop rests at 99: the half that stays brings 49.5, more than the least. At the entry's 97.5 it would not."""
    held = book(positions=(position(stop_price=99.0),))
    by = rules(take_profit_ladder=LADDER, trailing_activation_frac=0.5)
    decision = judge(held, view(quote_bid=103.0, quote_ask=103.1, min_notional=49.25), by)
    assert [intent.size for intent in decision.intents if intent.leg is Leg.EXIT] == [0.5]


def test_so_it_is_below_a_price_of_one() -> None:
    cheap = position(size=100.0, bought=100.0, stop_size=100.0, entry_price=0.5, stop_price=0.495, high_water=0.5)
    by = rules(take_profit_ladder=LADDER, trailing_activation_frac=0.5)
    seen = view(quote_bid=0.515, quote_ask=0.5151, price_step=0.0001, min_notional=24.5)
    decision = judge(book(positions=(cheap,)), seen, by)
    assert [intent.size for intent in decision.intents if intent.leg is Leg.EXIT] == [50.0]


# --- protecting ----------------------------------------------------------------------------


def test_a_bare_position_gets_its_stop() -> None:
    decision = judge(book(positions=(position(stops=()),)))
    assert intents(decision) == [an_intent("place", Leg.STOP, 1.0, stop_price=97.5, reason="stop_loss")]
    assert verdict(decision) == (
        "hold",
        [
            expected("already_holding", Effect.NOTE, size=1.0, price=100.0),
            expected("stop_loss", Effect.PROTECT, stop=97.5),
        ],
    )


def test_a_stop_without_a_price_gets_the_one_below_the_entry() -> None:
    for none in (0.0, NAN):
        decision = judge(book(positions=(position(stop_price=none),)))
        assert intents(decision) == [
            an_intent("amend", Leg.STOP, 1.0, stop_price=97.5, client_id="s-1", reason="stop_loss")
        ]


def test_a_stop_that_follows_the_price_says_to_where_and_from_which_height() -> None:
    decision = judge(book(positions=(position(),)), view(quote_bid=103.0, quote_ask=103.1))
    assert intents(decision) == [
        an_intent("amend", Leg.STOP, 1.0, stop_price=101.97, client_id="s-1", reason="trailing_stop")
    ]
    assert verdict(decision)[1][-1] == expected("trailing_stop", Effect.PROTECT, stop=101.97, price=103.0)
    assert decision.marks == (PositionMark("BTC/EUR", "e-1", 103.0, True),)


def test_a_position_of_which_nothing_changed_is_not_marked() -> None:
    assert judge(book(positions=(position(),))).marks == ()
    armed = position(armed=True, high_water=103.0, stop_price=101.97)
    assert judge(book(positions=(armed,)), view(quote_bid=102.5, quote_ask=102.6)).marks == ()


def test_a_position_below_one_is_followed_too() -> None:
    cheap = position(entry_price=0.5, stop_price=0.4875, target_price=0.9, high_water=0.5)
    seen = view(quote_bid=0.52, quote_ask=0.5201, high_since=0.524, price_step=0.0001)
    assert judge(book(positions=(cheap,)), seen).marks == (PositionMark("BTC/EUR", "e-1", 0.524, True),)


def test_a_position_that_was_armed_stays_armed() -> None:
    armed = position(armed=True, high_water=101.0)
    decision = judge(book(positions=(armed,)), view(quote_bid=100.95, quote_ask=100.97))
    assert [intent.reason for intent in decision.intents] == ["breakeven"]


def orders_of(resting: Sequence[RestingStop], size: float, **seen: float) -> list[tuple[str, str]]:
    held = position(size=size, bought=size, stops=tuple(resting))
    return [(intent.action, intent.client_id) for intent in judge(book(positions=(held,)), view(**seen)).intents]


def test_stops_that_only_rise_keep_their_order_and_those_that_shrink_go_first() -> None:
    two = (RestingStop("s-1", 0.6, 97.5), RestingStop("s-2", 0.4, 97.5))
    up = {"quote_bid": 103.0, "quote_ask": 103.1}
    assert orders_of(two, 1.0, **up) == [("amend", "s-1"), ("amend", "s-2")]
    assert orders_of(two, 0.8, **up) == [("amend", "s-2"), ("amend", "s-1")]


def test_entries_wait_while_a_person_closes_and_what_rests_of_them_goes() -> None:
    decision = judge(book(pending=(PENDING,), close_requested=("BTC/EUR",)))
    assert intents(decision) == [
        an_intent("cancel", Leg.ENTRY, 0.7, limit_price=99.5, client_id="e-9", reason="closed_by_person")
    ]
