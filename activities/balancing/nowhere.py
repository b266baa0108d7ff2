"""What relief costs beyond the moves off hot hosts, where those that leave are too large for what is free.

Some of the largest instances on hot hosts are charged a part of a move when they leave. Any other host may be
paid for all of them that it can take, by memory and by load, less the moves that make room for them; a hot
one is credited what it takes only as far as it then gives away more load. What is charged less what is paid
comes on top of the moves that bring hosts below the threshold, whichever instances are charged, and however
much: this is a Lagrangian bound, and the best of some choices is taken for hosts that share no instances.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cached_property
from itertools import product
from math import ceil

import numpy as np

from activities.balancing.floor import Floor
from activities.balancing.load import Floats
from activities.balancing.need import TINY, Hot
from activities.packing.board import Ints, Mask

_MEMORY = "MEMORY_MB"
_PARTS = (0.6, 0.8, 0.0)  # quantiles of the loads from which on instances are charged
_MOST = 6  # instances of a host that are charged: more are not, which is always allowed
_SIZES = 3  # of memory, the largest
_CLOSE = 1e-6


class Surcharge:
    """What is needed of the floor before anything has moved."""

    def __init__(self, floor: Floor, threshold: float, hot: Iterable[Hot]) -> None:
        self.floor, self.hot = floor, {t.host: t for t in hot if t.least}
        self.room: Floats = (threshold - TINY - floor.level[:, 0]) * floor.capacity[:, 0]
        self.free: Ints = floor.free.copy()
        self.known: dict[tuple[int, ...], float] = {}

    def fewest(self, hosts: Iterable[int]) -> int:
        """No plan that relieves these hosts has fewer moves."""
        among = [self.hot[h] for h in hosts]
        least = sum(t.least for t in among)
        if not among or _MEMORY not in self.floor.classes or self.column in self.floor.shared:
            return least
        parts = self._parts(among)
        return max(least, ceil(sum(_Part(self, part).best() for part in parts) - _CLOSE))

    @cached_property
    def column(self) -> int:
        return self.floor.classes.index(_MEMORY)

    @cached_property
    def memory(self) -> Floats:
        """What is free on each host once so many have left, the largest first: [hosts, number]."""
        cluster, hosts = self.floor.cluster, self.floor.hosts
        each = [[i.resources.get(_MEMORY, 0) for i in cluster.on(name)] for name in hosts]
        return _summed(each) + np.maximum(self.free[:, [self.column]], 0)

    @cached_property
    def load(self) -> Floats:
        """How much more it bears then, the same way."""
        return _summed(list(self.floor.seen.each[0].values())) + np.maximum(self.room, 0.0)[:, None]

    def stranded(self, i: int) -> bool:
        """Whether no host can take it as things are, even without regard to company."""
        floor = self.floor
        key = (int(floor.mask_of[i]), *floor.need[i].tolist())
        if key not in self.known:
            takes = floor.masks[key[0]] & floor.usable
            for column in np.flatnonzero(floor.need[i]).tolist():
                if column not in floor.shared:
                    takes &= self.free[:, column] >= floor.need[i, column]
            self.known[key] = float(self.room[takes].max(initial=0.0))
        return float(floor.load[i, 0]) >= self.known[key]

    def _parts(self, among: list[Hot]) -> list[list[Hot]]:
        """Hot hosts whose instances cannot meet on any host, apart."""
        floor = self.floor
        label = np.arange(len(floor.hosts))
        kinds = {int(floor.mask_of[i]) for t in among for i in floor.on[t.host]}
        reach = {k: floor.masks[k] & floor.usable for k in kinds}
        for t in among:
            for kind in {int(floor.mask_of[i]) for i in floor.on[t.host]}:
                reach[kind][t.host] = True
        for _ in reach:
            for mask in reach.values():
                label[np.isin(label, label[mask])] = label[mask].min(initial=len(label))
        found: dict[int, list[Hot]] = {}
        for t in among:
            found.setdefault(int(label[t.host]), []).append(t)
        return list(found.values())


class _Part:
    """Hot hosts that are relieved, and those that what leaves them can go to."""

    def __init__(self, all_: Surcharge, among: list[Hot]) -> None:
        self.all, self.floor = all_, all_.floor
        self.rows: Ints = np.array([t.host for t in among])
        self.excess: Floats = np.array([t.excess for t in among])
        self.least = float(sum(t.least for t in among))
        each = [self.floor.on[t.host] for t in among]
        own: Ints = np.zeros((len(each), max(map(len, each))), dtype=np.int64)
        there: Mask = np.arange(own.shape[1]) < np.array([len(some) for some in each])[:, None]
        own[there] = [i for some in each for i in some]
        loads = np.where(there, self.floor.load[own, 0], 0.0)
        order = np.argsort(-loads, axis=1, kind="stable")
        own = np.take_along_axis(own, order, axis=1)
        self.there: Mask = np.take_along_axis(there, order, axis=1)
        self.loads: Floats = np.take_along_axis(loads, order, axis=1)
        self.sizes: Ints = self.floor.need[own, all_.column]
        self.kind: Ints = self.floor.mask_of[own]
        stranded = np.array([all_.stranded(i) for i in own.ravel().tolist()]).reshape(own.shape)
        self.stranded: Mask = self.there & (self.loads > _CLOSE) & stranded

    def best(self) -> float:
        """The most of some choices of who is charged, and how much; that nobody is, is one, too."""
        sizes = sorted(set(self.sizes[self.stranded].tolist()), reverse=True)[:_SIZES]
        if not sizes:
            return self.least
        every, *others = self._groups()
        ways = [(True, size, part, 1.0) for size, part in product(sizes, _PARTS)]
        ways += [(True, size, part, 0.5) for size, part in product(sizes[1:], _PARTS[:2])]
        ways += [(False, size, part, 1.0) for size, part in product(sizes[:2], _PARTS[:2])]
        found, way = max((self._value(*way, every), way) for way in ways)
        return max(found, self.least, *(self._value(*way, group) for group in others))

    def _groups(self) -> list[frozenset[int]]:
        """All kinds of wishes, and each with those that allow no other hosts."""
        masks, kinds = self.floor.masks, {int(k) for k in np.unique(self.kind[self.there])}
        within = {frozenset(k for k in kinds if not (masks[k] & ~masks[one]).any()) for one in kinds}
        return sorted({frozenset(kinds), *within}, key=lambda group: (-len(group), sorted(group)))

    def _value(self, stranded: bool, size: int, part: float, charge: float, group: frozenset[int]) -> float:
        """What relief costs if those pay that have so much memory, from a quantile of the loads on."""
        charged = (
            (self.stranded if stranded else self.loads > _CLOSE)
            & (self.sizes >= size)
            & np.isin(self.kind, list(group))
        )
        if not charged.any():
            return 0.0
        load = float(np.quantile(self.loads[charged], part, method="lower"))
        charged &= self.loads >= load
        charged &= np.cumsum(charged, axis=1) <= _MOST
        reach = self.floor.masks[sorted(group)].any(axis=0) & self.floor.usable
        reach[self.rows] = False
        return self._alone(charged, (size, load, charge)) - self._paid(reach, (size, load, charge), stranded)

    def _paid(self, reach: Mask, price: tuple[int, float, float], stranded: bool) -> float:
        """The most that other hosts are paid for what they take; the stranded only after others have left."""
        (size, least, charge), every = price, self.all
        begin = int(stranded)
        takes = np.minimum(every.memory[reach, begin:] / size, every.load[reach, begin:] / least)
        paid = charge * np.floor(takes + _CLOSE) - np.arange(begin, begin + takes.shape[1])
        return float(paid.max(axis=1, initial=0.0).sum())

    def _alone(self, charged: Mask, price: tuple[int, float, float]) -> float:
        """The least that relief costs: of each host its moves and their charges less what is credited."""
        size, least, charge = price
        first = _cumulated(np.where(charged, 0.0, self.loads), self.loads.shape[1])
        second = _cumulated(np.where(charged, self.loads, 0.0), _MOST)
        gone = first[:, :, None] + second[:, None, :] - self.excess[:, None, None]
        paying = np.arange(second.shape[1])
        number = np.arange(first.shape[1])[:, None] + paying
        every = self.all
        room = every.memory[self.rows] // size
        more = room[:, np.minimum(number, room.shape[1] - 1)]
        takes = np.minimum(np.floor(gone / least + _CLOSE), more)
        cost = number + charge * (paying - takes)
        return float(np.where(gone > 0, cost, np.inf).min(axis=(1, 2)).sum())


def _cumulated(loads: Floats, most: int) -> Floats:
    """Per row nothing, the largest, the two largest together, and so on, as far as any row has more."""
    width = min(int((loads > 0).sum(axis=1).max(initial=0)), most)
    sums = np.cumsum(-np.sort(-loads, axis=1)[:, :width], axis=1)
    found: Floats = np.concatenate([np.zeros((len(loads), 1)), sums], axis=1)
    return found


def _summed(each: Sequence[Sequence[float]]) -> Floats:
    """Per row nothing, the largest, the two largest together, and so on."""
    width = max(1, *map(len, each)) if each else 1
    found = np.zeros((len(each), width))
    some = np.arange(width) < np.array([len(own) for own in each]).reshape(-1, 1)
    found[some] = np.array([value for own in each for value in own])
    sums = np.cumsum(-np.sort(-found, axis=1), axis=1)
    return np.concatenate([np.zeros((len(each), 1)), sums], axis=1)


def surcharge(floor: Floor, threshold: float, hot: Iterable[Hot]) -> Surcharge:
    """To be asked for once it is known which hosts are relieved; the floor must be as it was."""
    return Surcharge(floor, threshold, hot)


def fewest_moves(before: Surcharge, hosts: Iterable[int]) -> int:
    """No plan that relieves these hosts, and lets no other become hot, has fewer moves."""
    return before.fewest(hosts)
