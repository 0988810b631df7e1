"""The decision: (book, market, rules) in; intents, verdicts and reasons out.

The one entry point that the paper tick, the live tick, the backtest and "why"
share. Exits come first and no entry rule can block one. Then entries, strongest
signal first, each through every gate and limit, on a book that already counts
the entries before it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from bot.domain.book import Book, Latches, Position
from bot.domain.decisions import Decision, Effect, PositionMark, Reason, SymbolView, Verdict
from bot.domain.orders import Intent, Leg, OrderType, Side
from bot.domain.signals import Signal
from bot.domain.timeframes import floor_ms, timeframe_ms
from bot.rulebook import book_rules, exits, gates, limits
from bot.rulebook.rounding import SIZE_TOLERANCE, floor_to_step
from bot.rulebook.rules import Rules

NAN = float("nan")

VENUE_STATUS = "venue_status"
"""Why entries wait while the venue itself is not open for trading."""

LEAVES_RESTING = (
    VENUE_STATUS,
    *(rule for code, rule in enumerate(book_rules.BOOK_RULES) if code and not book_rules.takes_back(code)),
)
"""Rules that stop new entries and leave those that rest. A closed venue takes no cancel either, and will be back."""


def reason(rule: str, effect: Effect, **values: float | str) -> Reason:
    """A reason with its values in the order given."""
    return Reason(rule, effect, tuple(values.items()))


@dataclass(slots=True)
class _Money:
    """What is left to commit while entries are planned one after the other.

    taken: symbols that are held, waited for or entered.  entries_left: trades that may still begin today.
    """

    equity: float
    cash_free: float
    exposure: float
    risk: float
    taken: set[str]
    entries_left: int


@dataclass(frozen=True, slots=True)
class _Candidate:
    """A signal that passed every gate. position: the winner that it may add to, with what was said of it."""

    view: SymbolView
    signal: Signal
    position: Position | None = None
    stop_price: float = NAN
    held: tuple[Reason, ...] = ()


@dataclass(slots=True)
class _Draft:
    intents: list[Intent] = field(default_factory=list)
    verdicts: list[Verdict] = field(default_factory=list)
    marks: list[PositionMark] = field(default_factory=list)
    notes: list[Reason] = field(default_factory=list)

    def verdict(self, signal: Signal, verdict: str, *reasons: Reason) -> None:
        self.verdicts.append(Verdict(signal.symbol, signal.timeframe, signal.open_ms, verdict, reasons))


def mark_price(position: Position, view: SymbolView | None) -> float:
    """What one unit of a holding is worth now: the bid, else the last price, else its entry price."""
    if view is None:
        return position.entry_price
    return limits.unit_worth(view.quote_bid, view.quote_last, position.entry_price)


def book_equity(book: Book, views: Sequence[SymbolView]) -> float:
    """Cash plus positions at what they would sell for, quote currency."""
    by_symbol = {view.symbol: view for view in views}
    return book.cash + sum(p.size * mark_price(p, by_symbol.get(p.symbol)) for p in book.positions)


def decide(book: Book, views: Sequence[SymbolView], rules: Rules, now_ms: int) -> Decision:
    """Decide for one bot at one moment.

    views: one per symbol that the bot trades or holds, in a fixed order.  now_ms:
    the venue's time.  Raises nothing for missing data: a symbol that cannot be
    judged is left alone, with the reason.
    """
    draft = _Draft()
    equity = book_equity(book, views)
    money = _money(book, views, equity, rules)
    if book.halted:
        draft.notes.append(reason(book.halted, Effect.BLOCK))
    judged = book_rules.judge_book(_book_inputs(book, equity, now_ms), rules)
    if judged.code != book_rules.ALLOWED:
        draft.notes.append(_book_reason(judged, now_ms))

    entries: list[_Candidate] = []
    for view in views:
        position = book.position(view.symbol)
        for older in view.signals[:-1]:
            draft.verdict(older, "hold" if position else "no_trade", reason("older_bar", Effect.NOTE))
        newest = view.signals[-1] if view.signals else None
        if position is not None:
            found = _tend(draft, book, position, view, newest, rules, now_ms)
        else:
            if view.symbol in book.close_requested:
                _cancel_entries(draft, book, view.symbol, rules, now_ms, "closed_by_person")
            found = _Candidate(view, newest) if newest is not None else None
        if found is not None:
            blocked = _gate_reason(book, found, draft.notes, rules, now_ms)
            if blocked is None:
                entries.append(found)
            else:
                draft.verdict(found.signal, "hold" if found.position else "no_trade", *found.held, blocked)

    for candidate in sorted(entries, key=lambda entry: -entry.signal.confidence):
        _enter(draft, book, candidate, money, rules)
    _withdraw_entries(draft, book, rules, now_ms)
    return Decision(
        equity, tuple(draft.intents), tuple(draft.verdicts), tuple(draft.marks), tuple(draft.notes),
        Latches(judged.drawdown_peak, judged.paused_until_ms, judged.breaker_since_ms, judged.day_lost_ms),
    )  # fmt: skip


def _money(book: Book, views: Sequence[SymbolView], equity: float, rules: Rules) -> _Money:
    """What positions and waiting entries leave for new ones."""
    by_symbol = {view.symbol: view for view in views}
    worth = {p.symbol: mark_price(p, by_symbol.get(p.symbol)) for p in book.positions}
    held = {p.symbol for p in book.positions}
    pending = {p.symbol for p in book.pending}
    return _Money(
        equity=equity,
        cash_free=book.cash
        - sum(limits.entry_cost(p.size, p.price, _fee(by_symbol.get(p.symbol))) for p in book.pending),
        exposure=sum(p.size * worth[p.symbol] for p in book.positions) + sum(p.size * p.price for p in book.pending),
        risk=sum(limits.held_risk(p.size, worth[p.symbol], p.stop_price, p.entry_price, rules) for p in book.positions)
        + sum(limits.pending_risk(p.size, p.price, rules) for p in book.pending),
        taken=held | pending,
        entries_left=book_rules.entries_left(book.trades_today, len(pending - held), rules),
    )


def _fee(view: SymbolView | None) -> float:
    """Fraction that a fill costs, nan where nothing is known of the symbol."""
    return view.taker_fee if view is not None else NAN


def _book_inputs(book: Book, equity: float, now_ms: int) -> book_rules.BookInputs:
    return book_rules.BookInputs(
        equity=equity,
        day_open_equity=book.day_open_equity,
        peak_equity=book.peak_equity,
        drawdown_peak=book.latches.drawdown_peak,
        paused_until_ms=book.latches.paused_until_ms,
        breaker_since_ms=book.latches.breaker_since_ms,
        day_lost_ms=book.latches.day_lost_ms,
        trades_today=book.trades_today,
        losses_in_row=book.losses_in_row,
        now_ms=now_ms,
    )


def _book_reason(judged: book_rules.BookJudgement, now_ms: int) -> Reason:
    """Why the whole book takes no entries."""
    if judged.code == book_rules.GLOBAL_BREAKER:
        return reason("global_breaker", Effect.BLOCK, drawdown=judged.value, limit=judged.limit)
    if judged.code == book_rules.DRAWDOWN_PAUSE:
        until = (judged.paused_until_ms - now_ms) / 60_000
        return reason("drawdown_pause", Effect.BLOCK, drawdown=judged.value, limit=judged.limit, until=until)
    if judged.code == book_rules.DAILY_LOSS:
        return reason("daily_loss", Effect.BLOCK, loss=judged.value, limit=judged.limit)
    return reason(book_rules.BOOK_RULES[judged.code], Effect.BLOCK, count=judged.value, limit=judged.limit)


def _withdraw_entries(draft: _Draft, book: Book, rules: Rules, now_ms: int) -> None:
    """Take back what still rests of entries when no more are wanted: it would go on buying."""
    blocks = (note.rule for note in draft.notes if note.effect is Effect.BLOCK)
    why = next((rule for rule in blocks if rule not in LEAVES_RESTING), None)
    if why is None:
        return
    gone = {intent.client_id for intent in draft.intents if intent.action == "cancel"}
    for symbol in dict.fromkeys(p.symbol for p in book.pending if p.client_id not in gone):
        if symbol not in book.in_doubt:
            _cancel_entries(draft, book, symbol, rules, now_ms, why)


def _tend(
    draft: _Draft,
    book: Book,
    position: Position,
    view: SymbolView,
    newest: Signal | None,
    rules: Rules,
    now_ms: int,
) -> _Candidate | None:
    """Leave a position or sell a part of it, protect what stays and move its stop.

    Returns what a signal to buy may add to the position, where rules allow adds at all; its
    verdict is then still to be given.

    Where the venue has raised its minimum above what is held, the resting stop
    stays: the exit would be refused, and the stop be gone. Nothing is ordered
    while an order's fate is unknown, or where the venue's trading rules are: an
    order needs their steps.
    """
    listed = view.price_step > 0.0 and view.size_step > 0.0
    if position.symbol in book.in_doubt or not listed:
        if newest:
            rule = "in_doubt" if listed else "unknown_symbol"
            draft.verdict(newest, "hold", reason(rule, Effect.BLOCK, symbol=position.symbol))
        return None
    tending = exits.tend(
        _held(position),
        _seen(view),
        newest.confidence if newest is not None and newest.direction < 0 else 0.0,
        position.symbol in book.close_requested,
        rules,
    )
    if tending.action == exits.LEAVE:
        why = _exit_reason(position, view, newest, tending, rules)
        _leave(draft, book, position, rules, now_ms, why.rule)
        if newest:
            draft.verdict(newest, "exit", why)
        return None
    if tending.action == exits.PART:
        protected = _take_part(draft, book, position, view, tending, rules, now_ms)
        if newest:
            draft.verdict(newest, "exit", *protected, _exit_reason(position, view, newest, tending, rules))
        return None
    held = [reason("already_holding", Effect.NOTE, size=position.size, price=position.entry_price)]
    if position.size < view.min_size:
        held.append(reason("unsellable", Effect.BLOCK, size=position.size, minimum=view.min_size))
    elif tending.action == exits.CANNOT:
        held.append(reason("no_quote", Effect.BLOCK, symbol=position.symbol))
    held.extend(_protect(draft, position, view, tending, rules, now_ms))
    if not newest:
        return None
    if tending.action == exits.HOLD and newest.direction > 0 and rules.pyramid_adds > 0:
        return _Candidate(view, newest, position, tending.stop_price, tuple(held))
    draft.verdict(newest, "hold", *held)
    return None


def _held(position: Position) -> exits.Held:
    return exits.Held(
        size=position.size,
        bought=position.bought,
        entry_price=position.entry_price,
        stop_price=position.stop_price,
        target_price=position.target_price,
        high_water=position.high_water,
        armed=position.armed,
    )


def _seen(view: SymbolView) -> exits.Seen:
    return exits.Seen(
        bid=view.quote_bid,
        high=view.high_since,
        price_step=view.price_step,
        size_step=view.size_step,
        min_size=view.min_size,
        min_notional=view.min_notional,
        taker_fee=view.taker_fee,
    )


def _exit_reason(
    position: Position, view: SymbolView, newest: Signal | None, tending: exits.Tending, rules: Rules
) -> Reason:
    """Why all or a part is sold, with the numbers that it went by."""
    rule = exits.EXIT_RULES[tending.rule]
    if tending.rule == exits.LADDER:
        return _ladder_reason(position, view, tending, rules)
    if tending.rule == exits.TARGET:
        return reason(rule, Effect.EXIT, price=view.quote_bid, target=position.target_price)
    if tending.rule in (exits.STOPPED, exits.TRAILED):
        return reason(rule, Effect.EXIT, price=view.quote_bid, stop=tending.stop_price)
    if tending.rule == exits.SELL_SIGNAL and newest is not None:
        return reason(rule, Effect.EXIT, confidence=newest.confidence, minimum=rules.min_confidence)
    return reason(rule, Effect.EXIT, symbol=position.symbol)


def _ladder_reason(position: Position, view: SymbolView, tending: exits.Tending, rules: Rules) -> Reason:
    """Which rungs were reached, and what they sell of what is held."""
    first, last = tending.first_rung, tending.last_rung
    return reason(
        "take_profit_ladder",
        Effect.EXIT,
        rungs=f"{first}" if first == last else f"{first}-{last}",
        count=exits.rung_count(rules.take_profit_ladder),
        gain=rules.take_profit_ladder[last - 1][1],
        price=exits.highest(view.quote_bid, view.high_since),
        size=tending.sell_size,
        held=position.size,
    )


def _leave(draft: _Draft, book: Book, position: Position, rules: Rules, now_ms: int, why: str) -> None:
    """Give up the stop, then sell all: on spot, a resting sell holds the coins that the exit needs.

    What still rests of the entry goes first, or it would buy again behind the exit.
    """
    _cancel_entries(draft, book, position.symbol, rules, now_ms, why)
    slot_ms = floor_ms(now_ms, rules.slot_ms)
    for stop in position.stops:
        draft.intents.append(
            _stop_intent("cancel", position.symbol, stop.size, stop.price, slot_ms, why, stop.client_id)
        )
    draft.intents.append(
        Intent(
            "place", position.symbol, Side.SELL, Leg.EXIT, OrderType.MARKET, position.size,
            NAN, NAN, NAN, slot_ms, why,
        )
    )  # fmt: skip


def _take_part(
    draft: _Draft,
    book: Book,
    position: Position,
    view: SymbolView,
    tending: exits.Tending,
    rules: Rules,
    now_ms: int,
) -> list[Reason]:
    """Shrink the stops to what will be left, then sell the part whose coins they let go.

    What still rests of the entry goes first: it would buy again what is being sold.
    """
    _cancel_entries(draft, book, position.symbol, rules, now_ms, "take_profit_ladder")
    protected = _protect(draft, replace(position, size=tending.left), view, tending, rules, now_ms)
    draft.intents.append(
        Intent(
            "place", position.symbol, Side.SELL, Leg.EXIT, OrderType.MARKET, tending.sell_size,
            NAN, NAN, NAN, floor_ms(now_ms, rules.slot_ms), "take_profit_ladder",
        )
    )  # fmt: skip
    return protected


def _cancel_entries(draft: _Draft, book: Book, symbol: str, rules: Rules, now_ms: int, why: str) -> None:
    for pending in book.pending:
        if pending.symbol == symbol:
            draft.intents.append(
                Intent(
                    "cancel", symbol, Side.BUY, Leg.ENTRY, OrderType.LIMIT, pending.size,
                    pending.price, NAN, NAN, floor_ms(now_ms, rules.slot_ms), why, pending.client_id,
                )
            )  # fmt: skip


def _protect(
    draft: _Draft, position: Position, view: SymbolView, tending: exits.Tending, rules: Rules, now_ms: int
) -> list[Reason]:
    """Keep a stop for the whole position, and let it follow the price upward."""
    if tending.high_water != position.high_water or tending.armed != position.armed:
        draft.marks.append(PositionMark(position.symbol, position.trade_id, tending.high_water, tending.armed))
    intents = stop_intents(position, tending.stop_price, view.size_step, view.min_size, floor_ms(now_ms, rules.slot_ms))
    if not intents:
        return []
    if not position.stops:
        draft.intents.extend(intents)
        return [reason("stop_loss", Effect.PROTECT, stop=tending.stop_price)]
    rule = "breakeven" if tending.at_breakeven else "trailing_stop" if tending.armed else "stop_loss"
    draft.intents.extend(replace(intent, reason=rule) for intent in intents)
    return [reason(rule, Effect.PROTECT, stop=tending.stop_price, price=tending.high_water)]


def stop_intents(
    position: Position, stop_price: float, size_step: float, min_size: float, slot_ms: int
) -> list[Intent]:
    """What makes the resting stops cover exactly the position, none of them below stop_price.

    One that is missing is placed, one that is too small grows, what is too much
    shrinks or goes, the last ones first. None is asked to be smaller than the venue
    takes: it goes, and another one covers its part. A position below that minimum gets
    no stop, and keeps only those that do not exceed it.
    """
    if not position.stops:
        if position.size < min_size:
            return []
        return [_stop_intent("place", position.symbol, position.size, stop_price, slot_ms, "stop_loss")]
    sizes = _cover(_movable(position, stop_price, size_step, min_size), position.size, size_step, min_size)
    ranked = []
    for stop, size in zip(position.stops, sizes, strict=True):
        rises = stop_price > stop.price or math.isnan(stop.price)
        price = stop_price if rises else stop.price
        if size == 0.0:
            gone = _stop_intent("cancel", position.symbol, stop.size, stop.price, slot_ms, "stop_loss", stop.client_id)
            ranked.append((-stop.size, gone))
        elif size != stop.size or (rises and position.size >= min_size):
            moved = _stop_intent("amend", position.symbol, size, price, slot_ms, "stop_loss", stop.client_id)
            ranked.append((size - stop.size, moved))
    # Coins that one stop lets go are those that another one grows by.
    return [intent for _, intent in sorted(ranked, key=lambda pair: (pair[1].action != "cancel", pair[0]))]


def _movable(position: Position, stop_price: float, size_step: float, min_size: float) -> list[float]:
    """Sizes of the stops, 0.0 for those too small to be asked to rise: the largest takes over their part.

    An entry's fills are as small as they are, and each has a stop of its size.
    """
    largest = max(position.stops, key=lambda stop: stop.size)
    least = min_size - size_step * SIZE_TOLERANCE
    return [
        0.0 if stop is not largest and stop.size < least and stop_price > stop.price else stop.size
        for stop in position.stops
    ]


def _cover(sizes: Sequence[float], size: float, size_step: float, min_size: float) -> list[float]:
    """Sizes of the same stops that add up to `size`. Less than half a step off is no difference."""
    if size < min_size:
        return _drop(sizes, size, size_step)
    least = min_size - size_step * SIZE_TOLERANCE
    shrunk = _shrink(sizes, size, size_step)
    covered = [0.0 if left < least and left != was else left for left, was in zip(shrunk, sizes, strict=True)]
    *smaller, largest = sorted(range(len(covered)), key=covered.__getitem__)
    others = sum(covered[i] for i in smaller)
    off = size - others - covered[largest]
    if off >= size_step / 2 or (not others and covered[largest] != sizes[largest]):
        for i in smaller:
            if size - others >= least:
                break
            others -= covered[i]
            covered[i] = 0.0
        covered[largest] = size - others
    return covered


def _drop(sizes: Sequence[float], size: float, size_step: float) -> list[float]:
    """Stops go whole until no more than `size` is covered: it is too small for one of them to be asked for."""
    covered = list(sizes)
    excess = sum(sizes) - size
    for i, own in enumerate(sizes):
        if excess >= size_step / 2:
            covered[i] = 0.0
            excess -= own
    return covered


def _shrink(sizes: Sequence[float], size: float, size_step: float) -> list[float]:
    """The last stops give way until no more than `size` is covered."""
    covered = list(sizes)
    excess = sum(sizes) - size
    for i in reversed(range(len(covered))):
        if excess < size_step / 2:
            break
        less = min(excess, covered[i])
        left = covered[i] - less
        covered[i] = left if left > size_step / 2 else 0.0
        excess -= less
    return covered


def _stop_intent(
    action: str, symbol: str, size: float, price: float, slot_ms: int, why: str, client_id: str = ""
) -> Intent:
    return Intent(
        action, symbol, Side.SELL, Leg.STOP, OrderType.STOP_LOSS, size, NAN, price, NAN, slot_ms, why, client_id
    )


def _gate_reason(
    book: Book, candidate: _Candidate, notes: Sequence[Reason], rules: Rules, now_ms: int
) -> Reason | None:
    """The first rule that forbids entering on this signal, or None."""
    view, signal = candidate.view, candidate.signal
    waiting = next((note for note in notes if note.effect is Effect.BLOCK), None)
    age_bars = (now_ms - signal.close_ms) / timeframe_ms(signal.timeframe)
    cooldown_ms = max((c.until_ms - now_ms for c in book.cooldowns if c.symbol == view.symbol), default=0)
    code = gates.gate(
        gates.GateInputs(
            problem=view.problem != "",
            direction=signal.direction,
            confidence=signal.confidence,
            age_bars=age_bars,
            book_blocked=waiting is not None,
            in_doubt=view.symbol in book.in_doubt,
            pending=any(pending.symbol == view.symbol for pending in book.pending),
            close_requested=view.symbol in book.close_requested,
            cooldown_left_ms=float(cooldown_ms),
            bid=view.quote_bid,
            ask=view.quote_ask,
        ),
        rules,
    )
    return waiting if code == gates.BOOK else _gate_words(code, view, signal, age_bars, cooldown_ms, rules)


def _gate_words(
    code: int, view: SymbolView, signal: Signal, age_bars: float, cooldown_ms: int, rules: Rules
) -> Reason | None:
    """What a gate's code says, with the numbers that it went by; None where every gate is open."""
    if code == gates.PASS:
        return None
    if code in (gates.NO_SIGNAL, gates.NO_POSITION):
        return reason(gates.GATE_RULES[code], Effect.BLOCK, confidence=signal.confidence)
    if code == gates.MIN_CONFIDENCE:
        return reason("min_confidence", Effect.BLOCK, confidence=signal.confidence, minimum=rules.min_confidence)
    if code == gates.LATE_SIGNAL:
        return reason("late_signal", Effect.BLOCK, age=age_bars, limit=rules.signal_max_age_bars)
    if code == gates.COOLDOWN:
        return reason("cooldown", Effect.BLOCK, until=cooldown_ms / 60_000)
    if code == gates.SPREAD:
        spread = gates.spread_frac(view.quote_bid, view.quote_ask)
        return reason("spread", Effect.BLOCK, spread=spread, limit=rules.max_spread_frac)
    rule = view.problem if code == gates.PROBLEM else gates.GATE_RULES[code]
    return reason(rule, Effect.BLOCK, symbol=view.symbol)


