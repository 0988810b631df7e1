"""What must hold before real money trades, and while it does: from facts to checks.

Everything but `live_checks` is pure: facts in, findings out, each with its remedy.
When a fact could not be read, what rests on it is left out: the check of
what could not be read has failed already.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from bot.cli import figures
from bot.cli.checks.exchange import FORMER_NAMES, Look
from bot.cli.checks.result import Check, bad, good
from bot.domain.markets import Market
from bot.domain.orders import IN_DOUBT, RESTING, Leg, Order, OrderStatus, OrderType, Side
from bot.domain.records import BotSnapshot, Snapshot, Trade
from bot.domain.venue_orders import Balance, Observation, VenueOrder

if TYPE_CHECKING:
    from bot.settings import Settings

KEY_PAGE = "kraken.com, Settings > API"
NEEDED: Mapping[str, str] = {
    "query-funds": "Query Funds",
    "query-open-trades": "Query open orders & trades",
    "query-closed-trades": "Query closed orders & trades",
    "query-ledger": "Query ledger entries",
    "modify-trades": "Create & modify orders",
    "close-trades": "Cancel & close orders",
}
"""Kraken's words for what a key may do, and what its page calls them."""

NONCE_WINDOW_MS = 10_000
MOST_SKEW_S = 5.0
"""Two machines further apart than this refuse each other's nonces sooner or later."""

MOST_TAKER = Decimal("0.005")
"""Kraken's dearest tier is 0.40 %; more than this is an account of another kind, or an answer misread."""

OVERDUE_MS = 10_000
CASH_SHARE = Decimal("0.001")
LEAST_CASH = Decimal("0.05")
NEVER = Decimal("Infinity")
ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class KeyFacts:
    """set: there is a key and a secret.  problem: the venue's refusal, "" when the key works.

    permissions: the venue's words, None where it would not tell.
    """

    set: bool
    problem: str = ""
    fix: str = ""
    permissions: frozenset[str] | None = None
    nonce_window_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Books:
    """One live bot's rows, brought up to what the venue says: what its next tick will begin with.

    orders: those alive, trades: those open.  before: orders as they are stored.
    """

    bot: BotSnapshot
    before: tuple[Order, ...]
    orders: tuple[Order, ...]
    trades: tuple[Trade, ...]
    cash: Decimal
    unsettled: Mapping[str, str]
    foreign: tuple[VenueOrder, ...]


@dataclass(frozen=True, slots=True)
class LiveFacts:
    """All that the checks go by; None for what could not be read.

    capital: quote currency that the bot is to get now, None when it has it.
    books: None before the first start.  seen_problem: why the account could not be read.
    virtual: the venue is a simulator, whose clock is where it likes.
    """

    settings: Settings
    capital: Decimal | None
    now_ms: int
    key: KeyFacts
    virtual: bool = False
    look: Look | None = None
    snapshot: Snapshot | None = None
    letters: Sequence[Mapping[str, Any]] | None = None
    books: Books | None = None
    seen: Observation | None = None
    seen_problem: str = ""
    fees: Mapping[str, tuple[Decimal, Decimal]] | None = None


async def live_checks(settings: Settings | None = None, capital: Decimal | None = None) -> list[Check]:
    """Every check that real money asks for, those of database and exchange among them.

    settings: of the bot that is to trade; by default those of the live bot, or of
    the installation.  capital: what it is to trade with from now on, quote currency.
    """
    from bot.cli.live_facts import gather

    ordinary, facts = await gather(settings, capital)
    return [*ordinary, *judge(facts)]


def judge(facts: LiveFacts) -> list[Check]:
    """All findings, in the order in which a person would mend them."""
    return [*_machine(facts), *_key(facts), *_pairs(facts), *_account(facts), *_money(facts)]


# --- this machine, the database -------------------------------------------------------------


def _machine(facts: LiveFacts) -> Iterator[Check]:
    if facts.look is not None:
        yield _skew(facts.look.skew_s, facts.virtual)
    if facts.snapshot is not None:
        killed = facts.snapshot.killed
        if killed:
            fix = "when its reason is gone: python -m bot kill --release"
            yield bad("kill_switch", f"on, nothing is sent: {killed}", fix)
        else:
            yield good("kill_switch", "off")
    if facts.letters is not None:
        yield _letters(facts.letters)


