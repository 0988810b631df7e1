"""A backup behind the primary: who answers, what is never mixed, what both processes remember."""

from __future__ import annotations

import json
from contextlib import asynccontextmanager
from typing import Any

import pytest

from bot.adapters.backup import UNREACHABLE, BackupMarketData
from bot.adapters.rate_limit import Pace
from bot.domain.errors import ConfigError, ExchangeError
from bot.domain.ports import CandleRequest
from bot.simulator import Simulator
from tests.exchange.binance_venue import binance_venue
from tests.exchange.venues import END, STEP, SYMBOLS, Time, reader, recording, run

AT_ONCE = Pace(pair_interval_s=0, interval_s=0)
SOON = END + STEP


@pytest.fixture(scope="module")
def simulators():
    elsewhere = recording((*reversed(SYMBOLS[1:]), "BTC/USD"))  # other prices, and bitcoin in another currency
    with Simulator(recording()) as primary, Simulator(elsewhere) as backup:
        yield primary, backup


@pytest.fixture
def venues(simulators):
    for venue in simulators:
        venue.faults.clear()
        venue.requests.clear()
    simulators[0].clock.set_ms(END)
    simulators[1].clock.set_ms(SOON)
    return simulators


def wanted(symbols=SYMBOLS):
    return [CandleRequest(symbol, "5m", END - STEP) for symbol in symbols]


@asynccontextmanager
async def both(primary, backup, *, time: Time | None = None, state: dict[str, Any] | None = None, **of_primary: Any):
    """Market data on two simulators, and how often the backup was built."""
    time = time or Time()
    built: list[Any] = []
    settings: dict[str, Any] = {"retries": 2, "pace": AT_ONCE}

    def open_backup():
        built.append(reader(backup.url, time, **settings))
        return built[-1]

    data = BackupMarketData(reader(primary.url, time, **{**settings, **of_primary}), open_backup)
    data.restore_breaker(state or {})
    try:
        yield data, built
    finally:
        await data.aclose()


async def tick(data, symbols=SYMBOLS):
    opening = await data.opening(symbols)
    return opening, await data.candles(wanted(symbols), opening.now_ms)


def problems(answers):
    return {answer.request.symbol: answer.problem for answer in answers if answer.problem}


async def alone(venue, symbols=SYMBOLS):
    async with reader(venue.url, pace=AT_ONCE) as data:
        return await tick(data, symbols)


def test_a_sound_primary_serves_and_no_backup_is_built(venues):
    async def served():
        async with both(*venues) as (data, built):
            opening, answers = await tick(data)
            return opening, answers, await data.order_book("BTC/EUR"), await data.markets(), built

    opening, answers, book, markets, built = run(served())
    assert (opening.backup, opening.status, opening.now_ms) == ("", "online", END)
    assert problems(answers) == {}
    assert book is not None
    assert len(markets) == len(SYMBOLS)
    assert built == []
    assert venues[1].requests.counts() == {}


DOWN = ["html", "empty", "empty_result", "half", "reset", "timeout", "slow", "error:EService:Unavailable"]
DOWN += ["error:EGeneral:Permission denied", "403", "408", "500", "502", "503", "504", "520", "524"]


@pytest.mark.parametrize("kind", DOWN)
def test_a_primary_that_is_down_in_any_way_gives_way_to_the_backup_for_the_whole_tick(venues, kind):
    primary, backup = venues
    primary.faults.add("*", kind, times=None, seconds=0.6)

    async def served():
        async with both(*venues, timeout_s=0.2, retries=1) as (data, _):
            opening, answers = await tick(data)
            with pytest.raises(ExchangeError, match="trading rules"):
                await data.markets()
            return opening, answers, await data.order_book("ETH/EUR")

    opening, answers, book = run(served())
    seen, theirs = run(alone(backup))
    assert (opening.backup, opening.status) == ("kraken", UNREACHABLE)
    assert opening.now_ms == seen.now_ms == SOON
    assert opening.quotes == seen.quotes
    assert [a.problem or a.candles.close.tolist() for a in answers] == [
        a.problem or a.candles.close.tolist() for a in theirs
    ]
    assert book is None
    assert set(primary.requests.counts()) <= {"Time", "SystemStatus", "Ticker"}


def test_what_the_backup_does_not_list_in_the_same_currency_has_no_data(venues):
    venues[0].faults.add("*", "503", times=None)

    async def served():
        async with both(*venues) as (data, _):
            return await tick(data)

    opening, answers = run(served())
    assert set(opening.quotes) == set(SYMBOLS) - {"BTC/EUR"}
    assert problems(answers) == {"BTC/EUR": "unknown_symbol"}


def test_a_backup_that_lists_nothing_of_ours_is_no_help(venues):
    venues[0].faults.add("*", "503", times=None)

    async def served():
        async with both(*venues) as (data, _):
            await data.opening(["BTC/EUR"])

    with pytest.raises(ExchangeError, match=r"cannot reach Kraken: HTTP 503; .*has a price for none of the symbols"):
        run(served())


