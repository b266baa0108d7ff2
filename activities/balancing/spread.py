"""How even the load can become with so many moves at best: a Lagrangian bound.

Each move has a price when it leaves and one when it comes, and so has its load: so much per unit, and more
for large pieces. A host then decides alone what it gives away and what it takes. Room and rules do not count,
and what is taken may be of any size. For any prices no plan of so many moves leaves the loads closer.
"""

from __future__ import annotations

from itertools import chain, compress, repeat
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
# From so many moves a host to `_SOME` of them, as on clouds of 100 to 1,000 hosts, it is known near to where
# prices end, and how the bound bends there, both in what `_unit` says: a few rounds do then.
_KNOWN = 0.08
_FROM = np.array([2.17, 1.1, -0.21, 0.29])
_BEND = np.array(
    [[14.4, 8.2, 1.4, 0.9], [8.2, 16.3, 8.4, -1.7], [1.4, 8.4, 13.9, -2.9], [0.9, -1.7, -2.9, 1.54]]
)
_REACH = 0.5
_SOON = 5  # rounds, unless there are many hosts
_PART, _FIRST, _THEN = 256, 3, 2  # on a sample of so many, and on all
_SINGLE = 6  # of each host so many of its largest instances are looked at one by one
_SEVERAL = 3
_FEW = 60
_PINNED = attrgetter("pinned_az")


