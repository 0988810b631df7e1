"""The fault script: what goes wrong, where, and how often.

| kind | the caller sees |
|---|---|
| html | HTTP 200 with a web page |
| empty | HTTP 200 with no body |
| empty_result | HTTP 200, no error, `result` {} |
| 502, 503, 524 | that HTTP status with a web page |
| slow | the right answer after `seconds` |
| reset | a connection that is cut without an answer |
| error:TEXT | HTTP 200 with Kraken's error TEXT |
| status:WORD | the venue's state: maintenance, cancel_only, post_only (SystemStatus) |
| renamed | a result under another name than the pair's |
| nan, zero, negative | a close that is no price (OHLC, newest closed candle) |
| crossed | a high below its low (OHLC) |
| duplicate, missing, out_of_order | a candle twice, not at all, or before its elder (OHLC) |
| half | an answer that stops in the middle |
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Lock
from typing import Any

WEB_PAGE = "<!DOCTYPE html><html><head><title>{0}</title></head><body><h1>{0}</h1></body></html>"
HTTP_KINDS = {"502": "Bad Gateway", "503": "Service Unavailable", "524": "A timeout occurred"}
STATUS_WORDS = frozenset({"online", "maintenance", "cancel_only", "post_only"})

Row = list[Any]


def _nan(rows: list[Row]) -> None:
    rows[-2][4] = "NaN"


def _zero(rows: list[Row]) -> None:
    rows[-2][4] = "0.0"


def _negative(rows: list[Row]) -> None:
    rows[-2][4] = "-" + rows[-2][4]


def _crossed(rows: list[Row]) -> None:
    rows[-2][2] = f"{float(rows[-2][3]) * 0.9:.8f}"


def _duplicate(rows: list[Row]) -> None:
    rows.insert(-2, list(rows[-2]))


def _missing(rows: list[Row]) -> None:
    del rows[-2]


def _out_of_order(rows: list[Row]) -> None:
    rows[-2], rows[-3] = rows[-3], rows[-2]


ROW_KINDS: dict[str, Callable[[list[Row]], None]] = {
    "nan": _nan,
    "zero": _zero,
    "negative": _negative,
    "crossed": _crossed,
    "duplicate": _duplicate,
    "missing": _missing,
    "out_of_order": _out_of_order,
}
PLAIN_KINDS = frozenset({"html", "empty", "empty_result", "slow", "reset", "renamed", "half", *HTTP_KINDS, *ROW_KINDS})


@dataclass(slots=True)
class Fault:
    """One line of the script. left: how often it still happens, None for ever."""

    endpoint: str
    kind: str
    left: int | None = 1
    symbol: str | None = None
    seconds: float = 0.0
    happened: int = 0

    def matches(self, endpoint: str, symbols: frozenset[str]) -> bool:
        only = "SystemStatus" if self.kind.startswith("status:") else "OHLC" if self.kind in ROW_KINDS else endpoint
        named = self.endpoint in ("*", endpoint) and only == endpoint
        return named and self.left != 0 and (self.symbol is None or self.symbol in symbols)


@dataclass(slots=True)
class FaultScript:
    """Faults in the order in which they were added; the first that fits a request happens."""

    _faults: list[Fault] = field(default_factory=list)
    _lock: Lock = field(default_factory=Lock)

    def add(
        self, endpoint: str, kind: str, times: int | None = 1, symbol: str | None = None, seconds: float = 1.0
    ) -> Fault:
        """Script a fault for the next `times` requests that fit (None: until it is cleared).

        endpoint: Kraken's name ("OHLC"), or "*" for all.  symbol: only requests
        that name this pair ("BTC/EUR").  seconds: the delay of "slow".
        Raises ValueError on an unknown kind.
        """
        if not _known(kind):
            kinds = ", ".join(sorted(PLAIN_KINDS))
            raise ValueError(f"unknown fault {kind!r}: one of {kinds}, error:TEXT, status:WORD")
        fault = Fault(endpoint, kind, times, symbol, seconds)
        with self._lock:
            self._faults.append(fault)
        return fault

    def clear(self) -> None:
        with self._lock:
            self._faults.clear()

    def take(self, endpoint: str, symbols: frozenset[str]) -> Fault | None:
        """The fault that happens to this request, counted down."""
        with self._lock:
            for fault in self._faults:
                if fault.matches(endpoint, symbols):
                    fault.happened += 1
                    fault.left = None if fault.left is None else fault.left - 1
                    return fault
        return None

    def as_list(self) -> list[dict[str, Any]]:
        with self._lock:
            return [
                {"endpoint": f.endpoint, "kind": f.kind, "left": f.left, "symbol": f.symbol, "happened": f.happened}
                for f in self._faults
            ]


def _known(kind: str) -> bool:
    if kind.startswith("status:"):
        return kind.removeprefix("status:") in STATUS_WORDS
    return kind in PLAIN_KINDS or (kind.startswith("error:") and len(kind) > len("error:"))


@dataclass(frozen=True, slots=True)
class Reply:
    """What goes over the wire. cut: close the connection instead."""

    body: str
    status: int = 200
    content_type: str = "application/json"
    cut: bool = False
    delay_s: float = 0.0


def spoil(fault: Fault, body: str) -> Reply:
    """The right answer `body` as the fault lets it through."""
    kind = fault.kind
    if kind in HTTP_KINDS:
        return Reply(WEB_PAGE.format(f"{kind} {HTTP_KINDS[kind]}"), int(kind), "text/html")
    if kind.startswith("error:"):
        return Reply(json.dumps({"error": [kind.removeprefix("error:")]}))
    if kind in ROW_KINDS:
        return Reply(_with_rows(body, ROW_KINDS[kind]))
    if kind.startswith("status:"):
        return Reply(_with_status(body, kind.removeprefix("status:")))
    simple = {
        "html": Reply(WEB_PAGE.format("Just a moment..."), content_type="text/html"),
        "empty": Reply(""),
        "empty_result": Reply('{"error":[],"result":{}}'),
        "slow": Reply(body, delay_s=fault.seconds),
        "reset": Reply("", cut=True),
        "half": Reply(body[: len(body) // 2]),
    }
    return simple.get(kind) or Reply(_renamed(body))


def _with_rows(body: str, change: Callable[[list[Row]], None]) -> str:
    answer = json.loads(body)
    for rows in answer.get("result", {}).values():
        if isinstance(rows, list) and len(rows) >= 3:
            change(rows)
    return json.dumps(answer)


def _with_status(body: str, word: str) -> str:
    answer = json.loads(body)
    answer["result"]["status"] = word
    return json.dumps(answer)


def _renamed(body: str) -> str:
    """Every pair's key with its last letter doubled, as if Kraken had given the pair another name."""
    answer = json.loads(body)
    renamed = {key if key == "last" else key + key[-1]: value for key, value in answer.get("result", {}).items()}
    return json.dumps({**answer, "result": renamed})
