"""One exchange class of ccxt without its hundred siblings.

`import ccxt.async_support.kraken` first runs the package's own `__init__`, which
imports every exchange there is, twice (synchronous and asynchronous). A tick
uses one class, so the packages are put in place as empty shells and only the
modules that the class itself imports are run. `requests` is left out in the same
way: ccxt's base class needs it for its synchronous client alone.

This leans on ccxt's layout. It is therefore bound to one version; with any other
version, or when anything at all goes wrong, the ordinary import is used.

In a process that has loaded an exchange this way `import ccxt` finds the shell:
take classes from `load_exchange` only.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Any

from bot.domain.errors import ConfigError

VERIFIED_VERSION = "4.5.90"

_SHELLS = ("ccxt", "ccxt.async_support")


class _LayoutChangedError(Exception):
    """ccxt is not laid out as this loader expects."""


def load_exchange(exchange_id: str) -> type[Any]:
    """ccxt's asynchronous class for an exchange id such as "kraken".

    Not for use while another thread imports `requests` for the first time.
    Raises ConfigError when ccxt has no such exchange.
    """
    package = sys.modules.get("ccxt")
    if package is not None and not hasattr(package, "is_shell"):
        return _load_from_package(exchange_id)
    known = set(sys.modules)
    try:
        return _load_lean(exchange_id)
    except ConfigError:
        raise
    except Exception:  # whatever is off, the ordinary way still works
        _forget(known)
        return _load_from_package(exchange_id)


def _load_lean(exchange_id: str) -> type[Any]:
    root = _package_root()
    if not exchange_id.isidentifier() or not (root / "async_support" / f"{exchange_id}.py").is_file():
        raise _unknown_exchange(exchange_id)
    if "ccxt" not in sys.modules:
        _lay_shells(root)
    module = importlib.import_module(f"ccxt.async_support.{exchange_id}")
    exchange: type[Any] = getattr(module, exchange_id)
    return exchange


def _package_root() -> Path:
    spec = importlib.util.find_spec("ccxt")
    if spec is None or not spec.submodule_search_locations:
        raise _LayoutChangedError("ccxt is not an ordinary package")
    return Path(spec.submodule_search_locations[0])


def _lay_shells(root: Path) -> None:
    """Put both packages in place and give them the names that ccxt's own modules take from them."""
    top = _shell("ccxt", root)
    sub = _shell("ccxt.async_support", root / "async_support")
    vars(top)["async_support"] = sub
    with _without_requests():
        errors = importlib.import_module("ccxt.base.errors")
        base = importlib.import_module("ccxt.base.exchange")
    if base.__version__ != VERIFIED_VERSION:
        raise _LayoutChangedError(f"ccxt {base.__version__} was not verified")
    names = {name: value for name, value in vars(errors).items() if not name.startswith("_")}
    vars(top).update(names, Exchange=base.Exchange, __version__=base.__version__)
    vars(sub).update(names, __version__=base.__version__)


def _shell(name: str, folder: Path) -> ModuleType:
    spec = ModuleSpec(name, None, is_package=True)
    spec.submodule_search_locations = [str(folder)]
    module = ModuleType(name, "Placed by bot.adapters.ccxt_loader; see there.")
    vars(module).update(__path__=[str(folder)], __spec__=spec, is_shell=True)
    sys.modules[name] = module
    return module


class _NoSession:
    """In place of requests.Session: says what is missing instead of failing oddly."""

    def __init__(self) -> None:
        raise RuntimeError("ccxt was loaded without its synchronous client; use the asynchronous class")


class _NeverRaisedError(Exception):
    """In place of the errors of requests, named in except clauses that never run here."""


@contextmanager
def _without_requests() -> Iterator[None]:
    """Stand in for `requests` for the time of one import, unless it is loaded already."""
    if "requests" in sys.modules:
        yield
        return
    errors = ("HTTPError", "Timeout", "TooManyRedirects", "RequestException", "ConnectionError")
    stand_ins = {name: ModuleType(name) for name in ("requests", "requests.utils", "requests.exceptions")}
    vars(stand_ins["requests"]).update(Session=_NoSession)
    vars(stand_ins["requests.utils"]).update(default_user_agent=lambda: f"ccxt/{VERIFIED_VERSION}")
    vars(stand_ins["requests.exceptions"]).update(dict.fromkeys(errors, _NeverRaisedError))
    sys.modules.update(stand_ins)
    try:
        yield
    finally:
        for name in stand_ins:
            del sys.modules[name]


def _forget(known: set[str]) -> None:
    """Take back every ccxt module that was not there before."""
    for name in [name for name in sys.modules if name == "ccxt" or name.startswith("ccxt.")]:
        if name not in known or name in _SHELLS:
            del sys.modules[name]


def _load_from_package(exchange_id: str) -> type[Any]:
    package = importlib.import_module("ccxt.async_support")
    if exchange_id not in package.exchanges:
        raise _unknown_exchange(exchange_id)
    exchange: type[Any] = getattr(package, exchange_id)
    return exchange


def _unknown_exchange(exchange_id: str) -> ConfigError:
    return ConfigError(
        f"unknown exchange {exchange_id!r}", where="exchange.id", fix="use a ccxt id, for example kraken"
    )
