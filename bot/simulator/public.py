"""Kraken's public endpoints. Each takes the venue and the query, and gives `result` as JSON text."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from bot.domain.timeframes import MINUTE_MS, TIMEFRAMES_MS, floor_ms, to_datetime
from bot.simulator.errors import KrakenError
from bot.simulator.faults import STATUS_WORDS
from bot.simulator.history import History
from bot.simulator.order_book import LEVELS_AT_MOST, SIZE_DECIMALS, book_side, typical_size
from bot.simulator.pairs import asset_id, describe_asset
from bot.simulator.rows import row_text
from bot.simulator.tape import LOTS_PER_UNIT
from bot.simulator.venue import Endpoint, Query, Venue

INTERVALS = {str(step // MINUTE_MS): timeframe for timeframe, step in TIMEFRAMES_MS.items()}
MOST_TRADES = 1000
DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def server_time(venue: Venue, query: Query) -> str:
    now_ms = venue.clock.now_ms()
    return json.dumps({"unixtime": now_ms // 1000, "rfc1123": _rfc1123(to_datetime(now_ms))})


def _rfc1123(moment: datetime) -> str:
    # Written out: strftime follows the machine's language.
    day, month = DAYS[moment.weekday()], MONTHS[moment.month - 1]
    return f"{day}, {moment.day:2d} {month} {moment:%y} {moment:%H:%M:%S} +0000"


def system_status(venue: Venue, query: Query) -> str:
    status = venue.mode if venue.mode in STATUS_WORDS else "online"
    return json.dumps({"status": status, "timestamp": f"{to_datetime(venue.clock.now_ms()):%Y-%m-%dT%H:%M:%SZ}"})


def assets(venue: Venue, query: Query) -> str:
    codes = {code for history in venue.histories.values() for code in history.pair.symbol.split("/")}
    table = {asset_id(code): describe_asset(code) for code in sorted(codes)}
    names = {name: key for key, entry in table.items() for name in (key, entry["altname"])}
    if query.get("asset"):
        wanted = query["asset"].split(",")
        if not all(name in names for name in wanted):
            raise KrakenError("EQuery:Unknown asset")
        table = {names[name]: table[names[name]] for name in wanted}
    return json.dumps(table)


def asset_pairs(venue: Venue, query: Query) -> str:
    return json.dumps({h.pair.id: h.pair.describe() for h in venue.wanted(query.get("pair"))})


def ticker(venue: Venue, query: Query) -> str:
    """Pairs that have not traded yet are left out."""
    now_ms = venue.clock.now_ms()
    answers = {h.pair.id: _ticker(venue, h, now_ms) for h in venue.wanted(query.get("pair"))}
    return json.dumps({key: answer for key, answer in answers.items() if answer is not None})


def _ticker(venue: Venue, history: History, now_ms: int) -> dict[str, Any] | None:
    last = history.last_trade(now_ms)
    today, day = history.forming("1d", now_ms), history.last_day(now_ms)
    if last is None or today is None or day is None:
        return None
    bid, ask = venue.quote_ticks(last.ticks)
    unit, wide = history.pair.ticks_per_unit, history.pair.wide_decimals
    return {
        "a": [f"{ask / unit:.{wide}f}", "1", "1.000"],
        "b": [f"{bid / unit:.{wide}f}", "1", "1.000"],
        "c": [f"{last.ticks / unit:.{wide}f}", f"{last.lots / LOTS_PER_UNIT:.8f}"],
        "v": [f"{today.volume:.8f}", f"{day.volume:.8f}"],
        "p": [f"{today.vwap:.{wide}f}", f"{day.vwap:.{wide}f}"],
        "t": [today.count, day.count],
        "l": [f"{today.low:.{wide}f}", f"{day.low:.{wide}f}"],
        "h": [f"{today.high:.{wide}f}", f"{day.high:.{wide}f}"],
        "o": f"{today.open:.{wide}f}",
    }


def ohlc(venue: Venue, query: Query) -> str:
    """The newest rows only, whatever `since`; `since` is exclusive; the last row is the unfinished candle."""
    history = _one_pair(venue, query)
    timeframe = INTERVALS.get(query.get("interval", "1"))
    if timeframe is None:
        raise KrakenError("EGeneral:Invalid arguments")
    now_ms, step = venue.clock.now_ms(), TIMEFRAMES_MS[timeframe]
    open_ms = floor_ms(now_ms, step)
    since_ms = _since_s(query) * 1000
    rows = venue.rules.ohlc_rows - 1
    forming = history.forming(timeframe, now_ms)
    if forming is None:
        return f'{{"{history.pair.id}":[],"last":0}}'
    if venue.rules.show_gaps:
        from_ms = max(open_ms - rows * step, floor_ms(since_ms, step) + step)
        texts = venue.texts[history.pair.id].closed(timeframe, from_ms, open_ms)
    else:
        texts = venue.texts[history.pair.id].traded(timeframe, floor_ms(since_ms, step) + step, open_ms, rows)
    texts.append(row_text(open_ms, forming, history.pair.decimals))
    return f'{{"{history.pair.id}":[{",".join(texts)}],"last":{(open_ms - step) // 1000}}}'


def _one_pair(venue: Venue, query: Query) -> History:
    if not query.get("pair"):
        raise KrakenError("EGeneral:Invalid arguments")
    return venue.history(query["pair"])


def _since_s(query: Query) -> int:
    try:
        return max(int(float(query.get("since") or 0)), 0)
    except (ValueError, OverflowError) as error:
        raise KrakenError("EGeneral:Invalid arguments:since") from error


def _count(query: Query, default: int, most: int) -> int:
    text = query.get("count") or str(default)
    if not text.isdigit() or int(text) < 1:
        raise KrakenError("EGeneral:Invalid arguments:count")
    return min(int(text), most)


def depth(venue: Venue, query: Query) -> str:
    """Levels around the quote, always the same at the same second, sizes from the last hour's volume."""
    history, count = _one_pair(venue, query), _count(query, 100, LEVELS_AT_MOST)
    now_ms = venue.clock.now_ms()
    last = history.last_trade(now_ms)
    sides: dict[str, list[list[str | int]]] = {"asks": [], "bids": []}
    if last is not None:
        bid, ask = venue.quote_ticks(last.ticks)
        typical = typical_size(history, now_ms)
        sides["asks"] = _levels(history, now_ms, ask, 1, count, typical)
        sides["bids"] = _levels(history, now_ms, bid, -1, count, typical)
    return json.dumps({history.pair.id: sides})


