"""Looks for the prices at which a Lagrangian bound is greatest: any prices that it stops at are a bound."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from activities.balancing.load import Floats

Value = Callable[[Floats], tuple[float, Floats]]  # of prices: the bound, and where it rises
Range = tuple[Floats, Floats]
MOVE, COME = 0, 1  # the second price is never above the first: who leaves gains nothing by that alone
_STILL = 1e-4  # of the reach: a step below it is none
_LITTLE = 1e-3  # of the value: a climb that has risen less than that in so many rounds ends
_PATIENCE = 4
_ROUNDS = 120
_TINY = 1e-12


def climb(
    value: Value, begin: Range, limits: Range, rounds: int, bend: Floats | None = None
) -> tuple[float, Floats]:
    """By steps that learn how the value bends: a few dozen are enough where it is smooth, as with many hosts.

    `begin` is where to start and how far each price may be from there; `bend` how far a slope goes, where
    that is known: a step is `bend @ slope`, in parts of the reach.
    """
    (start, reach), (low, high) = begin, limits
    at = np.clip(start, low, high)
    best, rises = value(at)
    slope, one = rises * reach, np.eye(len(at))
    if bend is None:
        bend = one * 0.3 / max(float(slope @ slope) ** 0.5, _TINY)
    marks = [best]
    for _ in range(rounds):
        free = ~((at <= low) & (slope < 0) | (at >= high) & (slope > 0))
        step = (bend @ (slope * free)) * free
        there = at + reach * step / max(float(step @ step) ** 0.5, 1.0)
        there = np.minimum(np.maximum(there, low), high)
        there[COME] = min(there[COME], there[MOVE])
        step = (there - at) / reach
        if float(np.abs(step).max()) < _STILL:
            break
        found, rises = value(there)
        less = slope - rises * reach
        along = float(step @ less)
        if along > _TINY:
            turn = one - step[:, None] * less / along
            bend = turn @ bend @ turn.T + step[:, None] * step / along
        if found > best:
            at, best, slope = there, found, rises * reach
        else:
            bend = bend / 2
        marks.append(best)
        if len(marks) > _PATIENCE and 0 < best < (1 + _LITTLE) * marks[-1 - _PATIENCE]:
            break
    return best, at


def narrow(value: Value, begin: Range, limits: Range) -> tuple[float, Floats]:
    """By ellipsoids that shrink around the best prices: slower, and no edge stops it."""
    (center, reach), (low, high) = begin, limits
    size = len(center)
    shape, best, at = np.diag(reach**2), -np.inf, np.clip(center, low, high)
    for _ in range(_ROUNDS):
        outside = (center < low).astype(float) - (center > high)
        if center[COME] > center[MOVE]:
            rises = np.eye(size)[MOVE] - np.eye(size)[COME]
        elif outside.any():
            rises = outside
        else:
            found, rises = value(center)
            if found > best:
                best, at = found, center
        square = float(rises @ shape @ rises)
        if square <= 1e-24:
            break
        step = shape @ rises / square**0.5
        center = center + step / (size + 1)
        shape = size**2 / (size**2 - 1) * (shape - 2 / (size + 1) * np.outer(step, step))
    return best, at
