"""The simulator's own endpoints, beside Kraken's: clock, faults, requests, all JSON."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING, Any

from aiohttp import web

from bot.domain.timeframes import to_datetime, to_ms

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
    except (ValueError, KeyError, TypeError) as error:
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
        )
    return _faults(simulator, {})


def _requests(simulator: Simulator, body: Body) -> Body:
    newest = [asdict(request) for request in simulator.requests.newest()[-NEWEST_REQUESTS:]]
    return {"counts": simulator.requests.counts(), "newest": newest}


HANDLERS: dict[tuple[str, str], Callable[[Simulator, Body], Body]] = {
    ("GET", "clock"): _clock,
    ("POST", "clock"): _set_clock,
    ("GET", "faults"): _faults,
    ("POST", "faults"): _add_fault,
    ("GET", "requests"): _requests,
}