def _skew(skew_s: float, virtual: bool) -> Check:
    if not virtual and abs(skew_s) > MOST_SKEW_S:
        told = f"this machine's clock is {figures.span(abs(skew_s))} off, live takes {MOST_SKEW_S:g} s at most"
        return bad("live_clock", told, "let the machine set its clock from the network (NTP)")
    return good("live_clock", "its time is virtual" if virtual else "near enough to the exchange's")


def _letters(letters: Sequence[Mapping[str, Any]]) -> Check:
    if not letters:
        return good("dead_letters", "none")
    first = letters[0]
    told = f"{len(letters)} order(s) could not be placed, the newest: {first['symbol']} {first['leg']}: {first['why']}"
    fix = f"set a stop or sell by hand where it matters, then: python -m bot dead-letters --seen {first['client_id']}"
    return bad("dead_letters", told, fix)


# --- the key --------------------------------------------------------------------------------


def _key(facts: LiveFacts) -> Iterator[Check]:
    key = facts.key
    if not key.set:
        fix = f"make a key at {KEY_PAGE}, without Withdraw, and set KRAKEN_API_KEY and KRAKEN_API_SECRET"
        yield bad("live_key", "there is none", fix)
        return
    if key.problem:
        yield _refused(key)
        return
    yield good("live_key", "it works")
    if key.permissions is None:
        return
    missing = [name for word, name in NEEDED.items() if word not in key.permissions]
    if missing:
        yield bad("live_permissions", f"missing: {', '.join(missing)}", f"tick them at {KEY_PAGE}, on the key's page")
    else:
        yield good("live_permissions", "all that trading needs")
    if any("withdraw" in word for word in key.permissions):
        fix = f"take Withdraw Funds from the key at {KEY_PAGE}, or make a new key without it and delete this one"
        yield bad("live_withdrawal", "this key MAY WITHDRAW money: whoever steals it takes everything", fix)
    else:
        yield good("live_withdrawal", "the key may not withdraw")
    yield _window(key.nonce_window_ms)


def _refused(key: KeyFacts) -> Check:
    said = key.problem
    if "Invalid nonce" in said or "later nonce" in said:
        fix = (
            "another program uses this key, one with nanosecond nonces has spoilt it for good: make a new key at"
            f" {KEY_PAGE} for this bot alone, with a nonce window of {NONCE_WINDOW_MS}"
        )
        return bad("live_nonce", f"Kraken refuses our nonces: {said}", fix)
    if "Invalid signature" in said:
        return bad("live_key", "the secret is not that of the key", f"copy both again, or make a new key at {KEY_PAGE}")
    if "Invalid key" in said:
        return bad("live_key", "Kraken does not know the key", f"copy it again, or make a new one at {KEY_PAGE}")
    if "Permission denied" in said:
        fix = f"give it at {KEY_PAGE}: {', '.join(NEEDED.values())}"
        return bad("live_permissions", "the key may not even say what it may do", fix)
    if "before" in said or "lockout" in said:
        fix = "wait a quarter of an hour and ask nothing meanwhile"
        return bad("live_key", f"Kraken has locked the key: {said}", fix)
    return bad("live_key", f"it could not be tried: {said}", key.fix or "try again in a minute")


def _window(window_ms: int | None) -> Check:
    if window_ms is None:
        return good("live_nonce", "accepted; Kraken does not tell the window")
    if window_ms < NONCE_WINDOW_MS:
        fix = f"set the nonce window of the key to {NONCE_WINDOW_MS} at {KEY_PAGE}"
        return bad("live_nonce", f"the nonce window is {window_ms}, so requests that overtake each other fail", fix)
    return good("live_nonce", f"accepted, window {window_ms / 1000:g} s")


# --- pairs ----------------------------------------------------------------------------------


def _pairs(facts: LiveFacts) -> Iterator[Check]:
    if facts.look is None:
        return
    yield _held_pairs(facts, facts.look)
    stored = facts.snapshot.markets if facts.snapshot is not None else ()
    yield _names(stored, facts.look.known)
    if facts.capital is not None or facts.books is not None:
        yield _sizes(facts, facts.look)


def _held_pairs(facts: LiveFacts, look: Look) -> Check:
    """Pairs in which the bot has money or an order: each must be one that can be left."""
    held = _engaged(facts)
    told = [f"{symbol} is not listed" for symbol in held if symbol not in look.known]
    told += [f"{s} is {look.known[s].status}" for s in held if s in look.known and look.known[s].status != "online"]
    renamed = [f"{s} is {new} now" for s in held if s not in look.known and (new := _new_name(s, look.known))]
    if told:
        fix = "; ".join(renamed) or "stops go on where the pair is listed; sell what is left by hand at Kraken"
        return bad("live_pairs", ", ".join(told), fix)
    return good("live_pairs", f"each of {len(held)} pair(s) with money in it can be left")


