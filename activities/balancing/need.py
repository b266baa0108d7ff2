"""Overloaded hosts, and the fewest moves that relieve each of them whatever the others do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from activities.balancing.floor import Floor
from activities.balancing.load import Floats
from activities.packing.board import Ints

TINY = 1e-9
NEVER = 10**6
_REMOVED = 8  # of a host: more are counted as one more, whatever their number


@dataclass(frozen=True, slots=True)
class Hot:
    """A host at or above the threshold; `least` moves relieve it at best, 0 when nothing does."""

    host: int
    excess: float  # of its load, in the metric's absolute unit
    points: float  # the same in percent of the host
    least: int


def hot_hosts(floor: Floor, threshold: float) -> list[int]:
    """The hosts at or above the threshold that may be sources, unless that has not lasted."""
    hot = floor.usable & ~floor.passing & (floor.level[:, 0] >= threshold)
    found: list[int] = np.flatnonzero(hot).tolist()
    return found


def overloaded(floor: Floor, threshold: float) -> list[Hot]:
    """All hot hosts before anything has moved.

    An instance so large that it fits below the threshold of no host as that is now, and more than half of
    what any may bear, needs a host of its own from which others must move away first: it costs those moves,
    too. As no two such share a host, this holds whatever else is done.
    """
    hosts = hot_hosts(floor, threshold)
    excess = {h: (float(floor.level[h, 0]) - threshold + TINY) * float(floor.capacity[h, 0]) for h in hosts}
    least = dict(zip(hosts, _numbers(floor, hosts, np.array([excess[h] for h in hosts]))))
    large = _large(floor, threshold, [i for h in hosts for i in floor.on[h]])
    of = {h: [i for i in floor.on[h] if i in large] for h in {int(floor.home[i]) for i in large}}
    without = {h: _cover(floor, h, excess[h], dict.fromkeys(own, NEVER)) for h, own in of.items()}
    needed = [h for h in of if without[h] > least[h]]  # elsewhere the others are as good
    if needed:
        removals = _Removals(floor, threshold, least | without)
        for h in needed:
            least[h] = _cover(floor, h, excess[h], {i: 1 + removals.fewest(i) for i in of[h]})
    return [
        Hot(h, excess[h], 100.0 * (float(floor.level[h, 0]) - threshold), n if n < NEVER else 0)
        for h, n in least.items()
    ]


def _numbers(floor: Floor, hosts: list[int], excess: Floats) -> list[int]:
    """Of each host the least number of instances whose load is more than the excess, or NEVER."""
    own = [floor.on[h] for h in hosts]
    loads = np.zeros((len(own), max([1, *map(len, own)])))
    there = np.arange(loads.shape[1]) < np.array([len(some) for some in own]).reshape(-1, 1)
    loads[there] = floor.load[[i for some in own for i in some], 0]
    enough = np.cumsum(-np.sort(-loads, axis=1), axis=1) > excess[:, None]
    found: list[int] = np.where(enough.any(axis=1), enough.argmax(axis=1) + 1, NEVER).tolist()
    return found


def _large(floor: Floor, threshold: float, among: list[int]) -> frozenset[int]:
    """The instances that fit below the threshold of no host as it is, and half-fill any."""
    room = (threshold - TINY - floor.level[:, 0]) * floor.capacity[:, 0]
    whole = threshold * floor.capacity[:, 0]
    reach = floor.masks & floor.usable
    most = [float(room[m].max()) if m.any() else -1.0 for m in reach]
    widest = [float(whole[m].max()) if m.any() else 0.0 for m in reach]
    some: Ints = np.array(among, dtype=np.int64)
    load, kind = floor.load[some, 0], floor.mask_of[some]
    return frozenset(some[(load >= np.array(most)[kind]) & (2 * load >= np.array(widest)[kind])].tolist())


def _cover(floor: Floor, host: int, excess: float, cost: Mapping[int, int]) -> int:
    """The least cost of instances whose load is more than the excess; NEVER when all are not enough.

    A move costs 1 where nothing else is said. Of each cost the largest instances are the best, so that only
    their numbers have to be tried.
    """
    by_cost: dict[int, list[float]] = {}
    for i, load in zip(floor.on[host], floor.load[floor.on[host], 0].tolist()):
        if (each := cost.get(i, 1)) < NEVER:
            by_cost.setdefault(each, []).append(load)
    reached = {0: 0.0}
    for each, loads in sorted(by_cost.items()):
        sums = [0.0, *np.cumsum(sorted(loads, reverse=True)).tolist()]
        grown: dict[int, float] = {}
        for spent, load in reached.items():
            for number, more in enumerate(sums):
                key = spent + number * each
                grown[key] = max(grown.get(key, 0.0), load + more)
                if load + more > excess:
                    break
        reached = grown
    return min((spent for spent, load in reached.items() if load > excess), default=NEVER)


class _Removals:
    """How many must leave a host at least before a large instance fits below its threshold."""

    def __init__(self, floor: Floor, threshold: float, covered: dict[int, int]) -> None:
        self.floor, self.threshold = floor, threshold
        load = floor.seen.largest(0, floor.hosts)  # also of those that the floor does not look at
        for host in covered:
            own = floor.load[floor.on[host], 0]
            load[host] = 0.0
            load[host, : len(own)] = -np.sort(-own)
        every, load = load.sum(axis=1, keepdims=True), load[:, :_REMOVED]
        gone = np.cumsum(np.concatenate([np.zeros((len(load), 1)), load], axis=1), axis=1)
        self.left = floor.level[:, :1] - np.concatenate([gone, every], axis=1) / floor.capacity[:, :1]
        self.spared: Ints = np.array([covered.get(h, 0) for h in range(len(floor.hosts))], dtype=np.int64)

    def fewest(self, i: int) -> int:
        """Of any host that its rules allow; what a hot host must lose anyway is not counted twice."""
        floor = self.floor
        reach = floor.masks[floor.mask_of[i]] & floor.usable
        reach[floor.home[i]] = False
        after = self.left[reach] + floor.load[i, 0] / floor.capacity[reach, :1]
        fits = after < self.threshold - TINY
        number = np.where(fits.any(axis=1), fits.argmax(axis=1), NEVER)
        more = np.where(number < NEVER, np.maximum(number - self.spared[reach], 0), NEVER)
        return int(more.min(initial=NEVER))
