"""One bot during one tick: what it needs, sees, decides and records. No input or output here."""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any

from bot.domain.book import Book, BotState, BotStatus
from bot.domain.candle_checks import checksum, is_stale
from bot.domain.candles import Candles
from bot.domain.codec import to_json
from bot.domain.decisions import Decision, Effect, Reason, SymbolView, Verdict
from bot.domain.markets import Market, OrderBook, Quote
from bot.domain.orders import Intent, Leg, Order, OrderStatus
from bot.domain.ports import LiveVenue
from bot.domain.records import (
    BotSnapshot,
    BotWrites,
    DecisionRecord,
    EquitySnapshot,
    RiskEvent,
    StateChange,
)
from bot.domain.signals import Signal
from bot.domain.timeframes import floor_ms, last_closed_open_ms, timeframe_ms
from bot.domain.venue_orders import VenueOrder
from bot.features import FeatureTable, compute
from bot.features.correlation import correlation
from bot.jobs.account import Account
from bot.jobs.candles import Key, Need, Problem
from bot.jobs.orders import Planned, plan_orders
from bot.jobs.rules import paper_rules, rules_of
from bot.jobs.signals import VOLATILITY, Bar, Weighted, columns_read, judge, table_bars, weighted_strategies
from bot.rulebook.decide import decide
from bot.rulebook.ledger import move_order, quantize
from bot.rulebook.reconcile import Drift
from bot.rulebook.rules import Rules
from bot.rulebook.settle import settle_paper
from bot.rulebook.states import path, target_state
from bot.settings import Settings

NAN = float("nan")
ONLINE = "online"
MOST_JUDGED = 24
"""Decision candles per symbol that one tick judges: a day of hours."""

NO_QUOTE = Quote(NAN, NAN, NAN)

TAKES_NO_SALE = frozenset({"maintenance", "cancel_only", "post_only", "limit_only", "reduce_only"})
"""States of the venue or of one market in which Kraken refuses a sale at the market, and a new stop as well."""


@dataclass(slots=True)
class MarketNow:
    """What a tick knows of the market, shared by all bots. `stored` grows as candles come in.

    backup: the other venue that the data is of, "" for the venue itself.
    checksums: of stored series, once the tick's candles are complete.  correlations:
    of pairs of symbols in one timeframe.
    tables, judged: features, and bars with their signals, of bots that ask the same.
    """

    now_ms: int
    status: str
    quotes: dict[str, Quote]
    markets: dict[str, Market]
    stored: dict[Key, Candles] = field(default_factory=dict)
    problems: dict[str, Problem] = field(default_factory=dict)
    tables: dict[tuple[str, ...], FeatureTable] = field(default_factory=dict)
    checksums: dict[Key, str] = field(default_factory=dict)
    correlations: dict[tuple[str, str, str], float] = field(default_factory=dict)
    judged: dict[Hashable, tuple[list[Bar], tuple[Signal, ...]]] = field(default_factory=dict)
    backup: str = ""


@dataclass(slots=True)
class BotRun:
    """Working state of one bot's tick, filled step by step.

    halted: why it may not enter for as long as its settings are wrong.  waits: rules by which
    it enters nothing in this tick.  Of a live bot: venue, None where it may not be
    asked; observed_ms, the last look at the account; unseen, why there was none in this
    tick; sellable, base units that are there of symbols of which less is there than the ledger says.
    """

    snapshot: BotSnapshot
    settings: Settings
    rules: Rules
    weighted: Weighted
    account: Account
    symbols: tuple[str, ...]
    watched: tuple[str, ...]
    halted: str = ""
    due: frozenset[str] = frozenset()
    bars: list[Bar] = field(default_factory=list)
    signals: dict[str, tuple[Signal, ...]] = field(default_factory=dict)
    views: tuple[SymbolView, ...] = ()
    book: Book | None = None
    decision: Decision | None = None
    unjudged: list[Verdict] = field(default_factory=list)
    planned: list[Planned] = field(default_factory=list)
    commands_done: tuple[tuple[int, str], ...] = ()
    waits: list[str] = field(default_factory=list)
    hands_off: bool = False
    venue: LiveVenue | None = None
    observed_ms: int = 0
    unseen: str = ""
    drift: tuple[Drift, ...] = ()
    foreign: tuple[VenueOrder, ...] = ()
    certain_ms: dict[str, int] = field(default_factory=dict)
    sellable: dict[str, Decimal] = field(default_factory=dict)

    def wait(self, rule: str, *, hands_off: bool = False) -> None:
        """Enter nothing in this tick, because of this rule; with hands_off, order nothing at all."""
        if rule not in self.waits:
            self.waits.append(rule)
        self.hands_off = self.hands_off or hands_off

    @property
    def live(self) -> bool:
        return self.snapshot.mode == "live"

    @property
    def finest(self) -> str:
        return self.settings.market.protection_timeframe

    @property
    def timeframe(self) -> str:
        return self.settings.market.timeframe


