"""What all endpoints share: pairs, their histories, the clock, the venue's settings."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from bot.simulator.candle_files import Recording
from bot.simulator.clock import Clock
from bot.simulator.errors import KrakenError
from bot.simulator.history import History
from bot.simulator.pairs import LOT_DECIMALS, Pair, make_pair
from bot.simulator.row_texts import RowTexts

MODES = ("online", "maintenance", "cancel_only", "post_only", "limit_only", "reduce_only")
CHANGEABLE = frozenset({"id", "altname", "status", "tick_size", "order_min", "cost_min", "lot_decimals"})


@dataclass(frozen=True, slots=True)
class Rules:
    """How the simulated venue behaves. spread_bps: ask over bid, of the price. ohlc_rows: most rows per answer.

    show_gaps: intervals without trades come as flat rows with volume 0, as
    Kraken's REST answers give them; False leaves them out, as its CSV dumps do.
    """

    spread_bps: float = 4.0
    ohlc_rows: int = 720
    show_gaps: bool = True


class Venue:
    """The simulated exchange without its network."""

    def __init__(self, recording: Recording, clock: Clock, rules: Rules) -> None:
        self.clock = clock
        self.rules = rules
        self.mode = "online"
        self.histories: dict[str, History] = {}
        self.texts: dict[str, RowTexts] = {}
        self._by_name: dict[str, History] = {}
        for symbol, series in recording.series.items():
            pair = make_pair(symbol, list(series.values()))
            self._list(History(pair, series))

    def _list(self, history: History) -> None:
        pair = history.pair
        self.histories[pair.id] = history
        self.texts[pair.id] = RowTexts(history)
        for name in (pair.id, pair.altname, pair.wsname, pair.symbol):
            self._by_name[name] = history

    def history(self, name: str) -> History:
        """The pair that a request names by its id, altname or wsname. Raises KrakenError."""
        found = self.find(name)
        if found is None:
            raise KrakenError("EQuery:Unknown asset pair")
        return found

    def find(self, name: str) -> History | None:
        return self._by_name.get(name)

    def change_pair(self, symbol: str, **changes: str | int) -> None:
        """Change a pair as Kraken does now and then: id, altname, status, tick_size, order_min, cost_min,
        lot_decimals (0 to 8).

        Under a new id the old one is unknown. Raises ValueError on a symbol or
        field that does not exist.
        """
        history = self.find(symbol)
        if history is None or not set(changes) <= CHANGEABLE:
            raise ValueError(f"cannot change {sorted(changes)} of {symbol}: a listed symbol, and {sorted(CHANGEABLE)}")
        if changes.get("status", "online") not in MODES:
            raise ValueError(f"unknown status {changes['status']!r}: one of {', '.join(MODES)}")
        if changes.get("lot_decimals", 0) not in range(LOT_DECIMALS + 1):
            raise ValueError(f"lot_decimals is a number from 0 to {LOT_DECIMALS}, not {changes['lot_decimals']!r}")
        self._by_name = {name: other for name, other in self._by_name.items() if other is not history}
        del self.histories[history.pair.id], self.texts[history.pair.id]
        fields: dict[str, Any] = {**changes}
        history.pair = replace(history.pair, **fields)
        self._list(history)

    def set_mode(self, mode: str) -> None:
        """Put the whole venue in a mode: what each refuses is in the README. Raises ValueError."""
        if mode not in MODES:
            raise ValueError(f"unknown mode {mode!r}: one of {', '.join(MODES)}")
        self.mode = mode

    def mode_of(self, pair: Pair) -> str:
        """The mode in which a pair's market is: its own, else the venue's."""
        return pair.status if pair.status != "online" else self.mode

    def wanted(self, names: str | None) -> list[History]:
        """The pairs of a comma-separated list, all pairs without one. Raises KrakenError."""
        if not names:
            return list(self.histories.values())
        return [self.history(name.strip()) for name in names.split(",")]

    def quote_ticks(self, last: int) -> tuple[int, int]:
        """Best bid and ask around a last price, in price steps. See half_spread_ticks."""
        half = half_spread_ticks(last, self.rules.spread_bps)
        return max(last - half, 1), last + max(half, 1)


def half_spread_ticks(last: int, spread_bps: float) -> int:
    """Half of the spread in whole price steps: bid = last - half, ask = last + max(half, 1)."""
    return round(last * spread_bps / 20_000)


Query = Mapping[str, str]
# An endpoint answers with the JSON text of Kraken's `result`, or raises KrakenError.
Endpoint = Callable[[Venue, Query], str]
