"""Who waits for whose space, seen before anybody waits: how urgent those are who have to leave for others.

A long move that waits for a little room waits for whatever leaves first, and that is often the longest that
leaves, for it was the most urgent. So each arrival that finds no room names those who make it soonest, and
they become as urgent as it is, and so do those who make room for them in turn.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import inf

from activities.planner import edges
from activities.planner.edges import Thing
from activities.planner.schedule import Slot, slots
from activities.rules.occupancy import Occupancy
from plan_schemas.plan import Action, Limits

_ROUNDS = 3  # hosts in a chain that are looked along: round a cycle there would be no end

Urgency = Mapping[str, float]  # seconds


@dataclass(frozen=True)
class _Passing:
    """Who leaves or enters a host, for how long, and what it takes there."""

    id: str
    seconds: float
    takes: Mapping[Thing, int]


@dataclass(frozen=True)
class _Host:
    free: Mapping[Thing, int]  # of what its arrivals take
    arriving: Sequence[_Passing]
    leaving: Sequence[_Passing]  # the shortest first


def urgency(actions: Sequence[Action], ledger: Occupancy, limits: Limits) -> dict[str, float]:
    """Seconds of each action with the longest chain of those that wait for its space."""
    own = {a.id: a.seconds for a in actions}
    hosts = _hosts(actions, ledger)
    found = own
    for _ in range(_ROUNDS):
        behind: dict[str, float] = {}
        for host in hosts:
            _hand_down(host, found, behind, limits.out_per_host)
        found = {id: seconds + behind.get(id, 0.0) for id, seconds in own.items()}
    return found


def with_work(actions: Sequence[Action], urgent: Urgency, limits: Limits) -> dict[str, float]:
    """As urgent as that, or as the work is long that comes after it through the same slots."""
    queues: dict[Slot, list[Action]] = defaultdict(list)
    for action in actions:
        for slot in slots(action.touches):
            queues[slot].append(action)
    found = dict(urgent)
    for slot, here in queues.items():
        most = limits.out_per_host if slot[0] == "out" else limits.in_per_host
        behind = 0.0
        for action in sorted(here, key=lambda a: (urgent[a.id], a.id)):
            behind += action.seconds / most
            found[action.id] = max(found[action.id], behind)
    return found


def _hosts(actions: Sequence[Action], ledger: Occupancy) -> list[_Host]:
    """The hosts with arrivals that may have to wait for departures."""
    arriving: dict[str, list[_Passing]] = defaultdict(list)
    leaving: dict[str, list[_Passing]] = defaultdict(list)
    for action in actions:
        touches = action.touches
        for host, here in ((touches.into, arriving), (touches.out, leaving)):
            if host is not None and touches.instance is not None:
                takes = edges.wants(ledger, host, touches.instance)
                here[host].append(_Passing(action.id, action.seconds, takes))
    return [
        _Host(
            {t: edges.free(ledger, host, t) for t in {t: None for p in here for t in p.takes}},
            here,
            sorted(leaving[host], key=lambda p: p.seconds),
        )
        for host, here in arriving.items()
        if leaving.get(host)
    ]


def _hand_down(host: _Host, urgent: Urgency, behind: dict[str, float], slots: int) -> None:
    """Let the arrivals take the room by urgency, and whoever must leave for one be as urgent as it is."""
    free, left = dict(host.free), list(host.leaving)
    for one in sorted(host.arriving, key=lambda p: (-urgent[p.id], p.id)):
        for thing, amount in one.takes.items():
            free[thing] -= amount
        short = {t: -free[t] for t in one.takes if free[t] < 0}
        for leaver in _soonest(left, short, slots) if short else ():
            left.remove(leaver)
            behind[leaver.id] = max(behind.get(leaver.id, 0.0), urgent[one.id])
            for thing, amount in leaver.takes.items():
                if thing in free:
                    free[thing] += amount


def _soonest(left: Sequence[_Passing], short: Mapping[Thing, int], slots: int) -> Sequence[_Passing]:
    """Who makes the room soonest: those that make most of it per second, so many of them, and the shortest
    that makes the rest; or all of them."""
    rest, first = dict(short), list[_Passing]()
    best, soonest = tuple(left), inf
    parts = [one for one in left if not _makes(one, short)]
    while True:
        last = next((one for one in left if one not in first and _makes(one, rest)), None)
        if last is not None:
            lasts = _lasts((*first, last), slots)
            if lasts < soonest:
                best, soonest = (*first, last), lasts
        if not parts:
            return best
        one = max(parts, key=lambda p: _gain(p, rest))
        parts.remove(one)
        first.append(one)
        rest = {t: amount - one.takes.get(t, 0) for t, amount in rest.items()}
        if all(amount <= 0 for amount in rest.values()):
            return best if soonest <= _lasts(first, slots) else first


def _lasts(some: Sequence[_Passing], slots: int) -> float:
    return max(sum(one.seconds for one in some) / slots, *(one.seconds for one in some))


def _makes(one: _Passing, short: Mapping[Thing, int]) -> bool:
    """Whether this one alone makes all the room."""
    return all(one.takes.get(t, 0) >= amount for t, amount in short.items())


def _gain(one: _Passing, short: Mapping[Thing, int]) -> float:
    made = sum(min(1.0, one.takes.get(t, 0) / amount) for t, amount in short.items() if amount > 0)
    return made / (one.seconds or 1.0)