def open_run(snapshot: BotSnapshot, settings: Settings, halted: str = "") -> BotRun:
    """A bot's run at the start of a tick; its symbols are those it watches, then any others it still holds.

    halted: why it may not enter, as a rule name: it then watches nothing and only
    looks after what it holds.
    """
    rules = rules_of(settings, snapshot.mode, float(snapshot.initial_cash))
    account = Account(snapshot, rules)
    watched = () if halted else settings.market.symbols
    symbols = tuple(dict.fromkeys((*watched, *sorted(account.symbols()))))
    return BotRun(snapshot, settings, rules, weighted_strategies(settings), account, symbols, watched, halted)


def find_needs(run: BotRun, now: MarketNow) -> list[Need]:
    """Series that this bot needs brought up to date, and which of its symbols have a decision due.

    A symbol with neither a decision due nor an order or position needs nothing:
    its candles are caught up when the next decision candle closes.
    """
    market = run.settings.market
    newest = last_closed_open_ms(now.now_ms, market.timeframe)
    run.due = frozenset(s for s in run.watched if run.snapshot.handled.get(s, -1) < newest)
    if now.backup:
        # Another venue's candles are no ground for a decision: they wait, or come too late to be entered.
        run.due = frozenset()
    coarser = (market.timeframe, *market.context_timeframes)
    active = run.account.symbols()
    needs = []
    for symbol in run.symbols:
        if symbol in run.due:
            needs.append(Need(symbol, market.protection_timeframe, coarser))
        elif symbol in active:
            needs.append(Need(symbol, market.protection_timeframe))
    return needs


def look_back_ms(run: BotRun) -> dict[str, int]:
    """From when finest candles matter to this bot's orders and positions, per symbol.

    The candle that was forming at that moment is among them.
    """
    since: dict[str, int] = {}
    for order in run.account.live_orders():
        since[order.symbol] = min(since.get(order.symbol, order.checked_ms), order.checked_ms)
    for trade in run.account.trades.values():
        since[trade.symbol] = min(since.get(trade.symbol, trade.entry_ms), run.snapshot.last_tick_ms)
    return {symbol: floor_ms(moment, timeframe_ms(run.finest)) for symbol, moment in since.items()}


def newest_finest(run: BotRun, now: MarketNow, symbol: str) -> Candles | None:
    """The newest closed candle of the protection timeframe, None where there is none at hand."""
    finest = now.stored.get((symbol, run.finest))
    return finest.tail(1) if finest is not None and len(finest) else None


def stand_in_quotes(run: BotRun, now: MarketNow) -> None:
    """The newest close for what the venue gives no price of: worth knowing, not to be traded at."""
    for symbol in run.account.symbols():
        quote = now.quotes.get(symbol, NO_QUOTE)
        newest = newest_finest(run, now, symbol)
        if not (quote.bid > 0.0 or quote.last > 0.0) and newest is not None:
            now.quotes[symbol] = Quote(NAN, NAN, float(newest.close[0]))