def _enter(draft: _Draft, book: Book, candidate: _Candidate, money: _Money, rules: Rules) -> None:
    """Size one entry, write its intent, and take its money off the table for the next one."""
    view, signal, position = candidate.view, candidate.signal, candidate.position
    refused = "no_trade" if position is None else "hold"
    if position is None and money.entries_left <= 0:
        begun = rules.max_daily_trades - money.entries_left
        draft.verdict(
            signal,
            refused,
            reason("daily_trades", Effect.BLOCK, count=float(begun), limit=float(rules.max_daily_trades)),
        )
        return
    ask = view.quote_ask
    if position is None:
        price, stop, target = limits.entry_prices(ask, view.price_step, rules)
    else:
        price, stop, target = limits.add_prices(
            ask, view.price_step, candidate.stop_price, position.target_price, rules
        )
    entry = _entry_inputs(book, candidate, money, price, stop, rules)
    plan = limits.plan_entry(entry, rules)
    reasons = [*candidate.held, *_shrinks(plan, entry, rules)]
    if plan.blocked_by != limits.NO_RULE:
        blocked = reason(limits.RULE_NAMES[plan.blocked_by], Effect.BLOCK, size=plan.wanted, limit=plan.limit)
        draft.verdict(signal, refused, *reasons, blocked)
        return
    draft.intents.append(
        Intent(
            "place", view.symbol, Side.BUY, Leg.ENTRY, OrderType.LIMIT, plan.size,
            price, stop, target, signal.open_ms, signal.leader,
        )
    )  # fmt: skip
    if position is None:
        entered = reason(
            "entered", Effect.ENTER, confidence=signal.confidence, size=plan.size, price=ask, stop=stop, target=target
        )
        money.entries_left -= 1
    else:
        entered = reason("added", Effect.ENTER, confidence=signal.confidence, size=plan.size, price=ask, stop=stop)
    draft.verdict(signal, "enter", *reasons, entered)
    money.cash_free -= limits.entry_cost(plan.size, price, view.taker_fee)
    money.exposure += plan.size * price
    money.risk += plan.size * (price - stop)
    money.taken.add(view.symbol)


