"""What a live bot's tick does more than a paper bot's: it looks at the account, before it decides and after it ordered.

No input or output here but the one call to the venue.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from bot.domain.markets import Market
from bot.domain.orders import IN_DOUBT, RESTING, Intent, Leg
from bot.domain.records import RiskEvent
from bot.domain.venue_orders import Observation, ObserveRequest
from bot.jobs.bot_run import BotRun, MarketNow
from bot.rulebook.protection import protection
from bot.rulebook.reconcile import CLOCK_MARGIN_MS, Drift, Holding, find_drift, reconcile

NAN = float("nan")
CASH_TOLERANCE = Decimal("0.001")
"""Share of the cash that may be missing: the venue rounds each fill's cost and fee for itself."""

LEAST_CASH_TOLERANCE = Decimal("0.05")
NEVER = Decimal("Infinity")
LEDGER_DRIFT = "ledger_drift"
UNSETTLED_RULE = "unsettled"
UNSETTLED = "unsettled:"
NAKED = "naked:"


def wanted(run: BotRun, now_ms: int, balances: bool) -> ObserveRequest:
    """What to look at, so that nothing that ended since the last look is missed.

    What an entry has filled is asked for at every look, booked or not: it tells how young the newest of its stops is.
    """
    ledger = run.account.ledger()
    doubtful = [order.placed_ms for order in ledger.orders if order.status in IN_DOUBT or not order.venue_order_id]
    known = [order.placed_ms for order in ledger.orders] if not run.observed_ms else [run.observed_ms]
    since_ms = min([*doubtful, *known], default=now_ms) - CLOCK_MARGIN_MS
    filled = {
        order.venue_order_id: order.filled
        for order in (*ledger.settled, *ledger.orders)
        if order.venue_order_id and not (order.leg is Leg.ENTRY and order.status in RESTING)
    }
    return ObserveRequest(max(since_ms, 0), filled, balances)


async def look(run: BotRun, now: MarketNow, now_ms: int) -> None:
    """One look at the account, taken over into the ledger. Raises ExchangeError when it cannot be read."""
    assert run.venue is not None
    seen = await run.venue.observe(wanted(run, now_ms, balances=True), now_ms)
    take_in(run, seen)
    run.drift = drift(run, now.markets, seen)
    if run.drift:
        # Something may have been traded between the balances and the orders: look once more before saying so.
        seen = await run.venue.observe(wanted(run, now_ms, balances=True), now_ms)
        take_in(run, seen)
        run.drift = drift(run, now.markets, seen)
    run.sellable = sellable(run, now.markets)
    run.waits = [rule for rule in run.waits if rule not in (LEDGER_DRIFT, UNSETTLED_RULE)]
    if run.drift:
        run.wait(LEDGER_DRIFT)
    elif run.account.unsettled:
        run.wait(UNSETTLED_RULE)


async def look_again(run: BotRun, now_ms: int) -> None:
    """What came of this tick's orders. Raises ExchangeError when it cannot be read."""
    assert run.venue is not None
    take_in(run, await run.venue.observe(wanted(run, now_ms, balances=False), now_ms))


def certain_from_ms(run: BotRun) -> int:
    """From when on a look must tell what unprotected positions wait for, venue time; 0 where none waits."""
    bare = {p.symbol for p in run.account.positions() if p.stop_size < p.size}
    return max((moment for symbol, moment in run.certain_ms.items() if symbol in bare), default=0)


def take_in(run: BotRun, seen: Observation) -> None:
    """Bring the ledger up to one look."""
    result = reconcile(run.account.ledger(), seen)
    for step in result.steps:
        run.account.take_step(step)
    run.account.unsettled = dict(result.unsettled)
    run.foreign = result.foreign
    run.certain_ms = result.certain_ms
    if not result.unsettled:
        # What could not be booked must be within the next look, however long ago it ended.
        run.observed_ms = seen.at_ms


def drift(run: BotRun, markets: Mapping[str, Market], seen: Observation) -> tuple[Drift, ...]:
    """Where the account's balances contradict our ledger."""
    if seen.balances is None:
        return ()
    holdings = []
    for symbol in run.symbols:
        market = markets.get(symbol)
        if market is None:
            continue
        trade = run.account.trade_of(symbol)
        quantity = trade.open_quantity if trade else Decimal(0)
        holdings.append(Holding(market.base, quantity, market.size_step, max(market.min_size, market.size_step)))
    cash = run.account.cash
    tolerance = max(abs(cash) * CASH_TOLERANCE, LEAST_CASH_TOLERANCE)
    quote = Holding(run.snapshot.quote, cash, tolerance, NEVER)
    beside = {asset: amount for asset, amount in run.snapshot.baseline.items() if asset != run.snapshot.quote}
    return find_drift([*holdings, quote], seen.balances, beside)


