"""Keys, nonces, lockouts and limits; and that no secret is ever shown."""

from __future__ import annotations

import asyncio
import logging
import traceback
from typing import Any

import pytest

from bot.adapters.kraken_private import CallPace
from bot.domain.errors import ExchangeError
from bot.domain.orders import OrderStatus
from bot.simulator import Simulator
from bot.simulator.auth import ApiKey
from tests.simulator.samples import MINUTE_MS
from tests.venue.conftest import Open
from tests.venue.desk import SECOND_MS, Trader
from tests.venue.scripted import KEY, SECRET, bad, good, scripted_trader

S = OrderStatus
LOCKED = "EGeneral:Temporary lockout"


def test_a_lockout_is_waited_out_also_by_the_next_process(simulator: Simulator, open_trader: Open) -> None:
    trader = open_trader()
    stop = trader.placed(trader.stop())
    simulator.faults.add("AddOrder", "lockout", seconds=900)
    answer = trader.place(trader.entry())
    assert (answer.status, answer.detail) == (S.REJECTED, LOCKED)
    until_ms = trader.now_ms + 15 * MINUTE_MS
    assert trader.venue.state()["quiet_until_ms"] == until_ms

    later = open_trader(state=trader.venue.state())
    before = simulator.requests.counts()
    simulator.clock.advance_ms(14 * MINUTE_MS)
    for one in (trader, later):
        with pytest.raises(ExchangeError, match="no private call before 2023-11-19 12:27:00 UTC"):
            one.observe()
        assert one.place(one.entry()).status is S.NOT_PLACED
        assert one.amend(stop).status is S.REJECTED
        assert one.cancel(stop).status is S.UNKNOWN
    assert simulator.requests.counts() == before

    simulator.clock.advance_ms(1 * MINUTE_MS)
    assert len(later.observe().orders) == 1
    assert later.place(later.entry()).status is S.OPEN


def test_a_lockout_told_by_a_read_is_not_asked_through(simulator: Simulator, trader: Trader) -> None:
    simulator.faults.add("OpenOrders", "lockout", seconds=900)
    with pytest.raises(ExchangeError, match="no private call before"):
        trader.observe()
    assert len(trader.asked("OpenOrders")) == 1
    assert trader.venue.state()["failures"] == 0
    assert trader.place(trader.stop()).status is S.NOT_PLACED
    assert trader.asked("AddOrder") == []


def test_a_clock_that_was_set_back_locks_nobody_out(simulator: Simulator, open_trader: Open) -> None:
    trader = open_trader(state={"quiet_until_ms": simulator.clock.now_ms() + 10**12, "quiet_why": LOCKED})
    with pytest.raises(ExchangeError, match="2023-11-19 12:27:00"):
        trader.observe()
    for state in ({}, {"quiet_until_ms": "soon"}, {"quiet_until_ms": -5}, {"quiet_until_ms": None, "failures": "x"}):
        assert open_trader(state=state).observe().orders == ()


def test_a_throttled_account_is_left_alone_until_the_moment_that_kraken_names(
    simulator: Simulator, trader: Trader
) -> None:
    until_s = simulator.clock.now_ms() // 1000 + 40
    simulator.faults.add("AddOrder", f"error:EService:Throttled: {until_s}")
    assert trader.place(trader.stop()).status is S.REJECTED
    with pytest.raises(ExchangeError, match="12:12:40 UTC"):
        trader.observe()
    assert trader.place(trader.stop()).status is S.NOT_PLACED
    simulator.clock.advance_ms(40 * SECOND_MS)
    assert trader.place(trader.stop()).status is S.OPEN


@pytest.mark.parametrize("text", ["EService:Throttled: 99999999999", "EService:Throttled: soon", "EService:Throttled"])
def test_a_throttling_without_a_sensible_end_lasts_as_long_as_a_lockout(
    simulator: Simulator, trader: Trader, text: str
) -> None:
    simulator.faults.add("AddOrder", f"error:{text}")
    trader.place(trader.stop())
    assert trader.venue.state()["quiet_until_ms"] == trader.now_ms + 15 * MINUTE_MS


