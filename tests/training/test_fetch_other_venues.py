"""Candle pages of other venues: Binance's klines, and what ccxt's fetch_ohlcv gives."""

from __future__ import annotations

import asyncio

import pytest

from bot.domain.errors import ConfigError, ExchangeError
from tests.exchange.binance_venue import binance_venue
from tests.exchange.test_another_venue import body
from tests.exchange.test_bybit import PAIR
from tests.exchange.test_bybit import listed as bybit_listed
from tests.exchange.venues import scripted_venue
from tests.training.history_samples import patience
from training.history.fetching import FetchRequest, fetch
from training.history.files import read_parquet, series_path
from training.history.manifest import Manifest
from training.history.parts import Part

HOUR = 3_600_000
START = 1_700_006_400_000
NOW = START + 2400 * HOUR + 1_800_000


def binance(out, *, timeframes=("1h", "4h"), moments=(NOW,), status=None, **more):
    """Documents of one fetch after the other, at these moments of the venue."""

    async def work():
        found = []
        async with binance_venue({"BTCUSDT": 100.0}, NOW) as venue:
            for moment in moments:
                venue.now_ms = moment
                request = FetchRequest("binance", ("BTC/USDT",), timeframes, out, START,
                                       **{"patience": patience(venue.url), **more})  # fmt: skip
                found.append((await fetch(request), venue.asked["/api/v3/klines"]))
        return found

    return asyncio.run(work())


def test_binance_gives_quote_volume_and_trades_and_every_timeframe_as_its_own(tmp_path):
    [(document, pages)] = binance(tmp_path)
    rows = read_parquet(series_path(tmp_path, "BTC/USDT", "1h"), "1h")
    assert (len(rows), rows.first_ms, rows.end_ms) == (2400, START, START + 2400 * HOUR)
    assert (set(rows.quote_volume.tolist()), set(rows.trades.tolist())) == ({350.0}, {12.0})
    assert [file["sources"] for file in document["files"]] == [["binance candles"]] * 2
    assert pages == 3 + 1


def test_the_next_fetch_asks_for_the_tail_alone(tmp_path):
    (_, before), (document, after) = binance(tmp_path, timeframes=("1h",), moments=(NOW, NOW + 5 * HOUR))
    assert (document["files"][0]["added"], after - before) == (5, 1)


def test_a_timeframe_that_the_venue_lacks_is_built(tmp_path, monkeypatch):
    from training.history.venues import CandlePages

    monkeypatch.setattr(CandlePages, "timeframes", frozenset({"1h"}))
    [(document, _)] = binance(tmp_path)
    assert [file["sources"] for file in document["files"]] == [["binance candles"], ["built from 1h"]]
    assert Manifest.load(tmp_path).of("BTC/USDT", "4h").rows == 600


def test_an_unknown_exchange_and_an_unknown_symbol_are_told(tmp_path):
    with pytest.raises(ConfigError, match="unknown exchange"):
        asyncio.run(fetch(FetchRequest("nowhere", ("BTC/USDT",), ("1h",), tmp_path)))

    async def work():
        async with binance_venue({"BTCUSDT": 100.0}, NOW) as venue:
            await fetch(FetchRequest("binance", ("ETH/USDT",), ("1h",), tmp_path, patience=patience(venue.url)))

    with pytest.raises(ConfigError, match="lists no ETH/USDT"):
        asyncio.run(work())


@pytest.mark.parametrize(
    "spoil",
    [
        lambda row: row.__setitem__(2, "1"),  # high below low
        lambda row: row.__setitem__(4, "NaN"),
        lambda row: row.__setitem__(0, row[0] + 1),  # off the grid
        lambda row: row.__setitem__(7, "-1"),  # quote volume
        lambda row: row.__setitem__(8, 1.5),  # trades
        lambda row: row.__delitem__(slice(3, None)),
    ],
)
def test_a_page_with_a_bad_candle_is_refused_and_the_pages_before_it_are_kept(tmp_path, spoil, monkeypatch):
    from tests.exchange.binance_venue import BinanceVenue

    good = BinanceVenue._klines

    def bad(self, query):
        rows = good(self, query)
        if self.asked["/api/v3/klines"] > 1:
            spoil(rows[3])
        return rows

    with monkeypatch.context() as patch:
        patch.setattr(BinanceVenue, "_klines", bad)
        with pytest.raises(ExchangeError, match="candles of BTC/USDT 1h"):
            binance(tmp_path, timeframes=("1h",))
    assert not series_path(tmp_path, "BTC/USDT", "1h").exists()
    assert Part.find(tmp_path, "BTC/USDT", "1h").span == (START, START + 1000 * HOUR)
    [(document, pages)] = binance(tmp_path, timeframes=("1h",))
    assert (document["files"][0]["rows"], pages) == (2400, 2)


def test_a_folder_of_one_exchange_takes_none_of_another(tmp_path):
    binance(tmp_path, timeframes=("4h",))
    with pytest.raises(ConfigError, match="candles of binance, not of kraken"):
        asyncio.run(fetch(FetchRequest("kraken", ("BTC/EUR",), ("1h",), tmp_path)))


# By ccxt's fetch_ohlcv: Bybit, which gives windows of time, newest candle first


def bybit(out, *, listed_from, hole=range(0), spoil=None):
    """Fetch hours from a Bybit whose pair is listed from this hour on."""
    asked = []

    def klines(request):
        since, end = int(request.query["start"]), int(request.query.get("end", 2**60))
        count = int(request.query.get("limit", 200))
        asked.append((since - START) // HOUR)
        hours = range(max((since - START) // HOUR, listed_from), 2401)
        window = [hour for hour in hours if START + hour * HOUR <= min(end, since + (count - 1) * HOUR)]
        rows = [[str(START + hour * HOUR), "100", "101", "99", "100.5", "3.5", "350"] for hour in window
                if hour not in hole][::-1]  # fmt: skip
        return bybit_listed(spoil(rows) if spoil else rows)

    async def work():
        async with scripted_venue() as venue:
            venue.replies["time"] = [body({"retCode": 0, "retMsg": "OK", "result": {}, "time": NOW})]
            venue.replies["instruments-info"] = [bybit_listed([PAIR])]
            venue.replies["kline"] = [klines]
            request = FetchRequest("bybit", ("BTC/EUR",), ("1h",), out, START, None, patience(venue.url, tries=2))
            return await fetch(request)

    return asyncio.run(work()), asked


def test_windows_before_a_listing_are_empty_and_are_passed_over(tmp_path):
    document, asked = bybit(tmp_path, listed_from=1500, hole=range(1600, 1603))
    rows = read_parquet(series_path(tmp_path, "BTC/EUR", "1h"), "1h")
    assert (len(rows), rows.first_ms, rows.end_ms) == (897, START + 1500 * HOUR, START + 2400 * HOUR)
    assert (document["files"][0]["missing_candles"], document["files"][0]["quote_volume"]) == (3, False)
    assert asked[:3] == [0, 0, 1000]


def test_an_empty_page_is_believed_the_second_time_only(tmp_path):
    pages = []

    def lie(rows):
        pages.append(rows)
        return [] if len(pages) == 2 else rows

    document, _ = bybit(tmp_path, listed_from=0, spoil=lie)
    assert (document["files"][0]["rows"], document["files"][0]["gaps"]) == (2400, 0)
