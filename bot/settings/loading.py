"""Loading: all layers in, one frozen tree out."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bot.settings import cache
from bot.settings.declarations import Settings
from bot.settings.environment import home_directory
from bot.settings.inputs import gather


def load(
    overrides: Mapping[str, Any] | None = None, environ: Mapping[str, str] | None = None, cwd: Path | None = None
) -> Settings:
    """Settings from all layers, validated.

    overrides: the bot's row, nested or with dotted names.  environ, cwd: the
    process's own where not given.  Raises SettingsError (a ConfigError) that
    names every field, value, layer and range that is wrong.
    """
    from bot.settings import validation

    env = os.environ if environ is None else environ
    return validation.load(gather(overrides, env, cwd), env)


def load_cached(
    overrides: Mapping[str, Any] | None = None, environ: Mapping[str, str] | None = None, cwd: Path | None = None
) -> Settings:
    """Equal to `load`, without importing pydantic when the same inputs were valid before."""
    env = os.environ if environ is None else environ
    inputs = gather(overrides, env, cwd)
    key, home = cache.key_of(inputs), home_directory(env, cwd)
    kept = cache.read(home, key) if key else None
    if kept is not None:
        return kept
    from bot.settings import validation

    settings = validation.load(inputs, env)
    if key:
        cache.write(home, key, settings)
    return settings
