"""Every setting: one frozen dataclass a group, one field a setting. This is the only list.

The field's metadata (unit, range, help, source) makes the validators
(validation.py), the reference page (reference.py) and the messages. The
defaults are those of the profile `aggressive`. Units in names: `_frac` is a
fraction (0.025 is 2.5 %), `_s` seconds; money is in quote currency.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from types import MappingProxyType
from typing import Any

from bot.domain.timeframes import TIMEFRAMES_MS
from bot.settings.ladder import LADDER_PATTERN

PROFILES = ("aggressive", "swing", "platform")
LANGUAGES = ("en", "fr")
SIZINGS = ("fixed_fraction", "kelly", "atr")
BACKUPS = ("none", "binance", "bybit")
TIMEFRAMES = tuple(TIMEFRAMES_MS)

SYMBOL_PATTERN = r"^[A-Z0-9]{1,12}/[A-Z0-9]{1,12}$"
CURRENCY_PATTERN = r"^[A-Z0-9]{1,12}$"
EXCHANGE_PATTERN = r"^[a-z0-9_]{2,32}$"
URL_PATTERN = r"^https?://[^\s@/?#]+(/[^\s@?#]*)?$"
PATTERN_WORDS = MappingProxyType(
    {
        SYMBOL_PATTERN: "a pair like BTC/EUR",
        CURRENCY_PATTERN: "a currency like EUR",
        EXCHANGE_PATTERN: "a ccxt exchange id like kraken",
        URL_PATTERN: "an http or https address without user name or query",
        LADDER_PATTERN: "a share at a gain like 0.5@0.025",
    }
)


def setting(
    default: Any,
    *,
    help: str,
    source: str,
    unit: str = "",
    min: float | None = None,
    max: float | None = None,
    above: float | None = None,
    below: float | None = None,
    choices: tuple[str, ...] = (),
    pattern: str = "",
) -> Any:
    """A dataclass field that is a setting.

    min, max: range, ends included.  above, below: range, ends left out.
    choices, pattern: what a text, or each text of a list, may be.  source:
    where the default comes from (v2, v4, platform: the plans; ours: a
    choice of this project).
    """
    metadata = {
        "help": help,
        "source": source,
        "unit": unit,
        "min": min,
        "max": max,
        "above": above,
        "below": below,
        "choices": choices,
        "pattern": pattern,
    }
    return field(default=default, metadata=metadata)


@dataclass(frozen=True, slots=True)
class ExchangeSettings:
    """Which venue, and how patient to be with it."""

    id: str = setting(
        "kraken",
        pattern=EXCHANGE_PATTERN,
        source="v4",
        help="ccxt id of the exchange; kraken is the one tested end to end",
    )
    url: str | None = setting(
        None,
        pattern=URL_PATTERN,
        source="ours",
        help="base address in place of the exchange's own, for a simulator; KRAKEN_API_URL sets it too",
    )
    timeout_s: float = setting(10.0, unit="s", min=1, max=60, source="ours", help="longest wait for one answer")
    retries: int = setting(
        5, unit="tries", min=1, max=5, source="platform", help="most tries of a read, 1, 2, 4, 8 s apart"
    )
    breaker_failures: int = setting(
        3, unit="failures", min=1, max=20, source="platform", help="failed ticks in a row that open the circuit breaker"
    )
    breaker_open_s: float = setting(
        300.0, unit="s", min=10, max=86400, source="ours", help="how long an open breaker keeps requests back"
    )
    backup: str = setting(
        "binance",
        choices=BACKUPS,
        source="platform",
        help="venue whose prices protect what is held while the exchange cannot be reached; nothing is entered then. "
        "Where exchange.url is set, it is asked only if exchange.backup_url is set too",
    )
    backup_url: str | None = setting(
        None,
        pattern=URL_PATTERN,
        source="ours",
        help="base address in place of the backup's own, for a simulator or for a host that serves public data only",
    )


@dataclass(frozen=True, slots=True)
class MarketSettings:
    """What is watched, and how fresh it must be."""

    symbols: tuple[str, ...] = setting(
        (
            "BTC/EUR",
            "ETH/EUR",
            "SOL/EUR",
            "XRP/EUR",
            "BNB/EUR",
            "ADA/EUR",
            "DOGE/EUR",
            "AVAX/EUR",
            "LINK/EUR",
            "DOT/EUR",
        ),
        pattern=SYMBOL_PATTERN,
        source="v4",
        help="pairs to watch and trade, all in the one quote currency",
    )
    quote: str = setting("EUR", pattern=CURRENCY_PATTERN, source="v4", help="currency of cash, prices and profit")
    timeframe: str = setting("1h", choices=TIMEFRAMES, source="v2", help="decision candle: its close makes signals")
    context_timeframes: tuple[str, ...] = setting(
        ("4h", "1d"),
        choices=TIMEFRAMES,
        source="v2",
        help="coarser candles that strategies see beside the decision candle",
    )
    protection_timeframe: str = setting(
        "5m", choices=TIMEFRAMES, source="v4", help="finest candle, against which stops and targets are checked"
    )
    window: int = setting(
        720, unit="candles", min=250, max=5000, source="ours", help="history per timeframe; Kraken serves 720 at most"
    )
    signal_max_age_bars: float = setting(
        1.0,
        unit="decision candles",
        above=0,
        max=100,
        source="ours",
        help="a signal older than this may exit, not enter",
    )
    stale_after_s: float = setting(
        1800.0, unit="s", min=60, max=86400, source="ours", help="a symbol whose newest candle is older is not entered"
    )
    order_book_depth: int = setting(
        20, unit="levels", min=1, max=500, source="v2", help="order book levels read when an entry is near"
    )
    slot_s: int = setting(
        300, unit="s", min=15, max=3600, source="v4", help="length of a slot: one tick each; divides a day"
    )


@dataclass(frozen=True, slots=True)
class RiskSettings:
    """How much may be lost, on one trade and altogether."""

    sizing: str = setting(
        "kelly",
        choices=SIZINGS,
        source="v2",
        help="how an entry is sized: by the risk per trade alone, less where Kelly's formula sees little edge in the "
        "trades so far, or less where the average range is wider than the stop",
    )
    risk_per_trade_frac: float = setting(
        0.015,
        unit="fraction of equity",
        above=0,
        max=0.1,
        source="v4",
        help="loss if the stop is hit, fees left out; no sizing risks more",
    )
    kelly_fraction: float = setting(
        0.25, unit="share of Kelly's own", above=0, max=1, source="v2", help="how much of Kelly's risk is taken"
    )
    kelly_min_trades: int = setting(
        30,
        unit="closed trades",
        min=10,
        max=10_000,
        source="ours",
        help="with fewer, and where no edge shows, Kelly sizing takes the risk per trade",
    )
    atr_multiple: float = setting(
        2.0,
        unit="average true ranges",
        above=0,
        max=20,
        source="ours",
        help="fall that ATR sizing counts as what may be lost, where the stop is nearer",
    )
    max_position_frac: float = setting(
        0.10, unit="fraction of equity", above=0, max=1, source="v4", help="largest position in one symbol"
    )
    min_trade_notional: float = setting(
        10.0, unit="quote currency", above=0, max=1_000_000, source="v4", help="smallest entry worth placing"
    )
    stop_loss_frac: float = setting(
        0.025,
        unit="fraction of entry price",
        above=0,
        below=0.5,
        source="v4",
        help="distance of the stop below the entry",
    )
    take_profit_frac: float = setting(
        0.045,
        unit="fraction of entry price",
        above=0,
        max=10,
        source="v4",
        help="distance of the target above the entry; unused where there is a ladder",
    )
    take_profit_ladder: tuple[str, ...] = setting(
        (),
        unit="share of what was bought, at a fraction of entry price above it",
        pattern=LADDER_PATTERN,
        source="v4",
        help="profit taken in parts, in place of the one target: gains rise, shares add up to 1; none: no ladder",
    )
    trailing_activation_frac: float = setting(
        0.02,
        unit="fraction of entry price",
        above=0,
        max=10,
        source="v4",
        help="gain at which the stop begins to trail",
    )
    trailing_distance_frac: float = setting(
        0.01,
        unit="fraction of highest price",
        above=0,
        below=0.5,
        source="v4",
        help="how far the trailing stop follows",
    )
    breakeven: bool = setting(True, source="v4", help="once trailing, the stop covers the entry and its fees")
    cooldown_s: float = setting(
        60.0, unit="s", min=0, max=2_592_000, source="v4", help="no new entry in a symbol for this long after a trade"
    )
    loss_cooldown_factor: float = setting(
        8.0,
        unit="factor",
        min=1,
        max=1000,
        source="v4",
        help="the cooldown of a symbol grows by this with each further loss in a row there: a blacklist that forgets",
    )
    max_cooldown_s: float = setting(
        604_800.0, unit="s", min=0, max=31_536_000, source="ours", help="longest that losses may keep a symbol out"
    )
    max_open_positions: int = setting(30, unit="positions", min=1, max=1000, source="v4", help="at once, on paper")
    max_open_positions_live: int = setting(15, unit="positions", min=1, max=1000, source="v4", help="at once, live")
    max_long_exposure_frac: float = setting(
        0.80, unit="fraction of equity", above=0, max=1, source="v2", help="all positions together"
    )
    min_confidence: float = setting(
        0.20, unit="share of certainty", min=0, max=1, source="v4", help="weaker signals are not entered"
    )
    max_daily_loss_frac: float = setting(
        0.05,
        unit="fraction of the UTC day's opening equity",
        above=0,
        max=1,
        source="v2",
        help="entries stop for the day beyond this loss, open losses counted",
    )
    max_daily_trades: int = setting(
        10, unit="trades", min=1, max=10_000, source="v2", help="trades that may begin in a UTC day"
    )
    max_consecutive_losses: int = setting(
        5,
        unit="closed trades",
        min=1,
        max=1000,
        source="v2",
        help="losses in a row in a UTC day after which entries stop for that day",
    )
    max_portfolio_risk_frac: float = setting(
        0.10,
        unit="fraction of equity",
        above=0,
        max=1,
        source="v2",
        help="loss if every stop is hit, of positions and waiting entries together, fees left out",
    )
    max_drawdown_frac: float = setting(
        0.15,
        unit="fraction of peak equity",
        above=0,
        below=1,
        source="v2",
        help="entries pause this far below the highest equity since the last pause, open losses counted",
    )
    drawdown_pause_s: float = setting(
        604_800.0, unit="s", min=3600, max=31_536_000, source="v2", help="how long that pause lasts; it ends by itself"
    )
    max_total_drawdown_frac: float = setting(
        0.20,
        unit="fraction of peak equity",
        above=0,
        below=1,
        source="platform",
        help="entries stop this far below the highest equity until a person lifts the breaker: resume --lift-breaker",
    )
    max_correlation: float = setting(
        0.7,
        unit="correlation of returns",
        min=0,
        max=1,
        source="v2",
        help="symbols that move together more than this are one group",
    )
    max_correlated: int = setting(
        2, unit="positions", min=1, max=1000, source="platform", help="in one such group at once: no third"
    )
    high_volatility_ratio: float = setting(
        2.0,
        unit="times the normal volatility",
        min=1,
        max=100,
        source="v2",
        help="beyond this a symbol is entered with less",
    )
    high_volatility_scale: float = setting(
        0.5, unit="share of the size", above=0, max=1, source="v2", help="how much less"
    )
    max_spread_frac: float = setting(
        0.01, unit="fraction of mid price", above=0, max=0.5, source="v2", help="entries wait while the spread is wider"
    )
    pyramid_adds: int = setting(
        0,
        unit="adds",
        min=0,
        max=10,
        source="v4",
        help="how often a winner may be added to; the first entry then leaves room for all of them. For backtests: the "
        "orders of a running bot do not carry adds yet, so it must stay 0 there",
    )
    pyramid_scale: float = setting(
        0.5, unit="share of the purchase before", above=0, below=1, source="ours", help="size of each add"
    )
    pyramid_gain_frac: float = setting(
        0.02,
        unit="fraction of the last buy price",
        above=0,
        max=10,
        source="ours",
        help="how far the price must have risen since the purchase before for an add",
    )


@dataclass(frozen=True, slots=True)
class PaperSettings:
    """The simulated venue."""

    initial_cash: float = setting(
        1000.0, unit="quote currency", above=0, max=1_000_000_000, source="ours", help="cash of a new paper bot"
    )
    slippage_frac: float = setting(
        0.0005, unit="fraction of price", min=0, max=0.05, source="v2", help="worse price of an order that takes"
    )
    participation_frac: float = setting(
        0.25,
        unit="fraction of a candle's volume",
        above=0,
        max=1,
        source="ours",
        help="most an order may take of a candle",
    )
    entry_ttl_s: float = setting(
        900.0, unit="s", min=1, max=86400, source="ours", help="an entry that is not filled by then expires"
    )
    entry_limit_frac: float = setting(
        0.002,
        unit="fraction of the ask",
        min=0,
        max=0.1,
        source="ours",
        help="how far above the ask an entry's limit may sit",
    )


@dataclass(frozen=True, slots=True)
class LiveSettings:
    """Real orders: what must hold before them, how much money they get, how long they may be on their way.

    A gate's limit may be made stricter than the plans', never looser: that takes LIVE_OVERRIDE, in words.
    """

    initial_capital: float = setting(
        100.0, unit="quote currency", above=0, max=1000, source="v2", help="capital of a live bot at its start"
    )
    capital_steps: tuple[float, ...] = setting(
        (100.0, 250.0, 500.0, 1000.0, 2500.0, 5000.0, 10_000.0),
        unit="quote currency",
        above=0,
        max=1_000_000_000,
        source="ours",
        help="capital of a live bot, step by step, each above the one before",
    )
    days_per_step: int = setting(
        14, unit="days", min=7, max=365, source="ours", help="how long a live bot stays at one capital at least"
    )
    min_paper_days: int = setting(
        7, unit="days", min=7, max=365, source="platform", help="gate: whole UTC days on paper"
    )
    min_trades: int = setting(
        10,
        unit="closed trades",
        min=10,
        max=10_000,
        source="ours",
        help="gate: closed trades, since a rate of fewer says nothing",
    )
    min_sharpe: float = setting(
        1.0, unit="yearly Sharpe ratio", min=1, max=100, source="v2", help="gate: of the daily returns on paper, above"
    )
    max_drawdown_frac: float = setting(
        0.15,
        unit="fraction of peak equity",
        above=0,
        max=0.15,
        source="v2",
        help="gate: deepest drawdown on paper, open losses counted, below",
    )
    min_win_rate: float = setting(
        0.45, unit="share of closed trades", min=0.45, max=1, source="platform", help="gate: won after fees, at least"
    )
    min_profit_factor: float = setting(
        1.5,
        unit="profit per loss",
        min=1.5,
        max=100,
        source="platform",
        help="gate: all profits over all losses of closed trades, after fees, at least",
    )
    min_backtest_sharpe: float = setting(
        1.0, unit="yearly Sharpe ratio", min=1, max=100, source="platform", help="gate: of the newest backtest, above"
    )
    deadline_s: float = setting(
        15.0, unit="s", min=5, max=60, source="ours", help="the exchange refuses an order that arrives later than this"
    )
    max_orders_per_tick: int = setting(
        30,
        unit="orders",
        min=1,
        max=100,
        source="ours",
        help="most a live tick sends; entries beyond are not placed, exits always are",
    )


@dataclass(frozen=True, slots=True)
class StrategySettings:
    """One strategy's part in the ensemble. params: complete, checked against the strategy's own list."""

    enabled: bool = setting(True, source="ours", help="whether the strategy votes")
    weight: float = setting(1.0, unit="relative weight", above=0, max=100, source="ours", help="its share in the score")
    params: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Settings:
    """All settings of one bot, already validated.

    strategies: one entry for every strategy there is.  origins: dotted field ->
    the layer that set it; fields that are absent have their default. Not part
    of equality: the same values are the same settings.
    """

    profile: str = setting(
        "aggressive",
        choices=PROFILES,
        source="v4",
        help="starting point: aggressive (plan v4), swing (plan v2), platform (platform specification)",
    )
    language: str = setting("en", choices=LANGUAGES, source="ours", help="language of reports and reasons")
    exchange: ExchangeSettings = field(default_factory=ExchangeSettings)
    market: MarketSettings = field(default_factory=MarketSettings)
    risk: RiskSettings = field(default_factory=RiskSettings)
    paper: PaperSettings = field(default_factory=PaperSettings)
    live: LiveSettings = field(default_factory=LiveSettings)
    strategies: Mapping[str, StrategySettings] = field(default_factory=dict)
    origins: Mapping[str, str] = field(default_factory=dict, compare=False, repr=False)


GROUPS: Mapping[str, type] = MappingProxyType(
    {
        "exchange": ExchangeSettings,
        "market": MarketSettings,
        "risk": RiskSettings,
        "paper": PaperSettings,
        "live": LiveSettings,
    }
)


SHARED = ("exchange.", "market.slot_s", "live.")
"""Fields, or beginnings of fields, that all bots of an installation share: one venue, one slot ledger, one live bot."""


def to_dict(settings: Settings) -> dict[str, Any]:
    """The values as plain JSON types, origins left out. `from_dict` undoes it."""
    values: dict[str, Any] = {"profile": settings.profile, "language": settings.language}
    for name in GROUPS:
        values[name] = _plain(getattr(settings, name))
    values["strategies"] = {name: _plain(part) for name, part in settings.strategies.items()}
    return values


def from_dict(values: Mapping[str, Any], origins: Mapping[str, str] | None = None) -> Settings:
    """Settings from what `to_dict` gave, without validation: only for values that were valid once.

    Raises KeyError or TypeError where the shape is not that of this version.
    """
    return Settings(
        profile=values["profile"],
        language=values["language"],
        strategies={name: StrategySettings(**part) for name, part in values["strategies"].items()},
        origins=dict(origins or {}),
        **{name: _build(group, values[name]) for name, group in GROUPS.items()},
    )


def _plain(part: Any) -> dict[str, Any]:
    values = {one.name: getattr(part, one.name) for one in fields(part)}
    return {name: _plain_value(value) for name, value in values.items()}


def _plain_value(value: Any) -> Any:
    if isinstance(value, tuple):
        return list(value)
    return dict(value) if isinstance(value, Mapping) else value


def _build(group: type, values: Mapping[str, Any]) -> Any:
    if len(values) != len(fields(group)):
        raise TypeError(f"{group.__name__} has other fields now")
    return group(**{name: tuple(value) if isinstance(value, list) else value for name, value in values.items()})
