"""The wire between a run and the world: every message to the venue or the database passes a gate.

The run has no other address than these, so a request or a statement that someone
adds to the tick is seen here without being told of.
"""

from __future__ import annotations

import asyncio
import re
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass

import psycopg
from aiohttp import web

from bot.simulator import Simulator
from tests.live.clock import SharedClock
from tests.state.proxy import _message, _startup, _until_ready

BEFORE, AFTER = "before", "after"

Act = Callable[[], bool]
"""What happens at a chosen message; False: the message, or its answer, is lost."""


@dataclass(slots=True)
class Plan:
    """At the n-th message (from 1), before it arrives or after it was carried out, do `act`."""

    n: int
    when: str
    act: Act
    done: bool = False


class Gate:
    """Counts the messages of a run, and does something at one of them.

    labels: the run's messages so far.  dead: the run is gone, nothing of it
    arrives any more.  database_down: no statement gets through.  hooks: by label,
    done whenever such a message arrives, in all runs.
    """

    def __init__(self) -> None:
        self.labels: list[str] = []
        self.dead = False
        self.database_down = False
        self.plans: list[Plan] = []
        self.hooks: dict[str, Callable[[], None]] = {}
        self._turn = threading.Lock()

    def begin(self, *plans: Plan) -> None:
        """A new run."""
        with self._turn:
            self.labels, self.plans, self.dead, self.database_down = [], list(plans), False, False

    @property
    def armed(self) -> bool:
        return bool(self.plans)

    def arrives(self, label: str) -> int:
        """Count a message; 0 when it is lost."""
        with self._turn:
            self.labels.append(label)
            number = len(self.labels)
        if label in self.hooks:
            self.hooks[label]()
        return number if self._pass(number, BEFORE) else 0

    def answers(self, number: int) -> bool:
        """Whether the answer to a message gets back."""
        return self._pass(number, AFTER)

    def _pass(self, number: int, when: str) -> bool:
        for plan in self.plans:
            if (plan.n, plan.when, plan.done) == (number, when, False):
                plan.done = True
                return plan.act() and not self.dead
        return not self.dead


class GatedSimulator(Simulator):
    """A venue behind a gate, with a clock that other processes see."""

    clock: SharedClock

    def __init__(self, *args: object, **more: object) -> None:
        super().__init__(*args, **more)  # type: ignore[arg-type]
        clock = SharedClock()
        clock.set_ms(self.clock.now_ms())
        self.clock = self.venue.clock = clock
        self.gate = Gate()

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        label = await _label(request)
        number = await self._ask(self.gate.arrives, label)
        if number:
            answer = await super()._answer(request)
            if await self._ask(self.gate.answers, number):
                return answer
        if request.transport is not None:
            request.transport.abort()
        return web.Response()

    async def _ask(self, question: Callable, *about: object) -> int:
        """In a thread where the answer may take long: a message that is held up must not hold up the others."""
        return await asyncio.to_thread(question, *about) if self.gate.armed else question(*about)


async def _label(request: web.BaseRequest) -> str:
    endpoint = request.path.rpartition("/")[2]
    if "/private/" not in request.path:
        return endpoint
    text = (await request.read()).decode("utf-8", "replace")
    kind = re.search(r"ordertype=([a-z-]+)", text)
    return f"{endpoint} {kind[1]}" if kind else endpoint


class DatabaseWire:
    """A Postgres address of its own in front of the server: one client message and its answer after the other.

    What libpq flushes at once counts as one message: a batch of statements of the
    simple protocol, or everything up to a Sync of the extended one.
    """

    def __init__(self, url: str, gate: Gate) -> None:
        server = psycopg.conninfo.conninfo_to_dict(url)
        self._server = f"{server['host']}/.s.PGSQL.{server.get('port') or 5432}"
        self.gate = gate
        self._listener = socket.create_server(("127.0.0.1", 0))
        port = self._listener.getsockname()[1]
        self.url = psycopg.conninfo.make_conninfo(url, host="127.0.0.1", port=port)
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            if self.gate.dead or self.gate.database_down:
                return
            server.connect(self._server)
            server.sendall(_startup(client))
            client.sendall(_until_ready(server)[0])
            while batch := _batch(client):
                number = self.gate.arrives(_statements(batch))
                if not number or self.gate.database_down:
                    return
                server.sendall(batch)
                answer, _ = _until_ready(server)
                if not self.gate.answers(number) or self.gate.database_down:
                    return
                client.sendall(answer)
        except OSError:
            pass
        finally:
            for connection in (client, server):
                connection.close()


def _batch(client: socket.socket) -> bytes:
    """All messages up to the one that the server answers; nothing when the client leaves."""
    batch = b""
    while True:
        kind, message = _message(client)
        if kind in (b"", b"X"):
            return b""
        batch += message
        if kind in (b"Q", b"S"):
            return batch


def _statements(batch: bytes) -> str:
    """The functions and tables that a batch is about, for people."""
    found = re.findall(rb"(?:select |insert into |delete from |update )(take_lease|hold_lease|\w+)", batch)
    names = [name.decode() for name in found if name not in (b"json_build_object", b"from", b"w", b"s", b"set")]
    if b"series_id" in batch and b"timestamptz_send" in batch:
        return "SQL windows"
    if "take_lease" in names:
        return "SQL begin"
    return f"SQL {' '.join(dict.fromkeys(names))}"[:120]
