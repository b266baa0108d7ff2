"""The last look at a plan before it leaves the planner: proves it safe from its own edges, or refuses it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from activities.planner.edges import Fault, Passage, Thing, free, passages
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
    for host, here in passages(ledger, [(a.id, a.touches) for a in actions]).items():
        for thing in dict.fromkeys(t for p in here if p.arrives for t in p.takes):
            _prove(here, thing, free(ledger, host, thing), waits, host)


def _prove(
    here: list[Passage], thing: Thing, start: int, waits: Mapping[str, frozenset[str]], host: str
) -> None:
    """Sort the arrivals by what they wait for; each must find room beside all before it in this order.

    What an arrival and all after it wait for has ended whenever the last of a set of arrivals has started.
    """
    leaving = {p.id: p.takes[thing] for p in here if not p.arrives and thing in p.takes}
    arriving = [p for p in here if p.arrives and thing in p.takes]
    ended = {p.id: waits[p.id] & leaving.keys() for p in arriving}
    arriving.sort(key=lambda p: len(ended[p.id]))
    common: frozenset[str] | None = None
    taken = sum(p.takes[thing] for p in arriving)
    for passage in reversed(arriving):
        common = ended[passage.id] if common is None else common & ended[passage.id]
        room = start + sum(leaving[id] for id in common)
        if taken > room:
            text = (
                f"{host} could be asked for {taken} {thing[1]} with room for {room} when {passage.id} starts"
            )
            raise Fault(f"the plan is not safe: {text}")
        taken -= passage.takes[thing]
