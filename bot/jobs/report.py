"""The JSON document of a tick. The terminal's report is made from it."""

from __future__ import annotations

from typing import Any

from bot.domain.codec import to_json
from bot.domain.timeframes import to_datetime
from bot.jobs.bot_run import BotRun, MarketNow, equity_snapshot
from bot.words import say


def iso(moment_ms: int) -> str | None:
    """UTC, ISO 8601; None for 0."""
    return to_datetime(moment_ms).isoformat() if moment_ms else None


def bot_report(run: BotRun, now: MarketNow) -> dict[str, Any]:
    """What one bot saw, decided and holds. Prices and sizes as numbers, money as numbers in quote currency."""
    equity = equity_snapshot(run, now)
    verdicts = run.decision.verdicts if run.decision else ()
    return {
        "name": run.snapshot.name,
        "status": run.snapshot.status.value,
        "quote": run.settings.market.quote,
        "signals": [to_json(signal) for signals in run.signals.values() for signal in signals],
        "orders": [
            {
                "client_id": order.client_id, "symbol": order.symbol, "side": order.side.value,
                "leg": order.leg.value, "type": order.type.value, "status": order.status.value,
                "quantity": float(order.quantity), "filled": float(order.filled),
                "limit_price": _number(order.limit_price), "stop_price": _number(order.stop_price),
                "reason": order.reason,
            }
            for order in (run.account.orders[item.order.client_id] for item in run.planned)
        ],
        "verdicts": [
            {
                "symbol": verdict.symbol, "timeframe": verdict.timeframe, "bar": iso(verdict.bar_ms),
                "verdict": verdict.verdict, "rule": verdict.reasons[-1].rule,
                "reason": say(verdict.reasons[-1], run.settings.language, run.settings.market.quote),
                "reasons": [to_json(reason) for reason in verdict.reasons],
            }
            for verdict in verdicts
        ],
        "notes": [to_json(note) for note in (run.decision.notes if run.decision else ())],
        "positions": [
            {
                "symbol": p.symbol, "quantity": p.size, "entry_price": p.entry_price,
                "stop_price": _real(p.stop_price), "target_price": _real(p.target_price),
                "price": _price_now(now, p.symbol), "opened": iso(p.opened_ms), "trade_id": p.trade_id,
            }
            for p in run.account.positions()
        ],
        "closed": [
            {
                "trade_id": t.trade_id, "symbol": t.symbol, "pnl": float(t.pnl), "exit_reason": t.exit_reason,
                "exit_price": _number(t.exit_price),
            }
            for t in run.account.closed
        ],
        "cash": float(run.account.cash),
        "equity": float(equity.equity),
        "drawdown": equity.drawdown,
        "problems": {s: {"rule": p.rule, "detail": p.detail} for s, p in now.problems.items() if s in run.symbols},
        "prices": {symbol: _price_now(now, symbol) for symbol in run.symbols},
    }  # fmt: skip


def _number(value: Any) -> float | None:
    return None if value is None else float(value)


def _real(value: float) -> float | None:
    return value if value == value else None


def _price_now(now: MarketNow, symbol: str) -> float | None:
    quote = now.quotes.get(symbol)
    if quote is None:
        return None
    return _real(quote.last) or _real(quote.bid)
