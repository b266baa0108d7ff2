"""Where the instances of a large cloud are after a proposal, with every rule of these clouds looked at.

The independent judge walks every moment and is for clouds of tens of hosts; this looks at the end alone.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from plan_schemas.model import Cluster
from plan_schemas.plan import Proposal


@dataclass(frozen=True, slots=True)
class End:
    hosts: int  # with something on them
    freed: int
    moves: int


def landed(cluster: Cluster, proposal: Proposal) -> End:
    """Raises RuntimeError at the first broken rule, and at a move that empties nothing."""
    at = {u: str(i.host) for u, i in cluster.instances.items()}
    moves = [c.parameters for c in proposal.changes if c.type == "migrate"]
    for move in moves:
        _must(at[move["instance"]] == move["source"], f"{move['instance']} is not on {move['source']}")
        at[move["instance"]] = move["destination"]
    _legal(cluster, at)
    before = {str(i.host) for i in cluster.instances.values()}
    after = set(at.values())
    _must({m["source"] for m in moves}.isdisjoint(after), "a host that something left is not empty")
    return End(len(after), len(before - after), len(moves))


def _legal(cluster: Cluster, at: dict[str, str]) -> None:
    held: Counter[tuple[str, str]] = Counter()
    grouped: Counter[tuple[str, str]] = Counter()
    for uuid, name in at.items():
        one, host = cluster.instances[uuid], cluster.hosts[name]
        for resource, amount in one.resources.items():
            held[name, resource] += amount
        _must(one.pinned_az in (None, host.zone), f"{uuid} left its zone")
        wanted = {key[6:] for key in one.extra_specs}
        _must(wanted <= set(host.traits), f"{uuid} is where its trait is not")
        if one.server_group is not None:
            grouped[one.server_group, name] += 1
    for (name, resource), amount in held.items():
        _must(amount <= cluster.hosts[name].capacity(resource), f"{name} holds {amount} {resource}")
    _must(max(grouped.values(), default=0) <= 1, "two of a triple share a host")


def _must(kept: bool, otherwise: str) -> None:
    if not kept:
        raise RuntimeError(otherwise)
