"""Live orders on Kraken: the port LiveVenue."""

from __future__ import annotations

import asyncio
import base64
import binascii
import random
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

from bot.adapters import kraken_answers as answers
from bot.adapters.breaker import Breaker
from bot.adapters.kraken_account import KrakenAccount
from bot.adapters.kraken_answers import ENDED, KeyInfo, PairNames
from bot.adapters.kraken_fills import domain_fill, fills_beyond
from bot.adapters.kraken_gate import KrakenGate
from bot.adapters.kraken_orders import amendment, new_order
from bot.adapters.kraken_private import CallPace, KrakenPrivate, Sent, Verdict
from bot.adapters.kraken_public import KrakenPublic
from bot.adapters.rate_limit import Clock, Pace, RateLimiter, Sleep
from bot.adapters.retry import RetryPolicy
from bot.adapters.venue_client import VenueClient
from bot.domain.errors import ExchangeError
from bot.domain.markets import Market, Quote
from bot.domain.orders import Order, OrderStatus, Side
from bot.domain.ports import Answer
from bot.domain.venue_orders import Balance, Observation, ObserveRequest, VenueFill, VenueOrder

READ_S = 30.0
CLOSED_MARGIN_MS = 5_000
"""Closed orders are asked for from a little earlier: Kraken's clocks and ours are not one."""

AMEND_LEAD_MS = 15_000
SETTLING_S = 1.0
"""How long a cancelled order may still look open."""

PLACED = {
    Verdict.TAKEN: OrderStatus.OPEN,
    Verdict.REFUSED: OrderStatus.REJECTED,
    Verdict.NOT_SENT: OrderStatus.NOT_PLACED,
    Verdict.UNKNOWN: OrderStatus.UNKNOWN,
}
ENDS = frozenset({OrderStatus.FILLED, *ENDED.values()})


def _wall_ms() -> int:
    return int(time.time() * 1000)


def _jitter_s() -> float:
    return random.uniform(0.0, 0.25)