def _new_name(symbol: str, known: Mapping[str, Market]) -> str:
    base, _, quote = symbol.partition("/")
    name = f"{FORMER_NAMES.get(base, '')}/{quote}"
    return name if name in known else ""


def _names(stored: Iterable[Market], known: Mapping[str, Market]) -> Check:
    told = [
        f"{old.symbol} was {old.venue_id} and is {new.venue_id} now"
        for old in stored
        if (new := known.get(old.symbol)) and (old.venue_id, old.altname) != (new.venue_id, new.altname)
    ]
    if told:
        fix = "nothing of it is traded until a tick reads the names anew, a day after the last time"
        return bad("pair_names", ", ".join(told), fix)
    return good("pair_names", "as the last tick knew them")


def _sizes(facts: LiveFacts, look: Look) -> Check:
    """Whether each pair can be entered with this capital, and the entry left at its stop."""
    capital = _capital(facts)
    blocked = [
        (symbol, rule)
        for symbol in facts.settings.market.symbols
        if symbol in look.known and symbol in look.opening.quotes
        if (rule := _blocking_rule(facts.settings, capital, look, symbol))
    ]
    quote = facts.settings.market.quote
    money = figures.money(float(capital), quote)
    if not blocked:
        return good("live_sizes", f"every pair can be entered and left with {money}")
    names = ", ".join(symbol for symbol, _ in blocked)
    fix = "more capital, a larger share: python -m bot config set risk.max_position_frac=..., or fewer pairs"
    return bad("live_sizes", f"with {money} nothing can be bought, or not sold again at the stop: {names}", fix)


def _blocking_rule(settings: Settings, capital: Decimal, look: Look, symbol: str) -> str:
    """The rule that forbids the first entry with this capital, "" when it is possible."""
    from bot.jobs.rules import rules_of
    from bot.rulebook import limits

    market, ask = look.known[symbol], look.opening.quotes[symbol].ask
    if not ask > 0:
        return ""
    rules, money = rules_of(settings, "live", float(capital)), float(capital)
    plan = limits.plan_entry(
        limits.EntryInputs(
            equity=money, cash_free=money, exposure=0.0, open_count=0,
            price=ask * (1 + rules.entry_limit_frac), stop_price=ask * (1 - rules.stop_loss_frac),
            size_step=float(market.size_step), min_size=float(market.min_size),
            min_notional=float(market.min_notional), taker_fee=float(market.taker_fee), scale=1.0,
        ),
        rules,
    )  # fmt: skip
    return "" if plan.blocked_by == limits.NO_RULE else limits.RULE_NAMES[plan.blocked_by]


# --- orders and stops -----------------------------------------------------------------------


def _account(facts: LiveFacts) -> Iterator[Check]:
    if facts.seen is None:
        if facts.seen_problem:
            yield bad("account", f"it could not be read: {facts.seen_problem}", "try again in a minute")
        return
    if facts.books is not None:
        yield _foreign(facts.books.foreign)
    elif facts.snapshot is not None:  # without the database nobody can tell whose an order is
        yield _foreign(tuple(order for order in facts.seen.orders if order.status in RESTING))
    yield _rewards(facts, facts.seen)
    if facts.books is None and facts.snapshot is not None:
        yield _beside(facts, facts.seen)
    if facts.books is not None:
        yield _stops(facts, facts.books, facts.seen)
        yield _doubts(facts.books, facts.now_ms)


def _foreign(foreign: tuple[VenueOrder, ...]) -> Check:
    if not foreign:
        return good("foreign_orders", "no order on the account but the bot's own")
    named = ", ".join(
        f"{one.symbol or '?'} {one.side.value} {_plain(one.quantity - one.filled)} ({one.venue_order_id})"
        for one in foreign
    )
    fix = "cancel them at kraken.com, Orders > Open, or give the bot an account of its own"
    return bad("foreign_orders", f"coins or money are held by orders that are not the bot's: {named}", fix)


