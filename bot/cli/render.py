"""Blocks on a stream: rich on a terminal, plain text everywhere else.

rich costs more to import than a small command takes, so a pipe never pays for it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol, TextIO

from bot.cli.blocks import BAD, FAINT, GOOD, STRONG, WARNING, Block, Heading, Line, Pairs, Table
from bot.cli.secrets import masked
from bot.cli.session import session, write

if TYPE_CHECKING:
    from rich.console import Console

STYLES = {"": "", GOOD: "green", BAD: "red", WARNING: "yellow", FAINT: "dim", STRONG: "bold"}


def show(blocks: Sequence[Block], stream: TextIO) -> None:
    """Print blocks."""
    if stream.isatty():
        _show_rich(blocks, stream)
    else:
        write(stream, plain(blocks))


def plain(blocks: Sequence[Block]) -> str:
    """Blocks as text without a single escape code."""
    lines: list[str] = []
    for block in blocks:
        if isinstance(block, Heading):
            lines += ["", block.text] if lines else [block.text]
        elif isinstance(block, Line):
            lines.append(block.text)
        elif isinstance(block, Pairs):
            width = max((len(label) for label, _ in block.rows), default=0)
            lines += [f"  {label:<{width}}  {value.text}" for label, value in block.rows]
        else:
            lines += _plain_table(block)
    return "\n".join(lines) + "\n"


def _plain_table(block: Table) -> list[str]:
    titles = [title.removeprefix(">") for title in block.columns]
    right = [title.startswith(">") for title in block.columns]
    rows = [titles, *([one.text for one in row] for row in block.rows)]
    widths = [max(len(row[at]) for row in rows) for at in range(len(titles))]
    return [
        "  " + "  ".join(
            text.rjust(width) if to_right else text.ljust(width)
            for text, width, to_right in zip(row, widths, right, strict=True)
        ).rstrip()
        for row in rows
    ]  # fmt: skip


def _show_rich(blocks: Sequence[Block], stream: TextIO) -> None:
    from rich.console import Console

    console = Console(file=stream, highlight=False, soft_wrap=False)
    for block in blocks:
        if isinstance(block, Heading):
            console.print()
            console.print(masked(block.text), style="bold cyan", markup=False)
        elif isinstance(block, Line):
            console.print(masked(block.text), style=STYLES[block.tone], markup=False)
        else:
            _show_grid(block, console)


def _show_grid(block: Pairs | Table, console: Console) -> None:
    from rich.table import Table as Grid
    from rich.text import Text

    if isinstance(block, Pairs):
        grid = Grid.grid(padding=(0, 2))
        grid.add_column(style="dim")
        grid.add_column()
        for label, value in block.rows:
            grid.add_row(Text("  " + label), Text(masked(value.text), style=STYLES[value.tone]))
    else:
        grid = Grid(box=None, padding=(0, 2), header_style="dim", pad_edge=True)
        for title in block.columns:
            grid.add_column(title.removeprefix(">"), justify="right" if title.startswith(">") else "left")
        for row in block.rows:
            grid.add_row(*(Text(masked(one.text), style=STYLES[one.tone]) for one in row))
    console.print(grid)


class Advance(Protocol):
    """done: how much is done in all.  note: a few words beside the bar."""

    def __call__(self, done: float, note: str = "") -> None: ...


@contextmanager
def progress(title: str, total: float) -> Iterator[Advance]:
    """A bar on standard error for work of more than two seconds; silent where nobody looks."""
    import sys

    if session.json or not sys.stderr.isatty():
        yield lambda done, note="": None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn(),
        TextColumn("{task.fields[note]}", markup=False),
    )  # fmt: skip
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(title, total=total, note="")

        def advance(done: float, note: str = "") -> None:
            bar.update(task, completed=done, note=masked(note))

        yield advance
