"""The market of a sweep, built once, and what tries one setting on it.

Everything here is read by all workers: shared by fork, or by Ray's object store. What a
worker keeps for itself are the votes of the strategies' parameters that it met, and the
signals made of them: a setting of other rules alone costs nothing but its run.
"""

from __future__ import annotations

import base64
import hashlib
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any, Generic, TypeVar

import numpy as np

from bot.domain.errors import ConfigError
from bot.domain.timeframes import floor_ms, timeframe_ms
from bot.features import FeatureTable
from bot.jobs.signals import weighted_strategies
from bot.settings import Settings
from bot.settings.inputs import Inputs
from bot.settings.problems import SettingsError
from bot.simulator.candle_files import Recording
from bot.simulator.history import History
from bot.simulator.pairs import make_pair
from bot.strategies.base import Strategy, Votes
from bot.strategies.registry import get, names
from training.engine.run import BacktestRequest, BacktestResult, covering, open_history, prepare, simulate_market
from training.market.arrays import Floats, Records
from training.market.build import Market, Progress, ranks
from training.market.candles import FIRST_ANSWER_ROWS, kept_candles, venue_candles
from training.market.signals import all_signals, feature_table
from training.statistics.metrics import daily_closes, full_metrics
from training.sweep.axes import Values

DONE, REFUSED, SAME = "done", "refused", "same"
"""States of a trial: it ran, its settings are not allowed, or they were tried before."""

KEPT_VOTES = 48
KEPT_SIGNALS = 3
"""What a worker remembers: about 1.5 MB each for ten symbols and two years of hours, and 10 MB."""

DIGITS = 12

K = TypeVar("K")
V = TypeVar("V")


@dataclass(frozen=True, slots=True)
class Bench:
    """What all trials share.

    market: with the signals of `settings`, and the rank of every candle.  tables: features by symbol.
    settings: those that the trials vary.  inputs, overrides: the layers that they are made of.
    """

    market: Market
    tables: Mapping[str, FeatureTable]
    settings: Settings
    inputs: Inputs
    overrides: Mapping[str, Any]
    cash: Decimal
    spread_bps: float

    def digest(self) -> str:
        """Stands for candles, features and moments: 16 hex digits. Results of another digest are of other data."""
        found = hashlib.blake2b(digest_size=8)
        market = self.market
        for part in (market.path.candles, market.bars.signals, market.bars.correlations, market.listing):
            found.update(np.ascontiguousarray(part).tobytes())
        found.update(market.moments.ms.tobytes() + market.moments.last.tobytes())
        # A strategy that is off may be switched on by a trial: its code counts as well.
        strategies = [get(name) for name in names()]
        for table in self.tables.values():
            found.update(np.ascontiguousarray(table.values).tobytes())
            for votes in (strategy.vote(table) for strategy in strategies):
                found.update(votes.direction.tobytes() + votes.confidence.tobytes())
        return found.hexdigest()


def build_bench(
    request: BacktestRequest,
    inputs: Inputs,
    overrides: Mapping[str, Any],
    progress: Progress = lambda share, what: None,
) -> Bench:
    """Read and compute all that trials share. Raises ConfigError as a backtest does."""
    market, settings = prepare(request, progress)
    recording = open_history(request.data, request.symbols, request.timeframes)
    recording = covering(recording, request.start_ms, request.end_ms)
    tables = {symbol: _table(recording, symbol, market, settings) for symbol in market.symbols}
    _rank_all(market, request.account)
    return Bench(market, tables, settings, inputs, dict(overrides), request.cash, request.spread_bps)


def _table(recording: Recording, symbol: str, market: Market, settings: Settings) -> FeatureTable:
    """Features of one symbol's decision candles, as the market's signals were made of them."""
    start_ms, end_ms = int(market.moments.ms[0]), int(market.moments.ms[-1])
    series = recording.series[symbol]
    history = History(make_pair(symbol, list(series.values())), series)
    protection = settings.market.protection_timeframe
    step = timeframe_ms(protection)
    first_ms = floor_ms(start_ms, step) - FIRST_ANSWER_ROWS * step
    finest = venue_candles(history, symbol, protection, first_ms, floor_ms(end_ms, step))
    context = {
        timeframe: candles
        for timeframe in settings.market.context_timeframes
        if len(candles := kept_candles(history, symbol, finest, timeframe, start_ms))
    }
    return feature_table(market.candles[symbol], context, settings.market.window)


def _rank_all(market: Market, account: str) -> None:
    """The market has the ranks of its own settings' entries; others enter elsewhere."""
    for s, symbol in enumerate(market.symbols):
        open_ms = market.candles[symbol].open_ms
        place = (open_ms - market.bars.first_ms) // market.bars.step_ms
        market.bars.signals["rank"][place, s] = ranks(account, symbol, open_ms)


