"""The take-profit ladder as a setting: how it is written, what is refused, and what the rulebook gets."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bot.jobs.rules import rules_of
from bot.rulebook.rules import MAX_RUNGS, NO_LADDER
from bot.settings import SettingsError, load, parse_assignment
from bot.settings.ladder import MAX_LADDER

NAME = "risk.take_profit_ladder"
PLATFORM = ((0.5, 0.025), (0.3, 0.06), (0.2, 0.12), (0.0, 0.0))


def test_the_profiles_choose_it_as_their_plans_do(tmp_path: Path) -> None:
    for profile, ladder in (("aggressive", NO_LADDER), ("swing", NO_LADDER), ("platform", PLATFORM)):
        settings = load({}, {"METRONOME_PROFILE": profile}, tmp_path)
        assert {rules_of(settings, mode).take_profit_ladder for mode in ("paper", "live")} == {ladder}


@pytest.mark.parametrize(
    "written",
    [
        "0.5@0.025,0.3@0.06,0.2@0.12",
        " .5@.025 , 0.30@0.060, 0.2@0.12",
        '["0.5@0.025", "0.3@0.06", "0.2@0.12"]',
    ],
)
def test_it_is_written_as_shares_at_gains(tmp_path: Path, written: str) -> None:
    settings = load({}, {"METRONOME_RISK__TAKE_PROFIT_LADDER": written}, tmp_path)
    assert rules_of(settings, "paper").take_profit_ladder == PLATFORM


@pytest.mark.parametrize("written", ["none", "[]"])
def test_it_can_be_switched_off_above_a_profile_that_has_it(tmp_path: Path, written: str) -> None:
    environ = {"METRONOME_PROFILE": "platform", "METRONOME_RISK__TAKE_PROFIT_LADDER": written}
    assert load({}, environ, tmp_path).risk.take_profit_ladder == ()
    assert parse_assignment(f"{NAME}={written}") == (NAME, [])


@pytest.mark.parametrize(
    ("written", "says", "fix"),
    [
        (["half"], f"{NAME} = 'half' is not allowed: list of texts, each a share at a gain", "or write none"),
        (["-0.5@0.02"], f"{NAME} = '-0.5@0.02' is not allowed", "commas"),
        (["0.5@0.02", "0.5@0.02"], "is not allowed", "commas"),
        (["0.5@0.05", "0.5@0.04"], f"{NAME} has gains of 0.05, 0.04, which do not rise", "each rung above the one"),
        (["0.5@0.00", "0.5@0.04"], f"{NAME} has gains of 0, 0.04, which do not rise from above 0", "each rung above"),
        (["0.5@0.03", "0.4@0.06"], f"{NAME} sells shares of 0.5, 0.4, 0.9 together", "adding up to 1"),
        (["1@0.03", "0@0.06"], f"{NAME} sells shares of 1, 0, 1 together", "a share above 0"),
        ([f"0.2@0.0{n}" for n in range(3, 8)], f"{NAME} has 5 rungs", "at most 4"),
        (["1@0.01"], f"risk.trailing_activation_frac = 0.02 is not below {NAME} = 0.01", "raise the target"),
    ],
)
def test_one_that_makes_no_sense_is_refused_with_what_to_do(
    tmp_path: Path, written: list[str], says: str, fix: str
) -> None:
    with pytest.raises(SettingsError) as caught:
        load({NAME: written}, {}, tmp_path)
    (problem,) = caught.value.problems
    assert says in problem.message
    assert fix in problem.fix
    assert problem.field == NAME
    assert problem.place == "bot, the bot's row in the database"


def test_with_a_ladder_the_one_target_may_lie_anywhere(tmp_path: Path) -> None:
    given: dict[str, Any] = {NAME: ["1@0.05"], "risk.take_profit_frac": 0.01}
    assert rules_of(load(given, {}, tmp_path), "paper").take_profit_ladder[0] == (1.0, 0.05)


def test_as_many_rungs_are_allowed_as_the_rulebook_has_room_for() -> None:
    assert MAX_LADDER == MAX_RUNGS
