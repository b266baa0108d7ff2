"""The last look at a plan before it leaves the planner: proves it safe from its own edges, or refuses it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from activities.planner.edges import Fault, Passage, Thing, free, passages
from activities.planner.room import lacking
from activities.rules.occupancy import Occupancy
from plan_schemas.model import Cluster
from plan_schemas.plan import Action


def verify(actions: Sequence[Action], cluster: Cluster) -> None:
    """Prove that in every interleaving which the edges allow each host has room and keeps its groups apart.

    Raises Fault.
    """
    seen: set[str] = set()
    waits: dict[str, frozenset[str]] = {}
    for action in actions:
        waits[action.id] = frozenset(action.waits_for)
        if not waits[action.id] <= seen or action.id in seen:
            raise Fault(f"the edges of {action.id} do not lead backward")
        seen.add(action.id)
    ledger = Occupancy(cluster)
    entered = {a.touches.into for a in actions}
    for host, here in passages(ledger, [(a.id, a.touches) for a in actions], entered).items():
        for thing in dict.fromkeys(t for p in here if p.arrives for t in p.takes):
            _prove(here, thing, free(ledger, host, thing), waits, host)


def _prove(
    here: list[Passage], thing: Thing, start: int, waits: Mapping[str, frozenset[str]], host: str
) -> None:
    """Each arrival must find its own part of the room: free at the start, or left by whom it waits for.

    If all of them can be given theirs at once, no set of them that has started lacks any.
    """
    takes = {p.id: p.takes[thing] for p in here if p.arrives and thing in p.takes}
    if sum(takes.values()) <= start:
        return
    leaving = {p.id: p.takes[thing] for p in here if not p.arrives and thing in p.takes}
    ended = {id: waits[id].intersection(leaving) for id in takes}
    always = frozenset.intersection(*ended.values())  # ended before any of them starts
    room = {"": start + sum(leaving[id] for id in always)}
    room.update((id, leaving[id]) for id in leaving if id not in always)
    behind = {id: ("", *sorted(ended[id] - always)) for id in takes}
    short = lacking(takes, room, behind) if room[""] >= 0 else frozenset(takes)
    if short:
        most = sum(room[of] for of in {of for id in short for of in behind[id]})
        asked = f"{host} could be asked for {sum(takes[id] for id in short)} {thing[1]} with room for {most}"
        raise Fault(f"the plan is not safe: {asked} when {', '.join(sorted(short))} have started")
