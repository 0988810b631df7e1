"""HTML put together from parts: what is not markup already is escaped."""

from __future__ import annotations

import html
import json
from typing import Any

VOID = frozenset({"meta", "br", "hr", "col", "input", "link"})

Attribute = str | int | float | bool | None


class Markup(str):
    """Text that is HTML: it goes into a page as it is."""

    __slots__ = ()


def tag(name: str, /, *children: Any, **attributes: Attribute) -> Markup:
    """One element.

    children: Markup as it is, other strings escaped, iterables one by one, None left out.
    attributes: `class_` is class, `data_value` is data-value; True is bare, None and False are left out.
    """
    opened = "".join(_attribute(key, value) for key, value in attributes.items())
    if name in VOID:
        return Markup(f"<{name}{opened}>")
    return Markup(f"<{name}{opened}>{join(*children)}</{name}>")


def join(*children: Any) -> Markup:
    """Children one after the other."""
    return Markup("".join(_text(child) for child in children))


def script_json(value: Any) -> Markup:
    """A JSON text that cannot end the script element that holds it. Raises ValueError on nan and infinity."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return Markup(_no_surrogates(text))


def _text(child: Any) -> str:
    if child is None:
        return ""
    if isinstance(child, Markup):
        return child
    if isinstance(child, str):
        return html.escape(_no_surrogates(child))
    return "".join(_text(one) for one in child)


def _attribute(key: str, value: Attribute) -> str:
    name = key.rstrip("_").replace("_", "-")
    if value is None or value is False:
        return ""
    return f" {name}" if value is True else f' {name}="{html.escape(_no_surrogates(str(value)))}"'


def _no_surrogates(text: str) -> str:
    """Half characters, which a JSON document may hold and UTF-8 cannot."""
    return text.encode("utf-8", "replace").decode("utf-8")
