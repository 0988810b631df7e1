"""A live bot's books again, from its venue, into a database that has none of it.

The same reconciling as in every tick, on everything that the venue remembers. What
it does not remember is why a trade was made: those say "rebuilt".
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any, Protocol

from bot.domain.book import BotState, BotStatus
from bot.domain.candles import Candles
from bot.domain.decisions import Effect, Reason, Verdict
from bot.domain.errors import CheckFailed, ConfigError
from bot.domain.markets import Market
from bot.domain.orders import RESTING
from bot.domain.ports import CandleRequest, LiveVenue, MarketData, Opening, Store
from bot.domain.records import BotSnapshot, BotWrites, EquitySnapshot, Lease, TickRecord, Trade, Writes
from bot.domain.timeframes import floor_ms, last_closed_open_ms, timeframe_ms
from bot.domain.venue_orders import Observation
from bot.jobs.account import Account
from bot.jobs.rules import rules_of
from bot.rulebook.ledger import quantize
from bot.rulebook.rebuild import REBUILT, own_orders
from bot.rulebook.reconcile import Ledger, Reconciled, reconcile
from bot.settings import Settings

VENUE_ROWS = 720
"""Candles that a venue still serves of one timeframe."""


class Remembering(LiveVenue, Protocol):
    """A venue that tells its whole history of our account."""

    async def history(self, since_ms: int = 0) -> Observation: ...


@dataclass(frozen=True, slots=True)
class RebuildDeps:
    """make_bot: adds the bot's row, given what the account holds beside it; gives its id. Called once all is read."""

    store: Store
    market_data: MarketData
    venue: Remembering
    settings: Settings
    make_bot: Callable[[dict[str, Decimal]], int]
    holder: str
    lease_s: float = 240.0


async def rebuild(
    deps: RebuildDeps, name: str, cash: Decimal, approve: Callable[[dict[str, Any]], bool], *, since_ms: int = 0
) -> dict[str, Any]:
    """Take over a bot's orders, fills and trades from the venue; the document says what was found.

    name: the bot's, as it was: its orders are known by it.  cash: what it began with,
    quote currency.  approve: asked with the document once all is read; nothing is
    written unless it says yes.

    Raises ConfigError on a database that has a live bot, CheckFailed when the venue's
    answers do not add up: then nothing is written.
    """
    settings = deps.settings
    _leave(deps.store, *_enter(deps))
    opening = await deps.market_data.opening(settings.market.symbols)
    markets = {market.symbol: market for market in await deps.market_data.markets()}
    deps.venue.know(tuple(markets.values()))
    seen = replace(await deps.venue.history(since_ms), at_ms=opening.now_ms)
    account, result = take_over(seen, name, cash, settings, markets)
    if result.unsettled:
        waits = ", ".join(f"{symbol} ({why})" for symbol, why in sorted(result.unsettled.items()))
        raise CheckFailed(f"the venue's answers do not add up: {waits}", where=name, fix="try again in a minute")
    await _follow_prices(account, deps.market_data, markets, settings, opening.now_ms)
    beside = _beside(seen, account, markets)
    document = _document(account, result, beside)
    if not approve(document):
        return document
    bot_id = deps.make_bot(beside)
    lease, _ = _enter(deps)
    slot_ms = floor_ms(opening.now_ms, settings.market.slot_s * 1000)
    writes = Writes(
        tick=TickRecord(slot_ms, opening.now_ms, "live", "done", 0, report={"rebuilt": document}),
        markets=tuple(markets.values()), markets_ms=opening.now_ms,
        bots=(_writes(account, bot_id, settings, opening, markets),),
        live_venue={**deps.venue.state(), "observed_ms": seen.at_ms},
    )  # fmt: skip
    _leave(deps.store, lease, writes)
    return {**document, "written": True}


def _enter(deps: RebuildDeps) -> tuple[Lease, Writes]:
    """The lease of a database without a live bot's books, and an empty commit to give it back. Raises ConfigError."""
    snapshot = deps.store.begin(deps.holder, deps.lease_s)
    if snapshot.lease is None:
        raise ConfigError(f"{snapshot.holder} is at work in this database", where="lease", fix="try again in a minute")
    for bot in snapshot.bots:
        if bot.mode == "live" and (bot.open_orders or bot.open_trades or bot.settled_orders or bot.known_fills):
            _leave(deps.store, snapshot.lease, Writes())
            raise ConfigError(
                f"this database has the books of a live bot, {bot.name}", where="bots", fix="rebuild into an empty one"
            )
    return snapshot.lease, Writes()


def _leave(store: Store, lease: Lease, writes: Writes) -> None:
    store.commit(lease, replace(writes, release=True))


def take_over(
    seen: Observation, name: str, cash: Decimal, settings: Settings, markets: dict[str, Market]
) -> tuple[Account, Reconciled]:
    """The account as the venue's memory of it makes it; nothing of it is saved yet."""
    rules = rules_of(settings, "live", float(cash))
    rows = own_orders(seen.orders, name, 0, settings.market.timeframe, markets, rules)
    whole = replace(seen, since_ms=0)
    result = reconcile(Ledger(rows, (), frozenset(), {}), whole)
    account = Account(_newborn(name, cash, settings.market.quote), rules)
    for step in result.steps:
        account.take_step(step)
    for trade in tuple(account.trades.values()):
        for stop in account.resting_stops(trade):
            account.put_order(stop, seen.at_ms)
    return account, result


