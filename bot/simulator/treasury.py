"""What orders cost: holds while they are open, money and fees when they fill, the account's fee tier."""

from __future__ import annotations

from decimal import Decimal
from itertools import takewhile

from bot.simulator import amounts, fee_tiers
from bot.simulator.errors import KrakenError
from bot.simulator.ids import TRANSFER, Ids
from bot.simulator.market import Market
from bot.simulator.orders import Fill, Order
from bot.simulator.pairs import asset_id
from bot.simulator.wallet import ZERO, Wallet, asset_key


class Treasury:
    """The wallet as orders see it. volume_before: US dollars traded in 30 days before the simulation."""

    def __init__(self, market: Market, ids: Ids, volume_before: Decimal) -> None:
        self.wallet = Wallet(ids)
        self.fills: dict[str, Fill] = {}
        self._market = market
        self._ids = ids
        self._volume_before = volume_before

    def transfer(self, kind: str, asset: str, amount: Decimal, at_ms: int) -> None:
        """A deposit, or with a negative amount a withdrawal. Raises KrakenError when the money is not free."""
        key = asset_key(asset)
        if amount < 0 and self.wallet.free(key) < -amount:
            raise KrakenError("EFunding:Insufficient funds")
        self.wallet.book(kind, key, amount, ZERO, self._ids.new(TRANSFER), at_ms)

    def volume_usd(self, now_ms: int) -> Decimal:
        """Traded in the last 30 days; every quote currency counts as a dollar."""
        since_ms = now_ms - fee_tiers.DAYS_30_MS
        recent = takewhile(lambda fill: fill.at_ms > since_ms, reversed(self.fills.values()))
        return self._volume_before + sum((fill.cost for fill in recent), ZERO)

    def rates(self, now_ms: int) -> fee_tiers.Rates:
        return fee_tiers.rates(self.volume_usd(now_ms))

    def affordable(self, order: Order, now_ms: int, market_cost: Decimal = ZERO) -> bool:
        """There is money for the rest of an order. market_cost: what the book asks for a market buy."""
        asset, needed = self._needs(order, now_ms, market_cost)
        return needed <= self.wallet.free(asset) + self.wallet.held_by(order.txid)

    def renew_hold(self, order: Order, now_ms: int) -> None:
        """Hold what the rest of an open order may cost; nothing for a closed one, nor for a market buy."""
        asset, needed = self._needs(order, now_ms, ZERO) if order.is_open else ("", ZERO)
        self.wallet.hold(order.txid, asset, needed)

    def _needs(self, order: Order, now_ms: int, market_cost: Decimal) -> tuple[str, Decimal]:
        """The asset that an order is paid with, and how much of it the rest may cost."""
        base, quote = _assets(order.symbol)
        if not order.buys:
            return base, amounts.size(order.left)
        cost, pair = market_cost, self._market.pair(order.symbol)
        level = order.limit if order.limit is not None else order.stop
        if level is not None:
            behind = order.terms.prices.behind if order.waiting else None
            cost = amounts.cost(order.left, level if behind is None else behind.from_ticks(level), pair)
        decimals = amounts.asset_decimals(order.symbol.split("/", 1)[1])
        return quote, amounts.up(cost * (1 + self._quote_fee(order, now_ms)), decimals)

    def _quote_fee(self, order: Order, now_ms: int) -> Decimal:
        """The fraction of a buy's cost that its fee may take of the quote currency."""
        return ZERO if order.terms.fee_in_base else self.rates(now_ms).taker

    def payable(self, order: Order, ticks: int, now_ms: int) -> int:
        """Lots that there is money for at a price: market buys may meet a dearer book than was held for."""
        if not order.buys:
            return order.left
        _, quote = _assets(order.symbol)
        one = amounts.cost(1, ticks, self._market.pair(order.symbol)) * (1 + self._quote_fee(order, now_ms))
        return int((self.wallet.free(quote) + self.wallet.held_by(order.txid)) / one)

    def settle(self, order: Order, txid: str, lots: int, ticks: int, now_ms: int, *, maker: bool) -> Fill:
        """Move base, quote and fee of one execution, and write it down. The order's hold is renewed before."""
        pair, rates = self._market.pair(order.symbol), self.rates(now_ms)
        cost = amounts.down(amounts.cost(lots, ticks, pair), amounts.COST_DECIMALS)
        fee = amounts.nearest(cost * (rates.maker if maker else rates.taker), amounts.COST_DECIMALS)
        base, quote = _assets(order.symbol)
        amount = amounts.size(lots)
        in_base = amounts.nearest(
            fee / amounts.price(ticks, pair), amounts.asset_decimals(order.symbol.split("/", 1)[0])
        )
        # A preference: where the preferred currency cannot pay the fee, the other one does.
        can_pay = order.buys or self.wallet.free(base) >= amount + in_base
        base_fee = in_base if order.terms.fee_in_base and can_pay else ZERO
        sign = 1 if order.buys else -1
        paid = self.wallet.book("trade", quote, -sign * cost, ZERO if base_fee else fee, txid, now_ms)
        moved = self.wallet.book("trade", base, sign * amount, base_fee, txid, now_ms)
        number = len(self.fills) + 1
        fill = Fill(txid, number, order, now_ms, lots, ticks, cost, fee, maker, (paid.id, moved.id))
        self.fills[txid] = fill
        return fill


def _assets(symbol: str) -> tuple[str, str]:
    base, quote = symbol.split("/", 1)
    return asset_id(base), asset_id(quote)
