"""One signal of many votes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.domain.errors import ConfigError
from bot.features import FeatureTable
from bot.strategies import Strategy, ensemble, get, names
from bot.strategies.base import JUST_ENOUGH
from bot.strategies.conditions import Condition, above, below
from tests.strategies.samples import HOUR_MS, START_MS, mixed, row

weights = st.lists(st.floats(0, 5), min_size=len(names()), max_size=len(names()))
tables = st.builds(mixed, st.integers(0, 2**32), st.integers(1, 40), st.sampled_from([0.0, 0.005, 0.3]))


class Told(Strategy):
    """Votes as its column says: the sign is the direction, the size the confidence (from JUST_ENOUGH up)."""

    title = "Votes as it is told"

    def entry_conditions(self, table: FeatureTable) -> list[Condition]:
        return [above(self.name, table.column(self.name), JUST_ENOUGH, 1.0)]

    def exit_conditions(self, table: FeatureTable) -> list[Condition]:
        return [below(self.name, table.column(self.name), -JUST_ENOUGH, -1.0)]


def told(column: str) -> Strategy:
    kind: type[Told] = type("ToldBy" + column, (Told,), {"name": column, "features": (column,)})
    return kind()


FIVE = [told(name) for name in ("rsi_14", "rsi_7", "cci_20", "mfi_14", "roc_10")]
EQUAL = [(strategy, 1.0) for strategy in FIVE]


def votes(*signed: float) -> FeatureTable:
    """A row on which FIVE vote as given."""
    given = {strategy.name: value for strategy, value in zip(FIVE, signed, strict=False)}
    return row(**{strategy.name: 0.0 for strategy in FIVE} | given, atr_14=2.5)


def score(*signed: float) -> float:
    return ensemble.evaluate(votes(*signed), 0, EQUAL, START_MS + HOUR_MS).score


def test_a_lone_convinced_vote_passes_the_threshold_and_a_lone_weak_one_does_not() -> None:
    assert score(1.0) == pytest.approx(0.4)
    assert score(0.5) == pytest.approx(0.2)
    assert score(0.45) < 0.2


def test_two_that_agree_pass_with_less() -> None:
    assert score(0.3, 0.3) == pytest.approx(0.24)


def test_equal_opposing_votes_cancel() -> None:
    assert score(0.7, -0.7) == 0.0


def test_many_sure_votes_reach_the_bounds_and_go_no_further() -> None:
    assert score(1, 1, 1, 1, 1) == 1.0
    assert score(-1, -1, -1, -1, -1) == -1.0


def test_a_strategy_alone_has_its_own_confidence() -> None:
    alone = ensemble.evaluate(votes(0.6), 0, [(FIVE[0], 3.0)], START_MS + HOUR_MS)
    assert alone.score == pytest.approx(0.6)


def test_a_signal_says_who_led_and_why_each_voted_as_it_did() -> None:
    signal = ensemble.evaluate(votes(0.5, 0.9, -0.3), 0, EQUAL, START_MS + HOUR_MS)
    assert (signal.symbol, signal.timeframe) == ("BTC/EUR", "1h")
    assert (signal.open_ms, signal.close_ms) == (START_MS, START_MS + HOUR_MS)
    assert (signal.direction, signal.leader, signal.atr) == (1, "rsi_7", 2.5)
    assert signal.score == signal.confidence == pytest.approx(1.1 / 2.5)
    assert [vote.direction for vote in signal.votes] == [1, 1, -1, 0, 0]
    assert [vote.strategy for vote in signal.votes] == [strategy.name for strategy in FIVE]
    assert signal.votes[2].reason == "leave: cci_20 -0.30"
    assert signal.votes[3].reason == "nothing to do: mfi_14 0.00 (at least 0.15 wanted)"


def test_the_heavier_vote_leads() -> None:
    weighted = [(FIVE[0], 1.0), (FIVE[1], 3.0)]
    assert ensemble.evaluate(votes(0.9, 0.4), 0, weighted, 0).leader == "rsi_7"


def test_of_equals_the_first_leads() -> None:
    assert ensemble.evaluate(votes(0.5, 0.5), 0, EQUAL, 0).leader == "rsi_14"


def test_votes_that_all_but_cancel_are_no_opinion() -> None:
    signal = ensemble.evaluate(votes(0.6, -0.5), 0, EQUAL, 0)
    assert (signal.direction, signal.leader) == (0, "")
    assert signal.confidence == pytest.approx(0.04)


def test_a_leaving_majority_points_down() -> None:
    signal = ensemble.evaluate(votes(-0.9, 0.3), 0, EQUAL, 0)
    assert (signal.direction, signal.leader) == (-1, "rsi_14")
    assert signal.confidence == -signal.score


@pytest.mark.parametrize("weighted", [[], [(FIVE[0], 0.0), (FIVE[1], 0.0)]])
def test_without_any_weight_there_is_no_opinion(weighted: list[tuple[Strategy, float]]) -> None:
    signal = ensemble.evaluate(votes(1.0, 1.0), 0, weighted, 0)
    assert (signal.score, signal.direction, signal.leader) == (0.0, 0, "")
    assert ensemble.scores(votes(1.0, 1.0), weighted).tolist() == [0.0]


@pytest.mark.parametrize("weight", [-1.0, float("nan"), float("inf")])
def test_a_weight_that_is_none_is_refused(weight: float) -> None:
    with pytest.raises(ConfigError, match="is no weight"):
        ensemble.evaluate(votes(1.0), 0, [(FIVE[0], weight)], 0)
    with pytest.raises(ConfigError, match="is no weight"):
        ensemble.scores(votes(1.0), [(FIVE[0], weight)])


@settings(deadline=None)
@given(
    signed=st.lists(st.floats(-1, 1), min_size=5, max_size=5),
    which=st.integers(0, 4),
    raised=st.floats(0, 2),
)
def test_no_vote_lowers_the_score_by_being_surer(signed: list[float], which: int, raised: float) -> None:
    surer = signed.copy()
    surer[which] = min(surer[which] + raised, 1.0)
    assert score(*surer) >= score(*signed) - 1e-12


@settings(max_examples=60, deadline=None)
@given(table=tables, given_weights=weights)
def test_the_vectorised_scores_are_the_evaluated_ones_to_the_bit(
    table: FeatureTable, given_weights: list[float]
) -> None:
    weighted = [(get(name), weight) for name, weight in zip(names(), given_weights, strict=True)]
    all_scores = ensemble.scores(table, weighted)
    assert np.all(np.abs(all_scores) <= 1)
    for i in range(len(table)):
        signal = ensemble.evaluate(table, i, weighted, 0)
        assert signal.score == all_scores[i]
        assert signal.open_ms == table.open_ms[i]
        assert signal.direction in (-1, 0, 1)
        assert (signal.leader == "") == (signal.direction == 0)


@pytest.mark.parametrize(("asked", "given"), [(0.25, 0.25), (3.0, 1.0)])
def test_the_leaders_size_counts_and_never_grows_a_position(asked: float, given: float) -> None:
    timid = told("rsi_14")
    timid.size_scale = lambda table, i: asked  # type: ignore[method-assign]
    crowd = [(timid, 1.0), *EQUAL[1:]]
    led, followed, sold = votes(1.0, 0.5), votes(0.5, 1.0), votes(-1.0)
    assert ensemble.evaluate(led, 0, crowd, START_MS + HOUR_MS).size_scale == given
    assert ensemble.evaluate(followed, 0, crowd, START_MS + HOUR_MS).size_scale == 1.0
    assert ensemble.evaluate(sold, 0, crowd, START_MS + HOUR_MS).size_scale == 1.0
