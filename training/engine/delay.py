"""What cron costs: ticks that start late, and slots that are missed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from training.market.arrays import Ints

SECOND_MS = 1000


@dataclass(frozen=True, slots=True)
class DelayModel:
    """When the ticks of a schedule really begin.

    delays_ms: seen or stated delays from the slot's start, of which one is drawn for each tick, all equally
    likely.  missed_frac: share of slots without a tick, drawn for each alone.  seed: the same seed is the same draw.
    name: where the numbers come from, for people.
    """

    delays_ms: tuple[int, ...]
    missed_frac: float = 0.0
    seed: int = 7
    name: str = "stated"

    def moments(self, start_ms: int, end_ms: int, every_ms: int) -> Ints:
        """Ticks between both moments, rising, at most one a slot, on whole seconds as a venue tells its time.

        The first one is on time: it is where the comparison with an undelayed run begins.
        """
        slots = np.arange(start_ms, end_ms + 1, every_ms, dtype=np.int64)
        chance = np.random.default_rng(self.seed)
        late = chance.choice(np.array(self.delays_ms or (0,), dtype=np.int64), len(slots))
        kept = chance.random(len(slots)) >= self.missed_frac
        late[0], kept[0] = 0, True
        moments = np.sort((slots + late)[kept] // SECOND_MS * SECOND_MS)
        moments = moments[moments <= end_ms]
        # A second run within one slot finds it done, and leaves.
        chosen: Ints = moments[np.append(True, np.diff(moments // every_ms) > 0)]
        return chosen


def from_ledger(delays_ms: Sequence[int], missed_slots: int, name: str, seed: int = 7) -> DelayModel:
    """The model of a slot ledger: the delays of its ticks, and how many slots lay between them without one."""
    slots = len(delays_ms) + missed_slots
    return DelayModel(tuple(delays_ms), missed_slots / slots if slots else 0.0, seed, name)


STATED = DelayModel(
    tuple(int(minutes * 60_000) for minutes in (0.5, 1, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10, 12, 15, 20, 30)),
    0.10,
    name="assumed: median 5 minutes, one slot in ten missed",
)
"""An assumption about a busy hosted runner: late by minutes, at times by half an hour, some never. The ledger of a
running bot knows better: see from_ledger."""
