"""Bad answers of the venue: each has its risk event or error, nothing is lost, the other symbols go on."""

from __future__ import annotations

import pytest

from bot.domain.errors import ExchangeError
from tests.jobs.books import check_books
from tests.jobs.paths import HOUR, STEP, T0, Path
from tests.jobs.world import MakeWorld, World, merged, verdicts_of

SOON = T0 + 30_000
FOREVER = None


@pytest.fixture
def two(make_world: MakeWorld) -> World:
    """BTC and ETH are about to break out, both in the candle that closes at T0."""
    return make_world({"BTC": Path().break_out(), "ETH": Path(50).break_out()})


@pytest.mark.parametrize("first", [True, False], ids=["first tick", "tail"])
@pytest.mark.parametrize(
    ("kind", "rule"),
    [
        ("nan", "bad_candles"),
        ("zero", "bad_candles"),
        ("negative", "bad_candles"),
        ("crossed", "bad_candles"),
        ("out_of_order", "bad_candles"),
        ("half", "stale"),
        ("renamed", "stale"),
        ("html", "stale"),
        ("empty", "stale"),
        ("empty_result", "stale"),
        ("502", "stale"),
        ("reset", "stale"),
        ("error:EGeneral:Internal error", "stale"),
    ],
)
def test_a_symbol_with_bad_candles_waits_and_the_others_go_on(two: World, kind: str, rule: str, first: bool):
    if not first:
        two.tick(SOON - HOUR)
    two.venue.faults.add("OHLC", kind, times=FOREVER, symbol="BTC/EUR")
    document = two.tick(SOON)
    assert verdicts_of(document) == {"ETH/EUR": ("enter", "entered")}
    assert document["bots"][0]["problems"]["BTC/EUR"]["rule"] == rule
    (event,) = two.risks().values()
    assert (event["key"], event["kind"], event["severity"]) == ("data:BTC/EUR", rule, "warning")
    assert "BTC/EUR" in event["message"]
    check_books(two)
    again = two.tick(SOON + STEP)
    assert again["bots"][0]["verdicts"] == []
    assert two.risks()["data:BTC/EUR"]["times"] == 2
    two.venue.faults.clear()
    healed = two.tick(SOON + 2 * STEP)
    assert verdicts_of(healed) == {"BTC/EUR": ("enter", "entered")}
    assert two.risks() == {}


def test_a_candle_that_comes_twice_does_no_harm(two: World):
    two.venue.faults.add("OHLC", "duplicate", times=FOREVER, symbol="BTC/EUR")
    assert set(verdicts_of(two.tick(SOON)).values()) == {("enter", "entered")}
    assert two.risks() == {}


def test_without_the_newest_candle_a_symbol_is_judged_once_it_is_there(two: World):
    two.tick(SOON - HOUR)
    two.venue.faults.add("OHLC", "missing", times=FOREVER, symbol="BTC/EUR")
    document = two.tick(SOON)
    assert verdicts_of(document)["ETH/EUR"] == ("enter", "entered")
    assert "BTC/EUR" not in verdicts_of(document)
    assert two.risks()["data:BTC/EUR"]["kind"] == "stale"
    two.venue.faults.clear()
    assert verdicts_of(two.tick(SOON + STEP)) == {"BTC/EUR": ("enter", "entered")}
    assert two.risks() == {}


def test_a_stop_is_not_lost_in_a_bad_answer(make_world: MakeWorld):
    world = make_world({"BTC": Path().break_out().dip(T0 + STEP + 1000, 0.98)})
    world.tick(SOON)
    world.venue.faults.add("OHLC", "nan", times=FOREVER)
    document = world.tick(SOON + 2 * STEP)
    assert document["bots"][0]["closed"] == []
    assert world.risks()["data:BTC/EUR"]["severity"] == "error"  # a position waits behind it
    world.venue.faults.clear()
    world.tick(SOON + 3 * STEP)
    (trade,) = world.trades()
    assert trade["exit_reason"] == "stop_loss"
    assert trade["exit_at"].timestamp() * 1000 == T0 + 2 * STEP
    assert world.risks() == {}


