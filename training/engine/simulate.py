"""Years of ticks in one loop: settle, judge the book, tend, enter, book. It holds the flow and the arithmetic alone.

Every comparison with a number of the rules, and every fill, is a call of the
rulebook's core: the same functions that the tick calls, compiled. What stands
here is what stands in jobs/ and in the bookkeeping of rulebook/settle.py and
rulebook/ledger.py: in which order things happen, and exact sums. The parity test
(tests/parity) holds this file to those.

Runs interpreted as well, far slower: training/engine/compile.py compiles it.
"""

from __future__ import annotations

import math
import sys
from typing import NamedTuple

import numpy as np

from bot.rulebook.book_rules import ALLOWED, DAILY_TRADES, BookInputs, entries_left, judge_book, takes_back
from bot.rulebook.cooldowns import cooldown_until
from bot.rulebook.exits import LEAVE, PART, Held, Seen, Tending, tend
from bot.rulebook.fills import match_marketable_buy, match_resting_buy, match_stop_sell, sell_price
from bot.rulebook.gates import PASS, GateInputs, gate
from bot.rulebook.limits import (
    CAPS,
    NO_RULE,
    EntryInputs,
    EntryPrices,
    entry_cost,
    entry_prices,
    held_risk,
    is_correlated,
    pending_risk,
    plan_entry,
    unit_worth,
)
from bot.rulebook.rules import PaperRules, Rules
from training.engine.exact import Wide, add, divide, half_even, scale, subtract, to_float, wide_product, wide_sum
from training.engine.state import (
    BOOK,
    FEE_UNITS,
    GATE,
    LOTS_PER_UNIT,
    RATE_UNITS,
    REFUSED,
    SHRUNK,
    Curve,
    Ledger,
)
from training.market.arrays import Bars, Floats, Ints, Moments, Path, Records

DAY_MS = 86_400_000
STOP_LOSS_WHY = 2
TRAILING_WHY = 3
BREAKEVEN_WHY = 7
"""Codes of reasons: those of exits.EXIT_RULES, and one more that only a stop has."""

COMPENSATED = sys.version_info >= (3, 12)
"""Python's sum of floats carries its rounding along since then, and the tick's sums are Python's."""


class Money(NamedTuple):
    """Units of exact money. unit: common units in one quote unit.  per_fee: common units in one unit of fees."""

    unit: float
    per_fee: float


class World(NamedTuple):
    """What all functions here work on: the bot's ledger, the market, the rules.

    listing: LISTING[symbols].  spread_bps: ask over bid, of the price.
    """

    ledger: Ledger
    path: Path
    bars: Bars
    listing: Records
    rules: Rules
    paper: PaperRules
    money: Money
    spread_bps: float


class Quoted(NamedTuple):
    """bid, ask, last: quote currency, nan before the first trade.  bid_steps: price steps, 0 for none."""

    bid: float
    ask: float
    last: float
    bid_steps: int


class Means(NamedTuple):
    """What entries of one tick may still commit. Money in quote currency.

    risk: lost where every stop is hit.  taken: symbols held, pending or entered.  entries_left: trades of today.
    """

    equity: float
    cash_free: float
    exposure: float
    risk: float
    taken: int
    entries_left: int


class Past(NamedTuple):
    """What closed trades came to before this tick's orders: net returns per entry cost, 0.0 unknown."""

    wins: int
    losses: int
    mean_win: float
    mean_loss: float


