"""How good a plan can be at best: provable limits, computed beside the plan and printed with it."""

from __future__ import annotations

from collections.abc import Sequence

from plan_schemas.plan import Action, Bound, Limits


def makespan(actions: Sequence[Action], limits: Limits) -> float:
    """No order finishes sooner than this, seconds: work per host and slots, all work, the longest chain."""
    queues: dict[tuple[str, str], tuple[float, float]] = {}
    ends: dict[str, float] = {}
    for action in actions:
        start = max((ends[id] for id in (*action.needs, *action.freed_by)), default=0.0)
        ends[action.id] = start + action.seconds
        for way, host, slots in (
            ("out", action.touches.out, limits.out_per_host),
            ("in", action.touches.into, limits.in_per_host),
        ):
            if host is not None:
                first, work = queues.get((way, host), (start, 0.0))
                queues[(way, host)] = (min(first, start), work + action.seconds / slots)
    whole = sum(a.seconds for a in actions) / limits.parallel
    return max([whole, *(first + work for first, work in queues.values()), *ends.values()], default=0.0)


def bound(name: str, limit: float, value: float, better: str = "lower") -> Bound:
    return Bound(name, round(limit, 3), round(value, 3), better)
