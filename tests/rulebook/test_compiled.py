"""The numeric core, compiled by Numba, gives what it gives interpreted: bit for bit."""

from __future__ import annotations

import random
import struct
from collections.abc import Callable
from functools import cache
from itertools import pairwise
from types import FunctionType, ModuleType
from typing import Any

import pytest

from bot.rulebook import book_rules, cooldowns, exits, fills, gates, limits, rounding, sizing
from bot.rulebook.rules import Ladder, make_ladder
from tests.rulebook.makers import NAN, rules

numba = pytest.importorskip("numba", reason="numba belongs to training and is not installed here")

CORE = (rounding, sizing, limits, exits, fills, gates, book_rules, cooldowns)
TIMES = 2_000

if any("__mutmut_" in name for module in CORE for name in vars(module)):
    pytest.skip("mutants are told apart by what Numba does not compile", allow_module_level=True)


def functions(module: ModuleType) -> dict[str, FunctionType]:
    found = vars(module).items()
    return {name: f for name, f in found if isinstance(f, FunctionType) and f.__module__ == module.__name__}


ALL = {name: f for module in CORE for name, f in functions(module).items()}


@cache
def compiled(name: str) -> Any:
    """A function and those of the core that it calls, compiled; bot/ itself stays as it is."""
    plain = ALL[name]
    calls = {called: compiled(called) for called in plain.__code__.co_names if called in ALL}
    return numba.njit(FunctionType(plain.__code__, plain.__globals__ | calls, name))


def bits(value: Any) -> Any:
    if isinstance(value, tuple):
        return tuple(map(bits, value))
    if isinstance(value, float):
        return "nan" if value != value else struct.pack(">d", value)
    return (type(value).__name__, value)


