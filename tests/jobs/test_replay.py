"""Decisions of some simulated days, decided again from what was stored."""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator
from typing import Any

import pytest

from bot.adapters.postgres import PostgresStore
from bot.adapters.postgres_reports import PostgresReports
from bot.jobs.replay import Replay, changed_candles, replay
from bot.simulator import bundled_recording
from tests.jobs.books import check_books
from tests.jobs.paths import HOUR, STEP, T0, Path, recording
from tests.jobs.world import MakeWorld, World

SOON = T0 + 30_000
ALL_STRATEGIES = {"strategies": {name: {"enabled": True} for name in
                  ("breakout", "heuristic", "mean_reversion", "momentum", "trend_following")}}  # fmt: skip


def decisions(world: World) -> list[dict[str, Any]]:
    reports = PostgresReports(world.url)
    try:
        return list(reports.decisions(page=7))
    finally:
        reports.close()


@pytest.mark.slow
def test_every_decision_of_the_bundled_days_replays_identically(make_world: MakeWorld):
    """All strategies, four symbols, two bots, a tick every half hour, and the money adds up."""
    found = bundled_recording(["BTC/EUR", "ETH/EUR", "DOGE/EUR", "ADA/EUR"])
    world = make_world(found, ALL_STRATEGIES | {"risk": {"min_confidence": 0.05}})
    world.add_bot("other", 777, {"market": {"timeframe": "15m"}, "risk": {"stop_loss_frac": 0.008}})
    start = found.end_ms - 25 * HOUR
    world.ticks(start + 30_000, start + 24 * HOUR, 30 * 60_000)
    check_books(world)
    stored = decisions(world)
    assert len(stored) > 60
    assert world.count("trades") > 3
    assert [replay(row["inputs"], row["outputs"]).differences for row in stored] == [()] * len(stored)


def test_archived_candles_are_known_again_and_a_changed_one_is_named(make_world: MakeWorld):
    world = make_world({"BTC": Path().break_out(), "ETH": Path(50)})
    world.ticks(SOON, SOON + 2 * HOUR, HOUR)
    stored = decisions(world)
    store = PostgresStore(world.url)
    judged = [row for row in stored if row["inputs"]["candles"]]
    assert len(judged) == 3
    assert {seal["timeframe"] for seal in judged[-1]["inputs"]["candles"]} == {"1h", "4h", "1d"}
    assert [changed_candles(row["inputs"], store.windows) for row in judged] == [()] * 3
    world.execute(
        "update candles set close = close * 1.0001, high = high * 1.0001 where open_at = to_timestamp(%s)"
        " and series_id = (select series_id from candle_series where symbol = 'ETH/EUR' and timeframe = '1h')",
        (T0 - 5 * HOUR) / 1000,
    )
    assert [changed_candles(row["inputs"], store.windows) for row in judged] == [("ETH/EUR 1h",)] * 3
    assert changed_candles({}, store.windows) == ()
    store.close()


@pytest.fixture(scope="module")
def eventful(databases: Any) -> list[dict[str, Any]]:
    """Decisions of an entry, a trailing stop, an exit, late bars and a paused bot."""
    url = databases.take()
    path = Path().break_out().go(1.055, T0, T0 + HOUR).go(1.0, T0 + 2 * HOUR)
    world = World(url, recording(BTC=path, ETH=Path(50)))
    world.add_bot()
    world.ticks(SOON - HOUR, SOON + 3 * HOUR, 3 * STEP)
    world.execute("update bots set status = 'PAUSED'")
    world.tick(SOON + 6 * HOUR)
    check_books(world)
    found = decisions(world)
    world.close()
    databases.give_back(url)
    return found


def test_entry_trailing_and_exit_replay_identically(eventful: list[dict[str, Any]]):
    actions = {(i["action"], i["leg"]) for row in eventful for i in row["outputs"]["decision"]["intents"]}
    assert {("place", "entry"), ("amend", "stop")} <= actions
    assert any(row["outputs"]["decision"]["marks"] for row in eventful)
    assert any(row["outputs"]["decision"]["notes"] for row in eventful)
    assert all(replay(row["inputs"], row["outputs"]) == Replay(True, ()) for row in eventful)


