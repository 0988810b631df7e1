"""A bot's own settings in the database: versions that are only ever added."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

import psycopg

from bot.adapters.postgres_connection import Client, Row
from bot.adapters.postgres_reports import no_such_bot
from bot.adapters.postgres_rows import Json, dumps, query
from bot.domain.errors import ConfigError


class ConfigStore(Client):
    """Overrides are nested: {"risk": {"max_position_frac": 0.1}}; changes name them dotted: "risk.max_position_frac".

    Whether a name and a value mean anything is for the settings to say, before they come here.
    """

    def show(self, bot: str) -> Json:
        """{"version", "overrides"} in force. Version 0 without overrides when nothing was ever set."""
        version, overrides = self.run(lambda connection: _now(connection, _bot_id(connection, bot)))
        return {"version": version, "overrides": overrides}

    def set(self, bot: str, changes: Mapping[str, Any], author: str, note: str = "") -> int:
        """Apply changes {dotted name: value}, None takes an override away; the version then in force.

        Changes that change nothing make no version.
        """

        def write(connection: psycopg.Connection[Row]) -> int:
            with self.transaction(connection):
                bot_id = _bot_id(connection, bot, lock=True)
                version, overrides = _now(connection, bot_id)
                changed = _changed(overrides, changes)
                return _add(connection, bot_id, version, overrides, changed, author=author, note=note)

        return self.run(write)

    def history(self, bot: str) -> list[Json]:
        """All versions, oldest first: version, overrides, changes, author, note, rollback_to, created_ms.

        changes: {dotted name: {"from": value, "to": value}}, null for no override.
        """

        def read(connection: psycopg.Connection[Row]) -> list[Json]:
            values = {"bot_id": _bot_id(connection, bot)}
            row = connection.execute(query("settings_history").encode(), values).fetchone()
            return list(row[0] or []) if row else []

        return self.run(read)

    def rollback(self, bot: str, version: int, author: str, note: str = "") -> int:
        """Put the overrides of an older version in force again, as a new version; its number.

        version 0: no overrides at all. Raises ConfigError when there is no such version.
        """

        def write(connection: psycopg.Connection[Row]) -> int:
            with self.transaction(connection):
                bot_id = _bot_id(connection, bot, lock=True)
                newest, overrides = _now(connection, bot_id)
                old = _at(connection, bot_id, version, newest)
                return _add(connection, bot_id, newest, overrides, old, author=author, note=note, rollback_to=version)

        return self.run(write)


def _bot_id(connection: psycopg.Connection[Row], name: str, *, lock: bool = False) -> int:
    """The bot's id. lock: until the transaction ends, so that two authors get two versions."""
    lookup = "select bot_id from bots where name = %s" + (" for no key update" if lock else "")
    row = connection.execute(lookup.encode(), (name,)).fetchone()
    if row is None:
        names = connection.execute("select name from bots order by bot_id").fetchall()
        raise no_such_bot(name, [str(found) for (found,) in names])
    return int(row[0])


def _now(connection: psycopg.Connection[Row], bot_id: int) -> tuple[int, Json]:
    row = connection.execute(query("settings_now").encode(), {"bot_id": bot_id}).fetchone()
    assert row is not None
    return int(row[0]), row[1] or {}


def _at(connection: psycopg.Connection[Row], bot_id: int, version: int, newest: int) -> Json:
    if version == 0:
        return {}
    statement = "select overrides from bot_settings where bot_id = %s and version = %s"
    row = connection.execute(statement, (bot_id, version)).fetchone()
    if row is None:
        raise ConfigError(
            f"there is no settings version {version}",
            where="version",
            fix=f"choose 0 to {newest}, see `python -m bot config history`",
        )
    found: Json = row[0]
    return found


def _add(
    connection: psycopg.Connection[Row],
    bot_id: int,
    version: int,
    before: Json,
    after: Json,
    *,
    author: str,
    note: str,
    rollback_to: int | None = None,
) -> int:
    old, new = _dotted(before), _dotted(after)
    changes = {
        name: {"from": old.get(name), "to": new.get(name)}
        for name in sorted(old.keys() | new.keys())
        if old.get(name) != new.get(name)
    }
    if not changes:
        return version
    values = {
        "bot_id": bot_id, "version": version + 1, "overrides": dumps(after), "changes": dumps(changes),
        "author": author, "note": note, "rollback_to": rollback_to,
    }  # fmt: skip
    connection.execute(query("settings_add").encode(), values)
    return version + 1


def _changed(overrides: Json, changes: Mapping[str, Any]) -> Json:
    """The overrides after the changes; groups that became empty are gone."""
    result = copy.deepcopy(overrides)
    for name, value in changes.items():
        *groups, leaf = name.split(".")
        if not all((*groups, leaf)):
            raise ConfigError("a setting's name has an empty part", where=name, fix="write it as group.name")
        holder = result
        for group in groups:
            holder = holder.setdefault(group, {})
            if not isinstance(holder, dict):
                raise ConfigError(f"{group} is a value, not a group", where=name, fix="see `python -m bot config show`")
        if value is None:
            holder.pop(leaf, None)
        else:
            holder[leaf] = value
    return _without_empty(result)


def _without_empty(group: Json) -> Json:
    kept = {name: _without_empty(value) if isinstance(value, dict) else value for name, value in group.items()}
    return {name: value for name, value in kept.items() if value != {}}


def _dotted(group: Json, prefix: str = "") -> Json:
    flat: Json = {}
    for name, value in group.items():
        if isinstance(value, dict):
            flat |= _dotted(value, f"{prefix}{name}.")
        else:
            flat[f"{prefix}{name}"] = value
    return flat