def _newborn(name: str, cash: Decimal, quote: str) -> BotSnapshot:
    return BotSnapshot(
        bot_id=0, name=name, status=BotStatus.RUNNING, state=BotState.IDLE, mode="live", quote=quote, initial_cash=cash,
        cash=cash, settings_version=0, overrides={}, open_orders=(), open_trades=(), cooldowns=(), handled={},
        last_tick_ms=0, day_open_equity=None, day_open_ms=0, peak_equity=None, commands=(), open_risk_keys=(),
    )  # fmt: skip


async def _follow_prices(
    account: Account, market_data: MarketData, markets: dict[str, Market], settings: Settings, now_ms: int
) -> None:
    """The highest price since each entry: what the trailing stop goes by, and the venue's orders do not tell."""
    for trade in tuple(account.trades.values()):
        candles = await _since_entry(trade, market_data, settings, now_ms)
        if candles is None or not len(candles):
            continue
        high = quantize(float(candles.high.max()), markets[trade.symbol].price_step)
        account.raise_high_water(trade.trade_id, high)


async def _since_entry(trade: Trade, market_data: MarketData, settings: Settings, now_ms: int) -> Candles | None:
    """Candles that lie wholly after the entry, of the finest timeframe that still reaches back to it."""
    market = settings.market
    for timeframe in (market.protection_timeframe, market.timeframe, "1d"):
        if now_ms - trade.entry_ms < (VENUE_ROWS - 1) * timeframe_ms(timeframe):
            request = CandleRequest(trade.symbol, timeframe, floor_ms(trade.entry_ms, timeframe_ms(timeframe)))
            (answer,) = await market_data.candles([request], now_ms)
            return answer.candles.take(answer.candles.open_ms >= trade.entry_ms) if answer.candles else None
    return None


def _beside(seen: Observation, account: Account, markets: dict[str, Market]) -> dict[str, Decimal]:
    """What the account holds that is not the bot's, by asset."""
    own: dict[str, Decimal] = {}
    for trade in account.trades.values():
        base = markets[trade.symbol].base
        own[base] = own.get(base, Decimal(0)) + trade.open_quantity
    beside = {b.asset: b.total + b.rewards - own.get(b.asset, Decimal(0)) for b in seen.balances or ()}
    quote = account.snapshot.quote
    if quote in beside:
        beside[quote] -= account.cash
    return {asset: amount for asset, amount in beside.items() if amount > 0}


def _writes(
    account: Account, bot_id: int, settings: Settings, opening: Opening, markets: dict[str, Market]
) -> BotWrites:
    """All rows, under the bot's id, and a verdict on the newest candle of each symbol: it is not entered again."""
    drained, now_ms = account.drain(), opening.now_ms
    bids = {symbol: quote.bid for symbol, quote in opening.quotes.items() if symbol in markets and quote.bid > 0}
    value = account.positions_value({s: quantize(bid, markets[s].price_step) for s, bid in bids.items()})
    equity = account.cash + value
    timeframe = settings.market.timeframe
    newest = last_closed_open_ms(now_ms, timeframe)
    reason = (Reason(REBUILT, Effect.NOTE),)
    return replace(
        drained,
        bot_id=bot_id,
        orders=tuple(replace(order, bot_id=bot_id) for order in drained.orders),
        trades=tuple(replace(trade, bot_id=bot_id) for trade in drained.trades),
        verdicts=tuple(Verdict(s, timeframe, newest, "no_trade", reason) for s in settings.market.symbols),
        equity=EquitySnapshot(
            bot_id, now_ms, account.cash, value, equity, max(equity, account.snapshot.initial_cash), 0.0,
            float(value / equity) if equity > 0 else 0.0,
        ),
    )  # fmt: skip


def _document(account: Account, result: Reconciled, beside: dict[str, Decimal]) -> dict[str, Any]:
    trades = [*account.closed, *account.trades.values()]
    return {
        "orders": len({step.order.client_id for step in result.steps}),
        "fills": sum(step.fill is not None for step in result.steps),
        "trades": len(trades),
        "cash": float(account.cash),
        "positions": [
            {
                "symbol": trade.symbol, "quantity": float(trade.open_quantity), "entry_price": float(trade.entry_price),
                "fees": float(trade.fees), "stop_price": float(trade.stop_price) if trade.stop_price else None,
                "stops": sum(stop.status in RESTING for stop in account.resting_stops(trade)),
            }
            for trade in account.trades.values()
        ],
        "foreign_orders": [f"{f.symbol} {f.side.value} {f.venue_order_id}" for f in result.foreign],
        "written": False,
        "beside": {asset: float(amount) for asset, amount in beside.items()},
    }  # fmt: skip
