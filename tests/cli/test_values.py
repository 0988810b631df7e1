"""Arguments as typed, and figures as shown."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.cli import arguments, figures
from bot.cli.plain_json import document
from bot.cli.session import session
from bot.domain.errors import ConfigError


@pytest.fixture(autouse=True)
def english():
    session.language = "en"
    yield
    session.language = ""


@pytest.mark.parametrize(
    ("typed", "expected"),
    [("15s", 15), ("5m", 300), ("4m30s", 270), ("1h", 3600), ("2d", 172_800), ("90", 90), ("1.5", 1.5), ("0.5s", 0.5)],
)
def test_spans_of_time_are_read(typed, expected):
    assert arguments.seconds(typed, "--every") == expected


@pytest.mark.parametrize("typed", ["", "0", "0s", "-5m", "5 minutes", "m5", "s"])
def test_what_is_no_span_of_time_is_refused(typed):
    with pytest.raises(ConfigError, match="span"):
        arguments.seconds(typed, "--every")


def test_moments_without_a_zone_are_utc():
    expected = 1_767_614_400_000
    assert arguments.moment_ms("2026-01-05T12:00", "--at") == expected
    assert arguments.moment_ms("2026-01-05T12:00Z", "--at") == expected
    assert arguments.moment_ms("2026-01-05T13:00+01:00", "--at") == expected


@pytest.mark.parametrize("typed", ["nan", "inf", "-1", "0", "much"])
def test_what_is_no_money_is_refused(typed):
    with pytest.raises(ConfigError, match="money"):
        arguments.amount(typed, "--cash")


def test_symbols_are_read_in_any_spelling_and_each_once():
    assert arguments.symbols("btc/eur, ETH-EUR,BTC/EUR", "--symbols") == ("BTC/EUR", "ETH/EUR")


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(0.0, "0 s"), (0.34, "0.3 s"), (42.0, "42 s"), (300.0, "5 min"), (11_100.0, "3 h 05 min"), (190_000.0, "2 d 4 h")],
)
def test_spans_of_time_are_shown(seconds, shown):
    assert figures.span(seconds) == shown


@pytest.mark.parametrize(
    ("value", "shown"), [(68_977.7, "68,977.7"), (0.340133, "0.340133"), (11.29, "11.29"), (0.0, "0"), (None, "-")]
)
def test_prices_keep_the_digits_that_matter(value, shown):
    assert figures.price(value) == shown


def test_figures_are_written_the_french_way_in_french():
    session.language = "fr"
    assert figures.money(1234.5, "EUR") == "1\u00a0234,50 EUR"
    assert figures.percent(0.125) == "12,5\u00a0%"


@given(st.floats(allow_nan=True, allow_infinity=True) | st.none())
def test_every_number_can_be_shown(value):
    for show in (figures.money, figures.price, figures.percent, figures.gain, figures.span):
        assert show(value)


def test_rows_become_documents_with_moments_and_plain_numbers():
    row = {"at_ms": 0, "entry_ms": 1_767_614_400_000, "delay_ms": 12, "pnl": Decimal("1.50"), "inputs": {"now_ms": 5}}
    assert document(row) == {
        "at": None,
        "entry_at": "2026-01-05T12:00:00+00:00",
        "delay_ms": 12,
        "pnl": 1.5,
        "inputs": {"now_ms": 5},
    }
