"""Laws of the pure parts: spans, candles out of trades, checks, rows on disk."""

from __future__ import annotations

from decimal import Decimal
from importlib import import_module
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.simulator.samples import START_MS, make_series
from training.history import spans
from training.history.building import build
from training.history.checks import first_complaint, gaps
from training.history.files import read_parquet, sha256, write_parquet
from training.history.parts import Part
from training.history.rows import Rows, first_conflict, merged
from training.history.tape import OpenCandle, Trade, TradeCandles

SPANS = st.lists(st.tuples(st.integers(0, 40), st.integers(0, 40)), max_size=6)


def moments(of):
    return {moment for start, end in of for moment in range(start, end)}


@given(SPANS, SPANS)
def test_spans_add_and_subtract_like_sets(ours, theirs):
    for made, expected in (
        (spans.add(ours, *theirs), moments(ours) | moments(theirs)),
        (spans.subtract(ours, theirs), moments(ours) - moments(theirs)),
    ):
        assert moments(made) == expected
        assert all(a[1] < b[0] for a, b in pairwise(made)) or made == spans.subtract(ours, theirs)
        assert all(start < end for start, end in made)


TRADES = st.lists(
    st.tuples(st.decimals("0.01", "99999", places=5), st.decimals("0", "9999", places=8), st.integers(0, 900_000)),
    min_size=1,
    max_size=60,
)


@given(TRADES, st.data())
@settings(deadline=None)
def test_candles_out_of_trades_are_exact_and_the_same_in_whatever_pages_they_come(made, data):
    made = sorted(made, key=lambda one: one[2])
    trades = [Trade(price, volume, START_MS + ms, number) for number, (price, volume, ms) in enumerate(made)]
    whole = TradeCandles("1m", 60_000)
    whole.add(trades)
    whole.close()
    rows = whole.take()

    cuts = sorted(data.draw(st.lists(st.integers(0, len(trades)), max_size=5)))
    parts, still_open = [], None
    for start, end in zip([0, *cuts], [*cuts, len(trades)], strict=True):
        # As after a restart: what is open goes through text.
        candles = TradeCandles("1m", 60_000, OpenCandle.from_texts(still_open) if still_open else None)
        candles.add(trades[start:end])
        still_open = candles.still_open.as_texts() if candles.still_open else None
        if end == len(trades):
            candles.close()
        parts.append(candles.take().table())
        if end == len(trades):
            break
    assert np.concatenate(parts).tolist() == rows.table().tolist()

    assert first_complaint(rows) is None
    for index, open_ms in enumerate(rows.open_ms.tolist()):
        inside = [one for one in trades if open_ms <= one.moment_ms < open_ms + 60_000]
        prices = [one.price for one in inside]
        expected = (prices[0], max(prices), min(prices), prices[-1], sum(one.volume for one in inside),
                    sum((one.price * one.volume for one in inside), Decimal(0)))  # fmt: skip
        assert rows.table()[index].tolist() == [open_ms, *map(float, expected), len(inside)]


@given(st.lists(st.integers(0, 99), unique=True, min_size=1), st.lists(st.integers(0, 99), unique=True))
@settings(deadline=None)
def test_rows_merge_in_order_nothing_twice_nothing_lost(ours, theirs):
    series = make_series(count=100)
    basic = (series.open_ms, series.open, series.high, series.low, series.close, series.volume)
    every = Rows.from_columns("5m", basic)
    a, b = (every.take(np.array(sorted(chosen), dtype=np.int64)) for chosen in (ours, theirs))
    both = merged(a, b)
    assert first_conflict(a, b) is None
    assert both.open_ms.tolist() == every.open_ms[sorted({*ours, *theirs})].tolist()
    assert first_complaint(both) is None
    missing = int((both.open_ms[-1] - both.open_ms[0]) // 300_000 + 1 - len(both))
    assert sum(hole.missing for hole in gaps(both)) == missing


def sample(count=600):
    series = make_series(count=count)
    basic = (series.open_ms, series.open, series.high, series.low, series.close, series.volume)
    return Rows.from_columns("5m", basic)


def test_unknown_quote_volumes_and_trades_are_empty_cells_and_whole_columns_are_left_out(tmp_path):
    rows = sample()
    write_parquet(tmp_path / "a.parquet", rows)
    first = sha256(tmp_path / "a.parquet")
    write_parquet(tmp_path / "a.parquet", rows)
    assert sha256(tmp_path / "a.parquet") == first
    parquet = import_module("pyarrow.parquet")
    assert parquet.read_schema(tmp_path / "a.parquet").names == [
        "timestamp", "open", "high", "low", "close", "volume",
    ]  # fmt: skip
    rows.trades[5:] = 7
    write_parquet(tmp_path / "b.parquet", rows)
    schema = parquet.read_schema(tmp_path / "b.parquet")
    assert (str(schema.field("timestamp").type), str(schema.field("trades").type)) == ("timestamp[ms, tz=UTC]", "int64")
    again = read_parquet(tmp_path / "b.parquet", "5m")
    assert np.array_equal(again.table(), rows.table(), equal_nan=True)


def test_a_part_gives_back_what_was_appended(tmp_path):
    rows = sample(30)
    part = Part.begin(tmp_path, "BTC/EUR", "5m", "test", START_MS)
    for start in range(0, 30, 7):
        piece = rows.take(slice(start, start + 7))
        part.append(piece, piece.end_ms, {"page": start})
        found = Part.find(tmp_path, "BTC/EUR", "5m")
        assert found is not None
        assert (found.span, found.cursor) == ((START_MS, piece.end_ms), {"page": start})
        assert np.array_equal(found.rows().table(), rows.take(slice(0, start + 7)).table(), equal_nan=True)
    part.remove()
    assert Part.find(tmp_path, "BTC/EUR", "5m") is None


def test_buckets_at_the_edges_of_a_span_are_never_built_from_a_part_of_them():
    rows = sample(30)
    holes = spans.inside([(rows.first_ms + 300_000, rows.end_ms)], 3_600_000)
    assert holes == [(rows.first_ms + 3_600_000, rows.first_ms + 7_200_000)]
    assert len(build(rows, "1h", holes[0], gaps_are_quiet=True)) == 1
    with pytest.raises(ValueError, match="cannot be built"):
        build(rows, "1m", holes[0], gaps_are_quiet=True)