def row_with(rows: list[dict[str, Any]], action: str) -> dict[str, Any]:
    """The first decision that says to do this."""
    return next(
        copy.deepcopy(row) for row in rows if any(i["action"] == action for i in row["outputs"]["decision"]["intents"])
    )


def entry_of(rows: list[dict[str, Any]]) -> dict[str, Any]:
    return row_with(rows, "place")


def leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any, Any]]:
    """(path, container, key) of every value that is no container."""
    items: list[tuple[Any, Any]] = list(value.items() if isinstance(value, dict) else enumerate(value))
    for key, item in items:
        here = f"{path}[{key}]" if isinstance(value, list) else f"{path}.{key}" if path else key
        if isinstance(item, dict | list) and item:
            yield from leaves(item, here)
        else:
            yield here, value, key


def other(value: Any) -> Any:
    """A value near the given one."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, float):
        return math.nextafter(value, math.inf)
    if isinstance(value, int):
        return value + 1
    return {"a": 1} if isinstance(value, dict | list) else f"{value}x"


def test_every_single_change_of_an_output_is_reported_with_its_path(eventful: list[dict[str, Any]]):
    row = entry_of(eventful)
    paths = [path for path, _, _ in leaves(row["outputs"])]
    assert len(paths) > 50
    for path in paths:
        outputs = copy.deepcopy(row["outputs"])
        holder, key = next((holder, key) for here, holder, key in leaves(outputs) if here == path)
        holder[key] = other(holder[key])
        found = replay(row["inputs"], outputs)
        assert not found.identical
        assert len(found.differences) == 1
        assert found.differences[0].startswith(f"{path}: stored "), found.differences


@pytest.mark.parametrize("action", ["place", "amend"])
def test_a_field_that_is_gone_from_an_output_is_reported(eventful: list[dict[str, Any]], action: str):
    row = row_with(eventful, action)
    for path, _, key in list(leaves(row["outputs"])):
        if isinstance(key, str):
            outputs = copy.deepcopy(row["outputs"])
            holder = next(holder for here, holder, _ in leaves(outputs) if here == path)
            del holder[key]
            (difference,) = replay(row["inputs"], outputs).differences
            assert difference.startswith(f"{path}: stored nothing, now "), difference


def test_a_list_of_another_length_is_reported_as_a_whole(eventful: list[dict[str, Any]]):
    row = entry_of(eventful)
    row["outputs"]["decision"]["intents"].pop()
    (difference,) = replay(row["inputs"], row["outputs"]).differences
    assert difference.startswith("decision.intents: stored [], now [")


@pytest.mark.parametrize(
    ("change", "path"),
    [
        (lambda inputs: inputs["book"].update(cash=inputs["book"]["cash"] / 2), "decision.equity"),
        (lambda inputs: inputs["rules"].update(stop_loss_frac=0.03), "decision.intents[0]"),
        (lambda inputs: inputs["bars"][0]["features"].update(volume_ratio=1.0), "signals[0]"),
        (lambda inputs: inputs["strategies"][0].update(weight=0.0), "signals[0]"),
        (lambda inputs: inputs["strategies"][0]["params"].update(margin_atr=0.2), "signals["),
        (lambda inputs: inputs["views"][0].update(quote_ask=inputs["views"][0]["quote_ask"] * 1.001), "decision"),
        (lambda inputs: inputs.update(now_ms=inputs["now_ms"] + 2 * HOUR), "decision"),
        (lambda inputs: inputs["views"][0].update(problem="stale"), "decision"),
    ],
)
def test_a_changed_input_shows_in_what_is_decided(eventful: list[dict[str, Any]], change: Any, path: str):
    row = entry_of(eventful)
    change(row["inputs"])
    found = replay(row["inputs"], row["outputs"])
    assert not found.identical
    assert any(difference.startswith(path) for difference in found.differences), found.differences


@pytest.mark.parametrize("missing", ["book", "views", "rules", "bars", "strategies", "now_ms"])
def test_a_record_without_a_part_is_refused(eventful: list[dict[str, Any]], missing: str):
    row = entry_of(eventful)
    del row["inputs"][missing]
    with pytest.raises(KeyError):
        replay(row["inputs"], row["outputs"])