class Prices:
    """Hosts with their distances from the load of all, and what their instances use, largest first."""

    def __init__(self, away: Floats, capacity: Floats, loads: Floats, tilt: Floats | float = 0.0) -> None:
        """`tilt`: per host how much dearer load is, where none can go to others or come from them."""
        scale = float(capacity.mean())
        inverse, held = (scale / capacity)[:, None], float(max(loads.shape[1], _SINGLE + _SEVERAL))
        every, loads = loads.sum(axis=1, keepdims=True) / scale, loads[:, : _SINGLE + _SEVERAL] / scale
        self.away, self.steepest = away, float((inverse**2).min())
        if loads.shape[1] < _SINGLE + _SEVERAL:
            loads = np.pad(loads, ((0, 0), (0, _SINGLE + _SEVERAL - loads.shape[1])))
        top = np.cumsum(loads, axis=1)
        # Nothing, one of the largest, or the sum of the first few: what a host gives that takes as well.
        several = np.arange(2, 2 + _SEVERAL)
        nothing = np.zeros((len(away), 1))
        self.given = np.concatenate([nothing, loads[:, :_SINGLE], top[:, several - 1], every], axis=1)
        self.leaving = np.array([0.0, *[1.0] * _SINGLE, *several, 2.0 + _SEVERAL])
        self.squared = self.given**2 / np.array([1.0, *[1.0] * _SINGLE, *several, held])
        after = away[:, None] - self.given * inverse
        self.inverse2, self.away2 = inverse**2, away**2
        self.pull, self.rest = 2 * after * inverse - tilt, after**2 + tilt * self.given
        self.push = 2 * away[:, None] * inverse - tilt
        # Any size up to the sum of so many: what a host gives that takes nothing. The first stands for one
        # of the smaller instances, the last for all greater numbers.
        self.most = np.concatenate([loads[:, _SINGLE : _SINGLE + 1], top[:, several - 1], every], axis=1)
        self.number = np.array([1.0, *several, 2.0 + _SEVERAL])
        self.pieces = np.array([1.0, *several, held])

    def value(self, prices: Floats, most: int) -> tuple[float, Floats]:
        """The bound on the sum of squares at these prices, and where it rises."""
        move, come, load, large = prices.tolist()
        leave, steep, rows = move - come, self.inverse2 - large, np.arange(len(self.away))
        # Both are parabolas: of what comes, by which squares fall by `steep` x gift^2, and of what leaves.
        gift = np.maximum(load - self.pull, 0.0)
        takes = gift * gift
        takes *= 0.25 / steep
        takes -= come
        np.maximum(takes, 0.0, out=takes)
        whole = self.given * load
        whole += self.rest
        whole -= takes
        whole += leave * self.leaving
        if large:
            whole += large * self.squared
        bend, push = self.inverse2 + large / self.pieces, self.push - load
        some = push / (2 * bend)
        np.minimum(np.maximum(some, 0.0, out=some), self.most, out=some)
        many = bend * some
        many -= push
        many *= some
        many += leave * self.number
        one, other = whole.argmin(axis=1), many.argmin(axis=1)
        at, there = rows * whole.shape[1] + one, rows * many.shape[1] + other
        best, second = whole.take(at), many.take(there) + self.away2
        first = best <= second
        came = first & (takes.take(at) > 0)
        gift = np.where(came, gift.take(at) / (2 * steep[:, 0]), 0.0)
        piece = some.take(there)
        left = np.where(first, self.leaving[one], self.number[other]).sum()
        given = np.where(first, self.given.take(at), piece).sum() - gift.sum()
        large_ones = np.where(first, self.squared.take(at), piece * piece / self.pieces[other])
        squares = large_ones.sum() - gift @ gift
        rises = np.array([left - most, came.sum() - left, given, squares])
        return float(np.minimum(best, second).sum()) - move * most, rises

    def best(self, most: int) -> float:
        """The greatest bound that a search over the prices finds."""
        if not self.away.any():
            return 0.0
        if _KNOWN <= most / len(self.away) < _SOME and len(self.away) > _FEW:
            return self._soon(most)
        middle = float((self.away**2).mean())
        start, rounds, more = np.array([middle, 0.3 * middle, 0.0, 0.3 * self.steepest]), _ROUNDS, _MORE
        if most < _SOME * len(self.away):  # near to where prices end then
            rounds, more = _SOONER, _LESS
            start = np.array([2.2 * middle, middle, -0.3 * middle**0.5, 0.3 * self.steepest])
        reach = np.array([3 * middle, 2 * middle, float(np.abs(self.away).max()), 0.5 * self.steepest])
        if len(self.away) > 2 * _SAMPLE:
            some = self._some(_SAMPLE)
            _, start = some._search(round(most * len(some.away) / len(self.away)), start, reach, rounds)
            return self._search(most, start, reach / 10, more)[0]
        return self._search(most, start, reach, rounds)[0]

    def _soon(self, most: int) -> float:
        """The same, from near there."""
        unit = self._unit()
        if len(self.away) <= 2 * _PART:
            return max(self._climb(most, _FROM * unit, unit, _SOON)[0], 0.0)
        some = self._some(_PART)
        among = round(most * len(some.away) / len(self.away))
        _, start = some._climb(among, _FROM * unit, unit, _FIRST)
        return max(self._climb(most, start, unit, _THEN)[0], 0.0)

    def _unit(self) -> Floats:
        """What prices grow with from cloud to cloud."""
        middle = float((self.away**2).mean())
        return np.array([middle, middle, middle**0.5, self.steepest])

    def _climb(self, most: int, start: Floats, unit: Floats, rounds: int) -> tuple[float, Floats]:
        bend = _BEND / (_REACH**2 * len(self.away) * unit[0])
        return climb(
            lambda prices: self.value(prices, most), (start, _REACH * unit), self._limits(), rounds, bend
        )

    def _limits(self) -> tuple[Floats, Floats]:
        return np.array([0.0, 0.0, -np.inf, 0.0]), np.array([np.inf] * 3 + [0.99 * self.steepest])

    def _some(self, number: int) -> Prices:
        """About so many of the hosts, of every warmth."""
        rows = np.argsort(self.away, kind="stable")[:: len(self.away) // number]
        other = object.__new__(Prices)
        other.__dict__.update(self.__dict__)
        for name, value in self.__dict__.items():
            if isinstance(value, np.ndarray) and len(value) == len(self.away):
                setattr(other, name, value[rows])
        return other

    def _search(self, most: int, start: Floats, reach: Floats, rounds: int) -> tuple[float, Floats]:
        """The greatest value found, and the prices."""
        limits = self._limits()
        found, at = climb(lambda prices: self.value(prices, most), (start, reach), limits, rounds)
        if len(self.away) <= _FEW:  # a few hosts bend so sharply that a climb ends at the first edge
            other, there = narrow(lambda prices: self.value(prices, most), (start, reach), limits)
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
    zones = [host.zone for host in floor.cluster.hosts.values()]
    here = [zones[host] for host in among.tolist()]
    if len(different := dict.fromkeys(here)) < 2:
        return 0.0
    roll, used = floor.seen.roll, floor.usable
    pinned = list(map(_PINNED, roll.instances))
    at_home = list(chain.from_iterable(map(repeat, zones, roll.lengths.tolist())))
    if pinned != at_home:
        counts = used[roll.home].tolist()
        if list(compress(pinned, counts)) != list(compress(at_home, counts)):
            return 0.0
    number = {zone: n for n, zone in enumerate(different)}
    which = np.array([number[zone] for zone in here])
    tilt: Floats = np.zeros((len(among), 1))
    for n in range(len(number)):
        rows = np.flatnonzero(which == n)
        share = (away[rows] * whole[rows]).sum() / whole[rows].sum()
        tilt[rows] = 2 * share * float(whole.mean()) * (1 / whole[rows]).mean()
    return tilt
