"""The simulator's own endpoints, beside Kraken's: clock, faults, requests, account, keys, venue, all JSON."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING, Any

from aiohttp import web

from bot.domain.timeframes import to_datetime, to_ms
from bot.simulator.auth import TRADING
from bot.simulator.errors import KrakenError

if TYPE_CHECKING:
    from bot.simulator.server import Simulator

PREFIX = "/sim/"
NEWEST_REQUESTS = 100

Body = dict[str, Any]


async def answer(simulator: Simulator, request: web.BaseRequest) -> web.StreamResponse:
    """Answer one control request; what it cannot read gets HTTP 400 and says why."""
    handler = HANDLERS.get((request.method, request.path.removeprefix(PREFIX)))
    if handler is None:
        known = ", ".join(f"{method} {PREFIX}{name}" for method, name in HANDLERS)
        return web.json_response({"error": f"no such endpoint; there are {known}"}, status=404)
    try:
        body = json.loads(await request.text() or "{}")
        return web.json_response(handler(simulator, body))
    except (ValueError, KeyError, TypeError, ArithmeticError, KrakenError) as error:
        return web.json_response({"error": f"{type(error).__name__}: {error}"}, status=400)


def _clock(simulator: Simulator, body: Body) -> Body:
    now_ms = simulator.clock.now_ms()
    return {"ms": now_ms, "at": to_datetime(now_ms).isoformat(), "speed": simulator.clock.speed}


def _set_clock(simulator: Simulator, body: Body) -> Body:
    clock = simulator.clock
    if "ms" in body:
        clock.set_ms(int(body["ms"]))
    if "at" in body:
        clock.set_ms(to_ms(datetime.fromisoformat(body["at"])))
    if "advance_ms" in body:
        clock.advance_ms(int(body["advance_ms"]))
    if "speed" in body:
        clock.set_speed(float(body["speed"]))
    return _clock(simulator, {})


def _faults(simulator: Simulator, body: Body) -> Body:
    return {"faults": simulator.faults.as_list()}


def _add_fault(simulator: Simulator, body: Body) -> Body:
    if body.get("clear"):
        simulator.faults.clear()
    if "kind" in body:
        simulator.faults.add(
            body.get("endpoint", "*"),
            body["kind"],
            body.get("times", 1),
            body.get("symbol"),
            float(body.get("seconds", 1.0)),
            match=body.get("match"),
            skip=int(body.get("skip", 0)),
        )
    return _faults(simulator, {})


def _requests(simulator: Simulator, body: Body) -> Body:
    newest = [asdict(request) for request in simulator.requests.newest()[-NEWEST_REQUESTS:]]
    return {"counts": simulator.requests.counts(), "newest": newest}


def _account(simulator: Simulator, body: Body) -> Body:
    return simulator.desk.state()


def _change_account(simulator: Simulator, body: Body) -> Body:
    """deposit, withdraw: {"asset", "amount"}; a deposit may wait for "at_ms"."""
    if "deposit" in body:
        given = body["deposit"]
        simulator.desk.deposit(given["asset"], str(given["amount"]), at_ms=given.get("at_ms"))
    if "withdraw" in body:
        simulator.desk.withdraw(body["withdraw"]["asset"], str(body["withdraw"]["amount"]))
    return {"balances": simulator.desk.state()["balances"]}


def _keys(simulator: Simulator, body: Body) -> Body:
    return {"keys": simulator.desk.state()["keys"]}


def _change_keys(simulator: Simulator, body: Body) -> Body:
    """Make the key "name" and answer with it and its secret, or "revoke" one."""
    if "revoke" in body:
        simulator.desk.revoke_key(body["revoke"])
    if "name" not in body:
        return _keys(simulator, {})
    window = int(body.get("nonce_window", 0))
    key = simulator.desk.add_key(body["name"], body.get("permissions", TRADING), nonce_window=window)
    return {"name": key.name, "key": key.key, "secret": key.secret, "permissions": sorted(key.permissions)}


def _venue(simulator: Simulator, body: Body) -> Body:
    pairs = {h.pair.symbol: {"id": h.pair.id, "status": h.pair.status} for h in simulator.venue.wanted(None)}
    return {"mode": simulator.venue.mode, "pairs": pairs}


def _change_venue(simulator: Simulator, body: Body) -> Body:
    """Set the venue's "mode", and change one pair: {"symbol", "id" | "status" | "tick_size" | ...}."""
    if "mode" in body:
        simulator.venue.set_mode(body["mode"])
    if "symbol" in body:
        changes = {
            name: value if name == "lot_decimals" else str(value)
            for name, value in body.items()
            if name not in ("mode", "symbol")
        }
        simulator.venue.change_pair(body["symbol"], **changes)
    return _venue(simulator, {})


HANDLERS: dict[tuple[str, str], Callable[[Simulator, Body], Body]] = {
    ("GET", "clock"): _clock,
    ("POST", "clock"): _set_clock,
    ("GET", "faults"): _faults,
    ("POST", "faults"): _add_fault,
    ("GET", "requests"): _requests,
    ("GET", "account"): _account,
    ("POST", "account"): _change_account,
    ("GET", "keys"): _keys,
    ("POST", "keys"): _change_keys,
    ("GET", "venue"): _venue,
    ("POST", "venue"): _change_venue,
}
