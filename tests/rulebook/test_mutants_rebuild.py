"""Edges of making rows again: orders before ours that are nobody's, and terms that nearly fit."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal as D

import pytest

from bot.rulebook.rebuild import implied_ask
from tests.rulebook.makers import NOW, RULES
from tests.rulebook.test_rebuild import BOUGHT, ENTRY_ID, rows


def test_an_order_on_an_unknown_market_does_not_hide_those_behind_it() -> None:
    stray = replace(BOUGHT, symbol="XRP/EUR", opened_ms=NOW - 1)
    assert [row.client_id for row in rows(stray, BOUGHT)] == [ENTRY_ID]


def test_a_stop_that_is_a_step_off_is_not_of_these_rules() -> None:
    assert implied_ask(100.22, 97.5, 0.01, RULES) == pytest.approx(100.01, abs=1e-6)
    assert implied_ask(100.22, 97.51, 0.01, RULES) == pytest.approx(100.22 / 1.002, abs=1e-6)


def test_an_entry_without_a_stop_is_judged_by_its_limit_at_any_price() -> None:
    """At an ask of 1.03 the stop of these rules would be at just 1.00, which is not the same as none."""
    (row,) = rows(replace(BOUGHT, limit_price=D("1.04"), attached_stop_price=None))
    assert row.target_price == D("1.09")
