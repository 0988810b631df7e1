"""A fetch on its way: rows appended to a part file, and beside it how far it is.

The state names how many rows of the part file count and their checksum. It is
replaced after the rows are on the disk, so that a process may die at any
moment: rows that the state does not know of are cut off when the fetch goes on.
"""

from __future__ import annotations

import json
import zlib
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from training.history.files import flush, replace_text
from training.history.rows import COLUMNS, Rows
from training.history.spans import Span

ROW_BYTES = 8 * (1 + len(COLUMNS))
VERSION = 1


@dataclass(slots=True)
class _State:
    symbol: str
    timeframe: str
    source: str
    from_ms: int
    upto_ms: int
    rows: int = 0
    crc: int = 0
    cursor: dict[str, Any] = field(default_factory=dict)
    version: int = VERSION


class BrokenPartError(Exception):
    """A part whose state or rows are damaged. Its text says how."""


class Part:
    """Rows of one series from `from_ms` on. `upto_ms`: every candle before it is in.

    cursor: where the source goes on, its own business, anything JSON can hold.
    """

    def __init__(self, path: Path, state: _State) -> None:
        self._path = path
        self._state = state

    @staticmethod
    def path(folder: Path, symbol: str, timeframe: str) -> Path:
        return folder / symbol.replace("/", "-", 1) / f".{timeframe}.part"

    @staticmethod
    def begin(folder: Path, symbol: str, timeframe: str, source: str, from_ms: int) -> Part:
        """A new part without rows, in place of any other of the series."""
        path = Part.path(folder, symbol, timeframe)
        path.parent.mkdir(parents=True, exist_ok=True)
        part = Part(path, _State(symbol, timeframe, source, from_ms, from_ms))
        part._save()
        path.write_bytes(b"")
        return part

    @staticmethod
    def find(folder: Path, symbol: str, timeframe: str) -> Part | None:
        """The part that a fetch before left behind. Raises BrokenPartError."""
        path = Part.path(folder, symbol, timeframe)
        try:
            text = _state_path(path).read_text(encoding="utf-8")
        except FileNotFoundError:
            return None
        except (OSError, UnicodeDecodeError) as error:
            raise BrokenPartError(f"its state cannot be read: {error}") from error
        try:
            checksum, _, body = text.partition(" ")
            if checksum != _checksum(body):
                raise ValueError("its checksum is another")
            state = _State(**json.loads(body))
            if state.version != VERSION:
                raise ValueError("it is of another version")
        except (TypeError, ValueError) as error:
            raise BrokenPartError(f"its state is no state: {error}") from error
        if (state.symbol, state.timeframe) != (symbol, timeframe):
            raise BrokenPartError(f"it is one of {state.symbol} {state.timeframe}")
        known = path.read_bytes()[: state.rows * ROW_BYTES] if path.exists() else b""
        if len(known) != state.rows * ROW_BYTES or zlib.crc32(known) != state.crc:
            raise BrokenPartError("its rows are not those that were written")
        return Part(path, state)

    @property
    def source(self) -> str:
        return self._state.source

    @property
    def span(self) -> Span:
        return self._state.from_ms, self._state.upto_ms

    @property
    def cursor(self) -> dict[str, Any]:
        return self._state.cursor

    def append(self, rows: Rows, upto_ms: int, cursor: dict[str, Any]) -> None:
        """Put rows and progress on the disk, both or neither."""
        state = self._state
        if len(rows):
            data = rows.table().astype("<f8").tobytes()
            with self._path.open("rb+") as file:
                file.truncate(state.rows * ROW_BYTES)
                file.seek(state.rows * ROW_BYTES)
                file.write(data)
            flush(self._path)
            state.rows += len(rows)
            state.crc = zlib.crc32(data, state.crc)
        state.upto_ms, state.cursor = upto_ms, cursor
        self._save()

    def rows(self) -> Rows:
        data = self._path.read_bytes()[: self._state.rows * ROW_BYTES]
        return Rows.from_table(self._state.timeframe, np.frombuffer(data, dtype="<f8").reshape(-1, 1 + len(COLUMNS)))

    def remove(self) -> None:
        remove_part(self._path)

    def _save(self) -> None:
        body = json.dumps(asdict(self._state))
        replace_text(_state_path(self._path), f"{_checksum(body)} {body}")


def remove_part(path: Path) -> None:
    # The state first: rows without a state are nothing, a state without rows would be damage.
    _state_path(path).unlink(missing_ok=True)
    path.unlink(missing_ok=True)


def _checksum(body: str) -> str:
    return f"{zlib.crc32(body.encode()):08x}"


def _state_path(path: Path) -> Path:
    return path.with_name(path.name + ".state")
