"""Settings for people: what is set and by whom, what there is, and one typed on a command line."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from bot.domain.errors import ConfigError
from bot.settings.declarations import GROUPS, Settings, to_dict
from bot.settings.environment import is_secret_name
from bot.settings.names import ALIASES
from bot.settings.schema import FieldSpec, nearest, shown, specs

SOURCES: Mapping[str, str] = {
    "v4": "plan v4",
    "v2": "plan v2",
    "platform": "platform specification",
    "ours": "this project",
    "": "the strategy",
}


@dataclass(frozen=True, slots=True)
class Row:
    """One line of `bot config show`. layer: who set it, with the file or variable."""

    field: str
    value: Any
    layer: str
    unit: str
    range: str
    help: str


def describe(settings: Settings) -> tuple[Row, ...]:
    """Every setting with its value and the layer it came from."""
    values = to_dict(settings)
    return tuple(_row(spec, _lookup(values, spec), settings.origins) for spec in specs().values())


def fields() -> tuple[FieldSpec, ...]:
    """Every setting there is, strategies' parameters included."""
    return tuple(specs().values())


def parse_assignment(text: str) -> tuple[str, Any]:
    """("risk.stop_loss_frac", 0.03) from "risk.stop_loss_frac=0.03": the field and its value as plain JSON types.

    A list is written with commas or as JSON. Raises ConfigError on a missing
    "=", an unknown field, or a value of the wrong type or out of range.
    """
    name, separator, value = (part.strip() for part in text.partition("="))
    if not separator or not name:
        raise ConfigError(
            "an assignment needs a field, =, and a value",
            where="argument",
            fix="write it like risk.stop_loss_frac=0.03",
        )
    spec = specs().get(name)
    if spec is None:
        raise _unknown(name)
    from bot.settings.validation import check_value

    checked = check_value(spec, value)
    return name, list(checked) if isinstance(checked, tuple) else checked


def markdown() -> str:
    """The reference page, docs/settings.md."""
    known = specs().values()
    parts = [_INTRODUCTION, _table("General", (one for one in known if "." not in one.name))]
    for group, declared in GROUPS.items():
        title = f"{group}: {(declared.__doc__ or '').splitlines()[0]}"
        parts.append(_table(title, (one for one in known if one.name.startswith(f"{group}."))))
    strategies = sorted({one.name.split(".")[1] for one in known if one.name.startswith("strategies.")})
    for name in strategies:
        parts.append(_table(f"strategies.{name}", (one for one in known if one.name.startswith(f"strategies.{name}."))))
    return "\n".join(parts)


_INTRODUCTION = """\
# Settings

Made by `python -m bot.settings > docs/settings.md`; a test fails when it is out of date.

Layers, lowest first; a higher one wins field by field, and lists are replaced whole:

1. **defaults**, below.
2. **profile**: `aggressive` (plan v4, the default), `swing` (plan v2) or `platform` (platform specification); any
   higher layer chooses it with `profile`.
3. **file**: `metronome.toml` in the working directory, or the path in `METRONOME_CONFIG`; one table a group.
4. **environment**: `METRONOME_`, group, `__`, field, like `METRONOME_RISK__STOP_LOSS_FRAC=0.03`. `KRAKEN_API_URL` sets
   `exchange.url`. A name that is set to nothing counts as not set.
5. **bot**: the bot's row in the database, `python -m bot config set risk.stop_loss_frac=0.03`.

Unknown names and values out of range are errors that name the field, the layer and what is allowed. Secrets
(`.env.example` lists them) come from the environment only and are refused everywhere else.

Fractions are of one: 0.025 is 2.5 %. Lists in the environment have commas: `BTC/EUR,ETH/EUR`.
"""


def _table(title: str, rows: Iterable[FieldSpec]) -> str:
    lines = [
        f"## {title.rstrip('.')}\n",
        "| field | default | allowed | unit | what | from |",
        "|---|---|---|---|---|---|",
    ]
    return "\n".join([*lines, *(_line(row) for row in rows), ""])


def _line(row: FieldSpec) -> str:
    cells = (f"`{row.name}`", shown(row.default).replace(",", " "), row.range, row.unit, row.help, SOURCES[row.source])
    return f"| {' | '.join(cell.replace('|', '/') for cell in cells)} |"


def _row(spec: FieldSpec, value: Any, origins: Mapping[str, str]) -> Row:
    return Row(spec.name, value, origins.get(spec.name, "defaults"), spec.unit, spec.range, spec.help)


def _lookup(values: Mapping[str, Any], spec: FieldSpec) -> Any:
    """The value in the tree; a strategy that settings made by hand leave out has its default."""
    at: Any = values
    for key in spec.name.split("."):
        at = at.get(key, spec.default) if isinstance(at, Mapping) else spec.default
    return at


def _unknown(name: str) -> ConfigError:
    if is_secret_name(name):
        return ConfigError(
            f"{name} is a secret, and secrets only ever come from the environment",
            where="argument",
            fix="set it there, and clear this line from your shell's history",
        )
    like = nearest(name, [*specs(), *ALIASES])
    fix = f"did you mean {like}?" if like else "see docs/settings.md for the names there are"
    return ConfigError(f"{name} is no known setting", where="argument", fix=fix)
