"""manifest.json of a venue's folder: what each file must hold, and what time it covers."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from bot.domain.errors import ConfigError
from training.history.files import replace_text
from training.history.spans import Span

NAME = "manifest.json"
VERSION = 1
MOST_GAPS = 200
"""Gaps that are named one by one, the widest; all are counted."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One series. Times in ms, open times but for `covered`.

    covered: spans that were asked for as a whole; a candle missing in them is not
    to be had.  quiet_gaps: the source leaves candles out only where nobody traded.
    gaps: [first missing open time, candles missing], the widest MOST_GAPS.
    sources: where rows came from, in the order of fetching.  imported: files
    already taken, {name, bytes, sha256}.
    """

    symbol: str
    timeframe: str
    rows: int
    first_ms: int
    last_ms: int
    bytes: int
    sha256: str
    covered: tuple[Span, ...]
    quiet_gaps: bool
    gap_count: int
    missing_candles: int
    zero_volume_rows: int
    gaps: tuple[tuple[int, int], ...]
    quote_volume: bool
    trades: bool
    sources: tuple[str, ...]
    fetched_at: str
    imported: tuple[dict[str, Any], ...] = ()

    @property
    def file(self) -> str:
        return f"{self.symbol.replace('/', '-', 1)}/{self.timeframe}.parquet"


@dataclass(slots=True)
class Manifest:
    """exchange: ccxt id.  entries: by file name."""

    exchange: str
    entries: dict[str, Entry] = field(default_factory=dict)

    def of(self, symbol: str, timeframe: str) -> Entry | None:
        return self.entries.get(f"{symbol.replace('/', '-', 1)}/{timeframe}.parquet")

    def save(self, folder: Path) -> None:
        files = {name: asdict(self.entries[name]) for name in sorted(self.entries)}
        document = {"version": VERSION, "exchange": self.exchange, "timezone": "UTC", "files": files}
        replace_text(folder / NAME, json.dumps(document, indent=1, ensure_ascii=False) + "\n")

    @staticmethod
    def load(folder: Path) -> Manifest | None:
        """None where there is none. Raises ConfigError on what is no manifest of ours."""
        path = folder / NAME
        try:
            document = json.loads(path.read_text(encoding="utf-8"))
            if document["version"] != VERSION:
                raise ValueError(f"version {document['version']!r} is not {VERSION}")
            entries = {name: _entry(fields) for name, fields in document["files"].items()}
            return Manifest(str(document["exchange"]), entries)
        except FileNotFoundError:
            return None
        except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
            raise ConfigError(
                f"the manifest cannot be read: {type(error).__name__} {error}"[:200],
                where=str(path),
                fix="put it back from a copy, or move the folder away and fetch again",
            ) from error


def _entry(fields: dict[str, Any]) -> Entry:
    pairs = {name: tuple((int(a), int(b)) for a, b in fields[name]) for name in ("covered", "gaps")}
    texts = {name: tuple(fields[name]) for name in ("sources", "imported")}
    return Entry(**{**fields, **pairs, **texts})
