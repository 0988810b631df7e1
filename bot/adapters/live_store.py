"""Decisions about real money: who let a bot trade it, with how much, who stopped it, and the kill switch.

Every decision is a row that is never changed. The schema holds to the same rules:
no start without gates or a written override, no running live bot without a start.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, TypeVar

import psycopg

from bot.adapters.postgres_connection import Client, Row
from bot.adapters.postgres_reports import no_such_bot, with_money
from bot.adapters.postgres_rows import Json, as_trade, dumps, query
from bot.domain.book import BotStatus
from bot.domain.errors import ConfigError, DatabaseError
from bot.domain.records import Trade

T = TypeVar("T")
Gates = Sequence[Mapping[str, Any]]

ZERO = Decimal(0)
LEASE_WAIT_S = 20.0
LEASE_POLL_S = 0.25


@dataclass(frozen=True, slots=True)
class LiveBot:
    """The one bot that trades with real money, started or not.

    capital: what it may trade with, quote currency.  baseline: what the account
    held beside the bot's own when it went live, by asset.  started_ms: when it was
    last started, database clock; 0 for never.  may_trade: it was, and was not stopped since.
    """

    name: str
    bot_id: int
    quote: str
    capital: Decimal
    baseline: dict[str, Decimal]
    started_ms: int
    status: BotStatus
    may_trade: bool


@dataclass(frozen=True, slots=True)
class PaperRecord:
    """What a bot has shown so far. Times in ms UTC.

    first_day_ms: start of the first day that has an equity; 0 for none.
    daily_equity: (start of the day, the day's last equity in quote currency), oldest
    first; capital that came in later counts as if it had been there from the
    beginning.  closed: trades by their exit.
    """

    first_day_ms: int
    daily_equity: tuple[tuple[int, float], ...]
    closed: tuple[Trade, ...]


class LiveStore(Client):
    """Each method is one transaction: all of it or nothing, and once, also when the connection is cut on the way."""

    def live_bot(self) -> LiveBot | None:
        """The live bot, None where there is none."""
        return self.run(lambda connection: Transaction(self, connection).live_bot())

    def paper_record(self, bot: str) -> PaperRecord:
        """What the gates ask about. Raises ConfigError when there is no such bot."""

        def read(connection: psycopg.Connection[Row]) -> PaperRecord:
            row = self.ask(connection, query("paper_record"), {"bot": bot}).fetchone()
            if row is None:
                names = connection.execute("select name from bots order by bot_id").fetchall()
                raise no_such_bot(bot, [str(found) for (found,) in names])
            first_day_ms, days, closed = row
            daily = tuple((int(day_ms), float(equity)) for day_ms, equity in days or ())
            return PaperRecord(first_day_ms, daily, tuple(map(as_trade, closed or ())))

        return self.run(read)

    def start(
        self,
        name: str,
        quote: str,
        capital: Decimal,
        baseline: Mapping[str, Decimal],
        gates: Gates,
        override: str,
        author: str,
    ) -> int:
        """Let a bot trade with real money; its id. Makes the bot, or takes the live one of that name again.

        capital: quote currency, all that the bot may trade with.  baseline: what
        the account holds beside the bot's own, by asset.  gates: each with name and ok.
        override: the written reason to go on although a gate does not hold, "" for none.
        Raises ConfigError when that may not be, DatabaseError while a tick is under way.
        """
        _capital(capital)
        _approved(gates, override)
        _said(author, "author")
        beside = dumps({asset: format(_amount(held, asset), "f") for asset, held in baseline.items()})

        def work(step: Transaction) -> int:
            step.refuse_killed()
            bot = step.live_bot()
            if bot is None:
                bot_id, added = step.make(name, quote, capital, beside), ZERO
            else:
                _startable(bot, name, quote)
                bot_id, added = bot.bot_id, capital - bot.capital
                step.fund(bot, capital, beside)
            step.decide("start", author, bot_id, capital=capital, added=added, gates=gates, override=override)
            step.move(bot_id, BotStatus.RUNNING, f"started with {capital} {quote} of real money by {author}")
            return bot_id

        return self._decided(work, between_ticks=True)

    def raise_capital(self, bot_id: int, new_capital: Decimal, gates: Gates, override: str, author: str) -> None:
        """Let the live bot trade with more, quote currency. Raises as start does."""
        _capital(new_capital)
        _approved(gates, override)
        _said(author, "author")

        def work(step: Transaction) -> None:
            step.refuse_killed()
            bot = step.known_bot(bot_id)
            added = new_capital - bot.capital
            if not bot.may_trade:
                raise ConfigError(
                    f"{bot.name} is not started", where="live bot", fix="start it with `python -m bot live start`"
                )
            if added <= ZERO:
                raise ConfigError(
                    f"{bot.name} trades with {bot.capital} {bot.quote} already",
                    where="capital",
                    fix="give more than that; to trade with less, stop it and start it anew",
                )
            step.fund(bot, new_capital, None)
            step.decide("raise", author, bot_id, capital=new_capital, added=added, gates=gates, override=override)

        self._decided(work, between_ticks=True)

    def stop(self, bot_id: int, reason: str, author: str) -> None:
        """The live bot enters nothing any more; it protects and exits until it is started again.

        Raises ConfigError when it was never started, or no reason is given.
        """
        _said(reason, "reason")
        _said(author, "author")

        def work(step: Transaction) -> None:
            bot = step.known_bot(bot_id)
            if not bot.started_ms:
                raise ConfigError(f"{bot.name} was never started", where="live bot", fix="there is nothing to stop")
            if bot.may_trade:
                step.decide("stop", author, bot_id, capital=bot.capital, reason=reason)
            step.move(bot_id, BotStatus.PAUSED, f"stopped by {author}: {reason.strip()}")

        self._decided(work)

    def kill(self, reason: str, author: str) -> None:
        """Throw the kill switch: nothing more is sent to the venue; what rests there, stops first, stays.

        The next entry of a tick under way is refused too. Thrown again, the newest reason stands.
        """
        _said(reason, "reason")
        _said(author, "author")

        def work(step: Transaction) -> None:
            step.do("set_kill_switch", reason=reason.strip(), author=author)
            step.decide("kill", author, step.bot_id(), reason=reason)

        self._decided(work)

    def lift_kill(self, author: str) -> str:
        """Take the kill switch back; why it was on, "" when it was off."""
        _said(author, "author")

        def work(step: Transaction) -> str:
            why = step.killed()
            if why:
                step.do("lift_kill_switch")
                step.decide("release", author, step.bot_id(), reason=why)
            return why

        return self._decided(work)

    def killed(self) -> str:
        """Why the kill switch is on, "" while it is off."""
        return self.run(lambda connection: Transaction(self, connection).killed())

    def decisions(self, limit: int = 100) -> list[Json]:
        """As PostgresReports.live_decisions."""
        return self._rows("live_decisions", {"count": limit})

    def dead_letters(self, limit: int = 100, open_only: bool = True) -> list[Json]:
        """As PostgresReports.dead_letters."""
        return self._rows("dead_letters", {"open_only": open_only, "count": limit})

    def resolve_dead_letter(self, client_id: str, author: str) -> bool:
        """A person has seen to it. False when there is no open one of that name."""
        values = {"client_id": client_id, "author": author}
        return self.run(lambda connection: self.ask(connection, query("resolve_dead_letter"), values).rowcount > 0)

    def _rows(self, name: str, values: Json) -> list[Json]:
        row = self.run(lambda connection: self.ask(connection, query(name), values).fetchone())
        return with_money((row and row[0]) or [])

    # --- steps of a transaction --------------------------------------------------------------

    def _decided(self, work: Callable[[Transaction], T], *, between_ticks: bool = False) -> T:
        """One decision after the other. between_ticks: wait until no tick is under way, and let none begin."""
        asked_as = secrets.token_hex(8)
        made: list[T] = []

        def attempt(connection: psycopg.Connection[Row]) -> bool:
            with self.transaction(connection):
                connection.execute("lock table live_decisions in share row exclusive mode")
                known = "select from live_decisions where asked_as = %s"
                if made and connection.execute(known, (asked_as,)).rowcount:
                    return True
                if between_ticks and connection.execute(query("hold_ticks").encode()).rowcount:
                    return False
                made.append(work(Transaction(self, connection, asked_as)))
                return True

        give_up = time.monotonic() + LEASE_WAIT_S
        while not self.run(attempt):
            if time.monotonic() >= give_up:
                raise DatabaseError(
                    "a tick is under way, and a bot's money changes between ticks only",
                    where="lease tick",
                    fix="nothing was changed: try again in a minute",
                )
            time.sleep(LEASE_POLL_S)
        return made[-1]


@dataclass(frozen=True, slots=True)
class Transaction:
    """Steps of one decision. asked_as: the name under which it counts once."""

    store: Client
    connection: psycopg.Connection[Row]
    asked_as: str = ""

    def do(self, statement: str, /, **values: Any) -> psycopg.Cursor[Row]:
        return self.store.ask(self.connection, query(statement), values)

    def bot_id(self) -> int | None:
        bot = self.live_bot()
        return bot.bot_id if bot else None

    def live_bot(self) -> LiveBot | None:
        row = self.do("live_bot").fetchone()
        if row is None:
            return None
        bot_id, name, quote, status, capital, baseline, started_ms, may_trade = row
        amounts = {asset: Decimal(amount) for asset, amount in baseline.items()}
        return LiveBot(name, bot_id, quote, capital, amounts, started_ms, BotStatus(status), may_trade)

    def known_bot(self, bot_id: int) -> LiveBot:
        bot = self.live_bot()
        if bot is None or bot.bot_id != bot_id:
            raise ConfigError(f"bot {bot_id} is no live bot", where="live bot", fix="see `python -m bot status`")
        return bot

    def killed(self) -> str:
        row = self.do("kill_switch").fetchone()
        return str((row and row[0]["reason"]) or "")

    def refuse_killed(self) -> None:
        if why := self.killed():
            raise ConfigError(
                f"the kill switch is on: {why}", where="kill switch", fix="lift it first: python -m bot kill --release"
            )

    def make(self, name: str, quote: str, capital: Decimal, baseline: str) -> int:
        if self.connection.execute("select from bots where name = %s", (name,)).rowcount:
            raise ConfigError(
                f"{name} trades on paper", where="bot name", fix="give the live bot a name of its own: books never mix"
            )
        row = self.do("make_live_bot", name=name, quote=quote, capital=capital, baseline=baseline).fetchone()
        assert row is not None
        return int(row[0])

    def fund(self, bot: LiveBot, capital: Decimal, baseline: str | None) -> None:
        if not self.do("fund_live_bot", bot_id=bot.bot_id, capital=capital, baseline=baseline).rowcount:
            raise ConfigError(
                f"{bot.name} holds positions that {capital} {bot.quote} do not pay for",
                where="capital",
                fix="give it more, or close its positions first",
            )

    def decide(
        self,
        kind: str,
        author: str,
        bot_id: int | None,
        *,
        capital: Decimal | None = None,
        added: Decimal = ZERO,
        gates: Gates = (),
        override: str = "",
        reason: str = "",
    ) -> None:
        """The row of the decision."""
        self.do(
            "decide_live", bot_id=bot_id, kind=kind, capital=capital, added=added, gates=dumps(list(gates)),
            override=override.strip(), reason=reason.strip(), author=author, asked_as=self.asked_as,
        )  # fmt: skip

    def move(self, bot_id: int, status: BotStatus, reason: str) -> None:
        self.do("move_live_bot", bot_id=bot_id, status=status.value, reason=reason)


def _startable(bot: LiveBot, name: str, quote: str) -> None:
    """Raises ConfigError when the live bot there is cannot be the one to be started."""
    if bot.name != name:
        raise ConfigError(
            f"{bot.name} is the live bot: one venue account, one bot",
            where="bot name",
            fix=f"start {bot.name}, or use a database and an account of its own for {name}",
        )
    if bot.quote != quote:
        raise ConfigError(
            f"the money of {name} is {bot.quote}, not {quote}", where="quote", fix=f"start it with {bot.quote}"
        )
    if bot.may_trade and bot.status is BotStatus.RUNNING:
        raise ConfigError(f"{name} trades live already", where="live bot", fix="nothing to do, or stop it first")


def _approved(gates: Gates, override: str) -> None:
    """Raises ConfigError unless all gates hold or a person said in writing why not."""
    unmet = [str(gate.get("name", "a gate")) for gate in gates if gate.get("ok") is not True]
    if override.strip() or (gates and not unmet):
        return
    what = f"not met: {', '.join(unmet)}" if unmet else "no gate was looked at"
    raise ConfigError(what, where="gates", fix="wait until all hold, or give the reason in LIVE_OVERRIDE")


def _amount(value: Decimal, name: str) -> Decimal:
    if not (value.is_finite() and value >= 0):
        raise ConfigError(f"{value} is no amount of {name}", where=name, fix="give a number, zero or more")
    return value


def _capital(value: Decimal) -> None:
    if not _amount(value, "capital"):
        raise ConfigError("no capital was given", where="capital", fix="give what the bot may trade with")


def _said(text: str, where: str) -> None:
    if not text.strip():
        raise ConfigError(f"no {where} was given", where=where, fix="say it: it is kept with the decision")
