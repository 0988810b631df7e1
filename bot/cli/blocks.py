"""The pieces that a report on a terminal is made of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

GOOD, BAD, WARNING, FAINT, STRONG, TITLE = "good", "bad", "warning", "faint", "strong", "title"


@dataclass(frozen=True, slots=True)
class Cell:
    """A text with a tone: "" or one of the names above."""

    text: str
    tone: str = ""


@dataclass(frozen=True, slots=True)
class Heading:
    text: str


@dataclass(frozen=True, slots=True)
class Line:
    text: str
    tone: str = ""


@dataclass(frozen=True, slots=True)
class Pairs:
    """Labels with their values, one a line."""

    rows: tuple[tuple[str, Cell], ...]


@dataclass(frozen=True, slots=True)
class Table:
    """columns: titles; ">" before one aligns it right, "~" lets its text take several lines.  rows: one cell a column.

    Figures and names are never cut or folded: where a terminal is too narrow for
    all columns, a row goes on in the next line.
    """

    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]


Block = Heading | Line | Pairs | Table


def cell(value: object, tone: str = "") -> Cell:
    """A cell of anything; None is a dash."""
    if isinstance(value, Cell):
        return value
    return Cell("-" if value is None or value == "" else str(value), tone)


def table(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> Table:
    """A table of anything."""
    return Table(tuple(columns), tuple(tuple(cell(value) for value in row) for row in rows))


def pairs(*rows: tuple[str, object]) -> Pairs:
    """Label and value rows of anything."""
    return Pairs(tuple((label, cell(value)) for label, value in rows))