def _rewards(facts: LiveFacts, seen: Observation) -> Check:
    traded = {part for symbol in _symbols_at_work(facts) for part in symbol.split("/")}
    lent = [one for one in seen.balances or () if one.asset in traded and one.rewards > 0]
    if lent:
        named = ", ".join(f"{_plain(one.rewards)} {one.asset}" for one in lent)
        fix = "switch Auto Earn off at kraken.com, Earn, and take the coins back: no order can sell them there"
        return bad("rewards", f"under an earning code (.F, .B, .S, .M or .T): {named}", fix)
    return good("rewards", "no traded coin is out earning")


def _beside(facts: LiveFacts, seen: Observation) -> Check:
    """Coins of the traded kind before the bot has bought any: they are somebody's, and a mistake could sell them."""
    traded = {symbol.partition("/")[0] for symbol in _symbols_at_work(facts)}
    found = [one for one in seen.balances or () if one.asset in traded and one.total > 0]
    told = ", ".join(f"{_plain(one.total)} {one.asset}" for one in found)
    if told:
        fix = "move them out of the account, or take these pairs from market.symbols, or give the bot its own account"
        return bad("coins_beside", f"the account holds traded coins that are not the bot's: {told}", fix)
    return good("coins_beside", "no traded coin in the account but the bot's own")


def _stops(facts: LiveFacts, books: Books, seen: Observation) -> Check:
    """Each position against the stops that rest at the venue at this moment."""
    markets = {**{m.symbol: m for m in facts.snapshot.markets}} if facts.snapshot else {}
    told, small = [], []
    for trade in books.trades:
        market = markets.get(trade.symbol)
        covered = stop_quantity(trade, books.orders, seen)
        short = trade.open_quantity - covered
        if market is not None and trade.open_quantity < market.min_size:
            small.append(trade.symbol)
        elif abs(short) >= (market.size_step if market else ZERO) and short != 0:
            told.append(f"{trade.symbol}: {_plain(covered)} of {_plain(trade.open_quantity)} protected")
    if told:
        fix = "run python -m bot tick: it places what is missing; if that fails, set a stop-loss by hand at Kraken"
        return bad("live_stops", "; ".join(told), fix)
    if small:
        return good("live_stops", f"too small for any order, so without a stop: {', '.join(small)}")
    return good("live_stops", f"the whole of {len(books.trades)} position(s) has stops resting at the exchange")


def stop_quantity(trade: Trade, orders: Iterable[Order], seen: Observation) -> Decimal:
    """Base units for which a stop of the trade rests at the venue, by the venue's own word."""
    ours = {order.venue_order_id for order in orders if order.leg is Leg.STOP and order.trade_id == trade.trade_id}
    resting = [
        one
        for one in seen.orders
        if one.venue_order_id in ours
        and (one.side, one.type) == (Side.SELL, OrderType.STOP_LOSS)
        and one.status in RESTING
    ]
    return sum((one.quantity - one.filled for one in resting), ZERO)


def _doubts(books: Books, now_ms: int) -> Check:
    doubtful = [o for o in books.before if o.status in IN_DOUBT or o.status is OrderStatus.PLANNED]
    late = [o for o in doubtful if now_ms > o.deadline_ms + OVERDUE_MS]
    if late:
        named = ", ".join(f"{o.symbol} {o.leg.value} {o.client_id}" for o in late)
        return bad("live_orders", f"overdue, their fate is not looked up yet: {named}", "run python -m bot tick")
    if doubtful:
        named = ", ".join(f"{o.symbol} {o.leg.value} {o.client_id}" for o in doubtful)
        fix = "wait half a minute, then: python -m bot tick"
        return bad("live_orders", f"unknown whether they were placed: {named}", fix)
    if books.unsettled:
        named = ", ".join(f"{symbol} ({why})" for symbol, why in books.unsettled.items())
        fix = "compare with kraken.com, Orders; python -m bot rebuild takes the books over from Kraken"
        return bad("live_orders", f"rows and exchange do not add up: {named}", fix)
    return good("live_orders", f"{len(books.orders)} order(s), each as the exchange has it")


# --- money ----------------------------------------------------------------------------------


def _money(facts: LiveFacts) -> Iterator[Check]:
    if facts.seen is not None and facts.seen.balances is not None:
        balances = {one.asset: one for one in facts.seen.balances}
        if facts.capital is not None:
            yield _cash(facts, balances, facts.capital)
        if facts.books is not None and facts.look is not None:
            yield _drift(facts.books, facts.look.known, facts.seen.balances)
    if facts.fees is not None:
        yield _fees(facts, facts.fees)


