"""How good a plan can be at best: provable limits, computed beside the plan and printed with it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from graphlib import TopologicalSorter

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
    moves = _moves(actions)
    whole = sum(m.seconds for m in moves) / limits.parallel
    out: dict[str, list[Move]] = defaultdict(list)
    into: dict[str, list[Move]] = defaultdict(list)
    for move in moves:
        if move.out is not None:
            out[move.out].append(move)
        if move.into is not None:
            into[move.into].append(move)
    found = [whole, last]
    for queues, slots in ((out, limits.out_per_host), (into, limits.in_per_host)):
        for here in queues.values():
            first = min(chains[m.first] for m in here)
            found.append(first + sum(m.seconds for m in here) / slots)
    if ledger is not None:
        for host, here in into.items():
            found.append(releases.latest(ledger, host, here, out.get(host, []), limits))
    return max(found)


@dataclass(slots=True)
class _Route:
    """The actions of one instance, of which only the ends are sure: in between it may go over any hosts."""

    first: Action
    last: Action


def _moves(actions: Sequence[Action]) -> list[Move]:
    routes: dict[str, _Route] = {}
    for action in actions:
        route = routes.setdefault(action.touches.instance or action.id, _Route(action, action))
        if action.touches.out == route.last.touches.into:
            route.last = action
        elif action.touches.into == route.first.touches.out:
            route.first = action
    return [
        Move(
            r.first.id,
            r.first.touches.instance,
            r.first.touches.out,
            r.last.touches.into,
            min(r.first.seconds, r.last.seconds),
        )
        for r in routes.values()
    ]


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
