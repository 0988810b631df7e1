"""Which fee an account pays: Kraken's schedule by the volume of the last 30 days."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from bot.simulator.pairs import MAKER_FEES, TAKER_FEES

DAYS_30_MS = 30 * 86_400_000


@dataclass(frozen=True, slots=True)
class Rates:
    """Fees as fractions of the cost."""

    maker: Decimal
    taker: Decimal


def rates(volume: Decimal) -> Rates:
    """volume: US dollars traded in the last 30 days."""
    maker, taker = (table[tier_index(table, volume)][1] for table in (MAKER_FEES, TAKER_FEES))
    return Rates(Decimal(str(maker)) / 100, Decimal(str(taker)) / 100)


def tier_index(table: list[list[float]], volume: Decimal) -> int:
    return max(index for index, (least, _) in enumerate(table) if Decimal(str(least)) <= volume)


def describe(table: list[list[float]], volume: Decimal) -> dict[str, Any]:
    """A pair's entry under `fees` or `fees_maker` of TradeVolume, per cent."""
    index = tier_index(table, volume)
    following = table[index + 1] if index + 1 < len(table) else None
    return {
        "fee": f"{table[index][1]:.4f}",
        "minfee": f"{table[-1][1]:.4f}",
        "maxfee": f"{table[0][1]:.4f}",
        "nextfee": None if following is None else f"{following[1]:.4f}",
        "nextvolume": None if following is None else f"{following[0]:.4f}",
        "tiervolume": f"{table[index][0]:.4f}",
    }
