"""Orders meet the market: tables of trades in, fills out."""

from __future__ import annotations

from decimal import Decimal

import pytest

from bot.simulator.account import AccountRules, Amendment
from bot.simulator.errors import KrakenError
from bot.simulator.orders import Order
from tests.simulator.private.markets import PAIR, START_TICKS, UNIT, ScriptedMarket, account, place
from tests.simulator.samples import START_MS

MINUTE = 60_000


def fills(order: Order, at: object) -> list[tuple[int, int]]:
    return [(at.fills[txid].ticks, at.fills[txid].lots) for txid in order.trades]  # type: ignore[attr-defined]


def test_a_market_order_takes_the_offers_from_the_best_on() -> None:
    at = account()
    order = place(at, type="buy", ordertype="market", volume="2.5", oflags="fciq")
    assert fills(order, at) == [(10_002, UNIT), (10_003, UNIT), (10_004, UNIT // 2)]
    assert (order.status, order.filled, order.cost) == ("closed", 5 * UNIT // 2, Decimal("250.07000"))
    assert order.fee == Decimal("1.00028")
    assert not any(at.fills[txid].maker for txid in order.trades)


def test_a_market_order_that_empties_the_book_ends_with_what_it_got() -> None:
    at = account()
    order = place(at, type="sell", ordertype="market", volume="8")
    assert (order.status, order.filled, order.reason) == ("canceled", 5 * UNIT, "No liquidity")
    assert at.wallet.held("XXBT") == 0


def test_what_was_taken_of_the_book_is_gone_within_the_second() -> None:
    at = account()
    place(at, type="buy", ordertype="market", volume="1.5")
    second = place(at, type="buy", ordertype="market", volume="1")
    assert fills(second, at) == [(10_003, UNIT // 2), (10_004, UNIT // 2)]
    at.advance(START_MS + 1000)
    assert fills(place(at, type="buy", ordertype="market", volume="1"), at) == [(10_002, UNIT)]


def test_a_limit_order_rests_until_the_price_trades_through_it_and_pays_the_makers_fee() -> None:
    market = ScriptedMarket([(MINUTE, 9_990, UNIT), (2 * MINUTE, 9_989, 3 * UNIT // 10), (3 * MINUTE, 9_900, UNIT)])
    at = account(market)
    order = place(at, type="buy", ordertype="limit", price="99.90", volume="0.5")
    at.advance(START_MS + MINUTE)
    assert order.filled == 0
    at.advance(START_MS + 2 * MINUTE)
    assert fills(order, at) == [(9_990, 3 * UNIT // 10)]
    assert (order.status, at.wallet.held("ZEUR") > 0) == ("open", True)
    at.advance(START_MS + 3 * MINUTE)
    assert fills(order, at) == [(9_990, 3 * UNIT // 10), (9_990, 2 * UNIT // 10)]
    assert (order.status, order.closed_ms) == ("closed", START_MS + 3 * MINUTE)
    assert order.fee == Decimal("0.12488")  # 0.25 % of 49.95, a part at a time
    assert at.wallet.held("ZEUR") == 0


def test_only_a_share_of_each_trade_may_be_taken() -> None:
    at = account(ScriptedMarket([(MINUTE, 9_000, UNIT)]), AccountRules(participation=0.25))
    order = place(at, type="buy", ordertype="limit", price="99.90", volume="0.5")
    at.advance(START_MS + MINUTE)
    assert order.filled == UNIT // 4


def test_orders_share_a_trade_by_price_then_by_time() -> None:
    at = account(ScriptedMarket([(MINUTE, 9_000, 5 * UNIT // 2)]))
    low = place(at, type="buy", ordertype="limit", price="99.00", volume="1")
    first = place(at, type="buy", ordertype="limit", price="99.50", volume="1")
    second = place(at, type="buy", ordertype="limit", price="99.50", volume="1")
    at.advance(START_MS + MINUTE)
    assert [first.filled, second.filled, low.filled] == [UNIT, UNIT, UNIT // 2]


def test_a_crossing_limit_order_takes_up_to_its_price_and_rests_with_the_remainder() -> None:
    at = account(ScriptedMarket([(MINUTE, 10_000, UNIT)]))
    order = place(at, type="buy", ordertype="limit", price="100.03", volume="3")
    assert fills(order, at) == [(10_002, UNIT), (10_003, UNIT)]
    assert order.is_open
    at.advance(START_MS + MINUTE)
    assert fills(order, at)[2:] == [(10_003, UNIT)]
    assert [at.fills[txid].maker for txid in order.trades] == [False, False, True]


@pytest.mark.parametrize(
    ("tif", "volume", "status", "filled"),
    [("IOC", "3", "canceled", 2 * UNIT), ("FOK", "3", "canceled", 0), ("FOK", "2", "closed", 2 * UNIT)],
)
def test_immediate_orders_leave_nothing_in_the_book(tif: str, volume: str, status: str, filled: int) -> None:
    at = account()
    order = place(at, type="sell", ordertype="limit", price="99.97", volume=volume, timeinforce=tif)
    assert (order.status, order.filled) == (status, filled)
    assert at.open_orders() == []
    assert at.wallet.held("XXBT") == 0


def test_a_post_only_order_is_refused_where_it_would_trade() -> None:
    at = account()
    with pytest.raises(KrakenError, match="EOrder:Post only order"):
        place(at, type="buy", ordertype="limit", price="100.02", volume="1", oflags="post")
    assert place(at, type="buy", ordertype="limit", price="100.01", volume="1", oflags="post").rests


@pytest.mark.parametrize(
    ("side", "kind", "price", "before", "trigger"),
    [
        ("sell", "stop-loss", "98.00", 9_801, 9_800),
        ("sell", "take-profit", "102.00", 10_199, 10_200),
        ("buy", "stop-loss", "102.00", 10_199, 10_200),
        ("buy", "take-profit", "98.00", 9_801, 9_800),
    ],
)
def test_a_stop_waits_for_the_last_price_and_then_takes_the_book(
    side: str, kind: str, price: str, before: int, trigger: int
) -> None:
    at = account(ScriptedMarket([(MINUTE, before, UNIT), (2 * MINUTE, trigger, UNIT), (3 * MINUTE, 10_000, UNIT)]))
    order = place(at, type=side, ordertype=kind, price=price, volume="1")
    at.advance(START_MS + MINUTE)
    assert order.waiting
    at.advance(START_MS + 10 * MINUTE)
    edge = 2 if side == "buy" else -2
    assert fills(order, at) == [(trigger + edge, UNIT)]
    assert (order.status, order.closed_ms) == ("closed", START_MS + 2 * MINUTE)
    assert order.marks == ["touched" if kind == "take-profit" else "stopped"]


def test_a_stop_that_gaps_sells_at_the_price_after_the_gap() -> None:
    at = account(ScriptedMarket([(MINUTE, 9_000, UNIT)]))
    order = place(at, type="sell", ordertype="stop-loss", price="98", volume="1")
    at.advance(START_MS + MINUTE)
    assert fills(order, at) == [(8_998, UNIT)]


def test_a_stop_on_the_wrong_side_of_the_price_is_triggered_at_once() -> None:
    at = account()
    assert place(at, type="sell", ordertype="stop-loss", price="101", volume="1").status == "closed"


def test_a_stop_limit_becomes_a_limit_order_that_may_stay_behind() -> None:
    at = account(ScriptedMarket([(MINUTE, 9_700, UNIT), (2 * MINUTE, 9_850, UNIT)]))
    order = place(at, type="sell", ordertype="stop-loss-limit", price="98.00", price2="97.80", volume="1")
    at.advance(START_MS + MINUTE)
    assert (order.is_open, order.rests, order.filled) == (True, True, 0)
    at.advance(START_MS + 2 * MINUTE)
    assert fills(order, at) == [(9_780, UNIT)]
    assert at.fills[order.trades[0]].maker


def test_a_trailing_stop_follows_the_price_up_and_never_down() -> None:
    rise = [(MINUTE, 11_000, UNIT), (2 * MINUTE, 10_800, UNIT), (3 * MINUTE, 10_780, UNIT), (4 * MINUTE, 9_000, UNIT)]
    at = account(ScriptedMarket(rise))
    order = place(at, type="sell", ordertype="trailing-stop", price="+2%", volume="1")
    assert order.stop == 9_800
    at.advance(START_MS + 2 * MINUTE)
    assert (order.stop, order.waiting) == (10_780, True)
    at.advance(START_MS + 4 * MINUTE)
    assert fills(order, at) == [(10_778, UNIT)]


def test_a_trailing_stop_limit_sets_its_limit_from_the_trigger() -> None:
    at = account(ScriptedMarket([(MINUTE, 9_900, UNIT), (2 * MINUTE, 10_050, UNIT), (3 * MINUTE, 10_200, UNIT)]))
    order = place(at, type="buy", ordertype="trailing-stop-limit", price="+1.00", price2="+0.50", volume="1")
    at.advance(START_MS + MINUTE)
    assert order.stop == 10_000
    at.advance(START_MS + 2 * MINUTE)
    assert (order.waiting, order.limit) == (False, 10_050)


def test_an_iceberg_trades_like_a_limit_order() -> None:
    at = account(ScriptedMarket([(MINUTE, 9_000, 2 * UNIT)]))
    order = place(at, type="buy", ordertype="iceberg", price="99", volume="1.5", displayvol="0.1")
    at.advance(START_MS + MINUTE)
    assert order.status == "closed"


def test_each_partial_fill_spawns_its_own_close() -> None:
    at = account(ScriptedMarket([(MINUTE, 9_980, UNIT // 4), (2 * MINUTE, 9_970, UNIT), (3 * MINUTE, 9_000, UNIT)]))
    parent = place(
        at, type="buy", ordertype="limit", price="99.90", volume="1", userref="7",
        **{"close[ordertype]": "stop-loss", "close[price]": "95"},
    )  # fmt: skip
    at.advance(START_MS + 2 * MINUTE)
    closes = [order for order in at.orders.values() if order.refid == parent.txid]
    assert [close.lots for close in closes] == [UNIT // 4, 3 * UNIT // 4]
    assert {(close.terms.side, close.terms.userref, close.waiting) for close in closes} == {("sell", 7, True)}
    at.advance(START_MS + 3 * MINUTE)
    assert [close.status for close in closes] == ["closed", "closed"]


def test_a_close_that_the_fee_has_made_too_large_is_cancelled() -> None:
    at = account(btc="0")
    parent = place(
        at, type="buy", ordertype="market", volume="1", oflags="fcib",
        **{"close[ordertype]": "stop-loss", "close[price]": "95"},
    )  # fmt: skip
    close = next(order for order in at.orders.values() if order.refid == parent.txid)
    assert (close.status, close.reason) == ("canceled", "Insufficient funds")
    assert at.wallet.balances["XXBT"] == Decimal("0.9960000000")


def test_an_order_expires_at_its_time_and_a_fill_before_it_counts() -> None:
    at = account(ScriptedMarket([(9_000, 9_000, UNIT // 2), (11_000, 9_000, UNIT)]))
    order = place(at, type="buy", ordertype="limit", price="99", volume="1", timeinforce="GTD", expiretm="+10")
    at.advance(START_MS + MINUTE)
    assert (order.status, order.closed_ms, order.filled) == ("expired", START_MS + 10_000, UNIT // 2)
    assert at.wallet.held("ZEUR") == 0


def test_the_dead_mans_switch_cancels_everything_once() -> None:
    at = account()
    first = place(at, type="buy", ordertype="limit", price="99", volume="1")
    at.cancel_all_at_ms = START_MS + 5000
    at.advance(START_MS + 10_000)
    assert (first.status, first.closed_ms) == ("canceled", START_MS + 5000)
    at.advance(START_MS + 20_000)
    assert place(at, type="buy", ordertype="limit", price="99", volume="1").is_open


def test_funds_are_needed_with_the_fee_and_are_held_while_an_order_rests() -> None:
    at = account(eur="100", btc="1")
    with pytest.raises(KrakenError, match="EOrder:Insufficient funds"):
        place(at, type="buy", ordertype="limit", price="99.90", volume="1", oflags="fciq")
    place(at, type="buy", ordertype="limit", price="99.00", volume="1", oflags="fciq")
    assert (at.wallet.held("ZEUR"), at.wallet.free("ZEUR")) == (Decimal("99.3960"), Decimal("0.6040"))
    place(at, type="sell", ordertype="stop-loss", price="95", volume="1")
    with pytest.raises(KrakenError, match="EOrder:Insufficient funds"):
        place(at, type="sell", ordertype="take-profit", price="105", volume="0.1")


def test_a_triggered_buy_spends_no_more_than_there_is() -> None:
    at = account(ScriptedMarket([(MINUTE, 12_000, UNIT)]), eur="101", btc="0")
    order = place(at, type="buy", ordertype="stop-loss", price="100.10", volume="1")
    at.advance(START_MS + MINUTE)
    assert (order.status, order.reason) == ("canceled", "Insufficient funds")
    assert 0 <= at.wallet.balances["ZEUR"] < Decimal("0.01")


def test_fees_fall_with_the_volume_of_thirty_days() -> None:
    at = account(rules=AccountRules(volume_usd=Decimal("49950")))
    first = place(at, type="sell", ordertype="market", volume="1")
    second = place(at, type="sell", ordertype="market", volume="1")
    assert (first.fee, second.fee) == (Decimal("0.34993"), Decimal("0.23993"))
    at.advance(START_MS + 31 * 86_400_000)
    assert at.volume_usd() == Decimal("49950")


def test_an_order_for_an_amount_of_money_buys_what_the_book_gives_for_it() -> None:
    at = account()
    order = place(at, type="buy", ordertype="market", volume="150", oflags="viqc")
    assert Decimal("149.99") < order.cost <= 150


def test_a_smaller_size_keeps_the_turn_and_a_new_price_loses_it() -> None:
    at = account(ScriptedMarket([(MINUTE, 9_000, UNIT)]))
    first = place(at, type="buy", ordertype="limit", price="99", volume="2")
    second = place(at, type="buy", ordertype="limit", price="99", volume="1")
    at.amend(first, Amendment(lots=UNIT))
    at.advance(START_MS + MINUTE)
    assert (first.filled, second.filled) == (UNIT, 0)

    at = account(ScriptedMarket([(MINUTE, 9_000, UNIT)]))
    first = place(at, type="buy", ordertype="limit", price="98.99", volume="1")
    second = place(at, type="buy", ordertype="limit", price="99", volume="1")
    at.amend(first, Amendment(limit=9_900))
    at.advance(START_MS + MINUTE)
    assert (first.filled, second.filled) == (0, UNIT)


def test_an_amend_that_cannot_be_paid_changes_nothing() -> None:
    at = account(eur="200")
    order = place(at, type="buy", ordertype="limit", price="99", volume="1")
    before = (order.lots, order.limit, order.turn, at.wallet.held("ZEUR"))
    with pytest.raises(KrakenError, match="EOrder:Insufficient funds"):
        at.amend(order, Amendment(lots=3 * UNIT))
    assert (order.lots, order.limit, order.turn, at.wallet.held("ZEUR")) == before


def test_a_clock_that_goes_back_undoes_nothing() -> None:
    at = account(ScriptedMarket([(MINUTE, 9_000, UNIT)]))
    order = place(at, type="buy", ordertype="limit", price="99", volume="1")
    at.advance(START_MS + MINUTE)
    at.advance(START_MS)
    assert (order.status, at.now_ms) == ("closed", START_MS)


def test_a_long_time_without_calls_is_walked_in_order() -> None:
    days = 40
    trades = [(day * 86_400_000, START_TICKS + (100 if day % 2 else -100), UNIT) for day in range(1, days)]
    at = account(ScriptedMarket(trades))
    buys = place(at, type="buy", ordertype="limit", price="99.50", volume="3.5")
    sells = place(at, type="sell", ordertype="limit", price="100.50", volume="3.5")
    at.advance(START_MS + days * 86_400_000)
    assert [fill.at_ms // 86_400_000 - START_MS // 86_400_000 for fill in at.fills.values()] == list(range(1, 9))
    assert (buys.status, sells.status) == ("closed", "closed")
    assert PAIR.decimals == 2
