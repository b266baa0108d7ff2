"""Overloaded hosts, and the fewest moves that relieve each of them whatever the others do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import accumulate

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
    above = floor.level[hosts, 0] - threshold
    over, own = (above + TINY) * floor.capacity[hosts, 0], _own(floor, hosts)
    excess = dict(zip(hosts, over.tolist()))
    least = dict(zip(hosts, _numbers(own, over)))
    large = _large(floor, threshold, [i for h in hosts for i in floor.on[h]])
    of = {h: [i for i in floor.on[h] if i in large] for h in {floor.homes[i] for i in large}}
    without = {h: _cover(floor, h, excess[h], dict.fromkeys(own, NEVER)) for h, own in of.items()}
    needed = [h for h in of if without[h] > least[h]]  # elsewhere the others are as good
    if needed:
        removals = _Removals(floor, threshold, (hosts, own), [without.get(h, n) for h, n in least.items()])
        for h in needed:
            least[h] = _cover(floor, h, excess[h], {i: 1 + removals.fewest(i) for i in of[h]})
    return [
        Hot(h, excess[h], points, n if n < NEVER else 0)
        for (h, n), points in zip(least.items(), (100.0 * above).tolist())
    ]


def _own(floor: Floor, hosts: list[int]) -> Floats:
    """What the instances of each host that the floor looks at use, the largest first."""
    own = [floor.on[h] for h in hosts]
    loads = np.zeros((len(own), max([1, *map(len, own)])))
    there = np.arange(loads.shape[1]) < np.array([len(some) for some in own]).reshape(-1, 1)
    loads[there] = floor.load[[i for some in own for i in some], 0]
    found: Floats = -np.sort(-loads, axis=1)
    return found


def _numbers(own: Floats, excess: Floats) -> list[int]:
    """Of each host the least number of instances whose load is more than the excess, or NEVER."""
    enough = np.cumsum(own, axis=1) > excess[:, None]
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
    for i in floor.on[host]:
        if (each := cost.get(i, 1)) < NEVER:
            by_cost.setdefault(each, []).append(floor.loads[0][i])
    reached = {0: 0.0}
    for each, loads in sorted(by_cost.items()):
        sums = [0.0, *accumulate(sorted(loads, reverse=True))]
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

    def __init__(
        self, floor: Floor, threshold: float, covered: tuple[list[int], Floats], moves: list[int]
    ) -> None:
        """`covered`: the hot hosts with what `_own` says of them; `moves` that each makes anyway."""
        self.floor, self.threshold = floor, threshold
        load = floor.seen.largest(0, floor.hosts).copy()  # also of those that the floor does not look at
        hosts, own = covered
        load[hosts] = 0.0
        load[hosts, : own.shape[1]] = own
        width = min(load.shape[1], _REMOVED)
        gone = np.zeros((len(load), width + 2))
        np.cumsum(load[:, :width], axis=1, out=gone[:, 1:-1])
        gone[:, -1] = load.sum(axis=1)
        gone /= floor.capacity[:, :1]
        self.left: Floats = np.subtract(floor.level[:, :1], gone, out=gone)
        self.spared: Ints = np.zeros(len(floor.hosts), dtype=np.int64)
        self.spared[hosts] = moves
        self.within: dict[int, tuple[Ints, Floats, Floats, Ints]] = {}  # by a set of wishes

    def fewest(self, i: int) -> int:
        """Of any host that its rules allow; what a hot host must lose anyway is not counted twice."""
        reach, left, whole, spared = self._reach(self.floor.mask_of.item(i))
        after = left + self.floor.load[i, 0] / whole
        fits = after < self.threshold - TINY
        fits[reach == self.floor.homes[i]] = False
        some = np.flatnonzero(fits.any(axis=1))
        more = np.maximum(fits[some].argmax(axis=1) - spared[some], 0)
        return int(more.min(initial=NEVER))

    def _reach(self, wishes: int) -> tuple[Ints, Floats, Floats, Ints]:
        """The hosts that such wishes allow, with what is left on them, what they have and what they lose."""
        if wishes not in self.within:
            reach = np.flatnonzero(self.floor.masks[wishes] & self.floor.usable)
            rows = (self.left[reach], self.floor.capacity[reach, :1], self.spared[reach])
            self.within[wishes] = (reach, *rows)
        return self.within[wishes]
