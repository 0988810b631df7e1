"""`rehearse`: full ticks over recorded candles."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from bot.cli.declare import command
from bot.cli.session import session

if TYPE_CHECKING:
    from bot.cli.rehearsal import Request

Document = dict[str, Any]


def declare(app: typer.Typer) -> None:
    """Add the command."""

    @command(
        app, "rehearse",
        "rehearse", "rehearse --every 15m --profile swing",
        "rehearse --data candles/binance --symbols BTC/USDT,ETH/USDT --from 2021-05-12 --to 2021-05-26",
    )  # fmt: skip
    def rehearse(
        data: Annotated[
            str | None,
            typer.Option("--data", metavar="DIR", help="One venue's candles; default: the bundled recording."),
        ] = None,
        start: Annotated[str | None, typer.Option("--from", metavar="ISO", help="First tick, UTC.")] = None,
        end: Annotated[str | None, typer.Option("--to", metavar="ISO", help="Last tick, UTC.")] = None,
        symbols: Annotated[
            str | None, typer.Option("--symbols", metavar="LIST", help="Like BTC/EUR,ETH/EUR; default: all recorded.")
        ] = None,
        every: Annotated[str | None, typer.Option("--every", metavar="SPAN", help="Cadence; default 5m.")] = None,
        cash: Annotated[
            str | None, typer.Option("--cash", metavar="AMOUNT", help="Quote currency; default 10,000.")
        ] = None,
        profile: Annotated[
            str | None, typer.Option("--profile", metavar="NAME", help="aggressive, swing or platform.")
        ] = None,
        resume: Annotated[
            bool, typer.Option("--resume", help="Go on with the rows of the last one, whatever it was.")
        ] = False,
        fresh: Annotated[
            bool, typer.Option("--fresh", help="Start anew, also where the same one was cut short.")
        ] = False,
    ) -> None:
        """Replay recorded candles with full ticks.

        They go through a simulated Kraken on a socket, a real database, a virtual clock. The bots are
        not touched: the rows go to a database of their own, which `why` and `status --rehearsal` read.
        One that was cut short goes on where it stopped when the same one is asked for again.

        DIR holds BASE-QUOTE/TIMEFRAME.parquet with the columns
        timestamp, open, high, low, close, volume.
        """
        from pathlib import Path

        from bot.cli.arguments import amount, moment_ms, seconds
        from bot.cli.arguments import symbols as read_symbols
        from bot.cli.rehearsal import DEFAULT_CASH, Request
        from bot.cli.views import rehearse as view

        request = Request(
            data=Path(data).expanduser() if data else None,
            start_ms=moment_ms(start, "--from") if start else 0,
            end_ms=moment_ms(end, "--to") if end else 0,
            symbols=read_symbols(symbols, "--symbols") if symbols else (),
            every_ms=round(seconds(every or "5m", "--every") * 1000),
            cash=amount(cash, "--cash") if cash else DEFAULT_CASH,
            overrides={"profile": profile} if profile else {},
            resume=resume,
            fresh=fresh,
        )
        session.report(rehearse_with_progress(request)[0], view.blocks)


def rehearse_with_progress(request: Request) -> tuple[Document, Document]:
    """The rehearsal's document, and that of its last tick with a verdict ({} when there was none)."""
    from bot.cli.rehearsal import rehearse
    from bot.cli.render import progress
    from bot.cli.texts import text

    last: Document = {}
    with progress(text("rehearse.progress"), 1.0) as advance:

        def note(done: int, total: int, document: Document) -> None:
            nonlocal last
            bots = document.get("bots", [])
            if any(bot["verdicts"] for bot in bots):
                last = document
            advance(done / total, str(document.get("now", ""))[:16].replace("T", " "))

        return rehearse(request, note), last
