"""What the page's script draws: series thinned to what a screen can show, words and currency beside them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from training.report.reading import MOST_MS, FloatArray, IntArray, TradeRow, column, drawdown, mapping, text
from training.report.sections import exit_name
from training.report.subject import Subject
from training.report.texts import DAYS, MONTHS
from training.report.thinning import kept_points, merged_candles, packed_times, short, shorts

BUCKETS = 400
MOST_CANDLES = 1500
MOST_TRADES = 1500
WORDS = (
    "line.bot", "line.hold", "line.drawdown", "line.exposure", "panel.drawdown", "panel.exposure", "trade.none",
    "trade.some", "trade.most", "trade.place", "trade.bought", "trade.sold", "trade.open", "trade.result",
    "marker.entry_won", "marker.exit_won", "marker.entry_lost", "marker.exit_lost", "marker.entry_open",
    "panel.price_each",
)  # fmt: skip


def chart_data(it: Subject, symbols: Sequence[str]) -> dict[str, Any]:
    """Everything the script needs, as JSON without nan.  symbols: those that get a chart of candles."""
    say = it.speech.say
    # The places of these sentences are filled by the script, trade by trade.
    words = {key: say(key, **{name: f"{{{name}}}" for name in _PLACES}) for key in WORDS}
    unit = it.speech.quote
    return {
        "language": it.speech.language,
        "months": list(MONTHS[it.speech.language]),
        "quote": unit,
        "words": words
        | {"panel.equity": say("panel.equity", unit=unit) if unit else say("equity")}
        | {"days": list(DAYS[it.speech.language])}
        | {"exits": {reason: exit_name(it, reason) for reason in {trade.exit_reason for trade in it.trades}}},
        "equity": _equity(it),
        "symbols": [_symbol(it, name) for name in symbols],
    }


_PLACES = ("count", "shown", "place", "moment", "price", "reason", "pnl", "percent", "unit", "symbol", "timeframe")


def charted_symbols(it: Subject) -> list[str]:
    """Symbols with at least one whole candle."""
    return [name for name in it.symbols if len(_candles(it.candles.get(name))[0])]


def _equity(it: Subject) -> dict[str, Any] | None:
    if len(it.equity) < 2:
        return None
    hold, exposure = it.hold.at(it.equity.ms), it.exposure.at(it.equity.ms)
    fallen = drawdown(it.equity.value)
    kept = kept_points([it.equity.value, hold, exposure, fallen], BUCKETS)
    return {
        "t": packed_times(it.equity.ms[kept]),
        "equity": shorts(it.equity.value[kept]),
        "hold": shorts(hold[kept]) if len(it.hold) else [],
        "drawdown": shorts(-100 * fallen[kept], 4),
        "exposure": shorts(100 * exposure[kept], 4) if len(it.exposure) else [],
    }


def _symbol(it: Subject, name: str) -> dict[str, Any]:
    ms, columns = _candles(it.candles.get(name))
    starts, merged = merged_candles(columns, MOST_CANDLES)
    made = [trade for trade in it.trades if trade.symbol == name]
    kept = sorted(sorted(made, key=lambda trade: -abs(trade.pnl or 0.0))[:MOST_TRADES], key=lambda one: one.entry_ms)
    return {
        "name": name,
        "timeframe": text(mapping(it.candles.get(name)).get("timeframe")),
        "t": packed_times(ms[starts]),
        **{key: shorts(column) for key, column in zip("ohlc", merged, strict=True)},
        "count": len(made),
        "trades": [_trade(trade) for trade in kept],
    }


def _candles(given: object) -> tuple[IntArray, list[FloatArray]]:
    """(ms, [open, high, low, close]) of the whole candles, oldest first."""
    found = mapping(given)
    columns = [column(found.get(key)) for key in ("t", "o", "h", "l", "c")]
    n = min(len(each) for each in columns)
    rows = np.stack([each[:n] for each in columns])
    rows = rows[:, np.isfinite(rows).all(axis=0) & (np.abs(rows[0]) < MOST_MS)]
    rows = rows[:, np.argsort(rows[0], kind="stable")]
    return rows[0].astype(np.int64), list(rows[1:])


def _trade(trade: TradeRow) -> list[Any]:
    """[entry ms, exit ms, entry price, exit price, profit, profit as a fraction of the cost, exit reason, strategy]"""
    cost = (trade.entry_price or 0.0) * (trade.quantity or 0.0)
    return [
        trade.entry_ms,
        trade.exit_ms,
        short(trade.entry_price),
        short(trade.exit_price),
        short(trade.pnl),
        short(trade.pnl / cost, 4) if trade.pnl is not None and cost > 0 else None,
        trade.exit_reason,
        trade.strategy,
    ]