def _cash(facts: LiveFacts, balances: Mapping[str, Balance], capital: Decimal) -> Check:
    """Free cash of the account against what the bot is to get; what it has already stays its own."""
    quote = facts.settings.market.quote
    balance = balances.get(quote)
    free = balance.total - balance.held if balance else ZERO
    needed = capital
    if facts.books is not None:
        bot = facts.books.bot
        reserved = sum((o.remaining * (o.limit_price or ZERO) for o in facts.books.orders if o.leg is Leg.ENTRY), ZERO)
        needed = capital - bot.initial_cash + facts.books.cash - reserved
    told = f"{figures.money(float(free), quote)} free, {figures.money(float(needed), quote)} needed"
    if free < needed - LEAST_CASH:
        return bad("live_cash", told, "pay money in at Kraken, cancel orders that hold it, or start with less")
    return good("live_cash", told)


def _drift(books: Books, known: Mapping[str, Market], balances: tuple[Balance, ...]) -> Check:
    from bot.rulebook.reconcile import Holding, find_drift

    held: dict[str, Decimal] = {}
    for trade in books.trades:
        held[trade.symbol] = held.get(trade.symbol, ZERO) + trade.open_quantity
    symbols = dict.fromkeys([*held, *(order.symbol for order in books.before)])
    holdings = [
        Holding(m.base, held.get(m.symbol, ZERO), m.size_step, max(m.min_size, m.size_step))
        for m in (known[symbol] for symbol in symbols if symbol in known)
    ]
    quote = books.bot.quote
    tolerance = max(abs(books.cash) * CASH_SHARE, LEAST_CASH)
    beside = {asset: amount for asset, amount in books.bot.baseline.items() if asset != quote}
    drifts = find_drift([*holdings, Holding(quote, books.cash, tolerance, NEVER)], balances, beside)
    # Coins that earn are the rewards check's.
    told = [f"{d.asset}: ledger {_plain(d.ledger)}, account {_plain(d.venue)}" for d in drifts if d.kind != "rewards"]
    if told:
        fix = "undo at Kraken what was done by hand, or begin with a new database: python -m bot rebuild"
        return bad("live_ledger", f"account and ledger differ: {'; '.join(told)}", fix)
    return good("live_ledger", "the account has what the ledger says")


def _fees(facts: LiveFacts, fees: Mapping[str, tuple[Decimal, Decimal]]) -> Check:
    odd = [f"{symbol} {_rate(low)}/{_rate(high)}" for symbol, (low, high) in fees.items() if not _sane(low, high)]
    if odd:
        fix = "see kraken.com, Settings > Fees, whether this is a Kraken Pro account; trade nothing before it is clear"
        return bad("live_fees", f"not the fees of a spot account: {', '.join(odd)}", fix)
    if not fees:
        return good("live_fees", "not told")
    maker, taker = max(fees.values(), key=lambda pair: pair[1])
    target = Decimal(str(facts.settings.risk.take_profit_frac))
    if maker + taker >= target:
        fix = "python -m bot config set risk.take_profit_frac=... well above the fees of both ways"
        return bad("live_fees", f"entry and exit cost {_rate(maker + taker)}, the target is {_rate(target)}", fix)
    return good("live_fees", f"makers pay {_rate(maker)}, takers {_rate(taker)}")


def _sane(maker: Decimal, taker: Decimal) -> bool:
    return ZERO <= maker <= taker <= MOST_TAKER


# --- small things ---------------------------------------------------------------------------


def _capital(facts: LiveFacts) -> Decimal:
    if facts.capital is not None:
        return facts.capital
    assert facts.books is not None
    return facts.books.bot.initial_cash


def _symbols_at_work(facts: LiveFacts) -> tuple[str, ...]:
    """Pairs that the settings name, and those in which the bot has something."""
    return tuple(dict.fromkeys((*facts.settings.market.symbols, *_engaged(facts))))


def _engaged(facts: LiveFacts) -> tuple[str, ...]:
    """Pairs in which the bot has coins or an order."""
    if facts.books is None:
        return ()
    held = [trade.symbol for trade in facts.books.trades] + [order.symbol for order in facts.books.orders]
    return tuple(dict.fromkeys(held))


def _plain(amount: Decimal) -> str:
    return f"{amount.normalize():f}"


def _rate(fraction: Decimal) -> str:
    return f"{(fraction * 100).normalize():f} %"
