"""What holds for whatever comes: no cap is exceeded, no exit is blocked, no tighter setting takes more risk."""

from __future__ import annotations

from itertools import pairwise, permutations
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from bot.domain.book import Book, Cooldown, Latches, PendingEntry
from bot.domain.decisions import Decision, SymbolView
from bot.domain.orders import Intent, Leg
from bot.rulebook import limits
from bot.rulebook.decide import book_equity, decide, mark_price
from bot.rulebook.limits import EntryInputs, plan_entry
from bot.rulebook.rules import Rules
from tests.rulebook.makers import HOUR, LADDER, NAN, NOW, book, position, rules, signal, view

SYMBOLS = ("A/EUR", "B/EUR", "C/EUR", "D/EUR")
STEP = 1e-8
SLACK = 1 + 1e-9

fractions = st.floats(0.001, 1.0)
unknown = st.just(NAN)
some_rules = st.builds(
    rules,
    sizing=st.integers(0, 2),
    risk_per_trade_frac=st.floats(0.001, 0.1),
    max_position_frac=fractions,
    max_long_exposure_frac=fractions,
    max_portfolio_risk_frac=st.floats(0.001, 0.2),
    kelly_fraction=st.floats(0.01, 1.0),
    atr_multiple=st.floats(0.1, 5.0),
    min_trade_notional=st.floats(0.01, 50.0),
    stop_loss_frac=st.floats(0.005, 0.2),
    entry_limit_frac=st.floats(0.0, 0.02),
    max_open_positions=st.integers(1, 6),
    max_correlated=st.integers(1, 4),
    max_daily_trades=st.integers(1, 6),
    high_volatility_scale=fractions,
    pyramid_adds=st.integers(0, 3),
    pyramid_scale=st.floats(0.05, 0.95),
    pyramid_gain_frac=st.floats(0.0001, 0.05),
)


@st.composite
def entries(draw: st.DrawFn) -> EntryInputs:
    """A new entry, or an add to a position."""
    price = draw(st.floats(1e-4, 1e5))
    equity = draw(st.floats(0.0, 1e6))
    held = draw(st.booleans())
    size = draw(st.floats(0.0, 1.0)) * equity / price if held else 0.0
    return EntryInputs(
        equity=equity,
        cash_free=equity * draw(st.floats(-0.1, 1.0)),
        exposure=equity * draw(fractions),
        open_count=draw(st.integers(0, 7)),
        price=price,
        stop_price=price * draw(st.floats(0.5, 1.01)),
        size_step=STEP,
        min_size=STEP,
        min_notional=draw(st.floats(0.0, 10.0)),
        taker_fee=draw(st.floats(0.0, 0.01)),
        scale=draw(st.floats(0.01, 1.0)),
        portfolio_risk=equity * draw(st.floats(0.0, 0.2)),
        atr=draw(st.one_of(unknown, st.floats(0.0, 0.2).map(lambda share: price * share))),
        volatility_ratio=draw(st.one_of(unknown, st.floats(0.1, 5.0))),
        correlated=draw(st.integers(0, 3)),
        wins=draw(st.integers(0, 100)),
        losses=draw(st.integers(0, 100)),
        mean_win=draw(st.floats(0.0, 0.2)),
        mean_loss=draw(st.floats(0.0, 0.2)),
        held_size=size,
        held_notional=size * price * draw(st.floats(0.9, 1.1)) if held else 0.0,
        adds=draw(st.integers(0, 3)) if held else -1,
        last_buy_price=draw(st.one_of(unknown, st.floats(0.8, 1.1).map(lambda share: price * share))) if held else NAN,
    )


