"""Results of backtests in the database: rows that are only ever added."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bot.adapters.postgres_connection import Client
from bot.adapters.postgres_rows import Json, dumps, query
from bot.domain.backtests import Backtest

SUMMARY = (
    "total_return", "buy_and_hold_return", "max_drawdown", "sharpe_ratio", "sortino_ratio", "calmar_ratio",
    "win_rate", "profit_factor", "exposure_time", "total_fees",
)  # fmt: skip
"""Figures that have a column of their own."""

CHECKS = ("monte_carlo", "random_entries", "sharpe_interval", "deflated_sharpe", "walk_forward", "crosscheck", "delay")


@dataclass(frozen=True, slots=True)
class Found:
    """Backtests on record. newest: of the settings asked for, None where there is none.  others: of other settings."""

    newest: Backtest | None
    others: int


class BacktestStore(Client):
    """Each method is one transaction."""

    def add(self, document: Mapping[str, Any]) -> int:
        """Keep what `training backtest` told; its number."""
        figures = document["metrics"]
        values: Json = {
            "name": document.get("name") or document["title"],
            "made_at": document["made_at"], "code_version": document["code_version"],
            "command": document.get("command", ""),
            "data": dumps({"name": document["data"], "hash": document["data_version"]}),
            "synthetic": bool(document["synthetic"]),
            "profile": document["profile"], "settings": dumps(document["settings"]),
            "settings_hash": document["settings_hash"],
            "symbols": list(document["symbols"]), "quote": document["quote"],
            "from_at": document["period"]["from"], "to_at": document["period"]["to"],
            "equity_start": document["equity_start"], "equity_end": document["equity_end"],
            "trades": figures["total_trades"], "metrics": dumps(figures),
            "checks": dumps({name: document[name] for name in CHECKS if document.get(name)}),
        } | {name: figures.get(name) for name in SUMMARY}  # fmt: skip
        row = self.run(lambda connection: self.ask(connection, query("add_backtest"), values).fetchone())
        assert row is not None
        return int(row[0])

    def newest(self, settings_hash: str) -> Found:
        """The newest backtest of these settings on real candles, and how many there are of others."""
        values = {"settings_hash": settings_hash}
        row = self.run(lambda connection: self.ask(connection, query("newest_backtest"), values).fetchone())
        assert row is not None
        made_ms, days, sharpe, others = row
        return Found(Backtest(int(made_ms), float(days), sharpe) if made_ms else None, int(others))
