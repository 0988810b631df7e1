"""Typed, layered settings: one frozen tree for the rest of the bot.

    settings = load_cached(overrides=bot.overrides)   # ConfigError names all that is wrong
    settings.risk.stop_loss_frac                      # 0.025
    secrets = read_secrets()                          # environment only

declarations.py is the one list of settings. Importing this package imports neither
pydantic nor the strategies.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from bot.settings.declarations import (
    SHARED,
    ExchangeSettings,
    LiveSettings,
    MarketSettings,
    PaperSettings,
    RiskSettings,
    Settings,
    StrategySettings,
    from_dict,
    to_dict,
)
from bot.settings.environment import Runtime, Secret, Secrets, home_directory, read_runtime, read_secrets
from bot.settings.loading import load, load_cached

if TYPE_CHECKING:
    from bot.settings.problems import Problem, SettingsError
    from bot.settings.reference import Row, describe, fields, parse_assignment

__all__ = [
    "SHARED",
    "ExchangeSettings",
    "LiveSettings",
    "MarketSettings",
    "PaperSettings",
    "Problem",
    "RiskSettings",
    "Row",
    "Runtime",
    "Secret",
    "Secrets",
    "Settings",
    "SettingsError",
    "StrategySettings",
    "describe",
    "fields",
    "from_dict",
    "home_directory",
    "load",
    "load_cached",
    "parse_assignment",
    "read_runtime",
    "read_secrets",
    "to_dict",
]

_LATER = {
    "Problem": "problems",
    "SettingsError": "problems",
    "Row": "reference",
    "describe": "reference",
    "fields": "reference",
    "parse_assignment": "reference",
}


def __getattr__(name: str) -> Any:
    """What a tick does not need when all is well is imported by those who ask for it."""
    if name in _LATER:
        return getattr(import_module(f"{__name__}.{_LATER[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