def sellable(run: BotRun, markets: Mapping[str, Market]) -> dict[str, Decimal]:
    """Base units that can be sold of symbols of which the account has less than the ledger says."""
    short = {d.asset: max(d.venue - d.unsellable, Decimal(0)) for d in run.drift if d.kind != "surplus"}
    found = {}
    for symbol in run.symbols:
        market = markets.get(symbol)
        if market is not None and market.base in short:
            steps = short[market.base] // market.size_step
            found[symbol] = steps * market.size_step
    return found


def orphan_intents(run: BotRun) -> tuple[Intent, ...]:
    """Take back what rests though its trade is over."""
    doubtful = run.account.in_doubt()
    return tuple(
        Intent(
            "cancel", order.symbol, order.side, order.leg, order.type, float(order.remaining), NAN,
            float(order.stop_price or NAN), NAN, order.bar_ms, "trade_over", order.client_id,
        )
        for order in run.account.orphans()
        if order.symbol not in doubtful
    )  # fmt: skip


def protection_intents(run: BotRun, now: MarketNow) -> tuple[Intent, ...]:
    """What the positions lack of stops after this tick's orders, and what rests without a position."""
    book = run.account.book(0.0, now.now_ms, "")
    stops = {trade.symbol: float(trade.stop_price or NAN) for trade in run.account.trades.values()}
    return (*orphan_intents(run), *protection(book, run.views, stops, run.rules, now.now_ms))


def events(run: BotRun, now: MarketNow) -> list[RiskEvent]:
    """What a person should know of a live bot once its tick is over: each stands until its cause is gone."""
    off = "live_off" in run.waits
    drifts = "; ".join(f"{d.asset}: ledger {d.ledger.normalize():f}, venue {d.venue.normalize():f}" for d in run.drift)
    foreign = ", ".join(f"{f.symbol} {f.side.value} {f.venue_order_id}" for f in run.foreign)
    standing = {
        "live": ("live_off", "warning", "TRADING_MODE is not live: this bot is left alone" if off else "",
                 "set TRADING_MODE=live, or stop the bot with: python -m bot live stop"),
        "account": ("venue_unseen", "error", run.unseen and f"the account could not be read: {run.unseen}",
                    "nothing to do: stops rest at the venue, and it is asked again at the next tick"),
        "drift": ("ledger_drift", "error", drifts and f"account and ledger differ: {drifts}",
                  "undo it by hand at the venue, or write its books anew in an empty database: python -m bot rebuild"),
        "foreign": ("foreign_order", "warning", foreign and f"orders that are not the bot's: {foreign}",
                    "cancel them at the venue, or keep the bot's money in an account of its own"),
    }  # fmt: skip
    made = [
        _standing(run, now, key, kind, severity, message or "", fix)
        for key, (kind, severity, message, fix) in standing.items()
    ]
    if not (off or run.unseen):
        made += _symbol_events(run, now)
    return [event for event in made if event is not None]


def _symbol_events(run: BotRun, now: MarketNow) -> list[RiskEvent | None]:
    doubts = {
        f"{UNSETTLED}{symbol}": f"{symbol}: nobody can tell yet what became of an order"
        f" ({run.account.unsettled.get(symbol, 'in_doubt')})"
        for symbol in run.account.in_doubt()
    }
    bare = {
        f"{NAKED}{p.symbol}": f"{p.symbol}: {p.stop_size:.8g} of {p.size:.8g} have a resting stop"
        for p in run.account.positions()
        if p.symbol in now.markets and abs(p.size - p.stop_size) > float(now.markets[p.symbol].size_step) / 2
    }
    later = "nothing to do: it is looked up again at the next tick"
    by_hand = "nothing to do unless it lasts: then set a stop at the venue by hand"
    made = []
    for prefix, kind, severity, messages, fix in (
        (UNSETTLED, "unsettled", "warning", doubts, later),
        (NAKED, "unprotected", "error", bare, by_hand),
    ):
        ended = [key for key in run.snapshot.open_risk_keys if key.startswith(prefix) and key not in messages]
        made += [
            _standing(run, now, key, kind, severity, messages.get(key, ""), fix, key.removeprefix(prefix))
            for key in (*messages, *ended)
        ]
    return made


def _standing(
    run: BotRun, now: MarketNow, key: str, kind: str, severity: str, message: str, fix: str, symbol: str = ""
) -> RiskEvent | None:
    """The event while its cause lasts, its end when the cause is gone, None where there never was one."""
    bot_id = run.snapshot.bot_id
    if message:
        return RiskEvent(bot_id, key, symbol, kind, severity, message, fix, now.now_ms)
    if key in run.snapshot.open_risk_keys:
        return RiskEvent(bot_id, key, symbol, kind, "info", "over", "", now.now_ms, True)
    return None
