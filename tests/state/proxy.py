"""A transaction pooler in miniature: every transaction of a client runs on the next of several servers' sessions.

What leans on a session (SET, prepared statements, temporary tables, session
locks) breaks behind it, as it does behind pgbouncer in transaction mode.
"""

from __future__ import annotations

import socket
import struct
import threading
from pathlib import Path


class TransactionPooler:
    """Listens on localhost, hands each transaction to another backend of the Postgres behind a Unix socket."""

    def __init__(self, server_socket: Path, backends: int = 2) -> None:
        self._server_socket = str(server_socket)
        self._backends = backends
        self.transactions = 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        startup = _startup(client)
        servers = []
        for n in range(self._backends):
            server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            server.connect(self._server_socket)
            server.sendall(startup)
            greeting = _until_ready(server)[0]
            if n == 0:
                client.sendall(greeting)
            servers.append(server)
        turn = 0
        while True:
            # One request at a time: a client waits for ReadyForQuery before it asks again.
            kind, message = _message(client)
            if kind in (b"", b"X"):
                break
            while kind not in (b"Q", b"S"):
                servers[turn].sendall(message)
                kind, message = _message(client)
            servers[turn].sendall(message)
            answer, state = _until_ready(servers[turn])
            if state == b"I":
                turn = (turn + 1) % self._backends
                self.transactions += 1
            client.sendall(answer)
        for connection in (client, *servers):
            connection.close()


def _exactly(stream: socket.socket, count: int) -> bytes:
    parts = b""
    while len(parts) < count:
        part = stream.recv(count - len(parts))
        if not part:
            return b""
        parts += part
    return parts


def _startup(client: socket.socket) -> bytes:
    """The client's first packet; a wish for TLS or GSS is declined."""
    while True:
        head = _exactly(client, 8)
        length, code = struct.unpack("!ii", head)
        if code in (80877103, 80877104):
            client.sendall(b"N")
            continue
        return head + _exactly(client, length - 8)


def _message(stream: socket.socket) -> tuple[bytes, bytes]:
    head = _exactly(stream, 5)
    if not head:
        return b"", b""
    return head[:1], head + _exactly(stream, struct.unpack("!i", head[1:])[0] - 4)


def _until_ready(server: socket.socket) -> tuple[bytes, bytes]:
    """All messages up to ReadyForQuery, and the transaction state it names."""
    answer = b""
    while True:
        kind, message = _message(server)
        answer += message
        if kind in (b"Z", b""):
            return answer, message[-1:]
