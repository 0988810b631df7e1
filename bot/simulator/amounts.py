"""Exact amounts: prices in whole price steps, sizes in lots, money as Decimals of an asset's own length."""

from __future__ import annotations

from decimal import ROUND_CEILING, ROUND_DOWN, ROUND_HALF_UP, Decimal, InvalidOperation

from bot.simulator.pairs import LOT_DECIMALS, Pair, describe_asset

COST_DECIMALS = 5


def down(amount: Decimal, decimals: int) -> Decimal:
    """Cut towards zero."""
    return amount.quantize(Decimal(1).scaleb(-decimals), ROUND_DOWN)


def nearest(amount: Decimal, decimals: int) -> Decimal:
    return amount.quantize(Decimal(1).scaleb(-decimals), ROUND_HALF_UP)


def up(amount: Decimal, decimals: int) -> Decimal:
    return amount.quantize(Decimal(1).scaleb(-decimals), ROUND_CEILING)


def size(lots: int) -> Decimal:
    """Base units of a number of lots (1e-8)."""
    return Decimal(lots).scaleb(-LOT_DECIMALS)


def price(ticks: int, pair: Pair) -> Decimal:
    """Quote currency of a number of price steps."""
    return Decimal(ticks).scaleb(-pair.decimals)


def cost(lots: int, ticks: int, pair: Pair) -> Decimal:
    """Quote currency for a size at a price, not rounded."""
    return size(lots) * price(ticks, pair)


def number(text: str) -> Decimal | None:
    """A plain decimal number; None for anything else, also for what Decimal would take (NaN, 1e3, 1_0)."""
    if not text or not set(text) <= set("0123456789.+-"):
        return None
    try:
        return Decimal(text)
    except InvalidOperation:
        return None


def decimals_in(value: Decimal) -> int:
    """Digits after the point that are not trailing zeros."""
    exponent = value.normalize().as_tuple().exponent
    return max(-exponent, 0) if isinstance(exponent, int) else 0


def asset_decimals(code: str) -> int:
    """Decimals in which Kraken keeps an asset: four for EUR, ten for XBT. Suffixed coins are kept like the coin."""
    return int(describe_asset(code.split(".", 1)[0])["decimals"])
