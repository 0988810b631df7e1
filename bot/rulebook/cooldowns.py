"""How long a symbol is left alone after a trade."""

from __future__ import annotations

from bot.rulebook.rules import Rules


def cooldown_until(exit_ms: int, losses: int, rules: Rules) -> int:
    """Until when no entry in the symbol is allowed, ms UTC.

    exit_ms: when the trade ended.  losses: losing trades in a row in this symbol, this one
    included; each one after the first multiplies the wait, up to max_cooldown_ms.
    """
    wait = float(rules.cooldown_ms)
    longest = float(max(rules.cooldown_ms, rules.max_cooldown_ms))
    for _ in range(losses - 1):
        if wait >= longest:
            break
        wait *= rules.loss_cooldown_factor
    return exit_ms + int(min(wait, longest))
