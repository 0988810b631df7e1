"""The pydantic side: models made from the rows of schema.py, and errors a person can act on.

Imported only when there is no kept result: pydantic-settings takes a tenth of
a tick to start.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, TypeAdapter, ValidationError
from pydantic import create_model as create
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, EnvSettingsSource, PydanticBaseSettingsSource, SettingsConfigDict

from bot.domain.errors import ConfigError
from bot.settings import checks, layers
from bot.settings.declarations import GROUPS, Settings, from_dict
from bot.settings.environment import MASK, SECRET_NAMES, is_secret_name, redact
from bot.settings.inputs import Inputs
from bot.settings.layers import Layer
from bot.settings.names import ENVIRONMENT_PREFIX, environment_name
from bot.settings.problems import Problem, SettingsError
from bot.settings.schema import FieldSpec, fixed_specs, nearest, shown, specs, strategy_specs

NOTHING = ("", "none", "null")


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _LayeredSettings(BaseSettings):
    """Takes the merged layers as given; the environment is one of them already."""

    model_config = SettingsConfigDict(
        extra="forbid",
        frozen=True,
        env_prefix=ENVIRONMENT_PREFIX,
        env_nested_delimiter="__",
        enable_decoding=False,
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return (init_settings,)


def load(inputs: Inputs, environ: Mapping[str, str]) -> Settings:
    """Validate all layers. Raises SettingsError with everything that is wrong.

    environ: for its secrets, which no message may show.
    """
    found, problems = layers.read(inputs)
    merged = layers.merge(found)
    try:
        valid = settings_model()(**merged)
    except ValidationError as error:
        problems += [_problem(details, found, merged, environ) for details in error.errors(include_url=False)]
    if problems:
        raise SettingsError(problems)
    settings = from_dict(valid.model_dump(), _origins(found))
    if clashing := checks.clashes(settings):
        raise SettingsError([_clash_problem(clash, found) for clash in clashing])
    return settings


def check_value(spec: FieldSpec, value: Any) -> Any:
    """value as the setting's own type. Raises ConfigError when it is out of range or of another type."""
    try:
        return TypeAdapter(_annotation(spec)).validate_python(value)
    except ValidationError as error:
        message, fix = _bad_value(spec, _blamed(error.errors()[0], value))
        raise ConfigError(message, where=spec.name, fix=fix) from None


def group_names() -> frozenset[str]:
    """Names that may stand first in a dotted name."""
    return frozenset(settings_model().model_fields)


def environment_values(variables: Mapping[str, str]) -> dict[str, Any]:
    """Nested values from METRONOME_GROUP__FIELD variables, texts not yet converted."""
    source = EnvSettingsSource(settings_model())
    source.env_vars = {name.lower(): value for name, value in variables.items()}
    return source()


@cache
def settings_model() -> type[BaseSettings]:
    """The whole tree as one model, strategies included."""
    groups: dict[str, Any] = {name: _part(_model(name, _children(f"{name}.", fixed_specs()))) for name in GROUPS}
    top = {name: spec for name, spec in fixed_specs().items() if "." not in name}
    strategies = sorted({name.split(".")[1] for name in strategy_specs()})
    parts: dict[str, Any] = {name: _part(_strategy_model(name)) for name in strategies}
    groups["strategies"] = _part(create("Strategies", __base__=_Model, **parts))
    return create("SettingsModel", __base__=_LayeredSettings, **_definitions(top), **groups)


def _strategy_model(name: str) -> type[BaseModel]:
    prefix = f"strategies.{name}."
    params = _model(f"{name}_params", _children(f"{prefix}params.", strategy_specs()))
    own = _definitions(_children(prefix, strategy_specs()))
    return create(name, __base__=_Model, **own, params=_part(params))


def _children(prefix: str, known: Mapping[str, FieldSpec]) -> dict[str, FieldSpec]:
    starting = ((name[len(prefix) :], spec) for name, spec in known.items() if name.startswith(prefix))
    return {name: spec for name, spec in starting if "." not in name}


