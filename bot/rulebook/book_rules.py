"""Limits of the whole book: what stops all entries at once, whatever the signal."""

from __future__ import annotations

from typing import NamedTuple

from bot.rulebook.rules import Rules

DAY_MS = 86_400_000

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
    paused_until_ms, breaker_since_ms, day_lost_ms: latches, 0 for none.  trades_today: entries of the UTC
    day.  losses_in_row: closed losers in a row since the UTC day began.
    """

    equity: float
    day_open_equity: float
    peak_equity: float
    drawdown_peak: float
    paused_until_ms: int
    breaker_since_ms: int
    day_lost_ms: int
    trades_today: int
    losses_in_row: int
    now_ms: int


class BookJudgement(NamedTuple):
    """code: of the gravest rule that forbids entries (BOOK_RULES), ALLOWED where none does.

    value, limit: of that rule, in its own unit.  drawdown_peak, paused_until_ms,
    breaker_since_ms, day_lost_ms: the latches as they are to be kept.
    """

    code: int
    value: float
    limit: float
    drawdown_peak: float
    paused_until_ms: int
    breaker_since_ms: int
    day_lost_ms: int


def lost_frac(equity: float, since: float) -> float:
    """What equity lost since it was `since`, as a fraction; 0.0 where that is not known."""
    return 1.0 - equity / since if since > 0.0 else 0.0


def daily_loss_reached(equity: float, day_open_equity: float, max_daily_loss_frac: float) -> bool:
    """Whether equity, open losses counted, fell by the day's limit since the day opened (UTC)."""
    return equity <= day_open_equity * (1.0 - max_daily_loss_frac)


def entries_left(trades_today: int, waiting: int, rules: Rules) -> int:
    """How many more trades may begin today (UTC). waiting: entries of which nothing has filled yet."""
    return rules.max_daily_trades - trades_today - waiting


def takes_back(code: int) -> bool:
    """Whether entries that rest are to be taken back. The day's last trades were counted when they were placed."""
    return code != ALLOWED and code != DAILY_TRADES


def judge_book(inputs: BookInputs, rules: Rules) -> BookJudgement:
    """Whether entries are allowed, and the latches after this moment.

    The breaker, once it has opened, stays until a person lifts it. A day whose loss was too large is
    over, whatever comes back before it ends. The pause ends by time; the
    peak that it is counted from then begins anew, or it would begin again at once.
    """
    equity, now_ms = inputs.equity, inputs.now_ms
    breaker_ms = inputs.breaker_since_ms
    peak = inputs.peak_equity
    if breaker_ms == 0 and peak > 0.0 and equity <= peak * (1.0 - rules.max_total_drawdown_frac):
        breaker_ms = now_ms
    pause_ms, pause_peak = inputs.paused_until_ms, inputs.drawdown_peak
    if 0 < pause_ms <= now_ms:
        pause_ms, pause_peak = 0, equity
    if pause_ms == 0:
        pause_peak = max(pause_peak, equity)
        if pause_peak > 0.0 and equity <= pause_peak * (1.0 - rules.max_drawdown_frac):
            pause_ms = now_ms + rules.drawdown_pause_ms
    today_ms = now_ms - now_ms % DAY_MS
    lost_today = daily_loss_reached(equity, inputs.day_open_equity, rules.max_daily_loss_frac)
    day_lost_ms = today_ms if lost_today or inputs.day_lost_ms == today_ms else 0
    code, value, limit = ALLOWED, 0.0, 0.0
    if breaker_ms > 0:
        code, value, limit = GLOBAL_BREAKER, lost_frac(equity, peak), rules.max_total_drawdown_frac
    elif pause_ms > 0:
        code, value, limit = DRAWDOWN_PAUSE, lost_frac(equity, pause_peak), rules.max_drawdown_frac
    elif day_lost_ms > 0:
        lost = max(lost_frac(equity, inputs.day_open_equity), 0.0)
        code, value, limit = DAILY_LOSS, lost, rules.max_daily_loss_frac
    elif inputs.trades_today >= rules.max_daily_trades:
        code, value, limit = DAILY_TRADES, float(inputs.trades_today), float(rules.max_daily_trades)
    elif inputs.losses_in_row >= rules.max_consecutive_losses:
        code, value, limit = CONSECUTIVE_LOSSES, float(inputs.losses_in_row), float(rules.max_consecutive_losses)
    return BookJudgement(code, value, limit, pause_peak, pause_ms, breaker_ms, day_lost_ms)
