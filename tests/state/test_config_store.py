"""A bot's settings in the database: versions, who, when, back again."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from bot.adapters.config_store import ConfigStore
from bot.adapters.postgres import PostgresStore
from bot.adapters.postgres_reports import PostgresReports
from bot.domain.errors import ConfigError


@pytest.fixture
def config(database_url: str, reports: PostgresReports) -> Iterator[ConfigStore]:
    made = ConfigStore(database_url)
    yield made
    made.close()


def test_a_bot_without_settings_of_its_own_is_at_version_0(config: ConfigStore) -> None:
    assert config.show("main") == {"version": 0, "overrides": {}}
    assert config.history("main") == []


def test_changes_add_up_and_the_tick_sees_the_newest_version(config: ConfigStore, store: PostgresStore) -> None:
    assert config.set("main", {"risk.max_position_frac": 0.2, "language": "fr"}, "ann", "bolder") == 1
    assert config.set("main", {"strategies.breakout.params.length": 30, "language": "en"}, "bob") == 2
    expected = {
        "risk": {"max_position_frac": 0.2},
        "language": "en",
        "strategies": {"breakout": {"params": {"length": 30}}},
    }
    assert config.show("main") == {"version": 2, "overrides": expected}
    bot = store.begin("a", 60).bots[0]
    assert (bot.settings_version, bot.overrides) == (2, expected)


def test_history_says_who_changed_what_from_what(config: ConfigStore) -> None:
    config.set("main", {"risk.cooldown_s": 60}, "ann", "calmer")
    config.set("main", {"risk.cooldown_s": 90, "market.symbols": ["BTC/EUR"]}, "bob")
    first, second = config.history("main")
    assert (first["author"], first["note"], first["changes"]) == (
        "ann",
        "calmer",
        {"risk.cooldown_s": {"from": None, "to": 60}},
    )
    assert second["changes"] == {
        "market.symbols": {"from": None, "to": ["BTC/EUR"]},
        "risk.cooldown_s": {"from": 60, "to": 90},
    }
    assert second["created_ms"] >= first["created_ms"] > 0


def test_none_takes_an_override_away_and_leaves_no_empty_group(config: ConfigStore) -> None:
    config.set("main", {"risk.cooldown_s": 60, "language": "fr"}, "ann")
    config.set("main", {"risk.cooldown_s": None}, "ann")
    assert config.show("main") == {"version": 2, "overrides": {"language": "fr"}}


def test_a_change_that_changes_nothing_makes_no_version(config: ConfigStore) -> None:
    config.set("main", {"language": "fr"}, "ann")
    assert config.set("main", {"language": "fr", "risk.cooldown_s": None}, "bob") == 1
    assert len(config.history("main")) == 1


def test_a_rollback_is_a_new_version(config: ConfigStore) -> None:
    config.set("main", {"language": "fr"}, "ann")
    config.set("main", {"language": "en"}, "ann")
    assert config.rollback("main", 1, "bob", "the French was fine") == 3
    assert config.show("main") == {"version": 3, "overrides": {"language": "fr"}}
    assert config.rollback("main", 0, "bob") == 4
    assert config.show("main")["overrides"] == {}
    assert [row["rollback_to"] for row in config.history("main")] == [None, None, 1, 0]


def test_a_rollback_to_nowhere_is_refused(config: ConfigStore) -> None:
    config.set("main", {"language": "fr"}, "ann")
    with pytest.raises(ConfigError, match="no settings version 7"):
        config.rollback("main", 7, "bob")


def test_a_name_that_has_no_place_is_refused(config: ConfigStore) -> None:
    config.set("main", {"language": "fr"}, "ann")
    for name in ("language.sub", "risk..x", ""):
        with pytest.raises(ConfigError):
            config.set("main", {name: 1}, "ann")
    with pytest.raises(ConfigError, match="no bot is named"):
        config.set("nobody", {"language": "fr"}, "ann")
    assert config.show("main")["version"] == 1


def test_two_authors_at_once_get_two_versions_and_no_change_is_lost(config: ConfigStore, database_url: str) -> None:
    def change(n: int) -> int:
        own = ConfigStore(database_url)
        version = own.set("main", {f"risk.field_{n}": n}, f"author {n}")
        own.close()
        return version

    with ThreadPoolExecutor(4) as pool:
        versions = sorted(pool.map(change, range(8)))
    assert versions == list(range(1, 9))
    assert config.show("main")["overrides"] == {"risk": {f"field_{n}": n for n in range(8)}}
