"""The doctor's document as a report."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bot.cli import codes
from bot.cli.blocks import BAD, GOOD, Block, Line, cell, table
from bot.cli.french import local
from bot.cli.texts import text, word


def blocks(document: Mapping[str, Any]) -> list[Block]:
    """One row a check; how to mend stands under each that failed."""
    checks = document["checks"]
    failed = [check for check in checks if not check["ok"]]
    rows = [
        (
            cell(word("ok"), GOOD) if check["ok"] else cell(word("failed"), BAD),
            codes.called(codes.CHECK, check["name"]),
            local(check["detail"]),
        )
        for check in checks
    ]
    shown: list[Block] = [table(("", word("check"), "~" + word("detail")), rows), Line("")]
    if not failed:
        return [*shown, Line(text("doctor.all_good", count=len(checks)), GOOD)]
    shown.append(
        Line(
            text("doctor.failure" if len(failed) == 1 else "doctor.failures", failed=len(failed), count=len(checks)),
            BAD,
        )
    )
    shown.append(
        table(
            (word("check"), "~" + word("fix")),
            [(codes.called(codes.CHECK, check["name"]), local(check["fix"])) for check in failed],
        )
    )
    return shown
