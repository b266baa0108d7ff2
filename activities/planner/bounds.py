"""How good a plan can be at best: provable limits, computed beside the plan and printed with it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Container, Iterable, Mapping, Sequence
from graphlib import TopologicalSorter
from math import inf

from activities.planner import releases
from activities.planner.releases import Move
from activities.rules.occupancy import Occupancy
from plan_schemas.plan import Action, Bound, Limits


def makespan(actions: Sequence[Action], limits: Limits, ledger: Occupancy | None = None) -> float:
    """No order finishes sooner than this, seconds: work per host and slots, all work, the longest chain of
    needs and, with the `ledger` of the cloud before, the space that must be left before others may come.

    Whatever the planner itself chose (which edges make room, who goes over a third host) counts for nothing.
    The actions may stand in any order, as in a plan by hand.
    """
    chains, last = _chains(actions)
    whole = 0.0
    out: dict[str, list[float]] = defaultdict(lambda: [inf, 0.0])  # the soonest start, and all the work
    into: dict[str, list[float]] = defaultdict(lambda: [inf, 0.0])
    for begin, end in _routes(actions):
        seconds = min(begin.seconds, end.seconds)
        whole += seconds
        for queues, host in ((out, begin.touches.out), (into, end.touches.into)):
            if host is not None:
                queue = queues[host]
                queue[0] = min(queue[0], chains[begin.id])
                queue[1] += seconds
    found = [whole / limits.parallel, last]
    found.extend(start + work / limits.out_per_host for start, work in out.values())
    found.extend(start + work / limits.in_per_host for start, work in into.values())
    if ledger is not None:
        leaving, arriving = _moves(actions, out.keys() & into.keys())
        for host, here in arriving.items():
            found.append(releases.latest(ledger, host, here, leaving[host], limits))
    return max(found)


def _routes(actions: Iterable[Action]) -> Iterable[tuple[Action, Action]]:
    """The first and the last action of each instance: in between it may go over any hosts.

    Nothing is built for each: at 5,000 hosts the collector would go over all that the process holds for it.
    """
    first: dict[str, Action] = {}
    last: dict[str, Action] = {}
    for action in actions:
        key = action.touches.instance or action.id
        if key not in first:
            first[key] = last[key] = action
        elif action.touches.out == last[key].touches.into:
            last[key] = action
        elif action.touches.into == first[key].touches.out:
            first[key] = action
    return zip(first.values(), last.values(), strict=True)


def _moves(
    actions: Iterable[Action], hosts: Container[str | None]
) -> tuple[dict[str, list[Move]], dict[str, list[Move]]]:
    """Who leaves each of these hosts and who comes to it."""
    leaving: dict[str, list[Move]] = defaultdict(list)
    arriving: dict[str, list[Move]] = defaultdict(list)
    for begin, end in _routes(actions):
        out, into = begin.touches.out, end.touches.into
        if out in hosts or into in hosts:
            move = Move(begin.touches.instance, min(begin.seconds, end.seconds))
            if out is not None and out in hosts:
                leaving[out].append(move)
            if into is not None and into in hosts:
                arriving[into].append(move)
    return leaving, arriving


def _chains(actions: Sequence[Action]) -> tuple[dict[str, float], float]:
    """When each action can start and the last can end, by what they need and were told to come after."""
    by_id = {a.id: a for a in actions}
    starts: dict[str, float] = {}
    ends: dict[str, float] = {}
    late: dict[str, list[str]] = {}  # who comes before somebody whom he waits for, as in a plan by hand
    for action in actions:
        waits = _asked(action, by_id)
        if late or not all(i in ends for i in waits):
            late[action.id] = waits
        else:
            starts[action.id] = start = max((ends[i] for i in waits), default=0.0)
            ends[action.id] = start + action.seconds
    for id in TopologicalSorter(late).static_order():
        if id not in ends:
            starts[id] = start = max((ends[i] for i in late[id]), default=0.0)
            ends[id] = start + by_id[id].seconds
    return starts, max(ends.values(), default=0.0)


def _asked(action: Action, by_id: Mapping[str, Action]) -> list[str]:
    """Whom it waits for, but for what the same instance does before: it may go another way."""
    own = action.touches.instance
    return [
        i
        for i in (*action.needs, *action.after)
        if (one := by_id.get(i)) is not None and (own is None or one.touches.instance != own)
    ]


def bound(name: str, limit: float, value: float, better: str = "lower") -> Bound:
    return Bound(name, round(limit, 3), round(value, 3), better)
