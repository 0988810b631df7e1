"""Limits of the whole book: what stops all entries at once, whatever the signal."""

from __future__ import annotations

from typing import NamedTuple

from bot.rulebook.rules import Rules

ALLOWED = 0
GLOBAL_BREAKER = 1
DRAWDOWN_PAUSE = 2
DAILY_LOSS = 3
DAILY_TRADES = 4
CONSECUTIVE_LOSSES = 5

BOOK_RULES = ("", "global_breaker", "drawdown_pause", "daily_loss", "daily_trades", "consecutive_losses")
"""Names of the codes, the gravest first."""


class BookInputs(NamedTuple):
    """The book's numbers at one moment. Money in quote currency; equity counts open losses.

    day_open_equity: at the first tick of the UTC day.  peak_equity: highest since the breaker
    was last lifted, 0.0 unknown.  drawdown_peak: reference peak of the pause, 0.0 unknown.
    paused_until_ms, breaker_since_ms: latches, 0 for none.  trades_today: entries of the UTC
    day.  losses_in_row: closed losers in a row since the UTC day began.
    """

    equity: float
    day_open_equity: float
    peak_equity: float
    drawdown_peak: float
    paused_until_ms: int
    breaker_since_ms: int
    trades_today: int
    losses_in_row: int
    now_ms: int


class BookJudgement(NamedTuple):
    """code: of the gravest rule that forbids entries (BOOK_RULES), ALLOWED where none does.

    value, limit: of that rule, in its own unit.  drawdown_peak, paused_until_ms,
    breaker_since_ms: the latches as they are to be kept.
    """

    code: int
    value: float
    limit: float
    drawdown_peak: float
    paused_until_ms: int
    breaker_since_ms: int


def lost_frac(equity: float, since: float) -> float:
    """What equity lost since it was `since`, as a fraction; 0.0 where that is not known."""
    return 1.0 - equity / since if since > 0.0 else 0.0


def daily_loss_reached(equity: float, day_open_equity: float, max_daily_loss_frac: float) -> bool:
    """Whether equity, open losses counted, fell by the day's limit since the day opened (UTC)."""
    return equity <= day_open_equity * (1.0 - max_daily_loss_frac)


def judge_book(inputs: BookInputs, rules: Rules) -> BookJudgement:
    """Whether entries are allowed, and the latches after this moment."""
    code, value, limit = ALLOWED, 0.0, 0.0
    if daily_loss_reached(inputs.equity, inputs.day_open_equity, rules.max_daily_loss_frac):
        code, value, limit = DAILY_LOSS, lost_frac(inputs.equity, inputs.day_open_equity), rules.max_daily_loss_frac
    return BookJudgement(code, value, limit, inputs.drawdown_peak, inputs.paused_until_ms, inputs.breaker_since_ms)
