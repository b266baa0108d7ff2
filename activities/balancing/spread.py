"""How even the load can become with so many moves at best: a Lagrangian bound.

Each move has a price when it leaves and one when it comes, and so has its load: so much per unit, and more
for large pieces. A host then decides alone what it gives away and what it takes. Room and rules do not count,
and what is taken may be of any size. For any prices no plan of so many moves leaves the loads closer.
"""

from __future__ import annotations

from collections import defaultdict
from itertools import chain
from operator import attrgetter

import numpy as np

from activities.balancing.ascent import climb, narrow
from activities.balancing.floor import Floor
from activities.balancing.load import Floats, mean
from activities.packing.board import Ints

_ROUNDS = 16  # on a sample of the hosts
_MORE = 3  # on all of them, from the prices that were best there
_SOME = 0.2  # moves a host: with more of them prices are lower
_SOONER, _LESS = 12, 2  # the rounds with fewer of them
_SAMPLE = 128
_SINGLE = 6  # of each host so many of its largest instances are looked at one by one
_SEVERAL = 3
_FEW = 60
_PINNED = attrgetter("pinned_az")


class Prices:
    """Hosts with their distances from the load of all, and what their instances use, largest first."""

    def __init__(self, away: Floats, capacity: Floats, loads: Floats, tilt: Floats | float = 0.0) -> None:
        """`tilt`: per host how much dearer load is, where none can go to others or come from them."""
        scale = float(capacity.mean())
        inverse, loads = (scale / capacity)[:, None], loads / scale
        self.away, self.steepest = away, float((inverse**2).min())
        if loads.shape[1] < _SINGLE + _SEVERAL:
            loads = np.pad(loads, ((0, 0), (0, _SINGLE + _SEVERAL - loads.shape[1])))
        top = np.cumsum(loads, axis=1)
        # Nothing, one of the largest, or the sum of the first few: what a host gives that takes as well.
        several = np.arange(2, 2 + _SEVERAL)
        nothing = np.zeros((len(away), 1))
        self.given = np.concatenate([nothing, loads[:, :_SINGLE], top[:, several - 1], top[:, -1:]], axis=1)
        self.leaving = np.array([0.0, *[1.0] * _SINGLE, *several, 2.0 + _SEVERAL])
        self.squared = self.given**2 / np.array([1.0, *[1.0] * _SINGLE, *several, float(loads.shape[1])])
        after = away[:, None] - self.given * inverse
        self.inverse2, self.away2 = inverse**2, away[:, None] ** 2
        self.pull, self.rest = 2 * after * inverse - tilt, after**2 + tilt * self.given
        self.push = 2 * away[:, None] * inverse - tilt
        # Any size up to the sum of so many: what a host gives that takes nothing. The first stands for one
        # of the smaller instances, the last for all greater numbers.
        self.most = np.concatenate(
            [loads[:, _SINGLE : _SINGLE + 1], top[:, several - 1], top[:, -1:]], axis=1
        )
        self.number = np.array([1.0, *several, 2.0 + _SEVERAL])
        self.pieces = np.array([1.0, *several, float(loads.shape[1])])

    def value(self, prices: Floats, most: int) -> tuple[float, Floats]:
        """The bound on the sum of squares at these prices, and where it rises."""
        move, come, load, large = prices.tolist()
        leave, steep, rows = move - come, self.inverse2 - large, np.arange(len(self.away))
        # Both are parabolas: of what comes, by which squares fall by `steep` x gift^2, and of what leaves.
        gift = np.maximum(load - self.pull, 0.0)
        takes = np.maximum(gift * gift * (0.25 / steep) - come, 0.0)
        whole = self.given * load + self.rest - takes + leave * self.leaving
        if large:
            whole += large * self.squared
        bend, push = self.inverse2 + large / self.pieces, self.push - load
        some = np.minimum(np.maximum(push / (2 * bend), 0.0), self.most)
        many = (bend * some - push) * some + leave * self.number
        one, other = whole.argmin(axis=1), many.argmin(axis=1)
        best, second = whole[rows, one], many[rows, other] + self.away2[:, 0]
        first = best <= second
        came = first & (takes[rows, one] > 0)
        gift = np.where(came, gift[rows, one] / (2 * steep[:, 0]), 0.0)
        piece = some[rows, other]
        left = np.where(first, self.leaving[one], self.number[other]).sum()
        given = np.where(first, self.given[rows, one], piece).sum() - gift.sum()
        large_ones = np.where(first, self.squared[rows, one], piece * piece / self.pieces[other])
        squares = large_ones.sum() - gift @ gift
        rises = np.array([left - most, came.sum() - left, given, squares])
        return float(np.minimum(best, second).sum()) - move * most, rises

    def best(self, most: int) -> float:
        """The greatest bound that a search over the prices finds."""
        middle = float((self.away**2).mean())
        start, rounds, more = np.array([middle, 0.3 * middle, 0.0, 0.3 * self.steepest]), _ROUNDS, _MORE
        if most < _SOME * len(self.away):  # near to where prices end then
            rounds, more = _SOONER, _LESS
            start = np.array([2.2 * middle, middle, -0.3 * middle**0.5, 0.3 * self.steepest])
        reach = np.array([3 * middle, 2 * middle, float(np.abs(self.away).max()), 0.5 * self.steepest])
        if len(self.away) > 2 * _SAMPLE:
            every = len(self.away) // _SAMPLE
            some = self._some(np.argsort(self.away, kind="stable")[::every])
            _, start = some._search(round(most * len(some.away) / len(self.away)), start, reach, rounds)
            return self._search(most, start, reach / 10, more)[0]
        return self._search(most, start, reach, rounds)[0]

    def _some(self, rows: Ints) -> Prices:
        other = object.__new__(Prices)
        other.__dict__.update(self.__dict__)
        for name, value in self.__dict__.items():
            if isinstance(value, np.ndarray) and len(value) == len(self.away):
                setattr(other, name, value[rows])
        return other

    def _search(self, most: int, start: Floats, reach: Floats, rounds: int) -> tuple[float, Floats]:
        """The greatest value found, and the prices."""
        low, high = np.array([0.0, 0.0, -np.inf, 0.0]), np.array([np.inf] * 3 + [0.99 * self.steepest])
        found, at = climb(lambda prices: self.value(prices, most), (start, reach), (low, high), rounds)
        if len(self.away) <= _FEW:  # a few hosts bend so sharply that a climb ends at the first edge
            other, there = narrow(lambda prices: self.value(prices, most), (start, reach), (low, high))
            found, at = max((found, at), (other, there), key=lambda pair: pair[0])
        return max(found, 0.0), at


