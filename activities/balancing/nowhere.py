"""What relief costs beyond the moves off hot hosts, where those that leave are too large for what is free.

Some of the largest instances on hot hosts are charged a part of a move when they leave. Any other host may be
paid for all of them that it can take, by memory and by load, less the moves that make room for them; a hot
one is credited what it takes only as far as it then gives away more load. What is charged less what is paid
comes on top of the moves that bring hosts below the threshold, whichever instances are charged, and however
much: this is a Lagrangian bound, and the best of some choices is taken for hosts that share no instances.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property
from math import ceil
from typing import NamedTuple

import numpy as np

from activities.balancing.floor import Floor
from activities.balancing.load import Floats
from activities.balancing.need import TINY, Hot
from activities.packing.board import Ints, Mask

_MEMORY = "MEMORY_MB"
_MOST = 6  # instances of a host that are charged: more are not, which is always allowed
_SIZES = 3  # of memory, the largest
_LOOKS = 5  # ways that are tried before it is believed that memory does not bind
_CLOSE = 1e-6


Price = tuple[int, float, float]  # of what memory and load at least those that pay are, and how much


class Way(NamedTuple):
    """Who is charged how much."""

    stranded: bool  # only they, or all
    size: int  # from the largest memory of any stranded on, from the second largest, and so on
    part: float  # the quantile of the loads from which on
    charge: float  # of a move


# The likeliest first, as they were found to help on clouds of 16 to 200 hosts.
_WAYS = (
    Way(True, 0, 0.8, 1.0),
    Way(True, 1, 0.8, 1.0),
    Way(True, 0, 0.6, 1.0),
    Way(True, 1, 0.8, 0.5),
    Way(True, 2, 0.8, 0.5),
    Way(True, 1, 0.6, 1.0),
    Way(True, 1, 0.0, 1.0),
    Way(True, 0, 0.0, 1.0),
    Way(False, 1, 0.6, 1.0),
)


class Surcharge:
    """What is needed of the floor before anything has moved."""

    def __init__(self, floor: Floor, threshold: float, hot: Iterable[Hot]) -> None:
        self.floor, self.hot = floor, {t.host: t for t in hot if t.least}
        self.room: Floats = (threshold - TINY - floor.level[:, 0]) * floor.capacity[:, 0]
        self.free: Ints = floor.free.copy()
        self.known: dict[tuple[int, ...], float] = {}

    def fewest(self, hosts: Iterable[int], made: int) -> int:
        """No plan that relieves these hosts has fewer moves; once that is as many as were made, it ends."""
        among = [self.hot[h] for h in hosts]
        least = sum(t.least for t in among)
        if least >= made or _MEMORY not in self.floor.classes or self.column in self.floor.shared:
            return least
        more = 0.0
        for part in self._parts(among):
            more += _Part(self, part).more(made - least - more)
        return least + ceil(more - _CLOSE)

    @cached_property
    def column(self) -> int:
        return self.floor.classes.index(_MEMORY)

    @cached_property
    def sizes(self) -> Floats:
        """The memory of the instances of each host, the largest first."""
        roll = self.floor.seen.roll
        found: Floats = np.zeros((len(roll.lengths), max(1, int(roll.lengths.max(initial=0)))))
        found[np.arange(found.shape[1]) < roll.lengths[:, None]] = roll.amounts(_MEMORY)
        return -np.sort(-found, axis=1)

    @cached_property
    def loads(self) -> Floats:
        """What they bear, the same way."""
        return self.floor.seen.largest(0, self.floor.hosts)

    def memory(self, hosts: Ints) -> Floats:
        """What is free on each host once so many have left, the largest first: [hosts, number]."""
        return _summed(self.sizes[hosts], np.maximum(self.free[hosts, self.column], 0))

    def load(self, hosts: Ints) -> Floats:
        """How much more it bears then, the same way."""
        return _summed(self.loads[hosts], np.maximum(self.room[hosts], 0.0))

    def stranded(self, own: Ints) -> Mask:
        """Which of these no host can take as things are, even without regard to company."""
        found = np.zeros(own.shape, dtype=bool)
        load, kind = self.floor.load[own, 0], self.floor.mask_of[own]
        for one in np.unique(kind).tolist():
            some = np.flatnonzero((kind == one) & (load > _CLOSE))
            need = self.floor.need[own[some]]
            for n in np.flatnonzero(load[some] >= self._largest(one, need.max(axis=0, initial=0))).tolist():
                found[some[n]] = load[some[n]] >= self._largest(one, need[n])
        return found

    def _largest(self, kind: int, need: Ints) -> float:
        """The largest load that any host can take with so much of everything else."""
        floor, key = self.floor, (kind, *need.tolist())
        if key not in self.known:
            takes = floor.masks[kind] & floor.usable
            for column in np.flatnonzero(need).tolist():
                if column not in floor.shared:
                    takes &= self.free[:, column] >= need[column]
            self.known[key] = float(self.room[takes].max(initial=0.0))
        return self.known[key]

    def _parts(self, among: list[Hot]) -> list[list[Hot]]:
        """Hot hosts whose instances cannot meet on any host, apart."""
        floor = self.floor
        own: Ints = np.array([i for t in among for i in floor.on[t.host]])
        first = np.cumsum([0, *[len(floor.on[t.host]) for t in among[:-1]]])
        wishes = floor.mask_of[own]
        asked = np.bincount(wishes, minlength=len(floor.masks)) > 0
        kinds, kind = np.flatnonzero(asked), (np.cumsum(asked) - 1)[wishes]
        reach = floor.masks[kinds] & floor.usable
        reach[kind, floor.home[own]] = True
        meet = reach.astype(np.float32) @ reach.T.astype(np.float32) > 0
        for _ in range(len(kinds).bit_length()):
            meet = meet.astype(np.float32) @ meet.astype(np.float32) > 0
        found: dict[int, list[Hot]] = {}
        for t, part in zip(among, meet.argmax(axis=1)[kind[first]].tolist()):
            found.setdefault(part, []).append(t)
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
        self.stranded: Mask = self.there & all_.stranded(own.ravel()).reshape(own.shape)

    def more(self, wanted: float) -> float:
        """What comes on top by the best of some choices of who is charged, and how much, or enough of it.

        Nothing is looked for where no host needs the stranded, nor where the likeliest ways find nothing.
        """
        sizes = sorted({s for s in self.sizes[self.stranded].tolist() if s > 0}, reverse=True)[:_SIZES]
        if not sizes or self._without() <= self.least:
            return 0.0
        every, *others = self._groups()
        best, found, tried = _WAYS[0], 0.0, set[tuple[float, ...]]()
        for way in (way for way in _WAYS if way.size < len(sizes)):
            charged, price = self._charged(way, sizes[way.size], every)
            if (way.stranded, *price) in tried:
                continue
            tried.add((way.stranded, *price))
            value = self._value(charged, price, every, way.stranded) - self.least
            if value > found:
                best, found = way, value
            if found > wanted - 1 + _CLOSE or (len(tried) == _LOOKS and not found):
                return found
        for group in others if found else ():
            charged, price = self._charged(best, sizes[best.size], group)
            found = max(found, self._value(charged, price, group, best.stranded) - self.least)
        return found

    def _without(self) -> float:
        """The moves that relieve all if the stranded stay, infinitely many where they must go."""
        others = np.cumsum(-np.sort(-np.where(self.stranded, 0.0, self.loads), axis=1), axis=1)
        enough = others > self.excess[:, None]
        return float(np.where(enough.any(axis=1), enough.argmax(axis=1) + 1, np.inf).sum())

    def _groups(self) -> list[frozenset[int]]:
        """All kinds of wishes, and each with those that allow no other hosts."""
        masks, kinds = self.floor.masks, {int(k) for k in np.unique(self.kind[self.there])}
        within = {frozenset(k for k in kinds if not (masks[k] & ~masks[one]).any()) for one in kinds}
        return sorted({frozenset(kinds), *within}, key=lambda group: (-len(group), sorted(group)))

    def _charged(self, way: Way, size: int, group: frozenset[int]) -> tuple[Mask, Price]:
        """Those that pay: with so much memory, wishes of this group, and a load from a quantile on."""
        among = np.zeros(len(self.floor.masks), dtype=bool)
        among[list(group)] = True
        charged = (self.stranded if way.stranded else self.loads > _CLOSE) & (self.sizes >= size)
        charged &= among[self.kind]
        loads = np.sort(self.loads[charged])
        if not len(loads):
            return charged, (size, np.inf, way.charge)
        load = float(loads[int(way.part * (len(loads) - 1))])
        charged &= self.loads >= load
        charged &= np.cumsum(charged, axis=1) <= _MOST
        return charged, (size, load, way.charge)

    def _value(self, charged: Mask, price: Price, group: frozenset[int], stranded: bool) -> float:
        """What relief costs if these pay."""
        return self._alone(charged, price) - self._paid(group, price, stranded)

    @cached_property
    def others(self) -> Ints:
        """The hosts that are not relieved here and may take from those that are."""
        reach = self.floor.masks[np.unique(self.kind[self.there])].any(axis=0) & self.floor.usable
        reach[self.rows] = False
        found: Ints = np.flatnonzero(reach)
        return found

    @cached_property
    def room(self) -> tuple[Floats, Floats]:
        return self.all.memory(self.others), self.all.load(self.others)

    @cached_property
    def hot_room(self) -> Floats:
        return self.all.memory(self.rows)

    @cached_property
    def widest(self) -> tuple[Floats, Floats]:
        """The largest, second largest and so on of any of the others, by memory and by load."""
        sizes, loads = self.all.sizes[self.others], self.all.loads[self.others]
        return sizes.max(axis=0, initial=0.0), loads.max(axis=0, initial=0.0)

    def _paid(self, group: frozenset[int], price: Price, stranded: bool) -> float:
        """The most that other hosts are paid for what they take; the stranded only after others have left.

        From where all that are left are smaller than what is paid for, each departure makes room for one at
        most and costs as much as one is paid.
        """
        size, least, charge = price
        begin, (sizes, loads) = int(stranded), self.widest
        end = 2 + max(int((sizes >= size).sum()), int((loads >= least).sum()))
        memory, load = (
            each[self.floor.masks[sorted(group)][:, self.others].any(axis=0), begin:end] for each in self.room
        )
        takes = np.minimum(memory / size, load / least)
        paid = charge * np.floor(takes + _CLOSE) - np.arange(begin, begin + takes.shape[1])
        return float(paid.max(axis=1, initial=0.0).sum())

    def _alone(self, charged: Mask, price: Price) -> float:
        """The least that relief costs: of each host its moves and their charges less what is credited."""
        size, least, charge = price
        first = _cumulated(np.where(charged, 0.0, self.loads), self.loads.shape[1])
        second = _cumulated(np.where(charged, self.loads, 0.0), _MOST)
        gone = first[:, :, None] + second[:, None, :]
        gone -= self.excess[:, None, None]
        paying = np.arange(second.shape[1])
        number = np.arange(first.shape[1])[:, None] + paying
        room = self.hot_room // size
        more = room[:, np.minimum(number, room.shape[1] - 1)]
        takes = gone / least
        takes += _CLOSE
        np.minimum(np.floor(takes, out=takes), more, out=takes)
        cost = np.subtract(paying, takes, out=takes)
        cost *= charge
        cost += number
        return float(np.where(gone > 0, cost, np.inf).reshape(len(cost), -1).min(axis=1).sum())


def _cumulated(loads: Floats, most: int) -> Floats:
    """Per row nothing, the largest, the two largest together, and so on, as far as any row has more."""
    width = min(int((loads > 0).sum(axis=1).max(initial=0)), most)
    sums = np.cumsum(-np.sort(-loads, axis=1)[:, :width], axis=1)
    found: Floats = np.concatenate([np.zeros((len(loads), 1)), sums], axis=1)
    return found


def _summed(each: Floats, begin: Floats | Ints) -> Floats:
    """Per row what there is to begin with, that and the first, and so on."""
    found: Floats = np.cumsum(np.concatenate([begin[:, None], each], axis=1), axis=1)
    return found


def surcharge(floor: Floor, threshold: float, hot: Iterable[Hot]) -> Surcharge:
    """To be asked for once it is known which hosts are relieved; the floor must be as it was."""
    return Surcharge(floor, threshold, hot)


def fewest_moves(before: Surcharge, hosts: Iterable[int], made: int) -> int:
    """No plan that relieves these hosts, and lets no other become hot, has fewer moves."""
    return before.fewest(hosts, made)
