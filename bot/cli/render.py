"""Blocks on a stream: rich on a terminal, plain text everywhere else.

rich costs more to import than a small command takes, so a pipe never pays for it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Protocol, TextIO

from bot.cli.blocks import BAD, FAINT, GOOD, STRONG, TITLE, WARNING, Block
from bot.cli.layout import laid_out
from bot.cli.program import spelled
from bot.cli.secrets import masked
from bot.cli.session import session, write

STYLES = {"": "", TITLE: "bold cyan", GOOD: "green", BAD: "red", WARNING: "yellow", FAINT: "dim", STRONG: "bold"}


def show(blocks: Sequence[Block], stream: TextIO) -> None:
    """Print blocks: as wide as they are into a pipe, within its width on a terminal."""
    if stream.isatty():
        _show_rich(blocks, stream)
    else:
        write(stream, spelled(plain(blocks)))


def plain(blocks: Sequence[Block]) -> str:
    """Blocks as text without a single escape code."""
    lines = ("".join(cell.text for cell in line).rstrip() for line in laid_out(blocks))
    return "\n".join(lines).removeprefix("\n") + "\n"


def _show_rich(blocks: Sequence[Block], stream: TextIO) -> None:
    from rich.console import Console
    from rich.text import Text

    console = Console(file=stream, highlight=False)
    for line in laid_out(blocks, console.width, lambda text: masked(spelled(text))):
        console.print(Text.assemble(*((cell.text, STYLES[cell.tone]) for cell in line)), soft_wrap=True)


class Advance(Protocol):
    """done: how much is done in all.  note: a few words beside the bar."""

    def __call__(self, done: float, note: str = "") -> None: ...


@contextmanager
def progress(title: str, total: float | None) -> Iterator[Advance]:
    """A bar on standard error for work of more than two seconds; silent where nobody looks. total: None is unknown."""
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