class KrakenVenue:
    """Implements the port LiveVenue. One instance lives in one event loop; close it.

    key, secret: as Kraken hands them out.  url: a server that speaks Kraken's
    protocol, in its place.  timeout_s: one request; shorter than an order's
    deadline.  markets: trading rules, for the names of pairs.  state: what `state()`
    gave the process before.  retries: tries of one read; nothing that changes an
    order is ever sent twice.  pace: how fast private calls may follow each other.
    breaker_failures, breaker_open_s: see Breaker; the account is asked again after less than a
    tick's distance, since stops may depend on it.

    wall_ms: unix time.  clock: seconds from any moment.  These and sleep are
    replaced in rehearsals and tests.
    """

    def __init__(
        self,
        key: str,
        secret: str,
        *,
        url: str | None = None,
        timeout_s: float = 10.0,
        markets: Sequence[Market] = (),
        state: Mapping[str, Any] | None = None,
        retries: int = 3,
        breaker_failures: int = 3,
        breaker_open_s: float = 60.0,
        pace: CallPace | None = None,
        wall_ms: Callable[[], int] = _wall_ms,
        clock: Clock = time.monotonic,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        key, secret, state = key.strip(), secret.strip(), state or {}
        policy = RetryPolicy(retries, READ_S, sleep, _jitter_s)
        limiter = RateLimiter(Pace(pair_interval_s=0, interval_s=0), clock, sleep)
        credentials = {"apiKey": key, "secret": secret}
        self._client = VenueClient("kraken", url, timeout_s, limiter, policy, False, 1, clock, credentials)
        self._private = KrakenPrivate(
            self._client, _key_problem(key, secret), policy, pace or CallPace(), wall_ms, clock, sleep, state
        )
        self._account = KrakenAccount(self._private, self._code, PairNames(markets))
        self._breaker = Breaker(breaker_failures, breaker_open_s, wall_ms, state)
        self._gate = KrakenGate(self._private, self._account, self._breaker, self._client)
        self._clock = clock
        self._sleep = sleep

    async def __aenter__(self) -> KrakenVenue:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        await self._client.aclose()

    def know(self, markets: Sequence[Market]) -> None:
        """Use these trading rules and pair names from now on."""
        self._account.names = PairNames(markets)

    @property
    def calls(self) -> int:
        """Private requests made so far, tries included."""
        return self._private.calls

    def state(self) -> dict[str, Any]:
        """Failures in a row, until when the account is left alone, and why."""
        return {**self._breaker.state(), **self._private.state()}

    # Orders

    async def place(self, order: Order, quote: Quote, market: Market, recent_volume: float, now_ms: int) -> Answer:
        """Send the order once. NOT_PLACED: it never left, or came too near its deadline on the way out."""
        now = self._time_from(now_ms)
        sent = await self._private.send("AddOrder", lambda: new_order(order, market, now()), answers.order_token)
        return Answer(order.client_id, PLACED[sent.verdict], sent.token, (), sent.text)

    async def amend(self, order: Order, now_ms: int) -> Answer:
        """Give a resting order the size and price that it has here, in place.

        order.quantity counts what has filled, as Kraken's does.  order.deadline_ms: until
        when the request may arrive, 0 for a moment from now.
        """
        if not order.venue_order_id:
            return Answer(order.client_id, OrderStatus.REJECTED, "", (), "the venue's id of the order is not known")
        now, market = self._time_from(now_ms), self._account.names.by_symbol.get(order.symbol)
        deadline_ms = order.deadline_ms or now_ms + AMEND_LEAD_MS
        sent = await self._private.send(
            "AmendOrder", lambda: amendment(order, market, now(), deadline_ms), answers.amend_token
        )
        status = {Verdict.TAKEN: order.status, Verdict.UNKNOWN: OrderStatus.UNKNOWN}.get(
            sent.verdict, OrderStatus.REJECTED
        )
        return Answer(order.client_id, status, order.venue_order_id, (), sent.text)

    async def cancel(self, order: Order, now_ms: int) -> Answer:
        """Take an order back, then look how it ended: whatever the cancel was answered, the look tells.

        UNKNOWN while it still rests, or when the look brought nothing certain.
        """
        if not order.venue_order_id:
            return Answer(order.client_id, OrderStatus.REJECTED, "", (), "the venue's id of the order is not known")
        sent = await self._private.send("CancelOrder", lambda: {"txid": order.venue_order_id}, answers.cancel_token)
        try:
            async with self._gate.open():
                return await self._end_of(order, sent)
        except ExchangeError as error:
            text = f"cancel: {sent.text}; look-up: {error.what}"
            return Answer(order.client_id, OrderStatus.UNKNOWN, order.venue_order_id, (), text)

    async def _end_of(self, order: Order, sent: Sent) -> Answer:
        found = await self._look_up(order)
        if sent.verdict is Verdict.TAKEN and found is not None and found.status not in ENDS:
            await self._sleep(SETTLING_S)
            found = await self._look_up(order)
        if found is None or found.status not in ENDS:
            what = "not known to the venue" if found is None else "still open"
            return Answer(
                order.client_id, OrderStatus.UNKNOWN, order.venue_order_id, (), f"cancel: {sent.text}; {what}"
            )
        fills = await self._account.trades(found.trade_ids) if found.filled != order.filled else ()
        fills = await self._with_coin_fees(fills, {found.venue_order_id: found})
        new = fills_beyond(fills, order.filled, found.filled)
        if new is None:
            text = f"cancel: {sent.text}; its executions do not add up"
            return Answer(order.client_id, OrderStatus.UNKNOWN, order.venue_order_id, (), text)
        own = tuple(domain_fill(fill, order) for fill in new)
        return Answer(order.client_id, found.status, order.venue_order_id, own, sent.text)

    async def _look_up(self, order: Order) -> VenueOrder | None:
        return (await self._account.orders([order.venue_order_id])).get(order.venue_order_id)

    # Looks

    async def observe(self, wanted: ObserveRequest, now_ms: int) -> Observation:
        """One look at the account: three calls when it is quiet.

        Open orders come before closed ones, so that an order on neither was on no
        list in between. Executions are read of orders that have filled more than
        `wanted.filled` says; of sells that may have cost coins, the ledger as well. An
        execution whose fee nobody can tell yet is left out.
        Raises ExchangeError when any answer was not whole.
        """
        async with self._gate.open():
            balances = await self._account.balances() if wanted.balances else None
            orders = await self._account.open_orders()
            orders |= await self._account.closed_orders(max(wanted.since_ms - CLOSED_MARGIN_MS, 0))
            behind = [order for txid, order in orders.items() if order.filled != wanted.filled.get(txid, Decimal(0))]
            ids = [name for order in behind for name in order.trade_ids]
            fills = await self._account.trades(ids) if ids else ()
            fills = await self._with_coin_fees(fills, orders, balances, now_ms)
            return Observation(now_ms, wanted.since_ms, tuple(orders.values()), fills, balances)

    async def history(self, since_ms: int = 0) -> Observation:
        """Everything since a moment: closed orders and executions of all pages, open orders, balances.

        at_ms is the venue's own time, asked for first.
        Executions come last, so that none of an order that is named is missing; some
        may be newer than what the orders say.
        Raises ExchangeError.
        """
        async with self._gate.open():
            now_ms = await KrakenPublic(self._client, ()).now_ms()
            balances = await self._account.balances()
            orders = await self._account.open_orders()
            orders |= await self._account.closed_orders(since_ms)
            fills = await self._with_coin_fees(await self._account.trades_since(since_ms), orders)
            return Observation(now_ms, since_ms, tuple(orders.values()), fills, balances)

    async def fees(self, symbols: Sequence[str]) -> dict[str, tuple[Decimal, Decimal]]:
        """(maker, taker) as fractions of the notional, by symbol that is known. Raises ExchangeError."""
        async with self._gate.open():
            return await self._account.fees(symbols)

    async def key_info(self) -> KeyInfo:
        """What the key may do. Raises ExchangeError."""
        async with self._gate.open():
            return await self._account.key_info()

    async def key_permissions(self) -> frozenset[str]:
        """Kraken's own words. Raises ExchangeError."""
        return (await self.key_info()).permissions

    async def nonce_window_ms(self) -> int | None:
        """None where Kraken does not tell. Raises ExchangeError."""
        return (await self.key_info()).nonce_window_ms

    # Within

    async def _with_coin_fees(
        self,
        fills: tuple[VenueFill, ...],
        orders: Mapping[str, VenueOrder],
        balances: Sequence[Balance] | None = None,
        now_ms: int = 0,
    ) -> tuple[VenueFill, ...]:
        """The executions with what each cost in coins, without those of which the ledger does not tell.

        balances: as they stood at now_ms or later; where no coins were left then, none paid a fee before.
        """
        asked = [
            fill
            for fill in fills
            if fill.side is Side.SELL
            and (order := orders.get(fill.venue_order_id)) is not None
            and order.fee_in_base
            and (balances is None or fill.filled_ms >= now_ms or self._coins_left(fill.symbol, balances))
        ]
        if not asked:
            return fills
        fees = await self._account.coin_fees(asked)
        untold = {fill.venue_trade_id for fill in asked} - fees.keys()
        return tuple(
            replace(fill, fee_base=fees.get(fill.venue_trade_id, Decimal(0)))
            for fill in fills
            if fill.venue_trade_id not in untold
        )

    def _coins_left(self, symbol: str, balances: Sequence[Balance]) -> bool:
        """Whether the account has any coins of a pair; True for a pair that nobody knows."""
        market = self._account.names.by_symbol.get(symbol)
        return market is None or any(b.asset == market.base and b.total + b.rewards > 0 for b in balances)

    def _code(self, asset: str) -> str:
        return str(self._client.exchange.safe_currency_code(asset))

    def _time_from(self, now_ms: int) -> Callable[[], int]:
        """The venue's time from here on: now_ms and what has passed since."""
        began_s = self._clock()
        return lambda: now_ms + round((self._clock() - began_s) * 1000)


def _key_problem(key: str, secret: str) -> str:
    """Why a key cannot be used at all, without naming it."""
    if not key or not secret:
        return "there is no key, or no secret"
    if not key.isascii() or any(letter.isspace() or not letter.isprintable() for letter in key):
        return "the key is not one that Kraken hands out"
    try:
        base64.b64decode(secret, validate=True)
    except (binascii.Error, ValueError):
        return "the secret is not one that Kraken hands out: it is not base64"
    return ""
