"""Kraken's signed requests: sent once when they change something, read until whole when they only ask.

ccxt signs and sends; the answer is judged here, by its own bytes. Requests of one
key go out one after the other, since Kraken refuses a nonce that arrives behind a
later one.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any, TypeVar

from bot.adapters import kraken_words as words
from bot.adapters.rate_limit import Clock, Sleep
from bot.adapters.retry import RefusedError, RetryPolicy, TransientError
from bot.adapters.venue_client import NoAnswerError, NotSentError, RawAnswer, VenueClient

T = TypeVar("T")
Params = Mapping[str, Any]

NEW_ORDER = "AddOrder"
FREE = frozenset({NEW_ORDER, "AmendOrder", "CancelOrder"})
DOUBLE = frozenset({"OpenOrders", "ClosedOrders", "TradesHistory", "Ledgers"})


@dataclass(frozen=True, slots=True)
class CallPace:
    """Kraken's counter of private calls, per key: `most` points at once, so many earned back a second.

    The default is the smallest account's (docs.kraken.com/exchange/guides/rest/ratelimits).
    Orders cost nothing, order lists and histories two points, everything else one.
    """

    most: float = 15.0
    earned_per_s: float = 0.33


class Verdict(Enum):
    """What is known of a request that was to change something."""

    TAKEN = "taken"
    REFUSED = "refused"
    NOT_SENT = "not_sent"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Sent:
    """token: what the venue gave for a request that it took.  text: for a person; no secrets."""

    verdict: Verdict
    text: str
    token: str = ""


class UnsendableError(Exception):
    """A request that must not be made; its text says why."""


class QuietError(RefusedError):
    """Kraken wants to be left alone for now."""


class KeyRefusedError(RefusedError):
    """The key is wrong or may not do this."""


class NonceError(RefusedError):
    """Kraken has seen a higher nonce of this key."""


class KrakenPrivate:
    """Private requests over one client. Loses nothing when its process ends but `state()`.

    key_problem: why the key cannot be used at all, "" when it can.  wall_ms: unix
    time, since a lockout outlives the process.  state: what `state()` gave, {} at first.
    """

    def __init__(
        self,
        client: VenueClient,
        key_problem: str,
        policy: RetryPolicy,
        pace: CallPace,
        wall_ms: Callable[[], int],
        clock: Clock,
        sleep: Sleep,
        state: Mapping[str, Any],
    ) -> None:
        self.calls = 0
        self._client = client
        self._key_problem = key_problem
        self._policy = policy
        self._pace = pace
        self._wall_ms = wall_ms
        self._clock = clock
        self._sleep = sleep
        self._turn = asyncio.Lock()
        self._points, self._points_at_s = 0.0, clock()
        quiet = state.get("quiet_until_ms")
        self._quiet_until_ms = int(quiet) if isinstance(quiet, int | float) and quiet > 0 else 0
        self._quiet_why = str(state.get("quiet_why") or "")

    def state(self) -> dict[str, Any]:
        return {"quiet_until_ms": self._quiet_until_ms, "quiet_why": self._quiet_why}

    def quiet_until_ms(self) -> int:
        """Until when no request goes out, ms UTC; 0 when one may.

        Never further away than a lockout lasts: a clock that was set back must not
        lock the account out.
        """
        now_ms = self._wall_ms()
        return min(self._quiet_until_ms, now_ms + words.LOCKOUT_MS) if self._quiet_until_ms > now_ms else 0

    async def send(self, method: str, build: Callable[[], Params], token_of: Callable[[Any], str]) -> Sent:
        """Ask for a change, once.

        build: makes the parameters at the moment of sending; raises UnsendableError.
        token_of: the proof in `result` that the venue took it, "" where there is
        none. Nothing but a proof means taken, nothing but words on the white list
        means refused.
        """
        async with self._turn:
            if self._key_problem:
                return Sent(Verdict.NOT_SENT, self._key_problem)
            if self.quiet_until_ms():
                return Sent(Verdict.NOT_SENT, self._quiet_why)
            try:
                params = build()
            except UnsendableError as error:
                return Sent(Verdict.NOT_SENT, str(error))
            try:
                raw = await self._ask(method, params)
            except NotSentError as error:
                return Sent(Verdict.NOT_SENT, str(error))
            except NoAnswerError as error:
                return Sent(Verdict.UNKNOWN, str(error))
        return self._judge(method, raw, token_of)

    def _judge(self, method: str, raw: RawAnswer, token_of: Callable[[Any], str]) -> Sent:
        answer = _json(raw.body)
        if not isinstance(answer, dict):
            return Sent(Verdict.UNKNOWN, f"HTTP {raw.status}, an answer that is not Kraken's")
        token = token_of(answer.get("result"))
        if token:
            return Sent(Verdict.TAKEN, "accepted", token)
        said = _said(answer)
        text = self._clean(said)
        self._heed(said)
        more = () if method == NEW_ORDER else (words.NO_SUCH_ORDER,)
        if raw.status == 200 and words.is_refusal(said, more):
            return Sent(Verdict.REFUSED, text)
        return Sent(Verdict.UNKNOWN, text or f"HTTP {raw.status}, neither taken nor refused")

    async def read(self, method: str, params: Params, parse: Callable[[dict[str, Any]], T], tries: int | None) -> T:
        """What `parse` makes of the first `result` that it accepts. Raises TransientError or RefusedError.

        A wrong nonce is tried again once: each one counts towards a lockout.
        """
        nonces = 0

        async def once() -> T:
            nonlocal nonces
            async with self._turn:
                self._check_may_ask()
                await self._wait_for_points(method)
                try:
                    raw = await self._ask(method, params)
                except NoAnswerError as error:
                    raise TransientError(str(error)) from error
            said, result = _taken_apart(raw)
            if said:
                nonces += words.any_says(said, (words.NONCE,))
                raise self._sorted(said, nonces)
            return _parsed(result, parse)

        return await self._policy.run(f"kraken {method}", once, tries)

    def _sorted(self, said: Sequence[str], nonces: int) -> Exception:
        text = self._clean(said)
        if self._heed(said):
            return QuietError(text)
        if words.any_says(said, words.KEY_WORDS):
            return KeyRefusedError(text)
        if words.any_says(said, (words.NONCE,)):
            return TransientError(text) if nonces < 2 else NonceError(text)
        definite = words.is_refusal(said, (words.NO_SUCH_ORDER,)) and not words.any_says(said, words.PASSING)
        return RefusedError(text) if definite else TransientError(text)

    def _check_may_ask(self) -> None:
        if self._key_problem:
            raise KeyRefusedError(self._key_problem)
        if self.quiet_until_ms():
            raise QuietError(self._quiet_why)

    async def _ask(self, method: str, params: Params) -> RawAnswer:
        self.calls += 1
        return await self._client.send_once(f"privatePost{method}", params)

    async def _wait_for_points(self, method: str) -> None:
        cost = 0.0 if method in FREE else 2.0 if method in DOUBLE else 1.0
        self._earn()
        missing = self._points + cost - self._pace.most
        if missing > 0:
            await self._sleep(missing / self._pace.earned_per_s)
            self._earn()
        self._points += cost

    def _earn(self) -> None:
        now_s = self._clock()
        self._points = max(self._points - (now_s - self._points_at_s) * self._pace.earned_per_s, 0.0)
        self._points_at_s = now_s

    def _heed(self, said: Sequence[str]) -> bool:
        """Remember until when Kraken wants to be left alone; False where it does not, or no longer."""
        now_ms = self._wall_ms()
        until_ms = words.quiet_until_ms(said, now_ms)
        if until_ms <= now_ms:
            return False
        self._quiet_until_ms, self._quiet_why = until_ms, self._clean(said)
        return True

    def _clean(self, said: Sequence[str]) -> str:
        """Kraken's words as one line, without what must not be shown, should an answer ever echo it."""
        text = " ".join(", ".join(said).split())
        for secret in self._client.secrets:
            text = text.replace(secret, "***")
        return text[:200]


def _json(body: str) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


def _said(answer: Mapping[str, Any]) -> list[str]:
    said = answer.get("error")
    return [str(one) for one in said] if isinstance(said, list) else []


def _taken_apart(raw: RawAnswer) -> tuple[list[str], dict[str, Any]]:
    """Kraken's errors, or else the content. Raises TransientError for what is neither."""
    answer = _json(raw.body)
    if raw.status != 200:
        raise TransientError(f"HTTP {raw.status}")
    if not isinstance(answer, dict) or not isinstance(answer.get("error"), list):
        raise TransientError("an answer that is not Kraken's")
    if answer["error"]:
        return _said(answer), {}
    result = answer.get("result")
    if not isinstance(result, dict):
        raise TransientError("an answer without content")
    return [], result


def _parsed(result: dict[str, Any], parse: Callable[[dict[str, Any]], T]) -> T:
    try:
        return parse(result)
    except (ValueError, TypeError, LookupError, ArithmeticError, AttributeError) as error:
        raise TransientError(f"an answer that cannot be read ({type(error).__name__})") from error
