"""Whether a signal may be entered at all, before anything is sized."""

from __future__ import annotations

from typing import NamedTuple

from bot.rulebook.rules import Rules

PASS = 0
PROBLEM = 1
NO_SIGNAL = 2
NO_POSITION = 3
MIN_CONFIDENCE = 4
LATE_SIGNAL = 5
BOOK = 6
IN_DOUBT = 7
PENDING_ENTRY = 8
CLOSED_BY_PERSON = 9
COOLDOWN = 10
NO_QUOTE = 11
SPREAD = 12

GATE_RULES = (
    "",
    "problem",
    "no_signal",
    "no_position",
    "min_confidence",
    "late_signal",
    "book",
    "in_doubt",
    "pending_entry",
    "closed_by_person",
    "cooldown",
    "no_quote",
    "spread",
)
"""Names of the codes. PROBLEM and BOOK stand for a rule that the caller knows by its own name."""


class GateInputs(NamedTuple):
    """What is known of a signal and its symbol.

    problem: the data, the market or the venue's word forbid it.  direction: -1, 0, 1.
    age_bars: since the signal's candle closed, in decision candles.  book_blocked: a rule
    of the whole book forbids all entries.  in_doubt, pending, close_requested: of the symbol.
    cooldown_left_ms: 0.0 where none runs.  bid, ask: quote currency, nan or 0.0 for none.
    """

    problem: bool
    direction: int
    confidence: float
    age_bars: float
    book_blocked: bool
    in_doubt: bool
    pending: bool
    close_requested: bool
    cooldown_left_ms: float
    bid: float
    ask: float


def spread_frac(bid: float, ask: float) -> float:
    """What lies between bid and ask, as a fraction of the middle; nan without both."""
    return 2.0 * (ask - bid) / (ask + bid)


def gate(inputs: GateInputs, rules: Rules) -> int:
    """Code of the first rule that forbids the entry (GATE_RULES), PASS where none does.

    The order is the one in which a person wants to be told: first what is wrong with what
    was seen, then what the signal says, then what the book forbids, then the price.
    """
    if inputs.problem:
        return PROBLEM
    if inputs.direction == 0:
        return NO_SIGNAL
    if inputs.direction < 0:
        return NO_POSITION
    if inputs.confidence < rules.min_confidence:
        return MIN_CONFIDENCE
    if inputs.age_bars > rules.signal_max_age_bars:
        return LATE_SIGNAL
    if inputs.book_blocked:
        return BOOK
    if inputs.in_doubt:
        return IN_DOUBT
    if inputs.pending:
        return PENDING_ENTRY
    if inputs.close_requested:
        return CLOSED_BY_PERSON
    if inputs.cooldown_left_ms > 0.0:
        return COOLDOWN
    if not (inputs.bid > 0.0 and inputs.ask > 0.0):
        return NO_QUOTE
    if not spread_frac(inputs.bid, inputs.ask) <= rules.max_spread_frac:
        return SPREAD
    return PASS
