"""A synthetic market: seeded, documented, and never mistaken for a real one.

The log price of each symbol moves in small steps (sub-steps of the candles
that are asked for):

    market step    m_t = mu(regime) dt + sigma_t sqrt(dt) z_t + jumps
    symbol step    r_t = beta m_t + own_t sqrt(dt) e_t + jumps

- regimes (calm, bull, bear, storm) follow a Markov chain with set mean
  lengths; the days that are rehearsed follow a written schedule instead, so
  that they hold quiet hours, two trends, one crash and its rebound;
- sigma and own follow GARCH(1,1), which clusters volatility; z and e are
  Student-t with 4 degrees of freedom (heavy tails), scaled to variance one;
- the market factor correlates the symbols: beta 0.8 to 1.4;
- volume is lognormal, grows with the size of the move and with the time of
  day (busiest around 15:00 UTC);
- candles are missing where a thin symbol did not trade and where the venue
  was away.

Time runs through daily, 4 h, 1 h and 5 m candles, each only where the finer
ones do not reach: what overlaps is built from the finer ones, so it agrees.

The generator uses numpy alone. Prices are rounded to the venue's price step
and volumes to three or four digits, so that the last bit of a machine's exp()
does not matter.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import numpy.typing as npt
import typer

from bot.domain.timeframes import TIMEFRAMES_MS
from bot.simulator.candle_files import Recording, Series
from bot.simulator.packed import pack

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

NAME = "synthetic"
SEED = 7
START_MS = 1_772_409_600_000  # 2026-03-02 00:00 UTC, a Monday: the first rehearsed candle
DAY_MS = TIMEFRAMES_MS["1d"]
DAYS_PER_YEAR = 365.0


@dataclass(frozen=True, slots=True)
class Coin:
    """What a symbol looks like at START_MS. price: EUR.  day_volume: base units.

    beta: to the market.  own_vol: yearly, beside the market.  decimals: of the
    price.  volume_decimals: of the volume (negative: tens, hundreds).
    missing_frac: share of 5 m candles without a trade.
    """

    symbol: str
    price: float
    day_volume: float
    beta: float
    own_vol: float
    decimals: int
    volume_decimals: int
    missing_frac: float


COINS = (
    Coin("BTC/EUR", 68_500.0, 900.0, 0.80, 0.12, 1, 3, 0.0),
    Coin("ETH/EUR", 2_450.0, 9_500.0, 1.00, 0.22, 2, 2, 0.0),
    Coin("SOL/EUR", 118.0, 95_000.0, 1.20, 0.35, 2, 1, 0.0),
    Coin("XRP/EUR", 1.62, 9_000_000.0, 1.00, 0.35, 5, -1, 0.001),
    Coin("BNB/EUR", 590.0, 1_800.0, 0.85, 0.20, 2, 3, 0.012),
    Coin("ADA/EUR", 0.335, 7_500_000.0, 1.15, 0.35, 6, -1, 0.003),
    Coin("DOGE/EUR", 0.1215, 24_000_000.0, 1.30, 0.45, 7, -2, 0.002),
    Coin("AVAX/EUR", 11.8, 110_000.0, 1.30, 0.38, 2, 1, 0.012),
    Coin("LINK/EUR", 10.9, 95_000.0, 1.20, 0.36, 5, 1, 0.008),
    Coin("DOT/EUR", 1.71, 520_000.0, 1.20, 0.38, 4, 0, 0.012),
)


@dataclass(frozen=True, slots=True)
class Regime:
    """drift_day: log return a day.  vol: yearly, of the market.  mean_days: how long it lasts."""

    drift_day: float
    vol: float
    mean_days: float


REGIMES = (
    Regime(0.0003, 0.35, 25.0),
    Regime(0.0040, 0.50, 15.0),
    Regime(-0.0035, 0.60, 14.0),
    Regime(-0.0020, 0.95, 4.0),
)

# The rehearsed days: (hours, regime). Together 4.5 days.
SCHEDULE = (
    (10, Regime(0.002, 0.30, 0)),
    (16, Regime(0.065, 0.42, 0)),
    (10, Regime(-0.004, 0.35, 0)),
    (14, Regime(0.085, 0.50, 0)),
    (12, Regime(-0.002, 0.32, 0)),
    (3, Regime(-0.85, 1.20, 0)),
    (5, Regime(0.16, 1.00, 0)),
    (14, Regime(-0.035, 0.60, 0)),
    (16, Regime(0.070, 0.50, 0)),
    (8, Regime(-0.005, 0.35, 0)),
)
REHEARSED_HOURS = sum(hours for hours, _ in SCHEDULE)


@dataclass(frozen=True, slots=True)
class Phase:
    """A stretch of time told in one timeframe. substeps: price moves per candle."""

    timeframe: str
    candles: int
    substeps: int

    @property
    def length_ms(self) -> int:
        return self.candles * TIMEFRAMES_MS[self.timeframe]


# 720 candles of warm-up in 1h, 4h and 1d at START_MS; what finer candles cover is left to them.
PHASES = (
    Phase("1d", 600, 12),
    Phase("4h", 540, 8),
    Phase("1h", 720, 8),
    Phase("5m", REHEARSED_HOURS * 12, 6),
)

GARCH_NEWS, GARCH_MEMORY = 0.06, 0.92
TAIL_DEGREES = 4
JUMPS_PER_DAY = 0.25
JUMP_SIZE = 0.012
# Candles that nobody traded, counted from the start of their phase: the venue was away for 40 minutes, and for 2 hours.
OUTAGE_CANDLES = (418, 426)
HOURLY_OUTAGE_CANDLES = (301, 303)


def generate(seed: int = SEED) -> Recording:
    """The whole synthetic market, two years of it warm-up. Same seed, same candles."""
    # Not default_rng: numpy keeps this stream as it is in all versions to come.
    rng = np.random.RandomState(seed)
    paths = _log_paths(rng)
    series: dict[str, dict[str, Series]] = {coin.symbol: {} for coin in COINS}
    for phase, path in zip(PHASES, paths, strict=True):
        for index, coin in enumerate(COINS):
            candles = _candles(rng, phase, coin, path[:, index])
            series[coin.symbol][phase.timeframe] = candles
    return Recording(NAME, series, synthetic=True)


def _log_paths(rng: np.random.RandomState) -> list[FloatArray]:
    """Per phase float64[candles * substeps + 1, coins]: log price over the price at START_MS."""
    betas = np.array([coin.beta for coin in COINS])
    own = np.array([coin.own_vol for coin in COINS]) / np.sqrt(DAYS_PER_YEAR)
    market_heat, own_heat = np.ones(1), np.ones(len(COINS))
    level = np.zeros(len(COINS))
    paths = []
    for phase in PHASES:
        steps = phase.candles * phase.substeps
        days = TIMEFRAMES_MS[phase.timeframe] / DAY_MS / phase.substeps
        drift, vol = _regimes(rng, phase, steps, days)
        shocks = _heavy(rng, (steps, len(COINS) + 1))
        jumps = _jumps(rng, steps, days)
        path = np.empty((steps + 1, len(COINS)))
        path[0] = level
        for step in range(steps):
            market = drift[step] * days + vol[step] * np.sqrt(market_heat * days) * shocks[step, :1]
            level = level + betas * market + own * np.sqrt(own_heat * days) * shocks[step, 1:] + jumps[step]
            path[step + 1] = level
            market_heat = _garch(market_heat, shocks[step, :1])
            own_heat = _garch(own_heat, shocks[step, 1:])
        paths.append(path)
    start = paths[-1][0]
    return [path - start for path in paths]


def _garch(heat: FloatArray, shock: FloatArray) -> FloatArray:
    """Next variance over its long-run mean; kept within 1/4 and 9 times that mean."""
    news = GARCH_NEWS * heat * np.square(shock)
    return np.clip((1 - GARCH_NEWS - GARCH_MEMORY) + news + GARCH_MEMORY * heat, 0.25, 9.0)


def _heavy(rng: np.random.RandomState, shape: tuple[int, int]) -> FloatArray:
    """Student-t of variance one, cut at eight deviations: a lone shock beyond that is a data error, not a market."""
    raw: FloatArray = rng.standard_t(TAIL_DEGREES, shape)
    cut: FloatArray = np.clip(raw * ((TAIL_DEGREES - 2) / TAIL_DEGREES) ** 0.5, -8.0, 8.0)
    return cut


def _jumps(rng: np.random.RandomState, steps: int, days: float) -> FloatArray:
    """News of one symbol: rare, either way."""
    happens = rng.random_sample((steps, len(COINS))) < JUMPS_PER_DAY * days
    return np.where(happens, rng.normal(0.0, JUMP_SIZE, (steps, len(COINS))), 0.0)


def _regimes(rng: np.random.RandomState, phase: Phase, steps: int, days: float) -> tuple[FloatArray, FloatArray]:
    """Market drift a day and volatility per root day, for each step of a phase."""
    if phase is PHASES[-1]:
        per_hour = steps // REHEARSED_HOURS
        regimes = [regime for hours, regime in SCHEDULE for _ in range(hours * per_hour)]
    else:
        regimes, current = [], 0
        for chance, choice in zip(rng.random_sample(steps), rng.randint(1, len(REGIMES), steps), strict=True):
            if chance < days / REGIMES[current].mean_days:
                current = (current + int(choice)) % len(REGIMES)
            regimes.append(REGIMES[current])
    drift = np.array([regime.drift_day for regime in regimes])
    return drift, np.array([regime.vol for regime in regimes]) / np.sqrt(DAYS_PER_YEAR)


def _candles(rng: np.random.RandomState, phase: Phase, coin: Coin, path: FloatArray) -> Series:
    """Candles of one phase and coin, rounded to its steps, without the missing ones."""
    starts = np.arange(phase.candles) * phase.substeps
    within = path[starts[:, None] + np.arange(phase.substeps + 1)]
    scale = 10.0**coin.decimals
    ticks = np.maximum(np.rint(coin.price * np.exp(within) * scale), 1.0)
    opening, close = ticks[:, 0].copy(), ticks[:, -1]
    # The first trade of a candle is seldom at the very price of the last one before it.
    opening += rng.randint(-1, 2, phase.candles)
    opening = np.maximum(opening, 1.0)
    high, low = np.maximum(ticks.max(axis=1), opening), np.minimum(ticks.min(axis=1), opening)

    open_ms = _phase_start(phase) + np.arange(phase.candles, dtype=np.int64) * TIMEFRAMES_MS[phase.timeframe]
    volume = _volumes(rng, phase, coin, open_ms, within)
    kept = ~_missing(rng, phase, coin)
    columns = (opening / scale, high / scale, low / scale, close / scale, volume)
    return Series(phase.timeframe, open_ms[kept], *(column[kept] for column in columns))


def _phase_start(phase: Phase) -> int:
    before = PHASES[PHASES.index(phase) : -1]
    return START_MS - sum(other.length_ms for other in before)


def _volumes(rng: np.random.RandomState, phase: Phase, coin: Coin, open_ms: IntArray, within: FloatArray) -> FloatArray:
    """Base units, at least one volume step, more in moving and in busy hours."""
    days = TIMEFRAMES_MS[phase.timeframe] / DAY_MS
    move = within.max(axis=1) - within.min(axis=1)
    activity = 0.5 + 0.5 * move / max(float(np.mean(move)), 1e-9)
    hour = (open_ms % DAY_MS) / DAY_MS * 24
    season = 1.0 + (0.0 if days >= 1 else 0.45) * np.cos((hour - 15.0) / 24 * 2 * np.pi)
    noise = np.exp(rng.normal(-0.08, 0.4, phase.candles))
    base_units: FloatArray = coin.day_volume * days * activity * season * noise
    return _rounded(base_units, coin.volume_decimals)


def _rounded(amounts: FloatArray, decimals: int) -> FloatArray:
    """To `decimals` (negative: tens, hundreds), at least one step."""
    # Whole numbers divided by a power of ten: the doubles that reading the decimals gives.
    scale = 10 ** abs(decimals)
    steps = np.rint(amounts * scale) if decimals >= 0 else np.rint(amounts / scale)
    whole = np.maximum(steps, 1.0)
    rounded: FloatArray = whole / scale if decimals >= 0 else whole * scale
    return rounded


def _missing(rng: np.random.RandomState, phase: Phase, coin: Coin) -> npt.NDArray[np.bool_]:
    absent = np.zeros(phase.candles, dtype=np.bool_)
    if phase.timeframe == "5m":
        absent |= rng.random_sample(phase.candles) < coin.missing_frac
        absent[slice(*OUTAGE_CANDLES)] = True
        # Something trades at both ends: the recording starts and ends on time.
        absent[[0, -1]] = False
    if phase.timeframe == "1h":
        absent[slice(*HOURLY_OUTAGE_CANDLES)] = True
    return absent


def write(path: Path, seed: int = SEED) -> Recording:
    """Generate and write the packed file. Returns what was generated."""
    recording = generate(seed)
    pack(
        path,
        recording,
        decimals={coin.symbol: coin.decimals for coin in COINS},
        volume_decimals={coin.symbol: coin.volume_decimals for coin in COINS},
        seed=seed,
        rehearse_from_ms=START_MS,
        generator="training/recording.py",
    )
    return recording


EPILOG = """
Example:

\b
  python -m training recording --seed 7 --out bot/recordings/synthetic.npz
      writes the bundled recording again
"""


def command(
    out: Annotated[Path, typer.Option(help="Packed file to write (.npz).")],
    seed: Annotated[int, typer.Option(help="Same seed, same candles.")] = SEED,
) -> None:
    """Generate a synthetic recording for the simulator: ten symbols, months of warm-up, days to rehearse."""
    from rich.console import Console

    console = Console(stderr=True)
    with console.status("generating ..."):
        recording = write(out, seed)
    rows = sum(len(series) for frames in recording.series.values() for series in frames.values())
    print(f"{out}: {len(recording.symbols)} symbols, {rows} candles, {out.stat().st_size / 1000:.0f} kB, seed {seed}")
