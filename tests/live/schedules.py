"""Random accidents along a random market: seeded scripts, carried out slot by slot, and what came of them.

    SCHEDULES=4711 python -m pytest tests/live/test_schedules.py -k chosen -n 0 --no-cov -s

runs one again and says what happened; SHRINK=1 beside it looks for the fewest accidents that still break the law.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from bot.domain.errors import DatabaseError, ExchangeError, LeaseLost
from tests.jobs.paths import HOUR, T0
from tests.live.laws import check_live
from tests.live.watch import Naked
from tests.live.wire import AFTER, BEFORE, Plan
from tests.live.world import SLOT_MS, Killed, LiveWorld

LEASE_MS = 240_000
LOCKOUT_MS = 900_000
MOST_CLEAN = 2 + LOCKOUT_MS // SLOT_MS
"""Clean ticks until the laws must hold: a lockout's length and two more."""

APART_MS = 60_000
"""A tick that comes sooner after another may find its orders still in doubt."""

ORDERS = ("AddOrder", "AmendOrder", "CancelOrder")
READS = ("BalanceEx", "OpenOrders", "ClosedOrders", "QueryOrders", "QueryTrades")
PUBLIC = ("Time", "SystemStatus", "Ticker", "OHLC", "Depth")

CUTS = (
    *("html", "empty", "empty_result", "timeout", "reset", "half"),
    *("403", "408", "500", "502", "503", "504", "520", "524"),
)
REFUSALS = (
    "EOrder:Insufficient funds", "EOrder:Order minimum not met", "EGeneral:Invalid arguments:volume",
    "EOrder:Cost minimum not met", "EOrder:Tick size check failed", "EOrder:Invalid price", "EOrder:Post only order",
    "EOrder:Orders limit exceeded", "EOrder:Insufficient margin", "EQuery:Unknown asset pair",
    "EAccount:Invalid permissions:XBTEUR trading restricted for DE.", "EAPI:Invalid signature",
    "EGeneral:Invalid arguments", "EGeneral:Permission denied", "EAPI:Invalid key", "EAPI:Invalid nonce",
    "EAPI:Rate limit exceeded", "EOrder:Rate limit exceeded", "EOrder:Domain rate limit exceeded",
    "EGeneral:Too many requests", "EService:Market in cancel_only mode", "EService:Market in post_only mode",
    "EService:Market in limit_only mode", "EService:Throttled: 1700395980", "EOrder:Unknown order",
)  # fmt: skip
DOUBTS = (
    "EService:Unavailable", "EService:Busy", "EDatabase:Internal error", "EGeneral:Internal error",
    "EGeneral:Internal error:42", "EService:Timeout", "EService:Deadline elapsed", "ESomething:Never heard of",
)  # fmt: skip
ROWS = ("nan", "zero", "negative", "crossed", "duplicate", "missing", "out_of_order")
MODES = ("maintenance", "cancel_only", "post_only", "limit_only", "reduce_only")


@dataclass(frozen=True)
class Line:
    """One accident. what: "fault" of the venue, or at the n-th message "kill", "term", "cut", "down" (no database)."""

    what: str
    endpoint: str = ""
    kind: str = ""
    times: int | None = 1
    seconds: float = 0.01
    skip: int = 0
    n: int = 0
    when: str = BEFORE

    def __str__(self) -> str:
        if self.what != "fault":
            return f"{self.what} {self.when} message {self.n}"
        more = f" x{self.times or 'ever'}" + (f" skip {self.skip}" if self.skip else "")
        return f"{self.endpoint} {self.kind} {self.seconds:g}s{more}"


@dataclass(frozen=True)
class Slot:
    """ticks: ms after the slot's begin, none where it is skipped.  mode: of the venue.  command: a person's."""

    ticks: tuple[int, ...]
    lines: tuple[Line, ...] = ()
    mode: str = "online"
    command: str = ""


@dataclass(frozen=True)
class Script:
    seed: int
    slots: tuple[Slot, ...]

    def __str__(self) -> str:
        told = [
            f"  slot {n}: ticks at {[ms // 1000 for ms in slot.ticks]} s"
            + (f", mode {slot.mode}" if slot.mode != "online" else "")
            + (f", command {slot.command}" if slot.command else "")
            + "".join(f"\n    {line}" for line in slot.lines)
            for n, slot in enumerate(self.slots)
        ]
        return "\n".join([f"schedule {self.seed}", *told])


