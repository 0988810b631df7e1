"""The same bot twice: by full ticks, and compiled."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np

from bot.settings import Settings, load
from bot.simulator import Recording
from tests.parity.full import Rows
from training.engine.run import BacktestResult, simulate_market
from training.market.build import build

Trade = tuple[Any, ...]
FIELDS = (
    "symbol", "strategy", "entry_ms", "exit_ms", "entry_price", "exit_price", "quantity", "fees", "pnl", "exit_reason",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Comparison:
    """ticked, compiled: trades of both, oldest first.  ticked_equity, compiled_equity: (ms, equity) of each tick."""

    ticked: list[Trade]
    compiled: list[Trade]
    ticked_equity: list[tuple[int, float]]
    compiled_equity: list[tuple[int, float]]
    result: BacktestResult

    @property
    def identical(self) -> int:
        """How many trades are equal in everything, up to the first one that is not in the same place."""
        return sum(a == b for a, b in zip(self.ticked, self.compiled, strict=False))

    @property
    def differences(self) -> list[str]:
        """What differs, in words; [] where nothing does."""
        found = []
        if len(self.ticked) != len(self.compiled):
            found.append(f"{len(self.ticked)} trades by ticks, {len(self.compiled)} compiled")
        for n, (a, b) in enumerate(zip(self.ticked, self.compiled, strict=False)):
            if a != b:
                parts = [f"{f}: {x} | {y}" for f, x, y in zip(FIELDS, a, b, strict=True) if x != y]
                found.append(f"trade {n} of {a[0]}: {'; '.join(parts)}")
        if self.ticked_equity != self.compiled_equity:
            pairs = zip(self.ticked_equity, self.compiled_equity, strict=False)
            n, pair = next(((n, pair) for n, pair in enumerate(pairs) if pair[0] != pair[1]), (0, None))
            found.append(f"equity at tick {n} of {len(self.ticked_equity)}: {pair}")
        return found


def bot_settings(pinned: Mapping[str, Any], own: Mapping[str, Any]) -> Settings:
    """A bot's settings as the tick reads them, untouched by this machine's environment."""
    return load({**own, **pinned}, environ={}, cwd=Path("/nonexistent"))


def compare(
    recording: Recording,
    moments: Sequence[int],
    name: str,
    settings: Settings,
    cash: Decimal,
    full: tuple[Rows, Rows],
    spread_bps: float = 4.0,
) -> Comparison:
    """Run the compiled backtest at the same moments, and lay both beside each other."""
    market = build(recording, settings, np.array(moments, dtype=np.int64), name)
    result = simulate_market(market, settings, cash, spread_bps)
    table = result.trades
    compiled = [
        (
            table.symbol[n], table.strategy[n], int(table.entry_ms[n]), int(table.exit_ms[n]),
            float(table.entry_price[n]), None if np.isnan(table.exit_price[n]) else float(table.exit_price[n]),
            float(table.quantity[n]), float(table.fees[n]), float(table.pnl[n]), table.exit_reason[n],
        )
        for n in range(len(table))
    ]  # fmt: skip
    trades, equity = full
    ticked = [_trade(row) for row in sorted(trades, key=lambda row: (row["entry_ms"], row["trade_id"]))]
    return Comparison(
        ticked,
        compiled,
        [(row["at_ms"], float(row["equity"])) for row in equity],
        list(zip(result.equity_ms.tolist(), result.equity.tolist(), strict=True)),
        result,
    )


def _trade(row: Mapping[str, Any]) -> Trade:
    return tuple(float(row[name]) if isinstance(row[name], Decimal) else row[name] for name in FIELDS)
