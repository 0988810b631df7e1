"""What may go wrong with a read, and how often it is tried again.

    ReadError
    ├── TransientError        network, time-out, 5xx, rate limit, an answer that makes no sense: try again
    │   └── MisaddressedError sound, but not about what was asked: try once more
    └── RefusedError          the venue's definite no
        └── UnknownPairError  it knows no such symbol

Reads only: an order is never sent twice.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type

from bot.adapters.rate_limit import Sleep

T = TypeVar("T")

LONGEST_WAIT_S = 8.0

log = logging.getLogger(__name__)


class ReadError(Exception):
    """A read that gave nothing. Its text is one line without secrets."""


class TransientError(ReadError):
    """Worth another try."""


class MisaddressedError(TransientError):
    """A well-formed answer that lacks what was asked for. missing: the symbols it lacks."""

    def __init__(self, text: str, missing: tuple[str, ...] = ()) -> None:
        super().__init__(text)
        self.missing = missing


class RefusedError(ReadError):
    """Asking again would give the same."""


class UnknownPairError(RefusedError):
    """The venue has no such symbol."""


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """tries: at most so many.  total_s: all tries and waits together.  jitter: seconds added to each wait."""

    tries: int
    total_s: float
    sleep: Sleep
    jitter: Callable[[], float]

    async def run(self, name: str, call: Callable[[], Awaitable[T]], tries: int | None = None) -> T:
        """The first good answer of `call`, with waits of 1, 2, 4, 8 s between tries.

        Raises the last TransientError when no try was good, RefusedError at once.
        """
        limit = self.tries if tries is None else tries
        retrying = AsyncRetrying(
            stop=lambda state: state.attempt_number >= _tries_for(state, limit),
            wait=lambda state: min(2.0 ** (state.attempt_number - 1), LONGEST_WAIT_S) + self.jitter(),
            retry=retry_if_exception_type(TransientError),
            before_sleep=lambda state: log.info(
                "%s, try %d of %d: %s", name, state.attempt_number, _tries_for(state, limit), _error(state)
            ),
            sleep=self.sleep,
            reraise=True,
        )
        try:
            async with asyncio.timeout(self.total_s):
                return await retrying(call)
        except TimeoutError as error:
            raise TransientError(f"{name}: no good answer within {self.total_s:g} s") from error


def _error(state: RetryCallState) -> BaseException | None:
    return state.outcome.exception() if state.outcome else None


def _tries_for(state: RetryCallState, limit: int) -> int:
    return min(limit, 2) if isinstance(_error(state), MisaddressedError) else limit