class Runner:
    """Tries settings on a bench, one after the other. One a worker: it remembers what it computed."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        self._votes: _Newest[tuple[Any, ...], Votes] = _Newest(KEPT_VOTES * len(bench.market.symbols))
        self._signals: _Newest[str, Market] = _Newest(KEPT_SIGNALS)
        self._signals.get(_strategies_key(bench.settings), lambda: bench.market)

    def settings_of(self, values: Values) -> Settings:
        """The bench's settings with these values. Raises ConfigError where they are not allowed."""
        from bot.settings import validation

        inputs = replace(self.bench.inputs, overrides={**self.bench.overrides, **values})
        wanted = validation.load(inputs, {})
        # The data decides the rest of the market's settings, the same for all.
        market = replace(self.bench.settings.market, signal_max_age_bars=wanted.market.signal_max_age_bars)
        return replace(wanted, market=market)

    def run(self, values: Values) -> BacktestResult:
        """The backtest of these values. Raises ConfigError where they are not allowed."""
        settings = self.settings_of(values)
        market = self._signals.get(_strategies_key(settings), lambda: self._with_signals(settings))
        return simulate_market(market, settings, self.bench.cash, self.bench.spread_bps)

    def outcome(self, values: Values) -> dict[str, Any]:
        """What came of these values, as JSON: {"state", "metrics", "halted", "daily"} or {"state", "reason", "fix"}."""
        try:
            result = self.run(values)
        except SettingsError as error:
            first = error.problems[0]
            return {"state": REFUSED, "reason": first.message, "fix": first.fix}
        except ConfigError as error:
            return {"state": REFUSED, "reason": error.what, "fix": error.fix}
        halted = result.blocked.get("global_breaker", 0) > 0
        return {"state": DONE, "metrics": metrics_of(result), "halted": halted, "daily": packed(daily_of(result))}

    def _with_signals(self, settings: Settings) -> Market:
        bench, market = self.bench, self.bench.market
        bars = market.bars
        found: Records = np.array(bars.signals).view(np.recarray)
        for s, symbol in enumerate(market.symbols):
            table = bench.tables[symbol]
            weighted = [(self._remembering(strategy), weight) for strategy, weight in weighted_strategies(settings)]
            signals = all_signals(table, weighted)
            place = (signals.open_ms - bars.first_ms) // bars.step_ms
            for name in ("direction", "confidence", "scale", "leader"):
                found[name][place, s] = getattr(signals, name)
        voters = tuple(strategy.name for strategy, _ in weighted_strategies(settings))
        return replace(market, bars=bars._replace(signals=found), names=voters)

    def _remembering(self, strategy: Strategy) -> Strategy:
        """The strategy, whose votes on a whole table are computed once for its parameters."""
        quick, judge = copy(strategy), strategy.vote

        def vote(table: FeatureTable) -> Votes:
            return self._votes.get((strategy.name, strategy.params, table.symbol), lambda: judge(table))

        # On this copy alone: whatever else its class says of it stays true.
        vars(quick)["vote"] = vote
        return quick


def _strategies_key(settings: Settings) -> str:
    """Equal for settings of equal signals."""
    return repr([(s.name, s.params, weight) for s, weight in weighted_strategies(settings)])


class _Newest(Generic[K, V]):
    """What was asked for last, at most so many."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._kept: OrderedDict[K, V] = OrderedDict()

    def get(self, key: K, make: Callable[[], V]) -> V:
        if key not in self._kept:
            self._kept[key] = make()
            if len(self._kept) > self._most:
                self._kept.popitem(last=False)
        self._kept.move_to_end(key)
        return self._kept[key]


def metrics_of(result: BacktestResult) -> dict[str, float | int | None]:
    """All figures of a backtest, as statistics.metrics has them, to twelve digits.

    The last digits of a long scalar product are the linear algebra library's, which adds up in another order
    with another number of threads; and Ray gives its workers another number.
    """
    trades = result.trades
    exact = full_metrics(
        result.equity_ms,
        result.equity,
        exposure=result.exposure,
        entry_ms=trades.entry_ms,
        exit_ms=trades.exit_ms,
        pnl=trades.pnl,
        fees=trades.fees,
        entry_notional=trades.entry_price * trades.quantity,
        buy_and_hold=result.buy_and_hold,
    )
    return {name: float(f"{one:.{DIGITS}g}") if isinstance(one, float) else one for name, one in exact.items()}


def daily_of(result: BacktestResult) -> Floats:
    """Returns between the last equities of UTC days, one fewer than days; 0 from nothing on."""
    _, closes = daily_closes(result.equity_ms, result.equity)
    before, after = closes[:-1], closes[1:]
    return np.divide(after, before, out=np.ones(len(before)), where=before > 0) - 1.0


def packed(values: Floats) -> str:
    """Numbers as text, every bit of them."""
    return base64.b64encode(np.ascontiguousarray(values, dtype="<f8").tobytes()).decode()


def unpacked(text: str) -> Floats:
    """What `packed` was given."""
    return np.frombuffer(base64.b64decode(text), dtype="<f8").astype(np.float64)


def own_arrays(bench: Bench) -> Bench:
    """The bench with arrays of this process's own, where the compiled loop reads them.

    Ray's object store gives arrays that are read only, which are another type to the compiler.
    """
    market = bench.market

    def own(part: Any) -> Any:
        return part._replace(**{name: copy(value) for name, value in part._asdict().items()})

    mine = {name: own(getattr(market, name)) for name in ("path", "bars", "moments")}
    return replace(bench, market=replace(market, listing=copy(market.listing), **mine))


def numbers_of(outcomes: Sequence[Mapping[str, Any]], metric: str, sign: int) -> Floats:
    """Scores of outcomes, float64[n]: the metric, turned so that higher is better; nan for none."""
    found = [one.get("metrics", {}).get(metric) if one["state"] == DONE else None for one in outcomes]
    return np.array([np.nan if value is None else sign * float(value) for value in found])
