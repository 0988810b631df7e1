"""Decide again from what was stored, and compare with what was decided then."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from bot.domain.book import Book
from bot.domain.candle_checks import checksum
from bot.domain.candles import Candles
from bot.domain.codec import from_json, to_json
from bot.domain.decisions import SymbolView
from bot.domain.ports import CandleRequest
from bot.domain.signals import Signal
from bot.jobs.signals import Bar, judge
from bot.rulebook.decide import decide
from bot.rulebook.rules import Rules
from bot.strategies.registry import get


@dataclass(frozen=True, slots=True)
class Replay:
    """differences: path, stored value, value now; empty when identical."""

    identical: bool
    differences: tuple[str, ...]


def replay(inputs: Mapping[str, Any], outputs: Mapping[str, Any]) -> Replay:
    """Vote and decide again from a decision's inputs; compare with its outputs to the last bit.

    inputs, outputs: as stored in `decisions`. Raises KeyError, TypeError or
    ValueError for a record that this version cannot read.
    """
    weighted = [(get(part["name"]).with_params(part["params"]), float(part["weight"])) for part in inputs["strategies"]]
    bars = [from_json(Bar, bar) for bar in inputs["bars"]]
    signals = [judge(bar, weighted) for bar in bars]
    by_symbol: dict[str, tuple[Signal, ...]] = {}
    for signal in signals:
        by_symbol[signal.symbol] = (*by_symbol.get(signal.symbol, ()), signal)
    views = tuple(
        replace(from_json(SymbolView, {**view, "signals": []}), signals=by_symbol.get(view["symbol"], ()))
        for view in inputs["views"]
    )
    decision = decide(from_json(Book, inputs["book"]), views, from_json(Rules, inputs["rules"]), inputs["now_ms"])
    again = {"signals": [to_json(signal) for signal in signals], "decision": to_json(decision)}
    differences = tuple(_differences("", dict(outputs), again))
    return Replay(not differences, differences)


class _Nothing:
    """What a field holds that is not there; null is a value."""

    def __repr__(self) -> str:
        return "nothing"


NOTHING = _Nothing()


def changed_candles(
    inputs: Mapping[str, Any], read: Callable[[Sequence[CandleRequest]], Mapping[tuple[str, str], Candles]]
) -> tuple[str, ...]:
    """Series whose archived candles are not those that the decision was made on, by name.

    read: the store's windows. Candles that retention has taken since count as changed.
    """
    seals = inputs.get("candles", [])
    stored = read([CandleRequest(s["symbol"], s["timeframe"], s["first_ms"]) for s in seals]) if seals else {}
    changed = []
    for seal in seals:
        key = (seal["symbol"], seal["timeframe"])
        candles = stored.get(key, Candles.empty(*key))
        if checksum(candles.take(candles.open_ms <= seal["last_ms"])) != seal["checksum"]:
            changed.append(f"{seal['symbol']} {seal['timeframe']}")
    return tuple(changed)


def _differences(path: str, stored: Any, now: Any) -> Iterator[str]:
    if isinstance(stored, dict) and isinstance(now, dict):
        for key in sorted(stored.keys() | now.keys()):
            yield from _differences(f"{path}.{key}" if path else key, stored.get(key, NOTHING), now.get(key, NOTHING))
    elif isinstance(stored, list) and isinstance(now, list) and len(stored) == len(now):
        for i, (before, after) in enumerate(zip(stored, now, strict=True)):
            yield from _differences(f"{path}[{i}]", before, after)
    elif stored != now:
        yield f"{path}: stored {stored!r}, now {now!r}"
