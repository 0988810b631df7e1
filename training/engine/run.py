"""A backtest from start to end: recording in, trades and equity out."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path

import numpy as np

from bot.domain.errors import ConfigError
from bot.domain.timeframes import floor_ms, timeframe_ms, to_datetime
from bot.jobs.rules import paper_rules, rules_of
from bot.rulebook.book_rules import ALLOWED, BOOK_RULES
from bot.rulebook.exits import EXIT_RULES
from bot.rulebook.gates import BOOK as GATE_BOOK
from bot.rulebook.gates import GATE_RULES, NO_POSITION, NO_SIGNAL, PASS
from bot.rulebook.limits import NO_RULE, RULE_NAMES
from bot.settings import Settings
from bot.simulator import bundled_recording, open_recording
from bot.simulator.candle_files import Recording, Series, symbols_in
from training.engine import compile as compiling
from training.engine.delay import DelayModel
from training.engine.simulate import BREAKEVEN_WHY, Money, World
from training.engine.state import BOOK, FEE_UNITS, GATE, LOTS_PER_UNIT, REFUSED, SHRUNK, Curve, Ledger, new_ledger
from training.market.arrays import Floats, Ints
from training.market.build import MONEY_DECIMALS, Market, Progress, build

ACCOUNT = "rehearsal"
"""Name of the bot, as rehearsals call it."""

DECISION_CANDLES = 300
"""History before the first tick that strategies need to have an opinion."""

HOUR_MS = timeframe_ms("1h")
DAY_MS = timeframe_ms("1d")

WHYS = {**dict(enumerate(EXIT_RULES)), BREAKEVEN_WHY: "breakeven"}
"""Reasons of exits by their codes."""


@dataclass(frozen=True, slots=True)
class BacktestRequest:
    """What to test. data: a directory of candles or one packed file, None for the bundled recording.

    symbols: () for those of the directory's commonest quote currency.  start_ms, end_ms: first and last tick,
    0 for all that is recorded.  cash: quote currency.  spread_bps: ask over bid, of the price.  delay: None for
    ticks on time.  every_ms: length of a slot, 0 for five minutes or, where candles are longer, their length.
    account: name of the bot.  timeframes: only these candles are read, () for all.
    """

    settings: Settings
    data: Path | None = None
    symbols: tuple[str, ...] = ()
    start_ms: int = 0
    end_ms: int = 0
    cash: Decimal = Decimal(10_000)
    spread_bps: float = 4.0
    delay: DelayModel | None = None
    every_ms: int = 0
    account: str = ACCOUNT
    timeframes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class TradeTable:
    """Trades in the order of their first fills, one entry each.

    exit_ms 0 and exit_price nan: still open.  Prices, fees, pnl in quote currency, quantity in base units; as the
    ledger's Decimals round to floats.
    """

    symbol: tuple[str, ...]
    strategy: tuple[str, ...]
    exit_reason: tuple[str, ...]
    entry_ms: Ints
    exit_ms: Ints
    entry_price: Floats
    exit_price: Floats
    quantity: Floats
    fees: Floats
    pnl: Floats

    def __len__(self) -> int:
        return len(self.symbol)


@dataclass(frozen=True, slots=True)
class FillTable:
    """Fills by their moments, those of one moment in the order they were booked; one entry each.

    symbol: place in the result's symbols.  side: 1 bought, -1 sold.  size: base units.  price, fee: quote currency.
    """

    symbol: Ints
    at_ms: Ints
    side: Ints
    size: Floats
    price: Floats
    fee: Floats


@dataclass(frozen=True, slots=True)
class BacktestResult:
    """What a backtest came to.

    equity_ms, equity: each tick and the equity after it, quote currency.  exposure: share of equity in positions.
    bars: decision candles of all symbols.  simulation_s: the compiled run alone.  compile_s: to compile it, or to
    load it from disk.  blocked, shrunk: how often each rule forbade an entry or took something off it.
    buy_and_hold: equity of buying all symbols in equal parts at the first tick.  period: first and last tick, ms UTC.
    cash: at the start, quote currency.  spread_bps: ask over bid.  fills: None where they were not asked for.
    """

    trades: TradeTable
    equity_ms: Ints
    equity: Floats
    exposure: Floats
    bars: int
    simulation_s: float
    compile_s: float
    orders: int
    blocked: dict[str, int]
    shrunk: dict[str, int]
    buy_and_hold: Floats
    settings: Settings
    period: tuple[int, int]
    symbols: tuple[str, ...]
    quote: str
    market: Market
    cash: float
    spread_bps: float
    fills: FillTable | None = None


def run_backtest(
    request: BacktestRequest, progress: Progress = lambda share, what: None, *, keep_fills: bool = False
) -> BacktestResult:
    """Test settings on recorded candles.

    Raises ConfigError where the recording cannot be used, or not for that period.
    """
    market, settings = prepare(request, progress)
    return simulate_market(market, settings, request.cash, request.spread_bps, keep_fills=keep_fills)


def prepare(request: BacktestRequest, progress: Progress = lambda share, what: None) -> tuple[Market, Settings]:
    """The market of a request, and its settings as the data decides them. Raises ConfigError."""
    recording = open_history(request.data, request.symbols, request.timeframes)
    recording = covering(recording, request.start_ms, request.end_ms)
    every_ms = request.every_ms or cadence(recording)
    settings = fitted(request.settings, recording, every_ms)
    start_ms, end_ms = period(recording, request.start_ms, request.end_ms, every_ms)
    if request.delay is None:
        moments = np.arange(start_ms, end_ms + 1, every_ms, dtype=np.int64)
    else:
        moments = request.delay.moments(start_ms, end_ms, every_ms)
    return build(recording, settings, moments, request.account, progress), settings


def open_history(data: Path | None, symbols: Sequence[str], timeframes: Sequence[str] = ()) -> Recording:
    """The recording, cut to one quote currency. timeframes: () for all. Raises ConfigError."""
    if data is None:
        return bundled_recording(symbols or None)
    chosen = tuple(symbols)
    if not chosen and data.is_dir():
        there = symbols_in(data)
        quotes = Counter(_quote_of(symbol) for symbol in there)
        chosen = tuple(symbol for symbol in there if quotes and _quote_of(symbol) == quotes.most_common(1)[0][0])
    recording = open_recording(data, chosen or None, timeframes or None)
    quotes = Counter(_quote_of(symbol) for symbol in recording.symbols)
    if len(quotes) > 1:
        raise ConfigError(
            f"symbols in several currencies: {', '.join(sorted(quotes))}",
            where="--symbols",
            fix="one backtest has one cash account: choose symbols of one quote currency",
        )
    return recording


def covering(recording: Recording, start_ms: int, end_ms: int) -> Recording:
    """Without candles that are finer, and there for a part of the period alone: one cadence for all of it.

    start_ms, end_ms: 0 where no period is asked for.
    """

    def covers(series: Series) -> bool:
        return (not start_ms or series.first_ms <= start_ms) and (not end_ms or series.end_ms >= end_ms)

    kept = {}
    for symbol, frames in recording.series.items():
        rising = [frames[name] for name in recording.timeframes(symbol)]
        first = next((n for n, series in enumerate(rising) if covers(series)), 0)
        kept[symbol] = {series.timeframe: series for series in rising[first:]}
    return Recording(recording.name, kept, recording.synthetic)


def _quote_of(symbol: str) -> str:
    return symbol.partition("/")[2]


def _finest(recording: Recording) -> list[Series]:
    return [recording.finest(symbol) for symbol in recording.symbols]


def cadence(recording: Recording) -> int:
    """Five minutes, or the length of the coarsest symbol's finest candles where that is more."""
    return max(timeframe_ms("5m"), *(series.step_ms for series in _finest(recording)))