def test_a_throttling_that_is_over_is_no_reason_to_wait(simulator: Simulator, trader: Trader) -> None:
    simulator.faults.add("AddOrder", "error:EService:Throttled: 1700000000")
    assert trader.place(trader.stop()).status is S.REJECTED
    simulator.faults.add("OpenOrders", "error:EService:Throttled: 1700000000")
    assert trader.observe().orders == ()


def test_a_wrong_nonce_refuses_an_order_and_is_tried_once_more_for_a_read(
    simulator: Simulator, open_trader: Open, key: ApiKey
) -> None:
    trader = open_trader()
    key.highest_nonce = 2**62  # as after another program's nanoseconds
    assert trader.place(trader.stop()).detail == "EAPI:Invalid nonce"
    assert len(trader.asked("AddOrder")) == 1
    with pytest.raises(ExchangeError, match="later nonce") as failed:
        trader.observe()
    assert "no other program" in failed.value.fix
    assert len(trader.asked("BalanceEx")) == 2

    simulator.faults.add("BalanceEx", "error:EAPI:Invalid nonce")
    key.highest_nonce = 0
    assert trader.observe().balances


def test_two_adapters_of_one_process_never_use_a_nonce_twice(open_trader: Open) -> None:
    first, second = (open_trader(retries=1, pace=CallPace(most=1e6)) for _ in range(2))
    for _ in range(10):
        first.observe()
        second.observe()
    assert first.waited == second.waited == []


@pytest.mark.parametrize(
    ("permissions", "answer"),
    [
        (("query-funds", "query-open-trades", "query-closed-trades", "close-trades"), S.REJECTED),
        (("modify-trades",), S.OPEN),
    ],
)
def test_a_key_that_may_not_trade_refuses_every_order(
    simulator: Simulator, open_trader: Open, permissions: tuple[str, ...], answer: OrderStatus
) -> None:
    trader = open_trader(key=simulator.desk.add_key("narrow", permissions))
    assert trader.place(trader.stop()).status is answer
    if answer is S.OPEN:
        with pytest.raises(ExchangeError, match="does not accept the key: EGeneral:Permission denied") as failed:
            trader.observe()
        assert "query funds" in failed.value.fix
        assert len(trader.asked("BalanceEx")) == 1
    else:
        assert trader.observe().orders == ()


def test_a_revoked_key_is_refused(simulator: Simulator, trader: Trader) -> None:
    simulator.desk.revoke_key("trade")
    assert trader.place(trader.stop()).detail == "EAPI:Invalid key"
    with pytest.raises(ExchangeError, match="EAPI:Invalid key"):
        trader.observe()
    assert len(trader.asked("BalanceEx")) == 1


@pytest.mark.parametrize(
    ("key", "secret"),
    [
        ("", ""),
        ("KEY", ""),
        ("", "c2VjcmV0"),
        ("KEY", "no base 64!"),
        ("KEY", "abc"),
        ("K\nEY", "c2VjcmV0"),
        ("É", "c2VjcmV0"),
    ],
)
def test_a_key_that_cannot_be_one_is_never_sent(simulator: Simulator, open_trader: Open, key: str, secret: str) -> None:
    given = ApiKey("odd", key, secret, frozenset())
    trader = open_trader(key=given)
    assert trader.place(trader.stop()).status is S.NOT_PLACED
    with pytest.raises(ExchangeError) as failed:
        trader.observe()
    assert failed.value.where == "KRAKEN_API_KEY, KRAKEN_API_SECRET"
    assert "OpenOrders" not in simulator.requests.counts()
    for text in (key, secret):
        assert not text or text not in str(failed.value).replace("KRAKEN_API_KEY", "")


def test_space_around_a_key_does_no_harm(open_trader: Open, key: ApiKey) -> None:
    trader = open_trader(key=ApiKey("spaced", f" {key.key}\n", f"{key.secret}\r\n", frozenset()))
    assert trader.observe().orders == ()


def test_what_the_key_may_do_is_told(simulator: Simulator, open_trader: Open) -> None:
    trader = open_trader(key=simulator.desk.add_key("all", ("query-funds", "withdraw-funds"), nonce_window=10_000))
    assert trader.run(trader.venue.key_permissions()) == {"query-funds", "withdraw-funds"}
    assert trader.run(trader.venue.nonce_window_ms()) == 10_000
    simulator.faults.add("GetApiKeyInfo", "empty_result", times=None)
    with pytest.raises(ExchangeError):
        trader.run(trader.venue.key_permissions())