def write_script(seed: int) -> Script:
    chance = random.Random(seed)
    count, density = chance.randint(9, 16), chance.choice((0.2, 0.4, 0.7))
    slots: list[Slot] = []
    outage: tuple[int, Line] | None = None
    mode, mode_left = "online", 0
    for _ in range(count):
        lines: list[Line] = []
        if chance.random() < density:
            lines = [_line(chance) for _ in range(chance.choice((1, 1, 2, 3)))]
        if outage is None and chance.random() < 0.03:
            outage = chance.randint(1, 3), _outage(chance)
        if outage is not None:
            lines.append(outage[1])
            outage = (outage[0] - 1, outage[1]) if outage[0] > 1 else None
        if not mode_left and chance.random() < 0.02:
            mode, mode_left = chance.choice(MODES), chance.randint(1, 3)
        slots.append(Slot(_ticks(chance), tuple(lines), mode if mode_left else "online", _command(chance)))
        mode_left = max(mode_left - 1, 0)
    return Script(seed, tuple(slots))


def _ticks(chance: random.Random) -> tuple[int, ...]:
    how = chance.random()
    if how < 0.07:
        return ()
    if how < 0.14:
        first = chance.randint(5, 200) * 1000
        return first, first + chance.randint(1, 90) * 1000
    return ((chance.randint(5, 60) if how < 0.9 else chance.randint(60, 290)) * 1000,)


def _command(chance: random.Random) -> str:
    return "close_all" if chance.random() < 0.02 else ""


def _line(chance: random.Random) -> Line:
    how = chance.random()
    if how < 0.5:
        return _order_fault(chance)
    if how < 0.68:
        return _read_fault(chance)
    if how < 0.78:
        return _public_fault(chance)
    what = chance.choice(("kill", "kill", "kill", "term", "cut", "down"))
    return Line(what, n=chance.randint(1, 24), when=chance.choice((BEFORE, AFTER)))


def _order_fault(chance: random.Random) -> Line:
    endpoint = chance.choice(("AddOrder", "AddOrder", "AmendOrder", "CancelOrder"))
    kinds: list[Callable[[], str]] = [
        lambda: chance.choice(CUTS),
        lambda: "before:" + chance.choice(CUTS),
        lambda: "error:" + chance.choice(REFUSALS),
        lambda: "error:" + chance.choice(DOUBTS),
        lambda: "after:error:" + chance.choice(DOUBTS),
        lambda: "late",
        lambda: "odd_descr" if endpoint == "AddOrder" else chance.choice(("fill_first", "fill_first:0.4")),
        lambda: "lockout" if chance.random() < 0.2 else "slow",
    ]
    kind = chance.choice(kinds)()
    return Line("fault", endpoint, kind, chance.choice((1, 1, 1, 2, None)), _seconds(chance, kind), _skip(chance))


def _read_fault(chance: random.Random) -> Line:
    endpoint = chance.choice((*READS, "*"))
    kinds = [
        chance.choice(CUTS), "before:" + chance.choice(CUTS), "error:" + chance.choice(DOUBTS),
        "error:" + chance.choice(("EAPI:Invalid nonce", "EAPI:Rate limit exceeded", "EGeneral:Too many requests")),
        "lag" if endpoint == "OpenOrders" else "slow", "lockout" if chance.random() < 0.2 else "half",
    ]  # fmt: skip
    kind = chance.choice(kinds)
    return Line("fault", endpoint, kind, chance.choice((1, 1, 2, 4, None)), _seconds(chance, kind), _skip(chance))


def _public_fault(chance: random.Random) -> Line:
    endpoint = chance.choice(PUBLIC)
    kinds = [chance.choice(CUTS), "error:" + chance.choice(DOUBTS), "slow"]
    kinds += [chance.choice(ROWS), "renamed"] if endpoint == "OHLC" else []
    kinds += ["status:maintenance", "status:cancel_only", "status:post_only"] if endpoint == "SystemStatus" else []
    return Line("fault", endpoint, chance.choice(kinds), chance.choice((1, 1, 3, None)), 0.01, _skip(chance))


def _outage(chance: random.Random) -> Line:
    kind = chance.choice(("502", "html", "before:reset", "error:EService:Unavailable", "before:503"))
    return Line("fault", chance.choice(("*", "AddOrder", "OpenOrders", "CancelOrder")), kind, None)


