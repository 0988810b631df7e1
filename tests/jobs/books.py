"""What must be true of the database after every finished tick, whatever came before it."""

from __future__ import annotations

from decimal import Decimal
from itertools import pairwise

from bot.domain.orders import FINAL, IN_DOUBT, NEXT_STATUS, OrderStatus
from tests.jobs.world import Document, World

CENT = Decimal("0.01")


def check_books(world: World, prices: bool = True) -> None:
    """Fail with the first law that is broken. prices: the last tick took the venue's quotes."""
    check_cash_and_equity(world, prices)
    check_positions(world)
    check_orders(world)
    check_trades(world)
    check_bars(world)
    check_lease(world)


def check_cash_and_equity(world: World, prices: bool = True) -> None:
    for bot in world.all("select * from bots"):
        flows = world.all("select * from fills where bot_id = %s", bot["bot_id"])
        cash = bot["initial_cash"] + sum(
            (
                f["quantity"] * f["price"] * (1 if f["side"] == "sell" else -1) - (0 if f["fee_base"] else f["fee"])
                for f in flows
            ),
            Decimal(0),
        )
        booked = sum(
            (t["exit_proceeds"] - t["entry_cost"] - t["fees"] for t in world.trades(f"bot_id = {bot['bot_id']}")),
            Decimal(0),
        )
        assert abs(bot["initial_cash"] + booked - cash) < CENT, f"{bot['name']}: trades do not add up to the cash"
        found = world.all("select * from equity_snapshots where bot_id = %s order by at desc limit 1", bot["bot_id"])
        for last in found:
            assert last["cash"] == cash, f"{bot['name']}: cash {last['cash']}, fills say {cash}"
            assert last["equity"] == last["cash"] + last["positions_value"]
            assert last["peak_equity"] >= max(last["equity"], bot["initial_cash"])
            if prices:
                at_ms = round(last["at"].timestamp() * 1000)
                held = world.all("select * from positions where bot_id = %s and quantity <> 0", bot["bot_id"])
                worth = sum((p["quantity"] * world.bid(p["symbol"], at_ms) for p in held), Decimal(0))
                assert abs(cash + worth - last["equity"]) < CENT, f"{bot['name']}: cash + positions is not the equity"


def check_positions(world: World) -> None:
    for held in world.all("select * from positions"):
        assert held["quantity"] >= 0, f"{held['symbol']}: sold more than was bought"
        trades = world.trades(f"bot_id = {held['bot_id']} and symbol = '{held['symbol']}' and status = 'open'")
        assert len(trades) <= 1, f"{held['symbol']}: two open trades"
        assert sum((t["open_quantity"] for t in trades), Decimal(0)) == held["quantity"], "trades are not the fills"
    for trade in world.trades("status = 'open'"):
        stops = world.orders(f"trade_id = '{trade['trade_id']}' and leg = 'stop'")
        resting = [stop for stop in stops if stop["status"] in ("open", "partially_filled")]
        protected = sum((stop["quantity"] - stop["filled"] for stop in resting), Decimal(0))
        assert protected == trade["open_quantity"], f"{trade['symbol']}: stops for {protected} only"
        assert [stop["stop_price"] for stop in resting] == [trade["stop_price"]]


def check_orders(world: World) -> None:
    for order in world.orders():
        name, status = order["client_id"], OrderStatus(order["status"])
        assert status not in IN_DOUBT, f"{name} is in doubt"
        assert status is not OrderStatus.PLANNED
        assert len(name) <= 18
        filled = world.value("select coalesce(sum(quantity), 0) from fills where client_id = %s", name)
        assert order["filled"] == filled, f"{name}: filled {order['filled']}, fills say {filled}"
        assert (status is OrderStatus.FILLED) == (order["filled"] == order["quantity"]), f"{name}: {status}"
        events = world.all("select * from order_events where client_id = %s order by order_event_id", name)
        assert events, f"{name}: no events"
        assert events[0]["from_status"] is None
        for before, after in pairwise(events):
            assert after["from_status"] == before["to_status"], f"{name}: a step is missing"
        for event in events[1:]:
            old, new = OrderStatus(event["from_status"]), OrderStatus(event["to_status"])
            assert new is old or new in NEXT_STATUS[old], f"{name}: {old} to {new}"
            assert not (new is old and old in FINAL), f"{name}: a step after its end"
        assert events[-1]["to_status"] == order["status"], f"{name}: the events end elsewhere"
    twice = world.all("select venue_trade_id from fills group by 1 having count(*) > 1")
    assert not twice