def least_deviation(floor: Floor, kind: int, moves: int) -> float:
    """The smallest deviation of one kind of load that any so many moves can leave, seen from here."""
    among = np.flatnonzero(floor.usable)
    whole, level = floor.capacity[among, kind], floor.level[among, kind]
    away = level - mean(level, whole)
    if not moves or len(among) < 2:
        return float(np.sqrt((away**2).mean())) if len(among) else 0.0
    tilt = _tilt(floor, among, away, whole)
    best = Prices(away, whole, floor.seen.largest(kind, [floor.hosts[h] for h in among]), tilt).best(moves)
    return float(np.sqrt(best / len(among)))


def _tilt(floor: Floor, among: Ints, away: Floats, whole: Floats) -> Floats | float:
    """Zones that no instance can leave keep their difference for good."""
    cluster, zones = floor.cluster, defaultdict(list)
    for n, host in enumerate(among.tolist()):
        zones[cluster.hosts[floor.hosts[host]].zone].append(n)
    if len(zones) < 2:
        return 0.0
    tilt: Floats = np.zeros((len(among), 1))
    for zone, rows in zones.items():
        on = map(cluster.on, [floor.hosts[host] for host in among[rows].tolist()])
        if set(map(_PINNED, chain.from_iterable(on))) - {zone}:
            return 0.0
        share = (away[rows] * whole[rows]).sum() / whole[rows].sum()
        tilt[rows] = 2 * share * float(whole.mean()) * (1 / whole[rows]).mean()
    return tilt