@pytest.mark.parametrize("kind", ["html", "503", "reset", "renamed", "nan", "error:EQuery:Unknown asset pair"])
def test_one_symbol_that_fails_is_no_reason_to_change_venue(venues, kind):
    venues[0].faults.add("OHLC", kind, times=None, symbol="ETH/EUR")

    async def served():
        async with both(*venues) as (data, built):
            opening, answers = await tick(data)
            return opening, answers, built

    opening, answers, built = run(served())
    assert opening.backup == ""
    assert set(problems(answers)) == {"ETH/EUR"}
    assert built == []


def test_a_primary_with_quotes_and_no_candles_is_not_mixed_with_the_backups(venues):
    venues[0].faults.add("OHLC", "503", times=None)

    async def served():
        state: dict[str, Any] = {}
        seen = []
        for _ in range(4):
            async with both(*venues, state=state) as (data, built):
                opening, answers = await tick(data)
                state = json.loads(json.dumps(data.breaker_state()))
                seen.append((opening.backup, set(problems(answers).values()), len(built)))
        return seen

    assert run(served()) == [("", {"unreachable"}, 0)] * 4
    assert venues[0].requests.counts()["OHLC"] == 3 * 2 * len(SYMBOLS)


def test_a_symbol_that_fails_at_the_backup_is_out_alone(venues):
    venues[0].faults.add("*", "503", times=None)
    venues[1].faults.add("OHLC", "html", times=None, symbol="ETH/EUR")

    async def served():
        async with both(*venues) as (data, _):
            return (await tick(data, SYMBOLS[1:]))[1]

    assert problems(run(served())) == {"ETH/EUR": "unreachable"}


def test_both_down_is_the_primarys_error_that_names_both(venues):
    venues[0].faults.add("*", "503", times=None)
    venues[1].faults.add("*", "html", times=None)

    async def served():
        async with both(*venues) as (data, _):
            with pytest.raises(ExchangeError) as caught:
                await data.opening(SYMBOLS)
            return caught.value, data.breaker_state()

    error, state = run(served())
    assert error.what.startswith("cannot reach Kraken: HTTP 503; nor does the backup help: cannot reach Kraken: ")
    assert error.where == venues[0].url.removeprefix("http://")
    assert (state["failures"], state["backups"]["kraken"]["failures"]) == (1, 1)


@pytest.mark.parametrize("trouble", [ConfigError("unknown exchange", where="exchange.backup"), RuntimeError("a bug")])
def test_a_backup_that_cannot_even_be_built_does_not_hide_the_primarys_failure(venues, trouble):
    venues[0].faults.add("*", "503", times=None)

    async def served():
        async with reader(venues[0].url, retries=1) as primary:

            def refuse():
                raise trouble

            await BackupMarketData(primary, refuse).opening(SYMBOLS)

    with pytest.raises(ExchangeError, match="cannot reach Kraken: HTTP 503; nor does the backup help"):
        run(served())


def test_from_process_to_process_the_primary_is_left_alone_tried_once_and_taken_back(venues):
    primary = venues[0]

    async def life():
        time, seen, state = Time(), [], {"failures": 0, "open_until_ms": 0}  # as a bot without backups left it

        async def process():
            nonlocal state
            primary.requests.clear()
            async with both(*venues, time=time, state=state) as (data, built):
                opening, _ = await tick(data)
                state = json.loads(json.dumps(data.breaker_state()))
                seen.append((opening.backup, sum(primary.requests.counts().values()), len(built)))

        primary.faults.add("*", "503", times=None)
        for _ in range(4):
            await process()
            time.now_s += 60
        time.now_s += 300
        await process()
        time.now_s += 301
        primary.faults.clear()
        await process()
        return seen, state

    seen, state = run(life())
    assert seen[:3] == [("kraken", 6, 1)] * 3  # two tries of three calls
    assert seen[3] == ("kraken", 0, 1)  # its breaker is open
    assert seen[4] == ("kraken", 3, 1)  # half open: one try, and it is still down
    assert seen[5] == ("", 3 + len(SYMBOLS), 0)
    assert (state["failures"], state["open_until_ms"]) == (0, 0)


def test_in_one_process_the_next_tick_goes_back_to_the_primary(venues):
    fault = venues[0].faults.add("*", "503", times=None)

    async def loop():
        async with both(*venues) as (data, built):
            first, _ = await tick(data)
            fault.left = 0
            second, answers = await tick(data)
            return first.backup, second.backup, problems(answers), await data.order_book("BTC/EUR"), len(built)

    first, second, wrong, book, built = run(loop())
    assert (first, second, wrong, built) == ("kraken", "", {}, 1)
    assert book is not None


