"""How a tick ends when somebody asks the process to stop.

The first SIGTERM or SIGINT lets the tick in hand finish. When it is not done
GRACE_S later, or when a second signal says that it is urgent, it is left where it
stands: it notes that it failed and gives its lease back, and what it had sent is
looked up by the next tick. Whatever happens, the process is gone EXIT_S after
the first signal, also when a statement hangs in a database that has stopped answering.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import threading
from collections.abc import Coroutine
from typing import Any, TypeVar

from bot.cli.session import session

T = TypeVar("T")

GRACE_S = 20.0
EXIT_S = 28.0

SIGNALS = (signal.SIGTERM, signal.SIGINT)


class TickLeft(Exception):
    """The tick in hand was left because the process has to go."""


class Goodbye:
    """The wish to stop, and what it does to the work in hand. Make it inside the event loop.

    asked: set by the first signal.  note: what to tell a person then, a key of
    texts.py.  exit_code: of a process that had to be torn down.
    """

    def __init__(self, note: str, exit_code: int) -> None:
        self.asked = asyncio.Event()
        self._note = note
        self._exit_code = exit_code
        self._work: asyncio.Task[Any] | None = None
        self._left = False
        self._loop = asyncio.get_running_loop()
        for number in SIGNALS:
            self._loop.add_signal_handler(number, self._heard)

    async def finish(self, work: Coroutine[Any, Any, T]) -> T:
        """What the work gives. Raises TickLeft when it had to be left."""
        task: asyncio.Task[T] = self._loop.create_task(work)
        self._work = task
        try:
            return await task
        except asyncio.CancelledError:
            if self._left:
                raise TickLeft from None
            raise
        finally:
            self._work = None

    def _heard(self) -> None:
        if self.asked.is_set():
            self._leave()
            return
        from bot.cli.texts import text

        self.asked.set()
        self._loop.call_later(GRACE_S, self._leave)
        tear_down = threading.Timer(EXIT_S, _tear_down, (self._exit_code,))
        tear_down.daemon = True
        tear_down.start()
        session.note(text(self._note))

    def _leave(self) -> None:
        """Once: a second blow would hit the tick while it gives its lease back."""
        if self._work is not None and not self._left:
            self._left = True
            self._work.cancel()


def _tear_down(exit_code: int) -> None:
    """End the process although a thread of it still waits for somebody: the lease then ends by itself."""
    sys.stderr.flush()
    os._exit(exit_code)