def simulate(w: World, moments: Moments, initial_cash: float, curve: Curve) -> None:
    """Tick through all moments. Fills the ledger of `w` and `curve` in place."""
    symbols = len(w.listing)
    terms = np.empty(symbols)
    places = np.empty(symbols, dtype=np.int64)
    sureness = np.empty(symbols)
    taken = np.zeros(symbols, dtype=np.int64)
    bars, purse = w.bars, w.ledger.purse
    peak = initial_cash
    day, day_open = -1, 0.0
    drawdown_peak, paused_until_ms, breaker_since_ms, day_lost_ms = 0.0, 0, 0, 0
    handled = -1
    last_tick_ms = 0
    for t in range(len(moments.ms)):
        now_ms, last = moments.ms[t], moments.last[t]
        purse[0].won = purse[0].won_high
        purse[0].lost = purse[0].lost_high
        if purse[0].held + purse[0].pending > 0:
            _list_in_order(w)
            _settle(w, now_ms)

        newest = (now_ms - bars.first_ms) // bars.step_ms - 1
        due = newest > handled
        handled = max(newest, handled)
        holding, waiting = purse[0].held, purse[0].pending
        cash = to_float(Wide(purse[0].cash_high, purse[0].cash_low), w.money.unit)
        worth = _worth(w, last, terms)
        equity = cash + worth
        # Nothing is booked yet of a day that begins: it opens with what is there now.
        opened = _exact_equity(w, last) if now_ms // DAY_MS != day else day_open
        judged = judge_book(
            _book_inputs(
                w, equity, opened, peak, drawdown_peak, paused_until_ms, breaker_since_ms, day_lost_ms, now_ms
            ),
            w.rules,
        )
        drawdown_peak, paused_until_ms = judged.drawdown_peak, judged.paused_until_ms
        breaker_since_ms, day_lost_ms = judged.breaker_since_ms, judged.day_lost_ms
        blocked = judged.code != ALLOWED

        if due or holding > 0:
            means = _means(w, last, equity, cash, worth, terms, taken, now_ms)
            past = _past(w)
            found = 0
            for s in range(symbols):
                known = due and newest >= bars.first[s]
                if w.ledger.accounts[s].held > 0:
                    sells = known and bars.signals[newest, s].direction < 0
                    sell_confidence = bars.signals[newest, s].confidence if sells else 0.0
                    _tend(w, s, _quote(w, last, s), sell_confidence, last_tick_ms, now_ms)
                elif known:
                    code = gate(_gate_inputs(w, newest, s, _quote(w, last, s), blocked, now_ms), w.rules)
                    w.ledger.counts[GATE, code] += 1
                    if code == PASS:
                        places[found], sureness[found] = s, bars.signals[newest, s].confidence
                        found += 1
            if due:
                w.ledger.counts[BOOK, judged.code] += 1
            _strongest_first(places, sureness, found)
            for n in range(found):
                means = _enter(w, newest, places[n], _quote(w, last, places[n]), means, past, taken, now_ms)
        if waiting > 0 and takes_back(judged.code):
            _withdraw(w)

        value = _exact_value(w, last)
        whole = add(Wide(purse[0].cash_high, purse[0].cash_low), value)
        result = to_float(whole, w.money.unit)
        curve.equity[t] = result
        curve.exposure[t] = value.high / whole.high if whole.high > 0.0 else 0.0
        peak = max(peak, result)
        if now_ms // DAY_MS != day:
            day, day_open = now_ms // DAY_MS, result
        last_tick_ms = now_ms
    _report_open(w)


# --- What the rules are asked ------------------------------------------------------------------


def _book_inputs(
    w: World,
    equity: float,
    day_open: float,
    peak: float,
    drawdown_peak: float,
    paused_until_ms: int,
    breaker_since_ms: int,
    day_lost_ms: int,
    now_ms: int,
) -> BookInputs:
    return BookInputs(
        equity=equity,
        day_open_equity=day_open,
        peak_equity=peak,
        drawdown_peak=drawdown_peak,
        paused_until_ms=paused_until_ms,
        breaker_since_ms=breaker_since_ms,
        day_lost_ms=day_lost_ms,
        trades_today=_trades_today(w, now_ms),
        losses_in_row=_losses_in_row(w, now_ms),
        now_ms=now_ms,
    )


def _trades_today(w: World, now_ms: int) -> int:
    """Trades that began in the UTC day."""
    return w.ledger.purse[0].begun_today if w.ledger.purse[0].begun_day == now_ms // DAY_MS else 0


def _losses_in_row(w: World, now_ms: int) -> int:
    """Losses that ended in the UTC day since the last trade that was none."""
    return w.ledger.purse[0].lost_in_row if w.ledger.purse[0].ended_day == now_ms // DAY_MS else 0


def _means(
    w: World, last: Ints, equity: float, cash: float, worth: float, terms: Floats, taken: Ints, now_ms: int
) -> Means:
    """What positions and waiting entries leave for new ones. Marks in `taken` the symbols of both."""
    accounts, purse = w.ledger.accounts, w.ledger.purse[0]
    count, waiting = purse.held, 0
    taken[:] = 0
    for n in range(purse.held):
        taken[accounts[n].nth_held] = 1
    for n in range(purse.pending):
        s = accounts[n].nth_pending
        if taken[s] == 0:
            waiting += 1
        taken[s] = 1
    return Means(
        equity,
        cash - _reserved(w, terms),
        worth + _ordered(w, terms),
        _risk_held(w, last, terms) + _risk_pending(w, terms),
        count + waiting,
        entries_left(_trades_today(w, now_ms), waiting, w.rules),
    )


def _gate_inputs(w: World, newest: int, s: int, quoted: Quoted, blocked: bool, now_ms: int) -> GateInputs:
    signal, account = w.bars.signals[newest, s], w.ledger.accounts[s]
    close_ms = w.bars.first_ms + (newest + 1) * w.bars.step_ms
    return GateInputs(
        problem=False,
        direction=signal.direction,
        confidence=signal.confidence,
        age_bars=(now_ms - close_ms) / w.bars.step_ms,
        book_blocked=blocked,
        in_doubt=False,
        pending=account.left > 0,
        close_requested=False,
        cooldown_left_ms=float(max(account.cool_until_ms - now_ms, 0)),
        bid=quoted.bid,
        ask=quoted.ask,
    )


