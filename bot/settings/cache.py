"""A validated result, kept so that the next process need not validate again.

The file is named by a hash of everything that decides the result: this code,
the strategies' code, profiles, file, environment, the bot's row. Any doubt
(absent, damaged, another version) means a full validation. Only results that
were valid are written, and those hold no secret: secrets are no settings.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

from bot.settings.declarations import Settings, from_dict, to_dict
from bot.settings.inputs import Inputs

FOLDER = "settings"
KEEP = 64
"""Files kept; one for each set of overrides in use is enough, older ones are removed."""

_PACKAGE = Path(__file__).parent.parent
_CODE = ("settings/*.py", "strategies/**/*.py", "domain/timeframes.py")


def key_of(inputs: Inputs) -> str:
    """Hash of all inputs; "" when they cannot be hashed."""
    try:
        code = _code(_PACKAGE)
        given = json.dumps(
            [
                dict(inputs.profiles),
                inputs.file_path,
                inputs.file_text,
                sorted(inputs.environment.items()),
                inputs.overrides,
            ],
            sort_keys=True,
        )
    except (OSError, TypeError, ValueError):
        return ""
    return _digest((code, given.encode())).hex()


@cache
def _code(package: Path) -> bytes:
    """Stands for the code that this process runs; read once, however many bots it has."""
    return _digest([path.read_bytes() for pattern in _CODE for path in sorted(package.glob(pattern))])


def _digest(parts: Iterable[bytes]) -> bytes:
    digest = hashlib.blake2b(digest_size=20)
    for part in parts:
        digest.update(len(part).to_bytes(8, "big") + part)
    return digest.digest()


def read(home: Path, key: str) -> Settings | None:
    """The kept result, None when there is none that can be trusted."""
    try:
        kept = json.loads((home / FOLDER / f"{key}.json").read_bytes())
        if kept["key"] != key or kept["check"] != _check(kept["settings"], kept["origins"]):
            return None
        return from_dict(kept["settings"], kept["origins"])
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def write(home: Path, key: str, settings: Settings) -> None:
    """Keep a result: whole or not at all. A home that cannot be written is no error, only slower next time."""
    values, origins = to_dict(settings), dict(settings.origins)
    kept = {"key": key, "check": _check(values, origins), "settings": values, "origins": origins}
    with suppress(OSError):
        folder = home / FOLDER
        folder.mkdir(parents=True, exist_ok=True)
        _replace(folder / f"{key}.json", json.dumps(kept, indent=1))
        _prune(folder)


def _check(values: Any, origins: Any) -> str:
    """Guards against a file that was damaged or edited by hand and would go unvalidated."""
    return hashlib.blake2b(json.dumps([values, origins], sort_keys=True).encode(), digest_size=16).hexdigest()


def _replace(path: Path, text: str) -> None:
    import tempfile

    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=path.stem, suffix=".tmp")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise


def _prune(folder: Path) -> None:
    newest_first = sorted(folder.glob("*.json"), key=lambda path: path.stat().st_mtime_ns, reverse=True)
    for path in newest_first[KEEP:]:
        path.unlink(missing_ok=True)
