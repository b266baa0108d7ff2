"""Which departures must be over before an arrival may start, so that space and rules hold in every order.

Per host and per thing that runs out (a resource class, a place of an anti-affinity group) the arrivals are
taken in order, and each is given its own part of what is free at the start and of what those before it in the
order have left. It waits for those whose part it has, and for nobody else: whatever set of arrivals has
started, each has its own room, so no interleaving that edges allow breaks a rule. And whoever lasts longer
than expected holds up only those that have its room.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Container, Iterable, Mapping, Sequence
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
    ledger: Occupancy,
    actions: Iterable[tuple[str, Touches]],
    hosts: Container[str | None],
    at: Mapping[str, Span] = EMPTY,
) -> dict[str, list[Passage]]:
    """Per host of these who leaves and enters it, in the order of the actions or of their times, if given."""
    found: dict[str, list[Passage]] = defaultdict(list)
    for id, touches in actions:
        for host, arrives in ((touches.out, False), (touches.into, True)):
            if touches.instance is not None and host is not None and host in hosts:
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
    both_ways = {t.out for _, t in actions} & {t.into for _, t in actions}
    for host, here in passages(ledger, actions, both_ways, at).items():
        rooms = {thing: _Room(left) for thing, left in _scarcest_first(ledger, host, here)}
        for passage in here:
            for thing, room in rooms.items():
                amount = passage.takes.get(thing, 0)
                if amount and passage.arrives and not room.take(amount, found[passage.id]):
                    raise Fault(f"{passage.id} does not find {amount} {thing[1]} on {host}")
                if amount and not passage.arrives:
                    room.leave(passage.id, amount)
    return {id: tuple(waits) for id, waits in found.items()}


def _scarcest_first(ledger: Occupancy, host: str, here: Sequence[Passage]) -> list[tuple[Thing, int]]:
    """The things that do not suffice from the start, with what is free of each: who makes room for what is
    scarcest often makes enough of the others, too."""
    wanted: dict[Thing, int] = defaultdict(int)
    for passage in here:
        if passage.arrives:
            for thing, amount in passage.takes.items():
                wanted[thing] += amount
    left = {thing: free(ledger, host, thing) for thing in wanted}
    scarce = (thing for thing, amount in wanted.items() if amount > left[thing])
    return sorted(((t, left[t]) for t in scarce), key=lambda row: row[1] / wanted[row[0]])


class _Room:
    """What is free of one thing on a host, and by whose departure, as far as no arrival was given it."""

    def __init__(self, start: int) -> None:
        # Below zero on a host that is too full: those that mend this are waited for by all.
        self._start = start
        self._mends: list[str] = []
        self._left: dict[str, int] = {}  # the first to leave first

    def leave(self, id: str, amount: int) -> None:
        if self._start < 0:
            self._mends.append(id)
            self._start += amount
            amount = max(0, self._start)
            self._start = min(0, self._start)
        if amount:
            self._left[id] = amount

    def take(self, amount: int, waits: dict[str, None]) -> bool:
        """Give so much to an arrival and add whom it waits for by that; False when there is not so much.

        The room of those whom it waits for anyhow comes first, so that what nobody has to wait for is left
        to others; and then what was free first, which is the least likely to be late.
        """
        if self._start < 0:
            return False
        waits.update(dict.fromkeys(self._mends))
        for id in [id for id in waits if id in self._left]:
            amount -= self._part(id, amount)
        given = min(amount, self._start)
        self._start -= given
        amount -= given
        while amount and self._left:
            id = next(iter(self._left))
            amount -= self._part(id, amount)
            waits[id] = None
        return not amount

    def _part(self, id: str, amount: int) -> int:
        given = min(amount, self._left[id])
        self._left[id] -= given
        if not self._left[id]:
            del self._left[id]
        return given


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
