"""Backtests on record: what is kept, and which one real money is let in by."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest

from bot.adapters.backtest_store import BacktestStore
from bot.adapters.postgres_reports import PostgresReports
from bot.domain.errors import DatabaseError
from bot.settings import load, to_dict
from bot.settings.fingerprint import fingerprint

Rows = Callable[..., list[Any]]
SETTINGS = load(environ={})


def document(**changes: Any) -> dict[str, Any]:
    return {
        "name": "crash_2022", "title": "a test", "made_at": "2026-01-05T00:00:00Z", "code_version": "1.0+abc",
        "command": "python -m training backtest", "data": "binance", "data_version": "sha256:00", "synthetic": False,
        "profile": SETTINGS.profile, "settings": to_dict(SETTINGS), "settings_hash": fingerprint(SETTINGS),
        "symbols": ["BTC/USDT", "ETH/USDT"],
        "quote": "USDT", "period": {"from": "2022-01-01T00:00:00Z", "to": "2022-07-01T00:00:00Z"},
        "equity_start": 10_000.0, "equity_end": 9_000.5,
        "metrics": {"total_trades": 12, "total_return": -0.09995, "sharpe_ratio": 1.25, "profit_factor": None},
        "deflated_sharpe": {"probability": 0.5}, "walk_forward": [],
    } | changes  # fmt: skip


@pytest.fixture
def backtests(database_url: str, reports: PostgresReports) -> Iterator[BacktestStore]:
    made = BacktestStore(database_url)
    yield made
    made.close()


def test_a_database_without_backtests_has_none(backtests: BacktestStore) -> None:
    found = backtests.newest(fingerprint(SETTINGS))
    assert (found.newest, found.others) == (None, 0)


def test_what_was_told_is_kept(backtests: BacktestStore, rows: Rows) -> None:
    number = backtests.add(document())
    assert rows(
        "select backtest_id, name, data->>'hash', symbols, trades, total_return, profit_factor, checks,"
        " settings->>'profile', to_at - from_at = interval '181 days' from backtests"
    ) == [
        (number, "crash_2022", "sha256:00", ["BTC/USDT", "ETH/USDT"], 12, -0.09995, None,
         {"deflated_sharpe": {"probability": 0.5}}, SETTINGS.profile, True)
    ]  # fmt: skip


def test_the_newest_of_the_same_settings_counts(backtests: BacktestStore) -> None:
    backtests.add(document())
    backtests.add(document(made_at="2026-02-05T00:00:00Z", metrics={"total_trades": 3, "sharpe_ratio": 0.5}))
    backtests.add(document(made_at="2025-02-05T00:00:00Z", metrics={"total_trades": 3, "sharpe_ratio": 9.5}))
    found = backtests.newest(fingerprint(SETTINGS))
    assert found.newest is not None
    assert (found.newest.sharpe, found.newest.days, found.others) == (0.5, 181.0, 0)
    assert found.newest.made_ms == 1_770_249_600_000


def test_other_settings_and_made_up_candles_do_not_count(backtests: BacktestStore) -> None:
    other = load({"risk.stop_loss_frac": 0.031}, environ={})
    backtests.add(document(settings=to_dict(other), settings_hash=fingerprint(other)))
    backtests.add(document(synthetic=True))
    found = backtests.newest(fingerprint(SETTINGS))
    assert (found.newest, found.others) == (None, 1)


def test_the_fingerprint_is_of_what_decides_trades() -> None:
    own = fingerprint(SETTINGS)
    for same in ({"market.symbols": ["BTC/EUR"]}, {"paper.initial_cash": 77.0}, {"language": "fr"}):
        assert fingerprint(load(same, environ={})) == own, same
    for other in ({"risk.stop_loss_frac": 0.031}, {"market.context_timeframes": ["4h"]}, {"profile": "swing"}):
        assert fingerprint(load(other, environ={})) != own, other


@pytest.mark.parametrize(
    "change",
    [{"symbols": []}, {"code_version": ""}, {"period": {"from": "2022-01-01T00:00:00Z", "to": "2022-01-01T00:00:00Z"}}],
)
def test_what_makes_no_sense_is_refused(backtests: BacktestStore, change: dict[str, Any]) -> None:
    with pytest.raises((DatabaseError, psycopg.Error)):
        backtests.add(document(**change))