def _past(w: World) -> Past:
    purse = w.ledger.purse[0]
    mean_win = purse.won / purse.wins if purse.wins > 0 else 0.0
    mean_loss = purse.lost / purse.losses if purse.losses > 0 else 0.0
    return Past(purse.wins, purse.losses, mean_win, mean_loss)


def _enter(w: World, newest: int, s: int, quoted: Quoted, means: Means, past: Past, taken: Ints, now_ms: int) -> Means:
    """Size one entry and place it. Returns what is left for the next one."""
    if means.entries_left <= 0:
        w.ledger.counts[BOOK, DAILY_TRADES] += 1
        return means
    listed = w.listing[s]
    prices = entry_prices(quoted.ask, listed.price_step, w.rules)
    plan = plan_entry(_entry_inputs(w, newest, s, prices, means, past, taken), w.rules)
    before = plan.wanted
    for n in range(len(CAPS)):
        after = plan.after[n]
        if 0.0 < after < before:
            w.ledger.counts[SHRUNK, CAPS[n]] += 1
        before = after
    if plan.blocked_by != NO_RULE:
        w.ledger.counts[REFUSED, plan.blocked_by] += 1
        return means
    _place(w, newest, s, plan.size, prices, quoted.ask, now_ms)
    taken[s] = 1
    return Means(
        means.equity,
        means.cash_free - entry_cost(plan.size, prices.limit, listed.taker_fee),
        means.exposure + plan.size * prices.limit,
        means.risk + plan.size * (prices.limit - prices.stop),
        means.taken + 1,
        means.entries_left - 1,
    )


def _entry_inputs(
    w: World, newest: int, s: int, prices: EntryPrices, means: Means, past: Past, taken: Ints
) -> EntryInputs:
    listed, signal = w.listing[s], w.bars.signals[newest, s]
    return EntryInputs(
        equity=means.equity,
        cash_free=means.cash_free,
        exposure=means.exposure,
        open_count=means.taken,
        price=prices.limit,
        stop_price=prices.stop,
        size_step=listed.size_step,
        min_size=listed.min_size,
        min_notional=listed.min_notional,
        taker_fee=listed.taker_fee,
        scale=signal.scale,
        portfolio_risk=means.risk,
        atr=signal.atr,
        volatility_ratio=signal.volatility_ratio,
        correlated=_correlated(w, newest, s, taken),
        wins=past.wins,
        losses=past.losses,
        mean_win=past.mean_win,
        mean_loss=past.mean_loss,
        held_size=0.0,
        held_notional=0.0,
        adds=-1,
        last_buy_price=math.nan,
        last_buy_size=math.nan,
    )


def _correlated(w: World, newest: int, s: int, taken: Ints) -> int:
    """How many symbols that are taken move with this one."""
    symbols, count = len(taken), 0
    for other in range(symbols):
        if other != s and taken[other] > 0:
            low, high = min(s, other), max(s, other)
            pair = low * (2 * symbols - low - 1) // 2 + high - low - 1
            if is_correlated(w.bars.correlations[newest, pair], w.rules):
                count += 1
    return count


def _tend(w: World, s: int, quoted: Quoted, sell_confidence: float, last_tick_ms: int, now_ms: int) -> None:
    """Leave a position, sell a part of it, or move its stop."""
    account, listed = w.ledger.accounts[s], w.listing[s]
    held = account.held
    tending = tend(
        Held(
            size=held / LOTS_PER_UNIT,
            bought=account.bought / LOTS_PER_UNIT,
            entry_price=account.entry_price,
            stop_price=account.stop / listed.unit if account.stop_lots > 0 else math.nan,
            target_price=account.target / listed.unit if account.target > 0 else math.nan,
            high_water=account.high / listed.unit,
            armed=account.armed > 0,
        ),
        Seen(
            bid=quoted.bid,
            high=_highest_since(w.path, s, last_tick_ms, account.entry_ms, now_ms),
            price_step=listed.price_step,
            size_step=listed.size_step,
            min_size=listed.min_size,
            min_notional=listed.min_notional,
            taker_fee=listed.taker_fee,
        ),
        sell_confidence,
        False,
        w.rules,
    )
    if tending.action == LEAVE:
        _drop_entry(w, s)
        account.stop_lots = 0
        _sell_at_market(w, s, held, quoted.bid, now_ms, tending.rule)
    elif tending.action == PART:
        _drop_entry(w, s)
        _protect(w, s, tending, tending.left, now_ms)
        _sell_at_market(w, s, min(_order_lots(w, s, tending.sell_size), held), quoted.bid, now_ms, tending.rule)
    else:
        _protect(w, s, tending, held / LOTS_PER_UNIT, now_ms)


