"""Many series in one small .npz file: prices as whole price steps, stored as differences.

Consecutive candles differ by few price steps, so the differences are small
whole numbers that deflate well, and reading them back is exact. Per series
"BASE-QUOTE/TIMEFRAME" the file holds int32 arrays:

    steps    open times, in candle lengths since the first one, as differences
    close    difference to the close before it, the first one to 0
    open     difference to the close before it, the first one to its own close
    high     above the higher of open and close, >= 0
    low      below the lower of open and close, >= 0
    volume   in volume steps

`meta` is JSON text (uint8): name, synthetic, seed and for each series
first_ms, decimals (of the price) and volume_decimals.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from bot.domain.timeframes import timeframe_ms
from bot.simulator.candle_files import Recording, Series, checked_series

Columns = dict[str, npt.NDArray[np.int32]]
VERSION = 1


def pack_series(series: Series, decimals: int, volume_decimals: int) -> tuple[Columns, dict[str, int]]:
    """One series as int32 columns and what is needed to read them.

    Prices are rounded to `decimals`, volumes to `volume_decimals` (negative:
    tens, hundreds ...). Raises OverflowError when a number does not fit.
    """
    opening, high, low, close = (
        np.rint(column * 10.0**decimals).astype(np.int64)
        for column in (series.open, series.high, series.low, series.close)
    )
    before = np.concatenate((close[:1], close[:-1]))
    columns = {
        "steps": np.diff(series.open_ms // series.step_ms, prepend=series.first_ms // series.step_ms),
        "close": np.diff(close, prepend=0),
        "open": opening - before,
        "high": high - np.maximum(opening, close),
        "low": np.minimum(opening, close) - low,
        "volume": np.rint(series.volume * 10.0**volume_decimals).astype(np.int64),
    }
    return {name: _int32(column) for name, column in columns.items()}, {
        "first_ms": series.first_ms,
        "decimals": decimals,
        "volume_decimals": volume_decimals,
    }


def _int32(column: npt.NDArray[np.int64]) -> npt.NDArray[np.int32]:
    if np.abs(column).max(initial=0) > np.iinfo(np.int32).max:
        raise OverflowError("a number does not fit into 32 bits: use fewer decimals")
    return column.astype(np.int32)


def unpack_series(columns: Mapping[str, npt.NDArray[np.int32]], meta: Mapping[str, int], timeframe: str) -> Series:
    """The series that was packed. Raises ConfigError when it is none that a venue would have recorded."""
    step = timeframe_ms(timeframe)
    whole = {name: column.astype(np.int64) for name, column in columns.items()}
    close = np.cumsum(whole["close"])
    opening = np.concatenate((close[:1], close[:-1])) + whole["open"]
    high = np.maximum(opening, close) + whole["high"]
    low = np.minimum(opening, close) - whole["low"]
    return checked_series(
        {
            "timestamp": meta["first_ms"] + np.cumsum(whole["steps"]) * step,
            "open": _unscaled(opening, meta["decimals"]),
            "high": _unscaled(high, meta["decimals"]),
            "low": _unscaled(low, meta["decimals"]),
            "close": _unscaled(close, meta["decimals"]),
            "volume": _unscaled(whole["volume"], meta["volume_decimals"]),
        },
        timeframe,
        Path("packed recording"),
    )


def _unscaled(whole: npt.NDArray[np.int64], decimals: int) -> npt.NDArray[np.float64]:
    # Dividing whole numbers by a power of ten gives the double nearest to the decimal: what parsing it would give.
    return whole / 10.0**decimals if decimals >= 0 else (whole * 10**-decimals).astype(np.float64)


def pack(
    path: Path, recording: Recording, decimals: Mapping[str, int], volume_decimals: Mapping[str, int], **notes: Any
) -> None:
    """Write a recording. decimals, volume_decimals: by symbol.  notes: more entries for `meta`."""
    arrays: dict[str, Any] = {}
    described: dict[str, dict[str, dict[str, int]]] = {}
    for symbol, frames in recording.series.items():
        described[symbol] = {}
        for timeframe, series in frames.items():
            columns, meta = pack_series(series, decimals[symbol], volume_decimals[symbol])
            described[symbol][timeframe] = meta
            arrays |= {f"{symbol.replace('/', '-', 1)}/{timeframe}/{name}": column for name, column in columns.items()}
    header = {"version": VERSION, "name": recording.name, "synthetic": recording.synthetic, **notes}
    text = json.dumps({**header, "series": described})
    arrays["meta"] = np.frombuffer(text.encode(), dtype=np.uint8)
    with path.open("wb") as file:
        np.savez_compressed(file, allow_pickle=False, **arrays)


def unpack(path: Path) -> Recording:
    """Read what `pack` wrote. Raises OSError, ValueError or KeyError when it is not such a file."""
    with np.load(path, allow_pickle=False) as stored:
        meta = json.loads(stored["meta"].tobytes().decode())
        if meta["version"] != VERSION:
            raise ValueError(f"version {meta['version']} of the packed format, this program reads {VERSION}")
        series = {
            symbol: {tf: _stored_series(stored, symbol, tf, known) for tf, known in frames.items()}
            for symbol, frames in meta["series"].items()
        }
    return Recording(meta["name"], series, meta["synthetic"])


def _stored_series(stored: Any, symbol: str, timeframe: str, meta: Mapping[str, int]) -> Series:
    prefix = f"{symbol.replace('/', '-', 1)}/{timeframe}/"
    names = ("steps", "close", "open", "high", "low", "volume")
    return unpack_series({name: stored[prefix + name] for name in names}, meta, timeframe)


def notes_of(path: Path) -> dict[str, Any]:
    """The file's `meta` without its series."""
    with np.load(path, allow_pickle=False) as stored:
        meta: dict[str, Any] = json.loads(stored["meta"].tobytes().decode())
    return {key: value for key, value in meta.items() if key != "series"}
