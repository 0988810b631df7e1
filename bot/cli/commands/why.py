"""`why`: the whole reasoning behind an order, a trade, a tick or a symbol's last verdict."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bot.cli.declare import command
from bot.cli.session import session
from bot.domain.errors import CheckFailed, ConfigError, DatabaseError

if TYPE_CHECKING:
    from bot.adapters.postgres_reports import PostgresReports

Document = dict[str, Any]

MOST_DIFFERENCES = 20


def declare(app: typer.Typer) -> None:
    """Add the command."""

    @command(
        app, "why",
        "why BTC/EUR", "why 2026-01-05T12:05Z", "why BTC/EUR --replay", "why --replay --all --since 2026-01-01",
    )  # fmt: skip
    def why(
        ref: Annotated[
            str | None,
            typer.Argument(metavar="ID", help="Order, trade, time of a tick, or a symbol: its newest verdict."),
        ] = None,
        replay: Annotated[
            bool, typer.Option("--replay", help="Decide again from the stored inputs; exit code 5 if it differs.")
        ] = False,
        every: Annotated[bool, typer.Option("--all", help="With --replay: every stored decision.")] = False,
        since: Annotated[str | None, typer.Option("--since", metavar="ISO", help="With --all: from then on.")] = None,
        rehearsal: Annotated[bool, typer.Option("--rehearsal", help="Look in the last rehearsal only.")] = False,
    ) -> int:
        """The reasoning behind a trade or verdict.

        Inputs, features, votes, each rule and what it did to the size, orders, events, fills.
        What the bots' own database does not know is looked for in the last rehearsal.
        """
        if every:
            if not replay or ref is not None:
                raise ConfigError("--all goes with --replay and without an ID", where="--all", fix="why --replay --all")
            return _replay_all(since, rehearsal)
        if ref is None:
            raise ConfigError(
                "why of what?", where="ID", fix="give an order, a trade, a time, or a symbol like BTC/EUR"
            )
        return _why(ref, replay, rehearsal)


def _why(ref: str, replay: bool, rehearsal: bool) -> int:
    from bot.cli.plain_json import document
    from bot.cli.views import why as view

    source, found = _find(_spelled(ref), rehearsal)
    report: Document = {"source": source, **document(found)}
    if replay:
        report["replay"] = _replayed(found["decisions"]) | _candles_seen(source, found["decisions"])
    session.report(report, view.blocks)
    differs = replay and report["replay"]["identical"] < report["replay"]["decisions"]
    return CheckFailed.exit_code if differs else 0


def _spelled(ref: str) -> str:
    """Symbols are upper case with a stroke; ids are lower case and stay as they are."""
    told = ref.strip()
    base, dash, quote = told.replace("/", "-").partition("-")
    if dash and base.isalnum() and quote.isalpha():
        return f"{base}/{quote}".upper()
    return told


def _find(ref: str, rehearsal: bool) -> tuple[str, Document]:
    """The rows, and of which database they are."""
    from bot.cli.wiring import open_reports

    if not rehearsal:
        try:
            with open_reports() as reports:
                return "bots", reports.why(ref)
        except ConfigError as unknown:
            try:
                with open_reports(rehearsal=True) as reports:
                    return "rehearsal", reports.why(ref)
            except (ConfigError, DatabaseError):
                raise unknown from None
    with open_reports(rehearsal=True) as reports:
        return "rehearsal", reports.why(ref)


def _replayed(decisions: Iterable[Mapping[str, Any]]) -> Document:
    tally = Tally()
    for decision in decisions:
        tally.add(decision)
    return tally.document()


def _candles_seen(source: str, decisions: Iterable[Mapping[str, Any]]) -> Document:
    """How many series of archived candles are still those that the decisions were made on."""
    from bot.adapters.postgres import PostgresStore
    from bot.cli.wiring import ready_database, rehearsal_database
    from bot.jobs.replay import changed_candles

    store = PostgresStore((rehearsal_database() if source == "rehearsal" else ready_database()).url)
    try:
        series = 0
        changed: list[str] = []
        for decision in decisions:
            series += len(decision["inputs"].get("candles", []))
            changed += changed_candles(decision["inputs"], store.windows)
    finally:
        store.close()
    return {"series": series, "changed_candles": changed}


class Tally:
    """Replays decisions one by one and keeps what differed."""

    def __init__(self) -> None:
        self.decisions = self.identical = 0
        self.differences: list[Document] = []

    def add(self, decision: Mapping[str, Any]) -> None:
        """Replay one stored decision. One that this version cannot read differs."""
        from bot.cli.plain_json import iso
        from bot.jobs.replay import replay

        self.decisions += 1
        try:
            result = replay(decision["inputs"], decision["outputs"])
            differences = result.differences
        except (KeyError, TypeError, ValueError) as error:
            differences = (f"this version cannot read it: {type(error).__name__}: {error}",)
        if not differences:
            self.identical += 1
        elif len(self.differences) < MOST_DIFFERENCES:
            self.differences.append(
                {
                    "slot": iso(decision["slot_ms"]),
                    "bot_id": decision["bot_id"],
                    "code_version": decision["code_version"],
                    "differences": list(differences)[:MOST_DIFFERENCES],
                }
            )

    def document(self) -> Document:
        return {"decisions": self.decisions, "identical": self.identical, "differences": self.differences}


def _replay_all(since: str | None, rehearsal: bool) -> int:
    from bot.cli.arguments import moment_ms
    from bot.cli.views import why as view
    from bot.cli.wiring import open_reports

    since_ms = moment_ms(since, "--since") if since else 0
    source, document = "bots", Tally().document()
    if not rehearsal:
        with open_reports() as reports:
            document = _replay_every(reports, since_ms)
    if not document["decisions"]:
        try:
            with open_reports(rehearsal=True) as reports:
                source, document = "rehearsal", _replay_every(reports, since_ms)
        except DatabaseError:
            if rehearsal:
                raise
    session.report({"source": source, **document}, view.replay_blocks)
    return 0 if document["identical"] == document["decisions"] else CheckFailed.exit_code


def _replay_every(reports: PostgresReports, since_ms: int) -> Document:
    from bot.cli.render import progress
    from bot.cli.texts import text

    tally, seen = Tally(), 0
    with progress(text("why.progress"), reports.counts()["decisions"]) as advance:
        for decision in reports.decisions():
            seen += 1
            if decision["slot_ms"] >= since_ms:
                tally.add(decision)
            advance(seen, f"{tally.identical}/{tally.decisions}")
    return tally.document()
