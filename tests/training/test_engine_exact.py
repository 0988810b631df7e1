"""Sums of money in two floats: the digits of Decimal."""

from __future__ import annotations

import random
from decimal import ROUND_HALF_EVEN, Decimal
from fractions import Fraction

import pytest

from training.engine import exact
from training.engine.exact import Wide

TIMES = 3_000


def whole(value: int) -> Wide:
    high = float(value)
    return Wide(high, float(value - int(high)))


def number(value: Wide) -> int:
    return int(value.high) + int(value.low)


@pytest.fixture
def chance():
    return random.Random(11)


def test_sums_products_and_differences_of_whole_numbers_are_exact(chance):
    for _ in range(TIMES):
        a, b = (chance.randrange(-(10 ** chance.randint(1, 30)), 10 ** chance.randint(1, 30)) for _ in range(2))
        assert number(exact.add(whole(a), whole(b))) == a + b
        assert number(exact.subtract(whole(a), whole(b))) == a - b
        lots, steps = chance.randrange(10**13), chance.randrange(10**11)
        assert number(exact.wide_product(float(lots), float(steps))) == lots * steps
        power = 10 ** chance.randint(0, 6)
        assert number(exact.scale(whole(lots * steps), float(power))) == lots * steps * power


def test_the_float_of_a_quotient_is_the_nearest_one(chance):
    for _ in range(TIMES):
        value, decimals = chance.randrange(-(10**25), 10**25), chance.randint(0, 18)
        assert exact.to_float(whole(value), 10.0**decimals) == float(Decimal(value).scaleb(-decimals))


def test_means_are_the_nearest_floats(chance):
    for _ in range(TIMES):
        cost, lots = chance.randrange(1, 10**22), chance.randrange(1, 10**12)
        assert exact.to_float(exact.divide(whole(cost), float(lots)), 100.0) == float(Fraction(cost, lots * 100))


def test_fees_are_rounded_as_decimals_are_halves_to_the_even_one(chance):
    for _ in range(TIMES):
        decimals = chance.randint(1, 14)
        value = chance.randrange(10 ** (decimals + 9))
        if chance.random() < 0.5:
            value = value // 10**decimals * 10**decimals + 5 * 10 ** (decimals - 1)
        rounded = Decimal(value).scaleb(-decimals).quantize(Decimal(1), ROUND_HALF_EVEN)
        assert exact.half_even(whole(value), 10.0**decimals) == int(rounded)