def _protect(w: World, s: int, tending: Tending, size: float, now_ms: int) -> None:
    """Keep the stop as large as what stays and no lower than it belongs; keep how far the trade has come."""
    account, listed = w.ledger.accounts[s], w.listing[s]
    if tending.high_water != account.high / listed.unit or tending.armed != (account.armed > 0):
        account.high = _steps(tending.high_water, listed.price_step)
        account.armed = 1 if tending.armed else 0
    too_small = size < listed.min_size
    if account.stop_lots == 0:
        if not too_small:
            _rest_stop(w, s, _order_lots(w, s, size), _steps(tending.stop_price, listed.price_step), now_ms)
        return
    resting = account.stop_lots / LOTS_PER_UNIT
    off = size - resting
    if too_small:
        if -off >= listed.size_step / 2.0:
            account.stop_lots = 0
        return
    covers = abs(off) >= listed.size_step / 2.0
    rises = tending.stop_price > account.stop / listed.unit
    if not (covers or rises):
        return
    lots = _order_lots(w, s, size if covers else resting)
    steps = _steps(tending.stop_price, listed.price_step) if rises else account.stop
    if lots == account.stop_lots and steps == account.stop:
        return
    account.stop_lots = lots
    account.stop = steps
    account.stop_placed_ms = now_ms
    account.stop_why = BREAKEVEN_WHY if tending.at_breakeven else TRAILING_WHY if tending.armed else STOP_LOSS_WHY


# --- Between two ticks: what rests, against the candles -----------------------------------------


def _settle(w: World, now_ms: int) -> None:
    """All resting orders up to now. Entries first: their trades are listed in the order of the entries."""
    accounts, purse = w.ledger.accounts, w.ledger.purse
    # The columns change while trades open and close: what is to be looked at is counted in marks before.
    n = 0
    while n < purse[0].pending:
        s = accounts[n].nth_pending
        before = purse[0].pending
        _settle_symbol(w, s, now_ms)
        n += 1 - (before - purse[0].pending)
    n = 0
    while n < purse[0].held:
        s = accounts[n].nth_held
        before = purse[0].held
        if accounts[s].stop_lots > 0:
            _settle_symbol(w, s, now_ms)
        n += 1 - (before - purse[0].held)


