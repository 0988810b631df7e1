"""One time for the venue, for this process and for children: it stands in a file."""

from __future__ import annotations

import mmap
import struct
import tempfile
from pathlib import Path

from bot.simulator.clock import Clock


class SharedClock(Clock):
    """A clock of a simulator that stands still until someone sets it, from whichever process.

    path: of a clock that is there already.
    """

    def __init__(self, path: str = "") -> None:
        super().__init__(0)
        if not path:
            with tempfile.NamedTemporaryFile(prefix="clock-", delete=False) as file:
                file.write(bytes(8))
                path = file.name
        self.path = path
        with open(path, "r+b") as file:
            self._map = mmap.mmap(file.fileno(), 8)

    def now_ms(self) -> int:
        return int(struct.unpack("q", self._map[:])[0])

    def set_ms(self, at_ms: int) -> None:
        self._map[:] = struct.pack("q", at_ms)

    async def sleep(self, seconds: float) -> None:
        """Waiting takes no time here, and the venue goes on meanwhile."""
        self.advance_ms(round(seconds * 1000))

    def close(self) -> None:
        self._map.close()
        Path(self.path).unlink(missing_ok=True)
