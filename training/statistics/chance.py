"""What chance alone would have made of it. The same seed gives the same numbers.

monte_carlo_order   the same trades in other orders, or drawn anew
random_entries      the same trades at other moments
sharpe_interval     the same days drawn anew, in blocks
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from training.statistics.metrics import DAYS_A_YEAR, STEADY, Floats, sharpe_ratio

QUANTILES = (0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99)
# Numbers in flight at a time: runs x trades.
_CHUNK = 2_000_000


@dataclass(frozen=True)
class Shuffles:
    """Quantiles over runs; each tuple beside `quantiles`.

    final_equity: quote currency.  max_drawdown: fraction, at the ends of trades alone, so
    that it is not above that of the equity curve.  ruin_probability: share of runs that
    ended a trade at or below ruin_level x start.  real_max_drawdown: of the order that was.
    drawdown_rank: share of runs whose drawdown was at most that: 0.9 is a lucky order for
    one run in ten alone.
    """

    runs: int
    trades: int
    quantiles: tuple[float, ...]
    final_equity: tuple[float, ...]
    max_drawdown: tuple[float, ...]
    ruin_level: float
    ruin_probability: float
    real_max_drawdown: float
    drawdown_rank: float


@dataclass(frozen=True)
class RandomEntries:
    """returns: quantiles over runs of the mean net return per trade, a fraction, beside `quantiles`.

    p_value: how often random moments did as well or better, (1 + such runs) / (1 + runs),
    never 0.  real: what the trades made.
    """

    runs: int
    trades: int
    quantiles: tuple[float, ...]
    returns: tuple[float, ...]
    mean: float
    real: float
    p_value: float


@dataclass(frozen=True)
class SharpeInterval:
    """Yearly Sharpe ratios.  below_zero: share of runs at or below 0.  block: mean block, periods."""

    low: float
    sharpe: float
    high: float
    level: float
    below_zero: float
    block: float
    runs: int


def monte_carlo_order(
    pnl: Floats,
    start_equity: float,
    *,
    seed: int,
    runs: int = 5_000,
    redraw: bool = False,
    compound: bool = True,
    ruin_level: float = 0.5,
    quantiles: Sequence[float] = QUANTILES,
) -> Shuffles | None:
    """The closed trades in random orders; None without trades.

    pnl: quote currency after fees, in the order of exits.  start_equity: quote currency, > 0.
    redraw: draw as many trades with replacement. Without, each run has the very trades in
    another order: its end is the same, and its drawdown is the question; with, the end differs too.
    compound: a trade makes the same fraction of the equity it meets, as sizes are fractions
    of equity; without, the same money. Equity that is gone stays 0.
    ruin_level: fraction of start_equity.
    """
    if start_equity <= 0:
        raise ValueError(f"nothing to begin with: {start_equity}")
    if not len(pnl):
        return None
    steps = pnl.astype(np.float64)
    if compound:
        before = np.maximum(start_equity + np.cumsum(steps) - steps, 0.0)
        # What was traded after equity was gone has no fraction.
        steps = np.maximum(np.divide(steps, before, out=np.zeros(len(steps)), where=before > 0), -1.0)
    real, _, _ = _paths(steps[None, :], start_equity, compound)

    generator = np.random.default_rng(seed)
    found = []
    for size in _chunks(runs, len(steps)):
        if redraw:
            drawn = steps[generator.integers(0, len(steps), (size, len(steps)))]
        else:
            drawn = generator.permuted(np.broadcast_to(steps, (size, len(steps))), axis=1)
        found.append(_paths(drawn, start_equity, compound))
    falls, ends, lows = (np.concatenate(column) for column in zip(*found, strict=True))
    return Shuffles(
        runs=runs,
        trades=len(steps),
        quantiles=tuple(quantiles),
        final_equity=_quantiles(ends, quantiles),
        max_drawdown=_quantiles(falls, quantiles),
        ruin_level=ruin_level,
        ruin_probability=float(np.mean(lows <= ruin_level * start_equity)),
        real_max_drawdown=float(real[0]),
        # The last bits of a product differ with the order of its factors.
        drawdown_rank=float(np.mean(falls <= real[0] + STEADY)),
    )


def random_entries(
    prices: Sequence[Floats],
    symbol: npt.NDArray[np.integer],
    bars_held: npt.NDArray[np.integer],
    returns: Floats,
    cost_frac: Floats | float,
    *,
    seed: int,
    weights: Floats | None = None,
    runs: int = 2_000,
    quantiles: Sequence[float] = QUANTILES,
) -> RandomEntries | None:
    """Would random moments have done as well? None without trades.

    prices: one float64[bars] per symbol, all on the same grid; nan before the first and
    after the last price of a symbol, and within: the price before it goes on.
    symbol, bars_held, returns, cost_frac: one per closed trade: index in prices; bars from
    entry to exit, >= 0; net return, fraction of what the entry cost; cost of entry and exit
    together (fees, spread, slippage), fraction.  weights: for the means, as entry notionals; without: alike.

    Each run keeps every symbol's trades with their times held and costs, and sets them at
    random on its path, in random order and never two at a time, as the book does.

    Raises ValueError where a symbol's trades do not fit into its path one after the other.
    """
    if not len(returns):
        return None
    weight = np.ones(len(returns)) if weights is None else np.asarray(weights, dtype=np.float64)
    weight = weight / weight.sum()
    costs = np.broadcast_to(np.asarray(cost_frac, dtype=np.float64), (len(returns),))
    generator = np.random.default_rng(seed)
    drawn = np.zeros(runs)
    for index in np.unique(symbol):
        mine = np.flatnonzero(symbol == index)
        path = _path(prices[int(index)])
        held = bars_held[mine].astype(np.int64)
        free = len(path) - 1 - int(held.sum())
        if free < 0:
            raise ValueError(f"{int(held.sum())} bars held do not fit into {len(path)} of symbol {int(index)}")
        done = 0
        for size in _chunks(runs, len(mine)):
            order = generator.permuted(np.broadcast_to(np.arange(len(mine)), (size, len(mine))), axis=1)
            lengths = held[order]
            gaps = np.sort(generator.integers(0, free + 1, (size, len(mine))), axis=1)
            entries = gaps + np.cumsum(lengths, axis=1) - lengths
            made = path[entries + lengths] / path[entries] - 1 - costs[mine][order]
            drawn[done : done + size] += (made * weight[mine][order]).sum(axis=1)
            done += size
    real = float(returns @ weight)
    return RandomEntries(
        runs=runs,
        trades=len(returns),
        quantiles=tuple(quantiles),
        returns=_quantiles(drawn, quantiles),
        mean=float(drawn.mean()),
        real=real,
        p_value=(1 + int(np.count_nonzero(drawn >= real))) / (1 + runs),
    )


def sharpe_interval(
    returns: Floats,
    *,
    seed: int,
    level: float = 0.95,
    runs: int = 2_000,
    block: float | None = None,
    periods: float = DAYS_A_YEAR,
) -> SharpeInterval | None:
    """Interval of the yearly Sharpe ratio by the stationary bootstrap; None without variance.

    Politis & Romano, "The Stationary Bootstrap", JASA 89, 1994: blocks of random length keep
    what follows upon what; percentiles of the runs are the interval.
    returns: per period.  periods: in a year.  block: mean length in periods, >= 1; without:
    the cube root of their number, the order that Politis & Romano derive.
    """
    estimate = sharpe_ratio(returns, periods)
    if estimate is None:
        return None
    count = len(returns)
    mean_block = max(1.0, count ** (1 / 3)) if block is None else float(block)
    if mean_block < 1:
        raise ValueError(f"blocks of {mean_block} periods")
    generator = np.random.default_rng(seed)
    scale = STEADY * float(np.abs(returns).max())
    found = []
    for size in _chunks(runs, count):
        begins = generator.random((size, count)) < 1 / mean_block
        begins[:, 0] = True
        starts = generator.integers(0, count, (size, count))
        place = np.arange(count)
        since = np.maximum.accumulate(np.where(begins, place, 0), axis=1)
        drawn = returns[(np.take_along_axis(starts, since, axis=1) + place - since) % count]
        spread = drawn.std(axis=1, ddof=1)
        # Short series: the same return drawn throughout says nothing.
        lively = spread > scale
        found.append(drawn.mean(axis=1)[lively] / spread[lively] * math.sqrt(periods))
    sharpes = np.concatenate(found)
    if not len(sharpes):
        return None
    low, high = np.quantile(sharpes, [(1 - level) / 2, (1 + level) / 2])
    return SharpeInterval(
        low=float(low),
        sharpe=estimate,
        high=float(high),
        level=level,
        below_zero=float(np.mean(sharpes <= 0)),
        block=mean_block,
        runs=len(sharpes),
    )


def _paths(steps: Floats, start: float, compound: bool) -> tuple[Floats, Floats, Floats]:
    """Of each row of steps: largest drawdown, last equity, lowest equity."""
    values: Floats
    if compound:
        values = np.cumprod(1 + steps, axis=1, dtype=np.float64) * start
    else:
        values = np.cumsum(steps, axis=1) + start
        gone = np.minimum.accumulate(values, axis=1) <= 0
        values[gone] = 0.0
    peaks = np.maximum(np.maximum.accumulate(values, axis=1), start)
    return 1 - (values / peaks).min(axis=1, initial=1.0), values[:, -1], values.min(axis=1)


def _path(prices: Floats) -> Floats:
    """From the first price to the last, each gap filled with the price before it."""
    known = np.flatnonzero(np.isfinite(prices) & (prices > 0))
    if not len(known):
        return np.zeros(0)
    stretch = np.arange(known[0], known[-1] + 1)
    return prices[known[np.searchsorted(known, stretch, side="right") - 1]]


def _chunks(runs: int, width: int) -> Iterator[int]:
    """Sizes that add up to runs, each short enough for memory."""
    most = max(1, _CHUNK // max(width, 1))
    for done in range(0, runs, most):
        yield min(most, runs - done)


def _quantiles(values: Floats, quantiles: Sequence[float]) -> tuple[float, ...]:
    return tuple(float(value) for value in np.quantile(values, quantiles))
