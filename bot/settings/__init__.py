"""Typed, layered settings."""

from bot.settings.fields import (
    ExchangeSettings,
    MarketSettings,
    PaperSettings,
    RiskSettings,
    Settings,
    StrategySettings,
    from_dict,
    to_dict,
)

__all__ = [
    "ExchangeSettings",
    "MarketSettings",
    "PaperSettings",
    "RiskSettings",
    "Settings",
    "StrategySettings",
    "from_dict",
    "to_dict",
]
