"""What holds for every strategy there is, found by discovery: a new one is covered without a line here."""

from __future__ import annotations

import re
from dataclasses import FrozenInstanceError, fields

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.domain.errors import ConfigError
from bot.features import NAMES, WARMUP, FeatureTable
from bot.strategies import Strategy, Votes, get, names
from tests.strategies.samples import features, market, mixed, real_table, still_market

every_strategy = pytest.mark.parametrize("strategy", [get(name) for name in names()], ids=names())
tables = st.builds(mixed, st.integers(0, 2**32), st.integers(1, 40), st.sampled_from([0.0, 0.005, 0.3]))


def same(left: Votes, right: Votes) -> bool:
    return all(
        a.tobytes() == b.tobytes() for a, b in ((left.direction, right.direction), (left.confidence, right.confidence))
    )


@every_strategy
def test_it_declares_features_that_exist(strategy: Strategy) -> None:
    assert set(strategy.features) <= set(NAMES)
    assert set(strategy.optional) < set(strategy.features)


@every_strategy
@settings(max_examples=60, deadline=None)
@given(table=tables)
def test_votes_are_directions_with_a_confidence(strategy: Strategy, table: FeatureTable) -> None:
    votes = strategy.vote(table)
    assert votes.direction.dtype == np.int8
    assert votes.confidence.dtype == np.float64
    assert len(votes.direction) == len(votes.confidence) == len(table)
    assert set(votes.direction.tolist()) <= {-1, 0, 1}
    assert np.all((votes.confidence >= 0) & (votes.confidence <= 1))
    assert np.all((votes.confidence > 0) == (votes.direction != 0))


@every_strategy
@settings(max_examples=40, deadline=None)
@given(table=tables, seed=st.integers(0, 2**32))
def test_a_row_votes_the_same_wherever_it_stands(strategy: Strategy, table: FeatureTable, seed: int) -> None:
    votes = strategy.vote(table)
    order = np.random.default_rng(seed).permutation(len(table))
    assert same(strategy.vote(table.take(order)), Votes(votes.direction[order], votes.confidence[order]))
    for i in range(len(table)):
        alone = strategy.vote(table.take(slice(i, i + 1)))
        assert same(alone, Votes(votes.direction[i : i + 1], votes.confidence[i : i + 1]))


@every_strategy
@settings(max_examples=40, deadline=None)
@given(table=tables)
def test_it_reads_no_column_that_it_does_not_declare(strategy: Strategy, table: FeatureTable) -> None:
    declared = [name in strategy.features for name in NAMES]
    only_declared = FeatureTable(table.symbol, table.timeframe, table.open_ms, np.where(declared, table.values, np.nan))
    assert same(strategy.vote(only_declared), strategy.vote(table))
    assert strategy.explain(only_declared, 0) == strategy.explain(table, 0)


@every_strategy
@settings(max_examples=40, deadline=None)
@given(table=tables)
def test_a_row_that_lacks_a_needed_feature_gets_no_vote(strategy: Strategy, table: FeatureTable) -> None:
    lacking = np.zeros(len(table), dtype=np.bool_)
    for name in set(strategy.features) - set(strategy.optional):
        lacking |= np.isnan(table.column(name))
    assert not strategy.vote(table).direction[lacking].any()
    for i in np.flatnonzero(lacking):
        assert strategy.explain(table, int(i)).startswith("not enough history")


@every_strategy
@settings(max_examples=40, deadline=None)
@given(table=tables)
def test_every_row_is_explained_by_declared_features_alone(strategy: Strategy, table: FeatureTable) -> None:
    votes = strategy.vote(table)
    # "close" and the like are words as well as columns: only names with a digit or an underscore are looked for.
    undeclared = {name for name in NAMES if re.search(r"[_\d]", name)} - {*strategy.features}
    for i in range(len(table)):
        opinion = strategy.opinion(table, i)
        assert (opinion.direction, opinion.confidence) == (votes.direction[i], votes.confidence[i])
        assert opinion.strategy == strategy.name
        assert opinion.reason
        assert "nan" not in opinion.reason
        assert not undeclared & set(re.findall(r"\w+", opinion.reason))
        starts = {1: ("buy: ",), -1: ("leave: ",), 0: ("nothing to do: ", "not enough history (")}
        assert opinion.reason.startswith(starts[opinion.direction])
        assert not opinion.reason.endswith(": ")


@every_strategy
@settings(max_examples=20, deadline=None)
@given(table=tables)
def test_a_vote_is_made_of_its_conditions(strategy: Strategy, table: FeatureTable) -> None:
    votes = strategy.vote(table)
    with np.errstate(all="ignore"):
        entry, leave = strategy.entry_conditions(table), strategy.exit_conditions(table)
    for condition in [*entry, *leave]:
        assert condition.name
        assert len(condition.met) == len(condition.strength) == len(table)
        assert np.all((condition.strength >= 0) & (condition.strength <= 1))
    for i in np.flatnonzero(votes.direction > 0):
        assert all(condition.met[i] for condition in entry if condition.needed)
        assert not any(condition.met[i] for condition in leave)
    for i in np.flatnonzero(votes.direction < 0):
        assert any(condition.met[i] for condition in leave)