@given(entries(), some_rules)
def test_no_entry_exceeds_any_cap(entry: EntryInputs, by: Rules) -> None:
    plan = plan_entry(entry, by)
    assert plan.size >= 0.0
    for earlier, later in zip((plan.wanted, *plan.after), plan.after, strict=False):
        assert 0.0 <= later <= earlier
    if plan.size == 0.0:
        return
    whole = entry.held_size + plan.size
    dust = STEP * entry.price * 1e-5
    distance = entry.price - entry.stop_price
    assert plan.blocked_by == limits.NO_RULE
    assert plan.size * entry.price >= by.min_trade_notional
    assert whole * distance <= entry.equity * by.risk_per_trade_frac * SLACK + dust
    assert entry.held_notional + plan.size * entry.price <= entry.equity * by.max_position_frac * SLACK + dust
    assert entry.exposure + plan.size * entry.price <= entry.equity * by.max_long_exposure_frac * SLACK + dust
    assert plan.size * entry.price * (1 + entry.taker_fee) <= entry.cash_free * SLACK + dust * 2
    assert entry.portfolio_risk + plan.size * distance <= entry.equity * by.max_portfolio_risk_frac * SLACK + dust
    if entry.adds < 0:
        assert entry.open_count < by.max_open_positions
        assert entry.correlated < by.max_correlated
    else:
        assert entry.adds < by.pyramid_adds
        assert entry.price > entry.last_buy_price * (1 + by.pyramid_gain_frac)
        assert plan.size < entry.held_size


@given(entries(), some_rules)
def test_no_order_of_the_caps_exceeds_one(entry: EntryInputs, by: Rules) -> None:
    """Each takes the smaller of what it is given and its own room, so the last word is the tightest's in any order."""
    distance = max(entry.price - entry.stop_price, 1e-9)
    rooms = (
        lambda s: limits.cap_notional(s, entry.equity, entry.held_notional, entry.price, by.max_position_frac),
        lambda s: limits.cap_notional(s, entry.equity, entry.exposure, entry.price, by.max_long_exposure_frac),
        lambda s: limits.cap_risk(s, entry.equity, entry.portfolio_risk, distance, by.max_portfolio_risk_frac),
        lambda s: limits.cap_cash(s, entry.cash_free, entry.price, entry.taker_fee),
    )
    found = set()
    for order in permutations(rooms):
        size = 1e12
        for room in order:
            size = room(size)
        found.add(size)
    assert len(found) == 1


TIGHTER = {
    "risk_per_trade_frac": -1, "max_position_frac": -1, "max_long_exposure_frac": -1, "max_portfolio_risk_frac": -1,
    "kelly_fraction": -1, "high_volatility_scale": -1, "high_volatility_ratio": -1, "atr_multiple": 1,
    "min_trade_notional": 1, "pyramid_gain_frac": 1, "max_open_positions": -1, "max_correlated": -1,
}  # fmt: skip
"""Which way each limit is tightened. pyramid_adds, pyramid_scale: what the adds do not take, the first entry may."""


@given(entries(), some_rules, st.sampled_from(sorted(TIGHTER)), st.floats(0.05, 1.0))
def test_a_tighter_setting_never_takes_more_risk(entry: EntryInputs, by: Rules, field: str, share: float) -> None:
    loose = getattr(by, field)
    tight = loose * share if TIGHTER[field] < 0 else loose / share
    if isinstance(loose, int):
        tight = int(tight)
    assert plan_entry(entry, by._replace(**{field: tight})).size <= plan_entry(entry, by).size


@given(
    st.floats(100.0, 1e6),
    st.integers(1, 5),
    st.floats(0.05, 0.95),
    st.lists(st.floats(1.03, 1.5), max_size=6),
    some_rules,
)
def test_steps_into_a_winner_shrink_and_end_within_the_cap(
    equity: float, adds: int, scale: float, climb: list[float], chosen: Rules
) -> None:
    by = chosen._replace(pyramid_adds=adds, pyramid_scale=scale, pyramid_gain_frac=0.01, min_trade_notional=0.0)
    price, held, steps = 100.0, 0.0, 0
    last = NAN
    sizes: list[float] = []
    for rise in [1.0, *climb]:
        price *= rise
        plan = plan_entry(
            EntryInputs(
                equity, equity, held * price, 0, price * (1 + by.entry_limit_frac), price * 0.9, STEP, STEP,
                0.0, 0.0, 1.0,
                held_size=held, held_notional=held * price, adds=steps if sizes else -1, last_buy_price=last,
                last_buy_size=sizes[-1] if sizes else NAN,
            ),
            by,
        )  # fmt: skip
        if plan.size == 0.0:
            continue
        assert held * price + plan.size * price <= equity * by.max_position_frac * SLACK + 1e-6
        steps += 1 if sizes else 0
        sizes.append(plan.size)
        held, last = held + plan.size, price
    assert steps <= adds
    for earlier, later in pairwise(sizes):
        assert later <= earlier * scale * SLACK + STEP


