"""The environment's names that are no settings: secrets, trading mode, where files are kept.

Secrets come from here and from nowhere else, and show themselves to nobody who
does not ask with `reveal`. A name that is set to nothing counts as not set:
schedulers hand over unset secrets that way.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import NoReturn

from bot.domain.errors import ConfigError

MODES = ("paper", "live")
MASK = "***"


class Secret:
    """A text that repr, str, format, pickle and json do not give away."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """The secret itself. Only for the client that needs it."""
        return self._value

    def __repr__(self) -> str:
        return f"Secret({MASK})"

    def __str__(self) -> str:
        return MASK

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self._value == other._value

    def __hash__(self) -> int:
        return hash((Secret, self._value))

    def __reduce__(self) -> NoReturn:
        raise TypeError("a secret is not written anywhere")


@dataclass(frozen=True, slots=True)
class Secrets:
    """Every secret there is, None where the environment has none. Upper case gives the name there."""

    database_url: Secret | None = None
    kraken_api_key: Secret | None = None
    kraken_api_secret: Secret | None = None
    telegram_bot_token: Secret | None = None
    telegram_chat_id: Secret | None = None
    discord_webhook_url: Secret | None = None
    smtp_url: Secret | None = None
    supabase_secret_key: Secret | None = None


SECRET_NAMES = tuple(one.name.upper() for one in fields(Secrets))
KEY_NAMES = ("KRAKEN_API_KEY", "KRAKEN_API_SECRET")
"""Without both, nothing can be ordered."""

_SECRET_WORDS = ("secret", "token", "password", "passphrase", "api_key", "apikey", "private_key", "webhook")


@dataclass(frozen=True, slots=True)
class Runtime:
    """How this process runs. home: what it keeps between ticks.  live_override: the written reason to go live."""

    mode: str
    home: Path
    live_override: str
    supabase_url: str
    telegram_api_url: str


def read_secrets(environ: Mapping[str, str] | None = None) -> Secrets:
    """Secrets from the environment."""
    env = os.environ if environ is None else environ
    values = {one.name: env.get(one.name.upper(), "").strip() for one in fields(Secrets)}
    return Secrets(**{name: Secret(value) if value else None for name, value in values.items()})


def read_runtime(environ: Mapping[str, str] | None = None, cwd: Path | None = None) -> Runtime:
    """Mode, home and addresses from the environment.

    Raises ConfigError on a mode that cannot be: an unknown one, or live without a key of the exchange.
    """
    env = os.environ if environ is None else environ
    mode = env.get("TRADING_MODE", "").strip().lower() or "paper"
    if mode not in MODES:
        raise ConfigError(
            f"TRADING_MODE = {redact(mode, env)!r} is no trading mode",
            where="environment, TRADING_MODE",
            fix="set it to paper, or leave it out",
        )
    if mode == "live":
        _require_keys(env)
    return Runtime(
        mode=mode,
        home=home_directory(env, cwd),
        live_override=env.get("LIVE_OVERRIDE", "").strip(),
        supabase_url=env.get("SUPABASE_URL", "").strip(),
        telegram_api_url=env.get("TELEGRAM_API_URL", "").strip() or "https://api.telegram.org",
    )


def _require_keys(env: Mapping[str, str]) -> None:
    missing = [name for name in KEY_NAMES if not env.get(name, "").strip()]
    if missing:
        raise ConfigError(
            f"TRADING_MODE = 'live' needs {', '.join(missing)}",
            where="environment, TRADING_MODE",
            fix=f"set {', '.join(missing)} to a key that may trade and may not withdraw, or TRADING_MODE to paper",
        )


def home_directory(environ: Mapping[str, str], cwd: Path | None = None) -> Path:
    """METRONOME_HOME, by default .metronome in the working directory."""
    given = environ.get("METRONOME_HOME", "").strip() or ".metronome"
    return (cwd or Path.cwd()) / Path(given).expanduser()


def is_secret_name(name: str) -> bool:
    """Whether a setting of this name would hold a secret."""
    folded = name.casefold().replace("-", "_")
    listed = (secret.casefold() for secret in SECRET_NAMES)
    return any(word in folded for word in (*_SECRET_WORDS, *listed))


def redact(text: str, environ: Mapping[str, str]) -> str:
    """text without the value of any secret of the environment."""
    values = (environ.get(name, "").strip() for name in SECRET_NAMES)
    return _mask(text, sorted((value for value in values if len(value) >= 4), key=len, reverse=True))


def _mask(text: str, values: Iterable[str]) -> str:
    for value in values:
        text = text.replace(value, MASK)
    return text
