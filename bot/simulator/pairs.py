"""Kraken's names, steps, minima and fees for a symbol.

Kraken writes XBT for BTC and XDG for DOGE, and puts an X (coin) or Z (currency)
before its oldest assets. Its oldest pairs are named by those long names
(XXBTZEUR), all others by the short ones (ADAEUR, XBTUSDT, XDGEUR).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from bot.simulator.candle_files import Series

ALTNAMES = {"BTC": "XBT", "DOGE": "XDG"}
OLD_COINS = frozenset({"ETC", "ETH", "LTC", "MLN", "REP", "XBT", "XDG", "XLM", "XMR", "XRP", "ZEC"})
EIGHT_DECIMALS = frozenset({"XDG", "XLM", "XRP"})
OLD_CURRENCIES = frozenset({"AUD", "CAD", "EUR", "GBP", "JPY", "USD"})
CURRENCY_DECIMALS = {"AUD": 4, "CAD": 4, "EUR": 4, "GBP": 4, "JPY": 2, "USD": 4, "USDT": 8, "USDC": 8}
# Decimals of the price and smallest order (base units) as Kraken has them for the common bases.
PRICE_DECIMALS = {"BTC": 1, "ETH": 2, "SOL": 2, "XRP": 5, "BNB": 2, "ADA": 6, "DOGE": 7, "AVAX": 2, "LINK": 5, "DOT": 4}
ORDER_MINIMA = {
    "BTC": "0.00005",
    "ETH": "0.001",
    "SOL": "0.02",
    "XRP": "2",
    "BNB": "0.008",
    "ADA": "6",
    "DOGE": "20",
    "AVAX": "0.2",
    "LINK": "0.3",
    "DOT": "1",
    "LTC": "0.04",
}
COST_MINIMA = {"EUR": "0.45", "GBP": "0.4", "BTC": "0.00002", "ETH": "0.0002"}
LOT_DECIMALS = 8
MOST_PRICE_DECIMALS = 10

# [30-day volume in USD, per cent]: Kraken's schedule as recorded in November 2025.
TAKER_FEES: list[list[float]] = [
    [0, 0.4],
    [10000, 0.35],
    [50000, 0.24],
    [100000, 0.22],
    [250000, 0.2],
    [500000, 0.18],
    [1000000, 0.16],
    [2500000, 0.14],
    [5000000, 0.12],
    [10000000, 0.1],
]
MAKER_FEES: list[list[float]] = [
    [0, 0.25],
    [10000, 0.2],
    [50000, 0.14],
    [100000, 0.12],
    [250000, 0.1],
    [500000, 0.08],
    [1000000, 0.06],
    [2500000, 0.04],
    [5000000, 0.02],
    [10000000, 0.0],
]


@dataclass(frozen=True, slots=True)
class Pair:
    """One market as the simulated venue knows it.

    decimals: of the price; the smallest price move is 10 ** -decimals quote
    currency.  order_min: base units.  cost_min: quote currency.  tick_size:
    what order prices must be a multiple of; "" is the smallest price move.
    lot_decimals: of an order's size in base units.
    """

    symbol: str
    id: str
    altname: str
    wsname: str
    base_id: str
    quote_id: str
    decimals: int
    order_min: str
    cost_min: str
    status: str = "online"
    tick_size: str = ""
    lot_decimals: int = LOT_DECIMALS

    @property
    def step(self) -> str:
        """tick_size as AssetPairs has it."""
        return self.tick_size or f"{10**-self.decimals:.{self.decimals}f}"

    @property
    def ticks_per_unit(self) -> int:
        """Price steps in one unit of quote currency."""
        return int(10**self.decimals)

    @property
    def wide_decimals(self) -> int:
        """Decimals of prices in Ticker, Depth and Trades: at least five, as Kraken writes them."""
        return max(self.decimals, 5)

    def describe(self) -> dict[str, Any]:
        """This pair's entry in AssetPairs."""
        return {
            "altname": self.altname,
            "wsname": self.wsname,
            "aclass_base": "currency",
            "base": self.base_id,
            "aclass_quote": "currency",
            "quote": self.quote_id,
            "lot": "unit",
            "cost_decimals": 5,
            "pair_decimals": self.decimals,
            "lot_decimals": self.lot_decimals,
            "lot_multiplier": 1,
            "leverage_buy": [2, 3],
            "leverage_sell": [2, 3],
            "fees": TAKER_FEES,
            "fees_maker": MAKER_FEES,
            "fee_volume_currency": "ZUSD",
            "margin_call": 80,
            "margin_stop": 40,
            "ordermin": self.order_min,
            "costmin": self.cost_min,
            "tick_size": self.step,
            "status": self.status,
            "long_position_limit": 80,
            "short_position_limit": 80,
        }