def settle(run: BotRun, now: MarketNow) -> None:
    """Take over what the paper venue did since the last tick. A live bot's venue was asked itself.

    After an outage so long that the venue no longer serves its first part in the
    finest timeframe, decision candles stand in for that part.
    """
    if run.live:
        return
    for symbol, hole in _coarse_before_finest(run, now).items():
        mine = [order for order in run.account.live_orders() if order.symbol == symbol]
        _settle_against(run, now, mine, {symbol: hole}, int(hole.close_ms[-1]))
    finest = {symbol: now.stored[symbol, run.finest] for symbol in run.symbols if (symbol, run.finest) in now.stored}
    _settle_against(run, now, run.account.live_orders(), finest, now.now_ms)


def _settle_against(
    run: BotRun, now: MarketNow, orders: Sequence[Order], path: dict[str, Candles], until_ms: int
) -> None:
    for step in settle_paper(orders, path, now.markets, paper_rules(run.settings), run.snapshot.name, until_ms):
        run.account.take_step(step)


def _coarse_before_finest(run: BotRun, now: MarketNow) -> dict[str, Candles]:
    """Decision candles between an order's last check and the first finest candle at hand, where there is a hole."""
    path: dict[str, Candles] = {}
    for order in run.account.live_orders():
        finest = now.stored.get((order.symbol, run.finest))
        coarse = now.stored.get((order.symbol, run.timeframe))
        if finest is None or coarse is None or not len(finest) or finest.open_ms[0] <= order.checked_ms:
            continue
        hole = coarse.take((coarse.close_ms > order.checked_ms) & (coarse.open_ms < finest.open_ms[0]))
        hole = hole.closed_at(now.now_ms)
        if len(hole):
            path[order.symbol] = hole
    return path


def read_signals(run: BotRun, now: MarketNow) -> None:
    """Bars and signals of every due symbol whose candles are good. Bots alike share them."""
    market = run.settings.market
    columns = columns_read(run.weighted)
    voters = tuple((strategy.name, strategy.params, weight) for strategy, weight in run.weighted)
    for symbol in run.watched:
        candles = now.stored.get((symbol, market.timeframe))
        if symbol not in run.due or symbol in now.problems or candles is None or not len(candles):
            continue
        context = {
            timeframe: now.stored[symbol, timeframe]
            for timeframe in market.context_timeframes
            if (symbol, timeframe) in now.stored
        }
        series = (symbol, market.timeframe, *context)
        handled_ms = _judged_from(run, symbol, candles)
        if (series, handled_ms, voters) not in now.judged:
            if series not in now.tables:
                now.tables[series] = compute(candles, context)
            bars = table_bars(now.tables[series], candles.step_ms, handled_ms, columns)
            now.judged[series, handled_ms, voters] = bars, tuple(judge(bar, run.weighted) for bar in bars)
        bars, run.signals[symbol] = now.judged[series, handled_ms, voters]
        run.bars.extend(bars)


def _judged_from(run: BotRun, symbol: str, candles: Candles) -> int | None:
    """Up to which candle there is nothing left to judge.

    After a long outage all but the newest MOST_JUDGED candles get their verdict
    unjudged: none of them can be entered, and their votes must not make the tick
    that comes back too large to be saved.
    """
    handled_ms = run.snapshot.handled.get(symbol)
    if handled_ms is None:
        return None
    oldest_ms = int(candles.open_ms[-1]) - MOST_JUDGED * candles.step_ms
    if handled_ms >= oldest_ms:
        return handled_ms
    skipped = candles.open_ms[(candles.open_ms > handled_ms) & (candles.open_ms <= oldest_ms)]
    verdict = "hold" if run.account.trade_of(symbol) else "no_trade"
    run.unjudged += [
        Verdict(symbol, candles.timeframe, int(open_ms), verdict, (Reason("older_bar", Effect.NOTE),))
        for open_ms in skipped
    ]
    return oldest_ms


def make_views(run: BotRun, now: MarketNow, books: dict[str, OrderBook]) -> None:
    """What the rulebook gets to see. books: order books of symbols about to be entered; they beat the ticker."""
    run.views = tuple(_view(run, now, symbol, books.get(symbol)) for symbol in run.symbols)


