"""Accepted, refused, or unknown: what each thing that the venue may say makes of an order."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from bot.adapters import kraken_words as words
from bot.domain.errors import ExchangeError
from bot.domain.orders import Order, OrderStatus
from bot.simulator import Simulator
from bot.simulator.faults import CUTTING_KINDS
from tests.venue.conftest import Open
from tests.venue.desk import SECOND_MS, Trader
from tests.venue.scripted import Script, scripted_trader

S = OrderStatus

# Every row of the table of Kraken's errors, and what an order is after it.
STRINGS: dict[str, OrderStatus] = {
    "EOrder:Insufficient funds": S.REJECTED,
    "EOrder:Order minimum not met": S.REJECTED,
    "EGeneral:Invalid arguments:volume": S.REJECTED,
    "EGeneral:Invalid arguments:volume minimum not met": S.REJECTED,
    "EOrder:Cost minimum not met": S.REJECTED,
    "EOrder:Tick size check failed": S.REJECTED,
    "EOrder:Invalid price": S.REJECTED,
    "EOrder:Invalid price:Invalid price argument": S.REJECTED,
    "EOrder:Post only order": S.REJECTED,
    "EOrder:Orders limit exceeded": S.REJECTED,
    "EOrder:Insufficient margin": S.REJECTED,
    "EQuery:Unknown asset pair": S.REJECTED,
    "EAccount:Invalid permissions:XBTEUR trading restricted for DE.": S.REJECTED,
    "EAPI:Invalid signature": S.REJECTED,
    "EGeneral:Invalid arguments": S.REJECTED,
    "EGeneral:Permission denied": S.REJECTED,
    "EAPI:Invalid key": S.REJECTED,
    "EAPI:Invalid nonce": S.REJECTED,
    "EAPI:Rate limit exceeded": S.REJECTED,
    "EOrder:Rate limit exceeded": S.REJECTED,
    "EOrder:Domain rate limit exceeded": S.REJECTED,
    "EGeneral:Too many requests": S.REJECTED,
    "EGeneral:Temporary lockout": S.REJECTED,
    "EService:Market in cancel_only mode": S.REJECTED,
    "EService:Market in post_only mode": S.REJECTED,
    "EService:Market in limit_only mode": S.REJECTED,
    "EService:Throttled: 1700395980": S.REJECTED,
    "EService:Unavailable": S.UNKNOWN,
    "EService:Busy": S.UNKNOWN,
    "EDatabase:Internal error": S.UNKNOWN,
    "EGeneral:Internal error": S.UNKNOWN,
    "EGeneral:Internal error:42": S.UNKNOWN,
    "EService:Timeout": S.UNKNOWN,
    "EService:Deadline elapsed": S.UNKNOWN,
    # Words that nobody has written down, and words that are no answer to a new order.
    "EOrder:Something new": S.UNKNOWN,
    "EOrder:Unknown order": S.UNKNOWN,
    "EOrder:Insufficient fundsX": S.UNKNOWN,
    "eorder:insufficient funds": S.UNKNOWN,
    "WSomething:To know": S.UNKNOWN,
    "": S.UNKNOWN,
}
UNKNOWN_STRINGS = sorted(text for text, status in STRINGS.items() if status is S.UNKNOWN and text)


@pytest.mark.parametrize("text", sorted(text for text in STRINGS if text))
def test_each_of_krakens_errors_refuses_an_order_or_leaves_it_in_doubt(
    simulator: Simulator, trader: Trader, text: str
) -> None:
    simulator.faults.add("AddOrder", f"error:{text}")
    answer = trader.place(trader.entry())
    assert (answer.status, answer.venue_order_id) == (STRINGS[text], "")
    assert answer.detail == text
    assert len(trader.asked("AddOrder")) == 1


@pytest.mark.parametrize("text", UNKNOWN_STRINGS)
def test_an_order_behind_a_doubtful_error_is_found(simulator: Simulator, trader: Trader, text: str) -> None:
    simulator.faults.add("AddOrder", f"after:error:{text}")
    order = trader.stop()
    assert trader.place(order).status is S.UNKNOWN
    assert trader.find(order).status is S.OPEN


def orders(trader: Trader) -> dict[str, Order]:
    return {
        "entry": trader.entry(),
        "filled entry": trader.entry("1.001"),
        "stop": trader.stop(),
        "exit": trader.exit(),
    }


@pytest.mark.parametrize("name", ["entry", "filled entry", "stop", "exit"])
@pytest.mark.parametrize("kind", sorted(CUTTING_KINDS))
def test_an_order_behind_a_broken_answer_is_in_doubt_and_there_exactly_once(
    simulator: Simulator, open_trader: Open, kind: str, name: str
) -> None:
    trader = open_trader(timeout_s=0.1) if kind == "timeout" else open_trader()
    simulator.faults.add("AddOrder", kind, seconds=0.2)
    order = orders(trader)[name]
    answer = trader.place(order)
    assert (answer.status, answer.venue_order_id) == (S.UNKNOWN, "")
    assert answer.detail
    assert len(trader.asked("AddOrder")) == 1
    trader = open_trader()
    own = [one for one in trader.observe().orders if not one.parent_id]
    assert [one.venue_order_id for one in own] == [
        txid for txid, found in trader.at_venue().items() if found["refid"] is None
    ]
    assert len(own) == 1
    assert own[0].quantity == order.quantity


@pytest.mark.parametrize("kind", sorted(CUTTING_KINDS))
def test_a_broken_answer_without_an_order_behind_it_is_in_doubt_as_well(
    simulator: Simulator, open_trader: Open, kind: str
) -> None:
    trader = open_trader(timeout_s=0.1) if kind == "timeout" else open_trader()
    simulator.faults.add("AddOrder", f"before:{kind}", seconds=0.2)
    assert trader.place(trader.entry()).status is S.UNKNOWN
    assert len(trader.asked("AddOrder")) == 1
    assert open_trader().observe().orders == ()


def test_an_id_means_accepted_whatever_stands_beside_it(simulator: Simulator, trader: Trader) -> None:
    simulator.faults.add("AddOrder", "odd_descr")
    answer = trader.place(trader.entry())
    assert answer.status is S.OPEN
    assert list(trader.at_venue()) == [answer.venue_order_id]


def test_a_late_order_is_in_doubt_until_it_arrives(simulator: Simulator, trader: Trader) -> None:
    simulator.faults.add("AddOrder", "late", seconds=10)
    order = trader.stop()
    assert trader.place(order).status is S.UNKNOWN
    assert trader.observe().orders == ()
    simulator.clock.advance_ms(20 * SECOND_MS)
    assert trader.find(order).opened_ms == order.placed_ms + 10 * SECOND_MS


def test_a_late_order_past_its_deadline_never_rests(simulator: Simulator, trader: Trader) -> None:
    simulator.faults.add("AddOrder", "late", seconds=16)
    assert trader.place(trader.stop()).status is S.UNKNOWN
    simulator.clock.advance_ms(25 * SECOND_MS)
    assert trader.observe().orders == ()


def test_an_order_that_the_open_ones_do_not_show_yet_is_there_later(simulator: Simulator, trader: Trader) -> None:
    simulator.faults.add("OpenOrders", "lag", times=None, seconds=3)
    order = trader.placed(trader.stop())
    assert trader.observe().orders == ()
    simulator.clock.advance_ms(3 * SECOND_MS)
    assert trader.find(order).status is S.OPEN


@pytest.mark.parametrize(
    ("said", "refused"),
    [
        (["EOrder:Insufficient funds", "EGeneral:Invalid arguments:price"], True),
        (["EOrder:Insufficient funds", "EService:Busy"], False),
        (["EService:Busy", "EOrder:Insufficient funds"], False),
        (["EService:Throttled: 1"], True),
        (["EService:Throttled"], True),
        ([], False),
        ([""], False),
    ],
)
def test_several_errors_refuse_only_when_each_of_them_does(said: Sequence[str], refused: bool) -> None:
    assert words.is_refusal(said) is refused


@pytest.mark.parametrize(
    ("reply", "status"),
    [
        ((200, '{"error":["EOrder:Insufficient funds","EService:Busy"]}'), S.UNKNOWN),
        ((200, '{"error":["EOrder:Insufficient funds","EOrder:Post only order"]}'), S.REJECTED),
        ((502, '{"error":["EOrder:Insufficient funds"]}'), S.UNKNOWN),
        ((403, '{"error":["EAPI:Invalid key"]}'), S.UNKNOWN),
        ((502, '{"error":[],"result":{"txid":["OAAAAA-BBBBB-CCCCCC"]}}'), S.OPEN),
        ((200, '{"error":["WOrder:Slow"],"result":{"txid":["OAAAAA-BBBBB-CCCCCC"]}}'), S.OPEN),
        ((200, '{"result":{"txid":["OAAAAA-BBBBB-CCCCCC"]}}'), S.OPEN),
        ((200, '{"error":[],"result":{"txid":[]}}'), S.UNKNOWN),
        ((200, '{"error":[],"result":{"txid":[""]}}'), S.UNKNOWN),
        ((200, '{"error":[],"result":{"txid":null}}'), S.UNKNOWN),
        ((200, '{"error":[],"result":{"txid":[7]}}'), S.UNKNOWN),
        ((200, '{"error":[],"result":[]}'), S.UNKNOWN),
        ((200, '{"error":null}'), S.UNKNOWN),
        ((200, '{"error":"EOrder:Insufficient funds"}'), S.UNKNOWN),
        ((200, '{"error":[["EOrder:Insufficient funds"]]}'), S.UNKNOWN),
        ((200, '["EOrder:Insufficient funds"]'), S.UNKNOWN),
        ((200, "EOrder:Insufficient funds"), S.UNKNOWN),
        ((200, "null"), S.UNKNOWN),
        ((200, "[" * 100_000), S.UNKNOWN),
        ((200, '{"error":[],"result":{"validate":true}}'), S.UNKNOWN),
        ((429, '{"error":["EAPI:Rate limit exceeded"]}'), S.UNKNOWN),
    ],
)
def test_answers_that_no_simulator_gives(reply: tuple[int, str], status: OrderStatus) -> None:
    async def main() -> Any:
        async with scripted_trader({"AddOrder": [reply]}) as (trader, script):
            answer = await trader.place()
            return answer, script.count("AddOrder")

    answer, asked = asyncio.run(main())
    assert (answer.status, asked) == (status, 1)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_an_order_is_not_carried_to_another_address(status: int) -> None:
    async def main() -> Any:
        script: Script = {"AddOrder": [(status, "/0/private/Elsewhere")]}
        async with scripted_trader(script) as (trader, asked):
            return await trader.place(), dict(asked.counts)

    answer, counts = asyncio.run(main())
    assert answer.status is S.UNKNOWN
    assert counts == {"AddOrder": 1}


def test_no_change_is_ever_asked_for_twice(simulator: Simulator, trader: Trader) -> None:
    resting = trader.placed(trader.stop())
    for endpoint in ("AddOrder", "AmendOrder", "CancelOrder"):
        simulator.faults.add(endpoint, "before:502", times=None)
        simulator.faults.add(endpoint, "error:EAPI:Invalid nonce", times=None)
    before = simulator.requests.counts()
    trader.place(trader.entry())
    trader.amend(resting)
    trader.cancel(resting)
    counts = simulator.requests.counts()
    assert counts["AddOrder"] - before["AddOrder"] == counts["AmendOrder"] == counts["CancelOrder"] == 1


def test_a_simulated_answer_that_never_comes_ends_with_the_patience(simulator: Simulator, open_trader: Open) -> None:
    trader = open_trader(timeout_s=0.1)
    simulator.faults.add("AddOrder", "timeout", seconds=0.3)
    assert trader.place(trader.stop()).detail == "no answer within 0.1 s"
    simulator.faults.add("OpenOrders", "timeout", times=None, seconds=0.3)
    with pytest.raises(ExchangeError, match="no answer within"):
        trader.observe()