def _model(name: str, children: Mapping[str, FieldSpec]) -> type[BaseModel]:
    return create(name, __base__=_Model, **_definitions(children))


def _part(model: type[BaseModel]) -> tuple[type[BaseModel], Any]:
    return model, model()


def _definitions(children: Mapping[str, FieldSpec]) -> dict[str, Any]:
    return {name: (_annotation(spec), spec.default) for name, spec in children.items()}


def _annotation(spec: FieldSpec) -> Any:
    """The pydantic type of one setting, range and all."""
    if spec.kind == "bool":
        return bool
    if spec.kind in ("int", "float"):
        return _number_annotation(spec, int if spec.kind == "int" else float)
    if spec.kind == "tuple[float, ...]":
        numbers: Any = tuple[_number_annotation(spec, float), ...]  # type: ignore[misc]
        return Annotated[numbers, BeforeValidator(_split), AfterValidator(_no_doubles)]
    text = Annotated[str, AfterValidator(_text_check(spec))]
    if spec.kind == "str":
        return text
    if spec.kind == "str | None":
        return Annotated[text | None, BeforeValidator(_none_word)]
    return Annotated[tuple[text, ...], BeforeValidator(_split), AfterValidator(_no_doubles)]


def _number_annotation(spec: FieldSpec, number: Any) -> Any:
    span = Field(ge=spec.min, le=spec.max, gt=spec.above, lt=spec.below)
    finite = Field(allow_inf_nan=False) if number is float else None
    return Annotated[number, BeforeValidator(_no_truth_value), span, finite]


def _no_truth_value(value: Any) -> Any:
    if isinstance(value, bool):
        raise ValueError("true and false are no numbers")
    return value


def _none_word(value: Any) -> Any:
    return None if isinstance(value, str) and value.strip().lower() in NOTHING else value


def _split(value: Any) -> Any:
    """A list in one text: JSON, or commas between, or a word for none at all."""
    if not isinstance(value, str):
        return value
    if value.strip().lower() in NOTHING:
        return []
    if value.lstrip().startswith("["):
        return json.loads(value)
    return [part.strip() for part in value.split(",") if part.strip()]


def _no_doubles(value: tuple[Any, ...]) -> tuple[Any, ...]:
    if len(set(value)) != len(value):
        raise ValueError("named twice")
    return value


def _text_check(spec: FieldSpec) -> Any:
    def check(value: str) -> str:
        if spec.choices and value not in spec.choices:
            raise ValueError("not a choice")
        if spec.pattern and not re.fullmatch(spec.pattern, value):
            raise ValueError("wrong form")
        return value

    return check


def _origins(found: Sequence[Layer]) -> dict[str, str]:
    """{dotted field: layer and place} of every field that a layer sets."""
    return {name: layer.place(name) for layer in found for name in _leaves("", layer.values)}


def _leaves(prefix: str, values: Mapping[str, Any]) -> Iterator[str]:
    for key, value in values.items():
        if isinstance(value, Mapping):
            yield from _leaves(f"{prefix}{key}.", value)
        else:
            yield f"{prefix}{key}"


def _clash_problem(clash: checks.Clash, found: list[Layer]) -> Problem:
    """Placed at the field that the highest layer set: most likely the newest change."""
    above_defaults = [(found.index(layer), name) for name in clash.fields if (layer := _origin(found, name))]
    _, name = max(above_defaults, key=lambda one: one[0], default=(0, clash.fields[0]))
    layer = _origin(found, name)
    place = layer.place(name) if layer else "defaults"
    return Problem(name, clash.message, place, clash.fix)


def _origin(found: list[Layer], dotted: str) -> Layer | None:
    return layers.origin(found, tuple(dotted.split(".")))


