"""What one tick asks, writes and says when nothing special happens."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import numpy as np
import pytest

from bot.domain.errors import ConfigError, DatabaseError, ExchangeError
from bot.domain.ports import CandleRequest
from tests.jobs.paths import DAY, HOUR, MINUTE, STEP, T0, Path
from tests.jobs.world import MakeWorld, World, verdicts_of

SOON = T0 + 30_000


def test_the_first_tick_on_an_empty_database_does_nothing_and_says_so(make_world: MakeWorld):
    world = make_world(bot=False)
    document = world.tick(SOON)
    assert document["bots"] == []
    assert "skipped" not in document
    assert world.one("select status, missed_slots from ticks") == {"status": "done", "missed_slots": 0}


def test_the_first_tick_of_a_bot_judges_the_newest_candle_only(world: World):
    document = world.tick(SOON)
    assert verdicts_of(document) == {"BTC/EUR": ("no_trade", "no_signal")}
    (verdict,) = world.verdicts()
    assert verdict["bar_at"] == datetime.fromtimestamp((T0 - HOUR) / 1000, UTC)
    assert world.asked == {"Time": 1, "SystemStatus": 1, "Ticker": 1, "AssetPairs": 1, "OHLC": 4}
    assert world.one("select cash, positions_value, equity from equity_snapshots") == {
        "cash": 10_000,
        "positions_value": 0,
        "equity": 10_000,
    }


def test_an_idle_tick_makes_three_requests_and_two_round_trips(world: World):
    world.tick(SOON)
    document = world.tick(SOON + STEP)
    assert world.asked == {"Time": 1, "SystemStatus": 1, "Ticker": 1}
    assert world.trips == 2
    assert document["bots"][0]["verdicts"] == []
    assert world.count("decisions") == 1  # of the first tick


def test_a_due_tick_asks_for_one_tail_per_symbol(make_world: MakeWorld):
    world = make_world({base: Path() for base in ("BTC", "ETH", "SOL")})
    world.tick(SOON)
    world.tick(SOON + HOUR)
    assert world.asked == {"Time": 1, "SystemStatus": 1, "Ticker": 1, "OHLC": 3}
    assert world.trips == 3
    tails = [request.query for request in world.venue.requests.newest() if request.endpoint == "OHLC"]
    assert {query["interval"] for query in tails} == {"5"}
    assert world.count("verdicts") == 6


def test_a_held_symbol_costs_one_more_request(make_world: MakeWorld):
    world = make_world({"BTC": Path().break_out(), "ETH": Path(50)})
    world.tick(SOON)
    assert [p["symbol"] for p in world.tick(SOON + STEP)["bots"][0]["positions"]] == ["BTC/EUR"]
    assert world.asked == {"Time": 1, "SystemStatus": 1, "Ticker": 1, "OHLC": 1}
    assert world.trips == 3


@pytest.mark.slow
def test_candles_built_from_five_minutes_equal_the_venues_own(make_world: MakeWorld):
    world = make_world({"BTC": Path(64_000, decimals=1).break_out(T0 + 3 * HOUR, 1.01)})
    for hours in range(50):
        world.tick(SOON + hours * HOUR)
        if hours:
            assert world.asked["OHLC"] == 1

    async def native():
        market = world.open_market()
        try:
            wanted = [CandleRequest("BTC/EUR", timeframe, 0) for timeframe in ("1h", "4h", "1d")]
            return await market.candles(wanted, SOON + 49 * HOUR)
        finally:
            await market.aclose()

    for answer in world.runner.run(native()):
        stored = world.all(
            "select to_ms(open_at) as at, open, high, low, close, volume from candles join candle_series"
            " using (series_id) where timeframe = %s and open_at >= to_timestamp(%s) order by open_at",
            answer.request.timeframe, T0 / 1000 - 2 * 86_400,
        )  # fmt: skip
        theirs = answer.candles.since(stored[0]["at"])
        assert [row["at"] for row in stored] == theirs.open_ms.tolist()
        for name in ("open", "high", "low", "close", "volume"):
            ours = np.array([row[name] for row in stored])
            np.testing.assert_allclose(ours, getattr(theirs, name), rtol=1e-9, err_msg=answer.request.timeframe)


def test_the_same_slot_is_worked_once(world: World):
    world.tick(SOON)
    before = world.rows_of_everything()
    document = world.tick(SOON + 60_000)
    assert document["skipped"] == "done"
    assert document["now"] is not None
    assert world.rows_of_everything() == before
    assert world.value("select attempts from ticks") == 1


def test_a_late_tick_counts_the_slots_that_nobody_worked(world: World):
    world.tick(SOON)
    assert world.tick(SOON + STEP)["missed_slots"] == 0
    assert world.tick(SOON + 5 * STEP)["missed_slots"] == 3
    assert world.value("select missed_slots from ticks order by slot_at desc limit 1") == 3


def test_trading_rules_are_asked_for_once_a_day(world: World):
    world.tick(SOON)
    world.tick(SOON + DAY - STEP)
    assert "AssetPairs" not in world.asked
    world.tick(SOON + DAY)
    assert world.asked["AssetPairs"] == 1
    world.tick(SOON + DAY + STEP)
    assert "AssetPairs" not in world.asked


def test_a_new_symbol_brings_its_trading_rules_at_once(make_world: MakeWorld):
    world = make_world({"BTC": Path(), "ETH": Path(50)}, {"market": {"symbols": ["BTC/EUR"]}})
    world.tick(SOON)
    world.execute("delete from venue_markets where symbol = 'ETH/EUR'")
    world.set_overrides(1, {"market": {"symbols": ["BTC/EUR", "ETH/EUR"]}})
    world.tick(SOON + STEP)
    assert world.asked["AssetPairs"] == 1
    assert [row["symbol"] for row in world.all("select distinct symbol from verdicts order by 1")] == [
        "BTC/EUR",
        "ETH/EUR",
    ]


def test_a_dry_run_decides_and_writes_nothing(make_world: MakeWorld):
    world = make_world({"BTC": Path().break_out()})
    before = world.rows_of_everything()
    document = world.tick(SOON, dry_run=True)
    assert document["dry_run"]
    assert verdicts_of(document) == {"BTC/EUR": ("enter", "entered")}
    assert [order["status"] for order in document["bots"][0]["orders"]] == ["submitting"]
    assert world.rows_of_everything() == before
    assert verdicts_of(world.tick(SOON)) == {"BTC/EUR": ("enter", "entered")}


def test_a_dry_run_that_fails_gives_its_lease_back(world: World):
    world.venue.faults.add("AssetPairs", "html", times=None)
    with pytest.raises(ExchangeError, match="cannot reach"):
        world.tick(SOON, dry_run=True)
    world.venue.faults.clear()
    assert "skipped" not in world.tick(SOON)


def test_virtual_time_in_the_past_of_the_last_tick_is_refused(world: World):
    world.tick(SOON)
    with pytest.raises(ConfigError, match="before the last tick") as refused:
        world.tick(SOON + HOUR, at_ms=SOON - HOUR)
    assert refused.value.where == "--at"
    assert world.tick(SOON + HOUR)["missed_slots"] == 11


def test_virtual_time_in_the_future_of_the_venue_is_refused(world: World):
    with pytest.raises(ConfigError, match="future"):
        world.tick(SOON, at_ms=SOON + HOUR)
    assert world.count("ticks") == 0


def test_virtual_time_sees_the_candles_of_then_and_nothing_later(make_world: MakeWorld):
    """The venue stands at the end of a day in which the price fell by a tenth; the tick stands at its start."""
    world = make_world({"BTC": Path().break_out().go(0.9, T0 + HOUR, T0 + 2 * HOUR)})
    document = world.tick(SOON + 10 * HOUR, at_ms=SOON)
    assert document["now"].startswith("2024-01-25T08:00:30")
    assert document["bots"][0]["problems"] == {}
    assert verdicts_of(document) == {"BTC/EUR": ("enter", "entered")}
    (entry,) = world.trades()
    assert 101 < entry["entry_price"] < 103
    newest = world.value("select max(open_at) from candles")
    assert newest == datetime.fromtimestamp((T0 - STEP) / 1000, UTC)
    again = world.tick(SOON + 10 * HOUR, at_ms=SOON + 2 * HOUR)
    assert [closed["exit_reason"] for closed in again["bots"][0]["closed"]] == ["stop_loss"]


def test_virtual_time_is_for_paper_only(world: World):
    world.execute("update bots set mode = 'live'")
    with pytest.raises(ConfigError, match="paper"):
        world.tick(SOON + HOUR, at_ms=SOON)
    world.execute("update bots set mode = 'paper'")


def test_a_database_that_refuses_writes_is_an_error_and_no_other_run(world: World):
    world.tick(SOON)
    name = world.value("select current_database()")
    world.execute(f"alter database {name} set default_transaction_read_only = on")
    try:
        with pytest.raises(DatabaseError, match="read-only"):
            world.tick(SOON + STEP)
    finally:
        world.execute("set default_transaction_read_only = off")
        world.execute(f"alter database {name} set default_transaction_read_only = off")
    assert "skipped" not in world.tick(SOON + STEP)


def test_while_another_run_holds_the_lease_a_tick_leaves(world: World):
    world.execute("select take_lease('tick', 'someone-else', interval '1 minute')")
    document = world.tick(SOON)
    assert document["skipped"] == "held"
    assert "someone-else" in document["detail"]
    assert world.asked == {}
    world.execute("select hold_lease('tick', 'someone-else', 1, true)")
    assert "skipped" not in world.tick(SOON)


def test_a_killed_runs_lease_runs_out(world: World):
    world.execute("select take_lease('tick', 'killed', interval '0.2 seconds')")
    assert world.tick(SOON)["skipped"] == "held"
    world.execute("select pg_sleep(0.25)")
    assert "skipped" not in world.tick(SOON)
    assert world.value("select token from leases") == 2


@pytest.mark.parametrize("round_", range(3))
def test_of_two_ticks_at_once_one_works(make_world: MakeWorld, round_: int):
    world = make_world({"BTC": Path().break_out()})
    world.venue.clock.set_ms(SOON)

    async def both():
        loop = asyncio.get_running_loop()
        runs = [loop.run_in_executor(None, lambda: asyncio.run(world.run())) for _ in range(2)]
        return await asyncio.gather(*runs)

    documents = world.runner.run(both())
    assert sorted(d.get("skipped", "worked") for d in documents) in (["held", "worked"], ["done", "worked"])
    assert world.count("orders") == 2  # an entry and its stop
    assert world.count("fills") == 1


def test_an_idle_bot_is_left_alone(make_world: MakeWorld):
    world = make_world({"BTC": Path().break_out()}, bot=False)
    world.add_bot("sleeper", status="IDLE")
    assert world.tick(SOON)["bots"] == []
    assert world.count("verdicts") == 0


def test_a_market_where_nobody_trades_is_judged_without_error(make_world: MakeWorld):
    dead = Path().thin(0.0, T0 - 24 * DAY + STEP)
    dead.level[:] = 1.0
    world = make_world({"BTC": dead, "ETH": Path(50).break_out()})
    document = world.tick(SOON)
    assert verdicts_of(document)["ETH/EUR"] == ("enter", "entered")
    assert verdicts_of(document)["BTC/EUR"][0] == "no_trade"


def test_the_report_adds_up(make_world: MakeWorld):
    world = make_world({"BTC": Path().break_out(), "ETH": Path(50)})
    document = world.tick(SOON + 5 * MINUTE)
    (bot,) = document["bots"]
    (position,) = bot["positions"]
    bid = float(world.bid("BTC/EUR", SOON + 5 * MINUTE))
    assert bot["equity"] == pytest.approx(bot["cash"] + position["quantity"] * bid, abs=0.005)
    assert document["slot"] == "2024-01-25T08:05:00+00:00"
    assert document["mode"] == "paper"
    assert set(bot["prices"]) == {"BTC/EUR", "ETH/EUR"}
    assert document == world.value("select report from ticks") | {"timings_ms": document["timings_ms"]}
