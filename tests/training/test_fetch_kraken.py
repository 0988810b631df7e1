"""Kraken's trades into candles: the simulator on a real socket, in fair weather and foul."""

from __future__ import annotations

import asyncio
import errno
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from bot.domain.candle_checks import resample
from bot.domain.errors import CheckFailed, ConfigError, ExchangeError
from bot.simulator import Simulator, open_recording
from tests.exchange.venues import ok, scripted_venue
from tests.simulator.samples import START_MS
from tests.training.history_samples import (
    CANDLES,
    END_MS,
    GAP,
    STEP,
    SYMBOL,
    bring,
    market,
    patience,
    same_candles,
    trade_requests,
)
from training.history.fetching import FetchRequest, fetch
from training.history.files import read_parquet, series_path, sha256
from training.history.manifest import Manifest
from training.history.parts import Part
from training.history.store import HistoryStore
from training.history.verifying import verify

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A folder with everything, fetched without any trouble, and its sha256."""
    out = tmp_path_factory.mktemp("whole")
    with Simulator(market(GAP), at_ms=END_MS + 60_000) as venue:
        bring(venue, out, timeframes=("5m", "1h", "4h", "1d"))
    return out, sha256(series_path(out, SYMBOL, "5m"))


def fetched(out: Path, timeframe: str = "5m"):
    return read_parquet(series_path(out, SYMBOL, timeframe), timeframe)


def test_candles_are_the_recorded_ones_with_quote_volume_and_trades(whole):
    rows = fetched(whole[0])
    same_candles(rows, market(GAP).series[SYMBOL]["5m"])
    assert set(rows.trades.tolist()) == {20.0}
    assert np.all(rows.quote_volume >= rows.low * rows.volume * (1 - 1e-12))
    assert np.all(rows.quote_volume <= rows.high * rows.volume * (1 + 1e-12))


def test_gaps_are_missing_rows_and_are_counted(whole):
    entry = Manifest.load(whole[0]).of(SYMBOL, "5m")
    assert (entry.rows, entry.gap_count, entry.missing_candles) == (CANDLES - len(GAP), 1, len(GAP))
    assert entry.gaps == ((START_MS + GAP.start * STEP, len(GAP)),)
    assert entry.covered == ((START_MS, END_MS),)


def test_coarser_candles_are_those_of_the_bots_own_resampling_and_count_quiet_hours_as_whole(whole):
    fine = fetched(whole[0]).candles(SYMBOL)
    for timeframe in ("1h", "4h", "1d"):
        made, expected = fetched(whole[0], timeframe), resample(fine, timeframe)
        common = np.isin(made.open_ms, expected.open_ms)
        assert common.sum() == len(expected)
        for name in ("open_ms", "open", "high", "low", "close", "volume"):
            assert getattr(made.take(common), name).tolist() == getattr(expected, name).tolist()
    # The hour in which five minutes were quiet is there too: Kraken's own candle of it is no other.
    assert len(fetched(whole[0], "1d")) == 1
    assert len(fetched(whole[0], "1h")) == CANDLES // 12 - 1  # one whole hour without a trade


def test_the_tools_of_the_bot_read_the_folder(whole):
    recording = open_recording(whole[0])
    assert recording.timeframes(SYMBOL) == ("5m", "1h", "4h", "1d")
    with Simulator(whole[0]) as venue:
        assert venue.clock.now_ms() == END_MS


def test_the_forming_candle_is_never_stored(tmp_path):
    with Simulator(market(), at_ms=START_MS + 10 * STEP + 200_000) as venue:
        bring(venue, tmp_path)
        assert len(fetched(tmp_path)) == 10
        # A candle that closed a second ago may still lack a trade.
        venue.clock.set_ms(START_MS + 11 * STEP + 1_000)
        bring(venue, tmp_path)
        assert len(fetched(tmp_path)) == 10
        venue.clock.set_ms(START_MS + 11 * STEP + 6_000)
        bring(venue, tmp_path)
    assert len(fetched(tmp_path)) == 11


def test_a_second_fetch_gets_the_tail_alone_and_the_file_is_the_same(tmp_path, whole):
    with Simulator(market(GAP), at_ms=START_MS + 250 * STEP) as venue:
        bring(venue, tmp_path)
        asked = trade_requests(venue)
        document = bring(venue, tmp_path, from_ms=None)
        assert trade_requests(venue) == asked
        assert document["files"][0]["added"] == 0
        venue.clock.set_ms(END_MS + 60_000)
        document = bring(venue, tmp_path, from_ms=None)
        assert document["files"][0]["added"] == CANDLES - 249
        assert trade_requests(venue) - asked <= 7
    assert sha256(series_path(tmp_path, SYMBOL, "5m")) == whole[1]


def test_an_earlier_beginning_and_holes_are_filled_and_the_file_is_the_same(tmp_path, whole):
    with Simulator(market(GAP), at_ms=END_MS + 60_000) as venue:
        for first, last in ((200, 260), (20, 90), (270, 280)):
            bring(venue, tmp_path, from_ms=START_MS + first * STEP, to_ms=START_MS + last * STEP)
        assert len(Manifest.load(tmp_path).of(SYMBOL, "5m").covered) == 3
        bring(venue, tmp_path)
    assert sha256(series_path(tmp_path, SYMBOL, "5m")) == whole[1]


FAULTS = ("502", "520", "403", "html", "empty", "empty_result", "half", "reset", "renamed",
          "error:EAPI:Rate limit exceeded", "error:EService:Busy")  # fmt: skip


@pytest.mark.parametrize("kind", FAULTS)
def test_a_page_that_fails_is_asked_for_again(tmp_path, whole, kind):
    with Simulator(market(GAP), at_ms=END_MS + 60_000) as venue:
        # An answer about something else is asked for again once only.
        venue.faults.add("Trades", kind, times=1 if kind == "renamed" else 2, skip=3)
        bring(venue, tmp_path)
    assert sha256(series_path(tmp_path, SYMBOL, "5m")) == whole[1]


def test_a_page_that_never_comes_is_asked_for_again(tmp_path, whole):
    with Simulator(market(GAP), at_ms=END_MS + 60_000) as venue:
        venue.faults.add("Trades", "timeout", seconds=1.0, skip=2)
        bring(venue, tmp_path)
    assert sha256(series_path(tmp_path, SYMBOL, "5m")) == whole[1]


@pytest.mark.parametrize("pages", [0, 1, 3, 5])
def test_what_was_fetched_before_the_venue_went_away_is_kept(tmp_path, whole, pages):
    with Simulator(market(GAP), at_ms=END_MS + 60_000) as venue:
        venue.faults.add("Trades", "502", times=None, skip=pages)
        with pytest.raises(ExchangeError, match="HTTP 502") as told:
            bring(venue, tmp_path, patience=patience(venue.url, tries=2))
        assert "run the same command again" in told.value.fix
        assert not series_path(tmp_path, SYMBOL, "5m").exists()
        venue.faults.clear()
        asked = trade_requests(venue)
        bring(venue, tmp_path)
        assert trade_requests(venue) - asked <= 8 - pages
    assert sha256(series_path(tmp_path, SYMBOL, "5m")) == whole[1]
    assert not list(tmp_path.glob("*/.*.part*"))


def test_an_unfinished_fetch_goes_into_the_file_when_another_span_is_wanted(tmp_path, whole):
    with Simulator(market(GAP), at_ms=END_MS + 60_000) as venue:
        venue.faults.add("Trades", "502", times=None, skip=4)
        with pytest.raises(ExchangeError):
            bring(venue, tmp_path, from_ms=START_MS + 40 * STEP, patience=patience(venue.url, tries=1))
        venue.faults.clear()
        bring(venue, tmp_path)
    assert sha256(series_path(tmp_path, SYMBOL, "5m")) == whole[1]


def test_one_symbol_that_fails_stops_no_other(tmp_path):
    with Simulator(market(symbols=("BTC/EUR", "ETH/EUR")), at_ms=END_MS + 60_000) as venue:
        venue.faults.add("Trades", "error:EGeneral:Permission denied", times=None, symbol="BTC/EUR")
        with pytest.raises(ExchangeError, match="trades of BTC/EUR: EGeneral:Permission denied"):
            bring(venue, tmp_path, symbols=("BTC/EUR", "ETH/EUR"))
    assert Manifest.load(tmp_path).of("ETH/EUR", "5m").rows == CANDLES
    assert Manifest.load(tmp_path).of("BTC/EUR", "5m") is None


def test_krakens_public_limit_is_kept_without_a_word(tmp_path):
    with Simulator(market(count=80), at_ms=START_MS + 81 * STEP, rate_limit=True) as venue:
        bring(venue, tmp_path, patience=patience(venue.url, pair_interval_s=None, sleep=asyncio.sleep))
        # Two pages, and two that are empty: a refused one would have been asked for again.
        assert trade_requests(venue) == 4
    assert len(fetched(tmp_path)) == 80


def test_an_unknown_symbol_is_named_with_its_neighbours(tmp_path):
    with Simulator(market(), at_ms=END_MS) as venue, pytest.raises(ConfigError, match="lists no BTC/GBP") as told:
        bring(venue, tmp_path, symbols=("BTC/GBP",))
    assert told.value.fix == "it lists BTC/EUR"


def test_two_fetches_do_not_write_into_one_folder(tmp_path):
    import fcntl

    with (tmp_path / ".lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with Simulator(market(), at_ms=END_MS) as venue, pytest.raises(ConfigError, match="another fetch"):
            bring(venue, tmp_path)


def test_a_file_that_was_changed_is_not_built_upon(tmp_path):
    with Simulator(market(), at_ms=START_MS + 100 * STEP) as venue:
        bring(venue, tmp_path)
        path = series_path(tmp_path, SYMBOL, "5m")
        path.write_bytes(path.read_bytes()[:-7])
        venue.clock.set_ms(END_MS)
        asked = trade_requests(venue)
        with pytest.raises(CheckFailed, match="not the one that the manifest names"):
            bring(venue, tmp_path)
        assert trade_requests(venue) == asked
        path.unlink()
        document = bring(venue, tmp_path)
    assert "was removed" in document["notes"][0]
    assert document["files"][0]["rows"] == CANDLES - 1


@pytest.mark.parametrize("damage", ["state", "rows", "cut rows", "no rows"])
def test_a_damaged_part_is_told_and_fetched_anew(tmp_path, whole, damage):
    with Simulator(market(GAP), at_ms=END_MS + 60_000) as venue:
        venue.faults.add("Trades", "502", times=None, skip=4)
        with pytest.raises(ExchangeError):
            bring(venue, tmp_path, patience=patience(venue.url, tries=1))
        venue.faults.clear()
        path = Part.path(tmp_path, SYMBOL, "5m")
        state = path.with_name(path.name + ".state")
        if damage == "state":
            state.write_text(state.read_text().replace('"upto_ms": 17', '"upto_ms": 18'))
        elif damage == "rows":
            path.write_bytes(b"\0" * 64 + path.read_bytes()[64:])
        elif damage == "cut rows":
            path.write_bytes(path.read_bytes()[:-30])
        else:
            path.unlink()
        document = bring(venue, tmp_path)
    assert "is damaged and begins anew" in document["notes"][0]
    assert sha256(series_path(tmp_path, SYMBOL, "5m")) == whole[1]


def test_a_part_that_was_sealed_but_not_removed_adds_nothing(tmp_path, whole):
    """What a process leaves that dies after the manifest and the rename."""
    with Simulator(market(GAP), at_ms=END_MS + 60_000) as venue:
        venue.faults.add("Trades", "502", times=None, skip=4)
        with pytest.raises(ExchangeError):
            bring(venue, tmp_path, patience=patience(venue.url, tries=1))
        venue.faults.clear()
        left = {path: path.read_bytes() for path in tmp_path.glob("*/.*.part*")}
        bring(venue, tmp_path)
        for path, data in left.items():
            path.write_bytes(data)
        assert bring(venue, tmp_path)["files"][0]["added"] == 0
    assert sha256(series_path(tmp_path, SYMBOL, "5m")) == whole[1]
    assert not list(tmp_path.glob("*/.*.part*"))


@pytest.mark.parametrize("write", range(1, 8))
def test_a_disk_that_is_full_at_any_write_loses_nothing(tmp_path, whole, write, monkeypatch):
    """Of the rows, the state, the file or the manifest: each of them is flushed."""
    from training.history import files, parts

    flushed = []
    flush = files.flush

    def full(path):
        flushed.append(path)
        if len(flushed) == write * 2:
            raise OSError(errno.ENOSPC, "No space left on device", str(path))
        flush(path)

    with Simulator(market(GAP), at_ms=END_MS + 60_000) as venue:
        with monkeypatch.context() as patch:
            patch.setattr(files, "flush", full)
            patch.setattr(parts, "flush", full)
            with pytest.raises(OSError, match="No space"):
                bring(venue, tmp_path)
        bring(venue, tmp_path)
    assert sha256(series_path(tmp_path, SYMBOL, "5m")) == whole[1]
    assert verify(tmp_path)["problems"] == []


def test_rows_that_the_state_does_not_know_of_are_cut_off(tmp_path, whole):
    """What a process leaves that dies between the rows and the state."""
    with Simulator(market(GAP), at_ms=END_MS + 60_000) as venue:
        venue.faults.add("Trades", "502", times=None, skip=4)
        with pytest.raises(ExchangeError):
            bring(venue, tmp_path, patience=patience(venue.url, tries=1))
        venue.faults.clear()
        path = Part.path(tmp_path, SYMBOL, "5m")
        path.write_bytes(path.read_bytes() + b"\1" * 100)
        bring(venue, tmp_path)
    assert sha256(series_path(tmp_path, SYMBOL, "5m")) == whole[1]


def test_a_fetch_that_is_killed_goes_on_where_it_stopped(tmp_path, whole):
    out = tmp_path / "kraken"
    with Simulator(market(GAP), at_ms=END_MS + 60_000) as venue:
        command = [sys.executable, "-m", "training", "fetch", "--symbols", SYMBOL, "--timeframes", "5m", "--out", out]
        command += ["--from", "2023-11-15", "--json"]
        environ = os.environ | {"KRAKEN_API_URL": venue.url, "METRONOME_HOME": str(tmp_path / "home")}
        running = subprocess.Popen([*command, "--pace", "5s"], cwd=ROOT, env=environ)
        part = Part.path(out, SYMBOL, "5m")
        until = time.monotonic() + 60
        while not (part.exists() and part.stat().st_size) and time.monotonic() < until and running.poll() is None:
            time.sleep(0.02)
        running.send_signal(signal.SIGKILL)
        assert running.wait() == -signal.SIGKILL
        assert not series_path(out, SYMBOL, "5m").exists()
        done = subprocess.run([*command, "--pace", "0"], cwd=ROOT, env=environ, capture_output=True, check=True)
        assert trade_requests(venue) <= 10  # no page twice, but for the one that was on its way
    document = json.loads(done.stdout)
    assert document["files"][0]["sha256"] == sha256(series_path(out, SYMBOL, "5m")) == whole[1]


# Trades as the simulator never gives them


def trade(number: int, moment_ns: int, price: str = "100.5", volume: str = "0.1") -> list:
    return [price, volume, moment_ns / 1e9, "b", "l", "", number]


def asked_trades(trades, out, *, lie_at=None, count=1000, spoil=None, now_ms=START_MS + 3_600_000):
    """Fetch from a Kraken with these trades. lie_at: this page comes empty, once."""
    pairs = {"XXBTZEUR": {"base": "XXBT", "quote": "ZEUR", "pair_decimals": 2, "lot_decimals": 8, "ordermin": "0.1",
             "fees": [[0, 0.4]], "fees_maker": [[0, 0.25]], "tick_size": "0.01", "status": "online"}}  # fmt: skip
    pages = []

    def answer(request):
        since = int(request.query["since"])
        page = [one for one, moment in trades if moment > since][:count]
        pages.append(len(page))
        if len(pages) - 1 == lie_at:
            page = []
        last = max((moment for one, moment in trades if one in page), default=since)
        result = {"XXBTZEUR": [list(one) for one in page], "last": str(last)}
        return ok(spoil(result) if spoil else result)

    async def work():
        async with scripted_venue() as venue:
            venue.replies["AssetPairs"] = [ok(pairs)]
            venue.replies["Time"] = [ok({"unixtime": now_ms // 1000})]
            venue.replies["Trades"] = [answer]
            request = FetchRequest("kraken", (SYMBOL,), ("5m",), out, START_MS, None, patience(venue.url, tries=3))
            return await fetch(request)

    return asyncio.run(work()), pages


def many_at_once(groups=40, each=70):
    """Trades in groups of one nanosecond each: a page ends inside a group."""
    numbers = range(groups * each)
    moments = [START_MS * 1_000_000 + (number // each) * 45_000_000_000 for number in numbers]
    return [(trade(number, moment), moment) for number, moment in zip(numbers, moments, strict=True)]


def test_trades_of_one_moment_that_a_page_cuts_in_two_are_all_counted_once(tmp_path):
    document, _ = asked_trades(many_at_once(), tmp_path)
    rows = fetched(tmp_path)
    assert rows.trades.sum() == 2800
    assert rows.volume.sum() == pytest.approx(280.0, abs=1e-9)
    assert document["files"][0]["rows"] == len(rows) == 6


def test_an_empty_page_that_lies_is_not_the_end(tmp_path):
    asked_trades(many_at_once(), tmp_path, lie_at=1)
    assert fetched(tmp_path).trades.sum() == 2800


@pytest.mark.parametrize(
    ("cell", "value"), [(0, "NaN"), (0, "0"), (0, "-1"), (1, "-0.1"), (1, "Infinity"), (2, "x"), (2, 1e9), (6, 0)]
)
def test_a_trade_that_is_none_is_refused_and_nothing_is_stored(tmp_path, cell, value):
    def spoil(result):
        result["XXBTZEUR"][5][cell] = value
        return result

    with pytest.raises(ExchangeError, match="trade"):
        asked_trades(many_at_once(), tmp_path, spoil=spoil)
    assert not series_path(tmp_path, SYMBOL, "5m").exists()


def test_sums_are_exact_and_carry_over_pages(tmp_path):
    """0.1 added ten times is 1, in whatever pages the trades come."""
    moments = [START_MS * 1_000_000 + number * 1_000_000_000 for number in range(10)]
    trades = [(trade(number, moment), moment) for number, moment in enumerate(moments)]
    asked_trades(trades, tmp_path)
    rows = fetched(tmp_path)
    assert (rows.volume.tolist(), rows.quote_volume.tolist(), rows.trades.tolist()) == ([1.0], [100.5], [10.0])


def test_a_span_without_a_trade_is_said(tmp_path):
    document, _ = asked_trades([], tmp_path)
    assert document["files"] == []
    assert "no candle of it in this span" in document["notes"][0]


def test_the_store_reads_what_was_fetched(whole):
    with HistoryStore(whole[0]) as store:
        assert [(one.symbol, one.timeframe) for one in store.series()] == [
            (SYMBOL, tf) for tf in ("5m", "1h", "4h", "1d")
        ]
        rows = store.read(SYMBOL, "5m", START_MS + 10 * STEP, START_MS + 20 * STEP)
        assert rows.open_ms.tolist() == [START_MS + number * STEP for number in range(10, 20)]
        assert rows.table().tolist() == fetched(whole[0]).take(slice(10, 20)).table().tolist()
        assert len(store.candles(SYMBOL, "5m")) == CANDLES - len(GAP)
        assert store.disk_bytes() == sum(one.bytes for one in store.series())
        asked = "select symbol, timeframe, count(*), sum(trades) from candles group by all order by 3 desc"
        assert store.query(asked)[0] == (SYMBOL, "5m", CANDLES - len(GAP), 20.0 * (CANDLES - len(GAP)))
        with pytest.raises(ConfigError, match="no candles of ETH/EUR 1h"):
            store.read("ETH/EUR", "1h")
        with pytest.raises(ConfigError):
            store.query("select nonsense")