class Chance:
    """Inputs of the sizes that markets have."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.price = self.between(0.001, 1.0) * 10 ** self.random.randint(-3, 5)
        self.step = self.random.choice([1e-10, 1e-8, 1e-4, 0.01, 0.1, 0.5, 1.0])

    def between(self, low: float, high: float) -> float:
        return self.random.uniform(low, high)

    def near(self, reach: float = 0.1) -> float:
        return self.price * self.between(1 - reach, 1 + reach)

    def maybe(self, value: float, otherwise: float = NAN) -> float:
        return self.random.choice([value, otherwise])

    def share(self) -> float:
        return self.between(0.0001, 0.2)

    def size(self) -> float:
        return self.maybe(self.between(0.0, 10 ** self.random.randint(-4, 5)), 0.0)

    def rules(self) -> Any:
        return rules(
            stop_loss_frac=self.share(), trailing_activation_frac=self.share(), trailing_distance_frac=self.share(),
            breakeven=self.random.random() < 0.5, max_position_frac=self.between(0.01, 1.0),
            max_open_positions=self.random.randint(1, 30), take_profit_ladder=self.ladder(),
            sizing=self.random.randint(0, 2), kelly_fraction=self.between(0.01, 0.3),
            max_portfolio_risk_frac=self.share(), max_daily_trades=self.random.randint(1, 12),
            max_consecutive_losses=self.random.randint(1, 6),
            max_correlated=self.random.randint(1, 3), pyramid_adds=self.random.randint(0, 3),
            pyramid_scale=self.between(0.1, 0.9), drawdown_pause_ms=self.random.randint(0, 100),
            loss_cooldown_factor=self.between(1.0, 10.0),
        )  # fmt: skip

    def ladder(self) -> Ladder:
        """None to four rungs, shares that add up to 1."""
        cuts = sorted(self.between(0.0, 1.0) for _ in range(self.random.randint(0, 3)))
        gains = sorted(self.between(0.001, 0.2) for _ in range(len(cuts) + 1))
        shares = [later - earlier for earlier, later in pairwise([0.0, *cuts, 1.0])]
        return make_ladder(list(zip(shares, gains, strict=True)) if self.random.random() < 0.8 else [])


def entry(c: Chance) -> limits.EntryInputs:
    return limits.EntryInputs(
        c.between(-10, 1e5), c.between(-10, 1e5), c.between(0, 1e5), c.random.randint(0, 31), c.price, c.near(),
        c.step, c.maybe(1e-4, 0.0), c.between(0, 10), 0.004, c.between(0.1, 1.0),
        c.maybe(c.between(0, 1e4), 0.0), c.maybe(c.price * c.share()), c.maybe(c.between(0.5, 4.0)),
        c.random.randint(0, 2), *history(c), c.size(), c.between(0, 1e4), c.random.randint(-1, 3),
        c.maybe(c.near()), c.maybe(c.size()),
    )  # fmt: skip


def history(c: Chance) -> tuple[int, int, float, float]:
    """Trades won and lost, and what they brought."""
    return c.random.randint(0, 60), c.random.randint(0, 60), c.maybe(c.share(), 0.0), c.maybe(c.share(), 0.0)


def gate_inputs(c: Chance) -> gates.GateInputs:
    bid = c.maybe(c.price, c.random.choice([NAN, 0.0]))
    return gates.GateInputs(
        c.random.random() < 0.1, c.random.choice([1, 1, 1, 0, -1]), c.between(0.1, 1.0), c.between(0.0, 1.2),
        c.random.random() < 0.1, c.random.random() < 0.1, c.random.random() < 0.1, c.random.random() < 0.1,
        c.maybe(0.0, c.between(0, 1e6)), bid, bid * c.between(1.0, 1.02),
    )  # fmt: skip


def book_inputs(c: Chance) -> book_rules.BookInputs:
    return book_rules.BookInputs(
        c.between(-1.0, 1.0) if c.random.random() < 0.1 else c.near(), c.near(), c.maybe(c.near(), 0.0),
        c.maybe(c.near(), 0.0), c.random.choice([0, 50, 150]), c.random.choice([0, 0, 0, 50]),
        c.random.choice([0, 0, 86_400_000]), c.random.randint(0, 12), c.random.randint(0, 6),
        c.random.choice([100, 86_400_100]),
    )  # fmt: skip


def held(c: Chance) -> exits.Held:
    bought = c.between(0.01, 1000.0)
    return exits.Held(
        bought * c.random.choice([1.0, c.between(0.1, 1.0)]), bought, c.price, c.maybe(c.near(), c.maybe(0.0)),
        c.maybe(c.near()), c.near(), c.random.random() < 0.5,
    )  # fmt: skip


def seen(c: Chance) -> exits.Seen:
    return exits.Seen(
        c.maybe(c.near(0.3), c.maybe(0.0)), c.maybe(c.near(0.3), c.maybe(0.0)), c.step, c.step,
        c.maybe(c.between(0.0, 100.0), 1e-4), c.between(0, 10), 0.004,
    )  # fmt: skip


def trailing(c: Chance) -> exits.TrailingState:
    return exits.TrailingState(c.near(), c.near(), c.random.random() < 0.5, False, False)


def ladder_sale(c: Chance) -> exits.LadderSale:
    return exits.LadderSale(c.size(), c.size(), 1, 1)


INPUTS: dict[str, Callable[[Chance], tuple[Any, ...]]] = {
    "floor_to_step": lambda c: (c.maybe(c.price, -c.price), c.step),
    "ceil_to_step": lambda c: (c.price, c.step),
    "fixed_fraction_size": lambda c: (c.between(-10, 1e5), c.share(), c.price, c.near()),
    "cap_notional": lambda c: (c.size(), c.between(-10, 1e5), c.between(0, 1e5), c.price, c.share()),
    "cap_risk": lambda c: (c.size(), c.between(-10, 1e5), c.between(0, 1e4), c.price * c.share(), c.share()),
    "cap_cash": lambda c: (c.size(), c.between(-10, 1e5), c.price, 0.004),
    "plan_entry": lambda c: (entry(c), c.rules()),
    "daily_loss_reached": lambda c: (c.near(), c.price, c.share()),
    "breakeven_price": lambda c: (c.price, 0.004),
    "trail_stop": lambda c: (
        c.price, c.near(), c.near(), c.random.random() < 0.5, c.maybe(c.near()), c.step, 0.004, c.rules(),
    ),
    "exit_trigger": lambda c: (c.near(), c.maybe(c.near()), c.maybe(c.near()), c.maybe(c.near()), c.near()),
    "rung_count": lambda c: (c.ladder(),),
    "target_gain": lambda c: (c.rules(),),
    "ladder_sale": lambda c: (
        c.price, c.price * c.between(0.1, 1.0), c.price, c.maybe(c.near(0.3)), c.maybe(c.near(0.3)), c.near(), c.step,
        c.step, c.maybe(c.price * c.share(), 0.0), c.between(0, 10), c.ladder(),
    ),
    "highest": lambda c: (c.maybe(c.near(), c.maybe(0.0)), c.maybe(c.near(), c.maybe(0.0))),
    "first_stop": lambda c: (c.price, c.step, c.rules()),
    "exit_rule": lambda c: (
        held(c), seen(c), trailing(c), ladder_sale(c), c.maybe(c.between(0, 1), 0.0), c.random.random() < 0.1,
        c.rules(),
    ),
    "tend": lambda c: (held(c), seen(c), c.maybe(c.between(0, 1), 0.0), c.random.random() < 0.1, c.rules()),
    "spread_frac": lambda c: (c.near(), c.near()),
    "gate": lambda c: (gate_inputs(c), c.rules()),
    "lost_frac": lambda c: (c.near(), c.maybe(c.near(), 0.0)),
    "judge_book": lambda c: (book_inputs(c), c.rules()),
    "cooldown_until": lambda c: (c.random.randint(0, 10**13), c.random.randint(0, 9), c.rules()),
    "entry_prices": lambda c: (c.price, c.step, c.rules()),
    "unit_worth": lambda c: (c.maybe(c.near()), c.maybe(c.near()), c.price),
    "entry_cost": lambda c: (c.size(), c.price, c.maybe(0.004)),
    "atr_size": lambda c: (
        c.between(-10, 1e5), c.share(), c.price, c.near(), c.maybe(c.price * c.share()), c.between(0.5, 3.0),
    ),
    "shrunk_win_rate": lambda c: (c.random.randint(0, 60), c.random.randint(0, 60), c.share(), c.share()),
    "kelly_risk": lambda c: (*history(c), c.maybe(c.share()), 30, c.share(), c.share()),
    "pyramid_share": lambda c: (c.random.randint(0, 4), c.between(0.1, 0.9)),
    "pyramid_next": lambda c: (c.size(), c.maybe(c.size()), c.random.randint(0, 4), c.between(0.1, 0.9)),
    "is_correlated": lambda c: (c.maybe(c.between(-1.0, 1.0)), c.rules()),
    "entry_risk_frac": lambda c: (entry(c), c.rules()),
    "cap_numbers": lambda c: (entry(c), c.rules()),
    "refusal": lambda c: (entry(c), c.rules()),
    "shrink": lambda c: (c.size(), entry(c), c.rules()),
    "add_prices": lambda c: (c.price, c.step, c.maybe(c.near()), c.maybe(c.near()), c.rules()),
    "held_risk": lambda c: (c.size(), c.near(), c.maybe(c.near()), c.near(), c.rules()),
    "pending_risk": lambda c: (c.size(), c.price, c.rules()),
    "entries_left": lambda c: (c.random.randint(0, 12), c.random.randint(0, 3), c.rules()),
    "takes_back": lambda c: (c.random.randint(0, 5),),
    "buy_price": lambda c: (c.price, c.share(), c.step),
    "sell_price": lambda c: (c.price, c.share(), c.step),
    "take_size": lambda c: (c.size(), c.size(), c.share(), c.step, c.maybe(1e-4, 0.0)),
    "match_marketable_buy": lambda c: (
        c.size(), c.price, c.maybe(c.near()), c.size(), c.share(), c.share(), c.step, c.step, 1e-4,
    ),
    "match_resting_buy": lambda c: (c.size(), c.price, c.near(), c.size(), c.share(), c.step, 1e-4),
    "match_stop_sell": lambda c: (c.size(), c.price, c.near(), c.near(), c.share(), c.step),
}  # fmt: skip


def test_every_function_of_the_core_is_compared() -> None:
    assert set(INPUTS) == set(ALL)


@pytest.mark.parametrize("name", sorted(INPUTS))
def test_compiled_and_interpreted_agree_to_the_last_bit(name: str) -> None:
    fast = compiled(name)
    for seed in range(TIMES):
        given = INPUTS[name](Chance(seed))
        assert bits(fast(*given)) == bits(ALL[name](*given)), given
