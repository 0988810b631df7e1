"""What the loop remembers between ticks: the bot's ledger as records of numbers.

Sizes are whole lots (1e-8 base units), prices whole price steps, fees whole 1e-8
of the quote currency, as the ledger's Decimals are multiples of them.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from training.market.arrays import Floats, Ints, Records, records

LOTS_PER_UNIT = 100_000_000.0
FEE_UNITS = 100_000_000.0
RATE_UNITS = 1_000_000.0
"""Fees are rates in millionths."""

GATE, BOOK, REFUSED, SHRUNK = 0, 1, 2, 3
"""Rows of the counts: whose codes they count."""
MOST_CODES = 32

ACCOUNT = np.dtype(
    [
        ("held", "i8"),
        ("bought", "i8"),
        ("cost_high", "f8"),
        ("cost_low", "f8"),
        ("proceeds_high", "f8"),
        ("proceeds_low", "f8"),
        ("fees", "i8"),
        ("entry_ms", "i8"),
        ("entry_price", "f8"),
        ("high", "i8"),
        ("target", "i8"),
        ("armed", "i8"),
        ("trade", "i8"),
        ("trade_rank", "i8"),
        ("stop_lots", "i8"),
        ("stop", "i8"),
        ("stop_placed_ms", "i8"),
        ("stop_checked_ms", "i8"),
        ("stop_why", "i8"),
        ("left", "i8"),
        ("limit", "i8"),
        ("entry_stop", "i8"),
        ("entry_target", "i8"),
        ("placed_ms", "i8"),
        ("checked_ms", "i8"),
        ("expires_ms", "i8"),
        ("leader", "i8"),
        ("rank", "i8"),
        ("cool_until_ms", "i8"),
        ("losses", "i8"),
        ("nth_held", "i8"),
        ("nth_pending", "i8"),
    ],
    align=True,
)
"""A symbol's open trade, resting stop and resting entry, and its cooldown.

held: lots, 0 without a trade.  bought: lots in all.  cost, proceeds: lots times
price steps (exact.Wide).  high, target, stop, limit ..: price steps.  trade: row of
the trades.  stop_lots: 0 without a stop.  left: lots not filled yet, 0 without an
entry.  losses: losing trades in a row.  nth_held, nth_pending: not of this symbol;
the columns list the symbols that are held or pending, in the ledger's order.
"""

PURSE = np.dtype(
    [
        ("cash_high", "f8"),
        ("cash_low", "f8"),
        ("held", "i8"),
        ("pending", "i8"),
        ("trades", "i8"),
        ("orders", "i8"),
        ("fills", "i8"),
        ("begun_day", "i8"),
        ("begun_today", "i8"),
        ("ended_day", "i8"),
        ("ended_today", "i8"),
        ("lost_in_row", "i8"),
        ("wins", "i8"),
        ("losses", "i8"),
        ("won", "f8"),
        ("lost", "f8"),
        ("won_high", "f8"),
        ("won_low", "f8"),
        ("lost_high", "f8"),
        ("lost_low", "f8"),
    ],
    align=True,
)
"""What is of the bot as a whole.

cash: money of the common unit (exact.Wide).  held, pending, trades, orders, fills: how
many there are.  begun_day, ended_day: UTC days since 1970 that a trade last began
or ended in; begun_today, ended_today, lost_in_row: of those days.  won_high .. lost_low:
sums of net returns per entry cost of wins and losses, both >= 0 (exact.Wide); won, lost: as this tick has them.
"""

TRADE = np.dtype(
    [
        ("symbol", "i8"),
        ("leader", "i8"),
        ("entry_ms", "i8"),
        ("exit_ms", "i8"),
        ("entry_price", "f8"),
        ("exit_price", "f8"),
        ("quantity", "f8"),
        ("fees", "f8"),
        ("pnl", "f8"),
        ("why", "i8"),
        ("rank", "i8"),
        ("lost", "i8"),
        ("nth_ended", "i8"),
    ],
    align=True,
)
"""A trade. exit_ms: 0 while open.  Money as the ledger's Decimals round to floats.  why: the exit's reason, a code.

lost: 1 where it lost.  nth_ended: not of this trade; the column lists those that ended in the newest such day.
"""


FILL = np.dtype([("symbol", "i8"), ("at_ms", "i8"), ("lots", "i8"), ("steps", "i8"), ("fee", "i8")], align=True)
"""A fill. lots: bought, below 0 sold.  steps: its price.  fee: whole 1e-8 of the quote currency."""


class Ledger(NamedTuple):
    """ACCOUNT[symbols], PURSE[1], TRADE[most], int64[4, MOST_CODES]: how often each rule spoke, and FILL[kept].

    Fills beyond the last row are booked and counted, and not kept.
    """

    accounts: Records
    purse: Records
    trades: Records
    counts: Ints
    fills: Records


class Curve(NamedTuple):
    """One value a tick. equity: quote currency, after the tick's fills.  exposure: share of it in positions."""

    equity: Floats
    exposure: Floats


def new_ledger(symbols: int, most_trades: int, cash: int, kept_fills: int = 0) -> Ledger:
    """A bot with cash (whole units of common money) and nothing else. kept_fills: room for so many."""
    purse = records(1, PURSE)
    purse.cash_high[0] = float(cash)
    purse.cash_low[0] = float(cash - int(float(cash)))
    counts = np.zeros((4, MOST_CODES), dtype=np.int64)
    trades, fills = records(max(most_trades, 1), TRADE), records(kept_fills, FILL)
    return Ledger(records(symbols, ACCOUNT), purse, trades, counts, fills)
