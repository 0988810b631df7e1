"""A line for whoever waits at a terminal while the exchange takes its time."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from bot.cli.session import session

PATIENCE_S = 2.0


@contextmanager
def told_when_slow() -> Iterator[None]:
    """Says that the work inside goes on, once it takes more than PATIENCE_S. Needs a running event loop."""
    if session.json or not sys.stderr.isatty():
        yield
        return
    timer = asyncio.get_running_loop().call_later(PATIENCE_S, _say_so)
    try:
        yield
    finally:
        timer.cancel()


def _say_so() -> None:
    from bot.cli.texts import text

    session.note(text("tick.waiting"))
