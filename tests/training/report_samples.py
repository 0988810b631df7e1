"""Documents of backtests that never ran: prices of a seeded walk or of real candles, trades of a simple rule."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

DATA = Path(__file__).parents[3] / "shared" / "data" / "binance"
HOUR_MS = 3_600_000
START_MS = 1_617_235_200_000  # 2021-04-01
REASONS = ("stop_loss", "trailing_stop", "take_profit", "sell_signal", "take_profit_ladder")
STRATEGIES = ("trend_following", "breakout", "momentum")


def iso(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1000, UTC).isoformat().replace("+00:00", "Z")


def walk(points: int, seed: int) -> np.ndarray:
    """Prices float64[points, 4]: open, high, low, close."""
    random = np.random.default_rng(seed)
    closes = 100 * np.exp(np.cumsum(random.normal(0.00002, 0.006, points)))
    opened = np.concatenate([[100.0], closes[:-1]])
    rim = np.abs(random.normal(0, 0.003, (2, points)))
    high, low = np.maximum(opened, closes) * (1 + rim[0]), np.minimum(opened, closes) * (1 - rim[1])
    return np.stack([opened, high, low, closes], axis=1)


def recorded(symbol: str, first_ms: int, end_ms: int) -> tuple[np.ndarray, np.ndarray]:
    """(open times, prices) of real hours from ../shared/data."""
    import duckdb

    rows = duckdb.execute(
        "select epoch_ms(timestamp) as t, open, high, low, close from read_parquet(?)"
        " where t >= ? and t < ? order by 1",
        [str(DATA / symbol.replace("/", "-") / "1h.parquet"), first_ms, end_ms],
    ).fetchnumpy()
    return np.asarray(rows["t"], dtype=np.int64), np.stack(
        [rows[name] for name in ("open", "high", "low", "close")], axis=1
    )


def document(
    *, symbols: int = 3, points: int = 2184, trades: int = 60, real: tuple[str, ...] = (), seed: int = 5
) -> dict[str, Any]:
    """A whole document: hourly equity of `points` hours, that many trades over all symbols.

    real: pairs of ../shared/data in place of walks.
    """
    names = real or tuple(f"C{place}/USDT" for place in range(symbols))
    ms = START_MS + HOUR_MS * np.arange(points)
    prices: dict[str, np.ndarray] = {}
    for place, name in enumerate(names):
        if real:
            seen, found = recorded(name, int(ms[0]), int(ms[-1]) + HOUR_MS)
            prices[name] = found[np.maximum(np.searchsorted(seen, ms, side="right") - 1, 0)]
        else:
            prices[name] = walk(points, seed + place)
    made = _trades(names, prices, ms, trades, np.random.default_rng(seed))
    equity, exposure = _equity(made, prices, ms)
    hold = 10_000 * np.mean([prices[name][:, 3] / prices[name][0, 0] for name in names], axis=0)
    step = max(1, points // 1500)
    return {
        "title": "Backtest of spring 2021",
        "period": {"from": iso(int(ms[0])), "to": iso(int(ms[-1]))},
        "symbols": list(names),
        "quote": "USDT",
        "profile": "aggressive",
        "settings": {
            "exchange": "kraken", "symbols": list(names),
            "risk": {"stop_loss_frac": 0.025, "take_profit_frac": 0.045, "ladder": [[0.025, 0.5], [0.06, 0.3]]},
            "strategies": {"enabled": list(STRATEGIES), "min_confidence": 0.2}, "trailing": True,
        },
        "ticks": points, "errors": 0, "orders": 2 * trades, "trades": made,
        "equity_start": 10_000.0, "equity_end": float(equity[-1]),
        "metrics": _metrics(made, equity, hold, exposure),
        "equity": [[int(t), float(v)] for t, v in zip(ms, equity, strict=True)],
        "buy_and_hold": [[int(t), float(v)] for t, v in zip(ms, hold, strict=True)],
        "exposure": [[int(t), float(v)] for t, v in zip(ms, exposure, strict=True)],
        "candles": {
            name: {"timeframe": "1h", "t": ms[::step].tolist()}
            | {key: found[::step, column].tolist() for column, key in enumerate("ohlc")}
            for name, found in prices.items()
        },
        "rules": {
            "cooldown": {"blocked": 212, "shrunk": 0}, "position_cap": {"blocked": 0, "shrunk": 48},
            "max_open_positions": {"blocked": 31, "shrunk": 0}, "portfolio_risk": {"blocked": 4, "shrunk": 11},
            "a_new_rule": {"blocked": 1, "shrunk": 0}, "spread": {"blocked": 0, "shrunk": 0},
        },
        "monte_carlo": {
            "runs": 5000, "trades": trades, "quantiles": [0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99],
            "final_equity": [8200.5, 8700.0, 9500.0, 10100.0, 10800.0, 11900.0, 12700.0],
            "max_drawdown": [0.031, 0.04, 0.06, 0.083, 0.11, 0.16, 0.21],
            "ruin_level": 0.5, "ruin_probability": 0.0, "real_max_drawdown": 0.071, "drawdown_rank": 0.37,
        },
        "deflated_sharpe": {
            "probability": 0.7312, "sharpe": 0.061, "threshold": 0.022, "trials": 14.2, "periods": 91, "skew": 0.3,
            "kurtosis": 4.1, "min_periods": 412.7,
        },
        "random_entries": {
            "p_value": 0.1832, "runs": 2000, "trades": trades, "quantiles": [0.05, 0.5, 0.95],
            "returns": [-0.004, 0.0002, 0.0051], "mean": 0.0003, "real": 0.0021,
        },
        "walk_forward": [
            {
                "from": iso(START_MS + 30 * 24 * HOUR_MS * n), "to": iso(START_MS + 30 * 24 * HOUR_MS * (n + 1)),
                "metrics": {
                    "total_return": gain, "sharpe_ratio": gain * 30, "max_drawdown": 0.05, "total_trades": 17,
                    "win_rate": 0.5 + gain,
                },
            }
            for n, gain in enumerate((0.041, -0.023, 0.012, 0.055, -0.004))
        ],
        "delay": {
            "on_time": {"total_return": 0.081, "total_trades": 64},
            "delayed": {"total_return": 0.064, "total_trades": 61},
            "cost_frac": 0.017, "median_s": 71.0, "missed_frac": 0.031, "source": "slot ledger",
        },
        "crosscheck": {
            "agrees": True, "equity_difference": 0.0000213, "return_difference": 0.0000044,
            "worst_ms": START_MS + 9 * HOUR_MS, "fills": 2 * trades, "refused": 0, "total_return": 0.0641,
        },
        "bars": points * len(names), "simulation_s": 0.021, "compile_s": 3.4, "duration_s": 5.9,
        "data": "binance", "data_version": "sha256:6f1c0e", "code_version": "632fa75",
        "command": "python -m training backtest --from 2021-04-01 --to 2021-07-01 --symbols "
        + ",".join(names),
    }  # fmt: skip


def _trades(
    names: tuple[str, ...], prices: dict[str, np.ndarray], ms: np.ndarray, count: int, random: np.random.Generator
) -> list[dict[str, Any]]:
    """Bought at a close, held for a while, the last one not sold again."""
    made: list[dict[str, Any]] = []
    for place in range(count):
        name = names[place % len(names)]
        room = max(2, len(ms) * len(names) // max(count, 1))
        bought = min(len(ms) - 2, place // len(names) * room + int(random.integers(0, max(1, room // 3))))
        sold = min(len(ms) - 1, bought + 1 + int(random.integers(1, max(2, room // 2))))
        entry, end = float(prices[name][bought, 3]), float(prices[name][sold, 3])
        quantity = round(1000 / entry, 6)
        fees = 0.004 * quantity * entry
        still_open = place == count - 1
        made.append(
            {
                "symbol": name, "strategy": STRATEGIES[place % 3], "entry_at": iso(int(ms[bought])),
                "exit_at": None if still_open else iso(int(ms[sold])), "entry_price": entry,
                "exit_price": None if still_open else end, "quantity": quantity, "fees": round(fees, 4),
                "pnl": 0.0 if still_open else round((end - entry) * quantity - fees, 4),
                "exit_reason": "" if still_open else REASONS[int(random.integers(0, len(REASONS)))],
            }
        )  # fmt: skip
    return made


def _equity(made: list[dict[str, Any]], prices: dict[str, np.ndarray], ms: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    equity, held = np.full(len(ms), 10_000.0), np.zeros(len(ms))
    for trade in made:
        closes = prices[trade["symbol"]][:, 3]
        first = int(np.searchsorted(ms, _ms(trade["entry_at"])))
        end = len(ms) - 1 if trade["exit_at"] is None else int(np.searchsorted(ms, _ms(trade["exit_at"])))
        equity[first:end] += (closes[first:end] - trade["entry_price"]) * trade["quantity"]
        equity[end:] += trade["pnl"]
        held[first:end] += closes[first:end] * trade["quantity"]
    return equity, np.clip(held / equity, 0, 1)


def _ms(moment: str) -> int:
    return round(datetime.fromisoformat(moment).timestamp() * 1000)


def _metrics(
    made: list[dict[str, Any]], equity: np.ndarray, hold: np.ndarray, exposure: np.ndarray
) -> dict[str, float | int | None]:
    closed = [trade["pnl"] for trade in made if trade["exit_at"]]
    wins, losses = [pnl for pnl in closed if pnl > 0], [pnl for pnl in closed if pnl <= 0]
    peak = np.maximum.accumulate(equity)
    return {
        "total_return": float(equity[-1] / 10_000 - 1), "sharpe_ratio": 1.2345, "sortino_ratio": 1.8765,
        "calmar_ratio": 0.9876, "max_drawdown": float(np.max(1 - equity / peak)), "max_drawdown_duration": 23.4,
        "win_rate": len(wins) / len(closed) if closed else None,
        "profit_factor": sum(wins) / -sum(losses) if losses else None,
        "avg_win": sum(wins) / len(wins) if wins else None, "avg_loss": sum(losses) / len(losses) if losses else None,
        "total_trades": len(closed), "avg_trade_duration": 17.25 if closed else None,
        "exposure_time": float(np.mean(exposure > 0)), "buy_and_hold_return": float(hold[-1] / 10_000 - 1),
        "cagr": 0.3214, "volatility": 0.2468, "open_trades": len(made) - len(closed), "total_pnl": float(sum(closed)),
        "total_fees": float(sum(trade["fees"] for trade in made)),
    }  # fmt: skip
