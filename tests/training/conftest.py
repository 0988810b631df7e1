"""Commands called in this process begin as a new one would: no language, no options of the test before."""

from __future__ import annotations

import pytest

from bot.cli.session import LANGUAGE_VARIABLE, session


@pytest.fixture(autouse=True)
def _new_session(monkeypatch: pytest.MonkeyPatch) -> None:
    # A command with --lang sets the variable itself: set here, it is put back afterwards.
    monkeypatch.setenv(LANGUAGE_VARIABLE, "en")
    for name, value in {"language": "", "json": False, "debug": False, "reported": False}.items():
        monkeypatch.setattr(session, name, value)
