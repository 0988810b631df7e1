"""What a venue says of our account: its orders, its executions, its balances.

These are the venue's facts, before anything of ours is matched to them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from bot.domain.orders import OrderStatus, OrderType, Side


@dataclass(frozen=True, slots=True)
class VenueOrder:
    """One order as the venue has it. Times in ms UTC, 0 where not set.

    client_id, userref: what its sender called it, "" and 0 where nothing.
    parent_id: the order whose fills made it (a conditional close), "" for any
    other.  type: None for a kind that we never place.  status: OPEN,
    PARTIALLY_FILLED, FILLED, CANCELLED or EXPIRED; the last two may have filled in
    part.  quantity, filled: base units.  attached_stop_price: trigger of the
    conditional close that it carries.  trade_ids: its executions, as far as told.
    fee_in_base: the venue may take its fees in coins instead of money.
    """

    venue_order_id: str
    client_id: str
    userref: int
    parent_id: str
    symbol: str
    side: Side
    type: OrderType | None
    status: OrderStatus
    quantity: Decimal
    filled: Decimal
    limit_price: Decimal | None
    stop_price: Decimal | None
    attached_stop_price: Decimal | None
    opened_ms: int
    closed_ms: int
    expires_ms: int
    trade_ids: tuple[str, ...]
    fee_in_base: bool = False


@dataclass(frozen=True, slots=True)
class VenueFill:
    """One execution as the venue has it. quantity: base units.  price, fee: quote currency.

    fee_base: base units that the venue took as the fee, 0 where it took money.
    """

    venue_trade_id: str
    venue_order_id: str
    symbol: str
    side: Side
    quantity: Decimal
    price: Decimal
    fee: Decimal
    liquidity: str
    filled_ms: int
    fee_base: Decimal = Decimal(0)


@dataclass(frozen=True, slots=True)
class Balance:
    """What the account has of one asset, in its own units.

    total: what can be traded, reserved by orders or not.  held: of that, reserved
    by open orders.  rewards: under the venue's earning codes (.F and the like): ours,
    but no order can sell it.
    """

    asset: str
    total: Decimal
    held: Decimal
    rewards: Decimal


@dataclass(frozen=True, slots=True)
class ObserveRequest:
    """What to look at. since_ms: closed orders are wanted that closed at or after it.

    filled: base units that we know filled, by venue order id: executions are read
    of orders that have filled more.  balances: read them too.
    """

    since_ms: int
    filled: Mapping[str, Decimal]
    balances: bool = True


@dataclass(frozen=True, slots=True)
class Observation:
    """One look at the account, each answer checked to be whole.

    Open orders were read before closed ones, so an order that is in neither was on
    no list at any moment between. at_ms: the venue's time, not after the first
    read.  orders: one entry an id, the closed one where it was on both lists.
    balances: None when not asked for.
    """

    at_ms: int
    since_ms: int
    orders: tuple[VenueOrder, ...]
    fills: tuple[VenueFill, ...]
    balances: tuple[Balance, ...] | None
