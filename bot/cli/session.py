"""How this run of the program talks: JSON or text, language, tracebacks.

One process runs one command, so there is one `session`. Reports go to standard
output, everything else to standard error.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TextIO

from bot.domain.errors import ConfigError

if TYPE_CHECKING:
    from bot.cli.blocks import Block

LANGUAGES = ("en", "fr")
LANGUAGE_VARIABLE = "METRONOME_LANGUAGE"

Document = dict[str, Any]
View = Callable[[Document], "list[Block]"]


@dataclass(slots=True)
class Session:
    """json: one document on standard output and no text.  debug: tracebacks.  language: "" is not yet known."""

    json: bool = False
    debug: bool = False
    language: str = ""
    reported: bool = False

    def begin(self, *, json: bool, debug: bool, language: str | None) -> None:
        """Take over the options that every command has. Raises ConfigError on a language that there is none of."""
        self.json, self.debug = json, debug
        if language is None:
            return
        if language not in LANGUAGES:
            raise ConfigError(
                f"no such language: {language!r}", where="--lang", fix=f"choose one of {', '.join(LANGUAGES)}"
            )
        self.language = language
        # Reasons inside the documents are written by the jobs, which go by the settings.
        os.environ[LANGUAGE_VARIABLE] = language

    def foresee(self, arguments: Sequence[str]) -> None:
        """Guess the same options from raw arguments, for the errors that come before they are parsed."""
        self.json = "--json" in arguments
        self.debug = "--debug" in arguments
        self.language, self.reported = _language_in(arguments), False

    def speak(self) -> str:
        """The language of this run: --lang, else the settings, else English."""
        if not self.language:
            self.language = _language_of_settings()
        return self.language

    def report(self, document: Document, view: View) -> None:
        """The one report of a command. view: makes what a terminal or a pipe shows of it."""
        self.reported = True
        if self.json:
            write(sys.stdout, json.dumps(document, ensure_ascii=False, allow_nan=False) + "\n")
            return
        from bot.cli.render import show

        show(view(document), sys.stdout)

    def note(self, text: str) -> None:
        """One line for a person, beside the report."""
        from bot.cli.program import spelled

        write(sys.stderr, spelled(text) + "\n")


def write(stream: TextIO, text: str) -> None:
    """Print without any secret of the environment, whatever the text was made from."""
    from bot.cli.secrets import masked

    stream.write(masked(text))
    stream.flush()


def _language_in(arguments: Sequence[str]) -> str:
    """The language that raw arguments ask for, "" when there is none of that name."""
    for at, argument in enumerate(arguments):
        name, _, value = argument.partition("=")
        if name == "--lang":
            asked = value or next(iter(arguments[at + 1 :]), "")
            return asked if asked in LANGUAGES else ""
    return ""


def _language_of_settings() -> str:
    asked = os.environ.get(LANGUAGE_VARIABLE, "").strip()
    if asked:
        return asked if asked in LANGUAGES else "en"
    from bot.settings import load_cached

    try:
        return load_cached().language
    except ConfigError:
        return "en"


session = Session()
