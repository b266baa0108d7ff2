"""Which departures must be over before an arrival may start, so that space and rules hold in every order.

Per host and per thing that runs out (a resource class, a place of an anti-affinity group) the arrivals are
taken in order. Arrival k waits for the shortest beginning of the list of departures that, with what is free
at the start, covers the arrivals 1..k. These beginnings contain each other, so whatever set of arrivals has
started, the one with the greatest k has waited for enough: no interleaving that edges allow breaks a rule.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from activities.rules.checks import own_needs
from activities.rules.occupancy import Occupancy
from plan_schemas.frozen import EMPTY
from plan_schemas.plan import Refused, Touches

Span = tuple[float, float]  # when an action starts and ends, seconds from the start of the plan
Thing = tuple[str, ...]  # ("class", VCPU), ("group", uuid), ("apart", uuid, uuid)


class Fault(Refused):
    """The planner's own mistake, found before it did harm; other refusals are the fault of nobody here."""

    def __init__(self, reason: str) -> None:
        super().__init__(
            reason, "this is a fault of the planner: please report it with the audit and the snapshot"
        )


@dataclass(frozen=True)
class Passage:
    """An instance that leaves or enters a host with one action, and what it takes there."""

    id: str
    arrives: bool
    takes: Mapping[Thing, int]


def passages(
    ledger: Occupancy, actions: Iterable[tuple[str, Touches]], at: Mapping[str, Span] = EMPTY
) -> dict[str, list[Passage]]:
    """Per host who leaves and enters it, in the order of the actions or, if given, of their times."""
    found: dict[str, list[Passage]] = defaultdict(list)
    for id, touches in actions:
        for host, arrives in ((touches.out, False), (touches.into, True)):
            if touches.instance is not None and host is not None:
                found[host].append(Passage(id, arrives, wants(ledger, host, touches.instance)))
    if at:
        for here in found.values():
            here.sort(key=lambda p: (at[p.id][0 if p.arrives else 1], p.arrives))
    return dict(found)


def freed_by(
    ledger: Occupancy, actions: Sequence[tuple[str, Touches]], at: Mapping[str, Span] = EMPTY
) -> dict[str, tuple[str, ...]]:
    """Per action the departures that it waits for. Raises Refused when the order given does not make room."""
    found: dict[str, dict[str, None]] = {id: {} for id, _ in actions}
    for host, here in passages(ledger, actions, at).items():
        if all(p.arrives for p in here):
            continue
        for thing in dict.fromkeys(t for p in here if p.arrives for t in p.takes):
            for id, waits in _waits(here, thing, free(ledger, host, thing), host):
                found[id].update(dict.fromkeys(waits))
    return {id: tuple(waits) for id, waits in found.items()}


def _waits(here: list[Passage], thing: Thing, start: int, host: str) -> Iterator[tuple[str, Sequence[str]]]:
    leaving: list[str] = []
    freed = [start]
    taken = waited = 0
    for passage in here:
        amount = passage.takes.get(thing, 0)
        if amount and not passage.arrives:
            leaving.append(passage.id)
            freed.append(freed[-1] + amount)
        elif amount:
            taken += amount
            while freed[waited] < taken:
                waited += 1
                if waited == len(freed):
                    raise Fault(f"{passage.id} finds only {freed[-1]} of {taken} {thing[1]} on {host}")
            yield passage.id, leaving[:waited]


def wants(ledger: Occupancy, host: str, instance: str) -> dict[Thing, int]:
    """All that an instance takes on a host."""
    cluster = ledger.cluster
    one = cluster.instances[instance]
    found: dict[Thing, int] = {
        ("class", k): v for k, v in own_needs(cluster, one, cluster.hosts[host]).items()
    }
    group = cluster.groups.get(one.server_group or "")
    if group is not None and group.policy == "anti-affinity":
        found[("group", group.uuid)] = 1
    for other in ledger.apart(instance):
        found[("apart", *sorted((instance, other)))] = 1
    return found


def free(ledger: Occupancy, host: str, thing: Thing) -> int:
    """How much of a thing a host has left at the start."""
    if thing[0] == "class":
        return ledger.free(host).get(thing[1], 0)
    group = ledger.cluster.groups.get(thing[1])
    members, most = (group.members, group.max_server_per_host) if group is not None else (thing[1:], 1)
    return most - sum(host in ledger.where(m) for m in members)
