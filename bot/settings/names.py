"""How settings are called in the environment."""

from __future__ import annotations

from collections.abc import Mapping

ENVIRONMENT_PREFIX = "METRONOME_"
TEST_PREFIX = "METRONOME_TEST_"
"""Names of the test suite's own; the commands that it starts inherit them."""
NOT_SETTINGS = ("METRONOME_HOME", "METRONOME_CONFIG")
ALIASES: Mapping[str, str] = {"KRAKEN_API_URL": "exchange.url"}


def environment_name(dotted: str) -> str:
    """METRONOME_RISK__STOP_LOSS_FRAC for risk.stop_loss_frac."""
    return ENVIRONMENT_PREFIX + dotted.upper().replace(".", "__")


def is_setting(name: str) -> bool:
    """Whether an environment variable is meant as a setting, spelt right or not."""
    if name in ALIASES:
        return True
    named = name.upper()
    return named.startswith(ENVIRONMENT_PREFIX) and not named.startswith(TEST_PREFIX) and named not in NOT_SETTINGS