def _view(run: BotRun, now: MarketNow, symbol: str, book: OrderBook | None) -> SymbolView:
    quote = now.quotes.get(symbol, NO_QUOTE)
    bid, ask = quote.bid, quote.ask
    if book is not None and book.bids and book.asks:
        bid, ask = book.bids[0][0], book.asks[0][0]
    market = now.markets.get(symbol)
    if run.live and TAKES_NO_SALE & {now.status, market.status if market else ""}:
        # Nobody buys: by the time the sale was refused, the stop that held its coins would be gone.
        bid = NAN
    high, low = _extremes(run, now, symbol)
    signals = run.signals.get(symbol, ())
    newest = next((bar for bar in reversed(run.bars) if bar.symbol == symbol), None)
    return SymbolView(
        symbol=symbol,
        quote_bid=bid,
        quote_ask=ask,
        quote_last=quote.last,
        high_since=high,
        low_since=low,
        price_step=float(market.price_step) if market else NAN,
        size_step=float(market.size_step) if market else NAN,
        min_size=float(market.min_size) if market else NAN,
        min_notional=float(market.min_notional) if market else NAN,
        taker_fee=float(market.taker_fee) if market else NAN,
        problem=_problem(run, now, symbol, market),
        signals=signals,
        atr=signals[-1].atr if signals else NAN,
        volatility_ratio=newest.features[VOLATILITY] if newest else NAN,
        correlations=_correlations(run, now, symbol),
    )


def _wants_in(run: BotRun, symbol: str) -> bool:
    """Whether the newest signal is one to buy."""
    signals = run.signals.get(symbol, ())
    return bool(signals) and signals[-1].direction > 0


def _correlations(run: BotRun, now: MarketNow, symbol: str) -> tuple[tuple[str, float], ...]:
    """How a symbol that may be entered moves with every other one that is held, waited for or may be entered too."""
    if not _wants_in(run, symbol):
        return ()
    active = run.account.symbols()
    found = []
    for other in run.symbols:
        if other == symbol or not (other in active or _wants_in(run, other)):
            continue
        pair = (min(symbol, other), max(symbol, other), run.timeframe)
        if pair not in now.correlations:
            one, two = (now.stored.get((name, run.timeframe)) for name in pair[:2])
            now.correlations[pair] = correlation(one, two) if one is not None and two is not None else NAN
        if not math.isnan(now.correlations[pair]):
            found.append((other, now.correlations[pair]))
    return tuple(found)


def _problem(run: BotRun, now: MarketNow, symbol: str, market: Market | None) -> str:
    """Why this symbol may not be entered now, as a rule name; "" when it may."""
    if symbol in now.problems:
        return now.problems[symbol].rule
    if market is None:
        return "unknown_symbol"
    if market.status != ONLINE or symbol not in run.watched:
        return "not_tradable"
    finest = now.stored.get((symbol, run.finest))
    if symbol in run.due and (finest is None or is_stale(finest, now.now_ms, run.settings.market.stale_after_s)):
        return "stale"
    return ""


def _extremes(run: BotRun, now: MarketNow, symbol: str) -> tuple[float, float]:
    """Highest and lowest price since the last tick, of candles that lie wholly after the position's entry."""
    finest = now.stored.get((symbol, run.finest))
    trade = run.account.trade_of(symbol)
    if finest is None or trade is None:
        return NAN, NAN
    since = (
        (finest.close_ms > run.snapshot.last_tick_ms)
        & (finest.open_ms >= trade.entry_ms)
        & (finest.close_ms <= now.now_ms)
    )
    if not since.any():
        return NAN, NAN
    return float(finest.high[since].max()), float(finest.low[since].min())


def take_decision(run: BotRun, now: MarketNow) -> Decision:
    """Ask the rulebook."""
    waiting = next((rule for rule in (run.halted, *run.waits) if rule), "")
    halted = waiting or ("" if now.status == ONLINE else "venue_status")
    equity = float(run.account.cash + run.account.positions_value(_prices(run, now)))
    run.book = run.account.book(equity, now.now_ms, halted)
    if run.hands_off:
        run.book = replace(run.book, in_doubt=run.symbols)
    run.decision = decide(run.book, run.views, run.rules, now.now_ms)
    return run.decision


