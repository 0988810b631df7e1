"""From a recording to the arrays of the loop: all that ticks would read of it, in the order of the symbols."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import combinations

import numpy as np

from bot.domain.candles import Candles
from bot.domain.orders import Leg
from bot.domain.timeframes import floor_ms, timeframe_ms
from bot.features.correlation import CORRELATION_ROWS, log_returns, rolling_correlation
from bot.jobs.signals import Weighted, weighted_strategies
from bot.settings import Settings
from bot.simulator.candle_files import Recording
from bot.simulator.history import History
from bot.simulator.pairs import MAKER_FEES, TAKER_FEES, Pair, make_pair
from training.market.arrays import BAR, CANDLE, LISTING, Bars, Floats, Ints, Moments, Path, Records, records
from training.market.candles import FIRST_ANSWER_ROWS, kept_candles, venue_candles
from training.market.quotes import last_trades
from training.market.signals import Signals, all_signals, feature_table

MONEY_DECIMALS = 8
"""Of sizes, and of fees."""
RATE_UNITS = 1_000_000
RANK_LETTERS, LETTER_BITS, DIGEST_BYTES = 12, 5, 10
"""Letters of a client id that decide an order among ids, bits in each, and bytes of the hash that they are made of."""

Progress = Callable[[float, str], None]


@dataclass(frozen=True, slots=True)
class Market:
    """Everything that the loop reads.

    names: of the strategies, by their place.  money_decimals: of the common unit of
    exact money.  candles: decision candles by symbol, for reports.
    """

    symbols: tuple[str, ...]
    listing: Records
    path: Path
    bars: Bars
    moments: Moments
    names: tuple[str, ...]
    money_decimals: int
    candles: Mapping[str, Candles]


def build(
    recording: Recording,
    settings: Settings,
    moments: Ints,
    account: str,
    progress: Progress = lambda share, what: None,
) -> Market:
    """The market of settings.market.symbols at these moments (ms UTC, rising).

    account: name of the bot, part of its orders' ids, by which equals are listed.
    progress: told the share that is done and the symbol at hand.
    """
    symbols = settings.market.symbols
    pairs = {symbol: make_pair(symbol, list(recording.series[symbol].values())) for symbol in symbols}
    histories = {symbol: History(pairs[symbol], recording.series[symbol]) for symbol in symbols}
    weighted = weighted_strategies(settings)
    finest, decisions, signals = [], {}, []
    last = np.empty((len(moments), len(symbols)), dtype=np.int64)
    for n, symbol in enumerate(symbols):
        progress(n / len(symbols), symbol)
        path = _finest(histories[symbol], symbol, settings, int(moments[0]), int(moments[-1]))
        finest.append(path)
        decisions[symbol], found = _signals(histories[symbol], symbol, path, settings, weighted, int(moments[0]))
        signals.append(found)
        last[:, n] = last_trades(histories[symbol], moments)
    progress(1.0, "")
    decimals = max(pair.decimals for pair in pairs.values())
    return Market(
        symbols,
        _listing([pairs[symbol] for symbol in symbols], decimals),
        _path(finest),
        _bars(signals, [decisions[symbol] for symbol in symbols], settings.market.timeframe, account),
        Moments(moments, last),
        tuple(strategy.name for strategy, _ in weighted),
        MONEY_DECIMALS + decimals,
        decisions,
    )


def _finest(history: History, symbol: str, settings: Settings, start_ms: int, end_ms: int) -> Candles:
    timeframe = settings.market.protection_timeframe
    step = timeframe_ms(timeframe)
    first = floor_ms(start_ms, step) - FIRST_ANSWER_ROWS * step
    return venue_candles(history, symbol, timeframe, first, floor_ms(end_ms, step))


def _signals(
    history: History, symbol: str, finest: Candles, settings: Settings, weighted: Weighted, start_ms: int
) -> tuple[Candles, Signals]:
    market = settings.market
    series = {
        timeframe: kept_candles(history, symbol, finest, timeframe, start_ms)
        for timeframe in dict.fromkeys((market.timeframe, *market.context_timeframes))
    }
    decisions = series[market.timeframe]
    context = {timeframe: series[timeframe] for timeframe in market.context_timeframes if len(series[timeframe])}
    return decisions, all_signals(feature_table(decisions, context, market.window), weighted)


def _listing(pairs: Sequence[Pair], decimals: int) -> Records:
    """LISTING[symbols]: trading rules as the bot reads them of the venue's AssetPairs."""
    taker, maker = (int(Decimal(str(fees[0][1])) / 100 * RATE_UNITS) for fees in (TAKER_FEES, MAKER_FEES))
    listing = records(len(pairs), LISTING)
    for entry, pair in zip(listing, pairs, strict=True):
        entry.unit = float(pair.ticks_per_unit)
        entry.widen = 10.0 ** (decimals - pair.decimals)
        entry.price_step = float(Decimal(pair.step))
        entry.size_step = float(Decimal(1).scaleb(-pair.lot_decimals))
        entry.min_size = float(pair.order_min)
        entry.min_lots = int(Decimal(pair.order_min).scaleb(MONEY_DECIMALS))
        entry.min_notional = float(pair.cost_min)
        entry.taker_fee = taker / RATE_UNITS
        entry.taker_millionths, entry.maker_millionths = taker, maker
    return listing


