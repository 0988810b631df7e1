"""Everything that can change the settings, as found: profiles, file, environment, the bot's row.

Nothing is understood here: it is enough to know whether a kept result still holds.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bot.domain.errors import ConfigError
from bot.settings.declarations import PROFILES
from bot.settings.names import is_setting

PROFILE_DIRECTORY = Path(__file__).parent.parent / "profiles"
FILE_NAME = "metronome.toml"


@dataclass(frozen=True, slots=True)
class Inputs:
    """All that decides what the settings are, as found.

    profiles: text by name.  file_path: "" when there is no file.  environment:
    the names that are settings, with their values.  overrides: the bot's row.
    """

    profiles: Mapping[str, str]
    file_path: str
    file_text: str
    environment: Mapping[str, str]
    overrides: Mapping[str, Any]


def gather(overrides: Mapping[str, Any] | None, environ: Mapping[str, str] | None, cwd: Path | None) -> Inputs:
    """Read the profiles, the file and the environment. Raises ConfigError when a named file cannot be read."""
    env = os.environ if environ is None else environ
    path, text = _read_file(env, cwd or Path.cwd())
    return Inputs(
        profiles={name: (PROFILE_DIRECTORY / f"{name}.toml").read_text("utf-8") for name in PROFILES},
        file_path=path,
        file_text=text,
        environment={name: value for name, value in env.items() if is_setting(name) and value.strip()},
        overrides=dict(overrides or {}),
    )


def _read_file(env: Mapping[str, str], cwd: Path) -> tuple[str, str]:
    named = env.get("METRONOME_CONFIG", "").strip()
    path = cwd / Path(named or FILE_NAME).expanduser()
    try:
        return str(path), path.read_text("utf-8")
    except FileNotFoundError:
        if not named:
            return "", ""
        raise ConfigError(
            f"METRONOME_CONFIG names a file that is not there: {path}",
            where="environment, METRONOME_CONFIG",
            fix="correct the path, or leave the name out",
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise ConfigError(
            f"the settings file cannot be read: {reason}", where=str(path), fix="make it a readable TOML file"
        ) from None
