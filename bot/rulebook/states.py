"""The bot state machine: IDLE, MONITORING, SIGNAL_DETECTED, POSITION_OPEN, POSITION_CLOSED, IDLE."""

from __future__ import annotations

from bot.domain.book import BotState

CYCLE = (
    BotState.IDLE,
    BotState.MONITORING,
    BotState.SIGNAL_DETECTED,
    BotState.POSITION_OPEN,
    BotState.POSITION_CLOSED,
)


def target_state(state: BotState, open_positions: int, pending_entries: int, closed_now: int) -> BotState:
    """Where a tick leaves the bot, given what it holds and what closed during the tick."""
    if open_positions > 0:
        return BotState.POSITION_OPEN
    if pending_entries > 0:
        return BotState.SIGNAL_DETECTED
    if closed_now > 0:
        return BotState.POSITION_CLOSED
    if state is BotState.POSITION_CLOSED:
        return BotState.IDLE
    return BotState.MONITORING


def path(state: BotState, target: BotState) -> tuple[BotState, ...]:
    """Every state from the present one (left out) to the target, by the cycle's own steps.

    One tick can detect, enter and leave; the history then shows all of it. A
    signal that came to nothing goes straight back to MONITORING.
    """
    if state is target:
        return ()
    if state is BotState.SIGNAL_DETECTED and target is BotState.MONITORING:
        return (target,)
    at = CYCLE.index(state)
    steps: list[BotState] = []
    while not steps or steps[-1] is not target:
        at = (at + 1) % len(CYCLE)
        steps.append(CYCLE[at])
    return tuple(steps)
