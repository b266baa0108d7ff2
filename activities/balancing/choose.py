"""Which of the moves that were found are made: what a level, a margin and a budget leave of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from activities.words import beside

# Per level the part of the best step's gain (per move) that a step must bring. Each level takes all that the
# one below takes: the steps are the same ones, and less is asked of them.
SHARES = {1: 0.5, 2: 0.25, 3: 0.1, 4: 0.03, 5: 0.0}


@dataclass(frozen=True, slots=True)
class Step:
    """Moves that belong together, in order: instances with their destinations."""

    moves: tuple[tuple[int, int], ...]
    gain: float  # per move, in whatever the search goes for
    points: float  # per move, in percent of a host
    host: int  # that it is for


@dataclass(frozen=True, slots=True)
class Limits:
    moves: int | None = None
    level: int = 5
    margin: float = 0.0  # points per move


def asked(steps: Sequence[Step], limits: Limits) -> tuple[list[Step], dict[int, tuple[str, str]]]:
    """The steps that are worth it, best first, and why not those that are not, by host: code and clause."""
    ordered = sorted(steps, key=lambda s: (-s.gain, s.host))
    most = max((s.gain for s in ordered), default=0.0)
    taken, out = [], {}
    for one in ordered:
        if one.points < limits.margin:
            out[one.host] = (
                "margin",
                f"{beside(one.points, limits.margin)} points per move are below the margin of"
                f" {limits.margin:g}",
            )
        elif one.gain < SHARES[limits.level] * most:
            share = f"less than {100 * SHARES[limits.level]:g} % of what the best move gains"
            out[one.host] = "aggressiveness", f"{share}, too little for aggressiveness {limits.level}"
        else:
            taken.append(one)
    return taken, out


def beginning(steps: Sequence[Step], level: int) -> tuple[list[Step], list[Step]]:
    """The steps before the first that gains too little for this level, and the rest; their order is kept."""
    most = max((s.gain for s in steps), default=0.0)
    few = next((n for n, s in enumerate(steps) if s.gain < SHARES[level] * most), len(steps))
    return list(steps[:few]), list(steps[few:])


def in_turn(
    steps: Sequence[Step], limits: Limits, make: Callable[[Step], bool]
) -> tuple[list[Step], dict[int, tuple[str, str]]]:
    """Make steps in this order within the budget, each as soon as it can be; what was made, and why not else.

    A step that waits for room is tried again after each that was made, so that further steps at the end of
    the list never change what is made of those before them.
    """
    done: list[Step] = []
    out: dict[int, tuple[str, str]] = {}
    waiting: list[Step] = []
    spent = 0
    for one in steps:
        queue = [one]
        while queue:
            first = queue.pop(0)
            if limits.moves is not None and spent + len(first.moves) > limits.moves:
                left = f"{limits.moves - spent} of {limits.moves} moves are left"
                out[first.host] = "budget", f"it takes {len(first.moves)} moves, {left}"
            elif make(first):
                done.append(first)
                spent += len(first.moves)
                queue, waiting = [*waiting, *queue], []
            else:
                waiting.append(first)
    out |= {w.host: ("cycle", "its moves wait for room that no other move makes") for w in waiting}
    return done, out
