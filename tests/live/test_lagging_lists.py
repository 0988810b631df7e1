"""The venue's lists are not of one moment: the open orders show a stop, and of its entry not yet that it has filled."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.jobs.paths import Path
from tests.live.conftest import MakeLive
from tests.live.laws import check_live
from tests.live.scenes import warm
from tests.live.world import SLOT_MS, START, LiveWorld


def show_entry_as_it_was(world: LiveWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    """From now on all lists say that no entry has filled."""
    desk = world.venue.desk
    whole = desk.answer

    def answer(endpoint: str, *request: Any) -> str:
        text = whole(endpoint, *request)
        if endpoint not in ("OpenOrders", "ClosedOrders"):
            return text
        document = json.loads(text)
        result = document["result"]
        entries = {txid: order for txid, order in desk.state()["orders"].items() if order["refid"] is None}
        if endpoint == "OpenOrders":
            old = {"status": "open", "vol_exec": "0.00000000", "trades": [], "closetm": 0}
            result["open"] |= {txid: order | old for txid, order in entries.items()}
        else:
            result["closed"] = {txid: order for txid, order in result["closed"].items() if txid not in entries}
            result["count"] = len(result["closed"])
        return json.dumps(document, default=str)

    monkeypatch.setattr(desk, "answer", answer)


def test_a_stop_whose_entrys_fill_is_not_told_yet_is_left_alone(make_live: MakeLive, monkeypatch: pytest.MonkeyPatch):
    world = make_live(BTC=Path().break_out())
    warm(world)
    with monkeypatch.context() as lagging:
        world.gate.hooks["AddOrder limit"] = lambda: show_entry_as_it_was(world, lagging)
        world.tick(START)
    assert "CancelOrder" not in world.asked
    world.tick(START + SLOT_MS)
    assert "CancelOrder" not in world.asked
    check_live(world)
    assert world.naked_ms() == 0
