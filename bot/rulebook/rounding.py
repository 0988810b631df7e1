"""Rounding to a venue's steps.

Binary floats miss decimal steps by an ulp or so; without the tolerance
0.3 / 0.1 would floor to 2. It is far below any step and far above any ulp.
"""

from __future__ import annotations

import math

STEP_TOLERANCE = 1e-6
SIZE_TOLERANCE = 0.01
"""Of a step: what a difference of two sizes may miss a minimum by and still be that minimum."""


def floor_to_step(value: float, step: float) -> float:
    """The largest multiple of step that is not above value (units of value)."""
    return math.floor(value / step + STEP_TOLERANCE) * step


def ceil_to_step(value: float, step: float) -> float:
    """The smallest multiple of step that is not below value (units of value)."""
    return math.ceil(value / step - STEP_TOLERANCE) * step
