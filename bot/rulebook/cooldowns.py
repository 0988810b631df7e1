"""How long a symbol is left alone after a trade."""

from __future__ import annotations

from bot.rulebook.rules import Rules


def cooldown_until(exit_ms: int, losses: int, rules: Rules) -> int:
    """Until when no entry in the symbol is allowed, ms UTC.

    exit_ms: when the trade ended.  losses: losing trades in a row in this symbol, this one included.
    """
    return exit_ms + rules.cooldown_ms
