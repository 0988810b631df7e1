"""Checks of this machine: Python, packages, home, settings, secrets."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version

from bot.cli.checks.result import Check, bad, good
from bot.domain.errors import ConfigError
from bot.settings import load, read_runtime, read_secrets

PACKAGES = ("ccxt", "numpy", "psycopg", "pydantic-settings", "rich", "ta-lib", "tenacity", "typer")
OLDEST_PYTHON = (3, 11)


def python() -> Check:
    told = ".".join(map(str, sys.version_info[:3]))
    if sys.version_info < OLDEST_PYTHON:
        return bad("python", f"Python {told}", "use Python 3.11 or newer, then: make run")
    return good("python", f"Python {told}")


def packages() -> Check:
    missing = []
    for name in PACKAGES:
        try:
            version(name)
        except PackageNotFoundError:
            missing.append(name)
    if missing:
        return bad("packages", f"missing: {', '.join(missing)}", "run make run, or: pip install -r requirements.txt")
    return good("packages", f"{len(PACKAGES)} of {len(PACKAGES)} installed, ccxt {version('ccxt')}")


def home() -> Check:
    folder = read_runtime().home
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=folder):
            pass
    except OSError as problem:
        fix = "give METRONOME_HOME a folder that can be written"
        return bad("home", f"{folder} cannot be written: {problem.strerror}", fix)
    return good("home", f"{folder} can be written")


def settings() -> Check:
    try:
        loaded = load()
    except ConfigError as problem:
        return bad("settings", f"{problem.what} (at {problem.where})", problem.fix)
    symbols = len(loaded.market.symbols)
    return good("settings", f"profile {loaded.profile}, {symbols} symbols, candles of {loaded.market.timeframe}")


def key_permissions() -> Check:
    secrets = read_secrets()
    given = {"KRAKEN_API_KEY": secrets.kraken_api_key, "KRAKEN_API_SECRET": secrets.kraken_api_secret}
    every = "a key is set; to try it: python -m bot doctor --live"
    return _all_or_none("key_permissions", given, "no key: paper only", every)


def telegram() -> Check:
    secrets = read_secrets()
    given = {"TELEGRAM_BOT_TOKEN": secrets.telegram_bot_token, "TELEGRAM_CHAT_ID": secrets.telegram_chat_id}
    return _all_or_none(
        "telegram", given, "not configured: no messages are sent", "configured; messages are not built yet"
    )


def _all_or_none(name: str, given: Mapping[str, object], none: str, every: str) -> Check:
    """Environment variables that are of use only together."""
    missing = [variable for variable, value in given.items() if value is None]
    if len(missing) == len(given):
        return good(name, none)
    if missing:
        return bad(name, f"{missing[0]} is missing", f"set {missing[0]} too, or leave both out")
    return good(name, every)