def _path(series: Sequence[Candles]) -> Path:
    step = series[0].step_ms
    first_ms = min(int(candles.open_ms[0]) for candles in series if len(candles))
    end_ms = max(int(candles.close_ms[-1]) for candles in series if len(candles))
    rows = (end_ms - first_ms) // step
    path = Path(first_ms, step, records((rows, len(series)), CANDLE), np.full(len(series), rows, dtype=np.int64))
    for s, candles in enumerate(series):
        if not len(candles):
            continue
        path.first[s] = (int(candles.open_ms[0]) - first_ms) // step
        own = slice(int(path.first[s]), int(path.first[s]) + len(candles))
        for name in ("open", "high", "low", "volume", "filled"):
            path.candles[name][own, s] = getattr(candles, name)
    return path


def _bars(signals: Sequence[Signals], candles: Sequence[Candles], timeframe: str, account: str) -> Bars:
    step = timeframe_ms(timeframe)
    first_ms = min(int(one.open_ms[0]) for one in signals if len(one.open_ms))
    end_ms = max(int(one.open_ms[-1]) for one in signals if len(one.open_ms)) + step
    rows = (end_ms - first_ms) // step
    found, first = records((rows, len(signals)), BAR), np.full(len(signals), rows, dtype=np.int64)
    found["volatility_ratio"][:] = np.nan
    found["atr"][:] = np.nan
    for s, one in enumerate(signals):
        if not len(one.open_ms):
            continue
        place = (one.open_ms - first_ms) // step
        first[s] = place[0]
        for name in ("direction", "confidence", "scale", "leader", "atr", "volatility_ratio"):
            found[name][place, s] = getattr(one, name)
        wanted = one.direction > 0
        found["rank"][place[wanted], s] = ranks(account, candles[s].symbol, one.open_ms[wanted])
    return Bars(first_ms, step, found, first, _correlations(candles, first_ms, step, rows))


def _correlations(candles: Sequence[Candles], first_ms: int, step: int, rows: int) -> Floats:
    """Of each pair of symbols, where both have candles without a gap."""
    count = len(candles)
    found = np.full((rows, count * (count - 1) // 2), np.nan)
    for pair, (one, other) in enumerate(combinations(candles, 2)):
        if not len(one) or not len(other):
            continue
        start_ms = max(int(one.open_ms[0]), int(other.open_ms[0]))
        a, b = one.since(start_ms), other.since(start_ms)
        length = min(len(a), len(b))
        if length <= CORRELATION_ROWS:
            continue
        values = rolling_correlation(log_returns(a.close[:length])[1:], log_returns(b.close[:length])[1:])
        place = (start_ms - first_ms) // step + 1
        found[place : place + len(values), pair] = values
    return found


def ranks(account: str, symbol: str, bars_ms: Ints) -> Ints:
    """Numbers that order entries on these candles as their client ids order them: digits before letters.

    An id's letters are 75 bits of a hash in base 32, a .. z and then 2 .. 7; twelve of them decide.
    """
    head, tail = f"{account}\x1f{symbol}\x1f", f"\x1f{Leg.ENTRY.value}\x1f0"
    digests = b"".join(
        hashlib.blake2b(f"{head}{bar_ms}{tail}".encode(), digest_size=DIGEST_BYTES).digest()[:8]
        for bar_ms in bars_ms.tolist()
    )
    bits = np.frombuffer(digests, dtype=">u8").astype(np.uint64) >> np.uint64(64 - LETTER_BITS * RANK_LETTERS)
    number = np.zeros(len(bars_ms), dtype=np.int64)
    for n in range(RANK_LETTERS):
        letter = (bits >> np.uint64(LETTER_BITS * (RANK_LETTERS - 1 - n))) & np.uint64(31)
        number = number * 32 + (letter.astype(np.int64) + 6) % 32
    return number
