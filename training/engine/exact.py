"""Whole numbers of up to 106 bits in two floats: the ledger's Decimals, as exact and compiled.

The ledger books money in Decimal. A float holds 53 bits and would drift from it
in the last digit, and one digit is enough for a size to fall on another step. A
number here is the unevaluated sum of two floats that do not overlap
(T. J. Dekker, "A floating-point technique for extending the available precision",
Numerische Mathematik 18, 1971); sums and products of whole numbers are exact
in it while they stay below 2**106, which is 8e31.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

SPLITTER = 134217729.0
"""2**27 + 1: halves the 53 bits of a float."""


class Wide(NamedTuple):
    """high + low, a whole number; abs(low) is at most half a unit in the last place of high."""

    high: float
    low: float


def wide_sum(a: float, b: float) -> Wide:
    """a + b without error (D. E. Knuth, The Art of Computer Programming, volume 2, 4.2.2)."""
    total = a + b
    part = total - a
    return Wide(total, (a - (total - part)) + (b - part))


def wide_product(a: float, b: float) -> Wide:
    """a * b without error."""
    product = a * b
    t = SPLITTER * a
    a_high = t - (t - a)
    a_low = a - a_high
    t = SPLITTER * b
    b_high = t - (t - b)
    b_low = b - b_high
    return Wide(product, ((a_high * b_high - product) + a_high * b_low + a_low * b_high) + a_low * b_low)


def add(a: Wide, b: Wide) -> Wide:
    """a + b, exact for whole numbers below 2**106."""
    high = wide_sum(a.high, b.high)
    low = wide_sum(a.low, b.low)
    first = wide_sum(high.high, high.low + low.high)
    return wide_sum(first.high, first.low + low.low)


def subtract(a: Wide, b: Wide) -> Wide:
    """a - b, exact for whole numbers below 2**106."""
    return add(a, Wide(-b.high, -b.low))


def scale(a: Wide, factor: float) -> Wide:
    """a * factor, exact for whole numbers while the product stays below 2**106."""
    high = wide_product(a.high, factor)
    low = wide_product(a.low, factor)
    return add(high, low)


def divide(a: Wide, by: float) -> Wide:
    """a / by, to about 100 bits."""
    high = a.high / by
    product = wide_product(high, by)
    rest = subtract(a, product)
    return wide_sum(high, (rest.high + rest.low) / by)


def to_float(a: Wide, unit: float) -> float:
    """The float nearest to a / unit. unit: a power of ten up to 1e22."""
    result = divide(a, unit)
    return result.high + result.low


def half_even(a: Wide, unit: float) -> int:
    """a / unit rounded to a whole number, halves to the even one, as Decimal.quantize rounds. Result below 2**53."""
    near = np.rint(a.high / unit)
    rest = subtract(a, wide_product(near, unit))
    half = unit / 2.0
    off = subtract(rest, Wide(half, 0.0)).high
    if off > 0.0 or (off == 0.0 and near % 2.0 != 0.0):
        near += 1.0
    off = subtract(rest, Wide(-half, 0.0)).high
    if off < 0.0 or (off == 0.0 and near % 2.0 != 0.0):
        near -= 1.0
    return int(near)
