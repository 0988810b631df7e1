"""One check's answer."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Check:
    """name: stable, for machines.  detail: what was found.  fix: how to mend it, "" when all is well."""

    name: str
    ok: bool
    detail: str
    fix: str = ""


def good(name: str, detail: str) -> Check:
    return Check(name, True, detail)


def bad(name: str, detail: str, fix: str) -> Check:
    return Check(name, False, detail, fix)
