"""`pause`, `resume`, `close`, `close-all`: a person's word, written down for the next tick."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from bot.cli.declare import command
from bot.cli.session import session

if TYPE_CHECKING:
    from bot.adapters.postgres_reports import PostgresReports

Document = dict[str, Any]

WEEK_MS = 7 * 86_400_000
WAIT_POLL_S = 1.0

BotOption = Annotated[str | None, typer.Option("--bot", metavar="NAME", help="Only this bot; default: all of them.")]


def declare(app: typer.Typer) -> None:
    """Add the commands."""

    @command(app, "pause", "pause", "pause --bot main")
    def pause(bot: BotOption = None) -> None:
        """No new entries until `resume`. Stops and exits go on."""
        _send("pause", bot)

    @command(app, "resume", "resume", "resume --bot main", "resume --lift-breaker")
    def resume(
        bot: BotOption = None,
        lift_breaker: Annotated[
            bool,
            typer.Option("--lift-breaker", help="Close the global breaker; its drawdown is counted anew."),
        ] = False,
    ) -> None:
        """Allow entries again after a pause; the global breaker only with --lift-breaker."""
        _send("lift_breaker" if lift_breaker else "resume", bot)

    @command(app, "close", "close BTC/EUR", "close BTC/EUR --bot main --json")
    def close(
        symbol: Annotated[str, typer.Argument(metavar="SYMBOL", help="Like BTC/EUR.")], bot: BotOption = None
    ) -> None:
        """Sell one position at the next tick, at the market."""
        from bot.cli.arguments import symbol as read_symbol

        _send("close", bot, read_symbol(symbol, "SYMBOL"))

    @command(app, "close-all", "close-all", "close-all --bot main --yes", "close-all --yes --wait --for 30m")
    def close_all(
        bot: BotOption = None,
        yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask first.")] = False,
        wait: Annotated[bool, typer.Option("--wait", help="Follow it until all is sold.")] = False,
        lasting: Annotated[
            str | None, typer.Option("--for", metavar="SPAN", help="Longest wait; default 15m. Then it ends with 5.")
        ] = None,
    ) -> int:
        """Sell every position at the next tick, at the market.

        Asks first on a terminal; elsewhere it needs --yes. A stop stays where it is until the tick has
        the exit in hand. Asking twice sells once.
        """
        from bot.cli.arguments import seconds

        return _close_all(bot, yes, seconds(lasting or "15m", "--for") if wait or lasting else 0.0)


def _close_all(bot: str | None, sure: bool, wait_s: float) -> int:
    from bot.cli.commands.config import chosen_bot
    from bot.cli.remains import read_remains
    from bot.cli.views import remains as view
    from bot.cli.wiring import open_reports
    from bot.domain.errors import CheckFailed

    with open_reports() as reports:
        names = [row["name"] for row in reports.bots()]
        meant = names if bot is None else [chosen_bot(reports.bots(), bot)]
        found = read_remains(reports, meant)
        held = [one["bot"] for one in found["positions"]]
        document: Document = {"kind": "close_all", "commands": [], **found}
        if not sure and not _confirmed(meant, len(held)):
            session.report(document, view.close_all)
            return 0
        document["commands"] = [
            {"command_id": number, "bot": name, "positions": held.count(name)}
            for name in meant
            for number in reports.queue_command("close_all", name)
        ]
        document["next_tick_by"] = _next_tick(reports.ticks(1))
        if wait_s:
            document |= _until_closed(reports, meant, found, wait_s)
    session.report(document, view.close_all)
    return 0 if document.get("done", True) else CheckFailed.exit_code


def _until_closed(reports: PostgresReports, meant: list[str], found: Document, wait_s: float) -> Document:
    """What remains once nothing does, or when the time is up; each change is told at once."""
    import time

    from bot.cli.remains import read_remains
    from bot.cli.texts import text

    give_up, told = time.monotonic() + wait_s, ""
    while True:
        standing = [*found["positions"], *found["entries"], *found["exits"], *found["unknown"]]
        left = ", ".join(dict.fromkeys(f"{one['bot']} {one['symbol']}" for one in standing))
        if left and left != told:
            session.note(text("close_all.waiting", left=left))
            told = left
        if not left or time.monotonic() >= give_up:
            return {**found, "done": not left}
        time.sleep(min(WAIT_POLL_S, max(give_up - time.monotonic(), 0.0)))
        found = read_remains(reports, meant)


def _send(kind: str, bot: str | None, symbol: str = "") -> None:
    from bot.cli.commands.config import chosen_bot
    from bot.cli.views import small
    from bot.cli.wiring import open_reports

    with open_reports() as reports:
        names = [row["name"] for row in reports.bots()]
        meant = names if bot is None else [chosen_bot(reports.bots(), bot)]
        held = [(row["bot"], row["symbol"]) for row in reports.positions() if row["bot"] in meant]
        if symbol:
            meant = _holders(symbol, held + _waiting_entries(reports, meant))
        commands = [
            {"command_id": number, "bot": name, "positions": sum(1 for holder, _ in held if holder == name)}
            for name in meant
            for number in reports.queue_command(kind, name, {"symbol": symbol} if symbol else None)
        ]
        last = reports.ticks(1)
    document: Document = {"kind": kind, "commands": commands, "next_tick_by": _next_tick(last)}
    session.report(document | ({"symbol": symbol} if symbol else {}), small.control)


def _waiting_entries(reports: PostgresReports, meant: list[str]) -> list[tuple[str, str]]:
    """(bot, symbol) of entries that are not filled yet: closing a symbol takes those back."""
    from bot.cli.wiring import wall_ms
    from bot.domain.orders import FINAL

    over = {status.value for status in FINAL}
    return [
        (row["bot"], row["symbol"])
        for row in reports.orders(since_ms=wall_ms() - WEEK_MS)
        if row["bot"] in meant and row["leg"] == "entry" and row["status"] not in over
    ]


def _holders(symbol: str, held: list[tuple[str, str]]) -> list[str]:
    """The bots that have something to close there. Raises ConfigError when none has."""
    from bot.domain.errors import ConfigError

    found = dict.fromkeys(name for name, what in held if what == symbol)
    if not found:
        symbols = sorted({what for _, what in held})
        fix = f"held now: {', '.join(symbols)}" if symbols else "nothing is held now"
        raise ConfigError(f"no position in {symbol}", where="SYMBOL", fix=fix)
    return list(found)


def _confirmed(names: list[str], positions: int) -> bool:
    import sys

    from bot.cli.texts import text
    from bot.domain.errors import ConfigError

    if session.json or not sys.stdin.isatty():
        raise ConfigError(
            "close-all sells everything, and there is nobody to ask", where="--yes", fix="add --yes if you mean it"
        )
    return typer.confirm(text("control.ask", positions=positions, bots=", ".join(names)), err=True)


def _next_tick(ticks: list[Document]) -> str | None:
    """By when the next tick is due: one slot after the last one began. None when there is no clock to go by."""
    from bot.cli.plain_json import iso
    from bot.cli.wiring import wall_ms
    from bot.settings import load_cached

    slot_ms = load_cached().market.slot_s * 1000
    if not ticks or wall_ms() - ticks[0]["slot_ms"] > 12 * slot_ms:
        return None
    return iso(wall_ms() - wall_ms() % slot_ms + slot_ms)
