"""The way to real money: gates, checks, a person's word, the decision. And the way to more, and back.

Nothing here orders anything. A decision is a row; ticks act on it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from decimal import ROUND_FLOOR, Decimal
from typing import TYPE_CHECKING, Any

from bot.cli.commands.bots import author
from bot.cli.wiring import LIVE, open_backtests, open_config, open_live_store, open_reports, refuse_other_money, wall_ms
from bot.domain.errors import CheckFailed, ConfigError, ExchangeError
from bot.domain.orders import Leg
from bot.domain.venue_orders import Balance
from bot.jobs.gates import Gate, Ramp, backtest_figure, live_gates, ramp
from bot.settings import Settings, load, load_cached, read_runtime, read_secrets
from bot.settings.fingerprint import fingerprint

if TYPE_CHECKING:
    from bot.adapters.backtest_store import BacktestStore
    from bot.adapters.config_store import ConfigStore
    from bot.adapters.live_store import LiveBot, LiveStore
    from bot.adapters.postgres_reports import PostgresReports
    from bot.cli.checks.result import Check
    from bot.cli.live_checks import Books, LiveFacts

Document = dict[str, Any]
Confirm = Callable[[Document], bool]

NAME = "live"
CENT = Decimal("0.01")
ZERO = Decimal(0)
LEAST_LETTERS, LEAST_WORDS = 20, 4
"""What a written reason has at least, so that it says something."""

CHECKS_S = 90.0
SHOWN_DECISIONS = 10


@dataclass(frozen=True, slots=True)
class Stores:
    """The database, as its four readers see it."""

    live: LiveStore
    reports: PostgresReports
    config: ConfigStore
    backtests: BacktestStore


@contextmanager
def open_stores() -> Iterator[Stores]:
    with (
        open_live_store() as live,
        open_reports() as reports,
        open_config() as config,
        open_backtests() as backtests,
    ):
        yield Stores(live, reports, config, backtests)


# --- looking ----------------------------------------------------------------------------------


def read_live(paper: str | None) -> Document:
    """Gates, mode, capital, ramp, and what is missing. paper: the bot whose record counts."""
    from bot.cli.plain_json import document

    with open_stores() as stores:
        rows = stores.reports.bots()
        name = paper_bot(rows, paper)
        gates = _gates(stores, name)
        bot = stores.live.live_bot()
        live = next((row for row in rows if bot is not None and row["name"] == bot.name), None)
        climb = _ramp(stores, bot) if bot is not None and bot.started_ms else None
        killed = stores.live.killed()
        decisions = stores.live.decisions(SHOWN_DECISIONS)
    mode = read_runtime().mode
    return {
        "mode": mode,
        "paper_bot": name,
        "gates": [gate.document() for gate in gates],
        "gates_ok": all(gate.ok for gate in gates),
        "override": read_runtime().live_override,
        "live_bot": document(_shown(bot, live)) if bot is not None and live is not None else None,
        "ramp": _ramp_document(climb) if climb is not None else None,
        "kill_switch": killed,
        "missing": _missing(gates, mode, bot, climb, killed),
        "decisions": document(decisions),
    }


def _shown(bot: LiveBot, row: Mapping[str, Any]) -> Document:
    kept = ("name", "status", "quote", "cash", "equity", "pnl_total", "drawdown")
    return {name: row[name] for name in kept} | {
        "capital": bot.capital, "baseline": bot.baseline, "started_ms": bot.started_ms, "may_trade": bot.may_trade,
    }  # fmt: skip


def _ramp_document(climb: Ramp) -> Document:
    steps = load_cached().live.capital_steps
    return {
        "capital": climb.capital,
        "next_capital": climb.next_capital,
        "steps": list(steps),
        "allowed": climb.allowed,
        "gates": [gate.document() for gate in climb.gates],
    }


def _missing(gates: Sequence[Gate], mode: str, bot: LiveBot | None, climb: Ramp | None, killed: str) -> list[Document]:
    """What keeps real money from trading, or from growing, and how to mend each."""
    found: list[Document] = []
    trading = bot is not None and bot.may_trade
    if not trading:
        found += [{"what": gate.name, "fix": fix_of(gate)} for gate in gates if not gate.ok]
    if climb is not None and trading and climb.next_capital is not None:
        found += [{"what": gate.name, "fix": fix_of(gate)} for gate in climb.gates if not gate.ok]
    secrets = read_secrets()
    if secrets.kraken_api_key is None or secrets.kraken_api_secret is None:
        fix = "set KRAKEN_API_KEY and KRAKEN_API_SECRET to a key that may trade and may not withdraw"
        found.append({"what": "key", "fix": fix})
    if mode != LIVE:
        found.append({"what": "mode", "fix": "set TRADING_MODE=live here and wherever ticks run"})
    if killed:
        found.append({"what": "kill_switch", "fix": "when its reason is gone: python -m bot kill --release"})
    if not trading:
        found.append({"what": "start", "fix": "when all else is there: python -m bot live start"})
    return found


def fix_of(gate: Gate) -> str:
    """How a closed gate opens."""
    if gate.name == "backtest_sharpe" and gate.why not in ("", "untold"):
        return (
            "test the bot's settings on recorded candles and keep the result: python -m training backtest --bot NAME"
            " --data DIR --period 1y --save; without that only a written reason in LIVE_OVERRIDE goes on"
        )
    left = max(gate.limit - (gate.value or 0.0), 0.0)
    if gate.unit == "days":
        return f"wait {left:.0f} more day(s) with ticks"
    if gate.unit == "trades":
        return f"wait for {left:.0f} more closed trade(s)"
    if gate.why in ("too_few_days", "too_few_trades", "untold"):
        return "wait: there is too little to tell by"
    if gate.name.endswith("_at_step"):
        return "stay at this capital until the figure is good enough"
    return "try other settings on a new paper bot: python -m bot bots add NAME"


def paper_bot(rows: Sequence[Mapping[str, Any]], asked: str | None) -> str:
    """The paper bot whose record counts. Raises ConfigError when that is not clear."""
    from bot.cli.commands.config import chosen_bot

    return chosen_bot([dict(row) for row in rows if row["mode"] != LIVE], asked)


def _gates(stores: Stores, paper: str) -> tuple[Gate, ...]:
    found = stores.backtests.newest(fingerprint(load(stores.config.show(paper)["overrides"])))
    sharpe, why = backtest_figure(found.newest, found.others, wall_ms())
    return live_gates(stores.live.paper_record(paper), load_cached().live, sharpe, why)


def _ramp(stores: Stores, bot: LiveBot) -> Ramp:
    """Where the bot stands since it got the capital that it has."""
    given = [
        row["at_ms"]
        for row in stores.live.decisions()
        if row["bot_id"] == bot.bot_id and row["kind"] in ("start", "raise")
    ]
    since_ms = max([bot.started_ms, *given])
    return ramp(stores.live.paper_record(bot.name), load_cached().live, float(bot.capital), since_ms, wall_ms())


# --- deciding ---------------------------------------------------------------------------------


def start(paper: str | None, confirm: Confirm) -> tuple[Document, int]:
    """Let a bot trade with real money: gates or a written reason, all checks, a person's word.

    The live bot gets the settings of the paper bot whose record let it in. Returns the
    document and the exit code. Raises ConfigError, DatabaseError, ExchangeError.
    """
    require_live_mode()
    with open_stores() as stores:
        name = paper_bot(stores.reports.bots(), paper)
        bot = stores.live.live_bot()
        _refuse_trading(bot)
        gates = _gates(stores, name)
        found: Document = {"kind": "start", "paper_bot": name, "bot": bot.name if bot else _free_name(stores, name)}
        override = "" if all(gate.ok for gate in gates) else written_reason()
        found |= {"gates": [gate.document() for gate in gates], "override": override}
        if not override and not all(gate.ok for gate in gates):
            return _refused(found, "gates")
        settings = _settings(stores, bot.name if bot else name, name)
        facts, checks = examine(settings, Decimal(str(load_cached().live.initial_capital)))
        assert facts.capital is not None
        found |= {"capital": float(facts.capital), "quote": settings.market.quote, "checks": _told(checks)}
        if not all(check.ok for check in checks):
            return _refused(found, "checks")
        beside = baseline(facts, bot)
        found["baseline"] = {asset: float(amount) for asset, amount in beside.items()}
        if not confirm(found):
            return {**found, "done": False, "refused": "person"}, 0
        if bot is None:
            _make(stores, found["bot"], name, settings.market.quote, facts.capital)
        stores.live.start(
            found["bot"], settings.market.quote, facts.capital, beside, found["gates"], override, author()
        )
    return {**found, "done": True, "refused": ""}, 0


def raise_capital(confirm: Confirm) -> tuple[Document, int]:
    """Give the live bot the next step's capital, and no more. Returns and raises as `start`."""
    require_live_mode()
    with open_stores() as stores:
        bot = stores.live.live_bot()
        if bot is None or not bot.may_trade:
            raise ConfigError(
                "no bot trades with real money", where="live raise", fix="begin with python -m bot live start"
            )
        climb = _ramp(stores, bot)
        if climb.next_capital is None:
            raise ConfigError(
                f"{bot.name} has the capital of the last step already",
                where="live.capital_steps",
                fix="add a step to live.capital_steps if it is to have more",
            )
        found: Document = {"kind": "raise", "bot": bot.name, "quote": bot.quote, "before": float(bot.capital)}
        override = "" if climb.allowed else written_reason()
        found |= {"capital": climb.next_capital, "gates": [gate.document() for gate in climb.gates]}
        found["override"] = override
        if not climb.allowed and not override:
            return _refused(found, "gates")
        facts, checks = examine(_settings(stores, bot.name, bot.name), Decimal(str(climb.next_capital)), fixed=True)
        found["checks"] = _told(checks)
        if not all(check.ok for check in checks):
            return _refused(found, "checks")
        if not confirm(found):
            return {**found, "done": False, "refused": "person"}, 0
        assert facts.capital is not None
        stores.live.raise_capital(bot.bot_id, facts.capital, found["gates"], override, author())
    return {**found, "done": True, "refused": ""}, 0


