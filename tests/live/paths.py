"""Markets in which things happen to a live bot within a few ticks."""

from __future__ import annotations

import numpy as np

from tests.jobs.paths import HOUR, STEP, T0, Path

PRICES = {"BTC": 100.0, "ETH": 50.0, "SOL": 20.0}


def calm() -> dict[str, Path]:
    """Three symbols at rest."""
    return {base: Path(price) for base, price in PRICES.items()}


def market(**changed: Path) -> dict[str, Path]:
    """Three symbols, some of them with a way of their own."""
    return calm() | changed


def shallow(path: Path, volume: float) -> Path:
    """So little trading that an order meets only a part of what it wants. volume: share of the usual."""
    path.volume *= volume
    return path


def lively(seed: int, slots: int = 40) -> dict[str, Path]:
    """Breakouts that are bought, then a walk wild enough for stops, trailing stops and targets within an hour."""
    chance = np.random.default_rng(seed)
    paths: dict[str, Path] = {}
    for n, (base, price) in enumerate(PRICES.items()):
        path = Path(price)
        if chance.random() < 0.4:
            shallow(path, float(chance.choice([0.002, 0.01, 0.05])))
        hours = [h for h in (0, 1, 2) if chance.random() < (0.8 if h == 0 else 0.4)] or [n % 2]
        level = 1.0
        wild = float(chance.choice([0.003, 0.008, 0.015]))
        for slot in range(slots):
            begins = T0 + slot * STEP
            for hour in hours:
                if slot == max(hour * 12 - 12, 0):
                    level *= 1.02
                    path.break_out(T0 + (hour - 1) * HOUR, level)
            if slot // 12 + 1 in hours:
                continue
            level *= 1 + float(chance.normal(0.0, wild))
            path.go(level, begins)
            if chance.random() < 0.15:
                path.dip(begins, level * (1 - float(chance.exponential(0.015))))
            if chance.random() < 0.15:
                path.peak(begins, level * (1 + float(chance.exponential(0.02))))
        paths[base] = path
    return paths
