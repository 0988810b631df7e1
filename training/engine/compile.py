"""Compiles the rulebook's own functions with Numba, without a copy of any of them.

Each dispatcher is made from the code object of the function that the tick calls;
only the names of other functions in its globals are bound to their dispatchers.
bot/ stays as it is, and knows nothing of this.

What is compiled is kept on disk. Numba looks only at the file of the function
itself when it judges whether its cache is stale, and so would go on with old rules
after a change of a function that is called. The folder's name therefore carries a
hash of all sources that the loop is made of.
"""

from __future__ import annotations

import hashlib
import importlib
import os
import pkgutil
import platform
import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any, NamedTuple

import numba

from bot.settings import home_directory

CORE_PACKAGE = "bot.rulebook"
LOOP = "training.engine.simulate"
HELPERS = ("training.engine.exact", "training.engine.state", "training.market.arrays")
"""Where functions come from that are compiled when one that is compiled calls them."""


VERSIONS_KEPT = 4
"""Compiled versions that are kept on disk."""

_typeof: Any = numba.typeof


class Compiled(NamedTuple):
    """A function ready to run. compile_s: seconds that it took to compile it, or to load it from disk."""

    run: Any
    compile_s: float


def dispatcher(plain: FunctionType, made: dict[FunctionType, Any], *, keep: bool = False, inner: bool = False) -> Any:
    """The function and all that it calls, compiled when first called.

    keep: on disk, for the next process.  inner: it is never called from Python, and the way in from there is left
    out: for small functions it would be half of the time to compile.
    """
    if plain not in made:
        ways: dict[str, Any] = {"no_cpython_wrapper": True, "no_cfunc_wrapper": True} if inner else {}
        made[plain] = numba.njit(**ways, cache=keep)(_rebound(plain, made))
    return made[plain]


def _rebound(plain: FunctionType, made: dict[FunctionType, Any]) -> FunctionType:
    """The same code over globals in which the functions that it calls are dispatchers."""
    given = plain.__globals__
    calls = {
        name: dispatcher(found, made, inner=True)
        for name in _names(plain)
        if isinstance(found := given.get(name), FunctionType) and _is_ours(found)
    }
    return FunctionType(plain.__code__, given | calls, plain.__name__, plain.__defaults__, plain.__closure__)


def _names(plain: FunctionType) -> Iterator[str]:
    """Names that the function's code, or a comprehension within it, looks up."""
    codes = [plain.__code__]
    while codes:
        code = codes.pop()
        yield from code.co_names
        codes += [one for one in code.co_consts if hasattr(one, "co_names")]


def _is_ours(found: FunctionType) -> bool:
    return found.__module__.startswith(CORE_PACKAGE + ".") or found.__module__ in (LOOP, *HELPERS)


def _function(module: str, attribute: str) -> FunctionType:
    found = getattr(importlib.import_module(module), attribute)
    assert isinstance(found, FunctionType)
    return found


@cache
def simulator() -> Any:
    """The compiled loop of training/engine/simulate.py, from disk where this version was compiled before."""
    loop, directory = _function(LOOP, "simulate"), cache_directory()
    if not _usable(directory):
        return dispatcher(loop, {})
    with _cache_in(directory):
        return dispatcher(loop, {}, keep=True)


def ready(arguments: tuple[Any, ...]) -> Compiled:
    """The loop, compiled for the types of these arguments. It is not run."""
    began = time.perf_counter()
    loop = simulator()
    with _cache_in(cache_directory()):
        loop.compile(tuple(_typeof(one) for one in arguments))
    return Compiled(loop, time.perf_counter() - began)


def cache_directory(home: Path | None = None) -> Path:
    """Where this version's compiled code is kept, below METRONOME_HOME."""
    return (home or home_directory(os.environ)) / "numba" / sources_hash()


def _usable(directory: Path) -> bool:
    """Whether compiled code can be kept there. Folders of older versions go, all but the newest few."""
    try:
        new = not directory.is_dir()
        directory.mkdir(parents=True, exist_ok=True)
        if new:
            by_age = sorted(directory.parent.iterdir(), key=lambda path: path.stat().st_mtime, reverse=True)
            for stale in by_age[VERSIONS_KEPT:]:
                shutil.rmtree(stale, ignore_errors=True)
    except OSError:
        return False
    return os.access(directory, os.W_OK)


@cache
def sources_hash() -> str:
    """Hash of everything that the compiled code is made of: 16 hex digits."""
    digest = hashlib.blake2b(digest_size=8)
    digest.update(f"{numba.__version__} {platform.python_implementation()} {sys.version_info[:3]}".encode())
    for path in sorted(_sources()):
        digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()


def _sources() -> Iterator[Path]:
    package = importlib.import_module(CORE_PACKAGE)
    modules: list[ModuleType] = [
        importlib.import_module(f"{CORE_PACKAGE}.{found.name}") for found in pkgutil.iter_modules(package.__path__)
    ]
    modules += [importlib.import_module(name) for name in (LOOP, *HELPERS)]
    for module in modules:
        assert module.__file__ is not None
        yield Path(module.__file__)


@contextmanager
def _cache_in(directory: Path) -> Iterator[None]:
    """Numba keeps in this directory what is decorated meanwhile."""
    # Numba's settings have no types.
    settings: Any = numba.config
    before = settings.CACHE_DIR
    settings.CACHE_DIR = str(directory)
    try:
        yield
    finally:
        settings.CACHE_DIR = before
