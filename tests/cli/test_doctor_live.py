"""`doctor --live`: a sound account passes every check, and each trap fails its own with its own remedy."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from decimal import Decimal

import pytest

from bot.cli.live_checks import judge
from bot.cli.live_facts import gather
from bot.domain.orders import Leg, OrderStatus
from bot.simulator.auth import QUERY_OPEN, TRADING, WITHDRAW
from tests.cli.conftest import Bot, Done, environment
from tests.cli.live_account import SYMBOLS, LiveAccount, sound_account
from tests.simulator.private.client import client


@pytest.fixture
def account(database_url, venue) -> LiveAccount:
    """The sound one."""
    return sound_account(venue, database_url)


def examined(bot: Bot, account: LiveAccount) -> Done:
    done = bot("doctor", "--live", "--json", **account.environment)
    assert done.out, done.err
    return done


def failed(done: Done) -> dict[str, tuple[str, str]]:
    return {check["name"]: (check["detail"], check["fix"]) for check in done.document["checks"] if not check["ok"]}


ORDINARY = {"schedule"}
"""Its tick is of another day than this machine's, as the simulator's clock is."""


def test_a_sound_live_account_passes_every_check(bot, account):
    done = examined(bot, account)
    assert set(failed(done)) <= ORDINARY, failed(done)
    names = {check["name"] for check in done.document["checks"]}
    assert {
        "database", "migrations", "exchange", "clock", "venue_status", "symbols", "kill_switch", "live_clock",
        "dead_letters", "live_key", "live_permissions", "live_withdrawal", "live_nonce", "live_pairs", "pair_names",
        "live_sizes", "foreign_orders", "rewards", "live_stops", "live_orders", "live_ledger", "live_fees",
    } <= names  # fmt: skip


def no_key(account):
    del account.environment["KRAKEN_API_KEY"], account.environment["KRAKEN_API_SECRET"]
    account.environment["TRADING_MODE"] = "paper"


def unknown_key(account):
    account.venue.desk.revoke_key("trade")


def wrong_secret(account):
    account.environment["KRAKEN_API_SECRET"] = account.venue.desk.add_key("other").secret


def lacks_open_orders(account):
    account.new_key(tuple(one for one in TRADING if one != QUERY_OPEN))


def may_withdraw(account):
    account.new_key((*TRADING, WITHDRAW))


def no_window(account):
    account.new_key(nonce_window=0)


def nanosecond_tool(account):
    client(account.venue, account.key).ask("Balance", nonce=time.time_ns())


def locked_out(account):
    account.venue.faults.add("GetApiKeyInfo", "lockout", seconds=900)


def earning(account):
    account.venue.desk.deposit("ETH.F", "0.5")


def strangers_order(account):
    account.by_hand.result("AddOrder", pair="ETHEUR", type="buy", ordertype="limit", price="10", volume="1")


def minimum_grew(account):
    account.venue.venue.change_pair("ETH/EUR", order_min="5")


def largest_trade_too_small(account):
    account.environment["METRONOME_RISK__MAX_POSITION_FRAC"] = "0.0001"


def maintenance(account):
    account.venue.venue.set_mode("post_only")


def pair_closed(account):
    account.venue.venue.change_pair("ETH/EUR", status="cancel_only")


def pair_unknown(account):
    account.environment["METRONOME_MARKET__SYMBOLS"] = SYMBOLS + ",MATIC/EUR"


def stop_cancelled(account):
    account.by_hand.result("CancelOrder", txid=account.stop.venue_order_id)


def stop_too_small(account):
    account.by_hand.result("AmendOrder", txid=account.stop.venue_order_id, order_qty="0.001")


def fate_unknown(account):
    order = account.order(Leg.EXIT, Decimal("0.001"), 3)
    account.write(orders=(order, replace(order, status=OrderStatus.UNKNOWN)))


def fate_overdue(account):
    fate_unknown(account)
    account.venue.clock.advance_ms(60_000)


def dead_letter(account):
    account.dead_letter()


def killed(account):
    from bot.adapters.live_store import LiveStore

    store = LiveStore(account.database_url)
    store.kill("a storm", "test")
    store.close()


def coins_went(account):
    account.by_hand.result("CancelOrder", txid=account.stop.venue_order_id)
    account.by_hand.result("AddOrder", pair="XBTEUR", type="sell", ordertype="market", volume="0.001")


def money_went(account):
    account.venue.desk.withdraw("EUR", 1000)


def money_reached_by_hand(account):
    account.venue.desk.deposit("BTC", "0.01")


TRAPS = [
    (no_key, "live_key", "kraken.com, Settings > API"),
    (unknown_key, "live_key", "make a new one"),
    (wrong_secret, "live_key", "copy both again"),
    (locked_out, "live_key", "quarter of an hour"),
    (lacks_open_orders, "live_permissions", "kraken.com, Settings > API"),
    (may_withdraw, "live_withdrawal", "take Withdraw Funds from the key"),
    (no_window, "live_nonce", "nonce window of the key to 10000"),
    (nanosecond_tool, "live_nonce", "nanosecond"),
    (earning, "rewards", "Auto Earn"),
    (strangers_order, "foreign_orders", "Orders > Open"),
    (minimum_grew, "live_sizes", "risk.max_position_frac"),
    (largest_trade_too_small, "live_sizes", "a larger share"),
    (maintenance, "venue_status", "wait"),
    (pair_unknown, "symbols", "market.symbols"),
    (pair_closed, "symbols", "market.symbols"),
    (stop_cancelled, "live_stops", "python -m bot tick"),
    (stop_too_small, "live_stops", "python -m bot tick"),
    (fate_unknown, "live_orders", "wait half a minute"),
    (fate_overdue, "live_orders", "python -m bot tick"),
    (dead_letter, "dead_letters", "dead-letters --seen"),
    (killed, "kill_switch", "kill --release"),
    (money_went, "live_ledger", "python -m bot rebuild"),
    (money_reached_by_hand, "live_ledger", "python -m bot rebuild"),
]
ALSO = {
    # The smallest order is told by the ordinary check too.
    "minimum_grew": {"minimum_sizes"},
}


@pytest.mark.parametrize(("spoil", "name", "fix"), TRAPS, ids=lambda one: getattr(one, "__name__", ""))
def test_each_trap_fails_its_own_check_and_says_what_to_do(bot, account, spoil, name, fix):
    spoil(account)
    done = examined(bot, account)
    assert done.code == 5
    found = failed(done)
    assert set(found) - ORDINARY - ALSO.get(spoil.__name__, set()) == {name}, found
    assert fix in found[name][1]


def test_a_pair_that_closed_while_money_is_in_it_is_told_twice(bot, account):
    account.venue.venue.change_pair("BTC/EUR", status="cancel_only")
    assert {"symbols", "live_pairs"} <= set(failed(examined(bot, account)))


def test_sold_behind_the_bots_back_shows_in_stops_and_ledger(bot, account):
    coins_went(account)
    assert {"live_stops", "live_ledger"} <= set(failed(examined(bot, account)))


def test_fees_beyond_any_tier_are_refused(bot, account, monkeypatch):
    monkeypatch.setattr("bot.simulator.private_account.TAKER_FEES", [[0, 0.9]])
    done = examined(bot, account)
    assert set(failed(done)) - ORDINARY == {"live_fees"}
    assert "Kraken Pro" in failed(done)["live_fees"][1]


def test_a_database_that_cannot_be_reached_leaves_the_exchanges_checks_standing(bot, account):
    account.environment["DATABASE_URL"] = "postgresql://someone@127.0.0.1:9/none"
    found = failed(examined(bot, account))
    assert set(found) - ORDINARY == {"database"}


def test_an_exchange_that_cannot_be_reached_fails_alone(bot, account):
    account.environment |= {"KRAKEN_API_URL": "http://127.0.0.1:9", "METRONOME_EXCHANGE__RETRIES": "1"}
    assert set(failed(examined(bot, account))) - ORDINARY == {"exchange", "live_key"}


def test_before_the_first_start_the_free_cash_must_cover_the_capital(bot, venue, database_url, traded):
    key = venue.desk.add_key("trade", nonce_window=10_000)
    variables = traded | {"KRAKEN_API_KEY": key.key, "KRAKEN_API_SECRET": key.secret}
    variables["METRONOME_RISK__MIN_TRADE_NOTIONAL"] = "5"
    venue.desk.deposit("EUR", 40)
    found = failed(bot("doctor", "--live", "--json", **variables))
    assert set(found) - ORDINARY == {"live_cash"}
    assert "pay money in" in found["live_cash"][1]
    venue.desk.deposit("EUR", 60)
    assert set(failed(bot("doctor", "--live", "--json", **variables))) <= ORDINARY
    venue.desk.deposit("ETH", "0.5")
    found = failed(bot("doctor", "--live", "--json", **variables))
    assert set(found) - ORDINARY == {"coins_beside"}
    assert "0.5 ETH" in found["coins_beside"][0]


async def facts_of(account, monkeypatch, tmp_path):
    for name, value in environment(tmp_path, **account.environment).items():
        monkeypatch.setenv(name, value)
    return (await gather(None, None))[1]


def test_a_clock_that_is_off_fails_where_the_exchanges_is_real(account, monkeypatch, tmp_path):
    import asyncio

    facts = asyncio.run(facts_of(account, monkeypatch, tmp_path))
    assert all(check.ok for check in judge(facts))
    real = judge(replace(facts, virtual=False))
    assert [check.name for check in real if not check.ok] == ["live_clock"]
    assert "NTP" in next(check.fix for check in real if not check.ok)


def test_a_pair_under_a_new_name_is_told_against_what_ticks_go_by(account, monkeypatch, tmp_path):
    import asyncio

    facts = asyncio.run(facts_of(account, monkeypatch, tmp_path))
    stored = tuple(facts.look.known.values())
    old = tuple(replace(m, venue_id="OLDNAME") if m.symbol == "ETH/EUR" else m for m in stored)
    renamed = judge(replace(facts, snapshot=replace(facts.snapshot, markets=old)))
    assert [check.name for check in renamed if not check.ok] == ["pair_names"]


def test_the_doctor_writes_nothing_and_sends_no_order(bot, account):
    before = account.venue.desk.state()["orders"]
    examined(bot, account)
    assert account.venue.desk.state()["orders"] == before
    assert {"AddOrder", "AmendOrder", "CancelOrder", "CancelAll"} & set(account.venue.requests.counts()) <= {"AddOrder"}


def test_the_report_is_readable_and_holds_no_secret(bot, account):
    done = bot("doctor", "--live", "--lang", "fr", **account.environment)
    assert "clé : retrait" in done.out
    assert account.key.secret not in done.out + done.err
    assert json.loads(bot("doctor", "--live", "--json", **account.environment).out)["checks"]
