"""Spans of time as sorted, disjoint (from_ms, to_ms) pairs: from_ms inside, to_ms outside."""

from __future__ import annotations

from collections.abc import Iterable

Span = tuple[int, int]


def add(spans: Iterable[Span], *more: Span) -> list[Span]:
    """All of them together; what touches becomes one."""
    made: list[Span] = []
    for start, end in sorted(span for span in (*spans, *more) if span[0] < span[1]):
        if made and start <= made[-1][1]:
            made[-1] = (made[-1][0], max(made[-1][1], end))
        else:
            made.append((start, end))
    return made


def subtract(spans: Iterable[Span], taken: Iterable[Span]) -> list[Span]:
    """What of `spans` lies in none of `taken`."""
    left = add(spans)
    for start, end in add(taken):
        left = [
            piece
            for one in left
            for piece in ((one[0], min(one[1], start)), (max(one[0], end), one[1]))
            if piece[0] < piece[1]
        ]
    return left


def inside(spans: Iterable[Span], step_ms: int) -> list[Span]:
    """The whole steps of the grid that lie in each span."""
    whole = ((-(-start // step_ms) * step_ms, end // step_ms * step_ms) for start, end in spans)
    return [span for span in whole if span[0] < span[1]]