def _seconds(chance: random.Random, kind: str) -> float:
    """Of the venue's time for what takes some; real time of what is slow."""
    spans = {"late": (1.0, 40.0), "lag": (1.0, 20.0), "lockout": (60.0, LOCKOUT_MS / 1000)}
    return round(chance.uniform(*spans[kind]), 1) if kind in spans else 0.01


def _skip(chance: random.Random) -> int:
    return chance.choice((0, 0, 0, 1, 2))


@dataclass(frozen=True)
class Ran:
    """One tick. able: nothing was made to go wrong in it, and nothing still was from before.  how: its end.

    locked: the venue let nobody in.
    """

    slot: int
    at_ms: int
    able: bool
    how: str
    locked: bool = False


@dataclass
class Outcome:
    """What came of a script. clean: ticks until the laws held.  told: the story, for a person."""

    script: Script
    ran: list[Ran] = field(default_factory=list)
    stretches: list[Naked] = field(default_factory=list)
    clean: int = 0
    orders: int = 0
    fills: int = 0
    happened: Counter[str] = field(default_factory=Counter)
    told: list[str] = field(default_factory=list)

    def blame(self, stretch: Naked) -> Ran | None:
        """A tick that could have covered it and did not."""
        return next((ran for ran in self.ran if ran.able and stretch.from_ms <= ran.at_ms < stretch.to_ms), None)

    @property
    def worst_ms(self) -> int:
        return max((stretch.ms for stretch in self.stretches), default=0)

    def longer_than_a_slot(self) -> list[str]:
        """Of each stretch that was longer: what kept the ticks in it from ending it."""
        return [self._why(stretch) for stretch in self.stretches if stretch.ms > SLOT_MS]

    def _why(self, stretch: Naked) -> str:
        within = [ran for ran in self.ran if stretch.from_ms <= ran.at_ms < stretch.to_ms]
        if any(ran.locked for ran in within):
            return "the venue had locked the key"
        if any(ran.how == "skipped" for ran in within):
            return "a dead run held the lease"
        return "accidents in several ticks on end" if len(within) > 1 else "the next tick was late or left out"


class Unexpected(AssertionError):
    """A tick ended in a way that no accident explains."""


def run_script(world: LiveWorld, script: Script) -> Outcome:
    """Carry it out on a world that has been saved, and hold the laws against what is left. Raises AssertionError."""
    world.restore()
    outcome = Outcome(script)
    try:
        _Run(world, outcome).all()
        _judge(outcome)
    except AssertionError as error:
        story = "\n  ".join(outcome.told)
        raise AssertionError(f"{error}\n{script}\nstory:\n  {story}") from error
    return outcome


def _judge(outcome: Outcome) -> None:
    for stretch in outcome.stretches:
        ran = outcome.blame(stretch)
        assert ran is None, f"{stretch} outlived the tick at {_clock(ran.at_ms)}, in which nothing went wrong"


