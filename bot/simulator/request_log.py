"""What was asked of the venue."""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass
from threading import Lock

KEPT = 2000


@dataclass(frozen=True, slots=True)
class Request:
    """One request. at_ms: the venue's time.  status: HTTP, 0 when cut.  fault: its kind, or ""."""

    endpoint: str
    query: dict[str, str]
    at_ms: int
    status: int
    fault: str
    took_ms: float


class RequestLog:
    """Counts of all requests and the newest few thousand of them, safe to read from any thread."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._newest: deque[Request] = deque(maxlen=KEPT)
        self._counts: Counter[str] = Counter()

    def add(self, request: Request) -> None:
        with self._lock:
            self._newest.append(request)
            self._counts[request.endpoint] += 1

    def counts(self) -> dict[str, int]:
        """Requests per endpoint since the start or the last clear."""
        with self._lock:
            return dict(self._counts)

    def newest(self) -> list[Request]:
        with self._lock:
            return list(self._newest)

    def clear(self) -> None:
        with self._lock:
            self._newest.clear()
            self._counts.clear()