# --- decisions -----------------------------------------------------------------------------


quotes = st.floats(50.0, 150.0)


@st.composite
def many_views(draw: st.DrawFn) -> list[SymbolView]:
    made = []
    for name in draw(st.permutations(SYMBOLS)):
        bid = draw(st.one_of(unknown, quotes, quotes))
        direction = draw(st.sampled_from([1, 1, 0, -1]))
        confidence = draw(st.floats(0.0, 1.0))
        made.append(
            view(
                symbol=name, quote_bid=bid, quote_ask=bid * draw(st.floats(1.0, 1.012)), quote_last=bid,
                high_since=draw(st.one_of(unknown, quotes)), signals=(signal(symbol=name, direction=direction,
                confidence=confidence, size_scale=draw(st.floats(0.1, 1.0))),), size_step=STEP,
                atr=draw(st.one_of(unknown, st.floats(0.1, 10.0))),
                volatility_ratio=draw(st.one_of(unknown, st.floats(0.5, 4.0))),
                correlations=tuple(
                    (other, draw(st.floats(-1.0, 1.0))) for other in SYMBOLS if other != name and draw(st.booleans())
                ),
            )
        )  # fmt: skip
    return made


@st.composite
def many_books(draw: st.DrawFn) -> Book:
    held = [
        position(
            symbol=name, size=size, entry_price=draw(quotes), stop_client_id=f"s-{name}", stop_size=size,
            stop_price=draw(st.one_of(unknown, st.floats(40.0, 140.0))), target_price=draw(st.one_of(unknown, quotes)),
            high_water=draw(quotes), armed=draw(st.booleans()), adds=draw(st.integers(0, 2)),
            last_buy_price=draw(st.one_of(unknown, quotes)),
        )
        for name in SYMBOLS
        if draw(st.booleans())
        for size in [draw(st.floats(0.01, 2.0))]
    ]  # fmt: skip
    pending = [
        PendingEntry(name, f"e-{name}", draw(st.floats(0.01, 1.0)), draw(quotes))
        for name in SYMBOLS
        if draw(st.booleans())
    ]
    return book(
        cash=draw(st.floats(-50.0, 2000.0)), positions=tuple(held), pending=tuple(pending),
        trades_today=draw(st.integers(0, 3)), wins=draw(st.integers(0, 60)), losses=draw(st.integers(0, 60)),
        mean_win=draw(st.floats(0.0, 0.1)), mean_loss=draw(st.floats(0.0, 0.1)), day_open_equity=0.0,
    )  # fmt: skip


def bought(decision: Decision) -> list[Intent]:
    return [i for i in decision.intents if i.action == "place" and i.leg is Leg.ENTRY]


@given(many_books(), many_views(), some_rules)
def test_all_that_is_entered_together_stays_within_every_cap(state: Book, seen: list[SymbolView], by: Rules) -> None:
    decision = decide(state, seen, by, NOW)
    new = bought(decision)
    views = {one.symbol: one for one in seen}
    equity = decision.equity
    worth = {p.symbol: mark_price(p, views[p.symbol]) for p in state.positions}
    held = {p.symbol: p.size * worth[p.symbol] for p in state.positions}
    waiting = sum(p.size * p.price for p in state.pending)
    risk = sum(
        limits.held_risk(p.size, worth[p.symbol], p.stop_price, p.entry_price, by) for p in state.positions
    ) + sum(limits.pending_risk(p.size, p.price, by) for p in state.pending)
    taken = set(held) | {p.symbol for p in state.pending}
    places = [i for i in new if i.symbol not in held]
    slack = 1e-6 * (1 + equity)
    if new:
        assert sum(i.size * i.limit_price * 1.004 for i in new) <= state.cash - waiting * 1.004 + slack
        total = sum(held.values()) + waiting + sum(i.size * i.limit_price for i in new)
        assert total <= equity * by.max_long_exposure_frac + slack
        risk += sum(i.size * (i.limit_price - i.stop_price) for i in new)
        assert risk <= equity * by.max_portfolio_risk_frac + slack
    if places:
        assert len(taken) + len(places) <= by.max_open_positions
        begun = state.trades_today + len({p.symbol for p in state.pending} - set(held))
        assert begun + len(places) <= by.max_daily_trades
    for intent in new:
        position_worth = held.get(intent.symbol, 0.0) + intent.size * intent.limit_price
        assert position_worth <= equity * by.max_position_frac + slack
        assert intent.size * (intent.limit_price - intent.stop_price) <= equity * by.risk_per_trade_frac + slack
        assert intent.symbol not in {p.symbol for p in state.pending}
        assert by.pyramid_adds > 0 or intent.symbol not in held
    ranked = sorted(places, key=lambda i: -views[i.symbol].signals[-1].confidence)
    for intent in ranked:
        together = dict(views[intent.symbol].correlations)
        others = taken - {intent.symbol}
        assert sum(together.get(name, 0.0) > by.max_correlation for name in others) < by.max_correlated
        taken = taken | {intent.symbol}