def _levels(history: History, now_ms: int, best: int, sign: int, count: int, typical: float) -> list[list[str | int]]:
    """[price, size, time s], best first."""
    unit, wide = history.pair.ticks_per_unit, history.pair.wide_decimals
    side = book_side(history.pair.id, now_ms // 1000, best, sign, count, typical)
    return [[f"{tick / unit:.{wide}f}", f"{size:.{SIZE_DECIMALS}f}", time_s] for tick, size, time_s in side]


def trades(venue: Venue, query: Query) -> str:
    """Trades after the cursor `since` (ns, or s as ccxt sends it), oldest first; without one the newest."""
    history, count = _one_pair(venue, query), _count(query, MOST_TRADES, MOST_TRADES)
    now_ms = venue.clock.now_ms()
    cursor_ns = _cursor_ns(query.get("since"))
    if cursor_ns is None:
        found = history.newest_trades(now_ms, count)
    else:
        found = history.trades_after(cursor_ns // 1_000_000 + 1, now_ms, count)
    unit, wide = history.pair.ticks_per_unit, history.pair.wide_decimals
    columns = (found.ms.tolist(), found.ticks.tolist(), found.lots.tolist(), history.trade_ids(found).tolist())
    rows = [
        [f"{tick / unit:.{wide}f}", f"{lots / LOTS_PER_UNIT:.8f}", ms / 1000, *_taker(number), "", number]
        for ms, tick, lots, number in zip(*columns, strict=True)
    ]
    last_ns = int(found.ms[-1]) * 1_000_000 if len(found) else (cursor_ns or 0)
    return json.dumps({history.pair.id: rows, "last": str(last_ns)})


def _taker(number: int) -> tuple[str, str]:
    """Who moved: side "b" or "s" and order type "m" or "l", from the trade's number alone."""
    mixed = number * 2654435761 >> 7
    return "bs"[mixed & 1], "ml"[mixed >> 1 & 1]


def _cursor_ns(text: str | None) -> int | None:
    if not text:
        return None
    try:
        # Whole numbers are read as such: a float would lose the last digits of a nanosecond cursor.
        value = int(text) if text.isdigit() else float(text)
    except ValueError as error:
        raise KrakenError("EGeneral:Invalid arguments:since") from error
    seconds_at_most = 10**11
    return int(value * 1_000_000_000) if value < seconds_at_most else int(value)


ENDPOINTS: dict[str, Endpoint] = {
    "Time": server_time,
    "SystemStatus": system_status,
    "Assets": assets,
    "AssetPairs": asset_pairs,
    "Ticker": ticker,
    "OHLC": ohlc,
    "Depth": depth,
    "Trades": trades,
}