def symbols_to_enter(decision: Decision) -> tuple[str, ...]:
    return tuple(i.symbol for i in decision.intents if i.action == "place" and i.leg is Leg.ENTRY)


def record(run: BotRun, now: MarketNow, code_version: str) -> DecisionRecord | None:
    """All that a replay needs; None where there was nothing to decide."""
    decision = run.decision
    if decision is None or not (run.bars or decision.intents or decision.marks or run.account.trades):
        return None
    inputs = {
        "now_ms": now.now_ms,
        "book": to_json(run.book),
        "views": [to_json(replace(view, signals=())) for view in run.views],
        "rules": to_json(run.rules),
        "bars": [to_json(bar) for bar in run.bars],
        "candles": [seal for symbol in run.signals for seal in _seals(run, now, symbol)],
        "strategies": [
            {"name": strategy.name, "weight": weight, "params": to_json(strategy.params)}
            for strategy, weight in run.weighted
        ],
    }
    outputs = {
        "signals": [to_json(signal) for signals in run.signals.values() for signal in signals],
        "decision": to_json(decision),
    }
    return DecisionRecord(run.snapshot.bot_id, inputs, outputs, run.snapshot.settings_version, code_version)


def _seals(run: BotRun, now: MarketNow, symbol: str) -> list[dict[str, Any]]:
    """Checksums of the candles that a symbol's signals were made of: shows later that the archive is what was seen."""
    market = run.settings.market
    found = []
    for timeframe in (market.timeframe, *market.context_timeframes):
        candles = now.stored.get((symbol, timeframe))
        if candles is None or not len(candles):
            continue
        key = (symbol, timeframe)
        if key not in now.checksums:
            now.checksums[key] = checksum(candles)
        first_ms, last_ms = int(candles.open_ms[0]), int(candles.open_ms[-1])
        found.append(
            {
                "symbol": symbol, "timeframe": timeframe, "first_ms": first_ms, "last_ms": last_ms,
                "checksum": now.checksums[key],
            }
        )  # fmt: skip
    return found


def plan(run: BotRun, now: MarketNow, attempt: int, deadline_ms: int, more: Sequence[Intent] = ()) -> list[Planned]:
    """Order rows for the decision's intents and any more, and the new marks of its positions.

    deadline_ms: the venue's time from which on it must refuse the orders.
    """
    decision, book = run.decision, run.book
    assert decision is not None
    assert book is not None
    for mark in decision.marks:
        run.account.mark(mark, now.markets[mark.symbol], now.now_ms)
    intents = [intent for intent in (*more, *decision.intents) if intent.symbol not in book.in_doubt]
    planned = plan_more(run, now, intents, attempt, deadline_ms)
    if run.live:
        _keep_to_most(run, planned, now.now_ms)
    return planned


def _keep_to_most(run: BotRun, planned: Sequence[Planned], now_ms: int) -> None:
    """Entries beyond the most orders of one tick are never placed; what protects and exits always is."""
    entries = [item.order for item in planned if item.intent.leg is Leg.ENTRY and item.intent.action == "place"]
    room = max(run.settings.live.max_orders_per_tick - (len(planned) - len(entries)), 0)
    for order in entries[room:]:
        run.account.put_order(move_order(order, OrderStatus.NOT_PLACED), now_ms, why="too many orders in one tick")


def _fitted(run: BotRun, now: MarketNow, intent: Intent) -> Intent | None:
    """The intent in the size that the account can deliver; None where that is nothing, or changes nothing.

    Where somebody sold by hand, asking the venue for what is not there would be refused tick after tick.
    """
    there = run.sellable.get(intent.symbol)
    if there is None or intent.leg is Leg.ENTRY:
        return intent
    if there < now.markets[intent.symbol].min_size:
        return None
    if intent.action == "cancel" or intent.size <= float(there):
        return intent
    fitted = replace(intent, size=float(there))
    resting = run.account.orders.get(intent.client_id)
    same = (
        resting is not None
        and float(resting.remaining) == fitted.size
        and not (intent.stop_price > float(resting.stop_price or 0))
    )
    return None if same else fitted


