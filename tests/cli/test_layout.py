"""Reports within the width of a terminal: text folds, rows go on in the next line, nothing is cut."""

from hypothesis import given
from hypothesis import strategies as st

from bot.cli.blocks import Cell, Heading, Line, Pairs, table
from bot.cli.layout import laid_out


def shown(blocks, width=None):
    return ["".join(cell.text for cell in line).rstrip() for line in laid_out(blocks, width)]


def test_a_row_that_does_not_fit_goes_on_in_the_next_line():
    wide = table(("pair", ">price", ">stop", "since"), [("BTC/EUR", "67,776.9", "66,082.5", "2026-03-05 17:00")])
    assert shown([wide]) == [
        "  pair        price      stop  since",
        "  BTC/EUR  67,776.9  66,082.5  2026-03-05 17:00",
    ]
    assert shown([wide], 40) == [
        "  pair        price      stop",
        "      since",
        "  BTC/EUR  67,776.9  66,082.5",
        "      2026-03-05 17:00",
    ]


def test_only_columns_of_text_fold():
    reasons = table(("pair", "~reason"), [("BTC/EUR", "the strategies see no clear direction at all"), ("X", "-")])
    assert shown([reasons], 40) == [
        "  pair     reason",
        "  BTC/EUR  the strategies see no clear",
        "           direction at all",
        "  X        -",
    ]


def test_values_beside_labels_and_lines_fold_under_themselves():
    long = "one two three four five six seven eight nine"
    assert shown([Pairs((("label", Cell(long)),))], 40) == [
        "  label  one two three four five six",
        "         seven eight nine",
    ]
    assert shown([Line("  " + long)], 40) == ["  one two three four five six seven", "  eight nine"]


def test_a_number_with_no_break_spaces_stays_whole():
    told = "une position ne dépasse pas 10\u00a0% du capital : 2\u00a0963,38"
    for width in range(30, 60):
        assert any("2\u00a0963,38" in line for line in shown([Line(told)], width))


WORDS = st.text("abc.,12 ", min_size=1, max_size=60).map(str.strip).filter(bool)


@given(
    st.lists(st.tuples(*[st.text("abc123", min_size=1, max_size=20)] * 4, WORDS), min_size=1, max_size=4),
    st.integers(40, 120),
)
def test_nothing_is_ever_cut_and_no_line_is_too_long(rows, width):
    blocks = [Heading("Title"), table(("a", ">b", ">c", "d", "~text"), rows)]
    lines = shown(blocks, width)
    assert all(len(line) <= width for line in lines)
    squeezed = "".join("".join(lines).split())
    for row in rows:
        assert all(one in squeezed for one in row[:4])
    letters = sorted("".join("".join(row) for row in rows).replace(" ", "") + "Titleabcdtext")
    assert sorted(squeezed) == letters
