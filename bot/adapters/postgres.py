"""The Store: everything a tick remembers, in Postgres.

begin, windows and commit are one round trip each. Several statements travel
in one message of the simple protocol; Postgres runs such a message as one
transaction. The first statement of every write locks the lease row and refuses
a run that lost it, so a run that was taken for dead can write nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import Any, TypeVar

import numpy as np
import psycopg

from bot.adapters.postgres_connection import Client, Row
from bot.adapters.postgres_rows import Json, as_row, as_snapshot, dumps, query
from bot.domain.candles import Candles
from bot.domain.ports import CandleRequest
from bot.domain.records import BotWrites, Lease, RiskEvent, Snapshot, Writes

T = TypeVar("T")
Statement = tuple[str, Json]

# Postgres counts microseconds from 2000-01-01 UTC, and sends numbers big-endian.
_EPOCH_MS = 946_684_800_000


class PostgresStore(Client):
    """Implements bot.domain.ports.Store."""

    def begin(self, holder: str, lease_s: float) -> Snapshot:
        """Take or renew the lease and load what a tick needs.

        holder: a name that no other run has.  lease_s: the lease runs out that
        long after its last write.  Of a database that refuses writes the
        snapshot comes without a lease, with db_writable False.
        """
        values = {"holder": holder, "lease_s": lease_s}

        def load(connection: psycopg.Connection[Row]) -> Snapshot:
            try:
                # Two statements, so that the second sees what the lease's last holder wrote.
                cursor = self.ask(connection, f"{query('take_lease')}\n;\n{query('snapshot')}", values)
            except psycopg.errors.ReadOnlySqlTransaction:
                cursor = self.ask(connection, query("snapshot"), values)
            row = cursor.fetchone()
            assert row is not None
            return as_snapshot(row[0])

        return self.run(load)

    def windows(self, wanted: Sequence[CandleRequest]) -> dict[tuple[str, str], Candles]:
        """The stored candles asked for, oldest first; none for a series that is not stored."""
        values = {
            "symbols": [request.symbol for request in wanted],
            "timeframes": [request.timeframe for request in wanted],
            "since_ms": [request.since_ms for request in wanted],
        }

        def read(connection: psycopg.Connection[Row]) -> list[Row]:
            # Not a ClientCursor: only the extended protocol brings binary results.
            cursor = psycopg.Cursor(connection)
            return cursor.execute(query("windows").encode(), values, binary=True).fetchall()

        stored = {n: packed for n, *packed in self.run(read)} if wanted else {}
        return {
            (request.symbol, request.timeframe): _unpack(request.symbol, request.timeframe, stored.get(n, ()))
            for n, request in enumerate(wanted, start=1)
        }

    def commit(self, lease: Lease, writes: Writes) -> None:
        """Write all of it or nothing. Raises LeaseLost when another run took over."""
        statements = [
            ("hold_lease", {"lease_name": lease.name, "holder": lease.holder, "release": writes.release}),
            *_statements(writes),
        ]
        texts: list[str] = []
        values: Json = {"fence": lease.token}
        for n, (name, given) in enumerate(statements):
            text = query(name)
            for key, value in given.items():
                text = text.replace(f"%({key})s", f"%({key}_{n})s")
                values[f"{key}_{n}"] = value
            texts.append(text)
        # On a line of its own: a statement may end in a comment.
        message = "\n;\n".join(texts)
        self.run(lambda connection: self.ask(connection, message, values))


def _statements(writes: Writes) -> list[Statement]:
    """Named queries with their parameters, in the order in which rows refer to each other."""
    made: list[Statement] = []

    def add(name: str, rows: Iterable[Json], **more: Any) -> None:
        listed = list(rows)
        if listed:
            made.append((name, {"rows": dumps(listed), **more}))

    add("save_tick", [as_row(writes.tick)] if writes.tick else [])
    for batch in _steps(writes.candles, lambda candles: (candles.symbol, candles.timeframe)):
        made += _candle_statements([candles for candles in batch if len(candles)])
    add("drop_old_markets", ({"symbol": market.symbol} for market in writes.markets))
    add("save_markets", map(as_row, _newest(writes.markets, lambda market: market.symbol)))
    if writes.markets_ms or writes.breaker is not None or writes.live_venue is not None:
        venue = {"markets_ms": writes.markets_ms, "breaker": writes.breaker, "live": writes.live_venue}
        given = {"breaker_given": writes.breaker is not None, "live_given": writes.live_venue is not None}
        add("save_venue_state", [venue], **given)
    _add_bots(add, writes.bots)
    last = _newest(writes.risk_events, lambda event: (event.bot_id, event.key))
    add("open_risk_events", (as_row(event) for event in last if not event.resolved))
    add("resolve_risk_events", (_resolved(event) for event in last if event.resolved))
    return made


def _add_bots(add: Callable[..., None], bots: Sequence[BotWrites]) -> None:
    """The bots' rows, one statement per table for all bots together."""

    def each(field: str) -> list[tuple[int, Any]]:
        return [(bot.bot_id, item) for bot in bots for item in getattr(bot, field)]

    def given(field: str) -> list[Any]:
        return [getattr(bot, field) for bot in bots if getattr(bot, field) is not None]

    steps = _steps([order for _, order in each("orders")], lambda order: order.client_id)
    for n, batch in enumerate(steps, start=1):
        add("save_orders", map(as_row, batch), last_step=n == len(steps))
    add("save_order_events", (as_row(event) for _, event in each("order_events")))
    add("save_fills", (as_row(fill, bot_id=bot_id) for bot_id, fill in each("fills")))
    add("save_dead_letters", (as_row(letter, bot_id=bot_id) for bot_id, letter in each("dead_letters")))
    trades = _newest([trade for _, trade in each("trades")], lambda trade: trade.trade_id)
    add("save_trades", map(as_row, trades))
    add("save_trade_events", (as_row(event) for _, event in each("trade_events")))
    add("save_signals", (as_row(signal, bot_id=bot_id) for bot_id, signal in each("signals")))
    add("save_verdicts", (as_row(verdict, bot_id=bot_id) for bot_id, verdict in each("verdicts")))
    add("save_decisions", map(as_row, given("decision")))
    cooldowns = _newest(each("cooldowns"), lambda pair: (pair[0], pair[1].symbol))
    add("save_cooldowns", (as_row(cooldown, bot_id=bot_id) for bot_id, cooldown in cooldowns))
    add("save_equity", map(as_row, given("equity")))
    add("save_states", (as_row(step, n=n) for n, (_, step) in enumerate(each("states"))))
    add(
        "save_commands_done",
        ({"bot_id": bot_id, "command_id": done[0], "result": done[1]} for bot_id, done in each("commands_done")),
    )