def _settle_symbol(w: World, s: int, now_ms: int) -> None:
    """As settle._settle_symbol: one symbol's entry and stop against each candle that closed since they were checked."""
    account, listed, path = w.ledger.accounts[s], w.listing[s], w.path
    checked_ms = stands_ms = now_ms
    if account.left > 0:
        checked_ms, stands_ms = account.checked_ms, account.placed_ms
    if account.stop_lots > 0:
        checked_ms, stands_ms = min(checked_ms, account.stop_checked_ms), account.stop_placed_ms
    first = max((checked_ms - path.first_ms) // path.step_ms, path.first[s])
    end = min((now_ms - path.first_ms) // path.step_ms, len(path.candles))
    for i in range(first, end):
        candle = path.candles[i, s]
        open_ms = path.first_ms + i * path.step_ms
        close_ms = open_ms + path.step_ms
        traded = candle.filled == 0
        if account.left > 0 and traded and close_ms > account.checked_ms:
            match = match_resting_buy(
                account.left / LOTS_PER_UNIT, account.limit / listed.unit, candle.low, candle.volume,
                w.paper.participation_frac, listed.size_step, listed.min_size,
            )  # fmt: skip
            if match.size > 0.0:
                waited = open_ms >= account.placed_ms and candle.open > match.price
                _fill_entry(w, s, match.size, match.price, close_ms, waited, checked_ms)
                account.checked_ms = close_ms
        if account.stop_lots > 0 and traded:
            trigger = account.stop / listed.unit
            match = match_stop_sell(
                account.stop_lots / LOTS_PER_UNIT, trigger, candle.open if open_ms >= stands_ms else trigger,
                candle.low, w.paper.slippage_frac, listed.price_step,
            )  # fmt: skip
            if match.size > 0.0:
                lots = account.stop_lots
                account.stop_lots = 0
                _book_sale(w, s, lots, _steps(match.price, listed.price_step), close_ms, account.stop_why)
                _drop_entry(w, s)
        checked_ms = close_ms
        if account.left > 0 and close_ms >= account.expires_ms:
            _drop_entry(w, s)
    if account.left > 0 and now_ms >= account.expires_ms:
        _drop_entry(w, s)
    account.checked_ms = max(account.checked_ms, checked_ms)
    account.stop_checked_ms = max(account.stop_checked_ms, checked_ms)


# --- Orders -------------------------------------------------------------------------------------


def _place(w: World, newest: int, s: int, size: float, prices: EntryPrices, ask: float, now_ms: int) -> None:
    """A new entry: what is marketable is bought at once, the rest waits until it expires."""
    account, listed, signal = w.ledger.accounts[s], w.listing[s], w.bars.signals[newest, s]
    lots = _lots(size, listed.size_step)
    w.ledger.purse[0].orders += 1
    if lots < listed.min_lots:
        return
    account.left = lots
    account.limit = _steps(prices.limit, listed.price_step)
    account.entry_stop = _steps(prices.stop, listed.price_step)
    account.entry_target = _steps(prices.target, listed.price_step)
    account.placed_ms = now_ms
    account.checked_ms = now_ms
    account.expires_ms = now_ms + w.paper.entry_ttl_ms
    account.leader = signal.leader
    account.rank = signal.rank
    w.ledger.accounts[w.ledger.purse[0].pending].nth_pending = s
    w.ledger.purse[0].pending += 1
    match = match_marketable_buy(
        lots / LOTS_PER_UNIT, account.limit / listed.unit, ask, _recent_volume(w.path, s, now_ms),
        w.paper.slippage_frac, w.paper.participation_frac, listed.price_step, listed.size_step, listed.min_size,
    )  # fmt: skip
    if match.size > 0.0:
        _fill_entry(w, s, match.size, match.price, now_ms, False, now_ms)


def _fill_entry(w: World, s: int, size: float, price: float, at_ms: int, maker: bool, checked_ms: int) -> None:
    """Book what an entry bought, and let its stop cover it."""
    account, listed = w.ledger.accounts[s], w.listing[s]
    left = account.left
    lots = left if size == left / LOTS_PER_UNIT else min(_lots(size, listed.size_step), left)
    _book_purchase(w, s, lots, _steps(price, listed.price_step), at_ms, maker)
    if account.stop_lots > 0:
        account.stop_lots += lots
    else:
        _rest_stop(w, s, lots, account.entry_stop, at_ms)
    account.stop_checked_ms = checked_ms
    account.left = left - lots
    if account.left == 0:
        _forget_pending(w, s)


def _rest_stop(w: World, s: int, lots: int, price: int, at_ms: int) -> None:
    account = w.ledger.accounts[s]
    account.stop_lots = lots
    account.stop = price
    account.stop_placed_ms = at_ms
    account.stop_checked_ms = at_ms
    account.stop_why = STOP_LOSS_WHY
    w.ledger.purse[0].orders += 1


def _drop_entry(w: World, s: int) -> None:
    """What still rests of an entry goes."""
    if w.ledger.accounts[s].left > 0:
        w.ledger.accounts[s].left = 0
        _forget_pending(w, s)


def _withdraw(w: World) -> None:
    """No entry rests any more."""
    accounts = w.ledger.accounts
    for n in range(w.ledger.purse[0].pending):
        accounts[accounts[n].nth_pending].left = 0
    w.ledger.purse[0].pending = 0


def _sell_at_market(w: World, s: int, lots: int, bid: float, now_ms: int, why: int) -> None:
    price = sell_price(bid, w.paper.slippage_frac, w.listing[s].price_step)
    w.ledger.purse[0].orders += 1
    _book_sale(w, s, lots, _steps(price, w.listing[s].price_step), now_ms, why)


# --- Bookkeeping --------------------------------------------------------------------------------


def _fee(lots: int, steps: int, rate: int, unit: float) -> int:
    """A fill's fee in whole 1e-8 quote units, rounded as the ledger rounds it."""
    exact = scale(wide_product(float(lots), float(steps)), float(rate))
    return half_even(exact, unit * RATE_UNITS * LOTS_PER_UNIT / FEE_UNITS)


def _keep_fill(w: World, s: int, lots: int, steps: int, fee: int, at_ms: int) -> None:
    """For who replays it elsewhere: nothing here reads it."""
    purse, fills = w.ledger.purse[0], w.ledger.fills
    if purse.fills < len(fills):
        fill = fills[purse.fills]
        fill.symbol = s
        fill.at_ms = at_ms
        fill.lots = lots
        fill.steps = steps
        fill.fee = fee
    purse.fills += 1


def _book_purchase(w: World, s: int, lots: int, steps: int, at_ms: int, maker: bool) -> None:
    account, listed, purse = w.ledger.accounts[s], w.listing[s], w.ledger.purse[0]
    if account.held == 0:
        _open_trade(w, s, steps, at_ms)
    fee = _fee(lots, steps, listed.maker_millionths if maker else listed.taker_millionths, listed.unit)
    notional = wide_product(float(lots), float(steps))
    cost = add(Wide(account.cost_high, account.cost_low), notional)
    account.cost_high = cost.high
    account.cost_low = cost.low
    account.held += lots
    account.bought += lots
    account.fees += fee
    account.high = max(account.high, steps)
    account.entry_price = _mean_price(cost, account.bought, listed.unit)
    paid = add(scale(notional, listed.widen), scale(Wide(float(fee), 0.0), w.money.per_fee))
    cash = subtract(Wide(purse.cash_high, purse.cash_low), paid)
    purse.cash_high = cash.high
    purse.cash_low = cash.low
    _keep_fill(w, s, lots, steps, fee, at_ms)


def _open_trade(w: World, s: int, steps: int, at_ms: int) -> None:
    """A trade begins with its first fill."""
    account, purse = w.ledger.accounts[s], w.ledger.purse[0]
    trade = w.ledger.trades[purse.trades]
    account.trade = purse.trades
    purse.trades += 1
    trade.symbol = s
    trade.leader = account.leader
    trade.rank = account.rank
    trade.entry_ms = at_ms
    if at_ms // DAY_MS > purse.begun_day:
        purse.begun_day = at_ms // DAY_MS
        purse.begun_today = 0
    if at_ms // DAY_MS == purse.begun_day:
        purse.begun_today += 1
    account.trade_rank = account.rank
    account.entry_ms = at_ms
    account.bought = 0
    account.fees = 0
    account.cost_high = 0.0
    account.cost_low = 0.0
    account.proceeds_high = 0.0
    account.proceeds_low = 0.0
    account.high = steps
    account.target = account.entry_target
    account.armed = 0
    w.ledger.accounts[purse.held].nth_held = s
    purse.held += 1


def _book_sale(w: World, s: int, lots: int, steps: int, at_ms: int, why: int) -> None:
    account, listed, purse = w.ledger.accounts[s], w.listing[s], w.ledger.purse[0]
    fee = _fee(lots, steps, listed.taker_millionths, listed.unit)
    notional = wide_product(float(lots), float(steps))
    proceeds = add(Wide(account.proceeds_high, account.proceeds_low), notional)
    account.proceeds_high = proceeds.high
    account.proceeds_low = proceeds.low
    account.held -= lots
    account.fees += fee
    got = subtract(scale(notional, listed.widen), scale(Wide(float(fee), 0.0), w.money.per_fee))
    cash = add(Wide(purse.cash_high, purse.cash_low), got)
    purse.cash_high = cash.high
    purse.cash_low = cash.low
    _keep_fill(w, s, -lots, steps, fee, at_ms)
    if account.held == 0:
        _close_trade(w, s, at_ms, why)


def _close_trade(w: World, s: int, at_ms: int, why: int) -> None:
    account = w.ledger.accounts[s]
    trade = w.ledger.trades[account.trade]
    trade.exit_ms = at_ms
    trade.why = why
    loses = _tell(w, s)
    _count_closed(w, s, loses, at_ms)
    account.losses = account.losses + 1 if loses else 0
    account.cool_until_ms = cooldown_until(at_ms, account.losses, w.rules)
    _forget_held(w, s)


def _count_closed(w: World, s: int, loses: bool, at_ms: int) -> None:
    """Keep what the rules ask of closed trades: losses in a row of the day, returns per entry cost."""
    account, purse, trades = w.ledger.accounts[s], w.ledger.purse[0], w.ledger.trades
    day = at_ms // DAY_MS
    if day > purse.ended_day:
        purse.ended_day = day
        purse.ended_today = 0
    if day == purse.ended_day:
        trades[account.trade].lost = 1 if loses else 0
        _list_ended(w, account.trade)
    proceeds = Wide(account.proceeds_high, account.proceeds_low)
    cost = scale(Wide(account.cost_high, account.cost_low), w.listing[s].widen)
    pnl = subtract(scale(proceeds, w.listing[s].widen), cost)
    pnl = subtract(pnl, scale(Wide(float(account.fees), 0.0), w.money.per_fee))
    gain = _ratio(pnl, cost)
    # The database adds up exactly; what ended since it was asked is added to its float.
    if gain.high > 0.0:
        purse.wins += 1
        won = add(Wide(purse.won_high, purse.won_low), gain)
        purse.won_high = won.high
        purse.won_low = won.low
        purse.won += gain.high
    elif gain.high < 0.0:
        purse.losses += 1
        lost = subtract(Wide(purse.lost_high, purse.lost_low), gain)
        purse.lost_high = lost.high
        purse.lost_low = lost.low
        purse.lost -= gain.high


def _list_ended(w: World, row: int) -> None:
    """Put a trade among those that ended today, by time and id, and count the losses at the end of the list."""
    trades, purse = w.ledger.trades, w.ledger.purse[0]
    k = purse.ended_today - 1
    while k >= 0 and _is_later(
        trades[trades[k].nth_ended].exit_ms, trades[trades[k].nth_ended].rank, trades[row].exit_ms, trades[row].rank
    ):
        trades[k + 1].nth_ended = trades[k].nth_ended
        k -= 1
    trades[k + 1].nth_ended = row
    purse.ended_today += 1
    purse.lost_in_row = 0
    for n in range(purse.ended_today):
        purse.lost_in_row = purse.lost_in_row + 1 if trades[trades[n].nth_ended].lost > 0 else 0


def _ratio(above: Wide, below: Wide) -> Wide:
    """above / below, to about 100 bits."""
    first = above.high / below.high
    rest = subtract(above, scale(below, first))
    return wide_sum(first, (rest.high + rest.low) / below.high)


def _tell(w: World, s: int) -> bool:
    """Write down what a trade came to so far, what was sold counted at the mean entry price. Whether it loses."""
    account, listed = w.ledger.accounts[s], w.listing[s]
    trade = w.ledger.trades[account.trade]
    sold = account.bought - account.held
    cost = Wide(account.cost_high, account.cost_low)
    proceeds = Wide(account.proceeds_high, account.proceeds_low)
    if account.held > 0:
        cost = divide(scale(cost, float(sold)), float(account.bought))
    gained = scale(subtract(proceeds, cost), listed.widen)
    pnl = subtract(gained, scale(Wide(float(account.fees), 0.0), w.money.per_fee))
    trade.entry_price = account.entry_price
    trade.exit_price = _mean_price(proceeds, sold, listed.unit) if sold > 0 else math.nan
    trade.quantity = account.bought / LOTS_PER_UNIT
    trade.fees = account.fees / FEE_UNITS
    trade.pnl = to_float(pnl, w.money.unit)
    return pnl.high < 0.0


def _report_open(w: World) -> None:
    """What is known of the trades that are open at the end."""
    for n in range(w.ledger.purse[0].held):
        _tell(w, w.ledger.accounts[n].nth_held)


def _mean_price(notional: Wide, lots: int, unit: float) -> float:
    """Quote currency per base unit. notional: lots times price steps."""
    return to_float(divide(notional, float(lots)), unit)


# --- Sums ---------------------------------------------------------------------------------------


def _total(terms: Floats, count: int) -> float:
    """Python's sum() of the first terms, to the last bit."""
    if count == 0:
        return 0.0
    total, carried = float(terms[0]), 0.0
    for n in range(1, count):
        term = float(terms[n])
        summed = total + term
        if COMPENSATED:
            if abs(total) >= abs(term):
                carried += (total - summed) + term
            else:
                carried += (term - summed) + total
        total = summed
    return total + carried if COMPENSATED else total


def _worth(w: World, last: Ints, terms: Floats) -> float:
    """What all positions would sell for, as the decision sums it."""
    count = w.ledger.purse[0].held
    for n in range(count):
        s = w.ledger.accounts[n].nth_held
        quoted = _quote(w, last, s)
        account = w.ledger.accounts[s]
        terms[n] = account.held / LOTS_PER_UNIT * unit_worth(quoted.bid, quoted.last, account.entry_price)
    return _total(terms, count)


def _reserved(w: World, terms: Floats) -> float:
    """Cash that resting entries may still take."""
    count = w.ledger.purse[0].pending
    for n in range(count):
        s = w.ledger.accounts[n].nth_pending
        account, listed = w.ledger.accounts[s], w.listing[s]
        terms[n] = entry_cost(account.left / LOTS_PER_UNIT, account.limit / listed.unit, listed.taker_fee)
    return _total(terms, count)


def _ordered(w: World, terms: Floats) -> float:
    """Notional of resting entries."""
    count = w.ledger.purse[0].pending
    for n in range(count):
        s = w.ledger.accounts[n].nth_pending
        account = w.ledger.accounts[s]
        terms[n] = account.left / LOTS_PER_UNIT * (account.limit / w.listing[s].unit)
    return _total(terms, count)


def _risk_held(w: World, last: Ints, terms: Floats) -> float:
    """What positions lose where all their stops are hit."""
    count = w.ledger.purse[0].held
    for n in range(count):
        s = w.ledger.accounts[n].nth_held
        quoted = _quote(w, last, s)
        account = w.ledger.accounts[s]
        worth = unit_worth(quoted.bid, quoted.last, account.entry_price)
        stop = account.stop / w.listing[s].unit if account.stop_lots > 0 else math.nan
        terms[n] = held_risk(account.held / LOTS_PER_UNIT, worth, stop, account.entry_price, w.rules)
    return _total(terms, count)


def _risk_pending(w: World, terms: Floats) -> float:
    """What resting entries would lose."""
    count = w.ledger.purse[0].pending
    for n in range(count):
        s = w.ledger.accounts[n].nth_pending
        account = w.ledger.accounts[s]
        terms[n] = pending_risk(account.left / LOTS_PER_UNIT, account.limit / w.listing[s].unit, w.rules)
    return _total(terms, count)


def _exact_value(w: World, last: Ints) -> Wide:
    """Positions at the bid, exact money of the common unit."""
    value = Wide(0.0, 0.0)
    for n in range(w.ledger.purse[0].held):
        s = w.ledger.accounts[n].nth_held
        notional = wide_product(float(w.ledger.accounts[s].held), float(_quote(w, last, s).bid_steps))
        value = add(value, scale(notional, w.listing[s].widen))
    return value


def _exact_equity(w: World, last: Ints) -> float:
    cash = Wide(w.ledger.purse[0].cash_high, w.ledger.purse[0].cash_low)
    return to_float(add(cash, _exact_value(w, last)), w.money.unit)


# --- Prices and lists ---------------------------------------------------------------------------


def _quote(w: World, last: Ints, s: int) -> Quoted:
    """Bid and ask around the last trade, as simulator.venue.half_spread_ticks has it."""
    traded, unit = last[s], w.listing[s].unit
    if traded < 0:
        return Quoted(math.nan, math.nan, math.nan, 0)
    half = int(np.rint(traded * w.spread_bps / 20_000))
    bid = max(traded - half, 1)
    return Quoted(bid / unit, (traded + max(half, 1)) / unit, traded / unit, bid)


def _highest_since(path: Path, s: int, last_tick_ms: int, entry_ms: int, now_ms: int) -> float:
    """Highest price of candles closed since the last tick that lie wholly after the entry; nan without any."""
    first = max((last_tick_ms - path.first_ms) // path.step_ms, -((path.first_ms - entry_ms) // path.step_ms))
    end = min((now_ms - path.first_ms) // path.step_ms, len(path.candles))
    high = math.nan
    for i in range(max(first, path.first[s]), end):
        if not path.candles[i, s].high <= high:
            high = path.candles[i, s].high
    return high


def _recent_volume(path: Path, s: int, now_ms: int) -> float:
    """Base units of the newest closed candle, 0.0 without one."""
    newest = min((now_ms - path.first_ms) // path.step_ms, len(path.candles)) - 1
    return path.candles[newest, s].volume if newest >= path.first[s] else 0.0


def _steps(price: float, price_step: float) -> int:
    """As ledger.quantize: the nearest whole number of price steps."""
    return int(np.rint(price / price_step))


def _lots(size: float, size_step: float) -> int:
    """As ledger.quantize: the nearest whole number of lots."""
    return int(np.rint(size / size_step))


def _order_lots(w: World, s: int, size: float) -> int:
    """An order's lots; where it is for all that is held, every one of them."""
    held = w.ledger.accounts[s].held
    return held if size == held / LOTS_PER_UNIT else _lots(size, w.listing[s].size_step)


def _list_in_order(w: World) -> None:
    """Positions by their first fill, entries by when they were placed, equals by their ids: as the database lists."""
    accounts, purse = w.ledger.accounts, w.ledger.purse[0]
    for n in range(1, purse.held):
        s = accounts[n].nth_held
        k = n - 1
        while k >= 0 and _is_later(
            accounts[accounts[k].nth_held].entry_ms, accounts[accounts[k].nth_held].trade_rank,
            accounts[s].entry_ms, accounts[s].trade_rank,
        ):  # fmt: skip
            accounts[k + 1].nth_held = accounts[k].nth_held
            k -= 1
        accounts[k + 1].nth_held = s
    for n in range(1, purse.pending):
        s = accounts[n].nth_pending
        k = n - 1
        while k >= 0 and _is_later(
            accounts[accounts[k].nth_pending].placed_ms, accounts[accounts[k].nth_pending].rank,
            accounts[s].placed_ms, accounts[s].rank,
        ):  # fmt: skip
            accounts[k + 1].nth_pending = accounts[k].nth_pending
            k -= 1
        accounts[k + 1].nth_pending = s


def _is_later(moment: int, rank: int, other_moment: int, other_rank: int) -> bool:
    return moment > other_moment or (moment == other_moment and rank > other_rank)


def _strongest_first(places: Ints, sureness: Floats, count: int) -> None:
    """Sort by falling sureness; equals stay in their order."""
    for n in range(1, count):
        s, sure = places[n], sureness[n]
        k = n - 1
        while k >= 0 and sureness[k] < sure:
            places[k + 1], sureness[k + 1] = places[k], sureness[k]
            k -= 1
        places[k + 1], sureness[k + 1] = s, sure


def _forget_pending(w: World, s: int) -> None:
    accounts, kept = w.ledger.accounts, 0
    for n in range(w.ledger.purse[0].pending):
        if accounts[n].nth_pending != s:
            accounts[kept].nth_pending = accounts[n].nth_pending
            kept += 1
    w.ledger.purse[0].pending = kept


def _forget_held(w: World, s: int) -> None:
    accounts, kept = w.ledger.accounts, 0
    for n in range(w.ledger.purse[0].held):
        if accounts[n].nth_held != s:
            accounts[kept].nth_held = accounts[n].nth_held
            kept += 1
    w.ledger.purse[0].held = kept
