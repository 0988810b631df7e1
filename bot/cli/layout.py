"""Blocks into lines of a given width. Nothing is ever cut: text folds, rows of figures go on in the next line."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from bot.cli.blocks import FAINT, TITLE, Block, Cell, Heading, Line, Pairs, Table

Segments = list[Cell]

INDENT, FURTHER, GAP = 2, 6, 2
"""Before a row, before its further lines, between columns."""

LEAST = 16
"""A column of text is not made narrower than this; it goes to the next line instead."""


def laid_out(
    blocks: Sequence[Block], width: int | None = None, spell: Callable[[str], str] = str
) -> Iterator[Segments]:
    """Lines of toned pieces. width: of the terminal; None: as wide as it takes.  spell: the last word on each text."""
    for block in blocks:
        if isinstance(block, Heading):
            yield [Cell("")]
            yield from ([Cell(line, TITLE)] for line in _folded(spell(block.text), width))
        elif isinstance(block, Line):
            yield from ([Cell(line, block.tone)] for line in _folded(spell(block.text), width))
        elif isinstance(block, Pairs):
            yield from _pairs(
                tuple((spell(label), replace(cell, text=spell(cell.text))) for label, cell in block.rows), width
            )
        else:
            rows = tuple(tuple(replace(cell, text=spell(cell.text)) for cell in row) for row in block.rows)
            yield from _Grid(Table(block.columns, rows), width).lines()


def _folded(text: str, width: int | None) -> list[str]:
    """Lines of at most that width, each as far in as the first. No-break spaces hold."""
    indent = text[: len(text) - len(text.lstrip(" "))]
    room = None if width is None else max(LEAST, width - len(indent))
    if room is None or len(text) <= room:
        return [text]
    return [indent + line for line in textwrap.wrap(text.strip(), room, break_on_hyphens=False)]


def _pairs(rows: Sequence[tuple[str, Cell]], width: int | None) -> Iterator[Segments]:
    label_width = max((len(label) for label, _ in rows), default=0)
    room = None if width is None else width - INDENT - label_width - GAP
    for label, value in rows:
        for number, line in enumerate(_folded(value.text, room)):
            shown = "" if number else label
            yield [Cell(f"{'':{INDENT}}{shown:<{label_width}}{'':{GAP}}", FAINT), Cell(line, value.tone)]


class _Grid:
    """A table within a width: which columns share a line, and how wide each is."""

    def __init__(self, table: Table, width: int | None) -> None:
        self.titles = [title.lstrip(">~") for title in table.columns]
        self.right = [title.startswith(">") for title in table.columns]
        self.folds = [title.startswith("~") for title in table.columns]
        self.rows = [[Cell(title, FAINT) for title in self.titles], *table.rows]
        self.widths = [max(len(row[at].text) for row in self.rows) for at in range(len(self.titles))]
        self.groups = self._groups(width)

    def lines(self) -> Iterator[Segments]:
        for row in self.rows:
            for number, group in enumerate(self.groups):
                yield from self._line(row, group, FURTHER if number else INDENT)

    def _groups(self, width: int | None) -> list[list[int]]:
        """Columns line by line, as many as fit; then the text columns take what is left."""
        columns = range(len(self.titles))
        if width is None:
            return [list(columns)]
        natural = self.widths[:]
        self.widths = [min(natural[at], LEAST) if self.folds[at] else natural[at] for at in columns]
        groups: list[list[int]] = [[]]
        for at in columns:
            if groups[-1] and self._taken([*groups[-1], at], len(groups) > 1) > width:
                groups.append([])
            groups[-1].append(at)
        for number, group in enumerate(groups):
            self._widen(group, natural, width - self._taken(group, number > 0))
        return groups

    def _taken(self, group: Sequence[int], further: bool) -> int:
        return (FURTHER if further else INDENT) + sum(self.widths[at] for at in group) + GAP * (len(group) - 1)

    def _widen(self, group: Sequence[int], natural: Sequence[int], room: int) -> None:
        while room > 0:
            narrow = [at for at in group if self.widths[at] < natural[at]]
            if not narrow:
                return
            for at in narrow[:room]:
                self.widths[at] += 1
            room -= len(narrow)

    def _line(self, row: Sequence[Cell], group: Sequence[int], indent: int) -> Iterator[Segments]:
        parts = {at: self._parts(row[at].text, at) for at in group}
        for number in range(max(map(len, parts.values()))):
            line = [Cell(" " * indent)]
            for place, at in enumerate(group):
                text = parts[at][number] if number < len(parts[at]) else ""
                last = place == len(group) - 1
                padded = (
                    text.rjust(self.widths[at]) if self.right[at] else text if last else text.ljust(self.widths[at])
                )
                line.append(Cell(" " * (GAP if place else 0) + padded, row[at].tone))
            while len(line) > 1 and not line[-1].text.strip():
                line.pop()
            yield line

    def _parts(self, text: str, at: int) -> list[str]:
        if not self.folds[at] or len(text) <= self.widths[at]:
            return [text]
        return textwrap.wrap(text, self.widths[at], break_on_hyphens=False)