def _problem(
    details: ErrorDetails, found: list[Layer], merged: Mapping[str, Any], environ: Mapping[str, str]
) -> Problem:
    dotted = _dotted(details["loc"])
    layer = _origin(found, dotted)
    place = layer.place(dotted) if layer else "defaults"
    in_environment = layer is not None and layer.name == "environment"
    if details["type"] == "extra_forbidden":
        message, fix = _unknown(dotted, in_environment)
    elif dotted in specs():
        value = _blamed(details, _value_at(merged, dotted))
        message, fix = _bad_value(specs()[dotted], redact(value, environ) if isinstance(value, str) else value)
    else:
        message, fix = (
            f"{dotted} is a group of settings, not a value",
            f"set a field of it, like {_first_child(dotted)}",
        )
    return Problem(dotted, redact(message, environ), place, redact(fix, environ))


def _dotted(location: Sequence[int | str]) -> str:
    """Dotted name of an error's location, positions inside a list left out."""
    return ".".join(part for part in location if isinstance(part, str))


def _blamed(details: ErrorDetails, value: Any) -> Any:
    """The one item of a list that is wrong, or the whole value."""
    inside = any(isinstance(part, int) for part in details["loc"])
    return details["input"] if inside else value


def _value_at(merged: Mapping[str, Any], dotted: str) -> Any:
    at: Any = merged
    for key in dotted.split("."):
        at = at.get(key) if isinstance(at, Mapping) else None
    return at


def _first_child(group: str) -> str:
    return next((name for name in specs() if name.startswith(f"{group}.")), group)


def _unknown(dotted: str, in_environment: bool) -> tuple[str, str]:
    """Never shows the value: what is misspelt may be anything, a key included."""
    if is_secret_name(dotted):
        asked = dotted.rpartition(".")[2].upper()
        name = asked if asked in SECRET_NAMES else nearest(asked, SECRET_NAMES) or "its own name"
        return (
            f"{dotted} is a secret, and secrets only ever come from the environment",
            f"take it out here, replace it at its issuer, and set {name} in the environment",
        )
    return f"{dotted} is no known setting", _suggestion(dotted, in_environment)


def _suggestion(dotted: str, in_environment: bool) -> str:
    parent, _, last = dotted.rpartition(".")
    siblings = _children_names(parent)
    elsewhere = sorted(name for name in specs() if name.rpartition(".")[2] == last)
    like = nearest(last, siblings)
    if like:
        like = f"{parent}.{like}" if parent else like
    elif elsewhere:
        like = elsewhere[0]
    if like:
        return f"did you mean {environment_name(like) if in_environment else like}?"
    return f"{parent or 'settings'} has {', '.join(siblings)}" if siblings else "see docs/settings.md"


def _children_names(table: str) -> list[str]:
    prefix = f"{table}." if table else ""
    return sorted({name[len(prefix) :].split(".")[0] for name in specs() if name.startswith(prefix)})


def _bad_value(spec: FieldSpec, value: Any) -> tuple[str, str]:
    hidden = spec.name.endswith("url") and "@" in str(value)
    return f"{spec.name} = {MASK if hidden else repr(value)} is not allowed: {spec.allowed}", _advice(spec, value)


def _advice(spec: FieldSpec, value: Any) -> str:
    if spec.choices and isinstance(value, str) and (like := nearest(value, spec.choices)):
        return f"did you mean {like}?"
    percent = _number(value)
    if spec.name.endswith("_frac") and percent is not None and 1 < percent <= 100:
        return f"a fraction is wanted: write {percent / 100:g} for {percent:g} %"
    if isinstance(spec.default, tuple) and not spec.default:
        return "separate with commas, or write none"
    if isinstance(spec.default, tuple):
        return f"separate with commas, like {shown(spec.default[:2])}"
    if spec.default is None:
        return "leave it out for the exchange's own"
    return f"the default is {shown(spec.default)}"


def _number(value: Any) -> float | None:
    try:
        return None if isinstance(value, bool) else float(str(value).strip().rstrip("%"))
    except ValueError:
        return None
