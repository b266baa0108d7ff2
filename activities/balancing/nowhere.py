"""What relief costs beyond the moves off hot hosts: instances that no host can take as things are.

Where such an instance goes, another must leave first. It is charged a part of that move, so small that those
that could share one departure never pay more than that: by memory or by load, whichever lets fewer share it.
A hot host may let go in any case what makes the room; as it must then be relieved of more load, what it takes
is credited to it only as far as its departures cover that, too.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import product
from math import ceil
from math import floor as whole

import numpy as np

from activities.balancing.floor import Floor
from activities.balancing.load import Floats
from activities.balancing.need import TINY, Hot
from activities.packing.board import Ints, Mask

_MEMORY = "MEMORY_MB"
_PARTS = (0.0, 0.25, 0.5, 0.75)  # quantiles of the loads from which on instances are charged
_CLOSE = 1e-6


@dataclass(frozen=True, slots=True)
class Stranded:
    """An instance of a hot host that no host can take before another has left it."""

    number: int
    memory: int
    load: float
    kind: int  # of hosts that its rules allow


class Surcharge:
    """Before anything has moved: who is stranded, and what each host has free."""

    def __init__(self, floor: Floor, threshold: float, hot: Iterable[Hot]) -> None:
        self.floor, self.hot = floor, {t.host: t for t in hot if t.least}
        self.room: Floats = (threshold - TINY - floor.level[:, 0]) * floor.capacity[:, 0]
        self.usable: Mask = floor.usable.copy()
        self.column = floor.classes.index(_MEMORY) if _MEMORY in floor.classes else -1
        self.stranded: dict[int, list[Stranded]] = {}
        if self.column < 0 or self.column in floor.shared:
            return
        self.free: Ints = np.maximum(floor.free[:, self.column], 0)
        for host in self.hot:
            if found := list(self._stranded(floor.on[host])):
                self.stranded[host] = found
        if self.stranded:
            every = floor.cluster.instances.values()
            self.largest = max(i.resources.get(_MEMORY, 0) for i in every)
            self.heaviest = np.array([max(own, default=0.0) for own in floor.seen.each[0].values()])

    def _stranded(self, own: Iterable[int]) -> Iterator[Stranded]:
        floor = self.floor
        for i in own:
            load = float(floor.load[i, 0])
            if load >= self._widest(i):
                yield Stranded(i, int(floor.need[i, self.column]), load, int(floor.mask_of[i]))

    def _widest(self, i: int) -> float:
        """The most load that a host takes now which has the room for it, whoever else is there."""
        floor = self.floor
        known: dict[tuple[int, ...], float] = self.__dict__.setdefault("_known", {})
        key = (int(floor.mask_of[i]), *floor.need[i].tolist())
        if key not in known:
            takes = floor.masks[key[0]] & floor.usable
            for column in np.flatnonzero(floor.need[i]).tolist():
                if column not in floor.shared:
                    takes &= floor.free[:, column] >= floor.need[i, column]
            known[key] = float(self.room[takes].max(initial=0.0))
        return known[key]

    def fewest(self, hosts: Iterable[int]) -> int:
        """No plan that relieves these hosts has fewer moves."""
        among = [self.hot[h] for h in hosts]
        least = sum(t.least for t in among)
        stranded = [s for t in among for s in self.stranded.get(t.host, ())]
        if not stranded:
            return least
        loads = np.array([s.load for s in stranded])
        sizes = sorted({s.memory for s in stranded})
        best = max(
            self._sum(among, stranded, size, float(load))
            for size, load in product(sizes, sorted(set(np.quantile(loads, _PARTS, method="lower"))))
        )
        return max(least, ceil(best - _CLOSE))

    def _sum(self, among: Iterable[Hot], stranded: list[Stranded], size: int, load: float) -> float:
        """With those charged that have so much memory and load at least."""
        charge = self._charges([s for s in stranded if s.memory >= size and s.load >= load], size, load)
        most = max(charge.values(), default=0.0)
        return sum(self._alone(t, charge, most, load) for t in among)

    def _charges(self, some: list[Stranded], size: int, load: float) -> dict[int, float]:
        """The part of a departure that each pays, whatever host it goes to."""
        by_memory = 1.0 / (self.free // size + ceil(self.largest / size))
        room = np.floor(np.maximum(self.room, 0.0) / load + _CLOSE)
        by_load = 1.0 / (room + np.maximum(np.ceil(self.heaviest / load), 1.0))
        tight = by_memory >= by_load
        least: dict[int, tuple[float, float]] = {}
        for kind in {s.kind for s in some}:
            reach = self.floor.masks[kind] & self.usable
            first, second = reach & tight, reach & ~tight
            least[kind] = float(by_memory[first].min(initial=1.0)), float(by_load[second].min(initial=1.0))
        return {s.number: min(s.memory // size * least[s.kind][0], least[s.kind][1], 1.0) for s in some}

    def _alone(self, target: Hot, charge: dict[int, float], most: float, load: float) -> float:
        """The least that relief of one host costs: its moves with their charges less what is credited."""
        by_charge: dict[float, list[float]] = {}
        for i in self.floor.on[target.host]:
            by_charge.setdefault(charge.get(i, 0.0), []).append(float(self.floor.load[i, 0]))
        reached = {(0, 0.0): 0.0}  # by moves and charges: the most load that leaves
        for each, loads in by_charge.items():
            sums = [0.0, *np.cumsum(sorted(loads, reverse=True)).tolist()]
            grown: dict[tuple[int, float], float] = {}
            for (moves, paid), gone in reached.items():
                for number, more in enumerate(sums):
                    key = moves + number, round(paid + number * each, 6)
                    grown[key] = max(grown.get(key, 0.0), gone + more)
            reached = grown
        return min(
            moves + paid - min(moves, most * whole((gone - target.excess) / load + _CLOSE))
            for (moves, paid), gone in reached.items()
            if gone > target.excess
        )


def surcharge(floor: Floor, threshold: float, hot: Iterable[Hot]) -> Surcharge:
    """To be asked for once it is known which hosts are relieved; the floor must be as it was."""
    return Surcharge(floor, threshold, hot)


def fewest_moves(before: Surcharge, hosts: Iterable[int]) -> int:
    """No plan that relieves these hosts, and lets no other become hot, has fewer moves."""
    return before.fewest(hosts)
