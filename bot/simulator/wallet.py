"""What the account owns: balances, what open orders hold of them, and the ledger that explains every change."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal

from bot.simulator.amounts import asset_decimals, down
from bot.simulator.ids import LEDGER, Ids
from bot.simulator.pairs import ALTNAMES, altname, asset_id

ZERO = Decimal(0)
CODES = {short: code for code, short in ALTNAMES.items()}


def asset_key(name: str) -> str:
    """Kraken's key of a balance, from any of an asset's names: BTC, XBT and XXBT are XXBT, BTC.F is XBT.F."""
    code, dot, suffix = name.partition(".")
    code = code_of(code)
    return f"{altname(code)}.{suffix}" if dot else asset_id(code)


def code_of(key: str) -> str:
    """The common code behind Kraken's name: BTC for XXBT and XBT, EUR for ZEUR."""
    short = key[1:] if len(key) == 4 and key[0] in "XZ" and asset_id(CODES.get(key[1:], key[1:])) == key else key
    return CODES.get(short, short)


def key_decimals(key: str) -> int:
    """Decimals of a balance key."""
    return asset_decimals(code_of(key.split(".", 1)[0]))


@dataclass(frozen=True, slots=True)
class LedgerEntry:
    """One change of one balance. amount: signed, without the fee.  balance: after it."""

    id: str
    refid: str
    at_ms: int
    type: str
    asset: str
    amount: Decimal
    fee: Decimal
    balance: Decimal


@dataclass(slots=True)
class Wallet:
    """Balances by Kraken's asset keys. Amounts are kept in the asset's own decimals, as Kraken keeps them."""

    ids: Ids
    balances: dict[str, Decimal] = field(default_factory=dict)
    ledger: list[LedgerEntry] = field(default_factory=list)
    _holds: dict[str, tuple[str, Decimal]] = field(default_factory=dict)

    def held(self, asset: str) -> Decimal:
        """What open orders hold of an asset."""
        return sum((amount for of, amount in self._holds.values() if of == asset), ZERO)

    def free(self, asset: str) -> Decimal:
        return self.balances.get(asset, ZERO) - self.held(asset)

    def held_by(self, txid: str) -> Decimal:
        return self._holds.get(txid, ("", ZERO))[1]

    def hold(self, txid: str, asset: str, amount: Decimal) -> None:
        """An order's hold from now on, in place of what it held."""
        if amount > 0:
            self._holds[txid] = (asset, amount)
        else:
            self._holds.pop(txid, None)

    def book(self, kind: str, asset: str, amount: Decimal, fee: Decimal, refid: str, at_ms: int) -> LedgerEntry:
        """Change a balance by amount - fee, both cut to the asset's decimals, and write it down."""
        decimals = key_decimals(asset)
        amount, fee = down(amount, decimals), down(fee, decimals)
        balance = self.balances.get(asset, down(ZERO, decimals)) + amount - fee
        self.balances[asset] = balance
        entry = LedgerEntry(self.ids.new(LEDGER), refid, at_ms, kind, asset, amount, fee, balance)
        self.ledger.append(entry)
        return entry