def fitted(settings: Settings, recording: Recording, every_ms: int) -> Settings:
    """Settings as the data decides them, the same ones that a rehearsal pins."""
    coarsest = max(_finest(recording), key=lambda series: series.step_ms)
    market = replace(settings.market, symbols=recording.symbols, quote=_quote_of(recording.symbols[0]))
    if coarsest.step_ms > timeframe_ms("5m"):
        market = replace(market, protection_timeframe=coarsest.timeframe)
    if 15_000 <= every_ms <= HOUR_MS and DAY_MS % every_ms == 0:
        market = replace(market, slot_s=every_ms // 1000)
    if timeframe_ms(market.protection_timeframe) > timeframe_ms(market.timeframe):
        raise ConfigError(
            f"the candles are {coarsest.timeframe}, and decisions are taken on {market.timeframe}",
            where="market.timeframe",
            fix=f"set market.timeframe to {coarsest.timeframe} or longer, or choose finer candles",
        )
    return replace(settings, market=market)


def period(recording: Recording, start_ms: int, end_ms: int, every_ms: int) -> tuple[int, int]:
    """First and last tick, on the cadence. A symbol may be recorded from later on; without a start, all are.

    Raises ConfigError where the recording does not cover them.
    """
    finest = _finest(recording)
    oldest_ms, common_ms = min(one.first_ms for one in finest), max(one.first_ms for one in finest)
    last_ms = min(one.end_ms for one in finest)
    end_ms = floor_ms(min(end_ms or last_ms, last_ms), every_ms)
    if not start_ms:
        known = max(min(series.first_ms for series in frames.values()) for frames in recording.series.values())
        start_ms = max(common_ms, known + DECISION_CANDLES * HOUR_MS)
    start_ms = -(-start_ms // every_ms) * every_ms
    if not oldest_ms <= start_ms < end_ms:
        raise ConfigError(
            f"nothing to test from {_day(start_ms)} to {_day(end_ms)}",
            where="--from, --to",
            fix=f"there are candles from {_day(oldest_ms)} to {_day(last_ms)}, of all symbols from {_day(common_ms)}",
        )
    return start_ms, end_ms


def _day(moment_ms: int) -> str:
    return f"{to_datetime(moment_ms):%Y-%m-%d %H:%M}"


def simulate_market(
    market: Market,
    settings: Settings,
    cash: Decimal = Decimal(10_000),
    spread_bps: float = 4.0,
    *,
    keep_fills: bool = False,
) -> BacktestResult:
    """Run one bot through a market that was prepared; again and again with other settings of risk and paper.

    settings: of the strategies and timeframes that the market was prepared with.  keep_fills: tell each fill too.
    Raises ConfigError where it asks for what no running bot does yet.
    """
    if settings.risk.pyramid_adds:
        raise ConfigError(
            f"risk.pyramid_adds is {settings.risk.pyramid_adds}, and orders do not carry adds yet",
            where="risk.pyramid_adds",
            fix="set it to 0",
        )
    entries = int((market.bars.signals.direction > 0).sum())
    ticks = len(market.moments.ms)
    curve = Curve(np.zeros(ticks), np.zeros(ticks))
    unit = 10.0**market.money_decimals
    # Most trades are one fill in and one out; where there were more, the same run has room for all.
    kept = 2 * entries + len(market.symbols) if keep_fills else 0
    while True:
        ledger = new_ledger(len(market.symbols), entries, int(cash * 10**market.money_decimals), kept)
        world = World(
            ledger, market.path, market.bars, market.listing, rules_of(settings, "paper"), paper_rules(settings),
            Money(unit, unit / 10.0**MONEY_DECIMALS), spread_bps,
        )  # fmt: skip
        arguments = (world, market.moments, float(cash), curve)
        loop = compiling.ready(arguments)
        began = time.perf_counter()
        loop.run(*arguments)
        simulation_s = time.perf_counter() - began
        made = int(ledger.purse[0].fills)
        if not keep_fills or made <= kept:
            break
        kept = made
    blocked, shrunk = _counts(ledger)
    return BacktestResult(
        _trades(ledger, market), market.moments.ms, curve.equity, curve.exposure, bars_of(market),
        simulation_s, loop.compile_s, int(ledger.purse[0].orders), blocked, shrunk,
        held_instead(market, float(cash), spread_bps), settings,
        (int(market.moments.ms[0]), int(market.moments.ms[-1])), market.symbols, settings.market.quote, market,
        float(cash), spread_bps, _fills(ledger, market) if keep_fills else None,
    )  # fmt: skip


def bars_of(market: Market) -> int:
    """Decision candles of all symbols that closed between the first and the last tick."""
    bars = market.bars
    newest = (int(market.moments.ms[-1]) - bars.first_ms) // bars.step_ms - 1
    oldest = (int(market.moments.ms[0]) - bars.first_ms) // bars.step_ms - 1
    return int(np.maximum(newest - np.maximum(bars.first, oldest) + 1, 0).sum())


def marks(market: Market, spread_bps: float) -> Floats:
    """Bids of all symbols at all ticks, float64[ticks, symbols], quote currency: positions are valued at them.

    nan before a symbol's first trade.
    """
    last = market.moments.last
    bid = np.maximum(last - np.rint(last * spread_bps / 20_000), 1.0)
    return np.where(last >= 0, bid / np.asarray(market.listing["unit"]), np.nan)


def held_instead(market: Market, cash: float, spread_bps: float) -> Floats:
    """Equity of buying all symbols in equal parts at the ask, fees paid, and holding them: valued at the bid.

    A symbol that is not there yet at the first tick is bought when it is.
    """
    last, share = market.moments.last, cash / len(market.symbols)
    total = np.zeros(len(last))
    for s in range(len(market.symbols)):
        own = np.full(len(last), share)
        there = np.flatnonzero(last[:, s] >= 0)
        if len(there):
            half = np.rint(last[there, s] * spread_bps / 20_000)
            bid = np.maximum(last[there, s] - half, 1)
            ask = last[there[0], s] + max(half[0], 1)
            own[there] = share / (1.0 + market.listing[s].taker_fee) / ask * bid
        total += own
    return total


def _trades(ledger: Ledger, market: Market) -> TradeTable:
    """Trades as the database lists them: by first fill, then by id."""
    rows = ledger.trades[: int(ledger.purse[0].trades)]
    rows = rows[np.lexsort((rows["rank"], rows["entry_ms"]))]
    return TradeTable(
        tuple(market.symbols[s] for s in rows["symbol"]),
        tuple(market.names[leader] for leader in rows["leader"]),
        tuple(WHYS[int(why)] for why in rows["why"]),
        *(np.ascontiguousarray(rows[name]) for name in ("entry_ms", "exit_ms", "entry_price", "exit_price")),
        *(np.ascontiguousarray(rows[name]) for name in ("quantity", "fees", "pnl")),
    )


def _fills(ledger: Ledger, market: Market) -> FillTable:
    rows = ledger.fills[: int(ledger.purse[0].fills)]
    rows = rows[np.argsort(rows["at_ms"], kind="stable")]
    lots = rows["lots"]
    return FillTable(
        np.ascontiguousarray(rows["symbol"]),
        np.ascontiguousarray(rows["at_ms"]),
        np.sign(lots),
        np.abs(lots) / LOTS_PER_UNIT,
        rows["steps"] / np.asarray(market.listing["unit"])[rows["symbol"]],
        rows["fee"] / FEE_UNITS,
    )


def _counts(ledger: Ledger) -> tuple[dict[str, int], dict[str, int]]:
    """How often each rule blocked, and how often it shrank. A candle without a signal to buy is no rule's doing."""
    blocked: Counter[str] = Counter()
    counted: tuple[tuple[int, Sequence[str], tuple[int, ...]], ...] = (
        (GATE, GATE_RULES, (PASS, NO_SIGNAL, NO_POSITION, GATE_BOOK)),
        (BOOK, BOOK_RULES, (ALLOWED,)),
        (REFUSED, RULE_NAMES, (NO_RULE,)),
    )
    for row, names, silent in counted:
        for code, name in enumerate(names):
            if code not in silent:
                blocked[name] += int(ledger.counts[row, code])
    shrunk = {name: int(ledger.counts[SHRUNK, code]) for code, name in enumerate(RULE_NAMES) if code != NO_RULE}
    return {k: v for k, v in blocked.items() if v}, {k: v for k, v in shrunk.items() if v}
