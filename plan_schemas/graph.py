"""The edges between a plan's actions as written: every id once, every edge to an action, no cycle."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from plan_schemas.complaints import nearest
from plan_schemas.problems import Findings, Path, quoted

EDGES = ("needs", "freed_by", "after")
_SHOWN = 8  # actions of a cycle that are named


def check(rows: Sequence[Any], found: Findings, path: Path) -> None:
    """Adds what is wrong with ids and edges of action rows; rows that are malformed are passed over."""
    place: dict[str, int] = {}
    for index, row in enumerate(rows):
        id = row.get("id") if isinstance(row, Mapping) else None
        if not isinstance(id, str):
            continue
        if id in place:
            message = f"{quoted(id)} is also the id of action {place[id] + 1} in the list"
            found.add((*path, index, "id"), message, "give each action an id of its own")
        else:
            place[id] = index
    edges: dict[int, list[int]] = {}
    for index, row in enumerate(rows):
        edges[index] = []
        for kind, at, target in _edges(row):
            where = (*path, index, kind, at)
            if target not in place:
                remedy = nearest(target, place, "known ids")
                found.add(where, f"there is no action {quoted(target)}", remedy)
            elif place[target] == index:
                found.add(where, f"the action {quoted(target)} waits for itself", "remove the edge")
            else:
                edges[index].append(place[target])
    if cycle := _cycle(edges):
        names = [str(rows[i].get("id", f"action {i + 1}")) for i in [*cycle, cycle[0]]]
        shown = names if len(names) <= _SHOWN else [*names[: _SHOWN - 1], "…", names[-1]]
        found.add((*path, cycle[0]), f"waits for itself: {' → '.join(shown)}", "remove one of these edges")


def _edges(row: Any) -> list[tuple[str, int, str]]:
    """(kind, index in the list, id) of each edge of one action."""
    if not isinstance(row, Mapping):
        return []
    lists = [(kind, row.get(kind)) for kind in EDGES]
    return [
        (kind, at, target)
        for kind, targets in lists
        if isinstance(targets, (list, tuple))
        for at, target in enumerate(targets)
        if isinstance(target, str)
    ]


def _cycle(edges: Mapping[int, Sequence[int]]) -> list[int]:
    """One cycle along the edges, starting at its first action; empty when there is none."""
    waiting = {node: len(targets) for node, targets in edges.items()}
    dependants: dict[int, list[int]] = {node: [] for node in edges}
    for node, targets in edges.items():
        for target in targets:
            dependants[target].append(node)
    free = [node for node, count in waiting.items() if not count]
    while free:
        for node in dependants[free.pop()]:
            waiting[node] -= 1
            if not waiting[node]:
                free.append(node)
    stuck = {node for node, count in waiting.items() if count}
    if not stuck:
        return []
    walk = [min(stuck)]
    seen: dict[int, int] = {}
    while walk[-1] not in seen:
        seen[walk[-1]] = len(walk) - 1
        walk.append(min(t for t in edges[walk[-1]] if t in stuck))
    cycle = walk[seen[walk[-1]] : -1]
    first = cycle.index(min(cycle))
    return cycle[first:] + cycle[:first]
