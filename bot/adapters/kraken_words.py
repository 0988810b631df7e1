"""What Kraken's own error strings mean for a request that changes something.

An order was refused only where Kraken said so in one of these words. Every other
word, known or new, leaves the request in doubt: "EService:Busy" has been told of
orders that were taken. The raw strings are compared, never ccxt's error classes:
ccxt gives "EGeneral:Internal error:<code>" the class of a refusal.

Source of the lists: Kraken's API errors page and the order endpoints' pages
(docs.kraken.com/exchange/guides/general/errors).
"""

from __future__ import annotations

from collections.abc import Sequence

LOCKOUT = "EGeneral:Temporary lockout"
LOCKOUT_MS = 15 * 60_000
"""How long a key stays locked; any call in that time starts the lockout anew."""

THROTTLED = "EService:Throttled"
NONCE = "EAPI:Invalid nonce"
KEY_WORDS = ("EAPI:Invalid key", "EAPI:Invalid signature", "EGeneral:Permission denied")

REFUSALS: frozenset[str] = frozenset(
    {
        "EOrder:Insufficient funds",
        "EOrder:Order minimum not met",
        "EOrder:Cost minimum not met",
        "EOrder:Tick size check failed",
        "EOrder:Invalid price",
        "EOrder:Post only order",
        "EOrder:Orders limit exceeded",
        "EOrder:Insufficient margin",
        "EOrder:Rate limit exceeded",
        "EOrder:Domain rate limit exceeded",
        "EQuery:Unknown asset pair",
        "EAccount:Invalid permissions",
        "EGeneral:Invalid arguments",
        "EGeneral:Too many requests",
        "EAPI:Rate limit exceeded",
        "EService:Market in cancel_only mode",
        "EService:Market in post_only mode",
        "EService:Market in limit_only mode",
        "EService:Market in reduce_only mode",
        LOCKOUT,
        THROTTLED,
        NONCE,
        *KEY_WORDS,
    }
)
"""Said before anything was done. Kraken may append what exactly it was about, behind a colon."""

NO_SUCH_ORDER = "EOrder:Unknown order"
"""Refuses an amendment or a cancellation; no answer to a new order."""

PASSING = ("EAPI:Rate limit exceeded", "EGeneral:Too many requests", THROTTLED)
"""Of the refusals, those after which a read may be tried again."""


def says(text: str, word: str) -> bool:
    """The string is this word, alone or with details behind a colon."""
    return text == word or text.startswith(word + ":")


def any_says(said: Sequence[str], words: Sequence[str]) -> bool:
    return any(says(text, word) for text in said for word in words)


def is_refusal(said: Sequence[str], more: Sequence[str] = ()) -> bool:
    """Every string is on the white list, or among `more`; one that is not leaves the request in doubt."""
    words = (*REFUSALS, *more)
    return bool(said) and all(any(says(text, word) for word in words) for text in said)


def quiet_until_ms(said: Sequence[str], now_ms: int) -> int:
    """Until when Kraken wants no private call, ms UTC; 0 where it said nothing of the kind.

    now_ms: UTC. A throttling names its end in unix seconds; no end, or one further
    away than a lockout, counts as a lockout's length.
    """
    if any_says(said, (LOCKOUT,)):
        return now_ms + LOCKOUT_MS
    ends = [_seconds(text.rpartition(":")[2]) for text in said if says(text, THROTTLED)]
    if not ends:
        return 0
    latest = now_ms + LOCKOUT_MS
    return max(min(round(end * 1000), latest) if end > 0 else latest for end in ends)


def _seconds(text: str) -> float:
    """A unix time, 0.0 where the text is none."""
    try:
        value = float(text)
    except ValueError:
        return 0.0
    return value if 0 < value < 1e11 else 0.0
