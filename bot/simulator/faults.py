"""The fault script: what goes wrong, where, and how often.

| kind | the caller sees |
|---|---|
| html | HTTP 200 with a web page |
| empty | HTTP 200 with no body |
| empty_result | HTTP 200, no error, `result` {} |
| 403, 408, 500, 502, 503, 504, 520, 524 | that HTTP status with a web page |
| slow | the right answer after `seconds` |
| timeout | nothing for `seconds`, then a connection that is cut |
| reset | a connection that is cut without an answer |
| error:TEXT | HTTP 200 with Kraken's error TEXT |
| status:WORD | the venue's state: maintenance, cancel_only, post_only (SystemStatus) |
| renamed | a result under another name than the pair's |
| nan, zero, negative | a close that is no price (OHLC, newest closed candle) |
| crossed | a high below its low (OHLC) |
| duplicate, missing, out_of_order | a candle twice, not at all, or before its elder (OHLC) |
| half | an answer that stops in the middle |

A private request has been carried out when one of these hits its answer, as
happens to real orders; only `error:TEXT` is told instead of doing it. The
other way round, `before:KIND` (a status, html, empty, empty_result, timeout,
reset, half) is the same failure without anything done, and `after:error:TEXT`
is that error after it was done. Private endpoints only, `seconds` in the
venue's time:

| kind | what happens |
|---|---|
| late | the connection is cut; the request is carried out `seconds` later, if its deadline lets it |
| lag | orders placed less than `seconds` ago are missing (OpenOrders) |
| lockout | EGeneral:Temporary lockout for `seconds`, for every request of the key |
| fill_first, fill_first:SHARE | the order fills, all or a SHARE of the rest, in the moment of its cancel or amend |
| odd_descr | the order is accepted, its description is not a sentence that ccxt can read (AddOrder) |
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from threading import Lock
from typing import Any

WEB_PAGE = "<!DOCTYPE html><html><head><title>{0}</title></head><body><h1>{0}</h1></body></html>"
HTTP_KINDS = {
    "403": "Forbidden",
    "408": "Request Timeout",
    "500": "Internal Server Error",
    "502": "Bad Gateway",
    "503": "Service Unavailable",
    "504": "Gateway Timeout",
    "520": "Web server is returning an unknown error",
    "524": "A timeout occurred",
}
NO_ANSWER = '{"error":[],"result":{}}'
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
# What cuts or replaces an answer, whether or not the request was carried out.
CUTTING_KINDS = frozenset({"html", "empty", "empty_result", "reset", "timeout", "half", *HTTP_KINDS})
ORDER_ENDPOINTS = frozenset({"AddOrder", "AmendOrder", "CancelOrder", "CancelAll", "CancelAllOrdersAfter"})
PRIVATE_ENDPOINTS = ORDER_ENDPOINTS | {
    *("Balance", "BalanceEx", "Ledgers", "TradeVolume", "GetApiKeyInfo"),
    *("OpenOrders", "ClosedOrders", "QueryOrders", "TradesHistory", "QueryTrades"),
}
# Kinds that only some endpoints know; "*" means these.
ONLY: dict[str, frozenset[str]] = {
    **{kind: frozenset({"OHLC"}) for kind in ROW_KINDS},
    "status": frozenset({"SystemStatus"}),
    "late": ORDER_ENDPOINTS,
    "lag": frozenset({"OpenOrders"}),
    "lockout": PRIVATE_ENDPOINTS,
    "fill_first": frozenset({"CancelOrder", "AmendOrder"}),
    "odd_descr": frozenset({"AddOrder"}),
}
PRIVATE_KINDS = frozenset({"late", "lag", "lockout", "fill_first", "odd_descr"})
PLAIN_KINDS = frozenset({"slow", "renamed", *CUTTING_KINDS, *ROW_KINDS, *PRIVATE_KINDS})


@dataclass(slots=True)
class Fault:
    """One line of the script. left: how often it still happens, None for ever.

    match: parameters that the request must carry, name and value.  skip: how
    many requests that fit pass unharmed first.
    """

    endpoint: str
    kind: str
    left: int | None = 1
    symbol: str | None = None
    seconds: float = 0.0
    happened: int = 0
    match: Mapping[str, str] = field(default_factory=dict)
    skip: int = 0

    @property
    def effect(self) -> str:
        """The kind without its `before:` or `after:`."""
        return self.kind.removeprefix("before:").removeprefix("after:")

    @property
    def processed(self) -> bool:
        """The request is carried out although its answer is spoiled."""
        return not self.kind.startswith(("before:", "error:"))

    @property
    def share(self) -> float:
        """Of the rest of an order, for fill_first."""
        return float(self.effect.partition(":")[2] or 1.0)

    def matches(self, endpoint: str, symbols: frozenset[str], query: Mapping[str, str]) -> bool:
        here = endpoint in ONLY.get(self.effect.partition(":")[0], (endpoint,))
        named = self.endpoint in ("*", endpoint) and here
        wanted = all(query.get(name) == value for name, value in self.match.items())
        return named and wanted and self.left != 0 and (self.symbol is None or self.symbol in symbols)


@dataclass(slots=True)
class FaultScript:
    """Faults in the order in which they were added; the first that fits a request happens."""

    _faults: list[Fault] = field(default_factory=list)
    _lock: Lock = field(default_factory=Lock)

    def add(
        self,
        endpoint: str,
        kind: str,
        times: int | None = 1,
        symbol: str | None = None,
        seconds: float = 1.0,
        *,
        match: Mapping[str, str] | None = None,
        skip: int = 0,
    ) -> Fault:
        """Script a fault for the next `times` requests that fit (None: until it is cleared).

        endpoint: Kraken's name ("OHLC"), or "*" for all.  symbol: only requests
        that name this pair ("BTC/EUR"), or an order in it.  seconds: the delay
        of "slow" and of the private kinds.  match: only requests with these
        parameters ({"ordertype": "stop-loss"}).  skip: let so many pass first.
        Raises ValueError on an unknown kind.
        """
        if not _known(kind):
            kinds = ", ".join(sorted(PLAIN_KINDS))
            raise ValueError(f"unknown fault {kind!r}: one of {kinds}, error:TEXT, status:WORD")
        fault = Fault(endpoint, kind, times, symbol, seconds, match=dict(match or {}), skip=skip)
        with self._lock:
            self._faults.append(fault)
        return fault

    def clear(self) -> None:
        with self._lock:
            self._faults.clear()

    def take(self, endpoint: str, symbols: frozenset[str], query: Mapping[str, str]) -> Fault | None:
        """The fault that happens to this request, counted down."""
        with self._lock:
            for fault in self._faults:
                if fault.matches(endpoint, symbols, query):
                    if fault.skip:
                        fault.skip -= 1
                        continue
                    fault.happened += 1
                    fault.left = None if fault.left is None else fault.left - 1
                    return fault
        return None

    def as_list(self) -> list[dict[str, Any]]:
        with self._lock:
            return [
                {"endpoint": f.endpoint, "kind": f.kind, "left": f.left, "symbol": f.symbol, "happened": f.happened}
                | ({"match": dict(f.match)} if f.match else {})
                | ({"skip": f.skip} if f.skip else {})
                for f in self._faults
            ]


def _known(kind: str) -> bool:
    name, _, rest = kind.partition(":")
    if name == "before":
        return rest in CUTTING_KINDS
    if name == "after":
        return rest.startswith("error:") and len(rest) > len("error:")
    if name == "status":
        return rest in STATUS_WORDS
    if name == "fill_first" and rest:
        return rest.replace(".", "", 1).isdigit() and 0 < float(rest) <= 1
    return kind in PLAIN_KINDS or (name == "error" and bool(rest))


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
    kind = fault.effect
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
        "empty_result": Reply(NO_ANSWER),
        "slow": Reply(body, delay_s=fault.seconds),
        "reset": Reply("", cut=True),
        "timeout": Reply("", cut=True, delay_s=fault.seconds),
        "late": Reply("", cut=True),
        "half": Reply((body or NO_ANSWER)[: len(body or NO_ANSWER) // 2]),
        "odd_descr": Reply(_with_odd_descr(body) if kind == "odd_descr" else ""),
        "renamed": Reply(_renamed(body) if kind == "renamed" else ""),
    }
    # What is left has had its effect on the right answer already.
    return simple.get(kind) or Reply(body)


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


def _with_odd_descr(body: str) -> str:
    answer = json.loads(body)
    if "descr" in answer.get("result", {}):
        answer["result"]["descr"]["order"] = "accepted"
    return json.dumps(answer)


def _renamed(body: str) -> str:
    """Every pair's key with its last letter doubled, as if Kraken had given the pair another name."""
    answer = json.loads(body)
    renamed = {key if key == "last" else key + key[-1]: value for key, value in answer.get("result", {}).items()}
    return json.dumps({**answer, "result": renamed})
