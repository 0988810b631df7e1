"""A backtest as the JSON document that people, reports and other programs read (SPEC section 3)."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np

from bot.jobs.report import iso
from bot.settings import to_dict
from bot.settings.fingerprint import fingerprint
from training.engine.checks import metrics
from training.engine.run import BacktestResult, TradeTable
from training.market.arrays import Floats, Ints
from training.report.thinning import kept_points
from training.statistics.metrics import DAY_MS

BUCKETS = 500
"""Stretches of a curve in a document, each with its first value, its highest and its lowest."""
MOST_CANDLES = 1500

Document = dict[str, Any]


def document(result: BacktestResult, title: str, data: str, synthetic: bool = False) -> Document:
    """Everything that is told of a backtest but its checks. title: for people.  data: name of the recording."""
    table = result.trades
    start_ms, end_ms = result.period
    shown = _shown(result.equity_ms, (result.equity, result.buy_and_hold, result.exposure))
    moments = result.equity_ms[shown].tolist()
    return {
        "title": title,
        "backtest": True,
        "data": data,
        "data_version": data_version(result),
        "synthetic": synthetic,
        "period": {"from": iso(start_ms), "to": iso(end_ms)},
        "symbols": list(result.symbols),
        "quote": result.quote,
        "profile": result.settings.profile,
        "ticks": len(result.equity_ms),
        "errors": 0,
        "orders": result.orders,
        "trades": [_trade(table, n) for n in range(len(table))],
        "equity_start": float(result.equity[0]),
        "equity_end": float(result.equity[-1]),
        "metrics": metrics(result),
        "bars": result.bars,
        "simulation_s": round(result.simulation_s, 6),
        "compile_s": round(result.compile_s, 3),
        "settings": to_dict(result.settings),
        "settings_hash": fingerprint(result.settings),
        "equity": _points(moments, result.equity[shown]),
        "buy_and_hold": _points(moments, result.buy_and_hold[shown]),
        "exposure": _points(moments, result.exposure[shown]),
        "candles": _candles(result),
        "rules": {
            name: {"blocked": result.blocked.get(name, 0), "shrunk": result.shrunk.get(name, 0)}
            for name in sorted({*result.blocked, *result.shrunk})
        },
    }


def data_version(result: BacktestResult) -> str:
    """Hash of the very candles that were tested."""
    digest = hashlib.sha256(np.ascontiguousarray(result.market.path.candles).tobytes())
    for symbol, candles in sorted(result.market.candles.items()):
        digest.update(symbol.encode())
        for column in (candles.open_ms, candles.open, candles.high, candles.low, candles.close, candles.volume):
            digest.update(np.ascontiguousarray(column).tobytes())
    return f"sha256:{digest.hexdigest()}"


def _trade(table: TradeTable, n: int) -> Document:
    open_still = table.exit_ms[n] == 0
    exit_price = float(table.exit_price[n])
    return {
        "symbol": table.symbol[n],
        "strategy": table.strategy[n],
        "status": "open" if open_still else "closed",
        "entry_at": iso(int(table.entry_ms[n])),
        "exit_at": None if open_still else iso(int(table.exit_ms[n])),
        "entry_price": float(table.entry_price[n]),
        "exit_price": None if np.isnan(exit_price) else exit_price,
        "quantity": float(table.quantity[n]),
        "fees": float(table.fees[n]),
        "pnl": float(table.pnl[n]),
        "exit_reason": table.exit_reason[n],
    }


def _shown(moments: Ints, columns: tuple[Floats, ...]) -> Ints:
    """Places of the points that draw all columns as before, and of each UTC day's last, which figures go by."""
    closes = np.flatnonzero(np.append(np.diff(moments // DAY_MS) != 0, True))
    spread = kept_points(columns, BUCKETS)
    return np.union1d(spread, closes) if len(closes) <= len(spread) else spread


def _points(moments: list[int], values: Floats) -> list[list[float]]:
    return [[moment, value] for moment, value in zip(moments, values.tolist(), strict=True)]


def _candles(result: BacktestResult) -> Document:
    """Decision candles of the period, several joined into one where there are too many."""
    found = {}
    for symbol, candles in result.market.candles.items():
        start_ms, end_ms = result.period
        own = candles.since(start_ms - candles.step_ms).closed_at(end_ms)
        if not len(own):
            continue
        first = np.arange(0, len(own), max(-(-len(own) // MOST_CANDLES), 1))
        last = np.append(first[1:], len(own)) - 1
        found[symbol] = {
            "timeframe": own.timeframe,
            "t": own.open_ms[first].tolist(),
            "o": own.open[first].tolist(),
            "h": np.maximum.reduceat(own.high, first).tolist(),
            "l": np.minimum.reduceat(own.low, first).tolist(),
            "c": own.close[last].tolist(),
        }
    return found