def test_a_symbol_that_the_venue_does_not_know_is_named(make_world: MakeWorld):
    world = make_world({"BTC": Path().break_out()}, {"market": {"symbols": ["NOPE/EUR", "BTC/EUR"]}})
    assert verdicts_of(world.tick(SOON)) == {"BTC/EUR": ("enter", "entered")}
    (event,) = world.risks().values()
    assert (event["key"], event["kind"]) == ("data:NOPE/EUR", "unknown_symbol")
    assert "market.symbols" in event["fix"]
    world.tick(SOON + STEP)
    assert "AssetPairs" not in world.asked  # an unknown symbol costs no request a tick
    world.set_overrides(1, {"market": {"symbols": ["BTC/EUR"]}})
    world.tick(SOON + 2 * STEP)
    assert world.risks() == {}


def test_nothing_but_symbols_that_the_venue_does_not_list_is_no_venue_down(make_world: MakeWorld):
    world = make_world()
    world.set_overrides(1, {"market": {"symbols": ["FOO/EUR"]}})
    world.overrides = merged(world.overrides, {"market": {"symbols": ["FOO/EUR"]}})
    assert world.tick(SOON)["bots"][0]["verdicts"] == []
    assert world.risks()["data:FOO/EUR"]["kind"] == "unknown_symbol"


def test_a_symbol_that_is_misspelt_as_no_pair_at_all_halts_that_bot_and_is_named(make_world: MakeWorld):
    world = make_world()
    world.set_overrides(1, {"market": {"symbols": ["BTCEUR"]}})
    assert world.tick(SOON)["bots"][0]["verdicts"] == []
    assert "market.symbols" in world.risks()["settings"]["message"]


@pytest.mark.parametrize("kind", ["html", "empty", "empty_result", "half", "502", "reset", "error:EService:Busy"])
@pytest.mark.parametrize("endpoint", ["Time", "SystemStatus", "Ticker"])
def test_a_venue_that_answers_nonsense_is_down_until_it_answers(two: World, endpoint: str, kind: str):
    two.tick(SOON - HOUR)
    two.venue.faults.add(endpoint, kind, times=FOREVER)
    with pytest.raises(ExchangeError) as down:
        two.tick(SOON)
    assert down.value.where == two.venue_url.removeprefix("http://")
    assert down.value.fix
    event = two.risks()["venue"]
    assert (event["bot_id"], event["severity"], event["kind"]) == (0, "error", "venue_down")
    check_books(two, prices=False)
    two.venue.faults.clear()
    assert set(verdicts_of(two.tick(SOON + STEP)).values()) == {("enter", "entered")}
    assert two.risks() == {}


@pytest.mark.parametrize("endpoint", ["Time", "SystemStatus", "Ticker", "OHLC", "Depth"])
@pytest.mark.parametrize("kind", ["html", "empty", "empty_result", "502", "half"])
def test_one_bad_answer_is_asked_again(two: World, endpoint: str, kind: str):
    two.tick(SOON - HOUR)
    fault = two.venue.faults.add(endpoint, kind, times=1)
    assert set(verdicts_of(two.tick(SOON)).values()) == {("enter", "entered")}
    assert fault.happened == 1
    assert two.risks() == {}


@pytest.mark.parametrize("kind", ["html", "empty", "empty_result", "renamed", "error:EService:Busy"])
def test_without_an_order_book_the_tickers_quote_is_good_enough(two: World, kind: str):
    two.venue.faults.add("Depth", kind, times=FOREVER)
    assert set(verdicts_of(two.tick(SOON)).values()) == {("enter", "entered")}


def test_a_renamed_pair_in_the_ticker_leaves_that_symbol_without_a_quote(two: World):
    two.tick(SOON - HOUR)
    two.venue.faults.add("Ticker", "renamed", times=FOREVER)
    with pytest.raises(ExchangeError):
        two.tick(SOON)
    two.venue.faults.clear()
    assert set(verdicts_of(two.tick(SOON + STEP)).values()) == {("enter", "entered")}


