"""For how long a position had less stop than it held, by the venue's own times."""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass, field

from bot.simulator.account import Account
from bot.simulator.orders import STOP_TYPES, Order
from bot.simulator.pairs import LOT_DECIMALS


class WatchedAccount(Account):
    """Remembers how much its resting stops covered, whenever that changed.

    covered: (ms, symbol, lots), in order of time.
    """

    covered: list[tuple[int, str, int]]

    def _renew_hold(self, order: Order) -> None:
        super()._renew_hold(order)
        stops = [o for o in self._open.values() if o.symbol == order.symbol and _protects(o)]
        lots = sum(stop.left for stop in stops)
        self.covered.append((self.now_ms, order.symbol, lots))


def watch(account: Account) -> WatchedAccount:
    """The same account, watched from now on."""
    account.__class__ = WatchedAccount
    assert isinstance(account, WatchedAccount)
    account.covered = []
    return account


def _protects(order: Order) -> bool:
    return not order.buys and order.waiting and order.terms.type in STOP_TYPES


@dataclass(frozen=True, slots=True)
class Naked:
    """A stretch of time in which a position had too little stop. lots: the most that was missing, 1e-8 base units."""

    symbol: str
    from_ms: int
    to_ms: int
    lots: int

    @property
    def ms(self) -> int:
        return self.to_ms - self.from_ms


@dataclass(slots=True)
class _Symbol:
    held: int = 0
    covered: int = 0
    since_ms: int = 0
    most: int = 0
    found: list[tuple[int, int, int]] = field(default_factory=list)


def naked(account: WatchedAccount, now_ms: int) -> list[Naked]:
    """All stretches, one that goes on up to now_ms included. Changes of one millisecond count as one."""
    changes: dict[int, dict[str, list[int]]] = defaultdict(lambda: defaultdict(lambda: [0, -1]))
    fees = {entry.id: entry.fee for entry in account.wallet.ledger}
    for fill in account.fills.values():
        changes[fill.at_ms][fill.order.symbol][0] += fill.lots if fill.order.buys else -fill.lots
        # The coins of a fee are gone too; of what is left, no order can sell a part of a lot.
        changes[fill.at_ms][fill.order.symbol][0] -= math.ceil(fees[fill.ledgers[1]].scaleb(LOT_DECIMALS))
    for at_ms, symbol, lots in account.covered:
        changes[at_ms][symbol][1] = lots
    symbols: dict[str, _Symbol] = defaultdict(_Symbol)
    for at_ms in sorted(changes):
        for name, (bought, covered) in changes[at_ms].items():
            state = symbols[name]
            state.held += bought
            state.covered = covered if covered >= 0 else state.covered
            missing = state.held - state.covered
            if missing > 0:
                state.since_ms = state.since_ms or at_ms
                state.most = max(state.most, missing)
            elif state.since_ms:
                state.found.append((state.since_ms, at_ms, state.most))
                state.since_ms = state.most = 0
    for state in symbols.values():
        if state.since_ms:
            state.found.append((state.since_ms, now_ms, state.most))
    return [Naked(name, *stretch) for name, state in sorted(symbols.items()) for stretch in state.found]
