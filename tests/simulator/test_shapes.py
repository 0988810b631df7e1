"""Answers look like Kraken's own, field by field."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.simulator.conftest import Get

PAIR = "XXBTZEUR"
DECIMAL = re.compile(r"-?\d+\.\d+")


def shape(value: Any) -> Any:
    """A value's form: keys and types; texts that hold a decimal number apart from other texts."""
    if isinstance(value, dict):
        return {key: shape(entry) for key, entry in value.items()}
    if isinstance(value, list):
        return [shape(entry) for entry in value]
    if isinstance(value, str):
        return "decimal" if DECIMAL.fullmatch(value) else "whole" if value.isdigit() else "text"
    return "number" if isinstance(value, float) else type(value).__name__


def recorded(fixtures: Path, name: str) -> Any:
    return json.loads((fixtures / "nautilus" / f"http_{name}.json").read_text())


@pytest.mark.parametrize(("endpoint", "name"), [("Time", "server_time"), ("SystemStatus", "system_status")])
def test_time_and_status_have_the_recorded_fields(get: Get, fixtures: Path, endpoint: str, name: str) -> None:
    assert shape(get(endpoint)) == shape(recorded(fixtures, name))


def test_a_pair_has_exactly_the_recorded_fields_in_the_recorded_order(get: Get, fixtures: Path) -> None:
    kraken = recorded(fixtures, "asset_pairs")["result"]["XBTUSDT"]
    ours = get("AssetPairs", pair=PAIR)["result"][PAIR]
    assert list(ours) == list(kraken)
    assert ours["fees"] == kraken["fees"]
    assert ours["fees_maker"] == kraken["fees_maker"]
    kinds = {key: type(value) for key, value in kraken.items()}
    assert {key: type(value) for key, value in ours.items()} == kinds


def test_older_recorded_pairs_have_no_field_that_is_missing_here(get: Get, fixtures: Path) -> None:
    pairs = json.loads((fixtures / "xchange" / "marketdata" / "example-assetpairs-data.json").read_text())["result"]
    assert set(pairs[PAIR]) <= set(get("AssetPairs")["result"][PAIR])


def test_assets_have_the_recorded_names_and_decimals(get: Get, fixtures: Path) -> None:
    kraken = json.loads((fixtures / "xchange" / "marketdata" / "example-assets-data.json").read_text())["result"]
    ours = get("Assets")["result"]
    assert set(ours) == {"XXBT", "XXDG", "ZEUR"}
    for name, entry in ours.items():
        assert entry["altname"] == kraken[name]["altname"]
        assert entry["decimals"] == kraken[name]["decimals"]
        assert set(kraken[name]) <= set(entry)


def test_a_ticker_has_the_recorded_fields(get: Get, fixtures: Path) -> None:
    kraken = recorded(fixtures, "ticker")["result"]["XBTUSDT"]
    ours = get("Ticker", pair=PAIR)["result"][PAIR]
    assert shape(ours) == shape(kraken)
    assert list(ours) == list(kraken)


def test_candle_rows_have_the_recorded_types_also_without_trades(get: Get, fixtures: Path) -> None:
    kraken = recorded(fixtures, "ohlc")["result"]
    ours = get("OHLC", pair=PAIR, interval=5)["result"]
    assert shape(ours[PAIR][0]) == shape(kraken["XBTUSDT"][2])
    assert isinstance(ours["last"], int)
    assert ours["last"] == ours[PAIR][-2][0]
    assert kraken["last"] == kraken["XBTUSDT"][-2][0]


def test_order_book_levels_have_the_recorded_types(get: Get, fixtures: Path) -> None:
    kraken = recorded(fixtures, "order_book")["result"]["XBTUSDT"]
    ours = get("Depth", pair=PAIR, count=5)["result"][PAIR]
    assert shape(ours) == shape(kraken)


def test_trades_have_the_recorded_types(get: Get, fixtures: Path) -> None:
    kraken = recorded(fixtures, "trades")["result"]
    ours = get("Trades", pair=PAIR)["result"]
    assert shape(ours[PAIR][0]) == shape(kraken["XBTUSDT"][0])
    assert shape(ours["last"]) == shape(kraken["last"])
    assert len(ours[PAIR]) == len(kraken["XBTUSDT"]) == 1000


def test_names_follow_kraken(get: Get) -> None:
    pairs = get("AssetPairs")["result"]
    assert {key: (entry["altname"], entry["wsname"]) for key, entry in pairs.items()} == {
        "XXBTZEUR": ("XBTEUR", "XBT/EUR"),
        "XDGEUR": ("XDGEUR", "XDG/EUR"),
    }


@pytest.mark.parametrize("name", ["XXBTZEUR", "XBTEUR", "XBT/EUR"])
def test_a_pair_may_be_asked_for_by_any_of_its_names(get: Get, name: str) -> None:
    assert list(get("Ticker", pair=name)["result"]) == ["XXBTZEUR"]


@pytest.mark.parametrize(
    ("endpoint", "query", "error"),
    [
        ("Ticker", {"pair": "NOPE"}, "EQuery:Unknown asset pair"),
        ("OHLC", {"pair": "NOPE"}, "EQuery:Unknown asset pair"),
        ("OHLC", {}, "EGeneral:Invalid arguments"),
        ("OHLC", {"pair": PAIR, "interval": 7}, "EGeneral:Invalid arguments"),
        ("OHLC", {"pair": PAIR, "since": "yesterday"}, "EGeneral:Invalid arguments:since"),
        ("Trades", {"pair": PAIR, "since": "yesterday"}, "EGeneral:Invalid arguments:since"),
        ("Depth", {"pair": PAIR, "count": "few"}, "EGeneral:Invalid arguments:count"),
        ("Assets", {"asset": "NOPE"}, "EQuery:Unknown asset"),
        ("Guess", {}, "EGeneral:Unknown method"),
    ],
)
def test_a_wrong_request_is_refused_in_krakens_words(
    get: Get, endpoint: str, query: dict[str, object], error: str
) -> None:
    assert get(endpoint, **query) == {"error": [error]}
