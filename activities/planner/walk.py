"""From one order of urgency to the next: what held up the end becomes more urgent, all others a little."""

from __future__ import annotations

import math
from collections.abc import Container, Mapping

STEPS = 12  # of a walk
SPREADS = (1.1, 1.3)  # by so much all may differ from what they were
_HELD_UP = 1.3  # so much more urgent becomes what held up the end
_DICE = (5**0.5 / 2 - 0.5, 2**0.5 - 1)  # multiples of an irrational number lie evenly, the same each time


def onward(ranks: Mapping[str, float], held_up: Container[str], step: int, spread: float) -> dict[str, float]:
    """The ranks of the next step."""
    return {
        id: rank * _shake(n, step, spread) * (_HELD_UP if id in held_up else 1.0)
        for n, (id, rank) in enumerate(ranks.items())
    }


def _shake(number: int, step: int, spread: float) -> float:
    """A factor about 1, another one for each action in each step."""
    return math.pow(spread, (number * _DICE[0] + step * _DICE[1]) % 1.0 - 0.5)