def check_trades(world: World) -> None:
    for trade in world.trades():
        fills = world.all(
            "select f.* from fills f join orders o using (client_id) where o.trade_id = %s", trade["trade_id"]
        )
        bought = [f for f in fills if f["side"] == "buy"]
        sold = [f for f in fills if f["side"] == "sell"]
        assert trade["quantity"] == sum(f["quantity"] - f["fee_base"] for f in bought)
        gone = sum((f["quantity"] + f["fee_base"] for f in sold), Decimal(0))
        assert trade["open_quantity"] == trade["quantity"] - gone
        # A fee in coins is coins that were sold for it, or never bought.
        assert trade["entry_cost"] == sum(f["quantity"] * f["price"] - in_coins(f) for f in bought)
        assert trade["exit_proceeds"] == sum((f["quantity"] * f["price"] + in_coins(f) for f in sold), Decimal(0))
        assert trade["fees"] == sum(f["fee"] for f in fills)
        if trade["status"] == "closed":
            assert trade["pnl"] == trade["exit_proceeds"] - trade["entry_cost"] - trade["fees"]
            assert trade["exit_reason"]
            live = world.orders(f"trade_id = '{trade['trade_id']}' and status in ('open', 'partially_filled')")
            assert not live, f"{trade['symbol']}: orders rest on a closed trade"
        kinds = [
            row["kind"]
            for row in world.all(
                "select kind from trade_events where trade_id = %s order by trade_event_id", trade["trade_id"]
            )
        ]
        lives = [kind for kind in kinds if kind in ("opened", "filled", "closed")]
        assert kinds.count("opened") == 1
        assert lives[0] == "opened"
        assert (lives[-1] == "closed") == (trade["status"] == "closed")


def in_coins(fill: Document) -> Decimal:
    """The fee in quote currency where the venue took it in coins, else 0."""
    return fill["fee"] if fill["fee_base"] else Decimal(0)


def check_bars(world: World) -> None:
    """One verdict per candle, none left out between the first and the last, each judged one with its signal."""
    for row in world.all("select distinct bot_id, symbol, timeframe from verdicts"):
        key = (row["bot_id"], row["symbol"], row["timeframe"])
        bars = world.all(
            "select bar_at, reasons->-1->>'rule' as rule from verdicts"
            " where (bot_id, symbol, timeframe) = (%s, %s, %s) order by 1",
            *key,
        )
        seconds = {(b["bar_at"] - a["bar_at"]).total_seconds() for a, b in pairwise(bars)}
        assert len(seconds) <= 1, f"{row['symbol']}: a candle without a verdict"
        signals = world.all("select open_at from signals where (bot_id, symbol, timeframe) = (%s, %s, %s)", *key)
        judged = {s["open_at"] for s in signals}
        assert judged <= {b["bar_at"] for b in bars}
        assert {b["rule"] for b in bars if b["bar_at"] not in judged} <= {"older_bar", "rebuilt"}


def check_lease(world: World) -> None:
    for lease in world.all("select * from leases"):
        assert lease["released_at"] is not None, "the lease was not given back"
    newest = world.all("select status from ticks order by slot_at desc limit 1")
    assert not any(tick["status"] == "running" for tick in newest), "the newest slot is not finished"
