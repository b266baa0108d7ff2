"""Overloaded hosts, and the fewest moves that relieve each of them whatever the others do."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import accumulate

import numpy as np

from activities.balancing.floor import Floor
from activities.packing.board import Ints

TINY = 1e-9
NEVER = 10**6


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
    cost: dict[int, int] = dict.fromkeys((i for h in hosts for i in floor.on[h]), 1)
    large = _large(floor, threshold, cost)
    if large:
        covered = {h: _cover(floor, floor.on[h], excess[h], cost, large) for h in hosts}
        removals = _Removals(floor, threshold, covered)
        cost |= {i: 1 + removals.fewest(i) for i in large}
    found = []
    for h in hosts:
        least = _cover(floor, floor.on[h], excess[h], cost, frozenset())
        points = 100.0 * (float(floor.level[h, 0]) - threshold)
        found.append(Hot(h, excess[h], points, least if least < NEVER else 0))
    return found


def _large(floor: Floor, threshold: float, among: dict[int, int]) -> frozenset[int]:
    """The instances that fit below the threshold of no host as it is, and half-fill any."""
    room = (threshold - TINY - floor.level[:, 0]) * floor.capacity[:, 0]
    whole = threshold * floor.capacity[:, 0]
    reach = floor.masks & floor.usable
    most = [float(room[m].max()) if m.any() else -1.0 for m in reach]
    widest = [float(whole[m].max()) if m.any() else 0.0 for m in reach]
    load = floor.load[:, 0]
    return frozenset(
        i for i in among if load[i] >= most[floor.mask_of[i]] and 2 * load[i] >= widest[floor.mask_of[i]]
    )


def _cover(floor: Floor, own: list[int], excess: float, cost: dict[int, int], without: frozenset[int]) -> int:
    """The least cost of instances whose load is more than the excess; NEVER when all are not enough.

    Of each cost the largest instances are the best, so that only their numbers have to be tried.
    """
    by_cost: dict[int, list[float]] = {}
    for i, load in zip(own, floor.load[own, 0].tolist()):
        if i not in without and cost[i] < NEVER:
            by_cost.setdefault(cost[i], []).append(load)
    if by_cost.keys() == {1}:  # nearly always
        totals = accumulate(sorted(by_cost[1], reverse=True))
        return next((n for n, load in enumerate(totals, 1) if load > excess), NEVER)
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
        load = np.concatenate([np.zeros((len(load), 1)), load], axis=1)
        self.left = floor.level[:, :1] - np.cumsum(load, axis=1) / floor.capacity[:, :1]
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
