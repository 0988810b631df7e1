"""Where settings come from, lowest first: defaults, profile, file, environment, the bot's row."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from bot.settings.declarations import PROFILES
from bot.settings.environment import SECRET_NAMES
from bot.settings.inputs import Inputs
from bot.settings.names import ALIASES, ENVIRONMENT_PREFIX, NOT_SETTINGS, environment_name
from bot.settings.problems import Problem
from bot.settings.schema import nearest, specs

Values = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Layer:
    """Values of one source. name: "profile", "file", "environment", "bot".  where: which one."""

    name: str
    where: str
    values: Values
    variables: Mapping[str, str] = field(default_factory=dict)

    def holds(self, path: tuple[str, ...]) -> bool:
        """Whether this layer says anything of the field, or of a group around it."""
        at: Any = self.values
        for key in path:
            if not isinstance(at, Mapping):
                return True
            if key not in at:
                return False
            at = at[key]
        return True

    def place(self, dotted: str) -> str:
        """The layer and the exact spot, for a person."""
        if self.name == "environment":
            return f"environment, {self.variables.get(dotted, environment_name(dotted))}"
        return f"{self.name}, {self.where}"


def read(inputs: Inputs) -> tuple[list[Layer], list[Problem]]:
    """Layers, lowest first, and what was wrong with reading them."""
    problems: list[Problem] = []
    upper = [
        Layer("file", inputs.file_path, _parse(inputs, problems)),
        _environment_layer(inputs.environment, problems),
        Layer("bot", "the bot's row in the database", _nested(inputs.overrides)),
    ]
    chosen = _profile(upper)
    return [_profile_layer(inputs, chosen), *upper], problems


def merge(layers: list[Layer]) -> Values:
    """One dict of values; a later layer beats an earlier one. Tables are merged, lists replaced."""
    merged: Values = {}
    for layer in layers:
        _merge_into(merged, layer.values)
    return merged


def origin(layers: list[Layer], path: tuple[str, ...]) -> Layer | None:
    """The highest layer that says anything of the field, None when none does."""
    return next((layer for layer in reversed(layers) if layer.holds(path)), None)


def _parse(inputs: Inputs, problems: list[Problem]) -> Values:
    if not inputs.file_text:
        return {}
    import tomllib

    try:
        return tomllib.loads(inputs.file_text)
    except tomllib.TOMLDecodeError as error:
        message = f"the settings file is not TOML: {error}"
        problems.append(Problem("", message, f"file, {inputs.file_path}", "correct that line"))
        return {}


def _profile_layer(inputs: Inputs, name: str) -> Layer:
    import tomllib

    return Layer("profile", name, {**tomllib.loads(inputs.profiles[name]), "profile": name})


def _profile(layers: list[Layer]) -> str:
    """The profile that the highest layer asks for. A wrong name is left to validation."""
    asking = origin(layers, ("profile",))
    name = asking.values["profile"] if asking else PROFILES[0]
    return name if name in PROFILES else PROFILES[0]


def _environment_layer(variables: Mapping[str, str], problems: list[Problem]) -> Layer:
    """pydantic-settings does the reading; names it would pass over in silence are problems here."""
    from bot.settings.validation import environment_values, group_names

    groups = group_names()
    known = [name for name in variables if name in ALIASES or _first_segment(name) in groups]
    problems += [_unknown_variable(name) for name in variables if name not in known]
    values = environment_values({name: variables[name] for name in known if name not in ALIASES})
    spots: dict[str, str] = {}
    for alias, dotted in ALIASES.items():
        group, name = dotted.split(".")
        if alias in variables and name not in values.get(group, {}):
            values.setdefault(group, {})[name] = variables[alias]
            spots[dotted] = alias
    return Layer("environment", "", values, spots)


def _first_segment(variable: str) -> str:
    return variable[len(ENVIRONMENT_PREFIX) :].lower().split("__")[0]


def _unknown_variable(name: str) -> Problem:
    known = [*(one.environment_name for one in specs().values()), *NOT_SETTINGS, *SECRET_NAMES]
    like = nearest(name, known)
    fix = f"did you mean {like}?" if like else "see docs/settings.md for the names there are"
    return Problem("", f"{name} is no known setting", f"environment, {name}", fix)


def _nested(overrides: Mapping[str, Any]) -> Values:
    """Tables from dotted names; {"risk.breakeven": False} and {"risk": {"breakeven": False}} are the same."""
    values: Values = {}
    for dotted, value in overrides.items():
        *tables, last = str(dotted).split(".")
        branch: Values = {last: _nested(value) if isinstance(value, Mapping) else value}
        for table in reversed(tables):
            branch = {table: branch}
        _merge_into(values, branch)
    return values


def _merge_into(target: Values, values: Mapping[str, Any]) -> None:
    for key, value in values.items():
        held = target.get(key)
        if isinstance(value, Mapping):
            table: Values = dict(held) if isinstance(held, Mapping) else {}
            _merge_into(table, value)
            target[key] = table
        else:
            target[key] = value
