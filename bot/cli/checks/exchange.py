"""Checks of the exchange: reachable, its clock, its status, the symbols, their minimum sizes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bot.cli import figures
from bot.cli.checks.result import Check, bad, good
from bot.cli.wiring import open_market, wall_ms
from bot.domain.errors import ConfigError, ExchangeError
from bot.domain.markets import Market, Quote
from bot.domain.ports import Opening
from bot.settings import Settings

MAX_SKEW_S = 30.0
"""Ticks go by the venue's clock; a runner this far off still misjudges ages of what it stored."""

FORMER_NAMES: Mapping[str, str] = {"MATIC": "POL", "LUNA": "LUNC", "FTM": "S", "EOS": "A", "RNDR": "RENDER"}
"""Coins that venues list under another name now."""


@dataclass(frozen=True, slots=True)
class Look:
    """What the exchange says to everybody. skew_s: how far its clock is ahead of this machine's."""

    opening: Opening
    skew_s: float
    known: Mapping[str, Market]


async def look(settings: Settings, symbols: Sequence[str] = ()) -> Look:
    """Ask it once. symbols: wanted beside those of the settings.  Raises ExchangeError or ConfigError."""
    market = open_market(settings, hurried=True)
    try:
        before_ms = wall_ms()
        opening = await market.opening(tuple(dict.fromkeys((*settings.market.symbols, *symbols))))
        skew_s = (opening.now_ms - (before_ms + wall_ms()) / 2) / 1000
        return Look(opening, skew_s, {one.symbol: one for one in await market.markets()})
    finally:
        await market.aclose()


async def checks(settings: Settings) -> list[Check]:
    """All of them, in order; when the exchange cannot be reached, that one alone."""
    try:
        seen = await look(settings)
    except (ExchangeError, ConfigError) as problem:
        return [bad("exchange", f"{problem.what} (at {problem.where})", problem.fix)]
    return judge(settings, seen)


def judge(settings: Settings, seen: Look) -> list[Check]:
    """What follows from the one look."""
    return [
        good("exchange", f"{settings.exchange.id} answers, {len(seen.known)} pairs"),
        _clock(seen.skew_s, settings),
        _status(seen.opening),
        _symbols(settings.market.symbols, seen.known, seen.opening.quotes),
        _minimums(settings, seen.known, seen.opening.quotes),
    ]


def _clock(skew_s: float, settings: Settings) -> Check:
    told = f"this machine is {figures.span(abs(skew_s))} {'behind' if skew_s > 0 else 'ahead'}"
    if settings.exchange.url:
        return good("clock", f"{told} (the venue is {settings.exchange.url}, its time may be virtual)")
    if abs(skew_s) > MAX_SKEW_S:
        return bad("clock", told, "let the machine set its clock from the network (NTP)")
    return good("clock", told)


def _status(opening: Opening) -> Check:
    if opening.status != "online":
        return bad("venue_status", opening.status, "wait: stops and exits run, entries begin again by themselves")
    return good("venue_status", opening.status)


def _symbols(wanted: tuple[str, ...], known: Mapping[str, Market], quotes: Mapping[str, Quote]) -> Check:
    """Listed, open for trading, with a price; a renamed one is told by its new name."""
    told, renamed = [], []
    for symbol in wanted:
        base, _, quote = symbol.partition("/")
        market = known.get(symbol)
        if market is None:
            now = f"{FORMER_NAMES.get(base, '')}/{quote}"
            renamed += [f"{symbol} is {now} now"] if now in known else []
            told.append(f"{symbol} is not listed")
        elif market.status != "online":
            told.append(f"{symbol} is {market.status}")
        elif symbol not in quotes:
            told.append(f"{symbol} has no price")
    if told:
        fix = "; ".join(renamed) or "take them out: python -m bot config set market.symbols=..."
        return bad("symbols", ", ".join(told), fix)
    return good("symbols", f"all {len(wanted)} can be traded")


def _minimums(settings: Settings, known: Mapping[str, Market], quotes: Mapping[str, Quote]) -> Check:
    """Whether the smallest trade that the rules allow is one that the venue takes."""
    least = settings.risk.min_trade_notional
    above = []
    for symbol in settings.market.symbols:
        market, quote = known.get(symbol), quotes.get(symbol)
        if market is None or quote is None or not quote.last > 0:
            continue
        needed = max(float(market.min_notional), float(market.min_size) * quote.last)
        if needed > least:
            above.append((needed, symbol))
    if above:
        needed, symbol = max(above)
        smallest = figures.money(needed, settings.market.quote)
        told = f"{symbol} takes nothing below {smallest}, risk.min_trade_notional is {least:g}"
        return bad("minimum_sizes", told, f"python -m bot config set risk.min_trade_notional={needed * 1.05:.2f}")
    return good("minimum_sizes", f"all at or below the smallest trade of {figures.money(least, settings.market.quote)}")