def plan_more(run: BotRun, now: MarketNow, intents: Sequence[Intent], attempt: int, deadline_ms: int) -> list[Planned]:
    """Order rows for intents of this tick; they are among run.planned from then on."""
    ttl_ms = paper_rules(run.settings).entry_ttl_ms
    intents = [fitting for intent in intents if (fitting := _fitted(run, now, intent)) is not None]
    planned = plan_orders(intents, run.account, now.markets, now.now_ms, attempt, ttl_ms, deadline_ms)
    run.planned += planned
    return planned


def finish_commands(run: BotRun) -> None:
    """Commands that are carried out, and what came of them. One that could not be is tried again at the next tick."""
    done = []
    before, left = run.account.symbols_before(), run.account.symbols()
    for command in run.snapshot.commands:
        symbol = str(command.args.get("symbol", ""))
        if command.kind == "close_all" and not before & left:
            done.append((command.command_id, f"closed {len(before)} symbol(s)"))
        elif command.kind == "close" and symbol not in left:
            result = f"closed {symbol}" if symbol in before else f"nothing to close: no position in {symbol}"
            done.append((command.command_id, result))
        elif command.kind == "lift_breaker" and run.decision is not None:
            was_open = run.snapshot.latches.breaker_since_ms > 0
            done.append((command.command_id, "the global breaker is closed" if was_open else "it was not open"))
    run.commands_done = tuple(done)


def data_events(run: BotRun, now: MarketNow, fetched: Iterable[str]) -> list[RiskEvent]:
    """One open event per symbol with bad data; resolved once its data was fetched and is good again."""
    events: list[RiskEvent] = []
    good, held = set(fetched), run.account.symbols()
    for symbol in run.symbols:
        key = f"data:{symbol}"
        problem = now.problems.get(symbol)
        if problem is None and symbol not in now.markets and (symbol in run.due or symbol in held):
            problem = Problem("unknown_symbol", f"{symbol} is not listed by the exchange")
        if problem is not None:
            message = f"{symbol} skipped: {problem.detail}"
            fix = "nothing to do: it is tried again at the next tick"
            if problem.rule == "unknown_symbol":
                fix = f"take {symbol} out of market.symbols, or correct its name"
            if symbol in held:
                message += "; its position is not looked after meanwhile"
            severity = "error" if symbol in held else "warning"
            events.append(RiskEvent(run.snapshot.bot_id, key, symbol, problem.rule, severity, message, fix, now.now_ms))
        elif key in run.snapshot.open_risk_keys and symbol in good:
            events.append(
                RiskEvent(run.snapshot.bot_id, key, symbol, "data", "info", "good again", "", now.now_ms, True)
            )
    for key in run.snapshot.open_risk_keys:
        symbol = key.removeprefix("data:")
        if symbol != key and symbol not in run.symbols:
            events.append(
                RiskEvent(run.snapshot.bot_id, key, symbol, "data", "info", "no longer traded", "", now.now_ms, True)
            )
    return events


BOOK_EVENTS = {
    "global_breaker": ("error", "see what happened, then lift it: python -m bot resume --lift-breaker"),
    "drawdown_pause": ("error", "nothing to do: it ends by itself after risk.drawdown_pause_s"),
    "daily_loss": ("warning", "nothing to do: it ends with the UTC day"),
    "consecutive_losses": ("warning", "nothing to do: it ends with the UTC day"),
}
"""Rules of the whole book that a person is told of: how grave, and how it ends."""


