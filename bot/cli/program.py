"""How this program is called from where the user stands, so that a printed command works when it is copied."""

from __future__ import annotations

import os
import re
import sys
from functools import lru_cache

CALL = "python -m bot"
"""How texts write it."""

_WRITTEN = re.compile(rf"(?<![\w/.\\]){CALL}\b")


def spelled(text: str) -> str:
    """text with each `python -m bot` as it has to be typed here."""
    return _WRITTEN.sub(lambda _: program(), text) if CALL in text else text


@lru_cache(maxsize=1)
def program() -> str:
    """`python -m bot` where `python` is the interpreter that runs this; else with the path of that interpreter.

    Compared are the paths as they are: inside a virtual environment `python` is
    a link to another one, which has none of the packages.
    """
    own = os.path.abspath(sys.executable or "python")
    if not sys.executable or _first_on_path("python") == own:
        return CALL
    try:
        short = os.path.relpath(own)
    except ValueError:  # another drive
        short = own
    path = own if short.startswith(os.pardir) else short
    return f'"{path}" -m bot' if " " in path else f"{path} -m bot"


def _first_on_path(name: str) -> str:
    for folder in os.environ.get("PATH", "").split(os.pathsep):
        found = os.path.abspath(os.path.join(folder or os.curdir, name))
        if os.access(found, os.X_OK):
            return found
    return ""