class _Run:
    def __init__(self, world: LiveWorld, outcome: Outcome) -> None:
        self.world, self.outcome = world, outcome
        self.last_ms = self.held_ms = 0
        self.trouble_until_ms = 0

    def all(self) -> None:
        world, outcome = self.world, self.outcome
        for n, slot in enumerate(outcome.script.slots):
            world.venue.venue.set_mode(slot.mode)
            if slot.command:
                world.command(slot.command)
            for line in slot.lines:
                if line.what == "fault":
                    world.venue.faults.add(line.endpoint, line.kind, line.times, seconds=line.seconds, skip=line.skip)
            for offset in slot.ticks:
                self.tick(n, T0 + n * SLOT_MS + offset, slot)
            outcome.happened.update({f["kind"]: f["happened"] for f in world.venue.faults.as_list() if f["happened"]})
            world.venue.faults.clear()
        world.venue.venue.set_mode("online")
        self.recover(len(outcome.script.slots))
        outcome.stretches = world.naked()
        outcome.orders, outcome.fills = len(world.account.orders), len(world.account.fills)

    def recover(self, first: int) -> None:
        """Clean ticks until the laws hold: two at least, MOST_CLEAN at most."""
        for n in range(1, MOST_CLEAN + 1):
            how = self.tick(first + n - 1, T0 + (first + n - 1) * SLOT_MS + 30_000, Slot(()))
            if n < 2:
                continue
            try:
                if how != "done":
                    raise Unexpected(f"a tick after all accidents: {how}")
                check_live(self.world)
            except AssertionError:
                if n == MOST_CLEAN:
                    raise
                continue
            self.outcome.clean = n
            return

    def tick(self, n: int, at_ms: int, slot: Slot) -> str:
        world = self.world
        world.at(max(at_ms, world.now_ms + 1))
        if world.now_ms - self.held_ms >= LEASE_MS:
            world.end_lease()
        before = self.faults_so_far()
        plans = [Plan(line.n, line.when, self._act(line)) for line in slot.lines if line.what != "fault"]
        world.gate.begin(*plans)
        held_off = world.locked_until_ms() > world.now_ms
        how = self._run(bool(plans))
        labels = list(world.gate.labels)
        fired = self.faults_so_far() - before + sum(plan.done for plan in plans)
        able = not (fired or held_off or slot.mode != "online" or world.now_ms - self.last_ms < APART_MS)
        able = able and how == "done"
        excused = fired or held_off or world.now_ms < self.trouble_until_ms or slot.mode != "online"
        if how not in ("done", "skipped") and not excused:
            raise Unexpected(f"the tick at {_clock(world.now_ms)} ended with {how} although nothing went wrong")
        if fired:
            self.trouble_until_ms = world.now_ms + LOCKOUT_MS
        self.outcome.happened.update([line.what for line, plan in zip(_wire(slot), plans, strict=True) if plan.done])
        self.outcome.ran.append(Ran(n, world.now_ms, able, how, held_off))
        self.outcome.told.append(f"{_clock(world.now_ms)} {how}{'' if able else ' (troubled)'}: {_orders(labels)}")
        self.last_ms = world.now_ms
        self.held_ms = self.held_ms if how == "skipped" else world.now_ms
        world.gate.begin()
        return how

    def _run(self, through_wire: bool) -> str:
        try:
            document = self.world.tick(through_wire=through_wire)
        except asyncio.CancelledError:
            return "terminated"
        except (ExchangeError, DatabaseError, LeaseLost, Killed) as error:
            return f"{type(error).__name__}: {error}"
        return "skipped" if "skipped" in document else "done"

    def _act(self, line: Line) -> Callable[[], bool]:
        gate = self.world.gate

        def kill() -> bool:
            gate.dead = True
            return False

        def down() -> bool:
            gate.database_down = True
            return True

        def term() -> bool:
            assert self.world.running is not None
            self.world.running.terminate()
            return True

        return {"kill": kill, "down": down, "term": term, "cut": lambda: False}[line.what]

    def faults_so_far(self) -> int:
        return sum(fault["happened"] for fault in self.world.venue.faults.as_list())


def _wire(slot: Slot) -> list[Line]:
    return [line for line in slot.lines if line.what != "fault"]


def _orders(labels: list[str]) -> str:
    return ", ".join(label for label in labels if label.startswith(ORDERS)) or "no orders"


def _clock(at_ms: int) -> str:
    seconds = (at_ms - T0) // 1000
    return f"{seconds // 60:+d}:{seconds % 60:02d}"


def begin(world: LiveWorld) -> None:
    """The moment from which all scripts of a world start."""
    world.tick(T0 - HOUR + 30_000)
    world.at(T0 - 1000)
    world.save()


def shrink(world: LiveWorld, script: Script) -> Script:
    """A script with fewer accidents that still breaks a law."""
    smaller = script
    again = True
    while again:
        again = False
        for candidate in _smaller(smaller):
            try:
                run_script(world, candidate)
            except AssertionError:
                smaller, again = candidate, True
                break
    return smaller


def _smaller(script: Script) -> list[Script]:
    found = []
    for n in range(len(script.slots) - 1, 0, -1):
        found.append(replace(script, slots=script.slots[:n]))
    for n, slot in enumerate(script.slots):
        changed = [replace(slot, lines=slot.lines[:k] + slot.lines[k + 1 :]) for k in range(len(slot.lines))]
        changed += [replace(slot, mode="online")] if slot.mode != "online" else []
        changed += [replace(slot, command="")] if slot.command else []
        changed += [replace(slot, ticks=slot.ticks[:1])] if len(slot.ticks) > 1 else []
        changed += [replace(slot, ticks=(30_000,))] if slot.ticks != (30_000,) else []
        changed += [
            replace(slot, lines=(*slot.lines[:k], replace(line, times=1), *slot.lines[k + 1 :]))
            for k, line in enumerate(slot.lines)
            if line.what == "fault" and line.times != 1
        ]
        found += [replace(script, slots=(*script.slots[:n], one, *script.slots[n + 1 :])) for one in changed]
    return found