@given(many_books(), many_views())
def test_equity_is_cash_and_what_is_held_whatever_is_planned(state: Book, seen: list[SymbolView]) -> None:
    views = {one.symbol: one for one in seen}
    worth = state.cash + sum(p.size * mark_price(p, views[p.symbol]) for p in state.positions)
    assert decide(state, seen, rules(), NOW).equity == worth == book_equity(state, seen)
    assert book_equity(state, list(reversed(seen))) == worth


OBSTACLES: list[tuple[dict[str, Any], dict[str, Any], dict[str, Any]]] = [
    ({"halted": "paused"}, {}, {}),
    ({"latches": Latches(1e9, NOW + HOUR, NOW - HOUR)}, {}, {}),
    ({"day_open_equity": 1e9, "peak_equity": 1e9}, {}, {}),
    ({"trades_today": 10**6, "losses_in_row": 10**6}, {}, {}),
    ({"cooldowns": tuple(Cooldown(name, NOW + HOUR, 9, "") for name in SYMBOLS)}, {}, {}),
    ({"cash": -1e9}, {}, {}),
    ({}, {"problem": "not_tradable"}, {}),
    ({}, {"volatility_ratio": 99.0, "atr": 99.0}, {}),
    ({}, {"correlations": tuple((name, 1.0) for name in SYMBOLS)}, {}),
    ({}, {}, {"max_open_positions": 0, "max_portfolio_risk_frac": 0.0, "max_spread_frac": 0.0, "max_correlated": 0}),
    ({}, {}, {"max_daily_trades": 0, "max_consecutive_losses": 0, "max_drawdown_frac": 0.0}),
    ({}, {}, {"max_position_frac": 0.0, "max_long_exposure_frac": 0.0, "min_trade_notional": 1e12}),
    ({}, {}, {"risk_per_trade_frac": 0.0, "pyramid_adds": 0, "max_total_drawdown_frac": 0.0}),
]


@given(many_books(), many_views(), st.lists(st.sampled_from(OBSTACLES), min_size=1, max_size=5), st.booleans())
def test_nothing_that_blocks_entries_blocks_an_exit_or_moves_a_stop(
    state: Book, seen: list[SymbolView], obstacles: list[tuple[dict[str, Any], dict[str, Any], dict[str, Any]]],
    ladder: bool,
) -> None:  # fmt: skip
    by = rules(take_profit_ladder=LADDER) if ladder else rules()
    free = decide(state, seen, by, NOW)
    of_book: dict[str, Any] = {}
    of_view: dict[str, Any] = {}
    of_rules: dict[str, Any] = {}
    for book_change, view_change, rule_change in obstacles:
        of_book |= book_change
        of_view |= view_change
        of_rules |= rule_change
    fields = {name: getattr(state, name) for name in state.__dataclass_fields__}
    blocked = decide(
        Book(**{**fields, **of_book}),
        [view(**{**{name: getattr(one, name) for name in one.__dataclass_fields__}, **of_view}) for one in seen],
        by._replace(**of_rules),
        NOW,
    )
    assert _held(blocked) == _held(free)
    assert blocked.marks == free.marks


def _held(decision: Decision) -> list[str]:
    """All that is ordered about positions; as text, since nan is not itself."""
    return [repr(intent) for intent in decision.intents if intent.leg is not Leg.ENTRY]
