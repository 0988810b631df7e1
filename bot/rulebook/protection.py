"""What every position must have at the end of a tick: resting stops for all of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from bot.domain.book import Book
from bot.domain.decisions import SymbolView
from bot.domain.orders import Intent, Leg, OrderType, Side
from bot.domain.timeframes import floor_ms
from bot.rulebook.decide import stop_intents
from bot.rulebook.rounding import floor_to_step
from bot.rulebook.rules import Rules

NAN = float("nan")


def protection(
    book: Book, views: Sequence[SymbolView], stop_prices: dict[str, float], rules: Rules, now_ms: int
) -> tuple[Intent, ...]:
    """What is missing of that, asked again after this tick's orders were answered.

    stop_prices: where the ledger has the stop of a symbol, for a position that has
    none resting. Where the price is below it already, no stop can rest: it is sold.
    """
    by_symbol = {view.symbol: view for view in views}
    intents: list[Intent] = []
    for position in book.positions:
        view = by_symbol.get(position.symbol)
        if view is None or position.symbol in book.in_doubt or not (view.price_step > 0.0 and view.size_step > 0.0):
            continue
        slot_ms = floor_ms(now_ms, rules.slot_ms)
        stop = position.stop_price
        if not stop > 0.0:
            stop = stop_prices.get(position.symbol, NAN)
        if not stop > 0.0:
            stop = floor_to_step(position.entry_price * (1.0 - rules.stop_loss_frac), view.price_step)
        if not position.stops and 0.0 < view.quote_bid <= stop and position.size >= view.min_size:
            intents.append(
                Intent(
                    "place", position.symbol, Side.SELL, Leg.EXIT, OrderType.MARKET, position.size,
                    NAN, NAN, NAN, slot_ms, "stop_loss",
                )
            )  # fmt: skip
            continue
        mended = stop_intents(position, stop, view.size_step, view.min_size, slot_ms)
        # A stop that trails keeps its name when only its size changes: it becomes the reason of the exit.
        intents.extend(replace(one, reason="trailing_stop") if position.armed else one for one in mended)
    return tuple(intents)