def book_events(run: BotRun, now: MarketNow) -> list[RiskEvent]:
    """One open event per rule that stops all entries; resolved once it does no more."""
    if run.decision is None:
        return []
    events: list[RiskEvent] = []
    standing = {note.rule: dict(note.values) for note in run.decision.notes if note.effect is Effect.BLOCK}
    for rule, (severity, fix) in BOOK_EVENTS.items():
        key = f"book:{rule}"
        values = standing.get(rule)
        if values is not None:
            message = _book_message(rule, values)
            events.append(RiskEvent(run.snapshot.bot_id, key, "", rule, severity, message, fix, now.now_ms))
        elif key in run.snapshot.open_risk_keys:
            events.append(
                RiskEvent(run.snapshot.bot_id, key, "", rule, "info", "entries are allowed again", "", now.now_ms, True)
            )
    return events


def _book_message(rule: str, values: Mapping[str, float | str]) -> str:
    if rule == "consecutive_losses":
        return f"no more entries today: {float(values['count']):.0f} losses in a row"
    lost, limit = float(values.get("drawdown", values.get("loss", NAN))), float(values["limit"])
    since = "the day's opening" if rule == "daily_loss" else "its peak"
    return f"no entries: equity is {lost:.1%} below {since}, the limit is {limit:.1%}"


def _prices(run: BotRun, now: MarketNow) -> dict[str, Decimal]:
    """What each symbol would sell for, on its price step."""
    prices = {}
    for symbol in run.symbols:
        quote, market = now.quotes.get(symbol), now.markets.get(symbol)
        if quote is None or market is None:
            continue
        price = quote.bid if quote.bid > 0.0 else quote.last
        if price > 0.0:
            prices[symbol] = quantize(price, market.price_step)
    return prices


def equity_snapshot(run: BotRun, now: MarketNow) -> EquitySnapshot:
    """Cash plus positions at the bid, after this tick's fills."""
    value = run.account.positions_value(_prices(run, now))
    equity = run.account.cash + value
    peak = max(equity, run.snapshot.peak_equity or equity, run.snapshot.initial_cash)
    drawdown = float(1 - equity / peak) if peak > 0 else 0.0
    exposure = float(value / equity) if equity > 0 else 0.0
    latches = run.decision.latches if run.decision is not None else run.snapshot.latches
    return EquitySnapshot(
        run.snapshot.bot_id, now.now_ms, run.account.cash, value, equity, peak, max(drawdown, 0.0), exposure,
        max(run.account.breaker_peak(equity), equity), latches.breaker_since_ms, latches.drawdown_peak,
        latches.paused_until_ms, latches.day_lost_ms,
    )  # fmt: skip


def state_changes(run: BotRun, now: MarketNow) -> tuple[StateChange, ...]:
    """Steps of the bot state machine that this tick made, and its status: ERROR while its settings are wrong."""
    snapshot = run.snapshot
    if snapshot.status is BotStatus.IDLE and not run.account.symbols():
        return ()
    account = run.account
    pending = sum(o.leg is Leg.ENTRY for o in account.live_orders())
    target = target_state(snapshot.state, len(account.positions()), pending, len(account.closed))
    steps: list[BotState] = list(path(snapshot.state, target))
    status = snapshot.status
    if status in (BotStatus.RUNNING, BotStatus.ERROR):
        status = BotStatus.ERROR if run.halted else BotStatus.RUNNING
    if status is not snapshot.status and not steps:
        steps = [snapshot.state]
    closed = ", ".join(f"{t.symbol} {t.exit_reason}" for t in account.closed)
    reason = closed or ", ".join(sorted(account.symbols())) or "watching"
    return tuple(StateChange(snapshot.bot_id, status, step, reason, now.now_ms) for step in steps)


def plan_writes(run: BotRun, decision_record: DecisionRecord | None) -> BotWrites:
    """First commit of a decision: what settled, what was judged, and the order rows before any request."""
    assert run.decision is not None
    return replace(
        run.account.drain(),
        signals=tuple(signal for signals in run.signals.values() for signal in signals),
        verdicts=(*run.unjudged, *run.decision.verdicts),
        decision=decision_record,
    )


def outcome_writes(run: BotRun, now: MarketNow) -> BotWrites:
    """Last commit: what the venue answered, and where that leaves the bot."""
    return replace(
        run.account.drain(),
        equity=equity_snapshot(run, now),
        states=state_changes(run, now),
        commands_done=run.commands_done,
    )
