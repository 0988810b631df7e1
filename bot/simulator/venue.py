"""What all endpoints share: pairs, their histories, the clock, the venue's settings."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from bot.simulator.candle_files import Recording
from bot.simulator.clock import Clock
from bot.simulator.history import History
from bot.simulator.pairs import make_pair
from bot.simulator.row_texts import RowTexts


class KrakenError(Exception):
    """An answer in Kraken's own words: HTTP 200 with the text in `error`."""


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
        self.histories: dict[str, History] = {}
        self.texts: dict[str, RowTexts] = {}
        self._by_name: dict[str, History] = {}
        for symbol, series in recording.series.items():
            pair = make_pair(symbol, list(series.values()))
            history = History(pair, series)
            self.histories[pair.id] = history
            self.texts[pair.id] = RowTexts(history)
            for name in (pair.id, pair.altname, pair.wsname, symbol):
                self._by_name[name] = history

    def history(self, name: str) -> History:
        """The pair that a request names by its id, altname or wsname. Raises KrakenError."""
        found = self.find(name)
        if found is None:
            raise KrakenError("EQuery:Unknown asset pair")
        return found

    def find(self, name: str) -> History | None:
        return self._by_name.get(name)

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
