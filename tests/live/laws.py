"""What must be true of venue and database together once a clean tick is over, whatever came before it."""

from __future__ import annotations

from collections import Counter, defaultdict
from decimal import Decimal
from typing import Any

from tests.jobs import books
from tests.live.world import CASH, LiveWorld

ZERO = Decimal(0)
LOT = Decimal("0.00000001")
"""A fee in coins is booked as whole lots: what is left below one can never be sold."""

DUST = Decimal("0.0001")
"""A fill's cost and fee are each cut to four decimals in the venue's ledger."""

NEVER_AT_THE_VENUE = {"planned", "not_placed", "rejected"}
STATUS = {
    "open": {"open", "partially_filled"},
    "closed": {"filled"},
    "canceled": {"cancelled"},
    "expired": {"expired"},
}
"""What our row may say of an order that the venue has in a status."""

SIDES = {"limit": "limit", "market": "market", "stop-loss": "stop_loss"}
BASE_KEYS = {"BTC": "XXBT", "ETH": "XETH", "EUR": "ZEUR"}

State = dict[str, Any]


def check_live(world: LiveWorld) -> None:
    """Fail with the first law that is broken."""
    venue = world.believed()
    check_one_row_an_order(world, venue)
    check_one_order_an_intent(venue)
    check_terms(world, venue)
    check_fills(world, venue)
    check_balances(world, venue)
    check_protection(world, venue)
    check_ledger(world)


def rows_at_venue(world: LiveWorld) -> dict[str, Any]:
    return {row["venue_order_id"]: row for row in world.orders("venue_order_id <> ''")}


def check_one_row_an_order(world: LiveWorld, venue: State) -> None:
    rows = world.orders()
    named = Counter(row["venue_order_id"] for row in rows if row["venue_order_id"])
    assert not [txid for txid, n in named.items() if n > 1], "two rows for one order at the venue"
    lost = [text(venue, txid) for txid in venue["orders"] if txid not in named]
    assert not lost, f"orders at the venue without a row: {lost}"
    made_up = sorted(set(named) - set(venue["orders"]))
    assert not made_up, f"rows of orders that the venue never had: {made_up}"
    for row in rows:
        name, status = row["client_id"], row["status"]
        assert status not in ("submitting", "unknown", "planned"), f"{name} ({row['leg']}) is {status}"
        assert row["venue_order_id"] or status in NEVER_AT_THE_VENUE, f"{name} is {status} without an id of the venue"
        assert not (row["venue_order_id"] and status in NEVER_AT_THE_VENUE), f"{name} is {status}, yet at the venue"


def check_one_order_an_intent(venue: State) -> None:
    """A client id, or beside an attached stop a userref, names one request: the venue must have taken it once."""
    names = Counter(
        order.get("cl_ord_id") or f"userref {order['userref']}"
        for order in venue["orders"].values()
        if order["refid"] is None
    )
    twice = [name for name, n in names.items() if n > 1]
    assert not twice, f"sent twice: {twice}"


def check_terms(world: LiveWorld, venue: State) -> None:
    """Each row says what the venue says: status, sizes, trigger."""
    for txid, row in rows_at_venue(world).items():
        order = venue["orders"][txid]
        what = f"{row['leg']} {row['client_id']} is {row['status']}, at the venue {text(venue, txid)}"
        full = Decimal(order["vol_exec"]) == Decimal(order["vol"])
        said = STATUS["closed"] if full and order["status"] == "canceled" else STATUS[order["status"]]
        assert row["status"] in said | STATUS[order["status"]], what
        assert row["filled"] == Decimal(order["vol_exec"]), what
        assert row["symbol"] == order["symbol"], what
        assert row["side"] == order["descr"]["type"], what
        assert row["type"] == SIDES[order["descr"]["ordertype"]], what
        if order["status"] == "open":
            assert row["quantity"] == Decimal(order["vol"]), what
            if row["leg"] == "stop":
                assert row["stop_price"] == Decimal(order["stopprice"]), what


