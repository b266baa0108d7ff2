"""How good a plan can be at best: provable limits, computed beside the plan and printed with it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
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
    chains, ends = _chains(actions)
    whole = sum(m.seconds for m in _moves(actions)) / limits.parallel
    out: dict[str, list[Move]] = defaultdict(list)
    into: dict[str, list[Move]] = defaultdict(list)
    for move in _moves(actions):
        if move.out is not None:
            out[move.out].append(move)
        if move.into is not None:
            into[move.into].append(move)
    found = [whole, *ends]
    for queues, slots in ((out, limits.out_per_host), (into, limits.in_per_host)):
        for moves in queues.values():
            first = min(chains[m.first] for m in moves)
            found.append(first + sum(m.seconds for m in moves) / slots)
    if ledger is not None:
        for host, moves in into.items():
            found.append(releases.latest(ledger, host, moves, out.get(host, []), limits))
    return max(found, default=0.0)


@dataclass
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


def _chains(actions: Sequence[Action]) -> tuple[dict[str, float], list[float]]:
    """When each action can start and all can end, by what they need and were told to come after."""
    by_id = {a.id: a for a in actions}
    waits: dict[str, list[str]] = {}
    for action in actions:
        own = action.touches.instance
        asked = (i for i in (*action.needs, *action.after) if i in by_id)
        waits[action.id] = [i for i in asked if own is None or by_id[i].touches.instance != own]
    starts: dict[str, float] = {}
    for id in TopologicalSorter(waits).static_order():
        starts[id] = max((starts[i] + by_id[i].seconds for i in waits[id]), default=0.0)
    return starts, [start + by_id[id].seconds for id, start in starts.items()]


def bound(name: str, limit: float, value: float, better: str = "lower") -> Bound:
    return Bound(name, round(limit, 3), round(value, 3), better)