def stop(reason: str) -> Document:
    """The live bot protects and exits, and enters nothing. Raises ConfigError when there is none."""
    with open_stores() as stores:
        bot = stores.live.live_bot()
        if bot is None:
            raise ConfigError("there is no live bot", where="live stop", fix="there is nothing to stop")
        stores.live.stop(bot.bot_id, reason, author())
        held = [row["symbol"] for row in stores.reports.positions() if row["bot"] == bot.name]
    return {"kind": "stop", "bot": bot.name, "reason": reason, "positions": held}


def require_live_mode() -> None:
    """Raises ConfigError unless this run may send real orders, its key included."""
    if read_runtime().mode != LIVE:
        raise ConfigError(
            "real money is let in only where TRADING_MODE is live",
            where="environment, TRADING_MODE",
            fix="set TRADING_MODE=live here and wherever ticks run",
        )


def written_reason() -> str:
    """LIVE_OVERRIDE, "" where there is none. Raises ConfigError when it is no sentence."""
    reason = " ".join(read_runtime().live_override.split())
    if reason and (len(reason) < LEAST_LETTERS or len(set(reason.lower().split())) < LEAST_WORDS):
        raise ConfigError(
            "LIVE_OVERRIDE is not a reason in words",
            where="environment, LIVE_OVERRIDE",
            fix=f"write why in a sentence of at least {LEAST_WORDS} words and {LEAST_LETTERS} letters; it is stored",
        )
    return reason


