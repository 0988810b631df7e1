"""Rare combinations."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import numpy as np

from bot.domain.candles import Candles
from bot.domain.markets import Quote
from bot.jobs import bot_run
from bot.jobs.bot_run import BotRun, MarketNow
from tests.jobs.paths import HOUR, STEP, T0, Path
from tests.jobs.test_orders_and_account import STOP, TRADE, snapshot
from tests.jobs.world import MakeWorld, settings, verdicts_of
from tests.rulebook import makers

SOON = T0 + 30_000
NAN = float("nan")


def test_bots_that_read_the_same_candles_with_other_eyes_each_have_their_own_signal(make_world: MakeWorld):
    world = make_world({"BTC": Path().break_out()}, bot=False)
    world.add_bot("keen")
    world.add_bot("twin")
    world.add_bot("slow", overrides={"strategies": {"breakout": {"params": {"volume_strong": 20.0}}}})
    document = world.tick(SOON)
    keen, twin, slow = (bot["signals"][0]["confidence"] for bot in document["bots"])
    assert keen == twin > slow > 0
    assert world.count("signals") == 3


def test_closing_one_symbol_leaves_an_entry_that_rests_on_another(make_world: MakeWorld):
    eth = Path(50).break_out(T0, 1.02).thin(0.0, T0 + 11 * STEP, T0 + 3 * HOUR)
    world = make_world({"BTC": Path().break_out(), "ETH": eth}, {"paper": {"entry_limit_frac": 0.0}})
    world.tick(SOON)
    world.tick(SOON + HOUR)
    assert [order["status"] for order in world.orders("symbol = 'ETH/EUR'")] == ["open"]
    world.command("close", symbol="BTC/EUR")
    world.tick(SOON + HOUR + STEP)
    assert world.trades()[0]["exit_reason"] == "closed_by_person"
    assert [order["status"] for order in world.orders("symbol = 'ETH/EUR'")] == ["open"]


def test_a_virtual_time_that_the_venue_no_longer_serves_in_five_minutes_enters_nothing(make_world: MakeWorld):
    world = make_world({"BTC": Path().break_out(), "ETH": Path(50).silence(0, T0 + 90 * HOUR)})
    document = world.tick(SOON + 80 * HOUR, at_ms=SOON)
    assert verdicts_of(document).get("BTC/EUR", ("no_trade", ""))[0] == "no_trade"
    assert world.count("orders") == 0


def run_of() -> BotRun:
    held = snapshot(open_orders=(STOP,), open_trades=(TRADE,), cash=Decimal(900))
    return bot_run.open_run(held, settings())


def now_with(quote: Quote, **stored: Candles) -> MarketNow:
    found = {("BTC/EUR", candles.timeframe): candles for candles in stored.values()}
    return MarketNow(makers.NOW, "online", {"BTC/EUR": quote}, {"BTC/EUR": makers.MARKET}, found)


def test_a_holding_without_any_price_is_worth_what_was_paid():
    for quote in (Quote(NAN, NAN, NAN), Quote(NAN, 101.0, NAN)):
        assert bot_run.equity_snapshot(run_of(), now_with(quote)).equity == 1000
    assert bot_run.equity_snapshot(run_of(), now_with(Quote(NAN, NAN, 90.0))).equity == 990
    assert bot_run.equity_snapshot(run_of(), now_with(Quote(80.0, 81.0, 90.0))).equity == 980


def test_an_account_with_nothing_has_no_drawdown_and_no_exposure():
    empty = bot_run.open_run(snapshot(cash=Decimal(0), initial_cash=Decimal(0)), settings())
    found = bot_run.equity_snapshot(empty, now_with(Quote(NAN, NAN, NAN)))
    assert (found.drawdown, found.exposure) == (0.0, 0.0)


def candles(timeframe: str, first_ms: int, low: float, count: int = 1) -> Candles:
    step = {"5m": STEP, "1h": HOUR}[timeframe]
    return Candles.from_rows("BTC/EUR", timeframe, [[first_ms + n * step, 100, 101, low, 100, 9] for n in range(count)])


def settled(order_checked_ms: int, **stored: Candles) -> str:
    run = run_of()
    run.account.orders[STOP.client_id] = replace(STOP, checked_ms=order_checked_ms)
    bot_run.settle(run, now_with(Quote(99.0, 99.1, 99.0), **stored))
    return run.account.orders[STOP.client_id].status.value


def test_decision_candles_stand_in_for_finest_ones_that_are_gone():
    """The stop was last checked ten hours ago; five minutes reach back one hour."""
    hour = makers.NOW - makers.NOW % HOUR
    late = candles("5m", hour - HOUR, 99.0, 12)
    assert settled(hour - 10 * HOUR, fine=late, coarse=candles("1h", hour - 10 * HOUR, 99.0, 10)) == "open"
    assert settled(hour - 10 * HOUR, fine=late, coarse=candles("1h", hour - 5 * HOUR, 97.0)) == "filled"
    assert settled(hour - 10 * HOUR, fine=late, coarse=candles("1h", hour - 20 * HOUR, 97.0)) == "open"
    assert settled(hour - 10 * HOUR, fine=late) == "open"
    assert settled(hour - HOUR, fine=late, coarse=candles("1h", hour - HOUR, 97.0)) == "open"


def test_a_symbol_that_needs_a_decision_but_has_no_fresh_five_minutes_is_stale():
    run = run_of()
    run.due = frozenset({"BTC/EUR"})
    now = now_with(makers_quote())
    bot_run.make_views(run, now, {})
    view = next(view for view in run.views if view.symbol == "BTC/EUR")
    assert view.problem == "stale"
    assert np.isnan(view.high_since)


def makers_quote() -> Quote:
    return Quote(makers.VIEW.quote_bid, makers.VIEW.quote_ask, makers.VIEW.quote_last)
