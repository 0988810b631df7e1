"""Full ticks over recorded candles: the real protocol, the real database, a virtual clock."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from bot.domain.errors import ExchangeError
from bot.domain.records import Trade
from bot.jobs.performance import metrics
from bot.jobs.report import iso

HELD_RETRY_S = 0.2


@dataclass(frozen=True, slots=True)
class Plan:
    """Which moments to tick at: every every_ms from start_ms to end_ms, ends included.

    wait_s: how long to wait for the lease of a run that was killed.
    """

    start_ms: int
    end_ms: int
    every_ms: int
    wait_s: float = 30.0

    @property
    def ticks(self) -> int:
        return max((self.end_ms - self.start_ms) // self.every_ms + 1, 0)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the database holds after a rehearsal. equity: (ms, quote currency), oldest first."""

    trades: Sequence[Trade]
    equity: Sequence[tuple[int, Decimal]]
    orders: int


Progress = Callable[[int, int, dict[str, Any]], None]


async def rehearse(
    plan: Plan,
    set_clock: Callable[[int], None],
    tick: Callable[[], Awaitable[dict[str, Any]]],
    outcome: Callable[[], Outcome],
    on_progress: Progress,
) -> dict[str, Any]:
    """Tick through the plan and report (SPEC section 3).

    set_clock: moves the venue's virtual clock.  tick: one full tick.  outcome:
    reads the result from the database.  A tick that finds no venue counts as an
    error and the next one goes on, as it would in real life; any other failure
    ends the rehearsal.
    """
    began = time.perf_counter()
    errors: list[dict[str, Any]] = []
    moments = range(plan.start_ms, plan.end_ms + 1, plan.every_ms)
    for done, moment_ms in enumerate(moments, start=1):
        set_clock(moment_ms)
        try:
            document = await _tick(tick, plan.wait_s)
        except ExchangeError as error:
            errors.append({"at": iso(moment_ms), "error": str(error)})
            document = {}
        on_progress(done, len(moments), document)
    result = outcome()
    equity = [value for _, value in result.equity]
    return {
        "ticks": len(moments),
        "errors": len(errors),
        "error_list": errors[:20],
        "from": iso(plan.start_ms),
        "to": iso(plan.end_ms),
        "orders": result.orders,
        "trades": [trade_row(trade) for trade in result.trades],
        "equity_start": float(equity[0]) if equity else None,
        "equity_end": float(equity[-1]) if equity else None,
        "metrics": metrics(result.trades, result.equity),
        "duration_s": round(time.perf_counter() - began, 3),
    }


async def _tick(tick: Callable[[], Awaitable[dict[str, Any]]], wait_s: float) -> dict[str, Any]:
    give_up = time.monotonic() + wait_s
    while True:
        document = await tick()
        if document.get("skipped") != "held" or time.monotonic() > give_up:
            return document
        await asyncio.sleep(HELD_RETRY_S)


def trade_row(trade: Trade) -> dict[str, Any]:
    """One trade as reports show it; exit fields are None while it is open."""
    return {
        "trade_id": trade.trade_id,
        "symbol": trade.symbol,
        "strategy": trade.strategy,
        "status": trade.status,
        "entry_at": iso(trade.entry_ms),
        "exit_at": iso(trade.exit_ms),
        "entry_price": float(trade.entry_price),
        "exit_price": float(trade.exit_price) if trade.exit_price is not None else None,
        "quantity": float(trade.quantity),
        "fees": float(trade.fees),
        "pnl": float(trade.pnl),
        "exit_reason": trade.exit_reason,
    }
