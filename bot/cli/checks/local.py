"""Checks of this machine: Python, packages, home, settings, secrets."""

from __future__ import annotations

import sys
import tempfile
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
    given = [secrets.kraken_api_key is not None, secrets.kraken_api_secret is not None]
    if not any(given):
        return good("key_permissions", "no key: paper only")
    if not all(given):
        missing = "KRAKEN_API_SECRET" if given[0] else "KRAKEN_API_KEY"
        return bad("key_permissions", f"{missing} is missing", f"set {missing} too, or leave both out")
    return good("key_permissions", "a key is set and not used: paper only")


def telegram() -> Check:
    secrets = read_secrets()
    given = [secrets.telegram_bot_token is not None, secrets.telegram_chat_id is not None]
    if not any(given):
        return good("telegram", "not configured: no messages are sent")
    if not all(given):
        missing = "TELEGRAM_CHAT_ID" if given[0] else "TELEGRAM_BOT_TOKEN"
        return bad("telegram", f"{missing} is missing", f"set {missing} too, or leave both out")
    return good("telegram", "configured; messages are not built yet")