def altname(code: str) -> str:
    """Kraken's short name of an asset: XBT for BTC."""
    return ALTNAMES.get(code, code)


def asset_id(code: str) -> str:
    """Kraken's long name of an asset: XXBT for BTC, ZEUR for EUR, ADA for ADA."""
    short = altname(code)
    if short in OLD_COINS:
        return "X" + short
    return "Z" + short if short in OLD_CURRENCIES else short


def describe_asset(code: str) -> dict[str, Any]:
    """An asset's entry in Assets."""
    is_fine = altname(code) in OLD_COINS - EIGHT_DECIMALS
    decimals = CURRENCY_DECIMALS.get(code, 10 if is_fine else 8)
    display = 2 if code in OLD_CURRENCIES else 5
    return {
        "aclass": "currency",
        "altname": altname(code),
        "decimals": decimals,
        "display_decimals": display,
        "status": "enabled",
    }


def pair_id(base: str, quote: str) -> str:
    """The key under which Kraken answers: XXBTZEUR, XBTUSDT, ADAEUR, XDGEUR."""
    base_id, quote_id = asset_id(base), asset_id(quote)
    both_old = base_id != altname(base) and quote_id != altname(quote)
    # Dogecoin's currency pairs were added after Kraken had given up the long names.
    if (both_old and (base != "DOGE" or quote == "BTC")) or (base, quote) == ("USDT", "USD"):
        return base_id + quote_id
    return altname(base) + altname(quote)


def make_pair(symbol: str, recorded: list[Series]) -> Pair:
    """A pair whose price step holds every recorded price exactly.

    Kraken's own step is used where it is fine enough; a recording from
    another venue may need more decimals, and rounding it would make the
    rehearsal differ from a backtest on the same candles.
    """
    base, quote = symbol.split("/", 1)
    short_base, short_quote = altname(base), altname(quote)
    known = PRICE_DECIMALS.get(base, 0) if quote in ("EUR", "USD", "USDT", "USDC", "GBP") else 0
    return Pair(
        symbol=symbol,
        id=pair_id(base, quote),
        altname=short_base + short_quote,
        wsname=f"{short_base}/{short_quote}",
        base_id=asset_id(base),
        quote_id=asset_id(quote),
        decimals=max([known, *(decimals_of(series) for series in recorded)]),
        order_min=ORDER_MINIMA.get(base) or _order_min(float(recorded[0].close[-1])),
        cost_min=COST_MINIMA.get(quote, "0.5"),
    )


def decimals_of(series: Series) -> int:
    """Fewest decimals, at most ten, that write every price of a series to twelve significant digits."""
    prices = np.concatenate((series.open, series.high, series.low, series.close))
    for decimals in range(MOST_PRICE_DECIMALS):
        scale = 10.0**decimals
        if np.all(np.abs(np.rint(prices * scale) / scale - prices) <= 1e-12 * prices):
            return decimals
    return MOST_PRICE_DECIMALS


def _order_min(price: float) -> str:
    """About four units of quote currency, one significant digit, as Kraken sets its minima."""
    size = 4.0 / price
    digits = -math.floor(math.log10(size))
    return f"{round(size, digits):.{max(digits, 0)}f}"
