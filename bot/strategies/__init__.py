"""Strategies: rows of features in, votes with reasons out. One file each.

A new one is a module in this package with a `Strategy` under `@register`; it is
found by itself. `ensemble` makes one signal of many votes. Pure: the same row
gives the same vote, wherever it stands in the table.
"""

from bot.strategies import ensemble
from bot.strategies.base import Strategy, Votes, param
from bot.strategies.registry import get, names, register

__all__ = ["Strategy", "Votes", "ensemble", "get", "names", "param", "register"]
