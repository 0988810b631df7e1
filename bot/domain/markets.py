"""What a venue says of a symbol: its trading rules, its quote, its order book."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal


@dataclass(frozen=True, slots=True)
class Market:
    """Trading rules of one symbol on one venue.

    price_step: smallest price move, quote currency.  size_step: base units.
    min_size: base units.  min_notional: quote currency.
    maker_fee, taker_fee: fraction of notional.  status: the venue's own word
    ("online" lets everything through).  venue_id: under what the venue lists the
    symbol.  altname: under what its orders name it, "" where that is the same.
    """

    symbol: str
    venue_id: str
    base: str
    quote: str
    price_step: Decimal
    size_step: Decimal
    min_size: Decimal
    min_notional: Decimal
    maker_fee: Decimal
    taker_fee: Decimal
    status: str = "online"
    altname: str = ""


@dataclass(frozen=True, slots=True)
class Quote:
    """Best prices now, quote currency. nan where the venue gave none."""

    bid: float
    ask: float
    last: float

    @property
    def spread_frac(self) -> float:
        """(ask - bid) / mid."""
        return 2 * (self.ask - self.bid) / (self.ask + self.bid)


@dataclass(frozen=True, slots=True)
class OrderBook:
    """Levels nearest first: (price in quote currency, size in base units)."""

    bids: tuple[tuple[float, float], ...]
    asks: tuple[tuple[float, float], ...]

    @property
    def spread_frac(self) -> float:
        """(best ask - best bid) / mid, nan on an empty side."""
        if not self.bids or not self.asks:
            return float("nan")
        bid, ask = self.bids[0][0], self.asks[0][0]
        return 2 * (ask - bid) / (ask + bid)

    @property
    def imbalance(self) -> float:
        """(bid size - ask size) / (bid size + ask size) over all levels, in [-1, 1]."""
        bids = sum(size for _, size in self.bids)
        asks = sum(size for _, size in self.asks)
        total = bids + asks
        return (bids - asks) / total if total > 0 else 0.0
