"""All columns, in the order in which a table holds them."""

from __future__ import annotations

from bot.features.context import CONTEXT, CONTEXT_TIMEFRAMES
from bot.features.derived import DERIVED
from bot.features.momentum import MOMENTUM
from bot.features.price_action import PRICE_ACTION
from bot.features.trend import TREND
from bot.features.volatility import VOLATILITY
from bot.features.volume import VOLUME

# Columns made of the table's own candles, before and after those of other timeframes.
OWN = TREND + MOMENTUM + VOLATILITY + VOLUME + PRICE_ACTION + DERIVED

_BEFORE = TREND + MOMENTUM + VOLATILITY + VOLUME + PRICE_ACTION
_JOINED = tuple((f"{column.kind}_{timeframe}", column) for column in CONTEXT for timeframe in CONTEXT_TIMEFRAMES)

NAMES: tuple[str, ...] = (
    *(column.name for column in _BEFORE),
    *(name for name, _ in _JOINED),
    *(column.name for column in DERIVED),
)
COLUMN: dict[str, int] = {name: position for position, name in enumerate(NAMES)}

# Rows before a column's first valid one. A column that ends in a timeframe (rsi_4h)
# counts rows of that timeframe.
WARMUP: dict[str, int] = {column.name: column.warmup for column in OWN} | {name: c.warmup for name, c in _JOINED}
UNITS: dict[str, str] = {column.name: column.unit for column in OWN} | {name: c.unit for name, c in _JOINED}
ABOUT: dict[str, str] = {column.name: column.about for column in OWN} | {name: c.about for name, c in _JOINED}
