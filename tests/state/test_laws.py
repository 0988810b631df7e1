"""The rules in the schema agree with the domain and hold whoever writes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from itertools import product
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.adapters.postgres import PostgresStore
from bot.adapters.postgres_reports import PostgresReports
from bot.domain.errors import DatabaseError
from bot.domain.orders import NEXT_STATUS, OrderStatus, Side
from bot.domain.records import BotWrites, Lease, Writes
from tests.state import samples

Rows = Callable[..., list[Any]]


def commit(store: PostgresStore, lease: Lease, **lists: Any) -> None:
    store.commit(lease, Writes(tick=samples.tick(), bots=(BotWrites(1, **lists),)))


def test_the_law_of_order_statuses_is_the_same_in_sql_and_in_python(rows: Rows) -> None:
    in_sql = {(old, new) for old, new in rows("select from_status, to_status from order_transitions")}
    assert in_sql == {(old.value, new.value) for old, following in NEXT_STATUS.items() for new in following}


def test_the_database_lets_through_exactly_the_lawful_steps(store: PostgresStore, lease: Lease, rows: Rows) -> None:
    for n, (old, new) in enumerate(product(OrderStatus, OrderStatus)):
        before = samples.order(client_id=f"o{n}", trade_id=f"o{n}", status=old)
        commit(store, lease, orders=(before,))
        after = replace(before, status=new)
        if new is old or new in NEXT_STATUS[old]:
            commit(store, lease, orders=(after,))
        else:
            with pytest.raises(DatabaseError, match=f"may not go from {old} to {new}"):
                commit(store, lease, orders=(after,))
            assert rows("select status from orders where client_id = %s", before.client_id) == [(old.value,)]


def test_what_an_order_has_filled_never_shrinks(store: PostgresStore, lease: Lease) -> None:
    half = samples.order(status=OrderStatus.PARTIALLY_FILLED, filled=Decimal("0.25"))
    commit(store, lease, orders=(half,))
    with pytest.raises(DatabaseError, match="may not shrink"):
        commit(store, lease, orders=(replace(half, filled=Decimal("0.2")),))


def test_an_order_never_becomes_another_order(store: PostgresStore, lease: Lease) -> None:
    commit(store, lease, orders=(samples.order(),))
    for change in ({"symbol": "ETH/EUR"}, {"side": Side.SELL}, {"trade_id": "x"}):
        with pytest.raises(DatabaseError, match="another order"):
            commit(store, lease, orders=(samples.order(**change),))


@pytest.mark.parametrize("change", [
    {"quantity": Decimal(0)}, {"quantity": Decimal("NaN")}, {"filled": Decimal(1)}, {"limit_price": Decimal(-1)},
    {"limit_price": None}, {"client_id": "x" * 19}, {"client_id": ""}, {"symbol": ""}, {"bot_id": 99},
])  # fmt: skip
def test_a_senseless_order_is_refused(store: PostgresStore, lease: Lease, change: dict[str, Any]) -> None:
    with pytest.raises(DatabaseError, match="refused the rows"):
        commit(store, lease, orders=(samples.order(**change),))


def test_fills_never_add_up_to_more_than_the_order(store: PostgresStore, lease: Lease) -> None:
    commit(store, lease, orders=(samples.order(),), fills=(samples.fill(quantity=Decimal("0.3")),))
    with pytest.raises(DatabaseError, match="more than its quantity"):
        commit(store, lease, fills=(samples.fill(venue_trade_id="paper-2", quantity=Decimal("0.20000001")),))
    commit(store, lease, fills=(samples.fill(venue_trade_id="paper-2", quantity=Decimal("0.2")),))


def test_a_fill_belongs_to_its_orders_symbol_side_and_bot(store: PostgresStore, lease: Lease) -> None:
    commit(store, lease, orders=(samples.order(),))
    for change in ({"symbol": "ETH/EUR"}, {"side": Side.SELL}):
        with pytest.raises(DatabaseError, match="another bot, symbol or side"):
            commit(store, lease, fills=(samples.fill(**change),))
    with pytest.raises(DatabaseError, match="fills_client_id_fkey"):
        commit(store, lease, fills=(samples.fill(client_id="nobody"),))


@pytest.mark.parametrize("fee_base", ["-0.00000001", "Infinity", "NaN"])
def test_a_fee_in_coins_that_cannot_be_is_refused(store: PostgresStore, lease: Lease, fee_base: str) -> None:
    with pytest.raises(DatabaseError, match="refused the rows"):
        commit(store, lease, orders=(samples.order(),), fills=(samples.fill(fee_base=Decimal(fee_base)),))


def test_coins_that_went_as_a_fee_are_gone_and_cost_no_money(
    store: PostgresStore, lease: Lease, rows: Rows, reports: PostgresReports
) -> None:
    """The order has filled without them."""
    half, tiny = Decimal("0.5"), Decimal("0.00000001")
    bought = samples.order(quantity=half, filled=half, status=OrderStatus.FILLED)
    sold = samples.stop(client_id="s", quantity=Decimal("0.2"), filled=Decimal("0.2"), status=OrderStatus.FILLED)
    exact = {"client_id": "s", "side": Side.SELL, "price": Decimal(100), "fee": Decimal("0.08")}
    fills = (
        samples.fill(quantity=half, price=Decimal(100), fee=Decimal("0.2")),
        samples.fill(**exact, venue_trade_id="paper-2", quantity=Decimal("0.1"), fee_base=Decimal("0.0004")),
        samples.fill(**exact, venue_trade_id="paper-3", quantity=Decimal("0.1"), fee_base=tiny),
    )
    commit(store, lease, orders=(bought, sold), fills=fills)
    assert rows("select quantity, bought, sold, fees from positions") == [
        (Decimal("0.29959999"), half, Decimal("0.20040001"), Decimal("0.36"))
    ]
    assert rows("select cash - initial_cash from cash_balances join bots using (bot_id)") == [(Decimal("-30.2"),)]
    assert rows("select fee_base from fills order by 1") == [(0,), (tiny,), (Decimal("0.0004"),)]
    assert not [found for found in reports.audit() if found["where"].startswith("order")]


def test_fills_are_never_changed(store: PostgresStore, lease: Lease, rows: Rows) -> None:
    commit(store, lease, orders=(samples.order(),), fills=(samples.fill(),))
    with pytest.raises(psycopg.DatabaseError, match="never changed"):
        rows("update fills set price = 1")


def test_a_done_slot_is_done_for_everybody(store: PostgresStore, lease: Lease, rows: Rows) -> None:
    store.commit(lease, Writes(tick=samples.tick("done")))
    with pytest.raises(psycopg.DatabaseError, match="stays done"):
        rows("update ticks set status = 'running'")


@pytest.mark.parametrize("change", [
    {"cash": Decimal("979.91")}, {"peak_equity": Decimal(1)}, {"drawdown": -0.1}, {"exposure": float("nan")},
])  # fmt: skip
def test_equity_that_does_not_add_up_is_refused(store: PostgresStore, lease: Lease, change: dict[str, Any]) -> None:
    with pytest.raises(DatabaseError, match="refused the rows"):
        commit(store, lease, equity=samples.equity(**change))


@pytest.mark.parametrize("change", [
    {"status": "closed"}, {"open_quantity": Decimal(1)}, {"open_quantity": Decimal(0)}, {"trade_id": "no such order"},
    {"exit_ms": samples.NOW_MS - 1},
])  # fmt: skip
def test_a_trade_that_contradicts_itself_is_refused(store: PostgresStore, lease: Lease, change: dict[str, Any]) -> None:
    with pytest.raises(DatabaseError, match="refused the rows"):
        commit(store, lease, orders=(samples.order(),), trades=(samples.trade(**change),))


amounts = st.decimals(min_value="0.00000001", max_value="1000", places=8)
coins = st.just(Decimal(0)) | st.decimals("0", "0.5", places=8)
executions = st.lists(
    st.tuples(st.sampled_from(Side), amounts, amounts, st.decimals("-1", "5", places=8), coins), max_size=12
)


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(executions)
def test_cash_and_positions_are_the_sums_of_fills_to_the_last_digit(
    store: PostgresStore,
    reports: PostgresReports,
    rows: Rows,
    made: list[tuple[Side, Decimal, Decimal, Decimal, Decimal]],
) -> None:
    rows("truncate fills, orders cascade")
    lease = store.begin("sums", 60).lease
    assert lease is not None
    orders, fills, cash, held = [], [], Decimal(1000), Decimal(0)
    for n, (side, quantity, price, fee, fee_base) in enumerate(made):
        name = f"o{n}"
        whole = {"client_id": name, "side": side, "quantity": quantity}
        orders.append(samples.order(**whole, trade_id=name, filled=quantity, status=OrderStatus.FILLED))
        fills.append(samples.fill(**whole, venue_trade_id=f"f{n}", price=price, fee=fee, fee_base=fee_base))
        sign = 1 if side is Side.BUY else -1
        held += sign * quantity - fee_base
        cash -= sign * quantity * price + (0 if fee_base else fee)
    commit(store, lease, orders=tuple(orders), fills=tuple(fills))
    assert store.begin("sums", 60).bots[0].cash == cash
    assert sum((row["quantity"] for row in reports.positions()), Decimal(0)) == held