def test_a_key_without_a_told_window_has_none() -> None:
    async def main() -> Any:
        async with scripted_trader({"GetApiKeyInfo": [good({"permissions": ["query-funds"]})]}) as (trader, _):
            return await trader.venue.nonce_window_ms()

    assert asyncio.run(main()) is None


def test_failures_in_a_row_leave_the_account_alone_for_a_while(simulator: Simulator, open_trader: Open) -> None:
    trader = open_trader()
    simulator.faults.add("OpenOrders", "502", times=None)
    for _ in range(3):
        with pytest.raises(ExchangeError, match="HTTP 502"):
            trader.observe()
    assert len(trader.asked("OpenOrders")) == 9
    later = open_trader(state=trader.venue.state())
    calls = simulator.requests.counts()
    with pytest.raises(ExchangeError, match="several times in a row"):
        later.observe()
    assert simulator.requests.counts() == calls
    simulator.clock.advance_ms(60 * SECOND_MS)
    with pytest.raises(ExchangeError, match="HTTP 502"):
        later.observe()
    assert len(later.asked("OpenOrders")) == 10  # half open: once
    simulator.faults.clear()
    simulator.clock.advance_ms(60 * SECOND_MS)
    assert later.observe().orders == ()
    assert later.venue.state()["failures"] == 0


def test_private_calls_keep_to_krakens_counter() -> None:
    """A quiet look costs four points without balances: the fourth in a row has to wait."""

    async def main() -> Any:
        script = {
            "OpenOrders": [good({"open": {}})],
            "ClosedOrders": [good({"closed": {}, "count": 0})],
            "AddOrder": [bad("EService:Busy")],
        }
        async with scripted_trader(script, pace=CallPace(most=15, earned_per_s=0.5)) as (trader, _):
            for _ in range(3):
                await trader.observe()
            before = list(trader.time.slept)
            await trader.observe()
            after = list(trader.time.slept)
            await trader.place()
            return before, after, trader.time.slept

    before, after, at_last = asyncio.run(main())
    assert before == []
    assert after == at_last == [2.0]


class Kept(logging.Handler):
    """Every log line of every logger, tracebacks included."""

    def __init__(self) -> None:
        super().__init__(0)
        self.text = ""

    def emit(self, record: logging.LogRecord) -> None:
        self.text += self.format(record) + "\n"


@pytest.mark.parametrize(
    "reply",
    [
        bad(f"EAPI:Invalid key:{KEY} {SECRET}"),
        bad(f"EService:Busy {SECRET}"),
        bad("EGeneral:Temporary lockout"),
        (502, f"<html>{KEY} {SECRET}</html>"),
        (200, f"{KEY} {SECRET}"),
        (307, f"/{SECRET}"),
        good({"open": SECRET, "closed": KEY, "count": SECRET}),
    ],
)
def test_no_secret_is_shown_whatever_the_venue_answers(reply: tuple[int, str]) -> None:
    async def main() -> str:
        endpoints = ("AddOrder", "AmendOrder", "CancelOrder", "OpenOrders", "QueryOrders", "GetApiKeyInfo")
        shown = ""
        async with scripted_trader({name: [reply] for name in endpoints}) as (trader, _):
            venue = trader.venue
            for action in (trader.place, lambda: venue.amend(trader.stop, 0), lambda: venue.cancel(trader.stop, 0)):
                shown += f"{await action()}\n"
            for look in (trader.observe, venue.key_info):
                try:
                    await look()
                except ExchangeError as error:
                    shown += f"{error}\n" + "".join(traceback.format_exception(error))
            shown += f"{venue.state()} {venue!r} {vars(venue)}"
        return shown

    kept, root = Kept(), logging.getLogger()
    level = root.level
    root.addHandler(kept)
    root.setLevel(0)
    try:
        shown = asyncio.run(main())
    finally:
        root.removeHandler(kept)
        root.setLevel(level)
    for text in (KEY, SECRET, "API-Sign", "API-Key"):
        assert text not in kept.text
        assert text not in shown