@every_strategy
@settings(max_examples=10, deadline=None)
@given(table=tables)
def test_it_may_shrink_a_size_and_never_grow_it(strategy: Strategy, table: FeatureTable) -> None:
    assert all(0 < strategy.size_scale(table, i) <= 1 for i in range(len(table)))


@every_strategy
def test_on_a_market_it_buys_sometimes_leaves_sometimes_and_is_mostly_silent(strategy: Strategy) -> None:
    votes = strategy.vote(real_table())
    buys, sells = np.mean(votes.direction > 0), np.mean(votes.direction < 0)
    assert 0.001 < buys < 0.3
    assert 0.001 < sells < 0.4
    assert len(np.unique(votes.confidence)) > 5, "a confidence says how sure, not only yes or no"


@every_strategy
@pytest.mark.filterwarnings("error")
def test_a_price_that_never_moves_is_no_reason_to_do_anything(strategy: Strategy) -> None:
    votes = strategy.vote(features(still_market()))
    assert not votes.direction.any()
    assert not votes.confidence.any()
    assert strategy.explain(features(still_market()), -1).startswith("nothing to do: ")


@every_strategy
def test_no_rows_are_no_votes(strategy: Strategy) -> None:
    votes = strategy.vote(real_table().take(slice(0, 0)))
    assert len(votes.direction) == len(votes.confidence) == 0


@every_strategy
@pytest.mark.parametrize("end", [400, 777, 1200])
def test_what_comes_later_changes_no_vote(strategy: Strategy, end: int) -> None:
    then = strategy.vote(features(market().take(slice(0, end))))
    now = strategy.vote(real_table())
    np.testing.assert_array_equal(then.direction, now.direction[:end])
    np.testing.assert_allclose(then.confidence, now.confidence[:end], atol=1e-9)


@every_strategy
@pytest.mark.parametrize("end", [1000, 1287, 1600])
def test_a_live_window_votes_as_full_history_does(strategy: Strategy, end: int) -> None:
    window = strategy.vote(features(market().take(slice(0, end)), newest=720))
    settled = 720 - max(WARMUP[name] for name in strategy.features)
    assert settled > 0
    full = strategy.vote(real_table())
    sure = min(settled, 100)
    np.testing.assert_array_equal(window.direction[-sure:], full.direction[end - sure : end])
    np.testing.assert_allclose(window.confidence[-sure:], full.confidence[end - sure : end], atol=1e-3)


@every_strategy
def test_parameters_describe_themselves(strategy: Strategy) -> None:
    schema = strategy.config_schema()
    assert list(schema) == [each.name for each in fields(strategy.params)]
    for name, entry in schema.items():
        assert list(entry) == ["type", "default", "min", "max", "unit", "help"], name
        assert entry["type"] == type(entry["default"]).__name__
        assert entry["min"] <= entry["default"] <= entry["max"]
        assert entry["unit"]
        assert entry["help"]


@every_strategy
def test_parameters_go_round(strategy: Strategy) -> None:
    schema = strategy.config_schema()
    assert strategy.with_params({name: entry["default"] for name, entry in schema.items()}).params == strategy.params
    for name, entry in schema.items():
        for edge in (entry["min"], entry["max"]):
            other = strategy.with_params({name: edge})
            assert getattr(other.params, name) == edge
            votes = other.vote(real_table())
            assert np.all((votes.confidence >= 0) & (votes.confidence <= 1)), name
            other.explain(real_table(), -1)
    assert strategy.params == get(strategy.name).params, "with_params leaves the original alone"


@every_strategy
def test_a_parameter_out_of_range_is_refused_by_name(strategy: Strategy) -> None:
    for name, entry in strategy.config_schema().items():
        for wrong in (entry["min"] - 1, entry["max"] + 1, float("nan"), float("inf"), "much", None, True):
            with pytest.raises(ConfigError) as caught:
                strategy.with_params({name: wrong})
            assert f"{strategy.name}.params.{name}" in str(caught.value)
            assert repr(wrong) in str(caught.value)


@every_strategy
def test_an_unknown_parameter_is_refused_by_name(strategy: Strategy) -> None:
    with pytest.raises(ConfigError, match="moon_phase"):
        strategy.with_params({"moon_phase": 1.0})


@every_strategy
def test_parameters_cannot_be_changed_in_place(strategy: Strategy) -> None:
    for name in strategy.config_schema():
        with pytest.raises(FrozenInstanceError):
            setattr(strategy.params, name, 1.0)