def test_each_venue_has_its_own_breaker(venues):
    """A backup that was down when it was last needed is left alone too, whatever the primary's state was."""
    venues[0].faults.add("*", "503", times=None)

    async def life():
        state: dict[str, Any] = {}
        time, whats = Time(), []
        venues[1].faults.add("*", "503", times=None)
        for _ in range(4):
            async with both(*venues, time=time, state=state) as (data, _):
                with pytest.raises(ExchangeError) as caught:
                    await data.opening(SYMBOLS)
                whats.append(caught.value.what)
                state = json.loads(json.dumps(data.breaker_state()))
        return whats, state

    whats, state = run(life())
    assert whats[-1].count("left alone") == 2
    assert state["failures"] == state["backups"]["kraken"]["failures"] == 3


@pytest.mark.parametrize("state", [{}, {"backups": 7}, {"backups": {"kraken": "x"}}, {"failures": 2, "candles": 3}])
def test_a_stored_state_of_another_version_can_be_read(venues, state):
    venues[0].faults.add("*", "503", times=None)

    async def served():
        async with both(*venues, state=state) as (data, _):
            return (await tick(data))[0].backup, data.breaker_state()

    backup, after = run(served())
    assert backup == "kraken"
    assert after["failures"] == state.get("failures", 0) + 1
    assert after["backups"]["kraken"] == {"failures": 0, "open_until_ms": 0}


def test_a_backup_that_is_not_needed_keeps_what_is_known_of_it(venues):
    kept = {"binance": {"failures": 3, "open_until_ms": 5}}

    async def served():
        async with both(*venues, state={"backups": kept}) as (data, _):
            await tick(data)
            return data.breaker_state()

    assert run(served()) == {"failures": 0, "open_until_ms": 0, "backups": kept}


# --- Binance as the backup

PRICES = {"BTCEUR": 101.0, "BTCUSDT": 117.0, "ETHEUR": 55.0, "ETHUSDT": 64.0, "SOLUSDT": 9.0, "XRPEUR": 2.0}
ASKED = ("BTC/EUR", "ETH/EUR", "SOL/EUR", "XRP/EUR")


@asynccontextmanager
async def kraken_and_binance(primary, **settings):
    async with binance_venue(PRICES, SOON + 1500, halted=("XRPEUR",)) as venue:
        built = []

        def open_backup():
            more = {"exchange_id": "binance", "url": venue.url, "asks_status": False, "retries": 2}
            built.append(reader(**{**more, **settings}))
            return built[-1]

        data = BackupMarketData(reader(primary.url, retries=2, pace=AT_ONCE), open_backup)
        try:
            yield data, venue
        finally:
            await data.aclose()


def test_binance_stands_in_for_kraken(venues):
    venues[0].faults.add("*", "503", times=None)

    async def served():
        async with kraken_and_binance(venues[0]) as (data, venue):
            opening, answers = await tick(data, ASKED)
            return opening, answers, venue.asked

    opening, answers, asked = run(served())
    assert (opening.backup, opening.status, opening.now_ms) == ("binance", UNREACHABLE, SOON + 1500)
    # SOL is there in dollars only, XRP is listed and not traded.
    assert {symbol: quote.last for symbol, quote in opening.quotes.items()} == {"BTC/EUR": 101.0, "ETH/EUR": 55.0}
    assert problems(answers) == {"SOL/EUR": "unknown_symbol"}
    assert answers[0].candles.open_ms.tolist() == [END - STEP, END]
    assert set(answers[0].candles.close) == {101.0}
    # Spot only, and nothing but what a host for public data serves.
    assert asked == {f"/api/v3/{name}": 1 for name in ("time", "exchangeInfo", "ticker/24hr")} | {"/api/v3/klines": 3}


def test_a_country_that_binance_does_not_serve_is_told_after_one_request(venues):
    venues[0].faults.add("*", "503", times=None)

    async def served():
        async with kraken_and_binance(venues[0], retries=5) as (data, venue):
            venue.status = 451
            with pytest.raises(ExchangeError, match=r"Kraken: HTTP 503; .*Binance refuses to answer: HTTP 451"):
                await data.opening(ASKED)
            return venue.asked

    assert max(run(served()).values()) == 1


@pytest.mark.parametrize("gap", [3, 718, 719, 5000])
def test_after_a_long_gap_binance_gives_the_newest_candles_and_not_the_oldest(gap):
    async def served():
        async with (
            binance_venue(PRICES, SOON) as venue,
            reader(venue.url, exchange_id="binance", wall_ms=lambda: SOON) as data,
        ):
            (answer,) = await data.candles([CandleRequest("BTC/EUR", "5m", SOON - gap * STEP)], SOON)
            return answer

    answer = run(served())
    assert answer.problem == ""
    assert int(answer.candles.open_ms[-1]) == SOON - STEP
    assert len(answer.candles) == min(gap, 719)