def examine(settings: Settings, capital: Decimal, *, fixed: bool = False) -> tuple[LiveFacts, list[Check]]:
    """Facts and findings of every check that real money asks for, in front of one look at the account.

    capital: what the bot is to trade with, quote currency.  fixed: no less than
    that; else at most what the account has free.  The facts hold what came of it.
    Raises ExchangeError when it takes too long.
    """
    from bot.cli.live_checks import judge
    from bot.cli.live_facts import gather
    from bot.cli.render import progress
    from bot.cli.texts import text

    async def look() -> tuple[list[Check], LiveFacts]:
        async with asyncio.timeout(CHECKS_S):
            return await gather(settings, capital)

    try:
        with progress(text("doctor.progress"), None):
            ordinary, facts = asyncio.run(look())
    except TimeoutError:
        raise ExchangeError(
            f"the checks took more than {CHECKS_S:g} s", where="live checks", fix="try again in a minute"
        ) from None
    if not fixed:
        facts = replace(facts, capital=affordable(facts, capital))
    return facts, [*ordinary, *judge(facts)]


def affordable(facts: LiveFacts, wanted: Decimal) -> Decimal:
    """The capital that the account has free for the bot, at most what is wanted; all of it where nothing is told.

    What the bot has already, in cash or in positions, counts as its own.
    """
    if facts.seen is None or facts.seen.balances is None:
        return wanted
    balance = next((one for one in facts.seen.balances if one.asset == facts.settings.market.quote), None)
    free = balance.total - balance.held if balance is not None else ZERO
    if facts.books is not None:
        free += facts.books.bot.initial_cash - _free_cash(facts.books)
    least = free.quantize(CENT, ROUND_FLOOR)
    return min(wanted, least) if least > ZERO else wanted


