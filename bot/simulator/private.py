"""What Kraken's private endpoints share: the desk they are answered at, and how lists are cut into pages."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from bot.simulator import amounts
from bot.simulator.account import Account
from bot.simulator.auth import ApiKey
from bot.simulator.errors import KrakenError
from bot.simulator.pairs import Pair
from bot.simulator.venue import Query, Venue

PAGE = 50
IDS_AT_MOST = 50

Entry = TypeVar("Entry")


@dataclass(frozen=True, slots=True)
class Call:
    """One request that passed all checks. now_ms: when the venue handles it.  hidden_ms: see the fault `lag`."""

    venue: Venue
    account: Account
    key: ApiKey
    query: Query
    now_ms: int
    hidden_ms: int = 0

    def pair(self, symbol: str) -> Pair:
        return self.venue.history(symbol).pair


# Answers with the JSON text of Kraken's `result`, or raises KrakenError.
PrivateEndpoint = Callable[[Call], str]


def id_list(query: Query) -> list[str]:
    """The ids under `txid`. Raises KrakenError without any, and with more than fifty."""
    found = [text.strip() for text in query.get("txid", "").split(",") if text.strip()]
    if not found or len(found) > IDS_AT_MOST:
        raise KrakenError("EGeneral:Invalid arguments")
    return found


def page(
    entries: list[tuple[str, Entry]], query: Query, times: Callable[[Entry], tuple[int, ...]]
) -> tuple[dict[str, Entry], int]:
    """One page of (id, entry) pairs, newest first, and how many there are in all.

    `start` (exclusive) and `end` (inclusive) are unix times or ids; an entry
    is in range when any of its times (ms) is. `ofs` skips that many.
    """
    known = dict(entries)
    start = _moment_ms(query, "start", known, times)
    end = _moment_ms(query, "end", known, times)
    inside = [
        (name, entry)
        for name, entry in entries
        if any((start is None or time > start) and (end is None or time <= end) for time in times(entry))
    ]
    offset = amounts.number(query.get("ofs") or "0")
    if offset is None or offset < 0:
        raise KrakenError("EGeneral:Invalid arguments:ofs")
    inside.reverse()
    return dict(inside[int(offset) : int(offset) + PAGE]), len(inside)


def _moment_ms(
    query: Query, name: str, known: dict[str, Entry], times: Callable[[Entry], tuple[int, ...]]
) -> int | None:
    text = query.get(name)
    if not text:
        return None
    if text in known:
        return max(times(known[text]))
    value = amounts.number(text)
    if value is None:
        raise KrakenError(f"EGeneral:Invalid arguments:{name}")
    return int(value * 1000)