def check_fills(world: LiveWorld, venue: State) -> None:
    ours = {row["venue_trade_id"]: row for row in world.all("select * from fills")}
    lost = [text(venue, f["ordertxid"]) for txid, f in venue["trades"].items() if txid not in ours]
    assert not lost, f"fills that are in no row, of {lost}"
    assert set(ours) == set(venue["trades"]), "fills that the venue never made"
    names = {row["client_id"]: row["venue_order_id"] for row in world.orders()}
    for txid, fill in venue["trades"].items():
        row = ours[txid]
        assert names[row["client_id"]] == fill["ordertxid"], f"{txid} is booked on another order"
        assert (row["symbol"], row["side"]) == (fill["symbol"], fill["type"]), txid
        told = (Decimal(fill["vol"]), Decimal(fill["price"]), Decimal(fill["fee"]))
        assert (row["quantity"], row["price"], row["fee"]) == told, f"{txid}: booked {row}, the venue says {told}"
        there = coin_fee(venue, txid)
        assert there <= row["fee_base"] < there + LOT, f"{txid}: booked {row}, its fee was {there} coins"
        assert row["liquidity"] == ("maker" if fill["maker"] else "taker"), txid
        assert round(row["filled_at"].timestamp() * 1000) == round(fill["time"] * 1000), txid


def coin_fee(venue: State, txid: str) -> Decimal:
    """What the venue took in coins for an execution, by its own ledger."""
    base = venue["trades"][txid]["symbol"].partition("/")[0]
    key = BASE_KEYS.get(base, base)
    moves = [entry for entry in venue["ledger"].values() if (entry["refid"], entry["asset"]) == (txid, key)]
    return sum((Decimal(entry["fee"]) for entry in moves), ZERO)


def balance(venue: State, asset: str) -> Decimal:
    key = BASE_KEYS.get(asset, asset)
    return Decimal(venue["balances"].get(key, {"balance": "0"})["balance"])


def check_balances(world: LiveWorld, venue: State) -> None:
    """Positions and cash of the ledger are what the account has, less what is beside."""
    held: dict[str, Decimal] = defaultdict(Decimal)
    for row in world.all("select symbol, sum(quantity) as quantity from positions group by symbol"):
        held[row["symbol"]] = row["quantity"]
    below_a_lot: dict[str, Decimal] = defaultdict(Decimal)
    for row in world.all("select * from fills where fee_base > 0"):
        below_a_lot[row["symbol"]] += row["fee_base"] - coin_fee(venue, row["venue_trade_id"])
    for symbol in world.symbols:
        base = symbol.partition("/")[0]
        there = balance(venue, base) - world.beside.get(base, ZERO) - below_a_lot[symbol]
        assert held[symbol] == there, f"{symbol}: {held[symbol]} in the ledger, {there} at the venue"
    flows = world.value(
        "select coalesce(sum(quantity * price * case side when 'sell' then 1 else -1 end"
        " - case when fee_base > 0 then 0 else fee end), 0) from fills"
    )
    there = balance(venue, "EUR") - world.beside["EUR"]
    slack = DUST * 2 * max(len(venue["trades"]), 1)
    assert abs(CASH + flows - there) < slack, f"cash {CASH + flows} in the ledger, {there} at the venue"


def check_protection(world: LiveWorld, venue: State) -> None:
    """What rests at the venue to be sold is exactly the stops of exactly the positions."""
    held = {row["symbol"]: row["quantity"] for row in world.all("select * from positions where quantity <> 0")}
    resting: dict[str, Decimal] = defaultdict(Decimal)
    for txid, order in venue["orders"].items():
        if order["status"] == "open" and order["descr"]["type"] == "sell":
            assert order["descr"]["ordertype"] == "stop-loss", f"it rests beside the stop: {text(venue, txid)}"
            assert not order["triggered"]
            resting[order["symbol"]] += Decimal(order["vol"]) - Decimal(order["vol_exec"])
    for symbol in held.keys() | resting.keys():
        there, wanted = resting[symbol], held.get(symbol, ZERO)
        assert there == wanted, f"{symbol}: stops for {there}, a position of {wanted}"


def check_ledger(world: LiveWorld) -> None:
    """The laws of tests/jobs/books.py; those of positions are about several stops here."""
    books.check_cash_and_equity(world)
    books.check_orders(world)
    books.check_trades(world)
    books.check_bars(world)
    books.check_lease(world)
    for trade in world.trades("status = 'open'"):
        mine = f"trade_id = '{trade['trade_id']}' and leg = 'stop' and status in ('open', 'partially_filled')"
        stops = world.orders(mine)
        protected = sum((stop["quantity"] - stop["filled"] for stop in stops), ZERO)
        assert protected == trade["open_quantity"], f"{trade['symbol']}: stops for {protected} in the ledger"


def text(venue: State, txid: str) -> str:
    """An order at the venue in one line."""
    order = venue["orders"][txid]
    name = order.get("cl_ord_id") or order["userref"]
    return f"{txid} {order['status']} {order['descr']['order']} filled {order['vol_exec']} ({name})"
