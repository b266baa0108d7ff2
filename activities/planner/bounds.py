"""How good a plan can be at best: provable limits, computed beside the plan and printed with it."""

from __future__ import annotations

from collections.abc import Sequence
from graphlib import TopologicalSorter

from plan_schemas.plan import Action, Bound, Limits


def makespan(actions: Sequence[Action], limits: Limits) -> float:
    """No order finishes sooner than this, seconds: work per host and slots, all work, the longest chain.

    The actions may stand in any order, as in a plan by hand.
    """
    waits = {a.id: a.waits_for for a in actions}
    seconds = {a.id: a.seconds for a in actions}
    queues: dict[tuple[str, str], tuple[float, float]] = {}
    starts: dict[str, float] = {}
    for id in TopologicalSorter(waits).static_order():
        starts[id] = max((starts[i] + seconds[i] for i in waits[id]), default=0.0)
    for action in actions:
        start = starts[action.id]
        for way, host, slots in (
            ("out", action.touches.out, limits.out_per_host),
            ("in", action.touches.into, limits.in_per_host),
        ):
            if host is not None:
                first, work = queues.get((way, host), (start, 0.0))
                queues[(way, host)] = (min(first, start), work + action.seconds / slots)
    whole = sum(a.seconds for a in actions) / limits.parallel
    return max(
        [
            whole,
            *(first + work for first, work in queues.values()),
            *(starts[id] + s for id, s in seconds.items()),
        ],
        default=0.0,
    )


def bound(name: str, limit: float, value: float, better: str = "lower") -> Bound:
    return Bound(name, round(limit, 3), round(value, 3), better)