def _free_cash(books: Books) -> Decimal:
    """The bot's cash that no waiting entry holds, quote currency."""
    entries = [order for order in books.orders if order.leg is Leg.ENTRY]
    return books.cash - sum((order.remaining * (order.limit_price or ZERO) for order in entries), ZERO)


def baseline(facts: LiveFacts, bot: LiveBot | None) -> dict[str, Decimal]:
    """What the account holds beside the bot's own, by asset: lent coins too, since they are there.

    A bot that still holds something keeps the baseline that it has.
    """
    assert facts.seen is not None
    assert facts.seen.balances is not None
    assert facts.capital is not None
    books = facts.books
    if bot is not None and bot.started_ms and books is not None and (books.trades or books.orders or books.before):
        return dict(bot.baseline)
    own = facts.capital
    if books is not None:
        own += books.cash - books.bot.initial_cash
    return {one.asset: left for one in facts.seen.balances if (left := _beside(one, facts, own)) > ZERO}


def _beside(balance: Balance, facts: LiveFacts, own: Decimal) -> Decimal:
    everything = balance.total + balance.rewards
    return everything - own if balance.asset == facts.settings.market.quote else everything


def _refuse_trading(bot: LiveBot | None) -> None:
    if bot is not None and bot.may_trade:
        raise ConfigError(
            f"{bot.name} trades with real money already",
            where="live start",
            fix="nothing to do; after a pause: python -m bot resume, for more capital: python -m bot live raise",
        )


def _free_name(stores: Stores, paper: str) -> str:
    taken = {row["name"] for row in stores.reports.bots()}
    return NAME if NAME not in taken else f"{paper[:27]}-{NAME}"


def _settings(stores: Stores, name: str, paper: str) -> Settings:
    """The settings of one bot. Raises ConfigError where its pairs are not in the paper bot's currency."""
    settings = load(stores.config.show(name)["overrides"])
    quote = next(row["quote"] for row in stores.reports.bots() if row["name"] == paper)
    refuse_other_money(settings, paper, quote)
    return settings


def _make(stores: Stores, name: str, paper: str, quote: str, capital: Decimal) -> None:
    """The live bot, idle, with the paper bot's settings: no tick may see it run with others."""
    from bot.cli.commands.config import dotted

    stores.reports.ensure_bot(name, LIVE, quote, capital)
    settings = dotted(stores.config.show(paper)["overrides"])
    if settings:
        stores.config.set(name, settings, author(), f"those of {paper}")


def _told(checks: Sequence[Check]) -> list[Document]:
    return [{"name": one.name, "ok": one.ok, "detail": one.detail, "fix": one.fix} for one in checks]


def _refused(found: Document, by: str) -> tuple[Document, int]:
    return {**found, "done": False, "refused": by}, CheckFailed.exit_code