def _unpack(symbol: str, timeframe: str, packed: Sequence[bytes | None]) -> Candles:
    """Candles from their columns as Postgres sends them: time, five prices and volume, filled."""
    if not packed or packed[0] is None:
        return Candles.empty(symbol, timeframe)
    times, *numbers, marks = (part or b"" for part in packed)
    opens, highs, lows, closes, volumes = (np.frombuffer(column, ">f8").astype(np.float64) for column in numbers)
    open_ms = np.frombuffer(times, ">i8").astype(np.int64) // 1000 + _EPOCH_MS
    filled = np.frombuffer(marks, np.bool_).copy()
    return Candles(symbol, timeframe, open_ms, opens, highs, lows, closes, volumes, filled)


def _resolved(event: RiskEvent) -> Json:
    return {"bot_id": event.bot_id, "key": event.key, "at_ms": event.at_ms}


def _candle_statements(batch: Sequence[Candles]) -> list[Statement]:
    if not batch:
        return []
    series = {"symbols": [c.symbol for c in batch], "timeframes": [c.timeframe for c in batch]}
    numbers = np.repeat(np.arange(1, len(batch) + 1), [len(candles) for candles in batch])
    arrays = {"n": _array(numbers)}
    for name in ("open_ms", "open", "high", "low", "close", "volume", "filled"):
        arrays[name] = _array(np.concatenate([getattr(candles, name) for candles in batch]))
    return [("save_series", series), ("save_candles", series | arrays)]


def _array(values: np.ndarray[Any, Any]) -> str:
    """An array literal. Python writes the shortest digits that give the same float back."""
    return "{" + str(values.tolist())[1:-1] + "}"


def _newest(items: Iterable[T], key: Callable[[T], Hashable]) -> list[T]:
    """The last item of each key: an upsert may meet a row once only."""
    return list({key(item): item for item in items}.values())


def _steps(items: Iterable[T], key: Callable[[T], Hashable]) -> list[list[T]]:
    """Batches that hold each key once, so that the law is asked about every step of an order.

    The newest item of each key is in the last batch.
    """
    by_key: dict[Hashable, list[T]] = {}
    for item in items:
        by_key.setdefault(key(item), []).append(item)
    depth = max(map(len, by_key.values()), default=0)
    return [[found[-back] for found in by_key.values() if len(found) >= back] for back in range(depth, 0, -1)]
