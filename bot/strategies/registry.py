"""Which strategies there are. Modules of this package are found by themselves."""

from __future__ import annotations

import pkgutil
from importlib import import_module
from typing import TypeVar

from bot.domain.errors import ConfigError
from bot.strategies.base import Strategy

S = TypeVar("S", bound=Strategy)

_strategies: dict[str, Strategy] = {}


def register(strategy: type[S]) -> type[S]:
    """Make a strategy known under its name (class decorator).

    Raises ConfigError when another one has that name already.
    """
    holder = _strategies.get(strategy.name)
    if holder is not None and type(holder).__module__ != strategy.__module__:
        raise ConfigError(
            f"two strategies are called {strategy.name!r}",
            where=f"{type(holder).__module__} and {strategy.__module__}",
            fix="rename one",
        )
    _strategies[strategy.name] = strategy()
    return strategy


def names() -> tuple[str, ...]:
    """Names of all strategies, in alphabetical order."""
    _discover()
    return tuple(sorted(_strategies))


def get(name: str) -> Strategy:
    """The strategy with its default parameters. Raises ConfigError on an unknown name."""
    if name not in _strategies:
        _discover()
    if name not in _strategies:
        raise ConfigError(f"unknown strategy {name!r}", where="strategies", fix=f"known: {', '.join(names())}")
    return _strategies[name]


def _discover() -> None:
    import bot.strategies as package

    for module in sorted(found.name for found in pkgutil.iter_modules(package.__path__)):
        import_module(f"{package.__name__}.{module}")
