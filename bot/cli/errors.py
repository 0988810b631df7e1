"""Errors as a person reads them: what is wrong, where, how to mend it. And the exit code."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import dataclass
from typing import TextIO

from typer import Abort, TyperException

from bot.cli.french import local
from bot.cli.program import CALL, spelled
from bot.cli.session import session, write
from bot.cli.texts import text
from bot.domain.errors import MetronomeError

INTERRUPTED = 130
RED, BOLD, PLAIN = "\x1b[31m", "\x1b[1m", "\x1b[0m"


@dataclass(frozen=True, slots=True)
class Explained:
    """An error in words, and what the process ends with."""

    what: str
    where: str
    fix: str
    exit_code: int


def explain(problem: BaseException) -> Explained:
    """Words for any exception. Ours carry them; a wrong command line is told by the parser; the rest is unexpected."""
    if isinstance(problem, MetronomeError):
        return Explained(local(problem.what), local(problem.where), local(problem.fix), problem.exit_code)
    if isinstance(problem, TyperException):
        context = getattr(problem, "ctx", None)
        path = str(context.command_path) if context is not None else CALL
        what = " ".join(problem.format_message().split())
        return Explained(local(what), text("error.arguments"), text("error.see_help", command=f"{path} --help"), 2)
    if isinstance(problem, Abort | KeyboardInterrupt):
        return Explained(text("error.interrupted"), "", "", INTERRUPTED)
    what = text("error.unexpected", kind=type(problem).__name__, message=str(problem) or "-")
    return Explained(what, _place(problem), text("error.see_traceback"), MetronomeError.exit_code)


def show_error(problem: BaseException) -> int:
    """Print an error and return the exit code. With --json, standard output gets it as the one document."""
    told = explain(problem)
    if session.json and not session.reported:
        error = {"what": told.what, "where": told.where, "fix": told.fix, "exit_code": told.exit_code}
        write(sys.stdout, json.dumps({"error": error}, ensure_ascii=False) + "\n")
    if session.debug:
        import traceback

        write(sys.stderr, "".join(traceback.format_exception(problem)))
    write(sys.stderr, spelled(_in_lines(told, coloured(sys.stderr))))
    return told.exit_code


def coloured(stream: TextIO) -> bool:
    """Whether colours may go to a stream: only to a terminal, and not against NO_COLOR."""
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def _in_lines(told: Explained, colours: bool) -> str:
    red, bold, plain = (RED, BOLD, PLAIN) if colours else ("", "", "")
    rows = [f"{red}{bold}{text('error.title')}{plain}{red} {told.what}{plain}"]
    labelled = ((text("error.where"), told.where), (text("error.fix"), told.fix))
    width = max(len(label) for label, _ in labelled)
    rows += [f"  {label:<{width}} {value}" for label, value in labelled if value]
    return "\n".join(rows) + "\n"


def _place(problem: BaseException) -> str:
    """Module and line that raised, without the machine's folders."""
    trace = problem.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    if trace is None:
        return ""
    return f"{trace.tb_frame.f_globals.get('__name__', '?')}, line {trace.tb_lineno}"