def test_when_all_candles_fail_nothing_is_judged_and_nothing_is_lost(two: World):
    two.tick(SOON - HOUR)
    two.venue.faults.add("OHLC", "html", times=FOREVER)
    document = two.tick(SOON)
    assert document["bots"][0]["verdicts"] == []
    assert set(two.risks()) == {"data:BTC/EUR", "data:ETH/EUR"}
    two.venue.faults.clear()
    assert set(verdicts_of(two.tick(SOON + STEP)).values()) == {("enter", "entered")}
    assert two.risks() == {}


@pytest.mark.parametrize("kind", ["html", "empty_result", "502", "error:EGeneral:Unknown method"])
def test_without_trading_rules_the_first_tick_fails_and_says_so(two: World, kind: str):
    two.venue.faults.add("AssetPairs", kind, times=FOREVER)
    with pytest.raises(ExchangeError):
        two.tick(SOON)
    tick = two.one("select status, error from ticks")
    assert tick["status"] == "failed"
    assert "ExchangeError" in tick["error"]
    assert "venue" in two.risks()
    two.venue.faults.clear()
    assert set(verdicts_of(two.tick(SOON)).values()) == {("enter", "entered")}  # the slot was still open
    assert two.one("select status, attempts, error from ticks") == {"status": "done", "attempts": 2, "error": ""}
    assert two.risks() == {}


def test_a_venue_that_is_not_there_is_an_error_with_its_address(two: World):
    two.tick(SOON)
    good, two.venue_url = two.venue_url, "http://127.0.0.1:9"
    with pytest.raises(ExchangeError, match="cannot reach") as down:
        two.tick(SOON + STEP)
    assert down.value.where == "127.0.0.1:9"
    assert down.value.exit_code == 3
    assert "venue" in two.risks()
    two.venue_url = good
    assert two.tick(SOON + 2 * STEP)["missed_slots"] == 1
    assert two.risks() == {}


def test_after_three_failures_the_venue_is_left_alone_for_five_minutes(two: World):
    """Each tick is a process of its own: the breaker's state lives in the database."""
    two.venue.faults.add("Time", "html", times=FOREVER)
    for n in range(3):
        with pytest.raises(ExchangeError):
            two.tick(SOON + n * 60_000)
    assert two.asked["Time"] == 5
    two.venue.faults.clear()
    with pytest.raises(ExchangeError, match="left alone"):
        two.tick(SOON + 3 * 60_000)
    assert two.asked == {}
    assert two.risks()["venue"]["times"] == 4
    assert "skipped" not in two.tick(SOON + 2 * 60_000 + 300_000)
    assert two.value("select breaker from venue_state") == {"failures": 0, "open_until_ms": 0}
    assert two.risks() == {}


def test_a_failure_while_the_venue_is_half_open_shuts_it_again(two: World):
    two.venue.faults.add("Time", "html", times=FOREVER)
    for n in range(3):
        with pytest.raises(ExchangeError):
            two.tick(SOON + n * 60_000)
    with pytest.raises(ExchangeError):
        two.tick(SOON + 8 * 60_000)
    assert two.asked["Time"] == 1  # one try, no more
    two.venue.faults.clear()
    with pytest.raises(ExchangeError, match="left alone"):
        two.tick(SOON + 9 * 60_000)


def test_a_young_coin_with_little_history_is_watched_without_an_opinion(make_world: MakeWorld):
    young = Path().break_out().silence(0, T0 - 3 * HOUR)
    world = make_world({"BTC": young, "ETH": Path(50).break_out()})
    document = world.tick(SOON)
    assert verdicts_of(document)["ETH/EUR"] == ("enter", "entered")
    assert verdicts_of(document).get("BTC/EUR", ("no_trade", ""))[0] == "no_trade"


def test_a_coin_that_has_not_traded_yet_stops_nobody(make_world: MakeWorld):
    unborn = Path().silence(0, T0 + 10 * HOUR)
    world = make_world({"BTC": unborn, "ETH": Path(50).break_out()})
    document = world.tick(SOON)
    assert verdicts_of(document) == {"ETH/EUR": ("enter", "entered")}
    assert set(world.risks()) == {"data:BTC/EUR"}
