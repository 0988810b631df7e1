"""Orders after fills and trades as sums of fills, to the last decimal."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.orders import (
    FINAL,
    IN_DOUBT,
    NEXT_STATUS,
    RESTING,
    Fill,
    Leg,
    OrderStatus,
    Side,
    adopted_id,
    client_id,
    userref,
)
from bot.domain.records import Trade
from bot.rulebook.ledger import apply_fill, cash_flow, fill_order, move_order, own_part, quantize
from tests.rulebook.makers import BAR, NOW, order, stop_order

D = Decimal


def fill(
    side: Side, quantity: str, price: str, fee: str = "0.1", at_ms: int = NOW, fee_base: str | Decimal = "0"
) -> Fill:
    return Fill(
        "id", f"v-{side}-{quantity}-{price}-{at_ms}", "BTC/EUR", side, D(quantity), D(price), D(fee), "taker", at_ms,
        D(fee_base),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("value", "step", "exact"),
    [
        (0.30000000000000004, "0.1", "0.3"),
        (100.0, "0.01", "100"),
        (1e6, "1", "1000000"),
        (0.0, "0.01", "0"),
        (250.0, "5", "250"),
    ],
)
def test_floats_become_exact_multiples_of_the_step(value: float, step: str, exact: str) -> None:
    made = quantize(value, D(step))
    assert made == D(exact)
    assert "E" not in str(made)


@given(st.sampled_from(list(OrderStatus)), st.sampled_from(list(OrderStatus)))
def test_an_order_moves_only_as_the_law_says(before: OrderStatus, after: OrderStatus) -> None:
    start = order(status=before)
    if before is after or after in NEXT_STATUS[before]:
        assert move_order(start, after).status is after
    else:
        with pytest.raises(ValueError, match="cannot go from"):
            move_order(start, after)


def test_no_order_leaves_a_final_status() -> None:
    assert {
        OrderStatus.FILLED,
        OrderStatus.CANCELLED,
        OrderStatus.REJECTED,
        OrderStatus.EXPIRED,
        OrderStatus.NOT_PLACED,
    } == FINAL


def test_the_law_of_an_orders_life_is_written_twice() -> None:
    """Once as the table that the bot and the database go by, once here, so that no slip of the pen changes it."""
    later = "partially_filled filled cancelled expired"
    law = {
        "planned": "submitting cancelled not_placed",
        "submitting": f"open {later} rejected unknown not_placed",
        "unknown": f"open {later} rejected not_placed",
        "open": later,
        "partially_filled": later,
    }
    assert {status.value: set(after) for status, after in NEXT_STATUS.items() if after} == {
        status: set(after.split()) for status, after in law.items()
    }
    assert {s.value for s in RESTING} == {"open", "partially_filled"}
    assert {s.value for s in IN_DOUBT} == {"submitting", "unknown"}


def test_fills_add_up_to_the_quantity_and_never_beyond() -> None:
    partly = fill_order(order(), fill(Side.BUY, "0.4", "100"))
    assert (partly.status, partly.remaining) == (OrderStatus.PARTIALLY_FILLED, D("0.6"))
    done = fill_order(partly, fill(Side.BUY, "0.6", "100"))
    assert (done.status, done.remaining) == (OrderStatus.FILLED, D(0))
    with pytest.raises(ValueError, match="exceed its quantity"):
        fill_order(partly, fill(Side.BUY, "0.7", "100"))


def test_cash_pays_for_buys_and_fees_and_receives_sells() -> None:
    assert cash_flow(fill(Side.BUY, "2", "100", "0.8")) == D("-200.8")
    assert cash_flow(fill(Side.SELL, "2", "100", "0.8")) == D("199.2")


def test_a_fee_in_coins_leaves_the_cash_alone() -> None:
    assert cash_flow(fill(Side.SELL, "2", "100", "0.8", fee_base="0.008")) == D(200)
    assert cash_flow(fill(Side.BUY, "2", "100", "0.8", fee_base="0.008")) == D(-200)


def test_coins_that_went_as_a_fee_are_gone_and_count_as_sold_for_it() -> None:
    trade = apply_fill(None, order(), fill(Side.BUY, "2", "100", "0.8", NOW))
    trade = apply_fill(trade, stop_order(), fill(Side.SELL, "1", "97", "0.388", NOW + 1, "0.004"))
    assert (trade.status, trade.open_quantity, trade.quantity) == ("open", D("0.996"), D(2))
    assert (trade.exit_proceeds, trade.fees) == (D("97.388"), D("1.188"))
    assert trade.exit_price == D("97.388") / D("1.004") == D(97)
    trade = apply_fill(trade, stop_order(), fill(Side.SELL, "0.996", "98", "0.39", NOW + 2))
    assert (trade.status, trade.open_quantity) == ("closed", D(0))
    assert trade.pnl == D("97.388") + D("0.996") * 98 - 200 - D("1.578") == D(97) + D("97.608") - D("200.8") - D("0.39")


def test_a_fee_in_coins_that_takes_the_last_of_them_closes_the_trade() -> None:
    held = apply_fill(None, order(), fill(Side.BUY, "1.004", "100", "0.4", NOW))
    trade = apply_fill(held, stop_order(), fill(Side.SELL, "1", "97", "0.388", NOW + 1, "0.004"))
    assert (trade.status, trade.open_quantity, trade.exit_ms, trade.exit_reason) == (
        "closed", D(0), NOW + 1, "stop_loss",
    )  # fmt: skip
    assert trade.pnl == D(97) - D("100.8")


def test_of_a_fee_in_coins_no_more_counts_than_the_trade_has_left() -> None:
    held = apply_fill(None, order(), fill(Side.BUY, "1", "100", "0.4", NOW))
    sold = fill(Side.SELL, "0.999", "97", "0.388", NOW + 1, "0.004")
    assert own_part(held, sold) == replace(sold, fee_base=D("0.001"))
    assert apply_fill(held, stop_order(), sold) == apply_fill(held, stop_order(), own_part(held, sold))
    assert apply_fill(held, stop_order(), sold).open_quantity == 0
    assert own_part(held, fill(Side.SELL, "1", "97", fee_base="0.004")).fee_base == 0
    assert own_part(held, fill(Side.SELL, "2", "97", fee_base="0.004")).fee_base == 0
    small, bought = fill(Side.SELL, "0.5", "97", fee_base="0.002"), fill(Side.BUY, "1", "97", fee_base="0.004")
    assert (own_part(held, small), own_part(held, bought), own_part(None, small)) == (small, bought, small)


def test_a_buy_whose_fee_is_taken_in_coins_brings_so_many_less() -> None:
    trade = apply_fill(None, order(), fill(Side.BUY, "2", "100", "0.8", NOW, "0.008"))
    assert (trade.quantity, trade.open_quantity) == (D("1.992"), D("1.992"))
    assert (trade.entry_cost, trade.fees, trade.entry_price) == (D("199.2"), D("0.8"), D(100))
    trade = apply_fill(trade, stop_order(), fill(Side.SELL, "1.992", "100", "0.5", NOW + 1))
    assert (trade.status, trade.pnl) == ("closed", D("-1.3"))


def test_a_trade_from_first_entry_to_last_exit() -> None:
    trade = apply_fill(None, order(), fill(Side.BUY, "1", "100", "0.4", NOW), "breakout")
    assert (trade.status, trade.strategy, trade.entry_ms, trade.stop_price) == ("open", "breakout", NOW, D("97.50"))
    trade = apply_fill(trade, order(), fill(Side.BUY, "1", "102", "0.4", NOW + 1))
    assert (trade.entry_price, trade.open_quantity, trade.high_water) == (D(101), D(2), D(102))
    trade = apply_fill(trade, stop_order(), fill(Side.SELL, "0.5", "110", "0.2", NOW + 2))
    assert (trade.status, trade.exit_price, trade.exit_ms, trade.exit_reason) == ("open", D(110), 0, "")
    assert trade.pnl == D("0.5") * D(9) - D("1.0")
    trade = apply_fill(trade, stop_order(), fill(Side.SELL, "1.5", "98", "0.6", NOW + 3))
    assert (trade.status, trade.open_quantity, trade.exit_ms, trade.exit_reason) == (
        "closed",
        D(0),
        NOW + 3,
        "stop_loss",
    )
    assert trade.pnl == D("55") + D("147") - D("202") - D("1.6")


def test_a_new_trade_is_what_its_entry_and_its_first_fill_say() -> None:
    entry = order(bot_id=3, symbol="ETH/EUR", trade_id="e-7")
    assert apply_fill(None, entry, fill(Side.BUY, "2", "100", "0.4", NOW), "breakout") == Trade(
        trade_id="e-7", bot_id=3, symbol="ETH/EUR", status="open", strategy="breakout", entry_ms=NOW, exit_ms=0,
        entry_price=D(100), exit_price=None, quantity=D(2), open_quantity=D(2), entry_cost=D(200), exit_proceeds=D(0),
        fees=D("0.4"), pnl=D("-0.4"), stop_price=D("97.50"), target_price=D("104.50"), high_water=D(100), armed=False,
        exit_reason="",
    )  # fmt: skip
    assert apply_fill(None, entry, fill(Side.BUY, "2", "100")).strategy == ""


def test_a_late_fill_of_its_entry_opens_a_closed_trade_again() -> None:
    trade = apply_fill(None, order(), fill(Side.BUY, "1", "100", "0.4", NOW))
    trade = apply_fill(trade, stop_order(), fill(Side.SELL, "1", "97", "0.4", NOW + 1))
    assert (trade.status, trade.exit_ms, trade.exit_reason) == ("closed", NOW + 1, "stop_loss")
    trade = apply_fill(trade, order(), fill(Side.BUY, "0.5", "98", "0.2", NOW + 2))
    assert (trade.status, trade.exit_ms, trade.exit_reason) == ("open", 0, "")
    assert (trade.open_quantity, trade.exit_proceeds, trade.fees) == (D("0.5"), D(97), D(1))


def test_selling_what_is_not_held_is_refused() -> None:
    trade = apply_fill(None, order(), fill(Side.BUY, "1", "100"))
    with pytest.raises(ValueError, match=r"selling 1\.1 of 1"):
        apply_fill(trade, stop_order(), fill(Side.SELL, "1.1", "100"))


def test_a_fill_of_an_unknown_trade_is_refused_unless_it_is_an_entry() -> None:
    with pytest.raises(ValueError, match="is unknown"):
        apply_fill(None, stop_order(), fill(Side.SELL, "1", "100"))


quantities = st.decimals("0.00000001", "1000", places=8)
prices = st.decimals("0.01", "100000", places=2)


@given(
    st.lists(st.tuples(quantities, prices), min_size=1, max_size=8),
    st.lists(st.tuples(st.decimals("0.01", "1", places=2), prices), max_size=8),
    st.lists(st.decimals("0", "0.01", places=8), min_size=9, max_size=9),
)
def test_cash_and_positions_always_add_up_to_the_profit(
    buys: list[tuple[Decimal, Decimal]], sells: list[tuple[Decimal, Decimal]], in_coins: list[Decimal]
) -> None:
    cash = D(0)
    trade: Trade | None = None
    for n, (quantity, price) in enumerate(buys):
        bought = Fill(
            "id",
            f"b{n}",
            "BTC/EUR",
            Side.BUY,
            quantity,
            price,
            (quantity * price * D("0.004")).quantize(D("1e-8")),
            "taker",
            NOW + n,
        )
        cash += cash_flow(bought)
        trade = apply_fill(trade, order(), bought)
    assert trade is not None
    for n, (share, price) in enumerate([*sells, (D(1), D("123.45"))]):
        quantity = (trade.open_quantity * share).quantize(D("1e-8"))
        if quantity <= 0:
            continue
        sold = Fill(
            "id", f"s{n}", "BTC/EUR", Side.SELL, quantity, price, D("0.01"), "taker", NOW + 100 + n, in_coins[n]
        )
        sold, before = own_part(trade, sold), trade.open_quantity
        cash += cash_flow(sold)
        trade = apply_fill(trade, replace(stop_order(), quantity=quantity), sold)
        assert trade.open_quantity == before - sold.quantity - sold.fee_base
        if trade.status == "closed":
            break
    assert trade.status == "closed"
    assert trade.pnl == cash
    assert trade.open_quantity == 0


@given(
    st.text(min_size=1, max_size=20), st.sampled_from(["BTC/EUR", "ETH/EUR"]), st.integers(0, 2**50),
    st.sampled_from(list(Leg)), st.integers(0, 10**6),
)  # fmt: skip
def test_client_ids_are_short_ascii_and_computed(
    account: str, symbol: str, bar_ms: int, leg: Leg, attempt: int
) -> None:
    made = client_id(account, symbol, bar_ms, leg, attempt)
    assert made.isascii()
    assert len(made) <= 18
    assert made == client_id(account, symbol, bar_ms, leg, attempt)
    others = {
        client_id(account + "x", symbol, bar_ms, leg, attempt),
        client_id(account, "X/EUR", bar_ms, leg, attempt),
        client_id(account, symbol, bar_ms + 1, leg, attempt),
        client_id(account, symbol, bar_ms, leg, attempt + 10),
    }
    assert made not in others
    assert len(others) == 4


def test_the_names_of_orders_are_the_same_in_every_version() -> None:
    """A tick finds the orders of a tick that an older version did not finish."""
    names = [client_id("main", "BTC/EUR", 1_700_000_000_000, leg, 17) for leg in Leg]
    assert names == ["ents5p6ixp6mej7e7", "sxqla5oxxkofuc7g7", "x5oim63ls3d2e4xf7"]
    assert [userref(name) for name in names] == [892578640, 173441968, 1198984976]
    assert [adopted_id(leg, "OABCDE-12345-FGHIJK") for leg in Leg] == [f"{leg}36hzqxpz4ipzp7q4" for leg in "esx"]


@given(st.text(max_size=20))
def test_a_userref_is_a_positive_number_of_31_bits(name: str) -> None:
    assert 1 <= userref(name) < 2**31


def test_the_id_names_its_leg() -> None:
    assert [client_id("main", "BTC/EUR", BAR, leg, 0)[0] for leg in Leg] == ["e", "s", "x"]
