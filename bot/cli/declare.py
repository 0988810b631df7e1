"""Declaring commands: every one has --json, --lang, --debug and at least one example."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

from bot.cli.program import program
from bot.cli.session import session

PROGRAM = program()

SHARED = (
    ("json", bool, False, typer.Option("--json", help="Print exactly one JSON document, everything else on stderr.")),
    ("lang", str | None, None, typer.Option("--lang", metavar="en|fr", help="Language of this command.")),
    ("debug", bool, False, typer.Option("--debug", help="Show the traceback of an error.")),
)


class _AsTyped:
    """Takes text as it was typed."""

    def coerce(self, value: Any, param: Any, ctx: Any) -> Any:
        return value


class _PlainText:
    """For commands whose arguments are text or flags, which then cost nothing to read.

    Typer converts every value with pydantic, plain text too, and the import of
    pydantic alone takes a tenth of a tick. That step is skipped here. A Typer
    that keeps it elsewhere is merely slower.
    """

    def get_params(self, ctx: Any) -> list[Any]:
        params: list[Any] = super().get_params(ctx)  # type: ignore[misc]
        for param in params:
            if getattr(param, "_runtime_param", False) is None and not getattr(param, "multiple", True):
                vars(param)["_runtime_param"] = _AsTyped()
        return params


class Command(_PlainText, TyperCommand):
    """A command of ours."""


class Group(_PlainText, TyperGroup):
    """Lists its commands in the order of their declaration."""


def new_app(help_text: str, examples: tuple[str, ...]) -> typer.Typer:
    """A Typer app with plain help: rich help would cost every --help a quarter of a second."""
    return typer.Typer(
        help=help_text,
        epilog=_epilog(examples),
        cls=Group,
        add_completion=False,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        no_args_is_help=False,
        context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
    )


def with_root(app: typer.Typer) -> typer.Typer:
    """Without a command the app shows its help and ends with 0."""

    @app.callback(invoke_without_command=True)
    def root(context: typer.Context) -> None:
        if context.invoked_subcommand is None:
            sys.stdout.write(context.get_help() + "\n")

    return app


def command(
    app: typer.Typer, name: str, *examples: str
) -> Callable[[Callable[..., int | None]], Callable[..., int | None]]:
    """Declare a function as a command. Its docstring is the help; what it returns is the exit code (None: 0).

    Parameters must be flags or text with a default of None, each an Annotated
    Typer option or argument.
    """

    def declare(work: Callable[..., int | None]) -> Callable[..., int | None]:
        def run(*, json: bool, lang: str | None, debug: bool, **own: Any) -> None:
            session.begin(json=json, debug=debug, language=lang)
            raise typer.Exit(work(**own) or 0)

        own = inspect.signature(work, eval_str=True).parameters.values()
        shared = [
            inspect.Parameter(key, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=Annotated[kind, option])
            for key, kind, default, option in SHARED
        ]
        keywords = [one.replace(kind=inspect.Parameter.KEYWORD_ONLY) for one in own]
        vars(run)["__signature__"] = inspect.Signature([*keywords, *shared])
        run.__annotations__ = {}
        app.command(name, cls=Command, help=inspect.cleandoc(work.__doc__ or ""), epilog=_epilog(examples))(run)
        return work

    return declare


def _epilog(examples: tuple[str, ...]) -> str:
    if not examples:
        raise ValueError("a command without an example")
    # "\b" keeps the lines as they are.
    return "\b\nExamples:\n" + "\n".join(f"  {PROGRAM} {example}".rstrip() for example in examples)