def _entry_inputs(
    book: Book, candidate: _Candidate, money: _Money, price: float, stop: float, rules: Rules
) -> limits.EntryInputs:
    """What sizing this entry, or this add to a position, needs to know."""
    view, position = candidate.view, candidate.position
    together = dict(view.correlations)
    others = (symbol for symbol in money.taken if symbol != view.symbol)
    return limits.EntryInputs(
        equity=money.equity,
        cash_free=money.cash_free,
        exposure=money.exposure,
        open_count=len(money.taken),
        price=price,
        stop_price=stop,
        size_step=view.size_step,
        min_size=view.min_size,
        min_notional=view.min_notional,
        taker_fee=view.taker_fee,
        scale=candidate.signal.size_scale,
        portfolio_risk=money.risk,
        atr=view.atr,
        volatility_ratio=view.volatility_ratio,
        correlated=sum(limits.is_correlated(together.get(symbol, NAN), rules) for symbol in others),
        wins=book.wins,
        losses=book.losses,
        mean_win=book.mean_win,
        mean_loss=book.mean_loss,
        held_size=position.size if position else 0.0,
        held_notional=position.size * mark_price(position, view) if position else 0.0,
        adds=position.adds if position else -1,
        last_buy_price=position.last_buy_price if position else NAN,
        last_buy_size=position.last_buy_size if position else NAN,
    )


def _shrinks(plan: limits.EntryPlan, entry: limits.EntryInputs, rules: Rules) -> list[Reason]:
    """One reason for each limit that took something off and left something, in the order in which they did.

    The strategy comes first: scale is the share of the risk that it wants to take.
    """
    reasons: list[Reason] = []
    scale, size_step = entry.scale, entry.size_step
    if scale < 1.0 and plan.wanted > 0.0:
        asked = floor_to_step(plan.wanted, size_step)
        whole = (plan.wanted + entry.held_size) / scale - entry.held_size
        reasons.append(reason("strategy_size", Effect.SHRINK, wanted=whole, size=asked, cap=scale))
    before = plan.wanted
    for rule, cap, after in zip(limits.CAPS, limits.cap_numbers(entry, rules), plan.after, strict=True):
        if 0.0 < after < before:
            left = floor_to_step(after, size_step)
            reasons.append(reason(limits.RULE_NAMES[rule], Effect.SHRINK, wanted=before, size=left, cap=cap))
        before = after
    return reasons
